"""Every reason for which a task stops, and every error a wrong call gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class GotaskError(Exception):
    """The base of all reasons and errors of this library."""


class StopReason(GotaskError):
    """Why a task stopped, when nothing went wrong. A failure is any other exception."""


class TaskComplete(StopReason):
    """The body returned: the task has done what it was for (L6)."""


class StopByUser(StopReason):
    """Somebody called `stop()` and gave no other reason (S1)."""


class Exit(StopReason):
    """The whole tree was asked to end: `shutdown()`, a signal, or a cancellation from outside (S8)."""


class Restart(StopReason):
    """The life ended so that the next one can begin: `restart()` (R6)."""


class TimeoutReason(StopReason, TimeoutError):
    """The time allowed was over. Unlike the other stop reasons it counts as a failure (J2, S6)."""


class AutoStop(StopReason):
    """A Job had children, the last of them is gone, and its own body is over (J1).

    `failures` holds what its children failed with for good, the last 100 of them (J2);
    `failure_count` is how many there were in all.
    """

    def __init__(self, failures: Sequence[BaseException] = (), failure_count: int | None = None) -> None:
        self.failures = tuple(failures)
        self.failure_count = len(self.failures) if failure_count is None else failure_count
        failed = f"{self.failure_count} {'child' if self.failure_count == 1 else 'children'} failed"
        super().__init__(failed if self.failure_count else "all children are done")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.failures, self.failure_count)


class RetryExhausted(GotaskError):
    """All retries are spent. `__cause__` is the last failure (R5)."""


class TaskPanic(GotaskError):
    """A fault of this library's own loop. `__cause__` is the error (L15)."""


class CircuitOpenError(GotaskError):
    """A start was refused because the circuit breaker is open (R8)."""


class TaskStateError(GotaskError):
    """The call makes no sense in the state the task is in now; unlike TaskDisposedError, at another time it may."""


class TaskDisposedError(GotaskError):
    """The task it needs is stopped, or is stopping; unlike TaskStateError, waiting does not help (D9, J4)."""


class TooManyChildrenError(GotaskError):
    """`max_children` is reached; the Job is as it was (Q4)."""


class TaskExistsError(GotaskError):
    """The key is taken. `task` is the one that has it (J4)."""

    def __init__(self, message: str, task: Any = None) -> None:
        super().__init__(message)
        self.task = task

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args  # without the task, which cannot be pickled (L13)


def is_failure(reason: BaseException | None) -> bool:
    """Whether a reason means that something went wrong (J2): any exception but a StopReason, and TimeoutReason."""
    return reason is not None and (not isinstance(reason, StopReason) or isinstance(reason, TimeoutReason))


def leaves(error: BaseException) -> bool:
    """Whether it is meant for the whole program: KeyboardInterrupt or SystemExit, or a group with one (L14)."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(leaves, error.exceptions))
    return isinstance(error, KeyboardInterrupt | SystemExit)


def as_reason(reason: object) -> BaseException:
    """What `stop(reason)` takes, as an exception object (S1)."""
    if reason is None:
        return StopByUser()
    if isinstance(reason, BaseException):
        return reason
    if isinstance(reason, str):
        return StopByUser(reason)
    if isinstance(reason, type) and issubclass(reason, BaseException):
        return reason()
    raise TypeError(f"stop() takes an exception, an exception class, a string or nothing, not {reason!r}")


def causes(reason: BaseException) -> Iterator[BaseException]:
    """A reason, and whatever it holds in `__cause__` and in groups (S9)."""
    left, seen = [reason], set[int]()
    while left:
        error = left.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        if error.__cause__ is not None:
            left.append(error.__cause__)
        if isinstance(error, BaseExceptionGroup):
            left.extend(error.exceptions)


def is_one_of(reason: BaseException | None, kinds: Sequence[object]) -> bool:
    """Whether a reason, or what it holds, is one of these exceptions or of these classes (S9)."""
    for kind in kinds:
        if not isinstance(kind, BaseException) and not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"stop_reason_is() takes exceptions and exception classes, not {kind!r}")
    return reason is not None and any(
        isinstance(error, kind) if isinstance(kind, type) else error is kind
        for error in causes(reason)
        for kind in kinds
    )
