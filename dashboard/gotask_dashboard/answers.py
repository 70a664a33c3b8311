"""The answers of the routes."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from gotask_dashboard.wire import compact


def answer(content: Any, status: int = 200) -> Response:
    """JSON that is kept nowhere."""
    return Response(compact(content), status, {"Cache-Control": "no-store"}, media_type="application/json")
