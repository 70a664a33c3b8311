"""Which lives are meant: the filters of `History.records`, as conditions of SQL."""

from __future__ import annotations

from typing import TypedDict

from sqlalchemy import ColumnElement, false

from gotask.history import member
from gotask.states import TaskState, TaskType
from gotask.store.schema import LIVES
from gotask.tracing import encodable


class Filters(TypedDict, total=False):
    """What lives may be chosen by; what is None or left out chooses nothing.

    `session` is the number of one; `state` is DISPOSED for last lives, RETRYING for those another one followed;
    `reason` is a class of exception, or its name; `since` and `until` are wall-clock seconds, by when a life began.
    """

    session: int | None
    id: int | None
    parent_id: int | None
    owner_type: str | None
    task_type: TaskType | None
    state: TaskState | None
    reason: str | type[BaseException] | None
    since: float | None
    until: float | None
    failed: bool | None


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """What a row must fulfil, all of it.

    Raises:
        TypeError: There is no such filter.
        ValueError: There is no such state or task type.
    """
    unknown = sorted(filters.keys() - Filters.__annotations__.keys())
    if unknown:
        raise TypeError(f"there is no filter {unknown[0]!r}: there are {', '.join(Filters.__annotations__)}")
    found: list[ColumnElement[bool]] = []
    columns = LIVES.c
    if (task := filters.get("id")) is not None:
        found.append(columns.id.between(task, task))  # with `==` SQLite looks through a whole session, not the index
    for name in ("session", "parent_id", "failed"):
        if (value := filters.get(name)) is not None:
            found.append(columns[name] == value)
    if (owner_type := filters.get("owner_type")) is not None:
        found.append(columns.owner_type == encodable(owner_type))  # as it was written
    if (kind := member("task_type", TaskType, filters.get("task_type"))) is not None:
        found.append(columns.task_type == int(kind))
    if (state := member("state", TaskState, filters.get("state"))) is not None:
        found.append({TaskState.DISPOSED: columns.final, TaskState.RETRYING: ~columns.final}.get(state, false()))
    reason, since = filters.get("reason"), filters.get("since")
    if reason is not None:
        found.append(columns.reason_type == encodable(reason.__name__ if isinstance(reason, type) else reason))
    if since is not None:  # what started since then ended since then too, and of that there is an index
        found += [columns.started_at >= since, columns.ended_at >= since]
    if (until := filters.get("until")) is not None:
        found.append(columns.started_at <= until)
    return found
