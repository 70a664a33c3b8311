"""The programs of examples/: each a process, with real counterparts on loopback, and is seen in its dashboard."""

from __future__ import annotations

import json
import re
import runpy
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import httpx
import pytest
from helpers import Forever
from ports import reserve_port
from postgres import Server
from programs import TIME, Program
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from gotask import RootManager
from gotask.store import open_history

EXAMPLES = Path(__file__).parents[1] / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))
LONGEST = 200

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("unmeasured")]


def owners(program: Program) -> list[str]:
    """The owner types in its tree, as its dashboard tells them."""
    base, token = program.said(r"(http://127\.0\.0\.1:\d+/#token=\S+)").split("#token=")
    answer = httpx.get(f"{base}api/tasks?limit=1000", headers={"Authorization": f"Bearer {token}"}, verify=False)
    return [task["ownerType"] for task in answer.json()["list"]]


def load(name: str) -> Any:
    """A program as a module, which is not run."""
    return SimpleNamespace(**runpy.run_path(str(EXAMPLES / name)))


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    """Starts programs, and sees that none is left."""
    with ExitStack() as stack:

        def started(name: str, *arguments: str) -> Program:
            program = Program(EXAMPLES / name, *arguments)
            stack.callback(program.end)
            return program

        yield started


def until(question: Callable[[], Any]) -> Any:
    """The first answer that is one; asked again and again, because the program has to move."""
    end = time.monotonic() + TIME
    while not (answer := question()):
        assert time.monotonic() < end, "it never came"
    return answer


@pytest.mark.parametrize("path", PROGRAMS, ids=[path.name for path in PROGRAMS])
def test_programs_are_short(path: Path) -> None:
    """An example is read in one sitting."""
    assert len(path.read_text("utf-8").splitlines()) < LONGEST


# A web service


@contextmanager
def http(answer: Callable[[str], tuple[int, str, str]]) -> Iterator[str]:
    """A web server whose answers are status, content type and text; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, text = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_web_service(start: Callable[..., Program]) -> None:
    """Its jobs outlive the requests that began them, are retried, and can be stopped; the tree is mounted beside it."""
    calls: dict[str, int] = {}

    def readings(path: str) -> tuple[int, str, str]:
        calls[path] = calls.get(path, 0) + 1
        if (path == "/readings?city=oslo" and calls[path] == 1) or path == "/readings?city=atlantis":
            return 503, "text/plain", "not now"
        return 200, "application/json", json.dumps([1.0, 2.0, 6.0])

    with http(readings) as upstream:
        port = str(reserve_port())
        program = start("web_service.py", "--upstream", upstream, "--port", port)
        token = program.said(r"#token=(\S+)")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=TIME) as client:
            program.said("Uvicorn running")
            assert client.get("/reports/oslo").status_code == 404
            assert client.post("/reports/oslo").status_code == 202
            done = until(lambda: (seen := client.get("/reports/oslo").json())["state"] == "done" and seen)
            assert done == {"state": "done", "mean": 3.0, "count": 3}
            assert calls["/readings?city=oslo"] == 2
            client.post("/reports/atlantis")
            until(lambda: client.get("/reports/atlantis").json().get("retries"))
            assert client.post("/reports/atlantis").status_code == 409
            shown = client.get("/tasks/api/tasks?q=atlantis", headers={"Authorization": f"Bearer {token}"})
            assert [task["ownerType"] for task in shown.json()["list"]] == ["Report"]
            assert client.delete("/reports/atlantis").status_code == 202
            ended = until(lambda: (seen := client.get("/reports/atlantis").json())["state"] == "failed" and seen)
            assert ended["reason"] == "stopped by a client"
        assert program.interrupt() in (0, -signal.SIGINT)  # newer versions of uvicorn pass the signal on
    assert "Application shutdown complete" in program.output


# A crawler


def test_crawler(start: Callable[..., Program]) -> None:
    """It follows links across hosts, never asks a host for two pages at once, and tries again what was busy."""
    inside, overlap = threading.Lock(), threading.Event()
    tries: dict[str, int] = {}
    links = {"/": ["/a", "/b", "/busy", "{other}/x"], "/a": ["/", "/gone"], "/b": ["/a#part", "mailto:me@here"]}

    def page(path: str) -> tuple[int, str, str]:
        if not inside.acquire(blocking=False):
            overlap.set()
            inside.acquire()
        tries[path] = tries.get(path, 0) + 1
        overlap.wait(0.05)  # another one has the time to come
        inside.release()
        if path == "/busy" and tries[path] < 3:
            return 503, "text/plain", "busy"
        if path not in links and path != "/busy":
            return 404, "text/plain", "gone"
        text = "".join(f'<a href="{link.format(other=other)}">there</a>' for link in links.get(path, ()))
        return 200, "text/html", text

    def other_page(path: str) -> tuple[int, str, str]:
        return 200, "text/html", f'<a href="{site}/b">back</a><a href="/y">on</a>'

    with http(other_page) as other, http(page) as site:
        program = start("crawler.py", f"{site}/", "--pause", "0", "--dashboard", "0")
        assert program.wait() == 0
    wanted = {f"{site}{path}": 200 for path in ("/", "/a", "/b", "/busy")}
    wanted |= {f"{site}/gone": 404, f"{other}/x": 200, f"{other}/y": 200}
    told = dict(re.findall(r"^(\d+|---) (http\S+)$", program.output, re.MULTILINE)[i][::-1] for i in range(7))
    assert {address: int(status) for address, status in told.items()} == wanted
    assert tries["/busy"] == 3
    assert tries["/a"] == 1
    assert not overlap.is_set()
    assert "dashboard: http://127.0.0.1:" in program.output


async def test_a_host_that_is_found_again_while_it_goes(root: RootManager[Any, Any]) -> None:
    """A page of a host that is over, but not gone yet, is fetched by the next task of that host."""
    crawler = root.add_task(load("crawler.py").Crawler("http://a/", 10, 0.0))
    crawler.client = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    await crawler.wait_started()
    crawler.hosts["a"].stop()
    crawler.visit("http://a/late")
    await crawler.wait_stopped()
    assert crawler.status["http://a/late"] == 200


# A chat


@contextmanager
def member(address: str, name: str) -> Iterator[ClientConnection]:
    """Somebody in the chat."""
    with connect(address) as connection:
        connection.send(name)
        yield connection


def test_chat(start: Callable[..., Program]) -> None:
    """Everybody in a room hears what is said, and who comes and leaves; names are taken once; Ctrl-C says goodbye."""
    program = start("chat.py", "--port", "0", "--dashboard", "0")
    lobby = program.said(r"chat: (ws://\S+)")
    with member(lobby, "ann") as ann, member(lobby.replace("lobby", "cellar"), "eve") as eve:
        assert ann.recv(TIME) == "* ann comes in"
        assert eve.recv(TIME) == "* eve comes in"
        with member(lobby.replace("lobby", "attic"), "dan") as dan:
            assert dan.recv(TIME) == "* dan comes in"
        with member(lobby, "bob") as bob:
            assert [ann.recv(TIME), bob.recv(TIME)] == ["* bob comes in"] * 2
            bob.send("hello")
            assert [ann.recv(TIME), bob.recv(TIME)] == ["bob: hello"] * 2
            with member(lobby, "bob") as thief, pytest.raises(ConnectionClosed) as refused:
                thief.recv(TIME)
            assert refused.value.rcvd is not None
            assert refused.value.rcvd.reason == "this name is taken"
        assert ann.recv(TIME) == "* bob leaves"
        assert sorted(owners(program)) == sorted(
            ["RootManager", "OSSignal", "Dashboard", "HistoryStore", "Rooms", "Room", "Room", "Member", "Member"]
        )
        assert program.interrupt() == 0
        with pytest.raises(ConnectionClosed) as ended:
            while True:
                assert "leaves" in str(eve.recv(TIME))
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1001
    assert "Traceback" not in program.output


# A relay of streams


def dialled(port: str, line: str) -> socket.socket:
    """A connection to the relay that has said what it is."""
    connection = socket.create_connection(("127.0.0.1", int(port)), TIME)
    connection.sendall(line.encode() + b"\n")
    return connection


def frame(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def read(connection: socket.socket) -> bytes:
    """The next frame; b"" at the end."""
    with connection.makefile("rb", buffering=0) as stream:
        head = stream.read(4)
        return stream.read(int.from_bytes(head, "big")) if head else b""


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop", "trio"])
def test_relay(start: Callable[..., Program], backend: str) -> None:
    """Frames go to all subscribers of their stream; there is one publisher at a time, and it may come back."""
    program = start("relay.py", "--port", "0", "--patience", "60", "--dashboard", "0", "--backend", backend)
    port = program.said(r"relay: 127\.0\.0\.1:(\d+)")
    with dialled(port, "SUB news") as one, dialled(port, "SUB news") as two, dialled(port, "SUB garden") as other:
        until(lambda: owners(program).count("Subscriber") == 3)
        with dialled(port, "PUB news") as camera:
            camera.sendall(frame(b"first") + frame(b"second"))
            assert [read(each) for each in (one, two) for _ in range(2)] == [b"first", b"second"] * 2
            with dialled(port, "PUB news") as second:
                assert second.recv(1) == b""
        assert "a connection was refused" in program.said("a connection was refused.*")
        until(lambda: "Publisher" not in owners(program))
        with dialled(port, "PUB news") as camera:
            camera.sendall(frame(b"third"))
            assert [read(one), read(two)] == [b"third"] * 2
        assert program.interrupt() == 0
        assert [read(one), read(two), read(other)] == [b""] * 3
    assert "Traceback" not in program.output


def test_a_stream_without_publisher_ends(start: Callable[..., Program]) -> None:
    """When nobody publishes for as long as it is patient, its subscribers are told that it is over."""
    program = start("relay.py", "--port", "0", "--patience", "0.2")
    with dialled(program.said(r"relay: 127\.0\.0\.1:(\d+)"), "SUB news") as subscriber:
        assert read(subscriber) == b""
    assert program.interrupt() == 0


async def test_a_publisher_that_comes_at_once(root: RootManager[Any, Any]) -> None:
    """A publisher that is there before the patience of its stream has begun ends it too."""
    stream = load("relay.py").Stream("news", 5.0)
    publisher = Forever()
    publisher.key = "publisher"
    stream.on_start(lambda: stream.publish(publisher))
    root.add_task(stream)
    await anyio.sleep(10)
    assert stream.to_list() == [publisher]


def test_a_slow_subscriber_loses_its_own_frames_only(start: Callable[..., Program]) -> None:
    """Who does not read is told nothing more at some point, while the others get everything."""
    program = start("relay.py", "--port", "0", "--dashboard", "0")
    port = program.said(r"relay: 127\.0\.0\.1:(\d+)")
    with dialled(port, "SUB news") as slow, dialled(port, "SUB news") as quick, dialled(port, "PUB news") as camera:
        until(lambda: owners(program).count("Subscriber") == 2)
        for number in range(200):
            camera.sendall(frame(b"%06d" % number + bytes(100_000)))
            assert int(read_whole(quick)[:6]) == number
        assert slow.fileno() >= 0
    assert program.interrupt() == 0


def read_whole(connection: socket.socket) -> bytes:
    """The next frame, however many pieces it comes in."""
    size = int.from_bytes(exactly(connection, 4), "big")
    return exactly(connection, size)


def exactly(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += connection.recv(size - len(content))
    return content


# Sensors


class Device:
    """A sensor that answers READ with the next of its values, and hangs up where there is None."""

    def __init__(self, *values: float | None) -> None:
        self._values = iter(values)
        self._last: float | None = 0.0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.calls = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Device:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.calls += 1
            with connection, suppress(ConnectionError):  # the program may end between a question and its answer
                while connection.recv(100):
                    value = self._last = next(self._values, self._last)
                    if value is None:
                        break
                    connection.sendall(f"{value}\n".encode())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_sensors(start: Callable[..., Program], postgres: Server, backend: str) -> None:
    """Alarms ring on smoothed values; a device that hangs up is called again, and PostgreSQL knows of it."""
    url = postgres.make_schema(f"sensors_{backend}")
    with Device(20, 20, 99, 20, 90, 91, 92, 20, 20, 20) as boiler, Device(1, None, 2, 2) as attic:
        program = start("sensors.py", f"boiler={boiler.address}", f"attic={attic.address}", "--interval", "0.05",
                        "--history", url, "--dashboard", "0", "--backend", backend)  # fmt: skip
        program.said("boiler: ALARM at 90")
        program.said("boiler: all clear at 20")
        until(lambda: attic.calls >= 2)
        assert owners(program).count("Sensor") == 2
        assert program.interrupt() == 0
    assert program.output.count("ALARM") == 1  # and not for the single wild value
    with open_history(url) as history:
        [failed] = history.lives(owner_type="Probe", failed=True)
        assert "hung up" in str(failed.reason)
        [alarm] = [life for life in history.lives(owner_type="Alarm") if life.steps]
        assert [step.name for step in alarm.steps] == ["alarm", "all clear"]


def test_bad_arguments(start: Callable[..., Program]) -> None:
    """What cannot be is said in one sentence."""
    program = start("sensors.py", "boiler")
    assert program.wait() == 2
    assert "name=host:port, not 'boiler'" in program.output
