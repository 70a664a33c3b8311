"""The watchdog: it notices, in real time, what blocks the event loop of a tree."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import gotask
from gotask import Blockage, BlockingRoot, RootManager, Task, Work
from gotask.roots import OPEN

FILE = "tests/test_watchdog.py"
LIMIT = 0.05
BACKENDS = ["asyncio", "asyncio+uvloop", "trio"]
each_backend = pytest.mark.parametrize("backend", BACKENDS)


class Reports(logging.Handler):
    """Hears what the watchdog logs; what blocks a loop waits here until that has been noticed."""

    def __init__(self) -> None:
        super().__init__()
        self.noticed = threading.Event()
        self.over = threading.Event()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "event loop" in record.getMessage():
            self.records.append(record)
            (self.noticed if record.levelno == logging.WARNING else self.over).set()

    def block(self) -> None:
        """Block the loop until the watchdog has said so."""
        assert self.noticed.wait(30)


@pytest.fixture
def reports() -> Iterator[Reports]:
    """What the watchdog logs during a test."""
    handler, logger = Reports(), logging.getLogger("gotask")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def watchdogs() -> list[threading.Thread]:
    """The threads of watchdogs that are alive."""
    return [thread for thread in threading.enumerate() if thread.name == "gotask watchdog"]


class InStart(Task):
    def __init__(self, block: Callable[[], None]) -> None:
        self.block = block

    def start(self) -> None:
        self.block()


class InAsyncStart(InStart):
    async def start(self) -> None:  # type: ignore[override]
        self.block()


class InLaterStart(InStart):
    async def start(self) -> None:  # type: ignore[override]
        await anyio.lowlevel.checkpoint()
        self.block()


class InGo(InStart):
    start = None  # type: ignore[assignment]

    async def go(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.block()


class InRun(InStart):
    start = None  # type: ignore[assignment]

    async def run(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.block()


class InDispose(InStart):
    start = None  # type: ignore[assignment]

    async def go(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def dispose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.block()


class InTick(InStart, gotask.TickTask):
    start = None  # type: ignore[assignment]
    tick_interval = 0.01

    def tick(self, due_at: float) -> None:
        self.block()
        self.stop()


class InRunTask(InStart):
    start = None  # type: ignore[assignment]

    async def go(self) -> None:
        await self.run_task(InLaterStart(self.block))


KINDS = [InStart, InAsyncStart, InLaterStart, InGo, InRun, InDispose, InTick]


def seen(reports: Reports, backend: str, kind: type[InStart]) -> tuple[Any, tuple[Blockage, ...]]:
    """A task of this kind whose hook blocks the loop, and what the watchdog has seen."""
    with BlockingRoot(backend=backend, watchdog=LIMIT) as root:
        task = root.add_task(gotask.Work()).add_task(kind(reports.block))
        assert reports.over.wait(30)
        return task, root.root.blockages


# What it says


@each_backend
@pytest.mark.parametrize("kind", KINDS)
def test_it_names_the_task_whose_hook_blocks(reports: Reports, backend: str, kind: type[InStart]) -> None:
    """The task is known in every hook, plain or async, at its first step and later."""
    task, (blockage,) = seen(reports, backend, kind)
    assert blockage.task_id == task.task_id
    assert blockage.task_path == task.execution_path
    assert blockage.over
    assert blockage.duration >= LIMIT
    assert blockage.where.endswith(" in block")
    assert blockage.where.startswith(f"{FILE}:")


@each_backend
def test_it_names_a_run_task(reports: Reports, backend: str) -> None:
    """J7: also one that another task runs."""
    _, (blockage,) = seen(reports, backend, InRunTask)
    assert "/InLaterStart#" in blockage.task_path


@each_backend
def test_the_stack_begins_with_the_hook(reports: Reports, backend: str) -> None:
    """The stack has the frames of the program, innermost last, and none of the library's own."""
    _, (blockage,) = seen(reports, backend, InLaterStart)
    names = [place.rpartition(" ")[2] for place in blockage.stack]
    assert names[:2] == ["start", "block"]
    assert names[-1] == "wait"  # of the event, in the standard library


@each_backend
def test_it_logs_a_warning_once_and_the_end(reports: Reports, backend: str) -> None:
    """One WARNING while the loop is blocked, and how long it took when it is over; both with id and path (H7)."""
    task, _ = seen(reports, backend, InStart)
    first, last = reports.records
    assert (first.levelname, last.levelname) == ("WARNING", "INFO")
    assert "has been blocked for" in first.getMessage()
    assert f"by {task.execution_path}" in first.getMessage()
    assert " in block < " in first.getMessage()
    assert "was blocked for" in last.getMessage()
    assert getattr(first, "task_id", None) == getattr(last, "task_id", None) == task.task_id


@each_backend
def test_it_can_be_read_while_the_loop_is_blocked(reports: Reports, backend: str) -> None:
    """Another thread sees the blockage that goes on, and how it grows."""
    go_on = threading.Event()

    def block() -> None:
        assert go_on.wait(30)

    with BlockingRoot(backend=backend, watchdog=LIMIT) as root:
        before = root.root.blockages
        root.root._soon(block)
        assert reports.noticed.wait(30)
        (first,) = root.root.blockages
        (second,) = root.root.blockages
        go_on.set()
        assert reports.over.wait(30)
        (last,) = root.root.blockages
    assert before == ()
    assert not first.over
    assert LIMIT <= first.duration <= second.duration <= last.duration
    assert first.started_at == last.started_at == pytest.approx(time.time(), abs=30)
    assert last.over
    assert str(first).startswith("the event loop has been blocked for")


@each_backend
def test_outside_of_any_task(reports: Reports, backend: str) -> None:
    """Code that belongs to no task is known by its place."""

    async def main(root: RootManager[Any, Any]) -> tuple[Blockage, ...]:
        await anyio.lowlevel.checkpoint()
        reports.block()
        return root.blockages

    (blockage,) = gotask.run(main, backend=backend, watchdog=LIMIT) or ()
    assert (blockage.task_path, blockage.task_id) == ("", None)
    assert [place.rpartition(" ")[2] for place in blockage.stack][:2] == ["main", "block"]
    assert "by no task" in str(blockage)


def test_they_are_counted_and_bounded(reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ones are kept, and their numbers go on."""
    monkeypatch.setattr("gotask.watchdog.KEPT_BLOCKAGES", 2)

    with BlockingRoot(watchdog=LIMIT) as root:
        for _ in range(3):
            reports.noticed.clear()
            reports.over.clear()
            root.call(reports.block)
            assert reports.over.wait(30)
        assert [blockage.number for blockage in root.root.blockages] == [2, 3]


def test_they_can_be_read_after_the_shutdown(reports: Reports) -> None:
    """What was seen stays, until the root is opened again."""
    with BlockingRoot(watchdog=LIMIT) as root:
        root.call(reports.block)
    assert [blockage.over for blockage in root.root.blockages] == [True]


@pytest.mark.parametrize(
    ("stack", "where"),
    [
        ((), "an unknown place"),
        (("/usr/lib/python3/x.py:1 in f",), "/usr/lib/python3/x.py:1 in f"),
        (("app.py:1 in f", "/usr/lib/python3/x.py:2 in g"), "app.py:1 in f"),
        (("app.py:1 in f", ".venv/lib/site-packages/y.py:2 in g"), "app.py:1 in f"),
    ],
)
def test_where_is_the_innermost_place_of_the_program(stack: tuple[str, ...], where: str) -> None:
    """A learner wants to see the own line, not that of the standard library below it."""
    assert Blockage(1, "", None, 0.0, 1.0, True, stack).where == where


# What it costs others


async def test_virtual_time_is_left_alone(reports: Reports) -> None:
    """Virtual time jumps as without a watchdog, and a wait in it is no blockage."""
    async with RootManager(watchdog=30) as root:  # a busy machine may take the CPU away for a moment
        began = anyio.current_time()
        await root.add_task(anyio.sleep, 36_000.0)
        assert anyio.current_time() - began == 36_000.0
        assert root.blockages == ()


async def test_it_measures_real_time_under_virtual_time(reports: Reports) -> None:
    """A hook that blocks is noticed although virtual time stands still."""
    async with RootManager(watchdog=LIMIT) as root:
        began = anyio.current_time()
        await root.add_task(InStart(reports.block)).wait_started()
        assert anyio.current_time() == began
        (blockage,) = root.blockages
        assert blockage.duration >= LIMIT


async def test_no_thread_is_left() -> None:
    """After the shutdown its thread is gone."""
    before = len(watchdogs())
    async with RootManager(watchdog=3600):
        assert len(watchdogs()) == before + 1
    assert len(watchdogs()) == before


async def test_no_thread_is_left_where_the_last_hook_blocks(reports: Reports) -> None:
    """Nor where the loop is blocked up to the end; and the blockage is counted."""
    before = len(watchdogs())
    async with RootManager(watchdog=LIMIT) as root:
        root.on_dispose(reports.block)
    assert len(watchdogs()) == before
    assert [blockage.task_path for blockage in root.blockages] == [root.execution_path]


async def test_each_opening_has_its_own() -> None:
    """M1: a root that is opened again is watched again."""
    root: RootManager[Any, Any] = RootManager(watchdog=3600)
    for _ in range(2):
        await root.init()
        assert len(watchdogs()) == 1
        await root.shutdown()
        assert watchdogs() == []


async def test_by_default_there_is_none() -> None:
    """Without `watchdog=` there is no thread, and nothing to see."""
    root: RootManager[Any, Any] = RootManager()
    assert root.blockages == ()
    async with root:
        assert watchdogs() == []
        assert root.blockages == ()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_tree_that_is_left_open(backend: str) -> None:
    """S8: a program that returns and leaves the tree open leaves no watchdog either."""

    async def main() -> None:
        root: RootManager[Any, Any] = RootManager(watchdog=0.01)
        await root.init()
        await root.add_task(Work()).wait_started()

    anyio.run(main, backend=backend)
    assert watchdogs() == []


def test_a_loop_that_was_closed_under_it() -> None:
    """A loop that is gone ends the watchdog, which has nobody left to ask."""
    loop = asyncio.new_event_loop()
    root: RootManager[Any, Any] = RootManager(watchdog=0.01)
    loop.run_until_complete(root.init())
    (thread,) = watchdogs()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    thread.join(30)
    assert not thread.is_alive()
    del OPEN[root.task_id]


async def test_what_was_over_before_it_could_be_looked_at(reports: Reports) -> None:
    """Code that keeps Python's global lock is noticed afterwards: how long it took, but not where."""
    answered = threading.Event()
    answered.set()
    async with RootManager(watchdog=3600) as root:
        assert root._watchdog is not None
        root._watchdog._blocked(answered, time.monotonic() - 2.0)
        (blockage,) = root.blockages
    assert blockage.duration == pytest.approx(2.0, abs=1.0)
    assert (blockage.task_id, blockage.stack) == (None, ())


# Wrong values


@pytest.mark.parametrize("wrong", [0, -1, math.inf, math.nan, "1", True, [1]])
def test_a_wrong_time_is_refused(wrong: Any) -> None:
    """A wrong value is a ValueError at once, that says what fits."""
    with pytest.raises(ValueError, match="number of seconds above 0"):
        RootManager(watchdog=wrong)


async def test_where_there_are_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """L3: in the browser there is one warning, and no watchdog."""
    monkeypatch.setattr("gotask.watchdog.HAS_THREADS", False)
    root: RootManager[Any, Any] = RootManager(watchdog=1.0)
    with pytest.warns(UserWarning, match="no threads here"):
        await root.init()
    assert watchdogs() == []
    assert root.blockages == ()
    await root.shutdown()
