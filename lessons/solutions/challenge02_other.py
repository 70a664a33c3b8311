"""Challenge 2, solved another way: places are counted beforehand, failures are collected as they come."""

import anyio

import gotask
from gotask_learn.course.lesson02 import Hall, challenge, halls


class Tuning(gotask.Task):
    """Before anybody plays, the instruments are tuned."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall

    async def run(self) -> None:
        await self.hall.tune()


class Musician(gotask.Task):
    """Plays."""

    def __init__(self, hall: Hall, name: str) -> None:
        self.hall = hall
        self.name = name

    async def go(self) -> None:
        await self.hall.play(self.name)


class Concert(gotask.Job):
    """A tuning, then as many musicians as find a place."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall

    async def start(self) -> None:
        self.on_descendants_dispose(self.announce_failure)
        self.add_task(self.hall.tune, key="tuning", name="Tuning")
        await self.children[0].wait_stopped()
        for name in self.hall.musicians[: self.hall.places - 1]:
            self.add_task(Musician(self.hall, name))
        for name in self.hall.musicians[self.hall.places - 1 :]:
            self.hall.turn_away(name)

    def announce_failure(self, task: gotask.Task) -> None:
        if not isinstance(task.stop_reason, gotask.StopReason):
            self.hall.announce(f"we are sorry: {task.stop_reason}")


class Quartet(gotask.Job):
    """Four who cannot play without one another."""

    on_child_failure = "escalate"

    def __init__(self, hall: Hall) -> None:
        self.hall = hall

    def start(self) -> None:
        self.add_task(Tuning(self.hall))
        for name in self.hall.musicians:
            self.add_task(Musician(self.hall, name))


async def main(root: gotask.RootManager) -> None:
    small, large = halls()
    quartet = root.add_task(Quartet(small))
    concert = root.add_task(Concert(large))
    try:
        await quartet
    except RuntimeError as broken:
        small.announce(broken)
    await concert.wait_stopped()
    await anyio.sleep(0.1)


if __name__ == "__main__":
    challenge.run(main)
