"""Challenge 5, solved."""

import gotask
from gotask_learn.course.lesson05 import Concert, challenge


class Drummer(gotask.TickTask):
    """Beats the drum, as the conductor wants it."""

    def __init__(self, concert: Concert) -> None:
        self.concert = concert

    def get_tick_interval(self) -> float:
        return self.concert.beat

    async def tick(self, due_at: float) -> None:
        await self.concert.drum(due_at)


class Trumpeter(gotask.AsyncTickTask):
    """Plays long notes."""

    tick_interval = 0.05

    def __init__(self, concert: Concert) -> None:
        self.concert = concert

    async def tick(self, due_at: float) -> None:
        await self.concert.blow()


async def main(root: gotask.RootManager) -> None:
    concert = Concert()
    drummer = root.add_task(Drummer(concert))
    trumpeter = root.add_task(Trumpeter(concert))
    await concert.end()
    concert.review(drummer.missed_ticks)
    drummer.stop("bravo")
    trumpeter.stop("bravo")


if __name__ == "__main__":
    challenge.run(main)
