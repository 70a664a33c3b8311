"""A stepper: takes the events of one Job's loop one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gotask.event_loop import kind_of
from gotask.job import Job


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An event in a Job's queue: `kind` is "start", "start again", "tick", "dispose" or "call"; of which task."""

    kind: str
    task: Any

    def __str__(self) -> str:
        return f"{self.kind} {self.task.owner_type}#{self.task.task_id}"


class Stepper:
    """Pauses the loop of a Job, and takes one event of its queue at a time.

    Paused, the Job takes no queued event; bodies and other Jobs go on. Stop and shutdown override the pause.
    It works on the real loop.
    """

    def __init__(self, job: Job[Any]) -> None:
        self._life = job._life
        self._loop = self._life.child_loop
        self._loop.paused = True
        self._loop.allowance = 0

    @property
    def is_paused(self) -> bool:
        """Whether the loop waits for `step`."""
        return self._loop.paused

    @property
    def queue(self) -> list[QueuedEvent]:
        """What the loop would do next, the next one first."""
        return [QueuedEvent(kind_of(event), event.task) for event in self._loop.queue or ()]

    async def step(self) -> QueuedEvent | None:
        """Take one event; return it when it is handled or its hook waits. None: the queue is empty."""
        loop = self._loop
        if not loop.paused or not loop.queue:
            return None
        taken = self.queue[0]
        loop.allowance = 1
        loop.look()
        while loop.allowance and loop.paused:
            await self._life.pump.backend.pause()
        return taken

    async def run_to(self, wanted: Callable[[QueuedEvent], object]) -> QueuedEvent | None:
        """Take events until the next one is wanted, and return that; None: the queue is empty before."""
        while self.queue and not wanted(self.queue[0]):
            await self.step()
        return self.queue[0] if self.queue else None

    def resume(self) -> None:
        """Let the loop run by itself again."""
        self._loop.paused = False
        self._loop.look()
