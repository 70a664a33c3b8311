"""What one life must release: last in, first out (D8)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

METHODS = ("aclose", "close", "recycle")
"""Names under which an object may offer its release; the first one found is called."""


class Resource:
    """One thing that is held, and how to let go of it. `at_stop`: already when a stop is requested (S4)."""

    __slots__ = ("at_stop", "release", "what")

    def __init__(self, what: Any, release: Callable[[], Any], at_stop: bool) -> None:
        self.what = what
        self.release = release
        self.at_stop = at_stop


def is_manager(what: Any) -> bool:
    """Whether it is a context manager, plain or async."""
    return hasattr(what, "__exit__") or hasattr(what, "__aexit__")


def releaser(what: Any, verb: str) -> Callable[[], Any]:
    """The function that releases `what`, which is no task; it may be async.

    Raises:
        TypeError: There is no way to release it.
    """
    if inspect.iscoroutine(what):
        what.close()
        raise TypeError(f"{verb}() takes the function, not the coroutine it returns: leave the brackets away")
    if not isinstance(what, type):
        for name in METHODS:
            method = getattr(what, name, None)
            if callable(method):
                return method  # type: ignore[no-any-return]
        if callable(what) and not is_manager(what):  # those of contextlib can be called: as decorators
            return what  # type: ignore[no-any-return]
    hint = ": enter a context manager with `await self.enter(…)`" if is_manager(what) else ""
    raise TypeError(
        f"{verb}() takes a task, a function, or an object with aclose, close or recycle, not {what!r}{hint}"
    )
