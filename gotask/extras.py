"""What most tasks never need, made once it is used: listeners, resources, waiters, descriptions, steps, timers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gotask.resources import Resource
from gotask.retry import RetryCount, RetryPolicy
from gotask.tracing import as_text
from gotask.waiting import Waiters

if TYPE_CHECKING:
    from gotask.backend import Handle
    from gotask.events import Step

LISTENERS = ("on_start", "on_before_dispose", "on_dispose")


class Extras:
    """The seldom used part of a life. Those marked with * belong to one life, the rest to the task."""

    __slots__ = (
        "abandoned",  # * where it hung when it was given up (S5)
        "again",  # * restart() was called while it was being disposed (R6)
        "clean_up",  # * the steps of the clean-up that are left
        "depends",  # stop the Job when this one ends (J3)
        "descriptions",
        "dispose_errors",  # *
        "failure",  # the last failure, for RetryExhausted and restart during the back-off
        "fall_back_next",  # the next life is the fallback (R7)
        "fallen_back",  # * this life is the fallback
        "finals",  # called once, when the last life is over
        "listeners",  # name of the moment -> functions for every life
        "life_listeners",  # * the same, for this life
        "logger",
        "name",
        "policy",
        "resources",  # * last in, first out
        "retries",
        "started",
        "steps",  # *
        "stop_event",  # * who waits for the stop request
        "stopped",
        "telling",  # * its on_stop resources are being released
        "timers",  # name -> timer
    )

    def __init__(self) -> None:
        self.abandoned: list[str] | None = None
        self.again = False
        self.clean_up: Iterator[tuple[str, Callable[[], Any]]] | None = None
        self.depends = False
        self.descriptions: dict[str, Any] = {}
        self.dispose_errors: list[BaseException] = []
        self.failure: BaseException | None = None
        self.fall_back_next = False
        self.fallen_back = False
        self.finals: list[Callable[[Any], object]] = []
        self.listeners: dict[str, list[Callable[[], Any]]] = {}
        self.life_listeners: dict[str, list[Callable[[], Any]]] = {}
        self.logger: Any = None
        self.name: str | None = None
        self.policy: RetryPolicy | None = None
        self.resources: list[Resource] = []
        self.retries = RetryCount()
        self.started = Waiters()
        self.steps: list[Step] = []
        self.stop_event = Waiters()
        self.stopped = Waiters()
        self.telling = False
        self.timers: dict[str, Handle] = {}

    def begin_life(self) -> None:
        """Forget what belonged to the life before."""
        self.abandoned = None
        self.again = False
        self.fallen_back, self.fall_back_next = self.fall_back_next, False
        self.telling = False
        self.dispose_errors = []
        self.steps = []

    def end_life(self) -> None:
        """Nothing of this life is waited for any more (D6)."""
        self.clean_up = None
        self.life_listeners = {}
        for name in ("start_timeout", "dispose_timeout", "stop_grace"):
            self.cancel_timer(name)

    def end_task(self) -> None:
        """No other life follows."""
        for name in tuple(self.timers):
            self.cancel_timer(name)
        self.stop_event.release()
        self.started.release()
        self.stopped.release()

    def facts(self) -> tuple[Any, ...]:
        """What the history keeps of it: retries, descriptions and steps, errors, all as text (H4)."""
        return (
            self.retries.total,
            {key: as_text(value) for key, value in self.descriptions.items()},
            tuple(self.steps),
            tuple(map(as_text, self.dispose_errors)),
            self.abandoned is not None,
        )

    def renew(self) -> None:
        """Forget all lives; listeners, descriptions and the retry policy stay."""
        self.begin_life()
        self.failure = None
        self.retries.reset()

    def listeners_of(self, moment: str) -> list[Callable[[], Any]]:
        """Those for every life, then those for this one, each in the order registered (D6)."""
        return self.listeners.get(moment, []) + self.life_listeners.get(moment, [])

    def cancel_timer(self, name: str) -> None:
        """Cancel it, if it is set."""
        timer = self.timers.pop(name, None)
        if timer is not None:
            timer.cancel()
