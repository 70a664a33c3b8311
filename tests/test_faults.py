"""What happens when things go wrong: each fault has a defined outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from gotask import (
    AutoStop,
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
from gotask.backend import asyncio_backend
from gotask.testing import BACKENDS, let_time_pass, run_virtual

Root = RootManager[Any, Any]
S = TaskState
ON_ASYNCIO = [name for name in BACKENDS if name.startswith("asyncio")]


# Exceptions from every hook, at every moment


class Fault(Exception):
    """What the hooks here raise."""


MOMENTS: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}


def moment(function: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], Coroutine[Any, Any, None]]:
    MOMENTS[function.__name__] = function
    return function


@moment
async def at_once() -> None:
    raise Fault


@moment
async def after_a_checkpoint() -> None:
    await anyio.lowlevel.checkpoint()
    raise Fault


@moment
async def after_a_while() -> None:
    await anyio.sleep(5)
    raise Fault


@moment
async def in_a_scope() -> None:
    with anyio.move_on_after(1):
        await anyio.sleep(100)
    raise Fault


@moment
async def out_of_a_thread() -> None:
    def work() -> None:
        raise Fault

    await anyio.to_thread.run_sync(work)


@moment
async def after_a_task_group() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 1)
    raise Fault


@pytest.fixture(params=list(MOMENTS))
def fault(request: pytest.FixtureRequest) -> Callable[[], Coroutine[Any, Any, None]]:
    """A coroutine function that raises at one moment or other."""
    return MOMENTS[request.param]


class Hooked(Task):
    """Raises in one of its hooks."""

    def __init__(self, fault: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.fault = fault
        self.log: list[str] = []

    def dispose(self) -> None:
        self.log.append("disposed")


async def test_a_fault_in_start(root: Root, fault: Any) -> None:
    """D4, L6: an exception out of `start` is the reason; `dispose` is not called, what was taken is released."""

    class Mine(Hooked):
        async def start(self) -> None:
            self.using(lambda: self.log.append("released"))
            await self.fault()

    task = root.add_task(Mine(fault))
    assert isinstance(await task.wait_stopped(), Fault)
    assert task.log == ["released"]
    await root.add_task(Task()).wait_started()


async def test_a_fault_in_run(root: Root, fault: Any) -> None:
    """L6: an exception out of `run` is the reason; the task is disposed, and the loop is free again."""

    class Mine(Hooked):
        async def run(self) -> None:
            await self.fault()

    task = root.add_task(Mine(fault))
    assert isinstance(await task.wait_stopped(), Fault)
    assert task.log == ["disposed"]
    await root.add_task(Task()).wait_started()


async def test_a_fault_in_go(root: Root, fault: Any) -> None:
    """L6: an exception out of `go` is the reason, and the task is disposed."""

    class Mine(Hooked):
        async def go(self) -> None:
            await self.fault()

    task = root.add_task(Mine(fault))
    assert isinstance(await task.wait_stopped(), Fault)
    assert task.log == ["disposed"]


async def test_a_fault_in_tick(root: Root, fault: Any) -> None:
    """C5: an exception out of `tick` is the reason, and the task is disposed."""

    class Mine(ChannelTask[int]):
        disposed = 0

        async def tick(self, item: int) -> None:
            await fault()

        def dispose(self) -> None:
            self.disposed += 1

    task = Mine()
    task.open().send_nowait(1)
    root.add_task(task)
    assert isinstance(await task.wait_stopped(), Fault)
    assert task.disposed == 1


async def test_a_fault_in_dispose(root: Root, fault: Any) -> None:
    """D5: an exception out of `dispose` is a dispose error; the rest of the clean-up follows."""

    class Mine(Task):
        async def dispose(self) -> None:
            self.using(released.append)
            await fault()

    released: list[int] = []
    task = Mine()
    task.using(lambda: released.append(1))
    root.add_task(task)
    await task.wait_started()
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert [type(error) for error in task.dispose_errors] == [Fault, TypeError]
    assert released == [1]


@pytest.mark.parametrize("verb", ["using", "on_stop", "on_before_dispose", "on_dispose"])
async def test_a_fault_in_a_resource_or_listener(root: Root, verb: str, fault: Any) -> None:
    """D5: the same for resources, and for the listeners that may be async."""
    task = Task[Any]()
    getattr(task, verb)(fault)
    root.add_task(task)
    await task.wait_started()
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert [type(error) for error in task.dispose_errors] == [Fault]


async def test_a_fault_in_a_call(root: Root, fault: Any) -> None:
    """Q6: an exception out of a `call` is raised at its caller, and never in the loop."""
    task = root.add_task(Task())
    with pytest.raises(Fault):
        await root.call(fault)
    assert root.stop_reason is None
    await task.wait_started()


async def test_a_fault_in_a_run_task(root: Root, fault: Any) -> None:
    """J7: an exception out of a run-task is raised where it is awaited, and is the failure of whoever lets it pass."""

    class Inner(Hooked):
        async def go(self) -> None:
            await self.fault()

    class Outer(Hooked):
        async def go(self) -> None:
            await self.run_task(Inner(self.fault))

    task = root.add_task(Outer(fault))
    assert isinstance(await task.wait_stopped(), Fault)
    assert task.log == ["disposed"]


async def test_a_fault_in_a_job_with_children(root: Root, fault: Any) -> None:
    """L6, D1: a Job whose body raises takes its children along, each disposed once."""
    children: list[Hooked] = []

    class Mine(Job[Any]):
        async def go(self) -> None:
            children.extend(self.add_task(Hooked(fault)) for _ in range(3))
            await children[-1].wait_started()
            await fault()

    job = root.add_task(Mine())
    assert isinstance(await job.wait_stopped(), Fault)
    assert [child.log for child in children] == [["disposed"]] * 3
    assert {child.stop_reason for child in children} == {job.stop_reason}


async def test_a_fault_in_a_plain_hook_of_each_kind(root: Root) -> None:
    """L6, D5: plain hooks that raise end as async ones do."""

    def plain(self: Any) -> None:
        raise Fault

    reasons = {}
    for hook in ("start", "run", "go", "dispose"):
        task = type(hook, (Task,), {hook: plain, "__module__": __name__})()
        root.add_task(task)
        if hook == "dispose":
            await task.wait_started()
            task.stop()
        reasons[hook] = type(await task.wait_stopped())
    assert reasons == {"start": Fault, "run": Fault, "go": Fault, "dispose": StopByUser}


async def test_faults_do_not_reach_the_root(root: Root, fault: Any) -> None:
    """J2: by default a fault stays where it is: the siblings and the root go on."""
    job = root.add_task(Job[Any]())
    job.add_task(fault)
    reason = await job.wait_stopped()
    assert isinstance(reason, AutoStop)
    assert [type(failure) for failure in reason.failures] == [Fault]
    assert root.state is S.STARTED


# Cancellation from outside, at every await


class Everywhere(Task):
    """Waits in each of its hooks, and counts them."""

    def __init__(self, world: list[Everywhere]) -> None:
        self.begun = self.disposed = self.released = 0
        world.append(self)

    async def start(self) -> None:
        self.using(self.release)
        await anyio.lowlevel.checkpoint()
        self.begun += 1

    async def release(self) -> None:
        self.released += 1
        await anyio.lowlevel.checkpoint()

    async def dispose(self) -> None:
        self.disposed += 1
        await anyio.lowlevel.checkpoint()
        await anyio.sleep(1)


class Go(Everywhere):
    async def go(self) -> None:
        await anyio.lowlevel.checkpoint()
        await anyio.sleep(2)


class Run(Everywhere):
    async def run(self) -> None:
        await anyio.lowlevel.checkpoint()
        await anyio.sleep(2)


class Nesting(Everywhere):
    async def go(self) -> None:
        await self.run_task(Go([]))


class Ticking(ChannelTask[int]):
    def __init__(self) -> None:
        self.open().send_nowait(1)

    async def tick(self, item: int) -> None:
        await anyio.sleep(1)


def populate(root: Root, world: list[Everywhere]) -> None:
    """Have a bit of everything live below this root."""
    job = root.add_task(Work())
    job.stop_children = "concurrent"
    for kind in (Go, Run, Nesting, Go):
        root.add_task(kind(world))
        job.add_task(kind(world))
    root.add_task(Ticking())
    root.add_task(Go(world)).stop()
    list(root.children)[1].restart()


def assert_all_gone(world: list[Everywhere]) -> None:
    for task in world:
        assert task.state is S.DISPOSED
        assert task.disposed == task.begun, "each life that was started is disposed exactly once"
        assert task.released >= task.begun


@pytest.mark.parametrize("turns", range(0, 60, 2))
async def test_a_scope_cancelled_at_every_moment(turns: int) -> None:
    """S8: an enclosing scope cancelled at whatever moment stops the tree with `Exit`; all is cleaned up."""
    world: list[Everywhere] = []
    root: Root = RootManager()
    with anyio.CancelScope() as scope:
        async with root:
            populate(root, world)
            for _ in range(turns):
                await anyio.sleep(0 if turns < 40 else 0.2)
            scope.cancel()
            await anyio.sleep(1_000)
    assert scope.cancelled_caught
    assert isinstance(root.stop_reason, Exit)
    assert_all_gone(world)


@pytest.mark.parametrize("backend", ON_ASYNCIO)
@pytest.mark.parametrize("scopes", [False, True])
@pytest.mark.parametrize("turns", range(0, 60, 2))
def test_every_task_cancelled_at_every_moment(
    backend: str, turns: int, scopes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S8: a sweep that cancels every task of asyncio, at whatever moment, stops the tree with `Exit`."""
    if scopes:
        monkeypatch.setattr(asyncio_backend, "_task_states", None)

    async def main() -> None:
        world: list[Everywhere] = []
        root: Root = RootManager()
        await root.init()
        populate(root, world)
        for _ in range(turns):
            await anyio.sleep(0 if turns < 40 else 0.2)
        me = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not me:
                task.cancel()
        with anyio.fail_after(100):
            reason = await root.wait_stopped()
            await root.shutdown()
        assert isinstance(reason, Exit)
        assert_all_gone(world)
        assert asyncio.all_tasks() == {me}

    run_virtual(main, backend=backend)


@pytest.mark.parametrize("backend", ON_ASYNCIO)
@pytest.mark.parametrize("scopes", [False, True])
def test_a_body_cancelled_before_its_first_step(backend: str, scopes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """S8: tasks of asyncio that are cancelled before they began to run leave nothing hanging."""
    if scopes:
        monkeypatch.setattr(asyncio_backend, "_task_states", None)
    swept: list[int] = []

    async def main() -> None:
        me = asyncio.current_task()

        class Mine(Hooked):
            async def start(self) -> None:
                root.add_task(Hooked(at_once))  # has a second pump spawned
                asyncio.get_running_loop().call_soon(sweep)

            async def go(self) -> None:
                await anyio.sleep(100)

        def sweep() -> None:
            swept.append(sum(task.cancel() for task in asyncio.all_tasks() if task is not me))

        root: Root = RootManager()
        await root.init()
        task = root.add_task(Mine(at_once))
        with anyio.fail_after(10):
            await task.wait_stopped()
            await root.shutdown()
        assert task.log == ["disposed"]

    run_virtual(main, backend=backend)
    assert swept[0] >= 2


# Bodies that swallow their cancellation


def swallowing(times: float) -> type[Task[Any]]:
    """A task class whose body goes on so many times when it is cancelled, and counts it."""

    class Swallowing(Task):
        woken = 0
        over = False

        async def go(self) -> None:
            while self.woken <= times and not self.over:
                try:
                    await anyio.sleep(3)
                    self.over = self.is_stopped
                except BaseException:
                    self.woken += 1

    return Swallowing


async def test_a_body_that_swallows_its_cancellation_once(root: Root) -> None:
    """S4: a body that swallows its cancellation is cancelled again, soon."""

    class Mine(Task):
        async def go(self) -> None:
            try:
                await anyio.sleep(100)
            except BaseException:
                pass
            await anyio.sleep(100)

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(1, abs=0.2)
    assert task.dispose_errors == ()


@pytest.mark.parametrize("hook", ["go", "run", "start", "dispose", "tick"])
async def test_a_body_that_swallows_its_cancellation_for_ever(hook: str) -> None:
    """S4, S5: one that goes on swallowing it is woken ever more seldom: it cannot spin a CPU."""
    woken = 0
    over = False

    async def swallow(*_: Any) -> None:
        nonlocal woken
        while not over:
            try:
                await anyio.sleep(1_000)
            except BaseException:
                woken += 1

    base = ChannelTask if hook == "tick" else Task
    limits = {"stop_timeout": 100.0} if hook != "start" else {"start_timeout": 1.0}
    if hook == "dispose":
        limits = {"dispose_timeout": 1.0}
    task = type("Mine", (base,), {hook: swallow, "__module__": __name__, **limits})()
    if hook == "tick":
        task.open().send_nowait(1)
    async with RootManager() as root:
        root.add_task(task)
        await anyio.sleep(0.5)
        task.stop()
        await anyio.sleep(30)
        assert 10 <= woken <= 50
        over = True
        await task.wait_stopped()
        await anyio.sleep(3)


async def test_a_body_that_swallows_is_abandoned() -> None:
    """S5: `stop_timeout` leaves it behind, with the place where it hangs, and the tree ends."""
    kind = swallowing(float("inf"))
    async with RootManager() as root:
        task: Any = root.add_task(kind())
        task.stop_timeout = 10
        await anyio.sleep(1)
        task.stop()
        await task.wait_stopped()
        assert task.duration == pytest.approx(11)
        report = await root.shutdown()
        assert "in go" in str(report)
        task.over = True
        await anyio.sleep(10)


async def test_a_body_that_swallows_and_then_returns(root: Root) -> None:
    """S4, S10: a body that swallows its cancellation and returns has ended as it was asked to; its result is kept."""

    class Mine(Task[str]):
        async def go(self) -> str:
            try:
                await anyio.sleep(100)
            except BaseException:
                pass
            return "result"

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert task.result == "result"


async def test_nothing_of_a_cancellation_is_left_behind(root: Root) -> None:
    """S4: after a cancelled `run`, hooks that follow in the same loop wait undisturbed."""

    class Mine(Task):
        async def run(self) -> None:
            try:
                await anyio.sleep(100)
            except BaseException:
                pass

        async def dispose(self) -> None:
            await anyio.sleep(10)

    for _ in range(3):
        task = root.add_task(Mine())
        await anyio.sleep(1)
        task.stop()
        await task.wait_stopped()
        assert task.duration == pytest.approx(11)
        assert task.dispose_errors == ()


# Threads and hooks that never end


async def test_a_thread_that_never_ends() -> None:
    """S5, S11, M4: a shutdown with a timeout leaves a thread behind that does not end, and says where it hangs."""
    gate = threading.Event()

    class Stuck(Task):
        def run(self) -> None:
            with let_time_pass():
                gate.wait(30)

    class After(Task):
        log: list[str] = []

        def dispose(self) -> None:
            self.log.append("disposed")

    root: Root = RootManager()
    await root.init()
    try:
        sibling = root.add_task(After())
        stuck = root.add_task(Stuck())
        await stuck.wait_started()
        report = await root.shutdown(timeout=5)
        assert report.duration == pytest.approx(5)
        assert stuck.execution_path in {one.path for one in report.unstopped}
        assert "in run" in str(report)
        assert sibling.state is S.DISPOSED
    finally:
        gate.set()


@pytest.mark.parametrize("limit", ["dispose_timeout", "stop_timeout"])
async def test_a_dispose_that_hangs(limit: str) -> None:
    """S5: a `dispose` that hangs is abandoned by either bound; its siblings and its Job still go."""
    log: list[str] = []

    class Stuck(Task):
        async def dispose(self) -> None:
            await anyio.sleep(1_000)

    class Sibling(Task):
        def dispose(self) -> None:
            log.append("sibling")

    async with RootManager() as root:
        work = root.add_task(Work())
        work.on_dispose(lambda: log.append("work"))
        work.add_task(Sibling())
        stuck = Stuck()
        setattr(stuck, limit, 5.0)
        work.add_task(stuck)
        await anyio.sleep(1)
        work.stop()
        await work.wait_stopped()
        assert work.duration == pytest.approx(6)
        assert log == ["sibling", "work"]


async def test_a_resource_that_hangs() -> None:
    """S5: so is a resource whose release hangs, by the bound on the whole stop."""
    task = Task[Any]()
    task.using(lambda: anyio.sleep(1_000))
    task.stop_timeout = 5
    root: Root = RootManager()
    await root.init()
    root.add_task(task)
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(5)
    report = await root.shutdown()
    assert [one.path for one in report.unstopped] == [task.execution_path]


async def test_an_on_stop_resource_that_hangs() -> None:
    """S4, S5: an `on_stop` resource that hangs keeps the body from being told; the bound holds all the same."""

    class Mine(Task):
        stop_timeout = 5.0

        def start(self) -> None:
            self.on_stop(lambda: anyio.sleep(1_000))

        async def go(self) -> None:
            await anyio.sleep(50)

    root: Root = RootManager()
    await root.init()
    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(5)
    await root.shutdown()


async def test_a_start_that_hangs() -> None:
    """S5, S6: a `start` that hangs after a stop request is bounded by `stop_timeout`, and the loop goes on."""

    class Stuck(Task):
        stop_timeout = 5.0

        async def start(self) -> None:
            await anyio.sleep(1_000)

    root: Root = RootManager()
    await root.init()
    task = root.add_task(Stuck())
    sibling = root.add_task(Task())
    await anyio.sleep(1)
    task.stop()
    with pytest.raises(StopByUser):
        await task.wait_started()
    assert task.duration == pytest.approx(6)
    await sibling.wait_started()
    assert sibling.timings.queued == pytest.approx(6)
    await root.shutdown()


async def test_a_hook_that_wakes_up_after_it_was_abandoned() -> None:
    """S5: what an abandoned hook does later is not heard of any more."""

    class Late(Task):
        stop_timeout = 5.0

        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(20)
            raise Fault

    async with RootManager() as root:
        task = root.add_task(Late())
        await anyio.sleep(1)
        task.stop()
        reason = await task.wait_stopped()
        await anyio.sleep(30)
        assert task.stop_reason is reason
        assert task.state is S.DISPOSED
        assert task.dispose_errors == ()


# At the wrong moment


async def test_a_stop_during_start(root: Root) -> None:
    """S6: it finishes, and then disposes without a body."""

    class Mine(Hooked):
        async def start(self) -> None:
            self.stop("changed my mind")
            await anyio.sleep(5)

        async def go(self) -> None:
            self.log.append("body")

    task = root.add_task(Mine(at_once))
    assert str(await task.wait_stopped()) == "changed my mind"
    assert task.log == ["disposed"]


async def test_an_add_during_dispose(root: Root) -> None:
    """D9: it raises TaskDisposedError at once."""
    caught: list[BaseException] = []

    class Mine(Work):
        async def dispose(self) -> None:
            await anyio.sleep(1)
            try:
                self.add_task(Task())
            except TaskDisposedError as error:
                caught.append(error)

    work = root.add_task(Mine())
    await work.wait_started()
    work.stop()
    await work.wait_stopped()
    assert len(caught) == 1
    assert work.children == ()


async def test_a_stop_in_dispose(root: Root) -> None:
    """S1: a stop from the own `dispose` of a life that has failed ends the retrying."""

    class Mine(Hooked):
        retry = RetryPolicy(-1, 0)

        async def go(self) -> None:
            await self.fault()

        def dispose(self) -> None:
            super().dispose()
            self.stop("no more")

    task = root.add_task(Mine(at_once))
    assert str(await task.wait_stopped()) == "no more"
    assert task.log == ["disposed"]


async def test_waiting_for_itself(root: Root) -> None:
    """L11: a hook that waits for its own task, its parent or the root is told so, and does not hang."""
    caught: list[str] = []

    class Mine(Task):
        async def go(self) -> None:
            for target in (self, self.parent, root):
                try:
                    await target.wait_stopped()
                except TaskStateError as error:
                    caught.append(str(error))

    await root.add_task(Work()).add_task(Mine())
    assert len(caught) == 3
    assert all("wait for ever" in text for text in caught)


async def test_a_shutdown_in_every_hook() -> None:
    """M10: a shutdown from inside only asks, whatever the hook, and the tree goes."""
    for hook in ("start", "run", "go", "dispose"):

        async def shut(self: Any) -> None:
            await self.parent.shutdown()

        async with RootManager() as root:
            task = type("Mine", (Task,), {hook: shut, "__module__": __name__})()
            root.add_task(task)
            if hook == "dispose":
                await task.wait_started()
                task.stop()
            await root.wait_stopped()
            assert isinstance(root.stop_reason, Exit)


async def test_a_job_whose_child_kills_it_while_it_starts(root: Root) -> None:
    """L12, S6: a Job stopped by a child that it started in its own `start` finishes its start, then goes."""

    class Child(Task):
        async def go(self) -> None:
            self.parent.stop("from below")

    class Mine(Work):
        log: list[str] = []

        async def start(self) -> None:
            self.add_task(Child())
            await anyio.sleep(5)
            self.log.append("started")

        def dispose(self) -> None:
            self.log.append("disposed")

    work = root.add_task(Mine())
    assert str(await work.wait_stopped()) == "from below"
    assert work.log == ["started", "disposed"]
    assert work.duration == pytest.approx(5)


async def test_a_failed_start_that_leaks_nothing(root: Root) -> None:
    """D4: after a start that failed ten times nothing is held: no child, resource, listener, timer."""

    class Mine(Job[Any]):
        retry = RetryPolicy(9, 1)
        held = 0

        async def start(self) -> None:
            self.held += 1
            self.using(self.release)
            self.on_dispose(lambda: None)
            await self.add_task(Task()).wait_started()
            raise Fault

        def release(self) -> None:
            self.held -= 1

    job = root.add_task(Mine())
    await job.wait_stopped()
    assert job.held == 0
    assert job.children == ()
    assert job.resources == ()
    extras = job._life.extras
    assert extras is not None
    assert not extras.life_listeners
    assert not extras.listeners
    assert not extras.timers


# The private state of anyio, and what is done without it


def test_the_private_state_of_anyio_is_there() -> None:
    """S4: what `is_shielded` reads exists in the version of anyio that is installed."""
    assert vars(asyncio_backend)["_task_states"] is not None


@pytest.mark.parametrize("backend", ON_ASYNCIO)
def test_is_shielded(backend: str) -> None:
    """S4: `is_shielded` sees a shield around the place where a task waits, also from inner scopes, and only then."""

    async def main() -> None:
        seen: list[bool] = []
        task = asyncio.current_task()
        assert task is not None
        seen.append(asyncio_backend.is_shielded(task))
        with anyio.CancelScope():  # noqa: ASYNC100 - nothing need wait in it
            seen.append(asyncio_backend.is_shielded(task))
            with anyio.CancelScope(shield=True) as shield:  # noqa: ASYNC100
                seen.append(asyncio_backend.is_shielded(task))
                with anyio.CancelScope():  # noqa: ASYNC100 - nothing need wait in it
                    seen.append(asyncio_backend.is_shielded(task))
                shield.shield = False
                seen.append(asyncio_backend.is_shielded(task))
        seen.append(asyncio_backend.is_shielded(task))
        assert seen == [False, False, True, True, False, False]

    run_virtual(main, backend=backend)


async def check_shield(root: Root) -> None:
    class Mine(Hooked):
        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(10)
                self.log.append("shielded")
            await anyio.sleep(100)

    task = root.add_task(Mine(at_once))
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.log == ["shielded", "disposed"]
    assert task.duration == pytest.approx(10, abs=0.1)


async def check_run(root: Root) -> None:
    class Mine(Hooked):
        async def run(self) -> None:
            await anyio.sleep(100)

    task = root.add_task(Mine(at_once))
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(1)
    assert task.log == ["disposed"]
    assert task.dispose_errors == ()


async def check_plain_results(root: Root) -> None:
    class Mine(Task[int]):
        async def go(self) -> int:
            with anyio.move_on_after(1):
                await anyio.sleep(100)
            return 42

    assert await root.add_task(Mine()) == 42
    failing = root.add_task(after_a_while)
    assert isinstance(await failing.wait_stopped(), Fault)


async def check_stop_event(root: Root) -> None:
    class Mine(Task[str]):
        async def go(self) -> str:
            await self.wait_stop_requested()
            return "in order"

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert task.result == "in order"


async def check_start_timeout(root: Root) -> None:
    class Mine(Task):
        start_timeout = 3.0

        async def start(self) -> None:
            await anyio.sleep(100)

    task = root.add_task(Mine())
    assert isinstance(await task.wait_stopped(), TimeoutReason)
    assert task.duration == pytest.approx(3)


async def check_dispose_timeout(root: Root) -> None:
    class Mine(Task):
        dispose_timeout = 3.0

        async def dispose(self) -> None:
            await anyio.sleep(100)

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(3)


async def check_tick(root: Root) -> None:
    task = root.add_task(Ticking())
    await anyio.sleep(0.5)
    task.stop()
    await task.wait_stopped()
    assert task.duration == pytest.approx(0.5)


async def check_swallowing(root: Root) -> None:
    task: Any = root.add_task(swallowing(20)())
    await anyio.sleep(1)
    task.stop()
    await anyio.sleep(5)
    assert 5 <= task.woken <= 20
    await task.wait_stopped()
    assert task.duration == pytest.approx(18, abs=4)


async def check_hidden_failure(root: Root) -> None:
    class Mine(Task):
        async def go(self) -> None:
            try:
                try:
                    await anyio.sleep(100)
                finally:
                    raise Fault
            finally:
                await anyio.sleep(100)

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    assert [type(error) for error in task.dispose_errors] == [Fault]


async def check_failing_future(root: Root) -> None:
    class Mine(Task):
        async def go(self) -> None:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(1, future.set_exception, Fault())
            await future

    task = root.add_task(Mine())
    assert isinstance(await task.wait_stopped(), Fault)


async def check_restart(root: Root) -> None:
    class Mine(Task):
        lives = 0

        async def go(self) -> None:
            self.lives += 1
            if self.lives == 1:
                await anyio.sleep(100)

    task = root.add_task(Mine())
    await anyio.sleep(1)
    task.restart()
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert task.lives == 2


@pytest.mark.parametrize("backend", ON_ASYNCIO)
@pytest.mark.parametrize("scopes", [False, True])
@pytest.mark.parametrize(
    "check",
    [
        check_shield, check_run, check_plain_results, check_stop_event, check_start_timeout, check_dispose_timeout,
        check_tick, check_swallowing, check_hidden_failure, check_failing_future, check_restart,
    ],
)  # fmt: skip
def test_cancelling_with_and_without_the_private_state_of_anyio(
    backend: str, scopes: bool, check: Callable[[Root], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """S4, M8: without that state bodies run in scopes of anyio's own, and all is as before."""
    if scopes:
        monkeypatch.setattr(asyncio_backend, "_task_states", None)

    async def main() -> None:
        async with RootManager() as root:
            await check(root)
            me = asyncio.current_task()
        assert asyncio.all_tasks() == {me}

    run_virtual(main, backend=backend)
