"""Lesson 6: roots.    第 6 课：根任务

A shipping company with three ferries and a coaster; each is a tree of its own. Do the TODOs in order, run it again.
一家船运公司的几条船，每条船都是一棵独立的任务树。请按顺序完成各个 TODO，每完成一个就重新运行本文件。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson06 import Ferry, Office, lesson
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

office = Office()


class OnBoard(gotask.Task):
    """Somebody or something on a ferry."""

    def __init__(self, ferry: Ferry) -> None:
        self.ferry = ferry


class Engine(OnBoard):
    def start(self) -> None:
        self.ferry.engine_on()

    def dispose(self) -> None:
        self.ferry.engine_off()


class Sailor(OnBoard):
    def start(self) -> None:
        self.ferry.board(self.key)

    def dispose(self) -> None:
        self.ferry.leave(self.key)


async def day_trip(ferry: Ferry) -> None:
    """Across, and made fast on the other side."""
    ## TODO 1/5: a tree has a root. `async with` opens one, and at its end shuts it down: uncomment 4 lines
    ## 任务树要有根。`async with` 打开它，并在结束时关闭它：取消 4 行注释
    # async with gotask.RootManager() as root:
    #     engine = root.add_task(Engine(ferry))
    #     await engine.wait_started()
    #     await ferry.cross()
    ferry.moor()


async def night_trip(ferry: Ferry) -> None:
    """Who is on board in the evening, and who leaves in the morning, is kept in the office."""
    root = await gotask.RootManager().init()  # where no `async with` fits: `init` here, `shutdown` there
    for name in ferry.crew:
        root.add_task(Sailor(ferry), key=name)
    await ferry.cross()
    ## TODO 2/5: a snapshot is the tree as it is now, as plain values. File it as text: uncomment 2 lines
    ## 快照是任务树此刻的样子，全是普通的值。把它作为文本存档：取消 2 行注释
    # picture: gotask.TaskSnapshot = gotask.snapshot(root)
    # office.file(picture.render_text())
    ## TODO 3/5: shut the tree down; what comes back is a report. File it: uncomment 2 lines
    ## 关闭这棵树，它会返回一份报告。把报告存档：取消 2 行注释
    # report: gotask.ShutdownReport = await root.shutdown()
    # office.file(report)


class Stoker(OnBoard):
    async def dispose(self) -> None:
        self.ferry.put_out_fire()
        await anyio.sleep(0.15)  # the boiler cools down


async def last_trip(ferry: Ferry) -> None:
    """An old steamer. Nobody wants to wait until its boiler is cold."""
    root = await gotask.RootManager().init()
    await root.add_task(Stoker(ferry)).wait_started()
    ## TODO 4/5: allow 0.05 seconds; the report says who did not stop, and where they hang: uncomment 3 lines
    ## 只给 0.05 秒；报告会说明谁没有停下，卡在哪里：取消 3 行注释
    # report = await root.shutdown(timeout=0.05)
    # for late in report.unstopped:
    #     office.file(f"{late.path} hangs at {late.where[:1]}")


class Lookout(OnBoard):
    async def go(self) -> None:
        danger = await self.ferry.watch()
        ## TODO 5/5: stop the root, and all below it stop for the same reason. `Exit` is the word: uncomment 1 line
        ## 停止根任务，其下的任务全都以同样的原因停止。这个原因叫 `Exit`：取消 1 行注释
        # self.parent.stop(gotask.Exit(f"turn back: {danger} ahead"))


async def coast_trip(ferry: Ferry) -> None:
    """Along the coast, unless the lookout sees something. A watchdog notes whatever holds the whole tree up."""
    async with gotask.RootManager(watchdog=0.5) as root:
        for name in ferry.crew:
            root.add_task(Sailor(ferry), key=name)
        root.add_task(Lookout(ferry))
        await ferry.cross()
    blockage: gotask.Blockage
    for blockage in root.blockages:  # none, as long as nobody writes `time.sleep` in an async hook
        print("held up:", blockage)


async def main() -> None:
    await day_trip(Ferry("day"))
    await night_trip(Ferry("night"))
    await last_trip(Ferry("steamer"))
    await coast_trip(Ferry("coaster"))


if __name__ == "__main__":
    lesson.run(main)
