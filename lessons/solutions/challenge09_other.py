"""Challenge 9, solved another way: the recorder is told to hear no more, and the logbook is written after landing."""

from typing import Any

import gotask
from gotask_learn.course.lesson09 import Box, Logbook, Turbine, challenge, turbines

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

    deaf = False

    def attached(self, root: gotask.RootManager) -> None:
        if not self.deaf:
            box.switch_on(root)

    def state_changed(self, task: Any, old: gotask.TaskState, new: gotask.TaskState) -> None:
        if not self.deaf:
            box.record(task, task.state)


def is_flame_out(record: gotask.LifeRecord) -> bool:
    return record.owner_type == "Engine" and record.state is gotask.TaskState.RETRYING


async def main() -> None:
    recorder = Recorder()
    gotask.observe(recorder)
    async with gotask.RootManager() as plane:
        for engine in [plane.add_task(Engine(turbine)) for turbine in turbines()]:
            await engine.wait_stopped()

    history: gotask.History = plane.history
    for record in filter(is_flame_out, history):
        timings: gotask.Timings = record.timings
        logbook.write(f"{record.reason} after {timings.body * 1000:.0f} ms")
    recorder.deaf = True
    async with gotask.RootManager() as simulator:
        await simulator.add_task(Engine(Turbine(0))).wait_stopped()


if __name__ == "__main__":
    challenge.run(main)
