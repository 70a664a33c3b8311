"""The adapter to asyncio, uvloop included."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from functools import partial
from typing import Any

import anyio.lowlevel

from gotask.backend.driving import CLOSED, FIRST_AGAIN, LAST_AGAIN, Drive, Handle, Outcome, ScopedDrive
from gotask.errors import TaskDisposedError

try:
    from anyio._backends._asyncio import _task_states
except ImportError:  # pragma: no cover
    _task_states = None  # type: ignore[assignment]  # see AsyncioScopedDrive


def is_shielded(task: asyncio.Task[Any]) -> bool:
    """Whether the task waits inside an anyio scope with a shield, which a plain `task.cancel()` would pierce."""
    state = _task_states.get(task)
    scope = state.cancel_scope if state is not None else None
    while scope is not None:
        if scope._shield:
            return True
        scope = scope._parent_scope
    return False


class Cancelling:
    """Delivers the cancellation of one body until the body is over."""

    __slots__ = ("_count", "_timer", "_wanted", "task")

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self.task = task
        self._wanted = False
        self._count = 0
        self._timer: asyncio.Handle | None = None

    def cancel(self) -> None:
        """Begin."""
        if not self._wanted and self.task is not None:
            self._wanted = True
            # Not at once: a body that waits for its stop event is woken by it, and may still return by itself.
            self._timer = self.task.get_loop().call_soon(self._deliver, FIRST_AGAIN)

    def _deliver(self, again: float) -> None:
        task = self.task
        if task is None:
            return
        following = again
        if not is_shielded(task):
            task.cancel()
            self._count += 1
            following = min(again * 2, LAST_AGAIN)
        self._timer = task.get_loop().call_later(again, self._deliver, following)

    def over(self) -> None:
        """The body has ended: leave no trace of the cancellation on its task."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task, self.task = self.task, None
        if task is not None:
            for _ in range(self._count):
                task.uncancel()


class AsyncioDrive(Drive):
    __slots__ = ("_cancelling",)

    def __await__(self) -> Generator[Any, Any, None]:
        self._cancelling = Cancelling(asyncio.current_task())
        yield from super().__await__()
        self._cancelling.over()

    def cancel(self) -> None:
        self._cancelling.cancel()


class AsyncioBody(Cancelling):
    __slots__ = ("_coro", "_done")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], context: Context, done: Outcome
    ) -> None:
        super().__init__(None)
        self._coro, self._done = coro, done
        task = loop.create_task(self._main(coro, done), context=context)
        if not task.done():  # an eager task factory may have run it to its end already
            self.task = task

    async def _main(self, coro: Coroutine[Any, Any, Any], done: Outcome) -> None:
        value, error = None, None
        try:
            value = await coro
        except BaseException as caught:
            if isinstance(caught, GeneratorExit) and asyncio.current_task() is not self.task:
                raise  # it is being closed, with the loop
            error = caught
        self.over()
        done(value, error)

    def _deliver(self, again: float) -> None:
        if self.task is not None and self.task.done():  # cancelled from outside before its first step (S8)
            self.task = None
            self._coro.close()
            self._done(None, asyncio.CancelledError())
        else:
            super()._deliver(again)


class AsyncioScopedDrive(ScopedDrive):
    """What can be cancelled, where the private state of anyio is missing: in a scope of its own, which costs 5 µs."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        again = 0.0
        while self.suspended:
            try:
                value = yield self._trap
            except GeneratorExit:
                self.coro.close()
                raise
            except BaseException as error:
                if self._scope.cancel_called and isinstance(error, asyncio.CancelledError):
                    if again:  # the one before was swallowed, and anyio would repeat it in each turn of the loop
                        with anyio.CancelScope(shield=True):  # noqa: ASYNC100 - it does wait, by `yield from`
                            yield from asyncio.sleep(again).__await__()
                    again = min(again * 2, LAST_AGAIN) if again else FIRST_AGAIN
                self._step(self.coro.throw, error)
            else:
                self._step(self.coro.send, value)


class ScopedBody:
    """As AsyncioBody, where the private state of anyio is missing."""

    __slots__ = ("_coro", "_done", "_scope", "_task")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], context: Context, done: Outcome
    ) -> None:
        self._coro, self._done = coro, done
        self._scope = anyio.CancelScope()
        self._task = loop.create_task(self._main(context), context=context.copy())
        self._task.add_done_callback(self._over)

    async def _main(self, context: Context) -> None:
        drive = AsyncioScopedDrive(self._coro, context, self._scope)
        await drive
        self._done(drive.value, drive.error)

    def cancel(self) -> None:
        self._scope.cancel()

    def _over(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # from outside, before its first step (S8)
            self._coro.close()
            self._done(None, asyncio.CancelledError())


class AsyncioBackend:
    """The running event loop of asyncio, seen through the Backend protocol."""

    name = "asyncio"

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # The same clock, but quicker than asyncio's method, and finer than uvloop's cached milliseconds.
        usual = getattr(type(self.loop), "time", None) is asyncio.BaseEventLoop.time
        usual = usual or type(self.loop).__module__ == "uvloop"
        self.clock: Callable[[], float] = time.monotonic if usual else self.loop.time
        self._tasks: set[asyncio.Task[Any]] = set()
        self._finished = asyncio.Event()
        self._watching: asyncio.Task[None]

    async def open(self, on_cancel: Callable[[], None]) -> None:
        self._watching = self.loop.create_task(self._watch(on_cancel), context=Context())

    async def _watch(self, on_cancel: Callable[[], None]) -> None:
        """Hear that main has returned and left the tree open: `asyncio.run` cancels all tasks then, and waits (S8)."""
        while not self._finished.is_set():
            try:
                await self._finished.wait()
            except asyncio.CancelledError:
                on_cancel()

    def finish(self) -> None:
        self._finished.set()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()

    async def wait_finished(self) -> None:
        own = asyncio.current_task()
        while left := [task for task in (self._watching, *self._tasks) if task is not own and not task.done()]:
            await asyncio.wait(left)

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]], context: Context) -> Any:
        task = self.loop.create_task(function(), context=context)
        self._tasks.add(task)
        task.add_done_callback(partial(self._spawned_over, function, context))
        return task

    def _spawned_over(
        self, function: Callable[[], Coroutine[Any, Any, None]], context: Context, task: asyncio.Task[None]
    ) -> None:
        self._tasks.discard(task)
        if task.cancelled() and not self._finished.is_set():
            self.spawn(function, context)  # it was cancelled from outside before its first step (S8)

    def spawn_body(self, coro: Coroutine[Any, Any, Any], context: Context, done: Outcome) -> Handle:
        return (AsyncioBody if _task_states is not None else ScopedBody)(self.loop, coro, context, done)

    def drive(self, coro: Coroutine[Any, Any, Any], context: Context, cancellable: bool = False) -> Drive:
        if cancellable and _task_states is None:
            return AsyncioScopedDrive(coro, context, anyio.CancelScope())
        return AsyncioDrive(coro, context)

    def call_at(self, when: float, function: Callable[[], object]) -> asyncio.Handle:
        try:
            return self.loop.call_at(when, function)
        except ValueError:  # the loop in a browser refuses a moment that has passed
            return self.loop.call_soon(function)

    def call_from_thread(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError as error:
            raise TaskDisposedError(CLOSED) from error

    def wake_on_signals(self) -> Callable[[], None]:
        # A signal that comes just before the selector's system call, or to another thread, does not interrupt it, and
        # Python would not call the handler before something else happens. uvloop and Windows' proactor see to it, and
        # so does asyncio once the program has used `add_signal_handler`: then what is there must stay.
        taken = signal.set_wakeup_fd(-1)
        if taken != -1:
            signal.set_wakeup_fd(taken, warn_on_full_buffer=False)
        if taken != -1 or not isinstance(self.loop, asyncio.SelectorEventLoop):
            return lambda: None
        receiver, sender = socket.socketpair()
        receiver.setblocking(False)
        sender.setblocking(False)
        self.loop.add_reader(receiver, receiver.recv, 4096)
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        return partial(self._undo_wakeup, receiver, sender)

    def _undo_wakeup(self, receiver: socket.socket, sender: socket.socket) -> None:
        taken = signal.set_wakeup_fd(-1)
        if taken not in (sender.fileno(), -1):  # the program has used `add_signal_handler` meanwhile
            signal.set_wakeup_fd(taken, warn_on_full_buffer=False)
        self.loop.remove_reader(receiver)
        receiver.close()
        sender.close()

    def waiter(self) -> asyncio.Future[None]:
        return self.loop.create_future()

    def wake(self, waiter: asyncio.Future[None]) -> None:
        if not waiter.done():
            try:
                waiter.set_result(None)
            except RuntimeError as error:
                raise TaskDisposedError(CLOSED) from error

    def is_cancellation(self, error: BaseException) -> bool:
        return isinstance(error, asyncio.CancelledError)

    async def shielded(self, wait: Callable[[], Awaitable[Any]]) -> None:
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):  # without it anyio would cancel again in each turn of the loop
            while True:
                try:
                    await wait()
                    break
                except asyncio.CancelledError as error:
                    cancelled = error
        if cancelled is not None:
            raise cancelled
        await anyio.lowlevel.checkpoint_if_cancelled()

    async def pause(self) -> None:
        await asyncio.sleep(0)
