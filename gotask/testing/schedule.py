"""One schedule of many: an event loop of asyncio in which a seed decides who goes next.

What is decided: which of the coroutines that are ready takes its next step, any number of steps before another one
has its turn; which of the timers that are due at one instant comes first; and, with `jitter`, how late a timer is.

What keeps its order: plain callbacks (`call_soon`), among themselves and against the coroutines around them, because
asyncio promises it; and whatever a queue, a lock or a Job's loop hands on in an order of its own.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from itertools import count, takewhile
from typing import Any, Protocol, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from gotask.errors import TaskStateError
from gotask.testing.holding import Hold, here
from gotask.testing.virtual_time import VirtualTimers

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

OUTSIDE = (
    "add_reader", "add_writer", "connect_accepted_socket", "create_connection", "create_datagram_endpoint",
    "create_server", "create_unix_connection", "create_unix_server", "getaddrinfo", "getnameinfo", "run_in_executor",
    "sock_accept", "sock_connect", "sock_recv", "sock_sendall", "subprocess_exec", "subprocess_shell",
)  # fmt: skip
"""Methods of a loop that wait for something outside of it."""

CLOSING_TURNS = 10_000
"""Turns that the rest of a program has to end, once its outcome is known."""


class Follower(Protocol):
    """Who is told of each turn."""

    def turn(self, handle: asyncio.Handle, others: list[asyncio.Task[Any]]) -> None:
        """This one is run next, though these others were ready too."""


def task_of(handle: asyncio.Handle) -> asyncio.Task[Any] | None:
    """The asyncio task whose next step this handle is; None for a plain callback."""
    callback: Any = handle._callback  # type: ignore[attr-defined]
    task = getattr(callback, "__self__", None)
    return task if isinstance(task, asyncio.Task) and callback != task.cancel else None


class AnyOrder(deque[T]):
    """A queue that gives out any of its items: for Jobs that are ready, between which nothing promises an order."""

    def __init__(self, items: Iterable[T], choose: Callable[[int], int]) -> None:
        super().__init__(items)
        self._choose = choose

    def popleft(self) -> T:
        self.rotate(-self._choose(len(self)))
        return super().popleft()


class Turns(deque[asyncio.Handle]):
    """The ready handles of a ScheduledLoop: any of the coroutines that wait before the first plain callback is next."""

    def __init__(self, loop: ScheduledLoop) -> None:
        super().__init__()
        self._loop = loop

    def popleft(self) -> asyncio.Handle:
        loop = self._loop
        tasks = [task for task in takewhile(bool, map(task_of, self)) if task is not None]
        others = []
        if len(tasks) > 1:
            # By age, not by place: what asyncio and anyio keep in sets makes places differ from run to run.
            others = sorted(tasks, key=loop.age_of)
            place = tasks.index(others.pop(loop.choose(len(others))))
            self.rotate(-place)
            handle = super().popleft()
            self.rotate(place)
        else:
            handle = super().popleft()
        loop.took_turn()
        if loop.follower is not None:
            loop.follower.turn(handle, others)
        return handle


class ScheduledLoop(VirtualTimers, asyncio.BaseEventLoop):
    """A loop on virtual time, with no I/O and no threads, that goes by a seed.

    It stops by itself when nothing can happen any more (`is_stuck`), or after so many turns.
    """

    def __init__(self, seed: int, jitter: float = 0.0) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.jitter = jitter
        self.turns_left = 0
        self.is_stuck = False
        self.follower: Follower | None = None
        self.made = WeakKeyDictionary[asyncio.Task[Any], tuple[int, Context]]()
        """The tasks of this loop: how many there were before it, and its context."""
        self._numbers = count()
        self._virtual_order = iter(self.random.random, None)  # type: ignore[assignment]
        self._ready = Turns(self)
        self._selector = self
        self.set_exception_handler(lambda loop, context: None)

    def choose(self, count: int) -> int:
        """A number below `count`. Of Random only this method promises the same numbers on every Python."""
        return int(self.random.random() * count)

    def age_of(self, task: asyncio.Task[Any]) -> int:
        """How many tasks were made before it."""
        return self.made[task][0]

    def took_turn(self) -> None:
        """Count, and stop when the turns are used up."""
        self.turns_left -= 1
        if self.turns_left < 0:
            self.stop()

    def create_task(self, coro: Any, *, context: Context | None = None, **options: Any) -> asyncio.Task[Any]:
        """Make a task, and remember in which order, with which context."""
        context = copy_context() if context is None else context
        task: asyncio.Task[Any] = super().create_task(coro, context=context, **options)
        self.made[task] = (next(self._numbers), context)
        return task

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call `callback` when virtual time is `when`, or somewhat later; at one instant in any order."""
        if self.jitter and when > self.time():
            when += self.jitter * (when - self.time()) * self.random.random()
        return super().call_at(when, callback, *args, context=context)

    def run_to_end(self, task: asyncio.Future[Any], turns: int) -> bool:
        """Run until this is done; False: it never will be, or the turns are used up."""
        self.turns_left, self.is_stuck = turns, False
        if not task.done():
            task.add_done_callback(lambda _: self.stop())
            here.holds = NoHolds()
            self.run_forever()
        return task.done()

    def run_forever(self) -> None:
        """Run until `stop` is called."""
        asyncio.BaseEventLoop.run_forever(self)

    def select(self, timeout: float | None) -> list[Any]:
        """In place of a selector's look at I/O: None when nothing is ready."""
        if timeout is None and self._pass_time() is None:
            self.is_stuck = True
            self.stop()
        return []

    def _process_events(self, events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def refuse(*_: object, **__: object) -> Any:
    """In place of what waits for something outside of the loop."""
    raise TaskStateError(
        "explore() runs programs without I/O and threads, so that a schedule can be repeated: "
        "let an async function with `await anyio.sleep(…)` stand for what is outside"
    )


for _name in OUTSIDE:
    setattr(ScheduledLoop, _name, refuse)


class NoHolds(set[Hold]):
    """In place of what holds virtual time: there is nothing outside to wait for."""

    add = refuse


@contextmanager
def no_loop_running() -> Iterator[None]:
    """While entered, asyncio takes it that no loop runs in this thread: so one can be run inside a call of another.

    Raises:
        TaskStateError: It is trio that runs here.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        raise TaskStateError(
            "explore() runs programs on asyncio, and that cannot be done inside trio: call it from plain code"
        )
    outer, holds = asyncio._get_running_loop(), here.holds
    task = None if outer is None else asyncio.current_task()
    if outer is not None and task is not None:
        asyncio.tasks._leave_task(outer, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        here.holds = holds
        asyncio._set_running_loop(outer)
        if outer is not None and task is not None:
            asyncio.tasks._enter_task(outer, task)


def wind_up(loop: ScheduledLoop, main: asyncio.Task[Any]) -> None:
    """Cancel what is left in the loop, let it end, and close the loop; what does not end is dropped in silence."""
    loop.follower = None
    try:
        main.cancel()
        loop.run_to_end(main, CLOSING_TURNS)
    finally:
        try:
            loop.run_to_end(loop.create_task(end_rest(loop)), CLOSING_TURNS)
        finally:
            for task in asyncio.all_tasks(loop):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
            loop.close()


async def end_rest(loop: ScheduledLoop) -> None:
    """Cancel what is left in the loop beside the caller, and wait until it is over."""
    rest = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in sorted(rest, key=loop.age_of):
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await loop.shutdown_asyncgens()
