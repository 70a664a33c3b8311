"""A relay of live streams: publishers and subscribers by the name of their stream, over TCP.

    python examples/relay.py --port 9000          a publisher says "PUB name", a subscriber "SUB name", each one line;
                                                  then frames: four bytes that say how long it is, and the frame.

A subscriber that reads slowly loses frames, and only its own; a publisher that goes away has a few seconds to come
back, before the stream ends and its subscribers with it. The tree shows who sends and who watches what, how many frames
went by, and how many were lost.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

import gotask
from gotask_dashboard import Dashboard

UNSENT = 32
"""Frames that may wait for a subscriber."""
LARGEST = 1 << 20


class Subscriber(gotask.Task[None]):
    """Sends the frames of a stream to one connection. A `go`, and no `tick`: a slow one holds up nobody else."""

    def __init__(self, connection: SocketStream) -> None:
        self.connection = connection
        self.entrance, self.exit = anyio.create_memory_object_stream[bytes](UNSENT)
        self.sent = self.lost = 0

    async def go(self) -> None:
        with self.entrance, self.exit:
            async for frame in self.exit:
                await self.connection.send(len(frame).to_bytes(4, "big") + frame)
                self.sent += 1
                self.set_descriptions({"sent": self.sent, "lost": self.lost})

    async def dispose(self) -> None:
        await self.connection.aclose()

    def offer(self, frame: bytes) -> None:
        """Take a frame, if there is room."""
        try:
            self.entrance.send_nowait(frame)
        except anyio.WouldBlock:
            self.lost += 1
        except anyio.ClosedResourceError:
            pass  # on the way out


class Publisher(gotask.Task[None]):
    """Reads the frames of one connection, and hands them to the subscribers beside it."""

    def __init__(self, connection: SocketStream, received: BufferedByteReceiveStream) -> None:
        self.key = "publisher"
        self.connection, self.received = connection, received

    async def go(self) -> None:
        frames = 0
        while True:
            try:
                size = int.from_bytes(await self.received.receive_exactly(4), "big")
                if size > LARGEST:
                    raise ValueError(f"a frame of {size} bytes is too large")
                frame = await self.received.receive_exactly(size)
            except (anyio.IncompleteRead, anyio.BrokenResourceError):
                return
            frames += 1
            self.set_description("frames", frames)
            for task in self.parent.to_list():
                if isinstance(task, Subscriber):
                    task.offer(frame)

    async def dispose(self) -> None:
        await self.connection.aclose()
        self.parent.wait_for_publisher()


class Patience(gotask.Task[None]):
    """Ends the stream beside it, if its publisher does not come back in time."""

    def __init__(self, seconds: float) -> None:
        self.key, self.seconds = "patience", seconds

    async def go(self) -> None:
        await anyio.sleep(self.seconds)
        self.parent.stop("the publisher is gone")


class Stream(gotask.WorkCollection[Any, gotask.Task[Any]]):
    """One publisher and its subscribers."""

    def __init__(self, name: str, patience: float) -> None:
        self.key, self.patience = name, patience

    def start(self) -> None:
        self.wait_for_publisher()

    def wait_for_publisher(self) -> None:
        if not self.is_stopped and "publisher" not in self:
            self.add_task(Patience(self.patience))

    def publish(self, publisher: Publisher) -> None:
        """Begin, or go on.

        Raises:
            TaskExistsError: There is a publisher.
        """
        self.add_task(publisher)
        for child in self.children:  # it may not have started yet
            if isinstance(child, Patience):
                child.stop("the publisher is here")


class Relay(gotask.WorkCollection[str, Stream]):
    """All streams by name, and the door."""

    def __init__(self, port: int, patience: float) -> None:
        self.port, self.patience = port, patience

    async def start(self) -> None:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port)
        self.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        self.add_task(listener.serve, self.welcome, key="door")
        self.using(listener)
        print(f"relay: 127.0.0.1:{self.port}", flush=True)

    def stream(self, name: str) -> Stream:
        """The stream of this name: the one there is, though it may not have started yet, or a new one."""
        try:
            return self.add_task(Stream(name, self.patience))
        except gotask.TaskExistsError as error:
            return error.task  # type: ignore[no-any-return]

    async def welcome(self, connection: SocketStream) -> None:
        """Read the first line, and hand the connection to a task."""
        received = BufferedByteReceiveStream(connection)
        try:
            with anyio.fail_after(5):
                verb, _, name = (await received.receive_until(b"\n", 200)).decode().strip().partition(" ")
            stream = self.stream(name)
            await stream.wait_started()
            match verb:
                case "PUB":
                    stream.publish(Publisher(connection, received))
                case "SUB":
                    stream.add_task(Subscriber(connection))
                case _:
                    raise ValueError(f"{verb!r} is neither PUB nor SUB")
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.DelimiterNotFound, TimeoutError, ValueError,
                gotask.GotaskError) as error:  # fmt: skip
            self.warn(f"a connection was refused: {error}")
            await connection.aclose()


async def main(root: gotask.RootManager, options: argparse.Namespace) -> None:
    if options.dashboard is not None:
        root.add_task(Dashboard(port=options.dashboard, history=None))
    root.add_task(Relay(options.port, options.patience))
    await root.wait_stop_requested()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=9000, help="where it listens (default: 9000); 0: any free one")
    parser.add_argument("--patience", type=float, default=5.0, help="seconds for a publisher to come back")
    parser.add_argument("--dashboard", type=int, metavar="PORT", help="show the streams in the browser; 0: any port")
    parser.add_argument("--backend", default="asyncio", choices=("asyncio", "asyncio+uvloop", "trio"))
    options = parser.parse_args()
    sys.exit(gotask.run(main, options, backend=options.backend))
