"""The answers of the routes, and of what goes wrong in them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gotask_dashboard.problems import Problem
from gotask_dashboard.wire import compact


def answer(content: Any, status: int = 200) -> Response:
    """JSON that is kept nowhere."""
    return Response(compact(content), status, {"Cache-Control": "no-store"}, media_type="application/json")


def refusal(problem: Problem) -> Response:
    """The answer that says what went wrong."""
    headers = {**problem.headers, "Cache-Control": "no-store"}
    return Response(compact(problem.content()), problem.status, headers, media_type="application/problem+json")


def handle_problems(app: FastAPI) -> None:
    """Have every error of this application answered as problem JSON."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return refusal(Problem(422, "; ".join(map(sentence, error.errors()))))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        details = {404: f"there is nothing at {request.url.path}", 405: f"{request.method} is not for this address"}
        detail = details.get(error.status_code, str(error.detail))
        allow = (error.headers or {}).get("Allow")
        return refusal(Problem(error.status_code, detail, **({"Allow": allow} if allow else {})))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return refusal(Problem(500, "the dashboard failed; the log of the program says why"))


def sentence(error: Any) -> str:
    """What is wrong with one value of a request."""
    where = ".".join(str(part) for part in error["loc"][1:]) or "the body"
    return f"{where}: {error['msg']}"
