"""J6: Work and WorkCollection."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Mapping, MutableMapping
from typing import Any

import anyio
import pytest

from gotask import (
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskDisposedError,
    TaskState,
    TaskType,
    Work,
    WorkCollection,
)

Root = RootManager[Any, Any]
S = TaskState


class Room(Task[Any]):
    """Is active until it is stopped; so long are its start and its dispose."""

    def __init__(self, key: str, size: int = 0, opening: float = 0.0, closing: float = 0.0) -> None:
        self.key = key
        self.places = size
        self.opening = opening
        self.closing = closing

    async def start(self) -> None:
        await anyio.sleep(self.opening)

    async def dispose(self) -> None:
        await anyio.sleep(self.closing)


class Rooms(WorkCollection[str, Room]):
    pass


async def house(root: Root, *keys: str) -> tuple[Rooms, list[Room]]:
    """A collection of rooms, all active; the first one has one place, the next two …"""
    rooms = root.add_task(Rooms())
    made = [rooms.add_task(Room(key, places)) for places, key in enumerate(keys, 1)]
    for room in made:
        await room.wait_started()
    return rooms, made


# A Work stays


async def test_a_work_stays_without_children(root: Root) -> None:
    """J6: a Work never stops by itself, also when its last child is gone."""
    work = root.add_task(Work())
    await work.add_task(anyio.sleep, 1)
    await anyio.sleep(1000)
    assert work.state is S.STARTED
    assert await work.add_task(anyio.sleep, 1) is None


async def test_a_work_stays_after_its_body(root: Root) -> None:
    """J6, L6: a body that returns does not end it; its value is the result all the same."""

    class WithBody(Work):
        async def go(self) -> int:
            return 42

    work = root.add_task(WithBody())
    await anyio.sleep(10)
    assert work.state is S.STARTED
    assert work.result == 42
    work.stop()
    assert isinstance(await work.wait_stopped(), StopByUser)


async def test_a_work_ends_when_its_body_raises(root: Root) -> None:
    """J6, L6: a body that raises ends it, as it ends any task."""

    class WithBody(Work):
        async def go(self) -> None:
            raise ValueError("as it should")

    work = root.add_task(WithBody())
    child = work.add_task(Task())
    assert isinstance(await work.wait_stopped(), ValueError)
    assert child.state is S.DISPOSED


async def test_a_work_outlives_the_failures_of_its_children(root: Root) -> None:
    """J6, J2: children that fail do not end it."""
    work = root.add_task(Work())

    async def fail() -> None:
        raise ValueError("as it should")

    for _ in range(3):
        await work.add_task(fail).wait_stopped()
    assert work.state is S.STARTED


async def test_a_work_in_a_job_keeps_it(root: Root) -> None:
    """J6, J1: a Job with a Work in it stays, too."""
    job = root.add_task(Work())
    inner = job.add_task(WorkCollection())
    await anyio.sleep(100)
    assert (job.size, inner.state) == (1, S.STARTED)


async def test_a_work_is_stopped(root: Root) -> None:
    """J6: somebody stops it, with its children; then it takes no more."""
    rooms, (hall, _) = await house(root, "hall", "attic")
    rooms.stop()
    reason = await rooms.wait_stopped()
    assert hall.stop_reason is reason
    assert len(rooms) == 0
    with pytest.raises(TaskDisposedError):
        rooms.add_task(Room("late"))


def test_types() -> None:
    """J6: a WorkCollection is a Work that is a Mapping, and a read-only one; a Work is none."""
    assert WorkCollection.task_type is Work.task_type is TaskType.WORK
    assert issubclass(WorkCollection, Work)
    assert issubclass(WorkCollection, Mapping)
    assert not issubclass(WorkCollection, MutableMapping)
    assert not issubclass(Work, Mapping)


# A WorkCollection is a mapping


async def test_get_item(root: Root) -> None:
    """J6: `[key]` is the active child with that key, KeyError if there is none."""
    rooms, (hall, attic) = await house(root, "hall", "attic")
    assert rooms["hall"] is hall
    assert rooms["attic"] is attic
    with pytest.raises(KeyError, match="cellar"):
        rooms["cellar"]


async def test_get(root: Root) -> None:
    """J6: `get` has a default."""
    rooms, (hall,) = await house(root, "hall")
    assert rooms.get("hall") is hall
    assert rooms.get("cellar") is None
    assert rooms.get("cellar", hall) is hall


async def test_in_and_len(root: Root) -> None:
    """J6: `in` and `len` see the active children."""
    rooms, _ = await house(root, "hall", "attic")
    assert len(rooms) == 2
    assert "hall" in rooms
    assert "cellar" not in rooms


async def test_keys_values_items(root: Root) -> None:
    """J6: keys, values and items come in the order of start."""
    rooms, made = await house(root, "hall", "attic", "cellar")
    assert list(rooms) == list(rooms.keys()) == ["hall", "attic", "cellar"]
    assert list(rooms.values()) == rooms.to_list() == made
    assert list(rooms.items()) == [(room.key, room) for room in made]
    assert dict(rooms) == {room.key: room for room in made}


async def test_find(root: Root) -> None:
    """J6: `find` is the first active child for which it is true, None if there is none."""
    rooms, (_, attic, _) = await house(root, "hall", "attic", "cellar")
    assert rooms.find(lambda room: room.places > 1) is attic
    assert rooms.find(lambda room: room.places > 9) is None


async def test_range(root: Root) -> None:
    """J6: `range` visits each active child, until the function returns False."""
    rooms, made = await house(root, "hall", "attic", "cellar")
    seen: list[Room] = []
    rooms.range(seen.append)
    assert seen == made
    seen.clear()

    def visit(room: Room) -> bool:
        seen.append(room)
        return bool(room.key != "attic")

    rooms.range(visit)
    assert seen == made[:2]


async def test_it_is_read_only(root: Root) -> None:
    """J6: children come and go by `add_task` and `stop` alone."""
    rooms, (hall,) = await house(root, "hall")
    with pytest.raises(TypeError):
        rooms["attic"] = hall  # type: ignore[index]
    with pytest.raises(TypeError):
        del rooms["hall"]  # type: ignore[attr-defined]


async def test_only_active_children_count(root: Root) -> None:
    """J6: a child counts from STARTED up to, but not including, DISPOSING; `children` has it all the time."""
    rooms = root.add_task(Rooms())
    hall = rooms.add_task(Room("hall", opening=5, closing=5))
    seen: list[tuple[TaskState, int, bool, int]] = []

    def look() -> None:
        seen.append((hall.state, len(rooms), "hall" in rooms, rooms.size))

    look()
    await anyio.sleep(1)
    look()
    await anyio.sleep(5)
    look()
    hall.stop()
    await anyio.sleep(1)
    look()
    with pytest.raises(KeyError):
        rooms["hall"]
    assert (rooms.to_list(), list(rooms)) == ([], [])
    assert rooms.find(lambda room: True) is None
    await anyio.sleep(5)
    look()
    assert seen == [
        (S.INIT, 0, False, 1), (S.STARTING, 0, False, 1), (S.STARTED, 1, True, 1), (S.DISPOSING, 0, False, 1),
        (S.DISPOSED, 0, False, 0),
    ]  # fmt: skip


async def test_a_child_with_a_body_is_active(root: Root) -> None:
    """J6: RUNNING and GOING are active."""
    rooms: WorkCollection[str, Task[Any]] = root.add_task(WorkCollection())

    class Runs(Task[Any]):
        async def run(self) -> None:
            await anyio.sleep(5)

    going = rooms.add_task(anyio.sleep, 100, key="going")
    running = rooms.add_task(Runs(), key="running")
    await anyio.sleep(1)
    assert (going.state, running.state) == (S.GOING, S.RUNNING)
    assert rooms.to_list() == [going, running]


async def test_a_child_that_waits_for_its_retry_is_not_active(root: Root) -> None:
    """J6: RETRYING is not active; in its next life the child is there again, as the last one."""
    rooms, (_, _) = await house(root, "hall", "attic")

    class Shaky(Room):
        retry = RetryPolicy(1, 10)
        lives = 0

        async def go(self) -> None:
            self.lives += 1
            await anyio.sleep(1 if self.lives == 1 else 1000)
            raise ValueError("as it should")

    shaky = rooms.add_task(Shaky("shaky"))
    await anyio.sleep(5)
    assert shaky.state is S.RETRYING
    assert list(rooms) == ["hall", "attic"]
    await anyio.sleep(10)
    assert list(rooms) == ["hall", "attic", "shaky"]


async def test_the_key_of_another_kind(root: Root) -> None:
    """J6: any hashable value is a key; without one it is the id."""
    rooms: WorkCollection[Any, Task[Any]] = root.add_task(WorkCollection())
    tasks = [rooms.add_task(Task(), key=key) for key in [("a", 1), 0, None]]
    await tasks[-1].wait_started()
    assert rooms[("a", 1)] is tasks[0]
    assert rooms[0] is tasks[1]
    assert rooms[tasks[2].task_id] is tasks[2]


async def test_iterating_while_children_come_and_go(root: Root) -> None:
    """J6: a loop over the values goes over the children of the moment it began; a child may be stopped in it."""
    rooms, made = await house(root, "hall", "attic", "cellar")
    for room in rooms.to_list():
        room.stop()
        await room.wait_stopped()
        rooms.add_task(Room(f"new {room.key}"))
    await anyio.sleep(1)
    assert list(rooms) == ["new hall", "new attic", "new cellar"]
    for key in rooms:
        rooms[key].stop()
    await anyio.sleep(1)
    assert len(rooms) == 0
    assert all(room.state is S.DISPOSED for room in made)


async def test_it_is_a_task_not_a_value(root: Root) -> None:
    """J6: an empty collection is true, is equal to itself only, and can be put into a set."""
    one, other = root.add_task(Rooms()), root.add_task(Rooms())
    await other.wait_started()
    assert one
    assert one != other
    assert one != {}
    assert {one, other, one} == {other, one}


async def test_replacing_a_child(root: Root) -> None:
    """J6, J9: after a hot swap the key finds the new child."""
    rooms, (hall,) = await house(root, "hall")
    new = rooms.replace_task("hall", Room("hall", 99))
    assert rooms.get("hall") in (hall, None)
    await new.wait_started()
    assert rooms["hall"] is new


async def test_a_root_is_a_collection(root: Root) -> None:
    """J6: a RootManager is one, too."""
    task = root.add_task(Task(), key="it")
    await task.wait_started()
    assert root["it"] is task
    assert root.find(lambda child: child.key == "it") is task


async def test_it_can_be_read_in_another_thread(root: Root) -> None:
    """J6, M6: reading it needs no loop."""
    rooms, _ = await house(root, "hall", "attic")

    class InThread(Task[Any]):
        def go(self) -> tuple[int, bool, list[str]]:
            return len(rooms), "hall" in rooms, list(rooms)

    assert await root.add_task(InThread()) == (2, True, ["hall", "attic"])


async def test_a_work_keeps_no_frame_of_a_failure(root: RootManager[Any, Any]) -> None:
    """J2, J6: a Work counts failures; what a failed child had in its variables can go."""

    class Big:
        pass

    alive: list[weakref.ref[Big]] = []

    class Failing(Task):
        async def go(self) -> None:
            big = Big()
            alive.append(weakref.ref(big))
            raise ValueError("failed")

    logging.disable()  # pytest keeps log records, and they keep the exceptions
    work = root.add_task(Work())
    for _ in range(5):
        await work.add_task(Failing()).wait_stopped()
    await work.call(lambda: None)
    logging.disable(logging.NOTSET)
    gc.collect()
    assert len(alive) == 5
    assert [ref() for ref in alive] == [None] * 5
