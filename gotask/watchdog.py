"""A thread that notices when something blocks the event loop of a tree, and says what and where."""

from __future__ import annotations

import math
import sys
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gotask.body import HAS_THREADS
from gotask.errors import TaskDisposedError
from gotask.holdup import executing
from gotask.tracing import LOGGER, say, stack_of_frame

KEPT_BLOCKAGES = 100
BEATS = 2
"""Heartbeats in the time that is allowed: a blockage is noticed half of that time late at most."""


@dataclass(frozen=True, slots=True)
class Blockage:
    """A time in which something kept the event loop from running.

    `number` counts them from 1. `task_path` and `task_id` say whose hook it is, or are "" and None outside of any task.
    `started_at` is wall-clock seconds; `duration` is what was seen of it, and as long as it is not `over`, so far.
    `stack` is where the loop's thread was when it was noticed, innermost last.
    """

    number: int
    task_path: str
    task_id: int | None
    started_at: float
    duration: float
    over: bool
    stack: tuple[str, ...]

    @property
    def where(self) -> str:
        """`file:line in function`: the innermost place in the working directory, else the innermost of all."""
        inner = self.stack[::-1]
        own = (place for place in inner if not place.startswith(("/", "<")) and "site-packages" not in place)
        return next(own, inner[0] if inner else "an unknown place")

    def __str__(self) -> str:
        blocked = "was blocked for" if self.over else "has been blocked for"
        return f"the event loop {blocked} {self.duration:.3g} s by {self.task_path or 'no task'}, at {self.where}"


def check_limit(limit: Any) -> None:
    """Refuse what is no time for a watchdog.

    Raises:
        ValueError: It is neither None nor a number of seconds above 0.
    """
    number = isinstance(limit, int | float) and not isinstance(limit, bool)
    if limit is not None and not (number and 0 < limit < math.inf):
        raise ValueError(f"watchdog is a number of seconds above 0, or None for no watchdog, not {limit!r}")


class Watchdog:
    """Sends heartbeats to the loop of a tree; one that is not answered within `limit` seconds is a blockage.

    It measures real time. A heartbeat is a call from another thread, and no timer: so virtual time does not move for
    it. Code that keeps Python's global lock keeps the watchdog from running too: it is noticed afterwards.
    """

    def __init__(self, root: Any, limit: float) -> None:
        self._root = root
        self._limit = limit
        self._past: tuple[Blockage, ...] = ()
        self._now: Blockage | None = None
        self._since = 0.0
        self._closed = threading.Event()
        self._beat = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gotask watchdog", daemon=True)
        self._thread.start()

    @property
    def blockages(self) -> tuple[Blockage, ...]:
        """The last ones, newest last; it may be one that goes on."""
        now, past = self._now, self._past  # in this order: one that ends between the two is in the second
        if now is None or (past and past[-1].number == now.number):
            return past
        return (*past, replace(now, duration=time.monotonic() - self._since))

    def close(self, root: Any = None) -> None:
        """Watch no more, and leave no thread behind."""
        self._closed.set()
        self._beat.set()  # it may be waiting for the end of a blockage
        self._thread.join(1.0)  # not for ever: a log handler of the program's may be waiting for this very loop

    def _watch(self) -> None:
        call, sent = self._root.pump.backend.call_from_thread, 0.0
        self._beat.set()
        while not self._closed.wait(self._limit / BEATS):
            beat = self._beat
            if not beat.is_set():
                if time.monotonic() - sent >= self._limit:
                    self._blocked(beat, sent)
                continue
            self._beat, sent = threading.Event(), time.monotonic()
            try:
                call(self._beat.set)
            except TaskDisposedError:
                return

    def _blocked(self, beat: threading.Event, sent: float) -> None:
        frame = sys._current_frames().get(self._root.pump.thread)
        life, stack = None, tuple(stack_of_frame(frame))
        with suppress(Exception):  # the loop may go on meanwhile, and change what is looked at
            life = executing(self._root)
        if beat.is_set():
            life, stack = None, ()  # it was over before it could be looked at
        number = self._past[-1].number + 1 if self._past else 1
        taken = time.monotonic() - sent
        path, task_id = ("", None) if life is None else (life.task.execution_path, life.id)
        blockage = Blockage(number, path, task_id, time.time() - taken, taken, False, stack)
        self._since, self._now = sent, blockage
        fields = {} if life is None else life.log_fields()
        say(
            LOGGER.warning, "the event loop has been blocked for %.3g s by %s; it is at %s",
            taken, path or "no task", " < ".join(reversed(stack)) or "an unknown place", extra=fields,
        )  # fmt: skip
        beat.wait()
        blockage = replace(blockage, duration=time.monotonic() - sent, over=True)
        self._past = (*self._past, blockage)[-KEPT_BLOCKAGES:]
        self._now = None
        say(LOGGER.info, "%s", blockage, extra=fields)


def watch(root: Any, limit: float | None) -> Watchdog | None:
    """A watchdog for the tree of this life; none where there is no limit, or where there are no threads."""
    if limit is None:
        return None
    if not HAS_THREADS:
        warnings.warn("there are no threads here, so there is no watchdog for the event loop", stacklevel=2)
        return None
    return Watchdog(root, limit)
