"""A task that shows, in the terminal, the tree it is part of."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections import deque
from contextlib import suppress
from textwrap import wrap

import gotask
from gotask.tracing import on_one_line
from gotask.words import can_show

LOG = 6
"""Lines of the log that are shown below the tree."""
COLOURS = {"STARTING": 36, "STARTED": 36, "RUNNING": 32, "GOING": 32, "RETRYING": 33, "DISPOSING": 35}


class Screen(gotask.AsyncTickTask):
    """Redraws the tree in place on a terminal; prints one picture after another elsewhere.

    Add it before everything else: it is then the last to go, and shows how the others do.
    """

    def __init__(self) -> None:
        self.live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.tick_interval = 0.1 if self.live else 2.0
        self.log = Log(self.live)
        self.height = 0

    def start(self) -> None:
        if os.name == "nt":
            os.system("")  # after any such call the older consoles of Windows understand ANSI

    def tick(self, due_at: float) -> None:
        self.draw()

    def dispose(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Show the tree as it is now."""
        tree = gotask.snapshot(self.parent)
        width, height = shutil.get_terminal_size()
        lines = tree.render_text(ascii_only=not can_show("├└│─")).splitlines()
        for index, task in enumerate(tree):  # parents first, as in the text
            lines[index] += on_one_line("".join(f"  {name} {value}" for name, value in task.descriptions))
            if self.live:
                lines[index] = coloured(lines[index][: width - 1], task.state.name)
        if not self.live:
            print(*lines, "", sep="\n", flush=True)
            return
        log = [part for line in self.log.lines for part in wrap(line, width - 1, subsequent_indent=" " * 9)]
        lines = [*lines[: max(height - LOG - 2, 0)], "", *log[-LOG:]]
        back = f"\r\x1b[{self.height}A" if self.height else ""
        print(back, *(f"{line}\x1b[K\n" for line in lines), "\x1b[J", sep="", end="", flush=True)
        self.height = len(lines)


class Log(logging.Handler):
    """Keeps the last log lines for the screen, or prints them."""

    def __init__(self, live: bool) -> None:
        super().__init__()
        self.live = live
        self.lines: deque[str] = deque(maxlen=LOG)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{time.strftime('%H:%M:%S')} {record.levelname:7} {record.getMessage()}")
        if not self.live:
            with suppress(BrokenPipeError):  # the screen will find out, and end the program
                print(self.lines[-1], flush=True)


def coloured(line: str, state: str) -> str:
    """The line with the name of the state in its colour."""
    return line.replace(state, f"\x1b[{COLOURS.get(state, 0)}m{state}\x1b[0m", 1)
