"""The events of a Job's loop as plain values: what is queued, what it will do, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from gotask.errors import Restart, StopReason, TimeoutReason
from gotask.event_loop import Call, EventLoop, kind_of
from gotask.states import DISPOSED, DISPOSING, INIT, RETRYING, STARTING, TaskState, TaskType
from gotask.tracing import short_name

KINDS = ("start", "start again", "tick", "dispose", "call")
"""What can be queued."""

WORDS = {
    "call": "runs `{function}`",
    "never": "never begins, for it was asked to stop",
    "start": "calls start()",
    "run": "begins run(), which holds this loop up until it ends",
    "run in a thread": "begins run() in a thread, which holds this loop up until it ends",
    "go": "begins go() beside this loop",
    "go in a thread": "begins go() in a thread beside this loop",
    "listen": "waits for its signal",
    "children": "takes the events of its children",
    "stay": "stays STARTED until it is stopped",
    "fallback": "begins its fallback",
    "tick": "calls tick(item) for each item that waits",
    "children first": "has its children go first",
    "dispose": "calls dispose()",
    "release": "releases what it holds",
    "gone": "is DISPOSED",
    "again": "waits for its next life",
    "judged": "is judged by its retry policy",
    "nothing": "does nothing any more",
}
"""In words, each thing that an event may do."""


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An event in a Job's queue, as it was when it was looked at.

    `kind` is one of KINDS, of which task; `plan`: what it will do if nothing fails, as keys of WORDS. Of a call
    also the name of its `function`, and its `caller`, which is "main" outside of all tasks.
    """

    kind: str
    task: Any
    plan: tuple[str, ...] = ()
    function: str = ""
    caller: str = ""

    @property
    def will(self) -> str:
        """What it will do if nothing fails, as a sentence."""
        return ", then ".join(WORDS[key] for key in self.plan).format(function=self.function)

    def __str__(self) -> str:
        return f"call from {self.caller}" if self.kind == "call" else f"{self.kind} {name_of(self.task)}"


@dataclass(frozen=True, slots=True)
class StateChange:
    """A step that a task took in the life-cycle table."""

    task: Any
    old: TaskState
    new: TaskState


@dataclass(frozen=True, slots=True)
class Hold:
    """A hook that waits, and holds a loop up meanwhile: its name, such as "start()", and of which task."""

    hook: str
    task: Any

    def __str__(self) -> str:
        return f"{self.hook} of {name_of(self.task)}"


@dataclass(frozen=True, slots=True)
class StepTaken:
    """What an event did: the changes of state of the Job and its children, in order.

    `number` counts those that a Stepper took. `waits_for`: the hook that waited, and held the loop up, when this was
    looked at; None: the event is over.
    """

    event: QueuedEvent
    changes: tuple[StateChange, ...] = ()
    waits_for: Hold | None = None
    number: int = 1

    @property
    def kind(self) -> str:
        """That of the event."""
        return self.event.kind

    @property
    def task(self) -> Any:
        """That of the event."""
        return self.event.task

    def __str__(self) -> str:
        taken: dict[Any, list[TaskState]] = {}
        for change in self.changes:
            taken.setdefault(change.task.task_id, [change.old]).append(change.new)
        tasks = {change.task.task_id: change.task for change in self.changes}
        walks = [
            ("" if tasks[one] is self.task else f"{name_of(tasks[one])} ") + " -> ".join(state.name for state in states)
            for one, states in taken.items()
        ]
        hold = self.waits_for
        waits = [] if hold is None else [f"waits in {hold.hook if hold.task is self.task else hold}"]
        return f"{self.event}: {', '.join(walks + waits) or 'no state changed'}"


def name_of(task: Any) -> str:
    """A task as it is called in these texts."""
    return short_name(task._life)


def look_at(event: Any) -> QueuedEvent:
    """An event of a loop as a plain value."""
    if not isinstance(event, Call):
        return QueuedEvent(kind_of(event), event.task, plan_of(event))
    function: Any = event.function
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return QueuedEvent("call", event.task, ("call",), name, name_of(event.outer.task) if event.outer else "main")


def plan_of(life: Any) -> tuple[str, ...]:
    """What its event will do if nothing fails, as keys of WORDS."""
    kind = kind_of(life)
    if kind == "tick":
        over = life.source is not None and life.source.ended and not life.source.items
        return _end(life) if over else ("tick",)
    if life.state in (INIT, RETRYING):
        return _begin(life)
    return ("nothing",) if life.state is DISPOSED else _end(life)


def _begin(life: Any) -> tuple[str, ...]:
    if life.request is not None:
        return ("children first",) if getattr(life, "children", None) else ("never",)
    if life.extras is not None and life.extras.fall_back_next:
        return ("fallback",)
    hooks, kind = type(life.task).__hooks__, life.task.task_type
    if hooks.body is not None:
        body = f"{hooks.body} in a thread" if hooks.threaded else hooks.body
    else:
        body = {TaskType.CHANNEL: "listen", TaskType.TASK: "stay"}.get(kind, "children")
    return ("start", body) if hooks.start else (body,)


def _end(life: Any) -> tuple[str, ...]:
    if getattr(life, "children", None):
        return ("children first",)
    extras, reason = life.extras, life.reason
    under_way = extras is not None and extras.clean_up is not None
    plan = []
    if life.started_at is not None and life.hooks.dispose and not under_way:
        plan.append("dispose")
    if extras is not None and extras.resources:
        plan.append("release")
    if life.request is None and (isinstance(reason, Restart) or (extras is not None and extras.again)):
        return (*plan, "again")
    settled = isinstance(reason, StopReason) and not isinstance(reason, TimeoutReason)
    return (*plan, "gone" if life.request is not None or settled or life.policy is None else "judged")


def hold_of(loop: EventLoop) -> Hold | None:
    """The hook that waits and holds this loop up, if there is one."""
    holder = loop.holder
    if holder is None or loop.drive is None:
        return None
    if isinstance(holder, Call):
        return Hold(f"`{look_at(holder).function}`", holder.task)
    if holder.state is not DISPOSING:
        return Hold({STARTING: "start()", TaskState.RUNNING: "run()"}.get(holder.state, "tick()"), holder.task)
    then = loop.drive.then
    step = then.args[0] if isinstance(then, partial) else "dispose"  # what `take_steps` left there
    return Hold({"dispose": "dispose()"}.get(step, "a resource" if "resource" in step else step), holder.task)
