"""S: stopping."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from gotask import (
    Channel,
    ChannelTask,
    Exit,
    Job,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskDisposedError,
    TaskState,
    TaskStateError,
    TimeoutReason,
    Work,
)
from gotask.testing import EventRecorder, let_time_pass

Root = RootManager[Any, Any]
S = TaskState


class Goer(Task[str]):
    """Sleeps beside the others."""

    def __init__(self, seconds: float = 100) -> None:
        self.seconds = seconds

    async def go(self) -> str:
        await anyio.sleep(self.seconds)
        return "slept"


class Runner(Task[str]):
    """Sleeps in the parent's loop."""

    async def run(self) -> str:
        await anyio.sleep(100)
        return "slept"


class SlowStart(Task[str]):
    """Needs five seconds to start."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def start(self) -> None:
        await anyio.sleep(5)
        self.log.append("started")

    async def go(self) -> None:
        self.log.append("body")

    def dispose(self) -> None:
        self.log.append("disposed")


class SlowDispose(Task[str]):
    """Needs five seconds to be disposed."""

    async def dispose(self) -> None:
        await anyio.sleep(5)


# S1: the request


async def test_stop_without_a_reason(root: Root) -> None:
    """S1: None means `StopByUser()`."""
    task = root.add_task(Goer())
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)


async def test_stop_with_an_exception(root: Root) -> None:
    """S1: an exception object is the reason itself."""
    reason = ValueError("because")
    task = root.add_task(Goer())
    task.stop(reason)
    assert await task.wait_stopped() is reason


async def test_stop_with_a_class(root: Root) -> None:
    """S1: a class is instantiated."""
    task = root.add_task(Goer())
    task.stop(Exit)
    assert isinstance(await task.wait_stopped(), Exit)


async def test_stop_with_a_string(root: Root) -> None:
    """S1: a string becomes `StopByUser(string)`."""
    task = root.add_task(Goer())
    task.stop("no longer needed")
    reason = await task.wait_stopped()
    assert isinstance(reason, StopByUser)
    assert str(reason) == "no longer needed"


@pytest.mark.parametrize("wrong", [1, int, object(), b"x", ["a"]])
def test_stop_with_anything_else(wrong: Any) -> None:
    """S1: anything else is a `TypeError`, at once, that names it."""
    with pytest.raises(TypeError, match="stop\\(\\) takes"):
        Task().stop(wrong)


async def test_a_wrong_reason_stops_nothing(root: Root) -> None:
    """S1: a wrong reason is no request."""
    task = root.add_task(Goer())
    with pytest.raises(TypeError):
        task.stop(3)  # type: ignore[arg-type]
    assert task.stop_reason is None


async def test_the_first_request_wins(root: Root) -> None:
    """S1: of several requests the first one wins."""
    task = root.add_task(Goer())
    task.stop("one")
    task.stop("two")
    assert str(await task.wait_stopped()) == "one"


async def test_stop_after_the_end(root: Root) -> None:
    """S1: a stop of a task that has ended changes nothing."""
    task = root.add_task(Goer(1))
    await task
    task.stop("late")
    assert isinstance(task.stop_reason, TaskComplete)


async def test_the_stop_reason_is_there_at_once(root: Root) -> None:
    """S1: on the loop's thread `stop_reason` is set when `stop()` returns."""
    task = root.add_task(Goer())
    await task.wait_started()
    task.stop("now")
    assert str(task.stop_reason) == "now"


async def test_stop_from_another_thread(root: Root) -> None:
    """S1: any thread may call it."""
    task = root.add_task(Goer())
    await task.wait_started()
    await anyio.to_thread.run_sync(task.stop, "from a thread")
    assert str(await task.wait_stopped()) == "from a thread"


async def test_the_first_of_many_threads_wins(root: Root) -> None:
    """S1: of requests from many threads exactly one is the reason."""
    task = root.add_task(Goer())
    await task.wait_started()
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(anyio.to_thread.run_sync, task.stop, str(number))
    assert str(await task.wait_stopped()) in set("01234567")


@pytest.mark.parametrize("hook", ["start", "run", "go", "dispose"])
@pytest.mark.parametrize("sync", [True, False])
async def test_stop_from_any_hook(root: Root, hook: str, sync: bool) -> None:
    """S1: a task may stop itself in any hook."""

    def plain(self: Any) -> None:
        self.stop(f"in {hook}")

    async def coroutine(self: Any) -> None:
        await anyio.sleep(1)
        self.stop(f"in {hook}")

    task = type("Mine", (Task,), {hook: plain if sync else coroutine, "__module__": __name__})()
    root.add_task(task)
    if hook == "dispose":
        await task.wait_started()
        task.stop("before")
        assert str(await task.wait_stopped()) == "before"
    else:
        assert str(await task.wait_stopped()) == f"in {hook}"


async def test_add_task_refuses_from_the_request_on(root: Root) -> None:
    """S1: from the request on `add_task` refuses."""
    work = root.add_task(Work())
    await work.wait_started()
    work.add_task(SlowDispose())
    await anyio.sleep(1)
    work.stop()
    with pytest.raises(TaskDisposedError, match="takes no more children"):
        work.add_task(Task())
    await work.wait_stopped()
    with pytest.raises(TaskDisposedError):
        work.add_task(Task())


async def test_a_child_gets_the_reason_of_its_parent(root: Root) -> None:
    """S1: a child stopped by its parent gets the parent's reason object."""
    outer = root.add_task(Work())
    inner = outer.add_task(Work())
    await inner.wait_started()
    task = inner.add_task(Goer())
    await task.wait_started()
    reason = Exit("all of it")
    outer.stop(reason)
    assert await task.wait_stopped() is reason
    assert await inner.wait_stopped() is reason


async def test_a_child_gets_the_failure_of_its_parent(root: Root) -> None:
    """S1: also when the parent ends by its own failure."""
    failure = ValueError("failed")

    class Mine(Job[Any]):
        async def go(self) -> None:
            self.child = self.add_task(Goer())
            await anyio.sleep(1)
            raise failure

    job = root.add_task(Mine())
    await job.wait_stopped()
    assert job.child.stop_reason is failure


async def test_a_stop_after_a_failure(root: Root) -> None:
    """S1: a failure is no request: a stop after it ends the task, with the failure as `__cause__`."""
    failure = ValueError("failed")
    lives: list[int] = []

    class Mine(SlowDispose):
        retry = RetryPolicy(-1, 0)

        async def go(self) -> None:
            lives.append(1)
            raise failure

    task = root.add_task(Mine())
    await anyio.sleep(1)
    assert task.state is S.DISPOSING
    task.stop("enough")
    reason = await task.wait_stopped()
    assert str(reason) == "enough"
    assert reason.__cause__ is failure
    assert lives == [1]


async def test_a_stop_after_a_restart(root: Root) -> None:
    """S1: a restart is no request either: a stop after it ends the task."""
    task = root.add_task(SlowDispose())
    await task.wait_started()
    task.restart()
    await anyio.sleep(1)
    task.stop("enough")
    reason = await task.wait_stopped()
    assert str(reason) == "enough"
    assert reason.__cause__ is None


async def test_a_cause_of_ones_own_stays(root: Root) -> None:
    """S1: a reason that has a cause already keeps it."""

    class Mine(SlowDispose):
        async def go(self) -> None:
            raise ValueError("failed")

    task = root.add_task(Mine())
    await anyio.sleep(1)
    reason, cause = StopByUser("enough"), KeyError("mine")
    reason.__cause__ = cause
    task.stop(reason)
    await task.wait_stopped()
    assert reason.__cause__ is cause


async def test_a_stop_that_races_with_the_end(root: Root) -> None:
    """S1: a stop at the very instant at which the body returns has one outcome, and ends."""
    task = root.add_task(Goer(5))
    await anyio.sleep(5)
    task.stop()
    reason = await task.wait_stopped()
    assert isinstance(reason, TaskComplete | StopByUser)


async def test_a_stop_costs_nothing_but_the_request(root: Root) -> None:
    """S1: `stop()` returns before anything of the task is called."""
    called: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            self.on_stop(lambda: called.append("on_stop"))

        def dispose(self) -> None:
            called.append("dispose")

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    assert called == []
    await task.wait_stopped()
    assert called == ["on_stop", "dispose"]


# S2: before the start


async def test_a_stop_before_it_is_added(root: Root) -> None:
    """S2: a task stopped before it is added is not started."""
    task = SlowStart()
    task.stop("never")
    root.add_task(task)
    assert str(await task.wait_stopped()) == "never"
    assert task.log == []


async def test_a_stop_before_its_turn(root: Root, recorder: EventRecorder) -> None:
    """S2: a task stopped before its start is not started and nothing is disposed."""
    task = root.add_task(SlowStart())
    task.stop("never")
    assert str(await task.wait_stopped()) == "never"
    assert task.log == []
    assert recorder.states(task) == [S.DISPOSED]


async def test_wait_started_raises_the_reason_of_a_stop(root: Root) -> None:
    """S2: `wait_started()` raises the reason given."""
    reason = Exit("never")
    task = root.add_task(Goer())
    task.stop(reason)
    with pytest.raises(Exit) as caught:
        await task.wait_started()
    assert caught.value is reason


async def test_a_stop_while_a_sibling_holds_the_loop(root: Root) -> None:
    """S2: a task in the queue behind a sibling that holds the loop is not started when its turn comes."""
    holder = root.add_task(Runner())
    await holder.wait_started()
    task = root.add_task(SlowStart())
    task.stop("never")
    holder.stop()
    assert str(await task.wait_stopped()) == "never"
    assert task.log == []


async def test_what_it_was_given_before_is_released(root: Root) -> None:
    """S2, D8: what a task was given before it was started is released all the same."""
    released: list[str] = []
    task = Task[Any]()
    task.using(lambda: released.append("using"))
    task.on_stop(lambda: released.append("on_stop"))
    root.add_task(task)
    task.stop()
    await task.wait_stopped()
    assert released == ["on_stop", "using"]


async def test_what_it_is_given_before_its_turn_is_released(root: Root) -> None:
    """S2, S7: so is what it is given when it was asked to stop, and waits for its turn."""
    released: list[str] = []
    task = root.add_task(Task())
    task.stop()
    task.on_stop(lambda: released.append("on_stop"))
    await task.wait_stopped()
    assert released == ["on_stop"]
    assert task.dispose_errors == ()


async def test_a_job_stopped_before_its_start(root: Root) -> None:
    """S2: a Job stopped before its start takes its children along, none of them started."""
    holder = root.add_task(Runner())
    await holder.wait_started()
    job = root.add_task(Work())
    child = job.add_task(SlowStart())
    job.stop("never")
    holder.stop()
    assert str(await job.wait_stopped()) == "never"
    assert child.state is S.DISPOSED
    assert child.stop_reason is job.stop_reason
    assert child.log == []


# S3: between two lives


async def test_a_stop_during_the_back_off(root: Root, recorder: EventRecorder) -> None:
    """S3: a stop during the back-off ends the task at once."""
    disposed: list[int] = []

    class Mine(Task):
        retry = RetryPolicy(-1, 1000)

        async def go(self) -> None:
            raise ValueError

        def dispose(self) -> None:
            disposed.append(1)

    began = anyio.current_time()
    task = root.add_task(Mine())
    await anyio.sleep(1)
    assert task.state is S.RETRYING
    task.stop("enough")
    assert str(await task.wait_stopped()) == "enough"
    assert anyio.current_time() - began == pytest.approx(1)
    assert disposed == [1]
    assert recorder.states(task)[-2:] == [S.RETRYING, S.DISPOSED]


async def test_what_was_given_during_the_back_off_is_released(root: Root) -> None:
    """S3, D8: what a task was given between two lives is released when no other life comes."""
    released: list[str] = []

    class Mine(Task):
        retry = RetryPolicy(-1, 1000)

        def start(self) -> None:
            raise ValueError

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.using(lambda: released.append("using"))
    task.on_stop(lambda: released.append("on_stop"))
    assert released == []
    task.stop()
    await task.wait_stopped()
    assert released == ["on_stop", "using"]


# S4: during a body


@pytest.mark.parametrize("kind", [Goer, Runner])
async def test_a_body_is_cancelled_at_once(root: Root, kind: type[Task[Any]]) -> None:
    """S4: without a grace the body is cancelled at once."""
    task = root.add_task(kind())
    await anyio.sleep(3)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(3)
    assert task.result is None
    assert task.dispose_errors == ()


async def test_order_of_a_stop(root: Root) -> None:
    """S4: `on_stop` resources first, then the stop event, then the cancellation, then `dispose`."""
    log: list[str] = []

    class Mine(Task):
        stop_grace = 2.0

        async def go(self) -> None:
            self.on_stop(lambda: log.append(f"released, is_stopped={self.is_stopped}"))
            try:
                await self.wait_stop_requested()
                log.append(f"told, is_stopped={self.is_stopped}")
                await anyio.sleep(100)
            except BaseException:
                log.append("cancelled")
                raise

        def dispose(self) -> None:
            log.append("dispose")

    task = root.add_task(Mine())
    await task.wait_started()
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert log == ["released, is_stopped=False", "told, is_stopped=True", "cancelled", "dispose"]
    assert task.duration == pytest.approx(3)


async def test_a_slow_on_stop_resource_comes_first(root: Root) -> None:
    """S4: the body is told only when the `on_stop` resources are released, however long it takes."""
    told_at: list[float] = []

    class Mine(Task):
        def start(self) -> None:
            self.on_stop(self.release)

        async def release(self) -> None:
            await anyio.sleep(4)

        async def go(self) -> None:
            await self.wait_stop_requested()
            told_at.append(self.duration)

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    assert not task.is_stopped
    await task.wait_stopped()
    assert told_at == [pytest.approx(5)]


async def test_on_stop_resources_last_in_first_out(root: Root) -> None:
    """S4, D1: several `on_stop` resources are released last in, first out, each before the next."""
    log: list[int] = []

    class Mine(Task):
        def start(self) -> None:
            for number in range(4):
                self.on_stop(self.releasing(number))

        def releasing(self, number: int) -> Callable[[], Any]:
            async def release() -> None:
                await anyio.sleep(1)
                log.append(number)

            return release if number % 2 else lambda: log.append(number)

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert log == [3, 2, 1, 0]


async def test_on_stop_needs_no_loop_of_the_parent(root: Root) -> None:
    """S4: `on_stop` resources are not released in the parent's loop: a sibling that holds it is no obstacle."""
    released: list[float] = []
    work = root.add_task(Work())
    task = work.add_task(Goer())
    await task.wait_started()
    task.on_stop(lambda: released.append(task.duration))
    holder = work.add_task(Runner())
    await holder.wait_started()
    await anyio.sleep(1)
    task.stop()
    await anyio.sleep(1)
    assert released == [pytest.approx(1)]
    assert task.state is S.GOING
    holder.stop()
    await task.wait_stopped()


async def test_the_life_waits_for_its_on_stop_resources(root: Root) -> None:
    """S4, D1: a body that returns while an `on_stop` resource is released does not end the life before."""
    log: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            self.on_stop(self.release)

        async def release(self) -> None:
            await anyio.sleep(5)
            log.append("released")

        async def go(self) -> None:
            await anyio.sleep(2)
            log.append("body")

        def dispose(self) -> None:
            log.append("dispose")

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert log == ["body", "released", "dispose"]
    assert task.duration == pytest.approx(6)


async def test_a_slow_on_stop_resource_leaves_the_next_life_alone(root: Root) -> None:
    """S4, R6: an `on_stop` resource of one life that is released slowly does not cancel the body of the next one."""
    ended: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            if not ended:
                self.on_stop(self.release)

        async def release(self) -> None:
            await anyio.sleep(5)

        async def go(self) -> None:
            await anyio.sleep(3)
            ended.append("by itself")

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.restart()
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert ended == ["by itself", "by itself"]


async def test_a_stop_event_that_comes_from_outside(root: Root) -> None:
    """S4: `wait_stop_requested()` may be awaited by others too."""
    heard: list[float] = []
    task = root.add_task(Goer())
    task.stop_grace = 3
    await task.wait_started()

    async def listen() -> None:
        await task.wait_stop_requested()
        heard.append(task.duration)

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await anyio.sleep(1)
        task.stop()
    assert heard == [pytest.approx(1)]
    await task.wait_stopped()


async def test_wait_stop_requested_after_the_end(root: Root) -> None:
    """S4: it returns at once when the task is stopped already."""
    task = root.add_task(Goer(1))
    await task
    await task.wait_stop_requested()
    assert task.is_stopped


async def test_a_body_that_returns_in_its_grace(root: Root) -> None:
    """S4: a body that returns within `stop_grace` is not cancelled, and its result is kept."""

    class Mine(Task[str]):
        stop_grace = 5.0

        async def go(self) -> str:
            await self.wait_stop_requested()
            await anyio.sleep(3)
            return "in order"

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert task.result == "in order"
    assert task.duration == pytest.approx(4)


@pytest.mark.parametrize("hook", ["run", "go"])
async def test_a_body_that_does_not_return_in_its_grace(root: Root, hook: str) -> None:
    """S4: a body that has not returned after `stop_grace` is cancelled."""

    async def body(self: Any) -> None:
        await anyio.sleep(100)

    task = type("Mine", (Task,), {hook: body, "stop_grace": 5.0, "__module__": __name__})()
    root.add_task(task)
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(6)


async def test_a_body_told_by_the_event_may_return_by_itself(root: Root) -> None:
    """S4: without a grace too, a body that waits for the stop event may return without an `await`."""

    class Mine(Task[str]):
        async def go(self) -> str:
            await self.wait_stop_requested()
            return "in order"

    task = root.add_task(Mine())
    await task.wait_started()
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.result == "in order"


async def test_a_shielded_piece_of_a_body_is_finished(root: Root) -> None:
    """S4: a cancellation does not pierce `anyio.CancelScope(shield=True)`; behind it the body is cancelled."""
    log: list[str] = []

    class Mine(Task):
        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(10)
                log.append("finished")
            await anyio.sleep(100)
            log.append("not reached")

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert log == ["finished"]
    assert task.duration == pytest.approx(10, abs=1.1)


async def test_inner_scopes_of_a_body_keep_time(root: Root) -> None:
    """S4: what makes cancellations come slower to a body that swallows them leaves its own time-outs alone."""

    class Mine(Task):
        async def go(self) -> None:
            for _ in range(40):
                with anyio.move_on_after(1):
                    await anyio.sleep(100)

    task = root.add_task(Mine())
    await task
    assert task.duration == pytest.approx(40)


async def test_a_thread_is_told_and_waited_for(root: Root) -> None:
    """S4: a thread is not cancelled: it is told through `is_stopped`, and waited for."""

    class Mine(Task[str]):
        def go(self) -> str:
            pause = threading.Event()
            while not self.is_stopped:
                pause.wait(0.001)
            return "saw it"

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert task.result == "saw it"


async def test_a_task_without_a_body(root: Root) -> None:
    """S4: a task without a body is disposed at once."""
    task = root.add_task(Task())
    await anyio.sleep(2)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(2)


# S5: limits


async def test_stop_timeout(root: Root) -> None:
    """S5: a stop that takes longer than `stop_timeout` ends with the task abandoned, where it hangs in the history."""

    class Mine(Task):
        stop_timeout = 5.0

        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(30)

    async with RootManager() as own:
        task = own.add_task(Mine())
        await anyio.sleep(1)
        task.stop()
        await task.wait_stopped()
        assert task.duration == pytest.approx(6)
        assert [record.abandoned for record in own.history.records(id=task.task_id)] == [True]
        report = await own.shutdown()
        assert [one.path for one in report.unstopped] == [task.execution_path]
        assert "test_stopping.py" in str(report.unstopped[0])
        await anyio.sleep(30)


async def test_stop_timeout_that_is_kept(root: Root) -> None:
    """S5: a task that goes in time is not abandoned."""
    task = root.add_task(SlowDispose())
    task.stop_timeout = 6
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    await anyio.sleep(10)
    assert [record.abandoned for record in root.history.records(id=task.task_id)] == [False]


async def test_stop_timeout_lets_the_parent_go_on(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """S5: the parent's loop goes on without what was abandoned, and the place where it hangs is logged."""

    class Mine(Task):
        stop_timeout = 5.0

        async def dispose(self) -> None:
            await anyio.sleep(30)

    async with RootManager() as own:
        work = own.add_task(Work())
        task = work.add_task(Mine())
        await task.wait_started()
        task.stop()
        await anyio.sleep(1)
        sibling = work.add_task(Goer(1))
        assert sibling.state is S.INIT
        await sibling
        assert sibling.timings.queued == pytest.approx(4)
        assert "did not stop in time and is abandoned" in caplog.text
        assert "in dispose" in caplog.text
        await anyio.sleep(30)
        assert task.state is S.DISPOSED


async def test_dispose_timeout(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """S5: a `dispose` longer than `dispose_timeout` is abandoned; what follows it in the clean-up still comes."""
    log: list[str] = []

    class Mine(Task):
        dispose_timeout = 3.0

        def start(self) -> None:
            self.using(lambda: log.append("using"))
            self.on_dispose(lambda: log.append("on_dispose"))

        async def dispose(self) -> None:
            await anyio.sleep(30)
            log.append("not reached")

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop("enough")
    assert str(await task.wait_stopped()) == "enough"
    assert task.duration == pytest.approx(3)
    assert log == ["using", "on_dispose"]
    assert "dispose of" in caplog.text
    assert "took too long and is abandoned" in caplog.text
    assert [record.abandoned for record in root.history.records(id=task.task_id)] == [True]


async def test_a_dispose_that_was_given_up_and_has_ended_is_forgotten(root: Root) -> None:
    """S5: what was given up, cancelled and has ended since keeps its task alive no longer."""

    class Late(Task):
        dispose_timeout = 1.0

        async def dispose(self) -> None:
            await anyio.sleep_forever()

    async def live() -> weakref.ref[Any]:
        task = root.add_task(Late())
        await task.wait_started()
        task.stop()
        await task.wait_stopped()
        return weakref.ref(task)

    gone = await live()
    await anyio.sleep(10)
    gc.collect()
    assert gone() is None


async def test_dispose_timeout_that_is_kept(root: Root) -> None:
    """S5: a `dispose` that ends in time is not touched."""
    task = root.add_task(SlowDispose())
    task.dispose_timeout = 6
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(5)
    assert [record.abandoned for record in root.history.records(id=task.task_id)] == [False]


async def test_dispose_timeout_before_a_retry(root: Root) -> None:
    """S5, R1: after a `dispose` that was abandoned the next life begins."""
    lives: list[int] = []

    class Mine(Task):
        dispose_timeout = 3.0
        retry = RetryPolicy(1, 0)

        async def go(self) -> None:
            lives.append(1)
            if len(lives) == 1:
                raise ValueError

        async def dispose(self) -> None:
            if len(lives) == 1:
                await anyio.sleep(30)

    task = root.add_task(Mine())
    await task
    assert task.duration == pytest.approx(3)
    assert len(lives) == 2


async def test_stop_timeout_of_a_job(root: Root) -> None:
    """S5: the bound of a Job holds for all below it."""

    class Stuck(Task):
        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(30)

    async with RootManager() as own:
        work = own.add_task(Work())
        work.stop_timeout = 5
        task = work.add_task(Work()).add_task(Stuck())
        await task.wait_started()
        await anyio.sleep(1)
        work.stop()
        await work.wait_stopped()
        assert work.duration == pytest.approx(6)
        assert task.state is S.DISPOSED
        await anyio.sleep(30)


class Endless(ChannelTask[None]):
    """Its tick, once it has begun, goes on until it is cancelled."""

    async def tick(self, item: None) -> None:
        await anyio.sleep_forever()


class Waker(Task):
    """Has an older sibling tick when it is disposed."""

    def __init__(self, channel: Channel[None]) -> None:
        self.channel = channel

    def dispose(self) -> None:
        self.channel.send_nowait(None)


@pytest.mark.parametrize("bound", ["stop_timeout", "shutdown"])
async def test_a_tick_that_begins_while_the_job_goes(bound: str) -> None:
    """S5, M4, S12: it keeps the loop from those that go before it; the report names it, and the bounds get through."""
    own = await RootManager[Any, Any]().init()
    work = own.add_task(Work())
    work.stop_timeout = 5 if bound == "stop_timeout" else None
    holder = work.add_task(Endless())
    waits = work.add_task(Task())
    waker = work.add_task(Waker(holder.open()))
    await waker.wait_started()
    work.stop()
    await anyio.sleep(1)
    assert (waker.state, work.blocked, waits.state) == (S.DISPOSED, holder, S.STARTED)
    report = work.stop_report()
    assert report is not None
    assert [one.task_id for one in report.chain] == [work.task_id, waits.task_id, holder.task_id]
    assert [one.kind for one in report.chain] == ["child", "loop", "body"]
    if bound == "stop_timeout":
        await work.wait_stopped()
        assert work.duration == pytest.approx(5)
    ended = await own.shutdown(timeout=None if bound == "stop_timeout" else 5)
    assert {task.state for task in (own, work, holder, waits)} == {S.DISPOSED}
    assert f"Endless#{holder.task_id}" in str(ended)


async def test_an_abandoned_task_releases_what_it_holds(root: Root) -> None:
    """S5, D8: what an abandoned task held is released."""
    released: list[str] = []

    class Mine(Task):
        stop_timeout = 5.0

        async def go(self) -> None:
            self.using(lambda: released.append("one"), lambda: released.append("two"))
            with anyio.CancelScope(shield=True):
                await anyio.sleep(30)
            self.using(lambda: released.append("late"))

    async with RootManager() as own:
        task = own.add_task(Mine())
        await anyio.sleep(1)
        task.stop()
        await task.wait_stopped()
        assert released == ["two", "one"]
        await anyio.sleep(30)
        assert released == ["two", "one", "late"]


async def test_what_is_abandoned_before_its_turn_releases_what_it_holds() -> None:
    """S5, D8: so is what a task holds whose turn to start never came."""
    released: list[str] = []
    async with RootManager() as own:
        holder = own.add_task(Runner())
        await holder.wait_started()
        task = Task[Any]()
        task.stop_timeout = 5
        task.using(lambda: released.append("using"))
        own.add_task(task)
        task.stop()
        await task.wait_stopped()
        assert holder.state is S.RUNNING
        assert released == ["using"]


async def test_an_abandoned_thread(root: Root) -> None:
    """S5: a thread that does not see its stop is abandoned, with the stack of the thread."""
    gate = threading.Event()

    class Stuck(Task):
        stop_timeout = 5.0

        def go(self) -> None:
            with let_time_pass():
                gate.wait(30)

    try:
        async with RootManager() as own:
            task = own.add_task(Stuck())
            await task.wait_started()
            await anyio.sleep(1)
            task.stop()
            await task.wait_stopped()
            assert task.duration == pytest.approx(6)
            report = await own.shutdown()
            assert "in go" in str(report.unstopped[0])
    finally:
        gate.set()


# S6: during `start`


async def test_a_stop_during_start(root: Root) -> None:
    """S6: a stop during `start` lets it finish, then disposes; there is no body."""
    task = root.add_task(SlowStart())
    await anyio.sleep(1)
    task.stop("enough")
    assert str(await task.wait_stopped()) == "enough"
    assert task.log == ["started", "disposed"]
    assert task.duration == pytest.approx(5)


async def test_a_stop_of_the_parent_during_start(root: Root) -> None:
    """S6, S12: also when it is the parent that is stopped."""
    work = root.add_task(Work())
    task = work.add_task(SlowStart())
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert task.log == ["started", "disposed"]


async def test_a_failure_of_start_after_the_stop(root: Root) -> None:
    """S6, S10: an exception out of `start` after the stop request is no reason, and nothing is disposed."""
    disposed: list[int] = []

    class Mine(Task):
        async def start(self) -> None:
            await anyio.sleep(5)
            raise ValueError("late")

        def dispose(self) -> None:
            disposed.append(1)

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop("enough")
    assert str(await task.wait_stopped()) == "enough"
    assert [type(error) for error in task.dispose_errors] == [ValueError]
    assert disposed == []


async def test_start_timeout(root: Root) -> None:
    """S6: a `start` longer than `start_timeout` is cancelled and the reason is `TimeoutReason`."""
    log: list[str] = []

    class Mine(Task):
        start_timeout = 3.0

        async def start(self) -> None:
            self.using(lambda: log.append("released"))
            try:
                await anyio.sleep(30)
            finally:
                log.append("cancelled")

        def dispose(self) -> None:
            log.append("not called")

    task = root.add_task(Mine())
    reason = await task.wait_stopped()
    assert isinstance(reason, TimeoutReason)
    assert isinstance(reason, TimeoutError)
    assert "3 s" in str(reason)
    assert task.duration == pytest.approx(3)
    assert log == ["cancelled", "released"]


async def test_start_timeout_after_a_stop(root: Root) -> None:
    """S6: the bound of `start` holds after a stop request too; the reason given stays."""
    task = root.add_task(SlowStart())
    task.start_timeout = 3
    await anyio.sleep(1)
    task.stop("enough")
    assert str(await task.wait_stopped()) == "enough"
    assert task.duration == pytest.approx(3)
    assert task.log == []


async def test_start_timeout_that_is_kept(root: Root) -> None:
    """S6: a `start` in time is not touched, and the bound does not hold for the body."""

    class Mine(SlowStart):
        start_timeout = 6.0

        async def go(self) -> None:
            await anyio.sleep(30)

    task = root.add_task(Mine())
    await task
    assert task.duration == pytest.approx(35)


async def test_start_timeout_of_a_plain_start(root: Root) -> None:
    """S6: the bound of a plain `start` does not hold for a `run` that follows it at once."""

    class Mine(Task[str]):
        start_timeout = 6.0

        def start(self) -> None:
            pass

        async def run(self) -> str:
            await anyio.sleep(30)
            return "done"

    assert await root.add_task(Mine()) == "done"


async def test_a_start_that_fails_when_it_is_too_late(root: Root) -> None:
    """S6: what `start` raises when it is cancelled for its length is the `__cause__` of the reason."""
    failure = ValueError("while cancelled")

    class Mine(Task):
        start_timeout = 3.0

        async def start(self) -> None:
            try:
                await anyio.sleep(30)
            finally:
                raise failure

    task = root.add_task(Mine())
    reason = await task.wait_stopped()
    assert isinstance(reason, TimeoutReason)
    assert reason.__cause__ is failure


async def test_an_on_stop_resource_during_start(root: Root) -> None:
    """S4, S6: `on_stop` resources are released at the request also while `start` goes on."""
    released: list[float] = []

    class Mine(SlowStart):
        async def start(self) -> None:
            self.on_stop(lambda: released.append(self.duration))
            await super().start()

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert released == [pytest.approx(1)]
    assert task.log == ["started", "disposed"]


# S8: cancellation from outside; see also test_root.py and test_faults.py


async def test_a_cancelled_scope_around_a_root_runs_the_whole_clean_up() -> None:
    """S8: a cancellation from outside is a stop with `Exit`, and clean-up always runs to its end."""
    log: list[str] = []

    class Mine(SlowDispose):
        async def dispose(self) -> None:
            await super().dispose()
            log.append("disposed")

    with anyio.move_on_after(2) as scope:
        async with RootManager() as own:
            task = own.add_task(Mine())
            await anyio.sleep(100)
    assert scope.cancelled_caught
    assert log == ["disposed"]
    assert isinstance(task.stop_reason, Exit)
    assert task.duration == pytest.approx(7)


async def test_an_error_is_not_hidden_by_a_cancellation() -> None:
    """S8: an exception on its way out of `async with` is not hidden by the cancellation that comes meanwhile."""
    with anyio.CancelScope() as scope:
        with pytest.raises(ValueError, match="mine"):
            async with RootManager() as own:
                await own.add_task(SlowDispose()).wait_started()
                scope.cancel()
                raise ValueError("mine")


# S9: the reason


async def test_no_reason_while_nobody_asked(root: Root) -> None:
    """S9: `stop_reason` is None while nobody asked."""
    task = root.add_task(Goer())
    assert task.stop_reason is None
    assert not task.stop_reason_is(BaseException)
    await task.wait_started()
    assert task.stop_reason is None
    assert not task.is_stopped


def test_stop_reason_of_a_task_in_no_tree() -> None:
    """S9: a request before the task is in a tree is kept."""
    task = Task[Any]()
    assert task.stop_reason is None
    task.stop("early")
    assert str(task.stop_reason) == "early"


async def test_stop_reason_is_a_type(root: Root) -> None:
    """S9: `stop_reason_is` takes types, and one that fits is enough."""
    task = root.add_task(Goer())
    task.stop(Exit)
    assert task.stop_reason_is(Exit)
    assert task.stop_reason_is(KeyError, Exit)
    assert not task.stop_reason_is(KeyError)
    assert not task.stop_reason_is()


async def test_stop_reason_is_an_instance(root: Root) -> None:
    """S9: an instance fits only itself."""
    reason = Exit("this one")
    task = root.add_task(Goer())
    task.stop(reason)
    assert task.stop_reason_is(reason)
    assert not task.stop_reason_is(Exit("this one"))


async def test_stop_reason_is_looks_at_causes(root: Root) -> None:
    """S9: it looks through `__cause__`, however deep."""
    deep, middle, top = KeyError("deep"), ValueError("middle"), StopByUser("top")
    top.__cause__, middle.__cause__ = middle, deep
    task = root.add_task(Goer())
    task.stop(top)
    assert task.stop_reason_is(KeyError)
    assert task.stop_reason_is(deep)
    assert not task.stop_reason_is(IndexError)


async def test_stop_reason_is_looks_into_groups(root: Root) -> None:
    """S9: it looks into exception groups, and at the causes in them."""
    inner = ValueError("inner")
    inner.__cause__ = KeyError("cause")
    task = root.add_task(Goer())
    task.stop(ExceptionGroup("both", [inner, ExceptionGroup("nested", [OSError()])]))
    assert task.stop_reason_is(KeyError)
    assert task.stop_reason_is(OSError)
    assert not task.stop_reason_is(IndexError)


async def test_stop_reason_is_ends_in_a_circle(root: Root) -> None:
    """S9: causes that form a circle are looked at once."""
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    task = root.add_task(Goer())
    task.stop(one)
    assert task.stop_reason_is(KeyError)
    assert not task.stop_reason_is(OSError)


# S10: see test_dispose_errors.py

# S12: a held loop


async def test_a_stop_of_the_job_interrupts_the_body_that_holds_its_loop(root: Root) -> None:
    """S12: the body of the child that holds the loop is interrupted."""
    work = root.add_task(Work())
    first = work.add_task(Goer())
    holder = work.add_task(Runner())
    await holder.wait_started()
    waiting = work.add_task(SlowStart())
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert work.duration == pytest.approx(1)
    assert waiting.log == []
    assert {task.state for task in (first, holder, waiting)} == {S.DISPOSED}


async def test_a_stop_of_the_job_while_an_earlier_child_holds_its_loop(root: Root) -> None:
    """S12: it is interrupted at once, though its turn to go comes last."""
    work = root.add_task(Work())
    order: list[str] = []

    class Noting(Task):
        def __init__(self, name: str) -> None:
            self.name = name

        def dispose(self) -> None:
            order.append(self.name)

    class Holding(Noting):
        async def start(self) -> None:
            await later.wait()

        async def run(self) -> None:
            await anyio.sleep(100)

    later = anyio.Event()
    holder = work.add_task(Holding("holder"))
    queued = work.add_task(Noting("queued"))
    await anyio.sleep(1)
    later.set()
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert work.duration == pytest.approx(2)
    assert order == ["holder"]
    assert holder.state is queued.state is S.DISPOSED


async def test_a_stop_of_the_job_reaches_a_start_that_waits_for_it(root: Root) -> None:
    """S12, S6: a `start` that holds the loop hears of the stop, though others that need the loop would go before."""
    log: list[str] = []

    class Named(Task):
        def __init__(self, name: str) -> None:
            self.name = name

        def dispose(self) -> None:
            log.append(f"{self.name} disposed")

    class Waiting(Named):
        async def start(self) -> None:
            await anyio.sleep(1)
            await self.wait_stop_requested()
            log.append(f"{self.name} told: {self.stop_reason}")

    class Lasting(Named):
        async def go(self) -> None:
            await anyio.sleep_forever()

    work = root.add_task(Work())
    work.add_task(Lasting("earlier"))
    holder = work.add_task(Waiting("holder"))
    queued = work.add_task(Named("queued"))
    await anyio.sleep(2)
    work.stop("enough")
    assert str(await work.wait_stopped()) == "enough"
    assert work.duration == pytest.approx(2)
    assert log == ["holder told: enough", "holder disposed", "earlier disposed"]
    assert holder.state is queued.state is S.DISPOSED


async def test_a_stop_of_the_job_lets_a_call_finish(root: Root) -> None:
    """S12: a `call` that holds the loop finishes first."""
    work = root.add_task(Work())
    task = work.add_task(Goer())
    await task.wait_started()
    log: list[str] = []

    async def slow() -> str:
        await anyio.sleep(5)
        log.append("called")
        return "value"

    async def call() -> None:
        log.append(await work.call(slow))

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await anyio.sleep(1)
        work.stop()
        await work.wait_stopped()
        assert work.duration == pytest.approx(5)
    assert log == ["called", "value"]


async def test_a_stop_of_the_job_lets_a_start_finish(root: Root) -> None:
    """S12, S6: a `start` that holds the loop finishes first; `start_timeout` bounds it."""
    work = root.add_task(Work())
    task = work.add_task(SlowStart())
    task.start_timeout = 3
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert work.duration == pytest.approx(3)
    assert task.log == []


# Traps


class Silent:
    """A signal from which nothing ever comes."""

    def __init__(self) -> None:
        self.closed = False

    def __aiter__(self) -> Silent:
        return self

    async def __anext__(self) -> int:
        try:
            await anyio.sleep_forever()
        finally:
            self.closed = True
        return 1


async def test_a_channel_task_sees_its_stop_though_nothing_comes(root: Root) -> None:
    """S4, C3: the stop of a channel task is not left unseen until its channel fires."""
    signal = Silent()

    class Mine(ChannelTask[int]):
        def get_signal(self) -> Silent:
            return signal

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(1)
    await anyio.sleep(0.1)
    assert signal.closed


async def test_a_channel_task_with_an_open_channel_sees_its_stop(root: Root) -> None:
    """S4, C3: the same for the channel that `open` makes."""
    task = ChannelTask[int]()
    channel = task.open()
    root.add_task(task)
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(1)
    with pytest.raises(TaskDisposedError):
        await channel.send(1)


async def test_the_key_may_be_used_again_at_once_after_the_end(root: Root) -> None:
    """S1, J4: a stopped task holds its key until it is DISPOSED, and not longer."""
    task = root.add_task(SlowDispose(), key="k")
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert root.add_task(Task(), key="k").key == "k"


async def test_restart_after_a_request(root: Root) -> None:
    """S1, R6: a task that was asked to stop cannot be restarted before it has ended."""
    task = root.add_task(SlowDispose())
    await task.wait_started()
    task.stop()
    with pytest.raises(TaskStateError, match="wait for it"):
        task.restart()
    await task.wait_stopped()
