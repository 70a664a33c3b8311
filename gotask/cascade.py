"""How the children of a Job go, without recursion, however deep the tree and however wide the Job (D2, D7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gotask.event_loop import Call, EventLoop
from gotask.life import Life
from gotask.states import ACTIVE, DISPOSED, DISPOSING, INIT, RETRYING, STARTING
from gotask.stop_report import last_report
from gotask.tracing import LOGGER, say

if TYPE_CHECKING:
    from gotask.backend import Drive


class Cascade:
    """The children of one Job that are still to go, and the one that is going."""

    __slots__ = ("going", "_job", "_left", "reason")

    def __init__(self, job: Any, concurrent: bool) -> None:
        self._job = job
        self.reason: BaseException = job.request if job.request is not None else job.reason
        self.going: Any = None
        self._left = list(job.children.values())  # one snapshot: reversing a dict while deleting is quadratic
        for child in self._left:
            if concurrent or child.state in (INIT, RETRYING):
                child.stop(self.reason, by_parent=True)  # must not be started any more
        holder = job.child_loop.holder
        if isinstance(holder, Life):
            holder.stop(self.reason, by_parent=True)  # it holds up the loop that the others need (L5, S12)

    def advance(self) -> None:
        """Ask the next child to go, the last started first."""
        while self._left:
            child = self.going = self._left.pop()
            if child.state is not DISPOSED and child.parent is self._job:
                child.stop(self.reason, by_parent=True)
                return
        self.going = None


class ClosingLife(Life):
    """A life that has children, as far as their end is concerned: they go before it does."""

    __slots__ = ("cascade", "child_loop", "children", "replacing")

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        self.child_loop = EventLoop(self)
        self.children: dict[Any, Life] = {}
        self.cascade: Cascade | None = None
        self.replacing: dict[Any, Life] | None = None

    def due(self) -> Drive | None:
        if self.children and (self.state is DISPOSING or (self.request is not None and self.state in (INIT, RETRYING))):
            self.close()
            return None
        return super().due()

    def wind_down(self) -> None:
        if self.children:
            self.pump.soon(self.close)
        else:
            self.loop.post(self)

    def end(self) -> Drive | None:
        if self.body is not None:
            return None
        if self.children:
            self.close()
            return None
        return super().end()

    def clean_up(self) -> Drive | None:
        loop = self.child_loop
        if isinstance(loop.holder, Call):
            return None  # S12: it finishes first, and comes back to this
        loop.opened = False
        return super().clean_up()

    def close(self) -> None:
        """Have the children go first; the rest follows when the last of them is gone (D1, D3)."""
        if self.cascade is not None or self.body is not None or (self.extras is not None and self.extras.telling):
            return
        if not self.children:
            self.loop.post(self)
            return
        if ACTIVE[self.state] or self.state is STARTING:
            self.begin_ending()
        loop = self.child_loop
        if self.state in (INIT, RETRYING):
            self.context = self.parent.context
            loop.refuse_calls()
        self.cascade = Cascade(self, concurrent=self.task.stop_children == "concurrent")
        loop.paused = False
        loop.open()
        self.cascade.advance()

    def give_up(self) -> None:
        """Give up everything below first, the deepest first (S5)."""
        if self.state is DISPOSED:
            return
        if self.children:
            below: list[Life] = []
            left: list[Any] = [self]
            while left:
                node = left.pop()
                below.extend((getattr(node, "replacing", None) or {}).values())  # which then come into their place
                below.extend(children := list(getattr(node, "children", {}).values()))
                left.extend(children)
            for life in (self, *below):
                life.more().stop_report = last_report(life)
            for life in reversed(below):
                try:
                    Life.give_up(life)
                except BaseException as bug:  # after a panic (L15): what is broken must not keep the rest
                    say(LOGGER.critical, "a bug of gotask: %r could not be given up", life.task, exc_info=bug)
        self.cascade = None
        super().give_up()
