"""Answers about tasks: lists, the tree, numbers, and everything about one of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict
from typing import Any

from gotask import TaskRow, TaskState
from gotask_dashboard.history import lives as all_lives
from gotask_dashboard.history import own_session
from gotask_dashboard.mirror import Stopped
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import Problem
from gotask_dashboard.wire import instant, step_of

MOST_NODES = 10_000


def page(panel: Panel, rows: list[TaskRow], limit: int, offset: int) -> dict[str, Any]:
    """A part of a list."""
    listed = [panel.task(row) for row in rows[offset : offset + limit]]
    return {"list": listed, "total": len(rows), "limit": limit, "offset": offset, "asOf": panel.as_of()}


def stats(panel: Panel) -> dict[str, Any]:
    """How many tasks there are of each state, type and owner, and what has happened."""
    rows = panel.mirror.rows()
    return {
        "asOf": panel.as_of(), "total": len(rows),
        "byState": Counter(row.state.name for row in rows), "byType": Counter(row.task_type.name for row in rows),
        "byOwner": Counter(row.owner_type for row in rows), **asdict(panel.mirror.counts),
    }  # fmt: skip


def tree(panel: Panel, top: int | None, depth: int) -> dict[str, Any]:
    """A task and those below it, so many levels deep.

    Raises:
        Problem: 404: it does not live.
    """
    rows = {row.id: row for row in panel.mirror.rows()}
    first = rows.get(panel.root.task_id if top is None else top)
    if first is None:
        raise Problem(404, f"no task with the id {top} lives" if top is not None else "the tree is shut down")
    nodes = {first.id: node_of(panel, first)}
    for row in rows.values():  # parents before their children
        parent = nodes.get(row.parent_id) if row.parent_id is not None else None
        if parent is None or row.id == first.id:
            continue
        if row.level - first.level > depth or len(nodes) >= MOST_NODES:
            parent["truncated"] = True
        else:
            nodes[row.id] = node_of(panel, row)
            parent["childTasks"].append(nodes[row.id])
    return {"root": nodes[first.id], "asOf": panel.as_of()}


def node_of(panel: Panel, row: TaskRow) -> dict[str, Any]:
    """A task of the tree, without those below it."""
    return {**panel.task(row), "childTasks": [], "truncated": False}


def known(panel: Panel, task_id: int) -> Stopped | None:
    """A task that lives, or is one of those that stopped last: its row, and the object."""
    row, task = panel.mirror.row(task_id), panel.mirror.task(task_id)
    return panel.mirror.stopped(task_id) if row is None or task is None else Stopped(row, task)


def unknown(task_id: int) -> Problem:
    """There never was such a task."""
    return Problem(404, f"no task of this program has, or had, the id {task_id}")


def lives(history: Any, panel: Panel, task_id: int, filters: dict[str, Any], limit: int, offset: int) -> dict[str, Any]:
    """A part of the lives of one task, the newest first; of this run, if no other one is named.

    Raises:
        Problem: 404: there never was such a task.
    """
    if filters["session"] is None:
        filters = {**filters, "session": own_session(panel)}
    found = all_lives(history, panel, {**filters, "id": task_id}, limit, offset)
    if not found["total"] and known(panel, task_id) is None:
        raise unknown(task_id)
    return found


def detail(panel: Panel, row: TaskRow, task: Any) -> dict[str, Any]:
    """Everything about one task. It may take a second: so not in an event loop."""
    live = row.state is not TaskState.DISPOSED
    report = task.stop_report() if live else None
    parent = None if row.parent_id is None else panel.mirror.row(row.parent_id)
    is_root = row.parent_id is None
    return {
        **panel.task(row), "asOf": panel.as_of(), "live": live, "canStop": live,
        "canRestart": live and row.asked_at is None and not is_root,
        "canStart": not live and parent is not None and parent.asked_at is None,
        "path": task.execution_path, "steps": [step_of(step) for step in task.steps],
        "timings": asdict(task.timings), "resources": [name_of(one) for one in task.resources],
        "callStack": list(task.call_stack()) if live else [],
        "blocking": [parent.id] if parent is not None and parent.held_by == row.id else [],
        "stopReport": None if report is None else report_of(report),
    }  # fmt: skip


def forgotten(panel: Panel, task_id: int, life: dict[str, Any] | None) -> dict[str, Any]:
    """A task of which only the last of its lives is known.

    Raises:
        Problem: 404: not even that is.
    """
    if life is None:
        raise unknown(task_id)
    common = ("id", "parentId", "key", "ownerType", "type", "typeName", "level", "startReason", "life", "retryCount",
              "stopReason", "descriptions", "steps", "timings", "failed")  # fmt: skip
    return {
        **{name: life[name] for name in common},
        "state": int(TaskState.DISPOSED), "stateName": "DISPOSED", "addedAt": life["startTime"],
        "startTime": life["startTime"], "askedAt": None, "retryAt": None, "maxRetry": 0, "blockedBy": None,
        "children": 0, "step": life["steps"][-1]["name"] if life["steps"] else None, "pointer": None,
        "eventLoopRunning": False, "asOf": panel.as_of(), "live": False, "canStop": False, "canRestart": False,
        "canStart": False, "path": None, "resources": [], "callStack": [], "blocking": [], "stopReport": None,
    }  # fmt: skip


def report_of(report: Any) -> dict[str, Any]:
    """Why a task is not stopping."""
    said = camel(asdict(report))
    return {**said, "askedAt": instant(report.asked_at), "chain": [camel(one) for one in said["chain"]]}


def camel(values: dict[str, Any]) -> dict[str, Any]:
    """The same, named as on the wire."""
    return {re.sub("_(.)", lambda found: found[1].upper(), name): value for name, value in values.items()}


def name_of(thing: Any) -> str:
    """A resource in a few words; its own are not asked for, they may hold anything."""
    return str(getattr(thing, "__qualname__", type(thing).__qualname__))
