"""Lesson 7: a laboratory with doors, lamps, pipes and machines; and a film set with a crane and a camera."""

from __future__ import annotations

import queue
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

import gotask
from gotask import TaskState
from gotask_learn.evidence import Evidence, Seen, World
from gotask_learn.gates import compare, expect
from gotask_learn.lesson import Lesson

lesson = Lesson(7)
challenge = Lesson(7, challenge=True)

PATIENCE = 0.15
"""Seconds after which nobody waits any longer for what does not come."""


async def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until it holds, for a while, and then a moment more."""
    left = PATIENCE
    while left > 0 and not holds():
        await anyio.sleep(0.005)
        left -= 0.005
    await anyio.sleep(0.01)


class Line(World):
    """Something to be read from. A few values are there; for more one has to wait."""

    def __init__(self) -> None:
        self._values: queue.Queue[int | None] = queue.Queue()
        self._in_use = False
        for _ in range(random.randrange(3, 8)):
            self._values.put(random.randrange(100))

    def read(self) -> int | None:
        """The next value; it waits for one. None when the line is closed."""
        self._in_use = True
        reader = gotask.current_task()
        left = 5  # times to look again after the stop, so that a line nobody closes holds up no one for ever
        while left:
            try:
                return self._values.get(timeout=0.02)
            except queue.Empty:
                left -= reader is None or reader.is_stopped
        raise TimeoutError("nobody closed the line, and nothing comes through it any more")

    def close(self) -> None:
        """Close it; whoever reads wakes up."""
        self._values.put(None)
        self._note("line closed")


class Lamp(World):
    """A lamp that has seen better days."""

    def __init__(self, number: int) -> None:
        self._number = number

    def close(self) -> None:
        """Switch it off."""
        self._note("lamp off")
        raise OSError(f"lamp {self._number} burst as it was switched off")


class Lab(World):
    """The laboratory."""

    def __init__(self) -> None:
        self._lamp = random.randrange(100, 1000)
        self._line = Line()
        self._on = 0
        self._note("lamp in stock", number=self._lamp)

    @asynccontextmanager
    async def door(self) -> AsyncIterator[None]:
        """The airlock: open as long as one is inside this context."""
        await anyio.sleep(0.005)
        self._note("door opened")
        yield
        await anyio.sleep(0.005)
        self._note("door shut")

    async def light(self) -> Lamp:
        """Switch on a lamp; whoever has it has to close it."""
        await anyio.sleep(0.005)
        self._note("lamp on")
        return Lamp(self._lamp)

    def connect(self) -> Line:
        """Connect to the instrument in the next room."""
        return self._line

    async def work(self) -> None:
        """Wait while everything is at work."""
        await wait_for(lambda: self._line._in_use and self._on >= 3)

    async def switch_on(self, machine: str) -> None:
        """Switch a machine on."""
        await anyio.sleep(0.005)
        self._on += 1
        self._note("on", machine=machine)

    def switch_off(self, machine: str) -> None:
        """Switch a machine off."""
        self._note("off", machine=machine)


class Journal(World):
    """The laboratory's journal."""

    def write(self, line: object) -> None:
        """Write a line."""
        print(f"journal: {line}")
        self._note("written", text=str(line))


def acts(found: Evidence, *things: str) -> list[Seen]:
    """What was done to these things."""
    return [seen for seen in found.seen if seen.what.split()[0] in things and seen.what != "lamp in stock"]


def released_at_the_end(
    found: Evidence, what: str, early: str, never: str, wanted: list[str], seen: list[Seen]
) -> None:
    """It was released, and by the clean-up."""
    expect(found.saw(what), never, wanted, seen)
    expect(all(one.state is TaskState.DISPOSING for one in found.saw(what)), early, wanted, seen)


@lesson.gate
def the_door_is_open_for_a_whole_life(found: Evidence) -> None:
    wanted = ["STARTING: door opened", "DISPOSING: door shut"]
    seen = acts(found, "door")
    opened = found.saw("door opened")
    expect(opened and opened[0].state is TaskState.STARTING, "never_opened", wanted, seen)
    released_at_the_end(found, "door shut", "too_early", "never_shut", wanted, seen)


@lesson.gate
def the_lamp_goes_before_the_door(found: Evidence) -> None:
    wanted = ["STARTING: door opened", "STARTING: lamp on", "DISPOSING: lamp off", "DISPOSING: door shut"]
    seen = acts(found, "door", "lamp")
    released_at_the_end(found, "lamp off", "too_early", "never_off", wanted, seen)
    compare("order", wanted, map(str, seen))


@lesson.gate
def the_line_is_closed_while_the_thread_reads(found: Evidence) -> None:
    wanted, seen = ["GOING: line closed"], found.saw("line closed")
    expect(seen, "never_closed", wanted, seen)
    expect(seen[0].state is TaskState.GOING, "too_late", wanted, seen)


@lesson.gate
def the_last_machine_goes_first(found: Evidence) -> None:
    wanted = ["power on", "pump on", "laser on", "laser off", "pump off", "power off"]
    did = [f"{seen['machine']} {seen.what}" for seen in found.seen if seen.what in ("on", "off")]
    expect("pump on" in did and "laser on" in did, "not_added", wanted, did)
    expect(did[-1] == "power off", "not_children", wanted, did)
    compare("order", wanted, did)


@lesson.gate
def the_journal_has_what_went_wrong(found: Evidence) -> None:
    number = str(found.saw("lamp in stock")[0]["number"])
    written = [seen["text"] for seen in found.saw("written")]
    expect(any(number in text for text in written), "not_written", [f"lamp {number} burst ..."], written)


# The challenge: a film set


class Camera(World):
    """A camera, in which the film tears now and then."""

    def __init__(self, metres: int) -> None:
        self._metres = metres

    def close(self) -> None:
        """Switch it off, and take the film out."""
        self._note("camera off")
        raise OSError(f"the film tore at {self._metres} metres")


class Stage(World):
    """The film set, with its crane, camera, microphone and lights."""

    def __init__(self) -> None:
        self._degrees, self._metres = random.randrange(10, 80), random.randrange(100, 900)
        self._microphone: Line | None = None
        self._note("stage", degrees=self._degrees, metres=self._metres)

    @asynccontextmanager
    async def crane(self) -> AsyncIterator[None]:
        """Up on the crane: a context, at the end of which it comes down."""
        await anyio.sleep(0.005)
        self._note("crane up")
        yield
        self._note("crane down")
        raise OSError(f"the crane came down {self._degrees} degrees askew")

    async def camera(self) -> Camera:
        """A camera that runs; whoever has it has to close it."""
        await anyio.sleep(0.005)
        self._note("camera on")
        return Camera(self._metres)

    def microphone(self) -> Line:
        """A microphone, to be read from."""
        self._microphone = Line()
        return self._microphone

    async def take(self) -> None:
        """Wait while the shot is taken."""
        await wait_for(lambda: self._microphone is not None and self._microphone._in_use)
        self._microphone = None

    def lights_on(self) -> None:
        """Light the set."""
        self._note("lights on")

    def lights_off(self) -> None:
        """Darken it."""
        self._note("lights off")


class Producer(World):
    """The producer, who wants to know what was broken."""

    def tell(self, what: object) -> None:
        """Tell the producer."""
        print(f"producer: {what}")
        self._note("told", text=str(what))


@challenge.gate
def each_shot_gives_back_camera_and_crane(found: Evidence) -> None:
    one = ["STARTING: crane up", "STARTING: camera on", "DISPOSING: camera off", "DISPOSING: crane down"]
    seen = acts(found, "crane", "camera")
    expect(found.saw("crane up"), "no_crane", one * 2, seen)
    expect(found.saw("camera on"), "no_camera", one * 2, seen)
    expect(len(found.saw("crane down")) == len(found.saw("crane up")), "crane_stays_up", one * 2, seen)
    expect(len(found.saw("camera off")) == len(found.saw("camera on")), "camera_runs", one * 2, seen)
    compare("order", one * 2, map(str, seen))


@challenge.gate
def the_microphone_wakes_the_thread(found: Evidence) -> None:
    wanted, seen = ["GOING: line closed"] * 2, found.saw("line closed")
    expect(seen, "never_closed", wanted, seen)
    expect(all(one.state is TaskState.GOING for one in seen), "too_late", wanted, seen)


@challenge.gate
def the_lights_burn_all_the_time(found: Evidence) -> None:
    what = [seen.what for seen in acts(found, "lights", "crane")]
    wanted = ["lights on", "crane up", "crane down", "crane up", "crane down", "lights off"]
    expect("lights on" in what, "no_lights", wanted, what)
    expect(what[0] == "lights on", "dark", wanted, what)
    compare("order", wanted, what)


@challenge.gate
def the_producer_is_told_of_all_that_broke(found: Evidence) -> None:
    stage = found.saw("stage")[0]
    told = [seen["text"] for seen in found.saw("told")]
    wanted = [f"the film tore at {stage['metres']} metres", f"the crane came down {stage['degrees']} degrees askew"]
    heard = [str(stage[which]) in " ".join(told) for which in ("metres", "degrees")]
    expect(any(heard), "not_told", wanted, told)
    expect(all(heard), "not_all", wanted, told)
