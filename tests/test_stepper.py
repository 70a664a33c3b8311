"""The stepper and the recorder of gotask.testing."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import anyio
import pytest

import gotask
from gotask import Job, RootManager, Task, TaskState
from gotask.testing import EventRecorder, Stepper


class Worker(Task[None]):
    async def go(self) -> None:
        await anyio.sleep_forever()


class Slow(Task[None]):
    async def start(self) -> None:
        await anyio.sleep(1)


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


async def test_other_threads_may_pause_and_resume(root: RootManager[Any, Any]) -> None:
    """M6: a Stepper is made, resumed, paused and closed in any thread; a step is taken in the tree's own."""
    job = root.add_task(Job())
    await job.wait_started()
    stepper = await anyio.to_thread.run_sync(Stepper, job)
    assert stepper.is_paused
    await anyio.to_thread.run_sync(stepper.resume)
    assert not stepper.is_paused
    await anyio.to_thread.run_sync(stepper.pause)
    assert stepper.is_paused
    await anyio.to_thread.run_sync(stepper.close)
    assert stepper.is_closed
    assert not stepper.is_paused


async def test_it_is_closed_with_its_job(root: RootManager[Any, Any]) -> None:
    """Nothing is left to be stepped."""
    job, stepper = await paused(root)
    job.stop()
    await job.wait_stopped()
    assert stepper.is_closed


async def test_steps_are_counted(root: RootManager[Any, Any]) -> None:
    """Each has the number of events that were taken in the pause."""
    job, stepper = await paused(root)
    for _ in range(3):
        job.add_task(Worker())
    taken = [await stepper.step() for _ in range(3)]
    assert [step and step.number for step in taken] == [1, 2, 3]


async def test_a_stop_overrides_the_pause(root: RootManager[Any, Any]) -> None:
    """A paused Job can be stopped, with its children."""
    job, stepper = await paused(root)
    job.add_task(Worker())
    await stepper.step()
    job.stop()
    assert isinstance(await job.wait_stopped(), gotask.StopByUser)


async def test_it_can_be_paused_again(root: RootManager[Any, Any]) -> None:
    """After `resume`, `pause` has the next events wait again."""
    job, stepper = await paused(root)
    stepper.resume()
    stepper.pause()
    worker = job.add_task(Worker())
    await anyio.sleep(1)
    assert (stepper.is_paused, worker.state) == (True, TaskState.INIT)


async def test_a_step_says_what_it_changed(root: RootManager[Any, Any]) -> None:
    """The changes of state are those of the event, in order; a plain hook leaves nothing to wait for."""
    job, stepper = await paused(root)
    worker = job.add_task(Worker())
    taken = await stepper.step()
    assert taken is not None
    assert [change.task for change in taken.changes] == [worker] * 3
    assert [change.new for change in taken.changes] == [TaskState.STARTING, TaskState.STARTED, TaskState.GOING]
    assert taken.waits_for is None
    assert str(taken) == f"start Worker#{worker.task_id}: INIT -> STARTING -> STARTED -> GOING"


async def test_a_step_whose_hook_waits(root: RootManager[Any, Any]) -> None:
    """L4: it returns when the hook waits and says so; the next step waits for that hook, and takes the next event."""
    job, stepper = await paused(root)
    slow, worker = job.add_task(Slow()), job.add_task(Worker())
    taken = await stepper.step()
    assert taken is not None
    assert str(taken) == f"start Slow#{slow.task_id}: INIT -> STARTING, waits in start()"
    assert str(stepper.held) == f"start() of Slow#{slow.task_id}"
    assert worker.state is TaskState.INIT
    await anyio.sleep(2)
    assert stepper.last is not None
    assert str(stepper.last) == f"start Slow#{slow.task_id}: INIT -> STARTING -> STARTED"
    job.add_task(Slow())
    assert [str(await stepper.step()).partition(" ")[0] for _ in range(2)] == ["start", "start"]
    job.add_task(Worker())
    before = anyio.current_time()
    assert (await stepper.step()) is not None
    assert anyio.current_time() - before == 1


async def test_each_hook_that_waits_has_its_name(root: RootManager[Any, Any]) -> None:
    """L5: `held` names the hook that holds the loop up, of a child or of a call."""

    class Runner(Task[None]):
        async def run(self) -> None:
            await anyio.sleep(1)

        async def dispose(self) -> None:
            await anyio.sleep(1)

    class Reader(gotask.ChannelTask[int]):
        async def tick(self, item: int) -> None:
            await anyio.sleep(1)

    async def ask() -> None:
        await anyio.sleep(1)

    job, stepper = await paused(root)
    runner, reader = job.add_task(Runner()), job.add_task(Reader())
    await reader.open().send(1)
    names = []
    async with anyio.create_task_group() as group:
        await stepper.step()
        names.append(str(stepper.held))
        await anyio.sleep(1.5)
        names.append(str(stepper.held))
        await stepper.step()
        group.start_soon(job.call, ask)
        await anyio.sleep(1)
        names += sorted([str(stepper.held) for _ in range(2) if await stepper.step()])
    assert names == [
        f"run() of Runner#{runner.task_id}", f"dispose() of Runner#{runner.task_id}",
        f"`ask` of Job#{job.task_id}", f"tick() of Reader#{reader.task_id}",
    ]  # fmt: skip
    await anyio.sleep(2)
    assert stepper.held is None


async def test_it_runs_to_a_kind_of_event(root: RootManager[Any, Any]) -> None:
    """`run_to("dispose")` takes what is queued before; an unknown kind is a ValueError."""
    job, stepper = await paused(root)
    worker = job.add_task(Worker())
    await stepper.step()
    job.add_task(Worker())
    worker.stop()
    await anyio.sleep(1)
    found = await stepper.run_to("dispose")
    assert found is not None
    assert (found.kind, found.task) == ("dispose", worker)
    assert await stepper.run_to("tick") is None
    with pytest.raises(ValueError, match="no kind of event: use one of start"):
        await stepper.run_to("stop")


class Everything(Task[None]):
    retry = gotask.RetryPolicy(1, interval=1, fallback=print)

    def start(self) -> None: ...

    def run(self) -> None: ...

    def dispose(self) -> None: ...


class Plain(Task[None]): ...


class Numbers(gotask.ChannelTask[int]): ...


PLANS: list[tuple[type[Task[Any]], str]] = [
    (Everything, "calls start(), then begins run() in a thread, which holds this loop up until it ends"),
    (Worker, "begins go() beside this loop"),
    (Plain, "stays STARTED until it is stopped"),
    (Numbers, "waits for its signal"),
    (Job, "takes the events of its children"),
]


@pytest.mark.parametrize(("kind", "plan"), PLANS)
async def test_what_a_start_will_do(root: RootManager[Any, Any], kind: type[Task[Any]], plan: str) -> None:
    """L4: `will` names the hooks that the event calls, in order."""
    job, stepper = await paused(root)
    job.add_task(kind())
    assert stepper.queue[0].will == plan


async def test_what_the_end_of_a_life_will_do(root: RootManager[Any, Any]) -> None:
    """S2, D1, D2, R1, R6, R7: what is disposed, and what becomes of the task then."""

    class Keeper(Worker):
        def start(self) -> None:
            self.using(lambda: None)

        def dispose(self) -> None: ...

    class Failing(Task[None]):
        retry = gotask.RetryPolicy(0, interval=1, fallback=dict)

        async def go(self) -> None:
            raise ValueError

    job, stepper = await paused(root)
    keeper, failing, again = job.add_task(Keeper()), job.add_task(Failing()), job.add_task(Worker())
    group: Job[Any] = job.add_task(Job())
    for _ in range(4):
        await stepper.step()
    group.add_task(Worker())
    group.stop()
    keeper.stop()
    again.restart()
    await anyio.sleep(1)
    job.add_task(Worker()).stop()
    texts = {event.task: event.will for event in stepper.queue}
    assert texts[keeper] == "calls dispose(), then releases what it holds, then is DISPOSED"
    assert texts[failing] == "is judged by its retry policy"
    assert texts[group] == "is DISPOSED"
    assert texts[again] == "waits for its next life"
    assert stepper.queue[-1].will == "never begins, for it was asked to stop"
    await stepper.run_to("start again")
    assert stepper.queue[0].will == "begins its fallback"


async def test_a_call_has_a_function_and_a_caller(root: RootManager[Any, Any]) -> None:
    """Q6: who waits for the call, and what it runs."""

    class Asking(Task[None]):
        async def go(self) -> None:
            await job.call(len, "four")

    job, stepper = await paused(root)
    asking = root.add_task(Asking())
    async with anyio.create_task_group() as group:
        group.start_soon(job.call, max, 1, 2)
        await anyio.sleep(1)
        events = sorted(stepper.queue, key=lambda event: event.function)
        assert [(event.function, event.caller) for event in events] == [
            ("len", f"Asking#{asking.task_id}"), ("max", "main"),
        ]  # fmt: skip
        assert (str(events[1]), events[1].will) == ("call from main", "runs `max`")
        await stepper.run_to(lambda event: False)


async def test_it_prints_as_a_picture(root: RootManager[Any, Any]) -> None:
    """The state, the last step, what holds the loop up, what is next, and the children: the same text for the same."""
    job, stepper = await paused(root)
    slow, worker = job.add_task(Slow()), job.add_task(Worker())
    await stepper.step()
    a, b = f"Slow#{slow.task_id}", f"Worker#{worker.task_id}"
    assert str(stepper).splitlines() == [
        f"Job#{job.task_id} STARTED, its loop is paused",
        f"  last      start {a}: INIT -> STARTING, waits in start()",
        f"  held by   start() of {a}",
        f"  next      start {b}: begins go() beside this loop",
        f"  child     {a} STARTING",
        f"  child     {b} INIT",
    ]


async def test_a_long_picture_is_cut(root: RootManager[Any, Any]) -> None:
    """Twenty events and children are shown, and how many more there are."""
    job, stepper = await paused(root)
    for _ in range(100):
        job.add_task(Worker())
    lines = str(stepper).splitlines()
    assert len(lines) == 1 + 2 * 21
    assert lines[21].strip() == "and 80 more events"


async def test_left_its_loop_runs_again(root: RootManager[Any, Any]) -> None:
    """`with Stepper(job)` ends the pause, and another one may follow."""
    job = root.add_task(Job())
    await job.wait_started()
    with Stepper(job) as stepper:
        worker = job.add_task(Worker())
    await worker.wait_started()
    with pytest.raises(gotask.TaskStateError, match="closed: make another one"):
        stepper.pause()
    assert Stepper(job).is_paused


async def test_a_closed_stepper_leaves_the_next_one_alone(root: RootManager[Any, Any]) -> None:
    """What an old Stepper is told after its end does not move the loop."""
    job, old = await paused(root)
    old.close()
    new = Stepper(job)
    old.resume()
    old.close()
    assert new.is_paused
    with pytest.raises(gotask.TaskStateError, match="has a Stepper already: close"):
        Stepper(job)


async def test_what_it_refuses(root: RootManager[Any, Any]) -> None:
    """No Job, no tree, or a Job that has ended: said at once, and what to do."""
    with pytest.raises(TypeError, match="takes a Job or a root"):
        Stepper(root.add_task(Worker()))  # type: ignore[arg-type]
    with pytest.raises(gotask.TaskStateError, match="open the root"):
        Stepper(RootManager())
    job = root.add_task(Job())
    job.stop()
    with pytest.raises(gotask.TaskDisposedError, match="nothing to pause"):
        Stepper(job)
    await job.wait_stopped()
    with pytest.raises(gotask.TaskDisposedError, match="nothing to pause"):
        Stepper(job)


async def test_a_step_inside_the_paused_loop_is_refused(root: RootManager[Any, Any]) -> None:
    """L11: it would wait for itself."""
    job, stepper = await paused(root)
    async with anyio.create_task_group() as group:
        group.start_soon(job.call, refused, stepper)
        await anyio.sleep(1)
        assert await stepper.step() is not None


async def refused(stepper: Stepper) -> None:
    with pytest.raises(gotask.TaskStateError, match="would wait for itself"):
        await stepper.step()


async def test_two_steps_at_once_are_two_events(root: RootManager[Any, Any]) -> None:
    """Those who ask at the same time get one event each, in turn."""
    job, stepper = await paused(root)
    workers = [job.add_task(Worker()) for _ in range(3)]
    taken: list[Any] = []

    async def step() -> None:
        taken.append(await stepper.step())

    async with anyio.create_task_group() as group:
        group.start_soon(step)
        group.start_soon(step)
    assert [one.task for one in taken] == workers[:2]
    assert workers[2].state is TaskState.INIT


async def test_a_step_given_up_takes_nothing_later(root: RootManager[Any, Any]) -> None:
    """One that is cancelled while it waits for a hook leaves the next event in the queue."""
    job, stepper = await paused(root)
    job.add_task(Slow())
    worker = job.add_task(Worker())
    await stepper.step()
    with anyio.move_on_after(0.5):
        await stepper.step()
    await anyio.sleep(5)
    assert (worker.state, stepper.held) == (TaskState.INIT, None)


async def test_a_stop_ends_a_step_that_waits(root: RootManager[Any, Any]) -> None:
    """S12: the stop of the Job overrides the pause, and whoever waits for a step is told None."""

    class Runner(Task[None]):
        async def run(self) -> None:
            await anyio.sleep_forever()

    job, stepper = await paused(root)
    job.add_task(Runner())
    job.add_task(Worker())
    await stepper.step()
    timer = root.add_task(anyio.sleep, 1)
    timer.on_dispose(job.stop)
    assert await stepper.step() is None
    await job.wait_stopped()
    assert not stepper.is_paused


async def test_a_restart_overrides_the_pause(root: RootManager[Any, Any]) -> None:
    """R6: the children have to go first, so the loop runs, and whoever waits for a step is told None."""

    class Runner(Task[None]):
        async def run(self) -> None:
            await anyio.sleep_forever()

    job = root.add_task(gotask.Work())
    await job.wait_started()
    stepper = Stepper(job)
    job.add_task(Runner())
    job.add_task(Worker())
    await stepper.step()
    timer = root.add_task(anyio.sleep, 1)
    timer.on_dispose(job.restart)
    assert await stepper.step() is None
    await anyio.sleep(1)
    assert (job.state, job.size, stepper.is_closed) == (TaskState.STARTED, 0, False)


async def test_a_stop_overrides_the_pause_while_the_job_starts(root: RootManager[Any, Any]) -> None:
    """S6: `start()` finishes, also where it waits for a child that the pause has kept from starting (L12)."""

    class Group(Job[None]):
        async def start(self) -> None:
            Stepper(self)
            await self.add_task(Worker()).wait_started()

    job = root.add_task(Group())
    await anyio.sleep(1)
    assert job.state is TaskState.STARTING
    job.stop()
    assert isinstance(await job.wait_stopped(), gotask.StopByUser)


async def test_the_root_can_be_paused_and_shut_down(anyio_backend: Any) -> None:
    """M4: the shutdown overrides the pause of the root's own loop; what is queued never begins."""
    async with RootManager() as root:
        going = root.add_task(Worker())
        await going.wait_started()
        stepper = Stepper(root)
        late = root.add_task(Worker())
        await anyio.sleep(1)
        assert late.state is TaskState.INIT
    assert not stepper.is_paused
    assert (going.state, late.state) == (TaskState.DISPOSED, TaskState.DISPOSED)


async def test_it_goes_with_its_tree(anyio_backend: Any) -> None:
    """After the shutdown nothing of the library holds a Stepper that nobody closed."""
    root: RootManager[Any, Any] = RootManager()
    await root.init()
    seen = weakref.ref(Stepper(root))
    gc.collect()
    assert seen() is not None
    await root.shutdown()
    del root
    gc.collect()
    assert seen() is None


async def test_a_paused_job_is_paused_in_its_next_life(root: RootManager[Any, Any]) -> None:
    """R1: a failure of the Job without children does not end the pause: its children wait again."""

    class Group(Job[None]):
        retry = gotask.RetryPolicy(1, interval=1)

        def start(self) -> None:
            if self.retry_count:
                self.add_task(Worker())

        async def go(self) -> None:
            await anyio.sleep(1)
            if not self.retry_count:
                raise ValueError

    job = root.add_task(Group())
    await job.wait_started()
    stepper = Stepper(job)
    await anyio.sleep(2.5)
    assert job.retry_count == 1
    assert [event.kind for event in stepper.queue] == ["start"]


async def test_the_recorder_tells_the_order(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """`order` has the owner types that took a state, in the order in which they did; an event reads as a line."""
    worker = root.add_task(Worker())
    await worker.wait_started()
    assert recorder.order(TaskState.GOING) == ["Worker"]
    assert str(recorder.of("task_added")[0]) == f"Worker#{worker.task_id} task_added"
