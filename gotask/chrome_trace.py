"""Lives as a trace in the Trace Event Format, which Perfetto and chrome://tracing open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gotask.records import LifeRecord
from gotask.states import TaskType
from gotask.task_lives import TaskLives, in_tree_order, lanes, name_of

PROCESS = 1
"""The one process of a trace. Threads are numbered from 2: one with the number of its process would be shown first."""

Event = dict[str, Any]


def chrome_trace(records: Iterable[LifeRecord], names: Mapping[int, str] | None = None) -> dict[str, Any]:
    """These lives as a trace, ready for `json.dumps`. Tasks that still live are not in it, for they have no record.

    A Job has a track of its own lives, and below it one for its children; more of these only if the children overlap,
    for the slices of one track must be nested. Tracks are in the order of the tree. Within a life are its phases
    start, body and dispose; steps and retries are instants. The same records give the same trace.

    Args:
        records: Lives of one session, in any order.
        names: What to call Jobs of which no life is over, by id.
    """
    tasks = in_tree_order(records, names or {})
    first = min((task.started_at for task in tasks if task.lives), default=0.0)
    events: list[Event] = [event("M", "process_name", PROCESS, {"name": "gotask"})]
    for tid, (title, held) in enumerate(tracks(tasks), PROCESS + 1):
        events.append(event("M", "thread_name", tid, {"name": title}))
        events.append(event("M", "thread_sort_index", tid, {"sort_index": tid}))
        for life, began, ended in placed(held, first):
            events.extend(events_of(life, tid, began, ended))
    started_at = datetime.fromtimestamp(first, UTC).isoformat()
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"startedAt": started_at}}


def event(kind: str, name: str, tid: int, args: Event, **more: Any) -> Event:
    """An event of the format: M says what something is called, X is a slice, i an instant."""
    return {"ph": kind, "name": name, "pid": PROCESS, "tid": tid, **more, "args": args}


def tracks(tasks: list[TaskLives]) -> Iterator[tuple[str, list[TaskLives]]]:
    """Each track: what it is called, and the tasks whose lives it shows, none of which overlap."""
    leaves: dict[int | None, list[TaskLives]] = {}
    for task in tasks:
        if not has_track(task):
            leaves.setdefault(task.parent_id, []).append(task)
    for task in tasks:
        if has_track(task):
            indent = "· " * task.depth
            if task.lives:
                yield indent + task.name, [task]
            for number, lane in enumerate(lanes(leaves.pop(task.id, ())), 1):
                yield f"{indent}{task.name}, children" + (f" {number}" if number > 1 else ""), lane
    for lane in lanes(leaves.pop(None, ())):  # tasks without a parent that are no Jobs: from elsewhere
        yield "tasks", lane


def has_track(task: TaskLives) -> bool:
    """Whether it is a Job, or whatever else has had children."""
    return task.is_parent or task.lives[-1].task_type in (TaskType.JOB, TaskType.WORK)


def placed(tasks: list[TaskLives], first: float) -> Iterator[tuple[LifeRecord, int, int]]:
    """The lives on one track, each with its beginning and its end in whole nanoseconds.

    None begins before the end of the one before it: the instants of two lives that touch are rounded each by itself.
    """
    edge = 0
    for task in tasks:
        for life in task.lives:
            began = max(edge, nanoseconds(life.started_at - first))
            edge = max(began, nanoseconds(life.ended_at - first))
            yield life, began, edge


def events_of(life: LifeRecord, tid: int, began: int, ended: int) -> Iterator[Event]:
    """A life: its slice, then the phases within it, then what happened at one instant."""
    timings = life.timings
    if not life.life:
        yield instant(f"{name_of(life)} never started", began, tid, args_of(life), "life")
        return
    yield slice_of(name_of(life), began, ended, tid, args_of(life), "failed" if life.failed else "life")
    body_at = min(began + nanoseconds(timings.start), ended)
    dispose_at = max(body_at, ended - nanoseconds(timings.dispose))
    phases = ("start", began, body_at), ("body", body_at, dispose_at), ("dispose", dispose_at, ended)
    for name, start, end in phases:
        if end > start:
            yield slice_of(name, start, end, tid, {}, "phase")
    for step in life.steps:
        yield instant(
            step.name or "step", min(began + nanoseconds(step.at), ended), tid, {"detail": step.detail}, "step"
        )
    if not life.final:
        what = "retry" if life.failed else "restart"
        yield instant(what, ended, tid, {"reason": life.reason, "retries so far": life.retries}, "retry")


def nanoseconds(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * 1e9)


def slice_of(name: str, began: int, ended: int, tid: int, args: Event, category: str) -> Event:
    """Something that took time; the format counts in microseconds."""
    return event("X", name, tid, args, cat=category, ts=began / 1000, dur=(ended - began) / 1000)


def instant(name: str, at: int, tid: int, args: Event, category: str) -> Event:
    """Something that took no time, on its own track."""
    return event("i", name, tid, args, cat=category, ts=at / 1000, s="t")


def args_of(life: LifeRecord) -> Event:
    """What one reads when one clicks on a life; what is empty is left out."""
    args = {
        "id": life.id,
        "key": life.key,
        "life": life.life,
        "task type": life.task_type.name,
        "added at": life.start_reason,
        "reason": f"{life.reason_type}: {life.reason}" if life.reason else life.reason_type,
        "failed": life.failed,
        "queued for": life.timings.queued,
        "retries": life.retries,
        "descriptions": dict(life.descriptions),
        "errors in dispose": list(life.dispose_errors),
        "abandoned": life.abandoned,
    }
    return {name: value for name, value in args.items() if value or name == "failed"}
