"""The ASGI application: made from a panel, or by `create_app` for somebody's FastAPI or Starlette application."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from gotask import BlockingRoot, GotaskError, RootManager, TaskState, __version__
from gotask.store import HistoryStore
from gotask_dashboard import metrics, options, routes, task_routes
from gotask_dashboard.answers import handle_problems
from gotask_dashboard.asking import only_known
from gotask_dashboard.mirror import Mirror
from gotask_dashboard.models import ProblemDetails
from gotask_dashboard.options import OWN_FILE, Options, Place, Redact, history_store
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import LOGGER, Problem, tell
from gotask_dashboard.process import Meter, began_at
from gotask_dashboard.pulse import Pulse
from gotask_dashboard.security import Guard
from gotask_dashboard.sessions import Sessions


def make_app(panel: Callable[[], Panel], settings: Options, sessions: Sessions) -> FastAPI:
    """The application; `panel` is asked for by each request."""
    app = FastAPI(
        title="gotask dashboard", version=__version__, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None,
    )  # fmt: skip
    for router in (task_routes.router, routes.router):
        app.include_router(router, dependencies=[Depends(only_known)])
    app.include_router(routes.page)
    handle_problems(app)
    meter = Meter()
    app.state.panel, app.state.meter, app.state.sessions = panel, meter, sessions
    app.state.registry = lambda: metrics.registry(panel(), meter)
    app.add_middleware(Guard, options=settings, sessions=sessions)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description: errors are problems, and not what FastAPI would answer by itself."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = made["components"]["schemas"]
        schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemes = {"bearer": {"type": "http", "scheme": "bearer"}}
        made["components"]["securitySchemes"], made["security"] = schemes, [{"bearer": []}]
        app.openapi_schema = made
    return app.openapi_schema


def create_app(
    root: Any, *, host: str = "127.0.0.1", token: str | bool | None = None, read_only: bool = False,
    history: Place = OWN_FILE, redact: Redact | None = None, allowed_hosts: Iterable[str] = (),
    keep_stopped: int = 200,
) -> FastAPI:  # fmt: skip
    """An application that shows this tree, to be mounted in another one: `app.mount("/gotask", create_app(root))`.

    It runs in the loop of its host, so it does not answer while that is blocked. The root may be opened later, but
    before the first request. `app.state.token` is the token; one that is made is told in the log too, or on stderr
    where there is none, as under plain uvicorn.

    Args:
        root: A RootManager or a BlockingRoot.
        host: Where its host listens: if that is not this machine alone, a token must be given.
        token, read_only, history, redact, allowed_hosts, keep_stopped: As for Dashboard.
    """
    if isinstance(root, BlockingRoot):
        root = root.root
    if not isinstance(root, RootManager):
        raise TypeError(f"create_app() takes a RootManager or a BlockingRoot, not {root!r}")
    settings = options.check(host, token, read_only, redact, allowed_hosts, keep_stopped)
    panel = Mounted(root, settings, history_store(history)).panel
    app = make_app(panel, settings, Sessions(settings.token))
    app.state.token = settings.token
    if settings.own_token:
        tell(LOGGER.info, f"dashboard: open the path where it is mounted, with /#token={settings.token} behind it")
    return app


class Mounted:
    """The panel of an application that is mounted somewhere: made with the first request, in the loop of its host."""

    def __init__(self, root: RootManager[Any, Any], settings: Options, store: HistoryStore) -> None:
        self._root, self._settings, self._store = root, settings, store
        self._panel: Panel | None = None

    def panel(self) -> Panel:
        """The panel.

        Raises:
            Problem: 503: the tree is not open.
        """
        if self._panel is None or (self._panel.mirror.is_closed and self._root.state is not TaskState.DISPOSED):
            mirror = Mirror(self._settings.keep_stopped)
            try:
                self._root.observe(mirror)
            except GotaskError as error:
                raise Problem(503, f"there is nothing to see yet: {error}", Retry_After="1") from None
            self._panel = Panel(self._root, mirror, self._settings, Pulse(), None, began_at())
            self._panel.host_ends = host_ends
            try:
                mirror.store = mirror.first_of(HistoryStore) or self._root.add_task(self._store)
            except GotaskError as error:  # the tree is about to end
                mirror.store_error = f"there is no history: {error}"
        return self._panel


def host_ends() -> bool:
    """Whether the server around us is about to end: uvicorn tells nobody, and waits for open pages for ever."""
    server = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return bool(getattr(server, "should_exit", False))
