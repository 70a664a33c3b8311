"""What the view of a Stepper shows, as values that go over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gotask import Job
from gotask.testing import Hold, QueuedEvent, Stepper, StepTaken
from gotask_dashboard.predictions import choices, family

EVENTS, CHILDREN, JOBS = 12, 48, 200
"""How many are shown at most."""


def picture_of(stepper: Stepper, hide: bool) -> dict[str, Any]:
    """The state of the loop now. `hide`: not what the events will do, which the learner is to predict."""
    queue, children = stepper.ahead(EVENTS), stepper.job.children
    return {
        "job": life_of(stepper.job),
        "open": not stepper.is_closed,
        "paused": stepper.is_paused,
        "queue": [event_of(event, hide) for event in queue],
        "queued": stepper.queued,
        "question": {"family": family(queue[0]), "choices": list(choices(queue[0]))} if hide and queue else None,
        "children": [life_of(child) for child in children[:CHILDREN]],
        "size": len(children),
        "held": hold_of(stepper.held),
        "last": None if stepper.last is None else step_of(stepper.last),
    }


def named(task: Any) -> dict[str, Any]:
    """A task by its name."""
    return {"id": task.task_id, "name": task.owner_type}


def life_of(task: Any) -> dict[str, Any]:
    """A task with its state."""
    return {**named(task), "state": int(task.state)}


def event_of(event: QueuedEvent, hide: bool = False) -> dict[str, Any]:
    """An event of the queue."""
    words = {"function": event.function, "caller": event.caller} if event.kind == "call" else {}
    return {"kind": event.kind, **named(event.task), **words, "plan": [] if hide else list(event.plan)}


def hold_of(hold: Hold | None) -> dict[str, Any] | None:
    """What holds the loop up."""
    return None if hold is None else {"hook": hold.hook, **named(hold.task)}


def step_of(step: StepTaken) -> dict[str, Any]:
    """A step that was taken: by task, the states it went through."""
    walks: dict[int, dict[str, Any]] = {}
    for change in step.changes:
        walk = walks.setdefault(change.task.task_id, {**named(change.task), "states": [int(change.old)]})
        walk["states"].append(int(change.new))
    return {
        "number": step.number,
        "event": event_of(step.event),
        "walks": list(walks.values()),
        "waits": hold_of(step.waits_for),
    }


def walk_jobs(root: Any) -> Iterator[Job[Any]]:
    """The root, and all Jobs below it, parents first."""
    left = [root]
    while left:
        job = left.pop()
        yield job
        left.extend(reversed([child for child in job.children if isinstance(child, Job)]))


def jobs_below(root: Any) -> list[dict[str, Any]]:
    """Those that can be chosen."""
    return [{**named(job), "level": job.level} for job, _ in zip(walk_jobs(root), range(JOBS), strict=False)]
