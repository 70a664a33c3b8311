"""What the tests of the widget share: somebody who looks at one, as its view in a browser would, and asks."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from typing import Any

import anyio
from dashboards import Page

from gotask_dashboard.widget import TreeWidget


class View:
    """A view of this widget, of which `send` is taken: what the kernel says is decoded here."""

    def __init__(self, widget: TreeWidget, client: str = "one") -> None:
        self.widget, self.client = widget, client
        self.page = Page()
        self.events: list[str] = []
        self.parts: list[dict[str, Any]] = []
        self.heads: list[dict[str, Any]] = []
        self.threads: set[int] = set()
        self._answers: dict[int, tuple[int, Any]] = {}
        self._last = 0
        before = vars(widget).get("send")

        def send(content: dict[str, Any], buffers: list[bytes]) -> None:
            self._hear(content, buffers[0])
            if before is not None:
                before(content, buffers)

        widget.send = send

    def tell(self, kind: str, **more: Any) -> None:
        """Send a message to the kernel."""
        self.widget._handle_custom_msg({"kind": kind, "client": self.client, **more}, [])

    async def open(self) -> View:
        """Subscribe, and wait for the whole tree."""
        self.tell("subscribe")
        await until(lambda: self.parts and self.parts[-1]["part"] == self.parts[-1]["parts"] - 1)
        return self

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and content of an answer."""
        self._last += 1
        number = self._last
        self.tell("ask", id=number, method=method, path=path, body=body)
        await until(lambda: number in self._answers)
        return self._answers[number]

    async def get(self, path: str) -> Any:
        """What is answered."""
        status, content = await self.ask("GET", path)
        assert status == 200, content
        return content

    def states(self) -> dict[int, str]:
        """Of the tasks that it shows."""
        return {task_id: row["stateName"] for task_id, row in self.page.rows.items()}

    def _hear(self, head: dict[str, Any], buffer: bytes) -> None:
        if head["client"] != self.client:
            return
        content = json.loads(zlib.decompress(buffer) if head["deflated"] else buffer)
        self.heads.append(head)
        self.threads.add(threading.get_ident())
        if head["kind"] == "answer":
            self._answers[head["id"]] = (head["status"], content)
            return
        self.events.append(head["event"])
        if head["event"] == "snapshot":
            self.parts.append(content)
        self.page.take(head["event"], content)


async def until(question: Callable[[], Any]) -> None:
    """Wait until it is so."""
    with anyio.fail_after(30):
        while not question():  # noqa: ASYNC110 - of anything at all
            await anyio.sleep(0.01)
