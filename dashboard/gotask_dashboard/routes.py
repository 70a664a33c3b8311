"""The other addresses: the process, its history, the stream, the way in, and the page itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response

from gotask_dashboard import history, metrics
from gotask_dashboard.answers import answer
from gotask_dashboard.asking import Here, LifeFilter, Limit, Number, Offset, problems
from gotask_dashboard.models import (
    HistoryStats,
    LifeList,
    LoggedIn,
    Login,
    ProcessOut,
    SessionList,
    SessionOut,
)
from gotask_dashboard.problems import Problem
from gotask_dashboard.security import cookie_name, is_token
from gotask_dashboard.stored import ask
from gotask_dashboard.stream import EventStream

STATIC = Path(__file__).parent / "static"
KINDS = {
    ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
    ".map": "application/json", ".png": "image/png", ".woff2": "font/woff2",
}  # fmt: skip
"""By suffix; not as the machine has it, where Windows may say anything."""
FILES = {path.name: path for path in STATIC.iterdir() if path.suffix in KINDS}
"""All there is to be had, by name: no path is ever made from a request."""

By = Literal["owner_type", "task_type", "state", "reason_type", "session", "all"]

router, page = APIRouter(), APIRouter(include_in_schema=False)


@router.get("/api/session", responses=problems(), response_model=SessionOut, tags=["process"])
async def show_session(panel: Here) -> Response:
    """This process."""
    return answer(panel.session())


@router.get("/api/sessions", responses=problems(), response_model=SessionList, tags=["history"])
async def list_sessions(panel: Here, limit: Limit = 100, offset: Offset = 0) -> Response:
    """This run and earlier ones, the newest first."""
    return answer(await ask(panel, history.sessions, limit, offset))


@router.get("/api/history", responses=problems(), response_model=LifeList, tags=["history"])
async def list_lives(panel: Here, filters: LifeFilter, limit: Limit = 100, offset: Offset = 0) -> Response:
    """Lives that are over, of all runs or of `sessionId`, the newest first."""
    return answer(await ask(panel, history.lives, filters, limit, offset))


@router.get("/api/history/stats", responses=problems(), response_model=HistoryStats, tags=["history"])
async def count_lives(panel: Here, filters: LifeFilter, by: By = "owner_type") -> Response:
    """Numbers and durations of lives, by what they have in common, and their failures."""
    return answer(await ask(panel, history.statistics, by, filters))


@router.get("/api/trace", responses=problems(), response_model=dict[str, Any], tags=["history"])
async def show_trace(
    panel: Here, sessionId: Number = None, limit: Annotated[int, Query(ge=1, le=200_000)] = 20_000
) -> Response:
    """The last lives of this run, or of `sessionId`, in the Trace Event Format: Perfetto opens it."""
    made = answer(await ask(panel, history.trace, sessionId, limit))
    made.headers["Content-Disposition"] = 'attachment; filename="gotask-trace.json"'
    return made


@router.get("/api/process", responses=problems(), response_model=ProcessOut, tags=["process"])
async def show_process(panel: Here, request: Request) -> Response:
    """CPU, memory, threads, and how the event loop does."""
    return answer(request.app.state.meter.read(panel))


@router.get("/metrics", responses=problems(), response_class=Response, tags=["process"])
async def show_metrics(panel: Here, request: Request) -> Response:
    """The tree in numbers, for Prometheus."""
    return Response(metrics.text(request.app.state.registry()), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/events", responses=problems(), response_class=Response, tags=["tasks"])
async def open_stream(panel: Here) -> Response:
    """The live stream: server-sent events `snapshot`, `delta`, `status`, `bye`; see dashboard/README.md."""
    return EventStream(panel)


@router.post("/api/login", responses=problems(413, 415), response_model=LoggedIn, tags=["process"])
async def login(panel: Here, request: Request, shown: Login) -> Response:
    """Show the token, and get a cookie that stands for it."""
    sessions = request.app.state.sessions
    if panel.options.token and not is_token(sessions, shown.token):
        raise Problem(401, "this is not the token of this program: open the address that it has logged last")
    made = answer({"accepted": True})
    made.set_cookie(
        cookie_name(request.scope), sessions.open(), path=request.scope.get("root_path") or "/", httponly=True,
        samesite="strict", secure=request.url.scheme == "https",
    )  # fmt: skip
    return made


@page.get("/")
async def show_page() -> Response:
    """The page; it holds no data."""
    return static_file("index.html")


@page.get("/static/{name}")
async def show_file(name: str) -> Response:
    """A part of the page."""
    return static_file(name)


def static_file(name: str) -> Response:
    """One of the files that there are."""
    path = FILES.get(name)
    if path is None:
        raise Problem(404, f"the page has no file {name!r}")
    return FileResponse(path, media_type=KINDS[path.suffix], headers={"Cache-Control": "no-cache"})
