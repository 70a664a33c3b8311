"""Sessions: which process wrote a history, and whether it ended as it should."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from dataclasses import dataclass

import psutil
from sqlalchemy import Connection, Row, func, select, update

from gotask.store.database import program
from gotask.store.schema import LIVES, SESSIONS

SAME_START = 2.0
"""Seconds by which two readings of the start of one process may differ: the clock of the machine may be set."""


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a program with a HistoryStore. Instants are seconds since the epoch.

    `ended_at` is None while it runs; of one that `crashed`, when its last life ended. `dropped` lives could not be
    written.
    """

    id: int
    program: str
    started_at: float
    ended_at: float | None
    crashed: bool
    host: str
    pid: int
    process_started_at: float
    args: tuple[str, ...]
    version: str
    dropped: int


def session_of(row: Row[tuple[object, ...]]) -> Session:
    """A session from its row."""
    values = dict(row._mapping)
    return Session(**{**values, "args": tuple(json.loads(values["args"]))})


def process_start(pid: int) -> float | None:
    """When this process of this machine started; None if there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:  # pragma: no cover - it is alive, and belongs to somebody else
        return float("nan")


def is_alive(pid: int, started_at: float) -> bool:
    """Whether the process that started then still lives: its number alone may be another's by now."""
    found = process_start(pid)
    return found is not None and not abs(found - started_at) > SAME_START


def open_session(connection: Connection, started_at: float, version: str) -> int:
    """Note that this process begins to write, and return the number of its session.

    Once for each `started_at`: after a connection that broke on the way, the session may be there already.
    """
    own = {"host": socket.gethostname(), "pid": os.getpid(), "started_at": started_at}
    found: int | None = connection.execute(select(SESSIONS.c.id).filter_by(**own)).scalar()
    if found is not None:
        return found
    own["process_started_at"] = process_start(os.getpid()) or time.time()
    own |= {"program": program(), "args": json.dumps(sys.argv), "version": version}
    (session,) = connection.execute(SESSIONS.insert().values(own)).inserted_primary_key or (0,)
    return int(session)


def close_session(connection: Connection, session: int, dropped: int) -> None:
    """Note that it ended as it should."""
    ended = {"ended_at": time.time(), "crashed": False, "dropped": dropped}
    connection.execute(update(SESSIONS).where(SESSIONS.c.id == session).values(ended))


def written_so_far(connection: Connection, session: int) -> int:
    """The number of the last life of a session that is in the database."""
    found: int | None = connection.execute(select(func.max(LIVES.c.number)).where(LIVES.c.session == session)).scalar()
    return found or 0


def close_crashed(connection: Connection) -> list[int]:
    """Close the sessions of this machine whose process is gone, and return their numbers.

    Those of other machines may live: nobody here can tell. A machine is known by its host name.
    """
    left = select(SESSIONS).where(SESSIONS.c.ended_at.is_(None), SESSIONS.c.host == socket.gethostname())
    crashed = [row.id for row in connection.execute(left) if not is_alive(row.pid, row.process_started_at)]
    last = select(func.max(LIVES.c.ended_at)).where(LIVES.c.session == SESSIONS.c.id).scalar_subquery()
    ended = {"crashed": True, "ended_at": func.coalesce(last, SESSIONS.c.started_at)}
    if crashed:
        connection.execute(update(SESSIONS).where(SESSIONS.c.id.in_(crashed)).values(ended))
    return crashed
