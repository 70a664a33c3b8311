"""The adapter to trio."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

import trio

from gotask.backend.driving import FIRST_AGAIN, LAST_AGAIN, Drive, Outcome, Scope, ScopedDrive
from gotask.errors import TaskDisposedError


class TrioDrive(ScopedDrive):
    """A ScopedDrive that slows down a body which swallows its cancellation again and again."""

    __slots__ = ("_again",)

    def __init__(self, coro: Coroutine[Any, Any, Any], context: Context, scope: Scope) -> None:
        self._again = 0.0
        super().__init__(coro, context, scope)

    def _before_throw(self) -> Generator[Any, Any, None]:
        if self._again:
            with trio.CancelScope(shield=True):  # noqa: ASYNC100 - it does wait, by `yield from`
                yield from trio.sleep(self._again).__await__()  # noqa: ASYNC105
        self._again = min(self._again * 2, LAST_AGAIN) if self._again else FIRST_AGAIN


class TrioBody:
    __slots__ = ("_scope",)

    def __init__(self) -> None:
        self._scope = trio.CancelScope()

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
    __slots__ = ("function",)

    def __init__(self, function: Callable[[], object]) -> None:
        self.function: Callable[[], object] | None = function

    def cancel(self) -> None:
        self.function = None


class TrioBackend:
    """The running trio loop, seen through the Backend protocol.

    A system task holds the nursery, so that a tree may be opened in one task and closed in another.
    """

    name = "trio"

    def __init__(self) -> None:
        self.clock: Callable[[], float] = trio.lowlevel.current_clock().current_time
        self._token = trio.lowlevel.current_trio_token()
        self._timers: list[tuple[float, int, TrioTimer]] = []
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

    def spawn(self, coro: Coroutine[Any, Any, None], context: Context) -> Any:
        async def main() -> None:
            await coro

        self._nursery.start_soon(main)

    def spawn_body(self, coro: Coroutine[Any, Any, Any], context: Context, done: Outcome) -> TrioBody:
        body = TrioBody()
        self._nursery.start_soon(body.main, coro, context, done)
        return body

    def drive(self, coro: Coroutine[Any, Any, Any], context: Context, cancellable: bool = False) -> Drive:
        return TrioDrive(coro, context, trio.CancelScope()) if cancellable else Drive(coro, context)

    def call_at(self, when: float, function: Callable[[], object]) -> TrioTimer:
        timer = TrioTimer(function)
        if not self._timers or when < self._timers[0][0]:
            self._sooner.set()
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    async def _keep_time(self) -> None:
        while True:
            self._sooner = trio.Event()
            deadline = self._timers[0][0] if self._timers else float("inf")
            with trio.CancelScope(deadline=deadline):
                await self._sooner.wait()
            now = self.clock()
            while self._timers and self._timers[0][0] <= now:
                timer = heapq.heappop(self._timers)[2]
                if timer.function is not None:
                    timer.function()

    def call_from_thread(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self._token.run_sync_soon(function, *args)
        except trio.RunFinishedError as error:
            raise TaskDisposedError(
                "the event loop of this tree is closed: nothing can be asked of it any more"
            ) from error

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
