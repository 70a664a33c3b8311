"""H5: the lives that are over."""

from __future__ import annotations

import dataclasses
import gc
import logging
import pickle
import time
import weakref
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

import gotask
from gotask import (
    Exit,
    History,
    Job,
    LifeRecord,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskState,
    TaskType,
    Work,
)
from gotask.testing import run_virtual

Root = RootManager[Any, Any]


class Nap(Task):
    async def start(self) -> None:
        await anyio.sleep(1)

    async def go(self) -> None:
        await anyio.sleep(2)

    async def dispose(self) -> None:
        await anyio.sleep(3)


class Failing(Task):
    async def go(self) -> None:
        raise ValueError("why")


class Broken(Task):
    async def start(self) -> None:
        raise OSError("no port")


class Quick(Task):
    async def go(self) -> None:
        pass


# What a record says


async def test_a_record_has_the_facts_of_a_life(root: Root) -> None:
    """H5: a record says what was, by whom, how long and why it ended."""
    task = root.add_task(Nap(), key=("a", 1))
    await task
    (record,) = root.history.records(id=task.task_id)
    assert (record.id, record.parent_id, record.key) == (task.task_id, root.task_id, "('a', 1)")
    assert (record.owner_type, record.task_type, record.level, record.life) == ("Nap", TaskType.TASK, 1, 1)
    assert (record.reason, record.reason_type) == ("", "TaskComplete")
    assert (record.failed, record.final, record.state) == (False, True, TaskState.DISPOSED)
    assert (record.retries, record.dispose_errors, record.abandoned) == (0, (), False)
    assert record.start_reason == task.start_reason
    assert record.timings == task.timings
    assert record.duration == pytest.approx(6)
    timings = record.timings
    assert [timings.start, timings.body, timings.dispose] == pytest.approx([1, 2, 3])


async def test_a_record_has_wall_clock_times(root: Root) -> None:
    """H5: `started_at` and `ended_at` are seconds since the epoch."""
    before = time.time()
    await root.add_task(Nap())
    (record,) = root.history.records(owner_type="Nap")
    assert record.ended_at - record.started_at == pytest.approx(6)
    assert abs(record.started_at - before) < 60


async def test_each_life_has_a_record(root: Root) -> None:
    """H5, R1: a retried task has a record for each life; only the last one is final."""
    task = root.add_task(Failing(), retry=RetryPolicy(2, 1.0))
    await task.wait_stopped()
    records = root.history.records(id=task.task_id)
    assert [record.life for record in records] == [1, 2, 3]
    assert [record.state for record in records] == [TaskState.RETRYING, TaskState.RETRYING, TaskState.DISPOSED]
    assert [record.reason_type for record in records] == ["ValueError", "ValueError", "RetryExhausted"]
    assert [record.failed for record in records] == [True, True, True]
    assert records[0].reason == "why"


async def test_each_record_has_the_times_of_its_own_life(root: Root) -> None:
    """L10, H5: lives before it and the back-off between them are in none of its phases."""

    class Slow(Failing):
        async def go(self) -> None:
            await anyio.sleep(2)
            await super().go()

    task = root.add_task(Slow(), retry=RetryPolicy(2, 10.0))
    await task.wait_stopped()
    records = root.history.records(id=task.task_id)
    assert [record.timings.queued for record in records] == [0, 0, 0]
    assert [record.duration for record in records] == pytest.approx([2, 2, 2])
    assert task.duration == pytest.approx(2 + 10 + 2 + 20 + 2)


async def test_a_failed_start_has_a_record(root: Root) -> None:
    """H5: a life that failed in `start` has a record without a body."""
    task = root.add_task(Broken())
    await task.wait_stopped()
    (record,) = root.history.records(id=task.task_id)
    assert (record.failed, record.reason_type, record.timings.body) == (True, "OSError", 0)


async def test_a_task_that_never_started_has_a_record(root: Root) -> None:
    """H5, S2: it is in the history as life 0."""
    task = root.add_task(Nap())
    task.stop()
    await task.wait_stopped()
    (record,) = root.history.records(id=task.task_id)
    assert (record.life, record.failed, record.reason_type) == (0, False, "StopByUser")
    assert record.timings.start == 0


async def test_what_was_abandoned_is_marked(root: Root) -> None:
    """H5, S5: a life that was given up is marked."""

    class Hanging(Task):
        dispose_timeout = 1

        async def dispose(self) -> None:
            await anyio.sleep_forever()

    task = root.add_task(Hanging())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    (record,) = root.history.records(id=task.task_id)
    assert record.abandoned


async def test_dispose_errors_are_in_the_record(root: Root) -> None:
    """H5, D5: as text."""

    class Clumsy(Quick):
        def dispose(self) -> None:
            raise KeyError("dropped")

    task = root.add_task(Clumsy())
    await task
    (record,) = root.history.records(id=task.task_id)
    assert record.dispose_errors == ("KeyError('dropped')",)
    assert not record.failed


async def test_newest_last(root: Root) -> None:
    """H5: records are in the order in which the lives ended: children before their Job, the root last."""
    job = root.add_task(Work())
    await job.wait_started()
    child = job.add_task(Nap())
    other = job.add_task(Nap())
    await other.wait_started()
    report_root = root
    job.stop()
    await job.wait_stopped()
    assert [record.id for record in report_root.history] == [other.task_id, child.task_id, job.task_id]


async def test_the_record_of_the_root_itself() -> None:
    """H5: the root's own life is the last one."""
    root: Root = RootManager()
    async with root:
        await root.add_task(Quick())
    *_, last = root.history
    assert (last.id, last.parent_id, last.level, last.reason_type) == (root.task_id, None, 0, "Exit")


async def test_a_record_is_frozen(root: Root) -> None:
    """H5: records cannot be changed."""
    await root.add_task(Quick())
    (record,) = root.history
    with pytest.raises(AttributeError, match="cannot be changed: id"):
        record.id = 0
    with pytest.raises(AttributeError, match="cannot be changed: id"):
        del record.id


async def test_records_are_values(root: Root) -> None:
    """H5: records that say the same are equal, and a record goes through pickle as it is."""
    task = root.add_task(Quick(), descriptions={"colour": "red"})
    task.step("one")
    await task
    await root.add_task(Quick())
    record, other = root.history
    copied = pickle.loads(pickle.dumps(record))
    assert copied == record
    assert hash(copied) == hash(record)
    assert copied != other
    assert copied.as_dict() == record.as_dict()
    assert (copied.descriptions, copied.steps) == (record.descriptions, record.steps)
    assert f"Quick#{task.task_id}, life 1: TaskComplete" in repr(record)


# No references


class Reason(Exception):
    pass


async def test_the_history_holds_no_task(root: Root) -> None:
    """H5: the history keeps no task, no frame, no exception and no value alive."""

    class Thing:
        pass

    class Heavy(Task):
        async def go(self) -> None:
            self.local = Thing()
            self.set_description("thing", self.local)
            self.step("a step")
            raise Reason("why")

        async def dispose(self) -> None:
            raise Reason("in dispose")

    dead: list[weakref.ref[Any]] = []

    async def live() -> None:
        task = root.add_task(Heavy(), key=Thing(), descriptions={"other": Thing()})
        dead.append(weakref.ref(task.key))
        reason = await task.wait_stopped()
        assert isinstance(reason, Reason)
        dead.extend([weakref.ref(task), weakref.ref(reason), weakref.ref(task.local)])
        dead.extend(weakref.ref(error) for error in task.dispose_errors)

    logging.disable()  # pytest keeps log records, and they keep the exception
    await live()
    await root.call(lambda: None)
    logging.disable(logging.NOTSET)
    gc.collect()
    (record,) = root.history.records(owner_type="Heavy")
    assert record.reason == "why"
    assert len(dead) == 5
    assert [ref() for ref in dead] == [None] * 5


class Buffer:
    """Something large, in the hands of a body."""


class Holds(Task):
    """Has a buffer in its hands when it fails."""

    def __init__(self, seen: list[weakref.ref[Any]]) -> None:
        self.seen = seen

    async def go(self) -> None:
        buffer = Buffer()
        self.seen.append(weakref.ref(buffer))
        raise Reason("why")


class HoldsTwice(Holds):
    """The same, in two lives: the reason is RetryExhausted, its cause the failure."""

    retry = RetryPolicy(1)


class HoldsBelow(Job):
    """The same in a child: the reason is AutoStop, with the failure in it."""

    def __init__(self, seen: list[weakref.ref[Any]]) -> None:
        self.seen = seen

    def start(self) -> None:
        self.add_task(Holds(self.seen))


@pytest.mark.parametrize("kind", [Holds, HoldsTwice, HoldsBelow])
async def test_a_tree_does_not_keep_what_failed_last(root: Root, kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    """H5: nor does it keep a reason because it described it last; that would keep the frames of the failures in it."""
    caplog.set_level("CRITICAL", "gotask")  # pytest keeps log records, and they keep the exception
    seen: list[weakref.ref[Any]] = []
    root.add_task(kind(seen))
    await anyio.sleep(10)
    gc.collect()
    assert seen
    assert [held() for held in seen] == [None] * len(seen)


async def test_a_record_holds_only_text_and_numbers(root: Root) -> None:
    """H5: every field of a record is plain, down to the last element."""
    task = root.add_task(Failing(), key=object(), descriptions={"x": object()})
    task.step("one", "two")
    await task.wait_stopped()

    def plain(value: object) -> bool:
        if isinstance(value, Mapping):
            return all(map(plain, [*value, *value.values()]))
        if isinstance(value, tuple):
            return all(map(plain, value))
        if isinstance(value, LifeRecord):
            return all(map(plain, value.as_dict().values()))
        if dataclasses.is_dataclass(value):
            return all(plain(getattr(value, field.name)) for field in dataclasses.fields(value))
        return value is None or isinstance(value, str | int | float | bool)

    assert all(plain(record) for record in root.history.records(id=task.task_id))


# How many


async def test_the_history_is_bounded() -> None:
    """H5: `RootManager(history=n)` keeps the last n lives."""
    async with RootManager(history=3) as root:
        tasks = []
        for _ in range(5):
            tasks.append(root.add_task(Quick()))
            await tasks[-1]
        assert len(root.history) == 3
        assert [record.id for record in root.history] == [task.task_id for task in tasks[2:]]


async def test_the_history_may_be_off() -> None:
    """H5: with 0 nothing is kept."""
    async with RootManager(history=0) as root:
        await root.add_task(Quick())
        assert list(root.history) == []


async def test_the_history_is_on_by_default() -> None:
    """H5: by default the last 10,000 lives are kept."""
    async with RootManager() as root:
        for _ in range(10_050):
            root.add_task(Task()).stop()
        last = root.add_task(Task())
        await last.wait_started()
        assert len(root.history) == 10_000


async def test_reading_while_lives_end(root: Root) -> None:
    """H5: iterating gives the records of that moment."""
    await root.add_task(Quick())
    records = iter(root.history)
    await root.add_task(Quick())
    assert len(list(records)) == 1
    assert len(root.history) == 2


# Filters


@pytest.fixture
async def mixed(root: Root) -> Root:
    """A tree in which different lives have ended."""
    await root.add_task(Quick())
    await root.add_task(Failing(), retry=RetryPolicy(1, 10.0)).wait_stopped()
    await anyio.sleep(1)
    await root.add_task(Broken()).wait_stopped()
    await anyio.sleep(1)
    nap = root.add_task(Nap())
    await nap.wait_started()
    nap.stop()
    await nap.wait_stopped()
    return root


def names(records: list[LifeRecord]) -> list[str]:
    return [f"{record.owner_type} {record.reason_type}" for record in records]


async def test_no_filter_gives_all(mixed: Root) -> None:
    """H5: without filters all records are given."""
    assert names(mixed.history.records()) == [
        "Quick TaskComplete", "Failing ValueError", "Failing RetryExhausted", "Broken OSError", "Nap StopByUser",
    ]  # fmt: skip


async def test_filter_by_id(mixed: Root) -> None:
    """H5: by id."""
    number = mixed.history.records()[1].id
    assert [record.life for record in mixed.history.records(id=number)] == [1, 2]
    assert mixed.history.records(id=-1) == []


async def test_filter_by_owner_type(mixed: Root) -> None:
    """H5: by owner type."""
    assert names(mixed.history.records(owner_type="Broken")) == ["Broken OSError"]


async def test_filter_by_state(mixed: Root) -> None:
    """H5: by what followed: another life, or none."""
    assert names(mixed.history.records(state=TaskState.RETRYING)) == ["Failing ValueError"]
    assert len(mixed.history.records(state=TaskState.DISPOSED)) == 4


@pytest.mark.parametrize("reason", [StopByUser, "StopByUser"])
async def test_filter_by_reason(mixed: Root, reason: Any) -> None:
    """H5: by the reason's class, or its name."""
    assert names(mixed.history.records(reason=reason)) == ["Nap StopByUser"]
    assert mixed.history.records(reason=Exit) == []
    assert names(mixed.history.records(reason=TaskComplete)) == ["Quick TaskComplete"]


async def test_filter_by_time(mixed: Root) -> None:
    """H5: by when the life was started."""
    first, *_, broken, last = mixed.history.records()
    assert names(mixed.history.records(since=broken.started_at)) == ["Broken OSError", "Nap StopByUser"]
    assert names(mixed.history.records(since=broken.started_at + 0.5)) == ["Nap StopByUser"]
    assert names(mixed.history.records(until=broken.started_at - 0.5, failed=False)) == ["Quick TaskComplete"]
    assert names(mixed.history.records(since=broken.started_at, until=broken.started_at)) == ["Broken OSError"]
    assert mixed.history.records(since=last.started_at + 1000) == []
    assert mixed.history.records(until=first.started_at - 1) == []


async def test_filter_by_failure(mixed: Root) -> None:
    """H5: only failures, or only the others."""
    assert names(mixed.history.records(failed=True)) == [
        "Failing ValueError",
        "Failing RetryExhausted",
        "Broken OSError",
    ]
    assert names(mixed.history.records(failed=False)) == ["Quick TaskComplete", "Nap StopByUser"]


async def test_filters_together(mixed: Root) -> None:
    """H5: all filters given must fit."""
    assert names(mixed.history.records(failed=True, state=TaskState.DISPOSED, owner_type="Failing")) == [
        "Failing RetryExhausted"
    ]


async def test_limit_gives_the_newest(mixed: Root) -> None:
    """H5: `limit` gives the newest ones, newest last."""
    assert names(mixed.history.records(limit=2)) == ["Broken OSError", "Nap StopByUser"]
    assert names(mixed.history.records(limit=1, failed=True)) == ["Broken OSError"]
    assert mixed.history.records(limit=0) == []
    assert len(mixed.history.records(limit=100)) == 5


async def test_offset_leaves_out_the_newest(mixed: Root) -> None:
    """H5: `offset` leaves out so many of the newest, so that pages can be made."""
    assert names(mixed.history.records(limit=2, offset=1)) == ["Failing RetryExhausted", "Broken OSError"]
    assert names(mixed.history.records(offset=3)) == ["Quick TaskComplete", "Failing ValueError"]
    assert mixed.history.records(offset=100) == []
    assert names(gotask.get_task_history(parent_id=mixed.task_id, limit=1, offset=2)) == ["Failing RetryExhausted"]


async def test_filter_by_parent_and_type(root: Root) -> None:
    """H5: by the id of the parent, and by the kind of task."""
    job = root.add_task(Job())
    await job.wait_started()
    await job.add_task(Quick())
    await job.wait_stopped()
    assert names(root.history.records(parent_id=job.task_id)) == ["Quick TaskComplete"]
    assert names(root.history.records(task_type=TaskType.JOB)) == ["Job AutoStop"]


# Over all roots


async def test_get_task_history_is_over_all_roots(root: Root) -> None:
    """H5: `get_task_history` gives the records of all roots, newest last, with the same filters."""

    class Marked(Quick):
        pass

    async with RootManager() as other:
        for one in (root, other, root):
            await anyio.sleep(1)
            await one.add_task(Marked())
        found = gotask.get_task_history(owner_type="Marked")
        records = [record for record in found if record.parent_id in (root.task_id, other.task_id)]
        assert [record.parent_id for record in records] == [root.task_id, other.task_id, root.task_id]
        assert gotask.get_task_history(owner_type="Marked", limit=len(found)) == found
        assert gotask.get_task_history(owner_type="Marked", limit=1) == found[-1:]
        assert gotask.get_task_history(owner_type="Marked", limit=0) == []


def test_the_history_is_there_after_the_end() -> None:
    """H5: a root that was shut down has its history as long as it is there, and then it is gone."""

    class Kept(Quick):
        pass

    async def main(root: Root) -> None:
        async with root:
            await root.add_task(Kept())

    root: Root = RootManager()
    run_virtual(main, root)
    assert len(root.history.records(owner_type="Kept")) == 1
    assert len(gotask.get_task_history(owner_type="Kept")) == 1
    del root
    gc.collect()
    assert gotask.get_task_history(owner_type="Kept") == []


async def test_the_records_of_a_job_and_its_children(root: Root) -> None:
    """D7, H5: a record has its own id and its parent's, so that the tree can be put together again."""

    class Pair(Job):
        async def start(self) -> None:
            self.add_task(Quick())
            self.add_task(Quick())

    job = root.add_task(Pair())
    await job.wait_stopped()
    children = [record for record in root.history if record.parent_id == job.task_id]
    assert [record.level for record in children] == [2, 2]
    (own,) = root.history.records(id=job.task_id)
    assert (own.task_type, own.reason_type) == (TaskType.JOB, "AutoStop")


@pytest.mark.parametrize("limit", [-1, 1.5, "all", None])
def test_a_wrong_length_is_refused(limit: Any) -> None:
    """H5: the number of lives to keep is a whole number, 0 or more."""
    with pytest.raises(ValueError, match="history"):
        History(limit)
