"""What the history forgets: lives that are too old, and the oldest ones when there are too many."""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete, exists, select, tuple_

from gotask.store.database import Database
from gotask.store.schema import LIVES, SESSIONS, STEPS

STEP = 5000
"""Lives forgotten in one transaction, so that nobody who writes waits for long."""
INTERVAL = 60.0
"""Seconds between two looks for what is too old."""
ORDER = (LIVES.c.ended_at, LIVES.c.session, LIVES.c.number)
"""From the oldest life to the newest."""
Mark = tuple[float, int, int]
"""The place of a life in that order: all before it are forgotten, however many processes do so at a time."""


class Retention:
    """Forgets in small steps, whenever it is due.

    Args:
        max_age: In seconds since the end of a life; None: any.
        max_lives: Of all sessions together; None: any number.
    """

    def __init__(self, max_age: float | None, max_lives: int | None) -> None:
        if max_age is not None and not (isinstance(max_age, int | float) and max_age > 0):
            raise ValueError(f"max_age is a number of seconds above 0, or None for no limit, not {max_age!r}")
        if max_lives is not None and not (isinstance(max_lives, int) and max_lives > 0):
            raise ValueError(f"max_lives is a number of lives, 1 or more, or None for no limit, not {max_lives!r}")
        self._max_age, self._max_lives = max_age, max_lives
        self._mark: Mark | None = None
        self._next = 0.0
        self._written = 0

    @property
    def busy(self) -> bool:
        """Whether there is more to forget at once."""
        return self._mark is not None

    def wrote(self, lives: int) -> None:
        """Look at once when the history has grown by a tenth of what it may hold."""
        self._written += lives
        if self._max_lives is not None and self._written > self._max_lives / 10:
            self._next = 0.0

    def take_step(self, database: Database) -> None:
        """Forget some lives, if it is time to."""
        now = time.monotonic()
        if self._mark is None and now >= self._next:
            self._next, self._written = now + INTERVAL, 0
            with database.reading() as connection:
                self._mark = self._find_mark(connection)
        if self._mark is not None:
            with database.writing() as connection:
                if forget(connection, self._mark) < STEP:
                    self._mark = None
                    self._forget_sessions(connection)

    def _find_mark(self, connection: Connection) -> Mark | None:
        marks: list[Mark] = []
        if self._max_age is not None:
            marks.append((time.time() - self._max_age, 0, 0))
        if self._max_lives is not None:
            newest = select(*ORDER).order_by(*(column.desc() for column in ORDER))
            last_to_keep = connection.execute(newest.offset(self._max_lives - 1).limit(1)).first()
            if last_to_keep is not None:
                marks.append((last_to_keep.ended_at, last_to_keep.session, last_to_keep.number))
        return max(marks, default=None)

    def _forget_sessions(self, connection: Connection) -> None:
        if self._max_age is not None:
            empty = ~exists().where(LIVES.c.session == SESSIONS.c.id)
            connection.execute(delete(SESSIONS).where(SESSIONS.c.ended_at < time.time() - self._max_age, empty))


def forget(connection: Connection, mark: Mark) -> int:
    """Delete the oldest lives before the mark, with their steps; return how many."""
    oldest = select(LIVES.c.session, LIVES.c.number).where(tuple_(*ORDER) < mark).order_by(*ORDER).limit(STEP)
    connection.execute(delete(STEPS).where(tuple_(STEPS.c.session, STEPS.c.number).in_(oldest)))
    return connection.execute(delete(LIVES).where(tuple_(LIVES.c.session, LIVES.c.number).in_(oldest))).rowcount
