"""The API does what its OpenAPI description says, whatever it is asked: schemathesis asks a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from dashboards import Broken, Camera, Site
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks as known

import gotask
from gotask_dashboard import create_app

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection",
)  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A tree of which no task has a small number: those that are asked for by chance do not stop it."""
    while gotask.get_next_task_id() < 100_000:
        pass
    with Site() as site:
        site.with_history()
        site.root.wait_stopped(site.root.add_task(Broken()))
        job = site.add(gotask.Work())
        site.add(Camera(), key="gate").set_description("line", "fibre")
        job.add_task(Camera())
        yield site


description = create_app(gotask.RootManager(), history=None).openapi()
# Without the part about tokens: all of this is asked with one; tests/test_dashboard_security.py asks without.
asked = {name: value for name, value in description.items() if name != "security"}
schema = schemathesis.openapi.from_dict(asked).exclude(path="/api/events")


def test_the_server_gives_this_description(site: Site) -> None:
    """What is tested here is what clients read."""
    assert site.get("/api/openapi.json") == description


@schema.parametrize()
@settings(
    max_examples=15, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_answers_are_as_described(case: Any, site: Site) -> None:
    """Status, type and shape of each answer are in the description; what it does not allow is refused."""
    headers = {"Authorization": site.client.headers["Authorization"], "X-Gotask": "1"}
    response = case.call(base_url=site.base, headers=headers)
    case.validate_response(response, checks=[getattr(known, name) for name in CHECKS])
