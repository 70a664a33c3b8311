"""Lately: the lives that a tree remembers, for a host without a durable history; it is asked as that one is."""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from gotask import LifeRecord, TaskState, __version__

GROUPS: dict[str, Callable[[LifeRecord], Any]] = {
    "owner_type": lambda life: life.owner_type, "task_type": lambda life: life.task_type,
    "state": lambda life: life.state, "reason_type": lambda life: life.reason_type, "session": lambda life: SESSION,
    "all": lambda life: "all",
}  # fmt: skip
"""By what lives can be put together."""
SESSION = 1
"""There is this run, and no other."""


class Lately:
    """Stands for a HistoryStore and for its history; it holds the last lives of this run, in memory."""

    session_id = SESSION
    task_id = None
    state = TaskState.STARTED
    waiting = dropped = 0

    def __init__(self, root: Any, program: str, began_at: float) -> None:
        self._root, self._program, self._began_at = root, program, began_at

    @property
    def history(self) -> Lately:
        """Itself."""
        return self

    def lives(
        self, *, limit: int | None = None, offset: int = 0, session: int | None = None, **filters: Any
    ) -> list[LifeRecord]:
        """The lives that fit, newest last."""
        if session not in (None, SESSION):
            return []
        found: list[LifeRecord] = self._root.history.records(limit=limit, offset=offset, **filters)
        return found

    def count(self, **filters: Any) -> int:
        """How many lives fit."""
        return len(self.lives(**filters))

    def statistics(self, by: str, **filters: Any) -> list[Any]:
        """Numbers and durations of the lives that fit, by what they have in common, the most frequent first."""
        groups: dict[Any, list[LifeRecord]] = defaultdict(list)
        for life in self.lives(**filters):
            groups[GROUPS[by](life)].append(life)
        ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), str(group[0])))
        return [numbers(of, lives) for of, lives in ordered]

    def failures(self, **filters: Any) -> list[Any]:
        """The failures that fit, by the class of their reason, the most frequent first."""
        lives = self.lives(**{**filters, "failed": True})
        last = {life.reason_type: life for life in lives}
        return [
            SimpleNamespace(reason_type=kind, count=count, last_at=last[kind].ended_at, last_reason=last[kind].reason,
                            last_owner_type=last[kind].owner_type)
            for kind, count in Counter(life.reason_type for life in lives).most_common()
        ]  # fmt: skip

    def sessions(self) -> list[Any]:
        """This run."""
        run = SimpleNamespace(
            id=SESSION, program=self._program, started_at=self._began_at, ended_at=None, crashed=False,
            host=socket.gethostname(), pid=os.getpid(), process_started_at=self._began_at, args=tuple(sys.argv),
            version=__version__, dropped=0,
        )  # fmt: skip
        return [run]


def numbers(of: Any, lives: list[LifeRecord]) -> SimpleNamespace:
    """How many lives these are, how many of them failed, and how long they took."""
    durations = sorted(life.duration for life in lives)
    count = len(durations)

    def percentile(percent: int) -> float:
        return durations[-(-count * percent // 100) - 1]

    return SimpleNamespace(
        of=of, count=count, failed=sum(life.failed for life in lives), mean=sum(durations) / count,
        p50=percentile(50), p95=percentile(95), max=durations[-1],
    )  # fmt: skip
