"""M: the root of a tree, and where it touches the program around it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import helpers
import pytest

import gotask
from gotask import (
    Exit,
    Job,
    Observer,
    RootManager,
    StopByUser,
    Task,
    TaskDisposedError,
    TaskPanic,
    TaskState,
    TaskStateError,
    Work,
)
from gotask.life import Life
from gotask.roots import OPEN
from gotask.testing import BACKENDS, run_virtual

Root = RootManager[Any, Any]
VALUE: ContextVar[str] = ContextVar("value", default="unset")


class Forever(helpers.Forever):
    closing = 1.0


class Stubborn(Task):
    """Its clean-up never ends."""

    async def dispose(self) -> None:
        await anyio.sleep_forever()


class Asker(Task):
    """Awaits something in its body, and returns it."""

    def __init__(self, question: Callable[[], Any]) -> None:
        self.question = question

    async def go(self) -> Any:
        return await self.question()


# M1: opening and closing


async def test_leaving_async_with_shuts_down() -> None:
    """M1: `async with RootManager() as root:` shuts down on leaving."""
    async with RootManager() as root:
        task = root.add_task(Forever())
        await task.wait_started()
    assert root.state is TaskState.DISPOSED
    assert task.cleaned


async def test_async_with_gives_the_root_started() -> None:
    """M1: inside `async with` the root is STARTED, and is the object that was made."""
    manager: Root = RootManager()
    async with manager as root:
        assert root is manager
        assert root.state is TaskState.STARTED


async def test_body_error_leaves_async_with_after_clean_up() -> None:
    """M1: an exception in the body of `async with` leaves it as itself, when the tree is gone."""
    task = Forever()
    error = ValueError("of the body")
    with pytest.raises(ValueError) as caught:
        async with RootManager() as root:
            await root.add_task(task).wait_started()
            raise error
    assert caught.value is error
    assert task.cleaned


async def test_init_and_shutdown_is_the_same_as_async_with() -> None:
    """M1: `await root.init()` … `await root.shutdown()` opens and closes the same tree."""
    root: Root = RootManager()
    assert await root.init() is root
    task = root.add_task(Forever())
    await task.wait_started()
    report = await root.shutdown()
    assert task.cleaned
    assert not report.unstopped


async def test_init_twice_returns_the_running_root(root: Root) -> None:
    """M1: `init()` on a running root returns it, and changes nothing."""
    task = root.add_task(Forever())
    await task.wait_started()
    assert await root.init() is root
    assert root.children == (task,)
    assert task.state is TaskState.GOING


async def test_entering_a_running_root_again_returns_it(root: Root) -> None:
    """M1: `async with root` on a running root gives that root."""
    async with root as same:
        assert same is root


async def test_init_in_one_task_and_shutdown_in_another() -> None:
    """M1: a root may be opened in one task of the back end and closed in another (known trap)."""
    root: Root = RootManager()
    task = Forever()

    async def open_it() -> None:
        await root.init()
        root.add_task(task)

    async def close_it() -> None:
        await root.shutdown()

    async with anyio.create_task_group() as group:
        group.start_soon(open_it)
    await task.wait_started()
    async with anyio.create_task_group() as group:
        group.start_soon(close_it)
    assert task.cleaned
    assert root.state is TaskState.DISPOSED


async def test_init_inside_a_cancelled_scope_of_another_task_does_not_touch_the_tree() -> None:
    """M1: the tree does not hang on the task that opened it; the end of that task's scope leaves it alone."""
    root: Root = RootManager()
    with anyio.CancelScope() as scope:
        await root.init()
        scope.cancel()
        await anyio.sleep(1)
    task = root.add_task(Forever())
    await task.wait_started()
    await anyio.sleep(10)
    assert task.state is TaskState.GOING
    await root.shutdown()


async def test_init_by_two_at_once_opens_one_tree() -> None:
    """M1, H6: whoever calls `init()` while another one does gets the same tree, once it is STARTED."""

    class Slow(RootManager[Any, Any]):
        async def start(self) -> None:
            await anyio.sleep(5)

    class Counting(Observer):
        trees = 0

        def attached(self, root: Any) -> None:
            self.trees += 1

    root, states, counting = Slow(), [], Counting()

    async def open_it() -> None:
        await root.init()
        states.append(root.state)

    gotask.observe(counting)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(open_it)
            group.start_soon(open_it)
    finally:
        gotask.unobserve(counting)
    assert states == [TaskState.STARTED] * 2
    assert counting.trees == 1
    await root.shutdown()


async def test_a_root_that_was_shut_down_can_be_opened_again() -> None:
    """M1: `init()` after `shutdown()` opens the same root again, empty."""
    root: Root = RootManager()
    first = Forever()
    async with root:
        await root.add_task(first).wait_started()
    async with root:
        assert root.state is TaskState.STARTED
        assert root.children == ()
        assert root.stop_reason is None
        second = root.add_task(Forever())
        await second.wait_started()
    assert first.cleaned
    assert second.cleaned


async def test_a_reopened_root_keeps_its_id_and_counts_anew() -> None:
    """M1: a root opened again has its id, and a report of its own."""
    root: Root = RootManager()
    await root.init()
    number = root.task_id
    root.add_task(Forever())
    root.add_task(Forever())
    assert (await root.shutdown()).disposed == 3
    await root.init()
    assert root.task_id == number
    assert (await root.shutdown()).disposed == 1


@pytest.mark.parametrize("second", ["asyncio", "asyncio+uvloop", "trio"])
def test_a_root_can_be_opened_again_in_another_loop(second: str) -> None:
    """M12: a root belongs to one event loop at a time; once shut down it may be opened in any other."""
    root: Root = RootManager()

    async def session() -> float:
        async with root:
            task = root.add_task(Forever())
            await task.wait_started()
        return task.timings.dispose

    assert run_virtual(session, backend="trio") == pytest.approx(1)
    assert run_virtual(session, backend=second) == pytest.approx(1)


def test_a_root_whose_loop_ended_with_the_program(anyio_backend: tuple[str, dict[str, Any]]) -> None:
    """M12, M4: the end of its loop has ended the tree; a later shutdown just reports."""
    name, options = anyio_backend
    root: Root = RootManager()
    anyio.run(root.init, backend=name, backend_options=options)
    assert root.state is TaskState.DISPOSED
    report = anyio.run(root.shutdown, backend=name, backend_options=options)
    assert (report.disposed, report.unstopped) == (1, ())
    assert anyio.run(root.shutdown, backend=name, backend_options=options) is report


def test_a_root_whose_loop_was_closed_under_it() -> None:
    """M12: what lived in a loop that nobody runs any more cannot be reached; in another loop that is said at once."""
    root: Root = RootManager()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(root.init())
    for method in (root.shutdown, root.init):
        with pytest.raises(
            TaskStateError, match=rf"RootManager#{root.task_id} is STARTED in another event loop, which"
        ):
            asyncio.run(method())
    loop.close()
    for method in (root.shutdown, root.init):
        with pytest.raises(TaskStateError, match="shut a root down in the loop it was opened in"):
            asyncio.run(method())
    del OPEN[root.task_id]


class Hooked(RootManager[Any, Any]):
    """A root with hooks of its own, and without `super().__init__()`."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    async def start(self) -> None:
        await anyio.sleep(1)
        self.log.append("start")

    async def go(self) -> None:
        self.log.append("go")

    async def dispose(self) -> None:
        self.log.append("dispose")


async def test_a_subclass_of_root_has_hooks() -> None:
    """L2, L8, M1: a root's own hooks are called, and it needs no `super().__init__()`."""
    log: list[str] = []
    async with Hooked(log) as root:
        assert log[0] == "start"
        await anyio.sleep(5)
        assert root.state is TaskState.STARTED
    assert log == ["start", "go", "dispose"]


async def test_start_of_a_root_may_add_tasks() -> None:
    """L12, M1: a root's `start` may add tasks and await them."""

    class Boot(RootManager[Any, Any]):
        async def start(self) -> None:
            self.found = await self.add_task(Asker(fetch))

    async def fetch() -> int:
        await anyio.sleep(2)
        return 7

    async with Boot() as root:
        assert root.found == 7


class Broken(RootManager[Any, Any]):
    async def start(self) -> None:
        self.using(self.release)
        raise OSError("no such port")

    def release(self) -> None:
        self.released = True


async def test_init_raises_what_the_start_of_the_root_raised() -> None:
    """M1: a root whose `start` fails is gone, what it held is released, and `init()` raises the failure itself."""
    root = Broken()
    with pytest.raises(OSError, match="no such port"):
        await root.init()
    assert root.state is TaskState.DISPOSED
    assert root.released


async def test_async_with_is_not_entered_when_the_start_of_the_root_fails() -> None:
    """M1: the body of `async with` does not run when the root cannot start."""
    with pytest.raises(OSError, match="no such port"):
        async with Broken():
            pytest.fail("the body was entered")


async def test_a_root_whose_start_failed_can_be_tried_again() -> None:
    """M1: `init()` may be tried again after a failed one."""

    class Second(RootManager[Any, Any]):
        tries = 0

        def start(self) -> None:
            self.tries += 1
            if self.tries == 1:
                raise OSError("not yet")

    root = Second()
    with pytest.raises(OSError, match="not yet"):
        await root.init()
    async with root:
        assert root.state is TaskState.STARTED


async def test_a_root_with_a_retry_policy_starts_again() -> None:
    """R1, M1: a failed start of a root is retried as its policy says, and `init()` waits for it."""

    class Second(RootManager[Any, Any]):
        retry = gotask.RetryPolicy(3, 1.0)
        tries = 0

        def start(self) -> None:
            self.tries += 1
            if self.tries < 3:
                raise OSError("not yet")

    before = anyio.current_time()
    async with Second() as root:
        assert root.tries == 3
        assert anyio.current_time() - before == pytest.approx(1 + 2)


async def test_a_root_stopped_before_it_is_opened_does_not_open() -> None:
    """S2, M1: a root that was stopped before `init()` never starts; `init()` raises the reason."""
    root: Root = RootManager()
    root.stop()
    with pytest.raises(StopByUser):
        await root.init()
    assert root.state is TaskState.DISPOSED


async def test_stop_ends_the_tree_as_shutdown_does() -> None:
    """M1: `root.stop()` ends the whole tree; `shutdown()` afterwards only reports."""
    root: Root = RootManager()
    await root.init()
    task = root.add_task(Forever())
    await task.wait_started()
    root.stop("enough")
    assert isinstance(await root.wait_stopped(), StopByUser)
    assert task.cleaned
    report = await root.shutdown()
    assert report.disposed == 2


def test_properties_that_need_an_open_tree_say_so() -> None:
    """M1: what needs an open tree says how to open it."""
    root: Root = RootManager()
    with pytest.raises(TaskStateError, match="init"):
        _ = root.history
    with pytest.raises(TaskStateError, match="init"):
        root.observe(gotask.Observer())
    with pytest.raises(TaskStateError, match="init"):
        root.unobserve(gotask.Observer())


@pytest.mark.parametrize("options", [{"max_threads": 0}, {"max_threads": 1.5}, {"history": -1}, {"history": "all"}])
def test_wrong_options_are_refused_at_once(options: dict[str, Any]) -> None:
    """M1: an option that cannot work is a ValueError in the call that makes the root."""
    with pytest.raises(ValueError, match=next(iter(options))):
        RootManager(**options)


# M4: the report


async def test_report_counts_the_disposed_and_the_time() -> None:
    """M4: the report says how many were disposed and how long it took."""
    root: Root = RootManager()
    await root.init()
    tasks = [root.add_task(Forever()) for _ in range(4)]
    for task in tasks:
        await task.wait_started()
    await anyio.sleep(100)
    report = await root.shutdown()
    assert report.disposed == 5
    assert report.duration == pytest.approx(4)  # four clean-ups of a second each, one after another (D2)
    assert report.unstopped == ()
    assert str(report) == "5 tasks disposed in 4 s"


async def test_report_counts_from_the_request_that_began_it() -> None:
    """M4: the report counts from the first request on, whoever made it, and when ever it is asked for."""
    root: Root = RootManager()
    await root.init()
    await root.add_task(Forever()).wait_started()
    root.stop()
    await anyio.sleep(50)
    report = await root.shutdown()
    assert report.disposed == 2
    assert report.duration == pytest.approx(1)


async def test_report_leaves_out_what_ended_before() -> None:
    """M4: tasks that had ended before the shutdown are not counted."""
    root: Root = RootManager()
    await root.init()
    for _ in range(3):
        await root.add_task(Asker(anyio.lowlevel.checkpoint))
    assert (await root.shutdown()).disposed == 1


async def test_shutdown_is_idempotent() -> None:
    """M4: a second `shutdown()` returns the report of the first."""
    root: Root = RootManager()
    await root.init()
    first = await root.shutdown()
    assert await root.shutdown() is first


async def test_concurrent_callers_get_the_same_report() -> None:
    """M4: all who call `shutdown()` while it lasts get the same report."""
    root: Root = RootManager()
    await root.init()
    await root.add_task(Forever()).wait_started()
    reports: list[gotask.ShutdownReport] = []

    async def close() -> None:
        reports.append(await root.shutdown())

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(close)
    assert len(reports) == 5
    assert all(report is reports[0] for report in reports)
    assert reports[0].disposed == 2


async def test_shutdown_of_a_root_never_opened_returns_an_empty_report() -> None:
    """M4: there is nothing to shut down before `init()`."""
    report = await RootManager[Any, Any]().shutdown()
    assert report == gotask.ShutdownReport()


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_open_root_that_nobody_holds_lives_on(backend: str) -> None:
    """M1: a root that is open stays, also where the program keeps no reference to it."""
    disposed: list[str] = []

    class Waiter(Task[Any]):
        async def go(self) -> None:
            await anyio.Event().wait()

        def dispose(self) -> None:
            disposed.append("disposed")

    async def open_one() -> weakref.ref[Any]:
        root: Root = await RootManager().init()
        await root.add_task(Waiter()).wait_started()
        return weakref.ref(root)

    async def main() -> None:
        kept = await open_one()
        gc.collect()
        await anyio.sleep(1)
        gc.collect()
        root = kept()
        assert root is not None
        await root.shutdown()
        assert disposed == ["disposed"]
        assert root.task_id not in OPEN

    run_virtual(main, backend=backend)


async def test_a_root_that_is_not_open_says_how_to_open_it() -> None:
    """M1, L12: adding to it, or entering it with a plain `with`, is answered with what to write."""
    with pytest.raises(TaskStateError, match="async with RootManager"):
        RootManager().add_task(Stubborn())
    with pytest.raises(TypeError, match="BlockingRoot"):
        RootManager().__enter__()


async def test_a_cancellation_of_the_whole_program_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """S8: bodies that the back end cancels with everything else are stopped with Exit, and nothing is said."""

    class Waiter(Task[Any]):
        async def go(self) -> None:
            await anyio.Event().wait()

    async def main() -> None:
        root: Root = await RootManager().init()
        await root.add_task(Waiter()).wait_started()

    for backend in BACKENDS:
        await anyio.to_thread.run_sync(partial(run_virtual, main, backend=backend))
    assert [record.getMessage() for record in caplog.records] == []


async def test_shutdown_timeout_abandons_and_says_where_it_hangs() -> None:
    """M4: `shutdown(timeout)` gives up what still lives then; the report names it, and where it hangs."""
    root: Root = RootManager()
    await root.init()
    stubborn = root.add_task(Stubborn())
    await stubborn.wait_started()
    before = anyio.current_time()
    report = await root.shutdown(timeout=3)
    assert anyio.current_time() - before == pytest.approx(3)
    assert report.duration == pytest.approx(3)
    paths = [one.path for one in report.unstopped]
    assert stubborn.execution_path in paths
    (hung,) = [one for one in report.unstopped if one.path == stubborn.execution_path]
    assert any("test_root.py" in line and "in dispose" in line for line in hung.where)
    assert "hangs at" in str(report)


class Stuck(Task[Any]):
    """Cannot be stopped, and holds something that takes `seconds` to be released."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.released = False

    async def start(self) -> None:
        self.using(self.release)

    async def release(self) -> None:
        await anyio.sleep(self.seconds)
        self.released = True

    async def go(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1000)


async def test_what_is_abandoned_has_a_moment_to_be_released() -> None:
    """M4, S5: the tree does not close before the resources of what it abandoned are released."""
    root: Root = RootManager()
    await root.init()
    tasks = [root.add_task(Stuck(seconds)) for seconds in (0.3, 0.6)]
    await tasks[-1].wait_started()
    before = anyio.current_time()
    report = await root.shutdown(timeout=3)
    assert anyio.current_time() - before == pytest.approx(3.6)
    assert [task.released for task in tasks] == [True, True]
    assert not any("the resource" in one.path for one in report.unstopped)


async def test_a_release_that_takes_longer_than_a_moment_is_reported() -> None:
    """M4, S5: after a second the tree closes; the report says what was not released, and where it hangs."""
    root: Root = RootManager()
    await root.init()
    task = root.add_task(Stuck(100))
    await task.wait_started()
    before = anyio.current_time()
    report = await root.shutdown(timeout=3)
    assert anyio.current_time() - before == pytest.approx(4)
    assert not task.released
    hung = report.unstopped[-1]
    assert hung.path.startswith(f"{task.execution_path}: the resource <bound method Stuck.release")
    assert any("in release" in line for line in hung.where)


async def test_shutdown_timeout_is_nothing_to_a_tree_that_goes_in_time() -> None:
    """M4: a timeout that is not reached changes nothing."""
    root: Root = RootManager()
    await root.init()
    task = root.add_task(Forever())
    await task.wait_started()
    report = await root.shutdown(timeout=10)
    assert task.cleaned
    assert not report.unstopped
    assert report.duration == pytest.approx(1)


async def test_a_later_call_may_bring_the_timeout() -> None:
    """M4: a caller who will not wait may set a timeout while another one waits without."""
    root: Root = RootManager()
    await root.init()
    await root.add_task(Stubborn()).wait_started()
    reports: list[gotask.ShutdownReport] = []

    async def close() -> None:
        reports.append(await root.shutdown())

    async with anyio.create_task_group() as group:
        group.start_soon(close)
        await anyio.sleep(5)
        reports.append(await root.shutdown(timeout=2))
    assert reports[0] is reports[1]
    assert reports[0].duration == pytest.approx(7)


async def test_a_deep_tree_is_abandoned_as_a_whole() -> None:
    """M4, S5: a timeout reaches whatever is below a Job that cannot go."""
    root: Root = RootManager()
    await root.init()
    job = root.add_task(Work())
    await job.wait_started()
    inner = job.add_task(Work())
    await inner.wait_started()
    stubborn = inner.add_task(Stubborn())
    await stubborn.wait_started()
    await root.shutdown(timeout=1)
    assert {one.state for one in (root, job, inner, stubborn)} == {TaskState.DISPOSED}


# M9: the current task, and contexts


async def test_there_is_no_current_task_outside() -> None:
    """M9: outside of all hooks there is no current task, inside `async with` neither."""
    assert gotask.current_task() is None
    async with RootManager():
        assert gotask.current_task() is None


class Noting(Task):
    """Notes whose hook is running, in each of its hooks."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def note(self) -> None:
        self.seen.append(gotask.current_task())


class PlainHooks(Noting):
    def start(self) -> None:
        self.note()

    def dispose(self) -> None:
        self.note()


class AsyncHooks(Noting):
    async def start(self) -> None:
        self.note()
        await anyio.sleep(1)
        self.note()

    async def go(self) -> None:
        self.note()
        await anyio.sleep(1)
        self.note()

    async def dispose(self) -> None:
        self.note()
        await anyio.sleep(1)
        self.note()


class RunHook(Noting):
    async def run(self) -> None:
        self.note()
        await anyio.sleep(1)
        self.note()


class ThreadGo(Noting):
    def go(self) -> None:
        self.note()


class ThreadRun(Noting):
    def run(self) -> None:
        self.note()


@pytest.mark.parametrize(
    ("kind", "count"), [(PlainHooks, 2), (AsyncHooks, 6), (RunHook, 2), (ThreadGo, 1), (ThreadRun, 1)]
)
async def test_current_task_in_each_kind_of_hook(root: Root, kind: type[Noting], count: int) -> None:
    """M9: `current_task()` is the task whose hook is running: plain, async, in a thread, before and after a wait."""
    others = [root.add_task(AsyncHooks()) for _ in range(2)]
    task = root.add_task(kind())
    others.append(root.add_task(AsyncHooks()))
    if kind is PlainHooks:
        await task.wait_started()
        task.stop()
    await task.wait_stopped()
    assert task.seen == [task] * count
    for other in others:
        await other.wait_stopped()
        assert other.seen == [other] * 6
    assert gotask.current_task() is None


async def test_current_task_in_a_tick(root: Root) -> None:
    """M9: in a tick, plain or async, the current task is the one that ticks."""

    class Plain(gotask.ChannelTask[int]):
        def tick(self, item: int) -> None:
            seen.append(gotask.current_task())

    class Slow(gotask.ChannelTask[int]):
        async def tick(self, item: int) -> None:
            await anyio.sleep(1)
            seen.append(gotask.current_task())

    seen: list[Any] = []
    for kind in (Plain, Slow):
        task = root.add_task(kind())
        channel = task.open()
        await channel.send(1)
        await channel.send(2)
        await channel.aclose()
        await task.wait_stopped()
        assert seen == [task, task]
        seen.clear()


async def test_current_task_in_listeners_and_resources(root: Root) -> None:
    """M9: listeners and resources of a task are called with it as the current task."""
    seen: list[Any] = []

    def note() -> None:
        seen.append(gotask.current_task())

    class Holder(Task):
        def start(self) -> None:
            self.on_start(note)
            self.using(note)
            self.on_before_dispose(note)
            self.on_dispose(note)

    task = root.add_task(Holder())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert seen == [task] * 4


async def test_current_task_in_a_run_task(root: Root) -> None:
    """M9, J7: inside a run-task it is the current one; afterwards its caller is again."""
    seen: list[Any] = []

    class Outer(Task):
        async def go(self) -> None:
            await self.run_task(inner)
            seen.append(gotask.current_task())

    inner = AsyncHooks()
    outer = root.add_task(Outer())
    await outer.wait_stopped()
    assert inner.seen == [inner] * 6
    assert seen == [outer]


async def test_current_task_follows_into_spawned_tasks(root: Root) -> None:
    """M9: what a hook spawns in a task group has the hook's task as the current one."""
    seen: list[Any] = []

    async def child() -> None:
        await anyio.sleep(1)
        seen.append(gotask.current_task())

    class Spawner(Task):
        async def go(self) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(child)
                group.start_soon(child)

    task = root.add_task(Spawner())
    await task
    assert seen == [task, task]


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop"])
def test_current_task_follows_into_asyncio_tasks(backend: str) -> None:
    """M9: a task that asyncio makes for a hook has the hook's task as the current one."""

    async def child() -> Any:
        await asyncio.sleep(1)
        return gotask.current_task()

    class Spawner(Task):
        async def go(self) -> Any:
            return await asyncio.create_task(child())

    async def main() -> None:
        async with RootManager() as root:
            task = root.add_task(Spawner())
            assert await task is task

    run_virtual(main, backend=backend)


async def test_current_task_follows_into_threads_of_a_hook(root: Root) -> None:
    """M9: in a thread that a hook starts with anyio, the current task is the hook's."""

    class Threaded(Task):
        async def go(self) -> Any:
            return await anyio.to_thread.run_sync(gotask.current_task)

    task = root.add_task(Threaded())
    assert await task is task


async def test_current_task_in_a_foreign_thread_is_none(root: Root) -> None:
    """M9: a thread that nobody's hook started has no current task."""
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(gotask.current_task()))
    thread.start()
    thread.join()
    assert seen == [None]


async def test_a_life_has_a_context_of_its_own(root: Root) -> None:
    """M9: what an async hook sets in a context variable is there in its later hooks, and nowhere else."""

    class Setter(Task):
        def __init__(self, value: str) -> None:
            self.value = value
            self.seen: list[str] = []

        async def start(self) -> None:
            self.seen.append(VALUE.get())
            VALUE.set(self.value)

        async def go(self) -> None:
            await anyio.sleep(1)
            self.seen.append(VALUE.get())

        async def dispose(self) -> None:
            self.seen.append(VALUE.get())

    tasks = [root.add_task(Setter(name)) for name in "ab"]
    for task in tasks:
        await task.wait_stopped()
    assert [task.seen for task in tasks] == [["unset", "a", "a"], ["unset", "b", "b"]]
    assert VALUE.get() == "unset"


async def test_the_context_is_the_parents_not_the_callers(root: Root) -> None:
    """M9: a life's context is a copy of its parent's, not of the context of whoever called `add_task`."""

    class Parent(Work):
        async def start(self) -> None:
            VALUE.set("of the parent")

    parent = root.add_task(Parent())
    await parent.wait_started()
    VALUE.set("of the caller")

    async def get() -> str:
        return VALUE.get()

    child = parent.add_task(Asker(get))
    assert await child == "of the parent"
    other = root.add_task(Asker(get))
    assert await other == "unset"
    VALUE.set("unset")


async def test_plain_hooks_share_the_context_of_the_job(root: Root) -> None:
    """M9: plain hooks run in the Job's context."""
    seen: list[str] = []

    class Parent(Work):
        async def start(self) -> None:
            VALUE.set("of the parent")

    class Plain(Task):
        def start(self) -> None:
            seen.append(VALUE.get())

    parent = root.add_task(Parent())
    await parent.wait_started()
    await parent.add_task(Plain()).wait_started()
    assert seen == ["of the parent"]


async def test_a_second_life_has_a_fresh_context(root: Root) -> None:
    """M9: each life has its own copy: what the life before set is gone."""
    seen: list[str] = []

    class Again(Task):
        retry = gotask.RetryPolicy(1, 1.0)

        async def start(self) -> None:
            seen.append(VALUE.get())
            VALUE.set("of the first life")
            if len(seen) == 1:
                raise OSError("again")

    await root.add_task(Again()).wait_started()
    assert seen == ["unset", "unset"]


# M10, M11: a shutdown from inside


async def test_shutdown_inside_the_tree_only_asks() -> None:
    """M10: `await root.shutdown()` in a hook returns at once, with an empty report."""
    root: Root = RootManager()
    await root.init()

    class Ender(Task):
        took = -1.0

        async def go(self) -> None:
            before = anyio.current_time()
            self.report = await root.shutdown()
            self.took = anyio.current_time() - before
            self.seen = root.stop_reason

    other = root.add_task(Forever())
    ender = root.add_task(Ender())
    assert isinstance(await root.wait_stopped(), Exit)
    assert ender.report == gotask.ShutdownReport()
    assert ender.took == 0
    assert isinstance(ender.seen, Exit)
    assert other.cleaned
    assert (await root.shutdown()).disposed == 3


@pytest.mark.parametrize("where", ["start", "run", "call", "thread", "group"])
async def test_shutdown_inside_any_hook_does_not_deadlock(where: str) -> None:
    """M10: from each kind of hook, and from what a hook spawned, `shutdown()` returns at once."""
    root: Root = RootManager()
    await root.init()
    returned: list[str] = []

    async def end() -> str:
        await root.shutdown()
        returned.append(where)
        return where

    class Start(Task):
        async def start(self) -> None:
            await end()

    class Run(Task):
        async def run(self) -> None:
            await end()

    class Thread(Task):
        def go(self) -> None:
            anyio.from_thread.run(end)

    class Group(Task):
        async def go(self) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(end)

    kinds: dict[str, Callable[[], Task]] = {"start": Start, "run": Run, "thread": Thread, "group": Group}
    if where == "call":
        await root.call(end)
    else:
        root.add_task(kinds[where]())
    await root.wait_stopped()
    await root.shutdown()
    assert returned == [where]


async def test_shutdown_inside_takes_a_timeout() -> None:
    """M4, M10: a timeout given from inside bounds the shutdown too."""
    root: Root = RootManager()
    await root.init()

    class Ender(Task):
        async def go(self) -> None:
            await root.shutdown(timeout=2)

    await root.add_task(Stubborn()).wait_started()
    before = anyio.current_time()
    root.add_task(Ender())
    await root.wait_stopped()
    assert anyio.current_time() - before == pytest.approx(2)


async def test_the_body_of_async_with_is_left_alone() -> None:
    """M11: a shutdown from inside does not cancel the body of an `async with`."""

    class Ender(Task):
        async def go(self) -> None:
            await root.shutdown()

    async with RootManager() as root:
        root.add_task(Ender())
        await root.wait_stopped()
        await anyio.sleep(100)
        reached = True
    assert reached


# M12: one loop, one tree


async def test_a_running_root_cannot_be_added_to_a_tree(root: Root) -> None:
    """M12: adding a running RootManager to a tree is a TaskStateError."""
    async with RootManager() as other:
        with pytest.raises(TaskStateError, match="alive in a tree"):
            root.add_task(other)
        assert other.state is TaskState.STARTED


async def test_a_second_root_is_independent(root: Root) -> None:
    """M12: the end of one root leaves another alone."""
    task = root.add_task(Forever())
    async with RootManager() as other:
        await other.add_task(Forever()).wait_started()
    await anyio.sleep(10)
    assert task.state is TaskState.GOING
    assert root.state is TaskState.STARTED


async def test_a_disposed_task_may_go_to_another_root(root: Root) -> None:
    """M12: a DISPOSED task may be added to another root."""
    task = Forever()
    async with RootManager() as other:
        await other.add_task(task).wait_started()
    task.cleaned = False
    root.add_task(task)
    await task.wait_started()
    assert task.parent is root
    task.stop()
    await task.wait_stopped()
    assert task.cleaned


def test_a_disposed_task_may_go_to_a_root_in_another_loop() -> None:
    """M12: also when that root lives in another event loop, after the first is over."""
    task = Forever()

    async def session() -> None:
        task.cleaned = False
        async with RootManager() as root:
            await root.add_task(task).wait_started()
        assert task.cleaned

    for backend in ("asyncio", "trio", "asyncio+uvloop"):
        run_virtual(session, backend=backend)


async def test_a_root_cannot_be_opened_in_a_second_loop(root: Root) -> None:
    """M12: `init()` of a running root in another event loop is a TaskStateError."""

    def elsewhere() -> None:
        with pytest.raises(TaskStateError, match="another thread"):
            anyio.run(root.init)

    await anyio.to_thread.run_sync(elsewhere)
    assert root.state is TaskState.STARTED


async def test_shutdown_in_a_second_loop_is_refused(root: Root) -> None:
    """M12: `shutdown()` awaited in another event loop is a TaskStateError, not a hang."""

    def elsewhere() -> None:
        with pytest.raises(TaskStateError, match="BlockingRoot"):
            anyio.run(root.shutdown)

    await anyio.to_thread.run_sync(elsewhere)
    assert root.state is TaskState.STARTED


@pytest.mark.parametrize("ask", [lambda root: root.stop(), lambda root: root.add_task(Forever())])
def test_what_is_asked_of_a_root_whose_loop_was_closed(ask: Callable[[Root], object]) -> None:
    """M12: what is asked of it says so, in the thread of the tree too."""
    loop = asyncio.new_event_loop()
    root = loop.run_until_complete(RootManager[Any, Any]().init())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    with pytest.raises(TaskDisposedError, match="event loop of this tree is closed"):
        ask(root)
    del OPEN[root.task_id]


# S8: cancellation from outside


async def test_cancelling_the_enclosing_scope_stops_the_tree_with_exit() -> None:
    """S8: a cancelled scope around `async with` is a stop with Exit, clean-up runs, and the cancellation goes on."""
    task = Forever()
    after = False
    with anyio.CancelScope() as scope:
        async with RootManager() as root:
            await root.add_task(task).wait_started()
            scope.cancel()
            await anyio.sleep_forever()
        after = True
    assert not after
    assert scope.cancelled_caught
    assert task.cleaned
    assert isinstance(task.stop_reason, Exit)


async def test_a_time_limit_around_a_root_waits_for_the_clean_up() -> None:
    """S8: a timeout around `async with` ends the tree, and leaves when its clean-up is over."""
    task = Forever()
    before = anyio.current_time()
    with pytest.raises(TimeoutError):
        with anyio.fail_after(5):
            async with RootManager() as root:
                await root.add_task(task)
    assert anyio.current_time() - before == pytest.approx(6)
    assert task.cleaned


async def test_a_failing_sibling_in_a_task_group_stops_the_tree() -> None:
    """S8: a task group that cancels its tasks because one failed stops the tree in another of them."""
    task = Forever()

    async def host() -> None:
        async with RootManager() as root:
            await root.add_task(task).wait_started()
            await anyio.sleep_forever()

    async def fail() -> None:
        await anyio.sleep(3)
        raise ValueError("a sibling")

    with pytest.raises(ExceptionGroup) as caught:
        async with anyio.create_task_group() as group:
            group.start_soon(host)
            group.start_soon(fail)
    assert [type(error) for error in caught.value.exceptions] == [ValueError]
    assert task.cleaned


async def test_shutdown_waits_to_the_end_though_its_caller_is_cancelled() -> None:
    """S8: a cancellation during `shutdown()` is raised when the tree is gone, not before."""
    root: Root = RootManager()
    await root.init()
    task = root.add_task(Forever())
    await task.wait_started()
    before = anyio.current_time()
    with anyio.move_on_after(0.25) as scope:
        await root.shutdown()
    assert scope.cancelled_caught
    assert anyio.current_time() - before == pytest.approx(1)
    assert task.cleaned


async def test_init_cancelled_from_outside_leaves_nothing_open() -> None:
    """S8: a cancellation during `init()` takes back what it opened."""

    class Slow(RootManager[Any, Any]):
        async def start(self) -> None:
            self.using(self.release)
            await anyio.sleep(5)

        def release(self) -> None:
            self.released = True

    root = Slow()
    with anyio.move_on_after(1) as scope:
        await root.init()
    assert scope.cancelled_caught
    assert root.state is TaskState.DISPOSED
    assert root.released


async def test_init_in_a_scope_that_is_cancelled_already() -> None:
    """S8: `init()` under a cancelled scope does not open the tree, and leaves nothing behind."""
    root: Root = RootManager()
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with root:
            pytest.fail("the body was entered")
    assert root.state is TaskState.DISPOSED


async def test_wait_stopped_cancelled_from_outside_leaves_the_task_alone(root: Root) -> None:
    """S8: a cancelled waiter cancels only itself."""
    task = root.add_task(Forever())
    with anyio.move_on_after(1):
        await task.wait_stopped()
    assert task.state is TaskState.GOING


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop"])
def test_task_cancel_of_asyncio_stops_the_tree(backend: str) -> None:
    """S8: `task.cancel()` of the asyncio task that holds the root: clean-up runs, CancelledError is re-raised."""
    task = Forever()

    async def host() -> None:
        async with RootManager() as root:
            await root.add_task(task).wait_started()
            await asyncio.sleep(1000)

    async def main() -> float:
        hosting = asyncio.create_task(host())
        await asyncio.sleep(1)
        hosting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hosting
        assert hosting.cancelled()
        return asyncio.get_running_loop().time()

    assert run_virtual(main, backend=backend) == pytest.approx(2)
    assert task.cleaned
    assert isinstance(task.stop_reason, Exit)


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop"])
def test_task_cancel_of_asyncio_during_shutdown(backend: str) -> None:
    """S8: cancelled again and again during the shutdown, the clean-up still runs to its end."""
    task = Forever()

    async def host() -> None:
        async with RootManager() as root:
            await root.add_task(task).wait_started()

    async def main() -> None:
        hosting = asyncio.create_task(host())
        for _ in range(5):
            await asyncio.sleep(0.1)
            hosting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hosting

    run_virtual(main, backend=backend)
    assert task.cleaned


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop"])
def test_asyncio_timeout_around_a_root(backend: str) -> None:
    """S8: `asyncio.timeout` around `async with` gives TimeoutError, after the clean-up."""
    task = Forever()

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                async with RootManager() as root:
                    await root.add_task(task)
        return asyncio.get_running_loop().time()

    assert run_virtual(main, backend=backend) == pytest.approx(6)
    assert task.cleaned


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])
def test_a_root_left_open_at_the_end_of_the_loop_is_cleaned_up(backend: str) -> None:
    """S8: a tree that is open when the event loop ends is stopped with Exit and cleaned up; nothing hangs."""
    tasks = [Forever(), Forever()]

    async def main() -> None:
        root: Root = RootManager()
        await root.init()
        for task in tasks:
            await root.add_task(task).wait_started()

    run_virtual(main, backend=backend)
    assert all(task.cleaned for task in tasks)


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])
def test_an_error_out_of_main_with_a_root_left_open(backend: str) -> None:
    """S8: the same when main fails: the tree is cleaned up and the error is raised."""
    task = Forever()

    async def main() -> None:
        root: Root = RootManager()
        await root.init()
        await root.add_task(task).wait_started()
        raise ValueError("main")

    with pytest.raises(ValueError, match="main"):
        run_virtual(main, backend=backend)
    assert task.cleaned


# L14: KeyboardInterrupt and SystemExit


class Raiser(Task):
    """Raises in the hook named."""

    def __init__(self, hook: str, fault: BaseException) -> None:
        self.hook = hook
        self.fault = fault

    def maybe(self, hook: str) -> None:
        if self.hook == hook:
            raise self.fault

    async def start(self) -> None:
        self.maybe("start")
        self.on_start(lambda: self.maybe("on_start"))
        self.using(lambda: self.maybe("using"))
        self.on_dispose(lambda: self.maybe("on_dispose"))

    async def go(self) -> None:
        await anyio.sleep(1)
        self.maybe("go")

    async def dispose(self) -> None:
        self.maybe("dispose")


HOOKS = ["start", "on_start", "go", "dispose", "using", "on_dispose"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("hook", HOOKS)
async def test_keyboard_interrupt_out_of_a_hook_leaves_as_itself(hook: str, kind: type[BaseException]) -> None:
    """L14: KeyboardInterrupt or SystemExit out of a hook shuts the tree down with Exit, and leaves as itself."""
    error = kind("now")
    other = Forever()
    with pytest.raises(kind) as caught:
        async with RootManager() as root:
            await root.add_task(other).wait_started()
            root.add_task(Raiser(hook, error))
            await root.wait_stopped()
    assert caught.value is error
    assert isinstance(root.stop_reason, Exit)
    assert other.cleaned


async def test_system_exit_in_a_thread_body_leaves_as_itself() -> None:
    """L14: SystemExit in a thread body too."""

    class Leaver(Task):
        def go(self) -> None:
            raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        async with RootManager() as root:
            root.add_task(Leaver())
            await root.wait_stopped()
    assert caught.value.code == 3


async def test_system_exit_deep_in_the_tree_leaves_as_itself() -> None:
    """L14: from any depth, also where failures escalate."""

    class Group(Work):
        on_child_failure = "escalate"

    with pytest.raises(SystemExit):
        async with RootManager() as root:
            job = root.add_task(Group())
            await job.wait_started()
            inner = job.add_task(Group())
            await inner.wait_started()
            inner.add_task(Raiser("go", SystemExit(1)))
            await root.wait_stopped()


async def test_system_exit_is_not_retried() -> None:
    """L14: a retry policy does not consume it, however many retries are left."""
    task = Raiser("go", SystemExit(1))
    task.set_retry(-1, 1.0, retry_on=(Exception,))
    with pytest.raises(SystemExit):
        async with RootManager() as root:
            root.add_task(task)
            await root.wait_stopped()
    assert task.retry_count == 0


async def test_a_cancelled_error_nobody_caused_is_a_failure(root: Root) -> None:
    """L14: an asyncio.CancelledError that nobody here caused is a failure like another."""
    error = asyncio.CancelledError("of somebody else")
    task = root.add_task(Raiser("go", error))
    assert await task.wait_stopped() is error
    assert root.state is TaskState.STARTED


# L15: a bug of the library itself


@pytest.fixture
def broken_due(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and the library's loop fails at its next event."""

    def break_it() -> None:
        def due(life: Life) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(Life, "due", due)

    return break_it


async def test_a_bug_in_the_loop_raises_task_panic(broken_due: Callable[[], None]) -> None:
    """L15: an error in the library's own loop shuts the tree down with TaskPanic, the error as `__cause__`."""
    with pytest.raises(TaskPanic) as caught:
        async with RootManager() as root:
            await root.add_task(Forever()).wait_started()
            broken_due()
            root.add_task(Forever())
            await root.wait_stopped()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert isinstance(root.stop_reason, TaskPanic)


async def test_a_bug_in_the_loop_ends_every_wait(broken_due: Callable[[], None]) -> None:
    """L15: whoever waits for a task of that tree is let go; it never hangs."""
    root: Root = RootManager()
    await root.init()
    task = root.add_task(Forever())
    job = root.add_task(Work())
    await job.wait_started()
    deep = job.add_task(Forever())
    await deep.wait_started()
    ended: list[Task] = []

    async def wait_for(one: Task) -> None:
        await one.wait_stopped()
        ended.append(one)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for one in (task, job, deep):
                group.start_soon(wait_for, one)
            await anyio.sleep(1)
            broken_due()
            task.stop()
    assert len(ended) == 3
    with pytest.raises(TaskPanic):
        await root.shutdown()


async def test_a_bug_at_the_very_start_raises_task_panic(broken_due: Callable[[], None]) -> None:
    """L15: also when it comes with the first event, in `init()`."""
    broken_due()
    with anyio.fail_after(60):
        with pytest.raises(TaskPanic):
            await RootManager[Any, Any]().init()


async def test_a_bug_in_the_loop_ends_a_call_that_waits(broken_due: Callable[[], None]) -> None:
    """L15: a `call` that waits in a loop which fails raises instead of hanging."""
    root: Root = RootManager()
    await root.init()
    await root.add_task(Forever()).wait_started()
    broken_due()
    root.add_task(Forever())
    with anyio.fail_after(60):
        with pytest.raises(TaskDisposedError):
            await root.call(lambda: None)
        with pytest.raises(TaskPanic):
            await root.shutdown()


async def test_a_bug_that_comes_once_still_cleans_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """L15: where the loops of the others still work, their clean-up is done."""
    root: Root = RootManager()
    await root.init()
    shaky = root.add_task(Work())
    await shaky.wait_started()
    calm = root.add_task(Work())
    await calm.wait_started()
    task = calm.add_task(Forever())
    await task.wait_started()
    right = Life.due

    def due(life: Life) -> Any:
        if life.parent.task is shaky:
            raise ZeroDivisionError("a bug")
        return right(life)

    monkeypatch.setattr(Life, "due", due)
    shaky.add_task(Forever())
    with anyio.fail_after(60):
        with pytest.raises(TaskPanic):
            await root.shutdown()
    assert task.cleaned


async def test_the_panic_is_raised_once(broken_due: Callable[[], None]) -> None:
    """L15, M4: one caller gets the TaskPanic; later ones get the report."""
    root: Root = RootManager()
    await root.init()
    broken_due()
    root.add_task(Forever())
    with pytest.raises(TaskPanic):
        await root.shutdown()
    assert await root.shutdown() is await root.shutdown()


# Habits of the back ends


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Root]:
    async with RootManager() as root:
        yield root


async def test_a_root_in_an_async_fixture_or_generator() -> None:
    """M1: a root may be opened and closed by an async generator, as a web framework's lifespan does."""
    async with opened() as root:
        task = root.add_task(Forever())
        await task.wait_started()
    assert task.cleaned


async def test_many_roots_one_after_another_leave_nothing_behind() -> None:
    """M1: opening and closing does not add up; no thread is left."""
    before = threading.active_count()
    for _ in range(50):
        async with RootManager() as root:
            await root.add_task(Job()).wait_started()
    assert threading.active_count() == before
