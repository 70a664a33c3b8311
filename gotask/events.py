"""What observers are told: frozen records, and the Observer protocol (H6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gotask.states import TaskState, TaskType
from gotask.tracing import LOGGER, say


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds spent in each phase of one life; of a phase that goes on, so far (L10)."""

    queued: float = 0.0
    start: float = 0.0
    body: float = 0.0
    dispose: float = 0.0
    total: float = 0.0


def phases(added: float, began: float | None, started: float | None, ending: float | None, now: float) -> Timings:
    """The phases of a life from its instants, those that go on up to `now`."""
    after_start = started if started is not None else ending if ending is not None else now
    after_body = ending if ending is not None else now
    return Timings(
        queued=(now if began is None else began) - added,
        start=0.0 if began is None else after_start - began,
        body=0.0 if started is None else after_body - started,
        dispose=0.0 if ending is None else now - ending,
        total=now - added,
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A step that a task recorded: `at` seconds after its life began (H3)."""

    name: str
    detail: str
    at: float


@dataclass(frozen=True, slots=True)
class LifeRecord:
    """One life that is over (H5). It holds text and numbers only: no task, no frame, no traceback.

    `started_at` is wall-clock time (seconds since the epoch); `life` counts the lives of the task from 1;
    a task that was never started has a record with life 0. `final`: no other life follows.
    """

    id: int
    parent_id: int | None
    key: str
    owner_type: str
    task_type: TaskType
    level: int
    life: int
    started_at: float
    timings: Timings
    retries: int
    reason: str
    reason_type: str
    failed: bool
    final: bool
    start_reason: str
    descriptions: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    dispose_errors: tuple[str, ...] = ()
    abandoned: bool = False

    @property
    def state(self) -> TaskState:
        """What followed: DISPOSED, or RETRYING if another life did."""
        return TaskState.DISPOSED if self.final else TaskState.RETRYING

    @property
    def ended_at(self) -> float:
        """When it was over, in seconds since the epoch."""
        return self.started_at + self.timings.total - self.timings.queued

    @property
    def duration(self) -> float:
        """Seconds from the moment it was due to the end of its clean-up."""
        return self.timings.total


class Observer:
    """Override what you want to hear of; the rest costs nothing (H6).

    The methods are called in the tree's event loop, between two events: be quick, and keep no task.
    One that raises is detached, with one logged error.
    """

    def task_added(self, task: Any) -> None:
        """Override: a task has been added to a Job, and waits to be started."""

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        """Override: a task took a step of the life-cycle table."""

    def step_recorded(self, task: Any, step: Step) -> None:
        """Override: a task recorded a step."""

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        """Override: somebody asked a task to stop."""

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        """Override: a life failed; another one begins after `delay` seconds."""

    def life_ended(self, record: LifeRecord) -> None:
        """Override: a life is over, or a task that never started is gone."""

    def event_taken(self, job: Any, event: str, task: Any) -> None:
        """Override: the loop of a Job took an event from its queue."""


KINDS = tuple(name for name in vars(Observer) if not name.startswith("_"))

Heard = tuple[Callable[..., None], ...]
"""The methods to call for one kind of event. The empty tuple, when nobody listens, costs one look."""


class Observers:
    """Who hears of what."""

    __slots__ = (*KINDS, "_attached")

    task_added: Heard
    state_changed: Heard
    step_recorded: Heard
    stop_requested: Heard
    retry_planned: Heard
    life_ended: Heard
    event_taken: Heard

    def __init__(self) -> None:
        self._attached: tuple[Observer, ...] = ()
        self._index()

    def attach(self, observer: Observer) -> None:
        """Begin to tell this observer.

        Raises:
            TypeError: It is none.
        """
        if not isinstance(observer, Observer) and not any(hasattr(type(observer), kind) for kind in KINDS):
            raise TypeError(f"observe() takes an object of a class derived from gotask.Observer, not {observer!r}")
        if not any(other is observer for other in self._attached):
            self._attached += (observer,)
            self._index()

    def detach(self, observer: Observer) -> None:
        """Tell it no more; unknown ones are ignored."""
        self._attached = tuple(other for other in self._attached if other is not observer)
        self._index()

    def _index(self) -> None:
        for kind in KINDS:
            inherited = getattr(Observer, kind)
            listening = [one for one in self._attached if getattr(type(one), kind, inherited) is not inherited]
            setattr(self, kind, tuple(getattr(one, kind) for one in listening))

    def tell(self, heard: Heard, *facts: Any) -> None:
        """Call these methods; an observer that raises is detached."""
        for method in heard:
            try:
                method(*facts)
            except Exception:
                observer = method.__self__  # type: ignore[attr-defined]
                say(LOGGER.exception, "observer %r raised, and hears no more", observer)
                self.detach(observer)
