"""What most tasks never need, made once it is used: listeners, resources, waiters, descriptions, steps, timers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gotask.resources import Resource
from gotask.retry import RetryCount, RetryPolicy
from gotask.tracing import as_texts, shown
from gotask.waiting import Waiters

if TYPE_CHECKING:
    from gotask.backend import Handle
    from gotask.records import Step

MADE_WHEN_USED: dict[str, Callable[[], Any]] = {
    "descriptions": dict,
    "dispose_errors": list,
    "finals": list,
    "life_listeners": dict,
    "listeners": dict,
    "resources": list,
    "retries": RetryCount,
    "run_tasks": list,
    "started": Waiters,
    "steps": list,
    "stop_event": Waiters,
    "timers": dict,
}

OF_ONE_LIFE = {
    "abandoned", "again", "dispose_errors", "grace_until", "releasing", "steps", "stop_report", "telling", "traceback",
}  # fmt: skip
CLEAN_UP = {"resources", "listeners", "life_listeners", "fallen_back", "clean_up"}
TO_BE_KEPT = {"retries", "descriptions", "steps", "dispose_errors", "abandoned"}


class Extras:
    """The seldom used part of a life. Those marked with * belong to one life, the rest to the task."""

    descriptions: dict[str, Any]
    dispose_errors: list[BaseException]  # *
    finals: list[Callable[[Any], object]]  # called once, when the last life is over
    life_listeners: dict[str, list[Callable[..., Any]]]  # * as `listeners`, for this life
    listeners: dict[str, list[Callable[..., Any]]]  # by moment, for every life
    resources: list[Resource]  # * released last in, first out
    retries: RetryCount
    run_tasks: list[Any]  # the lives of the tasks that its hooks run and wait for (J7)
    started: Waiters
    steps: list[Step]  # *
    stop_event: Waiters  # *
    timers: dict[str, Handle]

    abandoned: list[str] | None = None  # * where it hung when it was given up (S5)
    again = False  # * restart() was called while it was being disposed (R6)
    counted = 0  # how many of its listeners for descendants the pump knows of (D7)
    clean_up: Iterator[tuple[str, Callable[[], Any]]] | None = None  # * the steps of the clean-up that are left
    due_at: float | None = None  # * when it became due, unless it was when the task was added (L10)
    depends = False  # the Job stops when this one ends (J3)
    failure: BaseException | None = None  # what the fallback makes good (R7); others would keep frames alive
    fall_back_next = False  # the next life is the fallback (R7)
    fallen_back = False  # * this life is the fallback
    grace_until: float | None = None  # * when its body will be cancelled (S4)
    logger: Any = None
    next_due_at: float | None = None  # when the next life becomes due: the end of the back-off
    policy: RetryPolicy | None = None
    releasing: tuple[str, Any] | None = None  # * the `on_stop` resource that takes its time, and what is awaited
    stop_report: Any = None  # why it had not stopped, taken before anything around it was given up
    traceback: TracebackType | None = None  # * of the final reason, as it was when the task ended
    telling = False  # * its on_stop resources are being released (S4)

    def __getattr__(self, name: str) -> Any:
        make = MADE_WHEN_USED.get(name)
        if make is None:
            raise AttributeError(name)
        value = self.__dict__[name] = make()
        return value

    @property
    def has_clean_up(self) -> bool:
        """Whether there is more to clean up than `dispose`."""
        return not CLEAN_UP.isdisjoint(self.__dict__)

    def begin_life(self) -> None:
        """Forget what belonged to the life before."""
        if self.fallen_back or self.fall_back_next:
            self.fallen_back, self.fall_back_next = self.fall_back_next, False
        self.due_at = self.next_due_at
        for name in OF_ONE_LIFE & self.__dict__.keys():
            del self.__dict__[name]

    def end_life(self) -> None:
        """Nothing of this life is waited for any more (D6)."""
        own = self.__dict__
        own.pop("clean_up", None)
        own.pop("life_listeners", None)
        if "timers" in own:
            for name in ("start_timeout", "dispose_timeout", "stop_grace"):
                self.cancel_timer(name)

    def end_task(self) -> None:
        """No other life follows."""
        own = self.__dict__
        for name in tuple(own.get("timers", ())):
            self.cancel_timer(name)
        for name in ("stop_event", "started"):
            self.release(name)

    def release(self, name: str) -> None:
        """Let those go on who wait for this, if there are any."""
        waiters = self.__dict__.get(name)
        if waiters is not None:
            waiters.release()

    def renew(self) -> None:
        """Forget all lives; listeners, descriptions and the retry policy stay."""
        self.next_due_at = None
        self.begin_life()
        self.failure = None
        self.depends = False
        self.retries.reset()

    def listeners_of(self, moment: str) -> list[Callable[..., Any]]:
        """Those for every life, then those for this one, each in the order registered (D6)."""
        own = self.__dict__
        kinds = [own[name].get(moment, []) for name in ("listeners", "life_listeners") if name in own]
        return [listener for listeners in kinds for listener in listeners]

    def cancel_timer(self, name: str) -> None:
        """Cancel it, if it is set."""
        timers = self.__dict__.get("timers")
        if timers and name in timers:
            timers.pop(name).cancel()

    def facts(self) -> tuple[Any, ...] | None:
        """What the history keeps of it: retries, descriptions and steps, errors, all as text (H4)."""
        own = self.__dict__
        if TO_BE_KEPT.isdisjoint(own):
            return None
        return (
            self.retries.total,
            as_texts(self.descriptions),
            tuple(self.steps),
            tuple(map(shown, self.dispose_errors)),
            self.abandoned is not None,
        )
