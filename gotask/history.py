"""The lives that are over, the last of them kept (H5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from gotask.events import LifeRecord, phases
from gotask.states import TaskState
from gotask.tracing import as_text, where

Facts = tuple[Any, ...]
"""A life as the engine leaves it: cheap to make, and read only when somebody asks (see `History.record_of`)."""


class History:
    """The last lives of a tree, oldest first, `limit` at most.

    Iterating gives LifeRecord objects. It holds text and numbers, never a task.
    """

    def __init__(self, limit: int = 10_000, wall: float = 0.0) -> None:
        if not isinstance(limit, int) or limit < 0:
            raise ValueError(f"history is the number of lives to keep, 0 or more, not {limit!r}")
        self._facts: deque[Facts] = deque(maxlen=limit)
        self._wall = wall
        self.add = self._facts.append

    def __len__(self) -> int:
        return len(self._facts)

    def __iter__(self) -> Iterator[LifeRecord]:
        return map(self.record_of, list(self._facts))

    def record_of(self, facts: Facts) -> LifeRecord:
        """The record of a life, from its facts."""
        (
            task_id, parent_id, key, owner, kind, level, life, added, began, started, ending, ended,
            reason, failed, final, origin, extra,
        ) = facts  # fmt: skip
        reason_type, reason_text = reason
        retries, descriptions, steps, errors, abandoned = extra or (0, {}, (), (), False)
        return LifeRecord(
            id=task_id, parent_id=parent_id, key=as_text(key), owner_type=owner, task_type=kind, level=level,
            life=life, started_at=self._wall + (added if began is None else began),
            timings=phases(added, began, started, ending, ended), retries=retries, reason=reason_text,
            reason_type=reason_type, failed=failed, final=final, start_reason=where(origin),
            descriptions=descriptions, steps=steps, dispose_errors=errors, abandoned=abandoned,
        )  # fmt: skip

    def records(
        self,
        *,
        id: int | None = None,
        owner_type: str | None = None,
        state: TaskState | None = None,
        reason: str | type[BaseException] | None = None,
        since: float | None = None,
        until: float | None = None,
        failed: bool | None = None,
        limit: int | None = None,
    ) -> list[LifeRecord]:
        """The records that fit all the filters given, newest last.

        Args:
            id, owner_type: Of the task.
            state: DISPOSED for last lives, RETRYING for those another one followed.
            reason: A class of exception, or its name.
            since, until: Wall-clock seconds; by when the life was started.
            failed: Only failures, or only the others.
            limit: At most so many, the newest.
        """
        name = reason.__name__ if isinstance(reason, type) else reason
        found = [
            record
            for record in self
            if (id is None or record.id == id)
            and (owner_type is None or record.owner_type == owner_type)
            and (state is None or record.state == state)
            and (name is None or record.reason_type == name)
            and (since is None or record.started_at >= since)
            and (until is None or record.started_at <= until)
            and (failed is None or record.failed == failed)
        ]
        return found if limit is None else found[max(len(found) - limit, 0) :]
