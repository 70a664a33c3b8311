"""Errors as RFC 9457 problem JSON: a status, and a sentence that a person can act on."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gotask_dashboard.wire import compact

LOGGER = logging.getLogger("gotask.dashboard")


class Problem(Exception):
    """What keeps a request from being answered."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> Response:
        """The answer that says so."""
        title = HTTPStatus(self.status).phrase
        content = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        headers = {**self.headers, "Cache-Control": "no-store"}
        return Response(compact(content), self.status, headers, media_type="application/problem+json")


def handle_problems(app: FastAPI) -> None:
    """Have every error of this application answered as problem JSON."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return Problem(422, "; ".join(map(sentence, error.errors()))).response()

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        details = {404: f"there is nothing at {request.url.path}", 405: f"{request.method} is not for this address"}
        detail = details.get(error.status_code, str(error.detail))
        allow = (error.headers or {}).get("Allow")
        return Problem(error.status_code, detail, **({"Allow": allow} if allow else {})).response()

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return Problem(500, "the dashboard failed; the log of the program says why").response()


def sentence(error: Any) -> str:
    """What is wrong with one value of a request."""
    where = ".".join(str(part) for part in error["loc"][1:]) or "the body"
    return f"{where}: {error['msg']}"
