"""Many tasks, deep trees, many threads, many ends: nothing is lost, nothing hangs, each costs its share only."""

from __future__ import annotations

import gc
import logging
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from random_trees import check, live, random_story

from gotask import (
    AutoStop,
    Job,
    LifeRecord,
    Observer,
    RetryPolicy,
    RootManager,
    Task,
    TaskDisposedError,
    TaskState,
    TickTask,
    Work,
)
from gotask.life import Life
from gotask.testing import BACKENDS, run_virtual

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("unmeasured")]


@contextmanager
def without_logs() -> Iterator[None]:
    """Failures are logged with their tracebacks; here there are thousands."""
    logger = logging.getLogger("gotask")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector, whose work depends on what else is in the process."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Tally(Observer):
    """Counts what happens."""

    def __init__(self) -> None:
        self.added = self.ended = self.never_started = 0

    def task_added(self, task: Any) -> None:
        self.added += 1

    def life_ended(self, record: LifeRecord) -> None:
        self.ended += record.final
        self.never_started += record.life == 0


# Width


async def seconds_per_child(count: int) -> float:
    """Processor time for the whole life of one of so many children of one Job."""
    begin = time.process_time()
    async with RootManager[Any, Any](history=0) as root:
        job = root.add_task(Work())
        for _ in range(count):
            job.add_task(Task())
        await job.call(int)
        assert job.size == count
        assert job.children[-1].state is TaskState.STARTED
        job.stop()
        await job.wait_stopped()
        assert job.size == 0
    return (time.process_time() - begin) / count


def test_a_million_children_cost_little_more_each_than_a_tenth_of_them() -> None:
    """Q3, Q4, D7: a Job of any width takes linear time, from adding to disposing."""
    with uncollected():
        few = min(run_virtual(seconds_per_child, 100_000) for _ in range(2))
        many = run_virtual(seconds_per_child, 1_000_000)
    assert many / few <= 2


def test_a_child_of_a_wide_job_takes_no_more_memory_than_one_of_a_narrow_job() -> None:
    """D7: memory grows with the number of children, and is given back when they are gone."""

    async def main() -> tuple[list[float], int]:
        async with RootManager[Any, Any](history=0) as root:
            sizes: list[float] = []
            for count in 2_000, 2_000, 40_000:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
                job = root.add_task(Work())
                for _ in range(count):
                    job.add_task(Task())
                await job.call(int)
                sizes.append((tracemalloc.get_traced_memory()[0] - before) / count)
                job.stop()
                await job.wait_stopped()
                del job  # its table of children has grown
            gc.collect()
            return sizes[1:], tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        (few, many), left = run_virtual(main)
    finally:
        tracemalloc.stop()
    assert many / few < 1.25
    assert left < 100_000  # bytes, of which a child had more than 500


@pytest.mark.parametrize("backend", BACKENDS)
def test_children_that_end_by_themselves_leave_the_job_in_linear_time(backend: str) -> None:
    """Q3, J1: the children of a wide Job go in any order, and the Job ends with the last of them."""

    async def main() -> float:
        begin = time.process_time()
        async with RootManager[Any, Any](history=0) as root:
            job = root.add_task(Job())
            children = [job.add_task(Task()) for _ in range(count)]
            await job.call(int)
            for child in Random(1).sample(children, count):
                child.stop()
            assert isinstance(await job.wait_stopped(), AutoStop)
        return (time.process_time() - begin) / count

    with uncollected():
        count = 5_000
        few = min(run_virtual(main, backend=backend) for _ in range(3))
        count = 50_000
        many = run_virtual(main, backend=backend)
    assert many / few <= 3  # what grows with the square would be 10


# Depth


class Pit:
    """A chain of nested Jobs, the deepest of them, and the order in which they went."""

    def __init__(self, root: RootManager[Any, Any], depth: int) -> None:
        self.reached = anyio.Event()
        self.ends: list[int] = []
        self.bottom: Nest
        self.top = root.add_task(Nest(self, depth - 1))


class Nest(Job):
    """A Job that holds another one, down to the bottom."""

    def __init__(self, pit: Pit, depth: int) -> None:
        self.pit = pit
        self.depth = depth

    def start(self) -> None:
        if self.depth:
            self.add_task(Nest(self.pit, self.depth - 1))
        else:
            self.pit.bottom = self
            self.pit.reached.set()

    def dispose(self) -> None:
        self.pit.ends.append(self.depth)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_shutdown_disposes_thirty_thousand_nested_jobs_from_the_bottom(backend: str) -> None:
    """D7: a tree of any depth is started and disposed without recursion."""
    depth = 30_000

    async def main() -> tuple[list[int], int]:
        async with RootManager[Any, Any](history=0) as root:
            pit = Pit(root, depth)
            await pit.reached.wait()
        return pit.ends, pit.bottom.level

    ends, level = run_virtual(main, backend=backend)
    assert level == depth
    assert ends == list(range(depth))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_end_of_the_deepest_job_ends_all_above_it(backend: str) -> None:
    """J1, D7: AutoStop climbs without recursion too."""

    async def main() -> BaseException:
        async with RootManager[Any, Any](history=0) as root:
            pit = Pit(root, 20_000)
            await pit.reached.wait()
            pit.bottom.stop()
            return await pit.top.wait_stopped()

    assert isinstance(run_virtual(main, backend=backend), AutoStop)


# Threads


@pytest.mark.parametrize("backend", BACKENDS)
def test_tasks_added_by_eight_threads_while_others_stop_them_are_all_disposed(backend: str) -> None:
    """M6, Q4: what is added from threads, and stopped from threads meanwhile, is never lost."""
    each = 12_500 if backend == "asyncio" else 2_500
    tally = Tally()
    started: Counter[str] = Counter()

    class Counted(Task[Any]):
        def start(self) -> None:
            started["begun"] += 1

        def dispose(self) -> None:
            started["disposed"] += 1

    def add(job: Work, living: list[Counted], added: SimpleQueue[int]) -> None:
        for count in range(1, each + 1):
            living.append(job.add_task(Counted()))
            if count % 100 == 0:
                added.put(count)

    def stop(living: list[Counted], seed: int, added: SimpleQueue[int]) -> None:
        random = Random(seed)
        while added.get() < each:
            for task in random.sample(living, 50):
                task.stop()

    async def main() -> int:
        async with RootManager[Any, Any](history=0) as root:
            root.observe(tally)
            job = root.add_task(Work())
            await job.wait_started()
            lists: list[list[Counted]] = [[] for _ in range(8)]
            added: list[SimpleQueue[int]] = [SimpleQueue() for _ in lists]
            async with anyio.create_task_group() as threads:
                for seed in range(2):
                    threads.start_soon(anyio.to_thread.run_sync, stop, lists[seed], seed, added[seed])
                for living, counts in zip(lists, added, strict=True):
                    threads.start_soon(anyio.to_thread.run_sync, add, job, living, counts)
            tasks = [task for living in lists for task in living]
            assert len({task.task_id for task in tasks}) == 8 * each
        assert all(task.state is TaskState.DISPOSED for task in tasks)
        return job.size

    assert run_virtual(main, backend=backend) == 0
    assert tally.added == 8 * each + 1
    assert tally.ended == 8 * each + 2  # and the root
    assert started["begun"] == started["disposed"] == 8 * each - tally.never_started


@pytest.mark.parametrize("backend", BACKENDS)
def test_adds_from_threads_during_the_shutdown_are_refused_or_disposed(backend: str) -> None:
    """M6, D9: whatever was accepted is disposed, the rest raises; no thread is left waiting for its answer."""
    disposed: Counter[str] = Counter()

    class Counted(Task[Any]):
        async def go(self) -> None:
            await anyio.sleep(1)

        def dispose(self) -> None:
            disposed["started"] += 1

    def add(job: Work, done: list[Counted], enough: threading.Event) -> None:
        try:
            while True:
                done.append(job.add_task(Counted()))
                if len(done) == 200:
                    enough.set()
        except TaskDisposedError:
            disposed["refused"] += 1

    async def main() -> list[Counted]:
        root: RootManager[Any, Any] = await RootManager[Any, Any](history=0).init()
        job = root.add_task(Work())
        await job.wait_started()
        lists: list[list[Counted]] = [[] for _ in range(8)]
        enough = threading.Event()
        async with anyio.create_task_group() as adders:
            for done in lists:
                adders.start_soon(anyio.to_thread.run_sync, add, job, done, enough)
            await anyio.to_thread.run_sync(enough.wait)
            await root.shutdown()
        return [task for done in lists for task in done]

    tasks = run_virtual(main, backend=backend)
    assert disposed["refused"] == 8
    assert all(task.state is TaskState.DISPOSED for task in tasks)


# Ends


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_thousand_trees_are_shut_down_in_the_middle_of_everything(backend: str) -> None:
    """M4, D: a random tree, a random instant, a thousand times: see the functions `check_…` of random_trees."""
    with without_logs():
        for seed in range(1000 if backend == "asyncio" else 300):
            random = Random(f"shutdown {seed}")
            story = replace(random_story(random), end_at=random.choice([0.5, 1.0, 1.5, random.uniform(0, 5)]))
            try:
                check(run_virtual(live, story, backend=backend))
            except BaseException as error:
                error.add_note(f"seed {seed}: {story}")
                raise
        gc.collect()  # a coroutine that was forgotten warns


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_thousand_roots_in_one_event_loop_end_each_by_itself(backend: str) -> None:
    """M12, M4: roots are independent; each report counts its own."""
    count = 1000 if backend == "asyncio" else 300

    class Sleeper(Task[Any]):
        async def go(self) -> None:
            await anyio.sleep(10)

    async def one(seed: int) -> None:
        random = Random(seed)
        size = random.randrange(10)
        root: RootManager[Any, Any] = await RootManager[Any, Any](history=10).init()
        for _ in range(size):
            root.add_task(Sleeper())
        await anyio.sleep(random.uniform(0, 9))
        report = await root.shutdown()
        assert (report.disposed, report.unstopped) == (size + 1, ())
        reports.append(seed)

    async def main() -> None:
        before = len(anyio.get_running_tasks())
        async with anyio.create_task_group() as group:
            for seed in range(count):
                group.start_soon(one, seed)
        await anyio.sleep(1)
        assert len(anyio.get_running_tasks()) == before

    reports: list[int] = []
    run_virtual(main, backend=backend)
    assert sorted(reports) == list(range(count))


# Leaks


class Plain(Task[Any]):
    """Nothing but a body that returns."""

    async def go(self) -> str:
        return "done"


class Rich(Task[Any]):
    """A bit of everything that is kept for a life."""

    stop_grace = 1.0
    stop_timeout = 100.0
    start_timeout = 100.0
    dispose_timeout = 100.0

    async def start(self) -> None:
        self.using(lambda: None)
        self.on_stop(lambda: None)
        self.on_dispose(lambda: None)
        self.set_description("me", self)
        self.step("started")

    async def go(self) -> None:
        await self.wait_stop_requested()

    async def dispose(self) -> None:
        await anyio.lowlevel.checkpoint()


class Failing(Task[Any]):
    """Fails, is started again, and fails for good."""

    retry = RetryPolicy(1, 1.0)

    async def go(self) -> None:
        raise ValueError(self)


class Ticking(TickTask):
    """Ticks until it is stopped."""

    def tick(self, due_at: float) -> None:
        pass


class Group(Job):
    """A Job with a child."""

    def start(self) -> None:
        self.add_task(Plain())


def lives() -> int:
    """How many there are in the process."""
    gc.collect()
    return sum(isinstance(thing, Life) for thing in gc.get_objects())


@pytest.mark.parametrize("kind", [Plain, Rich, Failing, Ticking, Group])
@pytest.mark.parametrize("backend", BACKENDS)
def test_lives_that_are_over_are_forgotten(backend: str, kind: type[Task[Any]]) -> None:
    """D1, H5: without history nothing of 2,000 tasks stays behind in a tree that goes on."""
    kept = 100 if kind is Failing else 0  # J2: the last failures, whose tracebacks hold the tasks

    async def main() -> int:
        async with RootManager[Any, Any](history=0) as root:
            before = lives()
            for _ in range(5):
                tasks: list[Task[Any]] = [root.add_task(kind(), timeout=3600) for _ in range(400)]
                await anyio.sleep(3)
                for task in tasks:
                    task.stop()
                await anyio.sleep(1)
                assert root.size == 0
                task = tasks.pop()
                tasks.clear()
                del task
            return lives() - before

    with without_logs():
        assert run_virtual(main, backend=backend) <= kept


@pytest.mark.parametrize("backend", BACKENDS)
def test_timeouts_that_did_not_come_are_forgotten(backend: str) -> None:
    """D7: of tasks that end in time no timer stays behind until the time-out would have been."""

    async def main() -> int:
        async with RootManager[Any, Any](history=0) as root:
            gc.collect()
            before = len(gc.get_objects())
            for _ in range(10):
                for _ in range(500):
                    root.add_task(Plain(), timeout=1e6)
                await anyio.sleep(1)
            gc.collect()
            return len(gc.get_objects()) - before

    assert run_virtual(main, backend=backend) < 1000
