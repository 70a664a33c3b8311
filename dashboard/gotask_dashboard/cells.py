"""Which cell of a notebook made a widget: run again, it makes another one, and the one before is to go."""

from __future__ import annotations

import sys
from typing import Any
from weakref import WeakKeyDictionary

MADE: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()
"""The widgets that were made in a cell: which one, and in which of its runs."""


def enter(widget: Any) -> None:
    """Note where this widget is made, and supersede those that an earlier run of the same cell made."""
    here = current()
    if here is None:
        return
    for other, (cell, run) in list(MADE.items()):
        if cell == here[0] and run != here[1]:
            del MADE[other]
            other.supersede()
    MADE[widget] = here


def current() -> tuple[str, int] | None:
    """The cell that runs, and the number of its run; None outside of a notebook, or if it does not say."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    cell = shell.get_parent().get("metadata", {}).get("cellId")
    return None if cell is None else (str(cell), shell.execution_count)
