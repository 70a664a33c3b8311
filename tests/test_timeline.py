"""Lives as a picture over time."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from lives import life, sessions
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from gotask import RetryPolicy, RootManager, Task
from gotask.records import LifeRecord, Step
from gotask.states import TaskType
from gotask.timeline import COLORS, Timeline, plot_timeline


def labels(figure: Timeline) -> list[str]:
    """The lines of the picture."""
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def bars(figure: Timeline) -> Iterator[Any]:
    """Each bar: its phase, where it begins and ends."""
    phase_of = {color.lower(): phase for phase, color in COLORS.items()}
    for collection in figure.axes[0].collections:
        if isinstance(collection, PolyCollection):
            for path in collection.get_paths():
                box = path.get_extents()
                yield phase_of[to_hex(collection.get_facecolor()[0])], box.x0, box.x1  # type: ignore[arg-type]


def marks(figure: Timeline, marker: str) -> Any:
    """Where these marks are: second and line."""
    lines = [line for line in figure.axes[0].lines if line.get_marker() == marker]
    return [(float(x), float(y)) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]  # type: ignore[arg-type]


def legend(figure: Timeline) -> list[str]:
    """What is explained."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def server(connections: int, requests: int) -> list[LifeRecord]:
    """A root, so many connections, so many requests in each."""
    records = [life(1, None, (0, 0, 99, 99), owner_type="Root", task_type=TaskType.WORK)]
    for number in range(connections):
        id = 1000 * (number + 1)
        records.append(life(id, 1, (0, 0, 99, 99), owner_type="Connection", task_type=TaskType.JOB))
        records += [life(id + n, id, (n, n, n + 2, n + 2), owner_type="Request") for n in range(1, requests + 1)]
    return records


def test_phases_are_bars() -> None:
    """L10: one after another, in seconds since the first start."""
    figure = plot_timeline([life(1, None, (0, 1, 4, 6)), life(2, None, (3, 5, 6, 7))])
    assert sorted(bars(figure)) == [
        ("body", pytest.approx(1), pytest.approx(4)),
        ("body", pytest.approx(5), pytest.approx(6)),
        ("dispose", pytest.approx(4), pytest.approx(6)),
        ("dispose", pytest.approx(6), pytest.approx(7)),
        ("start", pytest.approx(0), pytest.approx(1)),
        ("start", pytest.approx(3), pytest.approx(5)),
    ]
    assert figure.axes[0].get_xlabel() == "seconds since the first start"


def test_the_tree_from_top_to_bottom() -> None:
    """Children below their parents, indented; the root at the top."""
    figure = plot_timeline(server(2, 1))
    indented = [(len(name) - len(name.lstrip()), name.lstrip()) for name in labels(figure)]
    assert indented == [
        (0, "Root#1"),
        (3, "Connection#1000"),
        (6, "Request#1001"),
        (3, "Connection#2000"),
        (6, "Request#2001"),
    ]
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top


def test_failures_steps_and_waits_are_marked() -> None:
    """R1, H3: a cross where a life failed, a tick for each step, a dotted line up to the next life."""
    steps = (Step("one", "", 0.5), Step("two", "", 1.5))
    records = [
        life(1, None, (0, 0, 2, 2), failed=True, final=False, steps=steps),
        life(1, None, (5, 5, 6, 6), number=2),
    ]
    figure = plot_timeline(records)
    assert marks(figure, "X") == [(pytest.approx(2), 0)]
    assert marks(figure, "|") == [(pytest.approx(0.5), 0), (pytest.approx(1.5), 0)]
    waits = [path.vertices.tolist() for one in figure.axes[0].collections[-1:] for path in one.get_paths()]  # type: ignore[union-attr]
    assert waits == [[[pytest.approx(2), 0], [pytest.approx(5), 0]]]
    assert legend(figure) == ["body", "step", "waits for another life", "failed"]


def test_a_task_that_never_started() -> None:
    """S2: a circle, where a bar would be of no length."""
    figure = plot_timeline([life(1, None, (0, 0, 1, 1)), life(2, None, (3, 3, 3, 4), number=0)])
    assert marks(figure, "o") == [(pytest.approx(4), 1)]
    assert legend(figure) == ["body", "never started"]


def test_siblings_share_a_line() -> None:
    """More tasks than lines: how many of one kind live at a time, below each parent."""
    figure = plot_timeline(server(3, 100), max_rows=10)
    assert [name.strip() for name in labels(figure)] == [
        "Root#1", "Connection#1000", "Request × 100", "Connection#2000", "Request × 100", "Connection#3000",
        "Request × 100",
    ]  # fmt: skip
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["at most 2 at a time"] * 3


def test_kinds_share_a_line() -> None:
    """Many more: all of one kind whose parents are of one kind, and the failures are still there."""
    failure = life(99_999, 1000, (50, 50, 51, 51), owner_type="Request", failed=True)
    figure = plot_timeline([*server(100, 10), failure])
    assert [name.strip() for name in labels(figure)] == ["Root#1", "Connection × 100", "Request × 1001"]
    assert marks(figure, "X") == [(pytest.approx(51), 2)]
    assert figure.axes[0].get_title(loc="left") == "1102 tasks, 1102 lives, 1 failure"
    assert legend(figure) == ["body", "how many live", "failed"]


def test_what_is_left_out_is_said() -> None:
    """Too many kinds: the deepest are left out, and the title on the right counts them."""
    figure = plot_timeline([life(id, id - 1 or None, owner_type=f"Kind{id}") for id in range(1, 101)], max_rows=10)
    assert len(labels(figure)) == 10
    assert figure.axes[0].get_title(loc="right") == "90 more tasks, deeper in the tree, are not shown"


def test_names_are_shown_as_they_are() -> None:
    """A key is no formula, and a long one is cut."""
    figure = plot_timeline([life(1, None, key=r"$\frac{$"), life(2, None, key="x" * 100)])
    figure.savefig(io.BytesIO())
    assert labels(figure)[0] == r"Part#1 $\frac{$"
    assert labels(figure)[1].endswith("xxx…")


def test_nothing_yet() -> None:
    """It says so."""
    figure = plot_timeline([])
    assert [text.get_text() for text in figure.axes[0].texts] == ["no life is over yet"]


def test_no_lines_at_all() -> None:
    """Bad input is refused at once."""
    with pytest.raises(ValueError, match="at least 1, not 0"):
        plot_timeline([], max_rows=0)


@settings(max_examples=10, deadline=None)
@given(sessions())
def test_any_session_can_be_drawn(records: list[LifeRecord]) -> None:
    """Whatever the tree and the times, with few lines and with many."""
    for max_rows in (1, 4, 40):
        figure = plot_timeline(records, max_rows=max_rows)
        assert 1 <= len(labels(figure)) <= max_rows
        figure.draw_without_rendering()


def test_a_picture_is_the_same_each_time() -> None:
    """Without the time and the version in it, so that a notebook that is run again is not changed by it."""
    assert plot_timeline(server(2, 3))._repr_png_() == plot_timeline(server(2, 3))._repr_png_()


def test_ten_thousand_lives() -> None:
    """A full history takes seconds, not minutes."""
    began = time.process_time()
    figure = plot_timeline(server(100, 99))
    figure._repr_png_()
    assert time.process_time() - began < 20
    assert figure.get_size_inches()[1] < 12


async def test_the_history_of_a_tree(root: RootManager[Any, Any]) -> None:
    """H5: drawn from what really happened."""

    class Flaky(Task):
        retry = RetryPolicy(1, 3.0)

        async def go(self) -> None:
            await anyio.sleep(2)
            raise OSError("again")

    await root.add_task(Flaky(), key="f").wait_stopped()
    figure = root.history.plot_timeline(names={root.task_id: "Root"})
    assert [name.strip() for name in labels(figure)] == ["Root", f"Flaky#{root.history.records()[0].id} f"]  # type: ignore[arg-type]
    assert [(round(x), y) for x, y in marks(figure, "X")] == [(2, 1), (7, 1)]  # type: ignore[arg-type]


def test_a_name_that_is_no_unicode() -> None:
    """As that of a file from elsewhere: it is written with a backslash, where matplotlib would refuse it."""
    figure = plot_timeline([life(1, None, key="caf\udce9")])
    assert labels(figure) == ["Part#1 caf\\udce9"]
    assert figure._repr_png_().startswith(b"\x89PNG")
