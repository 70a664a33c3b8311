"""Why a task is not stopping: who asked, when and from where, and what it waits for now (S, M4)."""

from __future__ import annotations

import sys
import threading
import weakref
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import FrameType
from typing import Any

from gotask.context import current_task
from gotask.errors import TaskDisposedError
from gotask.holdup import Holdup, held_up_by
from gotask.states import DISPOSED, DISPOSING, RETRYING
from gotask.tracing import Origin, as_text, is_idle, short_name, stack_of_frame, where

SHOWN = 12
"""Tasks of a chain that the text shows; of a longer one the first and the last."""
KEPT_LINKS = 3
"""Tasks of a chain that are kept with each task that was given up: there may be many, and each has its own."""
ANSWER_WITHIN = 1.0
"""Seconds in which the loop answers another thread, unless something blocks it."""


Asked = tuple[str | weakref.ref[Any], Origin]
"""Who asked for a stop, and where: cheap to take, made into text when it is read (H1)."""


def asked_from(origin: Origin, here: bool) -> Asked:
    """A call at this place: by the task whose hook runs, by other code, or, if it is not `here`, by another thread."""
    task = current_task()
    if task is not None:
        return weakref.ref(task), origin
    if here:
        return "code outside of any task", origin
    return f"the thread {threading.current_thread().name!r}", origin


@dataclass(frozen=True, slots=True)
class Waiting:
    """One task of the chain that ends where it really hangs.

    `kind` is what it waits for: "body", "thread", "signal", "hook", "resource", "call", "run-task" or "child" (which
    has to go first), "loop" (another one holds it), "queue" (for its turn in a free loop), or "order" (it has not been
    asked yet). `what` says it in words; `on_id` is the task it waits for, which is the next one of the chain; `stack`
    is where it hangs, innermost last; `grace_left` are the seconds until its body is cancelled.
    """

    task_id: int
    task: str
    state: str
    kind: str
    what: str
    on_id: int | None = None
    grace_left: float | None = None
    stack: tuple[str, ...] = ()

    def __str__(self) -> str:
        grace = "" if self.grace_left is None else f", which is cancelled in {self.grace_left:.3g} s"
        return f"{self.task} is {self.state}, {self.what}{grace}"


@dataclass(frozen=True, slots=True)
class StopReport:
    """Why a task is not stopping, as plain values; `str()` of it is for people.

    `asked_by` is a path, or words; it is "" where nobody asked: the task ends by itself, or its turn has not come.
    `asked_at` is wall-clock seconds, `asked_ago` how long ago that was. `chain` begins with the task itself and ends
    where it really hangs. `loop_at` is where the event loop's thread was, if it did not answer: then the rest was read
    without it, and its parts may be of different moments.
    """

    task_id: int
    path: str
    state: str
    reason_type: str
    reason: str
    asked_by: str
    asked_by_id: int | None
    asked_from: str
    asked_at: float | None
    asked_ago: float | None
    chain: tuple[Waiting, ...]
    loop_at: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.path} has not stopped yet: it is {self.state}.", *self.details()])

    def details(self) -> list[str]:
        """Lines that say who asked, why, and what it waits for."""
        reason = f"{self.reason_type}: {self.reason}" if self.reason else self.reason_type or "not known yet"
        lines = [f"  asked:  {self._asked()}", f"  reason: {reason}"]
        if self.loop_at:
            lines.append("  the event loop does not answer, because something blocks it:")
            lines += [f"      {line}" for line in self.loop_at if self.loop_at != self.chain[-1].stack]
        shown: list[Waiting | None] = list(self.chain)
        if len(shown) > SHOWN:
            shown[SHOWN // 2 : -SHOWN // 2] = [None]
        for one in shown:
            if one is None:
                lines.append(f"    … {len(self.chain) - SHOWN // 2 * 2} more, each waiting for the next …")
            else:
                lines += [f"  - {one}", *(f"      {line}" for line in one.stack)]
        return lines

    def _asked(self) -> str:
        if self.asked_at is None or self.asked_ago is None:
            if self.chain[0].kind == "order":
                return "not yet"
            return "by restart()" if self.reason_type == "Restart" else "by nobody, it ends by itself"
        moment = datetime.fromtimestamp(self.asked_at).strftime("%H:%M:%S")
        place = f", at {self.asked_from}" if self.asked_from else ""
        return f"{self.asked_ago:.3g} s ago ({moment}) by {self.asked_by}{place}"


@dataclass(frozen=True, slots=True)
class Unstopped:
    """A task that did not stop in time: its path, where it hangs, innermost last, and more, if it was asked (M4)."""

    path: str
    where: tuple[str, ...]
    report: StopReport | None = None

    def __str__(self) -> str:
        first = f"{self.path} hangs at {' < '.join(reversed(self.where)) or 'an unknown place'}"
        return "\n".join([first, *([] if self.report is None else self.report.details())])


@dataclass(frozen=True, slots=True)
class ShutdownReport:
    """What a shutdown did: `disposed` tasks in `duration` seconds; `unstopped` are those that were abandoned (M4)."""

    disposed: int = 0
    duration: float = 0.0
    unstopped: tuple[Unstopped, ...] = ()

    def __str__(self) -> str:
        text = f"{self.disposed} tasks disposed in {self.duration:.3g} s"
        return "\n".join([text, *(f"did not stop: {one}" for one in self.unstopped)])


def is_ending(life: Any) -> bool:
    """Whether this life is to end and no other one is to follow, or its end has begun."""
    if life.request is not None or life.state is DISPOSING:
        return True
    return life.reason is not None and life.state is not RETRYING


def closing_ancestor(life: Any) -> Any:
    """The nearest one above it that is ending, if there is one."""
    node = life.parent
    while node is not None and node.task is not None:
        if not node.passing and is_ending(node):
            return node
        node = node.parent
    return None


def report_on(life: Any, frame: FrameType | None = None, links: int | None = None) -> StopReport | None:
    """Why this life is not over yet; None if nobody asked, and nothing of it is ending.

    Args:
        life: The life of a task.
        frame: What the loop's thread executes now, where that is known because it does not answer.
        links: At most so many tasks of the chain.
    """
    if life.parent is None or life.state is DISPOSED:
        return None
    above = None if is_ending(life) else closing_ancestor(life)
    unheard = frame is not None and isinstance(getattr(life, "asked", None), tuple)  # by another thread
    if above is None and not is_ending(life) and not unheard:
        return None
    now, pump = life.pump.clock(), life.pump
    at, (who, origin) = asked_of(life) if life.request is not None or unheard else (None, ("", None))
    owner = None if isinstance(who, str) else who()
    reason = (life.request or life.reason) if above is None else (above.request or above.reason)
    return StopReport(
        task_id=life.id, path=life.task.execution_path, state=life.state.name,
        reason_type="" if reason is None else type(reason).__name__, reason="" if reason is None else as_text(reason),
        asked_by=_name(who, owner), asked_by_id=None if owner is None else owner.task_id,
        asked_from=where(origin), asked_at=None if at is None else pump.wall + at,
        asked_ago=None if at is None else max(now - at, 0.0), chain=_chain(life, above, now, frame, links),
        loop_at=() if frame is None else tuple(stack_of_frame(frame)),
    )  # fmt: skip


def asked_of(life: Any) -> tuple[float, Asked]:
    """When it was asked to stop, on the clock of its tree, and by whom."""
    asked = getattr(life, "asked", None)
    if asked is None:
        return life.added_at, ("somebody, before it was added", None)
    return asked if isinstance(asked, tuple) else (asked, (weakref.ref(life.parent.task), None))


def _name(who: str | weakref.ref[Any], task: Any) -> str:
    if isinstance(who, str):
        return who
    return "a task that is gone" if task is None else str(task.execution_path)


def _chain(life: Any, above: Any, now: float, frame: FrameType | None, links: int | None) -> tuple[Waiting, ...]:
    chain: list[Waiting] = []
    seen: set[int] = set()
    holdup: Holdup | None = None
    if above is not None:
        what = f"and not asked yet: {short_name(above)}, which is ending, asks one child after another"
        holdup = Holdup("order", what, above)
    elif not is_ending(life):
        holdup = Holdup("queue", "and the event loop has not heard of the request")
    node = life
    while node is not None and node.id not in seen and (links is None or len(chain) < links):
        seen.add(node.id)
        holdup = holdup or held_up_by(node, frame)
        until, on = holdup.grace_until, holdup.on
        chain.append(
            Waiting(
                node.id, short_name(node), node.state.name, holdup.kind, holdup.what, None if on is None else on.id,
                None if until is None else max(until - now, 0.0), tuple(holdup.stack),
            )
        )  # fmt: skip
        node, holdup = on, None
    return tuple(chain)


def report_from_thread(life: Any) -> StopReport | None:
    """The same in another thread: read in the loop or, if that does not answer, here."""
    try:
        report: StopReport | None = life.pump.ask(partial(report_on, life), timeout=ANSWER_WITHIN)
        return report
    except TaskDisposedError:  # the loop has ended, and left the tree as it was
        return report_on(life)
    except TimeoutError:
        frame = sys._current_frames().get(life.pump.thread)
        return report_on(life, None if is_idle(frame) else frame)


def last_report(life: Any) -> StopReport | None:
    """The report to be kept with a life that is given up, which may be because the tree is broken (L15)."""
    try:
        return report_on(life, links=KEPT_LINKS)
    except Exception:
        return None
