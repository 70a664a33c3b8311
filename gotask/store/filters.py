"""Which lives are meant: the filters of `History.records`, as conditions of SQL."""

from __future__ import annotations

from typing import Any, TypedDict

from sqlalchemy import ColumnElement, false
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from gotask.states import TaskState, TaskType
from gotask.store.schema import LIVES


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


class Rare(FunctionElement[bool]):
    """A condition that few lives fulfil. SQLite has to be told, else it looks through a whole session for one task."""

    inherit_cache = True


@compiles(Rare)
def _as_it_is(condition: Rare, compiler: Any, **options: Any) -> str:
    return str(compiler.process(condition.clauses, **options))


@compiles(Rare, "sqlite")
def _with_a_hint(condition: Rare, compiler: Any, **options: Any) -> str:
    return f"likelihood({compiler.process(condition.clauses, **options)}, 0.00001)"


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """What a row must fulfil, all of it.

    Raises:
        TypeError: There is no such filter.
    """
    unknown = sorted(filters.keys() - Filters.__annotations__.keys())
    if unknown:
        raise TypeError(f"there is no filter {unknown[0]!r}: there are {', '.join(Filters.__annotations__)}")
    found: list[ColumnElement[bool]] = []
    columns = LIVES.c
    if (task := filters.get("id")) is not None:
        found.append(Rare(columns.id == task))
    for name in ("session", "parent_id", "owner_type", "task_type", "failed"):
        value: object = filters.get(name)
        if value is not None:
            found.append(columns[name].__eq__(int(value) if isinstance(value, TaskType) else value))
    state, reason, since = filters.get("state"), filters.get("reason"), filters.get("since")
    if state is not None:
        follows = {TaskState.DISPOSED: columns.final, TaskState.RETRYING: ~columns.final}
        found.append(follows.get(TaskState(state), false()))
    if reason is not None:
        found.append(columns.reason_type == (reason.__name__ if isinstance(reason, type) else reason))
    if since is not None:  # what started since then ended since then too, and of that there is an index
        found += [columns.started_at >= since, columns.ended_at >= since]
    if (until := filters.get("until")) is not None:
        found.append(columns.started_at <= until)
    return found
