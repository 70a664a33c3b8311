"""How a body is driven, in the parent's loop, beside it, or in a thread (L3, L16)."""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from gotask.backend import Drive, Handle
    from gotask.core import Core

HAS_THREADS = sys.platform != "emscripten"


class Body:
    """A body that is running: what cancels it, and where it can be seen waiting."""

    __slots__ = ("coro", "handle", "thread")

    def __init__(self) -> None:
        self.coro: Any = None
        self.handle: Handle | None = None
        self.thread: int | None = None

    def cancel(self) -> None:
        """Make it end where it waits. A thread is not touched (S4)."""
        if self.handle is not None:
            self.handle.cancel()


def begin_run(life: Core, function: Callable[[], Any], threaded: bool) -> Drive | None:
    """Drive a body in the parent's loop; return a Drive if it really waits."""
    body = life.body = Body()
    body.coro = _coroutine(life, body, function, threaded)

    def over(value: Any, error: BaseException | None) -> Any:
        return life.run_over(body, value, error)

    drive = life.pump.backend.drive(body.coro, life.context, cancellable=True)
    if not drive.suspended:
        return over(drive.value, drive.error)  # type: ignore[no-any-return]
    body.handle = drive
    drive.then = over
    return drive


def begin_go(life: Core, function: Callable[[], Any], threaded: bool) -> None:
    """Let a body run beside everything else."""
    body = life.body = Body()
    body.coro = _coroutine(life, body, function, threaded)

    def over(value: Any, error: BaseException | None) -> None:
        life.body_over(body, value, error)

    handle = life.pump.backend.spawn_body(body.coro, life.context, over)
    body.handle = handle


def _coroutine(life: Core, body: Body, function: Callable[[], Any], threaded: bool) -> Any:
    if threaded:
        return _in_thread(life, body, function)
    coro = function()
    return coro if inspect.iscoroutine(coro) else _awaited(coro)


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def _in_thread(life: Core, body: Body, function: Callable[[], Any]) -> Any:
    def work() -> Any:
        body.thread = threading.get_ident()
        try:
            return function()
        finally:
            body.thread = None

    if HAS_THREADS:
        return await _awaited(await anyio.to_thread.run_sync(work, limiter=life.pump.limiter))
    warnings.warn("there are no threads here: a plain `run` or `go` holds up the whole program", stacklevel=2)
    return await _awaited(work())
