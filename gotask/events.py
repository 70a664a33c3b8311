"""What observers are told, and who hears of what (H6)."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any
from weakref import WeakSet

from gotask.hooks import check_call
from gotask.records import LifeRecord, Step
from gotask.states import TaskState
from gotask.tracing import LOGGER, say

Farewell = Callable[[], Awaitable[object]]
"""What an observer has still to do when the tree is gone."""


class Observer:
    """Override what you want to hear of; the rest costs nothing (H6).

    The methods are called in the tree's event loop, between two events: be quick, and keep no task.
    One that raises is detached, with one logged error.
    """

    def attached(self, root: Any) -> None:
        """Override: called once, before any other, at the moment from which on you hear of everything.

        The tree stands still meanwhile: what you read of it here fits what you hear later.
        """

    def task_added(self, task: Any) -> None:
        """Override: a task has been added to a Job, and waits to be started."""

    def life_began(self, task: Any, context: Context) -> None:
        """Override: a life begins, in this context: variables set there are seen by its hooks (M9).

        It is the context of this life alone.
        """

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        """Override: a task took a step of the life-cycle table."""

    def loop_held(self, job: Any, task: Any) -> None:
        """Override: a hook of this child waits, and holds up the loop of the Job (L5). None: it is free again."""

    def description_changed(self, task: Any) -> None:
        """Override: descriptions of a task were set or removed (H4)."""

    def step_recorded(self, task: Any, step: Step) -> None:
        """Override: a task recorded a step."""

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        """Override: somebody asked a task to stop."""

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        """Override: a life failed; another one begins after `delay` seconds."""

    def life_ended(self, record: LifeRecord) -> None:
        """Override: a life is over, or a task that never started is gone."""

    def event_taken(self, job: Any, event: str, task: Any) -> None:
        """Override: the loop of a Job took an event from its queue; `task`: whose it is.

        `event` says what is due: "start", "start again", "tick", "dispose", "call", or "nothing" any more.
        """

    def closed(self, root: Any) -> Farewell | None:
        """Override: the tree is gone; called once, after all others.

        An async function that you return is awaited by each `shutdown()`, for what takes time: bound it.
        """


KINDS = tuple(name for name in vars(Observer) if not name.startswith("_"))


def check_observer(observer: object) -> None:
    """Refuse what could hear of nothing.

    Raises:
        TypeError: It is no observer.
    """
    if not isinstance(observer, Observer) and not any(hasattr(type(observer), kind) for kind in KINDS):
        raise TypeError(f"observe() takes an object of a class derived from gotask.Observer, not {observer!r}")
    for kind in KINDS:
        if hasattr(observer, kind):
            wanted = list(inspect.signature(getattr(Observer, kind)).parameters)[1:]
            check_call(getattr(observer, kind), f"{type(observer).__name__}.{kind}", *wanted)


Heard = tuple[tuple[Observer, Callable[..., Any]], ...]
"""Whom to tell of one kind of event, and by which method. The empty tuple, when nobody listens, costs one look."""


class Observers:
    """Who hears of what."""

    __slots__ = (*KINDS, "_attached", "_leaving")

    attached: Heard
    task_added: Heard
    life_began: Heard
    state_changed: Heard
    loop_held: Heard
    description_changed: Heard
    step_recorded: Heard
    stop_requested: Heard
    retry_planned: Heard
    life_ended: Heard
    event_taken: Heard
    closed: Heard

    def __init__(self) -> None:
        self._attached: tuple[Observer, ...] = ()
        self._leaving: WeakSet[Observer] = WeakSet()
        self._index()

    def attach(self, observer: Observer, root: Any) -> None:
        """Begin to tell this observer, the tree as it is first.

        Raises:
            TypeError: It is none.
        """
        check_observer(observer)
        if not any(other is observer for other in self._attached):
            self._attached += (observer,)
            self._index()
            if hasattr(observer, "attached"):
                self.tell(((observer, observer.attached),), root)

    def detach(self, observer: Observer) -> None:
        """Tell it no more; unknown ones are ignored."""
        self._attached = tuple(other for other in self._attached if other is not observer)
        self._index()

    def dismiss(self, observer: Observer) -> None:
        """Tell it no more but the end of the tree, if it still lives then: whatever it does must hold it, not this."""
        self.detach(observer)
        self._leaving.add(observer)

    def _index(self) -> None:
        for kind in KINDS:
            inherited = getattr(Observer, kind)
            listening = [one for one in self._attached if getattr(type(one), kind, inherited) is not inherited]
            setattr(self, kind, tuple((one, getattr(one, kind)) for one in listening))

    def tell(self, heard: Heard, *facts: Any) -> None:
        """Call these methods; an observer that raises is detached."""
        for observer, method in heard:
            try:
                method(*facts)
            except Exception:
                self._raised(observer)

    def close(self, root: Any) -> list[Farewell]:
        """Tell that the tree is gone, and return what is still to be awaited."""
        farewells: list[Farewell | None] = []
        for observer, method in (*self.closed, *((one, one.closed) for one in self._leaving)):
            try:
                farewells.append(method(root))
            except Exception:
                self._raised(observer)
        return [farewell for farewell in farewells if farewell is not None]

    def _raised(self, observer: Observer) -> None:
        say(LOGGER.exception, "observer %r raised, and hears no more", observer)
        self.detach(observer)
