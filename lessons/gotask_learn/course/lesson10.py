"""Lesson 10: the weather service of a town. The challenge: a chat room. Both over real sockets."""

from __future__ import annotations

import random
import socket
import time
from contextlib import suppress
from itertools import pairwise
from typing import Any

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.stapled import MultiListener

from gotask import TaskState
from gotask_learn.course.wires import HOST, PATIENCE, Crowd, Line, Office, Player
from gotask_learn.evidence import Evidence, Known, World
from gotask_learn.gates import compare, expect
from gotask_learn.lesson import Lesson

__all__ = ["Guests", "Ledger", "Line", "Town", "challenge", "lesson"]

lesson = Lesson(10)
challenge = Lesson(10, challenge=True)

SENSORS = ("attic", "cellar", "garden", "kitchen")


class Town(Crowd):
    """The sensors of the town: each connects, says its name, sends readings; some leave, some stay."""

    current: Town

    def __init__(self) -> None:
        super().__init__()
        self._office = Office()
        self._last: list[str] = []
        Town.current = self
        if Player.forever:
            lesson.let_go()

    @property
    def office(self) -> int:
        """The port of the head office."""
        return self._office.port

    @property
    def interval(self) -> float:
        """Seconds between two reports to the office."""
        return 2.0 if Player.forever else 0.01

    async def day(self, listener: MultiListener[Any]) -> None:
        """A day in town, with the service that listens here; over when the office knows the last readings."""
        port = listener.extra(SocketAttribute.local_port)
        print(f"listening on {HOST}, port {port}", flush=True)
        for index, name in enumerate(SENSORS):
            readings = [round(random.uniform(10, 30), 1) for _ in range(4)]
            self._last.append(f"{name}={readings[-1]}")
            self._come(self._sensor, port, name, readings, index % 2 == 0)
        if Player.forever:
            await anyio.sleep_forever()
        await self._wait(lambda: self._are_done() and self._office.knows(*self._last))

    def _sensor(self, port: int, name: str, readings: list[float], leaves: bool) -> None:
        while True:
            try:
                self._visit(port, name, readings, leaves)
            except OSError:
                pass
            if not Player.forever:
                return
            time.sleep(random.uniform(1, 5))
            readings = [round(random.uniform(10, 30), 1) for _ in range(random.randrange(5, 50))]

    def _visit(self, port: int, name: str, readings: list[float], leaves: bool) -> None:
        with socket.create_connection((HOST, port), PATIENCE) as connection:
            with suppress(ConnectionError):  # the service hung up early, which is an end, too
                self._send(connection, name, readings)
                if leaves or Player.forever:
                    connection.shutdown(socket.SHUT_WR)
            if not leaves:
                self._rest()
            if self._ended(connection):
                self._note("heard the end", sensor=name)
            if leaves:
                self._rest()

    def _send(self, connection: socket.socket, name: str, readings: list[float]) -> None:
        connection.sendall(f"{name}\n".encode())
        if connection.recv(100):
            self._note("greeted", sensor=name)
        for degrees in readings:
            time.sleep(1.0 if Player.forever else 0.004)
            self._note("sent", sensor=name, degrees=degrees)
            connection.sendall(f"{degrees}\n".encode())


class Ledger(Player):
    """The ledger of the service."""

    def __init__(self) -> None:
        self._latest: dict[str, float] = {}

    def latest(self) -> str:
        """The latest reading of each sensor, as text."""
        return " ".join(f"{sensor}={degrees}" for sensor, degrees in self._latest.items())

    def enter(self, sensor: str, degrees: float) -> None:
        """Enter a reading."""
        self._latest[sensor] = degrees
        self._note("entered", sensor=sensor, degrees=degrees)

    def write(self, text: object) -> None:
        """Write a line, such as for those who ask what went wrong."""
        print(f"ledger: {text}")
        self._note("written", text=str(text))


def sensors(found: Evidence, what: str) -> list[str]:
    """The sensors about which this was seen."""
    return sorted(seen["sensor"] for seen in found.saw(what))


def uplink(found: Evidence) -> Known:
    """The task that dialled the office."""
    task = next((task for seen in found.saw("dialled") if (task := found.known(seen)) is not None), None)
    expect(task is not None, "never_dialled", ["STARTING: dialled"], found.saw("dialled"))
    assert task is not None
    return task


def none_held_up(found: Evidence) -> None:
    """No body is called in its parent's loop, where the siblings would have to wait for it."""
    held = [f"{task.owner_type}: RUNNING" for task in found.tasks.values() if TaskState.RUNNING in task.states]
    expect(not held, "held_up", ["GOING"] * len(held), held)
    starting = [f"{task.owner_type}: STARTING" for task in found.tasks.values() if is_starting(task)]
    expect(not starting, "in_start", ["STARTED, then GOING"] * len(starting), starting)


def is_starting(task: Known) -> bool:
    """Whether its `start` did not come to its end, and did not fail either."""
    states, failed = task.states, any(record.failed for record in task.records)
    return TaskState.STARTING in states and TaskState.STARTED not in states and not failed


@lesson.gate
def the_door_is_open(found: Evidence) -> None:
    none_held_up(found)
    greeted = [f"greeted {name}" for name in sensors(found, "greeted")]
    compare("closed", [f"greeted {name}" for name in SENSORS], greeted)


@lesson.gate
def nobody_is_left_hanging(found: Evidence) -> None:
    Town.current.gone()
    heard = [f"heard the end: {name}" for name in sensors(found, "heard the end")]
    compare("left_hanging", [f"heard the end: {name}" for name in SENSORS], heard)


def degrees(found: Evidence, what: str, name: str) -> list[str]:
    return [f"{name} {seen['degrees']}" for seen in found.saw(what, sensor=name)]


@lesson.gate
def each_reading_is_entered(found: Evidence) -> None:
    for name in SENSORS:
        compare("not_entered", degrees(found, "sent", name), degrees(found, "entered", name), name=name)


@lesson.gate
def the_office_is_dialled_again(found: Evidence) -> None:
    task, ready = uplink(found), found.saw("ready")
    dialled = [f"life {seen.life}: dialled" for seen in found.saw("dialled")]
    expect(ready, "gave_up", ["refused", "...", "ready"], [*found.saw("refused"), *ready])
    expect(len(set(dialled)) == len(dialled), "by_hand", ["life 1: dialled", "life 2: dialled"], dialled)
    grows = all(first < second or first == max(task.delays) for first, second in pairwise(task.delays))
    expect(grows and len(set(task.delays)) > 1, "no_back_off", ["each wait longer than the last"],
           [f"wait {delay * 1000:.0f} ms" for delay in task.delays])  # fmt: skip


@lesson.gate
def the_office_knows_the_last_readings(found: Evidence) -> None:
    took = [seen["report"] for seen in found.saw("took")]
    last = [f"{name}={found.saw('sent', sensor=name)[-1]['degrees']}" for name in SENSORS]
    expect(took, "no_report", last, took)
    expect(all(word in took[-1].split() for word in last), "not_up_to_date", last, took[-1].split())


@lesson.gate
def the_ledger_tells_what_went_wrong(found: Evidence) -> None:
    lines = [seen["text"] for seen in found.saw("written")]
    failed = [record.reason for record in uplink(found).records if record.failed]
    expect(all(any(reason in line for line in lines) for reason in failed), "not_told", failed, lines)
    expect(len(lines) == len(failed), "too_much", failed, lines)


# The challenge: a chat room

NAMES = ("Ada", "Alan", "Grace")


class Guests(Crowd):
    """Three guests of a chat room: each comes, says its name, and when all are there, something else."""

    current: Guests

    def __init__(self) -> None:
        super().__init__()
        self._said = {name: f"hello from {name}, {random.randrange(1000, 10000)}" for name in NAMES}
        self._inside = 0
        Guests.current = self

    async def evening(self, listener: MultiListener[Any]) -> None:
        """An evening in the room that listens here; over when everybody has heard everybody."""
        port = listener.extra(SocketAttribute.local_port)
        for name in NAMES:
            self._come(self._guest, port, name)
        await self._wait(self._are_done)

    def _guest(self, port: int, name: str) -> None:
        try:
            with socket.create_connection((HOST, port), PATIENCE) as connection:
                self._talk(connection, name)
        except OSError:
            self._note("cut off", name=name)

    def _talk(self, connection: socket.socket, name: str) -> None:
        connection.sendall(f"{name}\n".encode())
        lines = connection.makefile("r", encoding="utf-8")
        if lines.readline():
            self._note("let in", name=name)
        with self._lock:
            self._inside += 1
        deadline = time.monotonic() + PATIENCE
        while self._inside < len(NAMES) and time.monotonic() < deadline:
            time.sleep(0.002)
        self._note("said", name=name, text=self._said[name])
        connection.sendall(f"{self._said[name]}\n".encode())
        left = set(self._said.values())
        for line in lines:
            text = next((text for text in left if text in line), None)
            if text is None:
                continue
            left.discard(text)
            self._note("heard", name=name, text=text)
            if not left:
                break
        self._rest()
        if not self._ended(connection):
            return
        self._note("shown out", name=name)


class Minutes(World):
    """What is kept of an evening."""

    def hear(self, text: object) -> None:
        """Hear what is said in the room."""
        print(f"room: {text}")
        self._note("said aloud", text=str(text))

    def write(self, text: object) -> None:
        """Write a line."""
        print(f"minutes: {text}")
        self._note("minuted", text=str(text))


def by(found: Evidence, what: str) -> list[str]:
    return [f"{what} {name}" for name in sorted(seen["name"] for seen in found.saw(what))]


@challenge.gate
def the_room_is_open(found: Evidence) -> None:
    none_held_up(found)
    compare("closed", [f"let in {name}" for name in NAMES], by(found, "let in"))


@challenge.gate
def everybody_is_shown_out(found: Evidence) -> None:
    Guests.current.gone()
    compare("left_hanging", [f"shown out {name}" for name in NAMES], by(found, "shown out"))


@challenge.gate
def the_room_hears_what_is_said(found: Evidence) -> None:
    aloud = [seen["text"] for seen in found.saw("said aloud")]
    said = [seen["text"] for seen in found.saw("said")]
    expect(all(any(text in line for line in aloud) for text in said), "not_said", said, aloud)


@challenge.gate
def everybody_hears_everybody(found: Evidence) -> None:
    for name in NAMES:
        said = sorted(seen["text"] for seen in found.saw("said"))
        heard = sorted(seen["text"] for seen in found.saw("heard", name=name))
        compare("not_heard", said, heard, name=name)


@challenge.gate
def the_minutes_tell_who_was_there(found: Evidence) -> None:
    lines = [seen["text"] for seen in found.saw("minuted")]
    for name in NAMES:
        expect(any(name in line for line in lines), "not_there", NAMES, lines, name=name)
    expect(len(lines) == len(NAMES), "too_much", NAMES, lines)
