"""Following a schedule: who runs from where to where, what changes, and who waits for what."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import re
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

from gotask.backend import Drive
from gotask.context import CURRENT, Plain
from gotask.errors import TaskComplete
from gotask.event_loop import Call
from gotask.events import Observer
from gotask.records import LifeRecord, Step
from gotask.states import TaskState
from gotask.testing.schedule import ScheduledLoop, task_of
from gotask.testing.trace import Place, TraceStep
from gotask.tracing import frames_of, owner_type_of, shown, shown_path

LIBRARIES = {"gotask", "anyio", "asyncio", "contextlib"}
"""Whose lines are not the program's own."""

DRIVING = Drive.__await__.__code__

LOOPS = "the loops of Jobs"
"""Who takes the events of Jobs, and calls the hooks that do not wait."""

UNKNOWN = "-"
"""What is watched when it has no value."""


def has_begun(coro: Any) -> bool:
    """Whether a coroutine has taken a step."""
    return not inspect.iscoroutine(coro) or inspect.getcoroutinestate(coro) != inspect.CORO_CREATED


def frames(coro: Any) -> Iterator[FrameType]:
    """The frames of a coroutine, with those of the hook that it drives, or of the body that it is about to begin."""
    if not has_begun(coro):
        names = coro.cr_frame.f_locals  # what will be awaited, by gotask or by a task group of anyio
        coro = names.get("coro") or getattr(names.get("self"), "_coro", coro)
    for frame in frames_of(coro):
        yield frame
        if frame.f_code is DRIVING:
            yield from frames(frame.f_locals["self"].coro)


def own_frames(coro: Any) -> list[FrameType]:
    """Those of the program itself."""
    return [frame for frame in frames(coro) if frame.f_globals.get("__name__", "").partition(".")[0] not in LIBRARIES]


def place_in(coro: Any) -> Place | None:
    """The line of the program where a coroutine is suspended; None before its beginning and after its end."""
    own = own_frames(coro) if has_begun(coro) else []
    if not own:
        return None
    file, line = own[-1].f_code.co_filename, own[-1].f_lineno
    return Place(f"{shown_path(file)}:{line}", linecache.getline(file, line).strip())


def name(task: Any) -> str:
    """Owner type and id of a task of the tree."""
    return f"{owner_type_of(task)}#{task.task_id}"


def hook_in(coro: Any) -> str:
    """Whose hook the pump drives in this coroutine."""
    driven = [frame.f_locals["self"] for frame in frames(coro) if frame.f_code is DRIVING]
    drive: Any = driven[0] if driven else None
    holder: Any = getattr(getattr(drive, "loop", None), "holder", None)
    if holder is None:
        return LOOPS
    function = next((frame.f_code.co_name for frame in own_frames(drive.coro)), "")
    return f"{name(holder.task)} {'call of ' if isinstance(holder, Call) else ''}{function}".rstrip()


def name_of(loop: ScheduledLoop, task: asyncio.Task[Any]) -> str:
    """Who runs in a task of asyncio: a hook of a task of the tree, or a function beside it; "" if only the library."""
    coro, (number, context) = task.get_coro(), loop.made[task]
    current: Any = context.get(CURRENT)
    if isinstance(current, Plain):
        return hook_in(coro)
    body = getattr(current, "body", None)
    if body is not None and getattr(body.handle, "task", None) is task:
        return f"{name(current.task)} {current.hooks.body}"
    function = next((frame.f_code.co_name for frame in own_frames(coro)), "")
    if current is not None:
        return f"{name(current.task)} {function}".rstrip()
    return "program" if number == 0 else function


def waits(loop: ScheduledLoop) -> list[str]:
    """Who waits, and where, for people."""
    lines = []
    for task in asyncio.all_tasks(loop):
        place = place_in(task.get_coro())
        if place is not None:
            lines.append(f"{name_of(loop, task)} waits at {place}")
    return sorted(lines)


class Numbers(Observer):
    """Ids of tasks as numbers within one tree, the root's is 0: so a schedule reads the same whenever it is run."""

    def __init__(self) -> None:
        self._tasks: dict[str, tuple[str, int]] = {}

    def attached(self, root: Any) -> None:
        self.task_added(root)

    def task_added(self, task: Any) -> None:
        self._tasks.setdefault(str(task.task_id), (owner_type_of(task), len(self._tasks)))

    def renumber(self, text: str) -> str:
        """The text with the ids of the tasks of this tree replaced, where they stand behind an owner type."""
        return re.sub(r"#(\d+)", self._number, text)

    def _number(self, found: re.Match[str]) -> str:
        owner, number = self._tasks.get(found[1], ("", found[1]))
        stands_behind = found.string[: found.start()].rstrip(" ").endswith(owner)
        return f"#{number}" if stands_behind else found[0]


class Tracer(Observer):
    """Follows a ScheduledLoop, and the tree in it; `steps` has what was worth telling."""

    def __init__(self, loop: ScheduledLoop, numbers: Numbers, watch: Mapping[str, Callable[[], object]]) -> None:
        self.steps: list[TraceStep] = []
        self.is_over = False
        """Whether what comes now is no longer of interest."""
        self._loop = loop
        self._numbers = numbers
        self._watch = watch
        self._states: dict[str, list[str]] = {}
        self._facts: list[str] = []
        self._open: tuple[asyncio.Task[Any] | None, str, list[str], Place | None] | None = None
        self._began_at = 0.0
        self._errors: dict[str, Exception | None] = {}
        """Why what is watched has never had a value; None: it had one."""
        self._values = self._look()

    # The loop

    def turn(self, handle: asyncio.Handle, others: list[asyncio.Task[Any]]) -> None:
        """Close the step before, and open this one."""
        self.finish()
        if self.is_over:
            self._loop.follower = None
            return
        task = task_of(handle)
        who = LOOPS if task is None else name_of(self._loop, task)
        ready = [other for other in (name_of(self._loop, one) for one in others) if other]
        self._open = task, who, ready, None if task is None else place_in(task.get_coro())
        self._began_at = self._loop.time()

    def finish(self) -> None:
        """Close the step that is open; keep it if the program had a part in it."""
        if self._open is None:
            return
        (task, who, ready, resumed), self._open = self._open, None
        suspended = None if task is None else place_in(task.get_coro())
        if suspended is not None and task is not None:
            who = self._also(who, name_of(self._loop, task))
        changes = [f"{whom}: {' -> '.join(states)}" for whom, states in self._states.items()] + self._facts
        self._states, self._facts = {}, []
        before, self._values = self._values, self._look()
        if not (resumed or suspended or changes or before != self._values):
            return
        watched = {what: (before[what], value) for what, value in self._values.items()}
        renumber = self._numbers.renumber
        self.steps.append(
            TraceStep(
                len(self.steps), self._began_at, renumber(who), tuple(map(renumber, ready)), resumed, suspended,
                tuple(map(renumber, changes)), watched,
            )
        )  # fmt: skip

    def end(self) -> list[TraceStep]:
        """All steps.

        Raises:
            ValueError: What is to be watched never had a value.
        """
        self.finish()
        for what, error in self._errors.items():
            if error is not None:
                raise ValueError(f"{what!r}, which is to be watched, never had a value: {error!r}") from error
        return self.steps

    def _also(self, before: str, after: str) -> str:
        """Who ran, if the pump went on to another hook."""
        return after if before in ("", LOOPS, after) else f"{before}, then {after}"

    def _look(self) -> dict[str, str]:
        return {what: self._value(what, value) for what, value in self._watch.items()}

    def _value(self, what: str, value: Callable[[], object]) -> str:
        try:
            text = shown(value())
        except Exception as error:
            self._errors.setdefault(what, error)
            return UNKNOWN
        self._errors[what] = None
        return text

    # The tree

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        self._states.setdefault(name(task), [old.name]).append(new.name)

    def life_ended(self, record: LifeRecord) -> None:
        if record.reason_type != TaskComplete.__name__:
            text = f"{record.reason_type}: {record.reason}" if record.reason else record.reason_type
            self._facts.append(f"{record.owner_type}#{record.id} ended with {text}")

    def event_taken(self, job: Any, event: str, task: Any) -> None:
        if event in ("call", "tick"):
            self._facts.append(f"{name(job)} takes a {event}" + (f" of {name(task)}" if event == "tick" else ""))

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        self._facts.append(f"{name(task)} is asked to stop: {type(reason).__name__}")

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        self._facts.append(f"{name(task)} failed, and is started again in {delay:g} s")

    def step_recorded(self, task: Any, step: Step) -> None:
        self._facts.append(f"{name(task)}: {step.name} {step.detail}".rstrip())
