"""What the process takes: measured when it is asked for, and not otherwise."""

from __future__ import annotations

import time
from typing import Any

import psutil

from gotask_dashboard.panel import Panel
from gotask_dashboard.wire import instant

FRESH = 0.5
"""Seconds for which an answer is good: several pages share it, and CPU is measured between two."""


def began_at() -> float:
    """When this process was started."""
    started: float = psutil.Process().create_time()
    return started


class Meter:
    """Measures this process."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call begins to measure
        self._taken, self._at = {"cpuPercent": 0.0, "memory": 0, "threads": 0}, 0.0

    def read(self, panel: Panel) -> dict[str, Any]:
        """The process now."""
        if time.monotonic() - self._at > FRESH:
            self._at = time.monotonic()
            with self._process.oneshot():
                self._taken = {
                    "cpuPercent": self._process.cpu_percent(), "memory": self._process.memory_info().rss,
                    "threads": self._process.num_threads(),
                }  # fmt: skip
        status = panel.status()
        return {
            "asOf": instant(time.time()), **self._taken, "tasks": len(panel.mirror),
            "loopLag": round(panel.pulse.lag, 4), "loopBlockedFor": status["loopBlockedFor"],
            "loopBlockedAt": status["loopBlockedAt"],
        }  # fmt: skip
