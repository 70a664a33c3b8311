"""gotask in the kernel of a notebook: what a real one does, driven as JupyterLab drives it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.name == "nt", reason="an interrupt is another thing on Windows"),
]
SECONDS = 60.0


class Kernel:
    """A kernel, and what its cells say."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3", startup_timeout=SECONDS)
        self.elsewhere: dict[str, str] = {}
        """What was said for cells that were over already, by the cell."""

    def send(self, code: str) -> str:
        """Begin to run a cell."""
        return str(self.client.execute(code))

    def wait_for(self, cell: str, kind: str = "status", state: str = "idle") -> str:
        """What a cell says up to a message of this kind; by default up to its end."""
        said: list[str] = []
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            content, of = message["content"], message["parent_header"].get("msg_id")
            text = content.get("text") or content.get("ename") or content.get("data", {}).get("text/plain", "")
            if of != cell:
                self.elsewhere[of] = self.elsewhere.get(of, "") + text
                continue
            said.append(text)
            if message["msg_type"] == kind and content.get("execution_state", state) == state:
                return "".join(said).strip()

    def run(self, code: str) -> str:
        """What a cell says."""
        return self.end(self.send(code))

    def end(self, cell: str) -> str:
        """What a cell says up to its end; its reply is waited for, too: ipykernel may not hear what is sent before."""
        said = self.wait_for(cell)
        while self.client.get_shell_msg(timeout=SECONDS)["parent_header"].get("msg_id") != cell:
            pass
        return said

    def interrupt(self, code: str) -> tuple[str, float]:
        """What a cell says that is interrupted while it waits, and how long that took."""
        cell = self.send(f"print('waits')\n{code}")
        self.wait_for(cell, "stream")
        self.manager.interrupt_kernel()
        began = time.monotonic()
        return self.end(cell), time.monotonic() - began


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel with an open tree, made in the first cell."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    kernel = Kernel()
    kernel.run("import asyncio, signal, gotask\nroot = await gotask.RootManager().init()")
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel()


def test_an_interrupt_ends_a_waiting_cell_at_once(kernel: Kernel) -> None:
    """M1: also where the loop has nothing else to do; the tree lives on, and takes part in the next cell."""
    tries = [kernel.interrupt("await asyncio.sleep(3600)") for _ in range(3)]
    assert {said for said, _ in tries} <= {"CancelledError", "KeyboardInterrupt"}
    assert min(took for _, took in tries) < 1
    assert kernel.run("print(root.state.name)") == "STARTED"
    assert kernel.run("print(await root.add_task(asyncio.sleep, 0, 'works'))") == "works"
    assert kernel.run("print((await root.shutdown()).unstopped)") == "()"


def test_an_interrupt_of_a_cell_that_awaits_a_task_leaves_the_task_alone(kernel: Kernel) -> None:
    """S8: the one who waits is cancelled, not what it waits for."""
    kernel.run("task = root.add_task(asyncio.sleep, 3600)\nawait task.wait_started()")
    kernel.interrupt("await task")
    assert kernel.run("print(task.state.name)") == "GOING"


def test_an_interrupt_of_a_busy_cell_leaves_the_tree_alone(kernel: Kernel) -> None:
    """M1: a cell that does not wait holds the tree up; interrupted, it is over, and the tree goes on."""
    kernel.run("task = root.add_task(asyncio.sleep, 3600)\nawait task.wait_started()")
    said, _ = kernel.interrupt("while True:\n    pass")
    assert said.endswith("KeyboardInterrupt")
    assert kernel.run("await asyncio.sleep(0)\nprint(task.state.name, root.state.name)") == "GOING STARTED"


def test_shutdown_puts_the_loop_back(kernel: Kernel) -> None:
    """M3: what woke the loop is gone with the tree, and comes with the next one."""
    assert kernel.run("print(signal.set_wakeup_fd(-1) != -1)") == "True"
    kernel.run("await root.shutdown()\nawait root.init()\nawait root.shutdown()")
    assert kernel.run("print(signal.set_wakeup_fd(-1))") == "-1"


def test_places_are_cells(kernel: Kernel) -> None:
    """H1: a reader sees `cell [3]:2`, not the kernel's temporary file; so in stacks and reports."""
    assert kernel.run("print(root.start_reason)") == "cell [1]:2"
    kernel.run(
        "async def wait():\n    await asyncio.sleep(3600)\ntask = root.add_task(wait)\nawait task.wait_started()"
    )
    assert kernel.run("print(task.call_stack()[-1].partition(' ')[2])") == "GOING at cell [3]:3"
    assert kernel.run("print(gotask.get_task_history(id=task.task_id) or root.stop_report())") == "None"
    kernel.run("task.stop()\nawait task.wait_stopped()")
    assert kernel.run("print(root.history.records(id=task.task_id)[0].start_reason)") == "cell [3]:3"


def test_the_tree_lives_between_cells_and_waits_during_busy_ones(kernel: Kernel) -> None:
    """M1: its tasks go on while no cell runs."""
    kernel.run("task = root.add_task(asyncio.sleep, 0.05, 'over')\ntime = asyncio.get_running_loop().time")
    kernel.run("until = time() + 0.2\nwhile time() < until:\n    pass\nstate = task.state.name")
    assert kernel.run("print(state, await task)") == "GOING over"


def test_what_a_task_prints_comes_with_the_cell_that_opened_the_root(kernel: Kernel) -> None:
    """M9: hooks run in a copy of their parent's context, so not under the cell that happened to add the task."""
    cell = kernel.send("other = await gotask.RootManager().init()")
    kernel.wait_for(cell)
    kernel.run("async def speak():\n    await asyncio.sleep(0.05)\n    print('hello')\ntask = other.add_task(speak)")
    assert kernel.run("await task") == ""
    assert kernel.elsewhere[cell].strip() == "hello"


REPLY_WHILE_A_REQUEST_COMES = """
import select, threading
from IPython import get_ipython
kernel, holds = get_ipython().kernel, threading.Event()

def reply_late():
    holds.set()
    select.select([kernel.shell_stream.socket.FD], [], [], 60)
    kernel.shell_channel_thread.manager._send_on_shell_channel([b"nobody", b"a reply"])

kernel.shell_channel_thread.io_loop.add_callback(reply_late)
assert holds.wait(60)
"""


def test_a_request_is_read_that_comes_while_a_reply_is_sent(kernel: Kernel) -> None:
    """With a widget in it, the kernel answers: ipykernel 7.0 to 7.3 would be deaf from then on."""
    kernel.run("from gotask_dashboard import TaskTree\nview = TaskTree(root)")
    kernel.wait_for(kernel.send(REPLY_WHILE_A_REQUEST_COMES))
    assert kernel.run("print('heard')") == "heard"


def test_programs_are_explored_in_a_kernel_without_a_root(kernel: Kernel) -> None:
    """Their own loop has no I/O, and what wakes the kernel's loop at an interrupt is not asked of it."""
    kernel.run("await root.shutdown()\nfrom gotask.testing import explore")
    kernel.run("async def program(root):\n    return await root.add_task(asyncio.sleep, 1, 'works')")
    assert kernel.run("print(*explore(program).outcomes)") == "'works'"


def test_places_outside_of_notebooks_stay_files() -> None:
    """H1: IPython may be loaded without running anything; a program's places are its files."""
    code = "import IPython\nfrom gotask.tracing import shown_path\nprint(shown_path('/a/b.py'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "/a/b.py\n"
