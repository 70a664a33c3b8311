"""Who is above a life in its tree, and who is below it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def lineage(life: Any) -> Iterator[Any]:
    """A life, its parent, and so on up to that of the root."""
    while life is not None and life.parent is not None:
        yield life
        life = life.parent


def living(top: Any) -> Iterator[Any]:
    """This life and all below it, run-tasks and those that wait for a key too, parents before their children."""
    left = [top]
    while left:
        life = left.pop()
        yield life
        below = [*getattr(life, "children", {}).values(), *(getattr(life, "replacing", None) or {}).values()]
        below += () if life.extras is None else life.extras.run_tasks
        left.extend(reversed(below))
