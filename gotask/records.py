"""What is left of a life: its times, its steps, and the record of it (H5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gotask.states import TaskState, TaskType
from gotask.tracing import where

Facts = tuple[Any, ...]
"""A life as the engine leaves it: cheap to make, and looked at only when somebody asks."""

(
    ID, PARENT_ID, KEY, OWNER_TYPE, TASK_TYPE, LEVEL, LIFE, ADDED, BEGAN, STARTED, ENDING, ENDED,
    REASON, FAILED, FINAL, ORIGIN, EXTRA,
) = range(17)  # fmt: skip
"""The place of each fact."""
RETRIES, DESCRIPTIONS, STEPS, DISPOSE_ERRORS, ABANDONED = range(5)
"""The place of each fact within EXTRA, which most lives do not have."""
NO_EXTRA: Facts = (0, MappingProxyType({}), (), (), False)


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


def _fact(index: int, doc: str) -> Any:
    return property(lambda record: record._facts[index], doc=doc)


def _extra(index: int, doc: str) -> Any:
    return property(lambda record: (record._facts[EXTRA] or NO_EXTRA)[index], doc=doc)


class LifeRecord:
    """One life that is over (H5). It gives text and numbers only, and holds no task, no frame, no traceback.

    It cannot be changed. Records are equal if all they say is; `as_dict` gives all of it as plain values. A task
    that was never started has a record with life 0.
    """

    __slots__ = ("_facts", "_wall")

    _facts: Facts
    _wall: float

    def __init__(self, facts: Facts, wall: float) -> None:
        SET_FACTS(self, facts)
        SET_WALL(self, wall)

    id: int = _fact(ID, "The id of the task (L9).")
    parent_id: int | None = _fact(PARENT_ID, "The id of its parent; None for a root (D7).")

    @property
    def key(self) -> str:
        """Its key, as text."""
        key = self._facts[KEY]
        return str(self.id if key is None else key)

    owner_type: str = _fact(OWNER_TYPE, "What kind of task it was, in the words of its author.")
    task_type: TaskType = _fact(TASK_TYPE, "What kind of task it was, in the words of the library.")
    level: int = _fact(LEVEL, "How deep in the tree it was; the root is 0.")
    life: int = _fact(LIFE, "Which of the lives of the task it was, from 1.")

    @property
    def started_at(self) -> float:
        """When its `start` was due, or, without one, when it was added; seconds since the epoch."""
        began = self._facts[BEGAN]
        return self._wall + float(self._facts[ADDED] if began is None else began)

    @property
    def ended_at(self) -> float:
        """When it was over, in seconds since the epoch."""
        return self._wall + float(self._facts[ENDED])

    @property
    def timings(self) -> Timings:
        """Seconds spent in each phase (L10)."""
        return phases(*self._facts[ADDED : ENDED + 1])

    @property
    def duration(self) -> float:
        """Seconds from the moment it was due to the end of its clean-up."""
        return float(self._facts[ENDED] - self._facts[ADDED])

    @property
    def reason(self) -> str:
        """Why it ended, as text."""
        return str(self._facts[REASON][1])

    @property
    def reason_type(self) -> str:
        """Why it ended: the name of the class of the reason."""
        return str(self._facts[REASON][0])

    failed: bool = _fact(FAILED, "Whether something went wrong, as opposed to: it was done, or was asked to stop (J2).")
    final: bool = _fact(FINAL, "Whether no other life followed.")

    @property
    def state(self) -> TaskState:
        """What followed: DISPOSED, or RETRYING if another life did."""
        return TaskState.DISPOSED if self.final else TaskState.RETRYING

    @property
    def start_reason(self) -> str:
        """`file:line` of the `add_task` call (H1)."""
        return where(self._facts[ORIGIN])

    retries: int = _extra(RETRIES, "How many retries there had been when it ended (R3).")
    descriptions: Mapping[str, str] = _extra(DESCRIPTIONS, "What was said about the task, as text (H4).")
    steps: tuple[Step, ...] = _extra(STEPS, "The steps it recorded, in order (H3).")
    dispose_errors: tuple[str, ...] = _extra(
        DISPOSE_ERRORS, "What went wrong in its clean-up, as Python would write it (D5)."
    )
    abandoned: bool = _extra(ABANDONED, "Whether it, or its `dispose`, was given up (S5).")

    def as_dict(self) -> dict[str, Any]:
        """All of it by name, for tables and JSON; `timings` and `steps` are objects."""
        return {name: getattr(self, name) for name in NAMES}

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a record cannot be changed: {name} stays as it is")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a record cannot be changed: {name} stays as it is")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LifeRecord) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.id, self.life, self.ended_at))

    def __repr__(self) -> str:
        who = f"{self.owner_type}#{self.id}, life {self.life}"
        return f"<LifeRecord {who}: {self.reason_type} after {self.duration:.3g} s>"

    def __reduce__(self) -> tuple[Any, ...]:
        facts = list(self._facts)
        facts[ORIGIN] = self.start_reason  # a code object cannot be pickled
        if facts[EXTRA] is not None:
            facts[EXTRA] = (facts[EXTRA][0], dict(self.descriptions), *facts[EXTRA][2:])
        return LifeRecord, (tuple(facts), self._wall)


SET_FACTS, SET_WALL = vars(LifeRecord)["_facts"].__set__, vars(LifeRecord)["_wall"].__set__
"""The slots themselves, since a record refuses to be changed: twice as quick as `object.__setattr__`."""

NAMES = tuple(name for name, value in vars(LifeRecord).items() if isinstance(value, property) and name[0] != "_")
