"""Progress as a bar and as tables, for any terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gotask.words import can_show
from gotask_learn.classroom import Learner
from gotask_learn.place import Exercise
from gotask_learn.trial import say


def console() -> Console:
    """Where the runner writes: as wide as the terminal, and 100 columns elsewhere."""
    made = Console(highlight=False)
    if not made.is_terminal:
        made.width = 100
    return made


def bar(done: int, total: int, columns: int = 24) -> Text:
    """A progress bar with its count."""
    full, empty = ("█", "░") if can_show("█░") else ("#", "-")
    filled = columns * done // total if total else 0
    return Text.assemble((full * filled, "green"), (empty * (columns - filled), "dim"), f" {done}/{total}")


def mark(done: int, total: int) -> Text:
    """How far one exercise is."""
    tick = "✓" if can_show("✓") else "*"
    if done == total:
        return Text(f"{tick} {done}/{total}", "green")
    return Text(f"  {done}/{total}", "yellow" if done else "dim")


def table(title: str, columns: Sequence[str]) -> Table:
    made = Table(title=title, box=box.SIMPLE_HEAD if can_show("─") else box.ASCII2, title_justify="left")
    for column in columns:
        made.add_column(column)
    return made


def course(all_exercises: Iterable[Exercise], done: Mapping[str, int], current: str) -> Table:
    """Every lesson with what is done of it and of its challenge; it fits a terminal of 24 lines."""
    made = table(say("list_head"), [say(f"column_{name}") for name in ("lesson", "title", "todo", "challenge")])
    pairs = {(one.number, one.challenge): one for one in all_exercises}
    for (number, challenge), one in pairs.items():
        if not challenge:
            other = pairs[number, True]
            arrow = ("▸ " if can_show("▸") else "> ") if current in (one.name, other.name) else "  "
            made.add_row(
                f"{arrow}{number}", one.title, mark(done.get(one.name, 0), one.total),
                mark(done.get(other.name, 0), other.total),
            )  # fmt: skip
    return made


def class_table(learners: Sequence[Learner]) -> Table:
    """Who is where."""
    numbers = sorted({line.lesson for learner in learners for line in learner.lines})
    made = table(say("class_head"), [say("class_who"), *map(str, numbers)])
    for learner in learners:
        own = {(line.lesson, line.challenge): line for line in learner.lines}
        cells = []
        for number in numbers:
            line, extra = own.get((number, False)), own.get((number, True))
            cell = mark(line.done, line.total) if line is not None else Text("-")
            cells.append(cell + Text("+", "green") if extra is not None and extra.passed else cell)
        made.add_row(Text(learner.name), *cells)  # as it is: brackets in it are no markup
    return made
