"""Challenge 6, solved another way: a root of its own at night, the whole report in the ledger."""

import time

import anyio

import gotask
from gotask_learn.course.lesson06 import Bakery, Ledger, Shop, challenge


class Oven(gotask.Task):
    """Bakes a batch; the result is how many loaves it gave."""

    def __init__(self, bakery: Bakery) -> None:
        self.bakery = bakery
        self.set_description("batch", gotask.get_next_task_id())  # a number that nothing else in this program has

    async def go(self) -> int:
        return await self.bakery.bake()


class Van(gotask.Task):
    """Brings bread to the village."""

    def __init__(self, bakery: Bakery) -> None:
        self.bakery = bakery

    async def go(self) -> None:
        await self.bakery.drive()


class Apprentice(gotask.Task):
    """A plain `go` runs in a thread."""

    def __init__(self, bakery: Bakery) -> None:
        self.bakery = bakery

    def go(self) -> None:
        self.bakery.lie_down()
        time.sleep(0.2)  # a thread that sleeps cannot be woken


async def night_shift(bakery: Bakery) -> int:
    """Bakes for the morning, and returns how many loaves there are."""
    async with gotask.RootManager() as root:
        return await root.add_task(Oven(bakery))


def main() -> None:
    bakery, shop, ledger = Bakery(), Shop(), Ledger()
    ledger.write(anyio.run(night_shift, bakery))
    with gotask.BlockingRoot() as root:
        oven = root.add_task(Oven(bakery))
        root.wait_stopped(oven)
        shop.sell(oven.result)
        try:
            root.result(root.add_task(Van(bakery), timeout=0.02))
        except gotask.TimeoutReason as late:
            ledger.write(late)
        root.wait_started(root.add_task(Apprentice(bakery)))
        bakery.listen()
        ledger.write(root.shutdown(timeout=0.01))
    print("closed")


if __name__ == "__main__":
    challenge.run(main)
