"""How the children of a Job go, without recursion, however deep the tree and however wide the Job (D2, D7)."""

from __future__ import annotations

from typing import Any

from gotask.states import DISPOSED, INIT, RETRYING


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
        if getattr(holder, "body", None) is not None:
            holder.stop(self.reason, by_parent=True)  # it holds up the loop that the others need (L5, S12)

    def advance(self) -> None:
        """Ask the next child to go, the last started first."""
        while self._left:
            child = self.going = self._left.pop()
            if child.state is not DISPOSED and child.parent is self._job:
                child.stop(self.reason, by_parent=True)
                return
        self.going = None
