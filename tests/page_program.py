"""The program behind the page's tests and pictures: `python page_program.py SCENE PORT [options]`, until it is killed.

`service` is a small streaming service, `empty` a root with nothing but the dashboard, `lives` 120 tasks that are over,
`blocked` a loop that does not answer, `many` 10,000 tasks of which 4,000 change each second.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from typing import Any

import anyio

import gotask
from gotask.store import HistoryStore
from gotask_dashboard import Dashboard

CODECS = ("h264", "h265", "av1")
PEOPLE = ("ann", "bob", "chen", "dora", "eli", "fang", "gus", "hana", "ivo", "jing", "kai", "lena")


class Viewer(gotask.Task[None]):
    """Watches a stream."""

    async def go(self) -> None:
        for chunk in itertools.count(1):
            self.set_description("chunk", chunk)
            await anyio.sleep(2.0)


class Camera(gotask.Task[None]):
    """Its line breaks now and then, if it is a bad one."""

    def __init__(self, holds_for: float | None = None) -> None:
        self.holds_for = holds_for
        self.set_retry(5, 6.0, backoff=1.0)

    async def go(self) -> None:
        self.set_description("codec", CODECS[self.task_id % 3])
        self.set_description("address", f"rtsp://10.0.4.{self.task_id}/main")
        self.step("connect")
        self.step("play", "1920x1080, 25 frames/s")
        await anyio.sleep(self.holds_for or 10**9)
        raise ConnectionError("the camera does not answer")


class Recorder(gotask.Task[None]):
    """Takes its time to stop, because it finishes its file."""

    async def go(self) -> None:
        self.set_description("file", "/var/lib/streams/door-0142.mp4")
        self.using(open_file)
        await anyio.sleep(10**9)

    async def dispose(self) -> None:
        await anyio.sleep(3600 if self.key == "door" else 1.0)


def open_file() -> None:
    """Stands for the file of a recorder."""


class Stream(gotask.Work):
    """A camera, and those who watch and record it."""

    def __init__(self, viewers: tuple[str, ...], holds_for: float | None = None) -> None:
        self.viewers = viewers
        self.holds_for = holds_for

    def start(self) -> None:
        self.add_task(Camera(self.holds_for))
        for name in self.viewers:
            self.add_task(Viewer(), key=name)


class Transcode(gotask.Task[None]):
    """Works on one segment, and is done."""

    def __init__(self, segment: int, takes: float) -> None:
        self.segment, self.takes = segment, takes

    async def go(self) -> None:
        self.set_description("segment", self.segment)
        await anyio.sleep(self.takes)
        if self.segment % 11 == 7:
            raise ValueError(f"segment {self.segment} has no key frame")


class Transcoder(gotask.Work):
    """Always has some segments in work."""

    async def go(self) -> None:
        dice = random.Random(1)
        for segment in itertools.count(1):
            self.add_task(Transcode(segment, dice.uniform(1, 9)), key=f"seg-{segment}")
            await anyio.sleep(1.6)


class Cleaner(gotask.TickTask):
    """Looks every few seconds for files that nobody needs."""

    tick_interval = 5.0

    def tick(self, value: Any) -> None:
        self.set_description("freed", "0 files")


class Steady(gotask.Task[None]):
    """Runs, and does nothing that could be seen."""

    async def go(self) -> None:
        await anyio.sleep(10**9)


class Streams(gotask.Work):
    """All streams."""


class Recorders(gotask.Work):
    """All recordings."""


class Api(gotask.Work):
    """What clients talk to."""


class Listener(Steady):
    """Accepts connections."""


class Session(Steady):
    """One client."""


async def service(root: Any) -> None:
    recorders = root.add_task(Recorders())
    door = recorders.add_task(Recorder(), key="door")
    recorders.add_task(Recorder(), key="hall")
    recorders.add_task(Recorder(), key="lobby")
    streams = root.add_task(Streams())
    for index, place in enumerate(("garage", "door", "hall", "garden", "roof", "lobby")):
        names = PEOPLE[index * 2 : index * 2 + 2 + index % 3]
        streams.add_task(Stream(names, 4.0 if place == "garage" else None), key=place)
    root.add_task(Transcoder())
    api = root.add_task(Api())
    api.add_task(Listener(), key=":8554")
    for index in range(6):
        api.add_task(Session(), key=f"10.0.4.{index + 31}")
    root.add_task(Cleaner())
    await anyio.sleep(2)
    door.stop("disk nearly full")


class Group(gotask.Work):
    """A hundred tasks."""


class Worker(gotask.Task[None]):
    """Changes when it is told to."""

    async def go(self) -> None:
        await anyio.sleep(10**9)


async def many(root: Any) -> None:
    workers = []
    for index in range(99):
        group = root.add_task(Group(), key=f"group-{index}")
        await group.wait_started()
        workers += [group.add_task(Worker(), key=f"w{index}-{number}") for number in range(100)]
    dice = random.Random(2)
    began, done = time.monotonic(), 0
    while True:
        await anyio.sleep(0.05)
        due = int((time.monotonic() - began) * 4000) - done
        for worker in dice.sample(workers, min(due, len(workers))):
            worker.set_description("step", done)
        done += due


async def empty(root: Any) -> None:
    """Nothing."""


class Even(gotask.Task[None]):
    """Is done at once."""

    async def go(self) -> None:
        self.step("all of it")


class Odd(gotask.Task[None]):
    """Every third of them fails."""

    async def go(self) -> None:
        if int(self.key) % 3 == 0:
            raise ValueError("not this one")


async def lives(root: Any) -> None:
    """Some that are over: 60 of each kind; not before there is a history."""
    there = anyio.Event()
    root.on_descendants_start(lambda task: there.set() if isinstance(task, HistoryStore) else None)
    if not any(isinstance(task, HistoryStore) for task in root.children):
        await there.wait()
    for number in range(120):
        root.add_task(Odd() if number % 2 else Even(), key=str(number))


async def blocked(root: Any) -> None:
    """Now and then nothing else runs."""
    while True:
        await anyio.sleep(2)
        end = time.monotonic() + 4
        while time.monotonic() < end:
            pass


SCENES = {"lives": lives, "blocked": blocked, "service": service, "many": many, "empty": empty}


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("port", type=int)
    parser.add_argument("--token", default="")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--history", default="")
    asked = parser.parse_args()
    async with gotask.RootManager() as root:
        panel = Dashboard(
            port=asked.port, token=asked.token or False, read_only=asked.read_only, history=asked.history or None
        )
        root.add_task(panel)
        await panel.wait_started()
        print(json.dumps({"url": panel.url}), flush=True)
        await SCENES[asked.scene](root)
        await anyio.sleep_forever()


if __name__ == "__main__":
    sys.argv[0] = "streamd"
    anyio.run(main)
