"""The tables of the durable history, their version, and the way from an older one."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    false,
    inspect,
    select,
    text,
    update,
)

from gotask.errors import GotaskError

VERSION = 2
"""Raise it with each change of the tables, and say in MIGRATIONS how to get there."""

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE gotask_sessions ADD COLUMN dropped BIGINT DEFAULT 0 NOT NULL",
        "CREATE INDEX gotask_lives_failed ON gotask_lives (ended_at) WHERE failed",
    ),
}
"""By version, the statements that make the next one of it."""

TABLES = MetaData()

SCHEMA = Table("gotask_schema", TABLES, Column("version", Integer, primary_key=True, autoincrement=False))

SESSIONS = Table(
    "gotask_sessions",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("program", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("crashed", Boolean, nullable=False, server_default=false()),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("process_started_at", Double, nullable=False),
    Column("args", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("dropped", BigInteger, nullable=False, server_default=text("0")),
)

LIVES = Table(
    "gotask_lives",
    TABLES,
    Column("session", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, nullable=False),
    Column("parent_id", BigInteger),
    Column("key", Text),
    Column("owner_type", Text, nullable=False),
    Column("task_type", SmallInteger, nullable=False),
    Column("level", Integer, nullable=False),
    Column("life", Integer, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("began", Double),
    Column("started", Double),
    Column("ending", Double),
    Column("duration", Double, nullable=False),
    Column("reason_type", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("start_reason", Text, nullable=False),
    # Only for those that have more to tell, which are few:
    Column("retries", Integer, nullable=False, server_default=text("0")),
    Column("descriptions", Text),
    Column("dispose_errors", Text),
    Column("abandoned", Boolean, nullable=False, server_default=false()),
    Index("gotask_lives_task", "session", "id"),
    Index("gotask_lives_ended", "ended_at"),
    Index("gotask_lives_owner", "owner_type", "ended_at"),
    Index("gotask_lives_failed", "ended_at", sqlite_where=text("failed"), postgresql_where=text("failed")),
    # The key is at hand in every index then, and rows that are appended go to the end of the table.
    sqlite_with_rowid=False,
)
"""One row a life. `began`, `started`, `ending` and `duration` are seconds since the task was added; `key` is NULL where
it is the id; `number` counts the lives of a session as they were written."""

STEPS = Table(
    "gotask_steps",
    TABLES,
    Column("session", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)


class SchemaError(GotaskError):
    """The database is of something else, or of a newer gotask: it is neither read nor changed."""


def prepare(connection: Connection) -> None:
    """Make the tables, or bring older ones up to date, in the transaction of this connection.

    Raises:
        SchemaError: They are of a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('gotask_schema'))"))  # one process at a time
    if not inspect(connection).has_table(SCHEMA.name):
        TABLES.create_all(connection)
        connection.execute(SCHEMA.insert().values(version=VERSION))
        return
    found = connection.execute(select(SCHEMA.c.version)).scalar_one()
    if found > VERSION:
        raise SchemaError(
            f"the history {connection.engine.url!r} has version {found}, this gotask knows versions up to {VERSION}: "
            f"update gotask, or give another file or database"
        )
    if found < VERSION:
        for version in range(found, VERSION):
            for statement in MIGRATIONS[version]:
                connection.execute(text(statement))
        connection.execute(update(SCHEMA).values(version=VERSION))
