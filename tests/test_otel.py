"""gotask.otel: spans and metrics, with the real SDK of OpenTelemetry."""

from __future__ import annotations

import gc
import io
import json
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import gotask
from gotask import ChannelTask, Job, RetryPolicy, RootManager, Task, TickTask, TimeoutReason, Work
from gotask.otel import Metrics, Tracing

Root = RootManager[Any, Any]


class Spans:
    """What a tree exports."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("the program")

    def all(self, name: str) -> list[ReadableSpan]:
        """Those with this name, in the order in which they ended."""
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The only one with this name."""
        [span] = self.all(name)
        return span


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether one span is directly below the other."""
    assert child.parent is not None
    assert parent.context is not None
    assert child.context is not None
    return (child.parent.span_id, child.context.trace_id) == (parent.context.span_id, parent.context.trace_id)


def seconds(span: ReadableSpan) -> float:
    """How long it took."""
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def told(span: ReadableSpan) -> Any:
    """Its events, with the seconds after its beginning."""
    assert span.start_time is not None
    return [(event.name, (event.timestamp - span.start_time) / 1e9) for event in span.events if event.name != EXCEPTION]


EXCEPTION = "exception"


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def traced(root: Root, spans: Spans) -> Root:
    root.observe(Tracing(spans.provider))
    return root


class Sleeper(Task):
    async def go(self) -> None:
        await anyio.sleep(5)


class Failing(Task):
    async def go(self) -> None:
        raise ConnectionError("no carrier")


async def test_a_span_for_a_life(traced: Root, spans: Spans) -> None:
    """It has the name of the owner type, the length of the life, and says which task it was."""
    task = traced.add_task(Sleeper(), key="s", descriptions={"file": "a.mp4"})
    await task
    span = spans.one("Sleeper")
    assert seconds(span) == pytest.approx(5)
    assert span.attributes is not None
    assert dict(span.attributes) == {
        "gotask.task.id": task.task_id,
        "gotask.task.key": "s",
        "gotask.task.type": "TASK",
        "gotask.task.level": 1,
        "gotask.task.parent_id": traced.task_id,
        "gotask.task.start_reason": traced.history.records(owner_type="Sleeper")[0].start_reason,
        "gotask.life.number": 1,
        "gotask.life.final": True,
        "gotask.reason.type": "TaskComplete",
        "gotask.reason.message": "",
        "gotask.description.file": "a.mp4",
    }
    assert span.status.status_code is StatusCode.UNSET


async def test_children_of_the_span_of_the_parent(traced: Root, spans: Spans) -> None:
    """The spans form the tree of the tasks, whatever hooks these have."""

    class Plain(Job):
        def start(self) -> None:
            self.add_task(Sleeper())

    await traced.add_task(Work(), name="Outer").add_task(Plain()).wait_stopped()
    await traced.shutdown()
    for child, parent in (("Sleeper", "Plain"), ("Plain", "Outer"), ("Outer", "RootManager")):
        assert is_child(spans.one(child), spans.one(parent))
    assert spans.one("RootManager").parent is None


async def test_the_parent_is_not_who_added_it(traced: Root, spans: Spans) -> None:
    """M9: a span that is current where `add_task` is called has nothing to do with the new task."""

    class Adding(Job):
        async def go(self) -> None:
            with spans.tracer.start_as_current_span("inner"):
                self.add_task(Sleeper())
                await anyio.sleep(1)

    await traced.add_task(Adding()).wait_stopped()
    assert is_child(spans.one("Sleeper"), spans.one("Adding"))
    assert is_child(spans.one("inner"), spans.one("Adding"))


async def test_the_root_below_the_span_around_it(spans: Spans) -> None:
    """What is current where the tree is opened is the parent of all."""
    with spans.tracer.start_as_current_span("program"):
        async with RootManager[Any, Any]() as root:
            root.observe(Tracing(spans.provider))
    assert is_child(spans.one("RootManager"), spans.one("program"))


class Busy(Task):
    """Makes a span in each hook."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self.tracer = tracer

    def say(self, name: str) -> None:
        with self.tracer.start_as_current_span(name):
            pass


class PlainHooks(Busy):
    def start(self) -> None:
        self.say("start")
        self.using(lambda: self.say("resource"))
        self.on_stop(lambda: self.say("on_stop"))
        self.on_before_dispose(lambda: self.say("listener"))

    def dispose(self) -> None:
        self.say("dispose")


class AsyncHooks(PlainHooks):
    async def start(self) -> None:  # type: ignore[override]
        await anyio.sleep(1)
        super().start()

    async def run(self) -> None:
        await anyio.sleep(1)
        self.say("body")

    async def dispose(self) -> None:  # type: ignore[override]
        await anyio.sleep(1)
        super().dispose()


class Threaded(PlainHooks):
    def go(self) -> None:
        self.say("body")


@pytest.mark.parametrize("kind", [PlainHooks, AsyncHooks, Threaded])
async def test_spans_inside_belong_to_the_task(traced: Root, spans: Spans, kind: type[Busy]) -> None:
    """In each hook, plain, async or in a thread, the span of the life is the current one."""
    task = traced.add_task(kind(spans.tracer))
    other = traced.add_task(Sleeper())
    await other
    task.stop()
    await task.wait_stopped()
    body = [] if kind is PlainHooks else ["body"]
    for name in ["start", "on_stop", "listener", "dispose", "resource", *body]:
        assert is_child(spans.one(name), spans.one(kind.__name__))


async def test_spans_of_ticks_belong_to_the_task(traced: Root, spans: Spans) -> None:
    """C1, C4: for each item and each interval, plain or async."""

    class Printer(ChannelTask[str]):
        def tick(self, item: str) -> None:
            with spans.tracer.start_as_current_span(item):
                pass

    class Clock(TickTask):
        tick_interval = 10.0

        async def tick(self, due_at: float) -> None:
            with spans.tracer.start_as_current_span("tock"):
                await anyio.sleep(1)

    printer, clock = traced.add_task(Printer()), traced.add_task(Clock())
    await printer.open().send("page")
    await anyio.sleep(15)
    printer.stop()
    clock.stop()
    await clock.wait_stopped()
    assert is_child(spans.one("page"), spans.one("Printer"))
    assert all(is_child(span, spans.one("Clock")) for span in spans.all("tock"))
    assert len(spans.all("tock")) == 1


async def test_a_span_is_current_in_its_own_task_only(traced: Root, spans: Spans) -> None:
    """Two that run side by side, and the code outside, do not see each other's spans."""
    seen: dict[str, Any] = {}

    class Looking(Task):
        async def go(self) -> None:
            await anyio.sleep(1)
            seen[self.key] = trace.get_current_span()
            await anyio.sleep(1)

    one, two = traced.add_task(Looking(), key="one"), traced.add_task(Looking(), key="two")
    await anyio.sleep(1.5)
    assert trace.get_current_span() is trace.INVALID_SPAN
    await one
    await two
    assert seen["one"] is not seen["two"]
    assert [seen["one"].attributes["gotask.task.key"], seen["two"].attributes["gotask.task.key"]] == ["one", "two"]


async def test_run_tasks(traced: Root, spans: Spans) -> None:
    """J7: a run-task is a child of the span that is current where it is run."""

    class Caller(Task):
        async def go(self) -> None:
            await self.run_task(Sleeper())
            with spans.tracer.start_as_current_span("inner"):
                await self.run_task(Sleeper())

    await traced.add_task(Caller())
    first, second = spans.all("Sleeper")
    assert is_child(first, spans.one("Caller"))
    assert is_child(second, spans.one("inner"))
    assert is_child(spans.one("inner"), spans.one("Caller"))


async def test_failures(traced: Root, spans: Spans) -> None:
    """A failed life is an ERROR, with its exception as the conventions of OpenTelemetry have it."""
    await traced.add_task(Failing()).wait_stopped()
    span = spans.one("Failing")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no carrier")
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ConnectionError"
    [attributes] = [event.attributes for event in span.events if event.name == EXCEPTION]
    assert attributes is not None
    assert (attributes["exception.type"], attributes["exception.message"]) == ("ConnectionError", "no carrier")
    assert "in go" in str(attributes["exception.stacktrace"])


async def test_an_exception_that_has_no_text(traced: Root, spans: Spans) -> None:
    """One whose `__str__` fails does not end the tracing."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    class Failing(Task):
        async def go(self) -> None:
            raise Mute

    await traced.add_task(Failing()).wait_stopped()
    assert spans.one("Failing").status.status_code is StatusCode.ERROR
    assert [event.name for event in spans.one("Failing").events] == ["started", "disposing", EXCEPTION]


async def test_a_failed_start(traced: Root, spans: Spans) -> None:
    """It is a failure like another, and the phase after it was never reached."""

    class Unstartable(Task):
        def start(self) -> None:
            raise OSError("occupied")

    await traced.add_task(Unstartable()).wait_stopped()
    span = spans.one("Unstartable")
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["disposing", EXCEPTION]


async def test_a_timeout_is_a_failure(traced: Root, spans: Spans) -> None:
    """J2: of the stop reasons, TimeoutReason counts as a failure; here it comes as a request."""
    await traced.add_task(Sleeper(), timeout=2).wait_stopped()
    span = spans.one("Sleeper")
    assert span.status.status_code is StatusCode.ERROR
    assert [event.attributes["exception.type"] for event in span.events if event.attributes] == [
        f"{TimeoutReason.__module__}.TimeoutReason"
    ]


@pytest.mark.parametrize("reason", [None, "enough", ValueError("whatever")])
async def test_a_stop_is_no_error(traced: Root, spans: Spans, reason: Any) -> None:
    """J2: being asked to stop is no failure, whatever the reason given."""
    task = traced.add_task(Sleeper())
    await task.wait_started()
    task.stop(reason)
    await task.wait_stopped()
    span = spans.one("Sleeper")
    assert span.status.status_code is StatusCode.UNSET
    assert EXCEPTION not in [event.name for event in span.events]
    assert span.attributes is not None
    assert span.attributes["gotask.reason.type"] == type(task.stop_reason).__name__


async def test_phases_and_steps_are_events(traced: Root, spans: Spans) -> None:
    """H3: at their own instants, in order."""

    class Download(Task):
        async def start(self) -> None:
            await anyio.sleep(1)

        async def go(self) -> None:
            await anyio.sleep(1)
            self.step("connect", "to the mirror")
            await anyio.sleep(1)

        async def dispose(self) -> None:
            await anyio.sleep(1)

    await traced.add_task(Download())
    span = spans.one("Download")
    assert told(span) == [("started", pytest.approx(1)), ("connect", pytest.approx(2)), ("disposing", pytest.approx(3))]
    assert seconds(span) == pytest.approx(4)
    assert span.events[1].attributes == {"gotask.step.detail": "to the mirror"}


async def test_steps_of_a_thread(traced: Root, spans: Spans) -> None:
    """M6: a step that a thread takes is an event too."""

    class InThread(Task):
        def go(self) -> None:
            self.step("here")

    await traced.add_task(InThread())
    assert "here" in [event.name for event in spans.one("InThread").events]


async def test_a_step_before_the_life(traced: Root, spans: Spans) -> None:
    """H3: what is recorded before a task begins belongs to none of its lives."""
    task = traced.add_task(Sleeper())
    task.step("too early")
    await task
    assert "too early" not in [event.name for event in spans.one("Sleeper").events]


async def test_retries(traced: Root, spans: Spans) -> None:
    """R1: each life has a span of its own, below the same parent; the failed one tells of the next."""
    task = traced.add_task(Failing(), retry=RetryPolicy(2, 3.0))
    await task.wait_stopped()
    first, second, last = spans.all("Failing")
    assert ("retry planned", pytest.approx(0)) in told(first)
    assert [dict(e.attributes or {}) for e in second.events if e.name == "retry planned"] == [{"gotask.retry.delay": 6}]
    assert "retry planned" not in [event.name for event in last.events]
    assert [span.status.status_code for span in (first, second, last)] == [StatusCode.ERROR] * 3
    assert [(span.attributes or {})["gotask.life.number"] for span in (first, second, last)] == [1, 2, 3]
    assert [(span.attributes or {})["gotask.life.final"] for span in (first, second, last)] == [False, False, True]
    assert (last.attributes or {})["gotask.life.retries"] == 2
    assert (last.attributes or {})["error.type"] == "RetryExhausted"
    assert first.parent == second.parent == last.parent


async def test_a_restart_ends_the_span(traced: Root, spans: Spans) -> None:
    """R6: one span for each of the two lives, and no error."""
    task = traced.add_task(Sleeper())
    await task.wait_started()
    task.restart()
    await task
    one, two = spans.all("Sleeper")
    assert one.status.status_code is two.status.status_code is StatusCode.UNSET
    assert (one.attributes or {})["gotask.reason.type"] == "Restart"


async def test_errors_in_the_clean_up(traced: Root, spans: Spans) -> None:
    """D5: they are events, and leave the status alone."""

    class Untidy(Task):
        async def go(self) -> None:
            pass

        def dispose(self) -> None:
            raise OSError("stuck")

    await traced.add_task(Untidy())
    span = spans.one("Untidy")
    assert [e.attributes for e in span.events if e.name == "dispose error"] == [
        {"exception.message": "OSError('stuck')"}
    ]
    assert span.status.status_code is StatusCode.UNSET


async def test_a_task_that_never_started_has_no_span(traced: Root, spans: Spans) -> None:
    """S2: it had no life."""
    task = traced.add_task(Sleeper())
    task.stop()
    await task.wait_stopped()
    assert spans.all("Sleeper") == []


async def test_no_span_is_left_open(spans: Spans) -> None:
    """After a shutdown all have ended, also of a task that was abandoned, and of one between two lives."""

    class Stuck(Task):
        stop_timeout = 1.0

        async def go(self) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(100)

    tracing = Tracing(spans.provider)
    root = await RootManager[Any, Any]().init()
    root.observe(tracing)
    outer = root.add_task(Work(), name="Outer")
    await outer.wait_started()
    outer.add_task(Stuck())
    outer.add_task(Failing(), retry=RetryPolicy(-1, 1000.0))
    await anyio.sleep(1)
    await root.shutdown()
    assert tracing._open == {}
    assert {span.name for span in spans.exporter.get_finished_spans()} == {"RootManager", "Outer", "Stuck", "Failing"}
    assert (spans.one("Stuck").attributes or {})["gotask.life.abandoned"] is True
    await anyio.sleep(100)


async def test_close_after_unobserve(root: Root, spans: Spans) -> None:
    """Whoever stops listening ends the spans of those that go on living."""
    tracing = Tracing(spans.provider)
    root.observe(tracing)
    await root.add_task(Sleeper()).wait_started()
    root.unobserve(tracing)
    assert spans.all("Sleeper") == []
    tracing.close()
    assert seconds(spans.one("Sleeper")) < 5
    await anyio.sleep(10)
    assert len(spans.all("Sleeper")) == 1


async def test_attached_in_mid_flight(root: Root, spans: Spans) -> None:
    """Tasks that live already get spans from their beginning, with what they have told; an async body sees its own."""

    class Long(Work):
        async def go(self) -> None:
            self.step("early")
            await anyio.sleep(2)
            with spans.tracer.start_as_current_span("late"):
                self.add_task(Sleeper())
                await anyio.sleep(10)

    work = root.add_task(Work(), name="Outer").add_task(Long())
    root.add_task(Failing(), retry=RetryPolicy(1, 1000.0))
    await anyio.sleep(1)
    root.observe(Tracing(spans.provider))
    await anyio.sleep(20)
    work.stop()
    await work.wait_stopped()
    span = spans.one("Long")
    assert told(span)[:2] == [("early", pytest.approx(0)), ("started", pytest.approx(0))]
    assert seconds(span) == pytest.approx(21)
    assert is_child(spans.one("late"), span)
    assert is_child(spans.one("Sleeper"), span)
    assert spans.all("Failing") == []


async def test_attached_while_hooks_wait(root: Root, spans: Spans) -> None:
    """A life that is starting or being disposed at that moment has a span too, with the phases it has reached."""

    class Slow(Task):
        async def start(self) -> None:
            await anyio.sleep(2)

        async def go(self) -> None:
            pass

        async def dispose(self) -> None:
            await anyio.sleep(2)

    root.add_task(Work(), name="One").add_task(Slow(), key="ending")
    await anyio.sleep(2)
    root.add_task(Work(), name="Two").add_task(Slow(), key="starting")
    await anyio.sleep(1)
    root.observe(Tracing(spans.provider))
    await anyio.sleep(5)
    first, second = spans.all("Slow")
    for span, key in ((first, "ending"), (second, "starting")):
        assert (span.attributes or {})["gotask.task.key"] == key
        assert told(span) == [("started", pytest.approx(2)), ("disposing", pytest.approx(2))]
        assert seconds(span) == pytest.approx(4)


async def test_attached_from_a_hook(root: Root, spans: Spans) -> None:
    """A hook that calls `observe` cannot have its span made current, and gets one all the same."""
    tracing = Tracing(spans.provider)

    class Observing(Task):
        async def go(self) -> None:
            root.observe(tracing)
            await self.run_task(Sleeper())

    await root.add_task(Observing())
    assert is_child(spans.one("Sleeper"), spans.one("Observing"))


async def test_traces_of_their_own(root: Root, spans: Spans) -> None:
    """`new_trace` begins another trace, which is linked to the parent's span; what is below stays in it."""

    class Request(Job):
        def start(self) -> None:
            self.add_task(Sleeper())

    root.observe(Tracing(spans.provider, new_trace=lambda task: isinstance(task, Request)))
    await root.add_task(Request()).wait_stopped()
    await root.shutdown()
    request, top = spans.one("Request"), spans.one("RootManager")
    assert request.parent is None
    assert [link.context for link in request.links] == [top.context]
    assert is_child(spans.one("Sleeper"), request)


async def test_unsampled(root: Root) -> None:
    """Without an SDK nothing is recorded, and nothing goes wrong: neither of them raised and was detached."""
    root.observe(Tracing())
    root.observe(Metrics())
    await root.add_task(Failing(), retry=RetryPolicy(1, 1.0)).wait_stopped()
    assert len(root._life.pump.observers.life_began) == 1
    assert len(root._life.pump.observers.life_ended) == 2


async def test_no_task_is_kept(root: Root, spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    """H6: what is over can be forgotten, by spans and by metrics."""
    caplog.set_level(logging.CRITICAL, "gotask")  # a captured record would keep the traceback
    reader = InMemoryMetricReader()
    root.observe(Tracing(spans.provider))
    root.observe(Metrics(MeterProvider([reader], shutdown_on_exit=False)))

    class Thing:
        pass

    class Holding(Failing):
        def __init__(self) -> None:
            self.thing = Thing()

    task = root.add_task(Holding())
    gone = weakref.ref(task.thing)
    await task.wait_stopped()
    del task
    await anyio.sleep(1)
    gc.collect()
    assert gone() is None


async def test_spans_serialise(root: Root) -> None:
    """What is exported as JSON says the same."""
    out = io.StringIO()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(
        SimpleSpanProcessor(ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\n"))
    )
    root.observe(Tracing(provider))
    await root.add_task(Failing(), key=("a", 1), descriptions={"n": 7}).wait_stopped()
    shown = json.loads(out.getvalue())
    assert shown["name"] == "Failing"
    assert shown["status"] == {"status_code": "ERROR", "description": "no carrier"}
    assert shown["attributes"]["gotask.task.key"] == "('a', 1)"
    assert shown["attributes"]["gotask.description.n"] == "7"


async def test_every_tree(spans: Spans) -> None:
    """H6: with `gotask.observe` from the beginning of each tree, each of them a trace; the counts are of all."""
    tracing, measured = Tracing(spans.provider), Measured()
    gotask.observe(tracing)
    gotask.observe(measured.metrics)
    try:
        async with RootManager[Any, Any]() as one, RootManager[Any, Any]() as two:
            assert measured.tasks() == {("RootManager", "STARTED"): 2}
            await one.add_task(Sleeper())
            await two.add_task(Sleeper())
    finally:
        gotask.unobserve(tracing)
        gotask.unobserve(measured.metrics)
    for sleeper, root in zip(spans.all("Sleeper"), reversed(spans.all("RootManager")), strict=True):
        assert is_child(sleeper, root)
        assert root.parent is None
    assert measured.tasks() == {}


# Metrics


class Measured:
    """What a tree measures."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.metrics = Metrics(MeterProvider([self.reader], shutdown_on_exit=False))

    def points(self, name: str) -> Iterator[Any]:
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        yield from metric.data.data_points

    def values(self, name: str, *by: str) -> dict[tuple[Any, ...], Any]:
        """The values that are not 0, by these attributes."""
        found = {tuple(point.attributes[key] for key in by): point.value for point in self.points(name)}
        return {key: value for key, value in found.items() if value}

    def tasks(self) -> dict[tuple[Any, ...], Any]:
        return self.values("gotask.tasks", "gotask.owner_type", "gotask.state")


@pytest.fixture
def measured(root: Root) -> Measured:
    measured = Measured()
    root.observe(measured.metrics)
    return measured


async def test_tasks_by_state(root: Root, measured: Measured) -> None:
    """How many tasks there are in each state, by owner type; those in the tree before count too."""
    for _ in range(3):
        root.add_task(Sleeper())
    root.add_task(Failing(), retry=RetryPolicy(1, 1000.0))
    root_only = {("RootManager", "STARTED"): 1}
    assert measured.tasks() == root_only | {("Sleeper", "INIT"): 3, ("Failing", "INIT"): 1}
    await anyio.sleep(1)
    assert measured.tasks() == root_only | {("Sleeper", "GOING"): 3, ("Failing", "RETRYING"): 1}
    late = Measured()
    root.observe(late.metrics)
    assert late.tasks() == measured.tasks()
    await anyio.sleep(10)
    assert measured.tasks() == late.tasks() == root_only | {("Failing", "RETRYING"): 1}
    await root.shutdown()
    assert measured.tasks() == late.tasks() == {}


async def test_a_state_without_tasks_is_zero(root: Root, measured: Measured) -> None:
    """What was reported once is taken back: a number does not stay because nobody is there to change it."""
    task = root.add_task(Sleeper())
    await task.wait_started()
    assert measured.tasks()["Sleeper", "GOING"] == 1
    await task
    assert measured.tasks() == {("RootManager", "STARTED"): 1}
    reported = {(point.attributes["gotask.owner_type"], point.value) for point in measured.points("gotask.tasks")}
    assert ("Sleeper", 0) in reported


async def test_lives_by_outcome(root: Root, measured: Measured) -> None:
    """Each life counts once: completed, stopped, failed with its type, or never started."""
    await root.add_task(Sleeper())
    await root.add_task(Failing(), retry=RetryPolicy(1, 1.0)).wait_stopped()
    stopped, never = root.add_task(Sleeper()), root.add_task(Sleeper())
    never.stop()
    await stopped.wait_started()
    stopped.stop()
    await anyio.sleep(1)
    assert measured.values("gotask.lives", "gotask.owner_type", "gotask.outcome") == {
        ("Sleeper", "completed"): 1,
        ("Sleeper", "stopped"): 1,
        ("Sleeper", "never_started"): 1,
        ("Failing", "failed"): 1,
    }
    failed = [point for point in measured.points("gotask.lives") if "error.type" in point.attributes]
    assert {point.attributes["error.type"]: point.value for point in failed} == {
        "ConnectionError": 1,
        "RetryExhausted": 1,
    }


async def test_retries_are_counted(root: Root, measured: Measured) -> None:
    """R1: by owner type; a restart is none."""
    await root.add_task(Failing(), retry=RetryPolicy(3, 1.0)).wait_stopped()
    task = root.add_task(Sleeper())
    await task.wait_started()
    task.restart()
    await task
    assert measured.values("gotask.retries", "gotask.owner_type") == {("Failing",): 3}


async def test_durations(root: Root, measured: Measured) -> None:
    """In seconds, each life by itself, with buckets that are made for seconds."""
    task = root.add_task(Sleeper())
    await task.wait_started()
    await anyio.sleep(2)
    task.restart()
    await task
    points = {point.attributes["gotask.outcome"]: point for point in measured.points("gotask.life.duration")}
    assert points["stopped"].sum == pytest.approx(2)
    assert points["completed"].sum == pytest.approx(5)
    assert points["completed"].explicit_bounds[:3] == (0.001, 0.01, 0.1)


async def test_metrics_close_after_unobserve(root: Root, measured: Measured) -> None:
    """Whoever stops listening reports no number of tasks any more."""
    root.unobserve(measured.metrics)
    measured.metrics.close()
    assert measured.tasks() == {}


async def test_metrics_are_read_from_another_thread(root: Root) -> None:
    """An exporter reads in its own thread while the tree goes on; JSON comes out."""
    out = io.StringIO()
    reader = PeriodicExportingMetricReader(ConsoleMetricExporter(out=out), export_interval_millis=3.6e6)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    root.observe(Metrics(provider))
    await root.add_task(Sleeper())
    thread = threading.Thread(target=provider.shutdown)
    thread.start()
    thread.join()
    names = {
        metric["name"] for metric in json.loads(out.getvalue())["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    }
    assert names == {"gotask.tasks", "gotask.lives", "gotask.life.duration"}


def test_without_opentelemetry() -> None:
    """What is missing is named, with the command that installs it."""
    code = "import sys; sys.modules['opentelemetry'] = None; import gotask.otel"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert "ImportError: gotask.otel needs OpenTelemetry: pip install 'gotask[otel]'" in done.stderr


async def test_what_is_no_unicode_can_be_sent(
    root: Root, traced: Root, spans: Spans, measured: Measured, caplog: pytest.LogCaptureFixture
) -> None:
    """A text as the name of a file from elsewhere is written with a backslash: an exporter would lose its batch."""

    async def open_file() -> None:
        current = gotask.current_task()
        assert current is not None
        current.step("caf\udce9", "caf\udce9")
        current.set_description("file", "caf\udce9")
        raise OSError("caf\udce9")

    with caplog.at_level(logging.CRITICAL + 1, "gotask"):  # pytest's workers cannot send such a log to each other
        await root.add_task(open_file, name="caf\udce9").wait_stopped()
    span = spans.one("caf\\udce9")
    assert span.status.description == "caf\\udce9"
    json.loads(span.to_json())
    told = [span.attributes, *(event.attributes for event in span.events)]
    texts = [value for one in told for value in (one or {}).values() if isinstance(value, str)]
    assert len([text.encode() for text in texts if "caf" in text]) >= 5
    points = [*measured.points("gotask.lives"), *measured.points("gotask.tasks")]
    assert "caf\\udce9" in [point.attributes["gotask.owner_type"].encode().decode() for point in points]
