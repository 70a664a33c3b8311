"""Properties of all trees: random ones are let live, stopped, restarted, shut down; then what happened is checked.

At the end, the smallest trees that ever broke a property.
"""

from __future__ import annotations

import gc
import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from random_trees import Oops, check, live, random_story

from gotask import (
    ChannelTask,
    Job,
    Restart,
    RetryExhausted,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskDisposedError,
    TaskState,
    TaskStateError,
    TickTask,
    Work,
)
from gotask.testing import BACKENDS, EventRecorder, backend_options, run_virtual
from gotask.testing.holding import Hold

INIT, STARTING, STARTED, RUNNING, GOING, DISPOSING, DISPOSED, RETRYING = TaskState
Root = RootManager[Any, Any]
SLOW_TO_SHRINK = settings(deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the logs of failures, of which there are thousands, each with its traceback."""
    logger = logging.getLogger("gotask")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(SLOW_TO_SHRINK, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_a_random_tree_keeps_the_rules(backend: str, random: Random) -> None:
    """L1, L4, L6, Q2, S2 to S4, D1 to D5, R1 to R6, J1 to J9, H5: see the functions `check_…` of random_trees."""
    story = random_story(random)
    note(str(story))
    with quiet():
        check(run_virtual(live, story, backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_random_trees_leave_no_thread_and_no_coroutine(backend: str) -> None:
    """L16, M1: after the end of the root nothing is at work, and every coroutine has been awaited to its end."""
    before = set(threading.enumerate())
    with quiet():
        for seed in range(100):
            run_virtual(live, random_story(Random(seed)), backend=backend)
    gc.collect()  # a coroutine or generator that was forgotten warns, and warnings are errors
    left = {thread for thread in set(threading.enumerate()) - before if not thread.name.startswith("Trio thread")}
    assert not left  # trio keeps its worker threads for others


# The lives of one task, compared with a model

START, BODY, DISPOSE, BACK_OFF = 2.0101, 5.0103, 3.0107, 4.0109
"""Seconds that the hooks take. No sum of a few of them is a whole number, and only whole seconds are let pass: what
the machine does never falls on the instant at which something happens by itself."""


class Model:
    """What the rules say of one task: its state, until when, and why."""

    def __init__(self) -> None:
        self.now = 0.0
        self.state = INIT
        self.until: float | None = None
        self.added = False
        self.request = False
        self.reason: type[BaseException] | None = None
        self.again = False
        self.due = False
        self.completed = False
        self.failures = 0
        self.retries = 0
        self.starts = self.disposes = 0

    def add(self) -> type[Exception] | None:
        if self.added and self.state is not DISPOSED:
            return TaskStateError
        if self.state is DISPOSED:
            self.request, self.reason, self.retries, self.completed = False, None, 0, False
        self.state, self.added = INIT, True
        return None

    def settle(self) -> None:
        """What the loop does at once."""
        if self.state is INIT and self.added:
            if self.request:
                self.state, self.reason = DISPOSED, StopByUser
            else:
                self.begin()
        elif self.state is RETRYING and self.request:
            self.state, self.until, self.reason = DISPOSED, None, StopByUser
        elif self.state is RETRYING and self.due:
            self.begin()

    def begin(self) -> None:
        self.state, self.until, self.reason = STARTING, self.now + START, None
        self.again = self.due = False
        self.starts += 1

    def stop(self) -> None:
        if self.state is DISPOSED or self.request:
            return
        self.request = True
        if self.state is GOING:
            self.end(self.reason)

    def restart(self) -> type[Exception] | None:
        if self.state is DISPOSED:
            return self.add()
        if not self.added or self.request:
            return TaskStateError
        if self.state is RETRYING:
            self.due = True
        elif self.state is DISPOSING:
            self.again = True
        elif self.state is not INIT and self.reason is None:
            self.reason = Restart
            if self.state is GOING:
                self.end(Restart)
        return None

    def end(self, reason: type[BaseException] | None) -> None:
        self.state, self.until, self.reason = DISPOSING, self.now + DISPOSE, reason
        self.disposes += 1

    def pass_time(self, delay: float) -> None:
        """Let everything happen that is due by then."""
        end = self.now + delay
        while self.until is not None and self.until <= end:
            self.now, self.until = self.until, None
            self.happen()
        self.now = end

    def happen(self) -> None:
        if self.state is STARTING:
            if self.request or self.reason is Restart:
                self.end(self.reason)
            else:
                self.state, self.until = GOING, self.now + BODY
        elif self.state is GOING:
            failed = self.failures > 0
            self.failures -= failed
            self.completed = self.completed or not failed
            self.end(Oops if failed else TaskComplete)
        elif self.state is RETRYING:
            self.begin()
        elif self.state is DISPOSING:
            self.disposed()

    def disposed(self) -> None:
        if self.request:
            self.state, self.reason = DISPOSED, StopByUser
        elif self.again or self.reason is Restart:
            self.begin()
        elif self.reason is Oops and self.retries == 0:
            self.retries, self.state, self.until = 1, RETRYING, self.now + BACK_OFF
        else:
            self.state = DISPOSED
            self.reason = TaskComplete if self.reason is TaskComplete else None  # None: RetryExhausted


class Modelled(Task[str]):
    """A task that takes its time, counts its hooks, and fails as often as it is told to."""

    retry = RetryPolicy(1, BACK_OFF)

    def __init__(self) -> None:
        self.starts = self.disposes = self.failures = 0

    async def start(self) -> None:
        self.starts += 1
        await anyio.sleep(START)

    async def go(self) -> str:
        await anyio.sleep(BODY)
        if self.failures:
            self.failures -= 1
            raise Oops
        return "done"

    async def dispose(self) -> None:
        self.disposes += 1
        await anyio.sleep(DISPOSE)


class LifeCycle(RuleBasedStateMachine):
    """Adds, stops and restarts one task while time passes, and compares it with the model."""

    backend: str
    portals: Any
    portal: BlockingPortal

    @initialize(failures=st.integers(0, 3))
    def open(self, failures: int) -> None:
        name, options = backend_options(self.backend)
        self.portals = start_blocking_portal(name, options)
        self.portal = self.portals.__enter__()
        self.hold = Hold()
        self.root: RootManager[Any, Any] = RootManager()
        self.task = Modelled()
        self.model = Model()
        self.task.failures = self.model.failures = failures
        self.portal.call(self.open_tree)

    async def open_tree(self) -> None:
        self.hold.begin()  # time passes by `let_time_pass` only
        await self.root.init()
        self.recorder = EventRecorder()
        self.root.observe(self.recorder)
        self.work = self.root.add_task(Work())
        await self.work.wait_started()

    async def sleep(self, delay: float) -> None:
        with self.hold.lifted():
            await anyio.sleep(delay)

    @precondition(lambda self: self.model.state is DISPOSED or not self.model.added)
    @rule()
    def add(self) -> None:
        self.request(["add"])

    @rule()
    def restart(self) -> None:
        self.request(["restart"])

    @rule(requests=st.lists(st.sampled_from(["add", "stop", "restart"]), min_size=1, max_size=3))
    def request(self, requests: list[str]) -> None:
        """Some requests in one instant, before the loop has a turn."""
        answers = self.portal.call(self.request_all, requests)
        assert answers == [self.model_request(what) for what in requests]
        self.model.settle()
        self.let_time_pass(1e-7)

    async def request_all(self, requests: list[str]) -> list[type[Exception] | None]:
        verbs: dict[str, Callable[[], object]] = {
            "add": lambda: self.work.add_task(self.task), "stop": self.task.stop, "restart": self.task.restart,
        }  # fmt: skip
        answers: list[type[Exception] | None] = []
        for what in requests:
            try:
                verbs[what]()
                answers.append(None)
            except TaskStateError:
                answers.append(TaskStateError)
        return answers

    def model_request(self, what: str) -> type[Exception] | None:
        answer: type[Exception] | None = getattr(self.model, what)()
        return answer

    @rule(delay=st.integers(1, 12))
    def let_time_pass(self, delay: float) -> None:
        self.portal.call(self.sleep, delay)
        self.model.pass_time(delay)

    @precondition(lambda self: self.model.until is not None)
    @rule()
    def let_the_next_thing_happen(self) -> None:
        assert self.model.until is not None
        self.let_time_pass(math.ceil(self.model.until - self.model.now))

    @rule()
    def let_the_next_body_fail(self) -> None:
        self.task.failures = self.model.failures = 1

    @invariant()
    def is_as_the_rules_say(self) -> None:
        task, model = self.task, self.model
        expected: type[BaseException] | None = StopByUser if model.request else model.reason
        if model.state is DISPOSED and expected is None:
            expected = RetryExhausted
        assert task.state is model.state
        assert type(task.stop_reason) is (expected or type(None))
        assert (task.starts, task.disposes, task.retry_count) == (model.starts, model.disposes, model.retries)
        alive = model.added and model.state is not DISPOSED
        assert self.work.children == ((task,) if alive else ())
        assert self.work.event_loop_running == alive
        if not alive:
            assert task.result == ("done" if model.completed else None)

    def teardown(self) -> None:
        if not hasattr(self, "portal"):
            return
        try:
            report = self.portal.call(self.close_tree)
            assert not report.unstopped
            lives = [record.life for record in self.recorder.records if record.id == self.task.task_id]
            assert sum(life > 0 for life in lives) == self.task.starts == self.task.disposes
        finally:
            self.portals.__exit__(None, None, None)

    async def close_tree(self) -> Any:
        with self.hold.lifted():
            report = await self.root.shutdown(timeout=1000)
        self.hold.end()
        return report


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_life_of_a_task_is_as_a_simple_model_says(backend: str) -> None:
    """L1, L6, S1 to S4, S6, R1, R3, R5, R6, J4: whatever is asked of a task, in whatever state."""
    machine = type("LifeCycle", (LifeCycle,), {"backend": backend})
    with quiet():
        run_state_machine_as_test(machine, settings=settings(SLOW_TO_SHRINK, max_examples=60, stateful_step_count=25))


# The smallest trees that once broke a property


class Slow(Task[Any]):
    """Holds an on_stop resource that takes three seconds to be released, and works for one second."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")
        self.on_stop(self.release)

    async def release(self) -> None:
        await anyio.sleep(3)
        self.told.append("released")

    async def go(self) -> None:
        try:
            await anyio.sleep(1)
        finally:
            self.told.append("body over")

    def dispose(self) -> None:
        self.told.append("dispose")


async def test_a_stop_after_a_restart_waits_for_the_resources_that_are_being_released(root: Root) -> None:
    """S1, S4: the second request does not overtake the first one's on_stop resources."""
    task = root.add_task(Slow())
    await task.wait_started()
    task.restart()
    await anyio.sleep(0.5)
    task.stop()
    await task.wait_stopped()
    assert task.told == ["start", "body over", "released", "dispose"]


async def test_a_slow_on_stop_resource_of_a_job_holds_up_its_children(root: Root) -> None:
    """S4, D1: children go after the on_stop resources of their Job, also when its start has failed meanwhile."""
    told: list[str] = []

    class Child(Task[Any]):
        def dispose(self) -> None:
            told.append("child")

    class Group(Job):
        async def start(self) -> None:
            self.add_task(Child())
            self.on_stop(self.release)
            await anyio.sleep(1)
            raise Oops

        async def release(self) -> None:
            await anyio.sleep(3)
            told.append("released")

    group = root.add_task(Group())
    await anyio.sleep(0.5)
    group.stop()
    assert isinstance(await group.wait_stopped(), StopByUser)
    assert told == ["released", "child"]


async def test_ticks_that_take_as_long_as_their_interval_let_the_siblings_in(root: Root) -> None:
    """L4: a hook that is due has its turn before the next tick."""

    class Busy(TickTask):
        async def tick(self, due_at: float) -> None:
            await anyio.sleep(self.tick_interval)

    work = root.add_task(Work())
    work.add_task(Busy())
    await anyio.sleep(1.5)
    await work.add_task(Task()).wait_started()
    assert anyio.current_time() == 2


async def test_a_plain_iterator_is_read_to_its_end(root: Root) -> None:
    """C1, C3: however many items it has."""
    items: list[int] = []

    class Reader(ChannelTask[int]):
        def get_signal(self) -> Any:
            return iter(range(1000))

        def tick(self, item: int) -> None:
            items.append(item)

    assert isinstance(await root.add_task(Reader()).wait_stopped(), TaskComplete)
    assert items == list(range(1000))


async def test_a_task_added_during_a_back_off_may_be_started_after_the_one_that_comes_back(root: Root) -> None:
    """D2, J6: the order is that of the starts, not that of the adds."""
    told: list[str] = []

    class Child(Task[Any]):
        def __init__(self, name: str) -> None:
            self.name = name

        def dispose(self) -> None:
            told.append(self.name)

    class Again(Child):
        retry = RetryPolicy(1, 1.0)

        def start(self) -> None:
            if not self.retry_count:
                raise Oops

    class Holder(Task[Any]):
        async def run(self) -> None:
            await anyio.sleep(2)

    work = root.add_task(Work())
    again = work.add_task(Again("again"))
    work.add_task(Holder())
    await anyio.sleep(1.5)  # its back-off is over, and it waits for the loop
    late = work.add_task(Child("late"))
    await late.wait_started()
    assert work.children == (again, late)
    work.stop()
    await work.wait_stopped()
    assert told == ["late", "again"]


async def test_a_call_finishes_before_its_job_is_disposed(root: Root) -> None:
    """S12: also when the Job has no children."""
    told: list[str] = []

    class Group(Work):
        def dispose(self) -> None:
            told.append("dispose")

    async def function() -> str:
        await anyio.sleep(1)
        told.append("called")
        return "done"

    async def call() -> None:
        told.append(await work.call(function))

    work = root.add_task(Group())
    await work.wait_started()
    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await anyio.sleep(0.5)
        work.stop()
    await work.wait_stopped()
    assert told[0] == "called"
    assert sorted(told) == ["called", "dispose", "done"]


async def test_a_call_to_a_job_that_never_starts_is_refused(root: Root) -> None:
    """Q6, S2: before the start it is queued; when no start comes it is not called at all."""

    class Holder(Task[Any]):
        async def run(self) -> None:
            await anyio.sleep(1)

    async def call() -> None:
        with pytest.raises(TaskDisposedError):
            await work.call(pytest.fail, "was called")

    root.add_task(Holder())
    work = root.add_task(Work())
    work.add_task(Task())
    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await anyio.sleep(0.5)
        work.stop()
