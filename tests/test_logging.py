"""H7: what tasks log."""

from __future__ import annotations

import logging
import sys
from typing import Any

import anyio
import pytest

import gotask
from gotask import RootManager, Task

Root = RootManager[Any, Any]


class HelloTask(Task):
    async def go(self) -> None:
        await anyio.sleep_forever()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that is logged, at every level."""
    caplog.set_level(1, "gotask")
    return caplog


async def test_the_logger_is_named_after_the_owner_type(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: one logger per task type, under `gotask`."""
    root.add_task(HelloTask()).info("one")
    root.add_task(HelloTask(), name="Other").info("two")
    root.info("three")
    assert [record.name for record in log.records] == ["gotask.Hello", "gotask.Other", "gotask.RootManager"]


async def test_the_record_has_id_and_path(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: the record has the task's id and path."""
    task = root.add_task(HelloTask())
    task.info("hello")
    record: Any = log.records[0]
    assert record.task_id == task.task_id
    assert record.task_path == task.execution_path


def test_a_task_in_no_tree_may_log(log: pytest.LogCaptureFixture) -> None:
    """H7: before it is added a task logs as well."""
    task = HelloTask()
    task.warn("early")
    record: Any = log.records[0]
    assert record.task_id == task.task_id
    assert "Hello" in record.task_path


async def test_fields_follow_the_message(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: fields are shown as key=value, and are on the record as values."""
    thing = object()
    root.add_task(HelloTask()).info("hello", name="x y", size=3, thing=thing)
    record: Any = log.records[0]
    assert record.getMessage() == f"hello name='x y' size=3 thing={thing!r}"
    assert record.task_fields == {"name": "x y", "size": 3, "thing": thing}


async def test_fields_may_be_named_like_parts_of_a_record(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: no name of a field is refused by logging."""
    root.add_task(HelloTask()).info("hello", args=1, msg=2, levelname=3, exc_info=4, task_id=5, extra=6, level=7)
    assert log.records[0].getMessage() == ("hello args=1 msg=2 levelname=3 exc_info=4 task_id=5 extra=6 level=7")


async def test_a_field_may_be_named_message(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: nor is `message` or `self`, which the log methods have themselves."""
    root.add_task(HelloTask()).info("hello", message="m", self="s")
    assert log.records[0].getMessage() == "hello message='m' self='s'"


async def test_percent_signs_are_left_alone(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: without arguments the message is no format."""
    root.add_task(HelloTask()).info("100 % of %s", rate="5 %d")
    assert log.records[0].getMessage() == "100 % of %s rate='5 %d'"


async def test_arguments_as_with_logging(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: `%` puts them into the message; fields follow it."""
    root.info("%d of %s, 100%%", 5, "9%", speed="5%")
    assert log.messages[-1] == "5 of 9%, 100% speed='5%'"


async def test_a_field_that_cannot_be_shown(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: a value whose `repr` fails does not fail the task that logs it."""

    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("not me")

    root.add_task(HelloTask()).info("hello", shy=Shy())
    assert log.records[0].getMessage() == "hello shy=<Shy: RuntimeError>"


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("debug", logging.DEBUG),
        ("info", logging.INFO),
        ("warn", logging.WARNING),
        ("error", logging.ERROR),
        ("trace", 5),
    ],
)
async def test_levels(root: Root, log: pytest.LogCaptureFixture, method: str, level: int) -> None:
    """H7: each method has its level; `trace` is below DEBUG, and called TRACE."""
    getattr(root.add_task(HelloTask()), method)("hello")
    assert log.records[0].levelno == level
    assert logging.getLevelName(5) == "TRACE"


@pytest.mark.parametrize("method", ["debug", "info", "warn", "error", "trace"])
async def test_the_record_points_at_the_line_of_the_user(
    root: Root, log: pytest.LogCaptureFixture, method: str
) -> None:
    """H7: file, line and function of the record are those of the call, not of the library."""
    task = root.add_task(HelloTask())
    line = sys._getframe().f_lineno + 1
    getattr(task, method)("hello")
    record = log.records[0]
    assert (record.filename, record.lineno) == ("test_logging.py", line)
    assert record.funcName == "test_the_record_points_at_the_line_of_the_user"


async def test_what_is_not_enabled_is_not_made(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """H7: a message below the level costs no text."""

    class Counting:
        count = 0

        def __repr__(self) -> str:
            self.count += 1
            return "counting"

    caplog.set_level(logging.INFO, "gotask")
    task, value = root.add_task(HelloTask()), Counting()
    task.debug("hello", value=value)
    assert value.count == 0
    assert caplog.records == []


async def test_trace_enabled(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """H7: `trace_enabled` says whether `trace` would log."""
    task = root.add_task(HelloTask())
    caplog.set_level(logging.DEBUG, "gotask")
    assert not task.trace_enabled
    caplog.set_level(5, "gotask.Hello")
    assert task.trace_enabled


async def test_a_logger_of_its_own(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7: `add_task(logger=…)` logs there instead."""
    log.set_level(1, "mine")
    task = root.add_task(HelloTask(), logger=logging.getLogger("mine"))
    task.info("hello")
    record: Any = log.records[0]
    assert (record.name, record.task_id) == ("mine", task.task_id)


async def test_a_failure_is_logged_by_the_logger_of_the_task(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7, M7: a failure is logged at ERROR, with its traceback, id and path."""

    class Failing(Task):
        async def go(self) -> None:
            raise ValueError("why")

    task = root.add_task(Failing())
    await task.wait_stopped()
    (record,) = [record for record in log.records if record.levelno == logging.ERROR]
    assert record.name == "gotask.Failing"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
    assert getattr(record, "task_path", None) == task.execution_path


async def test_a_retry_is_logged_as_a_warning(root: Root, log: pytest.LogCaptureFixture) -> None:
    """H7, R2: a failure that is retried is a warning that says when."""

    class Failing(Task):
        retry = gotask.RetryPolicy(1, 5.0)

        async def go(self) -> None:
            raise ValueError("why")

    task = root.add_task(Failing())
    await anyio.sleep(1)
    (record,) = [record for record in log.records if record.levelno == logging.WARNING]
    assert "in 5 s" in record.getMessage()
    assert task.execution_path in record.getMessage()


async def test_a_calm_tree_logs_nothing(log: pytest.LogCaptureFixture) -> None:
    """H7: tasks that start, end and are stopped are no news."""
    async with RootManager() as root:
        task = root.add_task(HelloTask())
        await task.wait_started()
        task.stop()
        await task.wait_stopped()
        await root.add_task(anyio.sleep, 1)
    assert log.records == []
