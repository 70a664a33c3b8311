"""Challenge 6, solved."""

import time

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


async def night_shift(root: gotask.RootManager, bakery: Bakery) -> int:
    """Bakes for the morning, and returns how many loaves there are."""
    return await root.add_task(Oven(bakery))


def in_short(late: gotask.Unstopped) -> str:
    """A line for the ledger."""
    report: gotask.StopReport | None = late.report
    last: gotask.Waiting | None = report.chain[-1] if report else None  # the end of the chain of who waits for whom
    return f"{late.path} hangs at {late.where[-1:]}: {last.what if last else ''}"


def main() -> None:
    bakery, shop, ledger = Bakery(), Shop(), Ledger()
    ledger.write(gotask.run(night_shift, bakery))
    with gotask.BlockingRoot() as root:
        shop.sell(root.result(root.add_task(Oven(bakery)), timeout=1.0))
        van = root.add_task(Van(bakery), timeout=0.05)
        ledger.write(root.wait_stopped(van))
        root.add_task(Apprentice(bakery))
        bakery.listen()
        report = root.shutdown(timeout=0.05)
        for late in report.unstopped:
            ledger.write(in_short(late))
    print("closed")


if __name__ == "__main__":
    challenge.run(main)
