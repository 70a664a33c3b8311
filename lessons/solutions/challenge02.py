"""Challenge 2, solved."""

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

    def start(self) -> None:
        self.max_children = self.hall.places
        self.add_task(Tuning(self.hall))
        for name in self.hall.musicians:
            try:
                self.add_task(Musician(self.hall, name))
            except gotask.TooManyChildrenError:
                self.hall.turn_away(name)


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
    small.announce(await quartet.wait_stopped())
    ended = await concert.wait_stopped()
    if isinstance(ended, gotask.AutoStop):
        for failure in ended.failures:
            large.announce(failure)
    await anyio.sleep(0.1)


if __name__ == "__main__":
    challenge.run(main)
