"""A web service whose background tasks live in a gotask tree: FastAPI answers, the tree does the work.

    uvicorn --factory examples.web_service:app        or: python examples/web_service.py --upstream URL

POST /reports/{city} begins one, GET /reports/{city} says how it is, DELETE stops it, /tasks shows the tree to whoever
has its token: that of the environment variable TOKEN, or else one that is made and told at the start.
A report fetches readings from an upstream service that may be down for a while, so it is retried; whatever
happens to a request, the report goes on, and when the server ends, all reports end in order before it does.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException

import gotask
from gotask_dashboard import create_app

KEPT = 1_000
"""Cities of which the last report is remembered."""


class Report(gotask.Task[dict[str, float]]):
    """The mean of a city's readings."""

    retry = gotask.RetryPolicy(max_retry=5, interval=0.2, max_interval=5, retry_on=(httpx.HTTPError,))

    def __init__(self, city: str, client: httpx.AsyncClient) -> None:
        self.key = city
        self.client = client

    async def go(self) -> dict[str, float]:
        self.step("fetch")
        answer = await self.client.get("/readings", params={"city": self.key})  # not in the path: a client has typed it
        answer.raise_for_status()
        readings: list[float] = answer.json()
        self.step("compute", f"{len(readings)} readings")
        self.set_description("readings", len(readings))
        return {"mean": sum(readings) / len(readings), "count": len(readings)}


class Reports(gotask.WorkCollection[str, Report]):
    """The reports that are being made, and the last one on each city."""

    def __init__(self) -> None:
        self.last: dict[str, Report] = {}

    def begin(self, city: str, client: httpx.AsyncClient) -> Report:
        """Begin a report.

        Raises:
            TaskExistsError: One on this city is being made.
        """
        report = self.add_task(Report(city, client))
        self.last.pop(city, None)
        self.last[city] = report
        if len(self.last) > KEPT:
            del self.last[next(iter(self.last))]
        return report

    def about(self, city: str) -> dict[str, Any] | None:
        """How the last report on a city is, and what it came to."""
        report = self.last.get(city)
        if report is None:
            return None
        if report.state is not gotask.TaskState.DISPOSED:
            return {"state": report.state.name.lower(), "retries": report.retry_count}
        if report.result is None:
            return {"state": "failed", "reason": str(report.stop_reason)}
        return {"state": "done", **report.result}


def app(upstream: str | None = None) -> FastAPI:
    """The application; the address of the upstream service may come from the environment."""
    root: Any = gotask.RootManager(handle_signals=False)  # the web server hears Ctrl-C, and ends the lifespan
    reports = Reports()
    client = httpx.AsyncClient(base_url=upstream or os.environ["UPSTREAM"], timeout=5)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client, root:
            await root.add_task(reports).wait_started()
            yield

    made = FastAPI(title="Reports", lifespan=lifespan)
    made.mount("/tasks", create_app(root, token=os.environ.get("TOKEN"), history=None))

    @made.post("/reports/{city}", status_code=202)
    async def begin(city: str) -> dict[str, str]:
        try:
            report = reports.begin(city, client)
        except gotask.TaskExistsError:
            raise HTTPException(409, f"a report on {city} is being made already") from None
        return {"state": report.state.name.lower()}

    @made.get("/reports/{city}")
    async def look(city: str) -> dict[str, Any]:
        found = reports.about(city)
        if found is None:
            raise HTTPException(404, f"nobody asked for a report on {city}")
        return found

    @made.delete("/reports/{city}", status_code=202)
    async def end(city: str) -> dict[str, str]:
        report = reports.last.get(city)
        if report is None or report.state is gotask.TaskState.DISPOSED:
            raise HTTPException(404, f"no report on {city} is being made")
        report.stop("stopped by a client")
        return {"state": "stopping"}

    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--upstream", required=True, help="where the readings come from: http://…")
    parser.add_argument("--port", type=int, default=8000, help="where it listens (default: 8000)")
    options = parser.parse_args()
    uvicorn.run(app(options.upstream), port=options.port, timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main()
