"""The lives that are over, the last of them kept (H5)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

from gotask.records import Facts, LifeRecord
from gotask.states import TaskState, TaskType

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

E = TypeVar("E", bound=IntEnum)


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
        return LifeRecord(facts, self._wall)

    def records(
        self,
        *,
        id: int | None = None,
        parent_id: int | None = None,
        owner_type: str | None = None,
        task_type: TaskType | None = None,
        state: TaskState | None = None,
        reason: str | type[BaseException] | None = None,
        since: float | None = None,
        until: float | None = None,
        failed: bool | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[LifeRecord]:
        """The records that fit all the filters given, newest last.

        Args:
            id, parent_id, owner_type, task_type: Of the task.
            state: DISPOSED for last lives, RETRYING for those another one followed.
            reason: A class of exception, or its name.
            since, until: Wall-clock seconds; by when the life was started.
            failed: Only failures, or only the others.
            limit, offset: At most so many, the newest; without so many that are newer still.

        Raises:
            ValueError: There is no such state or task type, or `limit` or `offset` is no whole number, 0 or more.
        """
        check_page(limit, offset)
        task_type, state = member("task_type", TaskType, task_type), member("state", TaskState, state)
        name = reason.__name__ if isinstance(reason, type) else reason
        found = [
            record
            for record in self
            if (id is None or record.id == id)
            and (parent_id is None or record.parent_id == parent_id)
            and (owner_type is None or record.owner_type == owner_type)
            and (task_type is None or record.task_type == task_type)
            and (state is None or record.state == state)
            and (name is None or record.reason_type == name)
            and (since is None or record.started_at >= since)
            and (until is None or record.started_at <= until)
            and (failed is None or record.failed == failed)
        ]
        return newest(found, limit, offset)

    def to_chrome_trace(
        self, path: str | os.PathLike[str] | None = None, *, names: Mapping[int, str] | None = None
    ) -> str:
        """The lives as the JSON text of a trace, to be opened with Perfetto or chrome://tracing.

        Tasks that still live are not in it; see `gotask.chrome_trace` for what it shows.

        Args:
            path: A file to write it to, too.
            names: What to call tasks of which no life is over, by id.
        """
        import json

        from gotask.chrome_trace import chrome_trace

        text = json.dumps(chrome_trace(self, names), allow_nan=False)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text

    def to_frame(self) -> pandas.DataFrame:
        """The lives as a table of pandas (extra `notebook`), a row each; see `gotask.frames`."""
        from gotask.frames import to_frame

        return to_frame(self)

    def plot_timeline(self, *, max_rows: int = 40, names: Mapping[int, str] | None = None) -> matplotlib.figure.Figure:
        """The lives as a picture, drawn with matplotlib (extra `notebook`); see `gotask.timeline`."""
        from gotask.timeline import plot_timeline

        return plot_timeline(self, max_rows=max_rows, names=names)


def member(name: str, kind: type[E], value: E | None) -> E | None:
    """What a filter asks for of an enum; None asks for nothing.

    Raises:
        ValueError: It is no member.
    """
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{name} is a {kind.__name__} ({', '.join(kind.__members__)}), not {value!r}") from None


def check_page(limit: int | None, offset: int) -> None:
    """Refuse a page that cannot be.

    Raises:
        ValueError: One of them is no whole number, 0 or more.
    """
    for name, value in (("limit", limit), ("offset", offset)):
        if value is not None and (not isinstance(value, int) or value < 0):
            raise ValueError(f"{name} is a whole number, 0 or more, not {value!r}")


def newest(records: list[LifeRecord], limit: int | None, offset: int = 0) -> list[LifeRecord]:
    """The last `limit` of them, without the last `offset`, in the same order."""
    end = max(len(records) - offset, 0)
    return records[0 if limit is None else max(end - limit, 0) : end]
