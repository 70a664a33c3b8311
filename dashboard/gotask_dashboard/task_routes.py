"""The addresses under /api/tasks."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from starlette.responses import Response

from gotask_dashboard import commands, history, tasks
from gotask_dashboard.answers import answer
from gotask_dashboard.asking import Here, LifeFilter, Limit, Number, Offset, TaskFilter, TaskId, Text, Who, problems
from gotask_dashboard.filters import chosen, rows_of, sorted_by
from gotask_dashboard.models import (
    Accepted,
    BulkAnswer,
    BulkStop,
    Command,
    LifeList,
    TaskDetail,
    TaskList,
    TaskStats,
    Tree,
)
from gotask_dashboard.panel import Panel
from gotask_dashboard.stored import ask

router = APIRouter(prefix="/api/tasks", tags=["tasks"])


@router.get("", responses=problems(), response_model=TaskList)
async def list_tasks(
    panel: Here, choice: TaskFilter, limit: Limit = 100, offset: Offset = 0, sort: Text = None
) -> Response:
    """Tasks in the order of the tree, or by `sort`. Those that have stopped only with `state=DISPOSED`."""
    return answer(tasks.page(panel, sorted_by(rows_of(panel, choice), sort), limit, offset))


@router.get("/tree", responses=problems(404), response_model=Tree)
async def show_tree(panel: Here, root: Number = None, depth: Annotated[int, Query(ge=0, le=50)] = 20) -> Response:
    """A task, by default the root, with those below it."""
    return answer(tasks.tree(panel, root, depth))


@router.get("/stats", responses=problems(), response_model=TaskStats)
async def count_tasks(panel: Here) -> Response:
    """The tree in numbers."""
    return answer(tasks.stats(panel))


@router.post("/stop", status_code=202, responses={200: {"model": BulkAnswer}, **problems(404, 409, 413, 415)},
             response_model=BulkAnswer)  # fmt: skip
async def stop_many(panel: Here, who: Who, wanted: BulkStop) -> Response:
    """Stop all tasks that fit; with `dryRun` only say which these are."""
    choice = chosen(**wanted.filter.model_dump())
    done = commands.stop_many(panel, choice, wanted.reason, wanted.dryRun, who)
    return answer(done, 200 if wanted.dryRun else 202)


@router.get("/{task_id}", responses=problems(404), response_model=TaskDetail)
async def show_task(panel: Here, task_id: TaskId) -> Response:
    """Everything about one task; of one that is forgotten, what the history knows."""
    found = tasks.known(panel, task_id)
    if found is not None:
        return answer(await run_sync(partial(tasks.detail, panel, *found), abandon_on_cancel=True))
    return answer(tasks.forgotten(panel, task_id, await last_life(panel, task_id)))


@router.get("/{task_id}/history", responses=problems(404), response_model=LifeList)
async def show_lives(
    panel: Here, task_id: TaskId, filters: LifeFilter, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """The lives of one task that are over, the newest first; of this process, or of `sessionId`."""
    return answer(await ask(panel, tasks.lives, task_id, filters, limit, offset))


commanding: dict[str, Any] = {
    "status_code": 202, "responses": problems(404, 409, 413, 415), "response_model": Accepted,
}  # fmt: skip


@router.post("/{task_id}/stop", **commanding)
async def stop(panel: Here, who: Who, task_id: TaskId, said: Command | None = None) -> Response:
    """Ask for the end of a task, with all below it."""
    return await tell(panel, "stop", task_id, said, who)


@router.post("/{task_id}/restart", **commanding)
async def restart(panel: Here, who: Who, task_id: TaskId, said: Command | None = None) -> Response:
    """End the life of a task and begin another one."""
    return await tell(panel, "restart", task_id, said, who)


@router.post("/{task_id}/start", **commanding)
async def start(panel: Here, who: Who, task_id: TaskId, said: Command | None = None) -> Response:
    """Add a task that has stopped again."""
    return await tell(panel, "start", task_id, said, who)


async def tell(panel: Panel, verb: commands.Verb, task_id: int, said: Command | None, who: str) -> Response:
    """Do it, or say why it cannot be done."""
    done = commands.command(panel, verb, task_id, None if said is None else said.reason, who)
    if done is None:
        raise commands.too_late(task_id, await last_life(panel, task_id))
    return answer(done, 202)


async def last_life(panel: Panel, task_id: int) -> dict[str, Any] | None:
    """What the history knows of a task that is forgotten."""
    return None if history.own_session(panel) is None else await ask(panel, history.last_life, task_id)
