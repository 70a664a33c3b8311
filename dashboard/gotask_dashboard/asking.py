"""What the routes take: the parts of a request, named and bounded once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from gotask_dashboard.filters import BIGGEST, LONGEST, MOST_WORDS, Chosen, chosen, lives_chosen
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import Problem

TaskId = Annotated[int, Path(ge=0, le=BIGGEST)]
Number = Annotated[int | None, Query(ge=0, le=BIGGEST)]
Limit = Annotated[int, Query(ge=0, le=1_000)]
Offset = Annotated[int, Query(ge=0, le=BIGGEST)]
Text = Annotated[str | None, Query(max_length=LONGEST)]
Texts = Annotated[list[str] | None, Query(max_length=MOST_WORDS)]


def panel_of(request: Request) -> Panel:
    """The panel of the application that is asked."""
    panel: Panel = request.app.state.panel()
    return panel


Here = Annotated[Panel, Depends(panel_of)]


def only_known(request: Request) -> None:
    """Refuse a parameter that would be ignored: with a filter misspelt, everything would fit.

    Raises:
        Problem: 422.
    """
    described = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = [parameter["name"] for parameter in described.get("parameters", ()) if parameter["in"] == "query"]
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        raise Problem(422, f"there is no parameter {unknown!r} here: there is {', '.join(known) or 'none'}")


def who(request: Request) -> str:
    """Who asks, for the log."""
    client = request.client.host if request.client else "an unknown address"
    return f"{client} ({request.scope.get('gotask.auth', 'anybody')})"


Who = Annotated[str, Depends(who)]


def task_filter(
    state: Texts = None, type: Texts = None, owner: Text = None, q: Text = None, parent: Number = None
) -> Chosen:
    """The filters of tasks."""
    return chosen(state, type, owner, q, parent)


TaskFilter = Annotated[Chosen, Depends(task_filter)]


def life_filter(
    ownerType: Text = None, taskType: Text = None, sessionId: Number = None, parentId: Number = None,
    startTime: Text = None, endTime: Text = None, id: Number = None, state: Text = None, reason: Text = None,
    failed: bool | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The filters of lives. `startTime` and `endTime` bound the moment at which a life began."""
    return lives_chosen(ownerType, taskType, sessionId, parentId, startTime, endTime, id, state, reason, failed)


LifeFilter = Annotated[dict[str, Any], Depends(life_filter)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with, for its description; all of them may answer with some."""
    schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    common = (400, 401, 403, 405, 421, 422, 429, 500, 503)
    return {status: {"description": "Problem", "content": schema} for status in sorted({*common, *statuses})}
