"""R: retry, restart, fallback."""

from __future__ import annotations

import dataclasses
import gc
import math
import random
import threading
import weakref
from typing import Any

import anyio
import pytest

from gotask import (
    AutoStop,
    Exit,
    Job,
    Restart,
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
    TimeoutReason,
    Work,
)
from gotask.retry import RetryCount, judge
from gotask.testing import EventRecorder

Root = RootManager[Any, Any]
S = TaskState
FAIL = ValueError("as it should")


class Flaky(Task[str]):
    """Fails so many times, each time after `lasts` seconds; then it returns "well"."""

    def __init__(self, failures: float = math.inf, lasts: float = 0.0, problem: BaseException = FAIL) -> None:
        self.failures = failures
        self.lasts = lasts
        self.problem = problem
        self.lives: list[float] = []
        self.disposals: list[float] = []

    async def go(self) -> str:
        self.lives.append(anyio.current_time())
        await anyio.sleep(self.lasts)
        if len(self.lives) <= self.failures:
            raise self.problem
        return "well"

    def dispose(self) -> Any:
        self.disposals.append(anyio.current_time())


class FlakyStart(Task[Any]):
    """Its start fails so many times; then it stays."""

    def __init__(self, failures: float = math.inf) -> None:
        self.failures = failures
        self.starts: list[float] = []
        self.disposals = 0

    def start(self) -> None:
        self.starts.append(anyio.current_time())
        if len(self.starts) <= self.failures:
            raise FAIL

    def dispose(self) -> None:
        self.disposals += 1


class Stays(Task[Any]):
    """Counts its lives, and has no body."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.disposals: list[float] = []

    def start(self) -> None:
        self.starts.append(anyio.current_time())

    def dispose(self) -> Any:
        self.disposals.append(anyio.current_time())


class Raises(Task[Any]):
    """Raises one error after another, then returns."""

    def __init__(self, *problems: BaseException) -> None:
        self.problems = list(problems)
        self.lives: list[float] = []

    async def go(self) -> None:
        self.lives.append(anyio.current_time())
        if self.problems:
            raise self.problems.pop(0)


def approx(*times: float) -> Any:
    return pytest.approx(list(times))


# The policy: numbers in, decision out


def test_delay_doubles() -> None:
    """R2: the back-off is `interval · 2^(n-1)` by default."""
    policy = RetryPolicy(-1, 0.5)
    assert [policy.delay(n) for n in (1, 2, 3, 4, 10)] == [0.5, 1, 2, 4, 256]


def test_delay_with_another_backoff() -> None:
    """R2: `backoff` is the factor from one wait to the next."""
    assert [RetryPolicy(-1, 1, backoff=3).delay(n) for n in (1, 2, 3)] == [1, 3, 9]


def test_delay_that_stays() -> None:
    """R2: `backoff=1` makes all waits the same."""
    assert [RetryPolicy(-1, 7, backoff=1).delay(n) for n in (1, 2, 500)] == [7, 7, 7]


def test_delay_has_an_upper_bound() -> None:
    """R2: no wait is longer than `max_interval`."""
    assert [RetryPolicy(-1, 1, max_interval=5).delay(n) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 5, 5]


def test_delay_of_a_late_retry_is_finite() -> None:
    """R2: the ten-thousandth retry overflows nothing."""
    assert math.isfinite(RetryPolicy(-1, 1).delay(10_000))


@pytest.mark.parametrize(("drawn", "factor"), [(0.0, 0.75), (0.5, 1.0), (1.0, 1.25)])
def test_jitter_with_a_fixed_random(drawn: float, factor: float) -> None:
    """R2: `jitter` is the share by which a wait is made longer or shorter."""
    policy = RetryPolicy(-1, 2, jitter=0.25)
    assert [policy.delay(n, lambda: drawn) for n in (1, 2)] == [2 * factor, 4 * factor]


def test_jitter_does_not_exceed_the_upper_bound() -> None:
    """R2: `max_interval` holds with `jitter` too."""
    assert RetryPolicy(-1, 10, jitter=1, max_interval=10).delay(1, lambda: 1.0) == 10


@pytest.mark.parametrize(
    "options",
    [
        {"max_retry": -2}, {"max_retry": 1.5}, {"max_retry": "3"}, {"max_retry": None},
        {"interval": -1}, {"interval": math.nan}, {"interval": math.inf}, {"interval": "1"},
        {"backoff": 0.5}, {"backoff": math.inf}, {"max_interval": -1}, {"max_interval": math.nan},
        {"healthy_after": -1}, {"within": -0.1}, {"within": math.inf}, {"jitter": -0.1}, {"jitter": 1.1},
        {"jitter": math.nan},
    ],
)  # fmt: skip
def test_wrong_numbers_are_refused(options: dict[str, Any]) -> None:
    """R1: a policy that makes no sense is a ValueError at once, in words that name the option."""
    with pytest.raises(ValueError, match=next(iter(options))):
        RetryPolicy(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"policies": {ValueError: 3}}, {"policies": {"ValueError": RetryPolicy(3)}}, {"policies": [ValueError]},
        {"retry_on": "ValueError"}, {"retry_on": (ValueError, 3)}, {"give_up_on": int}, {"give_up_on": FAIL},
        {"fallback": 3}, {"breaker": 3},
    ],
)  # fmt: skip
def test_wrong_types_are_refused(options: dict[str, Any]) -> None:
    """R4, R7, R8: what is no exception class, policy, function or breaker is a TypeError at once."""
    with pytest.raises(TypeError, match=next(iter(options))):
        RetryPolicy(3, **options)


def test_set_retry_refuses_wrong_numbers() -> None:
    """R1: a negative interval is a ValueError in the caller of `set_retry`."""
    with pytest.raises(ValueError, match="interval"):
        Flaky().set_retry(3, -1)


def test_a_policy_cannot_be_changed() -> None:
    """R1: one policy may serve many tasks, so it is frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        RetryPolicy(3).interval = 2  # type: ignore[misc]


async def test_an_attribute_that_is_no_policy_fails_the_start(root: Root) -> None:
    """R1: `self.retry = 3` fails the start with a TypeError that says what to write."""
    task = Stays()
    task.retry = 3  # type: ignore[assignment]
    with pytest.raises(TypeError, match="RetryPolicy"):
        await root.add_task(task)
    assert task.starts == []
    assert root.state is S.STARTED


# R1: how often


async def test_no_retry_by_default(root: Root) -> None:
    """R1: without a policy a failure ends the task, and is its reason."""
    task = root.add_task(Flaky())
    assert await task.wait_stopped() is FAIL
    assert len(task.lives) == 1


async def test_max_retry_zero_is_none(root: Root) -> None:
    """R1: 0 is none, and the failure itself is the reason."""
    task = Flaky()
    task.set_retry(0, 1)
    assert await root.add_task(task).wait_stopped() is FAIL
    assert task.max_retry == task.retry_count == 0


async def test_at_most_n_retries_of_a_body(root: Root) -> None:
    """R1: n > 0 is at most n retries."""
    task = Flaky()
    task.set_retry(3, 1)
    await root.add_task(task).wait_stopped()
    assert len(task.lives) == 4
    assert task.retry_count == task.max_retry == 3


async def test_retries_for_ever(root: Root) -> None:
    """R1: -1 is for ever."""
    task = Flaky(failures=500)
    task.set_retry(-1, 1, max_interval=60)
    assert await root.add_task(task) == "well"
    assert len(task.lives) == 501
    assert task.retry_count == 500


async def test_a_failed_start_is_started_again(root: Root) -> None:
    """R1: a failed `start` is started again, without a dispose between (D4)."""
    task = FlakyStart(failures=2)
    task.set_retry(3, 1)
    await root.add_task(task).wait_started()
    assert task.starts == approx(0, 1, 3)
    assert task.disposals == 0
    assert task.state is S.STARTED


async def test_a_failed_body_is_disposed_first(root: Root, recorder: EventRecorder) -> None:
    """R1: a failed body is disposed first, then started again."""
    task = Flaky(failures=1)
    task.set_retry(3, 1)
    await root.add_task(task)
    life = [S.STARTING, S.STARTED, S.GOING, S.DISPOSING]
    assert recorder.states(task) == [*life, S.RETRYING, *life, S.DISPOSED]
    assert task.disposals == approx(0, 1)


async def test_a_failed_run_is_retried(root: Root) -> None:
    """R1: `run` is retried as `go` is."""
    lives: list[float] = []

    class Runs(Task[str]):
        retry = RetryPolicy(2, 1)

        async def run(self) -> str:
            lives.append(anyio.current_time())
            if len(lives) == 1:
                raise FAIL
            return "well"

    assert await root.add_task(Runs()) == "well"
    assert lives == approx(0, 1)


async def test_a_failed_thread_is_retried(root: Root) -> None:
    """R1: a body in a thread is retried too."""

    class InThread(Task[int]):
        retry = RetryPolicy(2, 1)
        lives = 0

        def go(self) -> int:
            self.lives += 1
            if self.lives == 1:
                raise FAIL
            return threading.get_ident()

    assert await root.add_task(InThread()) != threading.get_ident()


async def test_the_class_attribute_is_a_policy(root: Root) -> None:
    """R1: `retry = RetryPolicy(…)` in the class does what `set_retry` does."""

    class Stubborn(Flaky):
        retry = RetryPolicy(2, 5, backoff=1)

    task = root.add_task(Stubborn())
    await task.wait_stopped()
    assert task.lives == approx(0, 5, 10)


async def test_set_retry_comes_before_the_class_attribute(root: Root) -> None:
    """R1: what `set_retry` says counts for this task only."""

    class Stubborn(Flaky):
        retry = RetryPolicy(5, 1)

    task = Stubborn()
    task.set_retry(RetryPolicy(1, 2))
    await root.add_task(task).wait_stopped()
    assert task.lives == approx(0, 2)
    assert Stubborn().max_retry == 5


async def test_retry_as_an_option_of_add_task(root: Root) -> None:
    """R1: `add_task(…, retry=…)` sets the policy."""
    task = root.add_task(Flaky(failures=1), retry=RetryPolicy(1, 4))
    assert await task == "well"
    assert task.lives == approx(0, 4)


async def test_the_policy_may_change_while_it_lives(root: Root) -> None:
    """R1: `set_retry` in a running body decides about that body."""

    class Decides(Flaky):
        async def go(self) -> str:
            self.set_retry(2, 3)
            return await super().go()

    task = root.add_task(Decides(failures=1))
    assert await task == "well"
    assert task.lives == approx(0, 3)


async def test_a_start_that_is_too_slow_is_retried(root: Root) -> None:
    """R1, S6: TimeoutReason of `start_timeout` is a failure like another."""

    class Slow(Task[Any]):
        start_timeout = 5
        retry = RetryPolicy(1, 1)
        starts: list[float] = []

        async def start(self) -> None:
            self.starts.append(anyio.current_time())
            await anyio.sleep(100)

    reason = await root.add_task(Slow()).wait_stopped()
    assert Slow.starts == approx(0, 6)
    assert isinstance(reason, RetryExhausted)
    assert isinstance(reason.__cause__, TimeoutReason)


# R2: the back-off


async def test_backoff_is_exact(root: Root) -> None:
    """R2: retries come `interval · 2^(n-1)` seconds after each failure."""
    task = Flaky(lasts=10)
    task.set_retry(4, 1)
    await root.add_task(task).wait_stopped()
    assert task.lives == approx(0, 11, 23, 37, 55)


async def test_backoff_and_max_interval_of_a_live_task(root: Root) -> None:
    """R2: `backoff` and `max_interval` shape the waits."""
    task = Flaky()
    task.set_retry(4, 1, backoff=3, max_interval=5)
    await root.add_task(task).wait_stopped()
    assert task.lives == approx(0, 1, 4, 9, 14)


async def test_jitter_of_a_live_task(root: Root) -> None:
    """R2: the waits with `jitter` follow the random numbers drawn."""
    task = Flaky()
    task.set_retry(3, 1, backoff=1, jitter=0.5)
    random.seed(7)
    expected, now = [0.0], 0.0
    for _ in range(3):
        now += 1 + 0.5 * (2 * random.random() - 1)
        expected.append(now)
    random.seed(7)
    await root.add_task(task).wait_stopped()
    assert task.lives == pytest.approx(expected)
    assert len(set(expected)) == 4


async def test_no_interval_means_no_wait(root: Root) -> None:
    """R2: with `interval=0` the next life begins at once."""
    task = Flaky(failures=100)
    task.set_retry(-1, 0)
    assert await root.add_task(task) == "well"
    assert anyio.current_time() == 0


async def test_the_wait_does_not_hold_up_siblings(root: Root) -> None:
    """R2, trap: a retry does not sleep in the parent's loop; siblings are started, ticked and disposed meanwhile."""
    job = root.add_task(Work())
    failing = FlakyStart(failures=1)
    failing.set_retry(1, 100)
    job.add_task(failing)
    await anyio.sleep(10)
    assert failing.state is S.RETRYING
    assert job.blocked is None
    sibling = job.add_task(Stays())
    await sibling.wait_started()
    sibling.stop()
    await sibling.wait_stopped()
    assert (sibling.starts, sibling.disposals) == (approx(10), approx(10))
    assert await job.call(anyio.current_time) == pytest.approx(10)
    await failing.wait_started()
    assert failing.starts == approx(0, 100)


async def test_many_retries_wait_side_by_side(root: Root) -> None:
    """R2, trap: a hundred siblings wait for their retries at the same time, not one after another."""
    job = root.add_task(Job())
    tasks = [job.add_task(Flaky(failures=1), retry=RetryPolicy(1, 10)) for _ in range(100)]
    await job
    assert anyio.current_time() == pytest.approx(10)
    assert all(task.lives == approx(0, 10) for task in tasks)


async def test_a_stop_ends_the_wait(root: Root) -> None:
    """R2, S3: a stop during the back-off ends the task at once; it was disposed before the wait."""
    task = Flaky()
    task.set_retry(-1, 1000)
    root.add_task(task)
    await anyio.sleep(5)
    assert task.state is S.RETRYING
    task.stop()
    reason = await task.wait_stopped()
    assert isinstance(reason, StopByUser)
    assert anyio.current_time() == pytest.approx(5)
    assert (task.lives, task.disposals) == (approx(0), approx(0))
    await anyio.sleep(10_000)
    assert task.lives == approx(0)


async def test_a_stop_ends_the_wait_while_a_sibling_holds_the_loop(root: Root) -> None:
    """S3: there is nothing left to call, so the parent's loop is not needed to end a task that waits for its retry."""

    class Holds(Task[Any]):
        async def run(self) -> None:
            await anyio.sleep(100)

    job = root.add_task(Work())
    task = job.add_task(Flaky(), retry=RetryPolicy(-1, 1000))
    await anyio.sleep(1)
    job.add_task(Holds())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert anyio.current_time() == pytest.approx(2)


async def test_the_failure_before_a_stop_is_told(root: Root) -> None:
    """S1, S3: the reason of a stop during the back-off has the failure as `__cause__`."""
    task = root.add_task(Flaky(), retry=RetryPolicy(-1, 1000))
    await anyio.sleep(5)
    task.stop()
    assert (await task.wait_stopped()).__cause__ is FAIL


async def test_the_stop_of_the_parent_ends_the_wait(root: Root) -> None:
    """R4, S3: a Job that is stopped does not wait for the retry of a child."""
    job = root.add_task(Job())
    task = job.add_task(Flaky(), retry=RetryPolicy(-1, 1000))
    await anyio.sleep(5)
    job.stop()
    await job.wait_stopped()
    assert anyio.current_time() == pytest.approx(5)
    assert task.state is S.DISPOSED
    assert task.stop_reason is job.stop_reason


async def test_the_key_stays_taken(root: Root) -> None:
    """D1, R2: during the back-off the task is still the Job's child."""
    job = root.add_task(Job())
    task = job.add_task(Flaky(), key="it", retry=RetryPolicy(-1, 1000))
    await anyio.sleep(5)
    assert job.children == (task,)
    with pytest.raises(TaskExistsError):
        job.add_task(Flaky(), key="it")


async def test_waiting_for_the_start_lasts_over_retries(root: Root) -> None:
    """L7: `wait_started` waits for the first start that succeeds."""
    task = root.add_task(FlakyStart(failures=3), retry=RetryPolicy(5, 1))
    await task.wait_started()
    assert anyio.current_time() == pytest.approx(7)


async def test_a_start_that_never_succeeds(root: Root) -> None:
    """L7, R5: `wait_started` raises RetryExhausted when the retries are spent."""
    task = root.add_task(FlakyStart(), retry=RetryPolicy(2, 1))
    with pytest.raises(RetryExhausted) as caught:
        await task.wait_started()
    assert caught.value.__cause__ is FAIL
    assert anyio.current_time() == pytest.approx(3)


async def test_observers_hear_of_planned_retries(root: Root, recorder: EventRecorder) -> None:
    """H6, R2: an observer is told the failure and the delay."""
    await root.add_task(Flaky(failures=2), retry=RetryPolicy(3, 1.5))
    assert [event.what for event in recorder.of("retry_planned")] == ["ValueError in 1.5", "ValueError in 3"]


# R3: the counter


async def test_a_start_that_succeeds_does_not_reset_the_count(root: Root) -> None:
    """R3, trap: `max_retry = 3` means four lives at most, though each one has started well."""
    task = root.add_task(Flaky(lasts=1000), retry=RetryPolicy(3, 1))
    assert isinstance(await task.wait_stopped(), RetryExhausted)
    assert len(task.lives) == 4


async def test_failed_starts_and_failed_bodies_count_together(root: Root) -> None:
    """R3: a failure is a failure, in `start` or in the body."""

    class Both(Flaky):
        starts = 0

        def start(self) -> None:
            self.starts += 1
            if self.starts % 2:
                raise FAIL

    task = root.add_task(Both(), retry=RetryPolicy(3, 1))
    await task.wait_stopped()
    assert task.starts == 4


async def test_reset_retry_count(root: Root) -> None:
    """R3: `reset_retry_count()` begins to count, and to back off, anew."""

    class Resets(Flaky):
        async def go(self) -> str:
            if len(self.lives) == 2:
                self.reset_retry_count()
                assert self.retry_count == 0
            return await super().go()

    task = root.add_task(Resets(), retry=RetryPolicy(3, 1))
    await task.wait_stopped()
    assert task.lives == approx(0, 1, 3, 4, 6, 10)


async def test_a_healthy_life_resets_the_count(root: Root) -> None:
    """R3: a life of `healthy_after` seconds resets the count, so that such a task is retried for ever."""
    task = root.add_task(Flaky(failures=20, lasts=60), retry=RetryPolicy(2, 1, healthy_after=60))
    assert await task == "well"
    assert task.retry_count == 1
    assert task.lives == pytest.approx([61.0 * n for n in range(21)])


async def test_a_life_that_is_too_short_does_not_reset_the_count(root: Root) -> None:
    """R3: a life shorter than `healthy_after` counts."""
    task = root.add_task(Flaky(lasts=59), retry=RetryPolicy(2, 1, healthy_after=60))
    await task.wait_stopped()
    assert len(task.lives) == 3


async def test_the_time_in_start_is_not_healthy(root: Root) -> None:
    """R3: a `start` that fails after long is no healthy life."""

    class SlowStart(Task[Any]):
        starts = 0

        async def start(self) -> None:
            self.starts += 1
            await anyio.sleep(1000)
            raise FAIL

    task = root.add_task(SlowStart(), retry=RetryPolicy(2, 1, healthy_after=60))
    await task.wait_stopped()
    assert task.starts == 3


async def test_set_retry_keeps_the_count(root: Root) -> None:
    """R3: a new policy does not begin to count anew."""

    class Resets(Flaky):
        async def go(self) -> str:
            self.set_retry(3, 1)
            return await super().go()

    task = root.add_task(Resets())
    await task.wait_stopped()
    assert len(task.lives) == 4


async def test_another_max_retry_keeps_the_count(root: Root) -> None:
    """R3: with more retries from now on, those that were spent count."""

    class Resets(Flaky):
        async def go(self) -> str:
            if len(self.lives) == 2:
                self.set_retry(4, 1)
            return await super().go()

    task = root.add_task(Resets(), retry=RetryPolicy(2, 1))
    await task.wait_stopped()
    assert len(task.lives) == 5


async def test_a_task_that_is_added_again_counts_anew(root: Root) -> None:
    """R3, J4: what a task did in its last tree does not count in the next."""
    task = root.add_task(Flaky(), retry=RetryPolicy(2, 1))
    await task.wait_stopped()
    root.add_task(task)
    await task.wait_stopped()
    assert len(task.lives) == 6


# R4: which failures


async def test_success_ends_the_retrying(root: Root) -> None:
    """R4: TaskComplete is no failure."""
    task = root.add_task(Flaky(failures=0), retry=RetryPolicy(-1, 1))
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert len(task.lives) == 1


@pytest.mark.parametrize("reason", [TaskComplete, Exit, StopByUser])
async def test_a_stop_reason_out_of_a_body(root: Root, reason: type[Exception]) -> None:
    """R4: a body that raises TaskComplete, Exit or StopByUser ends the task with it, and is not retried."""
    problem = reason("enough")
    task = root.add_task(Flaky(problem=problem), retry=RetryPolicy(-1, 1))
    assert await task.wait_stopped() is problem
    assert len(task.lives) == 1
    assert len(task.disposals) == 1


@pytest.mark.parametrize("reason", [TaskComplete, Exit, StopByUser])
async def test_a_stop_reason_out_of_start(root: Root, reason: type[Exception]) -> None:
    """R4: a `start` that raises TaskComplete, Exit or StopByUser is not retried either."""
    problem = reason("enough")

    class Refuses(Task[Any]):
        retry = RetryPolicy(-1, 1)
        starts = 0

        def start(self) -> None:
            self.starts += 1
            raise problem

    task = root.add_task(Refuses())
    assert await task.wait_stopped() is problem
    assert task.starts == 1


async def test_await_after_task_complete_out_of_a_body(root: Root) -> None:
    """L7, R4: a body may end the task by `raise TaskComplete`; there is no result."""
    assert await root.add_task(Flaky(problem=TaskComplete())) is None


async def test_restart_out_of_a_body(root: Root) -> None:
    """R6: a body that raises Restart begins another life, which is not counted."""
    task = root.add_task(Raises(Restart()))
    assert await task is None
    assert task.lives == approx(0, 0)
    assert task.retry_count == 0


async def test_a_stop_ends_the_retrying(root: Root) -> None:
    """R4: StopByUser ends the retrying, also when the body fails on its way out."""

    class Sour(Flaky):
        async def go(self) -> str:
            self.lives.append(anyio.current_time())
            try:
                await anyio.sleep_forever()
            finally:
                raise FAIL

    task = root.add_task(Sour(), retry=RetryPolicy(-1, 1))
    await anyio.sleep(1)
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert len(task.lives) == 1
    assert task.dispose_errors == (FAIL,)


async def test_give_up_on(root: Root) -> None:
    """R4: exceptions in `give_up_on` are not retried, and are the reason themselves."""
    problem = KeyError("fatal")
    task = root.add_task(Flaky(problem=problem), retry=RetryPolicy(5, 1, give_up_on=LookupError))
    assert await task.wait_stopped() is problem
    assert len(task.lives) == 1


async def test_retry_on(root: Root) -> None:
    """R4: exceptions outside `retry_on` are not retried."""
    fatal = ValueError("fatal")
    task = root.add_task(Raises(ConnectionResetError(), fatal), retry=RetryPolicy(5, 1, retry_on=(ConnectionError,)))
    assert await task.wait_stopped() is fatal
    assert task.lives == approx(0, 1)


async def test_give_up_on_comes_before_retry_on(root: Root) -> None:
    """R4: what is in both is given up."""
    policy = RetryPolicy(5, 1, retry_on=OSError, give_up_on=FileNotFoundError)
    missing = FileNotFoundError()
    task = root.add_task(Raises(PermissionError(), missing), retry=policy)
    assert await task.wait_stopped() is missing
    assert task.lives == approx(0, 1)


async def test_policies_by_type(root: Root) -> None:
    """R4: `policies` has rules per exception type, each with its own count and back-off."""
    policy = RetryPolicy(1, 1, policies={ConnectionError: RetryPolicy(3, 10, backoff=1), KeyError: RetryPolicy(2, 100)})
    problems = [ConnectionError(), KeyError(), ConnectionError(), FAIL, ConnectionError(), KeyError()]
    task = root.add_task(Raises(*problems), retry=policy)
    await task
    assert task.lives == approx(0, 10, 110, 120, 121, 131, 331)
    assert task.retry_count == 6


async def test_policies_fit_subclasses(root: Root) -> None:
    """R4: the policy of the nearest base class counts."""
    policy = RetryPolicy(5, 1, policies={OSError: RetryPolicy(5, 10), ConnectionError: RetryPolicy(5, 100)})
    task = root.add_task(Raises(ConnectionResetError(), FileNotFoundError()), retry=policy)
    await task
    assert task.lives == approx(0, 100, 110)


async def test_the_retries_of_one_type_are_spent(root: Root) -> None:
    """R4, R5: the retries of one type may be spent before those of the others."""
    last = ConnectionError("the third")
    policy = RetryPolicy(-1, 1, policies={ConnectionError: RetryPolicy(2, 1)})
    task = root.add_task(Raises(ConnectionError(), FAIL, ConnectionError(), last), retry=policy)
    reason = await task.wait_stopped()
    assert isinstance(reason, RetryExhausted)
    assert reason.__cause__ is last


async def test_a_type_without_retries(root: Root) -> None:
    """R4: a policy of no retries for one type gives up at once, with the failure itself."""
    policy = RetryPolicy(-1, 1, policies={ConnectionError: RetryPolicy(0)})
    problem = ConnectionError()
    task = root.add_task(Raises(FAIL, problem), retry=policy)
    assert await task.wait_stopped() is problem


async def test_endless_policies_back_off_each_by_itself(root: Root) -> None:
    """R4, R2: two policies that retry for ever count their waits apart."""
    policy = RetryPolicy(-1, 1, policies={ConnectionError: RetryPolicy(-1, 100)})
    task = root.add_task(Raises(FAIL, FAIL, ConnectionError(), ConnectionError(), FAIL), retry=policy)
    await task
    assert task.lives == approx(0, 1, 3, 103, 303, 307)


# R5: spent


async def test_retry_exhausted(root: Root) -> None:
    """R5: when the retries are spent the reason is RetryExhausted, its `__cause__` the last failure."""
    problems = [ValueError(n) for n in range(3)]
    last = problems[-1]
    task = root.add_task(Raises(*problems), retry=RetryPolicy(2, 1))
    with pytest.raises(RetryExhausted, match="2 retries") as caught:
        await task
    assert caught.value.__cause__ is last
    assert task.stop_reason_is(ValueError)
    assert task.stop_reason is caught.value


async def test_the_job_hears_of_retry_exhausted_once(root: Root) -> None:
    """R5, J2: retries are no failures for good; the end of them is one."""
    job = root.add_task(Job())
    task = job.add_task(Flaky(), retry=RetryPolicy(3, 1))
    reason = await job.wait_stopped()
    assert isinstance(reason, AutoStop)
    assert reason.failures == (task.stop_reason,)


# R6: restart


async def test_restart_in_no_tree(root: Root) -> None:
    """R6: a task that was never added has nothing to be started again in."""
    with pytest.raises(TaskStateError, match="add it"):
        Stays().restart()


async def test_restart_in_init(root: Root, recorder: EventRecorder) -> None:
    """R6: in INIT it does nothing: the start is still to come."""
    task = root.add_task(Stays())
    task.restart()
    await task.wait_started()
    assert recorder.states(task) == [S.STARTING, S.STARTED]
    assert len(task.starts) == 1


async def test_restart_in_starting(root: Root) -> None:
    """R6: a restart during `start` lets it finish, then begins another life."""

    class Slow(Task[Any]):
        calls: list[str] = []

        async def start(self) -> None:
            self.calls.append("start")
            await anyio.sleep(5)

        def dispose(self) -> None:
            self.calls.append("dispose")

    task = root.add_task(Slow())
    await anyio.sleep(1)
    task.restart()
    await anyio.sleep(8)
    assert task.calls == ["start", "dispose", "start"]
    await anyio.sleep(2)
    assert task.state is S.STARTED


async def test_restart_in_started(root: Root, recorder: EventRecorder) -> None:
    """R6: it disposes and starts again; the id stays, and no retry is counted."""
    task = root.add_task(Stays())
    await task.wait_started()
    number = task.task_id
    await anyio.sleep(3)
    task.restart()
    await anyio.sleep(1)
    assert (task.starts, task.disposals) == (approx(0, 3), approx(3))
    assert task.task_id == number
    assert task.retry_count == 0
    assert task.stop_reason is None
    assert S.DISPOSED not in recorder.states(task)


@pytest.mark.parametrize("hook", ["run", "go"])
async def test_restart_in_a_body(root: Root, hook: str) -> None:
    """R6: the body is ended as by a stop, and begins anew."""
    lives: list[float] = []
    ended: list[str] = []

    async def body(self: Any) -> None:
        lives.append(anyio.current_time())
        try:
            await anyio.sleep(10)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    cls: type[Task[Any]] = type("Body", (Task,), {hook: body})
    task = root.add_task(cls())
    await anyio.sleep(4)
    task.restart()
    assert await task is None
    assert lives == approx(0, 4)
    assert len(ended) == 1
    assert anyio.current_time() == pytest.approx(14)


async def test_restart_by_its_own_body(root: Root) -> None:
    """R6: a body may restart its own task."""

    class Again(Task[int]):
        lives = 0

        async def go(self) -> int:
            self.lives += 1
            if self.lives < 5:
                self.restart()
                await anyio.sleep_forever()
            return self.lives

    assert await root.add_task(Again()) == 5


async def test_restart_gives_the_body_its_grace(root: Root) -> None:
    """R6, S4: a restart tells the body, which has `stop_grace` to return."""

    class Polite(Task[Any]):
        stop_grace = 100
        lives: list[float] = []

        async def go(self) -> None:
            self.lives.append(anyio.current_time())
            await self.wait_stop_requested()
            await anyio.sleep(5)

    task = root.add_task(Polite())
    await anyio.sleep(1)
    task.restart()
    await anyio.sleep(7)
    assert task.lives == approx(0, 6)
    assert not task.is_stopped


async def test_restart_in_disposing(root: Root) -> None:
    """R6: during DISPOSING it starts again afterwards, whatever it was disposed for."""

    class SlowEnd(Task[Any]):
        calls: list[str] = []

        async def go(self) -> None:
            self.calls.append("go")

        async def dispose(self) -> None:
            self.calls.append("dispose")
            await anyio.sleep(5)

    task = root.add_task(SlowEnd())
    await anyio.sleep(1)
    assert task.state is S.DISPOSING
    task.restart()
    await anyio.sleep(5)
    assert task.calls == ["go", "dispose", "go", "dispose"]
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert anyio.current_time() == pytest.approx(10)


async def test_restart_in_disposing_after_a_failure(root: Root) -> None:
    """R6: a restart while a failed life is disposed takes no retry and no wait."""

    class SlowEnd(Flaky):
        async def dispose(self) -> None:
            await anyio.sleep(5)

    task = root.add_task(SlowEnd(failures=1), retry=RetryPolicy(3, 1000))
    await anyio.sleep(1)
    task.restart()
    assert await task == "well"
    assert task.lives == approx(0, 5)
    assert task.retry_count == 0


async def test_restart_in_retrying(root: Root) -> None:
    """R6: in RETRYING it starts again at once."""
    task = root.add_task(Flaky(failures=1), retry=RetryPolicy(3, 1000))
    await anyio.sleep(5)
    assert task.state is S.RETRYING
    task.restart()
    assert await task == "well"
    assert task.lives == approx(0, 5)
    await anyio.sleep(2000)
    assert len(task.lives) == 2


async def test_restart_in_disposed(root: Root) -> None:
    """R6: a DISPOSED task is added again to its last parent, with its id and its key."""
    task = root.add_task(Flaky(failures=0), key="it")
    number = task.task_id
    assert await task == "well"
    task.restart()
    assert task.state is S.INIT
    assert await task == "well"
    assert len(task.lives) == 2
    assert (task.task_id, task.key) == (number, "it")


async def test_restart_when_the_retries_are_spent(root: Root) -> None:
    """R6, trap: a task whose retries are spent can be restarted, and has its retries again."""
    task = root.add_task(Flaky(failures=5), retry=RetryPolicy(2, 1))
    assert isinstance(await task.wait_stopped(), RetryExhausted)
    task.restart()
    assert await task == "well"
    assert task.lives == approx(0, 1, 3, 3, 4, 6)


async def test_restart_in_the_last_life_allowed(root: Root) -> None:
    """R6: a restart is not counted: it works when no retry is left, and leaves the count as it is."""
    task = root.add_task(Raises(FAIL, FAIL), retry=RetryPolicy(1, 1))
    restarts = 0

    def restart() -> None:
        nonlocal restarts
        if task.retry_count == 1 and restarts == 0:
            restarts += 1
            task.restart()

    task.problems = [FAIL]
    task.on_start(restart)
    assert await task is None
    assert restarts == 1
    assert task.retry_count == 1


async def test_restart_of_a_task_that_was_stopped(root: Root) -> None:
    """R6: once a stop has ended it, it can be restarted."""
    task = root.add_task(Stays())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    task.restart()
    await task.wait_started()
    assert len(task.starts) == 2
    assert task.stop_reason is None


async def test_restart_after_a_stop_request(root: Root) -> None:
    """R6: after a stop request that has not ended yet it is a TaskStateError."""
    task = root.add_task(Flaky(lasts=10))
    task.stop()
    with pytest.raises(TaskStateError, match="wait_stopped"):
        task.restart()
    assert isinstance(await task.wait_stopped(), StopByUser)


async def test_restart_in_disposing_after_a_stop(root: Root) -> None:
    """R6: the same while the stop is being carried out."""

    class SlowEnd(Stays):
        async def dispose(self) -> None:
            await anyio.sleep(5)

    task = root.add_task(SlowEnd())
    await task.wait_started()
    task.stop()
    await anyio.sleep(1)
    assert task.state is S.DISPOSING
    with pytest.raises(TaskStateError):
        task.restart()


async def test_restart_when_the_parent_is_gone(root: Root) -> None:
    """R6: without a living parent there is no place to start again: TaskDisposedError."""
    job = root.add_task(Job())
    task = job.add_task(Flaky(failures=0))
    await job
    with pytest.raises(TaskDisposedError, match="parent"):
        task.restart()
    assert task.state is S.DISPOSED


async def test_restart_when_the_key_is_taken(root: Root) -> None:
    """R6, J4: adding it again may fail as `add_task` does."""
    task = root.add_task(Flaky(failures=0), key="it")
    await task
    root.add_task(Stays(), key="it")
    with pytest.raises(TaskExistsError):
        task.restart()


async def test_a_stop_after_a_restart_wins(root: Root) -> None:
    """S1, R6: a restart is no stop request; a stop after it ends the task."""
    task = root.add_task(Stays())
    await task.wait_started()
    task.restart()
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert len(task.starts) == 1


async def test_restarting_twice_is_one_restart(root: Root) -> None:
    """R6: a second request for the same restart does nothing."""
    task = root.add_task(Stays())
    await task.wait_started()
    task.restart()
    task.restart()
    await anyio.sleep(1)
    assert len(task.starts) == 2


async def test_restart_of_a_job(root: Root) -> None:
    """R6, J2: a Job that is restarted disposes its children, and begins without any."""

    class Group(Job[Any]):
        made: list[Stays] = []

        def start(self) -> None:
            self.made.append(self.add_task(Stays()))

    job = root.add_task(Group())
    await anyio.sleep(1)
    job.restart()
    await anyio.sleep(1)
    first, second = job.made
    assert first.state is S.DISPOSED
    assert isinstance(first.stop_reason, Restart)
    assert job.children == (second,)
    assert second.state is S.STARTED


async def test_a_task_without_body_or_policy_can_be_restarted(root: Root) -> None:
    """R6: restart needs no retry policy and no body."""
    task = root.add_task(Task())
    await task.wait_started()
    task.restart()
    await anyio.sleep(1)
    assert task.state is S.STARTED


async def test_the_order_of_start_after_a_retry(root: Root) -> None:
    """D2, R1: after another life a child is the last in the order of start."""
    job = root.add_task(Work())
    first = job.add_task(Stays())
    second = job.add_task(Stays())
    await second.wait_started()
    first.restart()
    await anyio.sleep(1)
    assert job.children == (second, first)


# R7: fallback


async def test_fallback_function(root: Root) -> None:
    """R7: a plain function used when the retries are spent; what it returns is the result."""
    task = root.add_task(Flaky(), retry=RetryPolicy(2, 1, fallback=lambda: "instead"))
    assert await task == "instead"
    assert len(task.lives) == 3
    assert task.result == "instead"


async def test_the_log_tells_a_retry_from_a_fallback(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """R7: the fallback is no other life of the same kind, and the log does not say so."""
    task = root.add_task(Raises(FAIL, ValueError("the last")), retry=RetryPolicy(1, 2, fallback=lambda: 1))
    await task
    path = task.execution_path
    assert [record.getMessage().removeprefix(path) for record in caplog.records] == [
        f" failed, and lives again in 2 s: {FAIL!r}",
        " failed, and its fallback steps in: ValueError('the last')",
    ]


async def test_the_reason_after_a_fallback(root: Root) -> None:
    """R7: the reason is TaskComplete, with the last failure as `__cause__`."""
    last = ValueError("the last")
    task = root.add_task(Raises(FAIL, last), retry=RetryPolicy(1, 1, fallback=lambda: 1))
    reason = await task.wait_stopped()
    assert isinstance(reason, TaskComplete)
    assert reason.__cause__ is last


async def test_a_plain_fallback_runs_in_a_thread(root: Root) -> None:
    """R7, L3: a plain function may block: it is called in a thread, as a plain `go` is."""
    task = root.add_task(Flaky(), retry=RetryPolicy(0, fallback=threading.get_ident))
    result: Any = await task
    assert result != threading.get_ident()


async def test_fallback_async_function(root: Root) -> None:
    """R7: an async function is awaited, beside everything else."""
    job = root.add_task(Work())

    async def instead() -> str:
        await anyio.sleep(10)
        return "instead"

    task = job.add_task(Flaky(), retry=RetryPolicy(1, 1, fallback=instead))
    await anyio.sleep(5)
    await job.add_task(Stays()).wait_started()
    assert anyio.current_time() == pytest.approx(5)
    assert await task == "instead"
    assert anyio.current_time() == pytest.approx(11)


async def test_fallback_task(root: Root) -> None:
    """R7: a task is run in place of the one that failed; its result is the result."""
    other = Flaky(failures=0, lasts=3)
    task = root.add_task(Flaky(), retry=RetryPolicy(0, fallback=other))
    assert await task == "well"
    assert other.state is S.DISPOSED
    assert other.parent is task


async def test_a_fallback_function_that_fails(root: Root) -> None:
    """R7: if the fallback fails too, its error is the reason, and it is not retried."""
    problem = KeyError("worse")
    calls = []

    async def instead() -> None:
        calls.append(1)
        raise problem

    task = root.add_task(Flaky(), retry=RetryPolicy(1, 1, fallback=instead))
    assert await task.wait_stopped() is problem
    assert calls == [1]
    assert len(task.lives) == 2


async def test_a_fallback_task_that_fails(root: Root) -> None:
    """R7: the same for a task; its own retries are its own affair."""
    problem = KeyError("worse")
    other = Flaky(problem=problem)
    other.set_retry(2, 1)
    task = root.add_task(Flaky(), retry=RetryPolicy(1, 1, fallback=other))
    reason = await task.wait_stopped()
    assert isinstance(reason, RetryExhausted)
    assert reason.__cause__ is problem
    assert len(other.lives) == 3


async def test_no_fallback_after_success(root: Root) -> None:
    """R7: as long as a retry helps, the fallback is not used."""
    task = root.add_task(Flaky(failures=1), retry=RetryPolicy(1, 1, fallback=lambda: "instead"))
    assert await task == "well"


async def test_no_fallback_after_a_stop(root: Root) -> None:
    """R7, R4: a stop is no failure, so nothing takes its place."""
    task = root.add_task(Flaky(), retry=RetryPolicy(-1, 100, fallback=lambda: "instead"))
    await anyio.sleep(1)
    task.stop()
    with pytest.raises(StopByUser):
        await task


async def test_a_fallback_can_be_stopped(root: Root) -> None:
    """R7, S4: a fallback is a body, and ends as one."""
    task = root.add_task(Flaky(), retry=RetryPolicy(0, fallback=anyio.sleep_forever))
    await anyio.sleep(1)
    assert task.state is S.GOING
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert anyio.current_time() == pytest.approx(1)


async def test_start_and_dispose_are_not_called_for_a_fallback(root: Root) -> None:
    """R7: the fallback takes the place of the task: its hooks have had their chance."""
    task = root.add_task(FlakyStart(), retry=RetryPolicy(1, 1, fallback=lambda: "instead"))
    assert await task == "instead"
    assert len(task.starts) == 2
    assert task.disposals == 0


async def test_restart_after_a_fallback(root: Root) -> None:
    """R6, R7: after the fallback the task itself can be restarted."""
    task = root.add_task(Flaky(failures=2), retry=RetryPolicy(1, 1, fallback=lambda: "instead"))
    assert await task == "instead"
    task.restart()
    assert await task == "well"


@pytest.mark.parametrize("cls", [Job, Work])
async def test_fallback_of_a_job(root: Root, cls: type[Job[Any]]) -> None:
    """R7: the reason is TaskComplete for a Job and a Work too, though a Work stays otherwise."""

    class Broken(cls):  # type: ignore[valid-type,misc]
        def start(self) -> None:
            raise FAIL

    job: Job[Any] = Broken()
    job.set_retry(1, 1, fallback=lambda: "instead")
    root.add_task(job)
    assert await job == "instead"
    reason = job.stop_reason
    assert isinstance(reason, TaskComplete)
    assert reason.__cause__ is FAIL


async def test_the_fallback_is_no_failure_for_the_job(root: Root) -> None:
    """R7, J2: a child that was replaced by its fallback did not fail."""
    job = root.add_task(Job())
    job.add_task(Flaky(), retry=RetryPolicy(0, fallback=lambda: "instead"))
    reason = await job.wait_stopped()
    assert isinstance(reason, AutoStop)
    assert reason.failures == ()


# R9: the window


async def test_within_bounds_the_retries_in_a_window(root: Root) -> None:
    """R9: no more than `max_retry` retries in `within` seconds."""
    task = root.add_task(Flaky(lasts=1), retry=RetryPolicy(3, 0, within=60))
    assert isinstance(await task.wait_stopped(), RetryExhausted)
    assert task.lives == approx(0, 1, 2, 3)


async def test_within_lets_slow_failures_go_on(root: Root) -> None:
    """R9: retries further apart are not counted together, however many there are."""
    task = root.add_task(Flaky(failures=50, lasts=30), retry=RetryPolicy(3, 0, within=60))
    assert await task == "well"
    assert len(task.lives) == 51


async def test_the_window_slides(root: Root) -> None:
    """R9: what counts is how many there were in the last `within` seconds, not since some first one."""

    class Bursts(Flaky):
        naps = [0, 50, 5]

        async def go(self) -> str:
            self.lasts = self.naps[len(self.lives)]
            return await super().go()

    task = root.add_task(Bursts(), retry=RetryPolicy(2, 0, within=60))
    await task.wait_stopped()
    # Failures at 0, 50, 55: the first three fall into one minute.
    assert task.lives == approx(0, 0, 50)


def test_counting() -> None:
    """R3: numbers in, decision out: the count of a policy can be tried without a tree."""
    count = RetryCount()
    policy = RetryPolicy(2, 1)
    delays = [judge(policy, count, FAIL, 0, 0).delay for _ in range(3)]
    assert delays == [1, 2, None]
    assert judge(policy, count, FAIL, 0, 0).spent


async def test_a_failure_does_not_outlive_the_wait_for_the_next_life(
    root: Root, caplog: pytest.LogCaptureFixture
) -> None:
    """R1: the next life keeps neither the failure nor, by its traceback, what the body had in its hands."""
    caplog.set_level("CRITICAL", "gotask")  # what is logged is kept by pytest
    seen: list[weakref.ref[Any]] = []

    class Buffer:
        """Something large."""

    class Reader(Task):
        retry = RetryPolicy(1)

        async def go(self) -> None:
            if seen:
                await anyio.sleep(3600)
            buffer = Buffer()
            seen.append(weakref.ref(buffer))
            raise ConnectionError("as it should")

    reader = root.add_task(Reader())
    await anyio.sleep(10)
    gc.collect()
    assert (reader.state, reader.retry_count, seen[0]()) == (S.GOING, 1, None)
