"""Waiting for a task, with waiters made on demand, and the check that it is no deadlock (L11)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from gotask.context import running_hooks
from gotask.errors import TaskStateError
from gotask.family import lineage
from gotask.states import INIT, RETRYING

if TYPE_CHECKING:
    from gotask.backend import Backend

T = TypeVar("T")


class Waiters:
    """The coroutines that wait for one thing to happen once."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Awaitable[Any], Backend] = {}

    async def wait(self, backend: Backend) -> None:
        """Wait until `release` is called."""
        waiter = backend.waiter()
        self._waiting[waiter] = backend
        try:
            await waiter
        finally:
            self._waiting.pop(waiter, None)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def release(self) -> None:
        """Let all go on."""
        waiting, self._waiting = self._waiting, {}
        for waiter, backend in waiting.items():
            backend.wake(waiter)


def wait_for(target: Any, what: str, wait: Callable[[], Awaitable[T]]) -> Awaitable[T]:
    """Wait for a life or a call, unless that could never end.

    Raises:
        TaskStateError: It would be a deadlock (L11).
    """
    hooks = check_wait(target, what)
    return _wait_as(hooks, target, wait) if hooks else wait()


async def _wait_as(hooks: list[Any], target: Any, wait: Callable[[], Awaitable[T]]) -> T:
    """Wait, and have it known meanwhile for what these hooks hold their loops."""
    waits = [(hook.loop, (hook, target)) for hook in hooks]
    for loop, own in waits:
        loop.waits = [*(loop.waits or ()), own]
    try:
        return await wait()
    finally:
        for loop, own in waits:
            loop.waits.remove(own)


def check_wait(target: Any, what: str) -> list[Any]:
    """The waiting hooks that hold a loop; a wait that could never end, because it needs one of these, is refused."""
    hooks = []
    for hook in running_hooks():
        if any(own is target for own in lineage(hook)):
            relation = "itself" if hook is target else "one of its ancestors"
            raise TaskStateError(
                f"{hook.task.execution_path} waits for {relation} ({what} of {target.task.execution_path}), "
                f"which ends only after it: that would wait for ever. Use stop(), or wait in a task beside it."
            )
        if hook.loop.holder is hook:
            hooks.append(hook)
    if hooks:
        _check_circle(target, what, hooks)
    return hooks


def _check_circle(target: Any, what: str, hooks: list[Any]) -> None:
    """Follow what the target needs, what the holders of that wait for, and so on: it must not lead back to `hooks`."""
    left = [(target, "that same loop")]
    seen: set[Any] = set()
    while left:
        wanted, needs = left.pop()
        for loop in _needed(wanted):
            holder = loop.holder
            if holder in hooks:
                raise TaskStateError(
                    f"a hook of {holder.task.execution_path} holds the loop of its parent while it waits for {what} of "
                    f"{target.task.execution_path}, which needs {needs}: that would wait for ever. "
                    f"Wait in `go` instead of `run` or `start`, or in another task."
                )
            if holder is not None and holder not in seen:
                seen.add(holder)
                needs = f"a loop held by {holder.task.execution_path}, which waits for what needs the first loop"
                left += [(other, needs) for hook, other in loop.waits or () if hook is holder]


def _needed(target: Any) -> Iterator[Any]:
    """The loops that must be free before the target can start or end."""
    for life in lineage(target):
        if life is target or life.state in (INIT, RETRYING):
            yield life.loop
