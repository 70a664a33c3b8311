"""S, M4: why a task is not stopping: who asked, when and from where, and what it waits for."""

from __future__ import annotations

import dataclasses
import gc
import json
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

import gotask
from gotask import BlockingRoot, ChannelTask, Job, RootManager, StopReport, Task, Work
from gotask.job import ThreadFunctionTask
from gotask.testing import Stepper, let_time_pass

Root = RootManager[Any, Any]
FILE = "tests/test_stop_report.py"


async def nap() -> None:
    """Wait, whoever cancels it."""
    with anyio.CancelScope(shield=True):
        await anyio.sleep(10)


class Stubborn(Task):
    async def go(self) -> None:
        await nap()


class Slow(Task):
    async def dispose(self) -> None:
        await nap()


def line() -> int:
    """The line of the caller."""
    return sys._getframe(1).f_lineno


async def report_of(task: Task[Any]) -> StopReport:
    """The report a second later, in which the tree has settled."""
    await anyio.sleep(1)
    report = task.stop_report()
    assert report is not None
    return report


async def stopped(root: Root, task: Task[Any]) -> StopReport:
    """The report on a task a second after its stop."""
    await root.add_task(task).wait_started()
    await anyio.sleep(1)
    task.stop()
    return await report_of(task)


# None


async def test_a_task_that_nobody_asked_has_no_report(root: Root) -> None:
    """S: before a stop request there is nothing to explain."""
    task = root.add_task(Stubborn())
    assert task.stop_report() is None
    await task.wait_started()
    assert task.stop_report() is None


async def test_a_task_that_is_over_has_no_report(root: Root) -> None:
    """S: nor after the end."""
    task = root.add_task(Task())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert task.stop_report() is None


def test_a_task_in_no_tree_has_no_report() -> None:
    """S: nor outside of a tree."""
    task = Task()
    task.stop()
    assert task.stop_report() is None


async def test_a_retry_is_no_end(root: Root) -> None:
    """S, R2: a task that waits for its next life is not stopping; asked to, it has ended at once."""

    class Failing(Task):
        retry = gotask.RetryPolicy(1, 100.0)

        def start(self) -> None:
            raise ValueError("no")

    task = root.add_task(Failing())
    await anyio.sleep(1)
    assert task.state is gotask.TaskState.RETRYING
    assert task.stop_report() is None


# Who asked, when, where, why


async def test_it_says_what_was_asked(root: Root) -> None:
    """S1: the path, the state, the reason, and when it was asked on both clocks."""
    task = root.add_task(Stubborn())
    await task.wait_started()
    before = time.time()
    task.stop("maintenance")
    report = await report_of(task)
    assert (report.task_id, report.path, report.state) == (task.task_id, task.execution_path, "GOING")
    assert (report.reason_type, report.reason) == ("StopByUser", "maintenance")
    assert report.asked_ago == pytest.approx(1)
    assert report.asked_at == pytest.approx(before, abs=5)


async def test_the_line_of_the_stop_call(root: Root) -> None:
    """H1, S1: `asked_from` is file and line of the call."""
    task = root.add_task(Stubborn())
    await task.wait_started()
    task.stop()
    here = line() - 1
    report = await report_of(task)
    assert report.asked_from == f"{FILE}:{here}"
    assert report.asked_by == "code outside of any task"
    assert report.asked_by_id is None


async def test_the_task_whose_hook_asked(root: Root) -> None:
    """M9, S1: `asked_by` is the path of the task whose hook called `stop`."""
    victim = root.add_task(Stubborn())

    class Killer(Task):
        async def go(self) -> None:
            victim.stop()

    killer = root.add_task(Killer())
    await killer
    report = await report_of(victim)
    assert (report.asked_by, report.asked_by_id) == (killer.execution_path, killer.task_id)


async def test_the_task_whose_thread_asked(root: Root) -> None:
    """M9: also when it called it in its thread."""
    victim = root.add_task(Stubborn())
    killer = root.add_task(victim.stop)
    await killer
    assert (await report_of(victim)).asked_by == killer.execution_path


async def test_another_thread_asked(root: Root) -> None:
    """M6: a thread that belongs to no task is known by its name."""
    task = root.add_task(Stubborn())
    await task.wait_started()
    thread = threading.Thread(target=task.stop, name="helper")
    thread.start()
    thread.join()
    assert (await report_of(task)).asked_by == "the thread 'helper'"


async def test_the_first_who_asked(root: Root) -> None:
    """S1: the first request wins, also against one of another thread."""
    task = root.add_task(Stubborn())
    await task.wait_started()
    task.stop("first")
    thread = threading.Thread(target=task.stop, args=("second",))
    thread.start()
    thread.join()
    report = await report_of(task)
    assert (report.reason, report.asked_by) == ("first", "code outside of any task")


async def test_its_parent_asked(root: Root) -> None:
    """D2: a child that goes with its parent was asked by it."""
    job = root.add_task(Work())
    child = job.add_task(Stubborn())
    await child.wait_started()
    await anyio.sleep(1)
    job.stop("all of it")
    report = await report_of(child)
    assert (report.asked_by, report.asked_by_id) == (job.execution_path, job.task_id)
    assert report.asked_ago == pytest.approx(1)
    assert report.reason == "all of it"


async def test_what_holds_it_asked(root: Root) -> None:
    """D8: a task given to `using` is asked by the one that held it."""
    held = root.add_task(Stubborn())
    holder = root.add_task(Task())
    await holder.wait_started()
    holder.using(held)
    holder.stop()
    assert (await report_of(held)).asked_by == holder.execution_path


async def test_other_ways_to_ask(root: Root) -> None:
    """J3, J4, J9: a timeout, `stop_when`, a new task under the key, the end of a child it depends on."""
    event = anyio.Event()
    late, told = root.add_task(Stubborn(), timeout=1.0), root.add_task(Stubborn(), stop_when=event)
    old = root.add_task(Stubborn(), key="key")
    job = root.add_task(Work())
    job.add_task(Slow())
    part = job.add_depend_task(Task())
    await part.wait_started()
    root.replace_task("key", Task())
    part.stop()
    event.set()
    await anyio.sleep(1)
    reports = [await report_of(task) for task in (late, told, old, job)]
    assert [report.asked_by for report in reports] == [
        "its timeout", "its stop_when", "code outside of any task", "the end of a child it depends on",
    ]  # fmt: skip


async def test_the_shutdown_asked() -> None:
    """M4: `shutdown()` is known by its line."""
    root = await RootManager().init()
    await root.add_task(Stubborn()).wait_started()
    reports: list[StopReport | None] = []
    async with anyio.create_task_group() as group:
        group.start_soon(root.shutdown)
        await anyio.sleep(1)
        reports.append(root.stop_report())
    assert reports[0] is not None
    assert reports[0].asked_by == "code outside of any task"
    assert reports[0].reason_type == "Exit"


async def test_a_task_that_ends_by_itself(root: Root) -> None:
    """S9: nobody asked a task that is being disposed because its body has returned."""

    class Done(Slow):
        async def go(self) -> None:
            pass

    report = await report_of(root.add_task(Done()))
    assert (report.asked_by, report.asked_at, report.asked_ago, report.asked_from) == ("", None, None, "")
    assert report.reason_type == "TaskComplete"
    assert "by nobody, it ends by itself" in str(report)


async def test_a_task_asked_before_it_was_added(root: Root) -> None:
    """S2: it was asked when it was added, by nobody who is known."""
    job = root.add_task(Work())
    holder = job.add_task(Slow())
    await holder.wait_started()
    holder.stop()
    await anyio.sleep(1)
    task = Task()
    task.stop("early")
    job.add_task(task)
    report = await report_of(task)
    assert (report.reason, report.asked_by) == ("early", "somebody, before it was added")
    assert report.asked_ago == pytest.approx(1)


# What it waits for


async def test_the_body(root: Root) -> None:
    """S4: a body that goes on although it was cancelled; the stack says where."""
    report = await stopped(root, Stubborn())
    (link,) = report.chain
    assert link.kind == "body"
    assert link.stack[0].startswith(f"{FILE}:")
    assert [place.rpartition(" ")[2] for place in link.stack][:2] == ["go", "nap"]
    assert "cancelled, but has not ended" in str(report)


async def test_the_grace(root: Root) -> None:
    """S4: how much of `stop_grace` is left."""

    class Graceful(Stubborn):
        stop_grace = 5.0

    report = await stopped(root, Graceful())
    (link,) = report.chain
    assert link.kind == "body"
    assert link.grace_left == pytest.approx(4)
    assert "cancelled in 4 s" in str(report)


async def test_the_grace_that_is_over(root: Root) -> None:
    """S4: after it the body was cancelled."""

    class Graceful(Stubborn):
        stop_grace = 1.0

    task = Graceful()
    await stopped(root, task)
    report = await report_of(task)
    assert report.chain[0].grace_left is None


async def test_a_run_body(root: Root) -> None:
    """L5: a body in the loop is a body too."""

    class Running(Task):
        async def run(self) -> None:
            await nap()

    report = await stopped(root, Running())
    assert report.chain[0].kind == "body"
    assert report.chain[0].state == "RUNNING"


async def test_the_thread(root: Root) -> None:
    """S4: a thread cannot be cancelled; the stack is the thread's."""
    go_on = threading.Event()

    def block() -> None:
        with let_time_pass():
            go_on.wait(20)

    report = await stopped(root, task := ThreadFunctionTask(block))
    go_on.set()
    (link,) = report.chain
    assert link.kind == "thread"
    assert any(place.endswith(" in block") for place in link.stack)
    assert link.stack[0].startswith("gotask/job.py:")
    assert task.is_stopped


async def test_an_async_tick(root: Root) -> None:
    """C3: a tick that is running counts as a body."""

    class Ticking(ChannelTask[int]):
        def get_signal(self) -> Any:
            return iter([1])

        async def tick(self, item: int) -> None:
            await nap()

    report = await stopped(root, Ticking())
    assert report.chain[0].kind == "body"
    assert report.chain[0].stack[0].endswith(" in tick")


async def test_the_signal(root: Root) -> None:
    """C3: a signal that takes its time to close."""

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            await nap()

    class Reading(ChannelTask[int]):
        def get_signal(self) -> Any:
            return numbers()

    report = await stopped(root, Reading())
    (link,) = report.chain
    assert link.kind == "signal"
    assert any(place.endswith(" in nap") for place in link.stack)


async def test_the_start(root: Root) -> None:
    """S6: a `start` that finishes first."""

    class Starting(Task):
        async def start(self) -> None:
            await nap()

    task = root.add_task(Starting())
    await anyio.sleep(1)
    task.stop()
    report = await report_of(task)
    (link,) = report.chain
    assert (link.kind, link.what, link.state) == ("hook", "in start", "STARTING")
    assert link.stack[0].endswith(" in start")


@pytest.mark.parametrize("timeout", [None, 100.0])
async def test_the_dispose(root: Root, timeout: float | None) -> None:
    """D1: a `dispose` that takes its time."""
    task = Slow()
    task.dispose_timeout = timeout
    report = await stopped(root, task)
    (link,) = report.chain
    assert (link.kind, link.what, link.state) == ("hook", "in dispose", "DISPOSING")
    assert link.stack[0].endswith(" in dispose")


async def test_a_listener(root: Root) -> None:
    """D1: a listener that takes its time."""
    task = Task()
    task.on_before_dispose(nap)
    report = await stopped(root, task)
    assert (report.chain[0].kind, report.chain[0].what) == ("hook", "in an on_before_dispose listener")


async def test_a_resource(root: Root) -> None:
    """D8: a resource that takes its time to be released."""
    task = Task()
    task.using(nap)
    report = await stopped(root, task)
    (link,) = report.chain
    assert link.kind == "resource"
    assert link.what.startswith("releasing the resource <function nap")
    assert link.stack[0].endswith(" in nap")


async def test_an_on_stop_resource(root: Root) -> None:
    """S4: one that is released before the body is told."""
    task = Stubborn()
    task.on_stop(nap)
    report = await stopped(root, task)
    (link,) = report.chain
    assert link.kind == "resource"
    assert link.state == "GOING"
    assert link.stack[0].endswith(" in nap")


async def test_the_children_down_to_the_one_that_hangs(root: Root) -> None:
    """D1, D2: the child that is going, and so on down; the last of the chain is the one that really hangs."""
    outer = root.add_task(Work())
    inner = outer.add_task(Work())
    other, leaf = inner.add_task(Stubborn()), inner.add_task(Stubborn())
    await leaf.wait_started()
    outer.stop()
    report = await report_of(outer)
    assert [link.task_id for link in report.chain] == [outer.task_id, inner.task_id, leaf.task_id]
    assert [link.kind for link in report.chain] == ["child", "child", "body"]
    assert [link.on_id for link in report.chain] == [inner.task_id, leaf.task_id, None]
    assert "(1 more after it)" in report.chain[1].what
    assert other.stop_report() is not None


async def test_a_child_that_was_not_asked_yet(root: Root) -> None:
    """D2: children are asked one after another; the next one waits for the one that is going."""
    job = root.add_task(Work())
    first, last = job.add_task(Stubborn()), job.add_task(Stubborn())
    await last.wait_started()
    job.stop("why")
    report = await report_of(first)
    assert (report.asked_by, report.reason) == ("", "why")
    assert [link.kind for link in report.chain] == ["order", "child", "body"]
    assert [link.task_id for link in report.chain] == [first.task_id, job.task_id, last.task_id]
    assert "asked:  not yet" in str(report)


async def test_children_that_go_at_once(root: Root) -> None:
    """D2: where all are asked at once, one of those that are left is shown."""

    class Group(Work):
        stop_children = "concurrent"

    job = root.add_task(Group())
    job.add_task(Stubborn())
    await job.add_task(Stubborn()).wait_started()
    job.stop()
    report = await report_of(job)
    assert [link.kind for link in report.chain] == ["child", "body"]


async def test_the_loop_and_the_task_that_holds_it(root: Root) -> None:
    """L4: its dispose waits for the loop that a sibling holds; the sibling follows in the chain, with its stack."""

    class Running(Task):
        async def run(self) -> None:
            await nap()

    job = root.add_task(Work())
    task = job.add_task(Task())
    await task.wait_started()
    holder = job.add_task(Running())
    await anyio.sleep(1)
    task.stop()
    report = await report_of(task)
    assert [link.kind for link in report.chain] == ["loop", "body"]
    assert report.chain[0].on_id == report.chain[1].task_id == holder.task_id
    assert f"blocked by Running#{holder.task_id}" in report.chain[0].what
    assert "at work" in report.chain[1].what
    assert report.chain[1].stack[0].endswith(" in run")


async def test_the_loop_that_a_call_holds(root: Root) -> None:
    """Q6: a `call` may hold it too."""
    job = root.add_task(Work())
    task = job.add_task(Task())
    await task.wait_started()
    async with anyio.create_task_group() as group:
        group.start_soon(job.call, nap)
        await anyio.sleep(1)
        task.stop()
        report = await report_of(task)
    (link,) = report.chain
    assert (link.kind, link.on_id) == ("loop", None)
    assert "blocked by a call()" in link.what
    assert any(place.endswith(" in nap") for place in link.stack)


async def test_a_call_that_finishes_first(root: Root) -> None:
    """S12: a Job waits for the `call` in its loop."""
    job = root.add_task(Work())
    await job.wait_started()
    async with anyio.create_task_group() as group:
        group.start_soon(job.call, nap)
        await anyio.sleep(1)
        job.stop()
        report = await report_of(job)
    (link,) = report.chain
    assert link.kind == "call"
    assert any(place.endswith(" in nap") for place in link.stack)


async def test_a_loop_that_is_paused(root: Root) -> None:
    """Its turn does not come while a Stepper holds the loop of its parent."""
    job = root.add_task(Work())
    task = job.add_task(Task())
    await task.wait_started()
    stepper = Stepper(job)
    task.stop()
    report = await report_of(task)
    assert report.chain[0].kind == "queue"
    stepper.resume()


async def test_the_task_that_it_runs(root: Root) -> None:
    """J7: a body that waits for a run-task; the chain goes on with that."""

    class Running(Task):
        async def go(self) -> None:
            await self.run_task(inner)

    inner = Stubborn()
    task = Running()
    report = await stopped(root, task)
    assert [link.kind for link in report.chain] == ["run-task", "body"]
    assert report.chain[1].task_id == inner.task_id
    inner_report = inner.stop_report()
    assert inner_report is not None
    assert inner_report.asked_by == task.execution_path


async def test_a_long_chain_is_shown_short(root: Root) -> None:
    """D7: the chain is whole, the text shows its beginning and its end."""
    job = top = root.add_task(Work())
    for _ in range(1000):
        job = job.add_task(Work())
    await job.add_task(Stubborn()).wait_started()
    top.stop()
    report = await report_of(top)
    assert len(report.chain) == 1002
    assert "990 more" in str(report)
    assert len(str(report).splitlines()) < 40


# What it is made of


async def test_it_is_plain_values(root: Root) -> None:
    """H6: a report can be written as JSON, and does not change."""
    report = await stopped(root, Stubborn())
    assert json.loads(json.dumps(dataclasses.asdict(report)))["chain"][0]["kind"] == "body"
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.state = "other"  # type: ignore[misc]


async def test_it_is_readable(root: Root) -> None:
    """S: the text, line by line."""
    task = Stubborn()
    report = await stopped(root, task)
    lines = str(report).splitlines()
    assert lines[0] == f"RootManager/Stubborn#{task.task_id} has not stopped yet: it is GOING."
    assert lines[1].startswith("  asked:  1 s ago (")
    assert lines[1].endswith(f" by code outside of any task, at {report.asked_from}")
    assert lines[2:4] == [
        "  reason: StopByUser", f"  - Stubborn#{task.task_id} is GOING, its body was cancelled, but has not ended",
    ]  # fmt: skip
    assert lines[4].startswith(f"      {FILE}:")


async def test_a_task_that_asked_and_is_gone(root: Root) -> None:
    """S1: who asked is not kept alive."""
    victim = root.add_task(Stubborn())

    class Killer(Task):
        async def go(self) -> None:
            victim.stop()

    await root.add_task(Killer())
    await anyio.sleep(1)
    gc.collect()
    report = await report_of(victim)
    assert report.asked_by == "a task that is gone"


# Other threads


async def test_another_thread_may_ask_for_it(root: Root) -> None:
    """M6: from another thread it is read in the loop."""
    task = Stubborn()
    await stopped(root, task)
    report = await anyio.to_thread.run_sync(task.stop_report)
    assert report is not None
    assert (report.chain[0].kind, report.loop_at) == ("body", ())


class Blocking(Task):
    """Its `dispose` blocks the event loop."""

    def __init__(self) -> None:
        self.blocked, self.go_on = threading.Event(), threading.Event()

    def dispose(self) -> None:
        self.blocked.set()
        self.go_on.wait(30)


class BlockingAsync(Blocking):
    """The same with an async hook."""

    async def dispose(self) -> None:  # type: ignore[override]
        super().dispose()


class BlockingBody(Blocking):
    """The same with a body."""

    dispose = None  # type: ignore[assignment]

    async def go(self) -> None:
        await anyio.lowlevel.checkpoint()
        try:
            await anyio.sleep_forever()
        finally:
            super().dispose()


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])
@pytest.mark.parametrize(("kind", "hook"), [(Blocking, "hook"), (BlockingAsync, "hook"), (BlockingBody, "body")])
def test_a_loop_that_does_not_answer(
    backend: str, kind: type[Blocking], hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M6: while the loop is blocked it is read without it, and says where the loop is."""
    monkeypatch.setattr("gotask.stop_report.ANSWER_WITHIN", 0.05)
    with BlockingRoot(backend=backend) as root:
        task = root.add_task(kind())
        root.wait_started(task)
        task.stop("now")
        assert task.blocked.wait(30)
        report = task.stop_report()
        task.go_on.set()
    assert report is not None
    assert report.reason == "now"
    assert report.chain[0].kind == hook
    assert any(place.endswith(" in dispose") for place in report.loop_at)
    assert report.loop_at[0].startswith(f"{FILE}:")
    assert any(place.endswith(" in dispose") for place in report.chain[0].stack)
    assert "the event loop does not answer" in str(report)


def test_a_request_that_a_blocked_loop_has_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """M6, S1: a stop from another thread is known to a report before the loop hears of it."""
    monkeypatch.setattr("gotask.stop_report.ANSWER_WITHIN", 0.05)
    with BlockingRoot() as root:
        blocking, task = root.add_task(Blocking()), root.add_task(Task())
        root.wait_started(task)
        blocking.stop()
        assert blocking.blocked.wait(30)
        task.stop()
        here = line() - 1
        report, other = task.stop_report(), root.root.stop_report()
        blocking.go_on.set()
    assert report is not None
    assert report.asked_by == f"the thread {threading.current_thread().name!r}"
    assert report.asked_from == f"{FILE}:{here}"
    assert report.chain[0].kind == "queue"
    assert "reason: not known yet" in str(report)
    assert "has not heard of the request" in str(report)
    assert other is None


async def test_a_restart(root: Root) -> None:
    """R6: a life that ends so that another one begins."""
    task = root.add_task(Slow())
    await task.wait_started()
    task.restart()
    report = await report_of(task)
    assert report.reason_type == "Restart"
    assert "asked:  by restart()" in str(report)


def test_after_the_end_of_the_loop() -> None:
    """M6: when the tree is gone, there is no report."""
    with BlockingRoot() as root:
        task = root.add_task(Task())
        root.wait_started(task)
    assert task.stop_report() is None


# The shutdown


async def test_the_report_of_the_shutdown_has_it() -> None:
    """M4: `Unstopped` says who asked, and what it waits for."""
    root = await RootManager().init()
    job = root.add_task(Job())
    job.add_task(Stubborn())
    await anyio.sleep(1)
    report = await root.shutdown(timeout=2)
    (child,) = report.unstopped
    assert child.report is not None
    assert child.report.asked_by == job.execution_path
    assert child.report.asked_ago == pytest.approx(2)
    assert child.report.chain[0].kind == "body"
    assert "  asked:  2 s ago" in str(report)
    assert report.disposed == 0
    await anyio.sleep(20)


async def test_what_is_over_its_stop_timeout_has_it(root: Root) -> None:
    """S5, M4: also where the task's own time was over."""

    class Impatient(Stubborn):
        stop_timeout = 2.0

    task = Impatient()
    await stopped(root, task)
    await task.wait_stopped()
    (one,) = root._life.pump.abandoned
    assert one.report.asked_ago == pytest.approx(2)
    root._life.pump.abandoned.clear()  # known, and not what the fixture is to complain about
    await anyio.sleep(20)


async def test_a_tree_that_is_given_up_before_anything_of_it_has_gone() -> None:
    """M4: those that were not asked yet say what they waited for."""
    root = await RootManager().init()
    job = root.add_task(Work())
    first, last = job.add_task(Stubborn()), job.add_task(Stubborn())
    await last.wait_started()
    report = await root.shutdown(timeout=1)
    kinds = {one.path: one.report.chain[0].kind for one in report.unstopped if one.report is not None}
    assert kinds[last.execution_path] == "body"
    assert kinds[first.execution_path] == "order"
    await anyio.sleep(20)
