"""L1: the states, their wire numbers, and the table of the steps between them."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest

from gotask import Job, RetryPolicy, RootManager, Task, TaskState, TaskType
from gotask.states import ACTIVE, ALLOWED, STEPS
from gotask.testing import EventRecorder

S = TaskState

TABLE = {
    S.INIT: {S.STARTING, S.DISPOSED},
    S.STARTING: {S.STARTED, S.DISPOSING, S.DISPOSED},
    S.STARTED: {S.RUNNING, S.GOING, S.DISPOSING, S.DISPOSED},
    S.RUNNING: {S.STARTED, S.DISPOSING, S.DISPOSED},
    S.GOING: {S.STARTED, S.DISPOSING, S.DISPOSED},
    S.DISPOSING: {S.DISPOSED, S.RETRYING},
    S.RETRYING: {S.STARTING, S.DISPOSED},
    S.DISPOSED: {S.INIT},
}
"""Written a second time, on purpose: a change of the library's table must be made here too."""

PAIRS = list(itertools.product(S, S))
GOOD = [(old, new) for old, new in PAIRS if new in TABLE[old]]
BAD = [(old, new) for old, new in PAIRS if new not in TABLE[old]]


def name(state: object) -> str:
    return state.name if isinstance(state, TaskState) else str(state)


def test_wire_numbers() -> None:
    """L1: the wire numbers are INIT 0 to DISPOSED 6, and RETRYING 7."""
    numbers = {state.name: int(state) for state in S}
    assert numbers == {
        "INIT": 0, "STARTING": 1, "STARTED": 2, "RUNNING": 3, "GOING": 4, "DISPOSING": 5, "DISPOSED": 6, "RETRYING": 7,
    }  # fmt: skip


def test_type_numbers() -> None:
    """The wire numbers of the types are TASK 0, JOB 1, WORK 2, CHANNEL 3 (api.md)."""
    assert {kind.name: int(kind) for kind in TaskType} == {"TASK": 0, "JOB": 1, "WORK": 2, "CHANNEL": 3}


def test_steps_cover_every_state() -> None:
    """L1: the table says for every state what may follow."""
    assert set(STEPS) == set(S)


def test_two_forms_of_the_table_agree() -> None:
    """L1: the table is written once; the quick form of it is made from it."""
    assert {(old, new) for old, new in PAIRS if ALLOWED[old][new]} == {(o, n) for o in STEPS for n in STEPS[o]}


def test_active_states() -> None:
    """J6: active is STARTED up to but not including DISPOSING."""
    assert [state for state in S if ACTIVE[state]] == [S.STARTED, S.RUNNING, S.GOING]


@pytest.mark.parametrize(("old", "new"), GOOD, ids=name)
async def test_step_is_allowed(root: RootManager[Any, Any], old: TaskState, new: TaskState) -> None:
    """L1: each step of the table may be taken."""
    task = Task()
    life = task._life
    life.pump = root._life.pump
    life.state = old
    life.enter(new)
    assert task.state is new


@pytest.mark.parametrize(("old", "new"), BAD, ids=name)
async def test_step_is_refused(root: RootManager[Any, Any], old: TaskState, new: TaskState) -> None:
    """L1: a step that is not in the table raises, and the state stays."""
    task = Task()
    life = task._life
    life.pump = root._life.pump
    life.state = old
    with pytest.raises(RuntimeError, match=f"went from {old.name} to {new.name}"):
        life.enter(new)
    assert task.state is old


def seen(recorder: EventRecorder, task: Task[Any]) -> list[TaskState]:
    return recorder.states(task)


async def test_states_of_a_task_without_body(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1: without a body a task stays STARTED until it is stopped."""
    task = root.add_task(Task())
    assert task.state is S.INIT
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert seen(recorder, task) == [S.STARTING, S.STARTED, S.DISPOSING, S.DISPOSED]


async def test_states_of_a_go_life(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1: a task with `go` passes GOING."""

    class Goer(Task):
        async def go(self) -> None:
            await anyio.sleep(1)

    task = root.add_task(Goer())
    await task
    assert seen(recorder, task) == [S.STARTING, S.STARTED, S.GOING, S.DISPOSING, S.DISPOSED]


async def test_states_of_a_task_stopped_before_its_start(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1: a task that never starts goes from INIT to DISPOSED."""
    task = root.add_task(Task())
    task.stop()
    await task.wait_stopped()
    assert seen(recorder, task) == [S.DISPOSED]


async def test_states_of_a_failed_start(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1: a start that fails goes from STARTING to DISPOSING."""

    class Failing(Task):
        def start(self) -> None:
            raise ValueError("no")

    task = root.add_task(Failing())
    await task.wait_stopped()
    assert seen(recorder, task) == [S.STARTING, S.DISPOSING, S.DISPOSED]


async def test_states_of_two_lives(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1: between two lives a task is RETRYING."""

    class Failing(Task):
        retry = RetryPolicy(1, 5)

        async def run(self) -> None:
            raise ValueError("no")

    task = root.add_task(Failing())
    await anyio.sleep(2)
    assert task.state is S.RETRYING
    await task.wait_stopped()
    life = [S.STARTING, S.STARTED, S.RUNNING, S.DISPOSING]
    assert seen(recorder, task) == [*life, S.RETRYING, *life, S.DISPOSED]


async def test_states_of_a_job_that_outlives_its_body(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1, L6: a Job whose body returned while it has children is STARTED again."""

    class Parent(Job):
        async def go(self) -> None:
            self.add_task(anyio.sleep, 3)

    job = root.add_task(Parent())
    await job.wait_stopped()
    assert seen(recorder, job) == [S.STARTING, S.STARTED, S.GOING, S.STARTED, S.DISPOSING, S.DISPOSED]


async def test_states_of_an_abandoned_task(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1, S5: a body that does not stop in time is abandoned, straight from its state to DISPOSED."""

    class Stubborn(Task):
        stop_timeout = 1

        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(10)

    async with RootManager() as own:
        own.observe(recorder)
        task = own.add_task(Stubborn())
        await task.wait_started()
        task.stop()
        await task.wait_stopped()
        assert seen(recorder, task) == [S.STARTING, S.STARTED, S.GOING, S.DISPOSED]
        await anyio.sleep(20)


async def test_disposed_task_added_again_is_init(root: RootManager[Any, Any]) -> None:
    """L1, J4: a DISPOSED task that is added again begins at INIT."""
    task = root.add_task(Task())
    task.stop()
    await task.wait_stopped()
    root.add_task(task)
    assert task.state is S.INIT
    await task.wait_started()
