"""The program behind `gotask demo`: a small streaming service that shows its own tree, in the browser or the terminal.

Cameras publish frames and viewers come and go; one camera has a bad line, one recorder takes its time to stop.
"""

from __future__ import annotations

import itertools
import logging
import math
import sys
from argparse import Namespace
from typing import Any

import anyio

import gotask
from gotask.arguments import Parser
from gotask.running import BACKENDS, find_backend
from gotask.screen import Screen
from gotask.words import say

FOREVER = 10**9
STREAMS = ("news", "garden", "harbour", "street", "hall", "roof", "gate", "yard", "tower")
FEW = 2
"""Streams that a terminal has room for."""
PORT, LAST_PORT = 8080, 65_535
SECONDS = 8.0
"""How long it runs in a terminal."""
NAMES = ("ann", "bob", "chen", "dora", "eli", "fang", "gus", "hana")


class Viewer(gotask.ChannelTask[int]):
    """Takes the frames of its stream, in order and one at a time."""

    def tick(self, frame: int) -> None:
        self.set_description("frame", frame)

    async def dispose(self) -> None:
        await anyio.sleep(0.1)  # says goodbye over the network


class Camera(gotask.Task[None]):
    """Publishes frames to the viewers beside it, until its line breaks; then it is started again."""

    retry = gotask.RetryPolicy(max_retry=5, interval=0.5, healthy_after=10)

    def __init__(self, *line_holds_for: int) -> None:
        self.line_holds_for = itertools.cycle(line_holds_for)

    async def go(self) -> None:
        for frame in range(next(self.line_holds_for)):
            self.set_description("frame", frame)
            for viewer in self.parent.to_list():
                if isinstance(viewer, Viewer):
                    viewer.open().send_nowait(frame)
            await anyio.sleep(0.2)
        raise ConnectionError("the camera does not answer")


class Stream(gotask.WorkCollection[str, gotask.Task]):
    """One camera, and whoever watches it, by name."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera

    def start(self) -> None:
        self.add_task(self.camera, key="camera")


class Recorder(gotask.Task[None]):
    """Closes its file properly when it is to stop; after `stop_grace` seconds it would be cancelled."""

    stop_grace = 3.0

    async def go(self) -> None:
        self.set_description("file", "open")
        await self.wait_stop_requested()
        self.set_description("file", "closing")
        await anyio.sleep(1)
        self.info("the file is closed")


class Door(gotask.TickTask):
    """Lets a viewer in each time, and another one out when a stream is crowded."""

    tick_interval = 0.7

    def __init__(self, *streams: Stream) -> None:
        self.first = 2 * len(streams)
        self.visits = itertools.cycle(itertools.product(NAMES, streams))

    def start(self) -> None:
        for _ in range(self.first):  # they have been waiting
            self.tick(0.0)

    def tick(self, due_at: float) -> None:
        name, stream = next(self.visits)
        viewers = [task for task in stream.to_list() if isinstance(task, Viewer)]
        if len(viewers) == 3:
            viewers[0].stop("has seen enough")
        stream.add_task(Viewer(), key=name)


class Heartbeat(gotask.TickTask):
    """Counts the seconds of service."""

    def tick(self, due_at: float) -> None:
        self.set_description("beats", self.get_description("beats", 0) + 1)


class Service(gotask.Work):
    """All of it: one task to start, one task to stop. Its children go in the reverse of this order."""

    def __init__(self, streams: int) -> None:
        self.names = STREAMS[:streams]

    def start(self) -> None:
        self.add_task(Heartbeat())
        line_holds_for = {"garden": (8, 4, 80)}
        streams = [
            self.add_task(Stream(Camera(*line_holds_for.get(name, (FOREVER,)))), key=name) for name in self.names
        ]
        self.add_task(Recorder())
        self.add_task(Door(*streams))


async def in_terminal(root: gotask.RootManager, screen: Screen, seconds: float) -> None:
    """Show the service in the terminal."""
    root.add_depend_task(screen)  # who cannot see it any more does not need the rest
    root.add_task(Service(FEW))
    await live(root, seconds)


async def in_browser(root: gotask.RootManager, dashboard: Any, seconds: float) -> None:
    """Show the service in the browser, and say where."""
    await root.add_task(dashboard).wait_started()
    await root.add_task(Service(len(STREAMS))).wait_started()
    print(say("demo.address", url=dashboard.url), say("demo.ends"), sep="\n", flush=True)
    await live(root, seconds)


async def live(root: gotask.RootManager, seconds: float) -> None:
    """Wait so many seconds, or until a signal ends the tree; then say how it went."""
    with anyio.CancelScope(shield=True):  # after a signal `main` is cancelled as soon as the tree is gone
        with anyio.move_on_after(seconds):
            await root.wait_stopped()
        report = await root.shutdown()
    print("", say("demo.disposed", count=report.disposed, seconds=report.duration), sep="\n")
    for record in root.history.records(failed=True):
        task, seconds = f"{record.owner_type}#{record.id}", record.timings.body
        print(say("demo.failed", task=task, life=record.life, reason=record.reason, seconds=seconds))


def add_options(command: Parser) -> None:
    """The options of `gotask demo`."""
    add = command.options.add_argument
    add("--terminal", action="store_true", help=say("demo.terminal"))
    add("--port", type=int, default=PORT, help=say("demo.port", default=PORT))
    add("--seconds", type=float, help=say("demo.seconds", default=SECONDS))
    add("--forever", action="store_true", help=say("demo.forever"))
    add("--backend", choices=BACKENDS, default="asyncio", help=say("demo.backend", default="asyncio"))
    command.set_defaults(play=play)


def play(options: Namespace) -> int:
    """Run the program; return its exit status."""
    if not 0 <= options.port <= LAST_PORT:
        print(say("demo.no_port", port=options.port), file=sys.stderr)
        return 2
    if options.seconds is not None and not options.seconds >= 0:
        print(say("demo.no_seconds", seconds=options.seconds), file=sys.stderr)
        return 2
    try:
        find_backend(options.backend)
    except ModuleNotFoundError as error:
        print(say("demo.no_backend", backend=options.backend, package=error.name), file=sys.stderr)
        return 2
    dashboard = None if options.terminal else dashboard_at(options.port)
    if dashboard is not None:
        gotask.run(in_browser, dashboard, seconds_of(options, math.inf), backend=options.backend)
    else:
        screen = Screen()
        logging.basicConfig(level=logging.INFO, handlers=[screen.log])
        gotask.run(in_terminal, screen, seconds_of(options, SECONDS), backend=options.backend)
    return 0


def seconds_of(options: Namespace, default: float) -> float:
    """How long it lives."""
    if options.forever:
        return math.inf
    return default if options.seconds is None else float(options.seconds)


def dashboard_at(port: int) -> Any:
    """The dashboard; None where the extra is not installed."""
    try:
        from gotask_dashboard import Dashboard

        return Dashboard(port=port)
    except ModuleNotFoundError:
        return None
