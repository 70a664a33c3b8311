"""The roots of this process, and what one asks of all of them."""

from __future__ import annotations

import weakref
from typing import Any

from gotask.events import Observer, check_observer
from gotask.family import living
from gotask.history import newest
from gotask.records import LifeRecord
from gotask.states import DISPOSED

ROOTS: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
"""The roots that were opened and are not garbage yet, by id: where `from_pointer` and `get_task_history` look."""

OPEN: dict[int, Any] = {}
"""The roots that are open, by id: asyncio holds its tasks weakly, so a root that nobody else holds could vanish."""

EVERYWHERE: list[Observer] = []
"""The observers of every root that is opened."""


def observe(observer: Observer) -> None:
    """Have an observer told of what happens in every tree that is opened from now on, from its beginning (H6).

    Raises:
        TypeError: It is no observer.
    """
    check_observer(observer)
    EVERYWHERE.append(observer)


def unobserve(observer: Observer) -> None:
    """Take `observe` back; the trees that are open go on telling it."""
    EVERYWHERE[:] = [other for other in EVERYWHERE if other is not observer]


def get_task_history(**filters: Any) -> list[LifeRecord]:
    """The lives remembered by all roots of this process, newest last; the filters are those of `History.records`."""
    limit, offset = filters.pop("limit", None), filters.pop("offset", 0)
    records = [record for root in tuple(ROOTS.values()) for record in root.history.records(**filters)]
    records.sort(key=lambda record: record.ended_at)
    return newest(records, limit, offset)


def from_pointer(pointer: int) -> Any:
    """The living task with this `pointer`.

    Raises:
        LookupError: None of the living tasks has it. It is never a cast, so any number is safe.
    """
    for root in tuple(ROOTS.values()):
        for life in living(root._life):
            if life.state is not DISPOSED and id(life.task) == pointer:
                return life.task
    raise LookupError(f"no living task has the pointer {pointer}")
