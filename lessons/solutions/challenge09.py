"""Challenge 9, solved."""

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

    def attached(self, root: gotask.RootManager) -> None:
        box.switch_on(root)

    def stop_requested(self, task: gotask.Task, reason: BaseException) -> None:
        if isinstance(reason, gotask.TaskPanic):  # a fault of gotask's own loop: it shuts the tree down
            box.alarm(reason)

    def state_changed(self, task: Any, old: gotask.TaskState, new: gotask.TaskState) -> None:
        box.record(task, new)


def told(record: gotask.LifeRecord) -> str:
    """A line for the logbook."""
    timings: gotask.Timings = record.timings
    return f"engine {record.key}, life {record.life}, after {timings.body * 1000:.0f} ms: {record.reason}"


async def main() -> None:
    recorder = Recorder()
    gotask.observe(recorder)
    async with gotask.RootManager() as plane:
        for engine in [plane.add_task(Engine(turbine)) for turbine in turbines()]:
            await engine.wait_stopped()
        history: gotask.History = plane.history
        for record in history.records(owner_type="Engine", failed=True):
            logbook.write(told(record))

    gotask.unobserve(recorder)
    async with gotask.RootManager() as simulator:
        await simulator.add_task(Engine(Turbine(0))).wait_stopped()


if __name__ == "__main__":
    challenge.run(main)
