"""What people are told: errors as RFC 9457 problems, with a sentence to act on, and where the dashboard is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

LOGGER = logging.getLogger("gotask.dashboard")


def tell(log: Callable[[str], object], text: str) -> None:
    """Log what somebody has to know to get in; where no log is set up, which would lose it, write it to stderr."""
    log(text)
    if not LOGGER.hasHandlers() and sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


class Problem(Exception):
    """What keeps a request from being answered."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def content(self) -> dict[str, Any]:
        """The answer that says so."""
        title = HTTPStatus(self.status).phrase
        return {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
