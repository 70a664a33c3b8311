"""The tree for the server's thread: rows as LiveTree keeps them, the tasks behind them, and those that have stopped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from gotask import LifeRecord, LiveTree, TaskRow, TaskState


class Stopped(NamedTuple):
    """A task that is DISPOSED: its last row, and the object itself, for `start`."""

    row: TaskRow
    task: Any


@dataclass(slots=True)
class Counts:
    """What has happened in the tree since the dashboard looks."""

    added: int = 0
    ended: int = 0
    failures: int = 0
    retries: int = 0


class Mirror(LiveTree):
    """A LiveTree that also knows the objects: commands are methods of tasks which any thread may call.

    It keeps the last `keep` tasks that have stopped, and no others.
    """

    def __init__(self, keep: int) -> None:
        super().__init__()
        self._keep = keep
        self._objects: dict[int, Any] = {}
        self._stopped: OrderedDict[int, Stopped] = OrderedDict()
        self._failed: set[int] = set()
        self._guard = threading.Lock()
        self.counts = Counts()
        self.store: Any = None
        """The HistoryStore of the tree, once it is known; `store_error`: why there is none."""
        self.store_error: str | None = None
        self.is_closed = False
        self.on_closed: set[Callable[[], object]] = set()
        """Called in the tree's thread when the tree is gone."""

    # For the server's thread

    def task(self, task_id: int) -> Any:
        """The living task of this id; None if there is none."""
        return self._objects.get(task_id)

    def pointer(self, task_id: int) -> int | None:
        """What `from_pointer` takes for it."""
        task = self._objects.get(task_id)
        return None if task is None else id(task)

    def first_of(self, kind: type[Any]) -> Any:
        """The first living task of this class; None if there is none."""
        return next((task for task in list(self._objects.values()) if isinstance(task, kind)), None)

    def stopped(self, task_id: int) -> Stopped | None:
        """The task of this id, if it is one of those that stopped last."""
        with self._guard:
            return self._stopped.get(task_id)

    def has_failed(self, task_id: int) -> bool:
        """Whether the last life of a task that has stopped failed."""
        return task_id in self._failed

    def all_stopped(self) -> list[TaskRow]:
        """Those that stopped last, in this order."""
        with self._guard:
            return [one.row for one in self._stopped.values()]

    # For the tree, in its own thread

    def attached(self, root: Any) -> None:
        super().attached(root)
        left = [root]
        while left:
            task = left.pop()
            self._objects[task.task_id] = task
            left.extend(getattr(task, "children", ()))

    def task_added(self, task: Any) -> None:
        self.counts.added += 1
        self._objects[task.task_id] = task
        with self._guard:
            self._stopped.pop(task.task_id, None)
            self._failed.discard(task.task_id)
        super().task_added(task)

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        if new is TaskState.DISPOSED:
            row = self.row(task.task_id)
            self._objects.pop(task.task_id, None)
            if row is not None:
                self._remember(Stopped(row._replace(state=new, children=0, held_by=None, retry_at=None), task))
        else:
            self._objects.setdefault(task.task_id, task)  # run-tasks that were there before
        super().state_changed(task, old, new)

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        self.counts.retries += 1
        super().retry_planned(task, error, delay)

    def life_ended(self, record: LifeRecord) -> None:
        self.counts.ended += 1
        self.counts.failures += record.failed
        if record.failed and record.final:  # it is DISPOSED next, and forgotten when it is remembered no more
            self._failed.add(record.id)

    def closed(self, root: Any) -> None:
        self.is_closed = True
        for tell in tuple(self.on_closed):
            tell()

    def _remember(self, stopped: Stopped) -> None:
        with self._guard:
            self._stopped[stopped.row.id] = stopped
            self._stopped.move_to_end(stopped.row.id)
            while len(self._stopped) > self._keep:
                self._failed.discard(self._stopped.popitem(last=False)[0])
