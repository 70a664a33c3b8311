"""Lesson 10, run by hand: a service that lives until Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from gotask_learn.source import solve

MAIN = Path(__file__).parents[1] / "lessons/lesson10/main.py"

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform == "win32", reason="a Ctrl-C cannot be sent to one process alone"),
]


class Service:
    """The solved lesson as a process of its own; its output can be waited for, line by line."""

    def __init__(self, folder: Path) -> None:
        path = folder / "main.py"
        path.write_text(solve(MAIN.read_text("utf-8")), "utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(path), "serve"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines: Queue[str] = Queue()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_for(self, text: str) -> str:
        while text not in (line := self._lines.get(timeout=20)):
            pass
        return line


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.process.kill()
    service.process.communicate()


def test_it_serves_until_ctrl_c(service: Service) -> None:
    """M3, M11: it serves a client of ours; Ctrl-C hangs up on it, and what `main` has to say last is said."""
    port = int(service.wait_for("listening on").split()[-1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"roof\n21.5\n")
        assert client.recv(100) == b"welcome, roof\n"
        service.wait_for("roof=21.5")
        service.process.send_signal(signal.SIGINT)
        assert client.recv(100) == b""
    service.wait_for("lives are over")
    assert service.process.wait(20) == 0


def test_a_sensor_that_comes_back_takes_its_place(service: Service) -> None:
    """J9: the old session of a sensor is hung up on when the sensor connects anew."""
    port = int(service.wait_for("listening on").split()[-1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as old:
        old.sendall(b"roof\n")
        assert old.recv(100) == b"welcome, roof\n"
        with socket.create_connection(("127.0.0.1", port), timeout=20) as new:
            new.sendall(b"roof\n")
            assert old.recv(100) == b""
            assert new.recv(100) == b"welcome, roof\n"
