"""The root-wide queue of Jobs that have something to do, and the one coroutine that drains it (Q1, Q5, L15)."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ref

from gotask.context import Plain
from gotask.errors import StopReason, TaskComplete, TaskDisposedError, TaskStateError, leaves
from gotask.events import Observers
from gotask.history import History
from gotask.tracing import as_text, stack_of

if TYPE_CHECKING:
    from gotask.backend import Backend, Drive

BUDGET = 0.002
"""Seconds after which a long burst lets the rest of the program run (Q5)."""

RELEASE_TIME = 1.0
"""Seconds that the resources of what was abandoned have to be released, before the closing tree cancels that (S5)."""

LOOK_AGAIN = 0.5
"""Seconds after which a thread that waits for an answer looks whether the event loop is still there to give it."""

COMPLETED = (TaskComplete.__name__, "")
"""What most reasons are described by."""


def unknown() -> None:
    """What `described` is at first."""


def settle(answer: Future[Any], action: Callable[[], Any]) -> None:
    """Do it, and give what it returns or raises to whoever waits for the answer."""
    try:
        answer.set_result(action())
    except BaseException as error:
        answer.set_exception(error)


def wait_in_thread(answer: Future[Any], backend: Backend, timeout: float | None) -> Any:
    """Wait for an answer of the tree's loop in another thread; asyncio drops what comes just before its loop is closed.

    Raises:
        TimeoutError: It did not come in so many seconds.
        TaskDisposedError: The loop is over, so it never comes.
    """
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return answer.result(min(LOOK_AGAIN, deadline - time.monotonic()))
        except TimeoutError:
            if answer.done():
                return answer.result()
            if time.monotonic() >= deadline:
                raise
        try:
            backend.call_from_thread(bool)
        except TaskDisposedError:
            if not answer.done():
                raise


class Loop(Protocol):
    """What a Job does with its events, as far as the pump is concerned."""

    listed: bool
    drive: Drive | None

    @property
    def context(self) -> Context:
        """Where the plain hooks run (M9)."""

    @property
    def pending(self) -> bool:
        """Whether there is an event to take."""

    def drain(self, deadline: float) -> Drive | None:
        """Take events until there are none, the time is over, or a hook waits."""

    def resume(self, drive: Drive) -> Drive | None:
        """Go on after the hook that waited; return the next one that waits."""

    def close(self) -> None:
        """Take no more events."""


class Pump:
    """Drains the loops of a tree, one after another, in one coroutine.

    When a hook really waits, this coroutine stays with it, because the hook may have bound itself to it (a cancel
    scope, a timeout); another one then takes over the pumping. So a Job owns a coroutine only while a hook of
    one of its children waits.
    """

    def __init__(self, backend: Backend, context: Context, history: int, on_crash: Callable[[BaseException], None],
                 on_trouble: Callable[[BaseException], None], on_cancel: Callable[[], None]) -> None:  # fmt: skip
        self.backend = backend
        self.clock = backend.clock
        self.context = context
        self.now = self.clock()
        self.wall = time.time() - self.now
        self.shift = time.monotonic() - self.now
        """What makes instants of different trees comparable: trio's clocks begin anywhere."""
        self.observers = Observers()
        self.history = History(history, self.wall)
        self.plain = Plain()
        self.thread = self.plain.thread
        self.crashed = on_crash
        """To be told of an error in the library's own work, where `guarded` is not there to see it (L15)."""
        self.limiter: Any = None
        self.panic = False
        self.closing = False
        self.disposed = 0
        self.abandoned: list[Any] = []
        """What did not stop in time, as `Unstopped`."""
        self.late: dict[Drive, str] = {}
        """Calls of `dispose` that were given up and cancelled, with their path, until they end; most do soon (S5)."""
        self.releasing: dict[int, tuple[str, Any]] = {}
        """What is being released beside all loops: by id, its name and what is awaited for it."""
        self.unreleased: list[tuple[str, tuple[str, ...]]] = []
        """What was not released when the tree closed: its name, and where it hangs."""
        self.on_close: Callable[[], object] = lambda: None
        self.listening = 0
        """How many listeners for descendants there are in the tree: while none, nobody need be told (D7)."""
        self._gone = False
        self._ready: deque[Loop] = deque()
        self._control: deque[Callable[[], object]] = deque()
        self._parked: Awaitable[Any] | None = None
        self._active: object | None = None
        self.described: Callable[[], BaseException | None] = unknown
        """The reason described last, held weakly: it would keep frames, and so tasks, alive."""
        self.description = ("", "")
        self._on_trouble = on_trouble
        self._on_cancel = on_cancel

    def describe(self, reason: BaseException | None) -> tuple[str, str]:
        """A reason as class name and text; the children of a Job that is stopped share one."""
        if type(reason) is TaskComplete and not reason.args:
            return COMPLETED
        text = (type(reason).__name__, as_text(reason))
        if isinstance(reason, StopReason):  # others may be of a built-in type, which nothing can refer to weakly
            self.described, self.description = ref(reason), text
        return text

    def trouble(self, error: BaseException) -> None:
        """Hear of an error that has no one to return to (M7, L14)."""
        if self.panic or leaves(error):
            self._on_trouble(error)

    def check_thread(self, what: str) -> None:
        """Refuse a call that only the tree's own thread may make."""
        if threading.get_ident() != self.thread:
            raise TaskStateError(
                f"{what} was called in another thread than the tree's: "
                f"there use BlockingRoot (root.wait_stopped(task), root.call(…))"
            )

    def ask(self, action: Callable[[], Any], timeout: float | None = None) -> Any:
        """Have it done in the tree's thread, and wait for what it returns or raises (M6).

        Raises:
            TimeoutError: The loop did not answer in so many seconds.
            TaskDisposedError: The loop is over.
        """
        answer: Future[Any] = Future()
        self.backend.call_from_thread(settle, answer, action)
        return wait_in_thread(answer, self.backend, timeout)

    def enlist(self, loop: Loop) -> None:
        """This loop has something to do, and nothing holds it up."""
        loop.listed = True
        self._ready.append(loop)
        parked = self._parked
        if parked is not None:
            self._parked = None
            self.backend.wake(parked)
        elif self._active is None:
            self._wake()

    def soon(self, action: Callable[[], object]) -> None:
        """Have the pump do this before it drains another loop."""
        self._control.append(action)
        if self._parked is not None or self._active is None:
            self._wake()

    def tree_gone(self) -> None:
        """Close as soon as everything is released; where something was abandoned, in a moment at the latest (S5)."""
        self._gone = True
        if not self.releasing:
            self.close()
        elif self.abandoned:
            self.backend.call_at(self.clock() + RELEASE_TIME, self.close)

    def released(self, value: Any) -> None:
        """This need not be waited for any more."""
        self.releasing.pop(id(value), None)
        if self._gone and not self.releasing:
            self.close()

    def close(self) -> None:
        """Let the pump end once there is nothing left to do, and what it started with it."""
        self.unreleased += [(what, tuple(stack_of(value))) for what, value in self.releasing.values()]
        self.releasing = {}
        self.closing = True
        self.on_close()
        self._wake()

    def _wake(self) -> None:
        if self._parked is not None:
            self.backend.wake(self._parked)
            self._parked = None
        elif self._active is None:
            self._active = token = object()
            self.backend.spawn(partial(self._main, token), self.context.copy())

    async def _main(self, token: object) -> None:
        while True:
            drive = self._turn()
            if drive is not None:
                await self._carry(drive)
                if self._active is not None:
                    return
                self._active = token
            elif self.closing and not (self._ready or self._control):
                self.backend.finish()
                return
            else:
                try:
                    if self._ready or self._control:
                        await self.backend.pause()
                    else:
                        self._parked = waiter = self.backend.waiter()
                        await waiter
                except GeneratorExit:
                    raise
                except BaseException as error:
                    if not self.backend.is_cancellation(error):
                        raise
                    self._parked = None
                    self._on_cancel()  # S8: the whole program is being cancelled; the tree still cleans up

    def _turn(self) -> Drive | None:
        """Drain what is ready, for as long as the budget allows; return a hook that waits, if there is one."""
        self.now = self.clock()
        deadline = self.now + BUDGET
        while self.now <= deadline:
            if self._control:
                self.guarded(None, self._control.popleft())
                self.now = self.clock()
            elif self._ready:
                loop = self._ready.popleft()
                loop.listed = False
                drive: Drive | None = self.guarded(loop, loop.drain, deadline)
                if drive is not None:
                    return drive
                if loop.pending and not loop.listed:
                    self.enlist(loop)
                    break
            else:
                break
        return None

    async def _carry(self, drive: Drive) -> None:
        """Stay with a hook that waits, and with those that follow it in the same event."""
        self._active = None
        if self._ready or self._control:
            self._wake()
        current: Drive | None = drive
        while current is not None:
            await current
            loop: Loop = current.loop
            if loop.drive is not current:
                self.late.pop(current, None)
                return  # it was abandoned (S5), and its loop goes on without it
            self.now = self.clock()
            current = self.guarded(loop, loop.resume, current)
        if loop.pending and not loop.listed:
            self.enlist(loop)

    def guarded(self, loop: Loop | None, action: Callable[..., Any], *args: Any) -> Any:
        """Do a piece of the library's own work; an error in it is a bug of ours, and must not hang the tree (L15)."""
        try:
            return action(*args) if loop is None else loop.context.run(action, *args)
        except GeneratorExit:
            raise
        except BaseException as error:
            if loop is not None:
                loop.close()
            self.crashed(error)
            return None
