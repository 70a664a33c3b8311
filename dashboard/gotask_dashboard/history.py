"""Answers from the durable history: lives and sessions, of this run and of earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from gotask import TaskRow
from gotask.chrome_trace import chrome_trace
from gotask.store import StoredHistory
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import LOGGER, Problem
from gotask_dashboard.wire import instant, life_of

T = TypeVar("T")


async def ask(panel: Panel, question: Callable[[StoredHistory], T]) -> T:
    """Ask the history, in a worker thread.

    Raises:
        Problem: 503: there is none yet, or its database does not answer.
    """
    store = panel.store
    if store is None or store.session_id is None:
        raise Problem(503, panel.store_error or "the history is being opened: ask again in a moment", Retry_After="1")
    try:
        return await run_sync(partial(question, store.history), abandon_on_cancel=True)
    except SQLAlchemyError as error:
        LOGGER.warning("the history does not answer: %s", error)
        raise Problem(503, "the database of the history does not answer: ask again later", Retry_After="5") from None


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
    return life_of(record, record.session, panel.show(record.descriptions))


async def lives(panel: Panel, filters: dict[str, Any], limit: int, offset: int) -> dict[str, Any]:
    """A part of the lives that fit, the newest first."""

    def question(history: StoredHistory) -> tuple[int, list[Any]]:
        return history.count(**filters), history.lives(limit=limit, offset=offset, **filters)

    total, found = await ask(panel, question)
    listed = [shown(panel, record) for record in reversed(found)]
    return {"list": listed, "total": total, "limit": limit, "offset": offset, "asOf": panel.as_of()}


async def last_life(panel: Panel, task_id: int) -> dict[str, Any] | None:
    """The last life of a task of this process that the history knows."""
    session = own_session(panel)
    if session is None:
        return None
    found = await ask(panel, lambda history: history.lives(session=session, id=task_id, limit=1))
    return shown(panel, found[0]) if found else None


async def statistics(panel: Panel, by: str, filters: dict[str, Any]) -> dict[str, Any]:
    """Numbers of the lives that fit, by what they have in common; and the failures among them."""

    def question(history: StoredHistory) -> tuple[int, list[Any], list[Any]]:
        total = history.count(**filters)
        return total, history.statistics(cast(Any, by), **filters), history.failures(**filters)

    total, found, failed = await ask(panel, question)
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


async def sessions(panel: Panel, limit: int, offset: int) -> dict[str, Any]:
    """A part of the runs, the newest first."""
    found = await ask(panel, lambda history: history.sessions())
    newest = found[::-1]
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


async def trace(panel: Panel, session: int | None, limit: int) -> dict[str, Any]:
    """The last lives of one run as a trace that Perfetto opens."""
    of = own_session(panel) if session is None else session
    names = {row.id: name_of(row) for row in panel.mirror.rows()} if of == own_session(panel) else {}

    def question(history: StoredHistory) -> dict[str, Any]:
        made = chrome_trace(history.lives(session=of, limit=limit), names=names)
        for event in made["traceEvents"]:
            described = event["args"].get("descriptions")
            if described:
                event["args"]["descriptions"] = dict(panel.show(described))
        return made

    return await ask(panel, question)
