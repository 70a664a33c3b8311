"""The dashboard as a task of the tree it shows, and as an application within another one."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from dashboards import Camera, Page, Site, Slow, events_of, until
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

import gotask
from gotask.store import HistoryStore, open_history
from gotask_dashboard import Dashboard, create_app
from gotask_dashboard.options import OWN_FILE


def threads() -> list[str]:
    """The names of the threads that are ours."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gotask dashboard")]


# The task


def test_importing_it_loads_neither_fastapi_nor_sqlalchemy() -> None:
    """Nor does making one: they are loaded when there is a tree to show."""
    program = "import sys; from gotask_dashboard import Dashboard; Dashboard(); "
    program += "print({'fastapi', 'sqlalchemy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])
def test_it_serves_every_back_end(backend: str) -> None:
    """Its server has a loop of its own, whatever the tree runs on."""
    with Site(backend=backend) as site:
        camera, page = site.add(Camera()), Page()
        site.with_history()
        with site.events() as events:
            page.take(*next(events))
            site.post(f"/api/tasks/{camera.task_id}/stop")
            while camera.task_id in page.rows:
                page.take(*next(events))


def test_it_is_a_task_of_the_tree() -> None:
    """It shows itself."""
    with Site() as site:
        assert site.ids(owner="Dashboard") == [site.dashboard.task_id]


def test_a_taken_port_leads_to_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    """And it says so."""
    with Site() as first:
        port = int(first.base.rpartition(":")[2])
        with Site(port=port) as second:
            assert int(second.base.rpartition(":")[2]) > port
            assert second.get("/api/tasks")["total"] >= 2
    assert [one for one in caplog.records if f"port {port} is taken" in one.getMessage()]


def test_a_host_that_is_not_there_fails_the_start() -> None:
    """L4: with the error of the operating system."""
    with gotask.BlockingRoot() as root:
        dashboard = root.add_task(Dashboard(host="198.51.100.1", token="known", port=0, history=None))
        with pytest.raises(OSError, match=r"[Aa]ddress"):
            root.wait_started(dashboard)


def test_the_address_is_not_known_before() -> None:
    """`url` before the start says what to do."""
    with pytest.raises(RuntimeError, match="wait_started"):
        _ = Dashboard().url


def test_its_end_frees_the_port_and_the_thread() -> None:
    """Nothing is left of it."""
    with Site() as site:
        host, port = site.base.removeprefix("http://").split(":")
        site.get("/api/session")
        site.client.close()
        site.dashboard.stop()
        site.root.wait_stopped(site.dashboard, 10)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((host, int(port)))
        assert threads() == []


def test_it_can_be_stopped_at_once() -> None:
    """Before its server has come up."""
    with gotask.BlockingRoot() as root:
        dashboard = root.add_task(Dashboard(port=0, history=None))
        root.wait_started(dashboard)
        dashboard.stop()
        root.wait_stopped(dashboard, 10)
        assert threads() == []


def test_added_first_it_goes_last() -> None:
    """D7: pages see how the rest of the tree ends."""
    with Site() as site:
        slow, page = site.add(Slow()), Page()
        with site.events() as events:
            page.take(*next(events))
            site.root.root.stop()
            while page.rows[slow.task_id]["stateName"] != "DISPOSING":
                page.take(*next(events))
            site.root.root._soon(slow.leave.set)
            while slow.task_id in page.rows:
                page.take(*next(events))
            assert site.dashboard.task_id in page.rows


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_it_listens_on_ipv6() -> None:
    """With the brackets that an address needs."""
    with Site(host="::1") as site:
        assert site.base.startswith("http://[::1]:")
        assert site.get("/api/tasks")["total"] >= 2


def test_a_host_for_everybody_answers_to_its_address() -> None:
    """With a token that is known; the address that was called is no foreign name."""
    with Site(host="0.0.0.0", token="known") as site:
        assert site.base.startswith("http://127.0.0.1:")
        assert site.get("/api/tasks")["total"] >= 2


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, one sentence says what to install."""
    find = importlib.util.find_spec
    monkeypatch.setattr("gotask_dashboard.options.find_spec", lambda name: None if name == "uvicorn" else find(name))
    with pytest.raises(ModuleNotFoundError, match=r"gotask\[dashboard\]"):
        Dashboard()


def test_a_server_that_fails_stops_the_dashboard(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not look as if it worked."""

    def broken(*arguments: Any) -> None:
        raise RuntimeError("no application")

    monkeypatch.setattr("gotask_dashboard.app.make_app", broken)
    with gotask.BlockingRoot() as root:
        dashboard = root.add_task(Dashboard(port=0, history=None))
        assert str(root.wait_stopped(dashboard, 10)) == "no application"
    assert "no application" in caplog.text


# The history


def test_it_writes_a_history_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default in the user's state directory, and not where the program was started."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with Site(history=OWN_FILE) as site:
        site.with_history()
    [file] = (tmp_path / "gotask").glob("*.db")
    with open_history(file) as history:
        assert history.count(owner_type="Dashboard") == 1


def test_where_nothing_can_be_written_it_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning."""
    (tmp_path / "gotask").write_text("no folder", "utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with Site(history=OWN_FILE) as site:
        site.with_history()
    assert "in memory only" in caplog.text


def test_a_history_of_the_tree_is_used(tmp_path: Path) -> None:
    """One that is there already; no second one is added."""
    with gotask.BlockingRoot() as root:
        store = root.add_task(HistoryStore(tmp_path / "own.db"))
        assert root._wait(store.flush, 20)
        for _ in range(2):
            dashboard = root.add_task(Dashboard(port=0))
            root.wait_started(dashboard)
            mirror = dashboard._mirror
            assert until(mirror, partial(getattr, mirror, "store")) is store
            with httpx.Client(headers={"Authorization": f"Bearer {dashboard.token}"}) as client:
                base = dashboard.url.partition("/#")[0]
                assert client.get(f"{base}/api/session").json()["sessionId"] == store.session_id
                assert client.get(f"{base}/api/tasks?owner=HistoryStore").json()["total"] == 1


def test_earlier_sessions_are_shown(tmp_path: Path) -> None:
    """A history is of several runs: their lives can be asked for one by one."""
    file = str(tmp_path / "two.db")
    for _ in range(2):
        with Site(history=file) as site:
            camera = site.add(Camera())
            camera.stop()
            site.root.wait_stopped(camera, 10)
            site.with_history()
            sessions = site.get("/api/sessions")["list"]
            counts = [site.get("/api/history", ownerType="Camera", sessionId=one["id"])["total"] for one in sessions]
    assert [(one["current"], one["crashed"]) for one in sessions] == [(True, False), (False, False)]
    assert sessions[1]["endedAt"] is not None
    assert counts == [1, 1]


def test_a_history_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """One of a newer gotask: the dashboard works without it, and says why."""
    file = str(tmp_path / "newer.db")
    with Site(history=file) as site:
        site.with_history()
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE gotask_schema SET version = 1000")
    with Site(history=file) as site:
        assert "newer" in site.until(lambda: site.get("/api/session")["history"]["error"])
        assert "newer" in site.get("/api/history", 503)["detail"]
        assert site.get("/api/tasks")["total"] >= 2


def test_signs_of_life_do_not_wait_for_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine its packages take seconds to be loaded: the loop is not said to be blocked meanwhile."""
    loaded = threading.Event()

    def load() -> type[HistoryStore]:
        loaded.wait(30)
        return HistoryStore

    monkeypatch.setattr("gotask_dashboard.dashboard.load_store", load)
    with Site() as site:
        pulse = site.dashboard._pulse
        try:
            first = site.until(lambda: pulse._last)
            site.until(lambda: pulse._last != first)
        finally:
            loaded.set()
        site.with_history()


def test_before_the_history_is_open_it_says_so() -> None:
    """503, to be asked again; the rest of the dashboard works."""
    with Site() as site:
        site.with_history()
        store, site.dashboard._mirror.store = site.dashboard._mirror.store, None
        answer = site.client.get("/api/history")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert site.get("/api/tasks")["total"] >= 2
        site.dashboard._mirror.store = store


# As a part of another application


class Host(uvicorn.Server):
    """A server that says when it is there."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def hosted(app: Any) -> Iterator[str]:
    """Somebody's application, with a real server."""
    server = Host(uvicorn.Config(app, port=0, log_config=None, lifespan="on", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert server.ready.wait(20)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("kind", ["fastapi", "starlette"])
def test_it_can_be_mounted(kind: str) -> None:
    """`create_app(root)` under a path of a FastAPI or Starlette application: pages, questions, commands, the cookie."""
    with gotask.BlockingRoot() as root:
        camera = root.add_task(Camera())
        inner = create_app(root, history=None)
        outer: Any = FastAPI() if kind == "fastapi" else Starlette(routes=[Mount("/gotask", inner)])
        if kind == "fastapi":
            outer.mount("/gotask", inner)
        with hosted(outer) as base, httpx.Client(base_url=base) as client:
            assert client.get("/gotask", follow_redirects=True).url.path == "/gotask/"
            assert client.get("/gotask/").status_code == 200
            assert client.get("/gotask/static/start.js").status_code == 200
            assert client.get("/gotask/api/tasks").status_code == 401
            said = client.post("/gotask/api/login", json={"token": inner.state.token}, headers={"X-Gotask": "1"})
            assert "Path=/gotask" in said.headers["set-cookie"]
            assert camera.task_id in [row["id"] for row in client.get("/gotask/api/tasks").json()["list"]]
            path = f"/gotask/api/tasks/{camera.task_id}/stop"
            assert client.post(path, json={}, headers={"X-Gotask": "1"}).status_code == 202
            root.wait_stopped(camera, 10)


def test_a_mounted_one_says_goodbye_when_the_tree_ends() -> None:
    """The host goes on: its pages hear `bye`, and commands are refused."""
    root = gotask.BlockingRoot()
    with root:
        inner = create_app(root, token=False, history=None)
        with hosted(inner) as base, httpx.Client(base_url=base) as client:
            with client.stream("GET", "/api/events") as answer:
                events = events_of(answer)
                assert next(events)[0] == "snapshot"
                root.shutdown()
                assert list(events)[-1][0] == "bye"
            assert client.get("/api/tasks").json()["total"] == 0


def test_a_mounted_one_that_is_first_asked_while_the_tree_ends() -> None:
    """The tree is shown, and that there is no history, and why."""
    with gotask.BlockingRoot() as root:
        slow = root.add_task(Slow())
        root.wait_started(slow)
        inner = create_app(root, token=False, history=None)
        root.root.stop("over")
        with hosted(inner) as base, httpx.Client(base_url=base) as client:
            shown = client.get("/api/tasks")
            assert shown.status_code == 200, shown.text
            assert [task["id"] for task in shown.json()["list"] if task["ownerType"] == "Slow"] == [slow.task_id]
            history = client.get("/api/history")
            assert history.status_code == 503
            assert history.json()["detail"].startswith("there is no history: ")
            root.root._soon(slow.leave.set)


def test_it_can_be_made_before_the_tree_is_open() -> None:
    """503 until then; then the tree is shown."""
    root = gotask.BlockingRoot()
    inner = create_app(root, token=False, history=None)
    with hosted(inner) as base, httpx.Client(base_url=base) as client:
        assert client.get("/api/tasks").status_code == 503
        with root:
            assert client.get("/api/tasks").json()["total"] >= 1


def test_a_tree_in_the_loop_of_its_host() -> None:
    """The usual way: the root lives in the application's own loop."""

    async def program() -> tuple[int, int]:
        async with gotask.RootManager() as root:
            camera = root.add_task(Camera())
            app = create_app(root, token=False, history=None)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                found = (await client.get("/api/tasks")).json()
                done = await client.post(f"/api/tasks/{camera.task_id}/stop", json={}, headers={"X-Gotask": "1"})
                await camera.wait_stopped()
            return found["total"], done.status_code

    total, status = asyncio.run(program())
    assert total >= 2
    assert status == 202


HOST = """
import contextlib, sys, fastapi, uvicorn, gotask
from gotask_dashboard import create_app

root = gotask.RootManager()

@contextlib.asynccontextmanager
async def lifespan(app):
    async with root:
        yield
    print("the tree is gone", flush=True)

app = fastapi.FastAPI(lifespan=lifespan)
app.mount("/gotask", create_app(root, token=False, history=None))

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

Server(uvicorn.Config(app, port=0, access_log=False)).run()
"""


UNHEARD = """
import logging.config, fastapi, gotask
from uvicorn.config import LOGGING_CONFIG
from gotask_dashboard import Dashboard, create_app

logging.config.dictConfig(LOGGING_CONFIG)
app = fastapi.FastAPI()
inner = create_app(gotask.RootManager(), history=None)
app.mount("/gotask", inner)
print(inner.state.token)
with gotask.BlockingRoot() as root:
    dashboard = root.add_task(Dashboard(port=0, history=None))
    root.wait_started(dashboard)
    print(dashboard.url)
"""


@pytest.mark.parametrize("kind", ["nothing", "a log"])
def test_its_address_is_told_where_no_log_is_set_up(kind: str) -> None:
    """On stderr, as under plain uvicorn, which shows its own log only; not where the program has a log."""
    log = "logging.basicConfig(level='CRITICAL')" if kind == "a log" else "pass"
    program = UNHEARD.replace("app = ", f"{log}\napp = ", 1)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    token, url = done.stdout.split()
    lines = [f"dashboard: open the path where it is mounted, with /#token={token} behind it", f"dashboard: {url}"]
    said = [line for line in done.stderr.splitlines() if line.startswith("dashboard: ")]  # the rest is uvicorn's own
    assert said == (lines if kind == "nothing" else [])


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_open_pages_do_not_keep_their_host_from_ending() -> None:
    """uvicorn waits for open streams before it ends the application, and the tree with it: so they must go first."""
    command = [sys.executable, "-c", HOST]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        with httpx.stream("GET", f"http://127.0.0.1:{port}/gotask/api/events", timeout=20) as answer:
            events = events_of(answer)
            assert next(events)[0] == "snapshot"
            process.send_signal(signal.SIGINT)
            assert list(events)[-1][0] == "bye"
        said, _ = process.communicate(timeout=20)
    assert said == "the tree is gone\n"


def test_only_a_root_can_be_shown() -> None:
    """TypeError for anything else."""
    with pytest.raises(TypeError, match="BlockingRoot"):
        create_app(Camera())
