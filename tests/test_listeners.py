"""D6, D10, J8: listeners."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest

from gotask import (
    AsyncTickTask,
    ChannelTask,
    Exit,
    Job,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskState,
    Work,
    current_task,
)

Root = RootManager[Any, Any]
S = TaskState

OWN = ["on_start", "on_before_dispose", "on_dispose"]
FOR_DESCENDANTS = ["on_descendants_start", "on_descendants_dispose"]


class Failing(Task):
    """Fails as often as it is told, then returns."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.retry = RetryPolicy(-1, 1)

    async def go(self) -> None:
        self.left -= 1
        if self.left >= 0:
            raise ValueError("failed")


async def end(task: Task[Any]) -> None:
    await task.wait_started()
    task.stop()
    await task.wait_stopped()


# What a listener may be


@pytest.mark.parametrize("moment", OWN + FOR_DESCENDANTS)
@pytest.mark.parametrize("wrong", [None, 3, "text", [], object()])
def test_a_listener_is_a_function(moment: str, wrong: Any) -> None:
    """D6: anything but a function is a `TypeError` at once."""
    with pytest.raises(TypeError, match=rf"{moment}\(\) takes"):
        getattr(Job(), moment)(wrong)


async def coroutine(*_: Any) -> None: ...


class AsyncCalling:
    async def __call__(self, *_: Any) -> None: ...


@pytest.mark.parametrize("moment", ["on_start", *FOR_DESCENDANTS])
@pytest.mark.parametrize("listener", [coroutine, partial(coroutine, 1), AsyncCalling()])
def test_an_async_listener_is_refused(moment: str, listener: Any) -> None:
    """D10: apart from those before and on dispose, listeners are plain."""
    with pytest.raises(TypeError, match="takes a plain function"):
        getattr(Job(), moment)(listener)


@pytest.mark.parametrize("moment", ["on_before_dispose", "on_dispose"])
async def test_async_listeners(root: Root, moment: str) -> None:
    """D10: listeners before and on dispose may be async, and are waited for."""
    log: list[float] = []
    task = Task[Any]()

    async def listener() -> None:
        await anyio.sleep(3)
        log.append(task.duration)

    getattr(task, moment)(listener)
    root.add_task(task)
    await end(task)
    assert log == [pytest.approx(3)]
    assert task.duration == pytest.approx(3)


@pytest.mark.parametrize("moment", OWN)
async def test_the_same_listener_twice(root: Root, moment: str) -> None:
    """D6: a listener registered twice is called twice."""
    log: list[int] = []
    task = Task[Any]()
    getattr(task, moment)(partial(log.append, 1))
    getattr(task, moment)(partial(log.append, 1))
    root.add_task(task)
    await end(task)
    assert log == [1, 1]


# When they are called


async def test_the_state_in_each_listener(root: Root) -> None:
    """D1, D6: `on_start` when it is STARTED, the others while it is DISPOSING."""
    log: list[tuple[str, TaskState]] = []
    task = Task[Any]()
    for moment in OWN:
        getattr(task, moment)(lambda moment=moment: log.append((moment, task.state)))
    root.add_task(task)
    await end(task)
    assert log == [("on_start", S.STARTED), ("on_before_dispose", S.DISPOSING), ("on_dispose", S.DISPOSING)]


async def test_on_start_comes_before_the_body(root: Root) -> None:
    """D6: `on_start` is called between `start` and the body, and before `wait_started` returns."""
    log: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            log.append("start")

        async def go(self) -> None:
            log.append("body")

    task = Mine()
    task.on_start(lambda: log.append("on_start"))
    await root.add_task(task)
    assert log == ["start", "on_start", "body"]


async def test_on_start_without_a_start(root: Root) -> None:
    """D6: `on_start` is not called when `start` has failed, nor is `on_before_dispose`; `on_dispose` is."""
    log: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            raise ValueError

    task = Mine()
    for moment in OWN:
        getattr(task, moment)(lambda moment=moment: log.append(moment))
    root.add_task(task)
    await task.wait_stopped()
    assert log == ["on_dispose"]


async def test_a_task_that_never_started(root: Root) -> None:
    """S2, D6: none of its own listeners is called for a task that was stopped before its start."""
    log: list[str] = []
    task = Task[Any]()
    for moment in OWN:
        getattr(task, moment)(lambda moment=moment: log.append(moment))
    root.add_task(task)
    task.stop()
    await task.wait_stopped()
    assert log == []


async def test_the_current_task_in_a_listener(root: Root) -> None:
    """M9: in a listener the current task is the one it belongs to."""
    seen: list[Any] = []
    task = Task[Any]()
    for moment in OWN:
        getattr(task, moment)(lambda: seen.append(current_task()))
    root.add_task(task)
    await end(task)
    assert seen == [task] * 3


async def test_listeners_registered_in_a_thread(root: Root) -> None:
    """M6, D6: a body in a thread may register listeners; they are called in the tree's thread."""
    threads: list[int] = []

    class Mine(Task):
        def go(self) -> None:
            self.on_dispose(lambda: threads.append(threading.get_ident()))

    await root.add_task(Mine())
    assert threads == [threading.get_ident()]


# For which lives


@pytest.mark.parametrize("moment", OWN)
async def test_registered_before_add_task(root: Root, moment: str) -> None:
    """D6: listeners registered before `add_task` serve every life."""
    log: list[int] = []
    task = Failing(3)
    getattr(task, moment)(lambda: log.append(1))
    await root.add_task(task)
    assert log == [1] * 4


@pytest.mark.parametrize("moment", OWN)
async def test_registered_in_start(root: Root, moment: str) -> None:
    """D6: those registered in `start` serve that life: they do not pile up."""
    log: list[int] = []

    class Mine(Failing):
        lives = 0

        def start(self) -> None:
            self.lives += 1
            getattr(self, moment)(partial(log.append, self.lives))

    await root.add_task(Mine(3))
    assert log == [1, 2, 3, 4]


@pytest.mark.parametrize("moment", ["on_before_dispose", "on_dispose"])
@pytest.mark.parametrize("hook", ["run", "go"])
async def test_registered_in_a_body(root: Root, moment: str, hook: str) -> None:
    """D6: those registered in a body serve that life."""
    log: list[int] = []
    lives: list[int] = []

    async def body(self: Any) -> None:
        lives.append(1)
        getattr(self, moment)(partial(log.append, len(lives)))
        if len(lives) < 4:
            raise ValueError

    task = type("Mine", (Task,), {hook: body, "retry": RetryPolicy(-1, 1), "__module__": __name__})()
    await root.add_task(task)
    assert log == [1, 2, 3, 4]


async def test_registered_in_dispose(root: Root) -> None:
    """D6: those registered while it is being disposed serve that life too, and do not pile up."""
    log: list[int] = []

    class Mine(Failing):
        def dispose(self) -> None:
            self.on_dispose(partial(log.append, self.left))

    await root.add_task(Mine(3))
    assert log == [2, 1, 0, -1]


async def test_registered_in_a_listener(root: Root) -> None:
    """D6: a listener may register another for a later moment of the same life."""
    log: list[str] = []
    task = Failing(2)
    task.on_before_dispose(lambda: task.on_dispose(lambda: log.append("on_dispose")))
    await root.add_task(task)
    assert log == ["on_dispose"] * 3


async def test_registered_between_two_lives(root: Root) -> None:
    """D6: those registered during the back-off are not of a life: they serve all that follow."""
    log: list[int] = []
    task = root.add_task(Failing(3))
    await anyio.sleep(0.5)
    assert task.state is S.RETRYING
    task.on_start(lambda: log.append(1))
    await task
    assert log == [1] * 3


async def test_those_for_every_life_come_first(root: Root) -> None:
    """D6, D1: in one life those for every life come first, then those of the life, each in the order registered."""
    log: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            self.on_dispose(lambda: log.append("third"))
            self.on_dispose(lambda: log.append("fourth"))

    task = Mine()
    task.on_dispose(lambda: log.append("first"))
    task.on_dispose(lambda: log.append("second"))
    root.add_task(task)
    await end(task)
    assert log == ["first", "second", "third", "fourth"]


async def test_they_stay_when_it_is_added_again(root: Root) -> None:
    """D6, J4: those registered before `add_task` serve a task that is added again; those of a life are gone."""
    log: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            self.on_dispose(lambda: log.append("of the life"))

    task = Mine()
    task.on_dispose(lambda: log.append("of the task"))
    for _ in range(2):
        root.add_task(task)
        await end(task)
    assert log == ["of the task", "of the life"] * 2


async def test_what_is_kept_does_not_grow(root: Root) -> None:
    """D6: after a hundred lives there are as many listeners and resources as after one."""

    class Mine(Failing):
        def start(self) -> None:
            self.on_start(lambda: None)
            self.on_before_dispose(lambda: None)
            self.on_dispose(lambda: None)
            self.using(lambda: None)
            self.on_stop(lambda: None)

        def dispose(self) -> None:
            self.on_dispose(lambda: None)

    task = Mine(100)
    task.on_start(lambda: None)
    root.add_task(task)
    await task
    extras = task._life.extras
    assert extras is not None
    assert {moment: len(listeners) for moment, listeners in extras.listeners.items()} == {"on_start": 1}
    assert not extras.life_listeners
    assert not task.resources


# Listeners that stop their own task


@pytest.mark.parametrize("moment", OWN)
async def test_a_listener_that_stops_its_own_task(root: Root, moment: str) -> None:
    """D6, S1: a listener may stop its own task: from `on_start` there is no body; later the first request has won."""
    log: list[str] = []

    class Mine(Task):
        async def go(self) -> None:
            log.append("body")
            await anyio.sleep(5)

        def dispose(self) -> None:
            log.append("dispose")

    task = Mine()
    getattr(task, moment)(lambda: task.stop(f"in {moment}"))
    root.add_task(task)
    if moment != "on_start":
        await task.wait_started()
        task.stop("before")
    reason = await task.wait_stopped()
    assert str(reason) == ("in on_start" if moment == "on_start" else "before")
    assert log == ["dispose"] if moment == "on_start" else ["body", "dispose"]


@pytest.mark.parametrize("moment", ["on_before_dispose", "on_dispose"])
async def test_a_listener_that_stops_a_failing_task(root: Root, moment: str) -> None:
    """D6, R4: a stop from a listener at the end of a failed life ends the retrying."""
    task = Failing(1_000)
    getattr(task, moment)(lambda: task.stop("enough"))
    root.add_task(task)
    reason = await task.wait_stopped()
    assert str(reason) == "enough"
    assert isinstance(reason.__cause__, ValueError)
    assert task.retry_count == 0


@pytest.mark.parametrize("moment", OWN)
async def test_a_listener_that_restarts_its_own_task(root: Root, moment: str) -> None:
    """D6, R6: a listener may restart its own task."""
    starts: list[int] = []

    class Mine(Task):
        def start(self) -> None:
            starts.append(1)

        async def go(self) -> None:
            await anyio.sleep(1)

    task = Mine()
    getattr(task, moment)(lambda: task.restart() if len(starts) < 3 else None)
    root.add_task(task)
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert len(starts) == 3


async def test_a_listener_that_stops_the_parent(root: Root) -> None:
    """D6, S1: a listener may stop the parent of its task, from inside its loop."""
    work = root.add_task(Work())
    task = Task[Any]()
    task.on_start(lambda: work.stop("by the child"))
    work.add_task(task)
    assert str(await work.wait_stopped()) == "by the child"
    assert task.stop_reason is work.stop_reason


async def test_a_listener_that_stops_the_root() -> None:
    """D6, M10: and the whole tree."""
    async with RootManager() as root:
        task = Task[Any]()
        task.on_start(lambda: root.stop())
        root.add_task(task)
        assert isinstance(await root.wait_stopped(), StopByUser)


async def test_a_listener_that_adds_a_sibling(root: Root) -> None:
    """D6: a listener may add tasks to the parent."""
    added: list[Task[Any]] = []
    task = Task[Any]()
    task.on_dispose(lambda: added.append(root.add_task(Task())))
    root.add_task(task)
    await end(task)
    await added[0].wait_started()


# Listeners that raise


@pytest.mark.parametrize("moment", OWN)
async def test_a_listener_that_raises(root: Root, moment: str, caplog: pytest.LogCaptureFixture) -> None:
    """D5, D10: an exception in a listener is logged with its traceback, and the others are called."""
    log: list[str] = []

    def broken() -> None:
        raise ValueError("broken listener")

    task = Task[Any]()
    getattr(task, moment)(lambda: log.append("before"))
    getattr(task, moment)(broken)
    getattr(task, moment)(lambda: log.append("after"))
    root.add_task(task)
    await end(task)
    assert log == ["before", "after"]
    assert isinstance(task.stop_reason, StopByUser)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert f"an {moment} listener of {task.execution_path} raised" in record.getMessage()
    assert record.exc_info is not None
    assert "in broken" in caplog.text


async def test_the_start_stands_when_on_start_raises(root: Root) -> None:
    """D10: an exception in an `on_start` listener is no failure, and no `dispose_error`."""
    task = Failing(0)
    task.on_start(lambda: 1 / 0)
    await root.add_task(task)
    assert isinstance(task.stop_reason, TaskComplete)
    assert task.dispose_errors == ()


@pytest.mark.parametrize("moment", FOR_DESCENDANTS)
async def test_a_descendant_listener_that_raises(root: Root, moment: str, caplog: pytest.LogCaptureFixture) -> None:
    """D5: an exception in a listener for descendants is logged; neither the task nor the other listeners notice."""
    log: list[str] = []
    work = root.add_task(Work())
    await work.wait_started()
    getattr(work, moment)(lambda task: 1 / 0)
    getattr(work, moment)(lambda task: log.append("same"))
    getattr(root, moment)(lambda task: log.append("above"))
    task = work.add_task(Task())
    await end(task)
    assert log == ["same", "above"]
    assert task.dispose_errors == ()
    assert f"an {moment} listener of {work.execution_path} raised" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert work.state is S.STARTED


# J8: listeners for descendants


class Hearing:
    """Notes what a Job hears of its descendants."""

    def __init__(self, job: Job[Any]) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        job.on_descendants_start(lambda task: self.started.append(f"{task.owner_type} {task.state.name}"))
        job.on_descendants_dispose(lambda task: self.ended.append(f"{task.owner_type} {task.state.name}"))


async def test_every_depth(root: Root) -> None:
    """J8: listeners hear of every descendant at any depth, not of the Job itself nor of others."""
    outer = root.add_task(Work())
    aside = root.add_task(Work())
    await aside.wait_started()
    heard, all_heard = Hearing(outer), Hearing(root)
    inner = outer.add_task(Work(), name="inner")
    task = inner.add_task(Task(), name="task")
    aside.add_task(Task(), name="aside")
    await anyio.sleep(1)
    assert heard.started == ["inner STARTED", "task STARTED"]
    assert sorted(all_heard.started) == ["aside STARTED", "inner STARTED", "task STARTED"]
    outer.stop()
    await outer.wait_stopped()
    assert heard.ended == ["task DISPOSED", "inner DISPOSED"]
    assert task.state is S.DISPOSED


async def test_every_life(root: Root) -> None:
    """J8: start and dispose fire for each life."""
    heard = Hearing(root)
    await root.add_task(Failing(2))
    assert heard.started == ["Failing STARTED"] * 3
    assert heard.ended == ["Failing RETRYING", "Failing RETRYING", "Failing DISPOSED"]


async def test_a_descendant_that_never_started(root: Root) -> None:
    """J8: dispose fires once for a task that never started, start does not."""
    heard = Hearing(root)
    task = root.add_task(Task())
    task.stop()
    await task.wait_stopped()
    assert heard.started == []
    assert heard.ended == ["Task DISPOSED"]


async def test_a_descendant_stopped_in_its_back_off(root: Root) -> None:
    """J8: a stop between two lives ends no life, but the task is heard to be gone."""
    heard = Hearing(root)
    task = root.add_task(Failing(1_000))
    await anyio.sleep(0.5)
    task.stop()
    await task.wait_stopped()
    assert heard.ended == ["Failing RETRYING", "Failing DISPOSED"]


async def test_a_descendant_whose_start_fails(root: Root) -> None:
    """J8: a start that fails is no start, but its life has an end."""

    class Broken(Task):
        def start(self) -> None:
            raise ValueError

    heard = Hearing(root)
    await root.add_task(Broken()).wait_stopped()
    assert heard.started == []
    assert heard.ended == ["Broken DISPOSED"]


async def test_run_tasks_are_heard_of(root: Root) -> None:
    """J8, J7: run-tasks are included, at any depth."""

    class Inner(Task[int]):
        async def go(self) -> int:
            return 42

    class Outer(Task[int]):
        async def go(self) -> int:
            return await self.run_task(Inner())

    heard = Hearing(root)
    work = root.add_task(Work())
    assert await work.add_task(Outer()) == 42
    assert heard.started == ["Work STARTED", "Outer STARTED", "Inner STARTED"]
    assert heard.ended == ["Inner DISPOSED", "Outer DISPOSED"]


@pytest.mark.parametrize("make", [ChannelTask, AsyncTickTask, Work, Task])
async def test_every_kind_of_descendant(root: Root, make: Callable[[], Task[Any]]) -> None:
    """J8: of whatever type."""
    heard = Hearing(root)
    task = root.add_task(make())
    await end(task)
    assert len(heard.started) == len(heard.ended) == 1


async def test_registered_before_the_job_is_added(root: Root) -> None:
    """J8, D6: a Job may listen from before it is added, for all its lives."""
    work = Work()
    heard = Hearing(work)
    root.add_task(work)
    await work.wait_started()
    for _ in range(2):
        await end(work.add_task(Task()))
        work.restart()
        await anyio.sleep(1)
    assert heard.started == ["Task STARTED"] * 2
    assert heard.ended == ["Task DISPOSED"] * 2


async def test_registered_before_the_root_is_opened() -> None:
    """J8, D6: so may a root, also when it is opened a second time."""
    root: Root = RootManager()
    heard = Hearing(root)
    for number in (1, 2):
        async with root:
            await end(root.add_task(Task()))
        assert len(heard.started) == len(heard.ended) == number


async def test_registered_in_start_of_the_job(root: Root) -> None:
    """J8, D6: what a Job registers in its `start` serves that life."""
    heard: list[int] = []

    class Mine(Work):
        lives = 0

        def start(self) -> None:
            self.lives += 1
            self.on_descendants_start(lambda task, life=self.lives: heard.append(life))  # type: ignore[misc]
            self.add_task(Task())

    work = root.add_task(Mine())
    for _ in range(2):
        await anyio.sleep(1)
        work.restart()
    await anyio.sleep(1)
    assert heard == [1, 2, 3]


async def test_the_listeners_of_a_job_hear_of_its_cascade(root: Root) -> None:
    """J8, D1: a Job that goes hears of the ends of its children, for they come before its own."""

    class Mine(Work):
        def start(self) -> None:
            self.heard = Hearing(self)
            self.add_task(Task(), name="child")

    work = root.add_task(Mine())
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert work.heard.ended == ["child DISPOSED"]


async def test_an_abandoned_descendant_is_heard_of() -> None:
    """J8, S5: the end of what was abandoned is heard too."""

    class Stuck(Task):
        stop_timeout = 1.0

        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(10)

    async with RootManager() as root:
        heard = Hearing(root)
        await end(root.add_task(Stuck()))
        assert heard.ended == ["Stuck DISPOSED"]
        await anyio.sleep(10)


async def test_a_descendant_listener_that_stops_the_descendant(root: Root) -> None:
    """J8, S1: a listener may stop the task it hears of, before its body has begun."""
    log: list[str] = []

    class Mine(Task):
        async def go(self) -> None:
            log.append("body")

    root.on_descendants_start(lambda task: task.stop("not that one"))
    task = root.add_task(Mine())
    assert str(await task.wait_stopped()) == "not that one"
    assert log == []


async def test_a_descendant_listener_that_stops_its_own_job(root: Root) -> None:
    """J8, S1: and the Job that listens, from each of both moments."""
    for moment in FOR_DESCENDANTS:
        work = root.add_task(Work())
        await work.wait_started()
        getattr(work, moment)(lambda task, work=work: work.stop(Exit("heard enough")))
        task = work.add_task(Task())
        if moment == "on_descendants_dispose":
            await task.wait_started()
            task.stop()
        assert isinstance(await work.wait_stopped(), Exit)


async def test_on_dispose_of_the_last_child_may_add_another(root: Root) -> None:
    """D6, J1: `on_dispose` comes before the parent forgets the task, so a successor keeps a Job from its AutoStop."""
    job = root.add_task(Job[Any]())
    first = Task[Any]()
    first.on_dispose(lambda: job.add_task(Task(), name="second"))
    job.add_task(first)
    await end(first)
    await anyio.sleep(1)
    assert [task.owner_type for task in job.children] == ["second"]
    assert job.stop_reason is None
