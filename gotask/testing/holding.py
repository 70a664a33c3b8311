"""What virtual time must wait for: threads at work, and whatever else comes from outside the event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

from anyio import CapacityLimiter

if TYPE_CHECKING:
    from anyio.abc import AsyncBackend

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Hold:
    """One reason why the virtual time of one event loop stands still.

    It belongs to the loop that runs in the thread that calls `begin`, and does not outlive that loop. `end`
    may be called from any thread, but only after the loop was handed the result: time could jump in between.
    """

    def __init__(self) -> None:
        self._holds: set[Hold] = set()
        self._begun = False
        self._lifts = 0

    def begin(self, holds: set[Hold] | None = None) -> None:
        """Stop the time of this thread's loop, or of the loop that has these `holds`."""
        self._holds = here.holds if holds is None else holds
        self._begun = True
        self._settle()

    def end(self) -> None:
        """Let time pass, unless there is another hold. More than once is harmless."""
        self._begun = False
        self._settle()

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """While entered, this hold does not count: what it stands for waits for the loop itself."""
        self._lifts += 1
        self._settle()
        try:
            yield
        finally:
            self._lifts -= 1
            self._settle()

    def run(self, func: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call `func`, in the worker thread, so that `let_time_pass` in it finds this hold."""
        before, here.hold = here.hold, self
        try:
            return func(*args)
        finally:
            here.hold = before

    def _settle(self) -> None:
        if self._begun and not self._lifts:
            self._holds.add(self)
        else:
            self._holds.discard(self)


class Here(threading.local):
    """What belongs to the current thread: the holds of the loop it runs, and the one whose work it does."""

    def __init__(self) -> None:
        self.holds: set[Hold] = set()
        self.hold: Hold | None = None


here = Here()


@contextmanager
def hold_time() -> Iterator[Hold]:
    """While entered, the virtual time of the loop of this thread stands still.

    For a wait whose end comes from outside: a thread, a subprocess, another host. Without a virtual loop it
    does nothing. Enter it in the loop, around the `await`; inside the thread it would come too late.
    A wait for virtual time in it never ends.
    """
    hold = Hold()
    hold.begin()
    try:
        yield hold
    finally:
        hold.end()


def let_time_pass() -> AbstractContextManager[None]:
    """While a worker thread is in it, that thread counts as waiting, and virtual time passes.

    For a thread that waits for what only the passing of time brings, say a `threading.Event` set by a task.
    It is not exact: from the moment the thread is woken until it leaves the block, time may pass. Where
    instants matter, wait with `anyio.from_thread.run`, which needs no such block. In other threads it does
    nothing.
    """
    return here.hold.lifted() if here.hold is not None else nullcontext()


class HoldingLimiter:
    """A capacity limiter that begins a hold once it has let a thread in.

    Not before: a thread in the queue would stop the time for which the owner of the token may be waiting.
    asyncio enters and leaves it, trio acquires and releases it on behalf of the thread.
    """

    def __init__(self, limiter: CapacityLimiter, hold: Hold) -> None:
        self._limiter = limiter
        self._hold = hold

    async def __aenter__(self) -> None:
        await self._limiter.acquire()
        self._hold.begin()

    async def __aexit__(self, *_: object) -> None:
        self._limiter.release()

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        await self._limiter.acquire_on_behalf_of(borrower)
        self._hold.begin()

    def release_on_behalf_of(self, borrower: object) -> None:
        self._limiter.release_on_behalf_of(borrower)


@cache
def hold_during_threads(backend: type[AsyncBackend]) -> None:
    """Have every `anyio.to_thread.run_sync` hold the time, and every `anyio.from_thread.run` lift that hold.

    Name look-ups hold it too: uvloop and trio make them in threads of their own. anyio has no hook for this,
    so these methods of its back end are replaced, once and for good. Loops in real time do not notice.
    """
    to_thread, from_thread = backend.run_sync_in_worker_thread, backend.run_async_from_thread
    look_up, look_back = backend.getaddrinfo, backend.getnameinfo

    async def run_sync_in_worker_thread(
        _: type[AsyncBackend],
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,
        limiter: CapacityLimiter | None = None,
    ) -> Any:
        hold = Hold()
        holding = HoldingLimiter(limiter or backend.current_default_thread_limiter(), hold)
        try:
            return await to_thread(hold.run, (func, *args), abandon_on_cancel, cast(CapacityLimiter, holding))
        finally:
            hold.end()

    def run_async_from_thread(_: type[AsyncBackend], func: Any, args: tuple[Any, ...], token: object) -> Any:
        hold = here.hold

        async def lifted() -> Any:
            # In the loop: in the thread there would be a moment after the wait in which time may jump.
            with hold.lifted() if hold is not None else nullcontext():
                return await func(*args)

        return from_thread(lifted, (), token)

    async def getaddrinfo(_: type[AsyncBackend], *args: Any, **kwargs: Any) -> Any:
        with hold_time():
            return await look_up(*args, **kwargs)

    async def getnameinfo(_: type[AsyncBackend], *args: Any, **kwargs: Any) -> Any:
        with hold_time():
            return await look_back(*args, **kwargs)

    for method in run_sync_in_worker_thread, run_async_from_thread, getaddrinfo, getnameinfo:
        setattr(backend, method.__name__, classmethod(method))
