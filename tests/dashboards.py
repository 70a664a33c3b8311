"""What the tests of the dashboard share: a program with a dashboard, and somebody who asks it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx

import gotask
from gotask_dashboard import Dashboard

COMMAND = {"X-Gotask": "1", "Content-Type": "application/json"}


class Camera(gotask.Task[None]):
    """Lives until it is stopped."""

    async def go(self) -> None:
        await self.wait_stop_requested()


class Slow(gotask.Task[None]):
    """Lives until it is stopped, and then until `leave` is set, in the tree's loop."""

    def start(self) -> None:
        self.leave = anyio.Event()

    async def go(self) -> None:
        await self.wait_stop_requested()

    async def dispose(self) -> None:
        await self.leave.wait()


class Broken(gotask.Task[None]):
    """Fails at once."""

    def run(self) -> None:
        raise ConnectionError("no line")


class Site:
    """A tree in a thread of its own, with a dashboard that listens on a real port."""

    def __init__(self, *, backend: str = "asyncio", watchdog: float | None = None, **options: Any) -> None:
        self.root = gotask.BlockingRoot(backend=backend, watchdog=watchdog)
        self.dashboard = Dashboard(**{"port": 0, "history": None, **options})

    def __enter__(self) -> Site:
        self.root.__enter__()
        self.root.add_task(self.dashboard)
        self.root.wait_started(self.dashboard)
        self.base = self.dashboard.url.partition("/#")[0].rstrip("/")
        headers = {"Authorization": f"Bearer {self.dashboard.token}"} if self.dashboard.token else {}
        self.client = httpx.Client(base_url=self.base, headers=headers, timeout=20)
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        self.root.shutdown(20)

    def add(self, task: Any, **options: Any) -> Any:
        """A task that is STARTED."""
        added = self.root.add_task(task, **options)
        self.root.wait_started(added)
        return added

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        """What is answered, as JSON."""
        answer = self.client.get(path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, content: Any = None, status: int = 202) -> Any:
        """What a command is answered."""
        answer = self.client.post(path, content=json.dumps(content or {}), headers=COMMAND)
        assert answer.status_code == status, answer.text
        return answer.json()

    def ids(self, **params: Any) -> list[int]:
        """The tasks that fit."""
        return [task["id"] for task in self.get("/api/tasks", **params)["list"]]

    def until(self, question: Callable[[], Any]) -> Any:
        """Ask until the answer is a good one."""
        return until(self.dashboard._mirror, question)

    def with_history(self) -> None:
        """Wait until the history is open, and knows all that is over."""
        store = self.until(lambda: self.dashboard._mirror.store)
        assert self.root._wait(store.flush, 20)

    @contextmanager
    def events(self) -> Iterator[Iterator[tuple[str, Any]]]:
        """The events of one stream."""
        with self.client.stream("GET", "/api/events") as answer:
            assert answer.status_code == 200
            yield events_of(answer)


def until(tree: gotask.LiveTree, question: Callable[[], Any]) -> Any:
    """Ask again after each change of the tree until the answer is a good one, for twenty seconds."""
    changed, last = threading.Event(), time.monotonic() + 20
    with tree.subscribe(changed.set) as reader:
        while time.monotonic() < last:
            changed.clear()
            reader.take()
            answer = question()
            if answer:
                return answer
            changed.wait(0.1)  # what is no change of the tree, as the end of a stream, is asked for now and then
    raise AssertionError("it never came")


def events_of(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Name and data of each event; comments are left out."""
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def rows_of(data: Any) -> list[dict[str, Any]]:
    """The rows of a snapshot or delta."""
    return [dict(zip(data["fields"], values, strict=True)) for values in zip(*data["columns"], strict=True)]


def allow_files(number: int) -> None:
    """Let this process have so many files and sockets open, where that is limited."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


class Page:
    """What a page makes of the stream: the tree."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.seq = -1
        self.status: dict[str, Any] = {}

    def take(self, name: str, data: Any) -> None:
        """Apply one event."""
        if name == "status":
            self.status = data
        if name in ("snapshot", "delta"):
            assert name == "snapshot" or data["from"] == self.seq
            self.seq = data["seq"]
            self.rows.update((row["id"], row) for row in rows_of(data))
            for gone in data.get("removed", ()):
                del self.rows[gone]
