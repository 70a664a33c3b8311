"""M7: panic mode, in which the first error that no one handles leaves the tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import helpers
import pytest

import gotask
from gotask import ChannelTask, Exit, Job, RetryExhausted, RetryPolicy, RootManager, Task, TaskState, TickTask, Work
from gotask.testing import run_virtual

ERROR = ValueError("the first")


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


# What has no one


def raiser(*arguments: Any) -> None:
    raise ERROR


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
