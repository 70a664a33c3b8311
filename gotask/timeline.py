"""Lives as a picture over time, for a report (extra `notebook`)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from gotask.records import LifeRecord
from gotask.task_lives import TaskLives, in_tree_order
from gotask.tracing import cut, encodable

try:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
except ImportError as missing:
    raise ImportError("a timeline needs matplotlib: pip install 'gotask[notebook]'") from missing

COLORS = {"start": "#7FC8F0", "body": "#0072B2", "dispose": "#E69F00"}
"""Of the phases: blues and an orange, which everybody can tell apart, also by how dark they are."""
INK, GRID, SHADE = "#222222", "#DDDDDD", "#F4F4F4"
# White edges, so that they can be seen on everything.
CROSS: dict[str, Any] = {
    "marker": "X", "color": "#C1121F", "markersize": 8, "markeredgecolor": "white", "markeredgewidth": 0.8,
}  # fmt: skip
CIRCLE: dict[str, Any] = {"marker": "o", "color": INK, "markersize": 5, "markerfacecolor": "white"}
CROWD: dict[str, Any] = {"color": COLORS["body"], "alpha": 0.55}
LONGEST_LABEL = 44


class Timeline(Figure):
    """A figure that notebooks show without further ado."""

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture: one task, or, `merged`, several of one kind."""

    label: str
    depth: int
    tasks: tuple[TaskLives, ...]
    merged: bool = False

    @property
    def lives(self) -> list[LifeRecord]:
        """All lives on this line."""
        return [life for task in self.tasks for life in task.lives]


def plot_timeline(
    records: Iterable[LifeRecord], *, max_rows: int = 40, names: Mapping[int, str] | None = None
) -> Timeline:
    """A line for each task, in the order of the tree, with its lives over the seconds since the first one started.

    The phases have different colours; a cross is a failure, a tick a step, a dotted line the wait for another life.
    If there are more tasks than `max_rows`, siblings of one kind share a line that shows how many of them live at a
    time; if that is not enough, all of one kind whose parents are of one kind do; what is still too much is left out,
    the deepest first, and the picture says so.

    Args:
        records: Lives of one session, in any order. Tasks that still live have none, and are not shown.
        max_rows: The most lines.
        names: What to call Jobs of which no life is over, by id.

    Raises:
        ValueError: `max_rows` is less than 1.
    """
    if max_rows < 1:
        raise ValueError(f"max_rows is the most lines of the picture, at least 1, not {max_rows}")
    tasks = in_tree_order(records, names or {})
    rows, left_out = shortened(tasks, max_rows)
    figure = Timeline(figsize=(10, 1.5 + 0.25 * max(len(rows), 1)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    first = min((task.started_at for task in tasks if task.lives), default=0.0)
    for y, row in enumerate(rows):
        if row.merged:
            draw_crowd(axes, y, row, first)
        elif row.tasks[0].lives:
            draw_task(axes, y, row.tasks[0], first)
    decorate(axes, rows)
    say_what_it_is(figure, axes, rows, tasks, left_out)
    return figure


def shortened(tasks: list[TaskLives], max_rows: int) -> tuple[list[Row], int]:
    """At most so many lines, and how many tasks are on none of them."""
    rows = [Row(task.name, task.depth, (task,)) for task in tasks]
    if len(rows) > max_rows:
        rows = merged(tasks, lambda task: not task.is_parent)
    if len(rows) > max_rows:
        rows = merged(tasks, lambda task: True)
    shallow_first = sorted(range(len(rows)), key=lambda index: (rows[index].depth, index))
    shown = [rows[index] for index in sorted(shallow_first[:max_rows])]
    return shown, len(tasks) - sum(len(row.tasks) for row in shown)


def merged(tasks: list[TaskLives], may_share: Callable[[TaskLives], bool]) -> list[Row]:
    """The tasks that may share a line do so if they are of one kind, and so are their parents, up to the root."""
    numbers: dict[tuple[int | None, str, int | None], int] = {}
    number_of: dict[int | None, int] = {}
    members: dict[int, list[TaskLives]] = {}
    below: dict[int | None, list[int]] = {}
    for task in tasks:
        parent = number_of.get(task.parent_id)
        own = None if may_share(task) else task.id
        number = numbers.setdefault((parent, kind_of(task), own), len(numbers))
        number_of[task.id] = number
        if number not in members:
            below.setdefault(parent, []).append(number)
        members.setdefault(number, []).append(task)
    rows: list[Row] = []
    left = below.get(None, [])[::-1]
    while left:
        number = left.pop()
        of = members[number]
        label = of[0].name if len(of) == 1 else f"{kind_of(of[0])} × {len(of)}"
        rows.append(Row(label, of[0].depth, tuple(of), merged=len(of) > 1))
        left.extend(reversed(below.get(number, [])))
    return rows


def kind_of(task: TaskLives) -> str:
    """What its author calls tasks of its kind."""
    return task.lives[-1].owner_type if task.lives else "no record"


def draw_task(axes: Axes, y: int, task: TaskLives, first: float) -> None:
    """The lives of one task; those of a Job are slimmer, for it lives as long as all its children."""
    height = 0.32 if task.is_parent else 0.64
    lives = [life for life in task.lives if life.life]
    left = {life.life: life.started_at - first for life in lives}
    for phase, color in COLORS.items():
        spans = [(left[life.life], getattr(life.timings, phase)) for life in lives]
        axes.broken_barh(spans, (y - height / 2, height), facecolors=color, linewidth=0)
        left = {life.life: at + length for life, (at, length) in zip(lives, spans, strict=True)}
    waits = [((one.ended_at - first, y), (two.started_at - first, y)) for one, two in pairwise(lives)]
    axes.add_collection(LineCollection(waits, colors=INK, linewidths=1, linestyles="dotted"))
    steps = [life.started_at - first + step.at for life in lives for step in life.steps]
    draw_marks(axes, y, steps, marker="|", color=INK, markersize=15)
    draw_marks(axes, y, [life.ended_at - first for life in lives if life.failed], **CROSS)
    draw_marks(axes, y, [life.ended_at - first for life in task.lives if not life.life], **CIRCLE)


def draw_crowd(axes: Axes, y: int, row: Row, first: float) -> None:
    """How many of them live at a time, as an area."""
    lives = [life for life in row.lives if life.life]
    changes = [(life.started_at - first, 1) for life in lives] + [(life.ended_at - first, -1) for life in lives]
    changes.sort()
    times = [at for at, _ in changes]
    counts = list(accumulate(change for _, change in changes))
    most = max(counts, default=0) or 1
    heights = [y + 0.4 - 0.8 * count / most for count in counts]
    axes.fill_between(times, y + 0.4, heights, step="post", linewidth=0, **CROWD)
    label = f" at most {most} at a time"
    axes.annotate(label, (1, y), xycoords=("axes fraction", "data"), va="center", fontsize=7, color=INK)
    draw_marks(axes, y, [life.ended_at - first for life in lives if life.failed], **CROSS)


def draw_marks(axes: Axes, y: int, at: list[float], **style: Any) -> None:
    """A mark at each of these times."""
    axes.plot(at, [y] * len(at), linestyle="", zorder=5, **style)


def decorate(axes: Axes, rows: list[Row]) -> None:
    """The axes, and the names of the tasks, which are indented as the tree is."""
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds since the first start", fontsize=9)
    labels = [cut(" " * (3 * row.depth) + encodable(row.label), LONGEST_LABEL) for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=8, ha="left", parse_math=False)
    widths = [label.get_window_extent().width for label in axes.get_yticklabels()]
    axes.tick_params(axis="y", length=0, pad=max(widths, default=0) * 72 / axes.figure.dpi + 4)
    axes.tick_params(axis="x", labelsize=8, color=GRID)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    for y, row in enumerate(rows):
        if row.tasks[0].is_parent:
            axes.axhspan(y - 0.5, y + 0.5, color=SHADE, zorder=-1, linewidth=0)


def legend(rows: list[Row]) -> list[Any]:
    """What the colours and marks mean, of those that are there."""
    alone = [life for row in rows if not row.merged for life in row.lives]
    phases = [phase for phase in COLORS if any(getattr(life.timings, phase) for life in alone)]
    handles: list[Any] = [Patch(color=COLORS[phase], label=phase) for phase in phases]
    if any(row.merged for row in rows):
        handles.append(Patch(label="how many live", **CROWD))
    if any(life.steps for life in alone):
        handles.append(Line2D([], [], linestyle="", marker="|", color=INK, markersize=11, label="step"))
    if any(not life.final for life in alone):
        handles.append(Line2D([], [], linestyle="dotted", color=INK, label="waits for another life"))
    if any(life.failed for row in rows for life in row.lives):
        handles.append(Line2D([], [], linestyle="", label="failed", **CROSS))
    if any(not life.life for life in alone):
        handles.append(Line2D([], [], linestyle="", label="never started", **CIRCLE))
    return handles


def say_what_it_is(figure: Figure, axes: Axes, rows: list[Row], tasks: list[TaskLives], left_out: int) -> None:
    """Title, legend, and what is not to be seen."""
    lives = [life for task in tasks for life in task.lives]
    if not lives:
        axes.text(0.5, 0.5, "no life is over yet", transform=axes.transAxes, ha="center", color=INK)
        return
    failed = sum(life.failed for life in lives)
    counts = (len({life.id for life in lives}), "task"), (len(lives), "life"), (failed, "failure")
    plural = {"task": "tasks", "life": "lives", "failure": "failures"}
    title = ", ".join(f"{count} {word if count == 1 else plural[word]}" for count, word in counts)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    figure.legend(handles=legend(rows), loc="outside lower left", ncols=8, fontsize=8, frameon=False)
    if left_out:
        note = f"{left_out} more tasks, deeper in the tree, are not shown"
        axes.set_title(note, loc="right", fontsize=8, color=INK)
