"""Errors as RFC 9457 problems: a status, and a sentence that a person can act on."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

LOGGER = logging.getLogger("gotask.dashboard")


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
