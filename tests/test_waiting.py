"""L7, L11: waits that could never end are refused, and the others are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest

import gotask
from gotask import (
    AutoStop,
    ChannelTask,
    Job,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskState,
    TaskStateError,
    TickTask,
    Work,
)
from gotask.waiting import Waiters

S = TaskState

Wait = Callable[[Any], Awaitable[Any]]


async def started(task: Task[Any]) -> None:
    await task.wait_started()


async def stopped(task: Task[Any]) -> None:
    await task.wait_stopped()


async def ended(task: Task[Any]) -> Any:
    return await task


WAITS: list[Wait] = [started, stopped, ended]
ENDS: list[Wait] = [stopped, ended]


class Waiting(Task[Any]):
    """Waits for something in one of its hooks, and keeps what came of it."""

    def __init__(self, wait: Callable[[Any], Awaitable[Any]]) -> None:
        self.wait = wait
        self.outcome: Any = None
        self.waited = anyio.Event()

    async def body(self) -> Any:
        try:
            self.outcome = await self.wait(self)
        except (TaskStateError, StopByUser) as error:
            self.outcome = error
        finally:
            self.waited.set()
        return self.outcome


def waiting(hook: str, wait: Callable[[Any], Awaitable[Any]], kind: type[Any] = Waiting) -> Any:
    """A task that waits in this hook."""
    namespace: dict[str, Any] = {hook: Waiting.body, "__module__": __name__}
    if hook == "tick":

        async def tick(self: Any, item: int) -> None:
            await Waiting.body(self)

        def get_signal(self: Any) -> Iterator[int]:
            return iter([1])

        namespace = {"tick": tick, "get_signal": get_signal, "__module__": __name__}
        return type("Ticking", (Waiting, ChannelTask), namespace)(wait)
    bases = (kind,) if kind is Waiting else (Waiting, kind)
    return type("Mine", bases, namespace)(wait)


async def outcome_of(root: Job[Any], task: Any, hook: str) -> Any:
    """Add it, have it come to the hook, and return what came of its wait."""
    root.add_task(task)
    if hook == "dispose":
        await task.wait_started()
        task.stop()
    with anyio.fail_after(1000):
        await task.waited.wait()
    return task.outcome


def refused(outcome: Any, *words: str) -> None:
    """It was refused, with a sentence that explains."""
    assert isinstance(outcome, TaskStateError), outcome
    for word in (*words, "that would wait for ever"):
        assert word in str(outcome)


HOOKS = ["start", "run", "dispose", "tick"]
"""The hooks in which the loop of the parent is held."""


# L11: for itself


@pytest.mark.parametrize("wait", ENDS)
@pytest.mark.parametrize("hook", [*HOOKS, "go"])
async def test_a_wait_for_its_own_end_is_refused(root: RootManager[Any, Any], hook: str, wait: Wait) -> None:
    """L11: waiting inside a hook for the end of the task itself raises TaskStateError that explains the deadlock."""
    task = waiting(hook, wait)
    refused(await outcome_of(root, task, hook), task.execution_path, "waits for itself (the end of", "Use stop()")


async def test_a_wait_for_its_own_start_is_refused(root: RootManager[Any, Any]) -> None:
    """L11: so does waiting in `start` for the own start."""
    task = waiting("start", started)
    refused(await outcome_of(root, task, "start"), "waits for itself (the start of")


@pytest.mark.parametrize("hook", ["run", "go", "dispose", "tick"])
async def test_a_wait_for_its_own_start_later_is_none(root: RootManager[Any, Any], hook: str) -> None:
    """L11: once it has started, there is nothing to wait for."""
    assert await outcome_of(root, waiting(hook, started), hook) is None


async def test_a_refused_wait_is_a_failure_like_another(root: RootManager[Any, Any]) -> None:
    """L11: the error may leave the hook; then it is the reason of the task."""

    class Mine(Task):
        async def run(self) -> None:
            await self

    assert isinstance(await root.add_task(Mine()).wait_stopped(), TaskStateError)


async def test_a_wait_in_a_thread_for_itself_is_refused(root: RootManager[Any, Any]) -> None:
    """L11: a thread body that waits for itself by way of `anyio.from_thread` is refused as well."""

    class Mine(Task):
        def go(self) -> None:
            anyio.from_thread.run(self.wait_stopped)

    refused(await root.add_task(Mine()).wait_stopped(), "waits for itself")


# L11: for an ancestor


@pytest.mark.parametrize("wait", ENDS)
@pytest.mark.parametrize("hook", [*HOOKS, "go"])
async def test_a_wait_for_the_end_of_the_parent_is_refused(root: RootManager[Any, Any], hook: str, wait: Wait) -> None:
    """L11: waiting for the end of the parent is refused: it ends after its children."""
    task = waiting(hook, lambda task: wait(task.parent))
    refused(await outcome_of(root, task, hook), "waits for one of its ancestors (the end of RootManager")


@pytest.mark.parametrize("hook", ["run", "go"])
async def test_a_wait_for_the_end_of_a_further_ancestor_is_refused(root: RootManager[Any, Any], hook: str) -> None:
    """L11: so is waiting for the end of an ancestor further up."""
    grandparent = root.add_task(Work())
    parent = grandparent.add_task(Work())
    task = waiting(hook, lambda _: grandparent.wait_stopped())
    refused(await outcome_of(parent, task, hook), "waits for one of its ancestors", grandparent.execution_path)


async def test_a_wait_for_the_start_of_a_parent_that_starts_is_refused(root: RootManager[Any, Any]) -> None:
    """L11: so is waiting for the start of a parent that is STARTING."""

    class Parent(Job):
        async def start(self) -> None:
            self.child = self.add_task(waiting("start", lambda task: task.parent.wait_started()))
            await self.child.wait_started()

    job = root.add_task(Parent())
    await job.wait_started()
    refused(job.child.outcome, "waits for one of its ancestors (the start of")


async def test_a_wait_for_the_start_of_a_parent_that_has_started_is_fine(root: RootManager[Any, Any]) -> None:
    """L11: a parent that has started is not waited for."""
    assert await outcome_of(root, waiting("run", lambda task: task.parent.wait_started()), "run") is None


async def test_a_listener_counts_as_its_task(root: RootManager[Any, Any]) -> None:
    """L11: a listener or resource that waits for its task is refused."""
    errors: list[Any] = []
    task = Task[Any]()

    async def hear() -> None:
        try:
            await task.wait_stopped()
        except TaskStateError as error:
            errors.append(error)

    task.on_before_dispose(hear)
    task.on_dispose(hear)
    task.using(hear)
    root.add_task(task)
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert len(errors) == 3
    for error in errors:
        refused(error, "waits for itself")


# L11: for what needs the loop that is held


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("hook", HOOKS)
async def test_a_wait_for_a_sibling_that_has_not_started_is_refused(
    root: RootManager[Any, Any], hook: str, wait: Wait
) -> None:
    """L11: a hook that holds the loop cannot wait for a sibling whose start needs that loop."""
    task = waiting(hook, lambda task: wait(root.add_task(Task())))
    refused(
        await outcome_of(root, task, hook), task.execution_path, "holds the loop of its parent", "needs that same loop",
        "Wait in `go`",
    )  # fmt: skip


@pytest.mark.parametrize("wait", ENDS)
@pytest.mark.parametrize("hook", HOOKS)
async def test_a_wait_for_the_end_of_a_sibling_is_refused(root: RootManager[Any, Any], hook: str, wait: Wait) -> None:
    """L11: nor for the end of one that lives: its `dispose` needs that loop."""
    sibling = root.add_task(Task())
    await sibling.wait_started()
    refused(await outcome_of(root, waiting(hook, lambda _: wait(sibling)), hook), sibling.execution_path)


async def test_a_wait_for_a_child_of_a_sibling_that_has_not_started_is_refused(root: RootManager[Any, Any]) -> None:
    """L11: nor for anything below a sibling that has not started."""

    async def wait(task: Any) -> None:
        await root.add_task(Work()).add_task(Work()).add_task(Task()).wait_started()

    refused(await outcome_of(root, waiting("run", wait), "run"), "needs that same loop")


async def test_a_wait_for_a_child_of_a_sibling_in_its_back_off_is_refused(root: RootManager[Any, Any]) -> None:
    """L11: nor for anything below a sibling that waits for its next life."""

    class Failing(Work):
        retry = RetryPolicy(1, 10)

        def start(self) -> None:
            if self.retry_count == 0:
                raise ValueError("failed")

    job = root.add_task(Failing())
    await anyio.sleep(1)
    assert job.state is S.RETRYING
    child = job.add_task(Task())
    refused(await outcome_of(root, waiting("run", lambda _: child.wait_started()), "run"), "needs that same loop")
    await child.wait_started()


async def test_a_wait_for_an_uncle_is_refused_where_the_loop_above_is_held(root: RootManager[Any, Any]) -> None:
    """L11: a Job's `run` holds the loop it runs in, for what waits inside it as well."""

    class Outer(Job):
        async def run(self) -> Any:
            try:
                return await root.add_task(Task()).wait_started()
            except TaskStateError as error:
                return error

    job = root.add_task(Outer())
    await job.wait_stopped()
    refused(job.result, "needs that same loop")


@pytest.mark.parametrize("wait", WAITS)
async def test_a_wait_in_a_call_for_a_child_is_refused(root: RootManager[Any, Any], wait: Wait) -> None:
    """L11: a `call` holds the loop of its Job, too."""
    with pytest.raises(TaskStateError, match="needs that same loop: that would wait for ever"):
        await root.call(lambda: wait(root.add_task(Task())))


async def test_a_wait_in_a_call_for_the_job_is_refused(root: RootManager[Any, Any]) -> None:
    """L11: a `call` that waits for the end of its Job is refused."""
    job = root.add_task(Work())
    with pytest.raises(TaskStateError, match="that would wait for ever"):
        await job.call(job.wait_stopped)


async def test_a_call_in_a_job_that_has_not_started_is_refused_where_its_loop_is_held(
    root: RootManager[Any, Any],
) -> None:
    """L11, Q6: a `call` would wait for the start of its Job, which needs the loop this hook holds."""
    task = waiting("run", lambda _: root.add_task(Work()).call(int))
    refused(await outcome_of(root, task, "run"), "needs that same loop")


async def test_a_call_in_a_job_in_its_back_off_is_refused_where_its_loop_is_held(root: RootManager[Any, Any]) -> None:
    """L11, Q6: the same for the next life of a Job that is RETRYING."""

    class Failing(Work):
        retry = RetryPolicy(-1, 10)

        def start(self) -> None:
            raise ValueError("failed")

    job = root.add_task(Failing())
    await anyio.sleep(1)
    refused(await outcome_of(root, waiting("run", lambda _: job.call(int)), "run"), "needs that same loop")


def test_who_waits_no_more_is_found_at_once() -> None:
    """Q3: that one of many gives up waiting costs no look at the others."""

    class Waiter:
        looks = 0

        def __await__(self) -> Generator[Any, Any, None]:
            yield

        def __eq__(self, other: object) -> bool:
            Waiter.looks += 1
            return self is other

        __hash__ = object.__hash__

    backend: Any = SimpleNamespace(waiter=Waiter)
    waiters = Waiters()
    waits = [waiters.wait(backend) for _ in range(100)]
    for wait in waits:
        wait.send(None)
    for wait in reversed(waits):
        wait.close()
    assert not waiters
    assert Waiter.looks == 0


async def test_a_refused_wait_leaves_everything_as_it_was(root: RootManager[Any, Any]) -> None:
    """L11: after the refusal the sibling is started, and the task goes on."""
    sibling: list[Task[Any]] = []

    async def wait(task: Any) -> None:
        sibling.append(root.add_task(Task()))
        await sibling[0].wait_started()

    task = waiting("run", wait)
    refused(await outcome_of(root, task, "run"))
    assert isinstance(await task.wait_stopped(), TaskComplete)
    await sibling[0].wait_started()


# L11: hooks that block each other, each in a loop that the other needs


async def child_of(job: Job[Any]) -> None:
    await job.add_task(Task()).wait_started()


async def end_of_a_child(job: Job[Any]) -> None:
    await job.add_task(Quick())


async def call_in(job: Job[Any]) -> None:
    assert await job.call(lambda: 5) == 5


class Quick(Task[Any]):
    async def go(self) -> None:
        pass


INTO: list[Wait] = [child_of, end_of_a_child, call_in]


async def in_a_circle(root: Job[Any], count: int, wait: Wait, hook: str = "run") -> list[Any]:
    """What came of hooks of which each waits for the loop that the next one holds."""
    jobs: list[Work] = [root.add_task(Work()) for _ in range(count)]

    def wait_for_next(number: int) -> Callable[[Any], Awaitable[Any]]:
        async def wait_in_turn(task: Any) -> None:
            await anyio.sleep(number + 1)  # when all hold their loops
            await wait(jobs[(number + 1) % count])

        return wait_in_turn

    tasks = [job.add_task(waiting(hook, wait_for_next(number))) for number, job in enumerate(jobs)]
    with anyio.fail_after(100):
        for task in tasks:
            await task.waited.wait()
    return [task.outcome for task in tasks]


@pytest.mark.parametrize("wait", INTO)
@pytest.mark.parametrize("count", [2, 3])
async def test_the_one_that_closes_a_circle_is_refused(root: RootManager[Any, Any], count: int, wait: Wait) -> None:
    """L11: the last hook of a circle would wait for what needs its own loop, by way of the others; those go on."""
    *others, last = await in_a_circle(root, count, wait)
    refused(last, "needs a loop held by", "which waits for what needs the first loop")
    assert others == [None] * (count - 1)


@pytest.mark.parametrize("hook", ["start", "tick"])
async def test_a_circle_of_other_hooks_is_refused(root: RootManager[Any, Any], hook: str) -> None:
    """L11: the same in each hook that holds a loop."""
    first, last = await in_a_circle(root, 2, child_of, hook)
    assert first is None
    refused(last, "needs a loop held by")


async def later(job: Job[Any]) -> None:
    """Wait for this Job when the others do already."""
    await anyio.sleep(2)
    await child_of(job)


async def test_a_circle_by_way_of_a_call_is_refused(root: RootManager[Any, Any]) -> None:
    """L11: what a called function waits for, the hook that called it waits for too."""
    first, second, third = (root.add_task(Work()) for _ in range(3))

    async def called() -> None:
        await anyio.sleep(1)
        await child_of(third)

    first.add_task(waiting("run", lambda _: second.call(called)))
    refused(await outcome_of(third, waiting("run", lambda _: later(first)), "run"), "needs a loop held by")


async def test_a_circle_by_way_of_a_run_task_is_refused(root: RootManager[Any, Any]) -> None:
    """L11, J7: what a run-task waits for, the hook that runs it waits for too."""
    first, second = root.add_task(Work()), root.add_task(Work())

    async def in_go(_: Any) -> None:
        await anyio.sleep(1)
        await child_of(second)

    first.add_task(waiting("run", lambda task: task.run_task(waiting("go", in_go))))
    refused(await outcome_of(second, waiting("run", lambda _: later(first)), "run"), "needs a loop held by")


async def test_a_wait_for_a_held_loop_that_comes_free_is_none(root: RootManager[Any, Any]) -> None:
    """L11: a loop whose holder waits for something else, or not any more for this one, may be waited for."""
    first, second = root.add_task(Work()), root.add_task(Work())

    async def once_then_sleep(_: Any) -> None:
        await child_of(second)
        with anyio.move_on_after(1):
            await second.add_task(Task()).wait_stopped()
        await anyio.sleep(10)

    holder = first.add_task(waiting("run", once_then_sleep))
    await anyio.sleep(2)
    assert await outcome_of(second, waiting("run", lambda _: later(first)), "run") is None
    assert holder.outcome is None


# L11: a run-task is part of the hook that waits for it


@pytest.mark.parametrize("wait", ENDS)
async def test_a_run_task_that_waits_for_its_caller_is_refused(root: RootManager[Any, Any], wait: Wait) -> None:
    """L11, J7: a run-task cannot wait for the task that waits for it."""
    inner = waiting("run", lambda task: wait(task.parent))
    await outcome_of(root, waiting("run", lambda task: task.run_task(inner)), "run")
    refused(inner.outcome, "waits for one of its ancestors")


async def test_a_run_task_holds_what_its_caller_holds(root: RootManager[Any, Any]) -> None:
    """L11, J7: a run-task cannot wait for what needs the loop that its caller holds."""
    inner = waiting("go", lambda _: root.add_task(Task()).wait_started())
    await outcome_of(root, waiting("run", lambda task: task.run_task(inner)), "run")
    refused(inner.outcome, "needs that same loop")


# Waits that are fine


@pytest.mark.parametrize("wait", WAITS)
async def test_go_may_wait_for_a_sibling(root: RootManager[Any, Any], wait: Wait) -> None:
    """L11: `go` holds no loop, so it may wait for a sibling."""

    class Short(Task[int]):
        async def go(self) -> int:
            await anyio.sleep(1)
            return 5

    task = waiting("go", lambda _: wait(root.add_task(Short())))
    assert await outcome_of(root, task, "go") == (5 if wait is ended else None)


@pytest.mark.parametrize("hook", HOOKS)
async def test_a_sibling_that_has_started_may_be_waited_for(root: RootManager[Any, Any], hook: str) -> None:
    """L11: waiting for a start that has been is fine in every hook."""
    sibling = root.add_task(Task())
    await sibling.wait_started()
    assert await outcome_of(root, waiting(hook, lambda _: sibling.wait_started()), hook) is None


@pytest.mark.parametrize("hook", HOOKS)
async def test_a_sibling_that_is_gone_may_be_waited_for(root: RootManager[Any, Any], hook: str) -> None:
    """L11: so is waiting for an end that has been."""
    sibling = root.add_task(Task())
    sibling.stop()
    await sibling.wait_stopped()
    assert isinstance(await outcome_of(root, waiting(hook, lambda _: sibling.wait_stopped()), hook), StopByUser)


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("hook", ["start", "run", "go"])
async def test_a_job_may_wait_for_its_children(root: RootManager[Any, Any], hook: str, wait: Wait) -> None:
    """L11, L12: a Job may wait for its own children in its hooks: their hooks are called in its own loop."""

    class Short(Task[int]):
        async def run(self) -> int:
            await anyio.sleep(1)
            return 5

    job = waiting(hook, lambda job: wait(job.add_task(Short())), Job)
    assert await outcome_of(root, job, hook) == (5 if wait is ended else None)


@pytest.mark.parametrize("hook", HOOKS)
async def test_a_nephew_may_be_waited_for(root: RootManager[Any, Any], hook: str) -> None:
    """L11: a task below a sibling that lives needs another loop, and may be waited for."""
    job = root.add_task(Work())
    await job.wait_started()
    task = waiting(hook, lambda _: job.add_task(anyio.sleep, 1).wait_stopped())
    assert isinstance(await outcome_of(root, task, hook), TaskComplete)


async def test_another_tree_may_be_waited_for(root: RootManager[Any, Any]) -> None:
    """L11: a task of another tree may be waited for in every hook."""
    async with RootManager() as other:
        task = waiting("run", lambda _: other.add_task(anyio.sleep, 1).wait_stopped())
        assert isinstance(await outcome_of(root, task, "run"), TaskComplete)


async def test_a_tree_inside_a_hook_may_be_waited_for(root: RootManager[Any, Any]) -> None:
    """L11: a hook may open a tree of its own, wait for its tasks, and close it."""

    async def own_tree(_: Any) -> Any:
        async with RootManager() as own:
            await own.call(int)
            return await own.add_task(Waiting(anyio.sleep)).wait_started()

    assert await outcome_of(root, waiting("run", own_tree), "run") is None


@pytest.mark.parametrize("hook", ["start", "run", "tick", "go"])
async def test_run_task_is_fine_in_every_hook(root: RootManager[Any, Any], hook: str) -> None:
    """L11, J7: a run-task needs no loop but its own. (A stopped task runs none, so not in `dispose`.)"""

    class Short(Task[int]):
        async def run(self) -> int:
            await anyio.sleep(1)
            return 5

    assert await outcome_of(root, waiting(hook, lambda task: task.run_task(Short())), hook) == 5


async def test_outside_of_all_hooks_everything_may_be_waited_for(root: RootManager[Any, Any]) -> None:
    """L11: code that is in no hook may wait for any task."""
    job = root.add_task(Job())
    task = job.add_task(anyio.sleep, 1)
    await task.wait_started()
    await task
    await job.wait_stopped()
    assert isinstance(job.stop_reason, AutoStop)


async def test_a_wait_for_a_sibling_with_a_timeout_is_refused_at_once(root: RootManager[Any, Any]) -> None:
    """L11: the refusal comes at once, instead of a hang until some time-out."""

    async def wait(task: Any) -> None:
        with anyio.fail_after(100):
            await root.add_task(Task()).wait_started()

    task = waiting("run", wait)
    refused(await outcome_of(root, task, "run"))
    assert task.duration == pytest.approx(0)


async def test_wait_stop_requested_is_for_the_body_itself(root: RootManager[Any, Any]) -> None:
    """L11, S4: `wait_stop_requested()` is what a body waits for, and no deadlock."""

    class Mine(Task[str]):
        stop_grace = 5

        async def run(self) -> str:
            await self.wait_stop_requested()
            return "told"

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert task.result == "told"


async def test_a_stop_in_a_hook_is_no_wait(root: RootManager[Any, Any]) -> None:
    """L11: instead of waiting a hook may always stop: itself, a sibling, its parent."""
    job = root.add_task(Work())
    sibling = job.add_task(Task())

    class Mine(Task):
        async def run(self) -> None:
            sibling.stop()
            self.stop()
            job.stop()

    job.add_task(Mine())
    await job.wait_stopped()
    assert sibling.state is S.DISPOSED


async def test_what_a_hook_left_behind_may_wait(root: RootManager[Any, Any]) -> None:
    """L11, Q6: what a hook has spawned elsewhere holds no loop once that hook is over."""
    waited = anyio.Event()

    async def afterwards(sibling: Task[Any]) -> None:
        await anyio.sleep(1)
        await sibling.wait_stopped()
        waited.set()

    class Mine(Task):
        async def start(self) -> None:
            group.start_soon(afterwards, root.add_task(anyio.sleep, 5))

    async with anyio.create_task_group() as group:
        root.add_task(Mine())
        await waited.wait()


async def test_a_root_stopped_from_inside_does_not_wait(root: RootManager[Any, Any]) -> None:
    """L11, M10: `shutdown()` inside the tree only asks, where a wait would be a deadlock."""
    own = await RootManager[Any, Any]().init()

    class Mine(Task):
        async def run(self) -> None:
            report = await own.shutdown()
            assert report.disposed == 0

    task = own.add_task(Mine())
    await own.wait_stopped()
    assert task.dispose_errors == ()
    await own.shutdown()


# L7: waiting for what is in no tree, or in another thread


@pytest.mark.parametrize("wait", WAITS)
async def test_a_wait_for_a_task_in_no_tree_is_refused(wait: Wait) -> None:
    """L7: a task that is in no tree would never start nor end: TaskStateError says what to do."""
    with pytest.raises(TaskStateError, match=r"Task is in no tree.*: add it with add_task"):
        await wait(Task())


async def test_a_wait_in_another_thread_is_refused(root: RootManager[Any, Any]) -> None:
    """L7, M6: a wait in another event loop is refused with what to do."""
    task = root.add_task(TickTask())
    await task.wait_started()

    def in_thread() -> None:
        with pytest.raises(TaskStateError, match="BlockingRoot"):
            anyio.run(task.wait_stopped)

    await anyio.to_thread.run_sync(in_thread)
    assert gotask.current_task() is None
