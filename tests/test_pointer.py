"""The pointer of a task: a number by which a living task is found, and never a cast."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

import gotask
from gotask import RootManager, Task, Work
from gotask.testing import run_virtual

Root = RootManager[Any, Any]


async def test_from_pointer_finds_a_living_task(root: Root) -> None:
    """api: `from_pointer(task.pointer)` is the task itself."""
    task = root.add_task(Task())
    await task.wait_started()
    assert gotask.from_pointer(task.pointer) is task


async def test_from_pointer_finds_a_task_that_waits_for_its_start(root: Root) -> None:
    """api: a task in INIT is in the tree already."""
    task = root.add_task(Task())
    assert gotask.from_pointer(task.pointer) is task


async def test_from_pointer_finds_tasks_at_any_depth(root: Root) -> None:
    """api: the whole tree is searched, the root itself too."""
    job = root.add_task(Work())
    await job.wait_started()
    deep = job.add_task(Work())
    await deep.wait_started()
    task = deep.add_task(Task())
    for one in (root, job, deep, task):
        assert gotask.from_pointer(one.pointer) is one


async def test_from_pointer_finds_what_is_no_child_yet_or_at_all(root: Root) -> None:
    """J7, J9: a run-task lives, and so does one that waits for the key of another."""

    class Caller(Task):
        async def go(self) -> None:
            await self.run_task(inner)

    inner = Task()
    root.add_task(Caller(), key="place")
    await anyio.sleep(1)
    new = root.replace_task("place", Task())
    for one in (inner, new):
        assert gotask.from_pointer(one.pointer) is one


async def test_from_pointer_finds_tasks_of_all_roots(root: Root) -> None:
    """api: several trees are searched."""
    async with RootManager() as other:
        task = other.add_task(Task())
        assert gotask.from_pointer(task.pointer) is task
        assert gotask.from_pointer(root.pointer) is root


@pytest.mark.parametrize("pointer", [0, -1, 1, 2**63, 2**200])
async def test_an_unknown_pointer_is_a_lookup_error(root: Root, pointer: int) -> None:
    """api: an unknown number is a LookupError that names it."""
    with pytest.raises(LookupError, match=str(pointer)):
        gotask.from_pointer(pointer)


async def test_a_pointer_to_something_else_is_a_lookup_error(root: Root) -> None:
    """api: the address of an object that is no task is not turned into one."""
    thing = object()
    with pytest.raises(LookupError):
        gotask.from_pointer(id(thing))


async def test_a_task_in_no_tree_is_not_found(root: Root) -> None:
    """api: only living trees are searched."""
    task = Task()
    with pytest.raises(LookupError):
        gotask.from_pointer(task.pointer)


async def test_a_disposed_task_is_not_found(root: Root) -> None:
    """api: a task that is DISPOSED is forgotten; added again it is found again."""
    task = root.add_task(Task())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    with pytest.raises(LookupError):
        gotask.from_pointer(task.pointer)
    root.add_task(task)
    assert gotask.from_pointer(task.pointer) is task


def test_a_root_that_is_shut_down_is_not_found() -> None:
    """api: nor is a root after its shutdown."""
    root: Root = RootManager()

    async def main() -> None:
        async with root:
            assert gotask.from_pointer(root.pointer) is root

    run_virtual(main)
    with pytest.raises(LookupError):
        gotask.from_pointer(root.pointer)


async def test_pointers_of_living_tasks_differ(root: Root) -> None:
    """api: each living task has its own."""
    tasks = [root.add_task(Task()) for _ in range(100)]
    assert len({task.pointer for task in tasks}) == 100
    assert all(gotask.from_pointer(task.pointer) is task for task in tasks)


async def test_a_deep_tree_is_searched_without_recursion(root: Root) -> None:
    """D7: a tree of any depth may be searched."""
    job: Work = root.add_task(Work())
    for _ in range(2000):
        await job.wait_started()
        job = job.add_task(Work())
    assert gotask.from_pointer(job.pointer) is job


async def test_next_task_id_is_no_tasks_id(root: Root) -> None:
    """L9: `get_next_task_id` takes a number of the series of task ids, which no task gets."""
    before = root.add_task(Task()).task_id
    number = gotask.get_next_task_id()
    after = root.add_task(Task()).task_id
    assert before < number < after
