"""Whose hook is running here (M9), and which loops it holds up (Q6, L11)."""

from __future__ import annotations

import threading
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


class Plain:
    """The plain hook that is running in the thread of one tree, if one is.

    Nothing else can run there until it returns, so this is enough, and a context variable would cost ten times as much.
    """

    __slots__ = ("hook", "plain", "thread")

    def __init__(self) -> None:
        self.hook: Any = None
        self.plain = self
        self.thread = threading.get_ident()

    def call(self, hook: Hook, function: Callable[[], Any]) -> Any:
        """Call a plain function as this hook."""
        self.hook = hook
        try:
            return function()
        finally:
            self.hook = None


CURRENT: ContextVar[Any] = ContextVar("gotask_current", default=None)
"""Whose code a context is for: a life with a context of its own, a Call, or, elsewhere in a tree, its Plain."""


def current_hook() -> Any:
    """The hook that is running here, as a Life or a Call; None outside of all."""
    own = CURRENT.get()
    if own is None:
        return None
    plain = own.plain
    if plain.hook is not None and plain.thread == threading.get_ident():
        return plain.hook
    return None if own is plain else own


def current_task() -> Any:
    """The task whose hook is running, also in its threads and in whatever an async one spawned; None elsewhere (M9)."""
    hook = current_hook()
    return None if hook is None else hook.task


def running_hooks() -> Iterator[Hook]:
    """The hook that is running here, then the one that waits for it, and so on outwards."""
    hook = current_hook()
    while hook is not None:
        yield hook
        hook = hook.outer


def holds(loop: Loop) -> bool:
    """Whether code that runs here holds that loop up (Q6: it follows contextvars, and ends with the hook)."""
    return any(hook.loop is loop and loop.holder is hook for hook in running_hooks())
