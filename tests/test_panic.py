"""M7: panic mode, in which the first error that no one handles leaves the tree."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import helpers
import pytest

import gotask
from gotask import (
    AsyncTickTask,
    BlockingRoot,
    ChannelTask,
    Exit,
    Job,
    RetryExhausted,
    RetryPolicy,
    RootManager,
    Task,
    TaskState,
    TickTask,
    Work,
)
from gotask.testing import run_virtual

ROOT = Path(__file__).parents[1]
ERROR = ValueError("the first")


def raiser(*arguments: Any) -> None:
    raise ERROR


async def later(*arguments: Any) -> None:
    await anyio.lowlevel.checkpoint()
    raise ERROR


class Failing(Task):
    async def go(self) -> None:
        await anyio.sleep(1)
        raise ERROR


class Forever(helpers.Forever):
    closing = 1.0


class Group(Job):
    """A Job that fails when its child does."""

    on_child_failure = "escalate"

    def __init__(self, lives: int) -> None:
        self.left = lives

    async def start(self) -> None:
        self.left -= 1
        self.add_task(Failing() if self.left >= 0 else Forever())


async def leaving(task: Task, **options: Any) -> BaseException | None:
    """What leaves `async with` when the tree has this task for an hour; its clean-up is checked."""
    other = Forever()
    try:
        async with RootManager(**options) as root:
            await root.add_task(other).wait_started()
            root.add_task(task)
            with anyio.move_on_after(3600):
                await root.wait_stopped()
    except BaseException as error:
        return error
    finally:
        assert other.cleaned
        assert root.state is TaskState.DISPOSED
    return None


async def test_a_failure_leaves_async_with_as_itself() -> None:
    """M7: a failure leaves `async with` as itself, after clean-up, not in an ExceptionGroup."""
    assert await leaving(Failing(), panic=True) is ERROR


async def test_by_default_a_failure_leaves_the_tree_alone() -> None:
    """M7: by default a failure is logged, and its siblings go on."""
    async with RootManager() as root:
        other = root.add_task(Forever())
        failing = root.add_task(Failing())
        assert await failing.wait_stopped() is ERROR
        assert other.state is TaskState.GOING


async def test_by_default_a_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """M7: the log has the error with its traceback."""
    async with RootManager() as root:
        await root.add_task(Failing()).wait_stopped()
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info is not None
    assert record.exc_info[1] is ERROR


async def test_the_tree_is_shut_down_with_exit() -> None:
    """M7: the others are stopped with Exit."""
    with pytest.raises(ValueError):
        async with RootManager(panic=True) as root:
            other = root.add_task(Forever())
            root.add_task(Failing())
            await root.wait_stopped()
    assert isinstance(other.stop_reason, Exit)


@pytest.mark.parametrize(("value", "panics"), [("1", True), ("yes", True), ("0", False), ("", False)])
async def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, value: str, panics: bool) -> None:
    """M7: GOTASK_PANIC=1 turns it on; 0 and nothing do not."""
    monkeypatch.setenv("GOTASK_PANIC", value)
    assert (await leaving(Failing()) is ERROR) is panics


async def test_the_argument_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """M7: `RootManager(panic=False)` is off whatever the environment says."""
    monkeypatch.setenv("GOTASK_PANIC", "1")
    assert await leaving(Failing(), panic=False) is None


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])
def test_a_failure_leaves_run_as_itself(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """M7: under `gotask.run` it leaves `run()`."""

    class Quick(Task):
        async def go(self) -> None:
            raise ERROR

    async def main(root: RootManager[Any, Any]) -> None:
        root.add_task(Quick())
        await anyio.sleep_forever()

    monkeypatch.setenv("GOTASK_PANIC", "1")
    with pytest.raises(ValueError) as caught:
        gotask.run(main, backend=backend)
    assert caught.value is ERROR


async def test_the_first_error_leaves() -> None:
    """M7: when several fail, the first one leaves."""

    class Later(Failing):
        async def go(self) -> None:
            await anyio.sleep(2)
            raise KeyError("the second")

    with pytest.raises(ValueError) as caught:
        async with RootManager(panic=True) as root:
            root.add_task(Later())
            root.add_task(Failing())
            await anyio.sleep(10)
    assert caught.value is ERROR


async def test_the_error_leaves_shutdown_once() -> None:
    """M4, M7: `shutdown()` raises it once; the next call returns the report."""
    root: RootManager[Any, Any] = RootManager(panic=True)
    await root.init()
    await root.add_task(Failing()).wait_stopped()
    with pytest.raises(ValueError):
        await root.shutdown()
    assert (await root.shutdown()).disposed == 1


async def test_an_error_of_the_body_of_async_with_keeps_the_panic_as_its_end() -> None:
    """M7: when the body fails as well, the panic leaves, and the body's error is its context."""
    with pytest.raises(ValueError) as caught:
        async with RootManager(panic=True) as root:
            await root.add_task(Failing()).wait_stopped()
            raise KeyError("of the body")
    assert caught.value is ERROR
    assert isinstance(caught.value.__context__, KeyError)
    ERROR.__context__ = None


# What has someone to return to


async def test_a_retry_consumes_the_failure() -> None:
    """M7: a failure that is retried is no panic."""

    class Second(Task):
        retry = RetryPolicy(1, 1.0)
        lives = 0

        async def go(self) -> None:
            self.lives += 1
            if self.lives == 1:
                raise ERROR

    assert await leaving(Second(), panic=True) is None


async def test_spent_retries_leave() -> None:
    """M7, R5: when the retries are spent, RetryExhausted leaves, with the last failure as its cause."""
    task = Failing()
    task.set_retry(2, 1.0)
    error = await leaving(task, panic=True)
    assert isinstance(error, RetryExhausted)
    assert error.__cause__ is ERROR


async def test_a_fallback_consumes_the_failure() -> None:
    """M7, R7: a failure that the fallback makes good is no panic."""
    task = Failing()
    task.set_retry(1, 1.0, fallback=lambda: 7)
    assert await leaving(task, panic=True) is None
    assert task.result == 7


async def test_escalation_consumes_the_failure_of_the_child() -> None:
    """M7, J2: where failures escalate to a Job that lives again, none leaves."""
    group = Group(lives=1)
    group.set_retry(1, 1.0)
    assert await leaving(group, panic=True) is None


async def test_escalation_without_retry_leaves() -> None:
    """M7, J2: a Job that fails with its child's failure lets this failure itself leave."""
    assert await leaving(Group(lives=1), panic=True) is ERROR


async def test_an_isolated_failure_in_a_job_leaves() -> None:
    """M7: isolated or not, a failure that no retry consumes leaves, from any depth."""

    class Deep(Work):
        async def start(self) -> None:
            self.add_task(Inner())

    class Inner(Work):
        async def start(self) -> None:
            self.add_task(Failing())

    assert await leaving(Deep(), panic=True) is ERROR


async def test_an_exception_of_a_call_goes_to_its_caller() -> None:
    """M7, Q6: a `call` has its caller to return to."""

    def fail() -> None:
        raise ERROR

    async with RootManager(panic=True) as root:
        with pytest.raises(ValueError):
            await root.call(fail)
        assert root.state is TaskState.STARTED


async def test_stop_reasons_are_no_panic() -> None:
    """M7: a task that completes, or is stopped, is no failure."""

    class Done(Task):
        async def go(self) -> None:
            pass

    async with RootManager(panic=True) as root:
        await root.add_task(Done())
        task = root.add_task(Forever())
        await task.wait_started()
        task.stop(ValueError("a reason given by the user"))
        await task.wait_stopped()
        assert root.state is TaskState.STARTED


async def test_the_failure_of_a_run_task_goes_to_its_caller() -> None:
    """M7, J7: who runs a task and handles its failure is no panic."""

    class Runner(Task):
        async def go(self) -> None:
            try:
                await self.run_task(Failing())
            except ValueError as error:
                self.caught = error

    task = Runner()
    assert await leaving(task, panic=True) is None
    assert task.caught is ERROR


async def test_the_failure_of_a_run_task_may_be_retried_by_its_caller() -> None:
    """M7, J7, R1: nor is one that fails a caller which lives again."""

    class Runner(Task):
        retry = RetryPolicy(1, 1.0)
        lives = 0

        async def go(self) -> None:
            self.lives += 1
            if self.lives == 1:
                await self.run_task(Failing())

    assert await leaving(Runner(), panic=True) is None


async def test_the_failure_of_a_run_task_leaves_if_its_caller_fails_with_it() -> None:
    """M7, J7: where nobody handles it, it leaves as itself."""

    class Runner(Task):
        async def go(self) -> None:
            await self.run_task(Failing())

    assert await leaving(Runner(), panic=True) is ERROR


async def test_a_second_failure_in_an_escalating_job_is_consumed_too() -> None:
    """M7, J2: a Job that lives again makes good all its children failed with."""

    class Twice(Group):
        async def start(self) -> None:
            self.left -= 1
            for _ in range(2):
                self.add_task(Failing() if self.left >= 0 else Forever())

    group = Twice(lives=1)
    group.set_retry(1, 1.0)
    assert await leaving(group, panic=True) is None


# What has no one


class Asked(Group):
    """It is asked to stop while its child, which fails meanwhile, waits for its turn to go."""

    async def start(self) -> None:
        self.add_task(Failing())
        self.add_task(Forever()).on_before_dispose(lambda: anyio.sleep(5))

    async def go(self) -> None:
        await anyio.sleep(0.5)
        self.stop()


async def test_a_failure_that_does_not_escalate_any_more_leaves() -> None:
    """M7, J2: a Job that was asked to stop takes no failure over."""
    assert await leaving(Asked(lives=1), panic=True) is ERROR


class Interrupted(Failing):
    """It is asked to stop while it is disposed after its failure."""

    async def dispose(self) -> None:
        self.stop()


class InterruptedByParent(Work):
    async def start(self) -> None:
        self.add_task(Failing()).on_before_dispose(self.stop_slowly)

    async def stop_slowly(self) -> None:
        self.stop()
        await anyio.sleep(1)


class InterruptedInGroup(Work):
    """A Job that fails with its children, but hears of no failure of one that was asked to stop."""

    on_child_failure = "escalate"

    async def start(self) -> None:
        self.add_task(Interrupted())


@pytest.mark.parametrize("kind", [Interrupted, InterruptedByParent, InterruptedInGroup])
async def test_a_failure_before_a_stop_leaves(kind: type[Task]) -> None:
    """M7, S1: a stop that comes after a failure does not hide it."""
    assert await leaving(kind(), panic=True) is ERROR


@pytest.mark.parametrize("kind", [Interrupted, InterruptedByParent])
async def test_a_failure_before_a_stop_is_logged(kind: type[Task], caplog: pytest.LogCaptureFixture) -> None:
    """M7, S1: by default it is logged with its traceback."""
    assert await leaving(kind()) is None
    assert ERROR in [record.exc_info[1] for record in caplog.records if record.exc_info]


async def test_a_stop_after_a_failure_that_would_be_retried_is_no_panic() -> None:
    """M7, R4: a failure which a retry was to make good is no panic when a stop comes first."""
    task = Interrupted()
    task.set_retry(1, 1.0)
    assert await leaving(task, panic=True) is None


class InStart(Task):
    def start(self) -> None:
        raiser()


class InAsyncStart(Task):
    async def start(self) -> None:
        await later()


class InRun(Task):
    async def run(self) -> None:
        await later()


class InThread(Task):
    def go(self) -> None:
        raiser()


class InAsyncTick(AsyncTickTask):
    async def tick(self, due_at: float) -> None:
        await later()


class InGetSignal(ChannelTask[int]):
    def get_signal(self) -> Any:
        raiser()


class FromSignal(ChannelTask[int]):
    async def numbers(self) -> AsyncIterator[int]:
        await later()
        yield 1

    def get_signal(self) -> Any:
        return self.numbers()


@pytest.mark.parametrize("kind", [InStart, InAsyncStart, InRun, InThread, InAsyncTick, InGetSignal, FromSignal])
async def test_a_failure_of_any_hook_leaves(kind: type[Task]) -> None:
    """M7, C5: a failed start or body, async, plain or in a thread, a tick, a signal."""
    assert await leaving(kind(), panic=True) is ERROR


@pytest.mark.parametrize("fallback", [raiser, later, InThread()])
async def test_a_fallback_that_fails_leaves(fallback: Any) -> None:
    """M7, R7: its error is what leaves."""

    class Other(Task):
        retry = RetryPolicy(1, 1.0, fallback=fallback)

        async def go(self) -> None:
            raise KeyError("the failure itself")

    assert await leaving(Other(), panic=True) is ERROR


class InDispose(Task):
    async def go(self) -> None:
        await anyio.sleep(1)

    async def dispose(self) -> None:
        raiser()


class InResource(InDispose):
    def start(self) -> None:
        self.using(raiser)

    dispose = None  # type: ignore[assignment]


class InStopResource(Task):
    def start(self) -> None:
        self.on_stop(raiser)

    async def go(self) -> None:
        self.stop()
        await anyio.sleep(1)


class InListener(Task):
    def __init__(self, moment: str) -> None:
        self.moment = moment

    def start(self) -> None:
        getattr(self, self.moment)(raiser)

    async def go(self) -> None:
        await anyio.sleep(1)


class InDescendants(Work):
    def __init__(self, moment: str) -> None:
        self.moment = moment

    async def start(self) -> None:
        getattr(self, self.moment)(raiser)
        child = self.add_task(Task())
        if self.moment == "on_descendants_dispose":
            child.stop()


class InTick(TickTask):
    def tick(self, due_at: float) -> None:
        raiser()


class InChannel(ChannelTask[int]):
    def get_signal(self) -> Any:
        return iter([1])

    async def tick(self, item: int) -> None:
        raiser()


class AfterStop(Task):
    async def go(self) -> None:
        self.stop()
        try:
            await anyio.sleep_forever()
        finally:
            raiser()


class WithListener(InDispose):
    dispose = None  # type: ignore[assignment]

    def __init__(self, moment: str) -> None:
        getattr(self, moment)(later)


class InEntered(Task):
    async def go(self) -> None:
        await self.enter(self.manager())

    @asynccontextmanager
    async def manager(self) -> AsyncIterator[None]:
        yield
        await later()


class InLateResource(Task):
    """What is registered after the stop is released at once."""

    async def go(self) -> None:
        self.stop()
        self.on_stop(raiser)
        self.on_stop(later)


class InSlowStopResource(InStopResource):
    def start(self) -> None:
        self.on_stop(later)


class InSignal(ChannelTask[int]):
    """Its signal fails when it is closed."""

    async def get_numbers(self) -> AsyncIterator[int]:
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            raiser()

    def get_signal(self) -> Any:
        return self.get_numbers()

    def tick(self, item: int) -> None:
        self.stop()


UNHANDLED: dict[str, Callable[[], Task]] = {
    "dispose": InDispose,
    "resource": InResource,
    "on_stop": InStopResource,
    "on_start": lambda: InListener("on_start"),
    "on_before_dispose": lambda: InListener("on_before_dispose"),
    "on_dispose": lambda: InListener("on_dispose"),
    "on_descendants_start": lambda: InDescendants("on_descendants_start"),
    "on_descendants_dispose": lambda: InDescendants("on_descendants_dispose"),
    "tick": InTick,
    "channel": InChannel,
    "after the stop": AfterStop,
    "async on_before_dispose": lambda: WithListener("on_before_dispose"),
    "async on_dispose": lambda: WithListener("on_dispose"),
    "entered": InEntered,
    "late on_stop": InLateResource,
    "async on_stop": InSlowStopResource,
    "signal when it is closed": InSignal,
}


@pytest.mark.parametrize("where", UNHANDLED)
async def test_an_exception_that_has_no_one_to_return_to_leaves(where: str) -> None:
    """M7: an exception of a tick, of dispose, of a listener or a resource leaves as itself."""
    assert await leaving(UNHANDLED[where](), panic=True) is ERROR


@pytest.mark.parametrize("where", UNHANDLED)
async def test_by_default_such_an_exception_is_logged(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """M7, D5, D10: by default it is logged with its traceback, and the tree goes on."""
    assert await leaving(UNHANDLED[where]()) is None
    logged = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert ERROR in logged


# Each way in


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])
def test_a_failure_leaves_a_blocking_root(backend: str) -> None:
    """M7, M5: it leaves `with` as itself, and the tree's thread is gone."""
    other = Forever()
    with pytest.raises(ValueError) as caught:
        with BlockingRoot(backend=backend, panic=True) as root:
            root.wait_started(root.add_task(other))
            root.wait_stopped(root.add_task(InStart()))
            root.wait_stopped(root.root)
    assert caught.value is ERROR
    assert other.cleaned
    assert root._thread is not None
    assert not root._thread.is_alive()
    ERROR.__context__ = None


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_failure_leaves_a_blocking_root_with_something_abandoned(backend: str) -> None:
    """M7, S11: also where something was given up that keeps the loop from ending."""
    go_on = threading.Event()

    class Stuck(Task):
        stop_timeout = 0.01

        def go(self) -> None:
            go_on.wait(30)

    with pytest.raises(ValueError) as caught:
        with BlockingRoot(backend=backend, panic=True) as root:
            root.wait_started(root.add_task(Stuck()))
            root.wait_stopped(root.add_task(InStart()))
    assert caught.value is ERROR
    go_on.set()


def test_the_environment_counts_for_a_blocking_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """M7: GOTASK_PANIC=1 does the same."""
    monkeypatch.setenv("GOTASK_PANIC", "1")
    with pytest.raises(ValueError) as caught:
        with BlockingRoot() as root:
            root.wait_stopped(root.add_task(InStart()))
    assert caught.value is ERROR


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("where", ["go", "dispose"])
def test_the_environment_ends_a_program(backend: str, where: str) -> None:
    """M7: with GOTASK_PANIC=1 the program ends with a plain traceback and status 1, after clean-up."""
    program = f"""
import gotask, anyio
class Failing(gotask.Task):
    async def {where}(self):
        raise ValueError("the one")
class Other(gotask.Task):
    def dispose(self):
        print("cleaned")
async def main(root):
    await root.add_task(Other()).wait_started()
    task = root.add_task(Failing())
    await task.wait_started()
    task.stop()
    await anyio.sleep_forever()
gotask.run(main, backend="{backend}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "GOTASK_PANIC": "1"}, cwd=ROOT, capture_output=True,
        text=True, timeout=50, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == "cleaned\n"
    assert done.stderr.rstrip().endswith("ValueError: the one")
    assert "ExceptionGroup" not in done.stderr


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_panic_while_the_tree_shuts_down(backend: str) -> None:
    """M7: an error during the shutdown leaves too, when everything is cleaned up."""
    other = Forever()

    async def main() -> None:
        async with RootManager(panic=True) as root:
            await root.add_task(other).wait_started()
            await root.add_task(Late()).wait_started()

    class Late(Task):
        async def dispose(self) -> None:
            raiser()

    with pytest.raises(ValueError) as caught:
        run_virtual(main, backend=backend)
    assert caught.value is ERROR
    assert other.cleaned
