"""What a task waits for at this moment, and whose hook the thread of a tree is executing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from gotask.family import living
from gotask.states import DISPOSED, DISPOSING, STARTING
from gotask.tracing import short_name, stack_of, stack_of_frame, stack_of_thread


class Holdup(NamedTuple):
    """What a life waits for: its kind, in words, the life it waits for, where it hangs, and until when it is left."""

    kind: str
    what: str
    on: Any = None
    stack: Sequence[str] = ()
    grace_until: float | None = None


def held_up_by(life: Any, frame: FrameType | None = None) -> Holdup:
    """What this life waits for now. `frame` is what the loop's thread executes, if it does not answer."""
    for look in (_at_stop_resource, _at_child, _at_run_task, _at_body, _at_hook, _at_call, _at_loop):
        found = look(life, frame)
        if found is not None:
            return found
    return Holdup("queue", "waiting for its turn in the loop of its parent")


def _stack(coro: Any, frame: FrameType | None) -> list[str]:
    """Where a coroutine is, which may be what the loop's thread is executing; None is a plain function."""
    if coro is None or getattr(coro, "cr_running", False):
        return [] if frame is None else stack_of_frame(frame)
    return stack_of(coro)


def _at_stop_resource(life: Any, frame: FrameType | None) -> Holdup | None:
    extras = life.extras
    if extras is None or not extras.telling:
        return None
    what, awaited = extras.releasing or ("what was given to on_stop", None)
    return Holdup("resource", f"releasing {what}", stack=_stack(awaited, frame))


def _at_child(life: Any, frame: FrameType | None) -> Holdup | None:
    cascade = getattr(life, "cascade", None)
    if cascade is None or cascade.going is None:
        return None
    others = len(life.children) - 1
    more = f" ({others} more after it)" if others > 0 else ""
    return Holdup("child", f"waiting for its child {short_name(cascade.going)}{more}", cascade.going)


def _at_run_task(life: Any, frame: FrameType | None) -> Holdup | None:
    extras = life.extras
    running = [] if extras is None else [one for one in extras.run_tasks if one.state is not DISPOSED]
    if not running:
        return None
    body = life.body
    stack = [] if body is None or body.coro is None else _stack(body.coro, frame)
    return Holdup("run-task", f"waiting for the task it runs, {short_name(running[-1])}", running[-1], stack)


def _at_body(life: Any, frame: FrameType | None) -> Holdup | None:
    body = life.body
    if body is None:
        return None
    if body.thread is not None:
        what = "its body runs in a thread, which cannot be cancelled: it has to look at is_stopped"
        return Holdup("thread", what, stack=stack_of_thread(body.thread))
    if body.coro is None:
        return None  # between two ticks
    if getattr(life, "source", body) is None:
        return Holdup("signal", "closing its signal", stack=_stack(body.coro, frame))
    until = None if life.extras is None else life.extras.grace_until
    if not life.is_asked:
        return Holdup("body", "and its body is at work", stack=_stack(body.coro, frame))
    if until is not None and until > life.pump.clock():
        return Holdup("body", "and has its stop_grace for its body", stack=_stack(body.coro, frame), grace_until=until)
    return Holdup("body", "its body was cancelled, but has not ended", stack=_stack(body.coro, frame))


def _at_hook(life: Any, frame: FrameType | None) -> Holdup | None:
    loop = life.loop
    if loop.holder is not life:
        return None
    drive = loop.drive
    hook = "start" if life.state is STARTING else "tick"
    if life.state is DISPOSING:
        hook = step_under_way(drive)
    kind = "resource" if hook.startswith("the resource") else "hook"
    verb = "releasing" if kind == "resource" else "in"
    return Holdup(kind, f"{verb} {hook}", stack=_stack(None if drive is None else drive.coro, frame))


def step_under_way(drive: Any) -> str:
    """The step of a clean-up that waits: `take_steps` leaves its name in what it wants done next."""
    then = getattr(drive, "then", None)
    return str(then.args[0]) if isinstance(then, partial) else "dispose"


def _at_call(life: Any, frame: FrameType | None) -> Holdup | None:
    own = getattr(life, "child_loop", None)
    if own is None or life.state is not DISPOSING or not _is_call(own.holder):
        return None
    return Holdup("call", "waiting for a call() in its loop", stack=_stack(own.drive and own.drive.coro, frame))


def _at_loop(life: Any, frame: FrameType | None) -> Holdup | None:
    loop = life.loop
    holder = loop.holder
    if holder is None:
        return None
    what = "waiting for the loop of its parent, blocked by "
    if _is_call(holder):
        return Holdup("loop", f"{what}a call()", stack=_stack(loop.drive and loop.drive.coro, frame))
    return Holdup("loop", f"{what}{short_name(holder)}", holder)


def _is_call(holder: Any) -> bool:
    return holder is not None and not hasattr(holder, "state")


def executing(root: Any) -> Any:
    """The life whose hook the tree's thread is executing; None outside of any.

    For another thread, while the loop does not answer: it looks at the whole tree.
    """
    hook = root.plain.hook
    if hook is not None:
        return hook
    for life in living(root):
        for loop in (life.loop, getattr(life, "child_loop", None)):
            if loop is not None and loop.holder is not None and _is_running(loop.drive and loop.drive.coro):
                return loop.owner if _is_call(loop.holder) else loop.holder
        if life.body is not None and life.body.coro is not None and life.body.coro.cr_running:
            return life
    return None


def _is_running(coro: Any) -> bool:
    """Whether a hook that holds a loop is being executed: one that waits has a coroutine which is suspended."""
    return coro is None or bool(coro.cr_running)
