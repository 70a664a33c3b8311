"""GET /metrics: the tree in numbers, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gotask_dashboard.panel import Panel
from gotask_dashboard.wire import encodable


class TreeCollector(Collector):
    """Counts when it is asked, so that a program that nobody scrapes pays nothing."""

    def __init__(self, panel: Panel, meter: Any) -> None:
        self._panel, self._meter = panel, meter

    def collect(self) -> Iterator[Metric]:
        rows, counts = self._panel.mirror.rows(), self._panel.mirror.counts
        tasks = GaugeMetricFamily("gotask_tasks", "Tasks that live now", labels=["owner_type", "type", "state"])
        kinds = Counter((encodable(row.owner_type), row.task_type.name, row.state.name) for row in rows)
        for labels, number in kinds.items():
            tasks.add_metric(labels, number)
        yield tasks
        process = self._meter.read(self._panel)
        for name, about, value in (
            ("gotask_tasks_added", "Tasks that were added", counts.added),
            ("gotask_lives_ended", "Lives that are over", counts.ended),
            ("gotask_failures", "Lives that failed", counts.failures),
            ("gotask_retries", "Lives that are to follow a failure", counts.retries),
            ("gotask_history_dropped", "Lives that could not be written to the history", self._panel.dropped),
        ):
            yield CounterMetricFamily(name, about, value=value)
        for name, about, value in (
            ("gotask_loop_lag_seconds", "By how much the event loop came late the last time", process["loopLag"]),
            ("gotask_loop_blocked_seconds", "For how long it has not answered", process["loopBlockedFor"] or 0),
            ("gotask_process_cpu_percent", "CPU time of the process", process["cpuPercent"]),
            ("gotask_process_memory_bytes", "Resident memory of the process", process["memory"]),
            ("gotask_dashboard_streams", "Pages that are open", self._panel.streams),
        ):
            yield GaugeMetricFamily(name, about, value=value)


def registry(panel: Panel, meter: Any) -> CollectorRegistry:
    """A registry of the tree alone: what the program itself measures is not ours to show."""
    made = CollectorRegistry()
    made.register(TreeCollector(panel, meter))
    return made


def text(registry: CollectorRegistry) -> bytes:
    """All of it, in the text format."""
    return generate_latest(registry)
