"""D1, D2, D3, D7: the order in which a tree goes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from gotask import AutoStop, Exit, Job, RetryPolicy, RootManager, StopByUser, Task, TaskState, Work
from gotask.testing import BACKENDS, EventRecorder, run_virtual

Root = RootManager[Any, Any]
S = TaskState


class Named(Task):
    """Notes its start and its end."""

    def __init__(self, name: str, log: list[str], seconds: float = 0) -> None:
        self.owner_type = name
        self.log = log
        self.seconds = seconds

    def start(self) -> None:
        self.log.append(f"+{self.owner_type}")

    async def dispose(self) -> None:
        self.log.append(f"-{self.owner_type}")
        if self.seconds:
            await anyio.sleep(self.seconds)
        self.log.append(f".{self.owner_type}")


class NamedWork(Work):
    """The same as a Work, with children that it adds itself."""

    def __init__(self, name: str, log: list[str], *children: Task[Any]) -> None:
        self.owner_type = name
        self.log = log
        self.own = children

    def start(self) -> None:
        for child in self.own:
            self.add_task(child)

    def dispose(self) -> None:
        self.log.append(f"-{self.owner_type}")


async def started(*tasks: Task[Any]) -> None:
    for task in tasks:
        await task.wait_started()


# D1: the order in one life


class Full(Job[str]):
    """Uses everything there is to clean up."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.child = Named("child", log)

    def start(self) -> None:
        note = self.log.append
        self.add_task(self.child)
        self.using(lambda: note("using 1"))
        self.using(lambda: note("using 2"))
        self.on_dispose(lambda: note("on_dispose 1"))
        self.on_dispose(lambda: note("on_dispose 2"))
        self.on_before_dispose(lambda: note("on_before_dispose 1"))
        self.on_before_dispose(lambda: note("on_before_dispose 2"))

    async def go(self) -> str:
        try:
            await self.wait_stop_requested()
            return "result"
        finally:
            self.log.append("body ended")

    def dispose(self) -> None:
        self.log.append("dispose")


FULL = [
    "body ended", "-child", ".child", "on_before_dispose 1", "on_before_dispose 2", "dispose", "using 2", "using 1",
    "on_dispose 1", "on_dispose 2",
]  # fmt: skip


async def test_order_of_the_clean_up(root: Root) -> None:
    """D1: body, children, `on_before_dispose`, `dispose`, `using` last in first out, `on_dispose` in order."""
    log: list[str] = []
    job = root.add_task(Full(log))
    await started(job, job.child)
    log.clear()
    job.stop()
    await job.wait_stopped()
    assert log == FULL


async def test_order_with_async_steps(root: Root) -> None:
    """D1: the order is the same when each step waits."""
    log: list[str] = []

    class Mine(Task):
        def start(self) -> None:
            self.on_before_dispose(self.noting("before"))
            self.using(self.noting("one"), self.noting("two"))
            self.on_dispose(self.noting("after"))

        def noting(self, word: str) -> Callable[[], Any]:
            async def note() -> None:
                await anyio.sleep(1)
                log.append(word)

            return note

        async def dispose(self) -> None:
            await anyio.sleep(1)
            log.append("dispose")

    task = root.add_task(Mine())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert log == ["before", "dispose", "two", "one", "after"]
    assert task.duration == pytest.approx(5)


async def test_order_after_the_clean_up(root: Root) -> None:
    """D1: then DISPOSED and forgotten, then descendant listeners, parent first up to the root, then those who wait."""
    log: list[str] = []
    outer = root.add_task(Work())
    inner = outer.add_task(Work())
    await inner.wait_started()

    def hear(name: str, holder: Job[Any]) -> None:
        holder.on_descendants_dispose(lambda task: log.append(f"{name} {task.state.name} {len(inner.children)}"))

    hear("root", root)
    hear("outer", outer)
    hear("inner", inner)
    task = inner.add_task(Task())
    task.on_dispose(lambda: log.append("on_dispose"))
    await task.wait_started()

    async def wait() -> None:
        await task.wait_stopped()
        log.append("waited")

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(1)
        task.stop()
    assert log == ["on_dispose", "inner DISPOSED 0", "outer DISPOSED 0", "root DISPOSED 0", "waited"]


async def test_the_key_stays_taken_during_the_back_off(root: Root) -> None:
    """D1: when another life follows, the task is RETRYING and its parent does not forget it."""

    class Mine(Task):
        retry = RetryPolicy(-1, 100)

        def start(self) -> None:
            raise ValueError

    task = root.add_task(Mine(), key="k")
    await anyio.sleep(1)
    assert task.state is S.RETRYING
    assert task in root.children


async def test_each_life_has_the_whole_order(root: Root) -> None:
    """D1: the order is that of each life."""
    log: list[str] = []
    job = root.add_task(Full(log))
    await started(job, job.child)
    for _ in range(3):
        log.clear()
        job.restart()
        await anyio.sleep(1)
        assert [word for word in log if word != "+child"] == FULL


# D2: children


async def test_children_go_in_reverse_order(root: Root, recorder: EventRecorder) -> None:
    """D2: children are disposed in the reverse of the order in which they started."""
    log: list[str] = []
    work = root.add_task(Work())
    await started(*[work.add_task(Named(str(n), log)) for n in range(20)])
    work.stop()
    await work.wait_stopped()
    assert log[20:] == [f"{mark}{n}" for n in reversed(range(20)) for mark in "-."]


@pytest.mark.parametrize("seed", range(5))
async def test_the_order_is_never_random(root: Root, seed: int) -> None:
    """D2: keys, ids and how a child came to be have no part in the order; only the start has."""
    log: list[str] = []
    work = root.add_task(Work())
    keys = [hash((seed, n)) for n in range(30)]
    await started(*[work.add_task(Named(str(n), log), key=keys[n]) for n in range(30)])
    work.stop()
    await work.wait_stopped()
    assert [word for word in log if word[0] == "-"] == [f"-{n}" for n in reversed(range(30))]


async def test_each_child_goes_completely_before_the_next(root: Root) -> None:
    """D2: one child is disposed completely before the next is asked."""
    log: list[str] = []
    work = root.add_task(Work())
    children = [work.add_task(Named(name, log, seconds=2)) for name in "abc"]
    await started(*children)
    log.clear()
    work.stop()
    await anyio.sleep(1)
    assert log == ["-c"]
    assert [child.is_stopped for child in children] == [False, False, True]
    await work.wait_stopped()
    assert log == ["-c", ".c", "-b", ".b", "-a", ".a"]
    assert work.duration == pytest.approx(6)


async def test_a_subtree_goes_before_its_elder_sibling(root: Root) -> None:
    """D2: a Job below goes with all its children before the child that started earlier."""
    log: list[str] = []
    deep = NamedWork("deep", log, Named("x", log), Named("y", log))
    top = root.add_task(NamedWork("top", log, Named("a", log), deep, Named("b", log)))
    await anyio.sleep(1)
    log.clear()
    top.stop()
    await top.wait_stopped()
    assert [word for word in log if word[0] == "-"] == ["-b", "-y", "-x", "-deep", "-a", "-top"]


async def test_a_child_that_was_restarted_counts_as_the_last(root: Root) -> None:
    """D2: it is the last start that counts: a child that lives again goes first."""
    log: list[str] = []
    work = root.add_task(Work())
    first, second = (work.add_task(Named(name, log)) for name in "ab")
    await started(first, second)
    first.restart()
    await anyio.sleep(1)
    log.clear()
    work.stop()
    await work.wait_stopped()
    assert log == ["-a", ".a", "-b", ".b"]


async def test_concurrent_children_are_asked_at_once(root: Root) -> None:
    """D2: with `"concurrent"` all are asked at once."""
    log: list[float] = []

    class Mine(Task):
        async def go(self) -> None:
            try:
                await anyio.sleep(100)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(5)
                log.append(work.duration)

    work = Work()
    work.stop_children = "concurrent"
    root.add_task(work)
    await started(*[work.add_task(Mine()) for _ in range(4)])
    work.stop()
    await work.wait_stopped()
    assert log == [pytest.approx(5)] * 4
    assert work.duration == pytest.approx(5, abs=0.3)


async def test_concurrent_children_are_disposed_as_they_end(root: Root) -> None:
    """D2: with `"concurrent"` each is disposed when its own body has ended."""
    log: list[str] = []

    class Mine(Named):
        stop_grace = 100.0

        async def go(self) -> None:
            await self.wait_stop_requested()
            await anyio.sleep(float(self.owner_type))

    class Both(Work):
        stop_children = "concurrent"

    work = root.add_task(Both())
    await started(*[work.add_task(Mine(name, log)) for name in ("2", "1", "3")])
    log.clear()
    work.stop()
    await work.wait_stopped()
    assert log == ["-1", ".1", "-2", ".2", "-3", ".3"]
    assert work.duration == pytest.approx(3)


@pytest.mark.parametrize("mode", ["reverse", "concurrent"])
async def test_children_not_started_yet_are_never_started(root: Root, mode: Any) -> None:
    """D2, S2: children whose turn has not come when the Job stops are not started any more."""
    log: list[str] = []

    class Slow(Task):
        async def start(self) -> None:
            await anyio.sleep(5)

    work = Work()
    work.stop_children = mode
    root.add_task(work)
    work.add_task(Slow())
    queued = [work.add_task(Named(str(n), log)) for n in range(5)]
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert log == []
    assert {task.state for task in queued} == {S.DISPOSED}
    assert work.duration == pytest.approx(5)


@pytest.mark.parametrize("mode", ["reverse", "concurrent"])
async def test_children_between_two_lives_do_not_come_back(root: Root, mode: Any) -> None:
    """D2, S3: a child in its back-off when the Job stops ends with it, and at once."""

    class Mine(Task):
        retry = RetryPolicy(-1, 1000)

        def start(self) -> None:
            raise ValueError

    work = Work()
    work.stop_children = mode
    root.add_task(work)
    children = [work.add_task(Mine()) for _ in range(3)]
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert work.duration == pytest.approx(1)
    assert {child.stop_reason for child in children} == {work.stop_reason}


async def test_a_child_that_ends_by_itself_in_the_cascade(root: Root) -> None:
    """D2: a child that ends by itself while an other one goes is not asked any more, and the cascade goes on."""

    class Short(Task):
        async def go(self) -> None:
            await anyio.sleep(2)

    log: list[str] = []
    work = root.add_task(Work())
    first, short, last = Named("first", log), Short(), Named("last", log, seconds=5)
    await started(*[work.add_task(task) for task in (first, short, last)])
    await anyio.sleep(1)
    work.stop()
    await work.wait_stopped()
    assert work.duration == pytest.approx(6)
    assert log[-4:] == ["-last", ".last", "-first", ".first"]


async def test_a_failing_child_in_the_cascade_is_not_started_again(root: Root) -> None:
    """D2, R4: a child that fails while its Job is closing has no other life."""
    lives: list[int] = []

    class Mine(Task):
        retry = RetryPolicy(-1, 0.1)

        async def go(self) -> None:
            lives.append(1)
            await anyio.sleep(2)
            raise ValueError

    log: list[str] = []
    work = root.add_task(Work())
    await started(work.add_task(Mine()), work.add_task(Named("slow", log, seconds=10)))
    work.stop()
    await work.wait_stopped()
    assert lives == [1]


async def test_the_job_is_disposed_after_its_children(root: Root, recorder: EventRecorder) -> None:
    """D1, D2: `dispose` of the Job comes when the last child is gone."""
    log: list[str] = []
    top = root.add_task(NamedWork("top", log, Named("a", log, seconds=3), Named("b", log, seconds=3)))
    await anyio.sleep(1)
    top.stop()
    await top.wait_stopped()
    assert log[-1] == "-top"
    assert recorder.order(S.DISPOSED)[-3:] == ["b", "a", "top"]


# D3: siblings of a Job that is long in going


async def test_a_job_with_slow_children_does_not_hold_up_its_siblings(root: Root) -> None:
    """D3: while its children go, the siblings of a Job are started, called and disposed."""
    log: list[str] = []
    slow = root.add_task(NamedWork("slow", log, Named("child", log, seconds=50)))
    await anyio.sleep(1)
    slow.stop()
    await anyio.sleep(1)
    assert slow.state is S.DISPOSING
    sibling = root.add_task(Named("sibling", log))
    await sibling.wait_started()
    assert await root.call(lambda: "called") == "called"
    sibling.stop()
    await sibling.wait_stopped()
    assert sibling.duration == 0
    await slow.wait_stopped()
    assert slow.duration == pytest.approx(51)


async def test_only_its_own_dispose_is_in_the_parents_loop(root: Root) -> None:
    """D3: the `dispose` of the Job itself is called in the parent's loop."""
    blocked: list[Any] = []

    class Mine(Work):
        def start(self) -> None:
            self.add_task(Named("child", [], seconds=3))

        async def dispose(self) -> None:
            blocked.append(root.blocked)
            await anyio.sleep(3)

    work = root.add_task(Mine())
    await anyio.sleep(1)
    work.stop()
    await anyio.sleep(1)
    assert root.blocked is None
    await anyio.sleep(3)
    assert root.blocked is work
    await work.wait_stopped()
    assert blocked == [work]


async def test_two_jobs_go_side_by_side(root: Root) -> None:
    """D3: two Jobs that are stopped at once go at once."""
    log: list[str] = []
    jobs = [root.add_task(NamedWork(name, log, Named(name * 2, log, seconds=5))) for name in "ab"]
    await anyio.sleep(1)
    for job in jobs:
        job.stop()
    for job in jobs:
        await job.wait_stopped()
    assert [job.duration for job in jobs] == [pytest.approx(6)] * 2


# D7: depth and width


DEPTH = 100_000


class Nested(Job[Any]):
    """Holds one of its own kind."""

    def __init__(self, left: int, log: list[int]) -> None:
        self.left = left
        self.log = log

    def start(self) -> None:
        if self.left > 1:
            self.add_task(Nested(self.left - 1, self.log))
        else:
            self.log.append(self.level)

    def dispose(self) -> None:
        self.log.append(self.left)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_hundred_thousand_nested_jobs(backend: str) -> None:
    """D7: 100,000 nested Jobs are disposed without recursion, the deepest first."""

    async def main() -> list[int]:
        log: list[int] = []
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(300)
        try:
            async with RootManager(history=10) as root:
                top = root.add_task(Nested(DEPTH, log))
                while not log:
                    await anyio.lowlevel.checkpoint()
                top.stop()
                await top.wait_stopped()
        finally:
            sys.setrecursionlimit(limit)
        return log

    log = run_virtual(main, backend=backend)
    assert log == [DEPTH, *range(1, DEPTH + 1)]


@pytest.mark.usefixtures("unmeasured")
def test_deep_trees_end_by_themselves_too() -> None:
    """D7, J1: the same when the end comes from below: each Job ends when its only child has."""

    class Last(Task):
        async def go(self) -> None:
            pass

    class Chain(Job[Any]):
        def __init__(self, left: int) -> None:
            self.left = left

        def start(self) -> None:
            self.add_task(Chain(self.left - 1) if self.left else Last())

    async def main() -> BaseException:
        async with RootManager(history=10) as root:
            return await root.add_task(Chain(20_000)).wait_stopped()

    assert isinstance(run_virtual(main), AutoStop)


def test_a_deep_tree_is_given_up_without_recursion() -> None:
    """D7, S5: a deep tree that does not stop in time is abandoned without recursion."""

    class Stuck(Task):
        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(30)

    class Chain(Work):
        def __init__(self, left: int) -> None:
            self.left = left

        def start(self) -> None:
            self.add_task(Chain(self.left - 1) if self.left else Stuck())

    async def main() -> tuple[int, list[str]]:
        root: Root = RootManager(history=10)
        await root.init()
        root.add_task(Chain(1_000))
        await anyio.sleep(1)
        report = await root.shutdown(timeout=5)
        await anyio.sleep(30)
        return report.disposed, [one.path.rpartition("/")[2].partition("#")[0] for one in report.unstopped]

    assert run_virtual(main) == (0, ["Stuck"])


def count_calls(action: Callable[[], object]) -> int:
    """How many functions are called, Python's and C's, in this thread."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.collect()
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def wide(mode: Any, width: int, listening: bool = False) -> Callable[[], object]:
    """Have a Job with that many children come and go."""

    async def main() -> None:
        async with RootManager(history=10) as root:
            work = Work()
            work.stop_children = mode
            root.add_task(work)
            if listening:
                root.on_descendants_dispose(lambda task: None)
            children = [work.add_task(Task()) for _ in range(width)]
            await children[-1].wait_started()
            work.stop()
            await work.wait_stopped()

    return lambda: run_virtual(main)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("mode", ["reverse", "concurrent"])
def test_wide_jobs_go_in_linear_time(mode: str) -> None:
    """D7, Q3: a Job with twice as many children takes twice as many operations."""
    counts = [count_calls(wide(mode, width)) for width in (100, 1_100, 2_100)]
    assert counts[2] - counts[1] == pytest.approx(counts[1] - counts[0], rel=0.05)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("mode", ["reverse", "concurrent"])
def test_a_very_wide_job_goes(mode: str) -> None:
    """D7: 100,000 children go without any search among those that are left, which would take minutes."""
    wide(mode, 100_000)()


def deep(depth: int) -> Callable[[], object]:
    """Have tasks come and go below so many nested Jobs."""

    async def main() -> None:
        async with RootManager(history=10) as root:
            job: Job[Any] = root
            for _ in range(depth):
                job = job.add_task(Work())
            await job.wait_started()
            for _ in range(500):
                task = job.add_task(Task())
                await task.wait_started()
                task.stop()
                await task.wait_stopped()

    return lambda: run_virtual(main)


def test_a_task_costs_the_same_at_any_depth() -> None:
    """D7: while nobody listens, coming and going costs the same below 10 and below 300 Jobs."""
    one_more = (count_calls(deep(300)) - count_calls(deep(10))) / 290
    assert one_more < 300


async def test_it_costs_the_same_again_when_nobody_listens_any_more(root: Root) -> None:
    """D7, D6: what a Job listened for in one life is forgotten with that life, and costs nothing afterwards."""

    class Listening(Work):
        def start(self) -> None:
            self.on_descendants_start(lambda task: None)
            self.on_descendants_dispose(lambda task: None)

    job = root.add_task(Listening())
    await job.wait_started()
    pump = root._life.pump
    assert pump.listening == 2
    for _ in range(3):
        job.restart()
        await anyio.sleep(1)
        assert pump.listening == 2
    job.stop()
    await job.wait_stopped()
    assert pump.listening == 0


async def test_records_hold_ids_and_no_path(root: Root) -> None:
    """D7: a record holds the own id and that of the parent, and nothing that grows with the depth."""
    job: Job[Any] = root
    for _ in range(50):
        job = job.add_task(Work())
    task = job.add_task(Task(), key="k")
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    (record,) = root.history.records(id=task.task_id)
    assert record.parent_id == job.task_id
    assert len(repr(record)) < 1_000


async def test_the_whole_tree_goes_with_one_reason(root: Root) -> None:
    """D2, S1: the cascade hands one and the same reason object down the whole tree."""
    async with RootManager() as own:
        first = own.add_task(Work())
        second = first.add_task(Work())
        third = second.add_task(Task())
        await third.wait_started()
    assert isinstance(third.stop_reason, Exit)
    assert third.stop_reason is second.stop_reason is first.stop_reason is own.stop_reason


async def test_a_replacement_that_waits_when_the_job_stops(root: Root) -> None:
    """D2, J9: a successor that waits for its place when the Job stops is never started."""
    log: list[str] = []
    work = root.add_task(Work())
    old = work.add_task(Named("old", log, seconds=5), key="k")
    await old.wait_started()
    new = work.replace_task("k", Named("new", log))
    await anyio.sleep(1)
    work.stop("enough")
    await work.wait_stopped()
    assert new.state is S.DISPOSED
    assert isinstance(new.stop_reason, StopByUser)
    assert log == ["+old", "-old", ".old"]
