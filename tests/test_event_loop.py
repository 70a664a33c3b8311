"""L4, L5, Q: the loop in which a Job calls the hooks of its children."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import itertools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest

import gotask
from gotask import (
    ChannelTask,
    Job,
    Observer,
    RetryPolicy,
    RootManager,
    Task,
    TaskDisposedError,
    TaskState,
    TaskStateError,
    TickTask,
    TooManyChildrenError,
    Work,
)
from gotask.testing import EventRecorder

S = TaskState


class Holder(Task):
    """Holds the loop of its parent for so many seconds."""

    def __init__(self, seconds: float = 5) -> None:
        self.seconds = seconds

    async def run(self) -> None:
        await anyio.sleep(self.seconds)


class Noting(Task):
    """Notes when each of its hooks begins and ends."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    async def note(self, hook: str) -> None:
        self.notes.append(f"{self.name} {hook}")
        await anyio.sleep(1)
        self.notes.append(f"{self.name} {hook} over")

    async def start(self) -> None:
        await self.note("start")

    async def run(self) -> None:
        await self.note("run")

    async def dispose(self) -> None:
        await self.note("dispose")


# L4


async def test_hooks_of_siblings_never_overlap(root: RootManager[Any, Any]) -> None:
    """L4: `start`, `run` and `dispose` of the children of one parent are never called two at a time."""
    notes: list[str] = []
    tasks = [root.add_task(Noting(name, notes)) for name in "abcde"]
    for task in tasks:
        await task
    for begun, over in zip(notes[::2], notes[1::2], strict=True):
        assert over == f"{begun} over"
    assert len(notes) == 5 * 3 * 2


async def test_a_tick_does_not_overlap_either(root: RootManager[Any, Any]) -> None:
    """L4: `tick` takes its turn with the hooks of the siblings."""
    inside: list[str] = []
    overlaps: list[list[str]] = []

    class Ticking(TickTask):
        tick_interval = 0.7

        async def tick(self, due_at: float) -> None:
            inside.append("tick")
            overlaps.append(list(inside))
            await anyio.sleep(0.3)
            inside.remove("tick")

    class Running(Task):
        async def run(self) -> None:
            inside.append("run")
            overlaps.append(list(inside))
            await anyio.sleep(0.4)
            inside.remove("run")

    root.add_task(Ticking())
    for _ in range(5):
        root.add_task(Running())
        await anyio.sleep(1)
    assert max(map(len, overlaps)) == 1
    assert ["tick"] in overlaps
    assert ["run"] in overlaps


async def test_hooks_are_called_in_the_order_in_which_they_became_due(root: RootManager[Any, Any]) -> None:
    """L4: what became due first is done first: two starts, then the stop that came between."""
    notes: list[str] = []

    class Mine(Task):
        def __init__(self, name: str) -> None:
            self.name = name

        def start(self) -> None:
            notes.append(f"start {self.name}")

        def dispose(self) -> None:
            notes.append(f"dispose {self.name}")

    first = root.add_task(Mine("first"))
    await first.wait_started()
    holder = root.add_task(Holder(1))
    await holder.wait_started()
    root.add_task(Mine("second"))
    first.stop()
    root.add_task(Mine("third"))
    await first.wait_stopped()
    await anyio.sleep(1)
    assert notes == ["start first", "start second", "dispose first", "start third"]


async def test_starts_keep_the_order_of_adding(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L4: children are started in the order in which they were added."""
    tasks = [root.add_task(Task()) for _ in range(100)]
    await tasks[-1].wait_started()
    started = [event.task_id for event in recorder.of("state_changed") if event.what == "STARTED"]
    assert started == [task.task_id for task in tasks]


async def test_go_runs_beside_everything(root: RootManager[Any, Any]) -> None:
    """L4: `go` runs concurrently with everything."""

    class Goer(Task):
        async def go(self) -> None:
            await anyio.sleep(5)

    tasks = [root.add_task(Goer()) for _ in range(10)]
    began = anyio.current_time()
    for task in tasks:
        await task
    assert anyio.current_time() - began == pytest.approx(5)


async def test_hooks_of_cousins_do_overlap(root: RootManager[Any, Any]) -> None:
    """L4: the children of different parents do not wait for each other."""
    jobs = [root.add_task(Work()) for _ in range(3)]
    holders = [job.add_task(Holder(5)) for job in jobs]
    began = anyio.current_time()
    for holder in holders:
        await holder
    assert anyio.current_time() - began == pytest.approx(5)


# L5


async def test_run_holds_up_the_siblings(root: RootManager[Any, Any]) -> None:
    """L5: `run` holds up its siblings' hooks until it ends."""
    holder = root.add_task(Holder(5))
    sibling = root.add_task(Task())
    await sibling.wait_started()
    assert sibling.duration == pytest.approx(5)
    assert holder.state is not S.RUNNING


async def test_a_go_that_ends_while_the_loop_is_held(root: RootManager[Any, Any]) -> None:
    """L5: the life of a `go` ends when the loop is free again."""

    async def short() -> None:
        await anyio.sleep(1)

    beside = root.add_task(short)
    root.add_task(Holder(5))
    await beside
    assert beside.duration == pytest.approx(5)


async def test_a_go_that_ends_while_the_loop_is_free(root: RootManager[Any, Any]) -> None:
    """Q1: the life of a `go` with nothing to dispose ends in its own turn, without the coroutine of the root."""
    turns: list[int] = []

    class Turns(Observer):
        def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
            if new is S.DISPOSED:
                turns.append(anyio.get_current_task().id)

    async def short() -> None:
        await anyio.sleep(1)
        turns.append(anyio.get_current_task().id)

    root.observe(Turns())
    await root.add_task(short)
    assert turns == [turns[0], turns[0]]


@pytest.mark.parametrize("hook", ["start", "run", "dispose"])
async def test_blocked_names_the_holder(root: RootManager[Any, Any], hook: str) -> None:
    """L5: `Job.blocked` names the child that holds the loop, whichever hook it is in."""

    async def method(self: Any) -> None:
        await anyio.sleep(5)

    task: Task[Any] = root.add_task(type("Mine", (Task,), {hook: method, "__module__": __name__})())
    await anyio.lowlevel.checkpoint()
    if hook == "dispose":
        await task.wait_started()
        assert root.blocked is None
        task.stop()
    await anyio.sleep(1)
    assert root.blocked is task
    await anyio.sleep(5)
    assert root.blocked is None


async def test_blocked_is_none_where_nothing_ever_ran() -> None:
    """L5: a Job that has no loop is not blocked."""
    assert Job().blocked is None


async def test_a_call_is_no_child_that_blocks(root: RootManager[Any, Any]) -> None:
    """L5: a `call` may hold the loop, but it is no child."""
    async with anyio.create_task_group() as group:
        group.start_soon(root.call, anyio.sleep, 5)
        await anyio.sleep(1)
        assert root.blocked is None
        task = root.add_task(Task())
        await anyio.sleep(1)
        assert task.state is S.INIT


# Q1, Q2


def spawned(root: RootManager[Any, Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the library spawns on the back end from now on."""
    backend = root._life.pump.backend
    coros: list[Any] = []

    def watch(name: str) -> None:
        original = getattr(backend, name)

        def watching(coro: Any, *args: Any) -> Any:
            coros.append(coro)
            return original(coro, *args)

        monkeypatch.setattr(backend, name, watching)

    watch("spawn")
    watch("spawn_body")
    return coros


async def test_empty_jobs_in_empty_jobs_own_no_coroutine(
    root: RootManager[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q1: an empty Job added to an empty Job starts no coroutine."""
    await root.call(lambda: None)
    coros = spawned(root, monkeypatch)
    jobs: list[Job[Any]] = [root.add_task(Work())]
    for _ in range(100):
        jobs.append(jobs[-1].add_task(Work()))
    await jobs[-1].wait_started()
    assert coros == []
    assert all(job.state is S.STARTED for job in jobs)


async def test_plain_children_own_no_coroutine(root: RootManager[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Q1: nor do children whose hooks do not wait."""
    coros = spawned(root, monkeypatch)

    class Mine(Task):
        async def start(self) -> None:
            pass

        async def run(self) -> None:
            pass

        def dispose(self) -> None:
            pass

    job = root.add_task(Work())
    await job.wait_started()
    for task in [job.add_task(Mine()) for _ in range(100)]:
        await task
    assert coros == []


async def test_a_loop_that_was_held_owns_a_coroutine_only_meanwhile(root: RootManager[Any, Any]) -> None:
    """Q1: a Job owns a coroutine only while a hook of one of its children waits."""
    job = root.add_task(Work())
    holder = job.add_task(Holder(5))
    await holder.wait_started()
    loop = job._life.child_loop
    assert loop.drive is not None
    await holder
    await anyio.lowlevel.checkpoint()
    assert loop.drive is None
    assert not loop.queue


async def test_event_loop_running(root: RootManager[Any, Any]) -> None:
    """Q2: it is true while children are pending or alive, and false again afterwards."""
    job = root.add_task(Work())
    await job.wait_started()
    assert not job.event_loop_running
    task = job.add_task(Task())
    assert task.state is S.INIT
    assert job.event_loop_running
    await task.wait_started()
    assert job.event_loop_running
    task.stop()
    await task.wait_stopped()
    assert not job.event_loop_running


async def test_event_loop_running_during_a_back_off(root: RootManager[Any, Any]) -> None:
    """Q2: a child that waits for its next life is alive."""

    class Failing(Task):
        retry = RetryPolicy(1, 10)

        def start(self) -> None:
            raise ValueError

    job = root.add_task(Work())
    job.add_task(Failing())
    await anyio.sleep(5)
    assert job.event_loop_running
    await anyio.sleep(10)
    assert not job.event_loop_running


# Q3


class Taken(Observer):
    """Counts the events that loops take."""

    def __init__(self) -> None:
        self.count: Counter[int] = Counter()

    def event_taken(self, job: Any, event: Any, task: Any = None) -> None:
        self.count[job.task_id] += 1


async def count_operations(action: Callable[[], Any], until: Callable[[], Any]) -> int:
    """How many functions, Python's and C's, are called from `action` until `until()` has returned."""
    count = 0

    def watch(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    before = sys.getprofile()
    gc.disable()  # what it would call counts, too
    sys.setprofile(watch)
    try:
        action()
        await until()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


async def grown(root: RootManager[Any, Any], size: int) -> Work:
    """A Work with so many children that live."""
    job = root.add_task(Work())
    last: Task[Any] = job
    for _ in range(size):
        last = job.add_task(Task())
    await last.wait_started()
    return job


async def cost(root: RootManager[Any, Any], size: int) -> dict[str, int]:
    """What each event of one child costs among so many siblings."""
    job = await grown(root, size)
    costs: dict[str, int] = {}
    task = Task()
    costs["add and start"] = await count_operations(lambda: job.add_task(task), task.wait_started)
    costs["restart"] = await count_operations(task.restart, lambda: anyio.sleep(1))
    costs["stop, dispose and remove"] = await count_operations(task.stop, task.wait_stopped)
    costs["call"] = await count_operations(lambda: None, lambda: job.call(int))
    middle = job.children[size // 2]
    costs["stop one in the middle"] = await count_operations(middle.stop, middle.wait_stopped)
    channel = job.add_task(ChannelTask[int]())
    sender = channel.open()
    await channel.wait_started()
    costs["tick"] = await count_operations(lambda: sender.send_nowait(1), lambda: anyio.sleep(1))
    job.stop()
    await job.wait_stopped()
    return costs


async def test_every_event_costs_the_same_whatever_the_number_of_siblings(root: RootManager[Any, Any]) -> None:
    """Q3: every event costs O(1): add, start, stop, tick, call, dispose, remove."""
    await cost(root, 2)
    few, many = await cost(root, 10), await cost(root, 2000)
    for event, operations in few.items():
        assert many[event] == pytest.approx(operations, abs=60), event


async def test_each_child_is_two_events(root: RootManager[Any, Any]) -> None:
    """Q3: a child without body takes two events of the loop: one to start, one to end; nothing asks all children."""
    taken = Taken()
    root.observe(taken)
    job = await grown(root, 500)
    assert taken.count[job.task_id] == 500
    for child in job.children:
        child.stop()
    while job.size:
        await anyio.lowlevel.checkpoint()
    assert taken.count[job.task_id] == 1000


async def test_stopping_a_wide_job_is_linear(root: RootManager[Any, Any]) -> None:
    """Q3, D7: the children of a Job that stops cost one event each."""
    taken = Taken()
    root.observe(taken)
    job = await grown(root, 500)
    before = taken.count[job.task_id]
    job.stop()
    await job.wait_stopped()
    assert taken.count[job.task_id] - before <= 500


async def test_stopping_queued_children_is_linear(root: RootManager[Any, Any]) -> None:
    """Q3: so do children that are stopped while they wait for their start."""

    async def operations(size: int) -> int:
        job = root.add_task(Work())
        holder = job.add_task(Holder(1))
        await holder.wait_started()
        tasks = [job.add_task(Task()) for _ in range(size)]

        def stop_all() -> None:
            for task in tasks:
                task.stop()

        count = await count_operations(stop_all, tasks[-1].wait_stopped)
        job.stop()
        await job.wait_stopped()
        return count

    await operations(10)
    few, many = await operations(100), await operations(1000)
    assert many < few * 12


# Q4


async def test_no_limit_on_a_burst(root: RootManager[Any, Any]) -> None:
    """Q4: there is no limit on adds in one burst. A known trap: an input queue of 20."""
    job = root.add_task(Work())
    tasks = [job.add_task(Task()) for _ in range(10_000)]
    assert job.size == 10_000
    await tasks[-1].wait_started()
    assert all(task.state is S.STARTED for task in tasks)


async def test_no_limit_on_a_burst_while_the_loop_is_held(root: RootManager[Any, Any]) -> None:
    """Q4: also when nothing takes from the queue meanwhile."""
    job = root.add_task(Work())
    await job.add_task(Holder(5)).wait_started()
    tasks = [job.add_task(Task()) for _ in range(1000)]
    for task in tasks[::2]:
        task.stop()
    await tasks[-1].wait_started()
    assert [task.state for task in tasks] == [S.DISPOSED, S.STARTED] * 500


async def test_no_limit_on_a_burst_from_inside_a_hook(root: RootManager[Any, Any]) -> None:
    """Q4: nor from a hook that holds the loop itself: it cannot be waiting for room."""

    class Mine(Task):
        def start(self) -> None:
            self.tasks = [root.add_task(Task()) for _ in range(1000)]

    mine = root.add_task(Mine())
    await mine.wait_started()
    await mine.tasks[-1].wait_started()


async def test_max_children(root: RootManager[Any, Any]) -> None:
    """Q4: going over `max_children` raises TooManyChildrenError from `add_task` and leaves the Job as it was."""

    class Small(Work):
        max_children = 2

    job = root.add_task(Small())
    first, second = job.add_task(Task()), job.add_task(Task())
    third = Task()
    with pytest.raises(TooManyChildrenError, match="has 2 children, which is its max_children"):
        job.add_task(third)
    assert job.children == (first, second)
    assert third.state is S.INIT
    assert third.parent is None
    await second.wait_started()
    first.stop()
    await first.wait_stopped()
    job.add_task(third)
    await third.wait_started()


async def test_max_children_counts_from_other_threads_too(root: RootManager[Any, Any]) -> None:
    """Q4, M6: a thread is refused in its own call."""

    class Small(Work):
        max_children = 0

    job = root.add_task(Small())
    await job.wait_started()

    def add() -> None:
        with pytest.raises(TooManyChildrenError):
            job.add_task(Task())

    await anyio.to_thread.run_sync(add)


async def test_max_children_does_not_stand_in_the_way_of_a_hot_swap(root: RootManager[Any, Any]) -> None:
    """Q4, J9: `replace_task` in a full Job takes the place of a child, and no other."""

    class Small(Work):
        max_children = 1

    job = root.add_task(Small())
    job.add_task(Task(), key="k")
    new = job.replace_task("k", Task())
    await new.wait_started()
    assert job.children == (new,)


# Q5


@pytest.mark.parametrize("kind", ["start", "call", "tick"])
async def test_a_burst_does_not_starve_the_program(
    root: RootManager[Any, Any], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Q5: in a long burst the loop yields at least every few milliseconds."""
    now = 0.0
    monkeypatch.setattr(root._life.pump, "clock", lambda: now)
    turns: list[float] = []
    done = 0

    def work(*_: Any) -> None:
        """Takes a millisecond."""
        nonlocal now, done
        now += 0.001
        done += 1

    class Mine(Task):
        def start(self) -> None:
            work()

    class Ticking(ChannelTask[int]):
        def get_signal(self) -> Iterator[int]:
            return iter(range(200))

        def tick(self, item: int) -> None:
            work()

    async with anyio.create_task_group() as group:
        if kind == "start":
            for _ in range(200):
                root.add_task(Mine())
        elif kind == "call":
            for _ in range(200):
                group.start_soon(root.call, work)
        else:
            root.add_task(Ticking())
        while done < 200:
            await anyio.lowlevel.checkpoint()
            turns.append(now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(turns)]
    assert max(gaps) < 0.011  # two turns of the loop, where trio shuffles


async def test_a_burst_without_time_does_not_starve_the_program(root: RootManager[Any, Any]) -> None:
    """Q5: the same where time stands still, as it does in tests."""
    tasks = [root.add_task(Task()) for _ in range(5000)]
    turns = 0
    while tasks[-1].state is S.INIT:
        await anyio.lowlevel.checkpoint()
        turns += 1
    assert turns > 5


async def test_a_chain_of_adds_does_not_starve_the_program(root: RootManager[Any, Any]) -> None:
    """Q5: a hook that adds the next task, which adds the next, for ever, does not either."""
    job = root.add_task(Work())

    class Endless(Task):
        def start(self) -> None:
            job.add_task(Endless())
            self.stop()

    job.add_task(Endless())
    for _ in range(10):
        await anyio.lowlevel.checkpoint()
    job.stop()
    await job.wait_stopped()


async def test_jobs_take_turns(root: RootManager[Any, Any]) -> None:
    """Q5: a Job with a long queue does not starve the others."""
    busy, other = root.add_task(Work()), root.add_task(Work())
    await other.wait_started()
    tasks = [busy.add_task(Task()) for _ in range(5000)]
    await other.add_task(Task()).wait_started()
    assert tasks[-1].state is S.INIT


# Q6


def answer(number: int = 42) -> int:
    return number


async def answer_late(number: int = 42) -> int:
    await anyio.sleep(3)
    return number


def fail() -> None:
    raise ValueError("in the call")


async def fail_late() -> None:
    await anyio.sleep(1)
    raise ValueError("in the call")


@pytest.mark.parametrize("function", [answer, answer_late])
async def test_call_returns_the_result(root: RootManager[Any, Any], function: Callable[..., Any]) -> None:
    """Q6: `await job.call(fn, *args)` runs fn, plain or async, and returns its result."""
    assert await root.call(function, 7) == 7
    assert await root.call(function) == 42


@pytest.mark.parametrize("function", [fail, fail_late])
async def test_call_raises_to_the_caller(root: RootManager[Any, Any], function: Callable[..., Any]) -> None:
    """Q6: its exception is raised to the caller, never in the loop."""
    task = root.add_task(Task())
    with pytest.raises(ValueError, match="in the call"):
        await root.call(function)
    assert root.state is task.state is S.STARTED
    assert root.dispose_errors == ()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
async def test_call_raises_whatever_it_is(root: RootManager[Any, Any], error: BaseException) -> None:
    """Q6: so is a SystemExit or KeyboardInterrupt: the caller has it, the tree goes on."""

    def exits() -> None:
        raise error

    with pytest.raises(type(error)):
        await root.call(exits)
    await anyio.sleep(1)
    assert root.state is S.STARTED


async def test_call_runs_between_the_hooks_of_the_children(root: RootManager[Any, Any]) -> None:
    """Q6: it runs in the loop, between events."""
    await root.add_task(Holder(5)).wait_started()
    began = anyio.current_time()
    await root.call(answer)
    assert anyio.current_time() - began == pytest.approx(5)


async def test_call_takes_its_turn(root: RootManager[Any, Any]) -> None:
    """Q6, L4: it comes up in the order in which it became due."""
    notes: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            notes.append("start")

    async with anyio.create_task_group() as group:
        await root.add_task(Holder(2)).wait_started()
        root.add_task(Mine())
        group.start_soon(root.call, notes.append, "call")
        await anyio.sleep(1)
        await root.add_task(Mine()).wait_started()
    assert notes == ["start", "call", "start"]


@pytest.mark.parametrize("children", [0, 3])
async def test_calls_never_overlap(root: RootManager[Any, Any], children: int) -> None:
    """Q6: two calls never overlap, also when the Job has no children. A known trap: concurrent on an empty Job."""
    job = root.add_task(Work())
    for _ in range(children):
        job.add_task(Task())
    inside = most = 0

    async def alone() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await anyio.sleep(1)
        inside -= 1

    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(job.call, alone)
    assert most == 1
    assert anyio.current_time() - began == pytest.approx(5)


async def test_calls_on_different_jobs_do_overlap(root: RootManager[Any, Any]) -> None:
    """Q6: calls on different Jobs do not wait for each other."""
    jobs = [root.add_task(Work()) for _ in range(3)]
    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        for job in jobs:
            group.start_soon(job.call, answer_late)
    assert anyio.current_time() - began == pytest.approx(3)


async def test_a_nested_call_runs_at_once(root: RootManager[Any, Any]) -> None:
    """Q6: called from inside that same loop it runs at once. A known trap: a nested call deadlocks."""

    async def nested(depth: int) -> int:
        return depth if depth == 0 else 1 + await root.call(nested, depth - 1)

    assert await root.call(nested, 10) == 10


async def test_a_call_back_and_forth_between_two_jobs(root: RootManager[Any, Any]) -> None:
    """Q6: so it does through the loop of another Job."""
    one, other = root.add_task(Work()), root.add_task(Work())
    assert await one.call(other.call, one.call, other.call, answer, 5) == 5


async def test_a_call_in_the_root_on_a_job_below(root: RootManager[Any, Any]) -> None:
    """Q6: from inside the loop of a parent a call on a Job below is fine, and the other way round."""
    job = root.add_task(Work())
    await job.wait_started()
    assert await root.call(job.call, root.call, answer, 5) == 5


class Calling(Task[Any]):
    """Calls something in the loop of its parent."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def call(self) -> None:
        self.got.append(await self.parent.call(answer_late, len(self.got)))


@pytest.mark.parametrize("hook", ["start", "run", "go", "dispose"])
async def test_call_from_a_hook(root: RootManager[Any, Any], hook: str) -> None:
    """Q6: a child may call from each of its hooks."""
    task = root.add_task(type("Mine", (Calling,), {hook: Calling.call, "__module__": __name__})())
    await task.wait_started()
    await anyio.sleep(5)
    task.stop()
    await task.wait_stopped()
    assert task.got == [0]
    assert task.dispose_errors == ()


async def test_call_from_tick(root: RootManager[Any, Any]) -> None:
    """Q6: a child may call from `tick`."""

    class Mine(ChannelTask[int]):
        def get_signal(self) -> Iterator[int]:
            return iter([1, 2])

        async def tick(self, item: int) -> None:
            got.append(await self.parent.call(answer_late, item))

    got: list[int] = []
    await root.add_task(Mine())
    assert got == [1, 2]


@pytest.mark.parametrize("listener", ["on_before_dispose", "on_dispose", "using", "on_stop"])
async def test_call_from_a_listener_or_a_resource(root: RootManager[Any, Any], listener: str) -> None:
    """Q6: so may what it registers for its end."""
    got: list[int] = []
    task = Task[Any]()

    async def hear() -> None:
        got.append(await root.call(answer_late))

    getattr(task, listener)(hear)
    root.add_task(task)
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert got == [42]
    assert task.dispose_errors == ()


@pytest.mark.parametrize("hook", ["start", "run", "go", "dispose"])
async def test_call_from_a_hook_of_the_job_itself(root: RootManager[Any, Any], hook: str) -> None:
    """Q6, L12: a Job may call in its own loop from its hooks; its `dispose` is too late."""

    async def method(self: Any) -> None:
        try:
            got.append(await self.call(answer_late))
        except TaskDisposedError:
            got.append("disposed")

    got: list[Any] = []
    job: Task[Any] = root.add_task(type("Mine", (Job,), {hook: method, "__module__": __name__})())
    await job.wait_started()
    await anyio.sleep(5)
    job.stop()
    await job.wait_stopped()
    assert got == ["disposed" if hook == "dispose" else 42]


async def test_call_from_another_job(root: RootManager[Any, Any]) -> None:
    """Q6: a task of another Job may call."""
    one, other = root.add_task(Work()), root.add_task(Work())

    class Mine(Task[int]):
        async def run(self) -> int:
            return await other.call(answer_late)

    assert await one.add_task(Mine()) == 42


async def test_call_from_a_thread_body(root: RootManager[Any, Any]) -> None:
    """Q6: a thread body may call by way of `anyio.from_thread`, also when it holds that loop itself."""

    class Going(Task):
        def go(self) -> Any:
            return anyio.from_thread.run(self.parent.call, answer_late)

    class Running(Task):
        def run(self) -> Any:
            return anyio.from_thread.run(self.parent.call, answer_late)

    assert await root.add_task(Going()) == 42
    assert await root.add_task(Running()) == 42


async def test_call_in_another_thread_is_refused(root: RootManager[Any, Any]) -> None:
    """Q6, M6: a `call` that is awaited in another event loop is refused with what to do."""

    def in_thread() -> None:
        with pytest.raises(TaskStateError, match="BlockingRoot"):
            anyio.run(root.call, answer)

    await anyio.to_thread.run_sync(in_thread)


async def test_call_before_the_start_is_queued(root: RootManager[Any, Any]) -> None:
    """Q6: before the Job has started it is queued."""

    class Slow(Work):
        async def start(self) -> None:
            await anyio.sleep(5)

    root.add_task(Holder(2))
    job = root.add_task(Slow())
    began = anyio.current_time()
    assert await job.call(answer) == 42
    assert anyio.current_time() - began == pytest.approx(2)


async def test_call_on_a_job_that_never_starts(root: RootManager[Any, Any]) -> None:
    """Q6: a call that waits for a Job which is stopped before it starts raises TaskDisposedError."""
    root.add_task(Holder(2))
    job = root.add_task(Work())
    async with anyio.create_task_group() as group:
        group.start_soon(refused_call, job)
        await anyio.sleep(1)
        job.stop()


async def refused_call(job: Job[Any]) -> None:
    with pytest.raises(TaskDisposedError):
        await job.call(answer)


async def test_call_on_a_job_that_stops_first(root: RootManager[Any, Any]) -> None:
    """Q6: so does one whose turn never comes, because the Job stops."""
    job = root.add_task(Work())
    await job.add_task(Holder(5)).wait_started()
    async with anyio.create_task_group() as group:
        group.start_soon(refused_or_answered, job)
        await anyio.sleep(1)
        job.stop()
        await job.wait_stopped()


async def refused_or_answered(job: Job[Any]) -> None:
    try:
        assert await job.call(answer) == 42
    except TaskDisposedError:
        pass


async def test_call_on_a_stopped_job(root: RootManager[Any, Any]) -> None:
    """Q6: on a stopped Job it raises TaskDisposedError, from the request on."""
    job = root.add_task(Work())
    await job.wait_started()
    job.stop()
    with pytest.raises(TaskDisposedError, match=r"Work#.* is stopped"):
        await job.call(answer)
    await job.wait_stopped()
    with pytest.raises(TaskDisposedError, match="DISPOSED"):
        await job.call(answer)


async def test_call_in_no_tree() -> None:
    """Q6: in no tree it raises TaskStateError."""
    with pytest.raises(TaskStateError, match="Work is in no tree"):
        await Work().call(answer)


async def test_call_waits_for_the_next_life(root: RootManager[Any, Any]) -> None:
    """Q6, D9: on a Job that is RETRYING a call waits for the next life, as children do."""

    class Failing(Work):
        retry = RetryPolicy(1, 10)
        lives = 0

        def start(self) -> None:
            self.lives += 1
            if self.lives == 1:
                raise ValueError

    job = root.add_task(Failing())
    await anyio.sleep(1)
    assert job.state is S.RETRYING
    assert await job.call(lambda: job.lives) == 2


async def test_call_that_is_given_up(root: RootManager[Any, Any]) -> None:
    """Q6: a caller who gives up leaves the loop as it was; what had not begun is not run."""
    called: list[str] = []
    await root.add_task(Holder(5)).wait_started()
    with anyio.move_on_after(1):
        await root.call(called.append, "too late")
    await anyio.sleep(10)
    assert called == []
    assert await root.call(answer) == 42


async def test_inside_ends_with_the_hook(root: RootManager[Any, Any]) -> None:
    """Q6: "inside" ends with the hook: what a hook has started and left is outside afterwards."""
    notes: list[str] = []

    async def afterwards() -> None:
        await anyio.sleep(2)
        assert root.blocked is not None
        await root.call(notes.append, "call")

    class Mine(Task):
        async def start(self) -> None:
            group.start_soon(afterwards)
            await anyio.sleep(1)

    class Second(Task):
        async def run(self) -> None:
            await anyio.sleep(5)
            notes.append("run")

    async with anyio.create_task_group() as group:
        root.add_task(Mine())
        root.add_task(Second())
        await anyio.sleep(1)
    assert notes == ["run", "call"]


async def test_inside_follows_contextvars(root: RootManager[Any, Any]) -> None:
    """Q6: a task that a hook spawns while it lasts is inside, too."""
    got: list[int] = []

    async def spawned() -> None:
        got.append(await root.call(answer))

    class Mine(Task):
        async def start(self) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(spawned)

    await root.add_task(Mine()).wait_started()
    assert got == [42]


async def test_call_has_the_context_of_the_caller(root: RootManager[Any, Any]) -> None:
    """Q6: the function sees the context variables of whoever called."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    variable.set("mine")
    assert await root.call(variable.get) == "mine"


async def test_the_current_task_of_a_call(root: RootManager[Any, Any]) -> None:
    """Q6, M9: in a call the current task is the Job it was called on."""
    job = root.add_task(Work())
    assert await job.call(gotask.current_task) is job


async def test_call_may_add_stop_and_restart(root: RootManager[Any, Any]) -> None:
    """Q6: a call may do what hooks may do."""
    task = await root.call(lambda: root.add_task(Task()))
    await task.wait_started()
    await root.call(task.restart)
    await root.call(task.stop, "enough")
    assert str(await task.wait_stopped()) == "enough"


async def test_call_may_stop_the_job_it_runs_in(root: RootManager[Any, Any]) -> None:
    """Q6, S12: a call may stop its own Job; it finishes first."""
    job = root.add_task(Work())

    async def stop() -> str:
        job.stop()
        await anyio.sleep(3)
        return "finished"

    assert await job.call(stop) == "finished"
    await job.wait_stopped()
    assert job.duration == pytest.approx(3)


async def test_many_calls(root: RootManager[Any, Any]) -> None:
    """Q6: any number of calls may wait; each gets its own answer, in order."""
    got: list[int] = []

    async def one(number: int) -> None:
        got.append(await root.call(answer, number))

    async with anyio.create_task_group() as group:
        for number in range(500):
            group.start_soon(one, number)
    assert sorted(got) == list(range(500))


async def test_calls_from_many_threads(root: RootManager[Any, Any]) -> None:
    """Q6: calls from several thread bodies at once do not overlap either."""
    inside = most = 0
    lock = threading.Lock()

    def alone() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1

    class Mine(Task[None]):
        def go(self) -> None:
            for _ in range(20):
                anyio.from_thread.run(root.call, alone)

    for task in [root.add_task(Mine()) for _ in range(4)]:
        await task
    assert most == 1


class BrowserLoop(asyncio.SelectorEventLoop):
    """As strict as the loop of CPython in a browser: it refuses a moment that has passed."""

    def call_at(self, when: float, callback: Any, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        if when <= self.time():
            raise ValueError("Can't schedule in the past")
        return super().call_at(when, callback, *args, **options)


def test_a_loop_that_refuses_the_past() -> None:
    """C4, R2: ticks that are late and retries without delay come all the same."""
    ticks, tries = [0], [0]

    class Late(TickTask):
        tick_interval = 1e-9

        def tick(self, due_at: float) -> None:
            ticks[0] += 1
            if ticks[0] == 3:
                self.stop("enough")

    def fail_twice() -> int:
        tries[0] += 1
        if tries[0] < 3:
            raise OSError
        return tries[0]

    async def main() -> None:
        async with RootManager() as root:
            late = root.add_task(Late())
            assert await root.add_task(fail_twice, retry=RetryPolicy(2, 0)) == 3
            assert isinstance(await late.wait_stopped(), gotask.StopByUser)

    with asyncio.Runner(loop_factory=BrowserLoop) as runner:
        runner.run(asyncio.wait_for(main(), 30))
    assert ticks == [3]
