"""Traces and metrics of a tree with OpenTelemetry (extra `otel`). It needs the API only; the SDK is what exports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextvars import Context
from functools import lru_cache
from threading import Lock
from time import time_ns
from traceback import format_exception
from typing import Any

from gotask.errors import is_failure
from gotask.events import Observer
from gotask.family import living
from gotask.records import LifeRecord, Step
from gotask.states import ACTIVE, DISPOSED, DISPOSING, INIT, RETRYING, STARTED, STARTING, TaskState
from gotask.tracing import as_text, encodable, owner_type_of, where

try:
    from opentelemetry import context as otel_context
    from opentelemetry import metrics, trace
except ImportError as missing:
    raise ImportError("gotask.otel needs OpenTelemetry: pip install 'gotask[otel]'") from missing

__all__ = ["Metrics", "Tracing"]

place = lru_cache(maxsize=1000)(where)
"""Most tasks are added at few places, and finding the line of one takes longer than all the rest."""

BOUNDARIES = (0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
"""Of the histogram of durations, in seconds; those that OpenTelemetry has by default are made for milliseconds."""


class Tracing(Observer):
    """One span for each life, child of its parent's: `root.observe(Tracing())`, or `gotask.observe(…)` for every tree.

    It is the current span in all hooks of its life, in threads too: spans made there are its children. A run-task is a
    child of the span that is current where it is run. A failure is an ERROR, a stop is none. Phases, steps, a planned
    retry and errors in the clean-up are events: phases as spans would stand between a task and the spans made in it.

    Tasks that live already get spans from the beginning of their lives too, but these become current only in async
    hooks, not in the one that calls `observe`, and not in threads that run.

    Args:
        tracer_provider: None: the global one.
        new_trace: Whether a task begins a trace of its own, with a link to its parent's span. Say so for the requests
            of a server, because the trace of the server is complete only when the server has ended.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        *,
        new_trace: Callable[[Any], bool] = lambda task: False,
    ) -> None:
        self._tracer = trace.get_tracer("gotask", tracer_provider=tracer_provider)
        self._new_trace = new_trace
        self._open: dict[int, tuple[trace.Span, int]] = {}
        """By id of the task the span of its life, and what turns instants of the tree's clock into OpenTelemetry's."""

    def close(self) -> None:
        """End the spans of all that still live: for after `unobserve`. After a shutdown there are none."""
        while self._open:
            self._open.popitem()[1][0].end()

    def attached(self, root: Any) -> None:
        for life in living(root._life):
            if ACTIVE[life.state] or life.state in (STARTING, DISPOSING):
                self._begin(life, life.context, own=life.context is not life.parent.context)
                for step in life.task.steps:
                    self.step_recorded(life.task, step)
                if life.started_at is not None:
                    self._event(life, "started", life.started_at)
                if life.ending_at is not None:
                    self._event(life, "disposing", life.ending_at)

    def life_began(self, task: Any, context: Context) -> None:
        self._begin(task._life, context, own=True)

    def _begin(self, life: Any, context: Context, own: bool) -> None:
        outer, holder = within(context, otel_context.get_current) or otel_context.Context(), life.parent
        current = trace.get_current_span(outer)
        run_task = holder.passing and current.get_span_context().is_valid
        parent = current if run_task else self._open.get(holder.id, (current, 0))[0]
        links = []
        if self._new_trace(life.task):
            links, parent = [trace.Link(parent.get_span_context())], trace.INVALID_SPAN
        shift = time_ns() - nanoseconds(life.pump.clock())
        span = self._tracer.start_span(
            encodable(owner_type_of(life.task)),
            trace.set_span_in_context(parent, outer),
            attributes=exportable(attributes_of(life)),
            links=links,
            start_time=shift + nanoseconds(life.began_at),
        )
        self._open[life.id] = span, shift
        if own:
            within(context, otel_context.attach, trace.set_span_in_context(span, outer))

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        life = task._life
        if new is STARTED and old is STARTING:
            self._event(life, "started", life.started_at)
        elif new is DISPOSING:
            self._event(life, "disposing", life.pump.now)
            error = life.failed_with()
            if error is not None:
                self._event(life, "exception", life.pump.now, exception_of(error))
        elif new is DISPOSED or (new is RETRYING and not is_failure(life.reason)):
            self._end(life)

    def step_recorded(self, task: Any, step: Step) -> None:
        life = task._life
        if life.id in self._open:  # else it was recorded before the life, and does not belong to it
            self._event(life, step.name, life.began_at + step.at, {"gotask.step.detail": step.detail})

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        self._event(task._life, "retry planned", task._life.ended_at, {"gotask.retry.delay": delay})
        self._end(task._life)

    def life_ended(self, record: LifeRecord) -> None:
        span = self._open.get(record.id, (trace.INVALID_SPAN, 0))[0]
        if not span.is_recording():
            return  # nobody wants it, or there was never a life
        span.set_attributes(exportable(outcome_of(record)))
        for error in record.dispose_errors:
            span.add_event("dispose error", exportable({"exception.message": error}))
        if record.failed:
            span.set_status(trace.StatusCode.ERROR, encodable(record.reason))

    def _event(self, life: Any, name: str, at: float, attributes: dict[str, Any] | None = None) -> None:
        if life.id in self._open:
            span, shift = self._open[life.id]
            span.add_event(encodable(name), exportable(attributes or {}), shift + nanoseconds(at))

    def _end(self, life: Any) -> None:
        if life.id in self._open:
            span, shift = self._open.pop(life.id)
            span.end(shift + nanoseconds(life.ended_at))


def within(context: Context, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call it in this context; None if that is the one of the hook that calls `observe`: it cannot be entered twice."""
    try:
        return context.run(function, *arguments)
    except RuntimeError:
        return None


def exportable(attributes: dict[str, Any]) -> dict[str, Any]:
    """The same with texts that can be sent: an exporter that stumbles over one loses a whole batch."""
    return {
        encodable(name): encodable(value) if isinstance(value, str) else value for name, value in attributes.items()
    }


def nanoseconds(seconds: float) -> int:
    """Seconds in the unit of OpenTelemetry."""
    return round(seconds * 1e9)


def exception_of(error: BaseException) -> dict[str, str]:
    """An exception, as the conventions of OpenTelemetry have it; `record_exception` fails if its `__str__` does."""
    kind = type(error)
    return {
        "exception.type": kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}",
        "exception.message": as_text(error),
        "exception.stacktrace": "".join(format_exception(error)),
    }


def attributes_of(life: Any) -> dict[str, Any]:
    """What is known of a life when it begins. The parent's id, not a path, for that grows with the depth (D7)."""
    attributes = {
        "gotask.task.id": life.id,
        "gotask.task.key": as_text(life.key),
        "gotask.task.type": life.task.task_type.name,
        "gotask.task.level": life.level,
        "gotask.task.start_reason": place(life.origin),
        "gotask.life.number": life.number,
    }
    if life.parent.id is not None:
        attributes["gotask.task.parent_id"] = life.parent.id
    return attributes


def outcome_of(record: LifeRecord) -> dict[str, Any]:
    """What is known of a life when it has ended."""
    attributes: dict[str, Any] = {
        "gotask.reason.type": record.reason_type,
        "gotask.reason.message": record.reason,
        "gotask.life.final": record.final,
    }
    if record.failed:
        attributes["error.type"] = record.reason_type
    if record.retries:
        attributes["gotask.life.retries"] = record.retries
    if record.abandoned:
        attributes["gotask.life.abandoned"] = True
    return attributes | {f"gotask.description.{name}": text for name, text in record.descriptions.items()}


class Metrics(Observer):
    """How many tasks there are and how their lives go: `root.observe(Metrics())`.

    By `gotask.owner_type`: `gotask.tasks`, how many tasks are in each `gotask.state`; `gotask.lives`, how many lives
    have ended, and `gotask.life.duration`, how many seconds they took, by `gotask.outcome` (completed, stopped, failed
    with its `error.type`, never_started); `gotask.retries`. So give tasks few owner types: no `name=` with an id in it.

    Args:
        meter_provider: None: the global one.
    """

    def __init__(self, meter_provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter("gotask", meter_provider=meter_provider)
        self._tasks: Counter[tuple[str, TaskState]] = Counter()
        self._lock = Lock()
        self._lives = meter.create_counter("gotask.lives", "{life}", "Lives that have ended")
        self._retries = meter.create_counter("gotask.retries", "{retry}", "Failed lives that another one follows")
        self._durations = meter.create_histogram(
            "gotask.life.duration",
            "s",
            "From STARTING to the end of the clean-up",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        # Up and down, not a gauge, because these numbers may be added up.
        meter.create_observable_up_down_counter(
            "gotask.tasks", [self._observed], "{task}", "Tasks that are in the tree"
        )

    def close(self) -> None:
        """Say no more how many tasks there are: for after `unobserve`. After a shutdown there are none."""
        with self._lock:
            self._tasks.clear()

    def _observed(self, options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        with self._lock:  # this is called in the thread of the exporter
            counts = list(self._tasks.items())
        for (owner_type, state), count in counts:
            yield metrics.Observation(count, exportable({"gotask.owner_type": owner_type, "gotask.state": state.name}))

    def attached(self, root: Any) -> None:
        for life in living(root._life):
            self._count(life.task, life.state, 1)

    def task_added(self, task: Any) -> None:
        self._count(task, INIT, 1)

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        self._count(task, old, -1)
        if new is not DISPOSED:
            self._count(task, new, 1)

    def _count(self, task: Any, state: TaskState, change: int) -> None:
        with self._lock:  # trees in other threads may be counted too
            self._tasks[owner_type_of(task), state] += change

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        self._retries.add(1, exportable({"gotask.owner_type": owner_type_of(task)}))

    def life_ended(self, record: LifeRecord) -> None:
        attributes = {"gotask.owner_type": record.owner_type, "gotask.outcome": in_a_word(record)}
        if record.failed:
            attributes["error.type"] = record.reason_type
        attributes = exportable(attributes)
        self._lives.add(1, attributes)
        if record.life:
            self._durations.record(record.ended_at - record.started_at, attributes)


def in_a_word(record: LifeRecord) -> str:
    """How a life went."""
    if record.failed:
        return "failed"
    if not record.life:
        return "never_started"
    return "completed" if record.reason_type in ("TaskComplete", "AutoStop") else "stopped"
