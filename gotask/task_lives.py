"""The lives of each task together, in the order of the tree: what traces and pictures are drawn from."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gotask.records import LifeRecord


@dataclass(frozen=True, slots=True)
class TaskLives:
    """One task with the lives of it that are over, oldest first.

    `depth`: how many of its ancestors are shown; `is_parent`: whether another one of them is its child. A parent of
    which no life is over has no lives here, and therefore no instants.
    """

    id: int
    name: str
    depth: int
    is_parent: bool
    parent_id: int | None = None
    lives: tuple[LifeRecord, ...] = ()

    @property
    def started_at(self) -> float:
        """When the first of them started; seconds since the epoch."""
        return self.lives[0].started_at

    @property
    def ended_at(self) -> float:
        """When the last of them ended; never before it started."""
        return max(self.started_at, self.lives[-1].ended_at)


def in_tree_order(records: Iterable[LifeRecord], names: Mapping[int, str]) -> list[TaskLives]:
    """All tasks of these records and their parents; parents before their children, siblings by id.

    Args:
        records: Lives of one session, in any order.
        names: What to call tasks without a record, by id; of the others their own records tell.
    """
    lives: dict[int, list[LifeRecord]] = {}
    for record in sorted(records, key=lambda record: (record.started_at, record.id, record.life)):
        lives.setdefault(record.id, []).append(record)
    parent_of: dict[int, int | None] = {one: of[-1].parent_id for one, of in lives.items()}
    children: dict[int | None, list[int]] = {}
    for one, parent in parent_of.items():
        children.setdefault(parent, []).append(one)
    ids = sorted(lives.keys() | {parent for parent in children if parent is not None})
    found: dict[int, TaskLives] = {}
    tops = [one for one in ids if parent_of.get(one) is None]
    # Then all: a task that was moved below one of its own descendants is reached from no top.
    left = [(one, 0) for one in reversed(tops + ids)]
    while left:
        one, depth = left.pop()
        if one in found:
            continue
        own = tuple(lives.get(one, ()))
        name = name_of(own[-1]) if own else names.get(one, f"#{one}")
        below = sorted(children.get(one, ()), reverse=True)
        found[one] = TaskLives(one, name, depth, bool(below), parent_of.get(one), own)
        left.extend((child, depth + 1) for child in below)
    return list(found.values())


def name_of(record: LifeRecord) -> str:
    """What to call a task: owner type and id, and its key if it was given one."""
    name = f"{record.owner_type}#{record.id}"
    return name if record.key == str(record.id) else f"{name} {record.key}"


def lanes(tasks: Iterable[TaskLives]) -> list[list[TaskLives]]:
    """Tasks whose times do not overlap share a lane; there are as few lanes as can be."""
    found: list[list[TaskLives]] = []
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    for task in sorted(tasks, key=lambda task: (task.started_at, task.id)):
        while busy and busy[0][0] <= task.started_at:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            free.append(len(found))
            found.append([])
        lane = heapq.heappop(free)
        found[lane].append(task)
        heapq.heappush(busy, (task.ended_at, lane))
    return found
