"""What a learner may predict of an event, and what came true: plain functions of what a Stepper shows."""

from __future__ import annotations

from gotask import TaskState
from gotask.testing import QueuedEvent, StepTaken

OVER = (TaskState.DISPOSING, TaskState.DISPOSED, TaskState.RETRYING)

STARTS = {
    "run": ("STARTING", "STARTED", "RUNNING", "over"),
    "run in a thread": ("STARTING", "STARTED", "RUNNING", "over"),
    "stay": ("STARTING", "STARTED", "GOING", "over"),
    "children": ("STARTING", "STARTED", "GOING", "over"),
}
"""By the last thing that a start does; of the others BESIDE. Each has all that can happen (L1), and one that cannot."""
BESIDE = ("STARTING", "RUNNING", "GOING", "over")
CHOICES = {
    "tick": ("on", "waits", "RETRYING", "over"),
    "dispose": ("children", "waits", "RETRYING", "DISPOSED"),
    "call": ("called", "waits", "beside"),
}

FAMILIES = ("start", *CHOICES)


def family(event: QueuedEvent) -> str:
    """Which kind of question it is: "start", "tick", "dispose" or "call"."""
    kind = "start" if event.kind == "start again" else event.kind
    return kind if kind in FAMILIES else "dispose"


def choices(event: QueuedEvent) -> tuple[str, ...]:
    """What might happen; exactly one of them will."""
    if family(event) == "start":
        return STARTS.get(event.plan[-1], BESIDE)
    return CHOICES[family(event)]


def outcome(step: StepTaken) -> str:
    """Which of them has happened."""
    own = [change.new for change in step.changes if change.task is step.task]
    state = own[-1] if own else step.task.state
    kind, waits = family(step.event), step.waits_for is not None
    if kind == "call":
        return "waits" if waits else "called"
    if kind == "start":
        return "over" if state in OVER else state.name
    if state is TaskState.RETRYING or (kind == "dispose" and state is TaskState.DISPOSED):
        return state.name
    if kind == "tick":
        return "over" if state in OVER else "waits" if waits else "on"
    return "waits" if waits else "children"
