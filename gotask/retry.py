"""When a failed task lives again, and after what delay (R): numbers in, decision out."""

from __future__ import annotations

import math
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from gotask.errors import CircuitOpenError, StopReason, TimeoutReason, leaves

Errors = type[BaseException] | tuple[type[BaseException], ...]
"""An exception class, or a tuple of them, as `except` takes."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how fast a failed task is started again (R1).

    Args:
        max_retry: 0 none, n at most n retries, -1 for ever.
        interval: Seconds before the first retry; each further one waits `backoff` times as long (R2).
        max_interval: Upper bound of that wait, in seconds.
        jitter: Random share, 0 to 1, by which a wait is made longer or shorter.
        retry_on, give_up_on: Which exceptions are retried at all (R4).
        healthy_after: A life of so many seconds resets the count (R3).
        within: Only the retries of the last so many seconds count (R9).
        policies: Other policies by exception type (R4).
        fallback: A callable or task used when it fails for good (R7).
        breaker: A CircuitBreaker asked before each start (R8).
    """

    max_retry: int = 0
    interval: float = 1.0
    _: KW_ONLY
    backoff: float = 2.0
    max_interval: float | None = None
    jitter: float = 0.0
    retry_on: Errors = (Exception,)
    give_up_on: Errors = ()
    healthy_after: float | None = None
    within: float | None = None
    policies: Mapping[type[BaseException], RetryPolicy] | None = None
    fallback: Any = None
    breaker: CircuitBreaker | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.max_retry, int) or self.max_retry < -1:
            raise ValueError(f"max_retry is 0 (none), a positive number, or -1 (for ever), not {self.max_retry!r}")
        for name, least in (("interval", 0.0), ("backoff", 1.0)):
            _check_number(name, getattr(self, name), least)
        for name in ("max_interval", "healthy_after", "within"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name), 0.0)
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is a share between 0 and 1, not {self.jitter!r}")
        for name in ("retry_on", "give_up_on"):
            errors = getattr(self, name)
            if not all(map(_is_error_class, errors if isinstance(errors, tuple) else (errors,))):
                raise TypeError(f"{name} is an exception class or a tuple of them, not {errors!r}")
        if self.policies is not None and not isinstance(self.policies, Mapping):
            raise TypeError(f"policies maps exception classes to RetryPolicy; {self.policies!r} is no mapping")
        for error, policy in (self.policies or {}).items():
            if not (_is_error_class(error) and isinstance(policy, RetryPolicy)):
                raise TypeError(f"policies maps exception classes to RetryPolicy, not {error!r} to {policy!r}")
            if policy.fallback is not None or policy.breaker is not None or policy.policies is not None:
                raise ValueError(
                    f"the policy for {error.__name__} has a fallback, a breaker or policies of its own, which nobody "
                    f"would look at: give them to the policy of the task"
                )
        if isinstance(self.fallback, type) and hasattr(self.fallback, "_life"):
            name = self.fallback.__name__
            raise TypeError(f"fallback is the class {name}: give an instance, {name}(…)")
        if not (self.fallback is None or callable(self.fallback) or hasattr(self.fallback, "_life")):
            raise TypeError(f"fallback is a function, plain or async, or a task, not {self.fallback!r}")
        if not isinstance(self.breaker, CircuitBreaker | None):
            raise TypeError(f"breaker is a CircuitBreaker, not {self.breaker!r}")

    def retries(self, error: BaseException) -> bool:
        """Whether this failure is one to be retried (R4)."""
        if isinstance(error, StopReason) and not isinstance(error, TimeoutReason):
            return False
        if not isinstance(error, Exception) and not leaves(error):  # a CancelledError that nobody here caused (L14)
            return issubclass(Exception, self.retry_on) and not isinstance(error, self.give_up_on)
        return isinstance(error, self.retry_on) and not isinstance(error, self.give_up_on)

    def delay(self, attempt: int, rng: Callable[[], float] = random.random) -> float:
        """Seconds to wait before the retry with this number, the first being 1 (R2)."""
        try:
            delay = self.interval * self.backoff ** (attempt - 1)
        except OverflowError:
            delay = math.inf
        delay *= 1 + self.jitter * (2 * rng() - 1)
        return min(delay, self.max_interval if self.max_interval is not None else _A_YEAR)


def policy_of(max_retry: int | RetryPolicy, *more: Any, **options: Any) -> RetryPolicy:
    """What `set_retry` was given: a policy, or what one is made of.

    Raises:
        TypeError: Both.
    """
    if not isinstance(max_retry, RetryPolicy):
        return RetryPolicy(max_retry, *more, **options)
    if RetryPolicy(0, *more, **options) != RetryPolicy():
        raise TypeError("set_retry() takes a RetryPolicy or what one is made of, not both: see dataclasses.replace")
    return max_retry


_A_YEAR = 365 * 86400.0
"""No back-off is longer: timers of the back ends cannot take infinity."""


def _is_error_class(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseException)


def _check_number(name: str, value: float, least: float) -> None:
    if not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        raise ValueError(f"{name} is a number of at least {least:g}, not {value!r}")


@dataclass(slots=True)
class RetryCount:
    """How many retries of one task are spent: in all, and for each policy how many and at what times."""

    total: int = 0
    attempts: dict[type[BaseException] | None, int] = field(default_factory=dict)
    spent: dict[type[BaseException] | None, deque[float]] = field(default_factory=dict)

    def reset(self) -> None:
        """R3: begin to count anew."""
        self.total = 0
        self.attempts.clear()
        self.spent.clear()


@dataclass(slots=True, frozen=True)
class Verdict:
    """What follows a failure: a new life after `delay` seconds, or none. `spent`: there were retries, all are used."""

    delay: float | None
    spent: bool = False


def judge(policy: RetryPolicy, count: RetryCount, error: BaseException, lived_for: float, now: float) -> Verdict:
    """Whether a task that failed with `error` after `lived_for` seconds lives again (R1, R3, R4, R9)."""
    key = next((kind for kind in type(error).__mro__ if kind in (policy.policies or {})), None)
    if key is not None and policy.policies is not None:
        policy = policy.policies[key]
    if policy.healthy_after is not None and lived_for >= policy.healthy_after:
        count.reset()
    if policy.max_retry == 0 or not policy.retries(error):
        return Verdict(None)
    times = count.spent.setdefault(key, deque(maxlen=max(policy.max_retry, 1)))
    if times.maxlen != max(policy.max_retry, 1):
        times = count.spent[key] = deque(times, maxlen=max(policy.max_retry, 1))
    if policy.within is not None:
        while times and now - times[0] > policy.within:
            times.popleft()
    if 0 <= policy.max_retry <= len(times):
        return Verdict(None, spent=True)
    times.append(now)
    count.total += 1
    count.attempts[key] = count.attempts.get(key, 0) + 1
    return Verdict(policy.delay(len(times) if policy.max_retry > 0 else count.attempts[key]))


_ROUNDING = 1e-6
"""Seconds by which the sum of some instants may be off."""


class CircuitBreaker:
    """Stops tasks from starting while what they all need is down (R8).

    After `failures` failures in a row it is open: each start fails at once with CircuitOpenError. `reset_after`
    seconds later it lets one trial through (half-open): its success closes the breaker, its failure opens it again; so
    does a `start_timeout`, without which a trial that hangs in `start` stays the only one. Until then nothing that
    other lives do counts. It may be shared by tasks, also of trees in different threads.
    """

    def __init__(self, failures: int = 5, reset_after: float = 30.0) -> None:
        if not isinstance(failures, int) or failures < 1:
            raise ValueError(f"failures is a whole number of at least 1, not {failures!r}")
        _check_number("reset_after", reset_after, 0.0)
        self.failures = failures
        self.reset_after = reset_after
        self._failed = 0
        self._opened_at: float | None = None
        self._trial: tuple[object, float] | None = None
        """Who tries, and when its success is known at the latest: never, before it is STARTED."""
        self._lock = threading.Lock()

    @property
    def state(self) -> str:
        """`"closed"`, `"open"` or `"half-open"` (a trial is under way)."""
        if self._opened_at is None:
            return "closed"
        return "open" if self._trial is None else "half-open"

    def admit(self, now: float, who: object = None) -> None:
        """Let the start of `who` through, or raise CircuitOpenError."""
        with self._lock:
            if self._opened_at is None:
                return
            if self._trial is not None:
                if now < self._trial[1] - _ROUNDING:
                    raise CircuitOpenError("the circuit is half-open and its one trial is under way")
                self._close()  # the trial has lived so long without failing: it is a success
                return
            wait = self._opened_at + self.reset_after - now
            if wait > _ROUNDING:
                raise CircuitOpenError(f"the circuit is open for another {wait:.3g} s, after {self._failed} failures")
            self._trial = who, math.inf

    def started(self, now: float, who: object = None) -> None:
        """A life that had been let through is STARTED: if it is the trial, living on for `reset_after` is a success."""
        with self._lock:
            if self._tries(who):
                self._trial = who, now + self.reset_after

    def failed(self, now: float, who: object = None) -> None:
        """A life that had been let through failed."""
        with self._lock:
            if self._opened_at is None or self._tries(who):
                self._failed += 1
                if self._failed >= self.failures or self._trial is not None:
                    self._opened_at, self._trial = now, None

    def succeeded(self, who: object = None) -> None:
        """A life that had been let through did what it was for."""
        with self._lock:
            if self._opened_at is None or self._tries(who):
                self._close()

    def left(self, who: object) -> None:
        """A life is over. If it was the trial, and was stopped before its outcome was known, another one may try."""
        with self._lock:
            if self._tries(who):
                self._trial = None

    def _tries(self, who: object) -> bool:
        return self._trial is not None and self._trial[0] is who

    def _close(self) -> None:
        self._failed = 0
        self._opened_at = self._trial = None
