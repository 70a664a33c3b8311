"""What one reader is told of a tree: all of it, then what changes, as events on the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from gotask import Subscription
from gotask_dashboard.panel import Panel
from gotask_dashboard.wire import FIELDS

PART = 2_000
"""Rows of one part of a snapshot."""
CALM, SLOW = 0.25, 1.0
"""Seconds between two looks at what has changed: usually, and when much has."""
MUCH = 5_000

Event = tuple[str, dict[str, Any]]
"""Its name, and what it tells."""


class Feed:
    """One reader: its first events are the whole tree.

    Its memory is bounded by the number of tasks: one that reads slowly is told less often, never more at a time.
    """

    def __init__(self, panel: Panel, subscription: Subscription) -> None:
        self._panel, self._subscription = panel, subscription
        self._seq = -1
        self._changed = 0
        self._status: dict[str, Any] = {}

    def events(self) -> Iterator[Event]:
        """What there is to tell now; nothing, where nothing has changed."""
        status = self._panel.status()
        changes = self._subscription.take()
        if self._seq < 0:
            self._seq = 0
            yield from self._snapshot(changes.rows)
        else:
            self._changed = len(changes.rows) + len(changes.removed)
            if self._changed:
                yield self._delta(changes.rows, changes.removed)
        if status != self._status:
            self._status = status
            yield "status", status

    def interval(self, quick: float) -> float:
        """Seconds to wait before the next look; `quick`: after a command."""
        hurried = time.monotonic() < self._panel.hurried_until
        return quick if hurried else SLOW if self._changed > MUCH else CALM

    def _snapshot(self, rows: Sequence[Any]) -> Iterator[Event]:
        parts = max(1, -(-len(rows) // PART))
        for part in range(parts):
            content = {"epoch": self._panel.epoch, "seq": 0, "part": part, "parts": parts}
            yield "snapshot", {**content, **self._table(rows[part * PART : (part + 1) * PART])}

    def _delta(self, rows: Sequence[Any], removed: Sequence[int]) -> Event:
        before, self._seq = self._seq, self._seq + 1
        return "delta", {"from": before, "seq": self._seq, **self._table(rows), "removed": removed}

    def _table(self, rows: Sequence[Any]) -> dict[str, Any]:
        lines = [self._panel.values(row) for row in rows]
        columns = list(zip(*lines, strict=True)) or [()] * len(FIELDS)
        return {"asOf": self._panel.as_of(), "fields": FIELDS, "columns": columns}
