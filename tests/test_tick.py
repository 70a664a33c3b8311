"""C4, C6: tasks that tick."""

from __future__ import annotations

import math
from typing import Any

import anyio
import pytest

import gotask
from gotask import (
    AsyncTickTask,
    Job,
    RetryExhausted,
    RootManager,
    StopByUser,
    Task,
    TaskState,
    TaskType,
    TickTask,
)

Root = RootManager[Any, Any]
S = TaskState
FAIL = ValueError("as it should")


class Clock(TickTask):
    """Keeps when it ticked, and for which deadline; takes so long for each tick."""

    def __init__(self, interval: float | None = None, *naps: float) -> None:
        if interval is not None:
            self.tick_interval = interval
        self.naps = list(naps)
        self.ticks: list[float] = []
        self.deadlines: list[float] = []

    async def tick(self, due_at: float) -> None:
        self.ticks.append(anyio.current_time())
        self.deadlines.append(due_at)
        if self.naps:
            await anyio.sleep(self.naps.pop(0))


class AsyncClock(AsyncTickTask):
    """The same, beside the loop."""

    def __init__(self, interval: float | None = None, *naps: float) -> None:
        if interval is not None:
            self.tick_interval = interval
        self.naps = list(naps)
        self.ticks: list[float] = []
        self.deadlines: list[float] = []

    async def tick(self, due_at: float) -> None:
        self.ticks.append(anyio.current_time())
        self.deadlines.append(due_at)
        if self.naps:
            await anyio.sleep(self.naps.pop(0))


CLOCKS = pytest.mark.parametrize("cls", [Clock, AsyncClock])


def approx(*times: float) -> Any:
    return pytest.approx(list(times))


async def ticked(root: Root, task: Any, until: float) -> Any:
    """Add a clock, and let it tick until that time."""
    root.add_task(task)
    await anyio.sleep(until - anyio.current_time())
    task.stop()
    await task.wait_stopped()
    return task


# When


async def test_the_first_ticks(root: Root) -> None:
    """C4: a TickTask ticks every `tick_interval` seconds; the first time one interval after its start."""
    clock = await ticked(root, Clock(10), until=35)
    assert clock.ticks == approx(10, 20, 30)
    assert clock.missed_ticks == 0


async def test_the_first_ticks_beside_the_loop(root: Root) -> None:
    """C6: an AsyncTickTask ticks at once, then every `tick_interval` seconds."""
    clock = await ticked(root, AsyncClock(10), until=35)
    assert clock.ticks == approx(0, 10, 20, 30)
    assert clock.missed_ticks == 0


@CLOCKS
async def test_one_second_is_the_interval_by_default(root: Root, cls: Any) -> None:
    """C4, C6: `tick_interval` is one second if nothing else is said."""
    clock = await ticked(root, cls(), until=3.5)
    assert clock.ticks[-2:] == approx(2, 3)


async def test_the_interval_counts_from_the_start(root: Root) -> None:
    """C4: a slow `start` is not counted."""

    class Slow(Clock):
        async def start(self) -> None:
            await anyio.sleep(7)

    clock = await ticked(root, Slow(10), until=30)
    assert clock.ticks == approx(17, 27)


@CLOCKS
async def test_no_drift(root: Root, cls: Any) -> None:
    """C4: deadlines are counted from the previous deadline, so ticks that take time do not delay the next ones."""
    clock = await ticked(root, cls(1, *[0.4] * 1000), until=1000.5)
    assert clock.ticks[-1] == pytest.approx(1000, abs=1e-6)
    assert clock.missed_ticks == 0
    assert clock.ticks == pytest.approx(clock.deadlines)


@CLOCKS
async def test_no_drift_by_rounding(root: Root, cls: Any) -> None:
    """C4: an interval that is no binary fraction ticks as often as it should."""
    clock = await ticked(root, cls(0.1), until=100.05)
    assert len(clock.ticks) == 1000 + (cls is AsyncClock)
    assert clock.missed_ticks == 0


@CLOCKS
async def test_due_at_is_the_deadline(root: Root, cls: Any) -> None:
    """C4: `tick` is given the deadline on the monotonic clock, also when it comes late."""
    clock = await ticked(root, cls(10, *([0] if cls is AsyncClock else []), 14), until=45)
    assert clock.ticks[-4:] == approx(10, 24, 30, 40)
    assert clock.deadlines[-4:] == approx(10, 20, 30, 40)
    assert clock.missed_ticks == 0


async def test_ticks_wait_for_the_loop(root: Root) -> None:
    """C4, L4: a sibling that holds the loop delays the tick, and `due_at` tells by how much."""

    class Holds(Task[Any]):
        async def run(self) -> None:
            await anyio.sleep(15)

    job = root.add_task(Job())
    clock = job.add_task(Clock(10))
    job.add_task(Holds())
    await anyio.sleep(25)
    assert clock.ticks == approx(15, 20)
    assert clock.deadlines == approx(10, 20)


# Missed ticks


@CLOCKS
async def test_missed_ticks_merge_into_one(root: Root, cls: Any) -> None:
    """C4: deadlines that pass while a tick runs merge into one, which comes as soon as the tick is over."""
    before = [0] if cls is AsyncClock else []
    clock = await ticked(root, cls(1, *before, 3.5), until=6.5)
    assert clock.ticks[len(before) :] == approx(1, 4.5, 5, 6)
    assert clock.deadlines[len(before) :] == approx(1, 4, 5, 6)
    assert clock.missed_ticks == 2


@CLOCKS
async def test_missed_ticks_are_counted_in_all(root: Root, cls: Any) -> None:
    """C4: `missed_ticks` counts every deadline without a tick of its own."""
    clock = await ticked(root, cls(1, *[2.5] * 40), until=200.7)
    due = 200 + (cls is AsyncClock)
    assert clock.missed_ticks == due - len(clock.ticks)
    assert clock.missed_ticks > 50


@CLOCKS
async def test_a_tick_that_takes_just_the_interval(root: Root, cls: Any) -> None:
    """C4: then every deadline has its tick."""
    clock = await ticked(root, cls(1, *[1.0] * 20), until=10.5)
    assert clock.ticks[-10:] == approx(*range(1, 11))
    assert clock.missed_ticks == 0


# The interval


@CLOCKS
async def test_the_interval_as_a_class_attribute(root: Root, cls: Any) -> None:
    """C4: `tick_interval` may be set in the class."""

    class Own(cls):  # type: ignore[misc]
        tick_interval = 4

    clock = await ticked(root, Own(), until=9)
    assert clock.ticks[-2:] == approx(4, 8)


@CLOCKS
async def test_the_interval_as_a_property(root: Root, cls: Any) -> None:
    """C4: it may be a property."""

    class Own(cls):  # type: ignore[misc]
        @property
        def tick_interval(self) -> float:
            return 4.0

    clock = await ticked(root, Own(), until=9)
    assert clock.ticks[-2:] == approx(4, 8)


@CLOCKS
async def test_the_interval_as_a_method(root: Root, cls: Any) -> None:
    """C4: `get_tick_interval()` may be overridden."""

    class Own(cls):  # type: ignore[misc]
        def get_tick_interval(self) -> float:
            return 4.0

    clock = await ticked(root, Own(), until=9)
    assert clock.ticks[-2:] == approx(4, 8)


@CLOCKS
async def test_the_interval_set_in_start(root: Root, cls: Any) -> None:
    """C4: what `start` sets counts."""

    class Own(cls):  # type: ignore[misc]
        async def start(self) -> None:
            self.tick_interval = 4

    clock = await ticked(root, Own(), until=9)
    assert clock.ticks[-2:] == approx(4, 8)


async def test_an_interval_that_changes(root: Root) -> None:
    """C4: the interval is asked for before each deadline; a change counts from the next but one."""
    clock = root.add_task(Clock(1))
    await anyio.sleep(2.5)
    clock.tick_interval = 10
    await anyio.sleep(25)
    assert clock.ticks == approx(1, 2, 3, 13, 23)


async def test_a_tick_that_changes_its_interval(root: Root) -> None:
    """C6: beside the loop, a tick that changes the interval changes the time to the next tick."""

    class Slower(AsyncClock):
        async def tick(self, due_at: float) -> None:
            await super().tick(due_at)
            self.tick_interval *= 2

    clock = await ticked(root, Slower(1), until=40)
    assert clock.ticks == approx(0, 2, 6, 14, 30)


@CLOCKS
async def test_the_interval_is_asked_for_once_for_each_deadline(root: Root, cls: Any) -> None:
    """C4: a `get_tick_interval` that counts, or draws at random, is asked once for each deadline after the first."""

    class Counts(cls):  # type: ignore[misc]
        asked = 0

        def get_tick_interval(self) -> float:
            self.asked += 1
            return 1.0

    clock = root.add_task(Counts())
    await anyio.sleep(10.5)
    first = clock.asked
    await anyio.sleep(100)
    assert clock.asked - first == 100


@CLOCKS
@pytest.mark.parametrize("interval", [0, -1, math.nan, math.inf, "1"])
async def test_a_wrong_interval_fails_the_start(root: Root, cls: Any, interval: Any) -> None:
    """C4: an interval ≤ 0 or not finite is a ValueError that fails the start, and names the task."""
    clock = root.add_task(cls(interval))
    with pytest.raises(ValueError, match="Clock"):
        await clock.wait_started()
    assert clock.ticks == []
    assert isinstance(clock.stop_reason, ValueError)


@CLOCKS
async def test_an_interval_that_becomes_wrong(root: Root, cls: Any) -> None:
    """C4: later it is a failure like one of `tick`."""
    clock = root.add_task(cls(1))
    await anyio.sleep(2.5)
    clock.tick_interval = -1
    with pytest.raises(ValueError, match="-1"):
        await clock


@CLOCKS
async def test_an_interval_that_becomes_wrong_in_start(root: Root, cls: Any) -> None:
    """C4: a wrong interval that `start` sets fails the task as well."""

    class Own(cls):  # type: ignore[misc]
        async def start(self) -> None:
            self.tick_interval = 0

    with pytest.raises(ValueError, match="interval"):
        await root.add_task(Own())


@CLOCKS
async def test_a_get_tick_interval_that_raises(root: Root, cls: Any) -> None:
    """C4: it fails the start."""

    class Own(cls):  # type: ignore[misc]
        def get_tick_interval(self) -> float:
            raise FAIL

    assert await root.add_task(Own()).wait_stopped() is FAIL


# Hooks


@CLOCKS
async def test_start_without_super(root: Root, cls: Any) -> None:
    """C4: overriding `start` and `dispose` without `super()` does not break it."""
    calls: list[str] = []

    class Own(cls):  # type: ignore[misc]
        def start(self) -> None:
            calls.append("start")

        def dispose(self) -> None:
            calls.append("dispose")

    clock = await ticked(root, Own(1), until=2.5)
    assert clock.ticks[-2:] == approx(1, 2)
    assert calls == ["start", "dispose"]


@CLOCKS
async def test_a_plain_tick(root: Root, cls: Any) -> None:
    """L3, C4: a plain `tick` is called directly, as the current task."""
    seen: list[Any] = []

    class Plain(cls):  # type: ignore[misc]
        def tick(self, due_at: float) -> None:
            seen.append((due_at, gotask.current_task()))

    clock = await ticked(root, Plain(1), until=2.5)
    assert seen[-2:] == [(pytest.approx(1), clock), (pytest.approx(2), clock)]


@CLOCKS
async def test_a_tick_that_returns_a_task(root: Root, cls: Any) -> None:
    """C4, C6: a task that a plain `tick` returns is not waited for."""
    added: list[Any] = []

    class Adding(cls):  # type: ignore[misc]
        def tick(self, due_at: float) -> Any:
            added.append(root.add_task(gotask.Task()))
            return added[-1]

    await ticked(root, Adding(1), until=3.5)
    assert len(added) >= 3


@CLOCKS
async def test_without_tick(root: Root, cls: Any) -> None:
    """L2: `tick` is optional."""
    base = cls.__mro__[1]
    task = root.add_task(base())
    await anyio.sleep(3)
    assert task.state is S.GOING


def test_types() -> None:
    """`task_type`: a TickTask is a channel task, whose signal is the clock; an AsyncTickTask is a task with a body."""
    assert (TickTask.task_type, AsyncTickTask.task_type) == (TaskType.CHANNEL, TaskType.TASK)


async def test_ticks_hold_the_loop(root: Root) -> None:
    """C4, L4: a tick is called in the parent's loop, so siblings wait for it."""
    job = root.add_task(Job())
    clock = job.add_task(Clock(1, 5))
    await anyio.sleep(2)
    assert job.blocked is clock
    await job.add_task(Task()).wait_started()
    assert anyio.current_time() == pytest.approx(6)


async def test_async_ticks_do_not_hold_the_loop(root: Root) -> None:
    """C6: a tick in its own coroutine holds up nothing."""
    job = root.add_task(Job())
    clock = job.add_task(AsyncClock(1, 50))
    await anyio.sleep(2)
    assert job.blocked is None
    assert clock.state is S.GOING
    await job.add_task(Task()).wait_started()
    assert await job.call(anyio.current_time) == pytest.approx(2)


# Stop, failure, retry


@CLOCKS
async def test_a_stop_between_two_ticks(root: Root, cls: Any) -> None:
    """C3, C4: it ends at once, not with the next tick, and ticks no more."""
    clock = root.add_task(cls(100))
    await anyio.sleep(150)
    count = len(clock.ticks)
    clock.stop()
    assert isinstance(await clock.wait_stopped(), StopByUser)
    assert anyio.current_time() == pytest.approx(150)
    await anyio.sleep(1000)
    assert len(clock.ticks) == count


@CLOCKS
async def test_a_stop_during_a_tick(root: Root, cls: Any) -> None:
    """C3, S4: an async tick that is running is cancelled."""
    clock = root.add_task(cls(1, 1000, 1000))
    await anyio.sleep(5)
    clock.stop()
    await clock.wait_stopped()
    assert anyio.current_time() == pytest.approx(5)
    assert len(clock.ticks) == 1


@CLOCKS
async def test_a_tick_that_raises(root: Root, cls: Any) -> None:
    """C5: it is the task's failure."""

    class Fails(cls):  # type: ignore[misc]
        async def tick(self, due_at: float) -> None:
            await super().tick(due_at)
            raise FAIL

    clock = root.add_task(Fails(1))
    assert await clock.wait_stopped() is FAIL
    assert len(clock.ticks) == 1


@CLOCKS
async def test_a_tick_that_raises_is_retried(root: Root, cls: Any) -> None:
    """C5, R1: it goes through the retry policy; each life begins its deadlines anew."""

    class Fails(cls):  # type: ignore[misc]
        async def tick(self, due_at: float) -> None:
            await super().tick(due_at)
            raise FAIL

    clock = Fails(1)
    clock.set_retry(2, 10)
    assert isinstance(await root.add_task(clock).wait_stopped(), RetryExhausted)
    assert clock.ticks == (approx(0, 10, 30) if cls is AsyncClock else approx(1, 12, 33))
    assert clock.ticks == pytest.approx(clock.deadlines)
    assert clock.missed_ticks == 0


@CLOCKS
async def test_restart(root: Root, cls: Any) -> None:
    """R6, C4: a restart begins the deadlines anew."""
    clock = root.add_task(cls(10))
    await anyio.sleep(13)
    clock.restart()
    await anyio.sleep(11)
    assert clock.ticks == (approx(0, 10, 13, 23) if cls is AsyncClock else approx(10, 23))


@CLOCKS
async def test_many_clocks(root: Root, cls: Any) -> None:
    """C4, Q3: many tick side by side, each at its time."""
    clocks = [root.add_task(cls(1 + n / 1000)) for n in range(100)]
    await anyio.sleep(10.4705)
    for n, clock in enumerate(clocks):
        assert clock.ticks[-1] == pytest.approx((1 + n / 1000) * math.floor(10.4705 / (1 + n / 1000)))
