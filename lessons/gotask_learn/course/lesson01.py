"""Lesson 1: a weather station; one task that reads its thermometer, one that blows until it is told to stop."""

from __future__ import annotations

import random

import anyio

from gotask import TaskState
from gotask_learn.evidence import Evidence, Known, Seen, World
from gotask_learn.gates import expect
from gotask_learn.lesson import Lesson

lesson = Lesson(1)
challenge = Lesson(1, challenge=True)


class Sensor(World):
    """A thermometer. It has to be opened, can then be read, and has to be closed."""

    def __init__(self) -> None:
        self._serial = f"T-{random.randrange(1000, 10000)}"
        self._open = False

    async def open(self) -> str:
        """Switch it on; returns its serial number."""
        await anyio.sleep(0.01)
        self._open = True
        self._note("sensor opened", serial=self._serial)
        return self._serial

    async def read(self) -> float:
        """One reading, in degrees."""
        await anyio.sleep(0.01)
        if not self._open:
            raise ConnectionError("the sensor is not open")
        degrees = round(random.uniform(10.0, 30.0), 1)
        self._note("sensor read", degrees=degrees)
        return degrees

    async def close(self) -> None:
        """Switch it off."""
        self._open = False
        self._note("sensor closed")


class Display(World):
    """The display of the weather station."""

    def show(self, label: str, value: object) -> None:
        """Show a value under a label."""
        print(f"[{label}] {value}")
        self._note("shown", label=label, value=value)


def reader(found: Evidence) -> Known:
    """The task that opened the sensor."""
    opened = found.saw("sensor opened")
    expect(opened, "never_opened", ["STARTING: sensor opened"], actions(found))
    task = found.known(opened[0])
    expect(task is not None and opened[0].state is TaskState.STARTING, "not_in_start",
           ["STARTING: sensor opened"], actions(found))  # fmt: skip
    assert task is not None
    return task


def actions(found: Evidence) -> list[Seen]:
    """What was done to the sensor."""
    return [seen for seen in found.seen if seen.what.startswith("sensor")]


class Fan(World):
    """A fan; it turns as often as it is told to."""

    def turn(self) -> None:
        """One turn."""
        self._note("fan turned")


@lesson.gate
def it_opens_the_sensor_when_it_starts(found: Evidence) -> None:
    reader(found)


@lesson.gate
def it_reads_in_its_body_and_returns_the_mean(found: Evidence) -> None:
    task = reader(found)
    reads = [seen for seen in found.saw("sensor read") if seen.task == task.id]
    expect(len(reads) >= 3, "too_few", ["GOING: sensor read"] * 3, reads)
    expect(all(seen.state is TaskState.GOING for seen in reads), "not_in_body", ["GOING: sensor read"] * 3, reads)


@lesson.gate
def it_closes_the_sensor_when_it_is_disposed(found: Evidence) -> None:
    task = reader(found)
    closed = [seen for seen in found.saw("sensor closed") if seen.task == task.id]
    expect(closed, "never_closed", ["...", "DISPOSING: sensor closed"], actions(found))
    expect(closed[-1].state is TaskState.DISPOSING, "too_early", ["DISPOSING: sensor closed"], closed)
    expect(len(closed) == 1, "twice", ["DISPOSING: sensor closed"], closed)


@lesson.gate
def main_waits_for_start_and_result(found: Evidence) -> None:
    task = reader(found)
    shown = [str(seen["value"]) for seen in found.saw("shown")]
    serial = found.saw("sensor opened")[0]["serial"]
    expect(serial in shown, "no_serial", [serial], shown)
    degrees = [seen["degrees"] for seen in found.saw("sensor read") if seen.task == task.id]
    mean = sum(degrees) / len(degrees)
    numbers = [seen["value"] for seen in found.saw("shown") if isinstance(seen["value"], int | float)]
    expect(any(abs(number - mean) < 0.1 for number in numbers), "no_mean", [f"{mean:.2f}"], shown)


@lesson.gate
def main_stops_the_cooler(found: Evidence) -> None:
    turns = found.saw("fan turned")
    cooler = found.known(turns[0])
    assert cooler is not None
    stops = [type(reason).__name__ for reason in cooler.stops]
    expect(cooler.reason and cooler.reason != "Exit", "never_stopped", ["StopByUser"], [cooler.reason or "Exit"])
    told = str(cooler.stops[0])
    shown = [str(seen["value"]) for seen in found.saw("shown")]
    expect(told in shown, "not_waited", [told], shown, stops=stops)
    last = [seen for seen in found.saw("shown") if str(seen["value"]) == told][-1]
    expect(found.was_over(cooler, last), "too_soon", ["cooler DISPOSED", f"shown {told}"],
           [f"shown {told}", "cooler DISPOSED"])  # fmt: skip


# The challenge: a lighthouse


class Lamp(World):
    """The lamp of a lighthouse, and its lens, which shows ships as it turns. That of the south is stiff."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def light(self) -> None:
        """Light it."""
        await anyio.sleep(0.005)
        self._note("lit", lamp=self._name)

    async def turn(self) -> int:
        """Turn the lens; returns how many ships it showed."""
        await anyio.sleep(0.01 if self._name == "north" else 0.5)
        ships = random.randrange(1, 50)
        self._note("turned", lamp=self._name, ships=ships)
        return ships

    def put_out(self) -> None:
        """Put it out."""
        self._note("put out", lamp=self._name)


class Logbook(World):
    """What the lighthouse writes down."""

    def write(self, line: object) -> None:
        """Write a line."""
        print(f"logbook: {line}")
        self._note("logged", line=str(line))


@challenge.gate
def each_lamp_burns_while_the_keeper_is_on_duty(found: Evidence) -> None:
    held = [seen for seen in found.saw("turned") if seen.state is TaskState.RUNNING]
    expect(not held, "held_up", ["GOING: turned north", "GOING: turned south"], held)
    for lamp in ("north", "south"):
        acts = [seen for seen in found.seen if seen.details.get("lamp") == lamp]
        lit, out = found.saw("lit", lamp=lamp), found.saw("put out", lamp=lamp)
        wanted = [f"STARTING: lit {lamp}", f"DISPOSING: put out {lamp}"]
        expect(lit and lit[0].state is TaskState.STARTING, "not_lit", wanted, acts)
        expect(out and out[0].state is TaskState.DISPOSING, "not_put_out", wanted, acts)


@challenge.gate
def the_keeper_counts_ships(found: Evidence) -> None:
    turns = found.saw("turned", lamp="north")
    expect(len(turns) == 4, "turns", ["turned north"] * 4, turns, count=len(turns))
    expect(all(seen.state is TaskState.GOING for seen in turns), "not_in_body", ["GOING: turned north"] * 4, turns)


@challenge.gate
def main_logs_ships_and_reason(found: Evidence) -> None:
    logged = [seen["line"] for seen in found.saw("logged")]
    ships = str(sum(seen["ships"] for seen in found.saw("turned", lamp="north")))
    expect(ships in logged, "no_ships", [ships], logged)
    second = found.known(found.saw("lit", lamp="south")[0])
    assert second is not None
    reasons = [str(reason) for reason in second.stops]
    expect(second.stops and second.reason in ("StopByUser", "Exit") and "shutdown" not in reasons, "not_stopped",
           ["a stop with your reason"], reasons)  # fmt: skip
    expect(reasons[0] in logged, "no_reason", [reasons[0]], logged)
    off_duty = found.seen.index(found.saw("put out", lamp="south")[0])
    expect(off_duty < found.seen.index(found.saw("logged", line=reasons[0])[-1]), "too_soon",
           ["put out south", f"logged {reasons[0]}"], [f"logged {reasons[0]}", "put out south"])  # fmt: skip
