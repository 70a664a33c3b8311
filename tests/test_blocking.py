"""M5: a tree in a thread of its own, for plain synchronous programs."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from helpers import Forever

import gotask
from gotask import (
    BlockingRoot,
    Exit,
    Job,
    StopByUser,
    Task,
    TaskComplete,
    TaskDisposedError,
    TaskState,
    TaskStateError,
)

BACKENDS = ["asyncio", "asyncio+uvloop", "trio"]
SOON = 0.01
"""Seconds of real time, where a time-out is the subject."""


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(backend: str) -> Iterator[BlockingRoot]:
    with BlockingRoot(backend=backend) as root:
        yield root


class Number(Task[int]):
    async def go(self) -> int:
        await anyio.lowlevel.checkpoint()
        return 42


class Failing(Task):
    async def go(self) -> None:
        raise ValueError("of a task")


class NoStart(Task):
    async def start(self) -> None:
        raise OSError("no port")


class SlowStart(Task):
    """Its start ends when it is told."""

    def __init__(self) -> None:
        self.told = threading.Event()

    async def start(self) -> None:
        await anyio.to_thread.run_sync(self.told.wait)


def gotask_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "gotask"]


# The calls


def test_add_task_returns_the_task(root: BlockingRoot) -> None:
    """M5: `add_task` is a plain call that returns the task."""
    task = Number()
    assert root.add_task(task) is task
    assert task.parent is root.root


def test_result_waits_for_the_result(root: BlockingRoot) -> None:
    """M5: `result(task)` waits for the end and returns what the body returned."""
    assert root.result(root.add_task(Number())) == 42


def test_result_raises_what_the_task_failed_with(root: BlockingRoot) -> None:
    """M5, L7: `result(task)` raises every other reason than TaskComplete, as `await task` does."""
    with pytest.raises(ValueError, match="of a task"):
        root.result(root.add_task(Failing()))


def test_result_of_a_stopped_task_raises_stop_by_user(root: BlockingRoot) -> None:
    """M5, L7: StopByUser too."""
    task = root.add_task(Forever())
    root.wait_started(task)
    task.stop()
    with pytest.raises(StopByUser):
        root.result(task)


def test_wait_stopped_returns_the_reason(root: BlockingRoot) -> None:
    """M5: `wait_stopped(task)` returns the reason, and raises no failure of the task."""
    assert isinstance(root.wait_stopped(root.add_task(Number())), TaskComplete)
    assert isinstance(root.wait_stopped(root.add_task(Failing())), ValueError)


def test_wait_started_waits_for_the_start(root: BlockingRoot) -> None:
    """M5: `wait_started(task)` returns when the task is STARTED."""
    task = root.add_task(Forever())
    root.wait_started(task)
    assert task.state in (TaskState.STARTED, TaskState.GOING)


def test_wait_started_raises_the_reason_if_it_never_will(root: BlockingRoot) -> None:
    """M5, L7: `wait_started(task)` raises the failure of the start."""
    with pytest.raises(OSError, match="no port"):
        root.wait_started(root.add_task(NoStart()))


def test_stop_of_a_task_is_a_plain_call(root: BlockingRoot) -> None:
    """M5: `task.stop()` works from here; clean-up is done when `wait_stopped` returns."""
    task = root.add_task(Forever())
    root.wait_started(task)
    task.stop("enough")
    assert str(root.wait_stopped(task)) == "enough"
    assert task.cleaned


def test_call_runs_a_plain_function_in_the_loop(root: BlockingRoot) -> None:
    """M5, Q6: `call(fn, *args)` runs it in the tree's thread and returns its result."""
    assert root.call(lambda a, b: (a + b, threading.current_thread().name), 1, 2) == (3, "gotask")


def test_call_runs_an_async_function_in_the_loop(root: BlockingRoot) -> None:
    """M5, Q6: an async function too."""

    async def double(number: int) -> int:
        await anyio.lowlevel.checkpoint()
        return 2 * number

    assert root.call(double, 4) == 8


def test_call_raises_what_the_function_raises(root: BlockingRoot) -> None:
    """M5, Q6: its exception is raised here, and the tree goes on."""

    def fail() -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        root.call(fail)
    assert root.result(root.add_task(Number())) == 42


def test_call_with_something_that_is_no_function(root: BlockingRoot) -> None:
    """M5: a wrong call raises here, with the reason."""
    with pytest.raises(TypeError, match="takes a function"):
        root.call(42)  # type: ignore[arg-type]


def test_add_task_takes_functions_and_options(root: BlockingRoot) -> None:
    """M5, J5: `add_task` is that of the root, with all it takes."""

    async def double(number: int) -> int:
        return 2 * number

    task = root.add_task(double, 4, key="twice", name="Doubler")
    assert root.result(task) == 8
    assert (task.key, task.owner_type) == ("twice", "Doubler")


def test_start_reason_is_the_line_of_add_task(root: BlockingRoot) -> None:
    """H1, M5: `start_reason` is the place in the program, and not in the library."""
    assert root.add_task(Forever()).start_reason.startswith("tests/test_blocking.py:")


def test_add_task_raises_at_once(root: BlockingRoot) -> None:
    """M5, J4: what `add_task` refuses is raised here."""
    first = root.add_task(Forever(), key="taken")
    with pytest.raises(gotask.TaskExistsError) as caught:
        root.add_task(Forever(), key="taken")
    assert caught.value.task is first
    with pytest.raises(TypeError):
        root.add_task("nothing")


def test_the_root_itself_may_be_used_too(root: BlockingRoot) -> None:
    """M5, M6: `root.root` is the RootManager, whose plain methods may be called from here."""
    job = root.root.add_task(Job())
    root.wait_started(job)
    child = job.add_task(Forever())
    root.wait_started(child)
    assert job.children == (child,)
    assert root.root.state is TaskState.STARTED


def test_without_threads_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """M5: in a browser it says at once that it cannot be, and what can."""
    monkeypatch.setattr("gotask.blocking.HAS_THREADS", False)
    with pytest.raises(RuntimeError, match=r"there are no threads here.*async with gotask.RootManager\(\)"):
        BlockingRoot().__enter__()


def test_the_context_of_the_caller_reaches_a_call(root: BlockingRoot) -> None:
    """M5: a call sees no current task: it is made outside of all hooks."""
    assert root.call(lambda: gotask.current_task()) in (None, root.root)


# Time-outs


def test_wait_stopped_with_timeout(root: BlockingRoot) -> None:
    """M5: `wait_stopped(task, timeout=…)` raises TimeoutError, and the task goes on."""
    task = root.add_task(Forever())
    with pytest.raises(TimeoutError):
        root.wait_stopped(task, timeout=SOON)
    root.wait_started(task)
    assert not task.is_stopped


@pytest.mark.parametrize("timeout", ["0.05", -1, math.nan])
def test_a_wrong_timeout_is_refused_before_anything_is_asked(root: BlockingRoot, timeout: Any) -> None:
    """M4, M5: at once, in the caller; the tree goes on."""
    task = root.add_task(anyio.sleep_forever)
    for method in (root.shutdown, partial(root.wait_stopped, task), partial(root.call, len, "")):
        with pytest.raises(ValueError, match=r"^timeout is a number of seconds, 0 or more, or None, not "):
            method(timeout=timeout)
    with pytest.raises(ValueError, match="timeout is a number"):
        root.call(partial(root.root.shutdown, timeout))
    assert (root.root.state, root.root.stop_reason) == (TaskState.STARTED, None)


def test_wait_started_with_timeout(root: BlockingRoot) -> None:
    """M5: `wait_started(task, timeout=…)` raises TimeoutError."""
    task = root.add_task(SlowStart())
    with pytest.raises(TimeoutError, match=r"0\.01 s"):
        root.wait_started(task, timeout=SOON)
    task.told.set()
    root.wait_started(task, timeout=30)


def test_result_with_timeout(root: BlockingRoot) -> None:
    """M5: `result(task, timeout=…)` raises TimeoutError, and may be asked again."""
    task = root.add_task(SlowStart())
    with pytest.raises(TimeoutError):
        root.result(task, timeout=SOON)
    task.told.set()
    task.stop()
    with pytest.raises(StopByUser):
        root.result(task, timeout=30)


def test_call_with_timeout(root: BlockingRoot) -> None:
    """M5: `call(…, timeout=…)` raises TimeoutError; the loop is free again when the function ends."""
    over = threading.Event()

    async def wait() -> None:
        await anyio.to_thread.run_sync(over.wait)

    with pytest.raises(TimeoutError):
        root.call(wait, timeout=SOON)
    over.set()
    assert root.call(lambda: 1, timeout=30) == 1


def test_a_call_that_came_too_late_is_not_made(root: BlockingRoot) -> None:
    """M5: a call that timed out before its turn came is not made at all."""
    task = root.add_task(SlowStart())
    made: list[int] = []
    with pytest.raises(TimeoutError):
        root.call(made.append, 1, timeout=SOON)
    task.told.set()
    root.wait_started(task)
    root.call(made.append, 2)
    assert made == [2]


def test_a_timeout_of_the_task_is_not_the_timeout_of_the_call(root: BlockingRoot) -> None:
    """M5: a task that ended with TimeoutReason raises that reason."""
    task = root.add_task(Forever(), timeout=SOON)
    with pytest.raises(gotask.TimeoutReason):
        root.result(task, timeout=30)


def test_a_wait_in_time_returns(root: BlockingRoot) -> None:
    """M5: a timeout that is not reached changes nothing."""
    assert root.result(root.add_task(Number()), timeout=30) == 42


# The end


def test_leaving_the_with_block_shuts_down(backend: str) -> None:
    """M5: on leaving, the tree is shut down, clean-up has run, and the thread is gone."""
    with BlockingRoot(backend=backend) as root:
        task = root.add_task(Forever())
        root.wait_started(task)
        assert len(gotask_threads()) == 1
    assert task.cleaned
    assert isinstance(task.stop_reason, Exit)
    assert gotask_threads() == []


def test_an_error_in_the_with_block_leaves_it_after_clean_up(backend: str) -> None:
    """M5: an exception in the block leaves it as itself, when the tree is gone."""
    task = Forever()
    with pytest.raises(ValueError, match="of the block"):
        with BlockingRoot(backend=backend) as root:
            root.wait_started(root.add_task(task))
            raise ValueError("of the block")
    assert task.cleaned


def test_shutdown_returns_the_report(root: BlockingRoot) -> None:
    """M4, M5: `shutdown()` returns the report, each time the same."""
    for _ in range(3):
        root.wait_started(root.add_task(Forever()))
    report = root.shutdown()
    assert report.disposed == 4
    assert report.unstopped == ()
    assert root.shutdown() is report


def test_shutdown_with_timeout_abandons(backend: str) -> None:
    """M4, M5: `shutdown(timeout=…)` gives up what does not stop, and returns a report that says where it hangs."""
    begun, over = threading.Event(), threading.Event()

    class Endless(Task):
        def go(self) -> None:
            begun.set()
            over.wait()

    root = BlockingRoot(backend=backend)
    with root:
        task = root.add_task(Endless())
        begun.wait()
        report = root.shutdown(timeout=SOON)
        over.set()
    assert report.unstopped[0].path == task.execution_path
    assert any("in go" in line for line in report.unstopped[0].where)
    for thread in gotask_threads():
        thread.join()


def test_shutdown_from_several_threads(root: BlockingRoot) -> None:
    """M4, M5: concurrent callers get the same report."""
    root.wait_started(root.add_task(Forever()))
    reports: list[Any] = []
    threads = [threading.Thread(target=lambda: reports.append(root.shutdown())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 4
    assert all(report is reports[0] for report in reports)


def test_shutdown_before_the_with_block_is_empty() -> None:
    """M5: there is nothing to shut down yet."""
    assert BlockingRoot().shutdown() == gotask.ShutdownReport()


def test_a_call_that_is_given_up_with_the_tree(backend: str) -> None:
    """M5, S5: a call that a shutdown gives up raises TaskDisposedError, and not the cancellation of a back end."""
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        await anyio.sleep_forever()

    with BlockingRoot(backend=backend) as root, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(root.call, endless)
        assert begun.wait(5)
        assert root.shutdown(timeout=SOON).unstopped
        with pytest.raises(TaskDisposedError, match="shut down"):
            answer.result(5)


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop"], indirect=True)
def test_a_wait_that_the_loop_never_hears_of(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """M5: what comes just before the end of the loop is dropped there; it raises TaskDisposedError all the same."""
    lost = threading.Event()
    with BlockingRoot(backend=backend) as root, ThreadPoolExecutor(1) as pool:
        tree, hand_over = root.root._life.pump.backend, root.root._life.pump.backend.call_from_thread
        monkeypatch.setattr(tree, "call_from_thread", lambda *call: lost.set())
        answer = pool.submit(root.call, bool)
        assert lost.wait(5)
        monkeypatch.setattr(tree, "call_from_thread", hand_over)
        root.shutdown()
        with pytest.raises(TaskDisposedError, match="closed"):
            answer.result(5)


def test_a_tree_that_ends_by_itself(root: BlockingRoot) -> None:
    """M5: `root.root.stop()` ends the tree; leaving the block is then no error."""
    task = root.add_task(Forever())
    root.wait_started(task)
    root.root.stop()
    assert isinstance(root.wait_stopped(task), StopByUser)


def test_a_shutdown_inside_the_tree(root: BlockingRoot) -> None:
    """M5, M10: a task may shut the tree down; leaving the block is then no error."""

    class Ender(Task):
        async def go(self) -> None:
            await root.root.shutdown()

    root.add_task(Ender())
    assert root.shutdown().disposed == 2


def test_calls_after_the_end_are_refused(backend: str) -> None:
    """M5: after the end the calls raise TaskDisposedError instead of hanging."""
    with BlockingRoot(backend=backend) as root:
        pass
    with pytest.raises(TaskDisposedError):
        root.add_task(Number())
    with pytest.raises(TaskDisposedError):
        root.call(lambda: 1)


def test_a_task_that_is_over_may_be_asked_after_the_end(backend: str) -> None:
    """M5: the result and the reason of a task that is over are there after the tree is gone."""
    with BlockingRoot(backend=backend) as root:
        task = root.add_task(Number())
        root.wait_stopped(task)
    assert root.result(task) == 42
    assert isinstance(root.wait_stopped(task), TaskComplete)
    root.wait_started(task)


def test_a_wait_during_the_shutdown_is_answered(root: BlockingRoot) -> None:
    """M5: whoever waits for a task when the tree is shut down gets its reason."""
    task = root.add_task(Forever())
    root.wait_started(task)
    waiting = threading.Event()
    reasons: list[BaseException] = []

    def wait() -> None:
        waiting.set()
        reasons.append(root.wait_stopped(task))

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    root.shutdown()
    thread.join()
    assert isinstance(reasons[0], Exit)


def test_panic_leaves_the_with_block(backend: str) -> None:
    """M5, M7: in panic mode the error that ended the tree leaves the block as itself."""
    with pytest.raises(ValueError, match="of a task"):
        with BlockingRoot(backend=backend, panic=True) as root:
            root.wait_stopped(root.add_task(Failing()))


def test_system_exit_of_a_task_leaves_the_with_block(backend: str) -> None:
    """M5, L14: so does SystemExit of a hook."""

    class Leaver(Task):
        async def go(self) -> None:
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        with BlockingRoot(backend=backend) as root:
            root.add_task(Leaver())
            root.wait_stopped(root.root)


# Wrong calls


def test_waiting_in_the_trees_own_thread_is_refused(root: BlockingRoot) -> None:
    """M5: a blocking call inside the tree would wait for itself: a TaskStateError that says what to do."""
    task = root.add_task(Forever())
    for call in (root.shutdown, lambda: root.result(task), lambda: root.call(print)):
        with pytest.raises(TaskStateError, match=r"own thread|inside the tree"):
            root.call(call)


def test_a_wrong_option_is_refused(root: BlockingRoot) -> None:
    """M5, J4: in the name of the method that was called, with the options there are."""
    with pytest.raises(
        TypeError, match=r"^add_task\(\) got an unexpected keyword argument 'colour': there are key, name"
    ):
        root.add_task(Number(), colour="red")


def test_add_task_in_the_trees_own_thread(root: BlockingRoot) -> None:
    """M5: `add_task` does not wait, so it works inside the tree as well."""
    task = root.call(lambda: root.add_task(Number()))
    assert root.result(task) == 42


def test_awaiting_in_a_foreign_thread_is_refused(root: BlockingRoot) -> None:
    """M5, M6: `await task` in another loop than the tree's is a TaskStateError that points here."""
    task = root.add_task(Forever())

    async def wait() -> None:
        await task

    with pytest.raises(TaskStateError, match="BlockingRoot"):
        anyio.run(wait)


def test_it_is_entered_once(root: BlockingRoot) -> None:
    """M5: entering it twice is a TaskStateError."""
    with pytest.raises(TaskStateError, match="another one"):
        root.__enter__()


def test_calls_before_the_with_block_are_refused() -> None:
    """M5: without `with` there is no tree: a TaskStateError that says so."""
    root = BlockingRoot()
    with pytest.raises(TaskStateError, match="with BlockingRoot"):
        root.call(print)
    with pytest.raises(TaskStateError):
        root.add_task(Number())


def test_the_back_end_must_be_known() -> None:
    """M5: an unknown back end is a ValueError at once."""
    with pytest.raises(ValueError, match="trio"):
        BlockingRoot(backend="twisted")


def test_a_root_that_cannot_start_raises_on_entering(backend: str) -> None:
    """M3, M5: an error in opening the tree is raised by `with`: here, signals outside the main thread."""
    with pytest.raises(TaskStateError, match="main thread"):
        with BlockingRoot(backend=backend, handle_signals=True):
            pytest.fail("the block was entered")
    for thread in gotask_threads():
        thread.join()


def test_two_trees_in_two_threads(backend: str) -> None:
    """M5, M12: each has its own thread and goes by itself."""
    with BlockingRoot(backend=backend) as one, BlockingRoot() as two:
        assert one.call(threading.get_ident) != two.call(threading.get_ident)
        task = one.add_task(Number())
        one.wait_stopped(task)
        two.add_task(task)  # DISPOSED there, so it may go here
        assert two.result(task) == 42


def test_call_returns_a_task_as_a_value(root: BlockingRoot) -> None:
    """M5, Q6: a function that returns a task gives that task back; it is not awaited."""
    task = root.call(root.root.add_task, Forever())
    assert isinstance(task, Forever)
    assert not task.is_stopped
