"""H: where a task is in the tree, and where it came from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from gotask import Job, LiveTree, RootManager, Task, TaskState, snapshot
from gotask.testing import EventRecorder
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


@pytest.mark.parametrize("wrong", [5, None, "no name"], ids=repr)
async def test_an_owner_type_that_goes_wrong_later(root: RootManager[Any, Any], wrong: Any) -> None:
    """H2, H5: what becomes of it is shown as text, whatever it is; the tree goes on."""

    class Renamed(Task[None]):
        name: Any = "Camera"

        @property
        def owner_type(self) -> Any:  # type: ignore[override]
            if self.name == "no name":
                raise OSError(self.name)
            return self.name

        async def go(self) -> None:
            self.name = wrong
            self.info("renamed")
            await anyio.sleep(1)
            raise ValueError

    root.observe(recorder := EventRecorder())
    task = root.add_task(Renamed())
    await anyio.sleep(0.5)
    text = "<Renamed: OSError('no name')>" if wrong == "no name" else str(wrong)
    assert task.execution_path == f"RootManager/{text}#{task.task_id}"
    assert task.call_stack()[-1].startswith(f"{text}#{task.task_id} GOING")
    assert snapshot(root).find(text) is not None
    root.observe(live := LiveTree())
    assert [row.owner_type for row in live.rows()] == ["RootManager", text]
    await task.wait_stopped()
    assert root.state is TaskState.STARTED
    assert [record.owner_type for record in (*root.history, *recorder.records)] == [text, text]
    assert recorder.events[-1].owner_type == text


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


# Start reasons (H1)


def line_of(function: object, offset: int) -> int:
    """The number of a line of this file, counted from a function's first one."""
    code = getattr(function, "__code__", None)
    assert code is not None
    return int(code.co_firstlineno) + offset


async def test_start_reason_is_the_line_of_add_task(root: RootManager[Any, Any]) -> None:
    """H1: `start_reason` is `file:line` of the `add_task` call, relative to the working directory."""

    def add() -> Task[None]:
        return root.add_task(Heartbeat())

    assert add().start_reason == f"tests/{HERE}:{line_of(add, 1)}"


async def test_start_reason_of_a_call_over_several_lines(root: RootManager[Any, Any]) -> None:
    """H1: of a call over several lines it is one of them."""

    def add() -> Task[None]:
        return root.add_task(
            Heartbeat(),
            key="k",
            timeout=100,
        )

    assert add().start_reason == f"tests/{HERE}:{line_of(add, 1)}"


async def test_start_reason_of_functions_and_run_tasks(root: RootManager[Any, Any]) -> None:
    """H1: functions, depend tasks, replacements and run-tasks have theirs too."""

    class Caller(Task[None]):
        async def go(self) -> None:
            await self.run_task(inner)

    inner = Heartbeat()
    root.add_task(Heartbeat(), key="k")

    def add() -> list[Task[Any]]:
        return [
            root.add_task(anyio.sleep, 1),
            root.add_depend_task(Heartbeat()),
            root.replace_task("k", Heartbeat()),
        ]

    added = add()
    assert [task.start_reason for task in added] == [f"tests/{HERE}:{line_of(add, number)}" for number in (2, 3, 4)]
    root.add_task(Caller())
    await anyio.sleep(0.5)
    assert inner.start_reason == f"tests/{HERE}:{line_of(Caller.go, 1)}"


async def test_start_reason_outside_the_working_directory(
    root: RootManager[Any, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """H1: it is absolute where the working directory is elsewhere."""
    task = root.add_task(Heartbeat())
    monkeypatch.chdir(tmp_path)
    assert Path(task.start_reason.rpartition(":")[0]) == Path(__file__)


async def test_start_reason_of_a_root_is_where_it_was_opened() -> None:
    """H1: a root's is the line that opened it; before that it has none."""
    root: RootManager[Any, Any] = RootManager()
    assert root.start_reason == ""
    assert Task().start_reason == ""
    await root.init()
    assert root.start_reason.startswith(f"tests/{HERE}:")
    await root.shutdown()


async def test_start_reason_of_a_root_entered_is_in_the_program() -> None:
    """H1: with `async with` too, it is a line of the program, not of the library."""
    async with RootManager() as root:
        assert root.start_reason.startswith(f"tests/{HERE}:")


async def test_start_reason_stays_over_lives(root: RootManager[Any, Any]) -> None:
    """H1: a restart does not change it; adding the task again does."""
    task = root.add_task(Heartbeat())
    first = task.start_reason
    await task.wait_started()
    task.restart()
    await anyio.sleep(1)
    assert task.start_reason == first
    await task.wait_stopped()
    root.add_task(task)
    assert task.start_reason != first


# Steps (H3)


class Stepping(Task[None]):
    async def start(self) -> None:
        self.step("connect", "to the server")

    async def go(self) -> None:
        await anyio.sleep(2)
        self.step("log in")
        await anyio.sleep(3)
        self.step("ready")


async def test_steps_have_name_detail_and_time(root: RootManager[Any, Any]) -> None:
    """H3: a step has a name, a detail and the seconds since its life began."""
    await anyio.sleep(7)
    task = root.add_task(Stepping())
    await task
    assert [(step.name, step.detail) for step in task.steps] == [
        ("connect", "to the server"),
        ("log in", ""),
        ("ready", ""),
    ]
    assert [step.at for step in task.steps] == [0, pytest.approx(2), pytest.approx(5)]


async def test_the_history_keeps_the_steps(root: RootManager[Any, Any]) -> None:
    """H3: the record of the life has its steps."""
    task = root.add_task(Stepping())
    await task
    (record,) = root.history.records(id=task.task_id)
    assert record.steps == task.steps


async def test_steps_belong_to_one_life(root: RootManager[Any, Any]) -> None:
    """H3: another life begins without steps, and counts from its own start."""
    task = root.add_task(Stepping())
    await task.wait_started()
    await anyio.sleep(3)
    task.restart()
    await anyio.sleep(2.5)
    assert [(step.name, step.at) for step in task.steps] == [("connect", 0), ("log in", pytest.approx(2))]
    await task.wait_stopped()
    first, second = root.history.records(id=task.task_id)
    assert [step.name for step in first.steps] == ["connect", "log in"]
    assert [step.name for step in second.steps] == ["connect", "log in", "ready"]


async def test_a_task_without_steps(root: RootManager[Any, Any]) -> None:
    """H3: no steps is an empty tuple."""
    assert root.add_task(Heartbeat()).steps == ()


def test_a_step_before_the_task_is_in_a_tree() -> None:
    """H3: a step recorded before the task is added has the time 0."""
    task = Heartbeat()
    task.step("made")
    assert [(step.name, step.at) for step in task.steps] == [("made", 0)]


# Descriptions (H4)


def test_descriptions_are_any_values_under_string_keys() -> None:
    """H4: any value may be set, asked for and taken back."""
    task, value = Heartbeat(), object()
    task.set_description("thing", value)
    task.set_descriptions({"size": 3, "names": ["a"]})
    assert task.get_description("thing") is value
    assert task.get_description("nothing") is None
    assert task.get_description("nothing", 0) == 0
    task.remove_description("thing")
    task.remove_description("thing")
    assert dict(task.descriptions) == {"size": 3, "names": ["a"]}


def test_descriptions_are_read_only() -> None:
    """H4: the mapping is a view that follows the task and cannot be written."""
    task = Heartbeat()
    task.set_description("a", 1)
    view = task.descriptions
    with pytest.raises(TypeError):
        view["b"] = 2  # type: ignore[index]
    task.set_description("c", 3)
    assert dict(view) == {"a": 1, "c": 3}


def test_the_key_of_a_description_is_a_string() -> None:
    """H4: another key is a TypeError, and nothing is set."""
    task = Heartbeat()
    with pytest.raises(TypeError, match="string"):
        task.set_descriptions({"a": 1, 2: "b"})  # type: ignore[dict-item]
    assert dict(task.descriptions) == {}


async def test_the_history_has_descriptions_as_text(root: RootManager[Any, Any]) -> None:
    """H4: they are copied as text when the life ends; changes after that do not matter."""
    names = ["a"]
    task = root.add_task(Heartbeat(), descriptions={"names": names, "size": 3})
    await task
    names.append("b")
    task.set_description("late", 1)
    (record,) = root.history.records(id=task.task_id)
    assert dict(record.descriptions) == {"names": "['a']", "size": "3"}


async def test_descriptions_stay_over_lives(root: RootManager[Any, Any]) -> None:
    """H4: another life has them still, and each record its own copy."""
    task = root.add_task(Heartbeat())
    await task.wait_started()
    task.set_description("life", 1)
    task.restart()
    await anyio.sleep(1)
    assert task.get_description("life") == 1
    task.set_description("life", 2)
    await task.wait_stopped()
    assert [dict(record.descriptions) for record in root.history.records(id=task.task_id)] == [
        {"life": "1"},
        {"life": "2"},
    ]
