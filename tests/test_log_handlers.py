"""L15: what the library logs must not take the tree down, whatever the program's log handlers do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from gotask import Observer, RetryPolicy, RootManager, Task


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise BrokenPipeError("nobody reads the log")


class Failing(Task[None]):
    def __init__(self) -> None:
        self.lives = 0

    def start(self) -> None:
        self.lives += 1
        raise ValueError("no")


@pytest.fixture
def broken_log() -> Iterator[None]:
    """The logger of the library, with a handler that raises."""
    handler = Broken()
    logging.getLogger("gotask").addHandler(handler)
    yield
    logging.getLogger("gotask").removeHandler(handler)


async def test_a_failure_is_survived(
    root: RootManager[Any, Any], broken_log: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """L15: a handler that raises on a failure and on its retry leaves task and tree as they would have been."""
    task = root.add_task(Failing(), retry=RetryPolicy(1, 5.0))
    await task.wait_stopped()
    assert task.lives == 2
    assert not root.is_stopped
    assert "nobody reads the log" in capsys.readouterr().err


async def test_giving_up_is_survived(root: RootManager[Any, Any], broken_log: None) -> None:
    """S5: what is over `stop_timeout` is abandoned, also when that cannot be logged."""

    class Stubborn(Task[None]):
        stop_timeout = 1.0

        async def go(self) -> None:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(3)

    task = root.add_task(Stubborn())
    await task.wait_started()
    task.stop()
    await task.wait_stopped()
    assert root.size == 0
    root._life.pump.abandoned.clear()  # known, and not what the fixture is to complain about
    await anyio.sleep(5)


async def test_a_detached_observer_is_survived(root: RootManager[Any, Any], broken_log: None) -> None:
    """H6: an observer that raises is detached, also when that cannot be logged."""
    heard = []

    class Bad(Observer):
        def task_added(self, task: Any) -> None:
            heard.append(task)
            raise RuntimeError("no")

    root.observe(Bad())
    for _ in range(2):
        await root.add_task(anyio.sleep, 1)
    assert len(heard) == 1
