"""How a body is driven, in the parent's loop, beside it, or in a thread (L3, L16)."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from contextvars import Context
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from gotask.hooks import waits

if TYPE_CHECKING:
    from gotask.backend import Drive, Handle
    from gotask.pump import Pump

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


class Embodied(Protocol):
    """What a body needs of the life it belongs to."""

    pump: Pump
    context: Context
    body: Body | None

    def run_over(self, body: Body, value: Any, error: BaseException | None) -> Drive | None:
        """A body in the loop has ended."""

    def body_over(self, body: Body, value: Any, error: BaseException | None) -> None:
        """A body beside the loop has ended."""


def begin_run(life: Embodied, function: Callable[[], Any], threaded: bool) -> Drive | None:
    """Drive a body in the parent's loop; return a Drive if it really waits."""
    body = life.body = Body()
    body.coro = coro = _coroutine(life, body, function, threaded)
    drive = body.handle = life.pump.backend.drive(coro, life.context, cancellable=True)
    if not drive.suspended:
        return life.run_over(body, drive.value, drive.error)
    drive.then = partial(life.run_over, body)
    return drive


def begin_go(life: Embodied, function: Callable[[], Any], threaded: bool) -> None:
    """Let a body run beside everything else."""
    body = life.body = Body()
    body.coro = coro = _coroutine(life, body, function, threaded)
    body.handle = life.pump.backend.spawn_body(coro, life.context, partial(life.body_over, body))


def _coroutine(life: Embodied, body: Body, function: Callable[[], Any], threaded: bool) -> Any:
    if threaded:
        return _in_thread(life, body, function)
    try:
        coro = function()
    except BaseException as error:
        return _failed(error)
    return coro if type(coro) is CoroutineType else _awaited(coro)


async def _failed(error: BaseException) -> Any:
    raise error


async def _awaited(value: Any) -> Any:
    return await value if waits(value) else value


async def _in_thread(life: Embodied, body: Body, function: Callable[[], Any]) -> Any:
    def work() -> tuple[Any, BaseException | None]:
        body.thread = threading.get_ident()
        try:
            return function(), None
        except BaseException as error:  # as a value: asyncio would close the coroutine with a GeneratorExit
            return None, error
        finally:
            body.thread = None

    if HAS_THREADS:
        value, error = await anyio.to_thread.run_sync(work, limiter=life.pump.limiter)
    else:
        warnings.warn("there are no threads here: a plain `run` or `go` holds up the whole program", stacklevel=2)
        value, error = work()
    if error is not None:
        try:
            raise error
        finally:
            del error  # its traceback holds this frame
    return await _awaited(value)
