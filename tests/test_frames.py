"""Lives as a table of pandas."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import anyio
import pandas
import pytest
from lives import life

from gotask import RootManager, Task
from gotask.frames import TYPES, to_frame
from gotask.records import NAMES, Step
from gotask.states import TaskType

LIVES = [
    life(1, None, (0, 0, 9.5, 10), owner_type="Root", task_type=TaskType.WORK, key="root"),
    life(2, 1, (1, 2, 4, 7), failed=True, final=False, steps=(Step("connect", "", 1.5),), descriptions={"n": "1"}),
    life(2, 1, (8, 8, 9, 9), number=2),
    life(3, 1, (5, 5, 5, 6), number=0),
]


def test_a_row_for_each_life() -> None:
    """H5: every field of a record is a column, the phases one each; the order is kept."""
    frame = to_frame(LIVES)
    assert set(frame.columns) == set(NAMES) - {"timings"} | {"queued", "start", "body", "dispose"}
    assert list(frame.columns) == list(TYPES)
    assert frame["id"].tolist() == [1, 2, 2, 3]
    assert frame["life"].tolist() == [1, 1, 2, 0]
    assert frame["failed"].tolist() == [False, True, False, False]
    assert frame["state"].tolist() == ["DISPOSED", "RETRYING", "DISPOSED", "DISPOSED"]
    assert frame["task_type"].tolist() == ["WORK", "TASK", "TASK", "TASK"]
    assert frame["steps"].map(len).tolist() == [0, 1, 0, 0]
    assert frame["descriptions"][1] == {"n": "1"}


def test_instants_are_utc() -> None:
    """To the microsecond, whatever the zone of the machine."""
    frame = to_frame(LIVES)
    assert str(frame["started_at"].dtype) == str(frame["ended_at"].dtype) == "datetime64[us, UTC]"
    assert frame["ended_at"][0] == pandas.Timestamp("2026-09-21T14:13:30Z")


def test_durations_are_seconds() -> None:
    """L10: numbers that add up to the duration."""
    frame = to_frame(LIVES)
    phases = frame[["queued", "start", "body", "dispose"]]
    assert phases.loc[1].tolist() == [0, 1, 2, 3]
    assert phases.sum(axis=1).tolist() == pytest.approx(frame["duration"].tolist())


def test_the_root_has_no_parent() -> None:
    """D7: that is a missing value, and the others stay whole numbers."""
    assert to_frame(LIVES)["parent_id"].tolist() == [pandas.NA, 1, 1, 1]


def test_types_do_not_depend_on_the_lives() -> None:
    """A table of none has the columns and types of any other, so tables can be joined."""
    full, empty = to_frame(LIVES).dtypes, to_frame([]).dtypes
    assert full.index.tolist() == empty.index.tolist()
    assert [str(kind) for kind in full] == [str(kind) for kind in empty]


async def test_the_history_of_a_tree(root: RootManager[Any, Any]) -> None:
    """H5: what the history holds, with all kinds of descriptions as text."""

    class Sleeper(Task):
        async def go(self) -> None:
            await anyio.sleep(5)

    for n in range(3):
        await root.add_task(Sleeper(), descriptions={"n": n})
    frame = root.history.to_frame()
    assert frame.groupby("owner_type", observed=True)["body"].sum()["Sleeper"] == pytest.approx(15)
    assert [one["n"] for one in frame["descriptions"]] == ["0", "1", "2"]


@pytest.mark.parametrize(("call", "package"), [("to_frame", "pandas"), ("plot_timeline", "matplotlib")])
def test_without_the_extra(call: str, package: str) -> None:
    """What is missing is named, with the command that installs it."""
    code = f"import sys; sys.modules['{package}'] = None; import gotask; gotask.History().{call}()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert f"needs {package}: pip install 'gotask[notebook]'" in done.stderr
