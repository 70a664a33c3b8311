"""H6: the Observer protocol."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar
from typing import Any

import anyio
import pytest

import gotask
from gotask import LifeRecord, Observer, RetryPolicy, RootManager, Step, StopByUser, Task, TaskState, Work, snapshot
from gotask.events import KINDS
from gotask.testing import run_virtual

Root = RootManager[Any, Any]
S = TaskState


class Everything(Observer):
    """Notes all it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def of(self, kind: str) -> list[list[Any]]:
        return [facts for name, *facts in self.heard if name == kind]

    def attached(self, root: Any) -> None:
        self.heard.append(("attached", root))

    def task_added(self, task: Any) -> None:
        self.heard.append(("task_added", task))

    def life_began(self, task: Any, context: Context) -> None:
        self.heard.append(("life_began", task, context))

    def loop_held(self, job: Any, task: Any) -> None:
        self.heard.append(("loop_held", job, task))

    def description_changed(self, task: Any) -> None:
        self.heard.append(("description_changed", task))

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        self.heard.append(("state_changed", task, old, new))

    def step_recorded(self, task: Any, step: Step) -> None:
        self.heard.append(("step_recorded", task, step))

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        self.heard.append(("stop_requested", task, reason))

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        self.heard.append(("retry_planned", task, error, delay))

    def life_ended(self, record: LifeRecord) -> None:
        self.heard.append(("life_ended", record))

    def event_taken(self, job: Any, event: Any, task: Any) -> None:
        self.heard.append(("event_taken", job, event, task))

    def closed(self, root: Any) -> None:
        self.heard.append(("closed", root))


class Sleeper(Task):
    async def go(self) -> None:
        await anyio.sleep(5)


class Flaky(Task):
    retry = RetryPolicy(1, 3.0)
    lives = 0

    async def go(self) -> None:
        self.lives += 1
        if self.lives == 1:
            raise OSError("again")


@pytest.fixture
async def all_of_it(root: Root) -> Everything:
    observer = Everything()
    root.observe(observer)
    assert observer.heard.pop() == ("attached", root)
    return observer


async def test_task_added(root: Root, all_of_it: Everything) -> None:
    """H6: told of each task that is added, at any depth, before anything else of it."""
    job = root.add_task(Work())
    await job.wait_started()
    child = job.add_task(Sleeper())
    assert all_of_it.of("task_added") == [[job], [child]]
    assert all_of_it.heard[0] == ("task_added", job)


async def test_attached(root: Root) -> None:
    """H6: told first, when nothing moves, so that what it reads of the tree then fits what it hears later."""
    job = root.add_task(Work())
    await job.wait_started()
    living = job.add_task(Sleeper())
    await living.wait_started()

    class Counting(Everything):
        def attached(self, root: Any) -> None:
            self.living = {one.id: one.state for one in snapshot(root)}

        def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
            assert self.living[task.task_id] is old
            self.living[task.task_id] = new

        def task_added(self, task: Any) -> None:
            self.living[task.task_id] = S.INIT

    observer = Counting()
    job.add_task(Flaky())  # waits to be started
    root.observe(observer)
    job.add_task(Sleeper())
    await anyio.sleep(10)
    assert job.size == 0
    assert sorted(observer.living.values()) == [S.STARTED, S.STARTED, S.DISPOSED, S.DISPOSED, S.DISPOSED]


async def test_attached_from_another_thread(root: Root) -> None:
    """H6, M6: from another thread it is attached in the tree's, between two events."""
    observer = Everything()
    threads: list[int] = []

    class Where(Observer):
        def attached(self, root: Any) -> None:
            threads.append(threading.get_ident())

    await anyio.to_thread.run_sync(root.observe, observer)
    await anyio.to_thread.run_sync(root.observe, Where())
    assert observer.heard == [("attached", root)]
    assert threads == [threading.get_ident()]
    await anyio.to_thread.run_sync(root.unobserve, observer)
    root.add_task(Work())
    assert observer.heard == [("attached", root)]


COLOUR: ContextVar[str] = ContextVar("colour")


async def test_life_began(root: Root) -> None:
    """H6, M9: told of each life before it is STARTING; what it sets in the context is seen by hooks of that life."""

    class Painting(Everything):
        def life_began(self, task: Any, context: Context) -> None:
            super().life_began(task, context)
            context.run(COLOUR.set, f"{task.owner_type} {len(self.of('life_began'))}")

    class Plain(Task):
        def __init__(self) -> None:
            self.seen: list[str] = []

        def start(self) -> None:
            self.seen.append(COLOUR.get())

        def dispose(self) -> None:
            self.seen.append(COLOUR.get())

    class Threaded(Plain):
        retry = RetryPolicy(1)

        def go(self) -> None:
            self.seen.append(COLOUR.get())
            if len(self.seen) < 4:
                raise OSError("again")

    observer = Painting()
    root.observe(observer)
    plain, threaded = root.add_task(Plain()), root.add_task(Threaded())
    await threaded.wait_stopped()
    plain.stop()
    await plain.wait_stopped()
    assert plain.seen == ["Plain 1"] * 2
    assert threaded.seen == ["Threaded 2"] * 3 + ["Threaded 3"] * 3
    kinds = [kind for kind, *facts in observer.heard if facts[0] is plain]
    assert kinds[:3] == ["task_added", "life_began", "state_changed"]
    assert COLOUR.get("unseen") == "unseen"


async def test_loop_held(root: Root, all_of_it: Everything) -> None:
    """H6, L5: told when a hook of a child waits and so holds up the loop of the Job, and when it is free again."""

    class Slow(Task):
        async def start(self) -> None:
            await anyio.sleep(1)

        async def run(self) -> None:
            await anyio.sleep(1)

    job = root.add_task(Work())
    await job.wait_started()
    slow, quick = job.add_task(Slow()), job.add_task(Sleeper())
    await quick.wait_started()
    assert all_of_it.of("loop_held") == [[job, slow], [job, None]]
    await job.call(anyio.sleep, 1)
    assert all_of_it.of("loop_held")[2:] == [[job, job], [job, None]]


async def test_loop_held_no_more_after_it_was_given_up(root: Root, all_of_it: Everything) -> None:
    """H6, S5: a hook that is abandoned holds the loop up no longer."""

    class Hanging(Task):
        dispose_timeout = 1.0

        async def dispose(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(60)

    job = root.add_task(Work())
    hanging = job.add_task(Hanging())
    await hanging.wait_started()
    hanging.stop()
    await hanging.wait_stopped()
    assert all_of_it.of("loop_held") == [[job, hanging], [job, None]]
    await anyio.sleep(60)


async def test_description_changed(root: Root, all_of_it: Everything) -> None:
    """H6, H4: told when descriptions of a task in the tree are set or removed, from whatever thread."""
    task = Sleeper()
    task.set_description("before", 1)
    root.add_task(task)
    task.set_descriptions({"a": 1, "b": 2})
    task.remove_description("a")
    await anyio.to_thread.run_sync(task.set_description, "c", 3)
    await root.call(lambda: None)
    assert all_of_it.of("description_changed") == [[task]] * 3


async def test_task_added_hears_of_run_tasks(root: Root, all_of_it: Everything) -> None:
    """H6, J7: of run-tasks too."""

    class Caller(Task):
        async def go(self) -> None:
            await self.run_task(inner)

    inner = Sleeper()
    caller = root.add_task(Caller())
    await caller
    assert all_of_it.of("task_added") == [[caller], [inner]]


async def test_state_changed(root: Root, all_of_it: Everything) -> None:
    """H6: told of each step of the life-cycle table."""
    task = root.add_task(Sleeper())
    await task
    states = [(old, new) for one, old, new in all_of_it.of("state_changed") if one is task]
    assert states == [
        (S.INIT, S.STARTING), (S.STARTING, S.STARTED), (S.STARTED, S.GOING), (S.GOING, S.DISPOSING),
        (S.DISPOSING, S.DISPOSED),
    ]  # fmt: skip


async def test_the_state_is_the_new_one_when_it_is_told(root: Root) -> None:
    """H6: what the observer is told is already so."""

    class Looking(Observer):
        seen: list[bool] = []

        def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
            self.seen.append(task.state is new)

    observer = Looking()
    root.observe(observer)
    await root.add_task(Sleeper())
    assert observer.seen == [True] * 5


async def test_step_recorded(root: Root, all_of_it: Everything) -> None:
    """H6, H3: told of each step a task records."""

    class Stepping(Task):
        async def go(self) -> None:
            await anyio.sleep(1)
            self.step("one", "detail")

    task = root.add_task(Stepping())
    await task
    ((one, step),) = all_of_it.of("step_recorded")
    assert one is task
    assert step == Step("one", "detail", 1.0)


async def test_stop_requested(root: Root, all_of_it: Everything) -> None:
    """H6: told of a request to stop, once, with the reason."""
    task = root.add_task(Sleeper())
    await task.wait_started()
    reason = StopByUser("enough")
    task.stop(reason)
    task.stop("again")
    await task.wait_stopped()
    assert all_of_it.of("stop_requested") == [[task, reason]]


async def test_stop_requested_of_a_whole_tree() -> None:
    """H6: told of each task that a cascade asks."""
    observer = Everything()
    async with RootManager() as root:
        root.observe(observer)
        job = root.add_task(Work())
        await job.wait_started()
        child = job.add_task(Sleeper())
        await child.wait_started()
    assert [one for one, _ in observer.of("stop_requested")] == [root, job, child]


async def test_retry_planned(root: Root, all_of_it: Everything) -> None:
    """H6: told of a failure that is retried, and in how many seconds."""
    task = root.add_task(Flaky())
    await task
    ((one, error, delay),) = all_of_it.of("retry_planned")
    assert (one, repr(error), delay) == (task, "OSError('again')", 3.0)


async def test_a_restart_is_no_retry(root: Root, all_of_it: Everything) -> None:
    """H6, R6: a restart is not told as a retry."""
    task = root.add_task(Sleeper())
    await task.wait_started()
    task.restart()
    await task.wait_stopped()
    assert all_of_it.of("retry_planned") == []
    assert [record.life for (record,) in all_of_it.of("life_ended")] == [1, 2]


async def test_life_ended(root: Root, all_of_it: Everything) -> None:
    """H6, H5: told of the end of each life, with the record that the history has."""
    task = root.add_task(Flaky())
    await task
    records = [record for (record,) in all_of_it.of("life_ended")]
    assert records == root.history.records(id=task.task_id)
    assert [record.final for record in records] == [False, True]


async def test_life_ended_of_a_task_that_never_started(root: Root, all_of_it: Everything) -> None:
    """H6: told of a task that is gone before it was started."""
    task = root.add_task(Sleeper())
    task.stop()
    await task.wait_stopped()
    ((record,),) = all_of_it.of("life_ended")
    assert (record.id, record.life) == (task.task_id, 0)


async def test_event_taken(root: Root, all_of_it: Everything) -> None:
    """H6: told of each event that a Job's loop takes: of which Job, of which kind, of which task."""
    task = root.add_task(Sleeper())
    await task
    assert all_of_it.of("event_taken") == [[root, "start", task], [root, "dispose", task]]


async def test_event_taken_of_a_call(root: Root, all_of_it: Everything) -> None:
    """H6, Q6: a call is an event, of the Job itself."""
    await root.call(lambda: None)
    assert all_of_it.of("event_taken") == [[root, "call", root]]


async def test_nothing_is_told_of_another_tree(root: Root, all_of_it: Everything) -> None:
    """H6, M12: an observer hears of its own tree only."""
    async with RootManager() as other:
        await other.add_task(Sleeper())
    assert all_of_it.heard == []


async def test_it_is_told_in_the_thread_of_the_tree(root: Root) -> None:
    """H6: the methods are called in the tree's event loop, whoever caused it."""

    class Where(Observer):
        threads: set[int] = set()

        def task_added(self, task: Any) -> None:
            self.threads.add(threading.get_ident())

        def stop_requested(self, task: Any, reason: BaseException) -> None:
            self.threads.add(threading.get_ident())

        def step_recorded(self, task: Any, step: Step) -> None:
            self.threads.add(threading.get_ident())

    observer = Where()
    root.observe(observer)

    def use() -> None:
        task = root.add_task(Sleeper())
        task.step("one")
        task.stop()

    await anyio.to_thread.run_sync(use)
    await root.call(lambda: None)
    assert observer.threads == {threading.get_ident()}


# Attaching and detaching


async def test_unobserve(root: Root, all_of_it: Everything) -> None:
    """H6: a detached observer hears no more; detaching it again is harmless."""
    root.unobserve(all_of_it)
    root.unobserve(all_of_it)
    await root.add_task(Sleeper())
    assert all_of_it.heard == []


def test_observe_hears_of_every_tree_from_its_beginning() -> None:
    """H6: `gotask.observe` has an observer told of each root that is opened from then on, until `unobserve`."""
    observer = Everything()

    async def live() -> None:
        async with RootManager() as root:
            await root.add_task(Sleeper())

    gotask.observe(observer)
    try:
        run_virtual(live)
        run_virtual(live, backend="trio")
    finally:
        gotask.unobserve(observer)
    run_virtual(live)
    ended = [record.owner_type for (record,) in observer.of("life_ended")]
    assert ended == ["Sleeper", "RootManager"] * 2
    assert [kind for kind, *facts in observer.heard][:3] == ["attached", "event_taken", "life_began"]
    with pytest.raises(TypeError, match="derived from"):
        gotask.observe(object())  # type: ignore[arg-type]


async def test_attached_twice_it_hears_once(root: Root, all_of_it: Everything) -> None:
    """H6: an observer is told once, however often it was attached."""
    root.observe(all_of_it)
    task = root.add_task(Sleeper())
    assert all_of_it.heard == [("task_added", task)]


async def test_observers_are_told_in_the_order_in_which_they_came(root: Root) -> None:
    """H6: several observers hear the same, one after another."""
    order: list[str] = []

    class Named(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def task_added(self, task: Any) -> None:
            order.append(self.name)

    for name in "abc":
        root.observe(Named(name))
    root.add_task(Sleeper())
    assert order == ["a", "b", "c"]


async def test_an_observer_may_detach_itself(root: Root) -> None:
    """H6: also while it is being told."""

    class Once(Observer):
        count = 0

        def task_added(self, task: Any) -> None:
            self.count += 1
            root.unobserve(self)

    once, always = Once(), Everything()
    root.observe(once)
    root.observe(always)
    root.add_task(Sleeper())
    root.add_task(Sleeper())
    assert once.count == 1
    assert len(always.of("task_added")) == 2


async def test_with_no_observer_nothing_is_kept_to_be_told(root: Root) -> None:
    """H6: while nobody listens, there is nothing to call; of what an observer does not override neither."""
    observers = root._life.pump.observers
    assert all(getattr(observers, kind) == () for kind in KINDS)

    class Some(Observer):
        def life_ended(self, record: LifeRecord) -> None:
            pass

    some = Some()
    root.observe(some)
    assert [kind for kind in KINDS if getattr(observers, kind)] == ["life_ended"]
    root.unobserve(some)
    assert observers.life_ended == ()


async def test_an_observer_serves_one_opening_of_a_root() -> None:
    """H6, M1: a root opened again has no observers of before."""
    root: Root = RootManager()
    observer = Everything()
    async with root:
        root.observe(observer)
    observer.heard.clear()
    async with root:
        await root.add_task(Sleeper())
    assert observer.heard == []


# One that raises


class Raising(Everything):
    """Raises in the method named."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.count = 0

        def fail(*facts: Any) -> None:
            self.count += 1
            raise RuntimeError("of the observer")

        self.fail = fail

    def attached(self, root: Any) -> None:
        self.note("attached", root)

    def task_added(self, task: Any) -> None:
        self.note("task_added", task)

    def life_began(self, task: Any, context: Context) -> None:
        self.note("life_began", task)

    def loop_held(self, job: Any, task: Any) -> None:
        self.note("loop_held", task)

    def description_changed(self, task: Any) -> None:
        self.note("description_changed", task)

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        self.note("state_changed", task)

    def step_recorded(self, task: Any, step: Step) -> None:
        self.note("step_recorded", task)

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        self.note("stop_requested", task)

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        self.note("retry_planned", task)

    def life_ended(self, record: LifeRecord) -> None:
        self.note("life_ended", record)

    def event_taken(self, job: Any, event: Any, task: Any) -> None:
        self.note("event_taken", task)

    def closed(self, root: Any) -> None:
        self.note("closed", root)

    def note(self, kind: str, what: Any) -> None:
        self.heard.append((kind, what))
        if kind == self.kind:
            self.fail()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_observer_that_raises_is_detached(root: Root, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    """H6: it is detached with one logged error, and breaks nothing; the others go on hearing."""
    raising, other = Raising(kind), Everything()
    root.observe(raising)
    root.observe(other)

    class Stepping(Flaky):
        async def start(self) -> None:
            await anyio.sleep(1)
            self.set_description("colour", "red")

        async def go(self) -> None:
            self.step("one")
            await super().go()

    task = root.add_task(Stepping())
    await task
    sleeper = root.add_task(Sleeper())
    await sleeper.wait_started()
    sleeper.stop()
    await sleeper.wait_stopped()
    await root.shutdown()
    assert raising.count == 1
    assert raising.heard[-1][0] == kind
    assert {name for name, *_ in other.heard} == set(KINDS)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.name, record.exc_info is not None) == ("gotask", True)
    assert "observer" in record.getMessage()


async def test_a_static_method_that_raises_is_detached(root: Root) -> None:
    """H6: so is one whose method is no method of the object: it knows of no `self`."""

    class Static(Observer):
        heard = 0

        @staticmethod
        def state_changed(task: Any, old: TaskState, new: TaskState) -> None:
            Static.heard += 1
            raise ValueError

    root.observe(Static())
    await root.add_task(Task()).wait_started()
    assert Static.heard == 1


async def test_an_observer_that_raises_does_not_panic() -> None:
    """H6, M7: in panic mode neither: an observer is no hook."""
    async with RootManager(panic=True) as root:
        root.observe(Raising("task_added"))
        await root.add_task(Sleeper())
        assert root.state is TaskState.STARTED


class Leaving(Observer):
    """Takes its time to leave."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.heard: list[str] = []

    def life_ended(self, record: LifeRecord) -> None:
        self.heard.append(record.owner_type)

    def closed(self, root: Any) -> Callable[[], Awaitable[None]]:
        self.heard.append("closed")
        return self.leave

    async def leave(self) -> None:
        await anyio.sleep(3)
        self.heard.append("left")
        if self.error is not None:
            raise self.error


async def test_shutdown_waits_for_what_observers_still_do(root: Root) -> None:
    """H6: `closed` comes after everything else, and what it returns is awaited before `shutdown()` returns."""
    leaving = Leaving()
    root.observe(leaving)
    await root.add_task(Sleeper()).wait_started()
    await root.shutdown()
    assert leaving.heard == ["Sleeper", "RootManager", "closed", "left"]


async def test_a_farewell_that_fails_breaks_nothing(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """H6: an observer that raises on leaving is logged; the shutdown returns its report, and the others leave too."""
    failing, other = Leaving(RuntimeError("the door is stuck")), Leaving()
    root.observe(failing)
    root.observe(other)
    report = await root.shutdown()
    assert report.disposed == 1
    assert other.heard[-1] == "left"
    assert [record.getMessage() for record in caplog.records] == ["the farewell of an observer failed"]
