"""Answers from a history: lives and sessions, of this run and of earlier ones. All of them may take a while.

A history is what `gotask.store.StoredHistory` is, or `lately.Lately`.
"""

from __future__ import annotations

from typing import Any

from gotask import TaskRow
from gotask.chrome_trace import chrome_trace
from gotask_dashboard.panel import Panel
from gotask_dashboard.wire import instant, life_of


def own_session(panel: Panel) -> int | None:
    """The number of this run in the history, once it has one."""
    found: int | None = None if panel.store is None else panel.store.session_id
    return found


def name_of(row: TaskRow) -> str:
    """What to call a task in a trace of which no life is over, as those are called of which one is."""
    name = f"{row.owner_type}#{row.id}"
    return name if row.key == str(row.id) else f"{name} {row.key}"


def shown(panel: Panel, record: Any) -> dict[str, Any]:
    """A life, as it is shown."""
    return life_of(record, getattr(record, "session", own_session(panel)), panel.show(record.descriptions))


def lives(history: Any, panel: Panel, filters: dict[str, Any], limit: int, offset: int) -> dict[str, Any]:
    """A part of the lives that fit, the newest first."""
    total, found = history.count(**filters), history.lives(limit=limit, offset=offset, **filters)
    listed = [shown(panel, record) for record in reversed(found)]
    return {"list": listed, "total": total, "limit": limit, "offset": offset, "asOf": panel.as_of()}


def last_life(history: Any, panel: Panel, task_id: int) -> dict[str, Any] | None:
    """The last life of a task of this process that the history knows."""
    found = history.lives(session=own_session(panel), id=task_id, limit=1)
    return shown(panel, found[0]) if found else None


def statistics(history: Any, panel: Panel, by: str, filters: dict[str, Any]) -> dict[str, Any]:
    """Numbers of the lives that fit, by what they have in common; and the failures among them."""
    total, found, failed = history.count(**filters), history.statistics(by, **filters), history.failures(**filters)
    numbers = [
        {"of": getattr(one.of, "name", None) or str(one.of), "count": one.count, "failed": int(one.failed or 0),
         "mean": one.mean, "p50": one.p50, "p95": one.p95, "max": one.max}
        for one in found
    ]  # fmt: skip
    failures = [
        {"reasonType": one.reason_type, "count": one.count, "lastAt": instant(one.last_at),
         "lastReason": one.last_reason, "lastOwnerType": one.last_owner_type}
        for one in failed
    ]  # fmt: skip
    return {"by": by, "total": total, "list": numbers, "failures": failures, "asOf": panel.as_of()}


def sessions(history: Any, panel: Panel, limit: int, offset: int) -> dict[str, Any]:
    """A part of the runs, the newest first."""
    newest = history.sessions()[::-1]
    listed = [session_of(one, panel.store.session_id) for one in newest[offset : offset + limit]]
    return {"list": listed, "total": len(newest), "limit": limit, "offset": offset, "asOf": panel.as_of()}


def session_of(session: Any, current: int | None) -> dict[str, Any]:
    """A run."""
    return {
        "id": session.id, "program": session.program, "startedAt": instant(session.started_at),
        "endedAt": instant(session.ended_at), "crashed": session.crashed, "host": session.host, "pid": session.pid,
        "processStartedAt": instant(session.process_started_at), "args": list(session.args),
        "version": session.version, "dropped": session.dropped, "current": session.id == current,
    }  # fmt: skip


def trace(history: Any, panel: Panel, session: int | None, limit: int) -> dict[str, Any]:
    """The last lives of one run as a trace that Perfetto opens."""
    of = own_session(panel) if session is None else session
    names = {row.id: name_of(row) for row in panel.mirror.rows()} if of == own_session(panel) else {}
    made = chrome_trace(history.lives(session=of, limit=limit), names=names)
    for event in made["traceEvents"]:
        described = event["args"].get("descriptions")
        if described:
            event["args"]["descriptions"] = dict(panel.show(described))
    return made
