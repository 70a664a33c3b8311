"""The adapter to trio."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

import trio
from outcome import Error
from trio.lowlevel import enable_ki_protection  # Ctrl-C is for the program's own tasks, not for a hook (S8)

from gotask.backend.driving import CLOSED, FIRST_AGAIN, LAST_AGAIN, Drive, Outcome, ScopedDrive
from gotask.errors import TaskDisposedError

AT_ONCE = 10
"""Cancellations that a body gets without delay: each `await` in its `finally` blocks meets one."""


def was_cancelled(drive: Drive) -> bool:
    """Whether it was told to end, or the whole tree is over; else only a scope of the hook's own was cancelled."""
    nursery = trio.lowlevel.current_task().parent_nursery
    ended = nursery is not None and nursery.cancel_scope.cancel_called
    return ended or (isinstance(drive, TrioDrive) and drive._scope.cancel_called)


def slowly(drive: Drive) -> Generator[Any, Any, None]:
    """Await a Drive; a body that swallows its cancellation again and again gets it ever more slowly."""
    count, again = 0, FIRST_AGAIN
    while drive.suspended:
        try:
            value = yield drive._trap
        except GeneratorExit:
            drive.coro.close()
            raise
        except BaseException as error:
            drive._step(drive.coro.throw, error)
            continue
        if type(value) is Error and isinstance(value.error, trio.Cancelled):  # trio sends it, wrapped, to be raised
            count += was_cancelled(drive)
            if count > AT_ONCE:
                with trio.CancelScope(shield=True):  # noqa: ASYNC100 - it does wait, by `yield from`
                    yield from trio.sleep(again).__await__()  # noqa: ASYNC105
                again = min(again * 2, LAST_AGAIN)
        drive._step(drive.coro.send, value)


class PlainTrioDrive(Drive):
    """What only the end of the tree cancels, if it was abandoned."""

    __slots__ = ()
    __await__ = slowly


class TrioDrive(ScopedDrive):
    """What can be cancelled."""

    __slots__ = ()
    __await__ = slowly


class TrioBody:
    __slots__ = ("_scope",)

    def __init__(self) -> None:
        self._scope = trio.CancelScope()

    @enable_ki_protection
    async def main(self, coro: Coroutine[Any, Any, Any], context: Context, done: Outcome) -> None:
        drive = TrioDrive(coro, context, self._scope)
        await drive
        done(drive.value, drive.error)

    def cancel(self) -> None:
        self._scope.cancel()


class TrioWaiter:
    __slots__ = ("event",)

    def __init__(self) -> None:
        self.event = trio.Event()

    def __await__(self) -> Generator[Any, Any, None]:
        return self.event.wait().__await__()


class TrioTimer:
    __slots__ = ("dropped", "function")

    def __init__(self, function: Callable[[], object], dropped: Callable[[], None]) -> None:
        self.function: Callable[[], object] | None = function
        self.dropped = dropped

    def fire(self) -> None:
        function, self.function = self.function, None
        if function is not None:
            function()

    def cancel(self) -> None:
        if self.function is not None:
            self.function = None
            self.dropped()


class TrioBackend:
    """The running trio loop, seen through the Backend protocol.

    A system task holds the nursery, so that a tree may be opened in one task and closed in another.
    """

    name = "trio"

    def __init__(self) -> None:
        self.clock: Callable[[], float] = trio.lowlevel.current_clock().current_time
        self.loop = trio.lowlevel.current_trio_token()
        self._timers: list[tuple[float, int, TrioTimer]] = []
        self._dropped = 0
        self._order = itertools.count()
        self._sooner = trio.Event()
        self._closed = trio.Event()
        self._nursery: trio.Nursery

    async def open(self, on_cancel: Callable[[], None]) -> None:
        ready = trio.Event()
        trio.lowlevel.spawn_system_task(self._host, ready)
        with trio.CancelScope(shield=True):  # else nobody would ever end the host
            await ready.wait()
        trio.lowlevel.spawn_system_task(self._watch, on_cancel)

    async def _host(self, ready: trio.Event) -> None:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._keep_time)
                ready.set()
        self._closed.set()

    async def _watch(self, on_cancel: Callable[[], None]) -> None:
        """Hear that main has returned and left the tree open: trio cancels its system tasks then, and waits (S8)."""
        try:
            await self._closed.wait()
        except trio.Cancelled:
            on_cancel()
            raise

    def finish(self) -> None:
        self._nursery.cancel_scope.cancel()

    async def wait_finished(self) -> None:
        await self._closed.wait()

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]], context: Context) -> Any:
        self._nursery.start_soon(function)

    def spawn_body(self, coro: Coroutine[Any, Any, Any], context: Context, done: Outcome) -> TrioBody:
        body = TrioBody()
        self._nursery.start_soon(body.main, coro, context, done)
        return body

    def drive(self, coro: Coroutine[Any, Any, Any], context: Context, cancellable: bool = False) -> Drive:
        return TrioDrive(coro, context, trio.CancelScope()) if cancellable else PlainTrioDrive(coro, context)

    def call_at(self, when: float, function: Callable[[], object]) -> TrioTimer:
        timer = TrioTimer(function, self._timer_dropped)
        if not self._timers or when < self._timers[0][0]:
            self._sooner.set()
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    @enable_ki_protection
    async def _keep_time(self) -> None:
        while True:
            self._sooner = trio.Event()
            deadline = self._timers[0][0] if self._timers else float("inf")
            with trio.CancelScope(deadline=deadline):
                await self._sooner.wait()
            now = self.clock()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2].fire()

    def _timer_dropped(self) -> None:
        """Most timeouts are cancelled long before their time: do not keep them until then."""
        self._dropped += 1
        if self._dropped > 100 + len(self._timers) // 2:
            self._timers = [timer for timer in self._timers if timer[2].function is not None]
            heapq.heapify(self._timers)
            self._dropped = 0

    def call_from_thread(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self.loop.run_sync_soon(function, *args)
        except trio.RunFinishedError as error:
            raise TaskDisposedError(CLOSED) from error

    def wake_on_signals(self) -> Callable[[], None]:
        return lambda: None  # trio always does

    def waiter(self) -> TrioWaiter:
        return TrioWaiter()

    def wake(self, waiter: TrioWaiter) -> None:
        waiter.event.set()

    def is_cancellation(self, error: BaseException) -> bool:
        return isinstance(error, trio.Cancelled)

    async def shielded(self, wait: Callable[[], Awaitable[Any]]) -> None:
        with trio.CancelScope(shield=True):
            await wait()
        await trio.lowlevel.checkpoint_if_cancelled()

    async def pause(self) -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()
