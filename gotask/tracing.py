"""Where a task came from and what it has done: start reasons (H1), paths (H2), log records (H7)."""

from __future__ import annotations

import gc
import inspect
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any

Origin = tuple[CodeType, int] | str | None
"""A place in the source, cheap to take: a code object and the offset of an instruction in it. Or as text already."""

LOGGER = logging.getLogger("gotask")
TRACE = 5
"""The level of `task.trace()`, below DEBUG."""
logging.addLevelName(TRACE, "TRACE")
CALLERS = (
    "gotask.backend", "gotask.body", "gotask.channel", "gotask.context", "gotask.core", "gotask.event_loop",
    "gotask.running", "gotask.stopping", "anyio._backends", "asyncio.", "trio._core",
)  # fmt: skip
"""Modules that call hooks and what else is the program's own: what is further out says nothing of it."""


def say(log: Callable[..., object], message: str, *args: object, **options: Any) -> None:
    """Log something of the library's own: a handler that raises must not take the tree down (L15)."""
    try:
        log(message, *args, **options)
    except Exception:
        with suppress(Exception):
            traceback.print_exc()


def caller(depth: int) -> Origin:
    """The place `depth` calls further out."""
    frame = sys._getframe(depth + 1)
    return frame.f_code, frame.f_lasti


def where(origin: Origin) -> str:
    """`file:line` of a place, relative to the working directory when it is inside it (H1)."""
    if origin is None or isinstance(origin, str):
        return origin or ""
    code, offset = origin
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
    return f"{shown_path(code.co_filename)}:{line}"


def shown_path(path: str) -> str:
    """A path as people want to read it: relative when it lies in the working directory; `cell [3]` in a notebook."""
    here = os.path.join(os.getcwd(), "")
    return cell_of(path) or path.removeprefix(here)


def ipython() -> Any:
    """The IPython that runs this program's cells; None in another program."""
    module = sys.modules.get("IPython.core.getipython")
    return None if module is None else module.get_ipython()


def cell_of(path: str) -> str | None:
    """What readers of a notebook call a cell, whose code a kernel compiles under the name of a temporary file (H1)."""
    shell = ipython()
    known = None if shell is None else shell.compile.format_code_name(path)
    return None if known is None else f"cell {known[1].removeprefix('In')}"


def stack_of(coro: Any) -> list[str]:
    """Where a suspended coroutine waits: `file:line in function`, innermost last."""
    return [line_of(frame) for frame in frames_of(coro)]


def line_of(frame: FrameType) -> str:
    """`file:line in function`."""
    return f"{shown_path(frame.f_code.co_filename)}:{frame.f_lineno} in {frame.f_code.co_name}"


def frames_of(coro: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine and of what it awaits, innermost last."""
    while coro is not None:
        frame: FrameType | None = (
            getattr(coro, "cr_frame", None) or getattr(coro, "gi_frame", None) or getattr(coro, "ag_frame", None)
        )
        if frame is not None:
            yield frame
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None) or getattr(coro, "ag_await", None)
        if type(coro).__name__.startswith("async_generator_a"):  # a step of a generator, which it does not show
            coro = next(filter(inspect.isasyncgen, gc.get_referents(coro)), None)


def stack_of_frame(frame: FrameType | None) -> list[str]:
    """What leads to a frame, innermost last: from the hook on, if it is one that the library has called."""
    lines: list[str] = []
    while frame is not None and not (lines and frame.f_globals.get("__name__", "").startswith(CALLERS)):
        lines.append(line_of(frame))
        frame = frame.f_back
    return lines[::-1]


def is_idle(frame: FrameType | None) -> bool:
    """Whether a thread that is at this frame runs an event loop with nothing to do."""
    module = "" if frame is None else frame.f_globals.get("__name__", "").partition(".")[0]
    return module in ("", "selectors", "asyncio", "trio", "uvloop")


def stack_of_thread(ident: int) -> list[str]:
    """Where a thread is now, innermost last."""
    return stack_of_frame(sys._current_frames().get(ident))


def as_text(value: object) -> str:
    """A value as text, whatever its `__str__` does."""
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__}: {error!r}>"


def encodable(text: str) -> str:
    """A text that every encoder takes: what is no Unicode, as in the name of a file from elsewhere, as `\\udce9`."""
    return text.encode("utf-8", "backslashreplace").decode()


def on_one_line(text: str) -> str:
    """A text with its line breaks as Python would write them, where each line stands for something."""
    return r"\n".join(text.splitlines())


def as_texts(values: Mapping[str, object]) -> dict[str, str]:
    """Values as text, by name. Of a copy, because a thread may add some meanwhile (M6)."""
    return {name: as_text(value) for name, value in dict(values).items()}


def shown(value: object) -> str:
    """A value as Python would write it, whatever its `__repr__` does."""
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__}>"


def cut(text: str, length: int) -> str:
    """A text of so many characters at most."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def owner_type_of(task: Any) -> str:
    """The owner type as text, whatever the task has made of it since it was added."""
    try:
        return str(task.owner_type)
    except Exception as error:
        return f"<{type(task).__name__}: {error!r}>"


def short_name(life: Any) -> str:
    """Owner type and id."""
    return f"{owner_type_of(life.task)}#{life.id}"


def execution_path(life: Any) -> str:
    """The owners from the root down to this task, and its id (H2)."""
    owners: list[str] = []
    node = life
    while node is not None and node.task is not None:
        if not owners or not node.passing:
            owners.append(owner_type_of(node.task))
        node = node.parent
    return f"{'/'.join(reversed(owners))}#{life.id}"


def call_stack(life: Any) -> list[str]:
    """One line for each task from the root down to this one (H2)."""
    lines: list[str] = []
    node = life
    while node is not None and node.task is not None:
        if not node.passing:
            place = "" if node.parent is None else where(node.origin)
            lines.append(f"{short_name(node)} {node.state.name}" + (f" at {place}" if place else ""))
        node = node.parent
    return lines[::-1]
