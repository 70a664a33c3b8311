"""The thread that writes what the tree has left for it, in batches, and never makes the tree wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from anyio.to_thread import run_sync
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from gotask.events import Observer
from gotask.records import Facts, LifeRecord
from gotask.store.database import Database
from gotask.store.retention import INTERVAL as LOOK
from gotask.store.retention import Retention
from gotask.store.rows import Batch, Places
from gotask.store.schema import SchemaError, prepare
from gotask.store.sessions import close_crashed, close_session, open_session, written_so_far
from gotask.tracing import LOGGER, say

INTERVAL = 0.1
"""Seconds between two batches: a life is durable half a second after its end, with time enough to write it."""
BATCH = 10_000
"""Lives in one transaction."""
FIRST_DELAY, LAST_DELAY = 0.1, 2.0
"""Seconds until a database that is down, locked or full is tried again."""
REFUSED = (DataError, IntegrityError, ProgrammingError, UnicodeError, OverflowError, TypeError, ValueError)
"""Errors of what is written, and not of the database: trying again would not help."""


class Writer(Observer):
    """Hears of lives in the tree's thread, and writes them in its own.

    Args:
        database: Where to.
        retention: What to forget.
        backlog: How many lives to keep in memory while they cannot be written; what comes on top is dropped.
        flush_timeout: Seconds to go on trying once it is closed.
        on_open: Called once, in the writer's thread, with None when the session is open, or with the error because of
            which there will never be one.
    """

    def __init__(self, database: Database, retention: Retention, backlog: int, flush_timeout: float,
                 version: str, on_open: Callable[[BaseException | None], object]) -> None:  # fmt: skip
        self.session: int | None = None
        self.over = threading.Event()
        self._database, self._retention, self._limit = database, retention, backlog
        self._flush_timeout = flush_timeout
        self._version, self._on_open = version, on_open
        self._started_at = time.time()
        self._queue: deque[Facts] = deque()
        self._batch: list[Facts] = []
        self._overflown = self._lost = 0
        """Counted by the tree's thread, and by the writer's."""
        self._wall = 0.0
        self._number = 0
        """Of the last life that was written."""
        self._places = Places()
        self._idle = False
        self._something = threading.Event()
        self._hurry = threading.Event()
        self._flushes: list[threading.Event] = []
        self._closing_until: float | None = None
        self._gave_up = False
        self._trouble = ""
        self._delay = 0.0
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="gotask history", daemon=True)
        self._thread.start()

    # In the tree's thread, or any other

    def attached(self, root: Any) -> None:
        """Note what its instants are counted from."""
        self._wall = root._life.pump.wall

    def life_ended(self, record: LifeRecord) -> None:
        """Leave it to be written. Costs the tree a fraction of a microsecond, whatever the database does."""
        queue = self._queue
        if len(queue) >= self._limit:
            self._overflown += 1
            return
        queue.append(record._facts)  # half as many objects for the garbage collector as records
        if self._idle:
            self._idle = False
            self._something.set()

    @property
    def dropped(self) -> int:
        """How many lives are lost."""
        return self._overflown + self._lost

    @property
    def serving(self) -> bool:
        """Whether it goes on to write what it hears."""
        return self._closing_until is None and not self.over.is_set()

    @property
    def waiting(self) -> int:
        """How many lives are not written yet."""
        return len(self._queue) + len(self._batch)

    def flush(self, timeout: float) -> bool:
        """Wait until all that was added is written, at most so many seconds; return whether it is."""
        written = threading.Event()
        self._flushes.append(written)
        self._wake()
        if not self.over.is_set():  # else nobody is there any more to set it
            written.wait(timeout)
        return (written.is_set() or self.over.is_set()) and not self._gave_up

    def close(self) -> None:
        """Write what is left, end the session and the thread. Does not wait."""
        if self._closing_until is None:
            self._closing_until = time.monotonic() + self._flush_timeout
            self._wake()

    def closed(self, root: object) -> Callable[[], Awaitable[None]]:
        """The tree is gone: write what is left; `shutdown()` waits for that."""
        self.close()
        return self._wait_over

    async def _wait_over(self) -> None:
        bound = self._flush_timeout + 0.5  # the thread itself gives up before, if the database lets go of it
        if not await run_sync(self.over.wait, bound):
            say(LOGGER.error, "the history lost %d lives: its database does not answer", self.dropped + self.waiting)

    def _wake(self) -> None:
        self._hurry.set()
        self._something.set()

    # In its own thread

    def _run(self) -> None:
        try:
            while not self._work():
                self._rest()
        except BaseException as error:
            say(LOGGER.exception, "the history writes no more: a bug of gotask.store")
            self._give_up(error)
            if self.session is None:
                self._on_open(error)
        finally:
            self._database.close()
            self.over.set()
            for flush in self._flushes:
                flush.set()

    def _rest(self) -> None:
        """Sleep until there is something to do, and then a little more, so that it is worth a transaction."""
        self._idle = True
        if not (self._queue or self._batch or self._retention.busy or self._delay):
            self._something.wait(LOOK)
        self._something.clear()
        self._idle = False
        at_once = self._retention.busy or len(self._queue) >= BATCH
        self._hurry.wait(self._delay or (0.0 if at_once else INTERVAL))
        self._hurry.clear()

    def _work(self) -> bool:
        """Do what is due; return whether that was all there will ever be."""
        closing = self._closing_until is not None
        flushes = list(self._flushes)
        try:
            if self.session is None:
                self._open()
            left = self.waiting  # not until there are none: a busy tree makes new ones all the time
            while left > 0:
                left -= self._write()
            self._retention.take_step(self._database)
            if closing:
                self._close()
        except SchemaError as error:
            self._give_up(error)
            self._on_open(error)
            return True
        except SQLAlchemyError as error:
            return self._failed(error)
        self._recovered()
        if not closing:  # else once the database is closed, too
            for flush in flushes:
                self._flushes.remove(flush)
                flush.set()
        return closing

    def _open(self) -> None:
        with self._database.writing() as connection:
            prepare(connection)
            for session in close_crashed(connection):
                say(LOGGER.warning, "session %d of the history had not ended: its process is gone", session)
            session = open_session(connection, self._started_at, self._version)
        self.session = session
        self._on_open(None)

    def _write(self) -> int:
        """Write one batch, which is kept until it is known to be written; return how many lives it had."""
        queue, batch, session = self._queue, self._batch, self.session
        assert session is not None
        done = 0
        if self._delay:  # the last attempt failed, perhaps after it was committed
            with self._database.reading() as connection:
                written = written_so_far(connection, session)
            done = max(written - self._number, 0)
            del batch[:done]
            self._number += done
        batch += [queue.popleft() for _ in range(min(len(queue), BATCH - len(batch)))]
        rows = Batch(batch, self._wall, session, self._number, self._places)
        try:
            self._insert(rows)
        except REFUSED:
            rows.clean()
            try:
                self._insert(rows)
            except REFUSED as error:
                self._lost += len(batch)
                say(LOGGER.error, "the history cannot keep %d lives, which the database refuses: %s", len(batch), error)
        size = len(batch)
        self._number += size
        self._retention.wrote(size)
        batch.clear()
        return size + done

    def _insert(self, rows: Batch) -> None:
        with self._database.writing() as connection:
            rows.insert(connection)

    def _close(self) -> None:
        assert self.session is not None
        with self._database.writing() as connection:
            close_session(connection, self.session, self.dropped)

    # When the database fails

    def _failed(self, error: SQLAlchemyError) -> bool:
        """Try again later; return whether there is no later."""
        until = self._closing_until
        if until is not None and time.monotonic() >= until:
            self._give_up(error)
            return True
        if not self._trouble:
            self._trouble = short(error)
            why = self._trouble, self._database.place
            say(LOGGER.warning, "the history cannot be written now, and is tried again: %s (%s)", *why)
        self._say_dropped()
        self._database.reset()  # what is left of a broken connection
        self._delay = min(self._delay * 2 or FIRST_DELAY, LAST_DELAY)
        if until is not None:
            self._delay = min(self._delay, max(until - time.monotonic(), 0.001))
        return False

    def _recovered(self) -> None:
        if self._trouble:
            say(LOGGER.warning, "the history is written again")
        self._trouble, self._delay = "", 0.0
        self._say_dropped()

    def _say_dropped(self) -> None:
        """Tell how many lives were lost since it was last told."""
        new = self._overflown - self._told
        if new:
            self._told += new
            say(LOGGER.warning, "the history lost %d lives: its backlog of %d was full", new, self._limit)

    def _give_up(self, error: BaseException) -> None:
        lost = self.waiting
        self._gave_up, self._limit = True, 0
        self._queue.clear()
        self._batch.clear()
        self._lost += lost
        if lost:
            why = short(error), self._database.place
            say(LOGGER.error, "the history gave up, and lost %d lives in all: %s (%s)", self.dropped, *why)


def short(error: BaseException) -> str:
    """An error in a line: what the driver said, without the statement and its thousands of values."""
    return (str(getattr(error, "orig", None) or error).strip() or type(error).__name__).splitlines()[0]
