"""Lesson 3: Work stays, and is looked up by key.    第 3 课：长期运行的 Work

A chat server: people come and go, and the room is still there. Do the TODOs in order; after each, run this file again.
聊天服务器：人来人往，聊天室一直都在。请按顺序完成各个 TODO，每完成一个就重新运行本文件。
"""

from __future__ import annotations

try:
    import gotask
    from gotask_learn.course.lesson03 import Board, Door, Line, lesson
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

board = Board()


class Session(gotask.Task):
    """One person in the room, for as long as the line holds. What is said goes to all."""

    def __init__(self, line: Line, room: Room) -> None:
        self.line = line
        self.room = room

    async def start(self) -> None:
        await self.line.join()

    async def go(self) -> None:
        async for text in self.line:
            self.room.announce(f"{self.key}: {text}")

    def dispose(self) -> None:
        self.line.leave()


class Doorman(gotask.Task):
    """Answers the door, and lets people into the room."""

    def __init__(self, door: Door, room: Room) -> None:
        self.door = door
        self.room = room

    async def go(self) -> None:
        async for line in self.door:
            line.ring()
            ## TODO 1/5: tasks are added whenever they are needed. Let this one in: uncomment 1 line
            ## 任务可以随时添加。让来的人进去：取消 1 行注释
            # self.room.admit(line)


class Room(gotask.WorkCollection[str, Session]):
    """The sessions of all who are in the room: a mapping that one can look things up in."""

    def admit(self, line: Line) -> None:
        try:
            self.add_task(
                Session(line, self),
                ## TODO 2/5: a key is the name of a child in its Job; no two have the same: uncomment 1 line
                ## 键是子任务在 Job 里的名字，不会有两个相同的：取消 1 行注释
                # key=line.name,
            )
        except gotask.TaskExistsError as taken:
            line.tell(f"{taken.task.key} is here already")
            ## TODO 3/5: it is the same person, on another phone. The new line takes the place: uncomment 1 line
            ## 是同一个人换了一部手机。让新的连接接替旧的：取消 1 行注释
            # self.replace_task(line.name, Session(line, self))

    def announce(self, text: str) -> None:
        """Tell all who are here."""
        self.range(lambda session: session.line.tell(text))


class ChatServer(gotask.Work):
    """The room, and who lets people in."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def start(self) -> None:
        self.room = self.add_task(Room())
        self.doorman = self.add_task(Doorman(self.door, self.room))


async def main(root: gotask.RootManager) -> None:
    door = Door()
    server = root.add_task(ChatServer(door))
    await server.wait_started()
    await server.doorman.wait_stopped()
    room = server.room
    board.show(f"{room.task_type.name} {room.state.name}", list(room))
    ## TODO 4/5: a collection is a mapping: `get` one by key, `find` one by what is true of it: uncomment 4 lines
    ## 集合就是映射：用 `get` 按键取一个，用 `find` 按条件找一个：取消 4 行注释
    # if friend := room.get(door.friend):
    #     friend.line.tell("happy birthday!")
    # if idle := room.find(lambda session: session.line.idle):
    #     idle.stop("idle for an hour")
    await door.all_gone()
    board.show(f"{room.task_type.name} {room.state.name}", list(room))
    ## TODO 5/5: the room is empty, and still a Work stays. Stop the server, wait until it has: uncomment 2 lines
    ## 聊天室空了，Work 仍然留着。停止服务器，并等到它真正停下：取消 2 行注释
    # server.stop("closing time")
    # board.show("server", await server.wait_stopped())
    try:
        room.admit(door.late_comer())
    except gotask.TaskDisposedError:
        board.show("room", "closed")


if __name__ == "__main__":
    lesson.run(main)
