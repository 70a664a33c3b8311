"""Lives as a picture over time, for a report (extra `notebook`)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from gotask.records import LifeRecord
from gotask.task_lives import TaskLives, in_tree_order

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
FAILED, INK, GRID = "#C1121F", "#222222", "#DDDDDD"
LONGEST_LABEL = 44


class Timeline(Figure):
    """A figure that notebooks show without further ado."""

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture: one task, or, `merged`, all siblings of one owner type that have no children."""

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
    time; what is still too much is left out, the deepest first, and the picture says so.

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
    say_what_it_is(figure, axes, tasks, left_out)
    return figure


def shortened(tasks: list[TaskLives], max_rows: int) -> tuple[list[Row], int]:
    """At most so many lines, and how many tasks are on none of them."""
    if len(tasks) <= max_rows:
        return [Row(task.name, task.depth, (task,)) for task in tasks], 0
    kinds: dict[tuple[int, int | None, str], list[TaskLives]] = {}
    for task in tasks:
        own = task.id if task.is_parent else -1
        kinds.setdefault((own, task.parent_id, task.lives[-1].owner_type if task.lives else ""), []).append(task)
    rows = [
        Row(f"{kind} × {len(of)}", of[0].depth, tuple(of), merged=True)
        if len(of) > 1
        else Row(of[0].name, of[0].depth, (of[0],))
        for (_, _, kind), of in kinds.items()
    ]
    by_depth = sorted(range(len(rows)), key=lambda index: (rows[index].depth, index))
    shown = sorted(by_depth[:max_rows])
    left_out = sum(len(rows[index].tasks) for index in by_depth[max_rows:])
    return [rows[index] for index in shown], left_out


def draw_task(axes: Axes, y: int, task: TaskLives, first: float) -> None:
    """The lives of one task; those of a Job are slimmer, for it lives as long as all its children."""
    height = 0.32 if task.is_parent else 0.64
    spans: dict[str, list[tuple[float, float]]] = {phase: [] for phase in COLORS}
    for life in task.lives:
        if not life.life:
            axes.plot(life.started_at - first, y, "o", color=INK, fillstyle="none", markersize=4)
            continue
        at = life.started_at - first
        for phase in COLORS:
            length = getattr(life.timings, phase)
            spans[phase].append((at, length))
            at += length
        for step in life.steps:
            axes.plot(life.started_at - first + step.at, y, "|", color=INK, markersize=9, markeredgewidth=1.2)
        if life.failed:
            draw_cross(axes, life.ended_at - first, y)
    for phase, color in COLORS.items():
        axes.broken_barh(spans[phase], (y - height / 2, height), facecolors=color, linewidth=0)
    waits = [((one.ended_at - first, y), (two.started_at - first, y)) for one, two in pairwise(task.lives)]
    axes.add_collection(LineCollection(waits, colors=INK, linewidths=1, linestyles="dotted"))


def draw_crowd(axes: Axes, y: int, row: Row, first: float) -> None:
    """How many of them live at a time, as an area."""
    changes = [(life.started_at - first, 1) for life in row.lives] + [(life.ended_at - first, -1) for life in row.lives]
    times, counts, alive = [], [], 0
    for at, change in sorted(changes):
        alive += change
        times.append(at)
        counts.append(alive)
    most = max(counts)
    heights = [y + 0.4 - 0.8 * count / most for count in counts]
    axes.fill_between(times, y + 0.4, heights, step="post", color=COLORS["body"], alpha=0.55, linewidth=0)
    label = f" at most {most} at a time"
    axes.annotate(label, (1, y), xycoords=("axes fraction", "data"), va="center", fontsize=7, color=INK)
    for life in row.lives:
        if life.failed:
            draw_cross(axes, life.ended_at - first, y)


def draw_cross(axes: Axes, at: float, y: int) -> None:
    """The mark of a failure, with a white edge so that it can be seen on everything."""
    axes.plot(at, y, "X", color=FAILED, markersize=8, markeredgecolor="white", markeredgewidth=0.8, zorder=5)


def decorate(axes: Axes, rows: list[Row]) -> None:
    """The axes, and the names of the tasks, which are indented as the tree is."""
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds since the first start", fontsize=9)
    names = [" " * (3 * row.depth) + row.label for row in rows]
    labels = [name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…" for name in names]
    axes.set_yticks(range(len(rows)), labels, fontsize=8, ha="left", parse_math=False)
    widths = [label.get_window_extent().width for label in axes.get_yticklabels()]
    axes.tick_params(axis="y", length=0, pad=max(widths, default=0) * 72 / axes.figure.dpi + 4)
    axes.tick_params(axis="x", labelsize=8, color=GRID)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    for y, row in enumerate(rows):
        if row.tasks[0].is_parent:
            axes.axhspan(y - 0.5, y + 0.5, color="#F4F4F4", zorder=-1, linewidth=0)


def say_what_it_is(figure: Figure, axes: Axes, tasks: list[TaskLives], left_out: int) -> None:
    """Title, legend, and what is not to be seen."""
    lives = [life for task in tasks for life in task.lives]
    if not lives:
        axes.text(0.5, 0.5, "no life is over yet", transform=axes.transAxes, ha="center", color=INK)
        return
    failed = sum(life.failed for life in lives)
    counts = (len({life.id for life in lives}), "task"), (len(lives), "life"), (failed, "failure")
    title = ", ".join(f"{count} {word if count == 1 else PLURALS[word]}" for count, word in counts)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    handles = [
        *(Patch(color=color, label=phase) for phase, color in COLORS.items()),
        Line2D([], [], color=INK, marker="|", linestyle="", label="step"),
        Line2D([], [], color=INK, linestyle="dotted", label="waits for another life"),
        Line2D([], [], color=FAILED, marker="X", linestyle="", label="failed"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=6, fontsize=8, frameon=False)
    if left_out:
        note = f"{left_out} more tasks, deeper in the tree, are not shown"
        axes.set_title(note, loc="right", fontsize=8, color=INK)


PLURALS = {"task": "tasks", "life": "lives", "failure": "failures"}
