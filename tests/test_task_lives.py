"""The lives of tasks in the order of the tree."""

from __future__ import annotations

import itertools
import time

from hypothesis import given
from lives import life, sessions

from gotask.records import LifeRecord
from gotask.states import TaskType
from gotask.task_lives import in_tree_order, lanes


def names(records: list[LifeRecord], known: dict[int, str] | None = None) -> list[tuple[str, int]]:
    return [(task.name, task.depth) for task in in_tree_order(records, known or {})]


def test_parents_before_their_children() -> None:
    """Whatever the order of the records: children below their parents, siblings by id."""
    records = [
        life(5, 2),
        life(3, 1),
        life(4, 2),
        life(2, 1),
        life(1, None, owner_type="Root", task_type=TaskType.WORK),
    ]
    assert names(records) == [("Root#1", 0), ("Part#2", 1), ("Part#4", 2), ("Part#5", 2), ("Part#3", 1)]


def test_a_key_of_its_own_is_in_the_name() -> None:
    """H5: the key is text; one that is the id says nothing new."""
    assert names([life(2, None, key="garden")]) == [("Part#2 garden", 0)]


def test_a_parent_that_still_lives() -> None:
    """It has no record: its place is kept, and its name may be given."""
    assert names([life(2, 1)]) == [("#1", 0), ("Part#2", 1)]
    assert names([life(2, 1)], {1: "Server#1"}) == [("Server#1", 0), ("Part#2", 1)]


def test_the_lives_of_a_task_are_together() -> None:
    """Oldest first, in one place."""
    [task] = in_tree_order([life(2, None, (5, 6, 7, 8), number=2), life(2, None)], {})
    assert [life.life for life in task.lives] == [1, 2]
    assert task.ended_at - task.started_at == 8


@given(sessions())
def test_every_life_is_there_once(records: list[LifeRecord]) -> None:
    """Also where the parents go in a circle, because tasks were moved."""
    tasks = in_tree_order(records, {})
    shown = [life for task in tasks for life in task.lives]
    assert sorted(shown, key=hash) == sorted(records, key=hash)
    assert len({task.id for task in tasks}) == len(tasks)


@given(sessions())
def test_lanes(records: list[LifeRecord]) -> None:
    """No two tasks of a lane overlap, and there is no lane more than tasks at one instant."""
    tasks = [task for task in in_tree_order(records, {}) if task.lives]
    found = lanes(tasks)
    assert sorted(task.id for lane in found for task in lane) == sorted(task.id for task in tasks)
    for lane in found:
        assert all(one.ended_at <= two.started_at for one, two in itertools.pairwise(lane))
    at_a_time = [sum(other.started_at <= task.started_at <= other.ended_at for other in tasks) for task in tasks]
    assert len(found) <= max(at_a_time)


def test_ten_thousand_at_a_time() -> None:
    """It does not look at all lanes for each task, nor go down a deep tree by recursion."""
    began = time.process_time()
    chain = in_tree_order([life(id, id - 1 or None) for id in range(1, 10_001)], {})
    assert chain[-1].depth == 9_999
    assert len(lanes(chain)) == 10_000
    assert time.process_time() - began < 5
