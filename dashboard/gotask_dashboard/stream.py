"""GET /api/events: the tree, and then what changes, for one page, as server-sent events."""

from __future__ import annotations

import time
from typing import Any

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gotask_dashboard.answers import refusal
from gotask_dashboard.feed import Feed
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import Problem
from gotask_dashboard.wire import compact

QUICK = 0.03
"""Seconds between two looks after a command."""
HEARTBEAT = 15.0


class EventStream(Response):
    """The answer that does not end before the page, or the dashboard, goes."""

    media_type = "text/event-stream"

    def __init__(self, panel: Panel) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._panel = panel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        panel = self._panel
        if panel.streams >= panel.options.max_streams:
            detail = f"{panel.streams} pages are open, and that is all: close some of them"
            await refusal(Problem(503, detail, Retry_After="30"))(scope, receive, send)
            return
        panel.streams += 1
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._until_gone, receive, group.cancel_scope)
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await Stream(panel, send).run()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                group.cancel_scope.cancel()
        finally:
            panel.streams -= 1

    async def _until_gone(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()


class Stream:
    """What one page is told."""

    def __init__(self, panel: Panel, send: Send) -> None:
        self._panel, self._send = panel, send
        self._told = 0.0

    async def run(self) -> None:
        """Tell the whole tree, then what changes, until the dashboard closes."""
        panel = self._panel
        with panel.mirror.subscribe() as subscription:
            feed = Feed(panel, subscription)
            await self._tell(feed)
            while not panel.is_over:
                await panel.wait(feed.interval(QUICK))
                await self._tell(feed)
            await self._event("bye", {})

    async def _tell(self, feed: Feed) -> None:
        for event in feed.events():
            await self._event(*event)
        if time.monotonic() - self._told > HEARTBEAT:
            await self._write(": still here\n\n")

    async def _event(self, name: str, content: dict[str, Any]) -> None:
        await self._write(f"event: {name}\ndata: {compact(content)}\n\n")

    async def _write(self, text: str) -> None:
        self._told = time.monotonic()
        await self._send({"type": "http.response.body", "body": text.encode("ascii"), "more_body": True})
