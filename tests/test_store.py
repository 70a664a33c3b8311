"""gotask.store: the task that has the history of its tree written. In real time, because a thread writes."""

from __future__ import annotations

import json
import logging
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import anyio
import pytest
from sqlalchemy import event

import gotask
from gotask import BlockingRoot, Observer, RetryPolicy, RootManager, Task, TaskState, TaskStateError, Work
from gotask.store import HistoryStore, StoredLife, open_history
from gotask.store.database import parse, state_directory


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both back ends, with their own clocks."""
    return str(request.param)


class Camera(Task):
    """A body that does something, and what a history wants to know about it."""

    def __init__(self, name: str = "door", failing: bool = False) -> None:
        self.key, self.failing = name, failing

    async def go(self) -> None:
        self.set_description("colour", "red")
        self.step("connect", "at once")
        if self.failing:
            raise ConnectionError("no signal")


class Idle(Task):
    """It lives until it is stopped."""


class Unlocks(Observer):
    """Ends the transaction of a connection, and so its lock, when the tree is gone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def closed(self, root: Any) -> Any:
        async def unlock() -> None:
            self.connection.execute("COMMIT")

        return unlock


def names(lives: list[StoredLife]) -> list[str]:
    """What kinds of tasks lived, in the order of their ends."""
    return [one.owner_type for one in lives]


async def test_every_life_is_there_after_the_shutdown(place: str) -> None:
    """H6: `shutdown()` returns when all is written: of every task, of the store itself and of the root."""
    async with RootManager() as root:
        root.add_task(HistoryStore(place))
        await root.add_task(Work()).wait_started()
        await root.add_task(Camera())
    with open_history(place) as history:
        assert names(history.lives()) == ["Camera", "Work", "HistoryStore", "RootManager"]


async def test_what_is_written_is_what_the_history_says(place: str) -> None:
    """H5: life for life the records are those of `root.history`, and a span of float apart in time."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        camera = root.add_task(Camera(failing=True), retry=RetryPolicy(1, interval=0.01))
        await camera.wait_stopped()
        remembered = [record.as_dict() for record in root.history]
        stored = [record.as_dict() for record in await store.lives()]
    assert [one["state"] for one in stored] == [TaskState.RETRYING, TaskState.DISPOSED]
    for kept, told in zip(stored, remembered, strict=True):
        assert kept["ended_at"] == pytest.approx(told["ended_at"], abs=1e-6)
        assert kept["duration"] == pytest.approx(told["duration"], abs=1e-9)
        assert kept["timings"].body == pytest.approx(told["timings"].body, abs=1e-9)
        unlike = {"session", "ended_at", "duration", "timings"}
        assert {name: kept[name] for name in kept.keys() - unlike} == {
            name: told[name] for name in told.keys() - unlike
        }


async def test_questions_can_be_asked_from_the_tree(place: str) -> None:
    """The questions of StoredHistory are there as async methods, and know what has just happened."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await root.add_task(Camera())
        await root.add_task(Camera(failing=True)).wait_stopped()
        assert await store.count() == 2
        assert [one.key for one in await store.lives(failed=True)] == ["door"]
        assert [(one.of, one.count) for one in await store.statistics("reason_type")] == [
            ("ConnectionError", 1),
            ("TaskComplete", 1),
        ]
        assert [one.last_reason for one in await store.failures()] == ["no signal"]
        [session] = await store.sessions()
        assert session.id == store.session_id
        assert store.history.count(owner_type="Camera") == 2


async def test_a_life_is_there_half_a_second_after_its_end(place: str) -> None:
    """A life is durable within 0.5 s, without anybody asking for it."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await store.flush()
        await root.add_task(Camera())
        await anyio.sleep(0.5)
        assert store.waiting == 0
        with open_history(place) as history:
            assert history.count() == 1


async def test_a_session_says_who_wrote_it(place: str) -> None:
    """A session has a beginning and an end, the process, its arguments and the version of the library."""
    before = time.time()
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await store.flush()
        with open_history(place) as history:
            [running] = history.sessions()
    with open_history(place) as history:
        [ended] = history.sessions()
    assert running.ended_at is None
    assert ended.ended_at is not None
    assert before <= ended.started_at <= ended.ended_at <= time.time()
    assert (ended.pid, ended.host, ended.args) == (os.getpid(), socket.gethostname(), tuple(sys.argv))
    assert (ended.version, ended.crashed, ended.dropped) == (gotask.__version__, False, 0)
    assert ended.process_started_at < before


async def test_sessions_add_up(place: str) -> None:
    """Each run has a session of its own in one history."""
    for name in ("door", "yard"):
        async with RootManager() as root:
            root.add_task(HistoryStore(place))
            await root.add_task(Camera(name))
    with open_history(place) as history:
        first, second = (session.id for session in history.sessions())
        cameras = history.lives(owner_type="Camera")
    assert [(one.session, one.key) for one in cameras] == [(first, "door"), (second, "yard")]


async def test_what_ends_after_the_store_is_written_too(place: str) -> None:
    """A store that was not added first is stopped earlier than others; their lives are written all the same."""
    async with RootManager() as root:
        await root.add_task(Idle()).wait_started()
        await root.add_task(HistoryStore(place)).wait_started()
    with open_history(place) as history:
        assert names(history.lives()) == ["HistoryStore", "Idle", "RootManager"]


async def test_a_store_that_is_stopped_writes_its_own_record_last(place: str) -> None:
    """Stopped alone it writes all up to its own end, closes the session, and hears no more."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await root.add_task(Camera())
        store.stop()
        await store.wait_stopped()
        await root.add_task(Camera("yard"))
        assert await store.flush()
    assert names(store.history.lives()) == ["Camera", "HistoryStore"]
    [session] = store.history.sessions()
    assert session.ended_at is not None


async def test_a_store_that_is_restarted_goes_on(place: str) -> None:
    """R6: another life of the store is no other session, and nothing in between is lost or written twice."""
    async with RootManager() as root:
        store, twice = HistoryStore(place), anyio.Event()
        restarts = iter([store.restart, twice.set])
        store.on_start(lambda: next(restarts)())
        root.add_task(store)
        await twice.wait()
        await root.add_task(Camera())
        await store.flush()
    with open_history(place) as history:
        assert sorted(names(history.lives())) == ["Camera", "HistoryStore", "HistoryStore", "RootManager"]
        assert len(history.sessions()) == 1


async def test_a_store_that_was_stopped_can_be_started_again(place: str) -> None:
    """R6: DISPOSED and restarted it writes again, with a session of its own, even while the first is being closed."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await store.wait_started()
        store.stop()
        await store.wait_stopped()
        store.restart()
        await root.add_task(Camera())
        assert await store.count(owner_type="Camera") == 1
    with open_history(place) as history:
        assert [one.session for one in history.lives(owner_type="Camera")] == [2]
        assert [session.ended_at is not None for session in history.sessions()] == [True, True]


@pytest.mark.parametrize("again", [False, True], ids=["stopped", "restarted"])
async def test_the_end_of_the_tree_awaits_a_session_that_is_still_being_closed(tmp_path: Path, again: bool) -> None:
    """H6: `shutdown()` returns when all is written, also of a store that was stopped, and what it wrote, before."""
    place = str(tmp_path / "history.db")
    with closing(sqlite3.connect(place, isolation_level=None, check_same_thread=False)) as other:
        async with RootManager() as root:
            store = root.add_task(HistoryStore(place))
            await store.wait_started()
            store.on_dispose(lambda: other.execute("BEGIN IMMEDIATE"))  # by then all but its own end is written
            root.observe(Unlocks(other))
            store.stop()
            await store.wait_stopped()
            if again:
                store.restart()
                await store.wait_started()
    with open_history(place) as history:
        assert [session.ended_at is not None for session in history.sessions()] == [True] * (1 + again)
        assert names(history.lives(session=1)) == ["HistoryStore"]


async def test_a_store_can_serve_a_second_tree(place: str) -> None:
    """J4: DISPOSED, it may be added again; that is another session."""
    store = HistoryStore(place)
    for _ in range(2):
        async with RootManager() as root:
            root.add_task(store)
            await root.add_task(Camera())
    assert len(store._life.more().finals) == 1
    assert [one.session for one in store.history.lives(owner_type="Camera")] == [1, 2]


async def test_two_trees_write_to_one_history(place: str) -> None:
    """Two roots of one process, each with its store, do not get in each other's way."""
    async with RootManager() as one, RootManager() as other:
        one.add_task(HistoryStore(place))
        other.add_task(HistoryStore(place))
        await one.add_task(Camera("door"))
        await other.add_task(Camera("yard"))
    with open_history(place) as history:
        assert sorted(record.key for record in history.lives(owner_type="Camera")) == ["door", "yard"]
        assert [session.ended_at is not None for session in history.sessions()] == [True, True]


async def test_the_tree_never_touches_the_database(place: str) -> None:
    """The thread of the tree neither connects nor sends a statement: so no database can slow it."""
    threads: set[int] = set()
    async with RootManager() as root:
        store = root.add_task(HistoryStore(place))
        await store.wait_started()
        engine = store.history._database.engine
        event.listen(engine, "do_connect", lambda *_: threads.add(threading.get_ident()))
        event.listen(engine, "before_cursor_execute", lambda *_: threads.add(threading.get_ident()))
        await root.add_task(Camera())
        await store.lives()
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("where", [None, ":memory:", "sqlite://"])
async def test_memory_is_enough_for_a_while(where: str | None) -> None:
    """None keeps the history in memory; it can be asked as long as the store is there."""
    async with RootManager() as root:
        store = root.add_task(HistoryStore(where))
        await root.add_task(Camera())
        assert await store.count() == 1
    assert names(store.history.lives()) == ["Camera", "HistoryStore", "RootManager"]


async def test_the_default_is_a_file_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place it is `$XDG_STATE_HOME/gotask/<program>.db`, for the reader too."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["/somewhere/cameras/__main__.py", "--all"])
    async with RootManager() as root:
        await root.add_task(HistoryStore()).wait_started()
    assert (tmp_path / "gotask" / "cameras.db").exists()
    with open_history() as history:
        assert [session.program for session in history.sessions()] == ["cameras"]


async def test_no_file_is_a_warning_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the default file cannot be, the history is kept in memory, and says so."""
    (tmp_path / "gotask").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with RootManager() as root:
        store = root.add_task(HistoryStore())
        await root.add_task(Camera())
        assert await store.count() == 1
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "kept in memory only, because" in warning


async def test_no_home_is_a_warning_and_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A user without a home, as in a container: there is no place for the default file."""
    no_home = RuntimeError("Could not determine home directory.")
    monkeypatch.setattr("gotask.store.history_store.default_file", Mock(side_effect=no_home))
    async with RootManager() as root:
        store = root.add_task(HistoryStore())
        await root.add_task(Camera())
        assert await store.count() == 1
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "kept in memory only" in warning
    assert str(no_home) in warning


def test_a_program_without_async_has_a_history_too(place: str) -> None:
    """M5: under BlockingRoot the questions are asked of `store.history`."""
    with BlockingRoot() as root:
        store = root.add_task(HistoryStore(place))
        root.result(root.add_task(len, "four"))
        root.wait_started(store)
    assert names(store.history.lives())[0] == "len"


# What cannot be is refused at once


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ("mysql://localhost/x", ValueError, "kept in sqlite or postgresql, not in mysql"),
        ("nonsense://", ValueError, "kept in sqlite or postgresql, not in nonsense"),
        ("://", ValueError, "is no URL of a database"),
        ("/no/such/folder/history.db", FileNotFoundError, "there is no folder"),
        (5, TypeError, "in a file, at a URL, or in memory"),
        (".", IsADirectoryError, "is a folder, and the history is a file: name one in it"),
    ],
)
def test_a_place_that_cannot_be_is_refused(where: Any, error: type[Exception], words: str) -> None:
    """A wrong place is an error of the caller, not of the task."""
    with pytest.raises(error, match=words):
        HistoryStore(where)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_age", 0),
        ("max_age", "1"),
        ("max_lives", -1),
        ("max_lives", 1e6),
        ("backlog", 0),
        ("backlog", 1.5),
        ("flush_timeout", -1),
    ],
)
def test_an_option_that_cannot_be_is_refused(name: str, value: Any) -> None:
    """A wrong option is named, with its value."""
    with pytest.raises(ValueError, match=rf"{name} is .* not {value!r}"):
        HistoryStore(None, **{name: value})


def test_a_store_in_no_tree_has_no_history() -> None:
    """It says what to do first."""
    store = HistoryStore(None)
    assert (store.dropped, store.waiting, store.session_id) == (0, 0, None)
    with pytest.raises(TaskStateError, match=r"add it with root\.add_task"):
        _ = store.history


def test_a_password_is_not_shown() -> None:
    """What a URL says about the server may be read in a log; its password may not."""
    assert "secret" not in repr(parse("postgresql://me:secret@db/history"))


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"XDG_STATE_HOME": "/state"}, "/state"),
        ("linux", {"XDG_STATE_HOME": "relative"}, "~/.local/state"),
        ("linux", {}, "~/.local/state"),
        ("darwin", {}, "~/Library/Application Support"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
        ("win32", {}, "~/AppData/Local"),
    ],
)
def test_each_platform_has_its_state_directory(
    platform: str, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """XDG first, as far as it is absolute; then what the platform is used to."""
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert state_directory() == Path(folder).expanduser()


def test_importing_gotask_does_not_import_a_database() -> None:
    """`import gotask` stays light: nothing of the store is loaded with it."""
    code = "import gotask, sys, json; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert "gotask" in loaded
    assert [name for name in loaded if name.startswith(("sqlalchemy", "psycopg", "psutil", "gotask.store"))] == []


def test_without_the_extra_it_says_what_to_install() -> None:
    """A missing package is named together with the extra that brings it."""
    code = "import sys; sys.modules['sqlalchemy'] = None; import gotask.store"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "gotask.store needs the package sqlalchemy: pip install 'gotask[store]'" in done.stderr
