"""Where the history is kept: the default file, what a URL means, and the connections to it."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from gotask.store.schema import SchemaError

MEMORY = "sqlite://"
LOCK_TIMEOUT = 1.0
"""Seconds to wait for another process that writes to the same file; then it is tried again later."""
CONNECT_TIMEOUT = 5
"""Seconds to wait for a server that does not answer."""


class Own(Enum):
    """Stands for a place that need not be named."""

    FILE = "the file of this program"


Place = str | os.PathLike[str] | Own | None
"""A file, a URL, the file of this program, or None for memory."""


def program() -> str:
    """What this program is called: by its script, or the package of `python -m`."""
    script = Path(sys.argv[0]) if sys.argv and sys.argv[0] not in ("", "-c", "-m") else Path("python")
    name = script.parent.name if script.stem == "__main__" and script.parent.name else script.stem
    return name.encode("utf-8", "backslashreplace").decode()


def state_directory() -> Path:
    """Where a user's programs keep what they have noted: of XDG, or the platform's counterpart."""
    chosen = os.environ.get("XDG_STATE_HOME")
    if chosen and os.path.isabs(chosen):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "state"


def default_file() -> Path:
    """The history of this program, in the user's state directory."""
    return state_directory() / "gotask" / f"{program()}.db"


def parse(where: Place) -> URL:
    """What was given as a place, as a URL.

    Raises:
        TypeError: It is no place.
        ValueError: It is a URL of no database that can be used.
        FileNotFoundError: The folder of the file does not exist.
        IsADirectoryError: It is a folder.
    """
    if where is None:
        return make_url(MEMORY)
    if isinstance(where, Own):
        where = default_file()
    if not isinstance(where, str | os.PathLike):
        raise TypeError(f"a history is kept in a file, at a URL, or in memory (None), not in {where!r}")
    if isinstance(where, str) and "://" in where:
        try:
            url = make_url(where)
        except ArgumentError as error:
            raise ValueError(f"{where!r} is no URL of a database: {error}") from None
    else:
        url = URL.create("sqlite", database=os.fspath(where))
    kind = url.get_backend_name()
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise ValueError(f"the history is kept in sqlite or postgresql, not in {kind} ({url!r})")
    if in_memory(url):
        return make_url(MEMORY)
    file = Path(str(url.database)).absolute()
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.parent} for the history {file.name}: make it first")
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder, and the history is a file: name one in it")
    return url.set(drivername="sqlite", database=str(file))


def in_memory(url: URL) -> bool:
    """Whether it is gone when the program ends."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


class Database:
    """Connections to one database, from any thread. In memory there is one connection, and the threads take turns."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.place = url.database if url.get_backend_name() == "sqlite" else url.render_as_string()
        self.engine, self._lock = _engine(url)
        self._closed = False
        weakref.finalize(self, self.engine.dispose)  # what is in memory stays open as long as somebody may ask

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in a transaction that sees one state of the database."""
        with self._lock, self.engine.connect() as connection:
            if self.url.get_backend_name() == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
        if self._closed:
            self.reset()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end."""
        with self._lock, self.engine.connect() as connection:
            connection = connection.execution_options(gotask_writes=True)
            with connection.begin():
                yield connection

    def reset(self) -> None:
        """Close the connections; new ones are opened when needed."""
        if not in_memory(self.url):
            self.engine.dispose()

    def close(self) -> None:
        """Close the connections, and from now on each after its use."""
        self._closed = True
        self.reset()


def _engine(url: URL) -> tuple[Engine, Any]:
    if url.get_backend_name() == "postgresql":
        options: dict[str, Any] = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT}
        return create_engine(url, connect_args=options, pool_pre_ping=True), nullcontext()
    if in_memory(url):
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        lock: Any = threading.RLock()
    else:
        options = {"timeout": LOCK_TIMEOUT, "cached_statements": 4}  # of those that insert, each holds some MB
        engine, lock = create_engine(url, connect_args=options), nullcontext()
    event.listen(engine, "connect", partial(_set_up_sqlite, url.database))
    event.listen(engine, "begin", _begin_sqlite)
    return engine, lock


def _set_up_sqlite(file: str | None, connection: Any, record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver would do so only before the first INSERT
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError:
        pass  # another program is at the file; the mode is set once, for good
    except sqlite3.DatabaseError as error:
        raise SchemaError(f"{file} is no history: {error}") from None
    # In WAL mode the file survives a crash of the process whatever is lost, and a power cut without its last moments.
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that has read first could not wait for it any more.
    writes = connection.get_execution_options().get("gotask_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
