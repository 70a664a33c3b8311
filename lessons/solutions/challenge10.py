"""Challenge 10, solved."""

from contextlib import suppress
from typing import Any

import anyio
import anyio.abc

import gotask
from gotask_learn.course.lesson10 import Guests, Line, Minutes, challenge

party = Guests()
minutes = Minutes()


class Door(gotask.Task):
    """Lets guests in."""

    def __init__(self, guests: gotask.Work, room: gotask.Channel[str]) -> None:
        self.guests = guests
        self.room = room

    async def start(self) -> None:
        self.listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        self.using(self.listener)

    async def go(self) -> None:
        await self.listener.serve(self.welcome)

    async def welcome(self, stream: anyio.abc.SocketStream) -> None:
        with suppress(ConnectionError):
            name, line = await Line.accept(stream)
            self.guests.add_task(Guest(line, self.room), key=name)


class Guest(gotask.Task):
    """A guest who is in the room."""

    def __init__(self, line: Line, room: gotask.Channel[str]) -> None:
        self.line = line
        self.room = room

    async def start(self) -> None:
        self.using(self.line)
        await self.line.send("welcome")

    async def go(self) -> None:
        async for text in self.line:
            await self.room.send(f"{self.key}: {text}")


class Room(gotask.ChannelTask[str]):
    """Hears what everybody says."""

    def __init__(self, guests: gotask.WorkCollection[str, Guest]) -> None:
        self.guests = guests

    async def tick(self, text: str) -> None:
        minutes.hear(text)
        for guest in self.guests.to_list():
            with suppress(ConnectionError):
                await guest.line.send(text)


async def main(root: gotask.RootManager) -> None:
    guests: gotask.WorkCollection[str, Guest] = gotask.WorkCollection()
    room = root.add_task(Room(root.add_task(guests)))
    door = root.add_task(Door(guests, room.open()))
    await door.wait_started()
    await party.evening(door.listener)
    guests.stop("it is late")
    await guests.wait_stopped()
    for record in root.history.records(owner_type="Guest"):
        minutes.write(f"{record.key} was here for {record.duration:.3f} s")


if __name__ == "__main__":
    challenge.run(main)
