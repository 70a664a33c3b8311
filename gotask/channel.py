"""ChannelTask: a task that does something for each item of a signal (C1 to C3, C5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from gotask.body import Body
from gotask.hooks import DONE, empty_hook
from gotask.life import Life
from gotask.pump import BUDGET
from gotask.sending import Channel
from gotask.signals import Source, listen
from gotask.states import GOING, TaskType
from gotask.task import Task

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from gotask.backend import Drive

    Item = TypeVar("Item", default=Any)
else:
    from typing import TypeVar

    Item = TypeVar("Item")

CAPACITY = 16
BATCH = 256
"""Items after which the siblings have their turn."""


def ignore(item: object) -> None:
    """What is done with an item where there is no `tick`."""


class ChannelLife(Life):
    """A life whose body is a signal: each item is an event in the parent's loop."""

    __slots__ = ("channel", "source")

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        self.channel: Channel[Any] | None = None
        self.source: Source | None = None

    def added(self, parent: Any, key: Any, origin: Any) -> None:
        super().added(parent, key, origin)
        if self.channel is not None:
            self.channel.enter_tree(self)

    def open_channel(self, capacity: int | None) -> Channel[Any]:
        """Its channel, made if need be, with room for so many items if that is said."""
        if self.channel is None:
            self.channel = Channel(CAPACITY if capacity is None else capacity)
            if self.parent is not None:
                self.channel.enter_tree(self)
        elif capacity is not None:
            self.channel.resize(capacity)
        return self.channel

    def open_body(self) -> Drive | None:
        if self.extras is not None and self.extras.fallen_back:
            return super().open_body()
        self.enter(GOING)
        self.body = Body()
        try:
            self.source = self.make_source()
        except Exception as error:
            return self.heard_out(error)
        if self.source.items or self.source.ended:
            self.ready()
        return None

    def make_source(self) -> Source:
        return listen(self.task.get_signal(), self)

    def ready(self) -> None:
        """There is an item, or the end."""
        self.loop.post(self)

    def due(self) -> Drive | None:
        if self.state is not GOING or self.source is None:
            return super().due()
        return self.tick_on()

    def tick_on(self) -> Drive | None:
        """Tick for what has come, a batch at most; then the siblings have their turn."""
        self.plain.hook = self
        try:
            return self.tick_batch()
        finally:
            self.plain.hook = None

    def tick_batch(self) -> Drive | None:
        source, pump = self.source, self.pump
        assert source is not None
        items, clock, deadline = source.items, pump.clock, pump.now + BUDGET
        tick: Callable[[Any], Any] = self.task.tick or ignore  # `tick = None` removes it (L2)
        if self.context is not self.parent.context:
            enter: Callable[..., Any] = self.context.run
            tick = partial(enter, tick)
        for count in range(1, BATCH):
            if self.request is not None or self.reason is not None:
                return self.heard_out(None)
            if not items and not source.refill():
                if source.ended:
                    return self.heard_out(source.error)
                break
            try:
                value = tick(items.popleft())
            except BaseException as error:
                return self.heard_out(error)
            if value is not None:
                drive = self.drive(value, cancellable=True)
                if drive is not None and drive.suspended:
                    return self.tick_waits(source, drive)
                if drive is not None and drive.error is not None:
                    return self.heard_out(drive.error)
            if not count & 3 and clock() > deadline:
                break  # ticks that take long give way before the batch is full (Q5)
        pump.now = clock()
        self.rest(source)
        return None

    def tick_waits(self, source: Source, drive: Drive) -> Drive:
        """An async tick that waits counts as a body (C3); its item is no longer unread (C2)."""
        if self.body is not None:
            self.body.handle, self.body.coro = drive, drive.coro
        drive.then = self.ticked
        source.in_hand()
        return drive

    def rest(self, source: Source) -> None:
        """The siblings have their turn, then the items that are left (L4)."""
        source.taken()
        if source.items or source.refill() or source.ended:
            self.ready()

    def ticked(self, value: Any, error: BaseException | None) -> Drive | None:
        """An async tick that had to wait is over."""
        if self.body is not None:
            self.body.handle = self.body.coro = None
        if error is not None or self.is_asked:
            return self.heard_out(error)
        assert self.source is not None
        self.rest(self.source)
        return None

    def heard_out(self, error: BaseException | None) -> Drive | None:
        """The last tick is over, in the loop: the signal has ended, a tick has failed, or somebody asked."""
        return self.end() if self.leave(error) else None

    def leave(self, error: BaseException | None) -> bool:
        """Hear no more; False if the signal takes time to close, which is the rest of the body (D1)."""
        source, self.source, body = self.source, None, self.body
        self.body_ended(None, error)
        if source is None or source.close(self.left):
            return True
        self.body = body
        if body is not None:
            body.coro = source.coro
        return False

    def left(self, error: BaseException | None) -> None:
        """The signal is closed."""
        if self.body is None:
            return  # it was abandoned
        self.body = None
        if error is not None and not self.pump.backend.is_cancellation(error):
            self.note_error("the signal", error)
        self.wind_down()

    def ask_body(self) -> None:
        """Between ticks there is nothing to wait for; a tick that is running is a body (C3, S4)."""
        if self.source is None or self.body is None or self.body.handle is not None:
            super().ask_body()
            return
        if self.leave(None):
            self.wind_down()

    def finish(self, recorded: bool = False) -> None:
        source, self.source = self.source, None
        if source is not None:
            source.close(self.left)
        if self.channel is not None:
            self.channel.shut()
            self.channel = None
        super().finish(recorded)


class ChannelTask(Task[Any], Generic[Item]):
    """A task whose `tick(item)` is called in the parent's loop for each item of its signal, in order (C1).

    The signal is what `get_signal` returns, or the channel that `open` makes. Its end ends the task with
    TaskComplete; an exception from it, or from `tick`, is the task's failure (C3, C5).
    """

    __slots__ = ()

    _life: ChannelLife
    _life_type: ClassVar[type[Life]] = ChannelLife

    _tick_body: ClassVar[Any] = None  # no `run` and no `go` beside the ticks (L2)

    task_type: ClassVar[TaskType] = TaskType.CHANNEL

    @empty_hook
    def tick(self, item: Item, /) -> Any:
        """Override: what to do with one item. The next one waits, and so does the sender (C2)."""
        return DONE

    def get_signal(self) -> Any:
        """Override: where the items come from, asked for at the start of each life.

        Any async iterable, a receive stream, an `asyncio.Queue`, or a plain iterator, which must not block (C1).
        """
        return self.open()

    def open(self, capacity: int | None = None) -> Channel[Item]:
        """A channel to this task: its sending end, with room for so many unread items (16, if nobody says otherwise).

        It is made at the first call; another capacity later is that from then on. It serves all lives, and is closed
        when the task is DISPOSED.
        """
        return self._now(partial(self._life.open_channel, capacity))
