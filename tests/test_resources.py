"""D4, D8, S7: what a task holds, and when it lets go of it."""

from __future__ import annotations

import contextlib
import io
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from gotask import (
    AsyncTickTask,
    ChannelTask,
    Job,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskState,
    TickTask,
    Work,
)

Root = RootManager[Any, Any]
S = TaskState
LOG: list[str] = []


@pytest.fixture(autouse=True)
def log() -> list[str]:
    """What was released, in order."""
    LOG.clear()
    return LOG


# Kinds of resources: each notes "released"


def function() -> None:
    LOG.append("released")


async def async_function() -> None:
    await anyio.sleep(1)
    LOG.append("released")


class Closing:
    def close(self) -> None:
        LOG.append("released")


class AsyncClosing:
    async def aclose(self) -> None:
        await anyio.sleep(1)
        LOG.append("released")


class ClosingAsync:
    async def close(self) -> None:
        await anyio.sleep(1)
        LOG.append("released")


class Recycling:
    def recycle(self) -> None:
        LOG.append("released")


class All:
    async def aclose(self) -> None:
        LOG.append("released")

    def close(self) -> None:
        LOG.append("close, though there is aclose")

    def recycle(self) -> None:
        LOG.append("recycle, though there is aclose")

    def __call__(self) -> None:
        LOG.append("called, though there is aclose")


class Calling:
    def __call__(self) -> None:
        LOG.append("released")


class AsyncCalling:
    async def __call__(self) -> None:
        await anyio.sleep(1)
        LOG.append("released")


class ClosingManager(Closing):
    """As a file: it can be entered, and it can be closed."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def generator() -> Iterator[int]:
    try:
        yield 1
    finally:
        LOG.append("released")


def begun_generator() -> Iterator[int]:
    begun = generator()
    next(begun)
    return begun


KINDS: list[Callable[[], Any]] = [
    lambda: function, lambda: async_function, lambda: lambda: function(), Closing, AsyncClosing, ClosingAsync,
    Recycling, All, Calling, AsyncCalling, ClosingManager, begun_generator, lambda: Closing().close,
    lambda: AsyncClosing().aclose,
]  # fmt: skip


class Holding(Task):
    """Holds what it is given."""

    def __init__(self, verb: str, *things: Any) -> None:
        self.verb = verb
        self.things = things

    def start(self) -> None:
        for thing in self.things:
            getattr(self, self.verb)(thing)

    def dispose(self) -> None:
        LOG.append("dispose")


@pytest.mark.parametrize("make", KINDS)
async def test_using(root: Root, make: Callable[[], Any]) -> None:
    """D8: `using` takes callables and objects with `aclose`, `close` or `recycle`; released after `dispose`."""
    thing = make()
    task = root.add_task(Holding("using", thing))
    await task.wait_started()
    assert list(task.resources) == [thing]
    assert LOG == []
    task.stop()
    await task.wait_stopped()
    assert LOG == ["dispose", "released"]
    assert task.resources == ()
    assert task.dispose_errors == ()


@pytest.mark.parametrize("make", KINDS)
async def test_on_stop(root: Root, make: Callable[[], Any]) -> None:
    """S7: `on_stop` takes what `using` takes, and releases it before `dispose`."""
    task = root.add_task(Holding("on_stop", make()))
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert LOG == ["released", "dispose"]
    assert task.resources == ()


@pytest.mark.parametrize("make", KINDS)
async def test_on_stop_after_the_request(root: Root, make: Callable[[], Any]) -> None:
    """S7: what is registered with `on_stop` after the stop request is released at once."""

    class Mine(Task):
        stop_grace = 100.0

        async def go(self) -> None:
            await self.wait_stop_requested()
            self.on_stop(make())
            await anyio.sleep(2)
            LOG.append("body")

    mine = root.add_task(Mine())
    await mine.wait_started()
    mine.stop()
    await mine.wait_stopped()
    assert LOG == ["released", "body"]


@pytest.mark.parametrize("make", KINDS)
async def test_using_after_the_end(root: Root, make: Callable[[], Any]) -> None:
    """D8: what is given to a task that is DISPOSED is released at once, for nothing would ever release it."""
    task = root.add_task(Task())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    task.using(make())
    await anyio.sleep(2)
    assert LOG == ["released"]


async def test_using_takes_several(root: Root) -> None:
    """D8, D1: several at once are released last in, first out."""
    task = root.add_task(Task())
    task.using(lambda: LOG.append("a"), lambda: LOG.append("b"), lambda: LOG.append("c"))
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert LOG == ["c", "b", "a"]


async def test_a_real_file(root: Root, tmp_path: Any) -> None:
    """D8: an open file is closed."""
    file = (tmp_path / "file").open("w")
    task = root.add_task(Holding("using", file))
    await task.wait_started()
    assert not file.closed
    task.stop()
    await task.wait_stopped()
    assert file.closed


async def test_a_memory_stream(root: Root) -> None:
    """D8: both ends of an anyio stream are closed."""
    send, receive = anyio.create_memory_object_stream[int](1)
    task = root.add_task(Task())
    task.using(send, receive)
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    with pytest.raises(anyio.ClosedResourceError):
        send.send_nowait(1)


@pytest.mark.parametrize("verb", ["using", "on_stop"])
async def test_a_task_is_stopped(root: Root, verb: str) -> None:
    """D8: a task given to `using` or `on_stop` is stopped with this one, for the same reason, and not waited for."""

    class Slow(Task):
        async def dispose(self) -> None:
            await anyio.sleep(5)

    other = root.add_task(Work()).add_task(Slow())
    await other.wait_started()
    task = root.add_task(Holding(verb, other))
    await task.wait_started()
    assert task.resources == (other,)
    task.stop("both")
    reason = await task.wait_stopped()
    assert task.duration == 0
    assert await other.wait_stopped() is reason


async def test_a_task_that_is_stopped_already(root: Root) -> None:
    """D8: a task that has ended meanwhile is no trouble."""
    other = root.add_task(Task())
    await other.wait_started()
    task = root.add_task(Holding("using", other))
    await task.wait_started()
    other.stop("before")
    await other.wait_stopped()
    task.stop("after")
    await task.wait_stopped()
    assert str(other.stop_reason) == "before"
    assert task.dispose_errors == ()


async def test_a_task_is_stopped_by_a_failure(root: Root) -> None:
    """D8: a task held by one that fails is stopped with the failure as its reason."""

    class Failing(Task):
        async def go(self) -> None:
            await anyio.sleep(1)
            raise ValueError("failed")

    other = root.add_task(Task())
    task = Failing()
    task.using(other)
    root.add_task(task)
    reason = await task.wait_stopped()
    assert await other.wait_stopped() is reason


@pytest.mark.parametrize("kind", [Task, Job, Work, ChannelTask, TickTask, AsyncTickTask])
def test_a_class_is_no_resource(kind: Any) -> None:
    """D8: a task class is refused at once."""
    with pytest.raises(TypeError, match="using\\(\\) takes"):
        Task().using(kind)


def manager() -> Any:
    return contextlib.contextmanager(generator)()


@contextlib.asynccontextmanager
async def async_generator() -> AsyncIterator[str]:
    LOG.append("entered")
    try:
        yield "value"
    finally:
        await anyio.sleep(1)
        LOG.append("left")


@pytest.mark.parametrize("verb", ["using", "on_stop"])
@pytest.mark.parametrize("wrong", [None, 1, "text", object(), int, Closing, io.StringIO, [], {}, b""])
def test_anything_else_is_refused(verb: str, wrong: Any) -> None:
    """D8: anything else is a `TypeError` at once."""
    task = Task[Any]()
    with pytest.raises(TypeError, match=rf"{verb}\(\) takes a task, a function, or an object with aclose"):
        getattr(task, verb)(wrong)
    assert task.resources == ()


@pytest.mark.parametrize("make", [manager, async_generator, anyio.CancelScope, anyio.Lock, threading.Lock])
@pytest.mark.parametrize("verb", ["using", "on_stop"])
async def test_a_context_manager_is_refused(verb: str, make: Callable[[], Any]) -> None:
    """D8: a context manager that was not entered is refused, with the hint at `enter`."""
    with pytest.raises(TypeError, match=r"self\.enter"):
        getattr(Task(), verb)(make())


@pytest.mark.parametrize("verb", ["using", "on_stop"])
def test_a_coroutine_is_refused(verb: str) -> None:
    """D8: a coroutine is refused, with the hint to leave the brackets away; it leaves no warning behind."""
    with pytest.raises(TypeError, match="leave the brackets away"):
        getattr(Task(), verb)(async_function())


def test_what_comes_before_a_wrong_one_is_kept() -> None:
    """D8: of several things those before the wrong one are held."""
    task = Task[Any]()
    with pytest.raises(TypeError):
        task.using(function, 3)
    assert task.resources == (function,)


@pytest.mark.parametrize("verb", ["using", "on_stop"])
def test_the_task_itself_is_refused(verb: str) -> None:
    """S7: `on_stop(self)` is a `ValueError`."""
    task = Task[Any]()
    with pytest.raises(ValueError, match="the task itself"):
        getattr(task, verb)(task)


async def test_a_wrong_resource_fails_the_start(root: Root) -> None:
    """D8: at once means in the hook that gave it."""
    task = root.add_task(Holding("using", 3))
    assert isinstance(await task.wait_stopped(), TypeError)


# enter


class Manager:
    """A plain context manager."""

    def __init__(self, swallows: bool = False) -> None:
        self.swallows = swallows

    def __enter__(self) -> str:
        LOG.append("entered")
        return "value"

    def __exit__(self, *error: object) -> bool:
        LOG.append(f"left {error}")
        return self.swallows


class AsyncManager:
    """An async context manager."""

    async def __aenter__(self) -> str:
        await anyio.sleep(1)
        LOG.append("entered")
        return "value"

    async def __aexit__(self, *error: object) -> None:
        await anyio.sleep(1)
        LOG.append(f"left {error}")


class BothManager(AsyncManager):
    """Can be entered both ways."""

    def __enter__(self) -> None:
        LOG.append("the plain way")

    def __exit__(self, *error: object) -> None:
        LOG.append("the plain way")


class Entering(Task):
    def __init__(self, manager: Any) -> None:
        self.manager = manager

    async def start(self) -> None:
        self.value = await self.enter(self.manager)

    def dispose(self) -> None:
        LOG.append("dispose")


@pytest.mark.parametrize("make", [Manager, lambda: Manager(swallows=True), AsyncManager, BothManager])
async def test_enter(root: Root, make: Callable[[], Any]) -> None:
    """D8: `await self.enter(cm)` enters a context manager, plain or async, which is left when the life ends."""
    thing = make()
    task = root.add_task(Entering(thing))
    await task.wait_started()
    assert task.value == "value"
    assert task.resources == (thing,)
    assert LOG == ["entered"]
    task.stop()
    await task.wait_stopped()
    assert LOG == ["entered", "dispose", "left (None, None, None)"]
    assert task.dispose_errors == ()


async def test_enter_a_generator(root: Root) -> None:
    """D8: those that `contextlib` makes of generators too."""
    task = root.add_task(Entering(async_generator()))
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert LOG == ["entered", "dispose", "left"]


async def test_enter_a_temporary_directory(root: Root) -> None:
    """D8: and those of the standard library."""
    directory = tempfile.TemporaryDirectory()
    task = root.add_task(Entering(directory))
    await task.wait_started()
    assert await anyio.Path(task.value).exists()
    task.stop()
    await task.wait_stopped()
    assert not await anyio.Path(task.value).exists()


@pytest.mark.parametrize("wrong", [None, 3, function, Closing()])
async def test_enter_something_else(wrong: Any) -> None:
    """D8: what is no context manager is a `TypeError` with the hint at `using`."""
    with pytest.raises(TypeError, match=r"for other things use using\(\)"):
        await Task().enter(wrong)


async def test_enter_that_fails(root: Root) -> None:
    """D8: a context manager that could not be entered is not left."""

    class Broken(AsyncManager):
        async def __aenter__(self) -> str:
            raise ValueError("cannot")

    task = root.add_task(Entering(Broken()))
    assert isinstance(await task.wait_stopped(), ValueError)
    assert LOG == []


async def test_enter_in_a_body(root: Root) -> None:
    """D8: a body may enter things too."""

    class Mine(Task):
        async def go(self) -> None:
            await self.enter(AsyncManager())
            LOG.append("body")

    await root.add_task(Mine())
    assert LOG == ["entered", "body", "left (None, None, None)"]


async def test_enter_cancelled_in_the_middle(root: Root) -> None:
    """D8: a body stopped while it enters something does not hold it."""

    class Mine(Task):
        async def go(self) -> None:
            await self.enter(AsyncManager())

    task = root.add_task(Mine())
    await task.wait_started()
    await anyio.sleep(0.5)
    task.stop()
    await task.wait_stopped()
    assert LOG == []


async def test_entered_last_left_first(root: Root) -> None:
    """D1, D8: what was entered goes in the same order as the rest, last in first out."""

    class Mine(Task):
        async def start(self) -> None:
            self.using(lambda: LOG.append("first"))
            await self.enter(Manager())
            self.using(lambda: LOG.append("third"))
            self.on_stop(lambda: LOG.append("on_stop"))

    task = root.add_task(Mine())
    await task.wait_started()
    LOG.clear()
    task.stop()
    await task.wait_stopped()
    assert LOG == ["on_stop", "third", "left (None, None, None)", "first"]


# task.resources


async def test_resources_lists_what_is_held_now(root: Root) -> None:
    """D8: `task.resources` lists what is held now, in the order it was taken."""
    task = Task[Any]()
    assert not task.resources
    one, two = Closing(), Closing()
    task.using(one)
    task.on_stop(two)
    assert list(task.resources) == [one, two]
    task.stop_grace = 100
    seen: list[tuple[Any, ...]] = []
    task.on_before_dispose(lambda: seen.append(task.resources))
    root.add_task(task)
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert seen == [(one,)]
    assert not task.resources


# When: by the life


async def test_a_failed_start_releases_everything(root: Root) -> None:
    """D4: if `start()` failed, `dispose()` is not called, but all that was registered in that life is released."""

    class Mine(Task):
        async def start(self) -> None:
            self.using(lambda: LOG.append("using"))
            self.on_stop(lambda: LOG.append("on_stop"))
            await self.enter(Manager())
            raise ValueError("half-made")

        def dispose(self) -> None:
            LOG.append("dispose")

    task = root.add_task(Mine())
    assert isinstance(await task.wait_stopped(), ValueError)
    assert LOG == ["entered", "left (None, None, None)", "on_stop", "using"]


async def test_each_failed_start_releases_its_own(root: Root) -> None:
    """D4: a start that fails again and again leaks nothing."""
    held: list[int] = []
    most: list[int] = []

    class Mine(Task):
        retry = RetryPolicy(5, 1)

        async def start(self) -> None:
            held.append(1)
            self.using(held.pop)
            most.append(len(self.resources))
            raise ValueError

    task = root.add_task(Mine())
    await task.wait_stopped()
    assert held == []
    assert most == [1] * 6


async def test_children_of_a_failed_start_go_before_its_resources(root: Root) -> None:
    """D4, D1: children added by a start that failed are disposed before the resources are released."""

    class Child(Task):
        def dispose(self) -> None:
            LOG.append("child")

    class Mine(Job[Any]):
        async def start(self) -> None:
            self.using(lambda: LOG.append("using"))
            await self.add_task(Child()).wait_started()
            raise ValueError

    await root.add_task(Mine()).wait_stopped()
    assert LOG == ["child", "using"]


async def test_a_start_that_is_too_slow_releases_everything(root: Root) -> None:
    """D4, S6: the same when `start` was cancelled for its length."""

    class Mine(Task):
        start_timeout = 1.0

        async def start(self) -> None:
            self.using(function)
            await anyio.sleep(100)

    await root.add_task(Mine()).wait_stopped()
    assert LOG == ["released"]


@pytest.mark.parametrize("hook", ["run", "go"])
@pytest.mark.parametrize("fails", [True, False])
async def test_what_a_body_takes_is_released(root: Root, hook: str, fails: bool) -> None:
    """D8: what a body takes is released however it ends, both kinds."""

    async def body(self: Any) -> None:
        self.using(lambda: LOG.append("using"))
        self.on_stop(lambda: LOG.append("on_stop"))
        if fails:
            raise ValueError

    task = type("Mine", (Task,), {hook: body, "__module__": __name__})()
    root.add_task(task)
    await task.wait_stopped()
    assert LOG == ["on_stop", "using"]


async def test_what_a_thread_takes_is_released(root: Root) -> None:
    """D8, M6: a body in a thread may take things; they are released in the tree's thread."""
    threads: list[int] = []

    class Mine(Task):
        def go(self) -> None:
            self.using(lambda: threads.append(threading.get_ident()), async_function)

    await root.add_task(Mine())
    assert threads == [threading.get_ident()]
    assert LOG == ["released"]


@pytest.mark.parametrize("takes", [0, 1])
@pytest.mark.parametrize("verb", ["using", "on_stop"])
async def test_generator_exit_is_an_error_of_its_release(root: Root, verb: str, takes: float) -> None:
    """D5, S4: out of a resource it is an error like another, and nothing hangs."""
    error = GeneratorExit("mine")

    async def release() -> None:
        await anyio.sleep(takes)
        raise error

    task = Task()
    task.using(function)
    getattr(task, verb)(release)
    await root.add_task(task).wait_started()
    task.stop()
    with anyio.fail_after(5):
        await task.wait_stopped()
    assert task.dispose_errors == (error,)
    assert LOG == ["released"]


async def test_on_stop_in_a_thread_after_the_request(root: Root) -> None:
    """S7, M6: what a thread registers after the stop request is released at once, in the tree's thread."""
    threads: list[int] = []

    async def release() -> None:
        threads.append(threading.get_ident())
        await anyio.sleep(1)
        threads.append(threading.get_ident())

    class Mine(Task):
        def go(self) -> None:
            pause = threading.Event()
            while not self.is_stopped:
                pause.wait(0.001)
            self.on_stop(release)

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    await anyio.sleep(2)
    assert threads == [threading.get_ident()] * 2
    assert task.dispose_errors == ()


async def test_what_dispose_takes_is_released(root: Root) -> None:
    """D1, D8: what `dispose` itself takes is released after it, in a task that held nothing before."""

    class Mine(Task):
        def dispose(self) -> None:
            self.using(function)

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert LOG == ["released"]


@pytest.mark.parametrize("moment", ["on_start", "on_before_dispose", "on_dispose"])
async def test_what_a_listener_takes_is_released(root: Root, moment: str) -> None:
    """D8: what a listener takes is released too, also in the last of them."""
    task = Task[Any]()
    getattr(task, moment)(lambda: task.using(function))
    root.add_task(task)
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert LOG == ["released"]


async def test_a_resource_may_give_another(root: Root) -> None:
    """D8: a resource that takes another one when it is released has it released next."""
    task = Task[Any]()
    task.using(lambda: LOG.append("last"), lambda: task.using(function))
    root.add_task(task)
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert LOG == ["released", "last"]


async def test_each_life_has_its_own(root: Root) -> None:
    """D8: what is taken in one life is released at its end, and the next life begins with nothing."""
    lives: list[int] = []

    class Mine(Task):
        retry = RetryPolicy(3, 0)

        def start(self) -> None:
            lives.append(len(self.resources))
            number = len(lives)
            self.using(lambda: LOG.append(f"using {number}"))
            self.on_stop(lambda: LOG.append(f"on_stop {number}"))

        async def go(self) -> None:
            if len(lives) < 3:
                raise ValueError

    await root.add_task(Mine())
    assert lives == [0, 0, 0]
    assert [f"{verb} {number}" for number in (1, 2, 3) for verb in ("on_stop", "using")] == LOG


async def test_on_stop_at_a_restart(root: Root) -> None:
    """S4, R6: a restart releases `on_stop` resources first, as a stop does."""
    task = root.add_task(Holding("on_stop", async_function))
    await task.wait_started()
    task.restart()
    await anyio.sleep(5)
    assert LOG == ["released", "dispose"]
    assert task.state is S.STARTED


async def test_a_resource_is_released_once(root: Root) -> None:
    """D8: whatever happens around it, a resource is released exactly once."""

    class Mine(Task):
        stop_grace = 5.0

        async def start(self) -> None:
            self.on_stop(async_function)

        async def go(self) -> None:
            await anyio.sleep(0.5)

    task = root.add_task(Mine())
    await task.wait_started()
    await anyio.sleep(0.2)
    task.stop()
    task.stop()
    await task.wait_stopped()
    await anyio.sleep(5)
    assert LOG == ["released"]


async def test_resources_of_a_job_go_after_its_children(root: Root) -> None:
    """D1: `using` of a Job comes after its children; `on_stop` before them."""

    class Child(Task):
        def dispose(self) -> None:
            LOG.append("child")

    class Mine(Work):
        def start(self) -> None:
            self.add_task(Child())
            self.using(lambda: LOG.append("using"))
            self.on_stop(lambda: LOG.append("on_stop"))

    work = root.add_task(Mine())
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert LOG == ["on_stop", "child", "using"]


async def test_the_caller_of_stop_releases_nothing_itself(root: Root) -> None:
    """S4: `on_stop` resources are not released in the stack of whoever calls `stop()`."""
    task = root.add_task(Task())
    await task.wait_started()
    task.on_stop(function)
    task.stop()
    assert LOG == []
    await task.wait_stopped()
    assert LOG == ["released"]


async def test_a_slow_resource_holds_up_nobody_but_its_siblings(root: Root) -> None:
    """D3, D8: an async resource is awaited in the parent's loop; other Jobs go on."""
    work = root.add_task(Work())
    task = work.add_task(Holding("using", async_function))
    await task.wait_started()
    task.stop()
    await anyio.sleep(0.5)
    assert work.blocked is task
    other = root.add_task(Task())
    await other.wait_started()
    assert other.timings.queued == 0
    assert isinstance(await task.wait_stopped(), StopByUser)


@pytest.mark.parametrize("verb", ["using", "on_stop"])
async def test_a_task_from_a_plain_function(root: Root, verb: str) -> None:
    """D8: but a task that it returns is not waited for: who adds one last task need not outlive it."""
    task = root.add_task(Holding(verb, lambda: root.add_task(Task())))
    await task.wait_started()
    task.stop()
    with anyio.fail_after(1):
        await task.wait_stopped()
    assert task.dispose_errors == ()


async def test_an_awaitable_from_a_plain_function(root: Root) -> None:
    """D8: what a plain callable returns is awaited if it can be."""
    task = root.add_task(Holding("using", lambda: async_function()))
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert LOG == ["dispose", "released"]
