"""L: the life cycle."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

import gotask
from gotask import (
    AutoStop,
    ChannelTask,
    Exit,
    Job,
    RetryExhausted,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskDisposedError,
    TaskPanic,
    TaskState,
    TaskStateError,
    TimeoutReason,
    Work,
)
from gotask.body import Body
from gotask.testing import EventRecorder, backend_options

S = TaskState


class Sleeper(Task[int]):
    async def run(self) -> int:
        await anyio.sleep(5)
        return 42


class Goer(Task[int]):
    """As Sleeper, but beside the others, and for as long as it is told."""

    def __init__(self, seconds: float = 5) -> None:
        self.seconds = seconds

    async def go(self) -> int:
        await anyio.sleep(self.seconds)
        return 42


class Failing(Task[int]):
    async def go(self) -> int:
        await anyio.sleep(5)
        raise ValueError("failed")


# L1


async def test_states_of_a_run_life(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1: a task with `run` passes STARTING, STARTED, RUNNING, DISPOSING, DISPOSED."""
    task = root.add_task(Sleeper())
    assert await task == 42
    assert recorder.states(task) == [S.STARTING, S.STARTED, S.RUNNING, S.DISPOSING, S.DISPOSED]
    assert task.timings.body == pytest.approx(5)


async def test_the_state_is_the_one_of_the_hook(root: RootManager[Any, Any]) -> None:
    """L1: in `start` a task is STARTING, in its body RUNNING or GOING, in `dispose` DISPOSING."""
    seen: list[TaskState] = []

    class Mine(Task):
        def start(self) -> None:
            seen.append(self.state)

        async def run(self) -> None:
            seen.append(self.state)

        def dispose(self) -> None:
            seen.append(self.state)

    await root.add_task(Mine())
    assert seen == [S.STARTING, S.RUNNING, S.DISPOSING]


# L3: thread bodies


async def test_a_thread_body_is_told_to_stop(root: RootManager[Any, Any]) -> None:
    """L3, S4: a thread is told through `is_stopped`, and waited for."""
    asleep = threading.Event()

    class Polling(Task[str]):
        def go(self) -> str:
            while not self.is_stopped:
                asleep.wait(0.001)
            return "saw it"

    task = root.add_task(Polling())
    await task.wait_started()
    task.stop("enough")
    reason = await task.wait_stopped()
    assert isinstance(reason, StopByUser)
    assert task.result == "saw it"


@pytest.mark.parametrize("error", [ValueError("in a thread"), StopIteration(), KeyError("k")])
async def test_a_thread_body_that_raises(root: RootManager[Any, Any], error: Exception) -> None:
    """L3, L6: what a thread body raises ends the life."""

    class Mine(Task):
        def go(self) -> None:
            raise error

    task = root.add_task(Mine())
    reason = await task.wait_stopped()
    assert reason is error or (isinstance(reason, RuntimeError) and "StopIteration" in str(reason))


async def test_a_thread_body_may_call_the_tree(root: RootManager[Any, Any]) -> None:
    """L3, M6: plain methods may be called from the thread of a body."""

    class Mine(Job[Any]):
        def go(self) -> int:
            child = self.add_task(Goer(1))
            self.set_description("child", child.task_id)
            self.step("added")
            return child.task_id

    job = root.add_task(Mine())
    await job
    assert job.get_description("child") == job.result
    assert isinstance(job.stop_reason, AutoStop)


async def test_a_thread_run_holds_the_loop(root: RootManager[Any, Any]) -> None:
    """L3, L5: a plain `run` holds up its siblings, as an async one does."""
    gate = threading.Event()

    class Holding(Task):
        def run(self) -> None:
            gate.wait(20)

    holder = root.add_task(Holding())
    await holder.wait_started()
    sibling = root.add_task(Task())
    await anyio.to_thread.run_sync(lambda: None)
    assert root.blocked is holder
    assert sibling.state is S.INIT
    gate.set()
    await sibling.wait_started()


# L4, L5: see also test_event_loop.py


async def test_a_held_loop_holds_only_the_siblings(root: RootManager[Any, Any]) -> None:
    """L5: other Jobs go on while a `run` holds the loop of one."""
    one, other = root.add_task(Work()), root.add_task(Work())
    holder = one.add_task(Sleeper())
    waiting = one.add_task(Task())
    await holder.wait_started()
    free = other.add_task(Task())
    await free.wait_started()
    assert one.blocked is holder
    assert other.blocked is None
    assert waiting.state is S.INIT
    await holder
    await waiting.wait_started()
    assert one.blocked is None


async def test_a_stop_interrupts_the_holder(root: RootManager[Any, Any]) -> None:
    """L5: a stop of the child that holds the loop interrupts it at once."""
    task = root.add_task(Sleeper())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(1)


async def test_a_stop_of_an_ancestor_interrupts_the_holder(root: RootManager[Any, Any]) -> None:
    """L5: a stop of an ancestor interrupts it when the cascade reaches its Job, without waiting for the loop."""
    outer = root.add_task(Work())
    inner = outer.add_task(Work())
    task = inner.add_task(Sleeper())
    never = inner.add_task(Task())
    await anyio.sleep(1)
    outer.stop()
    await outer.wait_stopped()
    assert outer.duration == pytest.approx(1)
    assert task.state is never.state is S.DISPOSED


# L6: how a life ends


async def test_result_and_reason(root: RootManager[Any, Any]) -> None:
    """L6: a body that returns ends the life with TaskComplete, and its value is the result."""
    task = root.add_task(Sleeper())
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert task.result == 42
    assert gotask.current_task() is None


async def test_no_result_before_the_end(root: RootManager[Any, Any]) -> None:
    """L6: there is no result until the body has returned."""
    task = root.add_task(Sleeper())
    await task.wait_started()
    assert task.result is None
    assert task.stop_reason is None


@pytest.mark.parametrize("hook", ["run", "go"])
async def test_a_body_that_raises(root: RootManager[Any, Any], hook: str) -> None:
    """L6: a body that raises ends the life with that exception as the reason."""
    error = ValueError("failed")

    async def body(self: Any) -> None:
        await anyio.sleep(1)
        raise error

    task = type("Mine", (Task,), {hook: body, "__module__": __name__})()
    assert await root.add_task(task).wait_stopped() is error
    assert task.stop_reason is error


async def test_a_start_that_raises(root: RootManager[Any, Any]) -> None:
    """L6: a start that raises ends the life with that exception."""
    error = ValueError("failed")

    class Mine(Task):
        async def start(self) -> None:
            raise error

    assert await root.add_task(Mine()).wait_stopped() is error


async def test_a_body_that_raises_a_stop_reason(root: RootManager[Any, Any]) -> None:
    """L6: a body may end the life with a reason of its own choice."""

    class Mine(Task):
        async def go(self) -> None:
            raise StopByUser("by myself")

    task = root.add_task(Mine())
    assert str(await task.wait_stopped()) == "by myself"


async def test_without_a_body_it_stays(root: RootManager[Any, Any]) -> None:
    """L6: a task without a body stays STARTED until somebody stops it."""
    task = root.add_task(Task())
    await anyio.sleep(80_000)
    assert task.state is S.STARTED
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)


async def test_a_job_body_that_returns_without_children(root: RootManager[Any, Any]) -> None:
    """L6: a Job whose body returns and that had no children ends with TaskComplete."""

    class Mine(Job[str]):
        async def go(self) -> str:
            return "alone"

    job = root.add_task(Mine())
    assert isinstance(await job.wait_stopped(), TaskComplete)
    assert job.result == "alone"


async def test_a_job_body_that_returns_with_children(root: RootManager[Any, Any]) -> None:
    """L6: in a Job a body that returns does not end the life while it has children."""

    class Mine(Job[str]):
        async def go(self) -> str:
            self.add_task(Goer(5))
            return "early"

    job = root.add_task(Mine())
    await anyio.sleep(4)
    assert job.state is S.STARTED
    assert job.result == "early"
    assert isinstance(await job.wait_stopped(), AutoStop)
    assert job.duration == pytest.approx(5)


async def test_a_job_body_that_outlives_its_children(root: RootManager[Any, Any]) -> None:
    """L6, J1: a Job does not end with its last child while its body goes on."""

    class Mine(Job[str]):
        async def go(self) -> str:
            self.add_task(Goer(1))
            await anyio.sleep(5)
            return "late"

    job = root.add_task(Mine())
    await job.wait_stopped()
    assert job.duration == pytest.approx(5)
    assert job.result == "late"


async def test_a_work_goes_on_after_its_body(root: RootManager[Any, Any]) -> None:
    """L6: a Work goes on when its body has returned."""

    class Mine(Work):
        async def go(self) -> str:
            return "done"

    work = root.add_task(Mine())
    await anyio.sleep(100)
    assert work.state is S.STARTED
    assert work.result == "done"


@pytest.mark.parametrize("kind", [Job, Work])
async def test_a_job_body_that_raises(root: RootManager[Any, Any], kind: type[Job[Any]]) -> None:
    """L6: a body that raises ends a Job or Work, children or not."""

    async def go(self: Any) -> None:
        self.add_task(Goer(5))
        await anyio.sleep(1)
        raise ValueError("failed")

    job = root.add_task(type("Mine", (kind,), {"go": go, "__module__": __name__})())
    assert isinstance(await job.wait_stopped(), ValueError)
    assert job.duration == pytest.approx(1)


# L7: waiting


async def test_wait_started_returns_at_started(root: RootManager[Any, Any]) -> None:
    """L7: `wait_started()` returns when the task reaches STARTED."""

    class Slow(Task):
        async def start(self) -> None:
            await anyio.sleep(3)

    task = root.add_task(Slow())
    began = anyio.current_time()
    await task.wait_started()
    assert anyio.current_time() - began == pytest.approx(3)
    assert task.state is S.STARTED


async def test_wait_started_of_an_ended_task(root: RootManager[Any, Any]) -> None:
    """L7: it returns for a task that was started and has ended meanwhile."""
    task = root.add_task(Goer(0))
    await task.wait_stopped()
    await task.wait_started()


async def test_wait_started_raises_the_failure_of_start(root: RootManager[Any, Any]) -> None:
    """L7: it raises the reason if the task never starts."""
    error = ValueError("failed")

    class Mine(Task):
        def start(self) -> None:
            raise error

    task = root.add_task(Mine())
    for _ in range(2):
        with pytest.raises(ValueError) as caught:
            await task.wait_started()
        assert caught.value is error


async def test_wait_started_raises_the_reason_of_a_stop(root: RootManager[Any, Any]) -> None:
    """L7, S2: it raises the reason of a stop that came before the start."""
    task = root.add_task(Task())
    task.stop("never mind")
    with pytest.raises(StopByUser, match="never mind"):
        await task.wait_started()


async def test_wait_started_waits_for_a_retried_start(root: RootManager[Any, Any]) -> None:
    """L7, R1: a start that fails and is retried has not failed for good."""

    class Mine(Task):
        retry = RetryPolicy(2, 1)
        count = 0

        def start(self) -> None:
            self.count += 1
            if self.count < 3:
                raise ValueError("not yet")

    task = root.add_task(Mine())
    await task.wait_started()
    assert task.count == 3


async def test_wait_started_raises_after_the_last_retry(root: RootManager[Any, Any]) -> None:
    """L7, R5: when the retries of the start are spent it raises RetryExhausted."""

    class Mine(Task):
        retry = RetryPolicy(2, 1)

        def start(self) -> None:
            raise ValueError("never")

    with pytest.raises(RetryExhausted):
        await root.add_task(Mine()).wait_started()


async def test_wait_started_of_a_root(root: RootManager[Any, Any]) -> None:
    """L7: a root that is open has started."""
    await root.wait_started()


async def test_wait_stopped_returns_the_failure(root: RootManager[Any, Any]) -> None:
    """L7: `wait_stopped()` returns the final reason, and never raises the task's own failure."""
    task = root.add_task(Failing())
    assert isinstance(await task.wait_stopped(), ValueError)
    assert isinstance(await task.wait_stopped(), ValueError)


async def test_wait_stopped_waits_for_the_last_life(root: RootManager[Any, Any]) -> None:
    """L7: it returns after the last life."""
    task = Failing()
    task.set_retry(1, 10)
    root.add_task(task)
    assert isinstance(await task.wait_stopped(), RetryExhausted)
    assert task.duration == pytest.approx(5 + 10 + 5)


async def test_many_may_wait(root: RootManager[Any, Any]) -> None:
    """L7: any number of coroutines may wait for one task."""
    task = root.add_task(Goer(5))
    results: list[Any] = []

    async def wait() -> None:
        await task.wait_started()
        results.append(await task)

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(wait)
    assert results == [42] * 100


async def test_a_wait_may_be_cancelled(root: RootManager[Any, Any]) -> None:
    """L7: giving up a wait changes nothing for the task, nor for others who wait."""
    task = root.add_task(Goer(5))
    with anyio.move_on_after(1) as scope:
        await task
    assert scope.cancelled_caught
    assert task.state is S.GOING
    assert await task == 42


async def test_await_returns_the_result(root: RootManager[Any, Any]) -> None:
    """L7: `await task` waits for the end and returns the result."""
    assert await root.add_task(Goer()) == 42


async def test_await_returns_none_after_autostop(root: RootManager[Any, Any]) -> None:
    """L7: after AutoStop `await job` returns None."""

    class Mine(Job[str]):
        async def go(self) -> str:
            self.add_task(Goer(1))
            return "result of the body"

    assert await root.add_task(Mine()) is None


async def test_await_returns_the_result_of_a_fallback(root: RootManager[Any, Any]) -> None:
    """L7: after a fallback `await task` returns its result."""
    task = Failing()
    task.set_retry(0, 1, fallback=lambda: 7)
    assert await root.add_task(task) == 7


async def test_await_raises_a_failure(root: RootManager[Any, Any]) -> None:
    """L7: `await task` raises the failure."""
    with pytest.raises(ValueError, match="failed"):
        await root.add_task(Failing())


def raised_at(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("hook", ["start", "go"])
async def test_a_failure_that_is_raised_again_has_no_longer_traceback(root: RootManager[Any, Any], hook: str) -> None:
    """L7: awaiting one failed task again and again raises it with the traceback of the first time."""

    async def fails(self: Any) -> None:
        raise ValueError("failed")

    task = root.add_task(type("Mine", (Task,), {hook: fails, "__module__": __name__})())
    traces = []
    for _ in range(3):
        with pytest.raises(ValueError, match="failed") as caught:
            await (task if hook == "go" else task.wait_started())
        traces.append(raised_at(caught.value))
    assert traces[0] == traces[1] == traces[2]
    assert traces[0][-1] == "fails"


async def test_a_failure_that_passes_through_a_task_keeps_its_way(root: RootManager[Any, Any]) -> None:
    """L7: the traceback of a failure that came from another task shows the bodies of both."""

    class Inner(Task):
        async def go(self) -> None:
            raise ValueError("failed")

    class Outer(Task):
        async def go(self) -> None:
            await self.run_task(Inner())

    task = root.add_task(Outer())
    for _ in range(3):
        with pytest.raises(ValueError, match="failed") as caught:
            await task
        assert raised_at(caught.value).count("go") == 2


@pytest.mark.parametrize("reason", [StopByUser("user"), Exit("exit"), TimeoutReason("late"), KeyError("k")])
async def test_await_raises_every_other_reason(root: RootManager[Any, Any], reason: Exception) -> None:
    """L7: every other reason is raised, StopByUser too."""
    task = root.add_task(Goer())
    await task.wait_started()
    task.stop(reason)
    with pytest.raises(type(reason)) as caught:
        await task
    assert caught.value is reason


# L9: who is who


async def test_ids_rise_by_one() -> None:
    """L9: ids are unique and rise by one in a process."""
    tasks: list[Task[Any]] = [Task(), Job(), Work(), Goer(), ChannelTask()]
    first = tasks[0].task_id
    assert [task.task_id for task in tasks] == list(range(first, first + 5))


def test_ids_are_unique_in_threads() -> None:
    """L9: ids are unique also when several threads make tasks."""
    ids: list[int] = []

    def make() -> None:
        ids.extend([Task().task_id for _ in range(1000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 4000


def test_next_task_id_is_taken_from_the_same_series() -> None:
    """L9: `get_next_task_id()` is a number no task gets."""
    before, number, after = Task().task_id, gotask.get_next_task_id(), Task().task_id
    assert (number, after) == (before + 1, before + 2)


async def test_the_key_defaults_to_the_id(root: RootManager[Any, Any]) -> None:
    """L9: the key defaults to the id, before the task is added and after."""
    task = Task()
    assert task.key == task.task_id
    root.add_task(task)
    assert task.key == task.task_id
    await task.wait_started()
    assert root[task.task_id] is task


async def test_the_key_is_what_was_set(root: RootManager[Any, Any]) -> None:
    """L9: a key may be set before the task is added; 0 and "" are keys, too."""
    for key in ("name", 0, "", ("a", 1)):
        task = Task()
        task.key = key
        root.add_task(task)
        await task.wait_started()
        assert task.key == key
        assert root[key] is task


async def test_levels(root: RootManager[Any, Any]) -> None:
    """L9: the level of a root is 0, that of a child is its parent's + 1."""
    job = root.add_task(Work())
    child = job.add_task(Work())
    grandchild = child.add_task(Task())
    assert [task.level for task in (root, job, child, grandchild)] == [0, 1, 2, 3]
    assert [task.parent for task in (root, job, child, grandchild)] == [None, root, job, child]


# L10: times


class Phases(Task):
    async def start(self) -> None:
        await anyio.sleep(2)

    async def run(self) -> None:
        await anyio.sleep(3)

    async def dispose(self) -> None:
        await anyio.sleep(4)


def times(task: Task[Any]) -> list[float]:
    timings = task.timings
    return [timings.queued, timings.start, timings.body, timings.dispose, timings.total]


async def test_timings_of_each_phase(root: RootManager[Any, Any]) -> None:
    """L10: queued, start, body, dispose and total time are measured."""
    root.add_task(Goer(0))
    first = root.add_task(Sleeper())
    task = root.add_task(Phases())
    await first
    await task
    assert times(task) == pytest.approx([5, 2, 3, 4, 14])
    assert task.duration == pytest.approx(14)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (1, [0, 1, 0, 0, 1]),
        (2.5, [0, 2, 0.5, 0, 2.5]),
        (6, [0, 2, 3, 1, 6]),
        (100, [0, 2, 3, 4, 9]),
    ],
)
async def test_timings_so_far(root: RootManager[Any, Any], at: float, expected: list[float]) -> None:
    """L10: they can be read at any time, and are then "so far"; afterwards they stand still."""
    task = root.add_task(Phases())
    await anyio.sleep(at)
    assert times(task) == pytest.approx(expected)


async def test_queued_so_far(root: RootManager[Any, Any]) -> None:
    """L10: a task that waits for its start is queued so far."""
    root.add_task(Sleeper())
    task = root.add_task(Task())
    await anyio.sleep(3)
    assert times(task) == pytest.approx([3, 0, 0, 0, 3])


async def test_timings_of_a_task_that_never_started(root: RootManager[Any, Any]) -> None:
    """L10: a task that was stopped while it was queued has only that time."""
    root.add_task(Sleeper())
    task = root.add_task(Task())
    await anyio.sleep(3)
    task.stop()
    await task.wait_stopped()
    await anyio.sleep(3)
    assert times(task) == pytest.approx([5, 0, 0, 0, 5])


async def test_timings_of_a_failed_start(root: RootManager[Any, Any]) -> None:
    """L10: a start that failed has its time, and there is no body."""

    class Mine(Task):
        async def start(self) -> None:
            await anyio.sleep(2)
            raise ValueError("failed")

    task = root.add_task(Mine())
    await task.wait_stopped()
    assert times(task) == pytest.approx([0, 2, 0, 0, 2])


async def test_timings_of_a_later_life(root: RootManager[Any, Any]) -> None:
    """L10: the times are those of one life, queued from the end of its back-off; `duration` counts from the adding."""

    class Mine(Task):
        async def go(self) -> None:
            await anyio.sleep(1)
            raise ValueError("failed")

    task = root.add_task(Mine(), retry=RetryPolicy(1, 10))
    await anyio.sleep(3)
    assert times(task) == pytest.approx([0, 0, 1, 0, 1])
    assert task.duration == pytest.approx(3)
    await anyio.sleep(6)
    root.add_task(Sleeper())  # holds up the loop from 9 to 14
    await task.wait_stopped()
    assert times(task) == pytest.approx([3, 0, 1, 0, 4])
    assert task.duration == pytest.approx(15)


async def test_timings_after_a_restart_in_the_back_off(root: RootManager[Any, Any]) -> None:
    """L10, R6: a life that is asked for during the back-off is due at once."""

    class Mine(Task):
        async def go(self) -> None:
            await anyio.sleep(1)
            raise ValueError("failed")

    task = root.add_task(Mine(), retry=RetryPolicy(1, 10))
    await anyio.sleep(5)
    task.restart()
    await task.wait_stopped()
    assert times(task) == pytest.approx([0, 0, 1, 0, 1])
    assert task.duration == pytest.approx(6)


def test_timings_before_it_is_added() -> None:
    """L10: before it is added a task has no times."""
    assert times(Task()) == [0, 0, 0, 0, 0]
    assert Task().duration == 0


async def test_duration_goes_over_all_lives(root: RootManager[Any, Any]) -> None:
    """L10: the duration is that of all lives, from when the task was added."""
    task = Goer(5)
    root.add_task(task)
    await anyio.sleep(2)
    task.restart()
    await task
    assert task.duration == pytest.approx(7)
    assert task.timings.body == pytest.approx(5)


# L12: children of a Job that starts


async def test_start_may_await_a_child(root: RootManager[Any, Any]) -> None:
    """L12: a Job starts its children from STARTING on, so its `start` may await them."""

    class Mine(Job):
        async def start(self) -> None:
            self.got = await self.add_task(Goer(3))
            self.first = self.add_task(Goer(9))
            await self.first.wait_started()

    job = root.add_task(Mine())
    await job.wait_started()
    assert job.got == 42
    assert job.first.state is S.GOING
    assert job.timings.start == pytest.approx(3)


async def test_children_of_a_failed_start_are_disposed(root: RootManager[Any, Any]) -> None:
    """L12, D4: when `start` fails after it has added children, they are disposed."""

    class Mine(Job):
        async def start(self) -> None:
            self.child = self.add_task(Goer(9))
            await self.child.wait_started()
            raise ValueError("failed")

    job = root.add_task(Mine())
    assert isinstance(await job.wait_stopped(), ValueError)
    assert isinstance(job.child.stop_reason, ValueError)
    assert job.child.state is S.DISPOSED


async def test_a_child_that_ends_in_start_does_not_end_the_job_early(root: RootManager[Any, Any]) -> None:
    """L12, J1: a Job that loses its last child during its `start` stops when it has started, not before."""

    class Mine(Job):
        async def start(self) -> None:
            await self.add_task(Goer(1))
            await anyio.sleep(5)

    job = root.add_task(Mine())
    assert isinstance(await job.wait_stopped(), AutoStop)
    assert job.duration == pytest.approx(6)
    await job.wait_started()


@pytest.mark.parametrize("kind", [Job, Work, RootManager])
def test_a_job_in_no_tree_takes_no_children(kind: Callable[[], Job[Any]]) -> None:
    """L12: adding to a Job that is in no tree is a TaskStateError that says what to do."""
    job = kind()
    with pytest.raises(TaskStateError, match=r"in no tree|not open yet"):
        job.add_task(Task())
    assert job.size == 0


async def test_children_added_before_the_job_starts(root: RootManager[Any, Any]) -> None:
    """L12: children may be added to a Job that waits for its own start; they wait with it."""
    root.add_task(Sleeper())
    job = root.add_task(Work())
    child = job.add_task(Task())
    await anyio.sleep(1)
    assert job.state is child.state is S.INIT
    await child.wait_started()
    assert child.timings.queued == pytest.approx(5)


# L14: what ends the program


def program(
    backend: tuple[str, dict[str, Any]], add: Callable[[RootManager[Any, Any]], Any]
) -> tuple[BaseException | None, RootManager[Any, Any], Task[Any], Task[Any]]:
    """Run a program of its own; return what left it, its root, a bystander, and the task that was added."""
    kept: list[Any] = []

    async def main() -> None:
        async with RootManager() as own:
            bystander = own.add_task(Task())
            await bystander.wait_started()
            kept.extend([own, bystander, add(own)])
            await own.wait_stopped()

    left: BaseException | None = None
    try:
        anyio.run(main, backend=backend[0], backend_options=backend[1])
    except BaseException as error:
        left = error
    return left, kept[0], kept[1], kept[2]


def raising(hook: str, error: BaseException, kind: type[Task[Any]] = Task) -> Task[Any]:
    async def method(self: Any, *args: Any) -> None:
        raise error

    namespace: dict[str, Any] = {hook: method, "__module__": __name__}
    if hook == "dispose":
        namespace["go"] = Goer.go
        namespace["seconds"] = 0
    if hook == "tick":
        kind = ChannelTask

        def get_signal(self: Any) -> Iterator[int]:
            return iter([1])

        namespace["get_signal"] = get_signal
    made: Task[Any] = type("Raising", (kind,), namespace)()
    return made


@pytest.mark.parametrize("error", [KeyboardInterrupt("ctrl-c"), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("hook", ["start", "run", "go", "dispose", "tick"])
def test_keyboard_interrupt_and_system_exit(
    anyio_backend: tuple[str, dict[str, Any]], hook: str, error: BaseException
) -> None:
    """L14: out of a hook they shut the tree down with Exit, and leave `async with` as themselves."""
    left, own, bystander, task = program(anyio_backend, lambda own: own.add_task(raising(hook, error)))
    assert left is error
    assert own.state is bystander.state is task.state is S.DISPOSED
    assert isinstance(own.stop_reason, Exit)
    assert isinstance(bystander.stop_reason, Exit)


@pytest.mark.parametrize("error", [KeyboardInterrupt("ctrl-c"), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("hook", ["run", "go"])
def test_system_exit_out_of_a_thread(
    anyio_backend: tuple[str, dict[str, Any]], hook: str, error: BaseException
) -> None:
    """L14, L3: out of a thread body they do the same."""

    def body(self: Any) -> None:
        raise error

    made = type("Raising", (Task,), {hook: body, "__module__": __name__})
    left, own, bystander, task = program(anyio_backend, lambda own: own.add_task(made()))
    assert left is error
    assert own.state is bystander.state is task.state is S.DISPOSED


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("hook", ["run", "go"])
async def test_generator_exit_is_a_failure(root: RootManager[Any, Any], hook: str, threaded: bool) -> None:
    """L6, L15: out of a body it is a failure like another, and nothing hangs."""
    error = GeneratorExit("mine")

    def body(self: Any) -> None:
        raise error

    task = root.add_task(
        type("Raising", (Task,), {hook: body, "__module__": __name__})() if threaded else raising(hook, error)
    )
    with anyio.fail_after(5):
        assert await task.wait_stopped() is error
    assert root.state is S.STARTED


def test_system_exit_is_not_retried(anyio_backend: tuple[str, dict[str, Any]]) -> None:
    """L14, R4: no retry holds SystemExit up."""
    task = raising("go", SystemExit(3))
    task.set_retry(-1, 1)
    left, _, _, _ = program(anyio_backend, lambda own: own.add_task(task))
    assert isinstance(left, SystemExit)
    assert task.retry_count == 0


@pytest.mark.parametrize("listener", ["on_start", "on_before_dispose", "on_dispose"])
def test_keyboard_interrupt_out_of_a_listener(anyio_backend: tuple[str, dict[str, Any]], listener: str) -> None:
    """L14: a listener counts as a hook."""
    error = KeyboardInterrupt()

    def hear() -> None:
        raise error

    task = Goer(0)
    getattr(task, listener)(hear)
    left, own, _, _ = program(anyio_backend, lambda own: own.add_task(task))
    assert left is error
    assert own.state is S.DISPOSED


def test_system_exit_leaves_run() -> None:
    """L14: it leaves `gotask.run` as itself, with its code."""

    async def main(own: RootManager[Any, Any]) -> None:
        own.add_task(raising("go", SystemExit(3)))
        await own.wait_stopped()

    with pytest.raises(SystemExit) as caught:
        gotask.run(main, handle_signals=False)
    assert caught.value.code == 3


async def test_a_cancelled_error_of_the_users_own(root: RootManager[Any, Any]) -> None:
    """L14: a cancellation of the user's own, caught by their own scope, is no concern of the library."""

    class Mine(Task[str]):
        async def go(self) -> str:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.sleep(1)
            return "went on"

    assert await root.add_task(Mine()) == "went on"


@pytest.mark.parametrize("hook", ["start", "run", "go"])
async def test_a_cancelled_error_that_nobody_caused(
    root: RootManager[Any, Any], hook: str, anyio_backend_name: str
) -> None:
    """L14: a CancelledError that nobody here caused is a failure like another; the tree goes on."""
    cancelled = await a_cancelled_error(anyio_backend_name)
    bystander = root.add_task(Task())
    task = root.add_task(raising(hook, cancelled))
    assert await task.wait_stopped() is cancelled
    await anyio.sleep(1)
    assert bystander.state is S.STARTED


async def test_a_cancelled_error_is_retried_like_another(root: RootManager[Any, Any], anyio_backend_name: str) -> None:
    """L14, R1: being a failure like another, it is retried."""
    cancelled = await a_cancelled_error(anyio_backend_name)
    task = raising("go", cancelled)
    task.set_retry(2, 1)
    reason = await root.add_task(task).wait_stopped()
    assert isinstance(reason, RetryExhausted)
    assert reason.__cause__ is cancelled


async def test_a_cancelled_error_out_of_dispose(root: RootManager[Any, Any], anyio_backend_name: str) -> None:
    """L14, D5: out of `dispose` it is an error like another."""
    cancelled = await a_cancelled_error(anyio_backend_name)
    task = root.add_task(raising("dispose", cancelled))
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert task.dispose_errors == (cancelled,)
    assert root.state is S.STARTED


async def a_cancelled_error(backend: str) -> BaseException:
    """An exception with which the back end cancelled something else."""
    if backend == "asyncio":
        return asyncio.CancelledError("by somebody else")
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.sleep(1)
        except anyio.get_cancelled_exc_class() as error:
            return error
    raise AssertionError


@pytest.mark.parametrize("anyio_backend", [backend_options(name) for name in ("asyncio", "asyncio+uvloop")])
async def test_a_cancelled_asyncio_task_that_is_awaited(root: RootManager[Any, Any]) -> None:
    """L14: an asyncio.Task that was cancelled elsewhere and is awaited in a body fails that body only."""

    class Mine(Task):
        async def go(self) -> None:
            other = asyncio.create_task(asyncio.sleep(10))
            await asyncio.sleep(1)
            other.cancel()
            await other

    task = root.add_task(Mine())
    assert isinstance(await task.wait_stopped(), asyncio.CancelledError)
    assert root.state is S.STARTED


# L15: a bug of the library's own


BUGS = ["begin", "end", "started", "body_ended", "clean_up", "finish"]


@pytest.mark.parametrize("where", BUGS)
async def test_a_bug_in_the_loop_is_a_panic(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """L15: an error in the library's own loop shuts the tree down with TaskPanic, which is raised."""
    bug = ZeroDivisionError("a bug")
    task = Goer(1)

    async def program() -> tuple[RootManager[Any, Any], Task[Any]]:
        async with RootManager() as own:
            kept.append(own)
            bystander = own.add_task(Task())
            kept.append(bystander)
            await bystander.wait_started()
            original = getattr(type(task._life), where)

            def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
                if self is task._life:
                    raise bug
                return original(self, *args, **kwargs)

            monkeypatch.setattr(type(task._life), where, broken)
            own.add_task(task)
            await own.wait_stopped()
        raise AssertionError("TaskPanic should have been raised")

    kept: list[Task[Any]] = []
    with pytest.raises(TaskPanic) as caught:
        await program()
    assert caught.value.__cause__ is bug
    assert kept[0].state is kept[1].state is S.DISPOSED
    assert isinstance(kept[0].stop_reason, TaskPanic)


async def test_a_panic_is_raised_once_and_releases_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """L15: it never hangs: those who wait for a task hear of its end."""

    class Broken(Goer):
        pass

    task = Broken(1)
    own: RootManager[Any, Any] = RootManager()
    await own.init()
    monkeypatch.setattr(type(task._life), "body_ended", lambda *_: 1 / 0)
    own.add_task(task)
    with pytest.raises(TaskPanic):
        await task
    with pytest.raises(TaskPanic):
        await own.shutdown()
    monkeypatch.undo()
    await own.shutdown()
    with pytest.raises(TaskDisposedError):
        own.add_task(Task())


# L16: the threads of bodies


class Threaded(Task[int]):
    """Counts how many of its kind are at work at the same time."""

    lock = threading.Lock()
    gate: threading.Event
    now = 0
    most = 0

    def go(self) -> int:
        kind = type(self)
        with self.lock:
            kind.now += 1
            kind.most = max(kind.most, kind.now)
        kind.gate.wait(20)
        with self.lock:
            kind.now -= 1
        return threading.get_ident()


async def test_threads_are_unbounded_by_default(root: RootManager[Any, Any]) -> None:
    """L16: thread bodies have their own limiter, unbounded by default: more than anyio's 40 run at a time."""

    class Mine(Threaded):
        gate = threading.Event()

    tasks = [root.add_task(Mine()) for _ in range(60)]
    for task in tasks:
        await task.wait_started()
    while Mine.now < 60:
        await anyio.lowlevel.checkpoint()
    Mine.gate.set()
    for task in tasks:
        await task
    assert Mine.most == 60


async def test_max_threads() -> None:
    """L16: `RootManager(max_threads=…)` bounds how many run at a time; the others are queued."""

    class Mine(Threaded):
        gate = threading.Event()

    async with RootManager(max_threads=2) as own:
        tasks = [own.add_task(Mine()) for _ in range(6)]
        while Mine.now < 2:
            await anyio.lowlevel.checkpoint()
        Mine.gate.set()
        for task in tasks:
            await task
    assert Mine.most == 2


async def test_thread_bodies_do_not_use_up_the_threads_of_others(root: RootManager[Any, Any]) -> None:
    """L16: the limiter is their own: other users of threads are not held up."""

    class Mine(Threaded):
        gate = threading.Event()

    tasks = [root.add_task(Mine()) for _ in range(50)]
    assert await anyio.to_thread.run_sync(lambda: "done") == "done"
    Mine.gate.set()
    for task in tasks:
        await task


async def test_a_queued_thread_body_that_is_stopped_ends_at_once() -> None:
    """L16: one stopped while still queued ends at once, and is never called."""

    class Mine(Threaded):
        gate = threading.Event()

    called: list[str] = []

    class Late(Task):
        def go(self) -> None:
            called.append("late")

    async with RootManager(max_threads=1) as own:
        first = own.add_task(Mine())
        while Mine.now < 1:
            await anyio.lowlevel.checkpoint()
        late = own.add_task(Late())
        await late.wait_started()
        late.stop()
        assert isinstance(await late.wait_stopped(), StopByUser)
        assert first.state is S.GOING
        Mine.gate.set()
        await first
    assert called == []


MINE: ContextVar[Any] = ContextVar("mine")


class Held:
    """Something."""


class Sets(Task[None]):
    """Holds something in its context, waits, and ends."""

    held: weakref.ref[Held]

    async def go(self) -> None:
        held = Held()
        MINE.set(held)
        self.held = weakref.ref(held)
        await anyio.lowlevel.checkpoint()


class SetsInRun(Task[None]):
    """The same in the loop."""

    held: weakref.ref[Held]

    run = Sets.go


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Without the garbage collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_context_goes_with_the_life(root: RootManager[Any, Any], no_collector: None) -> None:
    """M9: the context of a life is gone when the life is over, though the task is kept."""
    task = root.add_task(SetsInRun())
    await task
    await anyio.sleep(1)
    assert task.held() is None


def bodies() -> set[int]:
    """What drives a body now, anywhere in this process."""
    return {id(one) for one in gc.get_objects() if isinstance(one, Body)}


@pytest.mark.parametrize("kind", [Sets, SetsInRun])
async def test_nothing_of_a_body_is_left_for_the_collector(
    root: RootManager[Any, Any], no_collector: None, kind: type[Task[None]]
) -> None:
    """L6: what drives a body is gone when the body is over."""
    before = bodies()
    task = root.add_task(kind())
    await task
    await anyio.sleep(1)
    assert bodies() == before
