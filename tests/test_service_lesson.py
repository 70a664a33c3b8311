"""Lesson 10, run by hand: a service that lives until Ctrl-C."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import Program

from gotask_learn.source import solve

MAIN = Path(__file__).parents[1] / "lessons/lesson10/main.py"

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform == "win32", reason="a Ctrl-C cannot be sent to one process alone"),
]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Program]:
    """The solved lesson."""
    path = tmp_path / "main.py"
    path.write_text(solve(MAIN.read_text("utf-8")), "utf-8")
    service = Program(path, "serve")
    yield service
    service.end()


def test_it_serves_until_ctrl_c(service: Program) -> None:
    """M3, M11: it serves a client of ours; Ctrl-C hangs up on it, and what `main` has to say last is said."""
    port = int(service.said(r"listening on .* (\d+)\n"))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"roof\n21.5\n")
        assert client.recv(100) == b"welcome, roof\n"
        service.said("roof=21.5")
        service.process.send_signal(signal.SIGINT)
        assert client.recv(100) == b""
    service.said("lives are over")
    assert service.wait() == 0


def test_a_sensor_that_comes_back_takes_its_place(service: Program) -> None:
    """J9: the old session of a sensor is hung up on when the sensor connects anew."""
    port = int(service.said(r"listening on .* (\d+)\n"))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as old:
        old.sendall(b"roof\n")
        assert old.recv(100) == b"welcome, roof\n"
        with socket.create_connection(("127.0.0.1", port), timeout=20) as new:
            new.sendall(b"roof\n")
            assert old.recv(100) == b""
            assert new.recv(100) == b"welcome, roof\n"
