"""What the library knows of one task: its place in the tree, its state, its times; and how a hook of it is called."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextvars import Context
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

from gotask.backend import awaited
from gotask.context import CURRENT, Plain
from gotask.extras import Extras
from gotask.hooks import DONE, is_seconds, waits
from gotask.records import Timings, phases
from gotask.states import ALLOWED, DISPOSED, INIT, TaskState
from gotask.tracing import LOGGER, Origin, as_text, owner_type_of, say
from gotask.waiting import Waiters

if TYPE_CHECKING:
    from gotask.backend import Drive, Outcome
    from gotask.body import Body
    from gotask.hooks import Hooks
    from gotask.pump import Pump

MAKING = threading.Lock()
_ids = itertools.count(1)
next_id = _ids.__next__


def get_next_task_id() -> int:
    """A number from the series of the task ids, which no task will get (L9)."""
    return next_id()


class Parent(Protocol):
    """What a task needs of what it was added to; a Job, or the host of a root."""

    pump: Pump
    parent: Any
    level: int
    passing: bool

    @property
    def id(self) -> int | None: ...

    @property
    def context(self) -> Context:
        """Where the plain hooks of its children run (M9)."""

    @property
    def child_loop(self) -> Any:
        """The loop in which the hooks of its children are called."""

    @property
    def outer(self) -> Any:
        """The hook that waits for its children, if one does (J7)."""

    @property
    def escalates(self) -> bool:
        """Whether the failure of a child is its own (J2), or that of the hook that runs it (J7)."""

    @property
    def shuffled(self) -> bool:
        """Whether its children are not started in the order in which they were added."""

    @property
    def closing(self) -> BaseException | None:
        """Why its children are going, if they are (R4)."""

    def reborn(self, life: Any) -> None:
        """This child begins a life: in the order of start it is now the last."""

    def forget(self, life: Any, failed: bool) -> None:
        """This child is DISPOSED."""

    def take_back(self, life: Any) -> None:
        """Add a DISPOSED child again (R6)."""

    def heard_start(self, life: Any) -> None:
        """A descendant is STARTED."""

    def heard_end(self, life: Any) -> None:
        """A life of a descendant is over."""


class Core:
    """The part of a task that the library works on; `Life` adds what it does.

    `request` is why somebody asked the task to stop, `reason` why this life ended or ends, `number` counts the
    lives. Instants are of the back end's clock, None until they come.
    """

    __slots__ = (
        "added_at", "asked", "began_at", "body", "context", "ended", "ended_at", "ending_at", "ever_started", "extras",
        "hooks", "id", "key", "level", "loop", "number", "origin", "parent", "pump", "queued", "reason",
        "request", "result", "started_at", "state", "task",
    )  # fmt: skip

    passing = False
    """Whether it only stands for another node of the tree (see RunHost)."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.id = next_id()
        self.state: TaskState = INIT
        self.parent: Any = None
        self.pump: Pump
        self.hooks: Hooks
        self.loop: Any
        self.context: Context
        self.added_at: float
        self.asked: Any  # set with `request`: when and by whom; of a parent only when
        self.origin: Origin
        self.level = 0
        self.extras: Extras | None = None
        self.request: BaseException | None = None
        self.reason: BaseException | None = None
        self.body: Body | None = None
        self.ended: Waiters | None = None
        self.number = 0
        self.key: Any = None
        self.ever_started = False
        self.began_at: float | None = None
        self.started_at: float | None = None
        self.ending_at: float | None = None
        self.ended_at: float | None = None
        self.queued = False
        self.result: Any = None

    def renew(self) -> None:
        """Be as new, for another tree or for a restart; only what belongs to the task is left (J4, R6)."""
        if self.queued:
            self.loop.drop(self)  # an event of its last life, which came to nothing
        self.state = INIT
        self.request = self.reason = self.result = self.asked = None
        self.began_at = self.started_at = self.ending_at = self.ended_at = None
        self.number = 0
        self.ever_started = False
        if self.extras is not None:
            self.extras.renew()

    def added(self, parent: Parent, key: Any, origin: Any) -> None:
        """Enter a tree, and wait there to be started.

        Raises:
            TypeError: Its owner type is no text.
        """
        if not isinstance(self.task.owner_type, str):
            name = type(self.task).__name__
            raise TypeError(f"the owner_type of this {name} is {self.task.owner_type!r}: it should be a text")
        self.parent = parent
        self.loop = parent.child_loop
        self.pump = pump = parent.pump
        self.context = parent.context
        self.key = key
        self.origin = origin
        self.level = parent.level + 1
        self.added_at = pump.clock()
        observers = pump.observers
        if observers.task_added:
            observers.tell(observers.task_added, self.task)

    @property
    def outer(self) -> Any:
        """The hook that waits for this one: only a run-task has one (J7)."""
        return self.parent.outer

    @property
    def plain(self) -> Plain:
        """Where the plain hook is known that is running in its tree (M9)."""
        return self.pump.plain

    def more(self) -> Extras:
        """Its extras, made if need be."""
        if self.extras is None:
            with MAKING:  # two threads may come here at once (M6)
                if self.extras is None:
                    self.extras = Extras()
        return self.extras

    async def wait_ended(self) -> None:
        """Wait until the last life is over."""
        if self.state is not DISPOSED:
            if self.ended is None:
                self.ended = Waiters()
            await self.ended.wait(self.pump.backend)

    def enter(self, new: TaskState) -> None:
        """Take a step of the table; every change of state goes through here (L1)."""
        old = self.state
        if not ALLOWED[old][new]:
            raise RuntimeError(f"a bug of gotask: task {self.id} went from {old.name} to {new.name}")
        self.state = new
        observers = self.pump.observers
        if observers.state_changed:
            observers.tell(observers.state_changed, self.task, old, new)

    def run_over(self, body: Body, value: Any, error: BaseException | None) -> Drive | None:
        """A body in the loop has ended."""
        raise NotImplementedError

    def body_over(self, body: Body, value: Any, error: BaseException | None) -> None:
        """A body beside the loop has ended."""
        raise NotImplementedError

    def late(self, limit: str, drive: Drive) -> None:
        """A hook has not ended within the time that this setting allows."""
        raise NotImplementedError

    # Calling hooks

    def own_context(self) -> Context:
        """A copy of the parent's context, in which this task is the current one (M9)."""
        context: Context = self.parent.context.copy()
        context.run(CURRENT.set, self)
        return context

    def enter_hook(self, hook: Callable[[], Any]) -> Any:
        """Call a plain function of the task in the right context, with the task as the current one."""
        shares_context = self.context is self.parent.context
        return self.plain.call(self, hook if shares_context else partial(self.context.run, hook))

    def call(self, hook: Callable[[], Any], then: Outcome, limit: str) -> Drive | None:
        """Call a hook, then `then(value, error)`; return a Drive if it really waits. `limit`: what bounds that wait."""
        plain = self.pump.plain
        plain.hook = self
        try:
            value = hook() if self.context is self.parent.context else self.context.run(hook)
        except BaseException as error:
            plain.hook = None
            return then(None, error)  # type: ignore[no-any-return]
        plain.hook = None
        if value is None:
            return then(None, None)  # type: ignore[no-any-return]
        is_limited = getattr(self.task, limit) is not None
        drive = self.drive(value, cancellable=is_limited)
        if drive is None:
            return then(value, None)  # type: ignore[no-any-return]
        if not drive.suspended:
            return then(drive.value, drive.error)  # type: ignore[no-any-return]
        drive.then = then
        if is_limited:
            self.set_limit(limit, partial(self.late, limit, drive))
        return drive

    def drive(self, value: Any, cancellable: bool = False) -> Drive | None:
        """Take the first step of what a hook returned, if it can be awaited."""
        if value is None or value is DONE or not (type(value) is CoroutineType or waits(value)):
            return None
        if self.context is self.parent.context:
            self.context = self.own_context()  # a plain hook returned an awaitable: it must not share a context
        coro = value if type(value) is CoroutineType else awaited(value)
        return self.pump.backend.drive(coro, self.context, cancellable)

    # What went wrong

    def note_error(self, what: str, error: BaseException) -> None:
        """Keep and log an error that has no one to return to: of dispose, a resource, or after the stop (D5, S10)."""
        self.more().dispose_errors.append(error)
        self.report(f"{what} of {self.task.execution_path} raised", error)

    def report(self, message: str, error: BaseException, lasting: bool = True) -> None:
        """Log an error with its traceback; in panic mode shut the tree down with it, if it lasts (M7, L14)."""
        if lasting:
            self.pump.trouble(error)
        say(self.logger.error, "%s", message, exc_info=error, extra=self.log_fields())

    @property
    def logger(self) -> Any:
        if self.extras is not None and self.extras.logger is not None:
            return self.extras.logger
        return LOGGER.getChild(owner_type_of(self.task))

    def log_fields(self) -> dict[str, Any]:
        """What is on each log record of the task (H7)."""
        return {"task_id": self.id, "task_path": self.task.execution_path if self.parent else type(self.task).__name__}

    # Times and records

    def set_timer(self, name: str, delay: float, action: Callable[[], object]) -> None:
        """Call `action` in `delay` seconds, unless the timer of that name is cancelled or set anew."""
        extras = self.more()
        extras.cancel_timer(name)
        pump = self.pump
        extras.timers[name] = pump.backend.call_at(pump.clock() + delay, partial(pump.guarded, None, action))

    def set_limit(self, setting: str, action: Callable[[], object]) -> None:
        """Call `action` when the time of this setting is over. A wrong value is logged, and sets no limit."""
        seconds = getattr(self.task, setting)
        if is_seconds(seconds):
            self.set_timer(setting, seconds, action)
        elif seconds is not None:
            say(
                self.logger.error, "%s of %s is %r, which is no number of seconds, 0 or more: there is no limit",
                setting, self.task.execution_path, seconds, extra=self.log_fields(),
            )  # fmt: skip

    @property
    def due_at(self) -> float:
        """When this life became due: it was added, or its back-off was over (L10)."""
        extras = self.extras
        return self.added_at if extras is None or extras.due_at is None else extras.due_at

    def duration(self) -> float:
        """Seconds since it was added, to the end of its last life, or so far (L10)."""
        if self.parent is None:
            return 0.0
        ended_at = self.ended_at if self.state is DISPOSED else None
        return (self.pump.clock() if ended_at is None else ended_at) - self.added_at

    def timings(self) -> Timings:
        """The phases of the current life, or of the last one; those that go on, so far (L10)."""
        if self.parent is None:
            return Timings()
        now = self.pump.clock() if self.ended_at is None else self.ended_at
        return phases(self.due_at, self.began_at, self.started_at, self.ending_at, now)

    def record(self, failed: bool, final: bool) -> None:
        """Leave the facts of this life to the history (H5)."""
        task, extras, pump = self.task, self.extras, self.pump
        reason, key = self.reason, self.key
        if type(key) is not int:
            key = as_text(key)  # it may be anything, and must not be kept alive
        facts = (
            self.id, self.parent.id, key, owner_type_of(task), task.task_type, self.level, self.number,
            self.due_at, self.began_at, self.started_at, self.ending_at, self.ended_at,
            pump.description if reason is pump.described() else pump.describe(reason),
            failed, final, self.origin, None if extras is None else extras.facts(),
        )  # fmt: skip
        pump.history.add(facts)
        if pump.observers.life_ended:
            pump.observers.tell(pump.observers.life_ended, pump.history.record_of(facts))
