"""Stop, restart and start: handed to the tree, which is not waited for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from gotask import GotaskError, TaskRow, TaskState
from gotask_dashboard.filters import Chosen, rows_of
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import LOGGER, Problem
from gotask_dashboard.tasks import unknown

LISTED = 100
"""Tasks that the answer of a stop of many shows."""
Verb = Literal["stop", "restart", "start"]


def command(panel: Panel, verb: Verb, task_id: int, reason: str | None, who: str) -> dict[str, Any] | None:
    """Do it to one task; None if there is no such task here.

    Raises:
        Problem: 409: that cannot be done to it now.
    """
    row, stopped = panel.mirror.row(task_id), panel.mirror.stopped(task_id)
    task = panel.mirror.task(task_id)
    if row is not None and task is not None:
        check_living(verb, row)
    elif stopped is not None:
        row, task = stopped
        check_stopped(verb, row, panel)
    else:
        return None
    said = f" ({reason})" if reason else ""
    LOGGER.info("%s %s#%s%s: asked for by %s", verb, row.owner_type, task_id, said, who)
    if verb == "stop":
        stop(task, reason or panel.by)
    else:
        panel.hand_over(partial(carry_out, task.restart, f"{verb} {row.owner_type}#{task_id}"))
    panel.nudge()
    return {"accepted": True, "id": task_id, "command": verb}


def check_living(verb: Verb, row: TaskRow) -> None:
    """Refuse what cannot be done to a task that lives."""
    if verb == "start":
        raise Problem(409, f"{row.owner_type}#{row.id} is {row.state.name}: only what has stopped can be started")
    if verb == "restart" and row.parent_id is None:
        raise Problem(409, "the root of the tree cannot be restarted from here")
    if verb == "restart" and row.asked_at is not None:
        raise Problem(409, f"{row.owner_type}#{row.id} is stopping: wait for its end, then start it")


def check_stopped(verb: Verb, row: TaskRow, panel: Panel) -> None:
    """Refuse what cannot be done to a task that is DISPOSED."""
    if verb != "start":
        raise Problem(409, f"{row.owner_type}#{row.id} has stopped already")
    parent = None if row.parent_id is None else panel.mirror.row(row.parent_id)
    if parent is None or parent.asked_at is not None:
        raise Problem(409, f"what held {row.owner_type}#{row.id} has stopped too, so it cannot be started there")


def stop(task: Any, reason: str) -> None:
    """Ask for its end; from any thread, and without waiting."""
    try:
        task.stop(reason)
    except GotaskError as error:
        LOGGER.warning("the tree took no stop: %s", error)


def carry_out(action: Callable[[], object], what: str) -> None:
    """Do what was answered already: it can only be logged that it did not work."""
    try:
        action()
    except Exception as error:
        LOGGER.warning("%s: %s", what, error)


def too_late(task_id: int, life: dict[str, Any] | None) -> Problem:
    """Why a task that is not here takes no command."""
    if life is None:
        return unknown(task_id)
    return Problem(409, f"the task {task_id} has stopped long ago, and only its history is kept")


def stop_many(panel: Panel, choice: Chosen, reason: str | None, dry_run: bool, who: str) -> dict[str, Any]:
    """Stop all that are meant but the root, the dashboard and what holds it; or only say which these are.

    Raises:
        Problem: 422: no filter is given.
    """
    if choice.is_empty:
        raise Problem(422, "filter: say which tasks are meant; the whole tree is stopped by the id of its root")
    spared = panel.protected()
    meant = [row for row in rows_of(panel, choice) if row.id not in spared and row.state is not TaskState.DISPOSED]
    below = descendants(panel, {row.id for row in meant})
    if not dry_run:
        LOGGER.info("stop %d tasks%s: asked for by %s", len(meant), f" ({reason})" if reason else "", who)
        for row in meant:
            task = panel.mirror.task(row.id)
            if task is not None:
                stop(task, reason or panel.by)
        panel.nudge()
    listed = [panel.task(row) for row in meant[:LISTED]]
    return {"accepted": not dry_run, "count": len(meant), "descendants": below, "list": listed}


def descendants(panel: Panel, meant: set[int]) -> int:
    """How many others are below these, and go with them."""
    going = set(meant)
    for row in panel.mirror.rows():  # parents before their children
        if row.parent_id in going:
            going.add(row.id)
    return len(going) - len(meant)
