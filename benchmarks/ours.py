"""The workloads in gotask, on any of its back ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import gotask
from benchmarks.shapes import BURST, FAN_OUT, SHORT, depth_of
from benchmarks.turn import Turn

Root = gotask.RootManager[Any, Any]
Method = Callable[["Gotask", Turn], Awaitable[None]]


def in_tree(workload: Callable[[Gotask, Root, Turn], Awaitable[None]]) -> Method:
    """Open a root around it, which is not measured."""

    async def opened(self: Gotask, turn: Turn) -> None:
        async with gotask.RootManager() as root:
            await workload(self, root, turn)

    return opened


class Gotask:
    """One method a workload."""

    @in_tree
    async def lives(self, root: Root, turn: Turn) -> None:
        steps = turn.steps

        class Child(gotask.Task):
            def start(self) -> None:
                steps.start()

            def dispose(self) -> None:
                steps.dispose()

        with turn.timed(turn.size):
            parent = root.add_task(gotask.Job())
            for _ in range(turn.size):
                parent.add_task(Child())
            await turn.all_started()
            parent.stop()
            await parent.wait_stopped()

    @in_tree
    async def queued(self, root: Root, turn: Turn) -> None:
        steps = turn.steps

        class Child(gotask.Task):
            async def run(self) -> None:
                steps.run()

        with turn.timed(turn.size):
            parent = root.add_task(gotask.Job())
            for _ in range(turn.size):
                parent.add_task(Child())
            await parent

    @in_tree
    async def bodies(self, root: Root, turn: Turn) -> None:
        steps, pause = turn.steps, turn.pause

        class Child(gotask.Task):
            async def go(self) -> None:
                await pause()
                steps.run()

        with turn.timed(turn.size):
            parent = root.add_task(gotask.Job())
            for _ in range(turn.size):
                parent.add_task(Child())
            await parent

    @in_tree
    async def calls(self, root: Root, turn: Turn) -> None:
        job = root.add_task(gotask.Work())
        await job.wait_started()
        with turn.timed(turn.size):
            for _ in range(turn.size):
                await job.call(turn.steps.run)

    @in_tree
    async def messages(self, root: Root, turn: Turn) -> None:
        steps = turn.steps

        class Reader(gotask.ChannelTask[int]):
            def tick(self, item: int) -> None:
                steps.run()

        burst = min(BURST, turn.size)
        reader = Reader()
        channel = reader.open(burst)
        await root.add_task(reader).wait_started()
        with turn.timed(turn.size):
            sent = 0
            while sent < turn.size:
                for item in range(burst):
                    channel.send_nowait(item)
                sent += burst
                await turn.until(lambda: steps.ran >= sent)  # noqa: B023

    async def short_run(self, turn: Turn) -> None:
        class Short(gotask.Task):
            async def run(self) -> None:
                pass

        await self._short(turn, Short)

    async def short_go(self, turn: Turn) -> None:
        class Short(gotask.Task):
            async def go(self) -> None:
                pass

        await self._short(turn, Short)

    async def _short(self, turn: Turn, kind: type[gotask.Task]) -> None:
        async with gotask.RootManager() as root:
            job = root.add_task(gotask.Work())
            for _ in range(turn.size):
                last = job.add_task(gotask.Task())
            await last.wait_started()
            with turn.timed(SHORT):
                for _ in range(SHORT):
                    await job.add_task(kind())

    @in_tree
    async def tree(self, root: Root, turn: Turn) -> None:
        steps = turn.steps

        class Leaf(gotask.Task):
            def start(self) -> None:
                steps.start()

            def dispose(self) -> None:
                steps.dispose()

        class Branch(gotask.Job):
            def __init__(self, depth: int) -> None:
                self.depth = depth

            def start(self) -> None:
                steps.start()
                for _ in range(FAN_OUT):
                    self.add_task(Branch(self.depth - 1) if self.depth > 1 else Leaf())

            def dispose(self) -> None:
                steps.dispose()

        with turn.timed(turn.size):
            top = root.add_task(Branch(depth_of(turn.size)))
            await turn.all_started()
            top.stop()
            await top.wait_stopped()

    @in_tree
    async def chain(self, root: Root, turn: Turn) -> None:
        steps = turn.steps

        class Link(gotask.Job):
            def __init__(self, left: int) -> None:
                self.left = left

            def start(self) -> None:
                steps.start()
                if self.left:
                    self.add_task(Link(self.left - 1))

            def dispose(self) -> None:
                steps.dispose()

        with turn.timed(turn.size):
            top = root.add_task(Link(turn.size - 1))
            await turn.all_started()
            top.stop()
            await top.wait_stopped()

    @in_tree
    async def idle_leaf(self, root: Root, turn: Turn) -> None:
        job = root.add_task(gotask.Work())
        await job.wait_started()
        with turn.weighed(turn.size):
            for _ in range(turn.size):
                last = job.add_task(gotask.Task())
            await last.wait_started()

    @in_tree
    async def job_with_leaf(self, root: Root, turn: Turn) -> None:
        class Group(gotask.Job):
            def start(self) -> None:
                self.add_task(gotask.Task())

        with turn.weighed(turn.size):
            for _ in range(turn.size):
                last = root.add_task(Group())
            await turn.until(lambda: last.size == 1 and last.children[0].state is gotask.TaskState.STARTED)

    @in_tree
    async def parked_go(self, root: Root, turn: Turn) -> None:
        steps, forever = turn.steps, turn.forever

        class Parked(gotask.Task):
            async def go(self) -> None:
                steps.start()
                try:
                    await forever()
                finally:
                    steps.dispose()

        with turn.weighed(turn.size):
            for _ in range(turn.size):
                root.add_task(Parked())
            await turn.all_started()
