"""M6: every plain public method may be called from any thread."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio
import pytest
from helpers import Forever

import gotask
from gotask import (
    ChannelTask,
    Job,
    Observer,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskDisposedError,
    TaskExistsError,
    TaskState,
    TaskStateError,
    TooManyChildrenError,
    Work,
    WorkCollection,
)
from gotask.extras import Extras
from gotask.records import Step
from gotask.roots import OPEN
from gotask.testing import run_virtual

Root = RootManager[Any, Any]


class Noting:
    """A resource that notes in which thread it is released."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __call__(self) -> None:
        self.threads.append(threading.get_ident())


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Call it in another thread, and check that it is another one."""
    here = threading.get_ident()

    def call() -> Any:
        assert threading.get_ident() != here
        return function(*args)

    return await anyio.to_thread.run_sync(call)


@pytest.fixture
async def task(root: Root) -> Forever:
    """A task that is GOING."""
    task = root.add_task(Forever())
    await task.wait_started()
    return task


# Adding


async def test_add_task_from_a_thread(root: Root) -> None:
    """M6: `add_task` in another thread waits for its answer: when it returns, the task is in the tree."""
    states: list[Any] = []

    def add() -> Task:
        task = root.add_task(Forever())
        states.append((task.parent, task in root.children))
        return task

    task = await in_thread(add)
    assert states == [(root, True)]
    await task.wait_started()


async def test_add_task_with_options_from_a_thread(root: Root) -> None:
    """M6: with all its options."""

    def add() -> Task:
        return root.add_task(Forever(), key="k", name="N", descriptions={"a": 1}, retry=RetryPolicy(2), timeout=5)

    task = await in_thread(add)
    assert (task.key, task.owner_type, task.max_retry, dict(task.descriptions)) == ("k", "N", 2, {"a": 1})
    assert isinstance(await task.wait_stopped(), gotask.TimeoutReason)
    assert task.duration == pytest.approx(5)


async def test_add_task_of_a_function_from_a_thread(root: Root) -> None:
    """M6, J5: a function too."""

    async def double(number: int) -> int:
        return 2 * number

    task = await in_thread(root.add_task, double, 4)
    assert await task == 8


async def test_add_task_raises_in_the_thread(root: Root, task: Forever) -> None:
    """M6, J4: what `add_task` refuses is raised in the thread that called it."""

    class Small(Work):
        max_children = 0

    small = root.add_task(Small())
    stopped = root.add_task(Work())
    await stopped.wait_started()
    stopped.stop()
    await stopped.wait_stopped()
    root.add_task(Forever(), key="taken")
    for call, error in (
        (lambda: root.add_task(Forever(), key="taken"), TaskExistsError),
        (lambda: small.add_task(Forever()), TooManyChildrenError),
        (lambda: stopped.add_task(Forever()), TaskDisposedError),
        (lambda: root.add_task(task), TaskStateError),
        (lambda: root.add_task("nothing"), TypeError),  # type: ignore[call-overload]
    ):
        with pytest.raises(error):
            await in_thread(call)


async def test_add_task_to_a_job_in_no_tree_from_a_thread() -> None:
    """M6, L12: where there is no tree there is nobody to ask: TaskStateError."""
    with pytest.raises(TaskStateError):
        await in_thread(Job().add_task, Forever())


async def test_add_depend_task_from_a_thread(root: Root) -> None:
    """M6, J3: `add_depend_task` too."""
    job = root.add_task(Work())
    await job.wait_started()
    child = await in_thread(job.add_depend_task, Forever())
    await child.wait_started()
    child.stop()
    assert isinstance(await job.wait_stopped(), StopByUser)


async def test_replace_task_from_a_thread(root: Root) -> None:
    """M6, J9: `replace_task` too."""
    old = root.add_task(Forever(), key="k")
    await old.wait_started()
    new = await in_thread(root.replace_task, "k", Forever())
    await new.wait_started()
    assert old.state is TaskState.DISPOSED
    assert root["k"] is new


async def test_the_start_reason_is_the_line_in_the_thread(root: Root) -> None:
    """M6, H1: `start_reason` names the caller's line, whatever the thread."""

    def add() -> tuple[Task, Task]:
        return root.add_task(Forever()), root.add_depend_task(Forever())

    line = add.__code__.co_firstlineno + 1
    for task in await in_thread(add):
        assert task.start_reason == f"tests/test_threads.py:{line}"


async def test_eight_threads_add_at_once(root: Root) -> None:
    """M6: eight threads add to one Job at once: nothing is lost, each id and key once."""
    job = root.add_task(Work())
    await job.wait_started()
    ready = threading.Barrier(8)
    per_thread = 50

    def add(number: int) -> list[Task]:
        ready.wait()
        return [job.add_task(Forever(), key=(number, index)) for index in range(per_thread)]

    added: list[Task] = []

    async def one(number: int) -> None:
        added.extend(await anyio.to_thread.run_sync(add, number))

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(one, number)
    assert job.size == 8 * per_thread
    assert len({child.task_id for child in added}) == 8 * per_thread
    for child in added:
        await child.wait_started()
    job.stop()
    await job.wait_stopped()
    assert Counter(child.state for child in added) == {TaskState.DISPOSED: 8 * per_thread}


async def test_one_task_added_by_many_threads_gets_in_once(root: Root) -> None:
    """M6, J4: when several threads add the same task to different Jobs, one of them wins."""
    jobs = [root.add_task(Work()) for _ in range(4)]
    for job in jobs:
        await job.wait_started()
    for _ in range(10):
        task = Forever()
        ready = threading.Barrier(4)
        outcomes: list[str] = []

        def add(job: Work, task: Task, ready: threading.Barrier, outcomes: list[str]) -> None:
            ready.wait()
            try:
                job.add_task(task)
                outcomes.append("added")
            except TaskStateError:
                outcomes.append("refused")

        async with anyio.create_task_group() as group:
            for job in jobs:
                group.start_soon(in_thread, add, job, task, ready, outcomes)
        assert sorted(outcomes) == ["added", "refused", "refused", "refused"]
        assert sum(task in job.children for job in jobs) == 1


async def test_a_thread_body_adds_and_awaits_through_the_loop(root: Root) -> None:
    """M6, L3: a plain body in its thread may add tasks to its own Job."""

    class Feeder(Job):
        def go(self) -> list[Task]:
            return [self.add_task(Forever()) for _ in range(3)]

    job = root.add_task(Feeder())
    await anyio.sleep(1)
    assert job.size == 3


# Stopping and restarting


async def test_stop_from_a_thread(root: Root, task: Forever) -> None:
    """M6, S1: `stop` may be called from any thread; the reason is given on."""
    reason = StopByUser("from a thread")
    await in_thread(task.stop, reason)
    assert await task.wait_stopped() is reason
    assert task.cleaned


async def test_stop_from_a_thread_does_not_wait(root: Root, task: Forever) -> None:
    """M6, S1: it returns at once, also while the loop is busy."""
    thread = threading.Thread(target=task.stop)
    thread.start()
    thread.join()  # the loop is here, and does nothing meanwhile
    await task.wait_stopped()


async def test_stop_with_a_wrong_reason_raises_in_the_thread(root: Root, task: Forever) -> None:
    """M6, S1: a wrong reason is a TypeError in the thread."""
    with pytest.raises(TypeError):
        await in_thread(task.stop, 42)
    assert not task.is_stopped


async def test_stop_from_many_threads_keeps_one_reason(root: Root, task: Forever) -> None:
    """M6, S1: the first request wins, whoever makes it."""
    reasons = [StopByUser(str(number)) for number in range(8)]
    async with anyio.create_task_group() as group:
        for reason in reasons:
            group.start_soon(anyio.to_thread.run_sync, task.stop, reason)
    assert await task.wait_stopped() in reasons


def test_stop_after_the_end_of_the_loop() -> None:
    """M6, S1: `stop` of a task that is over does nothing, also when its event loop is gone."""
    task = Forever()

    async def main() -> None:
        async with RootManager() as root:
            await root.add_task(task).wait_started()

    for backend in ("asyncio", "asyncio+uvloop", "trio"):
        run_virtual(main, backend=backend)
        errors: list[BaseException] = []

        def stop(errors: list[BaseException] = errors) -> None:
            try:
                task.stop()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=stop)
        thread.start()
        thread.join()
        assert errors == []


@pytest.mark.parametrize("live", [True, False])
def test_what_is_asked_just_before_the_loop_closes(monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    """M6: asyncio drops it, whether or not the tree was shut down before; who asked is told."""
    loop = asyncio.new_event_loop()
    root = loop.run_until_complete(RootManager[Any, Any]().init())
    reader = root.add_task(ChannelTask[Any]())
    channel = reader.open()
    calls: list[Callable[[], Any]] = [partial(root.add_task, print), reader.restart, partial(channel.send_nowait, 1)]
    if not live:
        loop.run_until_complete(root.shutdown())
    backend, asked = root._life.pump.backend, threading.Semaphore(0)
    hand_over = backend.call_from_thread

    def call_from_thread(*call: Any) -> None:
        hand_over(*call)
        asked.release()

    monkeypatch.setattr(backend, "call_from_thread", call_from_thread)
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = [pool.submit(call) for call in calls]
        for _ in calls:
            asked.acquire()
        loop.close()
        assert [type(answer.exception(5)) for answer in answers] == [TaskDisposedError] * len(calls)
    OPEN.pop(root.task_id, None)


async def test_restart_from_a_thread(root: Root, task: Forever) -> None:
    """M6, R6: `restart` too."""
    await in_thread(task.restart)
    await anyio.sleep(1)
    assert task.cleaned
    assert task.state is TaskState.GOING


async def test_restart_raises_in_the_thread(root: Root, task: Forever) -> None:
    """M6, R6: what `restart` refuses is raised in the thread."""
    with pytest.raises(TaskStateError, match="in no tree"):
        await in_thread(Forever().restart)
    over = root.add_task(Work())
    await over.wait_started()
    child = over.add_task(Forever())
    await child.wait_started()
    over.stop()
    await over.wait_stopped()
    with pytest.raises(TaskDisposedError):
        await in_thread(child.restart)


# What a task keeps


async def test_descriptions_from_a_thread(root: Root, task: Forever) -> None:
    """M6, H4: descriptions are set, read and taken back from any thread."""

    def describe() -> Any:
        task.set_description("a", 1)
        task.set_descriptions({"b": 2, "c": 3})
        task.remove_description("c")
        return task.get_description("a"), dict(task.descriptions)

    assert await in_thread(describe) == (1, {"a": 1, "b": 2})


@pytest.mark.parametrize("read", ["the history", "a live tree", "a snapshot"])
async def test_descriptions_that_come_while_they_are_read(root: Root, read: str) -> None:
    """M6, H4, H5: descriptions are made into text though a thread may set others at that moment, as `__str__` does."""
    task = root.add_task(Forever())
    await task.wait_started()

    class Meddling:
        def __str__(self) -> str:
            if "more" not in task.descriptions:
                task.set_description("more", 1)
            return "text"

    task.set_description("what", Meddling())
    if read == "a live tree":
        tree = gotask.LiveTree()
        root.observe(tree)
        row = tree.row(task.task_id)
        assert row is not None
        assert row.descriptions["what"] == "text"
    elif read == "a snapshot":
        assert dict(gotask.snapshot(task).descriptions)["what"] == "text"
    task.stop()
    await task.wait_stopped()
    [record] = root.history.records(id=task.task_id)
    assert record.descriptions["what"] == "text"


def test_notes_after_the_end_of_the_loop() -> None:
    """M6, H6: what a thread notes of a task whose event loop has ended is kept, though no observer can be told."""
    task = Task[Any]()
    with gotask.BlockingRoot() as root:
        root.root.observe(gotask.LiveTree())
        root.add_task(task)
    task.set_description("found", 1)
    task.step("late")
    assert task.descriptions == {"found": 1}
    assert [step.name for step in task.steps] == ["late"]


async def test_retry_settings_from_a_thread(root: Root, task: Forever) -> None:
    """M6, R1, R3: so are the retry settings."""

    def change() -> Any:
        task.set_retry(3, 1.0)
        task.reset_retry_count()
        return task.max_retry, task.retry_count

    assert await in_thread(change) == (3, 0)


async def test_logging_from_a_thread(root: Root, task: Forever, caplog: pytest.LogCaptureFixture) -> None:
    """M6, H7: so are the log methods."""
    caplog.set_level(1, "gotask")

    def log() -> bool:
        for method in (task.trace, task.debug, task.info, task.warn, task.error):
            method("from a thread")
        return task.trace_enabled

    assert await in_thread(log)
    assert [record.levelno for record in caplog.records] == [5, 10, 20, 30, 40]


async def test_properties_from_a_thread(root: Root, task: Forever) -> None:
    """M6: every property may be read from any thread."""

    def read() -> None:
        names = [name for cls in type(root).__mro__ for name, value in vars(cls).items() if isinstance(value, property)]
        for name in names:
            getattr(root, name)
        assert task.call_stack()
        assert task.stop_reason_is(StopByUser) is False
        assert gotask.snapshot(root).find("Forever")
        assert gotask.from_pointer(task.pointer) is task

    await in_thread(read)


async def test_the_extras_are_made_once_whoever_asks(
    root: Root, task: Forever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M6: what two threads keep in a task for the first time, at the same moment, is kept."""
    together = threading.Barrier(2)

    class SlowExtras(Extras):
        def __init__(self) -> None:
            try:
                together.wait(0.05)  # broken as soon as only one may be here
            except threading.BrokenBarrierError:
                pass
            super().__init__()

    monkeypatch.setattr("gotask.core.Extras", SlowExtras)
    fresh = Forever()
    root.add_task(fresh)
    async with anyio.create_task_group() as group:
        for name in "ab":
            group.start_soon(anyio.to_thread.run_sync, fresh.set_description, name, 1)
    assert dict(fresh.descriptions) == {"a": 1, "b": 1}


class Steps(Observer):
    """Notes in which thread it hears of a step."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def step_recorded(self, task: Any, step: Step) -> None:
        self.heard.append((step.name, threading.get_ident()))


async def test_step_from_a_thread(root: Root) -> None:
    """M6, H3, H6: a step recorded in a thread is there at once; observers hear of it in the tree's thread."""
    observer = Steps()
    root.observe(observer)

    class Worker(Task):
        def go(self) -> list[str]:
            self.step("one")
            self.step("two", "detail")
            return [step.name for step in self.steps]

    assert await root.add_task(Worker()) == ["one", "two"]
    assert observer.heard == [("one", threading.get_ident()), ("two", threading.get_ident())]


# Resources and listeners


async def test_resources_from_a_thread(root: Root, task: Forever) -> None:
    """M6, D8, S7: what a thread hands over is released in the tree's thread."""
    at_end, at_stop = Noting(), Noting()

    def hand_over() -> None:
        task.using(at_end)
        task.on_stop(at_stop)

    await in_thread(hand_over)
    assert len(task.resources) == 2
    task.stop()
    await task.wait_stopped()
    assert at_end.threads == at_stop.threads == [threading.get_ident()]


async def test_resources_that_come_too_late_from_a_thread(root: Root, task: Forever) -> None:
    """M6, S7: what a thread hands over after the stop request is released at once, in the tree's thread, also async."""
    task.stop()
    await task.wait_stopped()
    plain, slow = Noting(), Noting()

    async def release() -> None:
        await anyio.sleep(1)
        slow()

    def hand_over() -> None:
        task.using(plain)
        task.on_stop(release)

    await in_thread(hand_over)
    await anyio.sleep(5)
    assert plain.threads == slow.threads == [threading.get_ident()]


async def test_wrong_resources_raise_in_the_thread(root: Root, task: Forever) -> None:
    """M6, D8: what cannot be released is a TypeError in the thread."""
    with pytest.raises(TypeError):
        await in_thread(task.using, 42)
    with pytest.raises(ValueError):
        await in_thread(task.on_stop, task)


async def test_listeners_from_a_thread(root: Root, task: Forever) -> None:
    """M6, D6: listeners may be registered from any thread; they are called in the tree's."""
    heard: list[tuple[str, int]] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *_: heard.append((name, threading.get_ident()))

    def register() -> None:
        task.on_start(note("start"))
        task.on_before_dispose(note("before"))
        task.on_dispose(note("dispose"))
        root.on_descendants_start(note("below start"))
        root.on_descendants_dispose(note("below dispose"))

    await in_thread(register)
    root.add_task(Forever())
    await anyio.sleep(1)
    task.stop()
    await task.wait_stopped()
    here = threading.get_ident()
    assert heard == [(name, here) for name in ("below start", "before", "dispose", "below dispose")]


# Collections and channels


async def test_a_collection_from_a_thread(root: Root) -> None:
    """M6, J6: a WorkCollection may be read from any thread."""
    shelf: WorkCollection[str, Forever] = root.add_task(WorkCollection())
    await shelf.wait_started()
    tasks = [shelf.add_task(Forever(), key=name) for name in "abc"]
    for task in tasks:
        await task.wait_started()

    def read() -> None:
        seen: list[Any] = []
        shelf.range(seen.append)
        assert seen == shelf.to_list() == list(shelf.values()) == tasks
        assert shelf.get("b") is shelf["b"] is tasks[1]
        assert shelf.find(lambda task: task.key == "c") is tasks[2]
        assert "a" in shelf
        assert len(shelf) == 3
        below: list[Any] = []
        shelf.range_sub_task(below.append)
        assert below == tasks

    await in_thread(read)


async def test_a_collection_read_while_it_changes(root: Root) -> None:
    """M6, J6: reading in a thread while the loop adds and removes never fails."""
    shelf: WorkCollection[int, Forever] = root.add_task(WorkCollection())
    await shelf.wait_started()
    over = threading.Event()
    begun = threading.Event()

    def read() -> int:
        count = 0
        while not over.is_set() or not count:
            assert len(list(shelf)) <= 100
            assert len(shelf.children) <= 100
            shelf.to_list()
            count += 1
            begun.set()
        return count

    async def change() -> None:
        await anyio.to_thread.run_sync(begun.wait)
        for _ in range(20):
            tasks = [shelf.add_task(Forever()) for _ in range(20)]
            await tasks[-1].wait_started()
            for task in tasks:
                task.stop()
            await tasks[0].wait_stopped()
        over.set()

    async with anyio.create_task_group() as group:
        group.start_soon(change)
        assert await in_thread(read) > 0


@pytest.mark.parametrize("read", [list, len, WorkCollection.to_list, lambda shelf: shelf.children])
async def test_a_collection_that_changes_while_garbage_is_collected(root: Root, read: Any) -> None:
    """M6, J6: neither does a collection of garbage make it fail, during which other threads may go on."""
    shelf: WorkCollection[int, Forever] = root.add_task(WorkCollection())
    shelf.add_task(Forever())
    await shelf.wait_started()

    def change(phase: str, info: object) -> None:
        if phase == "start":
            shelf.add_task(Forever())

    gc.callbacks.append(change)
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(5):
            read(shelf)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(change)
    assert len(shelf.children) > 1


async def test_observe_from_a_thread(root: Root) -> None:
    """M6: observers may be attached and detached from any thread."""
    observer = Steps()
    await in_thread(root.observe, observer)
    task = root.add_task(Forever())
    task.step("heard")
    await in_thread(root.unobserve, observer)
    task.step("not heard")
    assert [name for name, _ in observer.heard] == ["heard"]


@pytest.mark.parametrize("opened", ["before", "after", "in the thread"])
async def test_send_nowait_from_a_thread(root: Root, opened: str) -> None:
    """M6, C1: a channel may be opened in any thread, and used from any thread once the task is added."""

    class Reader(ChannelTask[int]):
        def __init__(self) -> None:
            self.seen: list[tuple[int, int]] = []

        def tick(self, item: int) -> None:
            self.seen.append((item, threading.get_ident()))

    task = Reader()
    if opened == "before":
        task.open()
    root.add_task(task)
    if opened == "after":
        task.open()

    def send() -> None:
        task.open().send_nowait(1)

    thread = threading.Thread(target=send)
    thread.start()  # the task has not been started yet
    await anyio.to_thread.run_sync(thread.join)
    await task.open().aclose()
    await task.wait_stopped()
    assert task.seen == [(1, threading.get_ident())]


# What waits


@pytest.mark.parametrize("what", ["wait_started", "wait_stopped", "wait_stop_requested", "call", "run_task", "await"])
async def test_waiting_in_another_thread_is_refused(root: Root, task: Forever, what: str) -> None:
    """M5, M6: what waits cannot be awaited in another thread's loop: TaskStateError, with the remedy."""

    async def wait() -> None:
        if what == "await":
            await task
        elif what == "call":
            await root.call(print)
        elif what == "run_task":
            await task.run_task(Forever())
        else:
            await getattr(task, what)()

    def elsewhere() -> None:
        with pytest.raises(TaskStateError, match="BlockingRoot"):
            anyio.run(wait)

    await in_thread(elsewhere)
    assert task.state is TaskState.GOING


async def test_a_thread_body_waits_through_anyio(root: Root) -> None:
    """M6: a thread body may wait for the tree with `anyio.from_thread.run`."""

    class Waiter(Task[int]):
        def go(self) -> int:
            return anyio.from_thread.run(wait_for_number)

    async def number() -> int:
        await anyio.sleep(3)
        return 7

    async def wait_for_number() -> int:
        result: int = await root.add_task(number)
        return result

    assert await root.add_task(Waiter()) == 7
