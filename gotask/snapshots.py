"""A tree as plain values, and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gotask.states import TaskState, TaskType
from gotask.tracing import as_text, as_texts, on_one_line, owner_type_of


@dataclass(frozen=True, slots=True)
class TaskSnapshot:
    """One task as it was, with all below it. `blocked_by` is the id of the child that holds up its loop."""

    id: int
    key: str
    owner_type: str
    type: TaskType
    state: TaskState
    level: int
    duration: float
    retry_count: int
    max_retry: int
    stop_reason: str | None
    blocked_by: int | None
    descriptions: tuple[tuple[str, str], ...]
    children: tuple[TaskSnapshot, ...]

    def __iter__(self) -> Iterator[TaskSnapshot]:
        """It and all below it, parents first."""
        left = [self]
        while left:
            one = left.pop()
            yield one
            left.extend(reversed(one.children))

    def find(self, owner_type: str) -> TaskSnapshot | None:
        """The first one of that owner type."""
        return next((one for one in self if one.owner_type == owner_type), None)

    def render_text(self, *, ids: bool = True, ascii_only: bool = False) -> str:
        """The tree as text, a line for each task, without times, so that the same tree gives the same text.

        Args:
            ids: Show the ids.
            ascii_only: Draw with ASCII characters only.
        """
        tee, corner, bar = ("|- ", "`- ", "|  ") if ascii_only else ("├─ ", "└─ ", "│  ")
        lines: list[str] = []
        left: list[tuple[TaskSnapshot, str, str]] = [(self, "", "")]
        while left:
            one, lead, indent = left.pop()
            lines.append(lead + one._line(ids, ascii_only))
            last = len(one.children) - 1
            for index in range(last, -1, -1):
                child = one.children[index]
                end = index == last
                left.append((child, indent + (corner if end else tee), indent + ("   " if end else bar)))
        return "\n".join(lines)

    def _line(self, ids: bool, ascii_only: bool) -> str:
        words = [f"{self.owner_type}#{self.id}" if ids else self.owner_type, self.state.name]
        if self.key != str(self.id):
            words.insert(1, f"[{self.key}]")
        if self.retry_count:
            most = self.max_retry if self.max_retry >= 0 else ("any" if ascii_only else "∞")
            words.append(f"retry {self.retry_count}/{most}")
        if self.blocked_by is not None:
            words.append(f"held up by #{self.blocked_by}" if ids else "held up")
        if self.stop_reason is not None:
            words.append(f"({self.stop_reason})")
        return on_one_line(" ".join(words))


def snapshot(task: Any) -> TaskSnapshot:
    """A task and all below it, as plain values that no longer change. Run-tasks are not in it (J7).

    Take it in the tree's own thread; in another one the parts may be of different moments.

    Raises:
        TypeError: It is no task.
    """
    if not hasattr(task, "_life") or isinstance(task, type):
        raise TypeError(f"snapshot() takes a task, such as a root (of a BlockingRoot: its `root`), not {task!r}")
    order: list[Any] = []
    left = [task]
    while left:
        one = left.pop()
        order.append(one)
        left.extend(getattr(one, "children", ()))
    made: dict[int, TaskSnapshot] = {}
    for one in reversed(order):  # children first, without recursion
        below = tuple(made.pop(child.task_id) for child in getattr(one, "children", ()) if child.task_id in made)
        made[one.task_id] = _of(one, below)
    return made[task.task_id]


def _of(task: Any, children: tuple[TaskSnapshot, ...]) -> TaskSnapshot:
    reason = task.stop_reason
    blocked = getattr(task, "blocked", None)
    return TaskSnapshot(
        id=task.task_id,
        key=as_text(task.key),
        owner_type=owner_type_of(task),
        type=task.task_type,
        state=task.state,
        level=task.level,
        duration=task.duration,
        retry_count=task.retry_count,
        max_retry=task.max_retry,
        stop_reason=None if reason is None else type(reason).__name__,
        blocked_by=None if blocked is None else blocked.task_id,
        descriptions=tuple(as_texts(task.descriptions).items()),
        children=children,
    )
