"""The reasons and the errors: what they are, and that each wrong call gets one at once, with what to do."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

import gotask
from gotask import (
    AsyncTickTask,
    AutoStop,
    BlockingRoot,
    ChannelTask,
    CircuitBreaker,
    CircuitOpenError,
    Exit,
    GotaskError,
    Job,
    Restart,
    RetryExhausted,
    RetryPolicy,
    RootManager,
    StopByUser,
    StopReason,
    Task,
    TaskComplete,
    TaskDisposedError,
    TaskExistsError,
    TaskPanic,
    TaskState,
    TaskStateError,
    TickTask,
    TimeoutReason,
    TooManyChildrenError,
    Work,
    WorkCollection,
)
from gotask.errors import as_reason, causes, is_failure, leaves

Root = RootManager[Any, Any]
S = TaskState

REASONS: list[type[Exception]] = [AutoStop, TaskComplete, StopByUser, Exit, Restart, TimeoutReason]
ERRORS: list[type[Exception]] = [
    RetryExhausted, TaskPanic, TooManyChildrenError, TaskDisposedError, TaskExistsError, TaskStateError,
    CircuitOpenError,
]  # fmt: skip

# What they are


@pytest.mark.parametrize("kind", REASONS + ERRORS)
def test_one_base(kind: type[Exception]) -> None:
    """`GotaskError` is the base of all of them (api.md)."""
    assert issubclass(kind, GotaskError)
    assert issubclass(kind, Exception)
    assert kind.__doc__


@pytest.mark.parametrize("kind", REASONS)
def test_reasons_are_stop_reasons(kind: type[Exception]) -> None:
    """Why a task stopped when nothing went wrong is a StopReason (api.md)."""
    assert issubclass(kind, StopReason)


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_are_no_stop_reasons(kind: type[Exception]) -> None:
    """An error is no StopReason (api.md)."""
    assert not issubclass(kind, StopReason)


def test_timeout_reason_is_a_timeout_error() -> None:
    """TimeoutReason is also a TimeoutError (api.md)."""
    with pytest.raises(TimeoutError):
        raise TimeoutReason("late")


def test_autostop_keeps_failures() -> None:
    """J2: `AutoStop.failures` are the failures, and `failure_count` says how many there were."""
    failures = [ValueError("a"), KeyError("b")]
    assert AutoStop(failures).failures == tuple(failures)
    assert AutoStop(failures).failure_count == 2
    assert AutoStop(failures, 500).failure_count == 500
    assert str(AutoStop(failures, 500)) == "500 children failed"
    assert AutoStop().failures == ()
    assert str(AutoStop()) == "all children are done"


def test_task_exists_error_carries_the_task() -> None:
    """J4: TaskExistsError carries the task that has the key."""
    task = Task()
    error = TaskExistsError("taken", task)
    assert error.task is task
    assert str(error) == "taken"


@pytest.mark.parametrize("kind", [*REASONS, *ERRORS])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_they_can_be_pickled(kind: type[Exception], protocol: int) -> None:
    """Reasons and errors can be sent to other processes."""
    error = kind([ValueError("inner")], 7) if kind is AutoStop else kind("a message")
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is kind
    assert str(again) == str(error)


def test_a_pickled_autostop_keeps_its_failures() -> None:
    """J2: AutoStop keeps its failures and their count when it is pickled or copied."""
    error = AutoStop([ValueError("a"), KeyError("b")], 500)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert list(map(repr, again.failures)) == ["ValueError('a')", "KeyError('b')"]
        assert again.failure_count == 500
        assert str(again) == "500 children failed"


def test_a_pickled_task_exists_error_leaves_the_task_behind() -> None:
    """J4, L13: a task cannot be pickled; the error that carries it can, without it."""
    again = pickle.loads(pickle.dumps(TaskExistsError("taken", Task())))
    assert str(again) == "taken"
    assert again.task is None


@pytest.mark.parametrize(
    ("reason", "failed"),
    [
        (None, False), (TaskComplete(), False), (StopByUser(), False), (Exit(), False), (Restart(), False),
        (AutoStop([ValueError()]), False), (TimeoutReason(), True), (ValueError(), True), (RetryExhausted(), True),
        (TaskPanic(), True), (KeyboardInterrupt(), True), (CircuitOpenError(), True),
    ],
)  # fmt: skip
def test_what_counts_as_a_failure(reason: BaseException | None, failed: bool) -> None:
    """J2: StopReasons other than TimeoutReason do not count as failures."""
    assert is_failure(reason) is failed


@pytest.mark.parametrize(
    ("error", "whole_program"),
    [
        (SystemExit(), True), (KeyboardInterrupt(), True), (ValueError(), False), (GeneratorExit(), False),
        (BaseExceptionGroup("g", [ValueError(), KeyboardInterrupt()]), True),
        (BaseExceptionGroup("g", [ExceptionGroup("h", [ValueError()]), BaseExceptionGroup("h", [SystemExit()])]), True),
        (ExceptionGroup("g", [ValueError()]), False),
    ],
)  # fmt: skip
def test_what_is_meant_for_the_whole_program(error: BaseException, whole_program: bool) -> None:
    """L14: KeyboardInterrupt and SystemExit are, also in a group."""
    assert leaves(error) is whole_program


# What stop() takes


def test_no_reason_is_stop_by_user() -> None:
    """S1: None means `StopByUser()`."""
    assert type(as_reason(None)) is StopByUser


def test_a_string_is_stop_by_user() -> None:
    """S1: a string becomes `StopByUser(string)`."""
    reason = as_reason("enough")
    assert type(reason) is StopByUser
    assert str(reason) == "enough"


@pytest.mark.parametrize("kind", [Exit, ValueError, KeyboardInterrupt])
def test_a_class_is_instantiated(kind: type[BaseException]) -> None:
    """S1: a class is instantiated."""
    assert type(as_reason(kind)) is kind


def test_an_exception_is_itself() -> None:
    """S1: an exception object is the reason itself."""
    error = ValueError("mine")
    assert as_reason(error) is error


@pytest.mark.parametrize("reason", [5, b"bytes", int, [StopByUser()], object()])
def test_anything_else_is_refused(reason: Any) -> None:
    """S1: anything else is a TypeError that says what `stop` takes, and nothing is stopped."""
    task = Task()
    with pytest.raises(TypeError, match=r"stop\(\) takes an exception, an exception class, a string or nothing"):
        task.stop(reason)
    assert task.stop_reason is None


# stop_reason_is


def ended_with(reason: BaseException) -> Task[Any]:
    """A task whose stop reason this is."""
    task = Task()
    task.stop(reason)
    return task


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def test_stop_reason_is_none_while_nobody_asked() -> None:
    """S9: `stop_reason` is None while nobody asked, and is nothing then."""
    task = Task()
    assert task.stop_reason is None
    assert not task.stop_reason_is(BaseException)


def test_stop_reason_is_looks_at_types() -> None:
    """S9: `stop_reason_is` takes types, also base classes of the reason."""
    task = ended_with(StopByUser())
    assert task.stop_reason_is(StopByUser)
    assert task.stop_reason_is(StopReason)
    assert not task.stop_reason_is(Exit)


def test_stop_reason_is_looks_at_instances() -> None:
    """S9: it takes instances, and compares by identity."""
    reason = ValueError("one")
    task = ended_with(reason)
    assert task.stop_reason_is(reason)
    assert not task.stop_reason_is(ValueError("one"))


def test_stop_reason_is_takes_several() -> None:
    """S9: any of several will do, types and instances mixed."""
    task = ended_with(ValueError())
    assert task.stop_reason_is(KeyError, ValueError)
    assert task.stop_reason_is(KeyError("k"), ValueError)
    assert not task.stop_reason_is(KeyError, Exit)
    assert not task.stop_reason_is()


@pytest.mark.parametrize("kind", ["StopByUser", str, (StopByUser, Exit), None])
def test_stop_reason_is_refuses_what_is_no_exception(kind: Any) -> None:
    """S9: anything else would never be the reason: a TypeError that says what it takes."""
    for task in Task[Any](), ended_with(StopByUser()):
        with pytest.raises(TypeError, match="exceptions and exception classes"):
            task.stop_reason_is(kind)


def test_stop_reason_is_looks_through_causes() -> None:
    """S9: it looks through `__cause__`, however long the chain."""
    task = ended_with(caused(RetryExhausted(), caused(RuntimeError(), KeyError("k"))))
    assert task.stop_reason_is(KeyError)
    assert task.stop_reason_is(RuntimeError)
    assert not task.stop_reason_is(ValueError)


def test_stop_reason_is_looks_into_groups() -> None:
    """S9: it looks into groups, also nested, and at the causes of what is in them."""
    disk = OSError()
    disk.__cause__ = KeyError("k")
    inner = ExceptionGroup("inner", [disk])
    task = ended_with(ExceptionGroup("outer", [ValueError(), inner]))
    for kind in (ExceptionGroup, ValueError, OSError, KeyError):
        assert task.stop_reason_is(kind)
    assert not task.stop_reason_is(TypeError)


def test_stop_reason_is_ends_in_a_circle() -> None:
    """S9: causes that go in a circle do not keep it for ever."""
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert not ended_with(one).stop_reason_is(TypeError)
    assert len(list(causes(one))) == 2


def test_stop_reason_is_does_not_look_at_the_context() -> None:
    """S9: an exception that only happened to be handled at the time is no cause."""
    error = ValueError()
    error.__context__ = KeyError()
    assert not ended_with(error).stop_reason_is(KeyError)


async def test_stop_reason_is_of_a_failure(root: Root) -> None:
    """S9: a failure is the reason too."""

    class Failing(Task):
        async def go(self) -> None:
            raise ValueError from KeyError("k")

    task = root.add_task(Failing())
    await task.wait_stopped()
    assert task.stop_reason_is(ValueError)
    assert task.stop_reason_is(KeyError)


# Wrong calls: each fails at once, in the caller, and changes nothing


class Hello(Task):
    async def go(self) -> None:
        await anyio.sleep(5)


class Numbered(Hello):
    def __init__(self) -> None:
        self.owner_type = 7  # type: ignore[assignment]


async def fetch(url: str) -> str:
    return url


def plain() -> None:
    pass


WRONG_ADDS: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "a class": (lambda job: job.add_task(Hello), TypeError, r"Hello is a class: add an instance, Hello\(…\)"),
    "another class": (lambda job: job.add_task(int), TypeError, "int is a class: add an instance"),
    "a number": (lambda job: job.add_task(5), TypeError, "5 is no task: give an instance of a gotask.Task class"),
    "None": (lambda job: job.add_task(None), TypeError, "None is no task"),
    "a coroutine": (lambda job: job.add_task(fetch("u")), TypeError, r"takes the function, not the coroutine.*fetch"),
    "arguments of a task": (lambda job: job.add_task(Hello(), 1), TypeError, r"give them to Hello\(…\) itself"),
    "arguments of a number": (lambda job: job.add_task(5, 1), TypeError, "5 is no task"),
    "an unknown option": (lambda job: job.add_task(Hello(), colour="red"), TypeError, "colour"),
    "a negative time-out": (lambda job: job.add_task(Hello(), timeout=-1), ValueError, "timeout is a number.*not -1"),
    "a time-out in words": (lambda job: job.add_task(Hello(), timeout="1 s"), ValueError, "timeout is a number"),
    "an endless time-out": (lambda job: job.add_task(Hello(), timeout=float("inf")), ValueError, "timeout is a number"),
    "no event": (lambda job: job.add_task(Hello(), stop_when=5), TypeError, "stop_when is an event .*, not 5"),
    "wrong descriptions": (
        lambda job: job.add_task(Hello(), descriptions={1: 2}), TypeError, "the key of a description is a string",
    ),
    "a wrong retry": (lambda job: job.add_task(Hello(), retry=-5), ValueError, "max_retry is .*not -5"),
    "an unhashable key": (lambda job: job.add_task(Hello(), key=[1]), TypeError, r"\[1\].*hash"),
    "a number as name": (lambda job: job.add_task(Hello(), name=7), TypeError, "name is a text, not 7"),
    "a number as owner type": (
        lambda job: job.add_task(Numbered()), TypeError, "the owner_type of this Numbered is 7: it should be a text",
    ),
    "the name of a logger": (
        lambda job: job.add_task(Hello(), logger="cameras"), TypeError, r"getLogger\('cameras'\), not 'cameras'",
    ),
    "a dependence on a class": (lambda job: job.add_depend_task(Hello), TypeError, "Hello is a class"),
    "a dependence on None": (lambda job: job.add_depend_task(None), TypeError, "None is no task"),
    "a dependence with an unknown option": (
        lambda job: job.add_depend_task(Hello(), colour="red"), TypeError,
        r"^add_depend_task\(\) got an unexpected keyword argument 'colour': there are key, name, .*timeout$",
    ),
    "a dependence with an option of ours": (
        lambda job: job.add_depend_task(Hello(), origin=None), TypeError, r"^add_depend_task\(\) got .* 'origin'",
    ),
    "a dependence on a coroutine": (
        lambda job: job.add_depend_task(fetch("u")), TypeError, r"^add_depend_task\(\) .*: add_depend_task\(fetch, …\)",
    ),
    "a class as replacement": (lambda job: job.replace_task(1, Hello), TypeError, "Hello is a class"),
    "a function as replacement": (lambda job: job.replace_task(1, plain), TypeError, "is no task"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_ADDS)
async def test_wrong_adds(root: Root, what: str) -> None:
    """J4, J5: a wrong `add_task` raises at once, says what to do, and leaves the Job as it was."""
    call, kind, message = WRONG_ADDS[what]
    with pytest.raises(kind, match=message):
        call(root)
    assert root.children == ()
    assert root.state is S.STARTED


@pytest.mark.parametrize("what", ["a class", "a number", "a negative time-out", "an unhashable key"])
async def test_wrong_adds_in_a_thread(root: Root, what: str) -> None:
    """J4, M6: in another thread it raises there."""
    call, kind, message = WRONG_ADDS[what]

    def add() -> None:
        with pytest.raises(kind, match=message):
            call(root)

    await anyio.to_thread.run_sync(add)
    assert root.children == ()


async def test_a_second_add(root: Root) -> None:
    """J4: adding a task that is alive in a tree is a TaskStateError that says where it is."""
    task, other = root.add_task(Hello()), root.add_task(Work())
    for job in (root, other):
        with pytest.raises(
            TaskStateError, match=r"RootManager/Hello#\d+ is alive in a tree already \(\w+\): make another"
        ):
            job.add_task(task)
    assert other.size == 0


async def test_a_second_add_by_other_ways(root: Root) -> None:
    """J4: so are the other ways to have it started."""
    task = root.add_task(Hello())
    caller = root.add_task(Task())
    await caller.wait_started()
    with pytest.raises(TaskStateError, match="is alive in a tree already"):
        root.replace_task("key", task)
    with pytest.raises(TaskStateError, match="is alive in a tree already"):
        root.add_depend_task(task)
    with pytest.raises(TaskStateError, match="is alive in a tree already"):
        await caller.run_task(task)


async def test_a_job_in_itself(root: Root) -> None:
    """J4: a Job cannot be added to itself, nor below itself."""
    job = root.add_task(Work())
    below = job.add_task(Work())
    for parent in (job, below):
        with pytest.raises(TaskStateError, match="is alive in a tree already"):
            parent.add_task(job)


async def test_a_running_root_cannot_be_added(root: Root) -> None:
    """M12: a running RootManager cannot be added to a tree."""
    async with RootManager() as other:
        with pytest.raises(TaskStateError, match="is alive in a tree already"):
            root.add_task(other)


async def test_a_taken_key(root: Root) -> None:
    """J4: a key that is taken is a TaskExistsError, with the task that has it and what to do."""
    first, second = root.add_task(Hello(), key="k"), Hello()
    with pytest.raises(
        TaskExistsError, match=r"a child with the key 'k' already.*use another key, or replace_task"
    ) as caught:
        root.add_task(second, key="k")
    assert caught.value.task is first
    assert first.execution_path in str(caught.value)
    assert root.children == (first,)
    assert second.parent is None
    root.add_task(second, key="other")


async def test_an_add_to_a_stopped_job(root: Root) -> None:
    """J4: adding to a Job that is stopped is a TaskDisposedError that says why it was."""
    job = root.add_task(Work())
    await job.wait_started()
    job.stop("enough")
    for _ in range(2):
        with pytest.raises(TaskDisposedError, match=r"RootManager/Work#\d+ takes no more children: it is .*enough"):
            job.add_task(Hello())
        await job.wait_stopped()


async def test_an_add_in_no_tree() -> None:
    """L12: adding to a Job that is in no tree is a TaskStateError that says what to do."""
    with pytest.raises(
        TaskStateError, match="Job is in no tree, so nothing could start its children: add it to a Job or"
    ):
        Job().add_task(Hello())


@pytest.mark.parametrize("timeout", [None, 5])
async def test_a_refused_add_leaves_no_timer(root: Root, timeout: float | None) -> None:
    """J4: what came with an add that was refused has no effect."""
    root.add_task(Hello(), key="k")
    task = Hello()
    with pytest.raises(TaskExistsError):
        root.add_task(task, key="k", timeout=timeout)
    await anyio.sleep(10)
    assert task.stop_reason is None
    assert task.state is S.INIT


# Wrong calls of a task


def call_fetch(job: Any) -> Any:
    return job.call(fetch("u"))


WRONG_CALLS: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "using a number": (lambda task: task.using(5), TypeError, r"using\(\) takes a task, a function, or an object.* 5"),
    "using a class": (lambda task: task.using(Hello), TypeError, "using"),
    "using a coroutine": (lambda task: task.using(fetch("u")), TypeError, "takes the function, not the coroutine"),
    "using a context manager": (
        lambda task: task.using(pytest.raises(ValueError)), TypeError, r"enter a context manager with `await self",
    ),
    "using itself": (lambda task: task.using(task), ValueError, r"using\(\) was given the task itself"),
    "on_stop of a number": (lambda task: task.on_stop(5), TypeError, r"on_stop\(\) takes a task, a function"),
    "on_stop of itself": (lambda task: task.on_stop(task), ValueError, r"on_stop\(\) was given the task itself"),
    "on_start of a number": (lambda task: task.on_start(5), TypeError, r"on_start\(\) takes a function, not 5"),
    "an async on_start": (lambda task: task.on_start(fetch), TypeError, r"on_start\(\) takes a plain function"),
    "on_dispose of a number": (lambda task: task.on_dispose(5), TypeError, r"on_dispose\(\) takes a function, not 5"),
    "on_before_dispose of None": (lambda task: task.on_before_dispose(None), TypeError, "takes a function, not None"),
    "an async descendants listener": (
        lambda task: task.on_descendants_start(fetch), TypeError, r"on_descendants_start\(\) takes a plain function",
    ),
    "a descendants listener that is none": (
        lambda task: task.on_descendants_dispose(5), TypeError, r"on_descendants_dispose\(\) takes a function",
    ),
    "a description without a name": (
        lambda task: task.set_description(5, "x"), TypeError, "the key of a description is a string, not 5",
    ),
    "stop with a number": (lambda task: task.stop(5), TypeError, r"stop\(\) takes an exception"),
    "too few retries": (lambda task: task.set_retry(-2), ValueError, r"max_retry is .*not -2"),
    "retries in words": (lambda task: task.set_retry("many"), ValueError, "max_retry is .*not 'many'"),
    "a negative interval": (lambda task: task.set_retry(1, -1), ValueError, "interval is a number of at least 0"),
    "a small back-off": (lambda task: task.set_retry(1, 1, backoff=0.5), ValueError, "backoff is a number of at"),
    "too much jitter": (lambda task: task.set_retry(1, 1, jitter=2), ValueError, "jitter is a share between 0 and 1"),
    "an interval that is none": (lambda task: task.set_retry(1, float("nan")), ValueError, "interval is a number"),
    "errors in a list": (lambda task: task.set_retry(1, retry_on=[OSError]), TypeError, "retry_on is an exception"),
    "a wrong fallback": (lambda task: task.set_retry(1, fallback=5), TypeError, "fallback is a function"),
    "a class as fallback": (lambda task: task.set_retry(1, fallback=Hello), TypeError, r"an instance, Hello\(…\)"),
    "a policy and more": (
        lambda task: task.set_retry(RetryPolicy(3), jitter=0.5), TypeError, r"a RetryPolicy or what .*, not both",
    ),
    "a snapshot of a class": (lambda task: gotask.snapshot(Hello), TypeError, r"snapshot\(\) takes a task, .*Hello"),
    "a snapshot of nothing": (lambda task: gotask.snapshot(None), TypeError, r"snapshot\(\) takes a task, .*None"),
    "a wrong breaker": (lambda task: task.set_retry(1, breaker=5), TypeError, "breaker is a CircuitBreaker"),
    "a key once it is in a tree": (
        lambda task: setattr(task, "key", "k"), TaskStateError, "fixed now that it is in a tree: set it before",
    ),
    "a state of one's own": (lambda task: setattr(task, "state", S.STARTED), AttributeError, "state"),
    "an observer that is none": (lambda task: task.parent.observe(5), TypeError, "Observer"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_CALLS)
async def test_wrong_calls(root: Root, what: str) -> None:
    """A wrong call fails at once, in the caller, with a sentence that says what to do; the task goes on."""
    call, kind, message = WRONG_CALLS[what]
    task = root.add_task(Work())
    await task.wait_started()
    with pytest.raises(kind, match=message):
        call(task)
    assert task.resources == ()
    assert task.state is S.STARTED
    assert not task.is_stopped


WRONG_AWAITS: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "enter a number": (lambda task: task.enter(5), TypeError, r"enter\(\) takes a context manager, not 5.*using\(\)"),
    "enter a function": (lambda task: task.enter(plain), TypeError, r"enter\(\) takes a context manager"),
    "call a number": (lambda task: task.call(5), TypeError, r"call\(\) takes a function and its arguments, not 5"),
    "call a coroutine": (call_fetch, TypeError, r"call\(\) takes .*function, not the coroutine"),
    "call with wrong arguments": (lambda task: task.call(fetch), TypeError, "missing 1 required positional argument"),
    "run a number": (lambda task: task.run_task(5), TypeError, "5 is no task"),
    "run a class": (lambda task: task.run_task(Hello), TypeError, "Hello is a class: add an instance"),
    "run itself": (lambda task: task.run_task(task), TaskStateError, "is alive in a tree already"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_AWAITS)
async def test_wrong_awaits(root: Root, what: str) -> None:
    """The same for what is awaited."""
    call, kind, message = WRONG_AWAITS[what]
    task = root.add_task(Work())
    await task.wait_started()
    with pytest.raises(kind, match=message):
        await call(task)
    assert task.state is S.STARTED
    assert root.state is S.STARTED


async def in_no_tree(task: Any, name: str) -> None:
    outcome = getattr(task, name)() if name != "run_task" else task.run_task(Hello())
    if outcome is not None:
        await outcome


@pytest.mark.parametrize("name", ["wait_started", "wait_stopped", "wait_stop_requested", "run_task", "restart"])
async def test_calls_in_no_tree(name: str) -> None:
    """L7, R6, J7: what needs a tree says so where there is none."""
    with pytest.raises(TaskStateError, match=r"Hello is in no tree.*add it"):
        await in_no_tree(Hello(), name)


async def test_run_task_of_a_stopped_task(root: Root) -> None:
    """J7: a task that is stopped runs no more tasks."""
    caller = root.add_task(Hello())
    await caller.wait_started()
    caller.stop()
    with pytest.raises(TaskDisposedError, match="is stopped, and runs no more tasks"):
        await caller.run_task(Hello())


async def test_restart_after_a_stop(root: Root) -> None:
    """R6: after a stop request that has not ended yet `restart()` is a TaskStateError that says what to do."""
    task = root.add_task(Hello())
    await task.wait_started()
    task.stop()
    with pytest.raises(
        TaskStateError, match=r"was asked to stop and has not ended yet: wait for it \(await task.wait_stopped"
    ):
        task.restart()


async def test_restart_without_a_parent_that_lives(root: Root) -> None:
    """R6: so is one on a task whose last parent is gone."""
    job = root.add_task(Work())
    task = job.add_task(Hello())
    await task.wait_started()
    job.stop()
    await job.wait_stopped()
    with pytest.raises(TaskDisposedError, match="its last parent is stopped"):
        task.restart()


async def test_a_key_that_waits_for_another_already(root: Root) -> None:
    """J9: a second replacement before the first has started is a TaskStateError that says what to do."""
    old = root.add_task(Hello(), key="k")
    await old.wait_started()
    first = root.replace_task("k", Hello())
    with pytest.raises(
        TaskStateError, match=r"the key 'k' of .* waits for .* already: replace that one once it has started"
    ):
        root.replace_task("k", Hello())
    await first.wait_started()


async def test_a_collection_without_that_key(root: Root) -> None:
    """J6: an unknown key is a KeyError, as in every mapping."""
    collection = root.add_task(WorkCollection[str, Hello]())
    with pytest.raises(KeyError, match="nobody"):
        collection["nobody"]
    assert collection.get("nobody") is None


# Channels and ticks


async def test_wrong_channels(root: Root) -> None:
    """C1: a capacity below 1 is a ValueError; sending to a full or closed channel says so."""
    task = ChannelTask[int]()
    for capacity in (0, -1, 1.5, "many"):
        with pytest.raises(ValueError, match="the capacity of a channel is a whole number of at least 1, not"):
            task.open(capacity)  # type: ignore[arg-type]
    sender = task.open(1)
    sender.send_nowait(1)
    with pytest.raises(TaskStateError, match=r"the channel is full \(1 unread items\): await send"):
        sender.send_nowait(2)
    await sender.aclose()
    with pytest.raises(TaskDisposedError, match="the channel is closed"):
        await sender.send(3)


@pytest.mark.parametrize("signal", [None, 5, object()])
async def test_a_wrong_signal(root: Root, signal: Any) -> None:
    """C1: a signal that cannot be read fails the life, with a sentence that says what a signal is."""

    class Mine(ChannelTask[int]):
        def get_signal(self) -> Any:
            return signal

    reason = await root.add_task(Mine()).wait_stopped()
    assert isinstance(reason, TypeError)
    assert re.search(r"get_signal\(\) of Mine returned .*: a signal is an async iterable", str(reason))


@pytest.mark.parametrize("kind", [TickTask, AsyncTickTask])
@pytest.mark.parametrize("interval", [0, -1, float("inf"), float("nan"), None, "1 s"])
async def test_a_wrong_interval(root: Root, kind: Any, interval: Any) -> None:
    """C4: an interval ≤ 0 or not finite is a ValueError that fails the start."""
    task = kind()
    task.tick_interval = interval
    with pytest.raises(ValueError, match=r"the tick interval of .* is .*: it must be a number of seconds above 0"):
        await root.add_task(task).wait_started()


# Roots and programs


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"history": -1}, ValueError, "history is the number of lives to keep"),
        ({"history": "all"}, ValueError, "history is the number of lives to keep"),
        ({"max_threads": 0}, ValueError, "max_threads is a whole number of at least 1"),
        ({"max_threads": "many"}, ValueError, "max_threads is a whole number of at least 1"),
        ({"colour": "red"}, TypeError, "colour"),
    ],
)
@pytest.mark.parametrize("kind_of_root", [RootManager, BlockingRoot])
def test_wrong_roots(kind_of_root: Any, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    """A wrong option of a root is refused when it is made."""
    with pytest.raises(kind, match=message):
        kind_of_root(**options)


def test_a_blocking_root_of_an_unknown_back_end() -> None:
    """M5: an unknown back end is a ValueError that names those there are."""
    with pytest.raises(ValueError, match=r"the back end is one of asyncio.*trio, not 'twisted'"):
        BlockingRoot(backend="twisted")


def test_a_blocking_root_that_is_not_entered() -> None:
    """M5: before it is entered there is no tree: TaskStateError."""
    root = BlockingRoot()
    with pytest.raises(TaskStateError, match="with BlockingRoot"):
        root.call(plain)
    with pytest.raises(TaskStateError, match="with BlockingRoot"):
        root.add_task(Hello())


@pytest.mark.parametrize("name", ["observe", "unobserve"])
def test_a_root_that_is_not_open(name: str) -> None:
    """M1: what needs an open tree says how to open it."""
    with pytest.raises(TaskStateError, match=r"needs an open tree: `await root.init\(\)` first, or `async with"):
        getattr(RootManager(), name)(gotask.Observer())


async def async_generator() -> AsyncIterator[int]:
    yield 1


WRONG_RUNS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a number": (lambda: gotask.run(5), TypeError, r"run\(\) takes an async function, not 5"),  # type: ignore[arg-type]
    "a task": (lambda: gotask.run(Hello()), TypeError, r"which adds tasks"),  # type: ignore[arg-type]
    "a class of tasks": (lambda: gotask.run(Hello), TypeError, r"Hello.*which adds tasks"),
    "a coroutine": (
        lambda: gotask.run(fetch("u")), TypeError, r"takes the async function itself: gotask.run\(main\)",  # type: ignore[arg-type]
    ),
    "a plain function": (lambda: gotask.run(plain), TypeError, "should be an async function"),  # type: ignore[arg-type]
    "an unknown back end": (lambda: gotask.run(fetch, backend="x"), ValueError, "the back end is one of"),
    "an unknown option": (lambda: gotask.run(fetch, colour="red"), TypeError, "colour"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_RUNS)
def test_wrong_runs(what: str) -> None:
    """M2: a wrong `gotask.run` says what it takes."""
    call, kind, message = WRONG_RUNS[what]
    with pytest.raises(kind, match=message):
        call()


async def test_run_where_a_loop_is_running() -> None:
    """M1, M2: in a notebook or a server it says what to use there."""
    with pytest.raises(RuntimeError, match=r"one is running here already.*async with gotask.RootManager"):
        gotask.run(fetch)


def test_unknown_pointers() -> None:
    """An unknown pointer is a LookupError (api.md)."""
    with pytest.raises(LookupError, match="no living task has the pointer 5"):
        gotask.from_pointer(5)


# Policies


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"failures": 0}, ValueError), ({"failures": 1.5}, ValueError), ({"reset_after": -1}, ValueError),
        ({"reset_after": float("inf")}, ValueError),
    ],
)  # fmt: skip
def test_wrong_circuit_breakers(options: dict[str, Any], kind: type[Exception]) -> None:
    """R8: a wrong CircuitBreaker is refused when it is made."""
    with pytest.raises(kind, match=r"not (-1|0|1\.5|inf)"):
        CircuitBreaker(**options)


def test_wrong_policies() -> None:
    """R4: `policies` maps exception classes to policies."""
    with pytest.raises(TypeError, match="policies maps exception classes to RetryPolicy"):
        RetryPolicy(1, policies={ValueError: 5})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="policies maps exception classes to RetryPolicy"):
        RetryPolicy(1, policies={"ValueError": RetryPolicy()})  # type: ignore[dict-item]


# Settings of a class


@pytest.mark.parametrize(
    ("name", "value"),
    [("stop_children", "revers"), ("on_child_failure", "escalates"), ("max_children", -1), ("stop_grace", "long"),
     ("stop_timeout", -1), ("start_timeout", "1 s"), ("dispose_timeout", -0.5), ("stop_grace", -1)],
)  # fmt: skip
def test_wrong_settings_of_a_class(name: str, value: Any) -> None:
    """L13: a setting with a value it cannot have is refused when the class is made."""
    with pytest.raises((TypeError, ValueError), match=rf"Mine\.{name}"):
        type("Mine", (Job,), {name: value, "__module__": __name__})


@pytest.mark.parametrize("name", ["stop_timeout", "start_timeout", "dispose_timeout", "max_children", "retry"])
def test_none_is_a_setting(name: str) -> None:
    """L13: None means that there is none, in each setting whose default it is."""
    type("Mine", (Job,), {name: None, "__module__": __name__})


async def test_a_retry_that_is_no_policy(root: Root) -> None:
    """R1: a `retry` that is no policy fails the start, with a sentence that says what to write; the tree goes on."""

    class Mine(Task):
        def __init__(self) -> None:
            self.retry = 3  # type: ignore[assignment]

    with pytest.raises(TypeError, match="RetryPolicy"):
        await root.add_task(Mine()).wait_started()
    assert root.state is S.STARTED


@pytest.mark.parametrize("name", ["stop_grace", "stop_timeout", "start_timeout", "dispose_timeout"])
@pytest.mark.parametrize("value", ["1 s", -1, float("nan")])
async def test_wrong_limits_of_an_object(root: Root, name: str, value: Any) -> None:
    """S5, S6: a limit of the object that is no length of time is as none: nothing hangs, nothing is torn down."""

    class Mine(Task):
        def __init__(self) -> None:
            setattr(self, name, value)

        async def start(self) -> None:
            await anyio.sleep(1)

        async def go(self) -> None:
            await anyio.sleep(100)

        async def dispose(self) -> None:
            await anyio.sleep(1)

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert task.duration == pytest.approx(2)
    assert root.state is S.STARTED


# Messages


async def test_messages_name_path_and_state(root: Root) -> None:
    """A message names the task's path and its state (api.md)."""
    job = root.add_task(Work())
    job.stop()
    await job.wait_stopped()
    with pytest.raises(TaskDisposedError) as caught:
        job.add_task(Hello())
    assert job.execution_path in str(caught.value)
    assert "DISPOSED" in str(caught.value)


def test_a_policy_for_one_kind_of_error_has_no_fallback_of_its_own() -> None:
    """R4: what nobody would look at in a policy of `policies` is refused, with where it belongs."""
    for wrong in (
        {"fallback": print},
        {"breaker": gotask.CircuitBreaker(1, 1.0)},
        {"policies": {OSError: RetryPolicy()}},
    ):
        with pytest.raises(ValueError, match="give them to the policy of the task"):
            RetryPolicy(1, policies={OSError: RetryPolicy(2, **wrong)})


def test_a_listener_that_cannot_be_called_is_refused() -> None:
    """D10, J8: a listener with the wrong parameters is refused when it is registered, not when it is called."""
    task: Any = Job()
    task.on_start(lambda: None)
    task.on_descendants_start(lambda child: None)
    with pytest.raises(TypeError, match=r"on_start\(\) is called as \(\), and cannot be"):
        task.on_start(lambda task: None)
    with pytest.raises(TypeError, match=r"on_descendants_start\(\) is called as \(task\)"):
        task.on_descendants_start(lambda: None)


def test_an_observer_that_cannot_be_called_is_refused() -> None:
    """H6: a method of an observer with the wrong parameters is refused when it is attached."""

    class Wrong(gotask.Observer):
        def state_changed(self, task: Any, state: Any) -> None:  # type: ignore[override]
            pass

    with pytest.raises(TypeError, match=r"Wrong.state_changed is called as \(task, old, new\)"):
        gotask.observe(Wrong())


def test_an_auto_stop_counts_in_words() -> None:
    """J2: one child is one child."""
    assert str(gotask.AutoStop([OSError()])) == "1 child failed"
    assert str(gotask.AutoStop([OSError()] * 2)) == "2 children failed"


async def test_a_function_task_shows_the_name_of_its_function(root: Root) -> None:
    """J5: the repr of a task made from a function says which."""

    async def fetch() -> None:
        pass

    task = root.add_task(fetch)
    assert repr(task) == f"<fetch #{task.task_id} INIT>"
