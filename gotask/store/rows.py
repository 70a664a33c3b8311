"""From lives to rows, as cheaply as can be, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, Table
from sqlalchemy.exc import DBAPIError

from gotask.records import ABANDONED, DESCRIPTIONS, DISPOSE_ERRORS, NO_EXTRA, RETRIES, Facts, LifeRecord, Step
from gotask.records import STEPS as STEPS_OF
from gotask.states import TaskType
from gotask.store.schema import LIVES, STEPS
from gotask.tracing import as_text, encodable, where

RICH = tuple(column.name for column in LIVES.columns)
PLAIN = RICH[: RICH.index("retries")]
STEP = tuple(column.name for column in STEPS.columns)
VALUES = 32_766
"""So many SQLite takes in one statement."""
MOST_PLACES = 10_000


class Places:
    """The text of places in the source, found once for each."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[object, str]] = {}

    def text(self, origin: Any) -> str:
        """`file:line`. The code object is kept beside it, so that its `id` stays its own; its hash costs too much."""
        if type(origin) is not tuple:
            return where(origin)
        key = id(origin[0]), origin[1]
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST_PLACES:
                self._known.clear()
            found = self._known[key] = origin[0], where(origin)
        return found[1]


class Batch:
    """The rows of some lives: those that are plain, those that have more to tell, and the steps."""

    __slots__ = ("plain", "rich", "steps")

    def __init__(self, lives: Iterable[Facts], wall: float, session: int, number: int, places: Places) -> None:
        self.plain: list[tuple[Any, ...]] = []
        self.rich: list[tuple[Any, ...]] = []
        self.steps: list[tuple[Any, ...]] = []
        add, last, place = self.plain.append, None, ""
        for facts in lives:
            (ident, parent, key, owner, kind, level, life, added, began, started, ending, ended,
             reason, failed, final, origin, extra) = facts  # fmt: skip
            number += 1
            if origin is not last:
                last, place = origin, places.text(origin)
            row = (
                session, number, ident, parent, None if key == ident else str(key), owner, int(kind), level, life,
                wall + (added if began is None else began), wall + ended,
                None if began is None else began - added, None if started is None else started - added,
                None if ending is None else ending - added, ended - added,
                reason[0], reason[1], failed, final, place,
            )  # fmt: skip
            if extra is None:
                add(row)
            else:
                self._add_rich(row, extra)

    def _add_rich(self, row: tuple[Any, ...], extra: tuple[Any, ...]) -> None:
        described, errors = extra[DESCRIPTIONS], extra[DISPOSE_ERRORS]
        more = (
            extra[RETRIES],
            json.dumps(dict(described)) if described else None,
            json.dumps(errors) if errors else None,
            extra[ABANDONED],
        )
        self.rich.append(row + more)
        for position, step in enumerate(extra[STEPS_OF]):
            self.steps.append((row[0], row[1], position, step.name, step.detail, step.at))

    def insert(self, connection: Connection) -> None:
        """Write all of it."""
        for table, columns, rows in ((LIVES, PLAIN, self.plain), (LIVES, RICH, self.rich), (STEPS, STEP, self.steps)):
            insert(connection, table, columns, rows)

    def clean(self) -> None:
        """Take out what a database may refuse: text that is no Unicode, or has a zero in it, or is no text at all."""
        for rows in (self.plain, self.rich, self.steps):
            rows[:] = [tuple(map(clean, row)) for row in rows]


def clean(value: Any) -> Any:
    """A value that any database takes."""
    if value is None or type(value) in (int, float, bool):
        return value
    return encodable(as_text(value)).replace("\0", "\\0")


def insert(connection: Connection, table: Table, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Write rows with as few statements as possible.

    Each statement gives up the interpreter's lock once, and may have to wait for it afterwards as long as the tree is
    busy; row by row that would take milliseconds a row.
    """
    if connection.dialect.name == "postgresql":
        return copy(connection, table, columns, rows) if rows else None
    chunk = VALUES // len(columns)
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk]
        connection.exec_driver_sql(_statement(table.name, columns, len(part)), tuple(chain.from_iterable(part)))
    return None


def copy(connection: Connection, table: Table, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """The same in PostgreSQL, by its own way for many rows: ten times faster than statements."""
    statement = f"COPY {table.name} ({','.join(columns)}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as sink:
            for row in rows:
                sink.write_row(row)
    except errors.Error as error:  # as SQLAlchemy does with what goes through it
        raise DBAPIError.instance(statement, None, error, errors.Error, dialect=connection.dialect) from error


@lru_cache(maxsize=8)
def _statement(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({','.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join([row] * rows)}"


class StoredLife(LifeRecord):
    """One life from a durable history: a LifeRecord, and the `session` it belongs to."""

    __slots__ = ("_session",)

    _session: int

    def __init__(self, facts: tuple[Any, ...], wall: float, session: int) -> None:
        super().__init__(facts, wall)
        object.__setattr__(self, "_session", session)

    @property
    def session(self) -> int:
        """The number of the session."""
        return self._session

    def as_dict(self) -> dict[str, Any]:
        """All of it by name."""
        return {"session": self.session, **super().as_dict()}

    def __hash__(self) -> int:
        return super().__hash__()

    def __reduce__(self) -> tuple[Any, ...]:
        _, (facts, wall) = super().__reduce__()
        return StoredLife, (facts, wall, self.session)


def life_of(row: Row[Any], steps: Sequence[Step]) -> StoredLife:
    """A life from its row. Instants are counted from its start, so that this one is exact."""
    began = row.began or 0.0
    since_start = [None if at is None else at - began for at in (row.began, row.started, row.ending, row.duration)]
    extra = None
    if row.retries or row.descriptions or row.dispose_errors or row.abandoned or steps:
        errors = tuple(json.loads(row.dispose_errors)) if row.dispose_errors else ()
        extra = (row.retries, _mapping(row.descriptions), tuple(steps), errors, row.abandoned)
    facts = (
        row.id, row.parent_id, row.id if row.key is None else row.key, row.owner_type, TaskType(row.task_type),
        row.level, row.life, -began, *since_start, (row.reason_type, row.reason), row.failed, row.final,
        row.start_reason, extra,
    )  # fmt: skip
    return StoredLife(facts, row.started_at, row.session)


def _mapping(text: str | None) -> Mapping[str, str]:
    return MappingProxyType(json.loads(text)) if text else NO_EXTRA[DESCRIPTIONS]
