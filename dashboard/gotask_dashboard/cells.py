"""The kernel under a widget: which cell made it, and replies that lose no request."""

from __future__ import annotations

import sys
from typing import Any
from weakref import WeakKeyDictionary

MADE: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()
"""The widgets that were made in a cell: which one, and in which of its runs."""


def enter(widget: Any) -> None:
    """Note where this widget is made, and supersede those that an earlier run of the same cell made."""
    reply_through_the_stream()
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
    shell = shell_here()
    if not hasattr(shell, "get_parent"):
        return None
    cell = shell.get_parent().get("metadata", {}).get("cellId")
    return None if cell is None else (str(cell), shell.execution_count)


def reply_through_the_stream() -> None:
    """Keep this kernel from going deaf, which ipykernel 7.0 to 7.3 does now and then while widgets talk.

    It reads requests with a stream, but sends replies past it, on the stream's socket. A request that arrives just then
    is never read, nor is any after it: https://github.com/ipython/ipykernel/pull/1529, which is part of 7.4.
    """
    kernel: Any = getattr(shell_here(), "kernel", None)
    manager: Any = getattr(getattr(kernel, "shell_channel_thread", None), "manager", None)
    if hasattr(manager, "_shell_socket"):
        manager._shell_socket = kernel.shell_stream


def shell_here() -> Any:
    """The shell of IPython that runs the cells; None outside of one."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()
