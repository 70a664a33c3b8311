"""M2: `gotask.run`, the way in for a script."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from helpers import Forever

import gotask
from gotask import RootManager, Task, TaskState

ROOT = Path(__file__).parents[1]
BACKENDS = ["asyncio", "asyncio+uvloop", "trio"]
Root = RootManager[Any, Any]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Number(Task[int]):
    async def go(self) -> int:
        return 42


def script(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    return subprocess.run(
        [sys.executable, *options, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )


# What main is given, and what it gives


def test_run_returns_the_result_of_main(backend: str) -> None:
    """M2: `run` awaits `main(root)` and returns its result."""

    async def main(root: Root) -> int:
        return await root.add_task(Number())

    assert gotask.run(main, backend=backend) == 42


def test_run_calls_a_main_without_parameter(backend: str) -> None:
    """M2: a `main` without parameters is called as `main()`."""

    async def main() -> str:
        await anyio.lowlevel.checkpoint()
        return "done"

    assert gotask.run(main, backend=backend) == "done"


def test_run_hands_on_arguments() -> None:
    """M2: the arguments after main come after the root."""

    async def main(root: Root, one: int, *others: int) -> tuple[bool, int, tuple[int, ...]]:
        return root.state is TaskState.STARTED, one, others

    assert gotask.run(main, 1, 2, 3) == (True, 1, (2, 3))


def test_run_gives_a_main_with_star_args_the_root() -> None:
    """M2: a main that takes any number of arguments gets the root first."""

    async def main(*args: Any) -> int:
        assert isinstance(args[0], RootManager)
        return len(args)

    assert gotask.run(main) == 1


def test_run_takes_a_callable_object() -> None:
    """M2: main may be any callable that returns an awaitable."""

    class Program:
        async def __call__(self, root: Root) -> int:
            return root.level

    assert gotask.run(Program()) == 0


def test_run_takes_a_bound_method() -> None:
    """M2: a method counts its parameters without self."""

    class Program:
        async def main(self) -> str:
            return "no root"

        async def other(self, root: Root) -> str:
            return root.owner_type

    assert gotask.run(Program().main) == "no root"
    assert gotask.run(Program().other) == "RootManager"


def test_run_hands_root_options_to_the_root() -> None:
    """M2: other keywords are the options of the root."""

    async def main(root: Root) -> int:
        for _ in range(5):
            await root.add_task(Number())
        return len(root.history)

    assert gotask.run(main, history=2, handle_signals=False) == 2


def test_run_uses_the_back_end_it_is_told() -> None:
    """M8: each back end is the one that was asked for."""

    async def main() -> str:
        import sniffio

        return sniffio.current_async_library()

    async def loop() -> str:
        import asyncio

        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert gotask.run(main) == "asyncio"
    assert gotask.run(main, backend="trio") == "trio"
    assert gotask.run(loop) == "asyncio"
    assert gotask.run(loop, backend="asyncio+uvloop") == "uvloop"


def test_run_may_be_called_again(backend: str) -> None:
    """M2: one run after another, each with a root of its own."""

    async def main(root: Root) -> int:
        return root.task_id

    assert gotask.run(main, backend=backend) != gotask.run(main, backend=backend)


# The end


def test_run_shuts_the_tree_down(backend: str) -> None:
    """M2: when main returns, the tree is shut down, and clean-up runs."""
    task = Forever()

    async def main(root: Root) -> None:
        await root.add_task(task).wait_started()

    assert gotask.run(main, backend=backend) is None
    assert task.cleaned
    assert task.state is TaskState.DISPOSED


def test_an_exception_of_main_leaves_run_as_itself(backend: str) -> None:
    """M2: what main raises leaves `run` as it is, after clean-up."""
    task = Forever()
    error = ValueError("of main")

    async def main(root: Root) -> None:
        await root.add_task(task).wait_started()
        raise error

    with pytest.raises(ValueError) as caught:
        gotask.run(main, backend=backend)
    assert caught.value is error
    assert task.cleaned


def test_a_task_that_fails_fails_main_only_if_main_awaits_it(backend: str) -> None:
    """M2: a failure in the tree is not main's, unless main awaits it."""

    class Failing(Task):
        async def go(self) -> None:
            raise ValueError("of a task")

    async def wait(root: Root) -> None:
        await root.add_task(Failing())

    async def look(root: Root) -> str:
        return type(await root.add_task(Failing()).wait_stopped()).__name__

    with pytest.raises(ValueError, match="of a task"):
        gotask.run(wait, backend=backend)
    assert gotask.run(look, backend=backend) == "ValueError"


def test_main_is_cancelled_by_a_shutdown_from_inside(backend: str) -> None:
    """M11: on a shutdown from inside, main is cancelled once the tree is DISPOSED, and run returns None."""
    states: list[TaskState] = []

    class Ender(Task):
        async def go(self) -> None:
            await self.parent.shutdown()

    async def main(root: Root) -> str:
        root.add_task(Ender())
        try:
            await anyio.sleep_forever()
        finally:
            states.append(root.state)
        return "never"

    assert gotask.run(main, backend=backend) is None
    assert states == [TaskState.DISPOSED]


def test_main_that_waits_for_a_task_stopped_by_the_shutdown(backend: str) -> None:
    """M11: a main that awaits a task is not failed by the shutdown that stops this task; run returns None."""

    class Ender(Task):
        async def go(self) -> None:
            await self.parent.shutdown()

    async def main(root: Root) -> str:
        forever = root.add_task(Forever())
        root.add_task(Ender())
        await forever
        return "never"

    assert gotask.run(main, backend=backend) is None


def test_an_exit_that_main_raises_itself_is_an_error(backend: str) -> None:
    """M2: an Exit that is not the tree's own reason leaves `run` like any exception."""

    async def main() -> None:
        raise gotask.Exit("mine")

    with pytest.raises(gotask.Exit, match="mine"):
        gotask.run(main, backend=backend)


def test_main_may_shut_down_itself_and_go_on(backend: str) -> None:
    """M4, M11: a shutdown that main awaits does not cancel main, which has the report and returns its result."""
    task = Forever()

    async def main(root: Root) -> int:
        await root.add_task(task).wait_started()
        report = await root.shutdown()
        await anyio.lowlevel.checkpoint()
        return report.disposed

    assert gotask.run(main, backend=backend, handle_signals=False) == 2


def test_main_that_handles_its_cancellation_may_still_return(backend: str) -> None:
    """M11: what main does when it is cancelled is done; run returns None."""
    log: list[str] = []

    class Ender(Task):
        async def go(self) -> None:
            await self.parent.shutdown()

    async def main(root: Root) -> None:
        root.add_task(Ender())
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                log.append("cleaned up")

    assert gotask.run(main, backend=backend) is None
    assert log == ["cleaned up"]


def test_system_exit_of_a_task_leaves_run_as_itself(backend: str) -> None:
    """L14: SystemExit out of a hook leaves `run` as itself."""

    class Leaver(Task):
        async def go(self) -> None:
            raise SystemExit(5)

    async def main(root: Root) -> None:
        root.add_task(Leaver())
        await anyio.sleep_forever()

    with pytest.raises(SystemExit) as caught:
        gotask.run(main, backend=backend)
    assert caught.value.code == 5


def test_system_exit_of_a_task_is_the_status_of_the_process() -> None:
    """L14: so `sys.exit(5)` in a task ends the program with status 5."""
    done = script(
        """
import sys, anyio, gotask
class Leaver(gotask.Task):
    async def go(self):
        sys.exit(5)
async def main(root):
    await root.add_task(Leaver()).wait_stopped()
    await anyio.sleep_forever()
gotask.run(main)
"""
    )
    assert done.returncode == 5


# Wrong calls


async def coroutine() -> None:
    pass


@pytest.mark.parametrize("wrong", [42, "main", None])
def test_main_must_be_callable(wrong: Any) -> None:
    """M2: a main that is no function is a TypeError at once."""
    with pytest.raises(TypeError, match="async function"):
        gotask.run(wrong)


def test_main_must_not_be_called_by_the_user() -> None:
    """M2: `run(main())` is a TypeError that says what to do, without a warning about a coroutine never awaited."""
    with pytest.raises(TypeError, match="without brackets"):
        gotask.run(coroutine())  # type: ignore[arg-type]


def test_main_must_be_async(backend: str) -> None:
    """M2: a plain function as main is a TypeError that says so."""

    def main(root: Root) -> None:
        pass

    with pytest.raises(TypeError, match="async def"):
        gotask.run(main, backend=backend)  # type: ignore[arg-type]


def test_the_back_end_must_be_known() -> None:
    """M2: an unknown back end is a ValueError that lists those there are."""
    with pytest.raises(ValueError, match=r"asyncio, asyncio\+uvloop, trio"):
        gotask.run(coroutine, backend="twisted")


def test_a_back_end_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """M2: a back end whose package is missing is an error that says what to install."""
    monkeypatch.setattr("gotask.running.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"gotask\[trio\]"):
        gotask.run(coroutine, backend="trio")


def test_run_inside_a_running_loop_is_refused() -> None:
    """M2: `run` inside an event loop is a RuntimeError; `RootManager` is the way there."""

    async def main() -> None:
        with pytest.raises(RuntimeError):
            gotask.run(coroutine)

    gotask.run(main)


# Logging


@contextlib.contextmanager
def bare_logging() -> Iterator[logging.Logger]:
    """Logging as nobody has configured it. Not a fixture: pytest adds its own handlers later than that."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def test_run_configures_logging_if_nobody_has() -> None:
    """H7: `run` configures logging at INFO when there is no handler yet."""
    with bare_logging() as logger:
        gotask.run(coroutine)
        assert len(logger.handlers) == 1
        assert logger.level == logging.INFO


def test_run_configures_logging_once() -> None:
    """H7: a second run adds no second handler."""
    with bare_logging() as logger:
        gotask.run(coroutine)
        gotask.run(coroutine)
        assert len(logger.handlers) == 1


def test_run_leaves_logging_alone_if_somebody_has() -> None:
    """H7: a handler on the root logger is the user's own configuration."""
    handler = logging.NullHandler()
    with bare_logging() as logger:
        logger.addHandler(handler)
        logger.setLevel(logging.ERROR)
        gotask.run(coroutine)
        assert logger.handlers == [handler]
        assert logger.level == logging.ERROR


def test_run_leaves_logging_alone_if_gotask_has_a_handler() -> None:
    """H7: so is a handler on the logger `gotask`."""
    handler = logging.NullHandler()
    own = logging.getLogger("gotask")
    with bare_logging() as logger:
        own.addHandler(handler)
        gotask.run(coroutine)
        own.removeHandler(handler)
        assert logger.handlers == []


async def test_a_root_configures_no_logging() -> None:
    """H7: the library itself configures no handlers."""
    with bare_logging() as logger:
        async with RootManager() as root:
            await root.add_task(Number())
        assert logger.handlers == []
    assert logging.getLogger("gotask").handlers == []


# What was abandoned

ENDLESS = """
import sys, threading, anyio, gotask
begun = threading.Event()
class Endless(gotask.Task):
    stop_timeout = 0.01
    def go(self):
        begun.set()
        threading.Event().wait()
class Hanging(gotask.Task):
    dispose_timeout = 0.01
    stop_timeout = 0.02
    async def dispose(self):
        while True:
            try:
                await anyio.sleep_forever()
            except BaseException:
                pass
"""


@pytest.mark.parametrize("kind", ["Endless", "Hanging"])
def test_abandoned_things_do_not_keep_the_process(kind: str, backend: str) -> None:
    """S11: a thread that never ends, or a dispose that will not, is abandoned; `run` ends the process with a report."""
    done = script(
        ENDLESS
        + f"""
async def main(root):
    await root.add_task({kind}()).wait_started()
    if {kind} is Endless:
        await anyio.to_thread.run_sync(begun.wait)
    print("main is over")
gotask.run(main, backend={backend!r})
"""
    )
    assert done.returncode == 1
    assert done.stdout == "main is over\n"
    assert f"did not stop: RootManager/{kind}#" in done.stderr
    assert "in dispose" in done.stderr if kind == "Hanging" else "in go" in done.stderr


def test_the_error_of_main_is_shown_when_something_was_abandoned(backend: str) -> None:
    """S11: where main has failed too, its traceback is not lost when the process is ended."""
    done = script(
        ENDLESS
        + f"""
async def main(root):
    await root.add_task(Endless()).wait_started()
    raise ValueError("of main")
gotask.run(main, backend={backend!r})
"""
    )
    assert done.returncode == 1
    assert "ValueError: of main" in done.stderr
    assert "did not stop: RootManager/Endless#" in done.stderr


def test_what_was_printed_is_not_lost_when_something_was_abandoned() -> None:
    """S11: output that was still in the buffers is written before the process is ended."""
    done = script(
        ENDLESS
        + """
async def main(root):
    await root.add_task(Endless()).wait_started()
    print("to stdout", end="")
    sys.stderr.write("to stderr\\n")
gotask.run(main)
"""
    )
    assert done.stdout == "to stdout"
    assert "to stderr" in done.stderr
