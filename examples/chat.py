"""A chat over WebSockets: rooms by name, members by name, and nobody who can slow the others down.

    python examples/chat.py          then, in several terminals: websockets ws://127.0.0.1:8765/lobby

The first message is your name. What is said in a room waits for each member in a queue of the member's own; who reads
so slowly that it overflows is asked to leave. Ctrl-C closes all connections with "going away".
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

import gotask
from gotask_dashboard import Dashboard

UNREAD = 64
"""Messages that may wait for a member."""


class Member(gotask.Task[None]):
    """Sends what is said in the room to one person. A `go`, and no `tick`: a slow connection holds up nobody else."""

    def __init__(self, name: str, connection: ServerConnection) -> None:
        self.key = name
        self.connection = connection
        self.inbox: asyncio.Queue[str] = asyncio.Queue(UNREAD)

    async def go(self) -> None:
        while True:
            await self.connection.send(await self.inbox.get())

    async def dispose(self) -> None:
        self.parent.say(f"* {self.key} leaves")
        await self.connection.close(1001 if self.stop_reason_is(gotask.Exit) else 1000, str(self.stop_reason)[:100])

    def hear(self, message: str) -> None:
        """Have a message sent; not if too many wait already."""
        try:
            self.inbox.put_nowait(message)
        except asyncio.QueueFull:
            self.stop("too slow")


class Room(gotask.Job):
    """Who is in it, by name. A Job, so it is over when all have left.

    Hooks of members never overlap, so nobody misses that somebody came or left.
    """

    def __init__(self, name: str) -> None:
        self.key = name

    def say(self, message: str) -> None:
        for member in self.children:
            if isinstance(member, Member):
                member.hear(message)
        self.set_description("last", message[:60])


class Rooms(gotask.WorkCollection[str, Room]):
    """All rooms, and the door: the server itself."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def start(self) -> None:
        server = await self.enter(serve(self.welcome, "127.0.0.1", self.port, ping_interval=20))
        self.port = server.sockets[0].getsockname()[1]
        print(f"chat: ws://127.0.0.1:{self.port}/lobby", flush=True)

    async def room(self, name: str) -> Room:
        """The room of this name: the one there is, or a new one, as soon as the last that all have left is gone."""
        while True:
            try:
                return self.add_task(Room(name))
            except gotask.TaskExistsError as error:
                if not error.task.is_stopped:
                    return error.task  # type: ignore[no-any-return]
                await error.task.wait_stopped()

    async def welcome(self, connection: ServerConnection) -> None:
        """One connection, from its first message to its end."""
        assert connection.request is not None
        place = connection.request.path.strip("/") or "lobby"
        try:
            name = str(await connection.recv())[:40].strip()
            room = await self.room(place)
            member = room.add_task(Member(name, connection))
            await member.wait_started()
            room.say(f"* {name} comes in")
        except ConnectionClosed:
            return
        except gotask.TaskExistsError:
            await connection.close(1008, "this name is taken")
            return
        try:
            async for message in connection:
                room.say(f"{name}: {str(message)[:1000]}")
        finally:
            member.stop("left")
            await member.wait_stopped()


async def main(root: gotask.RootManager, options: argparse.Namespace) -> None:
    if options.dashboard is not None:
        root.add_task(Dashboard(port=options.dashboard, history=None))
    root.add_task(Rooms(options.port))
    await root.wait_stop_requested()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8765, help="where it listens (default: 8765); 0: any free one")
    parser.add_argument("--dashboard", type=int, metavar="PORT", help="show the rooms in the browser; 0: any port")
    sys.exit(gotask.run(main, parser.parse_args()))
