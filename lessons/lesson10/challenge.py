"""Challenge 10: a chat room.    挑战 10：聊天室

The same idea, but now you write the code. Guests come in over real sockets, and everybody hears everybody.
同样的道理，这次由你来写代码。客人通过真实的网络连接进来，每个人都能听到所有人说的话。
"""

try:
    from typing import Any

    import anyio

    import gotask
    from gotask_learn.course.lesson10 import Guests, Line, Minutes, challenge
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

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

    ## TODO 1/5: serve, for as long as the door lives. For each connection, `name, line = await Line.accept(stream)`,
    ## and add a Guest to `self.guests`, under its name.
    ## 只要门还活着，就一直服务。每来一个连接，`name, line = await Line.accept(stream)`，
    ## 再把一位 Guest 以他的名字为键加入 `self.guests`。


class Guest(gotask.Task):
    """A guest who is in the room."""

    def __init__(self, line: Line, room: gotask.Channel[str]) -> None:
        self.line = line
        self.room = room

    async def start(self) -> None:
        ## TODO 2/5: whatever ends the visit, hang up: the line has an `aclose`.
        ## 无论这次来访因何结束，都要挂断：line 有 `aclose` 方法。
        await self.line.send("welcome")

    ## TODO 3/5: the body: send each text that comes over the line to the channel of the room, with the guest's name.
    ## 任务主体：把线路上传来的每句话，连同客人的名字，送进聊天室的通道。


class Room(gotask.ChannelTask[str]):
    """Hears what everybody says."""

    def __init__(self, guests: gotask.WorkCollection[str, Guest]) -> None:
        self.guests = guests

    def tick(self, text: str) -> None:
        minutes.hear(text)
        ## TODO 4/5: send it to everybody who is there. (A tick that awaits is an `async def`.)
        ## 把它发给在场的每个人。（需要 await 的触发方法要写成 `async def`。）


async def main(root: gotask.RootManager) -> None:
    guests: gotask.WorkCollection[str, Guest] = gotask.WorkCollection()
    room = root.add_task(Room(root.add_task(guests)))
    door = root.add_task(Door(guests, room.open()))
    await door.wait_started()
    await party.evening(door.listener)
    guests.stop("it is late")
    await guests.wait_stopped()
    ## TODO 5/5: who was there? Ask the history, and write a line into the minutes for each guest.
    ## 今晚谁来过？去问历史，并为每位客人在纪要里写一行：`minutes.write(...)`。


if __name__ == "__main__":
    challenge.run(main)
