"""H6: the tree for other threads, and what has changed since they last looked."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from typing import Any

import anyio
import pytest

from gotask import Job, LiveTree, RetryPolicy, RootManager, Subscription, Task, TaskRow, TaskState, Work, snapshot

Root = RootManager[Any, Any]
S = TaskState


class Sleeper(Task):
    async def go(self) -> None:
        await anyio.sleep(5)


class Flaky(Task):
    retry = RetryPolicy(2, 3.0)
    lives = 0

    async def go(self) -> None:
        await anyio.sleep(1)
        self.lives += 1
        self.step("tries")
        if self.lives == 1:
            raise OSError("again")


class Slow(Task):
    async def start(self) -> None:
        await anyio.sleep(1)


class Polite(Task):
    async def dispose(self) -> None:
        await anyio.sleep(2)


@pytest.fixture
async def tree(root: Root) -> LiveTree:
    tree = LiveTree()
    root.observe(tree)
    return tree


def row_of(tree: LiveTree, task: Task[Any]) -> TaskRow:
    row = tree.row(task.task_id)
    assert row is not None
    return row


async def test_a_row_says_what_a_task_is(root: Root, tree: LiveTree) -> None:
    """H6: a row has place, kind, state, times and descriptions of a task, as plain values."""
    before = time.time()
    task = root.add_task(Sleeper(), key=("a", 1), descriptions={"colour": "red"}, name="Bed")
    await task.wait_started()
    task.step("asleep")
    row = row_of(tree, task)
    assert (row.id, row.parent_id, row.level) == (task.task_id, root.task_id, 1)
    assert (row.key, row.owner_type, row.task_type) == ("('a', 1)", "Bed", task.task_type)
    assert (row.state, row.life, row.step) == (S.GOING, 1, "asleep")
    assert row.descriptions == {"colour": "red"}
    assert row.start_reason == task.start_reason
    assert row.started_at is not None
    assert row.began_at is not None
    assert before - 1 < row.added_at <= row.began_at <= row.started_at
    assert (row.asked_at, row.stop_reason, row.retry_at, row.held_by) == (None, None, None, None)
    task.set_description("colour", "blue")
    assert row_of(tree, task).descriptions == {"colour": "blue"}
    assert row.descriptions == {"colour": "red"}


async def test_a_row_follows_the_retries(root: Root, tree: LiveTree) -> None:
    """H6, R2: in RETRYING a row says what failed, how often, and when the next life is due."""
    task = root.add_task(Flaky())
    await anyio.sleep(2)
    row = row_of(tree, task)
    assert (row.state, row.retries, row.max_retry, row.stop_reason) == (S.RETRYING, 1, 2, "again")
    assert row.started_at is not None
    assert row.retry_at == pytest.approx(row.started_at + 4)
    await anyio.sleep(2.5)
    row = row_of(tree, task)
    assert (row.state, row.life, row.retries, row.stop_reason, row.retry_at) == (S.GOING, 2, 1, None, None)


async def test_a_row_follows_a_stop(root: Root, tree: LiveTree) -> None:
    """H6: a row says when a stop was asked for, and why."""
    task = root.add_task(Polite())
    await task.wait_started()
    task.stop("enough")
    await anyio.sleep(1)
    row = row_of(tree, task)
    assert (row.state, row.stop_reason) == (S.DISPOSING, "enough")
    assert row.asked_at == row.started_at
    await task.wait_stopped()
    assert tree.row(task.task_id) is None


async def test_a_row_says_who_holds_up_the_loop(root: Root, tree: LiveTree) -> None:
    """H6, L5: the row of a Job names the child whose hook holds its loop up."""
    job = root.add_task(Work())
    await job.wait_started()
    slow = job.add_task(Slow())
    await anyio.sleep(0.5)
    assert row_of(tree, job).held_by == slow.task_id
    await slow.wait_started()
    assert row_of(tree, job).held_by is None


async def test_the_tree_counts_children(root: Root, tree: LiveTree) -> None:
    """H6: a row says how many children there are, run-tasks and replacements included."""

    class Caller(Task):
        async def go(self) -> None:
            await self.run_task(Sleeper())

    caller = root.add_task(Caller())
    await anyio.sleep(1)
    assert row_of(tree, caller).children == 1
    await caller
    assert len(tree) == row_of(tree, root).children + 1 == 1


def shape(rows: list[TaskRow]) -> list[tuple[Any, ...]]:
    return sorted(rows)


async def test_attached_late_it_is_the_same(root: Root, tree: LiveTree) -> None:
    """H6: an observer that comes in mid-flight sees the same tree as one that was there from the beginning."""

    class Caller(Task):
        async def go(self) -> None:
            self.set_description("who", "caller")
            await self.run_task(Sleeper())

    job = root.add_task(Job())
    await job.wait_started()
    job.add_task(Slow())
    job.add_task(Flaky())
    caller = job.add_task(Caller())
    old = root.add_task(Slow(), key="place")
    polite = root.add_task(Polite())
    for at in range(55):
        await anyio.sleep(0.1)
        late = LiveTree()
        root.observe(late)
        assert shape(late.rows()) == shape(tree.rows()), f"after {at} tenths"
        root.unobserve(late)
        if at == 12:
            root.replace_task("place", Sleeper())
            job.add_task(Sleeper())
            caller.step("waits")
            polite.stop("enough")
    assert old.state is S.DISPOSED
    ids = [row.id for row in tree.rows()]
    assert all(row.parent_id is None or row.parent_id in ids[: ids.index(row.id)] for row in tree.rows())


async def test_the_rows_are_those_of_a_snapshot(root: Root, tree: LiveTree) -> None:
    """H6: the same tasks, states and parents as `snapshot` has."""
    job = root.add_task(Work())
    await job.wait_started()
    for _ in range(10):
        job.add_task(Sleeper())
    await anyio.sleep(1)
    seen = {(one.id, one.state, one.level) for one in snapshot(root)}
    assert {(row.id, row.state, row.level) for row in tree.rows()} == seen


# Readers


class Copy:
    """What a reader knows after applying all changes."""

    def __init__(self, reader: Subscription) -> None:
        self.reader = reader
        self.rows: dict[int, TaskRow] = {}

    def update(self) -> int:
        changes = self.reader.take()
        for gone in changes.removed:
            del self.rows[gone]  # a KeyError: it was told of something it never knew
        self.rows.update({row.id: row for row in changes.rows})
        return len(changes.rows) + len(changes.removed)


async def test_a_reader_has_the_tree(root: Root, tree: LiveTree) -> None:
    """H6: whoever applies all changes has the tree as it is, however rarely it looks."""
    copies = [Copy(tree.subscribe()) for _ in range(3)]
    job = root.add_task(Work())
    await job.wait_started()
    for turn in range(60):
        if turn < 40:
            job.add_task((Sleeper, Flaky, Slow)[turn % 3]())
        if turn == 30:
            job.children[5].stop()
        await anyio.sleep(0.25)
        for every, one in zip((1, 7, 60), copies, strict=True):
            if turn % every == every - 1:
                one.update()
                assert one.rows == {row.id: row for row in tree.rows()}
    assert len(copies[2].rows) == len(tree) > 10


async def test_what_changes_often_is_told_once(root: Root, tree: LiveTree) -> None:
    """H6: a slow reader is told of each task once, however often it changed."""
    reader = tree.subscribe()
    task = root.add_task(Sleeper())
    await task.wait_started()
    for number in range(1000):
        task.set_description("number", number)
    changes = reader.take()
    assert {row.id for row in changes.rows} == {root.task_id, task.task_id}
    assert row_of(tree, task).descriptions == {"number": "999"}
    assert reader.take().rows == ()


async def test_what_came_and_went_unseen_is_not_told(root: Root, tree: LiveTree) -> None:
    """H6: a reader that does not look takes memory for the tasks that live, not for those that have been."""

    class Brief(Task):
        async def go(self) -> None:
            pass

    reader = tree.subscribe()
    reader.take()
    for _ in range(100):
        await root.add_task(Brief())
    assert len(reader._dirty) == 1
    changes = reader.take()
    assert [row.id for row in changes.rows] == [root.task_id]
    assert changes.removed == ()


async def test_a_reader_is_woken_once_until_it_takes(root: Root, tree: LiveTree) -> None:
    """H6: `wake` is called when there is something to take, and not again before it was taken."""
    woken: list[int] = []
    with tree.subscribe(lambda: woken.append(threading.get_ident())) as reader:
        assert len(reader.take().rows) == 1
        task = root.add_task(Sleeper())
        await task.wait_started()
        assert woken == [threading.get_ident()]
        reader.take()
        task.set_description("a", 1)
        task.set_description("b", 1)
        assert len(woken) == 2
        reader.take()
    task.set_description("c", 1)
    assert len(woken) == 2
    assert reader.take().rows == ()


async def test_readers_in_other_threads(root: Root, tree: LiveTree) -> None:
    """H6, M6: readers in other threads end with the same tree, and never see half a change."""
    over = threading.Event()
    copies: list[Copy] = []
    wrong: list[object] = []

    def read() -> None:
        woken = threading.Event()
        copy = Copy(tree.subscribe(woken.set))
        copies.append(copy)
        try:
            while not over.is_set():
                copy.update()
                woken.wait(0.01)
            copy.update()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    job = root.add_task(Work())
    await job.wait_started()
    for turn in range(300):
        job.add_task((Sleeper, Flaky, Slow)[turn % 3]())
        await anyio.sleep(0.05)
    over.set()
    for thread in threads:
        await anyio.to_thread.run_sync(thread.join)
    assert wrong == []
    assert [copy.rows for copy in copies] == [{row.id: row for row in tree.rows()}] * 3


async def test_a_row_is_of_one_moment(root: Root, tree: LiveTree) -> None:
    """H6, M6: another thread never sees a row of which one field has changed and another has not yet."""
    over = threading.Event()
    wrong: list[TaskRow] = []
    looks = 0

    def read() -> None:
        nonlocal looks
        while not over.is_set():
            for row in (*tree.rows(), *reader.take().rows):
                if (row.state is S.STARTING) != (row.started_at is None):
                    wrong.append(row)
            looks += 1

    tasks = [root.add_task(Sleeper()) for _ in range(50)]
    await tasks[-1].wait_started()
    reader = tree.subscribe()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=read)
    thread.start()
    try:
        rounds = 0
        while rounds < 50 or looks < 200:
            rounds += 1
            for task in tasks:
                tree.state_changed(task, S.RETRYING, S.STARTING)
                tree.state_changed(task, S.STARTING, S.STARTED)
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert wrong == []


async def test_reading_makes_no_rows(root: Root, tree: LiveTree) -> None:
    """H6: rows are made when a task changes, so a reader of a large tree has its lock for a moment only."""
    root.add_task(Sleeper())
    with tree.subscribe() as reader:
        taken = reader.take().rows
    for one, other, row in zip(tree.rows(), tree.rows(), taken, strict=True):
        assert one is other is row is tree.row(row.id)


async def test_it_holds_no_task(root: Root, tree: LiveTree) -> None:
    """H6: rows and readers keep no task alive."""
    reader = tree.subscribe()

    async def live() -> weakref.ref[Any]:
        task = root.add_task(Work(), key=object())  # with an async hook, the timers of the back end would hold it
        await task.wait_started()
        reader.take()
        task.stop()
        await task.wait_stopped()
        return weakref.ref(task)

    gone = await live()
    await root.call(lambda: None)
    gc.collect()
    assert gone() is None
    assert len(reader.take().removed) == 1


async def test_a_reader_has_things_done_in_the_thread_of_the_tree(root: Root, tree: LiveTree) -> None:
    """H6: from any thread, as soon as may be."""
    done: list[int] = []
    thread = threading.Thread(target=lambda: tree.soon(lambda: done.append(threading.get_ident())))
    thread.start()
    with anyio.fail_after(30):
        while not done:  # noqa: ASYNC110 - set by another thread
            await anyio.sleep(0.01)
    thread.join()
    assert done == [threading.get_ident()]


async def test_a_reader_has_things_done_later(root: Root, tree: LiveTree) -> None:
    """H6: after so many seconds, unless it is taken back."""
    done: list[str] = []
    tree.later(5, lambda: done.append("late"))
    tree.later(4, lambda: done.append("never")).cancel()
    await anyio.sleep(4.9)
    assert done == []
    await anyio.sleep(0.2)
    assert done == ["late"]
