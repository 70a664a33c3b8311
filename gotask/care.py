"""What a task looks after: resources it releases, and listeners it calls (D6, D8, S7)."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from gotask.errors import as_reason
from gotask.hooks import TaskMeta, check_call, is_async
from gotask.life import Life
from gotask.resources import Resource, releaser
from gotask.states import DISPOSED, INIT, RETRYING

T = TypeVar("T")

MAY_BE_ASYNC = ("on_before_dispose", "on_dispose")
"""Listeners that are called where there is time to wait (D10)."""


class Care(metaclass=TaskMeta):
    """The part of Task that takes things over, and lets go of them in order.

    What is given to it may be given from any thread; what cannot be taken is a TypeError at once.
    """

    __slots__ = ()

    _life: Life

    if TYPE_CHECKING:

        def _soon(self, action: Callable[[], object]) -> None:
            """Task has it."""

    def using(self, *things: Any) -> None:
        """Release these when this life ends: last in, first out, after `dispose` (D1, D8).

        Takes tasks (they are stopped), functions (plain or async), and objects with `aclose`, `close` or `recycle`.
        For a context manager see `enter`.

        Raises:
            TypeError: It is none of these.
            ValueError: It is this task.
        """
        for thing in things:
            self._take(thing, "using", at_stop=False)

    def on_stop(self, thing: Any) -> None:
        """Release it as soon as a stop is requested, before the body is told; else when the life ends (S4, S7).

        Takes what `using` takes.

        Raises:
            TypeError: It cannot be released.
            ValueError: It is this task.
        """
        self._take(thing, "on_stop", at_stop=True)

    async def enter(self, manager: AbstractAsyncContextManager[T] | AbstractContextManager[T]) -> T:
        """Enter a context manager, plain or async, and return what it gives; it is left when this life ends (D8).

        Raises:
            TypeError: It is none.
        """
        if isinstance(manager, AbstractAsyncContextManager):
            value = await manager.__aenter__()
            self._keep(Resource(manager, partial(manager.__aexit__, None, None, None), at_stop=False))
        elif isinstance(manager, AbstractContextManager):
            value = manager.__enter__()
            self._keep(Resource(manager, partial(manager.__exit__, None, None, None), at_stop=False))
        else:
            raise TypeError(f"enter() takes a context manager, not {manager!r}: for other things use using()")
        return value

    @property
    def resources(self) -> tuple[Any, ...]:
        """What is held now, the last one first to go."""
        extras = self._life.extras
        return () if extras is None else tuple(resource.what for resource in extras.resources)

    def _take(self, thing: Any, verb: str, at_stop: bool) -> None:
        if thing is self:
            raise ValueError(f"{verb}() was given the task itself, which would have to stop before it can stop")
        is_task = isinstance(getattr(thing, "_life", None), Life)
        release = partial(self._stop_other, thing) if is_task else releaser(thing, verb)
        resource = Resource(thing, release, at_stop)
        self._soon(lambda: self._keep(resource))

    def _stop_other(self, task: Any) -> None:
        life = self._life
        reason = as_reason(life.request if life.request is not None else life.reason)
        task._ask_to_stop(reason, (weakref.ref(self), None))

    def _keep(self, resource: Resource) -> None:
        """Keep it until its time has come; if that is over already, release it at once (S7)."""
        life = self._life
        late = life.state is DISPOSED and life.number > 0
        stopped = life.parent is not None and life.is_stopped and life.state is not RETRYING
        if late or (resource.at_stop and stopped):
            life.release_in_order(iter((resource,)), lambda: None)
        else:
            life.more().resources.append(resource)

    # Listeners

    def on_start(self, listener: Callable[[], object]) -> None:
        """Call a plain function whenever the task is STARTED. One registered in `start` serves that life only (D6)."""
        self._listen("on_start", listener)

    def on_before_dispose(self, listener: Callable[[], object]) -> None:
        """Call a function, plain or async, before `dispose` (D1, D10)."""
        self._listen("on_before_dispose", listener)

    def on_dispose(self, listener: Callable[[], object]) -> None:
        """Call a function, plain or async, when everything of the life is released (D1, D10)."""
        self._listen("on_dispose", listener)

    def _listen(self, moment: str, listener: Callable[..., object], *wanted: str) -> None:
        if not callable(listener):
            raise TypeError(f"{moment}() takes a function, not {listener!r}")
        if moment not in MAY_BE_ASYNC and is_async(listener):
            raise TypeError(
                f"{moment}() takes a plain function; an async one fits on_before_dispose and on_dispose (D10)"
            )
        check_call(listener, f"the function given to {moment}()", *wanted)
        self._soon(lambda: self._add_listener(moment, listener))

    def _add_listener(self, moment: str, listener: Callable[..., object]) -> None:
        life = self._life
        extras = life.more()
        listeners = extras.listeners if life.state in (INIT, RETRYING, DISPOSED) else extras.life_listeners
        listeners.setdefault(moment, []).append(listener)
