"""A request to stop or to restart: what follows it at once, in order, and what is given up (S)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gotask.backend import awaited
from gotask.core import Core
from gotask.errors import Exit, Restart, TaskDisposedError, TaskStateError, is_failure
from gotask.hooks import is_seconds, waits
from gotask.resources import Resource
from gotask.states import ACTIVE, DISPOSED, DISPOSING, INIT, RETRYING, STARTING
from gotask.stop_report import Asked, Unstopped, last_report
from gotask.tracing import LOGGER, say, stack_of, stack_of_thread


def blame(reason: BaseException, failure: BaseException) -> None:
    """A stop that comes after a failure tells of it (S1)."""
    if failure is not reason and is_failure(failure) and reason.__cause__ is None:
        reason.__cause__ = failure


class Stopping(Core):
    """A task that can be asked to stop."""

    __slots__ = ()

    @property
    def is_stopped(self) -> bool:
        """Whether the body has been told to end; its `on_stop` resources are released before (S4)."""
        extras = self.extras
        if extras is not None and extras.telling:
            return False
        return self.is_asked or self.state in (DISPOSING, DISPOSED)

    @property
    def is_asked(self) -> bool:
        """Whether this life is to end: by a stop, by a restart, or because it has failed already."""
        return self.request is not None or self.reason is not None

    def stop(self, reason: BaseException, by_parent: bool = False, asked: Asked | None = None) -> None:
        """Request the end of the task; the first request wins (S1). `asked`: who did, if it was not the parent."""
        state = self.state
        if self.request is not None or state is DISPOSED:
            return
        self.request = reason
        if self.parent is None:
            return
        pump = self.pump
        self.asked = pump.now if asked is None else (pump.clock(), asked)
        if pump.observers.stop_requested:
            pump.observers.tell(pump.observers.stop_requested, self.task, reason)
        if self.task.stop_timeout is not None:
            self.set_limit("stop_timeout", self.give_up)
        if not by_parent and self.reason is not None:
            blame(reason, self.reason)
        if state is RETRYING:
            self.more().cancel_timer("retry")
            self.pump.soon(self.due)  # S3: no hook is called, so it need not wait until the loop is free
        elif ACTIVE[state] and self.extras is None and self.body is None:
            self.wind_down()
        elif state is not INIT and state is not DISPOSING:
            self.heed()

    def restart(self) -> None:
        """Request that this life ends and another one begins (R6)."""
        state = self.state
        if state is DISPOSED:
            self.add_again()
        elif self.parent is None:
            raise TaskStateError(f"{type(self.task).__name__} is in no tree: add it to a Job first")
        elif self.request is not None:
            raise TaskStateError(
                f"{self.task.execution_path} was asked to stop and has not ended yet: "
                f"wait for it (await task.wait_stopped()), then restart it"
            )
        elif state is RETRYING:
            extras = self.more()
            extras.cancel_timer("retry")
            extras.next_due_at = self.pump.clock()
            self.loop.post(self)
        elif state is DISPOSING:
            self.more().again = True
        elif state is not INIT and self.reason is None:
            self.reason = Restart()
            self.heed()

    def add_again(self) -> None:
        """Put a DISPOSED task back where it was."""
        try:
            self.parent.take_back(self)
        except TaskDisposedError as error:
            raise TaskDisposedError(
                f"its last parent is stopped, so it cannot be started again there: {error}"
            ) from None

    # What follows a request

    def heed(self) -> None:
        """The life goes on and has been asked to end: release what is to be released first, then tell the body."""
        extras = self.extras
        if extras is not None and extras.telling:
            return  # asked twice: a stop after a restart
        if extras is not None and extras.has_clean_up and any(resource.at_stop for resource in extras.resources):
            extras.telling = True
            self.pump.soon(self.release_at_stop)
        else:
            self.told()

    def release_at_stop(self) -> None:
        """Release the `on_stop` resources, in the root's loop (S4)."""
        extras = self.more()
        due = [resource for resource in reversed(extras.resources) if resource.at_stop]
        extras.resources = [resource for resource in extras.resources if not resource.at_stop]
        self.release_in_order(iter(due), self.told)

    def release_in_order(self, due: Iterator[Resource], then: Callable[[], object]) -> None:
        """Release these, one after another, outside the parent's loop; then call `then`."""
        for resource in due:
            what = f"the resource {resource.what!r}"
            try:
                value = self.context.copy().run(resource.release)  # its own may be entered here and now
            except BaseException as error:
                self.note_error(what, error)
                continue
            if waits(value):
                self.pump.releasing[id(value)] = (f"{self.task.execution_path}: {what}", value)
                self.more().releasing = (what, value)
                rest = partial(self._release_slowly, value, what, due, then)
                self.pump.backend.spawn(rest, self.context.copy())
                return
        then()

    async def _release_slowly(self, value: Any, what: str, due: Iterator[Resource], then: Callable[[], object]) -> None:
        """Driven by hand, since this tells a GeneratorExit of its own, an error like another, from the loop's end."""
        drive = self.pump.backend.drive(awaited(value), self.context.copy())
        await drive
        if drive.error is not None:
            self.note_error(what, drive.error)
        self.more().releasing = None
        self.release_in_order(due, then)
        self.pump.released(value)  # last, so that the tree does not close between two of them

    def told(self) -> None:
        """The stop event is set: now the body is given its time, then cancelled (S4)."""
        extras = self.extras
        if extras is not None:
            extras.telling = False
            extras.release("stop_event")
        if self.body is not None:
            self.pump.soon(self.ask_body)
        elif self.state is not STARTING or self.loop.holder is not self:
            self.wind_down()

    def ask_body(self) -> None:
        """Cancel the body, after its grace."""
        if self.body is None:
            return
        if self.task.stop_grace and is_seconds(self.task.stop_grace):
            self.more().grace_until = self.pump.clock() + self.task.stop_grace
            self.set_limit("stop_grace", self.body.cancel)
        else:
            self.body.cancel()

    def wind_down(self) -> None:
        """The body is over, or there is none: have the loop dispose it."""
        self.loop.post(self)

    # Giving up

    def give_up(self) -> None:
        """The time to stop is over: leave it where it hangs, and let the parent go on (S5)."""
        if self.state is DISPOSED:
            return
        where = self.hanging()
        extras = self.more()
        extras.abandoned = where
        report = extras.stop_report or last_report(self)
        if report is None or report.chain[0].kind != "child":  # else the child is what did not stop
            self.pump.abandoned.append(Unstopped(self.task.execution_path, tuple(where), report))
            say(
                LOGGER.error, "%s did not stop in time and is abandoned; it hangs at %s",
                self.task.execution_path, " < ".join(reversed(where)) or "an unknown place", extra=self.log_fields(),
            )  # fmt: skip
        loop = self.loop
        if loop.holder is self:
            loop.let_go()
        self.body = None
        self.release_left()
        if self.reason is None:
            self.reason = self.request or Exit()
        self.pump.now = self.ended_at = self.pump.clock()
        self.finish()
        self.pump.disposed -= 1  # what is abandoned was not disposed

    def release_left(self) -> None:
        """Release what is held, where there is no clean-up to do it."""
        extras = self.extras
        if extras is not None and extras.has_clean_up:
            left, extras.resources = extras.resources[::-1], []
            self.release_in_order(iter(left), lambda: None)

    def hanging(self) -> list[str]:
        """Where the task is waiting now, innermost last; empty if nothing of its own waits."""
        if self.body is not None and self.body.thread is not None:
            return stack_of_thread(self.body.thread)
        if self.loop.holder is self and self.loop.drive is not None:
            return stack_of(self.loop.drive.coro)
        return stack_of(self.body.coro) if self.body is not None else []

    def due(self) -> Any:
        """Do what is due now."""
        raise NotImplementedError

    def finish(self, recorded: bool = False) -> None:
        """Leave the tree for good."""
        raise NotImplementedError
