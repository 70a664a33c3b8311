"""Whether the event loop of the tree answers: seen from the server's thread, which goes on when it does not."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

BEAT = 0.25
"""Seconds between two signs of life."""
SLACK = 0.5
"""So many seconds late is blocked."""


class Pulse:
    """Signs of life that a task in the loop gives, `beat()`, and what their absence means.

    Until the first one nothing is known, and nothing is said.
    """

    def __init__(self) -> None:
        self._thread: int | None = None
        self._last: float | None = None
        self.lag = 0.0
        """Seconds by which the last sign came late."""

    def beat(self) -> None:
        """In the loop, every BEAT seconds."""
        now = time.monotonic()
        if self._last is not None:
            self.lag = max(0.0, now - self._last - BEAT)
        self._thread, self._last = threading.get_ident(), now

    def stop(self) -> None:
        """No more signs are to be expected."""
        self._last = None

    def blocked_for(self) -> float | None:
        """Seconds for which the loop has not answered; None while it does."""
        last = self._last  # `stop()` may come meanwhile
        late = 0.0 if last is None else time.monotonic() - last - BEAT
        return late if late > SLACK else None

    def where(self) -> str | None:
        """`file:line in function`, where the loop's thread is now: the innermost place in the working directory."""
        frame = None if self._thread is None else sys._current_frames().get(self._thread)
        innermost, here = None, os.path.join(os.getcwd(), "")
        while frame is not None:
            file = frame.f_code.co_filename
            place = f"{file.removeprefix(here)}:{frame.f_lineno} in {frame.f_code.co_name}"
            innermost = innermost or place
            if file.startswith(here) and "site-packages" not in file:
                return place
            frame = frame.f_back
        return innermost


def blocked(root: Any, pulse: Pulse) -> tuple[float, str | None] | None:
    """For how long something has blocked the loop, and where; None if nothing does. The watchdog knows best."""
    blockages = root.blockages
    if blockages and not blockages[-1].over:
        return blockages[-1].duration, blockages[-1].where
    late = pulse.blocked_for()
    return None if late is None else (late, pulse.where())
