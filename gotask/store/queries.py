"""Questions to a durable history, from any thread and any process, also while it is being written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, Unpack

from sqlalchemy import ColumnElement, Select, case, func, inspect, literal, select, tuple_

from gotask.history import check_page
from gotask.records import Step
from gotask.states import DISPOSED, RETRYING, TaskType
from gotask.store.database import Database, Own, Place, in_memory, parse
from gotask.store.filters import Filters, conditions
from gotask.store.retention import ORDER
from gotask.store.rows import StoredLife, life_of
from gotask.store.schema import LIVES, SCHEMA, SESSIONS, STEPS, VERSION, SchemaError, prepare
from gotask.store.sessions import Session, session_of

By = Literal["owner_type", "task_type", "state", "reason_type", "session", "all"]

GROUPS: dict[str, tuple[ColumnElement[Any], Any]] = {
    "owner_type": (LIVES.c.owner_type, str),
    "task_type": (LIVES.c.task_type, TaskType),
    "state": (LIVES.c.final, lambda final: DISPOSED if final else RETRYING),
    "reason_type": (LIVES.c.reason_type, str),
    "session": (LIVES.c.session, int),
    "all": (literal("all"), str),
}
"""By what lives can be put together: the column, and what its values mean."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the lives that have `of` in common: how many, how many of them failed, and how long they took, in seconds."""

    of: Any
    count: int
    failed: int
    mean: float
    p50: float
    p95: float
    max: float


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures of one `reason_type`: how many, and the latest of them: when, why, and of what."""

    reason_type: str
    count: int
    last_at: float
    last_reason: str
    last_owner_type: str


class StoredHistory:
    """A durable history, to be asked. Its methods are plain calls that read the database: not for an event loop.

    What a running program has to tell is there half a second after it happened. Filters are those of
    `gotask.History.records` and `session`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def lives(self, *, limit: int | None = None, offset: int = 0, **filters: Unpack[Filters]) -> list[StoredLife]:
        """The lives that fit all the filters given, newest last.

        At most `limit`, the newest, without the `offset` that are newer still.
        """
        check_page(limit, offset)
        page = self._chosen(select(LIVES), filters).order_by(*(column.desc() for column in ORDER))
        page = page.limit(limit).offset(offset or None)
        keys = page.with_only_columns(LIVES.c.session, LIVES.c.number).subquery()
        with_steps = tuple_(STEPS.c.session, STEPS.c.number).in_(select(keys))
        steps: dict[tuple[int, int], list[Step]] = {}
        with self._database.reading() as connection:
            rows = connection.execute(page).all()
            for row in connection.execute(select(STEPS).where(with_steps).order_by(STEPS.c.position)):
                steps.setdefault((row.session, row.number), []).append(Step(row.name, row.detail, row.at))
        return [life_of(row, steps.get((row.session, row.number), ())) for row in reversed(rows)]

    def count(self, **filters: Unpack[Filters]) -> int:
        """How many lives fit all the filters given."""
        with self._database.reading() as connection:
            found = self._chosen(select(func.count()).select_from(LIVES), filters)
            return int(connection.execute(found).scalar_one())

    def statistics(self, by: By = "owner_type", **filters: Unpack[Filters]) -> list[Statistics]:
        """Numbers and durations of the lives that fit, by what they have in common, the most frequent first."""
        if by not in GROUPS:
            raise ValueError(f"by is one of {', '.join(GROUPS)}, not {by!r}")
        column, meaning = GROUPS[by]
        duration = LIVES.c.duration
        ranked = self._chosen(
            select(
                column.label("of"),
                duration,
                case((LIVES.c.failed, 1), else_=0).label("failed"),
                func.row_number().over(partition_by=column, order_by=duration).label("rank"),
                func.count().over(partition_by=column).label("size"),
            ),
            filters,
        ).subquery()

        def percentile(percent: int) -> ColumnElement[float]:
            return func.min(case((ranked.c.rank * 100 >= ranked.c.size * percent, ranked.c.duration)))

        numbers = (func.count(), func.sum(ranked.c.failed), func.avg(ranked.c.duration), percentile(50),
                   percentile(95), func.max(ranked.c.duration))  # fmt: skip
        asked = select(ranked.c.of, *numbers).group_by(ranked.c.of).order_by(func.count().desc(), ranked.c.of)
        with self._database.reading() as connection:
            return [Statistics(meaning(of), *values) for of, *values in connection.execute(asked)]

    def failures(self, **filters: Unpack[Filters]) -> list[Failures]:
        """The failures that fit, by the class of their reason, the most frequent first."""
        kind = LIVES.c.reason_type
        newest = [column.desc() for column in ORDER]
        ranked = self._chosen(
            select(
                kind,
                func.count().over(partition_by=kind).label("count"),
                LIVES.c.ended_at,
                LIVES.c.reason,
                LIVES.c.owner_type,
                func.row_number().over(partition_by=kind, order_by=newest).label("rank"),
            ),
            {**filters, "failed": True},
        ).subquery()
        latest = select(*list(ranked.c)[:-1]).where(ranked.c.rank == 1)
        asked = latest.order_by(ranked.c.count.desc(), ranked.c.reason_type)
        with self._database.reading() as connection:
            return [Failures(*row) for row in connection.execute(asked)]

    def sessions(self, *, limit: int | None = None, offset: int = 0) -> list[Session]:
        """The runs that left something here, newest last; `limit` and `offset` as for `lives`."""
        check_page(limit, offset)
        asked = select(SESSIONS).order_by(SESSIONS.c.started_at.desc(), SESSIONS.c.id.desc())
        asked = asked.limit(limit).offset(offset or None)
        with self._database.reading() as connection:
            return [session_of(row) for row in reversed(connection.execute(asked).all())]

    def session(self, number: int) -> Session | None:
        """One of them."""
        with self._database.reading() as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.id == number)).first()
            return None if row is None else session_of(row)

    def _chosen(self, query: Select[Any], filters: Filters) -> Select[Any]:
        return query.where(*conditions(filters))

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_history(where: Place = Own.FILE) -> StoredHistory:
    """A history to be asked, by a script or a server of its own: a file, a URL, or what this program itself wrote.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is the file of something else, or was written by a newer gotask.
    """
    url = parse(where)
    if in_memory(url):
        raise ValueError("a history in memory can only be asked by its own program: use `store.history`")
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        raise FileNotFoundError(f"there is no history {url.database} yet")
    database = Database(url)
    try:
        with database.reading() as connection:
            tables = inspect(connection).get_table_names()
            current = SCHEMA.name in tables and connection.execute(select(SCHEMA.c.version)).scalar_one() == VERSION
        if tables and SCHEMA.name not in tables and url.get_backend_name() == "sqlite":
            raise SchemaError(f"{database.place} is no history: it has tables of something else")
        if not current:
            with database.writing() as connection:
                prepare(connection)
    except BaseException:
        database.close()
        raise
    return StoredHistory(database)
