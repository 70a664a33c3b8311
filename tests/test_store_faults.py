"""gotask.store when something breaks: killed processes, full disks, locked files, servers that go away."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from ports import reserve_port
from postgres import Server
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError
from stores import life, program

from gotask import RootManager, Task
from gotask.store import HistoryStore, StoredHistory, open_history
from gotask.store.database import Database, parse
from gotask.store.retention import Retention
from gotask.store.writer import Writer


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both back ends, with their own clocks."""
    return str(request.param)


class Short(Task):
    """A life that is over at once."""

    async def run(self) -> None:
        pass


async def live(root: RootManager[Any, Any], lives: int) -> None:
    """Have so many lives begin and end."""
    for _ in range(lives):
        task = root.add_task(Short())
    await task


def numbers(history: StoredHistory) -> list[int]:
    """How many lives there are in each session, if none is missing and none is there twice."""
    counted = [history.lives(session=session.id) for session in history.sessions()]
    for lives in counted:
        assert len({(one.id, one.life) for one in lives}) == len(lives)
    return [len(lives) for lives in counted]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the library said about its history."""
    return [record.getMessage() for record in caplog.records if "history" in record.getMessage()]


# Killed


STEADY = """
for number in range(500):
    for _ in range(100):
        last = job.add_task(Short())
    await last
    print(100 * (number + 1), time.monotonic(), flush=True)
    await anyio.sleep(0.004)
"""


def test_kill_9_costs_half_a_second_and_nothing_else(place: str) -> None:
    """Killed in the middle of 50,000 lives: the database is intact, and lacks at most what ended in the last 0.5 s."""
    with program(place, STEADY) as child:
        assert child.stdout is not None
        told: list[tuple[int, float]] = []
        for line in child.stdout:
            lives, instant = line.split()
            told.append((int(lives), float(instant)))
            if told[-1][0] >= 25_000:
                break
        child.kill()
        killed_at = time.monotonic()
        child.communicate()
    assert told[-1][0] < 50_000
    due = max((lives for lives, instant in told if instant <= killed_at - 0.5), default=0)
    assert due > 0
    with open_history(place) as history:
        [found] = numbers(history)
        assert due <= found
    if not place.startswith("postgresql"):
        with sqlite3.connect(place) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


async def test_the_next_start_closes_the_session_of_a_killed_process(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A session that ended by a crash is recognised, and closed as such, with the end of its last life."""
    with program(
        place, "await job.add_task(Short())\nawait store.flush()\nprint()\nawait anyio.sleep_forever()"
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
        child.communicate()
    async with RootManager() as root:
        await root.add_task(HistoryStore(place)).flush()
    with open_history(place) as history:
        crashed, own = history.sessions()
        [last] = history.lives(session=crashed.id)
    assert (crashed.crashed, own.crashed) == (True, False)
    assert crashed.ended_at == pytest.approx(last.ended_at, abs=1e-6)
    assert warnings(caplog) == [f"session {crashed.id} of the history had not ended: its process is gone"]


# Locked


LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print(flush=True)
sys.stdin.readline()
"""


async def test_a_locked_file_delays_and_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While another process holds the lock lives are kept, and written later; it is said when it begins and ends."""
    place = tmp_path / "history.db"
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        assert await store.flush()
        command = [sys.executable, "-u", "-c", LOCKER, str(place)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as locker:  # noqa: ASYNC220
            assert locker.stdout is not None
            locker.stdout.readline()
            await live(root, 100)
            assert not await store.flush(timeout=1.5)
            assert store.waiting == 100
            locker.communicate("\n")
        assert await store.flush()
        assert await store.count() == 100
    assert warnings(caplog) == [
        f"the history cannot be written now, and is tried again: database is locked ({place})",
        "the history is written again",
    ]
    assert store.dropped == 0


# Full


class SmallDisk:
    """A disk of 300 KB; where there is no right to mount one, a limit for the pages of the file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "history.db"
        self._folder = folder
        self._pages = 70
        mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
        self._mounted = os.name == "posix" and subprocess.run(mount, capture_output=True).returncode == 0

    def limit(self, store: HistoryStore) -> None:
        """Have the limit hold for what this store writes."""
        if not self._mounted:
            event.listen(store.history._database.engine, "connect", self._limit_connection)

    def _limit_connection(self, connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={self._pages}")

    def enlarge(self) -> None:
        """Make room."""
        self._pages = 1_000_000
        if self._mounted:
            subprocess.run(["mount", "-o", "remount,size=100m", str(self._folder)], check=True)

    def remove(self) -> None:
        """Leave nothing behind."""
        if self._mounted:
            subprocess.run(["umount", str(self._folder)], check=True)
        shutil.rmtree(self._folder)


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """A disk that is soon full. Not in the folder of the test: pytest could not remove that one if it were left."""
    disk = SmallDisk(Path(tempfile.mkdtemp(prefix="gotask-disk-")))
    yield disk
    disk.remove()


async def test_a_full_disk_delays_and_loses_nothing(small_disk: SmallDisk, caplog: pytest.LogCaptureFixture) -> None:
    """While the disk is full lives are kept; when there is room again all of them are written, each once."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(small_disk.file))
        await store.wait_started()
        small_disk.limit(store)
        await live(root, 5_000)
        assert not await store.flush(timeout=1)
        assert store.waiting > 0
        small_disk.enlarge()
        assert await store.flush()
        assert await store.count() == 5_000
    said = warnings(caplog)
    assert "full" in said[0]
    assert said[1:] == ["the history is written again"]
    with open_history(small_disk.file) as history:
        assert numbers(history) == [5_002]


# A server that goes away


async def test_a_server_that_is_restarted_loses_nothing(postgres: Server, caplog: pytest.LogCaptureFixture) -> None:
    """PostgreSQL crashes and comes back: what ended before, meanwhile and after is there, each life once."""
    place = postgres.make_schema(f"restarted_{time.monotonic_ns()}")
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await live(root, 100)
        assert await store.flush()
        with postgres.down():
            with pytest.raises(OSError, match="in use"), socket.socket() as other:
                other.bind(("127.0.0.1", postgres.port))
            await live(root, 100)
            assert not await store.flush(timeout=0.5)
            assert store.waiting == 100
            with pytest.raises(OperationalError, match="refused"):
                await store.count()
        await live(root, 100)
        assert await store.flush(timeout=20)
        assert await store.count() == 300
    with open_history(place) as history:
        assert numbers(history) == [302]
    assert "cannot be written now" in warnings(caplog)[0]
    assert warnings(caplog)[-1] == "the history is written again"


async def test_a_server_that_breaks_off_in_the_middle(postgres: Server) -> None:
    """Connections that break while batch after batch is written cost no life, and double none."""
    place = postgres.make_schema(f"broken_{time.monotonic_ns()}")
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        assert await store.flush()
        for _ in range(3):
            await live(root, 5_000)
            with postgres.down():
                pass
        assert await store.flush(timeout=20)
    with open_history(place) as history:
        assert numbers(history) == [15_002]


class Forgetful(Database):
    """A database that commits, and whose answer is then lost on the way, once."""

    forgets = False

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with super().writing() as connection:
            yield connection
        if self.forgets:
            self.forgets = False
            raise OperationalError("COMMIT", None, ConnectionError("the answer was lost"))


@pytest.mark.parametrize("more", [0, 3])
def test_a_commit_whose_answer_is_lost_is_not_repeated(place: str, more: int) -> None:
    """What is in the database already is not written again, whether or not there is more to write."""
    database = Forgetful(parse(place))
    writer = Writer(database, Retention(None, None), 100, 5.0, "0.1.0", lambda error: None)
    assert writer.flush(10)
    database.forgets = True
    for number in range(5):
        writer.life_ended(life(number))
    while database.forgets:
        writer.flush(0.01)
    for number in range(more):
        writer.life_ended(life(10 + number))
    assert writer.flush(10)
    writer.close()
    assert writer.over.wait(10)
    with open_history(place) as history:
        assert numbers(history) == [5 + more]


# A database that is down


def nowhere() -> str:
    """The URL of a server that does not run."""
    return f"postgresql://tester@127.0.0.1:{reserve_port()}/postgres"


async def test_what_does_not_fit_is_counted_and_said(postgres: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Beyond `backlog` lives are dropped: `dropped` counts them, the log says it, and the session keeps the number."""
    place = postgres.make_schema(f"dropped_{time.monotonic_ns()}")
    async with RootManager() as root:
        with postgres.down():
            store = root.add_task(HistoryStore(place, backlog=100))
            await live(root, 250)
            assert (store.waiting, store.dropped) == (100, 150)
        assert await store.flush(timeout=20)
        assert await store.count() == 100
    with open_history(place) as history:
        assert [session.dropped for session in history.sessions()] == [150]
    said = [re.search(r"lost (\d+) lives: its backlog of 100 was full", words) for words in warnings(caplog)]
    assert sum(int(one[1]) for one in said if one) == 150


async def test_a_database_that_is_down_delays_the_shutdown_by_no_more_than_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`flush_timeout` bounds what a shutdown waits for; then what is left is lost, and counted."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(nowhere(), flush_timeout=0.3))
        await live(root, 10)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert (store.waiting, store.dropped) == (0, 12)
    [last] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert last.getMessage().startswith("the history gave up, and lost 12 lives in all: connection failed")


async def test_a_server_that_does_not_answer_delays_the_shutdown_by_no_more(caplog: pytest.LogCaptureFixture) -> None:
    """A server that takes the connection and says nothing holds the writer's thread, but neither tree nor shutdown."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with RootManager() as root:
            port = silent.getsockname()[1]
            store = root.add_task(HistoryStore(f"postgresql://tester@127.0.0.1:{port}/x", flush_timeout=0.2))
            await live(root, 10)
            began = time.monotonic()
        assert time.monotonic() - began < 3
    assert warnings(caplog)[0] == "the history lost 12 lives: its database does not answer"
    assert store._writer is not None
    assert store._writer.over.wait(10)


def test_a_bug_in_the_writer_ends_the_writer_alone(place: str, caplog: pytest.LogCaptureFixture) -> None:
    """An error that nobody thought of is logged, what was to be written is counted, and nobody waits for it."""

    def fail(error: object) -> None:
        raise RuntimeError("a bug")

    writer = Writer(Database(parse(place)), Retention(None, None), 100, 5.0, "0.1.0", fail)
    writer.life_ended(life())
    assert not writer.flush(10)
    assert writer.over.wait(10)
    writer.life_ended(life())
    assert writer.dropped == 2
    assert "a bug of gotask.store" in caplog.text


async def test_a_bug_before_there_is_a_session_fails_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that ends before it has opened a session says so: the store fails, and waits for none."""

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("gotask.store.writer.open_session", fail)
    async with RootManager() as root:
        store = root.add_task(HistoryStore(None))
        with anyio.fail_after(10):
            assert str(await store.wait_stopped()) == "a bug"


async def test_a_store_that_is_stopped_while_the_database_is_down(caplog: pytest.LogCaptureFixture) -> None:
    """Stopped alone it waits no longer either."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(nowhere(), flush_timeout=0.2))
        await store.wait_started()
        await live(root, 10)
        store.stop()
        await store.wait_stopped()
        await store.flush()
    assert store.dropped == 11


async def test_the_tree_goes_on_while_the_database_is_down() -> None:
    """The tree neither waits nor fails: 10,000 lives end as ever."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(nowhere(), backlog=1_000, flush_timeout=0))
        with anyio.fail_after(20):
            await live(root, 10_000)
        assert store.dropped == 9_000
        assert len(root.history) == 10_000


# What a database refuses


async def test_text_that_a_database_refuses_is_mended(place: str, caplog: pytest.LogCaptureFixture) -> None:
    """A zero byte or half a surrogate in a description, a step or a reason costs no life."""
    caplog.set_level(logging.CRITICAL, "gotask")  # the workers of the tests could not hand such text on

    class Strange(Task):
        async def go(self) -> None:
            self.set_description("zero", "a\0b")
            self.step("half \ud800", "of a pair")
            raise ValueError("a\0b \ud800")

    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await root.add_task(Strange()).wait_stopped()
        await live(root, 1)
        strange, short = await store.lives()
    assert short.owner_type == "Short"
    assert strange.reason.replace("\0", "\\0") == "a\\0b \\ud800"
    assert strange.steps[0].name == "half \\ud800"
    assert strange.descriptions["zero"] == "a\0b"


async def test_lives_that_are_refused_for_good_are_counted(place: str, caplog: pytest.LogCaptureFixture) -> None:
    """What no mending helps is dropped with its batch, counted and said; later lives are written."""

    class Huge(Short):
        owner_type = "Huge"

    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        huge = Huge()
        huge._life.id = 2**63
        await root.add_task(huge)
        await store.flush()
        await live(root, 1)
        assert await store.count() == 1
    assert store.dropped == 1
    assert warnings(caplog)[0].startswith("the history cannot keep 1 lives, which the database refuses")


# Several writers


def test_two_processes_write_at_once(place: str) -> None:
    """Two processes share one history, each with a session of its own, and lose nothing."""
    lives = 10_000
    body = f"print(flush=True)\nsys.stdin.readline()\nfor _ in range({lives}): last = job.add_task(Short())\nawait last"
    with program(place, body) as one, program(place, body) as other:
        for child in (one, other):
            assert child.stdout is not None
            child.stdout.readline()
        for child in (one, other):
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()
        errors = [child.communicate()[1] for child in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], errors
    with open_history(place) as history:
        both = history.sessions()
        # besides them the store, the Work, the signal handler and the root
        assert [history.count(session=session.id) for session in both] == [lives + 4, lives + 4]
        assert [session.ended_at is not None for session in both] == [True, True]
