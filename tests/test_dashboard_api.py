"""The addresses of the dashboard that answer questions, with a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from dashboards import Broken, Camera, Site

import gotask
from gotask_dashboard.wire import FIELDS


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A tree with two cameras in a Job, one of which is named and described, and one task that has failed."""
    with Site() as site:
        site.job = site.add(gotask.Work(), key="yard")  # type: ignore[attr-defined]
        site.one = site.job.add_task(Camera(), key="Gate")  # type: ignore[attr-defined]
        site.two = site.job.add_task(Camera())  # type: ignore[attr-defined]
        site.root.wait_started(site.two)  # type: ignore[attr-defined]
        site.one.set_description("line", "Fibre")  # type: ignore[attr-defined]
        site.one.step("opened", "in the morning")  # type: ignore[attr-defined]
        broken = site.root.add_task(Broken())
        site.root.wait_stopped(broken)
        site.broken = broken  # type: ignore[attr-defined]
        site.with_history()
        yield site


def test_a_row_has_these_fields(site: Any) -> None:
    """A task is told in full, with states and types as number and name, and instants with zone."""
    [row] = [row for row in site.get("/api/tasks")["list"] if row["id"] == site.one.task_id]
    assert tuple(row) == FIELDS
    assert (row["state"], row["stateName"], row["type"], row["typeName"]) == (4, "GOING", 0, "TASK")
    assert (row["parentId"], row["key"], row["ownerType"], row["level"]) == (site.job.task_id, "Gate", "Camera", 2)
    assert (row["descriptions"], row["step"], row["life"]) == ({"line": "Fibre"}, "opened", 1)
    assert datetime.fromisoformat(row["startTime"]).tzinfo is not None
    assert row["startTime"].endswith("Z")


def test_the_pointer_leads_to_the_task(site: Any) -> None:
    """`pointer` is what `from_pointer` takes."""
    row = site.get(f"/api/tasks/{site.one.task_id}")
    assert gotask.from_pointer(row["pointer"]) is site.one


def test_a_job_with_children_says_that_its_loop_runs(site: Any) -> None:
    """Q2: its loop runs while it has children."""
    rows = {row["id"]: row["eventLoopRunning"] for row in site.get("/api/tasks")["list"]}
    assert rows[site.job.task_id] is True
    assert rows[site.one.task_id] is False


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"owner": "Camera"}, ["one", "two"]),
        ({"q": "gate"}, ["one"]),
        ({"q": "FIBRE"}, ["one"]),
        ({"q": "gate  camera going"}, ["one"]),
        ({"q": "gate nobody"}, []),
        ({"state": "going", "type": "task", "owner": "Camera"}, ["one", "two"]),
        ({"state": "4", "owner": "Camera"}, ["one", "two"]),
        ({"state": "STARTED", "owner": "Camera"}, []),
        ({"type": "JOB,WORK", "q": "yard"}, ["job"]),
        ({"type": ["JOB", "2"], "q": "yard"}, ["job"]),
        ({"state": "DISPOSED", "owner": "Broken"}, ["broken"]),
        ({"owner": "Broken"}, []),
        ({"owner": "nobody"}, []),
    ],
)
def test_tasks_can_be_filtered(site: Any, filters: dict[str, Any], wanted: list[str]) -> None:
    """Each filter leaves those that fit, in the order of the tree; what has stopped only if asked for."""
    assert site.ids(**filters) == [getattr(site, name).task_id for name in wanted]


def test_tasks_can_be_filtered_by_parent(site: Any) -> None:
    """`parent` leaves its children."""
    assert site.ids(parent=site.job.task_id) == [site.one.task_id, site.two.task_id]


def test_filters_come_before_the_limit(site: Any) -> None:
    """A page of what fits, and how many fit."""
    found = site.get("/api/tasks", owner="Camera", limit=1, offset=1)
    assert [row["id"] for row in found["list"]] == [site.two.task_id]
    assert (found["total"], found["limit"], found["offset"]) == (2, 1, 1)


def test_tasks_can_be_sorted(site: Any) -> None:
    """By any field, and the other way round with `-`."""
    assert site.ids(owner="Camera", sort="-id") == [site.two.task_id, site.one.task_id]
    assert site.ids(owner="Camera", sort="id") == [site.one.task_id, site.two.task_id]


def test_what_has_no_value_is_sorted_last(site: Any) -> None:
    """Whichever way round."""
    assert site.ids(sort="parentId")[-1] == site.ids(sort="-parentId")[-1] == site.root.root.task_id


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/api/tasks?state=asleep", "GOING"),
        ("/api/tasks?type=thing", "CHANNEL"),
        ("/api/tasks?sort=colour", "ownerType"),
        ("/api/tasks?limit=1001", "1000"),
        ("/api/tasks?onwer=Camera", "owner"),
        ("/api/session?x=1", "none"),
        ("/api/tasks?limit=-1", "limit"),
        ("/api/tasks?parent=x", "parent"),
        ("/api/tasks/tree?depth=51", "depth"),
        ("/api/tasks/x", "task_id"),
        ("/api/history?startTime=yesterday", "2026-01-31T12:00:00Z"),
        ("/api/history?endTime=nan", "seconds since 1970"),
        ("/api/history?taskType=thing", "CHANNEL"),
        ("/api/history?failed=perhaps", "failed"),
        ("/api/history/stats?by=colour", "owner_type"),
        ("/api/trace?limit=0", "limit"),
    ],
)
def test_a_bad_value_is_refused_with_a_sentence(site: Any, path: str, word: str) -> None:
    """422, as problem JSON, and it says what may be said instead."""
    answer = site.client.get(path)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail"}
    assert word in answer.json()["detail"]


def test_what_is_not_there_is_a_problem(site: Any) -> None:
    """An address, or an id that never was: 404; another method: 405."""
    assert "nowhere" in site.get("/api/nowhere", 404)["detail"]
    assert "999999999" in site.get("/api/tasks/999999999", 404)["detail"]
    assert site.get("/api/tasks/999999999/history", 404)["status"] == 404
    assert site.get("/api/tasks/tree", 404, root=999999999)["status"] == 404
    answer = site.client.request("DELETE", "/api/tasks", headers={"X-Gotask": "1", "Content-Type": "application/json"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


def test_the_tree_is_nested(site: Any) -> None:
    """Children are in their parents, down to `depth`; what is left out is said."""
    found = site.get("/api/tasks/tree", root=site.job.task_id)["root"]
    assert [child["id"] for child in found["childTasks"]] == [site.one.task_id, site.two.task_id]
    short = site.get("/api/tasks/tree", depth=1)["root"]
    [job] = [child for child in short["childTasks"] if child["id"] == site.job.task_id]
    assert (job["childTasks"], job["truncated"], short["truncated"]) == ([], True, False)


def test_tasks_are_counted(site: Any) -> None:
    """By state, type and owner; and what has failed."""
    found = site.get("/api/tasks/stats")
    assert found["byOwner"]["Camera"] == 2
    assert found["byType"]["WORK"] == 3
    assert found["byState"]["GOING"] == 4
    assert found["total"] == sum(found["byOwner"].values())
    assert found["failures"] == 1


def test_everything_about_one_task(site: Any) -> None:
    """Its steps, timings, resources, its stack, and what can be done with it."""
    found = site.get(f"/api/tasks/{site.one.task_id}")
    assert [step["name"] for step in found["steps"]] == ["opened"]
    assert found["timings"]["body"] > 0
    assert f"Camera#{site.one.task_id}" in found["callStack"][-1]
    assert (found["live"], found["canStop"], found["canRestart"], found["canStart"]) == (True, True, True, False)
    assert found["path"].endswith(f"Camera#{site.one.task_id}")
    assert found["stopReport"] is None


def test_a_stopped_task_can_be_asked_for(site: Any) -> None:
    """Of one that has stopped it is said that it can be started."""
    found = site.get(f"/api/tasks/{site.broken.task_id}")
    assert (found["stateName"], found["live"], found["canStart"], found["canStop"]) == ("DISPOSED", False, True, False)
    assert "no line" in found["stopReason"]


class Quick(gotask.Task[None]):
    """Fails once, if it is to retry, and is done."""

    def run(self) -> None:
        if self.retry_count < self.max_retry:
            raise ConnectionError("not yet")


def test_what_has_stopped_says_whether_it_failed() -> None:
    """J2: as the history does, whatever the text of its reason; a life before the last one does not count."""
    with Site(keep_stopped=4) as site:
        tasks = [Broken(), Quick(), Quick(), Camera()]
        tasks[2].set_retry(1, 0.01)
        for task in tasks:
            site.root.add_task(task)
        tasks[3].stop("ConnectionError: no line")
        for task in tasks:
            site.root.wait_stopped(task, 10)
        assert {row["id"]: row["failed"] for row in site.get("/api/tasks", state="DISPOSED")["list"]} == {
            task.task_id: task is tasks[0] for task in tasks
        }
        assert {row["failed"] for row in site.get("/api/tasks")["list"]} == {None}
        for _ in range(4):
            site.root.result(site.root.add_task(Quick()))
        site.with_history()
        assert [site.get(f"/api/tasks/{task.task_id}")["failed"] for task in tasks] == [True, False, False, False]


def test_the_lives_of_a_task(site: Any) -> None:
    """Those that are over, with times and the reason."""
    found = site.get(f"/api/tasks/{site.broken.task_id}/history")
    [life] = found["list"]
    assert (life["reasonType"], life["failed"], life["final"], life["life"]) == ("ConnectionError", True, True, 1)
    assert life["sessionId"] == site.get("/api/session")["sessionId"]
    assert site.get(f"/api/tasks/{site.one.task_id}/history")["total"] == 0


def ago(seconds: float) -> str:
    """An instant so long ago."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def test_the_history_can_be_filtered(site: Any) -> None:
    """By each of its filters."""
    session, root = site.get("/api/session")["sessionId"], site.root.root.task_id
    fitting = {
        "ownerType": "Broken", "taskType": "TASK", "sessionId": session, "parentId": root, "startTime": ago(600),
        "endTime": ago(-600), "state": "DISPOSED", "failed": True, "reason": "ConnectionError",
    }  # fmt: skip
    others = {
        "ownerType": "Camera", "taskType": "JOB", "sessionId": session + 1, "parentId": root + 10**6,
        "startTime": ago(-600), "endTime": ago(600), "state": "RETRYING", "failed": False, "reason": "KeyError",
    }  # fmt: skip
    assert site.get("/api/history", **fitting)["total"] == 1
    for name in fitting:
        assert site.get("/api/history", **{name: fitting[name]})["total"] == 1, name
        assert site.get("/api/history", **{name: others[name]})["total"] == 0, name


def test_the_history_in_numbers(site: Any) -> None:
    """How many, how long, and what failed."""
    found = site.get("/api/history/stats", by="owner_type")
    assert [(one["of"], one["count"], one["failed"]) for one in found["list"]] == [("Broken", 1, 1)]
    assert [(one["reasonType"], one["count"]) for one in found["failures"]] == [("ConnectionError", 1)]


def test_the_session_is_told(site: Any) -> None:
    """Who runs, since when, and what may be done."""
    found = site.get("/api/session")
    assert (found["readOnly"], found["auth"], found["gotask"]) == (False, True, gotask.__version__)
    assert found["history"] == {"ready": True, "error": None, "waiting": 0, "dropped": 0}
    listed = site.get("/api/sessions")
    assert [(one["id"], one["pid"], one["current"]) for one in listed["list"]] == [(1, found["pid"], True)]


def test_the_process_is_measured(site: Any) -> None:
    """CPU, memory, threads, tasks."""
    found = site.get("/api/process")
    assert found["memory"] > 1_000_000
    assert found["threads"] > 1
    assert found["loopBlockedFor"] is None


def test_prometheus_reads_the_metrics(site: Any) -> None:
    """GET /metrics is its text format, with the tasks by owner, type and state."""
    from prometheus_client.parser import text_string_to_metric_families

    text = site.client.get("/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    camera = {"owner_type": "Camera", "type": "TASK", "state": "GOING"}
    assert [sample.value for sample in samples if sample.labels == camera] == [2]
    assert [sample.value for sample in samples if sample.name == "gotask_failures_total"] == [1]


def test_the_metrics_say_what_is_no_unicode() -> None:
    """An owner type such as the name of a file from elsewhere: the other numbers do not go with it."""
    with Site() as site:
        site.root.wait_started(site.root.add_task(anyio.sleep_forever, name="caf\udce9"))
        answer = site.client.get("/metrics")
    assert answer.status_code == 200
    assert 'gotask_tasks{owner_type="caf\\\\udce9",state="GOING",type="TASK"} 1.0' in answer.text


def test_the_trace_has_the_lives(site: Any) -> None:
    """GET /api/trace is a trace of what is over, as Perfetto takes it, to be kept as a file."""
    answer = site.client.get("/api/trace")
    slices = [event["name"] for event in answer.json()["traceEvents"] if event["ph"] == "X"]
    assert any(name.startswith("Broken") for name in slices)
    tracks = [event["args"]["name"] for event in answer.json()["traceEvents"] if event["name"] == "thread_name"]
    assert tracks == [f"RootManager#{site.root.root.task_id}, children"]
    assert "attachment" in answer.headers["content-disposition"]


def test_the_description_is_complete(site: Any) -> None:
    """/api/openapi.json lists every address of the API."""
    paths = site.get("/api/openapi.json")["paths"]
    assert len(paths) == 18
    assert {"/api/tasks", "/api/tasks/{task_id}/restart", "/api/events", "/metrics"} <= paths.keys()
