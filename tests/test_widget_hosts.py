"""Where a widget may be: beside a tree in another thread, without the packages of the server, and without threads."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from dashboards import Camera
from widgets import View

import gotask
from gotask_dashboard import TaskTree

HEAVY = ("fastapi", "starlette", "pydantic", "uvicorn", "psutil", "sqlalchemy", "prometheus_client", "psycopg")

IN_A_BROWSER = f"""
import asyncio, sys, threading

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(name, name=name)

def no_threads(self):
    raise RuntimeError("there are no threads here")

sys.meta_path.insert(0, Missing())
threading.Thread.start = no_threads

import gotask
from gotask_dashboard import TaskTree

class Camera(gotask.Task):
    async def go(self):
        await self.wait_stop_requested()

async def main():
    root = await gotask.RootManager().init()
    camera = root.add_task(Camera())
    widget, said = TaskTree(root), []
    widget.send = lambda head, buffers: said.append(head)
    asks = [
        ("GET", "/api/tasks"), ("GET", f"/api/tasks/{{camera.task_id}}"), ("GET", "/api/session"),
        ("GET", "/api/history"), ("GET", "/api/history/stats"), ("GET", "/api/sessions"), ("GET", "/api/process"),
        ("POST", f"/api/tasks/{{camera.task_id}}/stop"),
    ]
    widget._handle_custom_msg({{"kind": "subscribe", "client": "a"}}, [])
    for number, (method, path) in enumerate(asks):
        widget._handle_custom_msg({{"kind": "ask", "client": "a", "id": number, "method": method, "path": path}}, [])
    await camera.wait_stopped()
    widget._handle_custom_msg(
        {{"kind": "ask", "client": "a", "id": 8, "method": "POST", "path": f"/api/tasks/{{camera.task_id}}/start"}}, []
    )
    while camera.state != gotask.TaskState.GOING:
        await asyncio.sleep(0.01)
    await root.shutdown()
    print([head["status"] for head in said if head["kind"] == "answer"])
    print([head["event"] for head in said if head["kind"] == "event"][-1])

asyncio.run(main())
"""


def until(question: Callable[[], Any]) -> None:
    """Ask until the answer is a good one, for thirty seconds."""
    last = time.monotonic() + 30
    while not question():
        assert time.monotonic() < last, "it never came"
        time.sleep(0.02)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_tree_in_another_thread(backend: str) -> None:
    """M5: told and answered from the tree's thread, so it goes on while the notebook does something else."""
    with gotask.BlockingRoot(backend=backend) as root:
        camera = root.add_task(Camera())
        widget = TaskTree(root)
        view = View(widget)
        view.tell("subscribe")
        until(lambda: view.states().get(camera.task_id) == "GOING")
        view.tell("ask", id=1, method="POST", path=f"/api/tasks/{camera.task_id}/stop", body={})
        root.wait_stopped(camera, timeout=30)
        until(lambda: camera.task_id not in view.page.rows)
        assert "Camera" not in str(widget)
        assert threading.get_ident() not in view.threads
    assert view.events[-1] == "bye"
    view.tell("ask", id=2, method="GET", path="/api/session", body=None)
    view.tell("ask", id=3, method="POST", path=f"/api/tasks/{camera.task_id}/start", body={})
    assert [view._answers[number][0] for number in (2, 3)] == [200, 409]


def test_a_picture_does_not_wait_for_a_tree_that_is_blocked() -> None:
    """A notebook is shown, also if a body sleeps in the loop."""
    free = threading.Event()

    class Blocks(gotask.Task[None]):
        async def go(self) -> None:
            free.wait(30)

    with gotask.BlockingRoot() as root:
        widget = TaskTree(root)
        root.add_task(Blocks())
        assert "Blocks" in str(widget)
        free.set()


def test_it_runs_without_the_packages_of_the_server_and_without_threads() -> None:
    """As in a browser: every path is answered, what the process takes with 501, where nothing can measure it."""
    done = subprocess.run([sys.executable, "-c", IN_A_BROWSER], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["[200, 200, 200, 200, 200, 200, 501, 202, 202]", "bye"]


@pytest.mark.parametrize("view", ["TaskTree", "Stepper"])
def test_without_its_packages_it_says_which_extra_has_them(view: str) -> None:
    """An error that can be acted on."""
    code = f"import sys; sys.modules['anywidget'] = None; from gotask_dashboard import {view}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip().endswith(
        "ModuleNotFoundError: a view in a notebook needs the package anywidget: pip install 'gotask[notebook]'"
    )
