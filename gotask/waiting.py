"""Waiting for a task, with waiters made on demand, and the check that it is no deadlock (L11)."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Any

from gotask.context import running_hooks
from gotask.errors import TaskStateError
from gotask.states import INIT, RETRYING

if TYPE_CHECKING:
    from gotask.backend import Backend


class Waiters:
    """The coroutines that wait for one thing to happen once."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[Backend, Awaitable[Any]]] = []

    async def wait(self, backend: Backend) -> None:
        """Wait until `release` is called."""
        waiter = backend.waiter()
        self._waiting.append((backend, waiter))
        try:
            await waiter
        except BaseException:
            if (backend, waiter) in self._waiting:
                self._waiting.remove((backend, waiter))
            raise

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def release(self) -> None:
        """Let all go on."""
        waiting, self._waiting = self._waiting, []
        for backend, waiter in waiting:
            backend.wake(waiter)


def lineage(life: Any) -> Iterator[Any]:
    """A life, its parent, and so on up to that of the root."""
    while life is not None and life.parent is not None:
        yield life
        life = life.parent


def check_wait(target: Any, what: str) -> None:
    """Refuse a wait for the life `target` that could never end, because it needs what the waiting hook holds.

    Raises:
        TaskStateError: It would be a deadlock (L11).
    """
    for hook in running_hooks():
        if any(own is target for own in lineage(hook)):
            relation = "itself" if hook is target else "one of its ancestors"
            raise TaskStateError(
                f"{hook.task.execution_path} waits for {relation} ({what} of {target.task.execution_path}), "
                f"which ends only after it: that would wait for ever. Use stop(), or wait in a task beside it."
            )
        if hook.loop.holder is hook and _needs(target, hook.loop):
            raise TaskStateError(
                f"a hook of {hook.task.execution_path} holds the loop of its parent while it waits for {what} of "
                f"{target.task.execution_path}, which needs that same loop: that would wait for ever. "
                f"Wait in `go` instead of `run` or `start`, or in another task."
            )


def _needs(target: Any, loop: Any) -> bool:
    return any(life.loop is loop and (life is target or life.state in (INIT, RETRYING)) for life in lineage(target))
