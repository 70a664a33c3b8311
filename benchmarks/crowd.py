"""The program behind `python -m benchmarks --dashboard`: many tasks, of which so many change each second."""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from typing import Any

import anyio

import gotask
from gotask_dashboard import Dashboard

GROUP = 100
STEP = 0.05


class Group(gotask.Work):
    """A hundred tasks, itself counted."""


class Worker(gotask.Task[None]):
    """Changes when it is told to."""

    async def go(self) -> None:
        await self.wait_stop_requested()


class Changes(gotask.Task[None]):
    """Sets a description of one worker after another, so many a second."""

    done = 0

    def __init__(self, workers: list[Any], rate: int) -> None:
        self.workers, self.rate = workers, rate

    async def go(self) -> None:
        every, began = itertools.cycle(self.workers), time.monotonic()
        while True:
            await anyio.sleep(STEP)
            for _ in range(int((time.monotonic() - began) * self.rate) - self.done):
                next(every).set_description("step", self.done)
                self.done += 1


def main(tasks: int, rate: int) -> None:
    """Say where the dashboard is; then, for each line of the standard input, what it has cost so far."""
    with gotask.BlockingRoot() as root:
        dashboard = root.add_task(Dashboard(port=0, token=False, history=None))
        root.wait_started(dashboard)
        groups = [root.add_task(Group()) for _ in range(tasks // GROUP)]
        root.wait_started(groups[-1])
        workers = [group.add_task(Worker()) for _ in range(GROUP - 1) for group in groups]
        root.wait_started(workers[-1])
        changes = root.add_task(Changes(workers, rate))
        [server] = [one.ident for one in threading.enumerate() if one.name == "gotask dashboard"]
        assert server is not None
        clock = time.pthread_getcpuclockid(server)
        print(dashboard.url, flush=True)
        for _ in sys.stdin:
            costs = {"at": time.monotonic(), "server": time.clock_gettime(clock), "all": time.process_time()}
            print(json.dumps({**costs, "changes": changes.done}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
