"""Every async test runs three ways, in virtual time."""

from __future__ import annotations

import gc
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest
from postgres import Server, binaries

from gotask import RootManager
from gotask.os_signal import NAMES
from gotask.roots import OPEN
from gotask.testing import BACKENDS, EventRecorder, backend_options

NUMBERS = itertools.count(1)


def pytest_collection_finish() -> None:
    """The ten thousand tests themselves are no garbage: from here on the collector looks at what they make only."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def programs_hear_signals() -> None:
    """Programs that the tests start hear all signals, also where pytest was started with `&`: ignored is inherited."""
    for number in [getattr(signal, name) for name in NAMES if hasattr(signal, name)]:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)  # pytest itself goes on ignoring it


@pytest.fixture(autouse=True)
def no_root_is_left_open() -> Iterator[None]:
    """What a test opens it closes: a root that stays open would be seen by the tests after it, in whatever order."""
    before = set(OPEN)
    yield
    assert set(OPEN) == before


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without coverage, here and in programs that are started.

    For what is done so often that coverage would take most of the time, and for what proves nothing line by line.
    """
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)
    measuring = coverage.Coverage.current()
    if measuring is None:
        yield
        return
    measuring.stop()
    yield
    measuring.start()


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """The back end of one run of a test."""
    return backend_options(request.param)


@pytest.fixture
def root(gotask_root: RootManager[Any, Any]) -> RootManager[Any, Any]:
    """An open root."""
    return gotask_root


@pytest.fixture
def recorder(gotask_recorder: EventRecorder) -> EventRecorder:
    """A recorder of all that happens in `root`."""
    return gotask_recorder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server, running: one for each worker of the tests, started when the first test asks for it."""
    found = binaries()
    if found is None:
        missing = "no PostgreSQL server is installed (Debian, Ubuntu: apt install postgresql)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    server = Server(found)
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a test may keep a history: a file, then a PostgreSQL database."""
    if request.param == "sqlite":
        return str(tmp_path / "history.db")
    server: Server = request.getfixturevalue("postgres")
    return server.make_schema(f"history{next(NUMBERS)}")
