"""Runs the workloads: all contestants in alternation, several rounds, and the median of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.alone import import_time, take_alone
from benchmarks.contestants import Contestant
from benchmarks.workloads import Workload

LARGE = 50_000
"""From this size on, fewer rounds do."""


@dataclass
class Cell:
    """What one contestant needed for one workload at one size; `failed` says why, if it could not do it."""

    costs: list[float] = field(default_factory=list)
    peak: float = 0.0
    """The most memory its process held, in MB, if it had one of its own."""
    failed: str = ""

    @property
    def cost(self) -> float | None:
        """The median."""
        return median(self.costs) if self.costs and not self.failed else None


Row = dict[str, Cell]
Results = dict[tuple[str, int], Row]
"""By name and size of the workload: a cell for each contestant that took part."""


def run(workloads: Sequence[Workload], contestants: Sequence[Contestant], *, rounds: int = 5, quick: bool = False,
        full: bool = False, say: Callable[[str], object] = lambda text: None) -> Results:  # fmt: skip
    """Measure all of it."""
    results: Results = {}
    for workload in workloads:
        for size in workload.sizes_of(quick, full):
            say(f"{workload.name} {size:,}")
            often = rounds if size < LARGE else max(1, min(rounds, 3))
            results[workload.name, size] = run_row(workload, size, contestants, often)
    return results


def run_row(workload: Workload, size: int, contestants: Sequence[Contestant], rounds: int) -> Row:
    """Measure one workload at one size: each contestant once a round, every other round in reverse order."""
    taking_part = [one for one in contestants if takes_part(workload, one, size)]
    row = {one.name: Cell() for one in taking_part}
    if workload.kind == "bytes":
        rounds = 1  # there is no noise in it
    for number in range(rounds):
        for one in taking_part if number % 2 == 0 else reversed(taking_part):
            if not row[one.name].failed:
                take(workload, one, size, row[one.name])
    return row


def takes_part(workload: Workload, contestant: Contestant, size: int) -> bool:
    """Whether it makes sense for this contestant."""
    if workload.kind == "import":
        return bool(contestant.imports)
    return workload.takes(contestant.name, size) and contestant.method(workload.method) is not None


def take(workload: Workload, contestant: Contestant, size: int, cell: Cell) -> None:
    """One turn; a contestant that cannot do it is out."""
    try:
        if workload.kind == "import":
            cell.costs.append(import_time(contestant.imports))
        elif size >= workload.alone_from:
            cost, peak = take_alone(contestant.name, workload.method, size)
            cell.costs.append(cost)
            cell.peak = max(cell.peak, peak)
        else:
            cell.costs.append(contestant.take(workload.method, size))
    except Exception as error:
        cell.failed = f"{type(error).__name__}: {error}"
        print(f"{contestant.name} failed at {workload.name} {size:,}: {cell.failed}", file=sys.stderr)
