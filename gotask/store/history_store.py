"""HistoryStore: the task that has the history of its tree written (H6)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, Unpack

import anyio
from anyio.to_thread import run_sync

from gotask import Task, TaskDisposedError, TaskStateError, __version__
from gotask.hooks import is_seconds
from gotask.store.database import Database, Own, Place, default_file, in_memory, parse
from gotask.store.filters import Filters
from gotask.store.queries import By, Failures, Statistics, StoredHistory
from gotask.store.retention import Retention
from gotask.store.rows import StoredLife
from gotask.store.sessions import Session
from gotask.store.writer import Writer

T = TypeVar("T")

DAY = 86_400.0
MOST_IN_MEMORY = 100_000
"""Lives that are kept where there is no file."""
SOON = 1.0
"""Seconds for which a question waits until what has just happened is written."""


class HistoryStore(Task[None]):
    """Writes every life of the tree it is added to, its steps, and the session, to a database (H6).

    It writes in a thread of its own, so the tree never waits for the database. A life is durable half a second after
    its end, whatever happens to the process (a power cut may cost SQLite a few more), and all of them are when
    `shutdown()` returns, its own and the root's too. A database that is down, locked or full is tried again; meanwhile
    `backlog` lives are kept, and the others counted in `dropped`.

    Args:
        where: A file, or a URL (`postgresql://…`); None: memory. By default a file of this program in the user's state
            directory, or, if that cannot be written, memory and a warning.
        max_age: Seconds after which a life is forgotten; None: never.
        max_lives: How many lives the database may hold; None: any number. In memory, 100,000 at most.
        backlog: How many lives to hold in memory when they cannot be written.
        flush_timeout: Seconds for which the end of the tree waits for a database that fails.

    Raises:
        ValueError: One of these cannot be.
        TypeError: `where` is no place.
        FileNotFoundError: There is no folder for the file.
    """

    def __init__(
        self,
        where: Place = Own.FILE,
        *,
        max_age: float | None = 30 * DAY,
        max_lives: int | None = 1_000_000,
        backlog: int = 100_000,
        flush_timeout: float = 5.0,
    ) -> None:
        if not isinstance(backlog, int) or backlog < 1:
            raise ValueError(f"backlog is a number of lives, 1 or more, not {backlog!r}")
        if not is_seconds(flush_timeout):
            raise ValueError(f"flush_timeout is a number of seconds, 0 or more, not {flush_timeout!r}")
        Retention(max_age, max_lives)
        self._url = None if where is Own.FILE else parse(where)
        self._limits = max_age, max_lives
        self._backlog, self._flush_timeout = backlog, flush_timeout
        self._writer: Writer | None = None
        self._error: BaseException | None = None
        self._history: StoredHistory | None = None

    # Its life

    def start(self) -> None:
        """Hear of everything that ends from now on. The database is opened by the writer."""
        root = self._root()
        if self._writer is not None:
            if self._writer.serving:
                return  # another life of the same task: the session goes on
            root.unobserve(self._writer)
        url = self._url or self._own_file()
        max_age, max_lives = self._limits
        if in_memory(url):
            max_lives = min(max_lives or MOST_IN_MEMORY, MOST_IN_MEMORY)
        database = Database(url)
        self._opened, self._error = anyio.Event(), None
        self._history = StoredHistory(database)
        self._writer = Writer(
            database, Retention(max_age, max_lives), self._backlog, self._flush_timeout, __version__, self._tell_open
        )
        root.observe(self._writer)
        finals = self._life.more().finals
        if self._gone not in finals:  # they stay when it is added again
            finals.append(self._gone)

    async def go(self) -> None:
        """Fail if there can be no session; else live on until somebody stops it."""
        await self._opened.wait()
        if self._error is not None:
            raise self._error
        await self.wait_stop_requested()

    async def dispose(self) -> None:
        """Wait until everything so far is written; when the whole tree ends, that comes later, and is awaited too."""
        if not self._root().is_stopped:
            await run_sync(self._running().flush, self._flush_timeout)

    def _gone(self, task: Task[Any]) -> None:
        """Its own record was the last one, unless the tree is about to end; `shutdown()` awaits its writing even so."""
        writer, root = self._running(), self._root()
        if not root.is_stopped:
            root._life.pump.observers.dismiss(writer)
            writer.close()

    def _root(self) -> Any:
        task: Any = self
        while task.parent is not None:
            task = task.parent
        return task

    def _own_file(self) -> Any:
        file = None
        try:
            file = default_file()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.open("ab").close()
        except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
            self.warn(f"the history is kept in memory only, because {file or 'its file'} cannot be written: {error}")
            return parse(None)
        return parse(file)

    def _tell_open(self, error: BaseException | None) -> None:
        """Called in the writer's thread."""
        with suppress(TaskDisposedError):
            self._soon(partial(self._hear_open, error))

    def _hear_open(self, error: BaseException | None) -> None:
        self._error = error
        self._opened.set()

    # What it knows

    @property
    def dropped(self) -> int:
        """How many lives could not be written, and are lost."""
        return 0 if self._writer is None else self._writer.dropped

    @property
    def waiting(self) -> int:
        """How many lives are not written yet."""
        return 0 if self._writer is None else self._writer.waiting

    @property
    def session_id(self) -> int | None:
        """The number of the session of this tree; None until the database is open."""
        return None if self._writer is None else self._writer.session

    @property
    def history(self) -> StoredHistory:
        """The history it writes, to be asked from other threads, with plain calls."""
        if self._history is None:
            raise TaskStateError("this HistoryStore was in no tree yet: add it with root.add_task(store)")
        return self._history

    async def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that has ended so far is written, at most so many seconds; return whether it is."""
        await self.wait_started()
        return await run_sync(self._running().flush, timeout, abandon_on_cancel=True)

    # The questions of StoredHistory, from the tree: asked in a worker thread, about everything up to now

    async def lives(self, *, limit: int | None = None, offset: int = 0, **filters: Unpack[Filters]) -> list[StoredLife]:
        """As `StoredHistory.lives`."""
        return await self._ask(lambda history: history.lives(limit=limit, offset=offset, **filters))

    async def count(self, **filters: Unpack[Filters]) -> int:
        """As `StoredHistory.count`."""
        return await self._ask(lambda history: history.count(**filters))

    async def statistics(self, by: By = "owner_type", **filters: Unpack[Filters]) -> list[Statistics]:
        """As `StoredHistory.statistics`."""
        return await self._ask(lambda history: history.statistics(by, **filters))

    async def failures(self, **filters: Unpack[Filters]) -> list[Failures]:
        """As `StoredHistory.failures`."""
        return await self._ask(lambda history: history.failures(**filters))

    async def sessions(self, *, limit: int | None = None, offset: int = 0) -> list[Session]:
        """As `StoredHistory.sessions`."""
        return await self._ask(lambda history: history.sessions(limit=limit, offset=offset))

    async def _ask(self, question: Callable[[StoredHistory], T]) -> T:
        def ask() -> T:
            self._running().flush(SOON)
            return question(self.history)

        await self.wait_started()
        return await run_sync(ask, abandon_on_cancel=True)

    def _running(self) -> Writer:
        assert self.history is not None
        assert self._writer is not None
        return self._writer
