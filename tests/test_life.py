"""L: the life cycle."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

import gotask
from gotask import RootManager, Task, TaskComplete, TaskState
from gotask.testing import EventRecorder

S = TaskState


class Sleeper(Task[int]):
    async def run(self) -> int:
        await anyio.sleep(5)
        return 42


async def test_states_of_a_run_life(root: RootManager[Any, Any], recorder: EventRecorder) -> None:
    """L1: a task with `run` passes STARTING, STARTED, RUNNING, DISPOSING, DISPOSED."""
    task = root.add_task(Sleeper())
    assert await task == 42
    assert recorder.states(task) == [S.STARTING, S.STARTED, S.RUNNING, S.DISPOSING, S.DISPOSED]
    assert task.timings.body == pytest.approx(5)


async def test_result_and_reason(root: RootManager[Any, Any]) -> None:
    """L6: a body that returns ends the life with TaskComplete, and its value is the result."""
    task = root.add_task(Sleeper())
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert task.result == 42
    assert gotask.current_task() is None
