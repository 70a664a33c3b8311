"""How `gotask.run` shows the log, if nobody else has configured logging (H7): lines for people, or JSON."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from datetime import datetime
from importlib.util import find_spec
from typing import Any

from gotask.tracing import TRACE, as_text, shown

LEVELS = {
    "trace": TRACE, "debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR,
}  # fmt: skip
COLOURS = {"TRACE": "2", "DEBUG": "34", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
"""What an ANSI terminal is told for each level."""
LIBRARY = os.path.join(os.path.dirname(__file__), "")
WHO_WIDTH = 24
"""Columns in a terminal for the task; of a longer path the end is shown."""


def wanted(setting: str) -> tuple[bool, int]:
    """Whether GOTASK_LOG asks for JSON, and from which level on: `debug`, `json` or `json:debug`.

    Raises:
        ValueError: It asks for something else.
    """
    form, colon, level = setting.strip().lower().partition(":")
    if form != "json":
        form, level = ("wrong" if colon else ""), form
    level = level if colon or level else "info"
    if form == "wrong" or level not in LEVELS:
        raise ValueError(
            f"GOTASK_LOG is {setting!r}: it should be a level ({', '.join(LEVELS)}), json, or both (json:debug)"
        )
    return form == "json", LEVELS[level]


def configure() -> None:
    """Show the log on stderr, from the level on that GOTASK_LOG says; nothing, if there is a handler already (H7).

    What is below INFO is shown of the tasks only: that of other libraries would drown it.
    """
    root, own = logging.getLogger(), logging.getLogger("gotask")
    if root.handlers or own.handlers:
        return
    as_json, level = wanted(os.environ.get("GOTASK_LOG", ""))
    root.addHandler(make_handler(as_json))
    root.setLevel(max(level, logging.INFO))
    if level < logging.INFO:
        own.setLevel(level)


def make_handler(as_json: bool) -> logging.Handler:
    """The handler that suits stderr: a file, a terminal, or one with the package rich."""
    terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if terminal and not as_json and find_spec("rich") is not None:
        return rich_handler()
    handler = logging.StreamHandler()
    coloured = terminal and not os.environ.get("NO_COLOR") and os.name != "nt"
    handler.setFormatter(JsonLines() if as_json else ScreenLines(coloured) if terminal else FileLines())
    return handler


def rich_handler() -> logging.Handler:
    """Lines, and tracebacks, as rich shows them."""
    import anyio
    from rich.console import Console
    from rich.logging import RichHandler
    from rich.text import Text

    class Handler(RichHandler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                super().emit(record)
            except Exception:  # else a message with wrong arguments would be raised in the task that logs it
                self.handleError(record)

        def render_message(self, record: logging.LogRecord, message: str) -> Text:
            text = super().render_message(record, message)
            assert isinstance(text, Text)
            return Text.assemble((f"{who(record, WHO_WIDTH):<{WHO_WIDTH}}  ", "cyan"), text)

    handler = Handler(
        console=Console(stderr=True), show_path=False, omit_repeated_times=False, keywords=[], rich_tracebacks=True,
        tracebacks_extra_lines=1, tracebacks_suppress=[LIBRARY, anyio],
        log_time_format=lambda now: Text(clock_time(now)),
    )  # fmt: skip
    handler.setFormatter(RichLines())
    return handler


def clock_time(now: datetime) -> str:
    """Hours to milliseconds."""
    return now.isoformat(timespec="milliseconds")[11:23]


def short_message(record: logging.LogRecord) -> str:
    """The message without the path of the task, which is in the line already."""
    return record.getMessage().removeprefix(f"{getattr(record, 'task_path', '')} ")


def who(record: logging.LogRecord, width: int | None = None) -> str:
    """The task that logs, else the logger; in so many columns as much of the end of the path as fits."""
    path = str(getattr(record, "task_path", record.name))
    if width is None:
        return path
    while "/" in path and (len(path) > width or path.startswith("RootManager/")):
        path = path.partition("/")[2]
    return path if len(path) <= width else "…" + path[1 - width :]


class Lines(logging.Formatter):
    """What all have in common: a traceback begins in the program, not in what calls its hooks."""

    def formatException(self, exc_info: Any) -> str:
        if exc_info[0] is None:
            return super().formatException(exc_info)
        whole = traceback.TracebackException(*exc_info)
        one: traceback.TracebackException | None = whole
        while one is not None:
            while len(one.stack) > 1 and one.stack[0].filename.startswith(LIBRARY):
                one.stack.pop(0)
            one = one.__cause__ or one.__context__
        return "".join(whole.format()).rstrip()


class FileLines(Lines):
    """Lines with the date and the whole path."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).isoformat(" ", "milliseconds")
        return f"{moment} {record.levelname:<7} {who(record)}: {short_message(record)}"


class RichLines(Lines):
    """The message; rich adds the rest."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return short_message(record)


class ScreenLines(Lines):
    """Lines in columns, coloured or not; further lines of a message stay in their column."""

    def __init__(self, coloured: bool) -> None:
        super().__init__()
        self.coloured = coloured

    def formatMessage(self, record: logging.LogRecord) -> str:
        moment = clock_time(datetime.fromtimestamp(record.created))
        message = short_message(record).replace("\n", "\n" + " " * (12 + 1 + 7 + 1 + WHO_WIDTH + 2))
        level, task = f"{record.levelname:<7}", f"{who(record, WHO_WIDTH):<{WHO_WIDTH}}"
        if self.coloured:
            moment, task = f"\x1b[2m{moment}\x1b[0m", f"\x1b[36m{task}\x1b[0m"
            level = f"\x1b[{COLOURS.get(record.levelname, '0')}m{level}\x1b[0m"
        return f"{moment} {level} {task}  {message}"


class JsonLines(Lines):
    """One JSON object a line, whatever the values are."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            message = record.getMessage()
        except Exception:
            message = f"{as_text(record.msg)} {shown(record.args)}"
        known: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname, "logger": record.name, "message": message,
        }  # fmt: skip
        for name in ("task_id", "task_path"):
            if hasattr(record, name):
                known[name] = plain(getattr(record, name))
        if hasattr(record, "task_fields"):
            known["fields"] = {str(name): plain(value) for name, value in record.task_fields.items()}
        if record.exc_info:
            known["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            known["stack"] = record.stack_info
        return json.dumps(known)


def plain(value: Any) -> Any:
    """A value as JSON has it; of all others what Python would write."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except Exception:
        return shown(value)
