"""The workloads with asyncio alone: `asyncio.TaskGroup`, `asyncio.Queue` and futures. Also run on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.shapes import BURST, FAN_OUT, SHORT, depth_of
from benchmarks.turn import Turn


class Groups:
    """The workloads that need a group of tasks and nothing else."""

    group: Callable[[], Any]

    async def lives(self, turn: Turn) -> None:
        with turn.timed(turn.size):
            parent = asyncio.create_task(self._parked(turn))
            await turn.all_started()
            await stopped(parent)

    async def bodies(self, turn: Turn) -> None:
        steps, pause = turn.steps, turn.pause

        async def child() -> None:
            await pause()
            steps.run()

        with turn.timed(turn.size):
            async with self.group() as group:
                for _ in range(turn.size):
                    group.create_task(child())

    async def short_run(self, turn: Turn) -> None:
        async def short() -> None:
            pass

        async with self.group() as group:
            idle = [group.create_task(turn.forever()) for _ in range(turn.size)]
            await turn.settle()
            with turn.timed(SHORT):
                for _ in range(SHORT):
                    await group.create_task(short())
            for task in idle:
                task.cancel()

    short_go = short_run

    async def tree(self, turn: Turn) -> None:
        await self._nested(turn, depth_of(turn.size), FAN_OUT)

    async def chain(self, turn: Turn) -> None:
        await self._nested(turn, turn.size - 1, 1)

    async def _nested(self, turn: Turn, depth: int, fan_out: int) -> None:
        steps, forever, group = turn.steps, turn.forever, self.group

        async def node(depth: int) -> None:
            steps.start()
            try:
                if depth == 0:
                    await forever()
                else:
                    async with group() as below:
                        for _ in range(fan_out):
                            below.create_task(node(depth - 1))
            finally:
                steps.dispose()

        with turn.timed(turn.size):
            top = asyncio.create_task(node(depth))
            await turn.all_started()
            await stopped(top)

    async def _parked(self, turn: Turn) -> None:
        steps, forever = turn.steps, turn.forever

        async def child() -> None:
            steps.start()
            try:
                await forever()
            finally:
                steps.dispose()

        async with self.group() as group:
            for _ in range(turn.size):
                group.create_task(child())

    async def idle_leaf(self, turn: Turn) -> None:
        with turn.weighed(turn.size):
            parent = asyncio.create_task(self._parked(turn))
            await turn.all_started()
        await stopped(parent)

    parked_go = idle_leaf

    async def job_with_leaf(self, turn: Turn) -> None:
        steps, forever, group = turn.steps, turn.forever, self.group

        async def leaf() -> None:
            steps.start()
            try:
                await forever()
            finally:
                steps.dispose()

        async def holder() -> None:
            async with group() as own:
                own.create_task(leaf())

        async def parent() -> None:
            async with group() as own:
                for _ in range(turn.size):
                    own.create_task(holder())

        with turn.weighed(turn.size):
            top = asyncio.create_task(parent())
            await turn.all_started()
        await stopped(top)


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait([task])


class Asyncio(Groups):
    """And those that need a queue."""

    group = asyncio.TaskGroup

    async def queued(self, turn: Turn) -> None:
        queue: asyncio.Queue[Callable[[], Coroutine[Any, Any, None]] | None] = asyncio.Queue()

        async def body() -> None:
            turn.steps.run()

        async def consume() -> None:
            while (function := await queue.get()) is not None:
                await function()

        with turn.timed(turn.size):
            consumer = asyncio.create_task(consume())
            for _ in range(turn.size):
                queue.put_nowait(body)
            queue.put_nowait(None)
            await consumer

    async def calls(self, turn: Turn) -> None:
        queue: asyncio.Queue[tuple[Callable[[], None], asyncio.Future[None]]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        async def consume() -> None:
            while True:
                function, answer = await queue.get()
                answer.set_result(function())

        consumer = asyncio.create_task(consume())
        with turn.timed(turn.size):
            for _ in range(turn.size):
                answer: asyncio.Future[None] = loop.create_future()
                queue.put_nowait((turn.steps.run, answer))
                await answer
        await stopped(consumer)

    async def messages(self, turn: Turn) -> None:
        steps, burst = turn.steps, min(BURST, turn.size)
        queue: asyncio.Queue[int] = asyncio.Queue(burst)

        async def consume() -> None:
            while True:
                await queue.get()
                steps.run()

        consumer = asyncio.create_task(consume())
        with turn.timed(turn.size):
            sent = 0
            while sent < turn.size:
                for item in range(burst):
                    queue.put_nowait(item)
                sent += burst
                await turn.until(lambda: steps.ran >= sent)  # noqa: B023
        await stopped(consumer)
