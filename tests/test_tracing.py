"""H: where a task is in the tree, and where it came from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from gotask import Job, RootManager, Task
from gotask.tracing import as_text, shown_path

HERE = Path(__file__).name


class Heartbeat(Task[None]):
    async def go(self) -> None:
        await anyio.sleep(10)


class Connection(Job[None]):
    def start(self) -> None:
        self.heartbeat = self.add_task(Heartbeat())


async def test_execution_path_is_the_chain_of_owners(root: RootManager[Any, Any]) -> None:
    """H2: the path leads from the root to the task, and ends with its id."""
    connection = root.add_task(Connection())
    await connection.wait_started()
    heartbeat = connection.heartbeat
    assert heartbeat.execution_path == f"RootManager/Connection/Heartbeat#{heartbeat.task_id}"
    assert root.execution_path == f"RootManager#{root.task_id}"


async def test_the_path_uses_the_owner_type(root: RootManager[Any, Any]) -> None:
    """H2: a name given with `add_task` is what the path shows."""
    task = root.add_task(anyio.sleep, 1, name="Nap")
    assert task.execution_path == f"RootManager/Nap#{task.task_id}"


async def test_call_stack_has_ids_states_and_start_reasons(root: RootManager[Any, Any]) -> None:
    """H2: a line for each task on the path, the innermost last."""
    connection = root.add_task(Connection())
    await connection.wait_started()
    await connection.heartbeat.wait_started()
    await anyio.sleep(1)
    outer, middle, inner = connection.heartbeat.call_stack()
    assert outer.startswith(f"RootManager#{root.task_id} STARTED")
    assert re.fullmatch(rf"Connection#{connection.task_id} STARTED at \S*{HERE}:\d+", middle)
    assert re.fullmatch(rf"Heartbeat#{connection.heartbeat.task_id} GOING at \S*{HERE}:\d+", inner)


async def test_a_run_task_is_below_its_caller(root: RootManager[Any, Any]) -> None:
    """H2: the path of a run-task leads through the task that runs it, once."""
    inner = Heartbeat()

    class Caller(Task[None]):
        async def go(self) -> None:
            await self.run_task(inner)

    caller = root.add_task(Caller())
    await anyio.sleep(1)
    assert inner.execution_path == f"RootManager/Caller/Heartbeat#{inner.task_id}"
    assert [line.split("#")[0] for line in inner.call_stack()] == ["RootManager", "Caller", "Heartbeat"]
    caller.stop()


def test_before_it_is_in_a_tree_it_has_its_own_name_only() -> None:
    """H2: the path of a task in no tree is its owner type and id."""
    task = Heartbeat()
    assert task.execution_path == f"Heartbeat#{task.task_id}"
    assert task.call_stack() == [f"Heartbeat#{task.task_id} INIT"]


def test_paths_are_shown_relative_to_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """H1: relative when it is inside it, absolute when it is not; a folder whose name only begins the same is not."""
    monkeypatch.chdir(tmp_path)
    assert shown_path(str(tmp_path / "app" / "main.py")) == str(Path("app") / "main.py")
    assert shown_path(f"{tmp_path}-other/main.py") == f"{tmp_path}-other/main.py"


def test_any_value_becomes_text() -> None:
    """H4: a description whose `__str__` raises is kept as the name of its type and the error."""

    class Shy:
        def __str__(self) -> str:
            raise RuntimeError("not me")

    assert as_text(Shy()) == "<Shy: RuntimeError('not me')>"
