"""A task run on behalf of a hook, which waits for it (J7)."""

from __future__ import annotations

from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from gotask.context import CURRENT, current_hook
from gotask.errors import Exit, TaskDisposedError, TaskStateError
from gotask.event_loop import EventLoop
from gotask.life import Life
from gotask.resources import Resource
from gotask.states import DISPOSED, STARTED

if TYPE_CHECKING:
    from gotask.pump import Pump


def life_of(task: Any) -> Life:
    """The life of what should be a task.

    Raises:
        TypeError: It is none.
    """
    life = getattr(task, "_life", None)
    if isinstance(life, Life) and not isinstance(task, type):
        return life
    if isinstance(task, type):
        raise TypeError(f"{task.__name__} is a class: add an instance, {task.__name__}(…)")
    raise TypeError(f"{task!r} is no task: give an instance of a gotask.Task class")


class RunHost:
    """The parent of a run-task: it has one child, and a loop of its own, in the caller's context."""

    escalates = True
    closing = None
    shuffled = False
    passing = True
    state = STARTED

    def __init__(self, caller: Life) -> None:
        self.parent = caller
        self.task = caller.task
        self.id = caller.id
        self.level = caller.level
        self.pump: Pump = caller.pump
        self.loop = caller.loop
        self.context: Context = copy_context()
        self.outer = current_hook()
        self.context.run(CURRENT.set, self.pump.plain)
        self.child_loop = EventLoop(self)
        self.child_loop.opened = True

    def reborn(self, life: Life) -> None:
        pass

    def forget(self, life: Life, failed: bool) -> None:
        pass

    def take_back(self, life: Life) -> None:
        raise TaskDisposedError("it was run by run_task, and that call is over: run it again")

    def heard_start(self, life: Life) -> None:
        self._listener().heard_start(life)

    def heard_end(self, life: Life) -> None:
        self._listener().heard_end(life)

    def _listener(self) -> Any:
        node: Any = self.parent
        while not hasattr(node, "heard_start"):
            node = node.parent
        return node


async def run_task(caller: Life, life: Life, origin: Any) -> None:
    """Have it live and wait for its end, to the end, whoever cancels the caller meanwhile."""
    if caller.parent is None:
        raise TaskStateError(f"{type(caller.task).__name__} is in no tree, so it cannot run a task: add it first")
    caller.pump.check_thread("run_task")
    if caller.state is DISPOSED or caller.is_stopped:
        raise TaskDisposedError(
            f"{caller.task.execution_path} is stopped, and runs no more tasks: add it to a Job that lives"
        )
    check_free(life)
    if life.state is DISPOSED:
        life.renew()
    host = RunHost(caller)
    life.added(host, life.task.key, origin)
    extras = caller.more()
    resource = Resource(life.task, lambda: life.stop(caller.request or caller.reason or Exit(), by_parent=True), True)
    extras.resources.append(resource)
    extras.run_tasks.append(life)
    life.loop.post(life)
    try:
        await life.wait_ended()
    finally:
        if life.state is not DISPOSED:
            life.stop(caller.request or Exit(), by_parent=True)
            await host.pump.backend.shielded(life.wait_ended)
        if resource in extras.resources:
            extras.resources.remove(resource)
        extras.run_tasks.remove(life)


def check_free(life: Life) -> None:
    """Refuse a task that is alive in a tree already (J4)."""
    if life.parent is not None and life.state is not DISPOSED:
        raise TaskStateError(
            f"{life.task.execution_path} is alive in a tree already ({life.state.name}): make another instance, "
            f"or wait until it has stopped"
        )
