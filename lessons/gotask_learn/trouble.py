"""What went wrong in the learner's own code: told with their lines only, and a word on the usual cause."""

from __future__ import annotations

import gc
import inspect
import linecache
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import CoroutineType, FrameType
from typing import Any

import gotask
from gotask.tracing import frames_of
from gotask_learn.evidence import Evidence
from gotask_learn.texts import say

COURSE = str(Path(__file__).parent)
LIBRARY = Path(gotask.__file__).parent


def shown(path: str) -> str:
    """A path as the learner would type it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def is_of_the_world(error: BaseException) -> bool:
    """Whether the lesson's world raised it on purpose."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(COURSE)


def is_a_refusal(error: BaseException) -> bool:
    """Whether the library refused what it was given; in its own loop no line of the learner's file is seen."""
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, (TypeError, ValueError)) and bool(frames) and LIBRARY in Path(frames[-1].filename).parents


def told(error: BaseException, file: str) -> str:
    """An error as Python would show it, with the lines of the learner's file only; "" if it is of no use to them."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames and not isinstance(error, SyntaxError) and not is_a_refusal(error):
        return ""
    lines = [f"  {shown(frame.filename)}:{frame.lineno}\n    {frame.line}" for frame in frames[-3:]]
    return "\n".join([*lines, "".join(traceback.format_exception_only(error)).rstrip()])


def never_awaited() -> list[str]:
    """The names of coroutines that were made and never begun, and lie about somewhere."""
    coroutines = [each for each in gc.get_objects() if isinstance(each, CoroutineType)]
    unbegun = [each for each in coroutines if inspect.getcoroutinestate(each) == inspect.CORO_CREATED]
    for each in unbegun:
        each.close()  # or Python, too, says it at the end, with a line of its own library
    return [each.__qualname__ for each in unbegun]


def errors_in(evidence: Evidence, file: str) -> str:
    """The first error that is the learner's own, and what it usually comes from."""
    evidence.never_awaited += never_awaited()
    for error in flat(evidence.errors):
        text = "" if is_of_the_world(error) else told(error, file)
        if text:
            return "\n".join(filter(None, [say("raised"), text, usual_cause(error, evidence)]))
    if evidence.never_awaited:
        return say("never_awaited", name=evidence.never_awaited[0])
    return ""


def flat(errors: Iterable[BaseException]) -> Iterable[BaseException]:
    """The errors, those in groups one by one, and the last failure in place of the retries that it exhausted."""
    for error in errors:
        if isinstance(error, BaseExceptionGroup):
            yield from flat(error.exceptions)
        else:
            yield (isinstance(error, gotask.RetryExhausted) and error.__cause__) or error


def usual_cause(error: BaseException, evidence: Evidence) -> str:
    """A word on where such an error mostly comes from."""
    if evidence.never_awaited:
        return say("never_awaited", name=evidence.never_awaited[0])
    if isinstance(error, SystemExit):
        return say("exit_called")
    return ""


def line_in(frame: FrameType | None, file: str) -> str:
    """The innermost line of the learner's file in a stack, as `file:line` and its text; "" if it is in none."""
    for each in traceback.extract_stack(frame)[::-1] if frame is not None else ():
        if each.filename == file:
            return f"{shown(file)}:{each.lineno}\n    {each.line}"
    return ""


def waits_at(coroutine: Any, file: str) -> str:
    """The innermost line of the learner's file at which a suspended coroutine waits."""
    own = [frame for frame in frames_of(coroutine) if frame.f_code.co_filename == file]
    return line_in(own[-1], file) if own else ""


def unstopped(report: gotask.ShutdownReport, file: str) -> str:
    """Which task did not stop, and the innermost line of the learner's file at which it hangs; "" if there is none."""
    for one in report.unstopped:
        for place in reversed(one.where):
            at, _, line = place.partition(" in ")[0].rpartition(":")
            if at == shown(file):
                code = linecache.getline(file, int(line)).strip()
                return say("unstopped", task=one.path.rpartition("/")[2], place=f"{at}:{line}\n    {code}")
    return ""


def is_sleeping(coroutine: Any) -> bool:
    """Whether a suspended coroutine waits for time to pass."""
    return any(frame.f_code.co_name == "sleep" for frame in frames_of(coroutine))


def under_debugger() -> bool:
    """Whether somebody is looking step by step, so that nothing may be called slow."""
    return not {"pydevd", "bdb"}.isdisjoint(sys.modules)  # a trace function may just as well measure coverage
