"""H3, H4, H7: what a task tells about itself: steps, descriptions, log records."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from gotask import RootManager, Step, Task
from gotask.testing import EventRecorder
from gotask.tracing import TRACE


class Idle(Task[None]):
    pass


class Climber(Task[None]):
    async def go(self) -> None:
        self.step("camp")
        await anyio.sleep(5)
        self.step("summit", "8,849 m")


# Steps


async def test_steps_are_kept_with_their_time(root: RootManager[Any, Any]) -> None:
    """H3: a step has a name, a detail, and the seconds since its life began."""
    task = root.add_task(Climber())
    await task
    camp, summit = task.steps
    assert camp == Step("camp", "", 0.0)
    assert (summit.name, summit.detail) == ("summit", "8,849 m")
    assert summit.at == pytest.approx(5.0)


async def test_steps_are_in_the_history(root: RootManager[Any, Any]) -> None:
    """H3: the record of a life has its steps."""
    task = root.add_task(Climber())
    await task
    [record] = root.history.records(owner_type="Climber")
    assert record.steps == task.steps


async def test_observers_hear_of_steps(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """H3: an observer is told of each step when it is recorded."""
    await root.add_task(Climber())
    assert [event.what for event in recorder.of("step_recorded")] == ["camp", "summit"]


async def test_another_life_has_steps_of_its_own(root: RootManager[Any, Any]) -> None:
    """H3: a life begins without steps."""
    task = root.add_task(Climber())
    await anyio.sleep(6)
    task.restart()
    await anyio.sleep(1)
    assert [step.name for step in task.steps] == ["camp"]


def test_a_step_before_the_tree() -> None:
    """H3: a step of a task that is in no tree yet is kept, at time 0."""
    assert not Idle().steps
    task = Idle()
    task.step("packed")
    assert task.steps == (Step("packed", "", 0.0),)


def test_what_is_no_text_becomes_one() -> None:
    """H3, H5: an exception as detail is the first thing one tries; the history and the dashboard keep texts."""
    task = Idle()
    task.step(7, ValueError("no signal"))  # type: ignore[arg-type]
    assert task.steps == (Step("7", "no signal", 0.0),)


# Descriptions


def test_descriptions_are_set_read_and_removed() -> None:
    """H4: any value under a string key; what is set later wins, what is not there has the default."""
    task = Idle()
    assert task.descriptions == {}
    task.set_descriptions({"file": "a.mp4", "frames": 1})
    task.set_description("frames", [1, 2])
    assert task.descriptions == {"file": "a.mp4", "frames": [1, 2]}
    assert task.get_description("frames") == [1, 2]
    assert task.get_description("size", 0) == 0
    task.remove_description("file")
    task.remove_description("file")
    assert task.descriptions == {"frames": [1, 2]}


def test_removing_from_nothing() -> None:
    """H4: to remove a description there never was is fine."""
    task = Idle()
    task.remove_description("file")
    assert task.descriptions == {}


def test_descriptions_cannot_be_changed_through_the_view() -> None:
    """H4: `descriptions` is for reading."""
    task = Idle()
    with pytest.raises(TypeError):
        task.descriptions["file"] = "b.mp4"  # type: ignore[index]


def test_a_key_is_a_string() -> None:
    """H4: another key is refused, and nothing of the call is kept."""
    task = Idle()
    with pytest.raises(TypeError, match="is a string, not 7"):
        task.set_descriptions({"file": "a.mp4", 7: "seven"})  # type: ignore[dict-item]
    assert task.descriptions == {}


async def test_the_history_has_descriptions_as_text(root: RootManager[Any, Any]) -> None:
    """H4: they are copied as text when the life ends; what is changed afterwards changes no record."""
    task = root.add_task(Climber())
    task.set_description("peak", {"height": 8849})
    await task
    task.set_description("peak", "another")
    [record] = root.history.records(owner_type="Climber")
    assert record.descriptions == {"peak": "{'height': 8849}"}


# Logging


async def test_records_carry_id_path_and_fields(root: RootManager[Any, Any], caplog: pytest.LogCaptureFixture) -> None:
    """H7: one logger for each task type; the record has the task's id and path, and the fields as they were given."""
    caplog.set_level(logging.INFO, "gotask")
    task = root.add_task(Idle())
    task.info("waiting", seconds=3, why="no work")
    [record] = [record for record in caplog.records if record.name == "gotask.Idle"]
    assert record.getMessage() == "waiting seconds=3 why='no work'"
    assert (record.task_id, record.task_path) == (task.task_id, task.execution_path)  # type: ignore[attr-defined]
    assert record.task_fields == {"seconds": 3, "why": "no work"}  # type: ignore[attr-defined]
    assert record.filename == "test_notes.py"


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("trace", TRACE),
        ("debug", logging.DEBUG),
        ("info", logging.INFO),
        ("warn", logging.WARNING),
        ("error", logging.ERROR),
    ],
)
def test_each_level_has_a_method(name: str, level: int, caplog: pytest.LogCaptureFixture) -> None:
    """H7: trace, debug, info, warn and error log at their levels, also in no tree."""
    caplog.set_level(TRACE, "gotask")
    getattr(Idle(), name)("100 % of it")
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (level, "100 % of it")
    assert record.task_path == "Idle"  # type: ignore[attr-defined]


def test_what_is_not_wanted_is_not_made(caplog: pytest.LogCaptureFixture) -> None:
    """H7: below the level nothing is logged, and no field is turned into text; `trace_enabled` tells beforehand."""

    class Costly:
        def __repr__(self) -> str:
            raise AssertionError("this should not be formatted")

    task = Idle()
    caplog.set_level(logging.INFO, "gotask")
    task.trace("no", value=Costly())
    task.debug("no", value=Costly())
    assert caplog.records == []
    assert not task.trace_enabled
    caplog.set_level(TRACE, "gotask")
    assert task.trace_enabled


def test_the_level_has_a_name() -> None:
    """H7: trace records say TRACE, not "Level 5"."""
    assert logging.getLevelName(TRACE) == "TRACE"
