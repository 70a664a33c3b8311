"""One turn of one contestant at one workload: what it is to do, what it did, and what that cost."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class Steps:
    """What the children do: they count, so that nobody can leave out work."""

    def __init__(self) -> None:
        self.started = 0
        self.ran = 0
        self.disposed = 0

    def start(self) -> None:
        self.started += 1

    def run(self) -> None:
        self.ran += 1

    def dispose(self) -> None:
        self.disposed += 1


class Turn:
    """One turn. A workload does its part inside `timed` or `weighed`, and that leaves the cost in `value`."""

    def __init__(
        self, size: int, pause: Callable[[], Awaitable[object]], forever: Callable[[], Awaitable[object]]
    ) -> None:
        self.size = size
        self.pause = pause
        """One checkpoint of the loop it runs on."""
        self.forever = forever
        """Wait until cancelled."""
        self.steps = Steps()
        self.value: float | None = None

    async def until(self, done: Callable[[], bool]) -> None:
        """Let the others work until it is so."""
        while not done():
            await self.pause()

    async def settle(self) -> None:
        """Let everything that is ready come to rest; trio's order is random, so once round is not enough."""
        for _ in range(3):
            await self.pause()

    async def all_started(self) -> None:
        """Wait until as many children have started as the size says."""
        await self.until(lambda: self.steps.started >= self.size)

    async def all_ran(self) -> None:
        """Wait until as many bodies have run as the size says."""
        await self.until(lambda: self.steps.ran >= self.size)

    @contextmanager
    def timed(self, operations: int) -> Iterator[None]:
        """CPU time of what is done inside, in µs for each operation."""
        gc.collect()
        began = time.process_time()
        yield
        self.value = (time.process_time() - began) * 1e6 / operations

    @contextmanager
    def weighed(self, things: int) -> Iterator[None]:
        """What Python allocates inside and still holds at the end, in bytes for each thing."""
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            yield
            gc.collect()
            self.value = (tracemalloc.get_traced_memory()[0] - before) / things
        finally:
            tracemalloc.stop()

    def check(self) -> None:
        """Raise if it was not the work of everybody: what was started is disposed, and nothing is left out."""
        steps = self.steps
        if self.value is None:
            raise AssertionError("nothing was measured")
        if steps.started and not steps.started == steps.disposed == self.size:
            raise AssertionError(f"started {steps.started}, disposed {steps.disposed}, of {self.size}")
        if steps.ran and steps.ran != self.size:
            raise AssertionError(f"ran {steps.ran} of {self.size}")
