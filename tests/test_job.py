"""J: Jobs and what they hold."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from functools import partial
from typing import Any

import anyio
import pytest

import gotask
from gotask import (
    AutoStop,
    Exit,
    Job,
    LiveTree,
    RetryExhausted,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskDisposedError,
    TaskExistsError,
    TaskState,
    TaskStateError,
    TaskType,
    TimeoutReason,
    TooManyChildrenError,
    Work,
)
from gotask.testing import EventRecorder

Root = RootManager[Any, Any]
S = TaskState
FAIL = ValueError("as it should")


class Sleeper(Task[float]):
    """Sleeps, and returns when it woke."""

    def __init__(self, lasts: float = 0.0) -> None:
        self.lasts = lasts
        self.disposed_at: float | None = None

    async def go(self) -> float:
        await anyio.sleep(self.lasts)
        return anyio.current_time()

    async def dispose(self) -> None:
        self.disposed_at = anyio.current_time()


class Failing(Task[Any]):
    """Sleeps, then fails."""

    def __init__(self, lasts: float = 0.0, problem: BaseException = FAIL) -> None:
        self.lasts = lasts
        self.problem = problem

    async def go(self) -> None:
        await anyio.sleep(self.lasts)
        raise self.problem


class FailingStart(Task[Any]):
    """Fails in its turn."""

    def __init__(self, problem: BaseException) -> None:
        self.problem = problem

    def start(self) -> None:
        raise self.problem


class SlowToGo(Task[Any]):
    """Takes so long to dispose."""

    def __init__(self, takes: float) -> None:
        self.takes = takes

    async def dispose(self) -> None:
        await anyio.sleep(self.takes)


class Escalating(Job[Any]):
    on_child_failure = "escalate"


# J1: when a Job ends by itself


async def test_a_job_ends_with_its_last_child(root: Root) -> None:
    """J1: it stops with AutoStop when its last child is gone; `await` returns None."""
    job = root.add_task(Job())
    job.add_task(Sleeper(3))
    job.add_task(Sleeper(5))
    assert await job is None
    assert isinstance(job.stop_reason, AutoStop)
    assert anyio.current_time() == pytest.approx(5)
    assert str(job.stop_reason) == "all children are done"


async def test_a_job_that_never_had_a_child_stays(root: Root) -> None:
    """J1: without a child it has nothing to end with."""
    job = root.add_task(Job())
    await anyio.sleep(1000)
    assert job.state is S.STARTED


async def test_a_job_waits_for_its_body(root: Root) -> None:
    """J1: it does not end before its own body."""

    class WithBody(Job[str]):
        async def go(self) -> str:
            self.add_task(Sleeper(1))
            await anyio.sleep(10)
            return "done"

    job = root.add_task(WithBody())
    await job.wait_stopped()
    assert anyio.current_time() == pytest.approx(10)
    assert isinstance(job.stop_reason, AutoStop)
    assert job.result == "done"


async def test_a_body_that_returns_leaves_the_children(root: Root, recorder: EventRecorder) -> None:
    """J1, L6: a body that returns does not end the life while there are children."""

    class WithBody(Job[str]):
        async def run(self) -> str:
            self.add_task(Sleeper(10))
            return "done"

    job = root.add_task(WithBody())
    await job.wait_stopped()
    assert anyio.current_time() == pytest.approx(10)
    assert recorder.states(job) == [S.STARTING, S.STARTED, S.RUNNING, S.STARTED, S.DISPOSING, S.DISPOSED]


async def test_a_body_without_children(root: Root) -> None:
    """L6: in a Job that never had a child, a body that returns ends the life with TaskComplete."""

    class WithBody(Job[str]):
        async def go(self) -> str:
            return "done"

    job = root.add_task(WithBody())
    assert await job == "done"
    assert isinstance(job.stop_reason, TaskComplete)


async def test_a_body_that_raises_takes_the_children_with_it(root: Root) -> None:
    """L6: a body that raises ends the life in each case."""

    class WithBody(Job[Any]):
        async def go(self) -> None:
            self.child = self.add_task(Sleeper(1000))
            await anyio.sleep(1)
            raise FAIL

    job = root.add_task(WithBody())
    assert await job.wait_stopped() is FAIL
    assert job.child.stop_reason is FAIL
    assert job.child.disposed_at == pytest.approx(1)


async def test_children_that_end_before_the_start_does(root: Root) -> None:
    """J1, L12: children that come and go in `start` count, and the Job ends once it is STARTED."""

    class Early(Job[Any]):
        async def start(self) -> None:
            assert await self.add_task(Sleeper(2)) == pytest.approx(2)
            assert self.state is S.STARTING

    job = root.add_task(Early())
    await job.wait_started()
    assert isinstance(await job.wait_stopped(), AutoStop)


async def test_the_last_child_may_be_followed_by_another(root: Root) -> None:
    """J1: a child that is added while the last one goes keeps the Job."""
    job = root.add_task(Job())
    first = job.add_task(Sleeper(1))
    first.on_dispose(lambda: job.add_task(Sleeper(4)))
    await job
    assert anyio.current_time() == pytest.approx(5)


async def test_auto_stop_climbs_the_tree(root: Root) -> None:
    """J1: a Job is the child of its parent, which ends with it in turn."""
    outer = root.add_task(Job())
    inner = outer.add_task(Job())
    inner.add_task(Sleeper(3))
    assert isinstance(await outer.wait_stopped(), AutoStop)
    assert isinstance(inner.stop_reason, AutoStop)
    assert anyio.current_time() == pytest.approx(3)


async def test_a_child_that_is_stopped_before_its_start_counts(root: Root) -> None:
    """J1, S2: a child that never started was a child."""
    job = root.add_task(Job())
    job.add_task(Sleeper()).stop()
    assert isinstance(await job.wait_stopped(), AutoStop)


# J2: failures of children


async def test_auto_stop_lists_the_failures(root: Root) -> None:
    """J2: `AutoStop.failures` lists what children failed with, in order; siblings and Job go on meanwhile."""
    job = root.add_task(Job())
    problems = [ValueError(n) for n in range(3)]
    for n, problem in enumerate(problems):
        job.add_task(Failing(3 - n, problem))
    last = job.add_task(Sleeper(10))
    reason = await job.wait_stopped()
    assert isinstance(reason, AutoStop)
    assert reason.failures == tuple(reversed(problems))
    assert reason.failure_count == 3
    assert str(reason) == "3 children failed"
    assert last.result == pytest.approx(10)


async def test_auto_stop_keeps_the_last_hundred(root: Root) -> None:
    """J2: of many failures the last 100 are kept, and the count of all."""
    job = root.add_task(Job())
    problems = [ValueError(n) for n in range(130)]
    for problem in problems:
        job.add_task(FailingStart(problem))
    reason = await job.wait_stopped()
    assert isinstance(reason, AutoStop)
    assert reason.failures == tuple(problems[30:])
    assert reason.failure_count == 130


@pytest.mark.parametrize("reason", [TaskComplete, StopByUser, Exit, AutoStop])
async def test_stop_reasons_are_no_failures(root: Root, reason: type[Exception]) -> None:
    """J2: a child that ended by a StopReason did not fail."""
    job = root.add_task(Job())
    job.add_task(Failing(0, reason()))
    ended = await job.wait_stopped()
    assert isinstance(ended, AutoStop)
    assert ended.failures == ()


async def test_a_time_out_is_a_failure(root: Root) -> None:
    """J2: TimeoutReason counts."""
    job = root.add_task(Job())
    child = job.add_task(Sleeper(100), timeout=5)
    ended = await job.wait_stopped()
    assert isinstance(ended, AutoStop)
    assert ended.failures == (child.stop_reason,)
    assert isinstance(child.stop_reason, TimeoutReason)


async def test_a_stop_with_an_exception_is_no_failure(root: Root) -> None:
    """J2: a child that was asked to stop did not fail, whatever the reason given."""
    job = root.add_task(Job())
    child = job.add_task(Sleeper(100))
    child.stop(ValueError("enough"))
    ended = await job.wait_stopped()
    assert isinstance(ended, AutoStop)
    assert ended.failures == ()


async def test_the_failures_of_a_life_are_its_own(root: Root) -> None:
    """J2, J4: a Job that is added again does not remember the failures of its last tree."""
    job: Job[Any] = Job()
    for _ in range(2):
        root.add_task(job).add_task(Failing())
        ended = await job.wait_stopped()
        assert isinstance(ended, AutoStop)
        assert ended.failure_count == 1


async def test_escalate(root: Root) -> None:
    """J2: with `escalate` the Job stops with the failure itself as its reason, and its children with it."""
    job = root.add_task(Escalating())
    sibling = job.add_task(Sleeper(100))
    child = job.add_task(Failing(5))
    with pytest.raises(ValueError) as caught:
        await job
    assert caught.value is FAIL
    assert job.stop_reason is child.stop_reason is sibling.stop_reason is FAIL
    assert sibling.disposed_at == pytest.approx(5)


async def test_escalate_ends_the_body(root: Root) -> None:
    """J2, S4: the Job's own body is ended as by a stop."""
    ended: list[float] = []

    class WithBody(Escalating):
        async def go(self) -> None:
            self.add_task(Failing(2))
            try:
                await anyio.sleep_forever()
            finally:
                ended.append(anyio.current_time())

    assert await root.add_task(WithBody()).wait_stopped() is FAIL
    assert ended == pytest.approx([2])


async def test_escalate_while_the_job_starts(root: Root) -> None:
    """J2, L12: a child that fails while the Job is still in `start` is a failure of the Job too."""

    class Early(Escalating):
        async def start(self) -> None:
            self.add_task(Failing(1))
            self.add_task(Sleeper(1000))
            await anyio.sleep(5)

    job = root.add_task(Early())
    assert await job.wait_stopped() is FAIL
    assert anyio.current_time() == pytest.approx(5)


async def test_escalate_after_the_retries_of_the_child(root: Root) -> None:
    """J2, R5: only a failure for good escalates."""
    job = root.add_task(Escalating())
    job.add_task(Failing(1), retry=RetryPolicy(2, 1))
    reason = await job.wait_stopped()
    assert isinstance(reason, RetryExhausted)
    assert anyio.current_time() == pytest.approx(6)


async def test_stop_reasons_do_not_escalate(root: Root) -> None:
    """J2: a child that was stopped, or is done, is none of the Job's affair."""
    job = root.add_task(Escalating())
    sibling = job.add_task(Sleeper(5))
    job.add_task(Sleeper(1))
    job.add_task(Sleeper(100)).stop(ValueError("enough"))
    await job
    assert sibling.result == pytest.approx(5)


async def test_escalate_climbs(root: Root) -> None:
    """J2: a Job that fails with its child is itself a child that failed."""
    outer = root.add_task(Escalating())
    middle = outer.add_task(Escalating())
    middle.add_task(Failing(1))
    assert await outer.wait_stopped() is FAIL


async def test_escalate_stops_where_it_is_isolated(root: Root) -> None:
    """J2: a Job that isolates keeps the failure to itself."""
    outer = root.add_task(Job())
    middle = outer.add_task(Escalating())
    other = outer.add_task(Sleeper(9))
    middle.add_task(Failing(1))
    reason = await outer.wait_stopped()
    assert isinstance(reason, AutoStop)
    assert reason.failures == (FAIL,)
    assert other.result == pytest.approx(9)


async def test_the_retry_of_a_job_restarts_the_group(root: Root) -> None:
    """J2, R1: with `escalate` the Job's own retry restarts all its children; a new life begins without any."""

    class Group(Escalating):
        retry = RetryPolicy(5, 10)
        groups: list[list[Task[Any]]] = []

        def start(self) -> None:
            assert self.children == ()
            steady: Task[Any] = Sleeper(1000)
            shaky: Task[Any] = Failing(1) if len(self.groups) < 2 else Sleeper(1)
            self.groups.append([self.add_task(steady), self.add_task(shaky)])

    job = root.add_task(Group())
    await anyio.sleep(500)
    assert len(job.groups) == 3
    for steady, shaky in job.groups[:2]:
        assert steady.state is S.DISPOSED
        assert steady.stop_reason is shaky.stop_reason is FAIL
    assert job.groups[2][0].state is S.GOING
    assert job.retry_count == 2
    assert [group[0].disposed_at for group in job.groups[:2]] == pytest.approx([1, 12])  # type: ignore[attr-defined]


async def test_the_policies_of_a_job_know_the_failures_of_its_children(root: Root) -> None:
    """J2, R4: the failure escalates as itself, so `policies` by its type apply."""
    policy = RetryPolicy(0, policies={ConnectionError: RetryPolicy(2, 7, backoff=1)})

    class Group(Escalating):
        retry = policy
        starts: list[float] = []

        def start(self) -> None:
            self.starts.append(anyio.current_time())
            self.add_task(Failing(1, ConnectionError() if len(self.starts) < 3 else FAIL))

    job = root.add_task(Group())
    assert await job.wait_stopped() is FAIL
    assert job.starts == pytest.approx([0, 8, 16])


async def test_two_children_that_fail(root: Root) -> None:
    """J2: the first failure is the reason; another one on the way out changes nothing."""

    class Sour(Task[Any]):
        async def go(self) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                raise KeyError("the second")

    job = root.add_task(Escalating())
    sour = job.add_task(Sour())
    job.add_task(Failing(1))
    assert await job.wait_stopped() is FAIL
    assert sour.stop_reason is FAIL


async def test_auto_stop_can_be_pickled() -> None:
    """J2: AutoStop keeps its failures on the way to another process."""
    import pickle

    copy = pickle.loads(pickle.dumps(AutoStop([ValueError(1)], 7)))
    assert (copy.failure_count, repr(copy.failures)) == (7, "(ValueError(1),)")


# J3: a child the Job depends on


async def test_depend_task(root: Root) -> None:
    """J3: when that child ends the Job stops with its reason, and the siblings go."""
    job = root.add_task(Job())
    sibling = job.add_task(Sleeper(1000))
    child = job.add_depend_task(Sleeper(5))
    reason = await job.wait_stopped()
    assert reason is child.stop_reason
    assert isinstance(reason, TaskComplete)
    assert sibling.disposed_at == pytest.approx(5)


async def test_depend_task_of_a_work(root: Root) -> None:
    """J3: a Work stops with it too, though it never stops by itself."""
    work = root.add_task(Work())
    child = work.add_depend_task(Failing(2))
    assert await work.wait_stopped() is FAIL
    assert child.parent is work


async def test_depend_task_is_the_end_of_all_its_lives(root: Root) -> None:
    """J3, R1: a retry is not its end."""
    job = root.add_task(Job())
    job.add_depend_task(Failing(1), retry=RetryPolicy(2, 1))
    assert isinstance(await job.wait_stopped(), RetryExhausted)
    assert anyio.current_time() == pytest.approx(6)


async def test_depend_task_of_a_function(root: Root) -> None:
    """J3, J5: it takes a function with arguments, and the options of `add_task`."""
    job = root.add_task(Job())
    job.add_task(Sleeper(1000))
    child = job.add_depend_task(anyio.sleep, 4, key="nap", name="Nap")
    await job.wait_stopped()
    assert (child.key, child.owner_type) == ("nap", "Nap")
    assert anyio.current_time() == pytest.approx(4)


async def test_depend_task_while_the_job_starts(root: Root) -> None:
    """J3, L12: a child that ends in `start` stops the Job after it."""

    class Early(Work):
        async def start(self) -> None:
            await self.add_depend_task(Sleeper(1))
            await anyio.sleep(5)

    work = root.add_task(Early())
    assert isinstance(await work.wait_stopped(), TaskComplete)
    assert anyio.current_time() == pytest.approx(6)


async def test_depend_task_is_no_longer_one_elsewhere(root: Root) -> None:
    """J3, J4: added again as a plain child, it is a plain child."""
    job = root.add_task(Job())
    child = job.add_depend_task(Sleeper(1))
    await job.wait_stopped()
    other = root.add_task(Work())
    await other.add_task(child)
    await anyio.sleep(1)
    assert other.state is S.STARTED


async def test_start_reason_of_a_depend_task(root: Root) -> None:
    """H1, J3: it names the line of the `add_depend_task` call, from the moment it is added."""
    tree = LiveTree()
    root.observe(tree)
    child = root.add_depend_task(Sleeper(1000))
    row = tree.row(child.task_id)
    assert row is not None
    assert row.start_reason == child.start_reason
    assert child.start_reason.startswith("tests/test_job.py:")


# J4: adding


async def test_add_task_returns_the_task(root: Root) -> None:
    """J4: it returns what it was given, in INIT."""
    task = Sleeper()
    assert root.add_task(task) is task
    assert task.state is S.INIT
    assert task.parent is root


@pytest.mark.parametrize("thing", [None, 3, "task", object(), [Task]])
async def test_what_is_no_task(root: Root, thing: Any) -> None:
    """J4: what is neither task nor function is a TypeError."""
    with pytest.raises(TypeError, match="no task"):
        root.add_task(thing)
    assert root.size == 0


@pytest.mark.parametrize("cls", [Sleeper, int])
async def test_a_class_is_refused(root: Root, cls: type) -> None:
    """J5: a class is a TypeError that says to add an instance."""
    with pytest.raises(TypeError, match="add an instance"):
        root.add_task(cls)


async def test_a_coroutine_is_refused(root: Root) -> None:
    """J5: a coroutine is a TypeError that says to add the function; it is closed, so that nothing warns of it."""
    with pytest.raises(TypeError, match="without calling it"):
        root.add_task(anyio.sleep(1))  # type: ignore[call-overload]


async def test_arguments_of_a_task_are_refused(root: Root) -> None:
    """J5: arguments are for functions."""
    with pytest.raises(TypeError, match="for functions only"):
        root.add_task(Sleeper(), 3)  # type: ignore[call-overload]


async def test_a_key_that_is_taken(root: Root) -> None:
    """J4: TaskExistsError carries the task that has the key."""
    first = root.add_task(Sleeper(10), key="it")
    other = Sleeper()
    with pytest.raises(TaskExistsError, match="'it'") as caught:
        root.add_task(other, key="it")
    assert caught.value.task is first
    assert root.children == (first,)
    assert other.parent is None
    root.add_task(other, key="other")


async def test_a_key_is_free_again(root: Root) -> None:
    """J4: once a child is gone its key may be used again."""
    await root.add_task(Sleeper(), key="it")
    await root.add_task(Sleeper(), key="it")


async def test_the_key_of_a_class(root: Root) -> None:
    """J4: a key may be a class attribute or a property; one in `add_task` comes before it."""

    class Named(Task[Any]):
        key = "name"

    class Computed(Task[Any]):
        @property  # type: ignore[misc]
        def key(self) -> str:
            return f"computed-{self.owner_type}"

    assert root.add_task(Named()).key == "name"
    computed = root.add_task(Computed())
    assert root._life.children["computed-Computed"].task is computed
    with pytest.raises(TaskExistsError):
        root.add_task(Named())
    assert root.add_task(Named(), key="other") is root._life.children["other"].task


async def test_the_id_is_the_key_by_default(root: Root) -> None:
    """L9: without any other its key is its id."""
    task = root.add_task(Sleeper())
    assert task.key == task.task_id


async def test_adding_twice(root: Root) -> None:
    """J4: a task that is alive in a tree is a TaskStateError, in the same Job and in another."""
    task = root.add_task(Sleeper(10))
    job = root.add_task(Job())
    for parent in (root, job):
        with pytest.raises(TaskStateError, match="alive"):
            parent.add_task(task)
    assert task.parent is root


async def test_adding_an_ancestor(root: Root) -> None:
    """J4: a Job cannot become its own child."""
    job = root.add_task(Job())
    with pytest.raises(TaskStateError):
        job.add_task(job)
    with pytest.raises(TaskStateError):
        job.add_task(root)


async def test_adding_to_a_job_in_no_tree() -> None:
    """L12: a TaskStateError that says what to do."""
    with pytest.raises(TaskStateError, match="in no tree"):
        Job().add_task(Sleeper())


async def test_adding_to_a_stopped_job(root: Root) -> None:
    """J4: TaskDisposedError, from the stop request on."""
    job = root.add_task(Job())
    await job.wait_started()
    job.stop()
    with pytest.raises(TaskDisposedError, match="no more children"):
        job.add_task(Sleeper())
    await job.wait_stopped()
    with pytest.raises(TaskDisposedError):
        job.add_task(Sleeper())


async def test_adding_a_disposed_task_again(root: Root) -> None:
    """J4: a disposed task may be added again, to any Job."""
    task = root.add_task(Sleeper(1))
    await task
    number = task.task_id
    for parent in (root, root.add_task(Job())):
        parent.add_task(task)
        assert task.stop_reason is None
        await task
        assert task.parent is parent
    assert task.task_id == number
    assert task.result == pytest.approx(3)


async def test_adding_from_another_thread(root: Root) -> None:
    """M6: `add_task` in a thread waits for its answer, or its error."""
    root.add_task(Sleeper(1000), key="it")

    class InThread(Task[Any]):
        def go(self) -> tuple[Task[Any], Any]:
            with pytest.raises(TaskExistsError) as caught:
                root.add_task(Sleeper(), key="it")
            return root.add_task(Sleeper(5)), caught.value.task.key

    added, key = await root.add_task(InThread())
    assert key == "it"
    assert await added == pytest.approx(5)


# J5: functions


async def test_an_async_function(root: Root) -> None:
    """J5: an async function becomes the `go` of a task, with its arguments; its name is the owner type."""

    async def fetch(url: str, times: int) -> str:
        await anyio.sleep(1)
        return url * times

    task = root.add_task(fetch, "ab", 2)
    assert task.owner_type == "fetch"
    await anyio.sleep(0.5)
    assert task.state is S.GOING
    assert await task == "abab"


async def test_a_plain_function(root: Root) -> None:
    """J5: a plain one becomes a `go` in a thread."""

    def where(tag: str) -> tuple[str, int]:
        return tag, threading.get_ident()

    tag, ident = await root.add_task(where, "x")
    assert tag == "x"
    assert ident != threading.get_ident()


async def test_functions_of_other_kinds(root: Root) -> None:
    """J5: partials, bound methods, lambdas and objects with an async `__call__` are functions too."""

    class Caller:
        async def __call__(self) -> str:
            return "called"

        async def method(self, value: str) -> str:
            return value

    assert await root.add_task(Caller()) == "called"
    assert await root.add_task(Caller().method, "bound") == "bound"
    assert await root.add_task(partial(Caller().method, "partial")) == "partial"
    assert await root.add_task(lambda: "lambda") == "lambda"


async def test_the_name_of_a_function(root: Root) -> None:
    """J5: `name=` is its owner type."""
    task = root.add_task(anyio.sleep, 1, name="Nap")
    assert task.execution_path == f"RootManager/Nap#{task.task_id}"


async def test_a_function_that_fails(root: Root) -> None:
    """J5: its exception is the reason."""

    async def fail() -> None:
        raise FAIL

    assert await root.add_task(fail).wait_stopped() is FAIL


async def test_a_function_is_retried(root: Root) -> None:
    """J5, R1: it takes the options of a task."""
    calls: list[float] = []

    async def flaky() -> str:
        calls.append(anyio.current_time())
        if len(calls) < 3:
            raise FAIL
        return "well"

    assert await root.add_task(flaky, retry=RetryPolicy(3, 1)) == "well"
    assert calls == pytest.approx([0, 1, 3])


async def test_the_current_task_of_a_function(root: Root) -> None:
    """J5, M9: inside it the task is `current_task()`."""

    async def who() -> Any:
        return gotask.current_task()

    task = root.add_task(who)
    assert await task is task


# Options of add_task


async def test_logger_option(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """H7: `logger=` takes the place of the logger of the task type."""
    task = root.add_task(Sleeper(10), logger=logging.getLogger("mine"))
    task.warn("look")
    assert ("mine", logging.WARNING) in [(record.name, record.levelno) for record in caplog.records]


async def test_descriptions_option(root: Root) -> None:
    """H4: `descriptions=` is what `set_descriptions` takes."""
    task = root.add_task(Sleeper(), descriptions={"url": "here", "port": 80})
    assert task.get_description("port") == 80
    assert task.get_description("url") == "here"


async def test_name_option(root: Root) -> None:
    """J5: `name=` is the owner type of a task too."""
    assert root.add_task(Sleeper(), name="Nap").owner_type == "Nap"
    assert Sleeper().owner_type == "Sleeper"


async def test_timeout_option(root: Root) -> None:
    """`timeout=` stops the child with TimeoutReason, so many seconds after it was added."""
    task = root.add_task(Sleeper(100), timeout=5)
    with pytest.raises(TimeoutError, match="5 s"):
        await task
    assert isinstance(task.stop_reason, TimeoutReason)
    assert task.disposed_at == pytest.approx(5)


async def test_timeout_does_not_hit_a_task_that_is_done(root: Root) -> None:
    """The timer goes with the task: added again, the task is not stopped by it."""
    task = root.add_task(Sleeper(3), timeout=5)
    await task
    root.add_task(task)
    assert await task == pytest.approx(6)


async def test_timeout_bounds_all_lives(root: Root) -> None:
    """`timeout=` counts over the retries."""
    task = root.add_task(Failing(2), timeout=9, retry=RetryPolicy(-1, 1))
    assert isinstance(await task.wait_stopped(), TimeoutReason)
    assert anyio.current_time() == pytest.approx(9)


@pytest.mark.parametrize(
    "options",
    [{"timeout": -1}, {"timeout": "soon"}, {"descriptions": 5}, {"retry": "often"}, {"stop_when": 5},
     {"stop_when": threading.Event()}],
)  # fmt: skip
async def test_wrong_options(root: Root, options: dict[str, Any]) -> None:
    """A wrong option fails at once, in the caller, and the Job is as it was."""
    task = Sleeper()
    with pytest.raises((TypeError, ValueError)):
        root.add_task(task, **options)
    assert root.size == 0
    assert task.parent is None
    await root.add_task(task)


async def test_stop_when_event(root: Root) -> None:
    """`stop_when=` takes an event: when it is set the child is stopped."""
    event = anyio.Event()
    task = root.add_task(Sleeper(100), stop_when=event)
    await anyio.sleep(3)
    assert task.state is S.GOING
    event.set()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert task.disposed_at == pytest.approx(3)


@pytest.mark.parametrize("anyio_backend", ["asyncio", "asyncio+uvloop"], indirect=True)
async def test_stop_when_asyncio_event(root: Root) -> None:
    """`stop_when=` takes the events of asyncio as well."""
    event = asyncio.Event()
    task = root.add_task(Sleeper(100), stop_when=event)
    await anyio.sleep(3)
    event.set()
    assert isinstance(await task.wait_stopped(), StopByUser)


async def test_stop_when_awaitable(root: Root) -> None:
    """`stop_when=` takes an awaitable: when it is done the child is stopped."""
    task = root.add_task(Sleeper(100), stop_when=anyio.sleep(4))
    await task.wait_stopped()
    assert task.disposed_at == pytest.approx(4)


async def test_stop_when_another_task_ends(root: Root) -> None:
    """A task is an awaitable, so one may be bound to the end of another, whether that one fails or not."""
    for other in (Sleeper(4), Failing(4)):
        task = root.add_task(Sleeper(100), stop_when=root.add_task(other))
        began = anyio.current_time()
        assert isinstance(await task.wait_stopped(), StopByUser)
        assert anyio.current_time() - began == pytest.approx(4)


async def test_stop_when_the_event_never_comes(root: Root) -> None:
    """A child that ends by itself leaves nothing that waits for the event."""
    task = root.add_task(Sleeper(1), stop_when=anyio.Event())
    await task
    report = await root.shutdown()
    assert report.unstopped == ()


# Q4: max_children


async def test_max_children(root: Root) -> None:
    """Q4: going over `max_children` raises from `add_task` and leaves the Job as it was."""

    class Two(Job[Any]):
        max_children = 2

    job = root.add_task(Two())
    first, second = job.add_task(Sleeper(1)), job.add_task(Sleeper(5))
    third = Sleeper()
    with pytest.raises(TooManyChildrenError, match="2"):
        job.add_task(third)
    assert job.children == (first, second)
    assert third.parent is None
    await first
    job.add_task(third)
    await job


async def test_max_children_of_one_object(root: Root) -> None:
    """Q4, L13: it may be set in the object."""
    job = root.add_task(Job())
    job.max_children = 0
    with pytest.raises(TooManyChildrenError):
        job.add_task(Sleeper())


async def test_max_children_of_one_object_that_is_no_number(root: Root) -> None:
    """Q4: the first add says what is wrong."""
    job = root.add_task(Job())
    job.max_children = "x"  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"max_children of RootManager/Job#\d+ is a whole number, 0 or more, or None"):
        job.add_task(Sleeper())


@pytest.mark.parametrize(
    "wrong", [{"key": "taken"}, {"key": []}, {"timeout": "soon"}, {"logger": 5}, {"name": 5}, {"retry": "often"},
              {"descriptions": {5: "five"}}]
)  # fmt: skip
async def test_a_refused_add_leaves_the_task_as_it_was(root: Root, wrong: dict[str, Any]) -> None:
    """J4: no name, retry or description of it is changed, and what it was to stop for is closed."""
    root.add_task(Sleeper(), key="taken")
    task, stop_when = Sleeper(), anyio.sleep(1)
    right: dict[str, Any] = {
        "name": "Other",
        "retry": RetryPolicy(3),
        "descriptions": {"a": "b"},
        "stop_when": stop_when,
    }
    with pytest.raises((TypeError, ValueError, TaskExistsError)):
        root.add_task(task, **(right | wrong))
    assert (task.owner_type, task.max_retry, dict(task.descriptions)) == ("Sleeper", 0, {})
    assert inspect.getcoroutinestate(stop_when) == inspect.CORO_CLOSED


async def test_replacing_in_a_full_job(root: Root) -> None:
    """Q4, J9: a replacement takes the place of a child, so it is not one too many."""

    class One(Work):
        max_children = 1

    work = root.add_task(One())
    work.add_task(Sleeper(100), key="it")
    new = work.replace_task("it", Sleeper(1))
    assert await new == pytest.approx(1)


# D9: adding while the Job is closing


async def test_adding_in_the_dispose_of_a_child(root: Root) -> None:
    """D9: while the Job is closing a child's `dispose` may not add another one."""
    raised: list[BaseException] = []

    class Adds(Task[Any]):
        def dispose(self) -> None:
            try:
                self.parent.add_task(Sleeper())
            except TaskDisposedError as error:
                raised.append(error)

    job = root.add_task(Job())
    await job.add_task(Adds()).wait_started()
    job.stop()
    await job.wait_stopped()
    assert len(raised) == 1


async def test_adding_in_the_dispose_of_the_job(root: Root) -> None:
    """D9: nor may the Job's own `dispose`."""

    class Adds(Job[Any]):
        def dispose(self) -> None:
            self.add_task(Sleeper())

    job = root.add_task(Adds())
    await job.wait_started()
    job.stop()
    await job.wait_stopped()
    assert [type(error) for error in job.dispose_errors] == [TaskDisposedError]


async def test_adding_while_a_failed_job_is_closing(root: Root) -> None:
    """D9: also when it closes for another life."""
    job: Escalating = Escalating()
    job.set_retry(1, 10)
    root.add_task(job)
    job.add_task(SlowToGo(5))
    job.add_task(Failing(1))
    await anyio.sleep(3)
    assert job.state is S.DISPOSING
    with pytest.raises(TaskDisposedError):
        job.add_task(Sleeper())


async def test_adding_while_the_job_is_retrying(root: Root) -> None:
    """D9: while it is RETRYING the child waits for the next life."""

    class Shaky(Job[Any]):
        retry = RetryPolicy(1, 10)
        starts = 0

        def start(self) -> None:
            self.starts += 1
            if self.starts == 1:
                raise FAIL

    job = root.add_task(Shaky())
    await anyio.sleep(1)
    assert job.state is S.RETRYING
    child = job.add_task(Sleeper(5))
    await anyio.sleep(5)
    assert child.state is S.INIT
    assert await child == pytest.approx(15)
    assert isinstance(await job.wait_stopped(), AutoStop)


async def test_a_child_of_a_retrying_job_that_is_stopped(root: Root) -> None:
    """D9, S3: a stop during the back-off takes the waiting child along."""
    job = root.add_task(Escalating(), retry=RetryPolicy(1, 1000))
    job.add_task(Failing(1))
    await anyio.sleep(5)
    child = job.add_task(Sleeper(5))
    job.stop()
    await job.wait_stopped()
    assert anyio.current_time() == pytest.approx(5)
    assert child.stop_reason is job.stop_reason
    assert child.state is S.DISPOSED


async def test_adding_before_the_job_has_started(root: Root) -> None:
    """L12: a child that is added before the Job's turn is started after it."""
    job = root.add_task(Job())
    child = job.add_task(Sleeper(2))
    assert (job.state, child.state) == (S.INIT, S.INIT)
    assert await child == pytest.approx(2)


# J6: what a plain Job shows


async def test_children_and_size(root: Root) -> None:
    """J6: a plain Job has `children`, a tuple in order of start, and `size`; it is no collection."""
    job = root.add_task(Job())
    tasks = tuple(job.add_task(Sleeper(n)) for n in (3, 1, 2))
    assert job.children == tasks
    assert job.size == 3
    await anyio.sleep(1.5)
    assert job.children == (tasks[0], tasks[2])
    assert not hasattr(job, "__len__")
    assert not hasattr(job, "__getitem__")


async def test_range_sub_task(root: Root) -> None:
    """J6: it visits each child, until the function returns False."""
    tasks = [root.add_task(Sleeper(10)) for _ in range(4)]
    seen: list[Task[Any]] = []
    root.range_sub_task(seen.append)
    assert seen == tasks
    seen.clear()

    def visit(task: Task[Any]) -> bool:
        seen.append(task)
        return len(seen) < 2

    root.range_sub_task(visit)
    assert seen == tasks[:2]


async def test_task_types(root: Root) -> None:
    """`task_type` tells Task, Job and Work apart."""
    assert [cls.task_type for cls in (Task, Job, Work)] == [TaskType.TASK, TaskType.JOB, TaskType.WORK]


# J7: run_task


class Caller(Task[Any]):
    """Runs another task in its body."""

    def __init__(self, task: Task[Any], patience: float = 1e6) -> None:
        self.other = task
        self.patience = patience

    async def go(self) -> Any:
        with anyio.move_on_after(self.patience):
            return await self.run_task(self.other)
        return "left"


async def test_run_task_returns_the_result(root: Root) -> None:
    """J7: it starts a child, waits for its end and returns its result."""
    assert await root.run_task(Sleeper(3)) == pytest.approx(3)


async def test_run_task_raises_the_reason(root: Root) -> None:
    """J7: it raises as `await child` does."""
    with pytest.raises(ValueError) as caught:
        await root.run_task(Failing(1))
    assert caught.value is FAIL


async def test_the_parent_of_a_run_task(root: Root) -> None:
    """J7: its parent is the caller's task, whatever that is; it is not in `children`."""

    class JobCaller(Job[Any]):
        async def go(self) -> Any:
            return await self.run_task(inner)

    inner = Sleeper(5)
    job = root.add_task(JobCaller())
    await anyio.sleep(1)
    assert inner.parent is job
    assert inner.level == job.level + 1
    assert job.children == ()
    assert inner.execution_path == f"RootManager/JobCaller/Sleeper#{inner.task_id}"
    assert await job == pytest.approx(5)
    assert isinstance(job.stop_reason, TaskComplete)


async def test_run_task_in_a_run(root: Root) -> None:
    """J7: it needs no loop of the parent's, so a `run`, which holds that loop, may do it."""

    class Runs(Task[Any]):
        async def run(self) -> Any:
            return await self.run_task(inner)

    class HasRun(Task[Any]):
        async def start(self) -> None:
            await anyio.sleep(1)

        async def run(self) -> float:
            await anyio.sleep(2)
            return anyio.current_time()

    inner = HasRun()
    assert await root.add_task(Runs()) == pytest.approx(3)


@pytest.mark.parametrize("hook", ["start", "dispose"])
async def test_run_task_in_other_hooks(root: Root, hook: str) -> None:
    """J7: `start` may run a task; in `dispose` the task is stopped already, and runs no more."""
    outcome: list[Any] = []

    async def body(self: Any) -> None:
        try:
            outcome.append(await self.run_task(Sleeper(1)))
        except TaskDisposedError as error:
            outcome.append(type(error))

    cls: type[Task[Any]] = type("Hooked", (Task,), {hook: body})
    task = root.add_task(cls())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert outcome == [pytest.approx(1) if hook == "start" else TaskDisposedError]


async def test_run_task_is_stopped_with_its_caller(root: Root) -> None:
    """J7: it is stopped with the task that runs it, with the same reason, and before it."""
    inner = Sleeper(1000)
    caller = root.add_task(Caller(inner))
    await anyio.sleep(2)
    caller.stop()
    reason = await caller.wait_stopped()
    assert inner.stop_reason is reason
    assert inner.disposed_at == pytest.approx(2)


async def test_run_task_when_the_caller_is_cancelled(root: Root) -> None:
    """J7: when the calling coroutine is cancelled the task is stopped and disposed before the cancellation goes on."""
    inner = Sleeper(1000)
    inner.on_dispose(partial(anyio.sleep, 1))
    caller = root.add_task(Caller(inner, patience=2))
    assert await caller == "left"
    assert inner.state is S.DISPOSED
    assert isinstance(inner.stop_reason, Exit)
    assert anyio.current_time() == pytest.approx(3)


async def test_run_task_outside_of_hooks_when_cancelled(root: Root) -> None:
    """J7, S8: the same for a coroutine that is no task of the tree."""
    inner = Sleeper(1000)
    with anyio.move_on_after(2) as scope:
        await root.run_task(inner)
    assert scope.cancelled_caught
    assert inner.state is S.DISPOSED


async def test_nested_run_task(root: Root) -> None:
    """J7: a run-task may run another one; a stop reaches the innermost."""
    innermost = Sleeper(1000)
    middle = Caller(innermost)
    outer = root.add_task(Caller(middle))
    await anyio.sleep(1)
    assert innermost.level == outer.level + 2
    assert innermost.execution_path == f"RootManager/Caller/Caller/Sleeper#{innermost.task_id}"
    outer.stop()
    reason = await outer.wait_stopped()
    assert innermost.stop_reason is reason
    assert innermost.disposed_at == pytest.approx(1)


async def test_nested_run_task_that_returns(root: Root) -> None:
    """J7: results go outwards."""
    assert await root.run_task(Caller(Caller(Sleeper(2)))) == pytest.approx(2)


async def test_run_task_of_a_job(root: Root) -> None:
    """J7: a Job is run with its children, and returns when it ends."""

    class Group(Job[Any]):
        def start(self) -> None:
            self.add_task(Sleeper(2))
            self.add_task(Failing(1))

    group = Group()
    assert await root.run_task(group) is None
    assert isinstance(group.stop_reason, AutoStop)
    assert group.stop_reason.failures == (FAIL,)
    assert anyio.current_time() == pytest.approx(2)


async def test_run_task_of_a_job_that_is_stopped(root: Root) -> None:
    """J7, D2: its children go before it, and both before the caller."""

    class Group(Job[Any]):
        def start(self) -> None:
            self.child = self.add_task(Sleeper(1000))

    group = Group()
    caller = root.add_task(Caller(group))
    await anyio.sleep(1)
    caller.stop()
    await caller.wait_stopped()
    assert group.child.disposed_at == pytest.approx(1)
    assert group.state is S.DISPOSED


async def test_call_inside_a_run_task(root: Root) -> None:
    """J7, Q6: a `run` that runs a task holds the loop; a `call` of that task is inside it, and runs at once."""

    class Calls(Task[Any]):
        async def go(self) -> Any:
            return await root.call(lambda: "at once")

    class Runs(Task[Any]):
        async def run(self) -> Any:
            return await self.run_task(Calls())

    assert await root.add_task(Runs()) == "at once"


async def test_run_task_is_retried(root: Root) -> None:
    """J7, R1: a run-task has its lives as any other."""
    task = Failing(1)
    task.set_retry(2, 1)
    with pytest.raises(RetryExhausted):
        await root.run_task(task)
    assert anyio.current_time() == pytest.approx(6)


async def test_run_task_does_not_end_a_job(root: Root) -> None:
    """J7, J1: a run-task is no child whose end ends a Job."""
    job = root.add_task(Job())
    await job.wait_started()
    await job.run_task(Sleeper(1))
    await anyio.sleep(1)
    assert job.state is S.STARTED


async def test_run_task_again(root: Root) -> None:
    """J7, J4: a task may be run again, and run after it was a child."""
    task = root.add_task(Sleeper(1))
    await task
    assert await root.run_task(task) == pytest.approx(2)
    assert await root.run_task(task) == pytest.approx(3)
    with pytest.raises(TaskDisposedError, match="run it again"):
        task.restart()


async def test_run_task_refuses(root: Root) -> None:
    """J7: what is no task, what is alive in a tree, and a caller that is stopped or in no tree."""
    with pytest.raises(TypeError):
        await root.run_task(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="add an instance"):
        await root.run_task(Sleeper)  # type: ignore[arg-type]
    task = root.add_task(Sleeper(3))
    with pytest.raises(TaskStateError, match="alive"):
        await root.run_task(task)
    with pytest.raises(TaskStateError, match="in no tree"):
        await Task().run_task(Sleeper())
    await task
    with pytest.raises(TaskDisposedError):
        await task.run_task(Sleeper())


async def test_run_tasks_side_by_side(root: Root) -> None:
    """J7: one task may run several at a time."""

    class Gathers(Task[Any]):
        async def go(self) -> list[float]:
            woke: list[float] = []

            async def one(lasts: float) -> None:
                woke.append(await self.run_task(Sleeper(lasts)))

            async with anyio.create_task_group() as group:
                for lasts in (3, 1, 2):
                    group.start_soon(one, lasts)
            return woke

    assert await root.add_task(Gathers()) == pytest.approx([1, 2, 3])


async def test_start_reason_of_a_run_task(root: Root) -> None:
    """H1, J7: it names the line of the `run_task` call."""
    task = Sleeper()
    await root.run_task(task)
    assert task.start_reason.startswith("tests/test_job.py:")


# J9: hot swap


async def test_replace_task(root: Root, recorder: EventRecorder) -> None:
    """J9: the old task is disposed, then the new one is started under the same key."""
    old = root.add_task(Sleeper(1000), key="it")
    await anyio.sleep(1)
    new = Sleeper(2)
    assert root.replace_task("it", new) is new
    assert new.state is S.INIT
    assert await new == pytest.approx(3)
    assert new.key == "it"
    assert isinstance(old.stop_reason, StopByUser)
    events = [(event.task_id, event.what) for event in recorder.of("state_changed")]
    assert events.index((old.task_id, "DISPOSED")) < events.index((new.task_id, "STARTING"))


async def test_replace_task_waits_for_the_old_one(root: Root) -> None:
    """J9: the new one is in INIT until the old one is gone, however long that takes; nobody else gets the key."""
    old = root.add_task(SlowToGo(10), key="it")
    await old.wait_started()
    new = root.replace_task("it", Sleeper(1))
    for _ in range(9):
        await anyio.sleep(1)
        assert new.state is S.INIT
        with pytest.raises(TaskExistsError):
            root.add_task(Sleeper(), key="it")
    assert await new == pytest.approx(11)


async def test_the_key_is_never_free(root: Root) -> None:
    """J9: not even a listener of the old one's end finds the key free."""
    refused: list[BaseException] = []

    def grab(task: Any) -> None:
        try:
            root.add_task(Sleeper(), key="it")
        except TaskExistsError as error:
            refused.append(error)

    root.on_descendants_dispose(grab)
    old = root.add_task(Sleeper(1000), key="it")
    old.on_dispose(lambda: grab(None))
    await old.wait_started()
    new = root.replace_task("it", Task())
    await new.wait_started()
    assert len(refused) == 2


async def test_replace_task_without_an_old_one(root: Root) -> None:
    """J9: with a free key it is as `add_task`."""
    new = root.replace_task("it", Sleeper(1))
    assert await new == pytest.approx(1)
    assert new.key == "it"


async def test_replace_task_keeps_a_job_alive(root: Root) -> None:
    """J9, J1: there is no moment without a child, so the Job does not end."""
    job = root.add_task(Job())
    job.add_task(Sleeper(1000), key="it")
    await anyio.sleep(1)
    await job.replace_task("it", Sleeper(1))
    await job
    assert anyio.current_time() == pytest.approx(2)


async def test_replace_task_twice(root: Root) -> None:
    """J9: a key that waits for a new task already is a TaskStateError."""
    root.add_task(SlowToGo(10), key="it")
    await anyio.sleep(1)
    first = root.replace_task("it", Task())
    with pytest.raises(TaskStateError, match="waits"):
        root.replace_task("it", Task())
    await first.wait_started()
    second = root.replace_task("it", Task())
    await second.wait_started()


async def test_replace_task_that_has_not_started(root: Root) -> None:
    """J9, S2: an old task in INIT is never started."""
    old = root.add_task(Sleeper(), key="it")
    new = root.replace_task("it", Sleeper())
    await new
    assert old.timings.start == 0
    assert isinstance(old.stop_reason, StopByUser)


async def test_replace_task_that_waits_for_its_retry(root: Root) -> None:
    """J9, S3: an old task in RETRYING goes at once."""
    root.add_task(Failing(), key="it", retry=RetryPolicy(-1, 1000))
    await anyio.sleep(1)
    assert await root.replace_task("it", Sleeper(1)) == pytest.approx(2)


async def test_replace_task_by_one_that_is_given_up() -> None:
    """J9, S5: a new task that is abandoned before its turn leaves the old one where it is."""
    async with RootManager() as own:
        old = own.add_task(SlowToGo(10), key="it")
        await old.wait_started()
        new = Task[Any]()
        new.stop_timeout = 1
        own.replace_task("it", new).stop()
        await new.wait_stopped()
        assert own.children == (old,)
        await old.wait_stopped()
        assert own.size == 0


async def test_replace_task_that_is_gone(root: Root) -> None:
    """J9, J4: the new task may be one that was disposed before; the old one may be added again."""
    first, second = Sleeper(1000), Sleeper(1000)
    root.add_task(first, key="it")
    await anyio.sleep(1)
    root.replace_task("it", second)
    await first.wait_stopped()
    root.replace_task("it", first)
    await first.wait_started()
    assert second.state is S.DISPOSED


async def test_replace_task_while_closing(root: Root) -> None:
    """J9, D9: on a Job that is stopped it is a TaskDisposedError."""
    job = root.add_task(Job())
    await job.add_task(SlowToGo(5), key="it").wait_started()
    job.stop()
    await anyio.sleep(1)
    new = Sleeper()
    with pytest.raises(TaskDisposedError):
        job.replace_task("it", new)
    assert new.parent is None


async def test_a_job_that_closes_while_a_task_is_replaced(root: Root) -> None:
    """J9, D9: the new task is never started, and ends with the reason of the Job."""
    job = root.add_task(Job())
    await job.add_task(SlowToGo(5), key="it").wait_started()
    new = job.replace_task("it", Sleeper())
    await anyio.sleep(1)
    job.stop()
    await job.wait_stopped()
    assert anyio.current_time() == pytest.approx(5)
    assert new.state is S.DISPOSED
    assert new.stop_reason is job.stop_reason
    with pytest.raises(StopByUser):
        await new.wait_started()


async def test_a_replacement_that_is_stopped_while_it_waits(root: Root) -> None:
    """J9, S2: it is never started, and gone once the old one is."""
    work = root.add_task(Work())
    await work.add_task(SlowToGo(5), key="it").wait_started()
    new = work.replace_task("it", Sleeper())
    new.stop()
    assert isinstance(await new.wait_stopped(), StopByUser)
    assert new.timings.start == 0
    assert work.size == 0


async def test_a_replacement_in_a_job_that_is_abandoned(root: Root) -> None:
    """J9, S5: when the Job and the old one are given up, who waits for the new one waits no longer."""

    class Hurried(Job[Any]):
        stop_timeout = 5

    async with RootManager() as own:
        job = own.add_task(Hurried())
        await job.add_task(SlowToGo(30), key="it").wait_started()
        new = job.replace_task("it", Sleeper())
        job.stop()
        await job.wait_stopped()
        assert await new.wait_stopped() is job.stop_reason
        assert anyio.current_time() == pytest.approx(5)
        await anyio.sleep(30)


async def test_replacements_are_told_once(root: Root, recorder: EventRecorder) -> None:
    """J9, H6: an observer hears of the new task once."""
    root.add_task(Sleeper(100), key="it")
    await anyio.sleep(1)
    new = root.replace_task("it", Sleeper())
    await new
    assert [event.task_id for event in recorder.of("task_added")].count(new.task_id) == 1


async def test_replace_task_refuses(root: Root) -> None:
    """J9, J4: what is no task, and what is alive already."""
    task = root.add_task(Sleeper(10), key="it")
    with pytest.raises(TypeError):
        root.replace_task("it", 3)  # type: ignore[type-var]
    with pytest.raises(TaskStateError, match="alive"):
        root.replace_task("it", task)
    with pytest.raises(TaskStateError, match="in no tree"):
        Job().replace_task("it", Sleeper())
    assert task.stop_reason is None


async def test_replace_task_from_another_thread(root: Root) -> None:
    """J9, M6: it is plain, and may be called from any thread."""
    root.add_task(Sleeper(1000), key="it")
    await anyio.sleep(1)
    new = Sleeper(1)
    assert await root.add_task(lambda: [root.replace_task("it", new)]) == [new]
    assert await new == pytest.approx(2)
