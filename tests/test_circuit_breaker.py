"""R8: the circuit breaker."""

from __future__ import annotations

import math
import threading
from typing import Any

import anyio
import pytest

from gotask import (
    BlockingRoot,
    CircuitBreaker,
    CircuitOpenError,
    Job,
    RetryExhausted,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskState,
    TimeoutReason,
)

Root = RootManager[Any, Any]
FAIL = ConnectionError("down")


class Server:
    """What the tasks of these tests need: it is up or down."""

    def __init__(self) -> None:
        self.is_up = False
        self.calls: list[float] = []


class Client(Task[str]):
    """Needs the server to start; then it stays."""

    def __init__(self, server: Server, breaker: CircuitBreaker, policy: RetryPolicy | None = None) -> None:
        self.server = server
        self.set_retry(policy or RetryPolicy(0, breaker=breaker))

    def start(self) -> None:
        self.server.calls.append(anyio.current_time())
        if not self.server.is_up:
            raise FAIL


class Worker(Task[str]):
    """Its body lasts, then fails or not."""

    def __init__(self, breaker: CircuitBreaker, problem: BaseException | None = None, lasts: float = 0.0) -> None:
        self.problem = problem
        self.lasts = lasts
        self.set_retry(RetryPolicy(0, breaker=breaker))

    async def go(self) -> str:
        await anyio.sleep(self.lasts)
        if self.problem is not None:
            raise self.problem
        return "well"


async def open_up(root: Root, breaker: CircuitBreaker) -> None:
    """Have as many tasks fail as open the breaker."""
    for _ in range(breaker.failures):
        await root.add_task(Worker(breaker, FAIL)).wait_stopped()
    assert breaker.state == "open"


def opened(failures: int = 1, reset_after: float = 10.0) -> CircuitBreaker:
    """A breaker that was opened at time 0."""
    breaker = CircuitBreaker(failures, reset_after)
    for _ in range(failures):
        breaker.admit(0)
        breaker.failed(0)
    return breaker


# By itself: numbers in, decision out


def test_it_is_closed_at_first() -> None:
    """R8: a new breaker lets everything through."""
    breaker = CircuitBreaker()
    for _ in range(100):
        breaker.admit(0)
    assert breaker.state == "closed"


def test_it_opens_after_so_many_failures() -> None:
    """R8: the last of `failures` failures opens it."""
    breaker = CircuitBreaker(failures=3)
    for _ in range(2):
        breaker.failed(0)
    breaker.admit(0)
    assert breaker.state == "closed"
    breaker.failed(0)
    assert breaker.state == "open"


def test_only_failures_in_a_row_count() -> None:
    """R8: a success in between begins the count anew."""
    breaker = CircuitBreaker(failures=2)
    for _ in range(10):
        breaker.failed(0)
        breaker.succeeded()
    assert breaker.state == "closed"


def test_open_it_says_for_how_long() -> None:
    """R8: the error names the seconds that are left and the failures that opened it."""
    with pytest.raises(CircuitOpenError, match=r"another 6 s, after 3 failures"):
        opened(failures=3, reset_after=10).admit(4)


def test_half_open_there_is_one_trial() -> None:
    """R8: after `reset_after` one start is let through, and no other."""
    breaker = opened(reset_after=10)
    breaker.admit(10)
    assert breaker.state == "half-open"
    with pytest.raises(CircuitOpenError, match="trial"):
        breaker.admit(11)


def test_a_trial_that_succeeds_closes_it() -> None:
    """R8: then all starts are let through, and the failures are forgotten."""
    breaker = opened(failures=2)
    breaker.admit(10)
    breaker.succeeded()
    breaker.admit(10)
    breaker.failed(10)
    assert breaker.state == "closed"


def test_a_trial_that_fails_opens_it_again() -> None:
    """R8: one failure of the trial is enough, and `reset_after` begins anew."""
    breaker = opened(failures=5, reset_after=10)
    breaker.admit(12)
    breaker.failed(13)
    assert breaker.state == "open"
    with pytest.raises(CircuitOpenError):
        breaker.admit(22)
    breaker.admit(23)


def test_a_trial_that_lives_on_closes_it() -> None:
    """R8: a trial that has not failed for `reset_after` seconds is a success, though it has not ended."""
    breaker = opened(failures=2, reset_after=10)
    breaker.admit(10)
    breaker.started(12)
    with pytest.raises(CircuitOpenError):
        breaker.admit(21)
    breaker.admit(22)
    breaker.admit(22)
    assert breaker.state == "closed"


def test_a_trial_that_never_starts_is_no_success() -> None:
    """R8: a trial that hangs in `start` tells nothing, however long."""
    breaker = opened(reset_after=10)
    breaker.admit(10, "trial")
    breaker.started(11, "another")
    with pytest.raises(CircuitOpenError, match="trial"):
        breaker.admit(1000)
    assert breaker.state == "half-open"


@pytest.mark.parametrize("half_open", [False, True])
def test_only_the_outcome_of_the_trial_counts(half_open: bool) -> None:
    """R8: what a life does that was let through before it opened, says nothing of now."""
    breaker = opened(reset_after=10)
    if half_open:
        breaker.admit(10, "trial")
    state = breaker.state
    breaker.succeeded("old")
    assert breaker.state == state
    breaker.failed(10, "old")
    assert breaker.state == state
    if not half_open:
        breaker.admit(10, "trial")  # the late failure has not made it stay open longer
    breaker.succeeded("trial")
    assert breaker.state == "closed"


def test_a_trial_without_outcome_makes_room_for_another() -> None:
    """R8: a trial that was only stopped says nothing, so the next start is the trial."""
    breaker = opened(reset_after=10)
    breaker.admit(10, "first")
    breaker.left("another")
    assert breaker.state == "half-open"
    breaker.left("first")
    assert breaker.state == "open"
    breaker.admit(11, "second")
    assert breaker.state == "half-open"


@pytest.mark.parametrize(
    "options",
    [{"failures": 0}, {"failures": -1}, {"failures": 1.5}, {"failures": "5"}, {"reset_after": -1},
     {"reset_after": math.nan}, {"reset_after": math.inf}, {"reset_after": "1"}],
)  # fmt: skip
def test_wrong_numbers_are_refused(options: dict[str, Any]) -> None:
    """R8: a breaker that makes no sense is a ValueError at once, in words that name the option."""
    with pytest.raises(ValueError, match=next(iter(options))):
        CircuitBreaker(**options)


def test_one_trial_for_many_threads() -> None:
    """R8: of eight threads that ask at the same time one is let through."""
    breaker = opened()
    barrier = threading.Barrier(8)
    admitted: list[int] = []

    def ask(number: int) -> None:
        barrier.wait()
        try:
            breaker.admit(15)
        except CircuitOpenError:
            return
        admitted.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 1


def test_failures_of_many_threads_are_all_counted() -> None:
    """R8: no failure is lost when threads report at the same time."""
    breaker = CircuitBreaker(failures=8_000)

    def fail() -> None:
        for _ in range(1_000):
            breaker.failed(0)

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert all(thread.join() is None for thread in threads)  # type: ignore[func-returns-value]
    assert breaker.state == "open"


# In a tree


async def test_open_it_fails_a_start_at_once(root: Root) -> None:
    """R8: `start` is not called; the task fails with CircuitOpenError."""
    breaker, server = CircuitBreaker(failures=1), Server()
    await root.add_task(Client(server, breaker)).wait_stopped()
    task = root.add_task(Client(server, breaker))
    with pytest.raises(CircuitOpenError):
        await task.wait_started()
    assert len(server.calls) == 1
    assert isinstance(task.stop_reason, CircuitOpenError)


async def test_a_body_is_not_begun_either(root: Root) -> None:
    """R8: a task with nothing but a body is guarded as well."""
    breaker = CircuitBreaker(failures=2)
    await open_up(root, breaker)
    assert isinstance(await root.add_task(Worker(breaker)).wait_stopped(), CircuitOpenError)


async def test_it_is_shared(root: Root) -> None:
    """R8: the failures of all tasks that share it count together."""
    breaker, server = CircuitBreaker(failures=3, reset_after=100), Server()
    clients = [root.add_task(Client(server, breaker)) for _ in range(10)]
    reasons = [await client.wait_stopped() for client in clients]
    assert len(server.calls) == 3
    assert [type(reason) for reason in reasons] == [ConnectionError] * 3 + [CircuitOpenError] * 7


async def test_two_breakers_know_nothing_of_each_other(root: Root) -> None:
    """R8: tasks with another breaker go on."""
    await open_up(root, CircuitBreaker(failures=1))
    assert await root.add_task(Worker(CircuitBreaker(failures=1))) == "well"


async def test_it_belongs_to_a_class_by_its_policy(root: Root) -> None:
    """R8: in a class attribute `retry` it is shared by all objects of the class."""

    class Guarded(Task[Any]):
        retry = RetryPolicy(0, breaker=CircuitBreaker(failures=2))

        def start(self) -> None:
            raise FAIL

    reasons = [await root.add_task(Guarded()).wait_stopped() for _ in range(3)]
    assert [type(reason) for reason in reasons] == [ConnectionError, ConnectionError, CircuitOpenError]


async def test_with_retries(root: Root) -> None:
    """R8, R1: CircuitOpenError is a failure like another: it is retried, without a call of `start`."""
    breaker, server = CircuitBreaker(failures=2, reset_after=10), Server()
    policy = RetryPolicy(-1, 4, backoff=1, breaker=breaker)
    client = root.add_task(Client(server, breaker, policy))
    await anyio.sleep(30)
    server.is_up = True
    await client.wait_started()
    # Failures at 0 and 4 open it until 14; the trial at 16 fails and opens it until 26, that at 28 until 38.
    assert server.calls == pytest.approx([0, 4, 16, 28, 40])
    assert breaker.state == "closed"


async def test_retries_spent_on_an_open_breaker(root: Root) -> None:
    """R8, R5: the retries may be spent while it is open."""
    breaker, server = CircuitBreaker(failures=1, reset_after=1000), Server()
    client = root.add_task(Client(server, breaker, RetryPolicy(3, 1, breaker=breaker)))
    reason = await client.wait_stopped()
    assert isinstance(reason, RetryExhausted)
    assert isinstance(reason.__cause__, CircuitOpenError)
    assert len(server.calls) == 1


async def test_giving_up_on_an_open_breaker(root: Root) -> None:
    """R8, R4: `give_up_on=CircuitOpenError` ends the retrying as soon as it is open."""
    breaker, server = CircuitBreaker(failures=2, reset_after=1000), Server()
    policy = RetryPolicy(-1, 1, breaker=breaker, give_up_on=CircuitOpenError)
    client = root.add_task(Client(server, breaker, policy))
    assert isinstance(await client.wait_stopped(), CircuitOpenError)
    assert server.calls == pytest.approx([0, 1])


async def test_one_trial_of_many_tasks(root: Root) -> None:
    """R8: half-open, one of the tasks that are due is started, and the others fail at once."""
    breaker = CircuitBreaker(failures=1, reset_after=10)
    await open_up(root, breaker)
    await anyio.sleep(10)
    tasks = [root.add_task(Worker(breaker, lasts=5)) for _ in range(5)]
    await anyio.sleep(1)
    assert [task.state for task in tasks] == [TaskState.GOING, *[TaskState.DISPOSED] * 4]
    assert await tasks[0] == "well"
    assert breaker.state == "closed"
    assert await root.add_task(Worker(breaker)) == "well"


async def test_a_trial_task_that_fails(root: Root) -> None:
    """R8: a trial whose body fails opens it again."""
    breaker = CircuitBreaker(failures=3, reset_after=10)
    await open_up(root, breaker)
    await anyio.sleep(10)
    await root.add_task(Worker(breaker, FAIL, lasts=5)).wait_stopped()
    assert breaker.state == "open"
    await anyio.sleep(9)
    assert isinstance(await root.add_task(Worker(breaker)).wait_stopped(), CircuitOpenError)
    await anyio.sleep(1)
    assert await root.add_task(Worker(breaker)) == "well"


async def test_a_trial_task_that_lives_on(root: Root) -> None:
    """R8: a trial that goes on for ever does not keep it half-open for ever."""
    breaker = CircuitBreaker(failures=1, reset_after=10)
    await open_up(root, breaker)
    await anyio.sleep(10)
    trial = root.add_task(Worker(breaker, lasts=math.inf))
    await anyio.sleep(10)
    assert await root.add_task(Worker(breaker)) == "well"
    assert breaker.state == "closed"
    assert trial.state is TaskState.GOING


async def test_a_trial_task_that_hangs_in_its_start() -> None:
    """R8, S5: it is no success while it hangs; once it is given up, the next start is the trial."""
    breaker = CircuitBreaker(failures=1, reset_after=10)

    class Hanging(Worker):
        stop_timeout = 5

        async def start(self) -> None:
            await anyio.sleep_forever()

    async with RootManager() as root:
        await open_up(root, breaker)
        await anyio.sleep(10)
        trial = root.add_task(Hanging(breaker))
        await anyio.sleep(100)
        assert breaker.state == "half-open"
        trial.stop()
        await trial.wait_stopped()
        assert breaker.state == "open"
        assert await root.add_task(Worker(breaker)) == "well"


async def test_a_life_from_before_does_not_close_it(root: Root) -> None:
    """R8: the success of what was started while it was closed does not close it."""
    breaker = CircuitBreaker(failures=1, reset_after=100)
    old = root.add_task(Worker(breaker, lasts=10))
    await old.wait_started()
    await open_up(root, breaker)
    assert await old == "well"
    assert breaker.state == "open"


async def test_a_fallback_tells_a_breaker_nothing(root: Root) -> None:
    """R8, R7: what a fallback does has nothing to do with what the starts need."""
    breaker = CircuitBreaker(failures=2)
    for _ in range(2):
        task = Worker(breaker, FAIL)
        task.set_retry(RetryPolicy(0, breaker=breaker, fallback=str))
        assert await root.add_task(task) == ""
    assert breaker.state == "open"


async def test_a_trial_task_that_is_stopped(root: Root) -> None:
    """R8: a trial that was stopped says nothing: the next start is the trial, and it alone."""
    breaker = CircuitBreaker(failures=1, reset_after=10)
    await open_up(root, breaker)
    await anyio.sleep(10)
    trial = root.add_task(Worker(breaker, lasts=math.inf))
    await anyio.sleep(1)
    trial.stop()
    await trial.wait_stopped()
    await anyio.sleep(20)
    first, second = [root.add_task(Worker(breaker, FAIL, lasts=1)) for _ in range(2)]
    assert isinstance(await second.wait_stopped(), CircuitOpenError)
    assert await first.wait_stopped() is FAIL
    assert breaker.state == "open"


async def test_a_start_without_body_is_a_success(root: Root) -> None:
    """R8: a task without a body has done what it was for when it is STARTED."""
    breaker, server = CircuitBreaker(failures=1, reset_after=10), Server()
    await open_up(root, breaker)
    await anyio.sleep(10)
    server.is_up = True
    await root.add_task(Client(server, breaker)).wait_started()
    assert breaker.state == "closed"


@pytest.mark.parametrize("reason", [StopByUser, TaskComplete])
async def test_a_stop_reason_is_no_failure(root: Root, reason: type[Exception]) -> None:
    """R8: a body that ends by a StopReason has not failed."""
    breaker = CircuitBreaker(failures=1)
    await root.add_task(Worker(breaker, reason())).wait_stopped()
    assert breaker.state == "closed"


async def test_a_stop_is_no_failure(root: Root) -> None:
    """R8: nor is a task that somebody stopped."""
    breaker = CircuitBreaker(failures=1)
    task = root.add_task(Worker(breaker, lasts=10))
    await task.wait_started()
    task.stop(ValueError("enough"))
    await task.wait_stopped()
    assert breaker.state == "closed"


async def test_a_start_that_is_too_slow_is_a_failure(root: Root) -> None:
    """R8, S6: what is cancelled by `start_timeout` counts."""
    breaker = CircuitBreaker(failures=1)

    class Slow(Task[Any]):
        start_timeout = 5
        retry = RetryPolicy(0, breaker=breaker)

        async def start(self) -> None:
            await anyio.sleep_forever()

    assert isinstance(await root.add_task(Slow()).wait_stopped(), TimeoutReason)
    assert breaker.state == "open"


async def test_a_refused_start_is_no_further_failure(root: Root) -> None:
    """R8: CircuitOpenError does not make it stay open longer."""
    breaker = CircuitBreaker(failures=1, reset_after=10)
    await open_up(root, breaker)
    await anyio.sleep(9)
    await root.add_task(Worker(breaker)).wait_stopped()
    await anyio.sleep(1)
    assert await root.add_task(Worker(breaker)) == "well"


async def test_fallback_of_an_open_breaker(root: Root) -> None:
    """R8, R7: while it is open the fallback gives the result."""
    breaker = CircuitBreaker(failures=1)
    await open_up(root, breaker)
    task = Worker(breaker)
    task.set_retry(RetryPolicy(0, breaker=breaker, fallback=lambda: "from the cache"))
    assert await root.add_task(task) == "from the cache"


async def test_breaker_of_a_job_whose_child_fails(root: Root) -> None:
    """R8, J2: a Job that fails with its child has failed."""
    breaker = CircuitBreaker(failures=2, reset_after=1000)

    class Group(Job[Any]):
        on_child_failure = "escalate"
        retry = RetryPolicy(5, 1, breaker=breaker)
        starts = 0

        def start(self) -> None:
            self.starts += 1
            self.add_task(Worker(CircuitBreaker(), FAIL, lasts=1))

        async def go(self) -> None:
            await anyio.sleep_forever()

    job = root.add_task(Group())
    await job.wait_stopped()
    assert job.starts == 2


def test_shared_by_trees_in_different_threads() -> None:
    """R8: trees in different threads share it: what fails in one is not started in the other."""
    breaker = CircuitBreaker(failures=1, reset_after=1000)
    with BlockingRoot() as one, BlockingRoot(backend="trio") as other:
        one.wait_stopped(one.add_task(Worker(breaker, FAIL)), timeout=10)
        reason = other.wait_stopped(other.add_task(Worker(breaker)), timeout=10)
    assert isinstance(reason, CircuitOpenError)
