"""Stepper: the loop of a Job, one event at a time, in a cell of a notebook."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import anywidget
import traitlets

from gotask import GotaskError, Job, Observer, TaskDisposedError, TaskState
from gotask.testing import QueuedEvent
from gotask.testing import Stepper as LoopStepper
from gotask_dashboard.picture import jobs_below, picture_of, walk_jobs
from gotask_dashboard.predictions import FAMILIES, choices, family, outcome
from gotask_dashboard.problems import LOGGER
from gotask_dashboard.widget import BUNDLE, tree_of

LOOK = 0.1
"""Seconds between two looks at the loop; a front end is told only what has changed."""

OPEN: WeakValueDictionary[int, Stepper] = WeakValueDictionary()
"""By the id of its Job, the widget that steps it."""


class Stepper(anywidget.AnyWidget):
    """Pauses the loop of a Job, shows its queue, and takes one event at a time; on the real loop.

    While it is paused, a cell that awaits something which needs an event of that Job (`await task.wait_started()`,
    `await job.call(…)`) waits for a step. A second Stepper on the same Job takes it over. `close()` lets the loop run.

    Args:
        root: A RootManager or a BlockingRoot that is open.
        job: The Job of that tree whose loop is paused; by default the root itself. The view can choose another one.
        predict: Ask what an event will do before it is taken.
    """

    _esm = traitlets.Unicode(BUNDLE).tag(sync=True)
    view = traitlets.Unicode("stepper").tag(sync=True)
    predict = traitlets.Bool(False).tag(sync=True)
    score = traitlets.Tuple((0, 0)).tag(sync=True)
    """Predictions that were right, and how many there were."""
    state = traitlets.Dict({}).tag(sync=True)
    """What the view shows."""

    _farewell: Farewell | None = None

    def __init__(self, root: Any, *, job: Job[Any] | None = None, predict: bool = False, **options: Any) -> None:
        self._tree = tree_of(root, "Stepper")
        self._busy: str | None = None
        self._note: dict[str, Any] | None = None
        self._answer: dict[str, Any] | None = None
        self._jobs = jobs_below(self._tree)
        self._stepper = self._begin(self._tree if job is None else job)
        try:
            super().__init__(predict=bool(predict), **options)
        except BaseException:
            self._stepper.close()
            raise
        self._tree.observe(farewell := Farewell(self))
        self._farewell = farewell
        self.on_msg(lambda widget, message, buffers: self._hand_over(partial(self._hear, message)))
        self._hand_over(partial(self._look, self._stepper))

    @property
    def stepper(self) -> LoopStepper:
        """What it has in its hands, for cells: `await widget.stepper.step()`."""
        return self._stepper

    @property
    def job(self) -> Job[Any]:
        """The Job whose loop it has."""
        return self._stepper.job

    def close(self) -> None:
        """Let the loop run, and take the view away."""
        farewell, self._farewell = self._farewell, None
        if farewell is not None:  # else it could not be made, or is closed
            self._stepper.close()
            if self._tree.state is not TaskState.DISPOSED:
                self._tree.unobserve(farewell)
        super().close()

    def _begin(self, job: Job[Any]) -> LoopStepper:
        top: Any = job
        while getattr(top, "parent", None) is not None:
            top = top.parent
        if top is not self._tree and isinstance(job, Job):
            raise ValueError(f"{job!r} is not in this tree, whose root is {self._tree!r}")
        before = OPEN.get(getattr(job, "task_id", 0))
        if before is not None and before is not self:
            before._taken_over()
        stepper = LoopStepper(job)
        OPEN[job.task_id] = self
        return stepper

    def _taken_over(self) -> None:
        self._stepper.close()
        self._note = {"code": "taken"}

    def _hand_over(self, function: Callable[[], object]) -> None:
        """Do it in the tree's thread: a comm may be read in another one."""
        with suppress(TaskDisposedError):  # its event loop is closed
            self._stepper.soon(function)

    # In the tree's thread

    def _look(self, stepper: LoopStepper) -> None:
        """Have the view show what is the case, now and from time to time."""
        if stepper is self._stepper:
            self._show()
            if not stepper.is_closed:
                stepper.later(LOOK, partial(self._look, stepper))

    def _show(self) -> None:
        stepper = self._stepper
        if stepper.is_closed and self._note is None:
            self._note = {"code": "over"}
        self.state = {
            **picture_of(stepper, hide=self.predict),
            "jobs": self._jobs,
            "busy": self._busy,
            "note": self._note,
            "answer": self._answer,
        }

    def _hear(self, message: Mapping[str, Any]) -> None:
        """A command of a view."""
        command = COMMANDS.get(str(message.get("do")))
        if command is None or (self._stepper.is_closed and command is not Stepper._choose):
            return
        self._note = None
        try:
            command(self, message)
        except (GotaskError, ValueError, TypeError) as error:
            self._note = {"code": "failed", "text": str(error)}
        self._show()

    def _step(self, message: Mapping[str, Any]) -> None:
        queue = self._stepper.ahead(1)
        if self._busy or not queue:
            return
        guess = message.get("guess")
        offered = choices(queue[0])
        if self.predict and guess not in offered:
            return  # a view that does not know yet that it has to ask
        self._busy = "step"
        self._stepper.spawn(self._stepper.step(), partial(self._stepped, self._stepper, guess, offered))

    def _stepped(
        self, stepper: LoopStepper, guess: str | None, offered: tuple[str, ...], step: Any, error: BaseException | None
    ) -> None:
        if stepper is not self._stepper:
            return
        self._over(error)
        self._answer = None
        if step is not None and self.predict and guess is not None:
            came = outcome(step)
            self._answer = {"number": step.number, "family": family(step.event), "guess": guess, "came": came}
            right, asked = self.score
            self.score = (right + (guess == came), asked + 1)
        self._show()

    def _run(self, message: Mapping[str, Any]) -> None:
        kind = message.get("to")
        if not self._busy and kind in FAMILIES:
            self._answer, self._busy = None, "run"
            self._stepper.spawn(run_on(self._stepper, kind), partial(self._ran, self._stepper, kind))

    def _ran(self, stepper: LoopStepper, kind: str, found: Any, error: BaseException | None) -> None:
        if stepper is self._stepper:
            self._over(error)
            if found is None and error is None and stepper.is_paused:
                self._note = {"code": "none", "kind": kind}
            self._show()

    def _over(self, error: BaseException | None) -> None:
        self._busy = None
        if isinstance(error, GotaskError | ValueError):
            self._note = {"code": "failed", "text": str(error)}
        elif error is not None:
            LOGGER.error("a step failed", exc_info=error)

    def _pause(self, message: Mapping[str, Any]) -> None:
        self._stepper.pause()

    def _resume(self, message: Mapping[str, Any]) -> None:
        self._answer = None
        self._stepper.resume()

    def _ask_first(self, message: Mapping[str, Any]) -> None:
        self.predict, self._answer = bool(message.get("on")), None

    def _list_jobs(self, message: Mapping[str, Any]) -> None:
        self._jobs = jobs_below(self._tree)

    def _choose(self, message: Mapping[str, Any]) -> None:
        """Step another Job from now on."""
        wanted = next((job for job in walk_jobs(self._tree) if job.task_id == message.get("id")), None)
        if wanted is None or (wanted is self.job and not self._stepper.is_closed):
            return
        before, self._stepper = self._stepper, self._begin(wanted)
        before.close()
        self._answer = self._busy = None
        self._look(self._stepper)

    # Without a front end

    def __repr__(self) -> str:
        return str(self._stepper)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        text = repr(self)
        return {**bundle, "text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>"}, metadata


async def run_on(stepper: LoopStepper, kind: str) -> QueuedEvent | None:
    """Run to the next event of this kind; if that is the next one already, to the one after it."""
    if any(family(event) == kind for event in stepper.ahead(1)):
        await stepper.step()
    return await stepper.run_to(lambda event: family(event) == kind)


class Farewell(Observer):
    """Shows the end of the tree, whose timers end with it."""

    def __init__(self, widget: Stepper) -> None:
        self._widget = widget

    def closed(self, root: Any) -> None:
        self._widget._show()


Command = Callable[[Stepper, Mapping[str, Any]], None]
COMMANDS: dict[str, Command] = {
    "step": Stepper._step,
    "run": Stepper._run,
    "pause": Stepper._pause,
    "resume": Stepper._resume,
    "predict": Stepper._ask_first,
    "jobs": Stepper._list_jobs,
    "job": Stepper._choose,
}
"""By the word that a view sends."""
