"""gotask.store over time: older and newer schemas, sessions of processes that are gone, what is forgotten."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import inspect, text
from stores import NOON, life, more, write

from gotask import LifeRecord, RootManager, Step
from gotask.store import HistoryStore, SchemaError, open_history
from gotask.store.database import Database, parse
from gotask.store.retention import STEP, Retention
from gotask.store.schema import SESSIONS, VERSION, prepare
from gotask.store.sessions import is_alive, open_session


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both back ends, with their own clocks."""
    return str(request.param)


# The schema

VERSION_1 = """
CREATE TABLE gotask_schema (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO gotask_schema VALUES (1);
CREATE TABLE gotask_sessions (
    id {serial} PRIMARY KEY, program TEXT NOT NULL, started_at {double} NOT NULL, ended_at {double},
    crashed BOOLEAN DEFAULT false NOT NULL, host TEXT NOT NULL, pid BIGINT NOT NULL,
    process_started_at {double} NOT NULL, args TEXT NOT NULL, version TEXT NOT NULL);
INSERT INTO gotask_sessions (program, started_at, ended_at, host, pid, process_started_at, args, version)
    VALUES ('camera', 1700000000, 1700000100, 'elsewhere', 7, 1699999999, '["camera.py"]', '0.0.9');
CREATE TABLE gotask_lives (
    session INTEGER NOT NULL, number BIGINT NOT NULL, id BIGINT NOT NULL, parent_id BIGINT, key TEXT,
    owner_type TEXT NOT NULL, task_type SMALLINT NOT NULL, level INTEGER NOT NULL, life INTEGER NOT NULL,
    started_at {double} NOT NULL, ended_at {double} NOT NULL, began {double}, started {double}, ending {double},
    duration {double} NOT NULL, reason_type TEXT NOT NULL, reason TEXT NOT NULL, failed BOOLEAN NOT NULL,
    final BOOLEAN NOT NULL, start_reason TEXT NOT NULL, retries INTEGER DEFAULT 0 NOT NULL, descriptions TEXT,
    dispose_errors TEXT, abandoned BOOLEAN DEFAULT false NOT NULL, PRIMARY KEY (session, number)) {without_rowid};
CREATE INDEX gotask_lives_task ON gotask_lives (session, id);
CREATE INDEX gotask_lives_ended ON gotask_lives (ended_at);
CREATE INDEX gotask_lives_owner ON gotask_lives (owner_type, ended_at);
INSERT INTO gotask_lives (session, number, id, key, owner_type, task_type, level, life, started_at, ended_at, began,
        started, ending, duration, reason_type, reason, failed, final, start_reason)
    VALUES (1, 1, 5, 'door', 'Camera', 0, 1, 1, 1700000001, 1700000002, 0.5, 0.75, 1.25, 1.5, 'OSError', 'gone', true,
        true, 'main.py:7');
CREATE TABLE gotask_steps (
    session INTEGER NOT NULL, number BIGINT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL,
    detail TEXT NOT NULL, at {double} NOT NULL, PRIMARY KEY (session, number, position)) {without_rowid};
"""
TYPES = {
    "sqlite": {"serial": "INTEGER NOT NULL", "double": "DOUBLE", "without_rowid": "WITHOUT ROWID"},
    "postgresql": {"serial": "SERIAL", "double": "DOUBLE PRECISION", "without_rowid": ""},
}


def execute(place: str, statements: str) -> None:
    """Run SQL there."""
    database = Database(parse(place))
    with database.writing() as connection:
        for statement in filter(str.strip, statements.split(";\n")):
            connection.execute(text(statement))
    database.close()


def make_version_1(place: str) -> None:
    """A history as the first version left it: one session, one life."""
    execute(place, VERSION_1.format(**TYPES["postgresql" if place.startswith("postgresql") else "sqlite"]))


def shape(place: str) -> dict[str, object]:
    """Columns and indexes of all tables."""
    database = Database(parse(place))
    with database.reading() as connection:
        found = inspect(connection)
        tables = sorted(name for name in found.get_table_names() if name.startswith("gotask_"))
        described: dict[str, object] = {
            name: (
                sorted((one["name"], str(one["type"]), one["nullable"]) for one in found.get_columns(name)),
                sorted((str(one["name"]), tuple(one["column_names"])) for one in found.get_indexes(name)),
                found.get_pk_constraint(name)["constrained_columns"],
            )
            for name in tables
        }
    database.close()
    return described


def test_an_older_history_is_brought_up_to_date(place: str) -> None:
    """Version 1 is migrated by whoever opens it: nothing is lost, and what is new has a value."""
    make_version_1(place)
    with open_history(place) as history:
        [session] = history.sessions()
        [one] = history.lives(failed=True)
    assert (session.program, session.args, session.dropped) == ("camera", ("camera.py",), 0)
    assert (one.key, one.owner_type, one.reason, one.duration) == ("door", "Camera", "gone", 1.5)


def test_a_migrated_history_has_the_shape_of_a_new_one(place: str, tmp_path: Path, request: Any) -> None:
    """Migrated or made anew, the tables are the same: columns, indexes and keys."""
    make_version_1(place)
    open_history(place).close()
    other = str(tmp_path / "new.db")
    if place.startswith("postgresql"):
        other = request.getfixturevalue("postgres").make_schema(f"new_{time.monotonic_ns()}")
    write(other)
    assert shape(place) == shape(other)


async def test_a_store_writes_to_an_older_history(place: str) -> None:
    """A program that was updated goes on with the history it has."""
    make_version_1(place)
    async with RootManager() as root:
        await root.add_task(HistoryStore(place, max_age=None)).wait_started()
    with open_history(place) as history:
        assert [one.owner_type for one in history.lives()] == ["Camera", "HistoryStore", "RootManager"]


def test_a_newer_history_is_not_read(place: str) -> None:
    """Opening it is refused with both versions and what to do."""
    write(place, [life()])
    execute(place, "UPDATE gotask_schema SET version = 99")
    with pytest.raises(
        SchemaError, match=rf"has version 99, this gotask knows versions up to {VERSION}: update gotask"
    ):
        open_history(place)


async def test_a_newer_history_is_not_written(place: str) -> None:
    """The store fails with SchemaError and leaves the history as it is; the rest of the tree goes on."""
    write(place, [life()])
    execute(place, "UPDATE gotask_schema SET version = 99")
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        assert isinstance(await store.wait_stopped(), SchemaError)
        assert root.stop_reason is None
    execute(place, f"UPDATE gotask_schema SET version = {VERSION}")
    with open_history(place) as history:
        assert history.count() == 1


def test_tables_are_made_by_several_at_once(place: str) -> None:
    """Programs that begin at the same time do not get in each other's way."""
    errors: list[BaseException] = []
    together = threading.Barrier(4)

    def begin() -> None:
        database = Database(parse(place))
        together.wait()
        try:
            with database.writing() as connection:
                prepare(connection)
        except BaseException as error:
            errors.append(error)
        database.close()

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with open_history(place) as history:
        assert history.sessions() == []


def test_a_new_file_that_another_program_is_writing_to_can_be_read(tmp_path: Path) -> None:
    """SQLite refuses to change the mode of such a file, and does not wait for its turn."""
    file = tmp_path / "history.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE kept (word)")
        other.execute("BEGIN IMMEDIATE")
        database = Database(parse(file))
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT * FROM kept").all() == []
        other.execute("COMMIT")
    database.close()


# Sessions of processes that are gone


def test_a_process_is_known_by_its_start_too() -> None:
    """A number that was given to another process since does not make the first one alive."""
    own = psutil.Process().create_time()
    assert is_alive(os.getpid(), own)
    assert not is_alive(os.getpid(), own - 60)
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert not is_alive(child.pid, own)


def add_session(place: str, **values: Any) -> None:
    """A session that did not end."""
    database = Database(parse(place))
    row = {"program": "camera", "host": socket.gethostname(), "pid": os.getpid(), "started_at": NOON, "args": "[]"}
    row |= {"process_started_at": psutil.Process().create_time(), "version": "0.1.0", **values}
    with database.writing() as connection:
        prepare(connection)
        connection.execute(SESSIONS.insert().values(row))
    database.close()


@pytest.mark.parametrize(
    ("values", "crashed"),
    [({}, False), ({"host": "elsewhere", "pid": 1}, False), ({"process_started_at": NOON}, True)],
    ids=["alive", "on another machine", "its number is another's now"],
)
async def test_only_the_sessions_of_dead_processes_are_closed(
    place: str, values: dict[str, Any], crashed: bool
) -> None:
    """A session counts as crashed only if its process is known not to live any more."""
    add_session(place, **values)
    async with RootManager() as root:
        await root.add_task(HistoryStore(place, max_age=None)).flush()
    with open_history(place) as history:
        left, own = history.sessions()
    assert (left.crashed, left.ended_at) == (crashed, NOON if crashed else None)
    assert (own.crashed, own.ended_at is None) == (False, False)


def test_a_session_is_opened_once(place: str) -> None:
    """After a connection that broke on the way it is found again, not opened twice."""
    database = Database(parse(place))
    numbers = []
    for _ in range(2):
        with database.writing() as connection:
            prepare(connection)
            numbers.append(open_session(connection, NOON, "0.1.0"))
    database.close()
    assert numbers == [1, 1]


# What is forgotten


def prune(place: str, max_age: float | None, max_lives: int | None, steps: int = 1) -> None:
    """Take some steps of forgetting."""
    database = Database(parse(place))
    retention = Retention(max_age, max_lives)
    for _ in range(steps):
        retention.take_step(database)
    assert not retention.busy
    database.close()


def numbers_left(place: str) -> list[int]:
    """The ids of the lives that are left."""
    with open_history(place) as history:
        return [one.id for one in history.lives()]


def old(days: Sequence[float]) -> list[LifeRecord]:
    """Lives that ended so many days ago, numbered from 1, each with a step."""
    told = more(steps=[Step("connect", "", 0.5)])
    return [life(number, at=time.time() - NOON - 86_400 * age - 1, extra=told) for number, age in enumerate(days, 1)]


def test_what_is_too_old_is_forgotten(place: str) -> None:
    """Retention by age: lives go with their steps, counted from their end."""
    write(place, old([5, 3, 1.5, 0.5, 0]))
    prune(place, 2 * 86_400, None)
    assert numbers_left(place) == [3, 4, 5]
    database = Database(parse(place))
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM gotask_steps")).scalar() == 3
    database.close()


def test_the_oldest_of_too_many_are_forgotten(place: str) -> None:
    """Retention by count: exactly as many as asked are kept, the newest, of all sessions together."""
    write(place, old([4, 3]), old([2, 1]))
    prune(place, None, 3)
    with open_history(place) as history:
        assert [(one.session, one.id) for one in history.lives()] == [(1, 2), (2, 1), (2, 2)]


def test_lives_of_one_instant_are_counted_one_by_one(place: str) -> None:
    """Many lives may end at the same time: not one more than needed is forgotten."""
    write(place, [life(number) for number in range(1, 11)])
    prune(place, None, 4)
    assert numbers_left(place) == [7, 8, 9, 10]


def test_much_is_forgotten_in_steps(place: str) -> None:
    """No transaction forgets more than a bounded number of lives, so that writers need not wait for long."""
    write(place, [life(number, at=number) for number in range(1, STEP + 200)])
    database = Database(parse(place))
    retention = Retention(None, 100)
    retention.take_step(database)
    busy = retention.busy
    retention.take_step(database)
    database.close()
    assert busy
    assert not retention.busy
    assert len(numbers_left(place)) == 100


def test_nothing_is_forgotten_without_limits(place: str) -> None:
    """None keeps everything."""
    write(place, [life(1), life(2)])
    prune(place, None, None)
    assert numbers_left(place) == [1, 2]


def test_sessions_go_with_their_last_life(place: str) -> None:
    """A session that ended long ago and has no lives left is forgotten too."""
    write(place, old([5]), old([0]))
    execute(place, f"UPDATE gotask_sessions SET ended_at = {NOON}")
    prune(place, 86_400, None)
    with open_history(place) as history:
        assert [session.id for session in history.sessions()] == [2]


async def test_a_store_forgets_while_it_writes(place: str) -> None:
    """The limits given to the store hold for its database."""
    write(place, old([40, 35, 0]))
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await store.flush()
        assert [one.id for one in await store.lives()] == [3]


async def test_a_store_forgets_as_soon_as_it_has_grown(place: str) -> None:
    """A history that grows by more than a tenth of what it may hold is looked at at once, not only now and then."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place, max_lives=10))
        await store.flush()
        for _ in range(30):
            await root.add_task(len, "four")
        assert await store.count() == 10


async def test_memory_holds_a_bounded_number_of_lives(tmp_path: Path) -> None:
    """Without a file there is a limit in any case."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(None, max_lives=None))
        await store.wait_started()
        assert store._writer is not None
        assert store._writer._retention._max_lives == 100_000


async def test_a_store_that_is_given_what_is_no_history(tmp_path: Path) -> None:
    """L7: it fails at once, and does not try again until the shutdown."""
    file = tmp_path / "notes.txt"
    file.write_text("no history at all\n" * 100)
    async with RootManager() as root:
        store = root.add_task(HistoryStore(file))
        assert "is no history: file is not a database" in str(await store.wait_stopped())
        assert store.stop_reason_is(SchemaError)
    assert file.read_text() == "no history at all\n" * 100
