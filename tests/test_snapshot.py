"""snapshot: a tree as plain values, and as text."""

from __future__ import annotations

import dataclasses
from typing import Any

import anyio
import pytest

import gotask
from gotask import RetryPolicy, RootManager, Task, TaskSnapshot, TaskState, TaskType, Work

Root = RootManager[Any, Any]


class Sleeper(Task):
    async def go(self) -> None:
        await anyio.sleep_forever()


class Holder(Task):
    async def run(self) -> None:
        await anyio.sleep_forever()


class Flaky(Task):
    retry = RetryPolicy(5, 100.0)

    async def go(self) -> None:
        raise OSError("again")


async def small_tree(root: Root) -> tuple[Work, Sleeper, Sleeper]:
    job = root.add_task(Work(), key="job", name="Group")
    await job.wait_started()
    first, second = job.add_task(Sleeper()), job.add_task(Sleeper(), key="second")
    await second.wait_started()
    return job, first, second


async def test_a_snapshot_has_the_facts_of_a_task(root: Root) -> None:
    """api: a snapshot holds what a person wants to know of a task, as plain values."""
    task = root.add_task(Sleeper(), key="k", descriptions={"size": 3})
    await anyio.sleep(5)
    one = gotask.snapshot(task)
    assert one.id == task.task_id
    assert (one.key, one.owner_type, one.type) == ("k", "Sleeper", TaskType.TASK)
    assert (one.state, one.level) == (TaskState.GOING, 1)
    assert one.duration == pytest.approx(5)
    assert (one.retry_count, one.max_retry) == (0, 0)
    assert one.stop_reason is None
    assert one.blocked_by is None
    assert one.descriptions == (("size", "3"),)
    assert one.children == ()


async def test_each_task_has_one_line_of_text(root: Root) -> None:
    """api: whatever its key and name hold."""
    root.add_task(Sleeper(), key="two\nlines", name="A\u2028B")
    await anyio.sleep(1)
    assert gotask.snapshot(root).render_text(ids=False).splitlines() == [
        "RootManager STARTED",
        r"└─ A\nB [two\nlines] GOING",
    ]


async def test_a_snapshot_has_all_below(root: Root) -> None:
    """api: children come in the order of their start."""
    job, first, second = await small_tree(root)
    tree = gotask.snapshot(root)
    (below,) = tree.children
    assert below.id == job.task_id
    assert [child.id for child in below.children] == [first.task_id, second.task_id]


async def test_a_snapshot_does_not_change(root: Root) -> None:
    """api: it is frozen, and does not follow the tree."""
    job, _, _ = await small_tree(root)
    tree = gotask.snapshot(root)
    job.stop()
    await job.wait_stopped()
    assert len(list(tree)) == 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        tree.state = TaskState.DISPOSED  # type: ignore[misc]


async def test_iterating_gives_parents_first(root: Root) -> None:
    """api: iterating gives it and all below, parents first, in order."""
    job, first, second = await small_tree(root)
    ids = [one.id for one in gotask.snapshot(root)]
    assert ids == [root.task_id, job.task_id, first.task_id, second.task_id]


async def test_find_gives_the_first_of_an_owner_type(root: Root) -> None:
    """api: `find(owner_type)` gives the first one, or None."""
    _, first, _ = await small_tree(root)
    tree = gotask.snapshot(root)
    found = tree.find("Sleeper")
    assert found is not None
    assert found.id == first.task_id
    assert tree.find("RootManager") is tree
    assert tree.find("Nobody") is None


async def test_a_snapshot_names_who_holds_the_loop(root: Root) -> None:
    """L5: `blocked_by` is the id of the child that holds up the loop."""
    holder = root.add_task(Holder())
    await anyio.sleep(1)
    assert gotask.snapshot(root).blocked_by == holder.task_id


async def test_a_snapshot_of_a_disposed_task(root: Root) -> None:
    """api: it names why the task stopped."""
    task = root.add_task(Sleeper())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    one = gotask.snapshot(task)
    assert (one.state, one.stop_reason) == (TaskState.DISPOSED, "StopByUser")


def test_a_snapshot_of_a_task_in_no_tree() -> None:
    """api: also before it is added."""
    one = gotask.snapshot(Sleeper())
    assert (one.state, one.level, one.duration) == (TaskState.INIT, 0, 0)


async def test_render_text(root: Root) -> None:
    """api: the tree as lines of text, with ids and keys."""
    job, first, second = await small_tree(root)
    other = root.add_task(Sleeper())
    await other.wait_started()
    assert gotask.snapshot(root).render_text().splitlines() == [
        f"RootManager#{root.task_id} STARTED",
        f"├─ Group#{job.task_id} [job] STARTED",
        f"│  ├─ Sleeper#{first.task_id} GOING",
        f"│  └─ Sleeper#{second.task_id} [second] GOING",
        f"└─ Sleeper#{other.task_id} GOING",
    ]


async def test_render_text_without_ids(root: Root) -> None:
    """api: without ids the text of a tree is the same each time."""
    await small_tree(root)
    assert gotask.snapshot(root).render_text(ids=False).splitlines() == [
        "RootManager STARTED",
        "└─ Group [job] STARTED",
        "   ├─ Sleeper GOING",
        "   └─ Sleeper [second] GOING",
    ]


async def test_render_text_in_ascii(root: Root) -> None:
    """api: `ascii_only` draws with ASCII characters only."""
    await small_tree(root)
    text = gotask.snapshot(root).render_text(ids=False, ascii_only=True)
    assert text.isascii()
    assert text.splitlines() == [
        "RootManager STARTED",
        "`- Group [job] STARTED",
        "   |- Sleeper GOING",
        "   `- Sleeper [second] GOING",
    ]


async def test_render_text_shows_retries(root: Root) -> None:
    """api: a task that is retried says how often."""
    root.add_task(Flaky())
    endless = root.add_task(Flaky(), retry=RetryPolicy(-1, 100.0))
    await endless.wait_started()
    await anyio.sleep(1)
    lines = gotask.snapshot(root).render_text(ids=False).splitlines()
    assert lines[1].startswith("├─ Flaky RETRYING retry 1/5")
    assert lines[2].startswith("└─ Flaky RETRYING retry 1/∞")


async def test_render_text_in_ascii_shows_endless_retries(root: Root) -> None:
    """api: in ASCII also where a task is retried for ever."""
    root.add_task(Flaky(), retry=RetryPolicy(-1, 100.0))
    await anyio.sleep(1)
    assert gotask.snapshot(root).render_text(ascii_only=True).isascii()


async def test_render_text_shows_who_holds_the_loop(root: Root) -> None:
    """L5: a Job whose loop is held up says by whom."""
    holder = root.add_task(Holder())
    await anyio.sleep(1)
    tree = gotask.snapshot(root)
    assert tree.render_text().splitlines()[0].endswith(f"held up by #{holder.task_id}")
    assert tree.render_text(ids=False).splitlines()[0] == "RootManager STARTED held up"


async def test_render_text_shows_the_reason(root: Root) -> None:
    """api: a task that is to stop says why."""

    class Slow(Sleeper):
        async def dispose(self) -> None:
            await anyio.sleep(100)

    task = root.add_task(Slow())
    await task.wait_started()
    task.stop()
    await anyio.sleep(1)
    assert gotask.snapshot(root).render_text(ids=False).splitlines()[1] == "└─ Slow DISPOSING (StopByUser)"


async def test_a_deep_tree_is_no_recursion(root: Root) -> None:
    """D7: a tree of any depth can be taken, iterated and drawn."""
    job: Work = root.add_task(Work())
    for _ in range(1500):
        await job.wait_started()
        job = job.add_task(Work())
    tree = gotask.snapshot(root)
    assert len(list(tree)) == 1502
    assert len(tree.render_text().splitlines()) == 1502


async def test_descriptions_that_cannot_be_shown(root: Root) -> None:
    """H4: a description whose text fails does not break the snapshot."""

    class Bad:
        def __str__(self) -> str:
            raise ValueError("no text")

    task = root.add_task(Sleeper(), descriptions={"bad": Bad()})
    one: TaskSnapshot = gotask.snapshot(task)
    assert "Bad" in one.descriptions[0][1]
