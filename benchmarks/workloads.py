"""The workloads, as data: what each is, its sizes, and what it must reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["cpu", "bytes", "import"]


@dataclass(frozen=True)
class Workload:
    """One workload. Its `method` is looked for in the class of each contestant; who has none, leaves it out."""

    name: str
    title: str
    method: str
    sizes: tuple[int, ...]
    limits: Mapping[str, str] = field(default_factory=dict)
    """By contestant: what it must reach."""
    kind: Kind = "cpu"
    full: tuple[int, ...] = ()
    """More sizes, for `--full`."""
    most: Mapping[str, int] = field(default_factory=dict)
    """The largest size for a contestant that gets too slow; `*`: for all that are not named."""
    smallest: int = 100
    """The size for a quick test that it works at all."""
    alone_from: int = 1_000_000
    """From this size on, each turn has a process of its own."""

    def sizes_of(self, quick: bool, full: bool) -> tuple[int, ...]:
        """The sizes to run."""
        return self.sizes[:1] if quick else self.sizes + (self.full if full else ())

    def takes(self, contestant: str, size: int) -> bool:
        """Whether a contestant can be expected to do it at this size."""
        return size <= self.most.get(contestant, self.most.get("*", size))


@dataclass(frozen=True)
class Derived:
    """A row that is read off other rows."""

    name: str
    title: str
    workload: str
    """Whose rows."""
    large: int
    small: int | None
    """The cost at `large` divided by that at `small`; None: the peak memory at `large`, in MB."""
    limit: str


HALF = {"gotask": "≤ 0.5 → 0.4 × asyncio"}
SIX = {"gotask": "≤ 3.5 → 2 × asyncio"}
OURS = {"gotask": 100_000, "gotask on uvloop": 100_000, "gotask on trio": 100_000}
FEW = {**OURS, "asyncio": 100_000, "*": 10_000}

WORKLOADS = (
    Workload("W1", "whole life of a child with start + dispose", "lives", (1_000, 10_000, 50_000), HALF,
             full=(1_000_000,), most={"mode": 10_000, "gotask": 1_000_000, "asyncio": 1_000_000, "*": 50_000}),
    Workload("W2", "run, one after another", "queued", (10_000,), {"gotask": "≤ 6 → 3 × asyncio"}),
    Workload("W3", "go, side by side", "bodies", (10_000,),
             {"gotask": "≤ 2.0 → 1.4 × asyncio", "gotask on trio": "≤ 3 × trio"}),
    Workload("W4", "a call through the queue", "calls", (10_000,), {"gotask": "≤ 1.7 → 1.3 × asyncio"}),
    Workload("W5", "a message through a channel task, in bursts of 1,000", "messages", (100_000,),
             {"gotask": "≤ 0.5 × asyncio"}, smallest=2_000),
    Workload("W6 run", "one short child beside idle siblings", "short_run", (100, 10_000, 100_000), SIX, most=FEW),
    Workload("W6 go", "one short child beside idle siblings", "short_go", (100, 10_000, 100_000), SIX, most=FEW),
    Workload("W7a", "build and dispose a tree, a node", "tree", (37_449,), HALF, smallest=73),
    Workload("W7b", "build and dispose a chain of nested Jobs, a link", "chain", (1_000, 10_000, 100_000),
             most={**OURS, "asyncio": 10_000, "uvloop": 10_000, "mode": 1_000, "aiojobs": 1_000, "*": 1_000},
             smallest=50, alone_from=1_000),
    Workload("B1", "bytes of an idle leaf", "idle_leaf", (10_000,), {"gotask": "≤ 750 → 500"}, "bytes"),
    Workload("B2", "bytes of a Job with one leaf", "job_with_leaf", (10_000,), {"gotask": "≤ 2,000"}, "bytes"),
    Workload("B3", "bytes of a parked go child", "parked_go", (10_000,), {"gotask": "≤ 2,300"}, "bytes"),
    Workload("I1", "import, in ms", "", (1,), {"gotask": "≤ 1.5 × anyio"}, "import", smallest=1),
)  # fmt: skip

DERIVED = (
    Derived("W1 growth", "W1 at 1,000,000 / 50,000", "W1", 1_000_000, 50_000, "≤ 1 × asyncio"),
    Derived("W1 memory", "peak of W1 at 1,000,000, in MB", "W1", 1_000_000, None, "≤ 600"),
    Derived("W6 run growth", "W6 run at 100,000 / 100: flat", "W6 run", 100_000, 100, "≤ 1.1"),
    Derived("W6 go growth", "W6 go at 100,000 / 100: flat", "W6 go", 100_000, 100, "≤ 1.1"),
    Derived("W7b growth", "W7b at 100,000 / 1,000: linear", "W7b", 100_000, 1_000, "≤ 3"),
)


def chosen(names: tuple[str, ...]) -> tuple[Workload, ...]:
    """The workloads of these names; `W6` means both of its kinds; no names, all of them.

    Raises:
        ValueError: There is none of that name.
    """
    found = [one for one in WORKLOADS if not names or {one.name, one.name[:2], one.name.split()[0]} & set(names)]
    known = {name for one in found for name in (one.name, one.name[:2], one.name.split()[0])}
    for name in names:
        if name not in known:
            raise ValueError(f"no workload {name!r}: there are {', '.join(one.name for one in WORKLOADS)}")
    return tuple(found)
