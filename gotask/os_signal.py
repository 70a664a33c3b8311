"""The signals of the operating system, as a channel task of the tree (M3)."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from gotask.channel import ChannelTask
from gotask.errors import Exit, TaskStateError
from gotask.snapshots import snapshot
from gotask.stop_report import report_on
from gotask.tracing import is_idle, stack_of_frame

NAMES = ("SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT")


def hear_interrupts(root: Any) -> None:
    """In the kernel of a notebook: have the interrupt of a cell wake a loop that nothing else would wake.

    The kernel's own handler only cancels the cell, and the tree goes on (M1).
    """
    if threading.current_thread() is threading.main_thread() and sys.platform != "emscripten":
        undo = root._life.pump.backend.wake_on_signals()
        root._life.more().finals.append(lambda root: undo())


class OSSignal(ChannelTask[int]):
    """Shuts the tree down on the first signal; on the second it ends the process at once.

    A signal that is ignored stays ignored: who started the program wanted that.
    """

    def __init__(self) -> None:
        self.received = 0
        self.previous: dict[int, Any] = {}

    def start(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise TaskStateError("signals can be handled in the main thread only: use handle_signals=False here")
        self.undo_wakeup = self._life.pump.backend.wake_on_signals()
        for name in NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # `nohup`, or a shell's `&`
                self.previous[number] = signal.signal(number, self.receive)
        self.parent._life.more().finals.append(self.restore)

    def restore(self, root: Any) -> None:
        """Put back the handlers that were there before."""
        for number, handler in self.previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self.previous.clear()
        self.undo_wakeup()

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The handler: it may interrupt anything, so it only hands over."""
        self.received += 1
        if self.received == 1:
            self._life.pump.backend.call_from_thread(self.heard, number)
        else:
            lines = [f"second {signal.Signals(number).name}: ending at once. Still alive:", self.alive(frame), ""]
            os.write(2, "\n".join(lines).encode("utf-8", "replace"))
            os._exit(128 + number)

    def alive(self, frame: FrameType | None) -> str:
        """The tree as it is now, and why it is not stopping; `frame` is what the handler has interrupted."""
        try:
            busy = None if is_idle(frame) else frame
            why = report_on(self.parent._life, busy)
            lines = (
                ["The event loop did not hear of the first one:", *stack_of_frame(busy)] if why is None else [str(why)]
            )
            return "\n".join([snapshot(self.parent).render_text(), *lines])
        except Exception as error:  # the tree may be in the middle of a change
            return f"(cannot be shown: {error!r})"

    def heard(self, number: int) -> None:
        """The first signal. Not in a tick: a child in `run` may hold up the loop (L5)."""
        name = signal.Signals(number).name
        self.info(f"{name}: shutting down; a second signal ends the process at once")
        self.parent._ask_to_stop(Exit(name), (f"the signal {name}", None))
