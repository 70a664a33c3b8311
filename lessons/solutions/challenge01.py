"""Challenge 1, solved."""

import anyio

import gotask
from gotask_learn.course.lesson01 import Lamp, Logbook, challenge


class Keeper(gotask.Task):
    """On duty: lights the lamp, turns the lens and counts the ships, puts the lamp out."""

    def __init__(self, lamp: Lamp) -> None:
        self.lamp = lamp

    async def start(self) -> None:
        await self.lamp.light()

    async def go(self) -> int:
        return sum([await self.lamp.turn() for _ in range(4)])

    def dispose(self) -> None:
        self.lamp.put_out()


async def main(root: gotask.RootManager) -> None:
    logbook = Logbook()
    first = root.add_task(Keeper(Lamp("north")))
    second = root.add_task(Keeper(Lamp("south")))
    logbook.write(await first)
    second.stop("fog")
    logbook.write(await second.wait_stopped())
    await anyio.sleep(0.1)


if __name__ == "__main__":
    challenge.run(main)
