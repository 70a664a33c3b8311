"""A coroutine driven by hand, so that a hook which never really waits costs no task of the back end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, Protocol

Outcome = Callable[[Any, BaseException | None], Any]
"""Called once with what a coroutine returned, or with what it raised."""

CLOSED = "the event loop of this tree is closed: nothing can be asked of it any more"

FIRST_AGAIN, LAST_AGAIN = 0.05, 1.0
"""Seconds after which a body that swallowed its cancellation gets it again: doubling, from the one to the other.
anyio and trio deliver it at each await, so that a body which goes on regardless spins a CPU."""


class Drive:
    """Takes the first step of `coro` at once, in `context`; whoever awaits it takes the others.

    The awaiting coroutine lends its back-end task: what the hook did with it before it first waited
    (entered a scope, asked for the current task) stays true. `then` is what is to be done when it is over,
    `loop` the one it holds up.
    """

    __slots__ = ("_trap", "context", "coro", "error", "loop", "suspended", "then", "value")

    def __init__(self, coro: Coroutine[Any, Any, Any], context: Context) -> None:
        self.coro = coro
        self.context = context
        self.value: Any = None
        self.error: BaseException | None = None
        self.then: Outcome | None = None
        self.loop: Any = None
        self._step(coro.send, None)

    def _step(self, resume: Callable[[Any], Any], argument: Any) -> None:
        try:
            self._trap = self.context.run(resume, argument)
            self.suspended = True
        except StopIteration as stop:
            self.suspended, self.value = False, stop.value
        except BaseException as error:
            self.suspended, self.error = False, error

    def __await__(self) -> Generator[Any, Any, None]:
        while self.suspended:
            try:
                value = yield self._trap
            except GeneratorExit:
                self.coro.close()
                raise
            except BaseException as error:
                self._step(self.coro.throw, error)
            else:
                self._step(self.coro.send, value)

    def cancel(self) -> None:
        """Make the coroutine end at the point where it waits; again, ever more slowly, as long as it does not."""
        raise NotImplementedError


class Scope(Protocol):
    """A cancel scope, of trio or of anyio."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: Any) -> bool | None: ...

    @property
    def cancel_called(self) -> bool: ...

    def cancel(self) -> None: ...


class ScopedDrive(Drive):
    """A Drive whose coroutine runs in a cancel scope of its own."""

    __slots__ = ("_scope",)

    def __init__(self, coro: Coroutine[Any, Any, Any], context: Context, scope: Scope) -> None:
        self._scope = scope
        scope.__enter__()  # before the first step: scopes the hook enters must lie inside
        super().__init__(coro, context)

    def _step(self, resume: Callable[[Any], Any], argument: Any) -> None:
        super()._step(resume, argument)
        if not self.suspended:
            self._leave()

    def _leave(self) -> None:
        error = self.error
        try:
            caught = self._scope.__exit__(error and type(error), error, error and error.__traceback__)
            if caught and isinstance(error, BaseExceptionGroup):
                self.error = None  # a plain cancellation stays, for what it may hide (S10)
        except BaseException as left:  # of a group, after the cancellations were taken out
            self.error = left

    def cancel(self) -> None:
        self._scope.cancel()


class Handle(Protocol):
    """What can be cancelled: a body that was spawned, a body driven by hand, a timer."""

    def cancel(self) -> None:
        """End it; more than once is harmless."""


class Backend(Protocol):
    """All that the library needs of an asynchronous back end, beside anyio."""

    name: str
    loop: Any
    """What tells this event loop from others."""
    clock: Callable[[], float]

    async def open(self, on_cancel: Callable[[], None]) -> None:
        """Begin: called once, in the loop the tree will live in.

        `on_cancel` hears that the loop is ending.
        """

    def finish(self) -> None:
        """End, and cancel what was abandoned."""

    async def wait_finished(self) -> None:
        """Wait until nothing of this tree is left in the back end; may be called again and again."""

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]], context: Context) -> Any:
        """Run an async function of the library's own, which raises nothing."""

    def spawn_body(self, coro: Coroutine[Any, Any, Any], context: Context, done: Outcome) -> Handle:
        """Run a body in a task of its own."""

    def drive(self, coro: Coroutine[Any, Any, Any], context: Context, cancellable: bool = False) -> Drive:
        """Take the first step of a hook at once, by hand."""

    def call_at(self, when: float, function: Callable[[], object]) -> Handle:
        """Call a plain function at that time of `clock`."""

    def call_from_thread(self, function: Callable[..., object], *args: Any) -> None:
        """Call a plain function soon, in the loop; the one method that other threads may use.

        Raises:
            TaskDisposedError: The loop is over.
        """

    def wake_on_signals(self) -> Callable[[], None]:
        """Have a signal wake the loop, so that its Python handler is called at once; return what undoes it (M3)."""

    def waiter(self) -> Awaitable[Any]:
        """What one coroutine awaits until it is given to `wake`."""

    def wake(self, waiter: Any) -> None:
        """Let the coroutine go on that awaits it; more than once is harmless.

        Raises:
            TaskDisposedError: The loop is over.
        """

    def is_cancellation(self, error: BaseException) -> bool:
        """Whether this is the exception by which the back end cancels."""

    async def shielded(self, wait: Callable[[], Awaitable[Any]]) -> None:
        """Wait to the end, whoever cancels the caller meanwhile; then raise that cancellation (S8)."""

    async def pause(self) -> None:
        """Let everything else that is ready run once (Q5)."""


async def awaited(awaitable: Awaitable[Any]) -> Any:
    """Any awaitable as a coroutine."""
    return await awaitable
