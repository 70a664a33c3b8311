"""D5, S10: what goes wrong after the end of a body."""

from __future__ import annotations

import logging
import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from gotask import (
    AutoStop,
    ChannelTask,
    Job,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskDisposedError,
    TaskState,
    Work,
)

Root = RootManager[Any, Any]
S = TaskState


def names(task: Task[Any]) -> list[str]:
    """The dispose errors of a task, by type."""
    return [type(error).__name__ for error in task.dispose_errors]


async def end(task: Task[Any]) -> None:
    await task.wait_started()
    task.stop("enough")
    assert str(await task.wait_stopped()) == "enough"


# D5: the rest of the cascade


class Broken(Task):
    """All that is to be cleaned up raises."""

    def __init__(self, waits: bool) -> None:
        self.waits = waits
        self.log: list[str] = []

    def start(self) -> None:
        for number in (1, 2):
            self.on_before_dispose(self.raising(f"before{number}"))
            self.using(self.raising(f"using{number}"))
            self.on_stop(self.raising(f"on_stop{number}"))
            self.on_dispose(self.raising(f"after{number}"))

    def raising(self, name: str) -> Any:
        def plain() -> None:
            self.log.append(name)
            raise type(name, (Exception,), {})

        async def coroutine() -> None:
            await anyio.sleep(1)
            plain()

        return coroutine if self.waits else plain

    async def dispose(self) -> None:
        if self.waits:
            await anyio.sleep(1)
        self.log.append("dispose")
        raise OSError("dispose")


@pytest.mark.parametrize("waits", [True, False])
async def test_an_exception_never_stops_the_rest(root: Root, waits: bool) -> None:
    """D5: exceptions in listeners, resources and `dispose` never stop the rest; all are collected, in order."""
    task = root.add_task(Broken(waits))
    await end(task)
    order = ["on_stop2", "on_stop1", "before1", "before2", "dispose", "using2", "using1", "after1", "after2"]
    assert task.log == order
    assert names(task) == ["OSError" if name == "dispose" else name for name in order]


@pytest.mark.parametrize("waits", [True, False])
async def test_all_are_logged_with_traceback(root: Root, waits: bool, caplog: pytest.LogCaptureFixture) -> None:
    """D5: each is logged with its traceback, at ERROR, in the logger of the task."""
    task = root.add_task(Broken(waits))
    await end(task)
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info[1] for record in records if record.exc_info] == list(task.dispose_errors)
    assert {record.name for record in records} == {"gotask.Broken"}
    assert {record.__dict__["task_id"] for record in records} == {task.task_id}


@pytest.mark.parametrize("waits", [True, False])
async def test_they_are_kept_apart_from_the_reason(root: Root, waits: bool) -> None:
    """D5: none of them becomes the reason, nor its cause."""
    task = root.add_task(Broken(waits))
    await end(task)
    assert isinstance(task.stop_reason, StopByUser)
    assert task.stop_reason.__cause__ is None


async def test_a_failing_dispose_after_a_success(root: Root) -> None:
    """D5: a task that has done its work is complete, though its `dispose` raises."""

    class Mine(Task[int]):
        async def go(self) -> int:
            return 42

        def dispose(self) -> None:
            raise ValueError

    task = root.add_task(Mine())
    assert await task == 42
    assert isinstance(task.stop_reason, TaskComplete)
    assert names(task) == ["ValueError"]


async def test_a_failing_dispose_is_no_failure_of_the_task(root: Root) -> None:
    """D5, J2: the parent does not count it as a failure, and no retry follows."""

    class Mine(Task):
        retry = RetryPolicy(-1, 0)
        lives = 0

        async def go(self) -> None:
            self.lives += 1

        async def dispose(self) -> None:
            await anyio.lowlevel.checkpoint()
            raise ValueError

    job = root.add_task(Job[Any]())
    task = job.add_task(Mine())
    reason = await job.wait_stopped()
    assert isinstance(reason, AutoStop)
    assert reason.failures == ()
    assert task.lives == 1


async def test_the_parent_goes_on(root: Root) -> None:
    """D5: an exception in the `dispose` of one child does not keep its siblings and its Job from going."""
    log: list[str] = []

    class Mine(Task):
        def __init__(self, name: str) -> None:
            self.name = name

        def dispose(self) -> None:
            log.append(self.name)
            raise ValueError(self.name)

    work = root.add_task(Work())
    for name in "abc":
        await work.add_task(Mine(name)).wait_started()
    await end(work)
    assert log == ["c", "b", "a"]
    assert work.dispose_errors == ()


async def test_they_belong_to_one_life(root: Root) -> None:
    """D5: the next life begins without them; the history keeps them for each life, as text."""

    class Mine(Task):
        retry = RetryPolicy(1, 0)
        lives = 0

        def start(self) -> None:
            self.lives += 1
            assert self.dispose_errors == ()

        async def go(self) -> None:
            if self.lives == 1:
                raise KeyError("failed")

        def dispose(self) -> None:
            raise ValueError(f"in life {self.lives}")

    task = root.add_task(Mine())
    await task
    assert [str(error) for error in task.dispose_errors] == ["in life 2"]
    records = root.history.records(id=task.task_id)
    assert [record.dispose_errors for record in records] == [
        ("ValueError('in life 1')",),
        ("ValueError('in life 2')",),
    ]


async def test_a_retry_follows_a_failing_dispose(root: Root) -> None:
    """D5, R1: a failed life whose `dispose` raises too is followed by the next one, and its reason is the body's."""
    failure = KeyError("failed")
    reasons: list[BaseException | None] = []

    class Mine(Task):
        retry = RetryPolicy(1, 0)

        async def go(self) -> None:
            raise failure

        async def dispose(self) -> None:
            reasons.append(self.stop_reason)
            raise ValueError

    task = root.add_task(Mine())
    reason = await task.wait_stopped()
    assert reason.__cause__ is failure
    assert reasons == [failure, failure]


async def test_no_dispose_errors(root: Root) -> None:
    """D5: there are none where nothing went wrong, nor before a task is in a tree."""
    task = Task[Any]()
    assert task.dispose_errors == ()
    await end(root.add_task(task))
    assert task.dispose_errors == ()


async def test_an_exit_of_a_context_manager_that_raises(root: Root) -> None:
    """D5, D8: what leaving a context manager raises is one of them."""

    class Manager:
        async def __aenter__(self) -> None: ...

        async def __aexit__(self, *error: object) -> None:
            await anyio.sleep(1)
            raise ValueError

    class Mine(Task):
        async def start(self) -> None:
            await self.enter(Manager())

    task = root.add_task(Mine())
    await end(task)
    assert names(task) == ["ValueError"]


async def test_a_resource_released_after_the_end_that_raises(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """D5, D8: the exception of a resource given to a DISPOSED task is logged, and not raised at the caller."""

    def broken() -> None:
        raise ValueError("broken")

    task = root.add_task(Task())
    await end(task)
    task.using(broken)
    assert names(task) == ["ValueError"]
    assert "in broken" in caplog.text


async def test_a_child_added_in_dispose(root: Root) -> None:
    """D5, D9: `add_task` on a Job that is closing, from the `dispose` of a child too, raises TaskDisposedError."""

    class Child(Task):
        def dispose(self) -> None:
            self.parent.add_task(Task())

    class Mine(Work):
        def start(self) -> None:
            self.child = self.add_task(Child())

        def dispose(self) -> None:
            self.add_task(Task())

    work = root.add_task(Mine())
    await work.wait_started()
    await work.child.wait_started()
    await end(work)
    assert names(work.child) == names(work) == ["TaskDisposedError"]
    assert isinstance(work.dispose_errors[0], TaskDisposedError)


async def test_a_group_out_of_dispose(root: Root) -> None:
    """D5: an exception group out of a task group in `dispose` is kept as it is."""

    class Mine(Task):
        async def dispose(self) -> None:
            async def fail() -> None:
                raise ValueError

            async with anyio.create_task_group() as group:
                group.start_soon(fail)
                group.start_soon(anyio.sleep, 100)

    task = root.add_task(Mine())
    await end(task)
    (error,) = task.dispose_errors
    assert isinstance(error, ExceptionGroup)
    assert [type(inner) for inner in error.exceptions] == [ValueError]


# S10: an exception out of a body after the stop request


@pytest.mark.parametrize("hook", ["run", "go"])
async def test_an_exception_when_it_is_cancelled(root: Root, hook: str) -> None:
    """S10: what a body raises when it is cancelled goes to `dispose_errors`; the reason stays."""

    async def body(self: Any) -> None:
        try:
            await anyio.sleep(100)
        finally:
            raise ValueError("while cancelled")

    task = type("Mine", (Task,), {hook: body, "__module__": __name__})()
    root.add_task(task)
    await end(task)
    assert names(task) == ["ValueError"]
    assert task.stop_reason.__cause__ is None


async def test_an_exception_in_the_grace(root: Root) -> None:
    """S10: so does what it raises within its grace."""

    class Mine(Task):
        stop_grace = 5.0

        async def go(self) -> None:
            await self.wait_stop_requested()
            raise ValueError

    task = root.add_task(Mine())
    await end(task)
    assert names(task) == ["ValueError"]


async def test_an_exception_out_of_a_thread(root: Root) -> None:
    """S10: and what a thread raises that was told to stop."""

    class Mine(Task):
        def go(self) -> None:
            pause = threading.Event()
            while not self.is_stopped:
                pause.wait(0.001)
            raise ValueError

    task = root.add_task(Mine())
    await end(task)
    assert names(task) == ["ValueError"]


async def test_a_plain_cancellation_is_no_error(root: Root) -> None:
    """S10: the cancellation itself is none of them."""

    class Mine(Task):
        async def go(self) -> None:
            await anyio.sleep(100)

    task = root.add_task(Mine())
    await end(task)
    assert task.dispose_errors == ()


async def test_a_failure_handled_before_is_no_error(root: Root) -> None:
    """S10: a body cancelled while it deals with an exception that came before, say in a back-off, has none either."""

    class Mine(Task):
        async def go(self) -> None:
            try:
                raise ConnectionError
            except ConnectionError:
                await anyio.sleep(100)

    task = root.add_task(Mine())
    await anyio.sleep(1)
    await end(task)
    assert task.dispose_errors == ()


async def test_an_await_in_a_finally_does_not_hide_it(root: Root) -> None:
    """S10: an `await` in a `finally`, which is cancelled once more, does not hide the exception before it."""

    class Mine(Task):
        async def go(self) -> None:
            try:
                try:
                    await anyio.sleep(100)
                finally:
                    raise ValueError("the original")
            finally:
                await anyio.sleep(100)

    task = root.add_task(Mine())
    await end(task)
    assert [str(error) for error in task.dispose_errors] == ["the original"]


async def test_two_awaits_in_finallys_do_not_hide_it(root: Root) -> None:
    """S10: nor do several of them."""

    class Mine(Task):
        async def run(self) -> None:
            try:
                try:
                    try:
                        await anyio.sleep(100)
                    finally:
                        raise ValueError("the original")
                finally:
                    await anyio.sleep(100)
            finally:
                await anyio.sleep(100)

    task = root.add_task(Mine())
    await end(task)
    assert [str(error) for error in task.dispose_errors] == ["the original"]


async def test_a_shielded_finally(root: Root) -> None:
    """S10: a shielded clean-up in a `finally` runs to its end, and the exception comes out behind it."""
    log: list[str] = []

    class Mine(Task):
        async def go(self) -> None:
            try:
                try:
                    await anyio.sleep(100)
                finally:
                    raise ValueError("the original")
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(10)
                log.append("cleaned")

    task = root.add_task(Mine())
    await end(task)
    assert log == ["cleaned"]
    assert [str(error) for error in task.dispose_errors] == ["the original"]


async def test_an_await_in_a_finally_of_a_failing_body(root: Root) -> None:
    """L6: without a stop, an `await` in a `finally` is not cancelled, and the failure is the reason."""
    failure = ValueError("failed")

    class Mine(Task):
        async def go(self) -> None:
            try:
                raise failure
            finally:
                await anyio.sleep(10)

    task = root.add_task(Mine())
    assert await task.wait_stopped() is failure
    assert task.duration == pytest.approx(10)


async def test_a_group_out_of_a_cancelled_body(root: Root) -> None:
    """S10: a group of what failed in the task group of a cancelled body holds the failures, not the cancellations."""

    class Mine(Task):
        async def go(self) -> None:
            async def fail() -> None:
                try:
                    await anyio.sleep(100)
                finally:
                    raise ValueError

            async with anyio.create_task_group() as group:
                group.start_soon(fail)
                group.start_soon(anyio.sleep, 100)

    task = root.add_task(Mine())
    await anyio.sleep(1)
    await end(task)
    (error,) = task.dispose_errors
    assert isinstance(error, ExceptionGroup)
    assert [type(inner) for inner in error.exceptions] == [ValueError]


async def test_a_task_group_that_is_just_cancelled(root: Root) -> None:
    """S10: a task group in a body that is cancelled leaves no error."""

    class Mine(Task):
        async def go(self) -> None:
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(anyio.sleep, 100)

    task = root.add_task(Mine())
    await anyio.sleep(1)
    await end(task)
    assert task.dispose_errors == ()


async def test_an_exception_after_a_restart(root: Root) -> None:
    """S10, R6: what a body raises when it is restarted goes to `dispose_errors`, and the next life begins."""
    seen: list[str] = []

    class Mine(Task):
        lives = 0

        async def go(self) -> None:
            self.lives += 1
            if self.lives == 2:
                return
            try:
                await anyio.sleep(100)
            finally:
                raise ValueError

    task = Mine()
    task.on_dispose(lambda: seen.extend(names(task)))
    root.add_task(task)
    await anyio.sleep(1)
    task.restart()
    await task
    assert seen == ["ValueError"]


async def test_a_failing_start_of_a_job_after_its_stop(root: Root) -> None:
    """S10, S6: the same for `start`, and the children it had are disposed."""

    class Mine(Work):
        async def start(self) -> None:
            self.child = self.add_task(Task())
            await self.child.wait_started()
            await anyio.sleep(5)
            raise ValueError

    work = root.add_task(Mine())
    await anyio.sleep(1)
    work.stop("enough")
    await work.wait_stopped()
    assert names(work) == ["ValueError"]
    assert work.child.state is S.DISPOSED


async def test_a_failing_tick_after_the_stop(root: Root) -> None:
    """S10, C3: and for an async tick that is running."""

    class Mine(ChannelTask[int]):
        async def tick(self, item: int) -> None:
            try:
                await anyio.sleep(100)
            finally:
                raise ValueError

    task = Mine()
    task.open().send_nowait(1)
    root.add_task(task)
    await anyio.sleep(1)
    await end(task)
    assert names(task) == ["ValueError"]
