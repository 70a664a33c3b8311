"""A tree as rows of plain values that any thread may read, and what has changed since a reader last looked (H6)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from gotask.events import Observer
from gotask.family import living
from gotask.records import Step
from gotask.states import DISPOSED, RETRYING, STARTED, STARTING, TaskState, TaskType
from gotask.stop_report import asked_of
from gotask.tracing import as_text, as_texts, owner_type_of, where

EMPTY: Mapping[str, str] = MappingProxyType({})


class TaskRow(NamedTuple):
    """One living task, as it was when the row was taken. Instants are seconds since the epoch; None: not yet.

    `added_at`: of `add_task`; `began_at`: when its latest life was due; `started_at`: STARTED in that life;
    `asked_at`: the stop request; `retry_at`: in RETRYING, when the next life is due. `stop_reason` is why it was asked
    to stop or, in RETRYING, what it failed with. `held_by`: the child whose hook holds up its loop; its own id for a
    `call`. `descriptions` and `step`, the latest one of this life, are text.
    """

    id: int
    parent_id: int | None
    key: str
    owner_type: str
    task_type: TaskType
    level: int
    state: TaskState
    start_reason: str
    added_at: float
    began_at: float | None = None
    started_at: float | None = None
    asked_at: float | None = None
    retry_at: float | None = None
    life: int = 0
    retries: int = 0
    max_retry: int = 0
    stop_reason: str | None = None
    held_by: int | None = None
    children: int = 0
    descriptions: Mapping[str, str] = EMPTY
    step: str | None = None


COLUMN = {name: index for index, name in enumerate(TaskRow._fields)}
"""The place of each field in a row."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed for one reader: rows that are new or different, in no order, and the ids of those that are gone.

    Whoever applies all changes in order has the tree as it was when the last of them was taken.
    """

    rows: tuple[TaskRow, ...]
    removed: tuple[int, ...]


class Subscription:
    """One reader of a LiveTree, as slow as it likes: what changes several times meanwhile is told once.

    It takes memory for each task that lives or of which the reader knows, never for each change.
    """

    def __init__(self, tree: LiveTree, wake: Callable[[], object] | None) -> None:
        self._tree = tree
        self._wake = wake
        self._known: set[int] = set()
        self._dirty: set[int] = set()
        self._woken = False

    def take(self) -> Changes:
        """What has changed since the last call; the first one gives the whole tree. From any thread."""
        return self._tree._take(self)

    def close(self) -> None:
        """Be woken no more."""
        self._tree._unsubscribe(self)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class LiveTree(Observer):
    """The living tasks as plain values: `root.observe(tree)`, then read it from any thread, also while the loop hangs.

    It holds no task. A task is gone from it once it is DISPOSED; see the history for what is over.
    """

    def __init__(self) -> None:
        self._rows: dict[int, TaskRow] = {}  # made anew by each change, so that a reader has the lock for no longer
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()

    # For readers, in any thread

    def rows(self) -> list[TaskRow]:
        """All of them, parents before their children."""
        with self._lock:
            return [*self._rows.values()]

    def row(self, task_id: int) -> TaskRow | None:
        """One of them; None if it does not live."""
        with self._lock:
            return self._rows.get(task_id)

    def __len__(self) -> int:
        return len(self._rows)

    def subscribe(self, wake: Callable[[], object] | None = None) -> Subscription:
        """A reader that is told what changes.

        Args:
            wake: Called when there is something to take, and not again before it is taken; in the tree's thread, so it
                must be quick, and only hand over (`loop.call_soon_threadsafe(event.set)`).
        """
        subscription = Subscription(self, wake)
        with self._lock:
            subscription._dirty.update(self._rows)
            self._subscriptions = {*self._subscriptions, subscription}
        return subscription

    def soon(self, function: Callable[[], object]) -> None:
        """Have it called in the tree's thread, from any thread.

        Raises:
            TaskDisposedError: The event loop of the tree is closed.
        """
        self._backend.call_from_thread(function)

    def later(self, delay: float, function: Callable[[], object]) -> Any:
        """In the tree's thread: have it called there after so many seconds; `cancel()` of the answer takes it back."""
        return self._backend.call_at(self._backend.clock() + delay, function)

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = self._subscriptions - {subscription}

    def _take(self, subscription: Subscription) -> Changes:
        with self._lock:
            dirty, subscription._dirty, subscription._woken = subscription._dirty, set(), False
            all_rows = self._rows
            rows = [all_rows[one] for one in dirty if one in all_rows]
            removed = [one for one in dirty if one not in all_rows]
            subscription._known.update(dirty)
            subscription._known.difference_update(removed)
        return Changes(tuple(sorted(rows)), tuple(sorted(removed)))  # by id, which comes first in a row

    # For the tree, in its own thread

    def attached(self, root: Any) -> None:
        self._backend = root._life.pump.backend
        for life in living(root._life):
            self._enter(life)

    def task_added(self, task: Any) -> None:
        self._enter(task._life)

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        life = task._life
        wall = life.pump.wall
        if new is DISPOSED:
            self._leave(life.id)
        elif new is STARTING:
            self._set(
                life.id, state=new, began_at=wall + life.began_at, started_at=None, retry_at=None, life=life.number,
                max_retry=task.max_retry, stop_reason=reason_of(task), step=None,
            )  # fmt: skip
        elif new is STARTED and old is STARTING:
            self._set(life.id, state=new, started_at=wall + life.started_at)
        else:
            self._set(life.id, state=new, stop_reason=reason_of(task))

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        life = task._life
        self._set(life.id, asked_at=life.pump.wall + asked_of(life)[0], stop_reason=as_text(reason))

    def retry_planned(self, task: Any, error: BaseException, delay: float) -> None:
        life = task._life
        self._set(life.id, retry_at=life.pump.wall + life.extras.next_due_at, retries=task.retry_count)

    def loop_held(self, job: Any, task: Any) -> None:
        self._set(job.task_id, held_by=None if task is None else task.task_id)

    def description_changed(self, task: Any) -> None:
        self._set(task.task_id, descriptions=as_texts(task.descriptions))

    def step_recorded(self, task: Any, step: Step) -> None:
        self._set(task.task_id, step=step.name)

    def _enter(self, life: Any) -> None:
        row = row_of(life)  # before the lock: it asks values for their text, which may do anything
        with self._lock:
            self._rows[life.id] = row
            self._count(life.parent.id, 1)
            self._mark(life.id)
        self._wake_readers()

    def _leave(self, task_id: int) -> None:
        with self._lock:
            row = self._rows.pop(task_id, None)
            if row is None:
                return
            self._count(row.parent_id, -1)
            for reader in self._subscriptions:
                if task_id in reader._known:
                    reader._dirty.add(task_id)
                else:
                    reader._dirty.discard(task_id)  # it came and went unseen
        self._wake_readers()

    def _set(self, task_id: int, **values: Any) -> None:
        with self._lock:
            row = self._rows.get(task_id)
            if row is None:
                return
            self._replace(row, values)
        self._wake_readers()

    def _count(self, parent_id: int | None, change: int) -> None:
        parent = None if parent_id is None else self._rows.get(parent_id)
        if parent is not None:
            self._replace(parent, {"children": parent.children + change})

    def _replace(self, row: TaskRow, values: dict[str, Any]) -> None:
        fields: list[Any] = [*row]  # half the time of row._replace(**values)
        for name, value in values.items():
            fields[COLUMN[name]] = value
        self._rows[row.id] = TaskRow._make(fields)
        self._mark(row.id)

    def _mark(self, task_id: int) -> None:
        for reader in self._subscriptions:
            reader._dirty.add(task_id)

    def _wake_readers(self) -> None:
        for reader in self._subscriptions:
            if reader._dirty and not reader._woken:
                reader._woken = True
                if reader._wake is not None:
                    reader._wake()


def reason_of(task: Any) -> str | None:
    """Why it is to stop, or why its life ended, as text."""
    reason = task.stop_reason
    return None if reason is None else as_text(reason)


def row_of(life: Any) -> TaskRow:
    """A task as it is now."""
    task, extras = life.task, life.extras

    def instant(value: float | None) -> float | None:
        return None if value is None else life.pump.wall + value

    loop = getattr(life, "child_loop", None)
    return TaskRow(
        id=life.id,
        parent_id=life.parent.id,
        key=as_text(task.key),
        owner_type=owner_type_of(task),
        task_type=task.task_type,
        level=life.level,
        state=life.state,
        start_reason=where(life.origin),
        added_at=life.pump.wall + life.added_at,
        began_at=instant(life.began_at),
        started_at=instant(life.started_at),
        asked_at=None if life.request is None else instant(asked_of(life)[0]),
        retry_at=instant(extras.next_due_at) if extras is not None and life.state is RETRYING else None,
        life=life.number,
        retries=task.retry_count,
        max_retry=task.max_retry,
        stop_reason=reason_of(task),
        held_by=loop.holder.task.task_id if loop is not None and loop.drive is not None else None,
        descriptions=as_texts(task.descriptions) if task.descriptions else EMPTY,
        step=task.steps[-1].name if task.steps else None,
    )
