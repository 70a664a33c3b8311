"""What a Job does with its events: one at a time, in the order in which they became due (L4, Q).

No step looks at the other children, so each event costs O(1), whatever their number (Q3).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Protocol

from gotask.backend import awaited
from gotask.context import CURRENT, Plain, current_hook
from gotask.errors import TaskDisposedError
from gotask.hooks import waits
from gotask.states import DISPOSED, DISPOSING, GOING, INIT, RETRYING

if TYPE_CHECKING:
    from gotask.backend import Drive
    from gotask.pump import Pump

BURST = 500
"""Events after which others have their turn, whatever the clock says (Q5): virtual time stands still meanwhile."""


class Event(Protocol):
    """What can be queued: a child that is due, or a call."""

    queued: bool

    def due(self) -> Drive | None:
        """Do it; return a Drive if a hook really waits."""


class Owner(Protocol):
    """Who has a loop."""

    task: Any
    pump: Pump
    passing: bool

    @property
    def context(self) -> Context:
        """Where plain hooks of the children run (M9)."""


KINDS = {INIT: "start", RETRYING: "start again", DISPOSING: "dispose", DISPOSED: "nothing"}


def kind_of(event: Any) -> str:
    """What is due, for people: "start", "start again", "tick", "dispose", "call", or "nothing" any more."""
    state = getattr(event, "state", None)
    if state is None:
        return "call"
    if state is GOING and not event.is_asked and event.body is not None:
        return "tick"
    return KINDS.get(state, "dispose")


class EventLoop:
    """The queue of one Job, and who holds it up.

    Each child is in the queue once at most: what it needs is read from its state when it comes up, so nothing
    can be handled twice or out of date. `opened`: events may be taken. `paused`: only as many as `allowance`.
    `waits`: the holder, and what it waits for (L11).
    """

    __slots__ = ("allowance", "drive", "holder", "listed", "opened", "owner", "paused", "queue", "waits")

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.queue: deque[Any] | None = None
        self.holder: Any = None
        self.drive: Drive | None = None
        self.listed = False
        self.opened = False
        self.paused = False
        self.allowance = 0
        self.waits: list[tuple[Any, Any]] | None = None

    @property
    def context(self) -> Context:
        """Where plain hooks of the children run (M9)."""
        return self.owner.context

    @property
    def pending(self) -> bool:
        """Whether there is an event that may be taken now."""
        return bool(self.queue) and self.holder is None and self.opened and (not self.paused or self.allowance > 0)

    def post(self, event: Event) -> None:
        """Queue an event, unless it is queued already."""
        if event.queued:
            return
        event.queued = True
        if self.queue is None:
            self.queue = deque((event,))  # an empty deque would cost each idle Job 700 bytes
        else:
            self.queue.append(event)
        if not self.listed and self.holder is None and self.opened and (not self.paused or self.allowance):
            self.owner.pump.enlist(self)

    @property
    def is_free(self) -> bool:
        """Whether an event that comes now would be the next one."""
        return not self.queue and self.holder is None and self.opened and not self.paused

    def take(self, event: Any) -> None:
        """Do what is due for an event that does not wait, at once, because the loop is free."""
        pump, observers = self.owner.pump, self.owner.pump.observers
        pump.now = pump.clock()
        self.holder = event
        try:
            if observers.event_taken:
                observers.tell(observers.event_taken, self.owner.task, kind_of(event), event.task)
            event.due()
        finally:
            self.holder = None
        self.look()

    def drop(self, event: Event) -> None:
        """Forget that this event was queued."""
        event.queued = False
        if self.queue is not None and event in self.queue:
            self.queue.remove(event)

    def open(self) -> None:
        """Begin to take events."""
        self.opened = True
        self.look()

    def look(self) -> None:
        """Something has changed: perhaps there is an event to take now."""
        if not self.listed and self.pending:
            self.owner.pump.enlist(self)

    def drain(self, deadline: float) -> Drive | None:
        """Take events until there are none, the time is over, or a hook waits."""
        pump = self.owner.pump
        observers = pump.observers
        queue = self.queue if self.opened else None
        try:
            for _ in range(BURST):
                if not queue or (self.paused and not self.take_allowance()):
                    break
                event = self.holder = queue.popleft()
                event.queued = False
                if observers.event_taken:
                    observers.tell(observers.event_taken, self.owner.task, kind_of(event), event.task)
                drive = event.due()
                if drive is not None:
                    drive.loop = self
                    self.drive = drive
                    if observers.loop_held and not self.owner.passing:
                        observers.tell(observers.loop_held, self.owner.task, event.task)
                    return drive  # type: ignore[no-any-return]
                if pump.now > deadline:
                    break
        except BaseException:
            self.holder = None
            raise
        self.holder = None
        if not self.queue:
            self.queue = None
        return None

    def take_allowance(self) -> bool:
        """Whether a paused loop may take one event."""
        if not self.allowance:
            return False
        self.allowance -= 1
        return True

    def resume(self, drive: Drive) -> Drive | None:
        """Go on after the hook that waited; return the next one that waits."""
        self.drive = None
        following: Drive | None = None
        try:
            following = drive.then(drive.value, drive.error)  # type: ignore[misc]
        finally:
            if following is None:
                self.freed()
            else:
                following.loop = self
                self.drive = following
        return following

    def let_go(self) -> None:
        """Go on without the hook that holds the loop (S5)."""
        self.drive = None
        self.freed()
        self.look()

    def freed(self) -> None:
        """No hook holds it any more."""
        self.holder = None
        observers = self.owner.pump.observers
        if observers.loop_held and not self.owner.passing:
            observers.tell(observers.loop_held, self.owner.task, None)

    def close(self) -> None:
        """Take no more events; calls that wait are told so."""
        self.opened = False
        self.refuse_calls()
        self.queue = None

    def refuse_calls(self) -> None:
        """Calls that wait will not come up any more."""
        queue = self.queue or ()
        self.queue = deque(event for event in queue if not isinstance(event, Call)) or None
        for event in queue:
            if isinstance(event, Call):
                event.refuse()


class Call:
    """A function to be called in a Job's loop, between its other events (Q6)."""

    __slots__ = (
        "_context", "_done", "_gone", "error", "function", "loop", "outer", "parent", "plain", "queued", "value",
    )  # fmt: skip

    def __init__(self, job: Any, function: Callable[[], Any]) -> None:
        self.parent = job
        self.plain: Plain = job.plain
        self.loop: EventLoop = job.child_loop
        self.outer = current_hook()
        self.value: Any = None
        self.error: BaseException | None = None
        self.function = function
        self._context = copy_context()
        self._context.run(CURRENT.set, self)
        self._done = job.pump.backend.waiter()
        self._gone = False
        self.queued = False

    @property
    def task(self) -> Any:
        """The Job it was called on."""
        return self.parent.task

    def due(self) -> Drive | None:
        """Call it."""
        if self._gone:
            return None
        try:
            value = self._context.run(self.function)
        except BaseException as error:
            self._end(None, error)
            return None
        if not waits(value):
            self._end(value, None)
            return None
        drive: Drive = self.parent.pump.backend.drive(awaited(value), self._context)
        if not drive.suspended:
            self._end(drive.value, drive.error)
            return None
        drive.then = self._end
        return drive

    def _end(self, value: Any, error: BaseException | None) -> None:
        self.value, self.error = value, error
        if self.parent.state is DISPOSING and self.loop.holder is self:
            self.parent.wind_down()
        pump = self.parent.pump
        pump.now = pump.clock()
        pump.backend.wake(self._done)

    def refuse(self) -> None:
        """The Job is gone before the call came up."""
        self._end(None, TaskDisposedError(f"{self.task.execution_path} stopped before the call came up"))

    async def outcome(self) -> Any:
        """Have it come up, and wait for it; return what it returned, or raise what it raised."""
        self.loop.post(self)
        try:
            await self._done
        finally:
            self._gone = True
        if self.error is not None:
            raise self.error
        return self.value
