"""Whose hook is running here (M9), and which loops it holds up (Q6, L11)."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Loop(Protocol):
    """The loop in which the hooks of a Job's children are called."""

    holder: Any


class Hook(Protocol):
    """What can hold a loop up: a life whose hook is running, or a `call`."""

    @property
    def loop(self) -> Any:
        """The loop in which it runs."""

    @property
    def outer(self) -> Any:
        """The hook that waits for this one, if one does."""

    @property
    def task(self) -> Any:
        """The task it belongs to."""


CURRENT: ContextVar[Hook | None] = ContextVar("gotask_current", default=None)
"""Set in a life's own context once; in the context of a Job, before each plain hook that is called in it."""


def current_task() -> Any:
    """The task whose hook is running, also in its threads and in whatever it spawned; None outside of all (M9)."""
    hook = CURRENT.get()
    return None if hook is None else hook.task


def running_hooks() -> Iterator[Hook]:
    """The hook that is running here, then the one that waits for it, and so on outwards."""
    hook = CURRENT.get()
    while hook is not None:
        yield hook
        hook = hook.outer


def holds(loop: Loop | None) -> bool:
    """Whether code that runs here holds that loop up (Q6: it follows contextvars, and ends with the hook)."""
    return loop is not None and any(hook.loop is loop and loop.holder is hook for hook in running_hooks())


def call_as(hook: Hook, function: Callable[[], Any]) -> Any:
    """Call a plain hook in the context that is current."""
    CURRENT.set(hook)
    return function()
