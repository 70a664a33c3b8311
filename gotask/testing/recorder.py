"""A recorder of everything that happens in a tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gotask.events import Observer
from gotask.records import LifeRecord, Step
from gotask.states import TaskState
from gotask.tracing import owner_type_of


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: `kind` names the method of Observer, `what` says it in a word or two."""

    kind: str
    task_id: int
    owner_type: str
    what: str

    def __str__(self) -> str:
        return f"{self.owner_type}#{self.task_id} {self.kind} {self.what}".rstrip()


class EventRecorder(Observer):
    """Attach it with `root.observe(recorder)`; then `events` has all that happened since, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.records: list[LifeRecord] = []

    def states(self, task: Any) -> list[TaskState]:
        """The states the task took, in order, since the recorder was attached."""
        return [TaskState[e.what] for e in self.events if e.kind == "state_changed" and e.task_id == task.task_id]

    def order(self, state: TaskState) -> list[str]:
        """The owner types of the tasks that took this state, in the order in which they did."""
        return [e.owner_type for e in self.events if e.kind == "state_changed" and e.what == state.name]

    def of(self, kind: str) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if event.kind == kind]

    def _note(self, kind: str, task: Any, what: str = "") -> None:
        self.events.append(Event(kind, task.task_id, owner_type_of(task), what))

    def task_added(self, task: Any) -> None:
        self._note("task_added", task)

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        self._note("state_changed", task, new.name)

    def step_recorded(self, task: Any, step: Step) -> None:
        self._note("step_recorded", task, step.name)

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        self._note("stop_requested", task, type(reason).__name__)

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        self._note("retry_planned", task, f"{type(error).__name__} in {delay:g}")

    def life_ended(self, record: LifeRecord) -> None:
        self.records.append(record)
        self.events.append(Event("life_ended", record.id, record.owner_type, record.reason_type))
