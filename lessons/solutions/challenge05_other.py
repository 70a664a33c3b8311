"""Challenge 5, solved another way: the interval is set anew after each beat, the trumpet has a Job of its own."""

import gotask
from gotask_learn.course.lesson05 import Concert, challenge


class Drummer(gotask.TickTask):
    """Beats the drum, as the conductor wants it."""

    def __init__(self, concert: Concert) -> None:
        self.concert = concert
        self.tick_interval = concert.beat

    async def tick(self, due_at: float) -> None:
        await self.concert.drum(due_at)
        self.tick_interval = self.concert.beat


class Trumpeter(gotask.TickTask):
    """Plays long notes."""

    tick_interval = 0.05

    def __init__(self, concert: Concert) -> None:
        self.concert = concert

    async def tick(self, due_at: float) -> None:
        await self.concert.blow()


async def main(root: gotask.RootManager) -> None:
    concert = Concert()
    drummer = root.add_task(Drummer(concert))
    brass = root.add_task(gotask.Job())
    brass.add_task(Trumpeter(concert))
    await concert.end()
    drummer.stop("bravo")
    await drummer.wait_stopped()
    concert.review(drummer.missed_ticks)


if __name__ == "__main__":
    challenge.run(main)
