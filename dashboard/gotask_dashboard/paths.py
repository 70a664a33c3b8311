"""The answers of the server's paths, for a host that has no server: a notebook."""

from __future__ import annotations

from typing import Any

from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import Problem


def answer(panel: Panel, method: str, path: str, body: Any, who: str) -> tuple[int, Any]:
    """Status and content.

    Raises:
        Problem: As the server would answer with.
    """
    if method == "GET" and path == "/api/session":
        return 200, panel.session()
    raise Problem(404, f"there is nothing at {path}")
