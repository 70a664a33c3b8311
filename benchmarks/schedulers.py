"""The workloads with aiojobs: a Scheduler without a limit; with the limit 1 where one child runs after another."""

from __future__ import annotations

from typing import Any

import aiojobs

from benchmarks.nurseries import parked
from benchmarks.shapes import FAN_OUT, SHORT, depth_of
from benchmarks.turn import Turn


def scheduler(limit: int | None = None) -> Any:
    """A scheduler that waits for its jobs as long as they take."""
    return aiojobs.Scheduler(limit=limit, pending_limit=0, close_timeout=None)


class Aiojobs:
    """One method a workload."""

    async def lives(self, turn: Turn) -> None:
        child = parked(turn)
        with turn.timed(turn.size):
            parent = scheduler()
            for _ in range(turn.size):
                await parent.spawn(child())
            await turn.all_started()
            await parent.close()

    async def queued(self, turn: Turn) -> None:
        async def body() -> None:
            turn.steps.run()

        with turn.timed(turn.size):
            parent = scheduler(limit=1)
            for _ in range(turn.size):
                await parent.spawn(body())
            await turn.all_ran()
            await parent.close()

    async def bodies(self, turn: Turn) -> None:
        async def child() -> None:
            await turn.pause()
            turn.steps.run()

        with turn.timed(turn.size):
            parent = scheduler()
            for _ in range(turn.size):
                await parent.spawn(child())
            await turn.all_ran()
            await parent.close()

    async def short_run(self, turn: Turn) -> None:
        async def short() -> None:
            pass

        parent = scheduler()
        for _ in range(turn.size):
            await parent.spawn(turn.forever())
        await turn.settle()
        with turn.timed(SHORT):
            for _ in range(SHORT):
                await (await parent.spawn(short())).wait()
        await parent.close()

    short_go = short_run

    async def tree(self, turn: Turn) -> None:
        await self._nested(turn, depth_of(turn.size), FAN_OUT)

    async def chain(self, turn: Turn) -> None:
        await self._nested(turn, turn.size - 1, 1)

    async def _nested(self, turn: Turn, depth: int, fan_out: int) -> None:
        steps = turn.steps

        async def node(depth: int) -> None:
            steps.start()
            below = None
            try:
                if depth:
                    below = scheduler()
                    for _ in range(fan_out):
                        await below.spawn(node(depth - 1))
                await turn.forever()
            finally:
                if below is not None:
                    await below.close()
                steps.dispose()

        with turn.timed(turn.size):
            top = scheduler()
            await top.spawn(node(depth))
            await turn.all_started()
            await top.close()

    async def idle_leaf(self, turn: Turn) -> None:
        child = parked(turn)
        with turn.weighed(turn.size):
            parent = scheduler()
            for _ in range(turn.size):
                await parent.spawn(child())
            await turn.all_started()
        await parent.close()

    parked_go = idle_leaf
