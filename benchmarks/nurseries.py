"""The workloads with a task group of anyio and with a nursery of trio, which are used in the same way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import anyio

from benchmarks.shapes import BURST, FAN_OUT, SHORT, depth_of
from benchmarks.turn import Turn


class Nurseries:
    """What the two have in common."""

    nursery: Callable[[], Any]
    event: Callable[[], Any]
    channel: Callable[[float], Any]
    """Opens a channel with room for so many; returns its two ends."""

    async def lives(self, turn: Turn) -> None:
        with turn.timed(turn.size):
            async with self.nursery() as nursery:
                child = parked(turn)
                for _ in range(turn.size):
                    nursery.start_soon(child)
                await turn.all_started()
                nursery.cancel_scope.cancel()

    async def queued(self, turn: Turn) -> None:
        async def body() -> None:
            turn.steps.run()

        async def consume(receiver: Any) -> None:
            while (function := await receiver.receive()) is not None:
                await function()

        with turn.timed(turn.size):
            sender, receiver = self.channel(math.inf)
            async with sender, receiver, self.nursery() as nursery:
                nursery.start_soon(consume, receiver)
                for _ in range(turn.size):
                    sender.send_nowait(body)
                sender.send_nowait(None)

    async def bodies(self, turn: Turn) -> None:
        steps, pause = turn.steps, turn.pause

        async def child() -> None:
            await pause()
            steps.run()

        with turn.timed(turn.size):
            async with self.nursery() as nursery:
                for _ in range(turn.size):
                    nursery.start_soon(child)

    async def calls(self, turn: Turn) -> None:
        async def consume(receiver: Any) -> None:
            while True:
                function, answered = await receiver.receive()
                function()
                answered.set()

        sender, receiver = self.channel(math.inf)
        async with sender, receiver, self.nursery() as nursery:
            nursery.start_soon(consume, receiver)
            with turn.timed(turn.size):
                for _ in range(turn.size):
                    answered = self.event()
                    sender.send_nowait((turn.steps.run, answered))
                    await answered.wait()
            nursery.cancel_scope.cancel()

    async def messages(self, turn: Turn) -> None:
        steps, burst = turn.steps, min(BURST, turn.size)

        async def consume(receiver: Any) -> None:
            while True:
                await receiver.receive()
                steps.run()

        sender, receiver = self.channel(burst)
        async with sender, receiver, self.nursery() as nursery:
            nursery.start_soon(consume, receiver)
            await turn.pause()
            with turn.timed(turn.size):
                sent = 0
                while sent < turn.size:
                    for item in range(burst):
                        sender.send_nowait(item)
                    sent += burst
                    await turn.until(lambda: steps.ran >= sent)  # noqa: B023
            nursery.cancel_scope.cancel()

    async def short_run(self, turn: Turn) -> None:
        async def short(ended: Any) -> None:
            ended.set()

        async with self.nursery() as nursery:
            for _ in range(turn.size):
                nursery.start_soon(turn.forever)
            await turn.settle()
            with turn.timed(SHORT):
                for _ in range(SHORT):
                    ended = self.event()
                    nursery.start_soon(short, ended)
                    await ended.wait()
            nursery.cancel_scope.cancel()

    short_go = short_run

    async def tree(self, turn: Turn) -> None:
        await self._nested(turn, depth_of(turn.size), FAN_OUT)

    async def chain(self, turn: Turn) -> None:
        await self._nested(turn, turn.size - 1, 1)

    async def _nested(self, turn: Turn, depth: int, fan_out: int) -> None:
        steps, forever, nursery = turn.steps, turn.forever, self.nursery

        async def node(depth: int) -> None:
            steps.start()
            try:
                if depth == 0:
                    await forever()
                else:
                    async with nursery() as below:
                        for _ in range(fan_out):
                            below.start_soon(node, depth - 1)
            finally:
                steps.dispose()

        with turn.timed(turn.size):
            async with nursery() as top:
                top.start_soon(node, depth)
                await turn.all_started()
                top.cancel_scope.cancel()

    async def idle_leaf(self, turn: Turn) -> None:
        async with self.nursery() as nursery:
            with turn.weighed(turn.size):
                child = parked(turn)
                for _ in range(turn.size):
                    nursery.start_soon(child)
                await turn.all_started()
            nursery.cancel_scope.cancel()

    parked_go = idle_leaf

    async def job_with_leaf(self, turn: Turn) -> None:
        leaf = parked(turn)

        async def holder() -> None:
            async with self.nursery() as own:
                own.start_soon(leaf)

        async with self.nursery() as nursery:
            with turn.weighed(turn.size):
                for _ in range(turn.size):
                    nursery.start_soon(holder)
                await turn.all_started()
            nursery.cancel_scope.cancel()


def parked(turn: Turn) -> Callable[[], Any]:
    """A child that waits to be stopped, between its two steps."""
    steps, forever = turn.steps, turn.forever

    async def child() -> None:
        steps.start()
        try:
            await forever()
        finally:
            steps.dispose()

    return child


class Anyio(Nurseries):
    """On asyncio."""

    def __init__(self) -> None:
        self.nursery = anyio.create_task_group
        self.event = anyio.Event
        self.channel = anyio.create_memory_object_stream[Any]


class Trio(Nurseries):
    """On trio."""

    def __init__(self) -> None:
        import trio

        self.nursery = trio.open_nursery
        self.event = trio.Event
        self.channel = trio.open_memory_channel
