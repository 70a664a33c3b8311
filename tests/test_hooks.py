"""L2, L3, L8, L13: what a task class may look like, and how its hooks are called."""

from __future__ import annotations

import copy
import dataclasses
import functools
import pickle
import threading
import types
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar
from unittest import mock

import anyio
import attrs
import pytest

import gotask
from gotask import (
    AsyncTickTask,
    ChannelTask,
    Job,
    RootManager,
    Task,
    TaskComplete,
    TaskState,
    TickTask,
    Work,
    WorkCollection,
)

S = TaskState


def make(*bases: type, **namespace: Any) -> Any:
    """A task class with these attributes, made the way a `class` statement makes one."""
    bases = bases or (Task,)
    return types.new_class("Mine", bases, {}, lambda own: own.update({"__module__": __name__, **namespace}))


async def async_hook(self: Any) -> None:
    pass


def plain_hook(self: Any) -> None:
    pass


# L2: which hooks there are


async def test_all_hooks_are_optional(root: RootManager[Any, Any]) -> None:
    """L2: a class without any hook is a task."""
    task = root.add_task(Task())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()


async def test_hooks_are_called_in_order(root: RootManager[Any, Any]) -> None:
    """L2: start, the body, dispose."""
    called: list[str] = []

    class Mine(Task):
        async def start(self) -> None:
            called.append("start")

        async def run(self) -> None:
            called.append("run")

        async def dispose(self) -> None:
            called.append("dispose")

    await root.add_task(Mine())
    assert called == ["start", "run", "dispose"]


async def test_inherited_hooks_count(root: RootManager[Any, Any]) -> None:
    """L2: a hook that a base class defines is a hook of the subclass."""
    called: list[str] = []

    class Base(Task):
        def start(self) -> None:
            called.append("start")

        async def run(self) -> int:
            return 1

    class Mine(Base):
        pass

    assert await root.add_task(Mine()) == 1
    assert called == ["start"]


async def test_hooks_of_a_mixin_count(root: RootManager[Any, Any]) -> None:
    """L2: a hook may come from a class that is no task."""

    class Mixin:
        async def go(self) -> str:
            return "mixed"

    class Mine(Mixin, Task[str]):
        pass

    assert await root.add_task(Mine()) == "mixed"


async def test_run_none_removes_an_inherited_body(root: RootManager[Any, Any]) -> None:
    """L2: `run = None` removes an inherited one, and the task stays STARTED."""

    class Base(Task):
        async def run(self) -> None:
            raise AssertionError("it was removed")

    class Mine(Base):
        run = None  # type: ignore[assignment]

    task = root.add_task(Mine())
    await anyio.sleep(10)
    assert task.state is S.STARTED


async def test_run_none_makes_room_for_go(root: RootManager[Any, Any]) -> None:
    """L2: `run = None` beside a `go` makes a class with one body."""

    class Base(Task[str]):
        async def run(self) -> str:
            return "run"

    class Mine(Base):
        run = None  # type: ignore[assignment]

        async def go(self) -> str:
            return "go"

    assert await root.add_task(Mine()) == "go"


@pytest.mark.parametrize("hook", ["start", "go", "dispose"])
async def test_other_hooks_are_removed_by_none(root: RootManager[Any, Any], hook: str) -> None:
    """L2: each hook can be removed by None."""

    async def fails(self: Any) -> None:
        raise AssertionError("it was removed")

    task: Task[Any] = root.add_task(make(make(**{hook: fails}), **{hook: None})())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert task.dispose_errors == ()


async def test_tick_none_removes_a_tick(root: RootManager[Any, Any]) -> None:
    """L2: `tick = None` removes an inherited tick: the items are read, and nothing happens."""

    class Base(ChannelTask[int]):
        def tick(self, item: int) -> None:
            raise AssertionError("it was removed")

    class Mine(Base):
        tick = None  # type: ignore[assignment]

        def get_signal(self) -> Iterator[int]:
            return iter([1, 2])

    assert isinstance(await root.add_task(Mine()).wait_stopped(), TaskComplete)


# L2: classes that are refused


def refused(namespace: dict[str, Any], base: type = Task) -> str:
    """The message with which such a class is refused."""
    with pytest.raises(TypeError) as caught:
        make(base, **namespace)
    return str(caught.value)


def test_two_bodies_are_refused() -> None:
    """L2: both `run` and `go` is a TypeError that says what to do."""
    message = refused({"run": async_hook, "go": async_hook})
    assert "Mine has both run and go" in message
    assert "`run = None` removes an inherited one" in message


def test_a_second_body_beside_an_inherited_one_is_refused() -> None:
    """L2: both bodies is a TypeError also when one of them is inherited."""
    assert "both run and go" in refused({"go": async_hook}, make(run=async_hook))


@pytest.mark.parametrize("base", [ChannelTask, TickTask, AsyncTickTask])
@pytest.mark.parametrize("body", ["run", "go"])
def test_a_body_beside_ticks_is_refused(base: type, body: str) -> None:
    """L2: the ticks of a task are its body; another one would never be called, or be called instead of them."""
    message = refused({body: async_hook}, base)
    assert f"Mine has {body} beside its ticks" in message
    assert "put what is done each time into `tick`" in message


def test_a_body_beside_ticks_from_elsewhere_is_refused() -> None:
    """L2: so is one that comes from a mixin, or is set later; `None` takes it away."""

    class Mixin:
        run = async_hook

    with pytest.raises(TypeError, match="has run beside its ticks"):
        make(Mixin, TickTask)
    ticking = make(Mixin, TickTask, run=None)
    with pytest.raises(TypeError, match="has go beside its ticks"):
        ticking.go = async_hook


@pytest.mark.parametrize("hook", ["start", "run", "go", "dispose"])
def test_a_generator_is_refused(hook: str) -> None:
    """L2: a generator as a hook is a TypeError that says what to do."""

    def generator(self: Any) -> Iterator[int]:
        yield 1

    message = refused({hook: generator})
    assert f"Mine.{hook} contains `yield`" in message
    assert "plain or async method" in message


@pytest.mark.parametrize("hook", ["start", "run", "go", "dispose"])
def test_an_async_generator_is_refused(hook: str) -> None:
    """L2: an async generator as a hook is a TypeError."""

    async def generator(self: Any) -> AsyncIterator[int]:
        yield 1

    assert "contains `yield`" in refused({hook: generator})


def test_a_generator_as_tick_is_refused() -> None:
    """L2: a generator as tick is a TypeError."""

    def generator(self: Any, item: int) -> Iterator[int]:
        yield 1

    assert "Mine.tick contains `yield`" in refused({"tick": generator}, ChannelTask)


@pytest.mark.parametrize("hook", ["start", "run", "go", "dispose"])
def test_a_hook_that_wants_more_is_refused(hook: str) -> None:
    """L2: a signature that cannot be called is a TypeError that says how it is called."""

    async def wants(self: Any, url: str) -> None:
        pass

    message = refused({hook: wants})
    assert f"it is called as Mine.{hook}(self)" in message
    assert "attributes of the task" in message


@pytest.mark.parametrize("hook", ["start", "run", "go", "dispose"])
def test_a_hook_without_self_is_refused(hook: str) -> None:
    """L2: a method without `self` is a TypeError."""

    def forgot() -> None:
        pass

    assert "cannot be called" in refused({hook: forgot})


def test_a_keyword_that_must_be_given_is_refused() -> None:
    """L2: a required keyword argument is a TypeError."""

    def wants(self: Any, *, url: str) -> None:
        pass

    assert "missing a required" in refused({"start": wants})


def test_a_tick_without_item_is_refused() -> None:
    """L2: `tick(self)` is a TypeError that says which parameters there are."""
    assert "it is called as Mine.tick(self, item)" in refused({"tick": plain_hook}, TickTask)


@pytest.mark.parametrize("thing", [5, "start", [plain_hook]])
def test_a_hook_that_is_no_function_is_refused(thing: Any) -> None:
    """L2: something else than a function under the name of a hook is a TypeError."""
    assert "it should be a method (`def start(self)` or `async def start(self)`)" in refused({"start": thing})


async def test_optional_parameters_are_fine(root: RootManager[Any, Any]) -> None:
    """L2: parameters with defaults can be left out in the call."""

    class Mine(Task[str]):
        async def run(self, name: str = "default", *more: int, **others: int) -> str:
            return name

    assert await root.add_task(Mine()) == "default"


async def test_static_and_class_methods_are_fine(root: RootManager[Any, Any]) -> None:
    """L2: a hook may be a static method or a class method."""
    called: list[str] = []

    class Mine(Task[str]):
        @staticmethod
        def start() -> None:
            called.append("start")

        @classmethod
        async def run(cls) -> str:
            return cls.__name__

    assert await root.add_task(Mine()) == "Mine"
    assert called == ["start"]


async def test_decorated_hooks_are_fine(root: RootManager[Any, Any]) -> None:
    """L2: a decorator that keeps the function's kind does not matter."""

    def traced(function: Any) -> Any:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return "traced " + await function(*args, **kwargs)

        return wrapper

    class Mine(Task[str]):
        @traced
        async def run(self) -> str:
            return "run"

    assert await root.add_task(Mine()) == "traced run"


# L2: super()


async def test_super_start_works_with_and_without_await(root: RootManager[Any, Any]) -> None:
    """L2: `super().start()` works with and without `await`."""
    called: list[str] = []

    class Awaiting(Task):
        async def start(self) -> None:
            await super().start()
            called.append("awaiting")

    class Calling(Task):
        def start(self) -> None:
            super().start()
            called.append("calling")

    class CallingAsync(Task):
        async def start(self) -> None:
            super().start()
            called.append("calling async")

    class Returning(Task):
        def start(self) -> Any:
            called.append("returning")
            return super().start()

    for task in [root.add_task(kind()) for kind in (Awaiting, Calling, CallingAsync, Returning)]:
        await task.wait_started()
    assert called == ["awaiting", "calling", "calling async", "returning"]


@pytest.mark.parametrize("hook", ["run", "go", "dispose"])
async def test_super_of_the_other_hooks(root: RootManager[Any, Any], hook: str) -> None:
    """L2: `super().run()`, `go` and `dispose` can be awaited too."""
    called: list[str] = []

    async def method(self: Any) -> None:
        await getattr(super(type(self), self), hook)()
        called.append(hook)

    task: Task[Any] = root.add_task(make(**{hook: method})())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert called == [hook]
    assert task.dispose_errors == ()


async def test_super_of_a_threaded_body(root: RootManager[Any, Any]) -> None:
    """L2: a plain body may return `super().run()`; its result is None."""

    class Mine(Task):
        def run(self) -> Any:
            return super().run()

    assert await root.add_task(Mine()) is None


async def test_super_of_tick(root: RootManager[Any, Any]) -> None:
    """L2: `super().tick(item)` works with and without `await`."""
    got: list[int] = []

    class Mine(ChannelTask[int]):
        def get_signal(self) -> Iterator[int]:
            return iter([1, 2])

        async def tick(self, item: int) -> None:
            super().tick(item)
            await super().tick(item)
            got.append(item)

    await root.add_task(Mine())
    assert got == [1, 2]


# L2: a hook that is set later


async def test_a_hook_set_later_is_called(root: RootManager[Any, Any]) -> None:
    """L2: a hook may be set on a class that exists, and counts from then on, for its subclasses too."""

    class Base(Task):
        pass

    class Mine(Base):
        pass

    async def run(self: Any) -> str:
        return "later"

    Base.run = run  # type: ignore[method-assign]
    assert await root.add_task(Mine()) == "later"


def test_a_wrong_hook_set_later_is_refused() -> None:
    """L2: a hook that is set later is checked as those of the class statement are."""

    class Mine(Task):
        pass

    def wants(self: Any, url: str) -> None:
        pass

    with pytest.raises(TypeError, match="cannot be called"):
        Mine.start = wants  # type: ignore[method-assign]


async def test_a_hook_that_was_refused_is_not_set(root: RootManager[Any, Any]) -> None:
    """L2: after a refusal the class is as it was."""

    class Mine(Task):
        async def run(self) -> str:
            return "run"

    with pytest.raises(TypeError, match="both run and go"):
        Mine.go = async_hook  # type: ignore[method-assign]
    with pytest.raises(TypeError, match="should be a method"):
        Mine.run = 5  # type: ignore[method-assign,assignment]
    assert "go" not in vars(Mine)
    assert await root.add_task(Mine()) == "run"


async def test_a_hook_taken_away_later_is_not_called(root: RootManager[Any, Any]) -> None:
    """L2: a hook that is deleted does not count any more."""

    class Mine(Task):
        async def run(self) -> None:
            raise AssertionError("it was deleted")

    del Mine.run
    task = root.add_task(Mine())
    await anyio.sleep(1)
    assert task.state is S.STARTED


async def test_mock_patch_of_a_hook(root: RootManager[Any, Any]) -> None:
    """L2: `mock.patch.object` replaces a hook while it lasts."""

    class Mine(Task):
        pass

    with mock.patch.object(Mine, "start") as start:
        await root.add_task(Mine()).wait_started()
        assert start.call_count == 1
    with mock.patch.object(Mine, "run", mock.AsyncMock(return_value="mocked")):
        assert await root.add_task(Mine()) == "mocked"
    task = root.add_task(Mine())
    await anyio.sleep(1)
    assert task.state is S.STARTED
    assert start.call_count == 1


# L3: async and plain


def tree_thread(root: RootManager[Any, Any]) -> int:
    return root._life.pump.thread


async def test_plain_start_and_dispose_are_called_directly(root: RootManager[Any, Any]) -> None:
    """L3: a plain `start` or `dispose` is called directly, in the tree's thread."""
    threads: list[int] = []

    class Mine(Task):
        def start(self) -> None:
            threads.append(threading.get_ident())

        def dispose(self) -> None:
            threads.append(threading.get_ident())

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert threads == [tree_thread(root)] * 2


async def test_plain_tick_is_called_directly(root: RootManager[Any, Any]) -> None:
    """L3: a plain `tick` is called directly."""
    threads: list[int] = []

    class Mine(ChannelTask[int]):
        def get_signal(self) -> Iterator[int]:
            return iter([1])

        def tick(self, item: int) -> None:
            threads.append(threading.get_ident())

    await root.add_task(Mine())
    assert threads == [tree_thread(root)]


@pytest.mark.parametrize("hook", ["run", "go"])
async def test_plain_body_is_called_in_a_thread(root: RootManager[Any, Any], hook: str) -> None:
    """L3: a plain `run` or `go` is called in a worker thread."""

    def body(self: Any) -> int:
        return threading.get_ident()

    assert await root.add_task(make(**{hook: body})()) != tree_thread(root)


@pytest.mark.parametrize("hook", ["run", "go"])
async def test_async_body_is_called_in_the_tree(root: RootManager[Any, Any], hook: str) -> None:
    """L3: an async body runs in the tree's own thread."""

    async def body(self: Any) -> int:
        return threading.get_ident()

    assert await root.add_task(make(**{hook: body})()) == tree_thread(root)


async def test_a_thread_body_that_waits_freezes_nothing_else(root: RootManager[Any, Any]) -> None:
    """L3: what blocks in a plain `go` holds up nothing but the task itself."""
    gate = threading.Event()

    class Blocking(Task[str]):
        def go(self) -> str:
            return "opened" if gate.wait(20) else "hung"

    async def open_gate() -> None:
        gate.set()

    task = root.add_task(Blocking())
    await task.wait_started()
    await root.add_task(open_gate)
    assert await task == "opened"


async def test_a_plain_body_may_return_an_awaitable(root: RootManager[Any, Any]) -> None:
    """L3: what a plain body returns is awaited, if it can be."""

    class Mine(Task[int]):
        def run(self) -> Any:
            return self.later()

        async def later(self) -> int:
            await anyio.sleep(3)
            return threading.get_ident()

    task = root.add_task(Mine())
    assert await task == tree_thread(root)
    assert task.duration == pytest.approx(3)


async def test_a_plain_start_may_return_an_awaitable(root: RootManager[Any, Any]) -> None:
    """L3: what a plain `start` returns is awaited, if it can be."""

    class Mine(Task):
        def start(self) -> Any:
            return anyio.sleep(3)

    task = root.add_task(Mine())
    await task.wait_started()
    assert task.timings.start == pytest.approx(3)


async def test_the_current_task_in_a_thread(root: RootManager[Any, Any]) -> None:
    """L3, M9: in a thread body the current task is the task."""

    class Mine(Task[bool]):
        def go(self) -> bool:
            return gotask.current_task() is self

    assert await root.add_task(Mine()) is True


async def test_without_threads_a_plain_body_is_called_directly(
    root: RootManager[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """L3: where there are no threads, a plain body is called directly, with one warning."""
    monkeypatch.setattr("gotask.body.HAS_THREADS", False)

    class Mine(Task[int]):
        def run(self) -> int:
            return threading.get_ident()

    with pytest.warns(UserWarning, match="there are no threads here") as caught:
        assert await root.add_task(Mine()) == tree_thread(root)
    assert len(caught) == 1


async def test_a_body_that_fails_before_it_begins(root: RootManager[Any, Any]) -> None:
    """L6: an async body whose very call raises is a failure like another."""

    class Mine(Task):
        async def run(self) -> None:
            pass

    def fails() -> None:
        raise ValueError("not even called")

    task = Mine()
    task.run = fails  # type: ignore[method-assign,assignment]
    assert isinstance(await root.add_task(task).wait_stopped(), ValueError)


# L8: any kind of class


async def test_no_super_init_is_needed(root: RootManager[Any, Any]) -> None:
    """L8: a subclass needs no `super().__init__()`."""

    class Mine(Job):
        def __init__(self, count: int) -> None:
            self.count = count

        def start(self) -> None:
            for _ in range(self.count):
                self.add_task(async_hook, self)

    job = root.add_task(Mine(3))
    await job
    assert job.count == 3


async def test_super_init_does_no_harm(root: RootManager[Any, Any]) -> None:
    """L8: `super().__init__()` may be called all the same."""

    class Mine(Task):
        def __init__(self) -> None:
            super().__init__()

    await root.add_task(Mine()).wait_started()


@dataclass
class Point(Task[int]):
    x: int
    y: int = 2
    seen: list[int] = field(default_factory=list)

    async def run(self) -> int:
        return self.x + self.y


@dataclass(slots=True)
class SlottedPoint(Task[int]):
    x: int
    y: int = 2

    async def run(self) -> int:
        return self.x + self.y


@dataclass(eq=False, kw_only=True)
class Named(Task[int]):
    x: int

    async def run(self) -> int:
        return self.x + 2


@attrs.define
class Attr(Task[int]):
    x: int
    y: int = 2

    async def run(self) -> int:
        return self.x + self.y


@attrs.define(slots=False)
class AttrWithDict(Task[int]):
    x: int
    y: int = 2

    async def run(self) -> int:
        return self.x + self.y


@attrs.define
class SubAttr(Attr):
    z: int = 0


KINDS = [Point, SlottedPoint, Named, Attr, AttrWithDict, SubAttr]


@pytest.mark.parametrize("kind", KINDS)
async def test_dataclasses_and_attrs(root: RootManager[Any, Any], kind: Any) -> None:
    """L8: @dataclass and attrs classes work as tasks, with slots or without."""
    assert await root.add_task(kind(x=1)) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_equal_tasks_are_still_two_tasks(root: RootManager[Any, Any], kind: Any) -> None:
    """L8: tasks that compare equal and cannot be hashed are two tasks all the same."""
    first, second = root.add_task(kind(x=1)), root.add_task(kind(x=1))
    assert first.task_id != second.task_id
    assert root.size == 2
    assert [await first, await second] == [3, 3]


def test_some_of_them_cannot_be_hashed() -> None:
    """L8: the test above is about unhashable tasks, too."""
    with pytest.raises(TypeError):
        hash(Point(1))
    with pytest.raises(TypeError):
        hash(Attr(1))


async def test_an_unhashable_job(root: RootManager[Any, Any]) -> None:
    """L8: a dataclass works as a Job with children, listeners, resources and waiters."""

    @dataclass
    class Group(Job):
        count: int

        def start(self) -> None:
            self.other = Point(5)
            self.using(self.other)
            for number in range(self.count):
                self.add_task(Point(number))

    heard: list[Any] = []
    job = root.add_task(Group(3))
    job.on_descendants_start(heard.append)
    await job
    assert [task.x for task in heard] == [0, 1, 2]


async def test_an_unhashable_collection_and_tick_task(root: RootManager[Any, Any]) -> None:
    """L8: the other kinds of task may be dataclasses too."""

    @dataclass
    class Clock(TickTask):
        tick_interval: float = 1.0
        times: list[float] = field(default_factory=list)

        def tick(self, due_at: float) -> None:
            self.times.append(due_at)

    @dataclass
    class Clocks(WorkCollection[str, Clock]):
        name: str

    clocks = root.add_task(Clocks("all"))
    clock = clocks.add_task(Clock(), key="one")
    await anyio.sleep(2.5)
    assert clocks["one"] is clock
    assert len(clock.times) == 2


@pytest.mark.parametrize("equal", [True, False])
async def test_a_root_may_be_a_dataclass(equal: bool) -> None:
    """L8: so may a root, hashable or not."""

    @dataclass(eq=equal)  # type: ignore[literal-required]
    class MyRoot(RootManager[Any, Any]):
        name: str

    async with MyRoot("mine") as own, MyRoot("mine") as other:
        task = own.add_task(Point(1))
        assert await task == 3
        assert gotask.from_pointer(own.pointer) is own
        assert gotask.from_pointer(other.pointer) is other
        assert len(gotask.get_task_history(id=task.task_id)) == 1


async def test_a_class_with_slots(root: RootManager[Any, Any]) -> None:
    """L8: a class may have `__slots__`."""

    class Mine(Task[int]):
        __slots__ = ("count",)

        def __init__(self, count: int) -> None:
            self.count = count

        async def run(self) -> int:
            return self.count

    assert await root.add_task(Mine(4)) == 4


async def test_a_class_with_its_own_new(root: RootManager[Any, Any]) -> None:
    """L8: a class may have its own `__new__` and take any arguments."""

    class Mine(Task[int]):
        made: ClassVar[int] = 0

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            cls.made += 1
            return super().__new__(cls, *args, **kwargs)

        def __init__(self, *, count: int) -> None:
            self.count = count

        async def run(self) -> int:
            return self.count

    assert await root.add_task(Mine(count=4)) == 4
    assert Mine.made == 1


async def test_a_generic_task(root: RootManager[Any, Any]) -> None:
    """L8: `Task[int]` and `Job[str]` can be subclassed, and called."""
    assert isinstance(Task[int](), Task)
    assert issubclass(Job[str], Job) if isinstance(Job[str], type) else True


# L13: names the library needs


@pytest.mark.parametrize(
    "name", ["state", "task_id", "parent", "level", "stop", "result", "using", "duration", "descriptions", "info"]
)
def test_a_field_named_like_a_public_attribute_is_refused(name: str) -> None:
    """L13: a field named like a public attribute is a TypeError that names the clash."""
    message = refused({"__annotations__": {name: int}})
    assert f"Mine.{name} hides Task.{name}" in message or f"Mine.{name} hides Notes.{name}" in message or (
        f"Mine.{name} hides Care.{name}" in message
    )  # fmt: skip
    assert "choose another name" in message


@pytest.mark.parametrize("name", ["children", "call", "add_task", "size", "blocked"])
def test_a_field_named_like_an_attribute_of_a_job_is_refused(name: str) -> None:
    """L13: what is public in Job clashes in Jobs..."""
    assert f"Mine.{name} hides Job.{name}" in refused({name: 5}, Job)


@pytest.mark.parametrize("name", ["children", "call", "add_task", "size", "blocked"])
def test_names_of_jobs_are_free_in_tasks(name: str) -> None:
    """L13: ... and in plain tasks it does not."""
    make(**{name: 5})


def test_a_method_named_like_a_public_one_is_refused() -> None:
    """L13: a method named like a public one is a TypeError."""
    with pytest.raises(TypeError, match=r"Mine\.restart hides Task\.restart, which the library needs"):

        class Mine(Task):
            def restart(self) -> None:
                pass


def test_a_clash_further_down_is_refused() -> None:
    """L13: a class between does not hide a clash."""
    assert "Mine.state hides Task.state" in refused({"state": 5}, make())


def test_a_dataclass_field_that_clashes_is_refused() -> None:
    """L13: a field of a dataclass that clashes is a TypeError, whether it has a default or not."""
    with pytest.raises(TypeError, match=r"hides Task\.level"):

        @dataclass
        class Mine(Task):
            level: int


def test_an_attrs_field_that_clashes_is_refused() -> None:
    """L13: a field of an attrs class that clashes is a TypeError."""
    with pytest.raises(TypeError, match=r"hides Task\.parent"):

        @attrs.define
        class Mine(Task):
            parent: str


def test_a_mixin_that_clashes_is_refused() -> None:
    """L13: a mixin in front of Task that hides a public attribute is a TypeError, too."""

    class Mixin:
        state = "mine"

    with pytest.raises(TypeError, match="state"):
        make(Mixin, Task)


SETTINGS: dict[str, Any] = {
    "key": "k",
    "owner_type": "Other",
    "retry": gotask.RetryPolicy(1),
    "stop_grace": 1.0,
    "stop_timeout": 1.0,
    "start_timeout": 1.0,
    "dispose_timeout": 1.0,
    "stop_children": "concurrent",
    "on_child_failure": "escalate",
    "max_children": 5,
}


@pytest.mark.parametrize("name", SETTINGS)
async def test_settings_may_be_set_in_the_class(root: RootManager[Any, Any], name: str) -> None:
    """L13: the settings are excepted: a class may set them."""
    job: Any = root.add_task(make(Work, **{name: SETTINGS[name]})())
    await job.wait_started()
    assert getattr(job, name) == SETTINGS[name]


@pytest.mark.parametrize("name", SETTINGS)
async def test_settings_may_be_set_in_init(root: RootManager[Any, Any], name: str) -> None:
    """L13: the settings are excepted: `__init__` may set them."""

    def init(self: Any) -> None:
        setattr(self, name, SETTINGS[name])

    job: Any = root.add_task(make(Work, __init__=init)())
    await job.wait_started()
    assert getattr(job, name) == SETTINGS[name]


@pytest.mark.parametrize("name", SETTINGS)
async def test_settings_may_be_dataclass_fields(root: RootManager[Any, Any], name: str) -> None:
    """L13: the settings are excepted: they may be fields of a dataclass."""
    kind = dataclasses.make_dataclass("Made", [(name, Any)], bases=(Work,), namespace={"__module__": __name__})
    job: Any = root.add_task(kind(SETTINGS[name]))
    await job.wait_started()
    assert getattr(job, name) == SETTINGS[name]


async def test_a_setting_may_be_a_property(root: RootManager[Any, Any]) -> None:
    """L13: a setting may be a property."""

    class Mine(Task):
        def __init__(self, name: str) -> None:
            self.name = name

        @property  # type: ignore[misc]
        def key(self) -> str:
            return self.name.upper()

        @property
        def owner_type(self) -> str:  # type: ignore[override]
            return f"Mine of {self.name}"

    task = root.add_task(Mine("ann"))
    await task.wait_started()
    assert task.key == "ANN"
    assert root["ANN"] is task
    assert "Mine of ann" in task.execution_path


async def test_override_lets_a_name_pass(root: RootManager[Any, Any]) -> None:
    """L13: what is marked `@override` is excepted."""

    def override(function: Any) -> Any:  # typing.override came with Python 3.12
        function.__override__ = True
        return function

    class Mine(Task):
        @override
        def info(self, message: str, **fields: Any) -> None:
            said.append(message)

        @property
        @override
        def result(self) -> Any:
            return "overridden"

    said: list[str] = []
    task = root.add_task(Mine())
    task.info("hello")
    assert said == ["hello"]
    assert task.result == "overridden"


def test_a_frozen_dataclass_is_refused() -> None:
    """L13: a frozen dataclass is a TypeError that says what to do."""
    with pytest.raises(TypeError, match="Mine is frozen, but a task changes while it lives: leave `frozen=True` away"):

        @dataclass(frozen=True)
        class Mine(Task):
            x: int


def test_a_frozen_dataclass_with_slots_is_refused() -> None:
    """L13: with slots it is one too."""
    with pytest.raises(TypeError, match="Mine is frozen"):

        @dataclass(frozen=True, slots=True)
        class Mine(Task):
            x: int


@pytest.mark.parametrize("slots", [True, False])
def test_a_frozen_attrs_class_is_refused(slots: bool) -> None:
    """L13: a frozen attrs class is a TypeError."""
    with pytest.raises(TypeError, match="Mine is frozen"):

        @attrs.define(frozen=True, slots=slots)  # type: ignore[literal-required]
        class Mine(Task):
            x: int


# L13: copies


COPIES: dict[str, Any] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {protocol}": functools.partial(pickle.dumps, protocol=protocol) for protocol in range(6)},
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("kind", [Task, Job, Point, SlottedPoint, Attr])
def test_a_task_cannot_be_copied(way: str, kind: Any) -> None:
    """L13: copying or pickling a task is a TypeError that says what to do."""
    task = kind() if kind in (Task, Job) else kind(x=1)
    with pytest.raises(TypeError, match=f"cannot be copied or pickled.* Make a new {kind.__name__}"):
        COPIES[way](task)


def test_dataclass_replace_makes_a_new_task() -> None:
    """L13: `dataclasses.replace` makes a new task, which is no copy."""
    task = Point(1)
    other = dataclasses.replace(task, x=5)
    assert other.task_id != task.task_id
    assert (other.x, other.y) == (5, 2)
