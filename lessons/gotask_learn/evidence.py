"""What happened while a lesson's program ran: what the tree told, what the world saw, what was printed."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import gotask
from gotask import LifeRecord, TaskState, TaskType

KEPT_OUTPUT = 100_000
"""Characters of output that are kept; a program that prints without end must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something the world saw: what was done, by which task, in which of its lives and states; None: outside of all."""

    what: str
    task: int | None
    life: int
    state: TaskState | None
    details: dict[str, Any]
    at: int
    """How many states had been taken in the whole tree."""

    def __getitem__(self, name: str) -> Any:
        return self.details[name]

    def __str__(self) -> str:
        by = "main" if self.state is None else self.state.name
        return " ".join([f"{by}:", self.what, *map(str, self.details.values())])


@dataclass(slots=True)
class Known:
    """A task of the program: who it is, the states it took, what it recorded."""

    id: int
    owner_type: str
    parent: int | None
    type: TaskType
    states: list[TaskState] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    stops: list[BaseException] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    records: list[LifeRecord] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """The class of the final reason; "" while it lives."""
        return self.records[-1].reason_type if self.records and self.records[-1].final else ""

    @property
    def has_started(self) -> bool:
        return TaskState.STARTED in self.states


class Evidence(gotask.Observer):
    """All of it, in order. Gates ask it; the program has no handle to it."""

    def __init__(self) -> None:
        self.tasks: dict[int, Known] = {}
        self.seen: list[Seen] = []
        self.order: list[tuple[int, TaskState]] = []
        self.output = ""
        self.errors: list[BaseException] = []
        self.never_awaited: list[str] = []
        self.unstopped = ""
        self.result: Any = None
        self.moves = 0
        """Counts all that happens, so that one can tell when nothing more does."""

    # What gates ask

    def saw(self, what: str, **details: Any) -> list[Seen]:
        """What the world saw of this kind, with these details."""
        return [
            one
            for one in self.seen
            if one.what == what and all(one.details.get(name) == value for name, value in details.items())
        ]

    def known(self, seen: Seen) -> Known | None:
        """The task that did it."""
        return None if seen.task is None else self.tasks.get(seen.task)

    def was_over(self, task: Known, seen: Seen) -> bool:
        """Whether a task had been disposed when the world saw this."""
        return (task.id, TaskState.DISPOSED) in self.order[: seen.at]

    def children(self, parent: int) -> list[Known]:
        """The tasks below this one, in the order in which they were added."""
        return [task for task in self.tasks.values() if task.parent == parent]

    # What it hears

    def note(self, what: str, details: dict[str, Any]) -> None:
        """The world saw something."""
        self.moves += 1
        task = gotask.current_task()
        known = None if task is None else self.tasks.get(task.task_id)
        life = 0 if known is None else known.states.count(TaskState.STARTING)
        state = None if task is None else task.state
        self.seen.append(Seen(what, None if task is None else task.task_id, life, state, details, len(self.order)))

    def attached(self, root: Any) -> None:
        self.task_added(root)

    def task_added(self, task: Any) -> None:
        self.moves += 1
        parent = task.parent
        self.tasks[task.task_id] = Known(
            task.task_id, task.owner_type, None if parent is None else parent.task_id, task.task_type
        )

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        self.moves += 1
        self.tasks[task.task_id].states.append(new)
        self.order.append((task.task_id, new))

    def step_recorded(self, task: Any, step: gotask.Step) -> None:
        self.tasks[task.task_id].steps.append(step.name)

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        self.tasks[task.task_id].stops.append(reason)

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        self.tasks[task.task_id].delays.append(delay)

    def life_ended(self, record: LifeRecord) -> None:
        self.tasks[record.id].records.append(record)

    def wrote(self, text: str) -> None:
        """The program printed something."""
        self.output = (self.output + text)[-KEPT_OUTPUT:]

    def failed(self, error: BaseException) -> None:
        """Something of the program went wrong."""
        if all(error is not other for other in self.errors):
            self.errors.append(error)


class Listening(logging.Handler):
    """Holds the library's log back, and keeps the errors in it."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(logging.WARNING)
        self._evidence = evidence
        self._showwarning = warnings.showwarning

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._evidence.failed(record.exc_info[1])

    def __enter__(self) -> Listening:
        logger = logging.getLogger("gotask")
        logger.addHandler(self)
        logger.propagate = False
        warnings.showwarning = self._warned
        warnings.simplefilter("always", RuntimeWarning)
        return self

    def __exit__(self, kind: object, error: object, traceback: TracebackType | None) -> None:
        warnings.showwarning = self._showwarning

    def _warned(self, message: Warning | str, category: type[Warning], filename: str, lineno: int,
                file: Any = None, line: str | None = None) -> None:  # fmt: skip
        if "was never awaited" in str(message):
            self._evidence.never_awaited.append(str(message).split("'")[1])
        else:
            self._showwarning(message, category, filename, lineno, file, line)


class World:
    """What a lesson's program deals with. It plays its part, and writes down what was done to it.

    Subclasses call `self._note("opened", ...)`. What varies from run to run is drawn from `self._random`.
    """

    def _note(self, what: str, **details: Any) -> None:
        CURRENT.note(what, details)


CURRENT = Evidence()
"""The evidence of this process: one program is run in each."""
