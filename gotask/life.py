"""The lives of one task: how each begins, what its body does, and what comes due in its parent's loop (L6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gotask.body import Body, begin_go, begin_run
from gotask.ending import Ending
from gotask.errors import CircuitOpenError, TaskComplete, TimeoutReason, is_failure
from gotask.hooks import is_async
from gotask.retry import RetryPolicy
from gotask.states import ACTIVE, DISPOSING, GOING, INIT, RETRYING, RUNNING, STARTED, STARTING

if TYPE_CHECKING:
    from gotask.backend import Drive
    from gotask.retry import CircuitBreaker


class Life(Ending):
    """A task that lives. Each step is a plain function; it returns a Drive when a hook really waits."""

    __slots__ = ()

    guarded = False
    """Whether `admit` checks more than the circuit breaker."""

    def due(self) -> Drive | None:
        """Do what is due now, in the parent's loop."""
        state = self.state
        if state is INIT or state is RETRYING:
            return self.begin() if self.request is None else self.never_begun()
        if ACTIVE[state] or state is STARTING:  # its start has failed, and the end had to wait
            return self.end()
        return self.clean_up() if state is DISPOSING else None

    def never_begun(self) -> Drive | None:
        """Stopped before it was started, or between two lives (S2, S3)."""
        self.reason = self.request
        if self.state is RETRYING:
            self.release_left()
            self.finish(recorded=True)
            return None
        self.context = self.parent.context
        return self.clean_up()

    def begin(self) -> Drive | None:
        """The first step of a life: `start`."""
        parent, task = self.parent, self.task
        self.hooks = hooks = type(task).__hooks__
        if self.number or parent.shuffled:
            parent.reborn(self)
            self.started_at = self.ending_at = self.ended_at = self.reason = None
        observers = self.pump.observers
        self.context = self.own_context() if hooks.own_context or observers.life_began else parent.context
        self.number += 1
        self.began_at = self.pump.now
        if observers.life_began:
            observers.tell(observers.life_began, self.task, self.context)
        self.enter(STARTING)
        extras = self.extras
        if extras is not None:
            extras.begin_life()
            if extras.fallen_back:
                return self.started(None, None)
        if extras is not None or self.guarded or task.retry is not None:
            try:
                self.admit()
            except Exception as error:
                return self.started(None, error)
        if not hooks.start:
            return self.started(None, None)
        return self.call(task.start, self.started, "start_timeout")

    def admit(self) -> None:
        """Raise what speaks against calling `start` now (R8)."""
        task = self.task
        if not isinstance(task.retry, RetryPolicy | None):
            raise TypeError(f"{type(task).__name__}.retry is {task.retry!r}: write `retry = RetryPolicy(…)`")
        breaker = self.breaker
        if breaker is not None:
            self.more()  # which is where to look for a breaker from now on
            breaker.admit(self.breaker_time(), self)

    @property
    def breaker(self) -> CircuitBreaker | None:
        """The circuit breaker that guards its starts."""
        policy = self.policy
        return None if policy is None else policy.breaker

    def breaker_time(self) -> float:
        """The instant for a breaker, which trees in other threads may share."""
        return self.pump.clock() + self.pump.shift

    def late(self, limit: str, drive: Drive) -> None:
        """`dispose` takes longer than `dispose_timeout` (S5), or `start` than `start_timeout` (S6)."""
        if limit == "dispose_timeout":
            self.give_up_dispose(drive)
            return
        self.reason = TimeoutReason(f"start() took longer than {self.task.start_timeout:g} s")
        drive.cancel()

    def started(self, value: Any, error: BaseException | None) -> Drive | None:
        """`start` has ended."""
        pump = self.pump
        pump.now = now = pump.clock()
        extras = self.extras
        if extras is not None:
            extras.cancel_timer("start_timeout")
        if error is not None or (self.reason is not None and isinstance(self.reason, TimeoutReason)):
            self.start_failed(error)
            return self.end()
        self.started_at = now
        self.ever_started = True
        self.enter(STARTED)
        if extras is not None:
            self.tell_started()
        if pump.listening:
            self.parent.heard_start(self)
        if self.request is not None or self.reason is not None:
            return self.end()
        return self.open_body()

    def start_failed(self, error: BaseException | None) -> None:
        """Keep why: the time-out, the stop that came first, or the error itself."""
        if isinstance(self.reason, TimeoutReason):
            if error is not None and not self.pump.backend.is_cancellation(error):
                self.reason.__cause__ = error
        elif self.is_asked and error is not None:
            self.note_error("start", error)
        else:
            self.reason = error
        if self.breaker is not None and not isinstance(self.reason, CircuitOpenError) and is_failure(self.reason):
            self.breaker.failed(self.breaker_time(), self)

    def tell_started(self) -> None:
        """Call the `on_start` listeners; an error in one is logged, and the start stands (D10)."""
        extras = self.more()
        for listener in extras.listeners_of("on_start"):
            try:
                self.enter_hook(listener)
            except BaseException as error:
                self.report(f"an on_start listener of {self.task.execution_path} raised", error)
        extras.release("started")

    # The body

    def open_body(self) -> Drive | None:
        """Begin the body, if there is one."""
        if self.extras is not None and self.extras.fallen_back:
            return self.open_fallback()
        hooks = self.hooks
        breaker = self.breaker if self.extras is not None else None
        if breaker is not None:
            if hooks.body is None:
                breaker.succeeded(self)
            else:
                breaker.started(self.breaker_time(), self)
        if hooks.body is None:
            return None
        return self.open_hook(hooks.body, getattr(self.task, hooks.body), hooks.threaded)

    def open_hook(self, kind: str, function: Callable[[], Any], threaded: bool) -> Drive | None:
        """Begin this function as the body: `run` in the loop, `go` beside it."""
        if kind == "run":
            self.enter(RUNNING)
            return begin_run(self, function, threaded)
        self.enter(GOING)
        begin_go(self, function, threaded)
        return None

    def open_fallback(self) -> Drive | None:
        """The body of a life without `start` and `dispose`: what is done when the retries are spent (R7)."""
        assert self.policy is not None
        fallback = self.policy.fallback
        if hasattr(fallback, "_life"):
            return self.open_hook("go", lambda: self.task.run_task(fallback), threaded=False)
        if self.context is self.parent.context:
            self.context = self.own_context()
        return self.open_hook("go", fallback, threaded=not is_async(fallback))

    def run_over(self, body: Body, value: Any, error: BaseException | None) -> Drive | None:
        """A body in the loop has ended: what follows does so in the same event."""
        body.handle = None  # which leads back to the body: without it nothing is left for the garbage collector
        if self.body is not body:
            return None
        pump = self.pump
        pump.now = pump.clock()
        self.body_ended(value, error)
        return self.end() if self.is_ending() else None

    def body_over(self, body: Body, value: Any, error: BaseException | None) -> None:
        """A body beside the loop has ended."""
        body.handle = None
        if self.body is not body:
            return  # it was abandoned
        try:
            self.body_ended(value, error)
            if not self.is_ending():
                return
            if self.hooks.dispose or self.extras is not None or not self.loop.is_free:
                self.wind_down()
            else:  # no hook is called any more, so it need not wait until the pump has its turn
                self.pump.guarded(self.loop, self.loop.take, self)
        except BaseException as bug:
            self.pump.crashed(bug)  # this is called outside the pump, which guards the rest

    def is_ending(self) -> bool:
        """Whether the life ends now that the body has (L6); a Job stays for its children."""
        return True

    def body_ended(self, value: Any, error: BaseException | None) -> None:
        """Keep what the body returned or raised."""
        self.body = None
        asked = self.request is not None or self.reason is not None
        if error is None:
            self.result = value
            if not asked:
                self.reason = self.completed()
        elif not asked:
            self.reason = error
        else:
            failure = self.failure_in(error)
            if failure is not None:
                self.note_error("the body", failure)
        if not asked and self.extras is not None and not self.extras.fallen_back and self.breaker is not None:
            if is_failure(self.reason):
                self.breaker.failed(self.breaker_time(), self)
            else:
                self.breaker.succeeded(self)

    def failure_in(self, error: BaseException) -> BaseException | None:
        """What a body raised when it was cancelled, if it did (S10).

        An `await` in a `finally` may have been cancelled once more since, and that cancellation then hides it.
        """
        is_cancellation = self.pump.backend.is_cancellation
        failure: BaseException | None = None
        left: BaseException | None = error
        while left is not None:
            if not is_cancellation(left):
                failure = failure or left
            elif failure is not None:
                return failure
            left = left.__context__
        return failure if failure is error else None

    def completed(self) -> BaseException | None:
        """The reason of a life whose body has returned."""
        reason = TaskComplete()
        if self.extras is not None and self.extras.fallen_back:
            reason.__cause__ = self.extras.failure
        return reason
