"""What the dashboard refuses, with a real server."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from dashboards import COMMAND, Camera, Site, allow_files

from gotask_dashboard import Dashboard
from gotask_dashboard.options import MOST_STREAMS
from gotask_dashboard.security import MOST_BODY
from gotask_dashboard.sessions import Sessions

READS = (
    "/api/tasks", "/api/tasks/tree", "/api/tasks/stats", "/api/tasks/1", "/api/tasks/1/history", "/api/history",
    "/api/history/stats", "/api/session", "/api/sessions", "/api/process", "/api/events", "/api/trace",
    "/api/openapi.json", "/metrics",
)  # fmt: skip
"""Everything that holds data."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A tree with a dashboard."""
    with Site() as site:
        site.with_history()
        yield site


@pytest.fixture
def stranger(site: Site) -> Iterator[httpx.Client]:
    """Somebody without a token."""
    with httpx.Client(base_url=site.base) as client:
        yield client


def problem(answer: httpx.Response, status: int) -> str:
    """The sentence of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


def log_in(site: Site, client: httpx.Client, token: str | None = None) -> httpx.Response:
    """Show a token."""
    return client.post("/api/login", json={"token": token or site.dashboard.token}, headers={"X-Gotask": "1"})


# Tokens and sessions


@pytest.mark.parametrize("path", READS)
def test_nothing_is_told_without_a_token(stranger: httpx.Client, path: str) -> None:
    """401 for whatever holds data, the API's own description included."""
    answer = stranger.get(path)
    assert "Authorization: Bearer" in problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/nothing", "/static", "/apis", "//api/tasks", "/metrics/"])
def test_all_but_the_page_needs_a_token(site: Site, stranger: httpx.Client, path: str) -> None:
    """401 also for what is not there: a path that is added later is not open to all by accident."""
    problem(stranger.get(f"{site.base}{path}"), 401)
    assert site.client.get(f"{site.base}{path}").status_code in (307, 404)


def test_nothing_is_done_without_a_token(site: Site, stranger: httpx.Client) -> None:
    """401 for commands."""
    problem(stranger.post(f"/api/tasks/{site.dashboard.task_id}/stop", json={}, headers=COMMAND), 401)


@pytest.mark.parametrize("given", ["Bearer wrong", "Bearer", "Basic {token}", "{token}", "Bearer {token}x", "Bearer ä"])
def test_a_wrong_token_is_refused(site: Site, stranger: httpx.Client, given: str) -> None:
    """401."""
    header = given.replace("{token}", site.dashboard.token).encode()
    problem(stranger.get("/api/tasks", headers={b"Authorization": header}), 401)


def test_a_token_in_the_address_is_not_taken(site: Site, stranger: httpx.Client) -> None:
    """Addresses are logged and remembered."""
    problem(stranger.get(f"/api/tasks?token={site.dashboard.token}"), 401)


def test_the_page_logs_in_for_a_cookie(site: Site, stranger: httpx.Client) -> None:
    """HttpOnly, SameSite=Strict, named per port, and never the token itself."""
    said = log_in(site, stranger).headers["set-cookie"]
    port = site.base.rpartition(":")[2]
    assert said.startswith(f"gotask_{port}=")
    assert "HttpOnly" in said
    assert "SameSite=strict" in said
    assert site.dashboard.token not in said
    assert stranger.get("/api/tasks").status_code == 200


def test_a_wrong_token_logs_nobody_in(site: Site, stranger: httpx.Client) -> None:
    """401, and no cookie."""
    answer = log_in(site, stranger, "wrong")
    problem(answer, 401)
    assert "set-cookie" not in answer.headers


def test_many_wrong_tokens_are_answered_with_a_pause() -> None:
    """429 after ten in a minute, headers and logins together, for the right token too; pages that are in stay in."""
    with Site() as site, httpx.Client(base_url=site.base) as page, httpx.Client(base_url=site.base) as stranger:
        log_in(site, page)
        for _ in range(5):
            problem(stranger.get("/api/tasks", headers={"Authorization": "Bearer wrong"}), 401)
            problem(log_in(site, stranger, "wrong"), 401)
        for answer in (site.client.get("/api/tasks"), log_in(site, stranger)):
            assert "try again in" in problem(answer, 429)
            assert 50 < int(answer.headers["retry-after"]) <= 60
        assert page.get("/api/tasks").status_code == 200
        site.dashboard._sessions._clock = lambda: time.monotonic() + 60
        assert site.client.get("/api/tasks").status_code == 200
        assert log_in(site, stranger).status_code == 200


def test_the_pause_is_of_a_minute_with_ten_wrong_tokens() -> None:
    """Nine are none, nor are ten over more than a minute; who waits as long as is said is heard again."""
    now = 1000.0
    sessions = Sessions("open", clock=lambda: now)
    for _ in range(9):
        assert not sessions.is_token("shut")
    now += 30.0
    assert (sessions.paused_for, sessions.is_token("open")) == (0, True)
    sessions.is_token("shut")
    assert sessions.paused_for == 30
    now += sessions.paused_for
    assert (sessions.paused_for, sessions.is_token("open")) == (0, True)


def test_a_made_up_session_is_refused(site: Site, stranger: httpx.Client) -> None:
    """Neither an invented cookie nor the token as one opens anything."""
    port = site.base.rpartition(":")[2]
    for value in ("invented", site.dashboard.token):
        problem(stranger.get("/api/tasks", headers={"Cookie": f"gotask_{port}={value}"}), 401)


def test_the_cookie_of_another_port_is_refused(site: Site, stranger: httpx.Client) -> None:
    """Browsers send all cookies of a host: those of another dashboard are worth nothing here."""
    with Site() as other, httpx.Client(base_url=other.base) as client:
        log_in(other, client)
        assert client.get("/api/tasks").status_code == 200
        [(name, value)] = client.cookies.items()
    port = site.base.rpartition(":")[2]
    problem(stranger.get("/api/tasks", headers={"Cookie": f"{name}={value}"}), 401)
    problem(stranger.get("/api/tasks", headers={"Cookie": f"gotask_{port}={value}"}), 401)


def test_cookies_of_other_programs_do_no_harm(site: Site, stranger: httpx.Client) -> None:
    """They may hold anything."""
    log_in(site, stranger)
    [(name, value)] = stranger.cookies.items()
    strange = f'a={{"x": [1, 2]}}; b="; {name}={value}; c@d=ä'.encode()
    assert httpx.get(f"{site.base}/api/tasks", headers={b"Cookie": strange}).status_code == 200


def test_the_page_needs_no_token_and_holds_no_data(site: Site, stranger: httpx.Client) -> None:
    """The page and its parts are the same for everybody."""
    page = stranger.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "static/start.js" in page.text
    assert site.dashboard.token not in page.text
    assert stranger.get("/static/dashboard.js").headers["content-type"].startswith("text/javascript")


def test_without_token_nothing_is_asked() -> None:
    """`token=False`, on loopback only."""
    with Site(token=False) as site, httpx.Client(base_url=site.base) as client:
        assert client.get("/api/tasks").status_code == 200
        assert client.get("/api/session").json()["auth"] is False
        assert "token" not in site.dashboard.url
        problem(client.get("/api/tasks", headers={"Origin": "https://evil.example"}), 403)


# Host, origin, headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "", "10.1.2.3", "[x"]
)
@pytest.mark.parametrize("path", ["/", "/api/tasks", "/metrics", "/static/start.js"])
def test_a_foreign_host_is_refused(site: Site, host: str, path: str) -> None:
    """421 for every address: a foreign name that leads here (DNS rebinding) gets nothing, the page included."""
    named = host.replace("{port}", site.base.rpartition(":")[2])
    assert "allowed_hosts" in problem(site.client.get(path, headers={"Host": named}), 421)


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST", "127.0.0.1", "127.0.0.1:1", "[::1]:80"])
def test_loopback_names_are_taken(site: Site, host: str) -> None:
    """Whatever the port: tunnels change it."""
    named = host.replace("{port}", site.base.rpartition(":")[2])
    assert site.client.get("/api/tasks", headers={"Host": named}).status_code == 200


def test_more_names_can_be_allowed() -> None:
    """`allowed_hosts`."""
    with Site(allowed_hosts=["Camera.Example"]) as site:
        assert site.client.get("/api/tasks", headers={"Host": "camera.example:80"}).status_code == 200
        said = problem(site.client.get("/api/tasks", headers={"Host": "other.example"}), 421)
        assert "create_app(…) take more names as allowed_hosts=['other.example']" in said


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "http://["]
)
def test_a_foreign_origin_is_refused(site: Site, origin: str) -> None:
    """403 for commands, and for questions, with a right token too."""
    for method in ("GET", "POST"):
        answer = site.client.request(method, "/api/tasks", headers={**COMMAND, "Origin": origin})
        assert "another origin" in problem(answer, 403)


def test_the_own_origin_is_taken(site: Site) -> None:
    """That of the page."""
    camera = site.add(Camera())
    answer = site.client.post(
        f"/api/tasks/{camera.task_id}/stop", json={}, headers={"X-Gotask": "1", "Origin": site.base}
    )
    assert answer.status_code == 202


@pytest.mark.parametrize("kind", ["cross-site", "same-site"])
def test_what_the_browser_calls_foreign_is_refused(site: Site, kind: str) -> None:
    """403: pictures and forms carry no Origin, but say where they come from."""
    problem(site.client.get("/api/events", headers={"Sec-Fetch-Site": kind}), 403)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_refused(site: Site, kind: str) -> None:
    """415: a foreign page may send these without asking the browser."""
    path = f"/api/tasks/{site.dashboard.task_id}/stop"
    headers = {"X-Gotask": "1", "Content-Type": kind}
    assert "application/json" in problem(site.client.post(path, content="{}", headers=headers), 415)


def test_commands_need_a_header(site: Site) -> None:
    """403 without `X-Gotask: 1`, which no foreign page can send unasked."""
    assert "X-Gotask" in problem(site.client.post(f"/api/tasks/{site.dashboard.task_id}/stop", json={}), 403)
    assert "X-Gotask" in problem(site.client.post("/api/login", json={"token": site.dashboard.token}), 403)


def test_no_answer_allows_other_origins(site: Site) -> None:
    """There are no CORS headers, also where they are asked for."""
    headers = {"Origin": site.base, "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = site.client.request(method, "/api/tasks", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/static/start.js", "/api/tasks", "/nowhere", "/api/tasks?limit=x"])
def test_every_answer_has_a_strict_policy(site: Site, path: str) -> None:
    """Errors too: nothing from elsewhere, nothing within the page, no frames, no guessing of types."""
    headers = site.client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_nothing_is_left_in_caches(site: Site) -> None:
    """What holds data is not stored."""
    assert site.client.get("/api/tasks").headers["cache-control"] == "no-store"
    assert site.client.get("/api/nowhere").headers["cache-control"] == "no-store"


def test_the_docs_pages_of_fastapi_are_off(site: Site) -> None:
    """They would load scripts from elsewhere."""
    for path in ("/docs", "/redoc", "/openapi.json"):
        problem(site.client.get(path), 404)


# Amounts


def test_a_long_body_is_refused(site: Site) -> None:
    """413 for ten megabytes, before they are read."""
    path = f"/api/tasks/{site.dashboard.task_id}/stop"
    with socket.create_connection(("127.0.0.1", int(site.base.rpartition(":")[2]))) as line:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {site.dashboard.token}\r\n"
        head += "X-Gotask: 1\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n"
        line.sendall(head.encode() + b" " * 1000)
        assert line.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_long_body_without_a_length_is_refused(site: Site) -> None:
    """413 as soon as it is too long, in pieces too."""

    def pieces() -> Iterator[bytes]:
        yield b" " * MOST_BODY
        yield b"{}"

    path = f"/api/tasks/{site.dashboard.task_id}/stop"
    problem(site.client.post(path, content=pieces(), headers=COMMAND), 413)


def test_a_thousand_streams_are_too_many() -> None:
    """503 from the hundredth on; the server goes on answering, and when pages go, others may come."""
    allow_files(4_000)
    with Site() as site, contextlib.ExitStack() as stack:
        port = int(site.base.rpartition(":")[2])
        request = f"GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {site.dashboard.token}\r\n\r\n"
        lines = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(1_000)]
        for line in lines:
            line.sendall(request.encode())
        said = [line.recv(12)[9:] for line in lines]
        assert (said.count(b"200"), said.count(b"503")) == (MOST_STREAMS, 1_000 - MOST_STREAMS)
        assert site.get("/api/tasks")["total"] >= 2
        for line in lines:
            line.close()
        site.until(lambda: "gotask_dashboard_streams 0.0" in site.client.get("/metrics").text)
        with site.events() as events:
            assert next(events)[0] == "snapshot"


# Files


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/..%5capp.py",
        "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/", "/static/nothing.js",
        "/static/index.html%00.js",
    ],
)  # fmt: skip
def test_no_other_file_is_given_out(site: Site, path: str) -> None:
    """404: only the page's own files have names."""
    with socket.create_connection(("127.0.0.1", int(site.base.rpartition(":")[2]))) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 404"


# Read-only


def test_read_only_refuses_every_command() -> None:
    """403 from the server, whatever the page shows; reading and logging in go on."""
    with Site(read_only=True) as site:
        camera = site.add(Camera())
        for path in ("stop", f"{camera.task_id}/stop", f"{camera.task_id}/restart", f"{camera.task_id}/start"):
            assert "read-only" in site.post(f"/api/tasks/{path}", {"filter": {"owner": "Camera"}}, 403)["detail"]
        assert site.get("/api/session")["readOnly"] is True
        with httpx.Client(base_url=site.base) as client:
            assert log_in(site, client).status_code == 200
        assert camera.state.name == "GOING"


def test_questions_change_nothing(site: Site) -> None:
    """GET has no side effects: commands answer to POST only, and what is asked leaves the tree as it was."""
    camera = site.add(Camera(), key="still here")
    for verb in ("stop", "restart", "start"):
        problem(site.client.get(f"/api/tasks/{camera.task_id}/{verb}"), 405)
    before = site.get("/api/tasks", q="still here")["list"]
    for path in READS:
        if path != "/api/events":
            site.client.get(path.replace("/1", f"/{camera.task_id}"))
    assert site.get("/api/tasks", q="still here")["list"] == before


# Descriptions


def test_descriptions_can_be_redacted() -> None:
    """In lists, details, the stream, the history and the trace; None leaves one out."""

    def redact(name: str, text: str) -> str | None:
        return {"password": None, "line": "***"}.get(name, text)

    with Site(redact=redact) as site:
        camera = site.add(Camera())
        camera.set_descriptions({"password": "hunter2", "line": "secret", "frame": "7"})
        shown = {"line": "***", "frame": "7"}
        site.until(lambda: site.get(f"/api/tasks/{camera.task_id}")["descriptions"] == shown)
        assert site.ids(q="hunter2") == []
        with site.events() as events:
            told = str(next(events))
        camera.stop()
        site.root.wait_stopped(camera, 10)
        site.with_history()
        paths = ("/api/tasks?state=DISPOSED", "/api/tasks/tree", "/api/history", "/api/trace")
        text = told + "".join(site.client.get(path).text for path in paths)
        assert "***" in text
        assert "hunter2" not in text
        assert "secret" not in text


def test_where_redact_raises_nothing_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """And it is logged, once."""

    def redact(name: str, text: str) -> str:
        raise KeyError(name)

    with Site(redact=redact) as site:
        camera = site.add(Camera())
        camera.set_description("line", "secret")
        assert site.get(f"/api/tasks/{camera.task_id}")["descriptions"] == {"line": "…"}
        assert site.ids(q="secret") == []
    assert [one.getMessage() for one in caplog.records].count("redact() raised, so the descriptions are not shown") == 1


# What the caller is refused, at once


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"host": "0.0.0.0"}, "needs a token that you know"),
        ({"host": "camera.example", "token": False}, "needs a token that you know"),
        ({"token": ""}, "token"),
        ({"token": True}, "token"),
        ({"token": 7}, "token"),
        ({"token": "two words"}, "no blanks"),
        ({"port": 70_000}, "65535"),
        ({"port": "8080"}, "65535"),
        ({"port": True}, "65535"),
        ({"keep_stopped": -1}, "keep_stopped"),
        ({"history": "mysql://localhost/x"}, "postgresql"),
    ],
)
def test_what_cannot_be_is_refused_in_the_caller(options: dict[str, Any], word: str) -> None:
    """ValueError with a sentence that says what to do."""
    with pytest.raises(ValueError, match=word):
        Dashboard(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"redact": "password"}, {"allowed_hosts": "camera.example"}, {"allowed_hosts": [7]}, {"allowed_hosts": None},
        {"host": None},
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_of_another_type_is_refused(options: dict[str, Any]) -> None:
    """TypeError."""
    with pytest.raises(TypeError, match=next(iter(options))):
        Dashboard(**options)


def test_its_server_says_nothing_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """Where the dashboard is has been said; "Started server process" would be news of the program to nobody."""
    caplog.set_level("INFO")
    with Site() as site:
        site.get("/api/session")
    assert [one.getMessage() for one in caplog.records if one.name.startswith("uvicorn")] == []


def test_a_given_token_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """One that is made has to be told; one that was given is known."""
    caplog.set_level("INFO")
    with Site(token="a-secret-of-ours"), Site() as other:
        pass
    said = [one.getMessage() for one in caplog.records if one.getMessage().startswith("dashboard: ")]
    assert said[1:] == [f"dashboard: {other.dashboard.url}"]
    assert not [one for one in caplog.records if "a-secret-of-ours" in one.getMessage()]
