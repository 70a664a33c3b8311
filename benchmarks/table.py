"""The results as one table, with ratios and verdicts, and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.contestants import CONTESTANTS
from benchmarks.limits import Limit
from benchmarks.runner import Results, Row
from benchmarks.workloads import DERIVED, WORKLOADS, Derived

NAMES = tuple(one.name for one in CONTESTANTS)


@dataclass
class Verdict:
    """How one of ours stands against one limit."""

    contestant: str
    limit: str
    value: float | None
    """The ratio, or the cost where the limit names no peer; None: nothing to compare with."""

    @property
    def text(self) -> str:
        """`goal`, `floor` or `missed`."""
        return "?" if self.value is None else Limit.parse(self.limit).verdict(self.value)


@dataclass
class Line:
    """One row of the table."""

    name: str
    title: str
    costs: dict[str, float | None]
    """By contestant; None: it failed."""
    verdicts: list[Verdict]


def lines(results: Results) -> list[Line]:
    """All rows: those that were measured, and those that are read off them."""
    found = []
    for workload in WORKLOADS:
        for (name, size), row in results.items():
            if name == workload.name:
                costs = {one: cell.cost for one, cell in row.items()}
                found.append(Line(_sized(name, size), workload.title, costs, _verdicts(costs, workload.limits)))
    for derived in DERIVED:
        costs = _read_off(derived, results)
        if costs:
            found.append(Line(derived.name, derived.title, costs, _verdicts(costs, {"gotask": derived.limit})))
    return found


def _sized(name: str, size: int) -> str:
    return name if size == 1 else f"{name}, {size:,}"


def _read_off(derived: Derived, results: Results) -> dict[str, float | None]:
    large = results.get((derived.workload, derived.large), {})
    if derived.small is None:
        return {name: cell.peak for name, cell in large.items() if cell.peak}
    small: Row = results.get((derived.workload, derived.small), {})
    costs: dict[str, float | None] = {}
    for name, cell in large.items():
        above, below = cell.cost, small[name].cost if name in small else None
        if above is not None and below:
            costs[name] = above / below
    return costs


def _verdicts(costs: dict[str, float | None], limits: Any) -> list[Verdict]:
    found = []
    for name, text in limits.items():
        value = costs.get(name)
        if value is None:
            continue
        peer = Limit.parse(text).peer
        if peer is not None:
            other = costs.get(peer)
            value = value / other if other else None
        found.append(Verdict(name, text, value))
    return found


def render(results: Results) -> str:
    """The table in Markdown, its columns aligned for reading as plain text too."""
    rows = list(_cells(lines(results), [name for name in NAMES if any(name in row for row in results.values())]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width if column < 1 else "-" * (width - 1) + ":" for column, width in enumerate(widths)])
    return "\n".join("| " + " | ".join(_padded(row, widths)) + " |" for row in rows)


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for column, (text, width) in enumerate(zip(row, widths, strict=True)):
        yield text.ljust(width) if column < 1 else text.rjust(width)


def _cells(found: list[Line], names: list[str]) -> Iterator[list[str]]:
    yield ["Workload", *names, "measured", "floor → goal", "verdict"]
    for line in found:
        yield [
            f"{line.name}: {line.title}",
            *(_cost(line.costs, name) for name in names),
            "; ".join("?" if one.value is None else _ratio(one) for one in line.verdicts),
            "; ".join(one.limit for one in line.verdicts),
            "; ".join(one.text for one in line.verdicts),
        ]


def _cost(costs: dict[str, float | None], name: str) -> str:
    if name not in costs:
        return ""
    cost = costs[name]
    return "fails" if cost is None else _number(cost)


def _ratio(verdict: Verdict) -> str:
    assert verdict.value is not None
    return _number(verdict.value) + (" ×" if Limit.parse(verdict.limit).peer else "")


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 2 else f"{value:.1f}"


def as_values(results: Results) -> list[dict[str, Any]]:
    """The same for programs, with every single measurement."""
    return [
        {
            "workload": name,
            "size": size,
            "contestant": contestant,
            "costs": cell.costs,
            "median": cell.cost,
            "peak_mb": cell.peak or None,
            "failed": cell.failed or None,
        }
        for (name, size), row in results.items()
        for contestant, cell in row.items()
    ]
