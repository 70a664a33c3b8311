"""A stepper: takes the events of one Job's loop one at a time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from gotask.context import holds
from gotask.errors import TaskDisposedError, TaskStateError
from gotask.events import Observer
from gotask.job import Job
from gotask.states import DISPOSED, TaskState
from gotask.stop_report import is_ending
from gotask.testing.queued import KINDS, Hold, QueuedEvent, StateChange, StepTaken, hold_of, look_at, name_of
from gotask.waiting import Waiters

if TYPE_CHECKING:
    from typing import Self

SHOWN = 20
"""How many events and children are printed at most."""

STEPPERS: WeakValueDictionary[int, Stepper] = WeakValueDictionary()
"""By the id of its Job, each one that is not closed; the tree keeps it alive."""


class Stepper:
    """Pauses the loop of a Job, and takes one event of its queue at a time; on the real loop.

    Paused, the Job takes no queued event; bodies and other Jobs go on, and `add_task` returns at once. So what waits
    for an event of it (`await task.wait_started()`, `await job.call(…)`) waits for a step. A stop, a restart and
    the shutdown override the pause. `with Stepper(job) as stepper:` lets the loop run again at the end. `print` it to
    see what is queued.

    Raises:
        TypeError: It is no Job.
        TaskStateError: The Job is in no open tree, or has a Stepper already.
        TaskDisposedError: The Job is stopped.
    """

    def __init__(self, job: Job[Any]) -> None:
        if not isinstance(job, Job):
            raise TypeError(f"Stepper() takes a Job or a root, whose loop it pauses, not {job!r}")
        self.job = job
        self._life: Any = job._life
        self._loop = self._life.child_loop
        self._closed = False
        self._stepping = False
        self._count = 0
        self._last: StepTaken | None = None
        self._changed = Waiters()
        self._listener = Listener(self)
        job._now(self._open)

    def _open(self) -> None:
        self._pause()
        STEPPERS[self.job.task_id] = self
        self._life.pump.observers.attach(self._listener, self.job)

    def _pause(self) -> None:
        life, job = self._life, self.job
        if life.parent is None:
            raise TaskStateError(
                f"{type(job).__name__} is in no open tree: add it to one, or open the root "
                f"(`await root.init()`), before a Stepper pauses its loop"
            )
        if is_ending(life) or life.state is DISPOSED:
            raise TaskDisposedError(
                f"{job.execution_path} ends or has ended ({life.state.name}): there is nothing to pause"
            )
        if STEPPERS.get(job.task_id, self) is not self:
            raise TaskStateError(f"{name_of(job)} has a Stepper already: close() that one first")
        if self._closed:
            raise TaskStateError(f"this Stepper on {name_of(job)} is closed: make another one")
        self._loop.paused = True
        self._loop.allowance = 0

    @property
    def is_closed(self) -> bool:
        """Whether it has been closed, or its Job has ended."""
        return self._closed

    @property
    def is_paused(self) -> bool:
        """Whether the loop waits for `step`."""
        return bool(self._loop.paused)

    @property
    def queue(self) -> list[QueuedEvent]:
        """What the loop would do next, the next one first."""
        return self.ahead(self.queued)

    def ahead(self, count: int) -> list[QueuedEvent]:
        """The first so many of them."""
        return [look_at(event) for event in list(self._loop.queue or ())[:count]]  # a copy: other threads look, too

    @property
    def queued(self) -> int:
        """How many there are."""
        return len(self._loop.queue or ())

    @property
    def held(self) -> Hold | None:
        """The hook that waits now and holds the loop up (L5); the next step waits for it to end."""
        return hold_of(self._loop)

    @property
    def last(self) -> StepTaken | None:
        """The step that was taken last, with what it has done so far."""
        return self._last and replace(self._last, waits_for=self.held)

    async def step(self) -> StepTaken | None:
        """Take one event, as soon as no hook holds the loop up; return when it is over or its hook waits.

        None: the queue is empty, or the loop is not paused (any more), or the Job has not begun yet (L12).

        Raises:
            TaskStateError: It is called in a hook that holds this loop up, so it would wait for itself.
        """
        loop = self._loop
        self._life.pump.check_thread("step()")
        if holds(loop):
            raise TaskStateError(
                f"step() in a hook that holds the loop of {name_of(self.job)} would wait for itself: "
                f"take the step outside of that loop"
            )
        while self._stepping or (self.is_paused and loop.holder is not None):
            await self._change()
        if not (loop.paused and loop.opened and loop.queue):
            return None
        self._stepping = True
        self._last = None
        loop.allowance = 1
        loop.look()
        try:
            while loop.allowance and loop.paused:
                await self._change()
        finally:
            loop.allowance = 0
            self._stepping = False
            self._changed.release()
        return self.last

    async def _change(self) -> None:
        await self._changed.wait(self._life.pump.backend)

    async def run_to(self, wanted: str | Callable[[QueuedEvent], object]) -> QueuedEvent | None:
        """Take events until the next one is wanted, and return that; None: there was none, or the pause is over.

        Args:
            wanted: A kind of event ("start", "start again", "tick", "dispose", "call"), or a function that is asked.

        Raises:
            ValueError: There is no such kind.
        """
        if isinstance(wanted, str) and wanted not in KINDS:
            raise ValueError(f"{wanted!r} is no kind of event: use one of {', '.join(KINDS)}")
        while queue := self.ahead(1):
            first = queue[0]
            if first.kind == wanted if isinstance(wanted, str) else wanted(first):
                return first
            if await self.step() is None:
                break
        return None

    # From any thread (M6)

    def pause(self) -> None:
        """Take no further event, again after `resume`.

        Raises:
            TaskStateError: It is closed.
            TaskDisposedError: The Job is stopped.
        """
        self.job._now(self._pause)

    def resume(self) -> None:
        """Let the loop run by itself, until `pause`."""
        if not self._closed:
            self.job._now(self._resume)

    def _resume(self) -> None:
        self._loop.paused = False
        self._loop.look()
        self._changed.release()

    def close(self) -> None:
        """Let the loop run by itself for good."""
        if not self._closed:
            self.job._now(self._close)

    def _close(self) -> None:
        self._resume()
        self._closed = True
        self._life.pump.observers.detach(self._listener)
        if STEPPERS.get(self.job.task_id) is self:
            del STEPPERS[self.job.task_id]

    def soon(self, function: Callable[[], object]) -> None:
        """Have it called in the tree's thread.

        Raises:
            TaskDisposedError: The event loop of the tree is closed.
        """
        self._life.pump.backend.call_from_thread(function)

    # In the tree's thread, beside its loops

    def later(self, delay: float, function: Callable[[], object]) -> Any:
        """Have it called after so many seconds; `cancel()` of what is returned takes it back."""
        backend = self._life.pump.backend
        return backend.call_at(backend.clock() + delay, function)

    def spawn(self, work: Coroutine[Any, Any, Any], then: Callable[[Any, BaseException | None], object]) -> Any:
        """Have a coroutine run, then call `then(value, error)`; `cancel()` of what is returned cancels it."""
        pump = self._life.pump
        return pump.backend.spawn_body(work, pump.context.copy(), then)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __str__(self) -> str:
        job, last, queue = self.job, self.last, self.ahead(SHOWN)
        lines = [f"{name_of(job)} {job.state.name}, its loop is {'paused' if self.is_paused else 'running'}"]
        lines += [] if last is None else [f"  last      {last}"]
        lines += [] if self.held is None else [f"  held by   {self.held}"]
        lines += [f"  {'then' if index else 'next'}      {event}: {event.will}" for index, event in enumerate(queue)]
        lines += [] if queue else ["  next      nothing: the queue is empty"]
        lines += _more("events", self.queued)
        lines += [f"  child     {name_of(child)} {child.state.name}" for child in job.children[:SHOWN]]
        return "\n".join(lines + _more("children", job.size))


def _more(what: str, count: int) -> list[str]:
    return [f"            and {count - SHOWN} more {what}"] if count > SHOWN else []


class Listener(Observer):
    """What a Stepper hears of its tree."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self._loop = stepper._loop

    def event_taken(self, job: Any, event: str, task: Any) -> None:
        stepper = self._stepper
        if job is stepper.job:
            stepper._last = None
            if self._loop.paused:
                stepper._count += 1
                stepper._last = StepTaken(look_at(self._loop.holder), number=stepper._count)
            stepper._changed.release()

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        stepper, last = self._stepper, self._stepper._last
        if task is not stepper.job and task.parent is not stepper.job:
            return
        if last is not None and self._loop.holder is not None:
            stepper._last = replace(last, changes=(*last.changes, StateChange(task, old, new)))
        if task is stepper.job:
            stepper._changed.release()  # its end overrides the pause
            if new is DISPOSED:
                stepper.close()

    def loop_held(self, job: Any, task: Any) -> None:
        if job is self._stepper.job:
            self._stepper._changed.release()

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        if task is self._stepper.job:
            self._stepper.resume()  # also where it will not end before a child has started (S6)

    def closed(self, root: Any) -> None:
        self._stepper.close()
