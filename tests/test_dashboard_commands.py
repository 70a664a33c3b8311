"""What the dashboard can be told to do, with a real server."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from dashboards import Camera, Site, Slow

import gotask


@pytest.fixture
def site() -> Iterator[Site]:
    """A tree with a dashboard."""
    with Site() as site:
        yield site


def test_stop_is_accepted_and_done(site: Site) -> None:
    """S1: the answer is 202 at once, and the task ends with the reason that was given."""
    camera = site.add(Camera())
    said = site.post(f"/api/tasks/{camera.task_id}/stop", {"reason": "too dark"})
    assert said == {"accepted": True, "id": camera.task_id, "command": "stop"}
    assert str(site.root.wait_stopped(camera, 10)) == "too dark"


def test_a_command_needs_no_body(site: Site) -> None:
    """Without one there is no reason."""
    camera = site.add(Camera())
    headers = {"X-Gotask": "1", "Content-Type": "application/json"}
    assert site.client.post(f"/api/tasks/{camera.task_id}/stop", headers=headers).status_code == 202
    assert str(site.root.wait_stopped(camera, 10)) == "by the dashboard"


def test_restart_begins_another_life(site: Site) -> None:
    """R6: the task goes, and comes back."""
    camera = site.add(Camera())
    site.post(f"/api/tasks/{camera.task_id}/restart")
    row = site.until(lambda: next((row for row in site.get("/api/tasks")["list"] if row["life"] == 2), None))
    assert row["id"] == camera.task_id


def test_start_adds_a_stopped_task_again(site: Site) -> None:
    """R6: it lives under its parent again, with the same id, and is no longer among the stopped ones."""
    camera = site.add(Camera(), key="gate")
    camera.stop()
    site.root.wait_stopped(camera, 10)
    assert site.ids(state="DISPOSED") == [camera.task_id]
    site.post(f"/api/tasks/{camera.task_id}/start")
    site.until(lambda: site.ids(q="gate") == [camera.task_id])
    assert site.ids(state="DISPOSED") == []


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_a_stopped_task_cannot_be_stopped(site: Site, verb: str) -> None:
    """409, and it says why."""
    camera = site.add(Camera())
    camera.stop()
    site.root.wait_stopped(camera, 10)
    assert "has stopped already" in site.post(f"/api/tasks/{camera.task_id}/{verb}", status=409)["detail"]


def test_a_living_task_cannot_be_started(site: Site) -> None:
    """409."""
    camera = site.add(Camera())
    assert "GOING" in site.post(f"/api/tasks/{camera.task_id}/start", status=409)["detail"]


def test_a_stopping_task_cannot_be_restarted(site: Site) -> None:
    """R6: 409, as `restart()` would raise."""
    slow = site.add(Slow())
    site.root.call(slow.stop)
    assert "is stopping" in site.post(f"/api/tasks/{slow.task_id}/restart", status=409)["detail"]
    site.root.root._soon(slow.leave.set)


def test_the_root_cannot_be_restarted(site: Site) -> None:
    """409."""
    assert "root" in site.post(f"/api/tasks/{site.root.root.task_id}/restart", status=409)["detail"]


def test_what_lost_its_parent_cannot_be_started(site: Site) -> None:
    """409: there is nothing it could be added to."""
    job = site.add(gotask.Work())
    camera = job.add_task(Camera())
    site.root.wait_started(camera)
    job.stop()
    site.root.wait_stopped(job, 10)
    assert "has stopped too" in site.post(f"/api/tasks/{camera.task_id}/start", status=409)["detail"]
    assert site.get(f"/api/tasks/{camera.task_id}")["canStart"] is False


@pytest.mark.parametrize("verb", ["stop", "restart", "start"])
def test_an_unknown_task_is_404(site: Site, verb: str) -> None:
    """There never was one of this id."""
    site.with_history()
    assert site.post(f"/api/tasks/999999999/{verb}", status=404)["status"] == 404


def test_a_forgotten_task_is_told_from_the_history() -> None:
    """Only the last `keep_stopped` tasks can be started: of others GET answers, with canStart false; commands 409."""
    with Site(keep_stopped=1) as site:
        first, second = site.add(Camera(), key="first"), site.add(Camera())
        first.set_description("line", "fibre")
        for camera in (first, second):
            camera.stop()
            site.root.wait_stopped(camera, 10)
        assert site.ids(state="DISPOSED") == [second.task_id]
        site.with_history()
        path = f"/api/tasks/{first.task_id}"
        found = site.get(path)
        assert (found["key"], found["stateName"], found["canStart"]) == ("first", "DISPOSED", False)
        assert found["descriptions"] == {"line": "fibre"}
        for verb in ("stop", "start", "restart"):
            assert "only its history" in site.post(f"{path}/{verb}", status=409)["detail"]


def test_many_are_stopped_by_a_filter(site: Site) -> None:
    """All that fit, and with them what is below them."""
    job = site.add(gotask.Work(), key="yard")
    cameras = [job.add_task(Camera()) for _ in range(3)]
    wanted = {"filter": {"q": "yard"}, "reason": "night"}
    dry = site.post("/api/tasks/stop", {**wanted, "dryRun": True}, 200)
    assert (dry["accepted"], dry["count"], dry["descendants"]) == (False, 1, 3)
    assert [row["id"] for row in dry["list"]] == [job.task_id]
    assert site.ids(q="yard") == [job.task_id]
    assert site.post("/api/tasks/stop", wanted)["count"] == 1
    assert str(site.root.wait_stopped(job, 10)) == "night"
    assert all(camera.state is gotask.TaskState.DISPOSED for camera in cameras)


def test_a_filter_takes_several_states(site: Site) -> None:
    """As a list, by name or number."""
    camera = site.add(Camera())
    dry = site.post("/api/tasks/stop", {"filter": {"state": ["GOING", 3], "type": 0}, "dryRun": True}, 200)
    assert [row["id"] for row in dry["list"]] == [camera.task_id]


def test_an_answer_shows_a_hundred(site: Site) -> None:
    """The number is that of all."""
    for _ in range(101):
        site.root.add_task(Camera())
    dry = site.post("/api/tasks/stop", {"filter": {"owner": "Camera"}, "dryRun": True}, 200)
    assert (dry["count"], len(dry["list"])) == (101, 100)


@pytest.mark.parametrize("empty", [{}, {"q": ""}, {"q": " "}, {"owner": None}, {"state": []}])
def test_an_empty_filter_is_refused(site: Site, empty: dict[str, Any]) -> None:
    """422: it would be everything."""
    assert "which tasks are meant" in site.post("/api/tasks/stop", {"filter": empty}, 422)["detail"]


def test_the_root_and_the_dashboard_are_spared(site: Site) -> None:
    """They are stopped by their ids only, and so is the history."""
    site.with_history()
    dry = site.post("/api/tasks/stop", {"filter": {"type": ["WORK", "TASK"]}, "dryRun": True}, 200)
    assert dry["count"] == 0


def test_what_holds_the_dashboard_is_spared() -> None:
    """Or the dashboard would go with it."""
    with Site() as site:
        job = site.add(gotask.Work(), key="all of it")
        inner = type(site.dashboard)(port=0, history=None)
        job.add_task(inner)
        site.root.wait_started(inner)
        assert site.post("/api/tasks/stop", {"filter": {"q": "all of it"}, "dryRun": True}, 200)["count"] == 1
        site.base = inner.url.partition("/#")[0]
        site.client.base_url = site.base
        site.client.headers["Authorization"] = f"Bearer {inner.token}"
        assert site.post("/api/tasks/stop", {"filter": {"q": "all of it"}, "dryRun": True}, 200)["count"] == 0


def test_the_dashboard_can_be_restarted(site: Site) -> None:
    """R6: it is back at the same address, with another epoch, and pages are still logged in."""
    before = site.get("/api/session")["epoch"]
    token = {"token": site.dashboard.token}
    page = httpx.Client(base_url=site.base)
    assert page.post("/api/login", json=token, headers={"X-Gotask": "1"}).status_code == 200
    site.post(f"/api/tasks/{site.dashboard.task_id}/restart")

    def again() -> Any:
        with contextlib.suppress(httpx.TransportError):
            return page.get("/api/session").json()["epoch"] != before

    assert site.until(again)
    page.close()


def test_a_command_does_not_wait_for_the_tree(site: Site) -> None:
    """202 also while something blocks the loop; it is done later."""
    camera = site.add(Camera())
    blocker = site.root.add_task(Blocks())
    assert blocker.is_there.wait(20)
    site.post(f"/api/tasks/{camera.task_id}/restart")
    assert site.ids(owner="Blocks", state="GOING") == [blocker.task_id]
    blocker.release()
    site.until(lambda: site.get(f"/api/tasks/{camera.task_id}")["life"] == 2)


class Blocks(gotask.Task[None]):
    """Blocks the event loop until it is released."""

    def __init__(self) -> None:
        self.is_there, self.lock = threading.Event(), threading.Lock()
        self.lock.acquire()
        self.release = self.lock.release

    async def go(self) -> None:
        self.is_there.set()
        self.lock.acquire(timeout=30)  # what must not be done


def test_each_command_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """With what was asked, why, and by whom."""
    camera = site.add(Camera())
    with caplog.at_level(logging.INFO, "gotask.dashboard"):
        site.post(f"/api/tasks/{camera.task_id}/stop", {"reason": "too dark"})
    [said] = [one.getMessage() for one in caplog.records if one.name == "gotask.dashboard"]
    assert said == f"stop Camera#{camera.task_id} (too dark): asked for by 127.0.0.1 (token)"


def test_what_blocks_and_is_blocked(site: Site) -> None:
    """L5: a task whose hook waits holds up its Job's loop: both say so."""
    job = site.add(gotask.Work())
    slow = job.add_task(Holding())
    site.until(lambda: site.get(f"/api/tasks/{job.task_id}")["blockedBy"] == slow.task_id)
    assert site.get(f"/api/tasks/{slow.task_id}")["blocking"] == [job.task_id]


class Holding(gotask.Task[None]):
    """Waits in a hook that holds up the loop."""

    async def run(self) -> None:
        await self.wait_stop_requested()


def test_why_it_is_not_stopping(site: Site) -> None:
    """A task that was asked and still lives says what it waits for, by whom it was asked, and when."""
    slow = site.add(Slow())
    site.root.call(slow.stop, "enough")
    report = site.get(f"/api/tasks/{slow.task_id}")["stopReport"]
    site.root.root._soon(slow.leave.set)
    assert (report["reason"], report["state"]) == ("enough", "DISPOSING")
    assert report["chain"][0]["taskId"] == slow.task_id
    assert report["askedAt"].endswith("Z")


@pytest.mark.parametrize("content", ["{", "[]", '"x"', '{"reason": 5}', '{"colour": "red"}'])
def test_a_body_that_is_no_command_is_refused(site: Site, content: str) -> None:
    """422, as a problem."""
    path = f"/api/tasks/{site.dashboard.task_id}/stop"
    headers = {"X-Gotask": "1", "Content-Type": "application/json"}
    answer = site.client.post(path, content=content, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
