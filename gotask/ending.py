"""The end of a life: the clean-up in its order (D1, D4, D5), and whether another life follows (R)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from gotask.errors import Restart, RetryExhausted, StopReason, TimeoutReason, is_failure, leaves
from gotask.retry import RetryCount, RetryPolicy, Verdict, judge
from gotask.states import DISPOSED, DISPOSING, RETRYING
from gotask.stopping import Stopping
from gotask.tracing import LOGGER, say, stack_of

if TYPE_CHECKING:
    from gotask.backend import Drive

CleanUp = Iterator[tuple[str, Callable[[], Any]]]
"""What is still to be done, one thing after another: its name for the log, and the function."""

LIVES_AGAIN = (TimeoutReason, Restart)
"""The stop reasons that may be followed by another life."""


class Ending(Stopping):
    """A task whose life can end."""

    __slots__ = ()

    @property
    def policy(self) -> RetryPolicy | None:
        """The retry policy: what `set_retry` was given, else the attribute `retry`."""
        extras = self.extras
        own = extras.policy if extras is not None else None
        policy = self.task.retry if own is None else own
        return policy if isinstance(policy, RetryPolicy) else None

    def end(self) -> Drive | None:
        """The body is over: dispose the task, in the parent's loop."""
        if self.body is not None:
            return None
        self.begin_ending()
        return self.clean_up()

    def begin_ending(self) -> None:
        """From here on it is DISPOSING, for this reason."""
        self.enter(DISPOSING)
        self.ending_at = self.pump.now
        if self.reason is None:
            self.reason = self.request

    def clean_up(self) -> Drive | None:
        """Take the steps of the clean-up; return a Drive if one of them really waits."""
        extras = self.extras
        if extras is not None and extras.telling:
            return None  # the `on_stop` resources go first (S4); `told` comes back to this
        if extras is not None and extras.has_clean_up:
            if extras.clean_up is None:
                extras.clean_up = self.clean_up_steps()
            return self.take_steps(extras.clean_up)
        if self.started_at is not None and self.hooks.dispose:
            return self.call(self.task.dispose, self.dispose_called, "dispose_timeout")
        self.disposed()
        return None

    def clean_up_steps(self) -> CleanUp:
        """D1 from the listeners on. If `start` failed, only what was registered is released (D4)."""
        extras = self.more()
        if self.started_at is not None and not extras.fallen_back:
            for listener in extras.listeners_of("on_before_dispose"):
                yield "an on_before_dispose listener", listener
            if self.hooks.dispose:
                yield "dispose", self.task.dispose
        yield from self.last_steps()

    def last_steps(self) -> CleanUp:
        """D1 after `dispose`. What a listener registers itself is released too."""
        extras = self.more()
        yield from self.releases()
        if self.number:
            for listener in extras.listeners_of("on_dispose"):
                yield "an on_dispose listener", listener
        yield from self.releases()

    def releases(self) -> CleanUp:
        """Everything that is held, last in, first out."""
        extras = self.more()
        while extras.resources:
            resource = extras.resources.pop()
            yield f"the resource {resource.what!r}", resource.release

    def dispose_called(self, value: Any, error: BaseException | None) -> Drive | None:
        """There was nothing to clean up but `dispose`, unless it has registered something itself."""
        if error is not None:
            self.note_error("dispose", error)
        extras = self.extras
        if extras is not None and extras.has_clean_up:
            extras.clean_up = self.last_steps()
            return self.take_steps(extras.clean_up)
        self.disposed()
        return None

    def take_steps(self, steps: CleanUp) -> Drive | None:
        """An error in one of them never stops the rest (D5)."""
        for what, action in steps:
            try:
                value = self.enter_hook(action)
            except BaseException as error:
                self.note_error(what, error)
                continue
            drive = self.drive(value, cancellable=what == "dispose")
            if drive is None:
                continue
            if drive.suspended:
                drive.then = partial(self.step_taken, what)
                if what == "dispose":
                    self.set_limit("dispose_timeout", partial(self.give_up_dispose, drive))
                return drive
            if drive.error is not None:
                self.note_error(what, drive.error)
        self.disposed()
        return None

    def step_taken(self, what: str, value: Any, error: BaseException | None) -> Drive | None:
        if error is not None:
            self.note_error(what, error)
        return self.clean_up()

    def give_up_dispose(self, drive: Drive) -> None:
        """`dispose` takes too long: leave it, and go on with what follows it (S5)."""
        extras = self.more()
        if self.loop.drive is not drive:
            return
        if extras.clean_up is None:
            extras.clean_up = self.last_steps()
        extras.abandoned = stack_of(drive.coro)
        say(
            LOGGER.error, "dispose of %s took too long and is abandoned; it hangs at %s",
            self.task.execution_path, " < ".join(reversed(extras.abandoned)), extra=self.log_fields(),
        )  # fmt: skip
        self.pump.late[drive] = self.task.execution_path
        self.loop.let_go()
        drive.cancel()
        self.loop.post(self)

    def disposed(self) -> None:
        """The clean-up is over: another life, or none."""
        pump = self.pump
        pump.now = self.ended_at = pump.clock()
        reason = self.reason
        extras = self.extras
        if extras is not None:
            extras.end_life()
        if self.request is not None:
            if reason is not None and reason is not self.request and is_failure(reason):
                self.failed_before(reason)
            self.reason = self.request
            return self.finish()
        stopped = isinstance(reason, StopReason) and not isinstance(reason, LIVES_AGAIN)
        if reason is None or (stopped and (extras is None or not extras.again)):
            return self.finish()
        return self.after_failure(reason)

    def failed_with(self) -> BaseException | None:
        """What a life that is ending has failed with (J2); a request to stop is no failure, unless it is a time-out."""
        reason = self.request if self.reason is None else self.reason
        failed = isinstance(reason, TimeoutReason) if reason is self.request else is_failure(reason)
        return reason if failed else None

    def leave_breaker(self) -> None:
        """R8: where this life was the trial, and its outcome is not known, another one may try."""
        policy = self.policy
        if policy is not None and policy.breaker is not None:
            policy.breaker.left(self)

    def verdict(self, reason: BaseException, count: RetryCount) -> Verdict:
        """Whether its retry policy wants another life after this failure (R1)."""
        policy = self.policy
        if policy is None or self.more().fallen_back:
            return Verdict(None)
        began, ended = self.started_at, self.ending_at
        lived_for = ended - began if began is not None and ended is not None else 0.0
        return judge(policy, count, reason, lived_for, self.pump.now)

    def failed_before(self, reason: BaseException) -> None:
        """A stop that came after a failure is the reason, but does not hide it (S1, M7)."""
        policy, parent = self.policy, self.parent
        if self.pump.backend.is_cancellation(reason):
            return  # of the whole program: the stop that followed it tells of the same (S8)
        retried = self.verdict(reason, deepcopy(self.more().retries)).delay is not None
        made_good = retried or (policy is not None and policy.fallback is not None)
        taken_over = parent.escalates and parent.closing is not None  # another child has failed the whole group
        self.report(f"{self.task.execution_path} failed before it was stopped", reason, not (made_good or taken_over))

    def after_failure(self, reason: BaseException) -> None:
        """Another life (R1), the fallback (R7), or the end (R5)."""
        extras = self.more()
        policy = self.policy
        verdict = Verdict(0.0) if extras.again or isinstance(reason, Restart) else self.verdict(reason, extras.retries)
        if verdict.delay is not None:
            return self.live_again(reason, verdict.delay)
        fallible = not leaves(reason) and not extras.fallen_back
        if policy is not None and policy.fallback is not None and fallible:
            extras.failure, extras.fall_back_next = reason, True
            return self.live_again(reason, 0.0)
        if verdict.spent:
            self.reason = RetryExhausted(f"gave up after {extras.retries.total} retries; the last failure: {reason!r}")
            self.reason.__cause__ = reason
        return self.finish()

    def live_again(self, reason: BaseException, delay: float) -> None:
        """Wait for the next life outside the parent's loop (R2); a parent that is closing wants none (R4)."""
        if self.parent.closing is not None:
            self.stop(self.parent.closing, by_parent=True)
            self.reason = self.request
            return self.finish()
        extras = self.more()
        pump = self.pump
        self.leave_breaker()
        self.record(is_failure(reason), final=False)
        extras.next_due_at = pump.now + delay
        self.enter(RETRYING)
        if is_failure(reason):
            follows = "its fallback steps in" if extras.fall_back_next else f"lives again in {delay:.3g} s"
            say(
                self.logger.warning, "%s failed, and %s: %r",
                self.task.execution_path, follows, reason, extra=self.log_fields(),
            )  # fmt: skip
            if pump.observers.retry_planned:
                pump.observers.tell(pump.observers.retry_planned, self.task, reason, delay)
        if delay > 0:
            self.set_timer("retry", delay, partial(self.loop.post, self))
        else:
            self.loop.post(self)
        if pump.listening:
            self.parent.heard_end(self)

    def finish(self, recorded: bool = False) -> None:
        """Leave the tree for good: DISPOSED, forgotten by the parent, then listeners, then those who wait (D1)."""
        extras, parent, reason = self.extras, self.parent, self.reason
        failure = self.failed_with()
        failed = failure is not None
        if not recorded:
            self.record(failed, final=True)
        self.enter(DISPOSED)
        self.context = parent.context  # its own would lead back to it
        pump = self.pump
        pump.disposed += 1
        if reason is not None and reason.__traceback__ is not None:
            extras = self.more()
            extras.traceback = reason.__traceback__
        if failure is not None:
            self.report(f"{self.task.execution_path} failed", failure, lasting=not parent.escalates)
        parent.forget(self, failed)
        if pump.listening:
            parent.heard_end(self)
        if self.ended is not None:
            self.ended.release()
        if extras is not None:
            self.leave_breaker()
            extras.end_task()
            for final in extras.finals:
                final(self.task)
