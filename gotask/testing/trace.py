"""What happened in one schedule, step by step, as plain values and as text."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN_READY = 4
"""Of those that could have gone as well, how many are named."""


SHOWN_TEXT = 32
"""Of a line of the program, in a table."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the program: `at` is its `file:line`, `text` the line itself."""

    at: str
    text: str

    def __str__(self) -> str:
        return f"{self.at}  {self.text}".rstrip()


def short(place: Place | None, otherwise: str) -> str:
    """The text of a line, as far as it fits into a table."""
    text = otherwise if place is None else place.text
    return text if len(text) <= SHOWN_TEXT else f"{text[: SHOWN_TEXT - 1]}…"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One coroutine ran from where it was suspended to where it was suspended again.

    `time` is in virtual seconds, `who` a hook of a task, or the main program; those in `ready` could have gone as well.
    `resumed` is None at its beginning, `suspended` None at its end. `changes` are those of tasks, `watched` the values
    before and after.
    """

    number: int
    time: float
    who: str
    ready: tuple[str, ...]
    resumed: Place | None
    suspended: Place | None
    changes: tuple[str, ...]
    watched: dict[str, tuple[str, str]]

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.number:>3}  {self.time:.3f} s  {self.who}", *(f"     {line}" for line in self.lines())]
        )

    def row(self) -> tuple[str, ...]:
        """The same as cells of a table, without the rest."""
        places = (short(self.resumed, "its beginning"), short(self.suspended, "its end"))
        values = (f"{before} -> {after}" for before, after in self.watched.values())
        return str(self.number), self.who, *places, *values

    def lines(self) -> list[str]:
        """What there is to say about it, without its number."""
        others = [*self.ready[:SHOWN_READY], f"{len(self.ready) - SHOWN_READY} more"]
        lines = [f"ready too: {', '.join(others[: len(self.ready)])}"] if self.ready else []
        if self.resumed or self.suspended:
            lines += [f"from  {self.resumed or 'its beginning'}", f"to    {self.suspended or 'its end'}"]
        lines += [f"{name}: {before} -> {after}" for name, (before, after) in self.watched.items()]
        return lines + [f"* {change}" for change in self.changes]


@dataclass(frozen=True, slots=True)
class Trace:
    """One schedule, as it was replayed: print it, or look at `steps[i]`."""

    seed: int
    outcome: str
    steps: tuple[TraceStep, ...]
    waits: tuple[str, ...] = ()

    def __str__(self) -> str:
        last = [f"outcome: {self.outcome}", *(f"  {line}" for line in self.waits)]
        return "\n".join([f"schedule {self.seed}", *map(str, self.steps), *last])

    def table(self, who: str = "") -> str:
        """One line for each step whose `who` contains this: with the text of the lines, without their place."""
        rows = [("", "who", "from", "to", *self.steps[0].watched)] if self.steps else []
        rows += [step.row() for step in self.steps if who in step.who]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def __repr__(self) -> str:
        return f"<Trace of schedule {self.seed}: {len(self.steps)} steps, outcome {self.outcome}>"
