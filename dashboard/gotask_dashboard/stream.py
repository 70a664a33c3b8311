"""GET /api/events: the tree, and then what changes, for one page, as server-sent events."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import Problem
from gotask_dashboard.wire import FIELDS, compact

PART = 2_000
"""Rows of one part of a snapshot."""
CALM, SLOW, QUICK = 0.25, 1.0, 0.03
"""Seconds between two looks at what has changed: usually, when much has, and after a command."""
MUCH = 5_000
HEARTBEAT = 15.0


class EventStream(Response):
    """The answer that does not end before the page, or the dashboard, goes.

    Its memory is bounded by the number of tasks: a page that reads slowly is told less often, never more at a time.
    """

    media_type = "text/event-stream"

    def __init__(self, panel: Panel) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._panel = panel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        panel = self._panel
        if panel.streams >= panel.options.max_streams:
            detail = f"{panel.streams} pages are open, and that is all: close some of them"
            await Problem(503, detail, Retry_After="30").response()(scope, receive, send)
            return
        panel.streams += 1
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._until_gone, receive, group.cancel_scope)
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await Feed(panel, send).run()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                group.cancel_scope.cancel()
        finally:
            panel.streams -= 1

    async def _until_gone(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()


class Feed:
    """What one page is told."""

    def __init__(self, panel: Panel, send: Send) -> None:
        self._panel = panel
        self._send = send
        self._seq = 0
        self._told = 0.0
        self._status: dict[str, Any] = {}

    async def run(self) -> None:
        """Tell the whole tree, then what changes, until the dashboard closes."""
        panel, changed = self._panel, 0
        with panel.mirror.subscribe() as subscription:
            await self._snapshot(subscription.take().rows)
            while not self._panel.is_over:
                await self._tell_status()
                hurried = time.monotonic() < panel.hurried_until
                await panel.wait(QUICK if hurried else SLOW if changed > MUCH else CALM)
                changes = subscription.take()
                changed = len(changes.rows) + len(changes.removed)
                if changed:
                    await self._delta(changes.rows, changes.removed)
                elif time.monotonic() - self._told > HEARTBEAT:
                    await self._write(": still here\n\n")
            await self._event("bye", {})

    async def _snapshot(self, rows: Sequence[Any]) -> None:
        parts = max(1, -(-len(rows) // PART))
        for part in range(parts):
            content = {"epoch": self._panel.epoch, "seq": 0, "part": part, "parts": parts}
            await self._event("snapshot", {**content, **self._table(rows[part * PART : (part + 1) * PART])})

    async def _delta(self, rows: Sequence[Any], removed: Sequence[int]) -> None:
        before, self._seq = self._seq, self._seq + 1
        await self._event("delta", {"from": before, "seq": self._seq, **self._table(rows), "removed": removed})

    def _table(self, rows: Sequence[Any]) -> dict[str, Any]:
        lines = [self._panel.values(row) for row in rows]
        columns = list(zip(*lines, strict=True)) or [()] * len(FIELDS)
        return {"asOf": self._panel.as_of(), "fields": FIELDS, "columns": columns}

    async def _tell_status(self) -> None:
        status = self._panel.status()
        if status != self._status:
            self._status = status
            await self._event("status", status)

    async def _event(self, name: str, content: dict[str, Any]) -> None:
        await self._write(f"event: {name}\ndata: {compact(content)}\n\n")

    async def _write(self, text: str) -> None:
        self._told = time.monotonic()
        await self._send({"type": "http.response.body", "body": text.encode("ascii"), "more_body": True})
