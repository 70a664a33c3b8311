"""Challenge 9: a flight recorder.    挑战 9：飞行记录仪

The same idea, but now you write the code. The black box hears of everything in the plane, from the first moment on.
同样的道理，这次由你来写代码。黑匣子从第一刻起，就要听到飞机上的一切。
"""

try:
    import gotask
    from gotask_learn.course.lesson09 import Box, Logbook, Turbine, challenge, turbines
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

box = Box()
logbook = Logbook()


class Engine(gotask.Task):
    """One engine; after a flame-out it is lit again."""

    retry = gotask.RetryPolicy(max_retry=3, interval=0.005)

    def __init__(self, turbine: Turbine) -> None:
        self.turbine = turbine

    async def go(self) -> None:
        await self.turbine.turn()


class Recorder(gotask.Observer):
    """The flight recorder."""

    def attached(self, root: gotask.RootManager) -> None:
        box.switch_on(root)

    def stop_requested(self, task: gotask.Task, reason: BaseException) -> None:
        if isinstance(reason, gotask.TaskPanic):  # a fault of gotask's own loop: it shuts the tree down
            box.alarm(reason)

    ## TODO 1/4: whenever a task goes from one state to the next: `box.record(task, new)`
    ## 任务每从一个状态走到下一个状态：`box.record(task, new)`


def told(record: gotask.LifeRecord) -> str:
    """A line for the logbook."""
    timings: gotask.Timings = record.timings
    return f"engine {record.key}, life {record.life}, after {timings.body * 1000:.0f} ms: {record.reason}"


async def main() -> None:
    recorder = Recorder()
    ## TODO 2/4: this is too late: the tree is open already. Have the recorder hear of every tree that is opened from
    ## now on, from its very beginning, and of this one, too.
    ## 这样太晚了：树已经打开了。让记录仪从头听到今后打开的每一棵树，包括这一棵。
    async with gotask.RootManager() as plane:
        plane.observe(recorder)
        for engine in [plane.add_task(Engine(turbine)) for turbine in turbines()]:
            await engine.wait_stopped()
        history: gotask.History = plane.history
        print(f"landed after {len(history)} lives")
        ## TODO 3/4: write `told(record)` into the logbook for each life of an engine that failed, and for no other.
        ## 引擎每有一次生命失败，就把 `told(record)` 写进航行日志，其他的都不写。

    ## TODO 4/4: landed. What is opened from now on, such as the simulator below, is none of the recorder's business.
    ## 落地了。今后打开的（例如下面的模拟机）都与记录仪无关。
    async with gotask.RootManager() as simulator:
        await simulator.add_task(Engine(Turbine(0))).wait_stopped()


if __name__ == "__main__":
    challenge.run(main)
