"""The stepper and the recorder of gotask.testing."""

from __future__ import annotations

from typing import Any

import anyio

import gotask
from gotask import Job, RootManager, Task, TaskState
from gotask.testing import EventRecorder, Stepper


class Worker(Task[None]):
    async def go(self) -> None:
        await anyio.sleep_forever()


async def paused(root: RootManager[Any, Any]) -> tuple[Job[Any], Stepper]:
    job = root.add_task(Job())
    await job.wait_started()
    return job, Stepper(job)


async def test_a_paused_job_takes_no_event(root: RootManager[Any, Any]) -> None:
    """While it is paused its children wait in the queue; other Jobs go on."""
    job, stepper = await paused(root)
    worker = job.add_task(Worker())
    other = root.add_task(Worker())
    await anyio.sleep(1)
    assert stepper.is_paused
    assert worker.state is TaskState.INIT
    assert other.state is TaskState.GOING
    assert [str(event) for event in stepper.queue] == [f"start Worker#{worker.task_id}"]


async def test_one_step_is_one_event(root: RootManager[Any, Any]) -> None:
    """A step takes the first event of the queue and leaves the others."""
    job, stepper = await paused(root)
    first, second = job.add_task(Worker()), job.add_task(Worker())
    taken = await stepper.step()
    assert taken is not None
    assert (taken.kind, taken.task) == ("start", first)
    assert (first.state, second.state) == (TaskState.GOING, TaskState.INIT)


async def test_a_step_of_an_empty_queue_is_none(root: RootManager[Any, Any]) -> None:
    """There is nothing to take."""
    _, stepper = await paused(root)
    assert await stepper.step() is None


async def test_it_runs_to_the_event_that_is_wanted(root: RootManager[Any, Any]) -> None:
    """`run_to` stops before the first event for which the predicate is true."""
    job, stepper = await paused(root)
    workers = [job.add_task(Worker()) for _ in range(4)]
    found = await stepper.run_to(lambda event: event.task is workers[2])
    assert found is not None
    assert found.task is workers[2]
    assert [worker.state for worker in workers] == [TaskState.GOING] * 2 + [TaskState.INIT] * 2
    assert await stepper.run_to(lambda event: False) is None


async def test_the_kinds_of_events(root: RootManager[Any, Any]) -> None:
    """A call, a start after a back-off, a tick and a dispose are named as such."""

    class Failing(Task[None]):
        retry = gotask.RetryPolicy(1, interval=1)

        def start(self) -> None:
            raise ValueError

    class Reader(gotask.ChannelTask[int]):
        def tick(self, item: int) -> None: ...

    job, stepper = await paused(root)
    failing, reader = job.add_task(Failing()), job.add_task(Reader())
    await stepper.run_to(lambda event: False)
    await anyio.sleep(2)
    await reader.open().send(1)
    async with anyio.create_task_group() as group:
        group.start_soon(job.call, len, "four")
        await anyio.sleep(1)
        assert [event.kind for event in stepper.queue] == ["start again", "tick", "call"]
        await stepper.run_to(lambda event: False)
    reader.stop()
    await anyio.sleep(1)
    assert [(event.kind, event.task) for event in stepper.queue] == [("dispose", reader)]
    assert failing.state is TaskState.DISPOSED


async def test_resumed_it_runs_by_itself(root: RootManager[Any, Any]) -> None:
    """After `resume` what has queued is handled at once."""
    job, stepper = await paused(root)
    worker = job.add_task(Worker())
    stepper.resume()
    await worker.wait_started()
    assert not stepper.is_paused
    assert await stepper.step() is None


async def test_a_stop_overrides_the_pause(root: RootManager[Any, Any]) -> None:
    """A paused Job can be stopped, with its children."""
    job, stepper = await paused(root)
    job.add_task(Worker())
    await stepper.step()
    job.stop()
    assert isinstance(await job.wait_stopped(), gotask.StopByUser)


async def test_the_recorder_tells_the_order(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """`order` has the owner types that took a state, in the order in which they did; an event reads as a line."""
    worker = root.add_task(Worker())
    await worker.wait_started()
    assert recorder.order(TaskState.GOING) == ["Worker"]
    assert str(recorder.of("task_added")[0]) == f"Worker#{worker.task_id} task_added"
