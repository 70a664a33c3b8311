"""The workloads with mode: a Service for each child, started and stopped by the Service above it."""

from __future__ import annotations

from mode import Service

from benchmarks.shapes import FAN_OUT, SHORT, depth_of
from benchmarks.turn import Steps, Turn


class Child(Service):
    """A service with the two steps."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        super().__init__()

    async def on_start(self) -> None:
        self.steps.start()

    async def on_stop(self) -> None:
        if not self._children:
            self.steps.dispose()

    async def on_shutdown(self) -> None:
        if self._children:
            self.steps.dispose()  # after the children, as everybody does


class Node(Child):
    """A service with services below it."""

    def __init__(self, steps: Steps, depth: int, fan_out: int) -> None:
        self.depth = depth
        self.fan_out = fan_out
        super().__init__(steps)

    async def on_started(self) -> None:
        for _ in range(self.fan_out if self.depth else 0):
            await self.add_runtime_dependency(Node(self.steps, self.depth - 1, self.fan_out))


class Body(Service):
    """A service with a coroutine beside it."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        super().__init__()

    @Service.task  # type: ignore[untyped-decorator]
    async def body(self) -> None:
        await self.turn.pause()
        self.turn.steps.run()


class Parked(Child):
    """A service whose coroutine waits to be cancelled."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        super().__init__(turn.steps)

    @Service.task  # type: ignore[untyped-decorator]
    async def body(self) -> None:
        await self.turn.forever()


class Mode:
    """One method a workload."""

    async def lives(self, turn: Turn) -> None:
        with turn.timed(turn.size):
            parent = await started()
            for _ in range(turn.size):
                await parent.add_runtime_dependency(Child(turn.steps))
            await turn.all_started()
            await parent.stop()

    async def bodies(self, turn: Turn) -> None:
        with turn.timed(turn.size):
            parent = await started()
            for _ in range(turn.size):
                await parent.add_runtime_dependency(Body(turn))
            await turn.all_ran()
            await parent.stop()

    async def short_run(self, turn: Turn) -> None:
        parent = await started()
        for _ in range(turn.size):
            await parent.add_runtime_dependency(Service())
        with turn.timed(SHORT):
            for _ in range(SHORT):
                child = await parent.add_runtime_dependency(Service())
                await parent.remove_dependency(child)
        await parent.stop()

    short_go = short_run

    async def tree(self, turn: Turn) -> None:
        await self._nested(turn, depth_of(turn.size), FAN_OUT)

    async def chain(self, turn: Turn) -> None:
        await self._nested(turn, turn.size - 1, 1)

    async def _nested(self, turn: Turn, depth: int, fan_out: int) -> None:
        with turn.timed(turn.size):
            top = Node(turn.steps, depth, fan_out)
            await top.start()
            await turn.all_started()
            await top.stop()

    async def idle_leaf(self, turn: Turn) -> None:
        with turn.weighed(turn.size):
            parent = await started()
            for _ in range(turn.size):
                await parent.add_runtime_dependency(Child(turn.steps))
        await parent.stop()

    async def parked_go(self, turn: Turn) -> None:
        with turn.weighed(turn.size):
            parent = await started()
            for _ in range(turn.size):
                await parent.add_runtime_dependency(Parked(turn))
        await parent.stop()


async def started() -> Service:
    """A service that holds the children."""
    parent = Service()
    await parent.start()
    return parent
