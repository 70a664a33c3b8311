"""The loops on which workloads run: how one is started, and its cheapest checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

Work = Callable[[Any], Any]


@dataclass(frozen=True)
class Loop:
    """One kind of loop."""

    run: Callable[[Work, Any], object]
    """Run an async function with one argument in a new loop."""
    pause: Callable[[], Awaitable[object]]
    forever: Callable[[], Awaitable[object]]


def _on_asyncio() -> Loop:
    return Loop(lambda work, argument: asyncio.run(work(argument)), lambda: asyncio.sleep(0), _forever)


def _on_uvloop() -> Loop:
    import uvloop

    return Loop(lambda work, argument: uvloop.run(work(argument)), lambda: asyncio.sleep(0), _forever)


def _on_trio() -> Loop:
    import trio

    return Loop(trio.run, trio.lowlevel.checkpoint, trio.sleep_forever)


async def _forever() -> None:
    await asyncio.get_running_loop().create_future()


LOOPS: dict[str, Callable[[], Loop]] = {"asyncio": _on_asyncio, "uvloop": _on_uvloop, "trio": _on_trio}
