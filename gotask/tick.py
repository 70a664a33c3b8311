"""TickTask and AsyncTickTask: a tick each so many seconds, without drift (C4, C6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import anyio

from gotask.channel import ChannelLife, ChannelTask, ignore
from gotask.hooks import DONE, empty_hook, waits
from gotask.life import Life
from gotask.signals import Source
from gotask.task import Task

if TYPE_CHECKING:
    from gotask.backend import Handle


def check_interval(task: Any) -> float:
    """The interval of a task now.

    Raises:
        ValueError: It is not a positive, finite number of seconds.
    """
    interval = task.get_tick_interval()
    if not isinstance(interval, int | float) or not 0 < interval < math.inf:
        raise ValueError(
            f"the tick interval of {task.execution_path} is {interval!r}: it must be a number of seconds above 0"
        )
    return interval


def passed(due: float, interval: float, now: float) -> int:
    """How many further deadlines have passed since this one was due."""
    return max(math.floor((now - due) / interval), 0)


class TickSource(Source):
    """Deadlines as items: one at a time, those that pass meanwhile merge into it."""

    def __init__(self, life: TickLife) -> None:
        super().__init__()
        self._life = life
        self._timer: Handle | None = None
        self._due = life.pump.clock()
        self._plan(check_interval(life.task))

    def _plan(self, interval: float) -> None:
        self._due += interval
        self._timer = self._life.pump.backend.call_at(self._due, self._fire)

    def _fire(self) -> None:
        life = self._life
        try:
            interval = check_interval(life.task)
            late = passed(self._due, interval, life.pump.clock())
            self._due += late * interval
            life.missed += late + len(self.items)
            self.items.clear()
            self.items.append(self._due)
            self._plan(interval)
        except Exception as error:
            self.ended, self.error = True, error
        life.ready()

    def close(self, then: Callable[[BaseException | None], object]) -> bool:
        if self._timer is not None:
            self._timer.cancel()
        return True


class TickLife(ChannelLife):
    """A life whose signal is the clock."""

    __slots__ = ("missed",)

    guarded = True

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        self.missed = 0

    def admit(self) -> None:
        super().admit()
        check_interval(self.task)

    def make_source(self) -> Source:
        return TickSource(self)


class TickTask(ChannelTask[float]):
    """A task whose `tick(due_at)` is called in the parent's loop each `tick_interval` seconds (C4).

    Deadlines are counted one from the other, so they do not drift; the first is one interval after the start. `due_at`
    is the deadline, on the monotonic clock. Deadlines that pass while a tick runs merge into one.
    """

    __slots__ = ()

    _life: TickLife
    _life_type: ClassVar[type[Life]] = TickLife

    tick_interval: float = 1.0
    """Seconds between two ticks: set it in the class, in the object, or as a property."""

    def get_tick_interval(self) -> float:
        """Override: the interval in seconds, asked for before each deadline; by default `tick_interval`."""
        return self.tick_interval

    @property
    def missed_ticks(self) -> int:
        """How many deadlines passed without a tick of their own."""
        return self._life.missed


class AsyncTickLife(Life):
    """A life that checks its interval before it starts."""

    __slots__ = ()

    guarded = True

    def admit(self) -> None:
        super().admit()
        check_interval(self.task)


class AsyncTickTask(Task[Any]):
    """As TickTask, but the ticks have a coroutine of their own and hold up nothing; the first comes at once (C6)."""

    __slots__ = ("_missed",)

    _life_type: ClassVar[type[Life]] = AsyncTickLife

    tick_interval: float = 1.0
    """Seconds between two ticks: set it in the class, in the object, or as a property."""

    @empty_hook
    def tick(self, due_at: float, /) -> Any:
        """Override: what to do each time; `due_at` is the deadline, on the monotonic clock."""
        return DONE

    def get_tick_interval(self) -> float:
        """Override: the interval in seconds, asked for after each tick; by default `tick_interval`."""
        return self.tick_interval

    @property
    def missed_ticks(self) -> int:
        """How many deadlines passed without a tick of their own."""
        return getattr(self, "_missed", 0)

    async def go(self) -> None:
        """Tick until the task is stopped."""
        clock = self._life.pump.clock
        due = clock()
        while True:
            value = (self.tick or ignore)(due)
            if waits(value):
                await value
            interval = check_interval(self)
            due += interval
            late = passed(due, interval, clock())
            self._missed = self.missed_ticks + late
            due += late * interval
            await anyio.sleep(max(due - clock(), 0))

    _tick_body: ClassVar[Any] = go  # the only `go` there may be (L2)
