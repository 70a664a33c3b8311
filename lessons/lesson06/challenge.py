"""Challenge 6: a bakery.    挑战 6：面包房

At night everything is async; by day there is a shop, which is a plain program. Now you write the code.
夜里的一切都是异步的；白天的店铺则是一个普通的同步程序。这次由你来写代码。
"""

try:
    import time

    import gotask
    from gotask_learn.course.lesson06 import Bakery, Ledger, Shop, challenge
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


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
    ## TODO 1/4: run the night shift with `gotask.run(...)`, and write its loaves into the ledger: `ledger.write(...)`
    ## 用 `gotask.run(...)` 运行夜班，把它烤出的面包数写进账本：`ledger.write(...)`

    ## TODO 2/4: open a `gotask.BlockingRoot`, bake a batch there, wait for it, and sell it: `shop.sell(loaves)`
    ## 打开一个 `gotask.BlockingRoot`，在其中烤一炉，等它烤好，然后卖掉：`shop.sell(loaves)`

    ## TODO 3/4: in the same tree: send a `Van` for at most 0.05 s; write down why it stopped, a `gotask.TimeoutReason`
    ## 在同一棵树里：派出 `Van`，最多给它 0.05 秒；把它的停止原因（一个 `gotask.TimeoutReason`）写进账本

    ## TODO 4/4: in the same tree: an `Apprentice`. Once he snores (`bakery.listen()`), shut down within 0.05 s, and
    ## write down who did not stop: `in_short(...)` for each of them in the `gotask.ShutdownReport`
    ## 在同一棵树里：加入 `Apprentice`。等他打起呼噜（`bakery.listen()`），在 0.05 秒内关闭这棵树，
    ## 再把没有停下的写进账本：对 `gotask.ShutdownReport` 里的每一个调用 `in_short(...)`
    print("closed")


if __name__ == "__main__":
    challenge.run(main)
