"""The live stream of the dashboard, with a real server."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from dashboards import Camera, Page, Site
from test_dashboard_commands import Blocks

import gotask
from gotask_dashboard.feed import PART
from gotask_dashboard.wire import FIELDS


@pytest.fixture
def site() -> Iterator[Site]:
    """A tree with a dashboard."""
    with Site() as site:
        yield site


def test_it_begins_with_the_whole_tree(site: Site) -> None:
    """A snapshot by columns, then the status."""
    camera = site.add(Camera())
    with site.events() as events:
        name, data = next(events)
        assert (name, data["seq"], data["part"], data["parts"]) == ("snapshot", 0, 0, 1)
        assert data["epoch"] == site.get("/api/session")["epoch"]
        assert data["fields"] == list(FIELDS)
        assert camera.task_id in data["columns"][0]
        assert next(events) == ("status", {"loopBlockedFor": None, "loopBlockedAt": None, "dropped": 0})


def test_a_large_tree_comes_in_parts(site: Site) -> None:
    """Of 2,000 rows at most, each of which says how many there are."""
    job = site.add(gotask.Work())
    for _ in range(2 * PART):
        job.add_task(Camera())
    with site.events() as events:
        parts = [next(events)[1] for _ in range(3)]
    assert [(part["part"], part["parts"]) for part in parts] == [(0, 3), (1, 3), (2, 3)]
    ids = [one for part in parts for one in part["columns"][0]]
    assert len(set(ids)) == len(ids) >= 2 * PART


def test_a_delta_tells_what_is_new_and_what_is_gone(site: Site) -> None:
    """Rows in full, and the ids of those that are no more."""
    page = Page()
    with site.events() as events:
        page.take(*next(events))
        camera = site.add(Camera())
        while camera.task_id not in page.rows:
            page.take(*next(events))
        camera.stop()
        while camera.task_id in page.rows:
            page.take(*next(events))
    assert page.seq >= 2


def test_it_ends_where_the_tree_ends_up(site: Site) -> None:
    """H6: whoever applies all deltas has the tree that GET answers, after anything that may happen in between."""
    job, chance, page = site.add(gotask.Work()), random.Random(7), Page()
    with site.events() as events:
        page.take(*next(events))
        for _ in range(300):
            living = job.children
            if living and chance.random() < 0.5:
                chance.choice(living).stop()
            else:
                job.add_task(Camera())
            if chance.random() < 0.05:
                page.take(*next(events))
        last = site.add(Camera(), key="the last one")
        while not (last.task_id in page.rows and page.rows[last.task_id]["stateName"] == "GOING"):
            page.take(*next(events))
        listed = {row["id"]: row for row in site.get("/api/tasks", limit=1000)["list"]}
        while listed.keys() != page.rows.keys():
            page.take(*next(events))
    assert {row["id"]: row["stateName"] for row in page.rows.values()} == {
        row["id"]: row["stateName"] for row in listed.values()
    }


def test_the_outcome_of_a_command_comes_soon(site: Site) -> None:
    """Much sooner than a quarter of a second later, as it would otherwise."""
    page, took = Page(), []
    with site.events() as events:
        page.take(*next(events))
        for _ in range(5):
            camera = site.add(Camera())
            while camera.task_id not in page.rows:
                page.take(*next(events))
            began = time.monotonic()
            site.post(f"/api/tasks/{camera.task_id}/stop")
            while camera.task_id in page.rows:
                page.take(*next(events))
            took.append(time.monotonic() - began)
    assert min(took) < 0.2


def test_every_page_is_told(site: Site) -> None:
    """Each has its own changes to take."""
    with site.events() as one, site.events() as other:
        next(one), next(other)
        camera = site.add(Camera())
        for events in (one, other):
            page = Page()
            page.seq = 0
            while camera.task_id not in page.rows:
                page.take(*next(events))


def test_a_blocked_loop_is_told_and_answered(site: Site) -> None:
    """The server answers all the while, and says for how long the loop has been blocked, where, and as of when."""
    page = Page()
    with site.events() as events:
        page.take(*next(events))
        blocker = site.root.add_task(Blocks())
        while not page.status.get("loopBlockedFor"):
            page.take(*next(events))
        assert "test_dashboard_commands.py" in page.status["loopBlockedAt"]
        assert "in go" in page.status["loopBlockedAt"]
        found = site.get("/api/process")
        assert found["loopBlockedFor"] >= 0.5
        told = site.get("/api/tasks")
        assert told["total"] > 2
        assert (datetime.now(UTC) - datetime.fromisoformat(told["asOf"])).total_seconds() > 0.5
        blocker.release()
        while page.status["loopBlockedFor"]:
            page.take(*next(events))


def test_the_watchdog_says_it_better() -> None:
    """With a watchdog the dashboard tells what that has seen, however short."""
    with Site(watchdog=0.1) as site:
        page = Page()
        with site.events() as events:
            page.take(*next(events))
            blocker = site.root.add_task(Blocks())
            while not page.status.get("loopBlockedFor"):
                page.take(*next(events))
            assert "Blocks" not in page.status["loopBlockedAt"]
            assert "in go" in page.status["loopBlockedAt"]
            blocker.release()


def test_the_end_of_the_tree_closes_the_pages(site: Site) -> None:
    """`bye` comes, and the stream ends, within a second: the tree does not wait for open pages."""
    pages = 5
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(site.events()) for _ in range(pages)]
        for events in streams:
            assert next(events)[0] == "snapshot"
        began = time.monotonic()
        site.root.root.stop()
        assert [list(events)[-1][0] for events in streams] == ["bye"] * pages
        assert time.monotonic() - began < 1
        assert site.root.shutdown(10).unstopped == ()


def test_a_page_that_reads_nothing_does_not_hold_up_the_end(site: Site) -> None:
    """What cannot be sent is thrown away."""
    job = site.add(gotask.Work())
    for number in range(3_000):
        job.add_task(Camera()).set_description("text", "x" * 2_000 + str(number))
    with site.client.stream("GET", "/api/events") as answer:
        assert answer.status_code == 200  # so the server is writing the snapshot, until it has to wait for the page
        site.dashboard.stop()
        began = time.monotonic()
        site.root.wait_stopped(site.dashboard, 10)
        assert time.monotonic() - began < 2


def test_streams_are_counted_and_let_go(site: Site) -> None:
    """A page that goes leaves nothing behind."""
    gauge = "gotask_dashboard_streams"

    def streams() -> str:
        return next(line for line in site.client.get("/metrics").text.splitlines() if line.startswith(gauge))

    with site.events() as events:
        next(events)
        assert streams() == f"{gauge} 1.0"
    assert site.until(lambda: streams() == f"{gauge} 0.0")
