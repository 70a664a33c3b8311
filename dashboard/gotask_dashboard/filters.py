"""Which tasks are meant: the filters of lists and of commands, and how lists are sorted and cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TypeVar

from gotask import TaskRow, TaskState, TaskType
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import Problem

E = TypeVar("E", bound=IntEnum)

BIGGEST = 2**53 - 1
"""The biggest number that JavaScript and every database hold."""
LONGEST, MOST_WORDS = 1_000, 50
"""Characters of a text, and texts of one name."""

SORTS = {
    "id": "id", "parentId": "parent_id", "key": "key", "ownerType": "owner_type", "type": "task_type",
    "level": "level", "state": "state", "startReason": "start_reason", "addedAt": "added_at",
    "startTime": "started_at", "askedAt": "asked_at", "retryAt": "retry_at", "life": "life",
    "retryCount": "retries", "children": "children", "stopReason": "stop_reason",
}  # fmt: skip
"""By what lists can be sorted, and the field of a row."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a task must be, all of it; None: anything."""

    states: frozenset[TaskState] | None = None
    types: frozenset[TaskType] | None = None
    owner: str | None = None
    q: str | None = None
    parent: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every task is meant."""
        return self == Chosen()

    def fits(self, row: TaskRow, panel: Panel) -> bool:
        """Whether this task is meant."""
        return (
            (self.states is None or row.state in self.states)
            and (self.types is None or row.task_type in self.types)
            and (self.owner is None or row.owner_type == self.owner)
            and (self.parent is None or row.parent_id == self.parent)
            and (self.q is None or self._is_said_of(row, panel))
        )

    def _is_said_of(self, row: TaskRow, panel: Panel) -> bool:
        """Whether each word that is looked for is in the text of this task."""
        text = words(row, panel)
        return all(word in text for word in (self.q or "").split())


Words = Sequence[str | int] | str | int | None
"""One or several words or numbers; of a text, the words between its commas."""


def chosen(
    state: Words = None, type: Words = None, owner: str | None = None, q: str | None = None, parent: int | None = None
) -> Chosen:
    """The filters, from what a request says.

    Raises:
        Problem: 422: there is no such state or type.
    """
    return Chosen(
        many("state", state, TaskState),
        many("type", type, TaskType),
        owner or None,
        " ".join((q or "").casefold().split()) or None,
        parent,
    )


def lives_chosen(
    ownerType: str | None, taskType: str | None, sessionId: int | None, parentId: int | None, startTime: str | None,
    endTime: str | None, id: int | None, state: str | None, reason: str | None, failed: bool | None,
) -> dict[str, Any]:  # fmt: skip
    """The filters of lives, from what a request says. `startTime` and `endTime` bound the moment at which one began.

    Raises:
        Problem: 422: there is no such state, type or instant.
    """
    return {
        "owner_type": ownerType, "session": sessionId, "parent_id": parentId, "id": id, "failed": failed,
        "task_type": one("taskType", taskType, TaskType) if taskType else None,
        "state": one("state", state, TaskState) if state else None, "reason": reason or None,
        "since": seconds_of("startTime", startTime), "until": seconds_of("endTime", endTime),
    }  # fmt: skip


def words(row: TaskRow, panel: Panel) -> str:
    """The text of a task in which is searched: here as in the page, which says what a stop of many will stop."""
    shown = panel.show(row.descriptions)
    kind, told = f"{row.task_type.name} {row.state.name}", [row.start_reason, row.step or "", row.stop_reason or ""]
    return "\n".join([row.owner_type, row.key, f"#{row.id}", kind, *told, *shown, *shown.values()]).casefold()


def check_known(given: Iterable[str], known: Sequence[str]) -> None:
    """Refuse a parameter that would be ignored: with a filter misspelt, everything would fit.

    Raises:
        Problem: 422.
    """
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise Problem(422, f"there is no parameter {unknown!r} here: there is {', '.join(known) or 'none'}")


def many(name: str, given: Words, kind: type[E]) -> frozenset[E] | None:
    """Several of them: one after another, or with commas between."""
    texts = [given] if isinstance(given, str | int) else given or ()
    found = [one(name, word, kind) for text in texts for word in str(text).split(",")]
    return frozenset(found) or None


def one(name: str, text: str, kind: type[E]) -> E:
    """A member of this enum by its name or number."""
    word = text.strip().upper()
    for member in kind:
        if word in (member.name, str(member.value)):
            return member
    names = ", ".join(member.name for member in kind)
    raise Problem(422, f"{name} is one of {names}, or its number, not {text!r}")


def rows_of(panel: Panel, choice: Chosen) -> list[TaskRow]:
    """The tasks that are meant; those that have stopped only where DISPOSED is asked for."""
    states = choice.states or frozenset()
    # A page asks for the stopped ones again and again: then those that live are not even looked at.
    rows: list[TaskRow] = [] if states == {TaskState.DISPOSED} else panel.mirror.rows()
    if TaskState.DISPOSED in states:
        rows += panel.mirror.all_stopped()
    return [row for row in rows if choice.fits(row, panel)]


def sorted_by(rows: list[TaskRow], sort: str | None) -> list[TaskRow]:
    """The same in another order; `-` in front of the field: the other way round. What has no value comes last.

    Raises:
        Problem: 422: there is no such field.
    """
    if not sort:
        return rows
    name = SORTS.get(sort.removeprefix("-"))
    if name is None:
        raise Problem(422, f"sort is one of {', '.join(SORTS)}, with or without '-' in front, not {sort!r}")
    value: Callable[[TaskRow], Any] = lambda row: getattr(row, name)  # noqa: E731
    known = sorted((row for row in rows if value(row) is not None), key=value, reverse=sort.startswith("-"))
    return known + [row for row in rows if value(row) is None]


def seconds_of(name: str, text: str | None) -> float | None:
    """An instant, as seconds since the epoch.

    Raises:
        Problem: 422: it is none.
    """
    if not text:
        return None
    try:
        try:
            value = float(text)
        except ValueError:
            moment = datetime.fromisoformat(text)
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if math.isfinite(value):
            return value
    except (ValueError, OverflowError):
        pass
    raise Problem(422, f"{name} is an instant such as 2026-01-31T12:00:00Z, or seconds since 1970, not {text!r}")
