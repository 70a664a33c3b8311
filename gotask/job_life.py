"""The lives of a Job: when it takes children, when it ends by itself, and what it hears of them (J)."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from gotask.cascade import ClosingLife
from gotask.errors import (
    AutoStop,
    StopByUser,
    TaskDisposedError,
    TaskExistsError,
    TaskStateError,
    TooManyChildrenError,
    is_failure,
)
from gotask.states import ACTIVE, DISPOSED, DISPOSING, INIT, RETRYING, STARTED, STARTING
from gotask.stop_report import asked_from

if TYPE_CHECKING:
    from gotask.backend import Drive
    from gotask.life import Life

KEPT_FAILURES = 100
FOR_DESCENDANTS = ("on_descendants_start", "on_descendants_dispose")


def tell_ancestors(node: Any, moment: str, life: Life) -> None:
    """Tell the listeners of this node, then those of what holds it, up to the root (D1, J8)."""
    while node is not None:
        extras = getattr(node, "extras", None)
        for listener in extras.listeners_of(moment) if extras is not None else ():
            try:
                call = partial(node.context.copy().run, listener, life.task)  # its own is entered in its loop
                node.plain.call(node, call)
            except BaseException as error:
                node.report(f"an {moment} listener of {node.task.execution_path} raised", error)
        node = node.parent


class JobLife(ClosingLife):
    """A life that holds other lives."""

    __slots__ = ("failure_count", "failures", "had_child", "last_origin", "shuffled")

    stays = False
    """Whether it goes on when its children are gone (J6)."""

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        self.had_child = False
        self.last_origin: Any = (None, 0)
        self.failures: deque[BaseException] | None = None
        self.failure_count = 0
        self.shuffled = False

    # What its children need of it

    def check_room(self, key: Any) -> None:
        """Refuse a child with this key, if the Job cannot take it now (J4, Q4)."""
        if self.parent is None or self.request is not None or self.reason is not None:
            self.check_open()
        try:
            taken = self.children.get(key)
        except TypeError as error:
            raise TypeError(f"{key!r} cannot be a key, for it has no hash: use a number, a string, a tuple") from error
        if taken is not None:
            raise TaskExistsError(
                f"{self.task.execution_path} has a child with the key {key!r} already ({taken.task.execution_path}, "
                f"{taken.state.name}): use another key, or replace_task({key!r}, …)",
                taken.task,
            )
        limit = self.task.max_children
        if limit is not None and not isinstance(limit, int):
            path = self.task.execution_path
            raise TypeError(f"max_children of {path} is a whole number, 0 or more, or None, not {limit!r}")
        if limit is not None and len(self.children) >= limit:
            raise TooManyChildrenError(
                f"{self.task.execution_path} has {limit} children, which is its max_children: "
                f"wait until one has ended, or set a larger number"
            )

    def add(self, life: Life, key: Any, origin: Any) -> None:
        """Take a child; it is started from STARTING on, in the order in which children were added (L12)."""
        self.check_room(key)
        if life.state is DISPOSED:
            life.renew()
        life.added(self, key, origin)
        self.children[key] = life
        self.had_child = True
        self.child_loop.post(life)

    def each_child(self) -> list[Life]:
        """Its children now; also from other threads (M6).

        A tuple would be allocated after the iterator: that may collect garbage, and let another thread change the dict.
        """
        return list(self.children.values())

    def replace(self, key: Any, life: Life, origin: Any) -> None:
        """Have `life` take the place of the child with that key once it is gone (J9)."""
        self.check_open()
        old = self.children.get(key)
        if old is None:
            self.add(life, key, origin)
            return
        if self.replacing is None:
            self.replacing = {}
        if key in self.replacing:
            raise TaskStateError(
                f"the key {key!r} of {self.task.execution_path} waits for {self.replacing[key].task!r} already: "
                f"replace that one once it has started"
            )
        if life.state is DISPOSED:
            life.renew()
        life.added(self, key, origin)
        self.replacing[key] = life
        old.stop(StopByUser(f"replaced by {life.task!r}"), asked=asked_from(origin, here=True))

    def check_open(self) -> None:
        """Refuse children when there is no tree to start them, or when the Job is closing (L12, D9)."""
        if self.parent is None:
            raise TaskStateError(
                f"{type(self.task).__name__} is in no tree, so nothing could start its children: add it to a Job or "
                f"a RootManager first, or add the children in its `start`"
            )
        if self.state in (DISPOSING, DISPOSED) or (self.is_asked and self.state is not RETRYING) or self.request:
            raise TaskDisposedError(
                f"{self.task.execution_path} takes no more children: it is {self.state.name}, because of "
                f"{self.request or self.reason!r}. Add it to a Job that lives, or restart this one first"
            )

    def take_back(self, life: Life) -> None:
        self.add(life, life.key, life.origin)

    def reborn(self, life: Life) -> None:
        self.shuffled = True  # those that were added before, and are started after it, must come after it
        self.children[life.key] = self.children.pop(life.key)

    @property
    def escalates(self) -> bool:
        """While the Job lives; one that was asked to stop takes no failure over."""
        takes = self.request is None and (self.reason is None or is_failure(self.reason))
        return bool(self.task.on_child_failure == "escalate" and takes)

    @property
    def closing(self) -> BaseException | None:
        return None if self.cascade is None else self.cascade.reason

    def forget(self, life: Life, failed: bool) -> None:
        """A child is gone for good: count its failure, fill its place, and perhaps end with it (J1 to J3, J9)."""
        if self.replacing and self.replacing.get(life.key) is life:  # given up before its turn (S5): the old one stays
            del self.replacing[life.key]
        else:
            del self.children[life.key]
        if failed:
            self.child_failed(life)
        if self.replacing:
            successor = self.replacing.pop(life.key, None)
            if successor is not None:
                self.children[life.key] = successor
                self.child_loop.post(successor)
                if self.cascade is not None:
                    successor.stop(self.cascade.reason, by_parent=True)
        if life.extras is not None and life.extras.depends and not self.is_asked:
            self.stop(life.reason or StopByUser(), asked=("the end of a child it depends on", None))
        if self.cascade is not None and self.cascade.going is life:
            self.cascade.advance()
        if not self.children:
            self.childless()

    def child_failed(self, life: Life) -> None:
        """J2: keep what it failed with; where failures escalate, fail too."""
        assert life.reason is not None
        self.failure_count += 1
        if not self.stays:  # what stays tells nobody, and would keep the frames of the failures alive
            if self.failures is None:
                self.failures = deque(maxlen=KEPT_FAILURES)
            self.failures.append(life.reason)
        if self.escalates and (ACTIVE[self.state] or self.state is STARTING) and not self.is_asked:
            self.reason = life.reason
            if self.breaker is not None:
                self.breaker.failed(self.breaker_time(), self)
            self.heed()

    def childless(self) -> None:
        """The last child is gone."""
        if self.state in (DISPOSING, INIT, RETRYING):
            if self.cascade is not None:
                self.cascade = None
                self.loop.post(self)
        elif self.may_auto_stop():
            self.reason = self.auto_stop()
            self.loop.post(self)

    def may_auto_stop(self) -> bool:
        """J1: it has had a child, none is left, and its own body is over."""
        return (
            ACTIVE[self.state] and not self.stays and self.had_child and not self.children and self.body is None
            and not self.is_asked
        )  # fmt: skip

    def auto_stop(self) -> AutoStop:
        return AutoStop(self.failures or (), self.failure_count)

    def count_listeners(self) -> None:
        """Have the pump know whether anybody listens for descendants (D7)."""
        extras = self.extras
        if extras is None or self.parent is None:
            return  # `added` comes back to this
        count = 0
        if self.state is not DISPOSED:
            count = sum(len(extras.listeners_of(moment)) for moment in FOR_DESCENDANTS)
        self.pump.listening += count - extras.counted
        extras.counted = count

    def heard_start(self, life: Life) -> None:
        tell_ancestors(self, "on_descendants_start", life)

    def heard_end(self, life: Life) -> None:
        tell_ancestors(self, "on_descendants_dispose", life)

    # Its own life, where it differs from that of a task without children

    def added(self, parent: Any, key: Any, origin: Any) -> None:
        super().added(parent, key, origin)
        if self.extras is not None:
            self.count_listeners()

    def renew(self) -> None:
        super().renew()
        self.forget_failures()

    def forget_failures(self) -> None:
        self.had_child = bool(self.children)
        self.failures = None
        self.failure_count = 0

    def begin(self) -> Drive | None:
        self.forget_failures()
        self.child_loop.opened = True  # L12; looked at below, when there is a context for the hooks
        drive = super().begin()
        self.child_loop.look()
        return drive

    def open_body(self) -> Drive | None:
        drive = super().open_body()
        if drive is None and self.may_auto_stop():
            self.reason = self.auto_stop()
            return self.end()
        return drive

    def completed(self) -> BaseException | None:
        """A body that returned ends the life only when there is nothing else to stay for (L6)."""
        if self.extras is not None and self.extras.fallen_back:
            return super().completed()
        if self.stays or self.children:
            return None
        return self.auto_stop() if self.had_child else super().completed()

    def is_ending(self) -> bool:
        if self.is_asked:
            return True
        self.enter(STARTED)
        return False

    def live_again(self, reason: BaseException, delay: float) -> None:
        self.child_loop.opened = False
        super().live_again(reason, delay)
        self.count_listeners()

    def finish(self, recorded: bool = False) -> None:
        self.child_loop.close()
        super().finish(recorded)
        if self.extras is not None:
            self.count_listeners()
