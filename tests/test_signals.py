"""M3: signals of the operating system, sent to real processes.

A process is never waited for by time: it prints a line when it is where the test wants it.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import gotask
from gotask import RootManager, TaskState, TaskStateError, TaskType
from gotask.testing import run_virtual

ROOT = Path(__file__).parents[1]
BACKENDS = ["asyncio", "asyncio+uvloop", "trio"]
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]

HEAD = """
import sys, threading
import anyio
import gotask

def say(*words):
    print(*words, flush=True)

class Server(gotask.Task):
    async def go(self):
        say("ready")
        await anyio.sleep_forever()
    async def dispose(self):
        say("cleaning")
        await self.clean()
        say("cleaned")
    async def clean(self):
        await anyio.sleep(0.01)

class Slow(Server):
    async def clean(self):
        await anyio.sleep_forever()

async def wait_in(what):
    try:
        await what()
    except anyio.get_cancelled_exc_class():
        say("main cancelled")
        raise

def block():
    while True:  # in short waits: Python does not hear of a signal that comes just before a long one
        threading.Event().wait(0.01)

backend = sys.argv[1]
"""

GRACEFUL = """
async def main(root):
    root.add_task(Server())
    await wait_in(anyio.sleep_forever)
say("result", gotask.run(main, backend=backend))
"""

HANGING = """
async def main(root):
    root.add_task(Slow(), key="the slow one")
    await wait_in(anyio.sleep_forever)
say("result", gotask.run(main, backend=backend))
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process that runs a program, and end it after the test if it has not ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(program: str, backend: str = "asyncio") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", HEAD + program, backend],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_to(process: subprocess.Popen[str], line: str) -> None:
    """Read what the process prints up to this line."""
    assert process.stdout is not None
    for got in process.stdout:
        if got.strip() == line:
            return
    assert process.stderr is not None
    pytest.fail(f"it ended without saying {line!r}: {process.stderr.read()}")


def rest_of(process: subprocess.Popen[str]) -> tuple[list[str], str]:
    """What it prints until it ends, and what it wrote to stderr."""
    out, err = process.communicate(timeout=50)
    return out.splitlines(), err


# Once


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", SIGNALS)
def test_one_signal_is_a_graceful_shutdown(start: Start, backend: str, number: signal.Signals) -> None:
    """M3, M11: a signal starts one shutdown: clean-up runs, then main is cancelled, run returns None, status is 0."""
    process = start(GRACEFUL, backend)
    read_to(process, "ready")
    process.send_signal(number)
    out, err = rest_of(process)
    assert out == ["cleaning", "cleaned", "main cancelled", "result None"]
    assert process.returncode == 0
    assert f"{number.name}: shutting down" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_stop_reason_names_the_signal(start: Start, backend: str) -> None:
    """M3: the reason is Exit, and says which signal it was."""
    process = start(
        """
class Told(Server):
    async def clean(self):
        say(repr(self.stop_reason))
async def main(root):
    await root.add_task(Told())
gotask.run(main, backend=backend)
""",
        backend,
    )
    read_to(process, "ready")
    process.send_signal(signal.SIGTERM)
    out, _ = rest_of(process)
    assert "Exit('SIGTERM')" in out
    assert process.returncode == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("body", ["async def run(self)", "async def start(self)"])
def test_a_signal_is_heard_while_a_child_holds_the_loop(start: Start, backend: str, body: str) -> None:
    """M3, L5: a `run` (or a slow `start`, with a bound) that holds up the root's loop does not hold up the signal."""
    process = start(
        f"""
class Holder(gotask.Task):
    start_timeout = 0.1
    {body}:
        say("ready")
        await anyio.sleep_forever()
async def main(root):
    root.add_task(Holder())
    await wait_in(anyio.sleep_forever)
say("result", gotask.run(main, backend=backend))
""",
        backend,
    )
    read_to(process, "ready")
    process.send_signal(signal.SIGTERM)
    out, _ = rest_of(process)
    assert out == ["main cancelled", "result None"]
    assert process.returncode == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_signal_ends_thread_bodies_that_look(start: Start, backend: str) -> None:
    """M3, S4: a thread body is told by `is_stopped`, and waited for."""
    process = start(
        """
class Threaded(gotask.Task):
    def start(self):
        self.told = threading.Event()
        self.on_stop(self.told.set)
    def go(self):
        say("ready")
        self.told.wait()
        say("thread over")
async def main(root):
    root.add_task(Threaded())
    await wait_in(anyio.sleep_forever)
gotask.run(main, backend=backend)
""",
        backend,
    )
    read_to(process, "ready")
    process.send_signal(signal.SIGINT)
    out, _ = rest_of(process)
    assert out == ["thread over", "main cancelled"]
    assert process.returncode == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_signal_that_interrupts_nothing_is_heard(start: Start, backend: str) -> None:
    """M3: also one that reaches another thread, or comes just before the loop falls asleep, wakes the loop up."""
    process = start(
        """
import signal
from gotask.tracing import is_idle
class Sender(gotask.Task):
    def start(self):
        self.told = threading.Event()
        self.on_stop(self.told.set)
    def go(self):
        main = threading.main_thread().ident
        while not is_idle(sys._current_frames()[main]):
            pass
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        self.told.wait()
async def main(root):
    root.add_task(Sender())
    await wait_in(anyio.sleep_forever)
gotask.run(main, backend=backend)
""",
        backend,
    )
    assert rest_of(process)[0] == ["main cancelled"]
    assert process.returncode == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_signal_to_async_with_leaves_its_body_alone(start: Start, backend: str) -> None:
    """M3, M11: with `handle_signals=True` under `async with` the tree goes, and the body goes on."""
    process = start(
        """
async def main():
    async with gotask.RootManager(handle_signals=True) as root:
        root.add_task(Server())
        await root.wait_stopped()
        say("body goes on")
anyio.run(main, backend=backend.partition("+")[0])
""",
        backend,
    )
    read_to(process, "ready")
    process.send_signal(signal.SIGTERM)
    out, _ = rest_of(process)
    assert out == ["cleaning", "cleaned", "body goes on"]
    assert process.returncode == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_without_handlers_still_cleans_up(start: Start, backend: str) -> None:
    """S8: Ctrl-C where the library handles no signal is a stop with Exit; clean-up runs, KeyboardInterrupt leaves."""
    process = start(
        """
class Told(Server):
    async def go(self):
        say("ready")
        while True:  # asyncio itself does not hear of a Ctrl-C that comes just before it falls asleep
            await anyio.sleep(0.01)
    async def clean(self):
        await anyio.sleep(0.01)
        say(type(self.stop_reason).__name__)
async def main():
    async with gotask.RootManager() as root:
        await root.add_task(Told())
anyio.run(main, backend=backend.partition("+")[0], backend_options={"use_uvloop": True} if "+" in backend else {})
""",
        backend,
    )
    read_to(process, "ready")
    process.send_signal(signal.SIGINT)
    out, err = rest_of(process)
    assert out == ["cleaning", "Exit", "cleaned"]
    assert "KeyboardInterrupt" in err
    assert process.returncode != 0


# Twice


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_the_process_at_once(start: Start, backend: str, number: signal.Signals) -> None:
    """M3: a second signal during the shutdown ends the process with status 128 + n, and says what was alive."""
    process = start(HANGING, backend)
    read_to(process, "ready")
    process.send_signal(number)
    read_to(process, "cleaning")
    process.send_signal(number)
    out, err = rest_of(process)
    assert process.returncode == 128 + number
    assert out == []  # neither cleaned up twice nor came back from `run` (known trap)
    assert f"second {number.name}: ending at once. Still alive:" in err
    assert "RootManager" in err
    assert "[the slow one] DISPOSING (Exit)" in err


def test_a_second_signal_says_why_the_tree_is_not_stopping(start: Start) -> None:
    """M3: it says who asked, and what the tree waits for, down to the task that hangs."""
    process = start(HANGING)
    read_to(process, "ready")
    process.send_signal(signal.SIGTERM)
    read_to(process, "cleaning")
    process.send_signal(signal.SIGTERM)
    _, err = rest_of(process)
    assert "by the signal SIGTERM" in err
    assert "waiting for its child Slow#" in err
    assert "DISPOSING, in dispose" in err


def test_a_second_signal_says_where_a_blocked_loop_is(start: Start) -> None:
    """M3: where the loop could not hear of the first one, because something blocks it, it says where."""
    process = start(
        """
async def main(root):
    say("ready")
    block()
gotask.run(main, backend=backend)
"""
    )
    read_to(process, "ready")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    _, err = rest_of(process)
    assert "did not hear of the first one" in err
    assert " in main" in err


def test_a_second_signal_of_another_kind_counts_too(start: Start) -> None:
    """M3: the second signal need not be the same; its own number makes the status."""
    process = start(HANGING)
    read_to(process, "ready")
    process.send_signal(signal.SIGTERM)
    read_to(process, "cleaning")
    process.send_signal(signal.SIGINT)
    rest_of(process)
    assert process.returncode == 128 + signal.SIGINT


def test_a_second_signal_is_heard_while_the_loop_is_blocked(start: Start) -> None:
    """M3: also when a plain hook blocks the whole event loop."""
    process = start(
        """
class Blocking(Server):
    def dispose(self):
        say("cleaning")
        block()
async def main(root):
    await root.add_task(Blocking())
gotask.run(main, backend=backend)
"""
    )
    read_to(process, "ready")
    process.send_signal(signal.SIGTERM)
    read_to(process, "cleaning")
    process.send_signal(signal.SIGTERM)
    _, err = rest_of(process)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Blocking" in err


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_first_signal_during_a_shutdown_does_not_begin_another(start: Start, backend: str) -> None:
    """M3: a first signal after the shutdown has begun changes nothing, up to the end of the root's own clean-up."""
    process = start(
        """
class Careful(gotask.RootManager):
    def start(self):
        self.on_descendants_start(self.note)
    def note(self, task):
        self.signals = task
    async def dispose(self):
        say("root cleaning")
        while not self.signals.received:
            await anyio.sleep(0.001)
        await anyio.sleep(0.01)
        say("root cleaned")
async def main():
    async with Careful(handle_signals=True):
        pass
    say("over")
anyio.run(main, backend=backend.partition("+")[0])
""",
        backend,
    )
    read_to(process, "root cleaning")
    process.send_signal(signal.SIGTERM)
    out, err = rest_of(process)
    assert out == ["root cleaned", "over"]
    assert process.returncode == 0
    assert "Traceback" not in err


def test_a_signal_after_run_is_the_systems_again(start: Start) -> None:
    """M3: after `run` the signal does what it did before: it ends the process."""
    process = start(
        """
async def main():
    pass
gotask.run(main)
say("after run")
sys.stdin.read()
"""
    )
    read_to(process, "after run")
    process.send_signal(signal.SIGTERM)
    rest_of(process)
    assert process.returncode == -signal.SIGTERM


# Handlers


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.fixture
def mine() -> Iterator[list[Any]]:
    """Handlers of the program itself, one of each kind."""
    before = handlers()
    own: list[Any] = [lambda number, frame: None, signal.default_int_handler, signal.SIG_IGN, signal.SIG_DFL]
    for number, handler in zip(SIGNALS, own, strict=True):
        signal.signal(number, handler)
    yield own
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("backend", BACKENDS)
def test_run_installs_handlers_and_restores_the_previous_ones(mine: list[Any], backend: str) -> None:
    """M3: `run` handles what is not ignored, and puts back what was there, of whatever kind (known trap: removing)."""

    async def main(root: RootManager[Any, Any]) -> list[Any]:
        return handlers()

    during = gotask.run(main, backend=backend)
    assert during is not None
    assert [now is before for now, before in zip(during, mine, strict=True)] == [False, False, True, False]
    assert handlers() == mine


@pytest.mark.parametrize("number", SIGNALS)
def test_an_ignored_signal_stays_ignored(mine: list[Any], number: signal.Signals) -> None:
    """M3: `nohup`, or a shell that starts a program with `&`, has signals ignored, and means it."""

    async def main(root: RootManager[Any, Any]) -> bool:
        signal.raise_signal(number)
        await anyio.lowlevel.checkpoint()
        return root.is_stopped

    signal.signal(number, signal.SIG_IGN)
    assert gotask.run(main) is False
    assert signal.getsignal(number) is signal.SIG_IGN


@pytest.mark.parametrize("first", ["program", "root"])
def test_a_handler_that_the_program_gave_to_asyncio_is_called(first: str) -> None:
    """M3: what came by `add_signal_handler`, before or after the root opened, is called in its time and afterwards."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        heard = asyncio.Event()
        root: RootManager[Any, Any] = RootManager(handle_signals=True)
        if first == "root":
            await root.init()
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        await root.init()
        signal.raise_signal(signal.SIGUSR1)
        await heard.wait()
        await root.shutdown()
        heard.clear()
        signal.raise_signal(signal.SIGUSR1)
        await heard.wait()
        loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())


def test_nothing_of_the_wakeup_is_left_on_asyncio() -> None:
    """M3: what wakes the loop for a signal goes with the root."""

    async def main() -> tuple[int, int]:
        async with RootManager(handle_signals=True):
            during = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(during)
        return during, signal.set_wakeup_fd(-1)

    during, after = asyncio.run(main())
    assert (during != -1, after) == (True, -1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_handlers_are_restored_when_main_fails(mine: list[Any], backend: str) -> None:
    """M3: also when `main` raises."""

    async def main() -> None:
        raise ValueError("main")

    with pytest.raises(ValueError, match="main"):
        gotask.run(main, backend=backend)
    assert handlers() == mine


@pytest.mark.parametrize("backend", BACKENDS)
def test_handlers_are_restored_by_a_shutdown(mine: list[Any], backend: str) -> None:
    """M3: a root with `handle_signals=True` restores them when it is DISPOSED, and handles them again when reopened."""

    async def main() -> None:
        before = handlers()
        root: RootManager[Any, Any] = RootManager(handle_signals=True)
        for _ in range(2):
            await root.init()
            assert handlers() != before
            await root.shutdown()
            assert handlers() == before

    run_virtual(main, backend=backend)


async def test_a_root_in_a_host_installs_no_handlers() -> None:
    """M3: a root inside a host's event loop touches no signal unless it is told to."""
    before = handlers()
    async with RootManager() as root:
        assert handlers() == before
        assert root.children == ()


def test_run_with_handle_signals_false_installs_none(mine: list[Any]) -> None:
    """M3: `run(…, handle_signals=False)` touches no signal."""

    async def main(root: RootManager[Any, Any]) -> None:
        assert handlers()[0] is mine[0]
        assert handlers()[2:] == mine[2:]
        assert root.children == ()

    gotask.run(main, handle_signals=False)


def test_signals_are_a_channel_task_named_os_signal() -> None:
    """M3: signals are a ChannelTask in the tree, named OSSignal."""

    async def main(root: RootManager[Any, Any]) -> None:
        (task,) = root.children
        assert task.owner_type == "OSSignal"
        assert task.task_type is TaskType.CHANNEL
        assert task.level == 1

    gotask.run(main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_handle_signals_in_a_thread_is_a_clear_error(backend: str) -> None:
    """M3: `handle_signals=True` outside the main thread is a TaskStateError that says so, and nothing is left open."""
    root: RootManager[Any, Any] = RootManager(handle_signals=True)
    caught: list[BaseException] = []

    async def main() -> None:
        try:
            await root.init()
        except TaskStateError as error:
            caught.append(error)

    thread = threading.Thread(target=lambda: anyio.run(main, backend=backend.partition("+")[0]))
    before = handlers()
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])
    assert root.state is TaskState.DISPOSED
    assert handlers() == before
