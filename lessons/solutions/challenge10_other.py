"""Challenge 10, solved another way: each guest waits for words of the others beside its own line."""

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
        async def visit(stream: anyio.abc.SocketStream) -> None:
            name, line = await Line.accept(stream)
            self.guests.replace_task(name, Guest(line, self.room))

        await self.listener.serve(visit)


class Ear(gotask.ChannelTask[str]):
    """Tells a guest what is said, at the guest's own speed."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def tick(self, text: str) -> None:
        await self.line.send(text)


class Guest(gotask.Job):
    """A guest who is in the room: a mouth, and an ear that is a task of its own."""

    def __init__(self, line: Line, room: gotask.Channel[str]) -> None:
        self.line = line
        self.room = room

    async def start(self) -> None:
        self.ear = self.add_task(Ear(self.line)).open()
        await self.line.send("welcome")

    async def go(self) -> None:
        async for text in self.line:
            await self.room.send(text)
        self.stop("the guest has left")

    async def dispose(self) -> None:
        await self.line.aclose()


class Room(gotask.ChannelTask[str]):
    """Hears what everybody says."""

    def __init__(self, guests: gotask.WorkCollection[str, Guest]) -> None:
        self.guests = guests

    def tick(self, text: str) -> None:
        minutes.hear(text)
        for guest in self.guests.to_list():
            guest.ear.send_nowait(text)


async def main(root: gotask.RootManager) -> None:
    guests: gotask.WorkCollection[str, Guest] = gotask.WorkCollection()
    room = root.add_task(Room(root.add_task(guests)))
    door = root.add_task(Door(guests, room.open()))
    await door.wait_started()
    await party.evening(door.listener)
    guests.stop("it is late")
    await guests.wait_stopped()
    for name in sorted({record.key for record in gotask.get_task_history(parent_id=guests.task_id)}):
        minutes.write(name)


if __name__ == "__main__":
    challenge.run(main)
