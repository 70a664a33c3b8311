"""Who takes part: a name, the loop it runs on, and the class that does the workloads in its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.loops import LOOPS
from benchmarks.turn import Turn


@dataclass(frozen=True)
class Contestant:
    """A library, or gotask on one of its back ends."""

    name: str
    backend: str
    place: str
    """`module:Class`; each workload is an async method of the class, and one that makes no sense for it is missing."""
    needs: str = "anyio"
    """What must be installed."""
    imports: str = ""
    """What the measurement of the import imports, if it takes part in that."""

    @property
    def installed(self) -> bool:
        """Whether it can take part here."""
        return find_spec(self.needs) is not None

    @cached_property
    def _worker(self) -> Any:
        module, _, name = self.place.partition(":")
        return getattr(import_module(module), name)()

    def method(self, name: str) -> Callable[[Turn], Awaitable[None]] | None:
        """Its way of doing a workload, or None if it has none."""
        found: Callable[[Turn], Awaitable[None]] | None = getattr(self._worker, name, None)
        return found

    def take(self, name: str, size: int) -> float:
        """Do a workload once in a loop of its own; return its cost for each operation or thing."""
        method = self.method(name)
        assert method is not None
        loop = LOOPS[self.backend]()
        turn = Turn(size, loop.pause, loop.forever)
        loop.run(method, turn)
        turn.check()
        assert turn.value is not None
        return turn.value


CONTESTANTS = (
    Contestant("gotask", "asyncio", "benchmarks.ours:Gotask", imports="gotask"),
    Contestant("gotask on uvloop", "uvloop", "benchmarks.ours:Gotask", needs="uvloop"),
    Contestant("gotask on trio", "trio", "benchmarks.ours:Gotask", needs="trio"),
    Contestant("asyncio", "asyncio", "benchmarks.taskgroups:Asyncio"),
    Contestant("uvloop", "uvloop", "benchmarks.taskgroups:Asyncio", needs="uvloop"),
    Contestant("anyio", "asyncio", "benchmarks.nurseries:Anyio", imports="anyio"),
    Contestant("trio", "trio", "benchmarks.nurseries:Trio", needs="trio"),
    Contestant("aiojobs", "asyncio", "benchmarks.schedulers:Aiojobs", needs="aiojobs"),
    Contestant("aiotools", "asyncio", "benchmarks.supervisors:Aiotools", needs="aiotools"),
    Contestant("mode", "asyncio", "benchmarks.services:Mode", needs="mode"),
)


def find(name: str) -> Contestant:
    """The contestant of this name."""
    return next(one for one in CONTESTANTS if one.name == name)


def installed(backends: tuple[str, ...] = ()) -> tuple[Contestant, ...]:
    """Who can take part here, on these back ends or on any."""
    return tuple(one for one in CONTESTANTS if one.installed and (not backends or one.backend in backends))
