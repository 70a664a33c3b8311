"""Virtual time: a program that has nothing to do but wait skips the waiting.

Time starts at 0.0 and passes only when every task waits and no I/O is ready: then it jumps to the next timer,
and is exactly that timer's instant. It stands still while a worker thread is at work, and where `hold_time`
says so. Of everything else outside (a subprocess, a peer on the network) only what has already arrived is
seen: enter `hold_time` around the wait for it. A task that never waits stops virtual time for all.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import selectors
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import Context
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

import anyio

try:
    from trio.abc import Clock, Instrument
    from trio.lowlevel import add_instrument
except ModuleNotFoundError:
    Clock, Instrument = type("Clock", (), {}), type("Instrument", (), {})  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    LoopBase = asyncio.SelectorEventLoop
else:
    LoopBase = object

from gotask.testing.holding import Hold, here, hold_during_threads, hold_time

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

HELD_WAIT = 0.005
"""Real seconds between two looks at whether time is still held."""

QUIET_ROUNDS = 4
"""Rounds of uvloop in a row in which nothing may happen before time jumps."""


class VirtualTimers(LoopBase):
    """The virtual timers of an asyncio loop: a base class to put before that of a real loop."""

    def __init__(self, *args: Any) -> None:
        from anyio._backends._asyncio import AsyncIOBackend

        hold_during_threads(AsyncIOBackend)
        self._virtual_now = 0.0
        self._virtual_timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._virtual_order = itertools.count()
        self._virtual_cancelled = 0
        self._virtual_holds: set[Hold] = set()
        super().__init__(*args)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual_now

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call `callback` after `delay` virtual seconds."""
        return self.call_at(self._virtual_now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call `callback` when virtual time is `when`; at one instant in the order of scheduling."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if when <= self._virtual_now:
            # Not into the heap, which is read only when nothing is ready: a busy loop would never call it.
            self.call_soon(self._run_timer, handle)
        elif when < math.inf:
            heapq.heappush(self._virtual_timers, (when, next(self._virtual_order), handle))
        return handle

    def run_forever(self) -> None:
        """Run until `stop` is called."""
        here.holds = self._virtual_holds
        super().run_forever()

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Call `func` in `executor`, and let time stand still until its result is there."""
        hold = Hold()
        if executor is None or isinstance(executor, ThreadPoolExecutor):
            future = super().run_in_executor(executor, hold.run, func, *args)
        else:
            future = super().run_in_executor(executor, func, *args)
        hold.begin(self._virtual_holds)
        future.add_done_callback(lambda _: hold.end())
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Wait for the default executor; held, or the timeout that `asyncio.Runner` sets would pass."""
        with hold_time():
            await super().shutdown_default_executor(*args, **kwargs)

    def _pass_time(self) -> float | None:
        """Jump to the next timer and have what is due then called. For when nothing is ready.

        Returns how many real seconds to wait for I/O: 0.0 after a jump, None if there is no timer.
        """
        timers = self._virtual_timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            return None
        if self._virtual_holds:
            return HELD_WAIT
        self._virtual_now = timers[0][0]
        while timers and timers[0][0] == self._virtual_now:
            self.call_soon(self._run_timer, heapq.heappop(timers)[2])
        return 0.0

    def _run_timer(self, handle: asyncio.TimerHandle) -> None:
        if not handle.cancelled():
            handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        # Called by handle.cancel(). Most timeouts are cancelled long before their time: do not keep them.
        self._virtual_cancelled += 1
        if self._virtual_cancelled > 100 + len(self._virtual_timers) // 2:
            self._virtual_timers = [timer for timer in self._virtual_timers if not timer[2].cancelled()]
            heapq.heapify(self._virtual_timers)
            self._virtual_cancelled = 0


class IdleSelector(selectors.DefaultSelector):
    """A selector that lets virtual time pass instead of sleeping."""

    pass_time: Callable[[], float | None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for I/O: with None, which the loop asks for when nothing is ready, or with 0."""
        if timeout is None:
            events = super().select(0)
            if events:
                return events
            timeout = self.pass_time()
        return super().select(timeout)


class VirtualTimeLoop(VirtualTimers, asyncio.SelectorEventLoop):
    """An asyncio event loop on virtual time."""

    def __init__(self) -> None:
        selector = IdleSelector()
        selector.pass_time = self._pass_time
        super().__init__(selector)


class UvloopTimers(VirtualTimers):
    """Virtual timers for uvloop, which does not tell when it has nothing to do.

    While there are timers, a probe runs in every round of the loop. After some rounds in which nobody called
    `call_soon` and no I/O was ready, the loop is idle. One round is not enough: uvloop's own callbacks, such
    as those that open and close a connection, do not pass through `call_soon`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._probing = False
        self._quiet_rounds = 0
        self._io = selectors.PollSelector()
        # libuv's own descriptor is readable exactly when some I/O of the loop is ready.
        self._io.register(cast(Any, self)._get_backend_id(), selectors.EVENT_READ)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call `callback` in the next round."""
        self._quiet_rounds = 0
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call `callback` when virtual time is `when`; at one instant in the order of scheduling."""
        handle = super().call_at(when, callback, *args, context=context)
        if self._virtual_timers and not self._probing:
            self._probing = True
            super().call_soon(self._probe)
        return handle

    def _probe(self) -> None:
        self._quiet_rounds = 0 if self._io.select(0) else self._quiet_rounds + 1
        wait = self._pass_time() if self._quiet_rounds >= QUIET_ROUNDS else 0.0
        if wait is None:
            self._probing = False
        elif wait:
            super(VirtualTimers, self).call_later(wait, self._probe)  # a real timer
        else:
            super().call_soon(self._probe)


@cache
def virtual_time_uvloop() -> type[asyncio.AbstractEventLoop]:
    """The class `VirtualTimeUvloop`: uvloop's loop on virtual time, made on demand as it needs uvloop."""
    import uvloop

    class VirtualTimeUvloop(UvloopTimers, uvloop.Loop):  # type: ignore[misc]
        """An uvloop event loop on virtual time."""

    return VirtualTimeUvloop


class VirtualClock(Clock, Instrument):
    """A trio clock on virtual time, for one run at a time; each run starts at 0.0.

    Like `trio.testing.MockClock(autojump_threshold=0)`, but it can be held, and after a jump the time is
    exactly the deadline.
    """

    def __init__(self) -> None:
        from anyio._backends._trio import TrioBackend

        hold_during_threads(TrioBackend)
        self._now = 0.0
        self._quiet = False
        self._holds: set[Hold] = set()

    def start_clock(self) -> None:
        """Called by trio when a run starts."""
        self._now = 0.0
        self._holds = here.holds = set()
        add_instrument(self)

    def current_time(self) -> float:
        """Virtual seconds since the run started."""
        return self._now

    def task_scheduled(self, task: object) -> None:
        """Called by trio when a task becomes ready."""
        self._quiet = False

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Called by trio when no task is ready: the real seconds to wait for I/O."""
        if not self._now < deadline < math.inf:
            return max(0.0, deadline - self._now)
        if self._holds:
            return HELD_WAIT
        if someone_waits_for_idle():
            return math.inf  # which trio cuts down to what they asked for
        if self._quiet:
            self._now = deadline
        # Quiet: a look at I/O has made no task ready. The latest one may have been before the last tasks ran.
        self._quiet = not self._quiet
        return 0.0


def someone_waits_for_idle() -> bool:
    """Whether a task is in `wait_all_tasks_blocked`, which comes before a jump; a private fact of trio."""
    from trio._core._run import GLOBAL_RUN_CONTEXT

    return bool(GLOBAL_RUN_CONTEXT.runner.waiting_for_idle)


def backend_options(name: str) -> tuple[str, dict[str, Any]]:
    """anyio's back end, and its options for virtual time: the value of an `anyio_backend` fixture.

    Args:
        name: "asyncio", "asyncio+uvloop" or "trio".

    Raises:
        ValueError: It is none of the three.
    """
    if name == "asyncio":
        return "asyncio", {"loop_factory": VirtualTimeLoop}
    if name == "asyncio+uvloop":
        return "asyncio", {"loop_factory": virtual_time_uvloop()}
    if name == "trio":
        return "trio", {"clock": VirtualClock()}
    raise ValueError(f"no back end is called {name!r}: use 'asyncio', 'asyncio+uvloop' or 'trio'")


def run_virtual(main: Callable[[*Ts], Awaitable[T]], *args: *Ts, backend: str = "asyncio") -> T:
    """Run `main(*args)` in virtual time and return its result.

    Args:
        main: An async function.
        args: What it is called with.
        backend: "asyncio", "asyncio+uvloop" or "trio".

    Raises:
        ValueError: There is no such back end.
    """
    name, options = backend_options(backend)
    return anyio.run(main, *args, backend=name, backend_options=options)
