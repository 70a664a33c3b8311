"""A lesson: its gates, and the run of a program that is then judged by them."""

from __future__ import annotations

import atexit
import inspect
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio

import gotask
from gotask_learn import evidence, source, trouble
from gotask_learn.gates import CUT_SHORT, Gate, judge
from gotask_learn.report import report
from gotask_learn.texts import say, text
from gotask_learn.verdict import QUIET, Verdict

MAIN_LIMIT = 5.0
"""Seconds that `main` may take."""
STUCK_LIMIT = 0.4
"""Seconds without an event after which a `main` that waits, and not for time to pass, waits for ever."""
HANG_LIMIT = 7.0
"""Seconds after which a program that holds everything up, or will not stop, is ended."""
STOP_LIMIT = 1.0
"""Seconds that the tree may take to stop at the end."""
PAUSE, SETTLE_LIMIT = 0.05, 0.5
"""Seconds without an event after which what `main` left behind has settled; and how long that may take."""
LAST = 10


class Lesson:
    """One program of the course: `lesson.run(main)` runs it and says which TODO is next.

    Args:
        number: Which lesson it is.
        challenge: Whether it is the lesson's challenge.
    """

    def __init__(self, number: int, *, challenge: bool = False) -> None:
        self.number = number
        self.is_challenge = challenge
        self.gates: list[Gate] = []
        self.file = ""
        self._judged = False
        self._prefix = "challenge." if challenge else ""
        self._expect_run()

    # For those who write lessons

    def gate(self, function: Gate) -> Gate:
        """The next gate: a function that asks the evidence, and calls `expect` or `compare`."""
        self.gates.append(function)
        return function

    def text(self, key: str, /, **values: object) -> str:
        """A text of this lesson in the reader's language."""
        return text(f"course/lesson{self.number:02}", self._prefix + key, **values)

    # For the program

    def run(self, main: Callable[..., Any]) -> None:
        """Run the program as `gotask.run(main)` would, say how it went, and exit: 0 if every TODO is done, else 1.

        `main` takes the root, or nothing if the program makes its own; a plain function is just called.
        """
        self.file = main.__code__.co_filename
        found = evidence.CURRENT
        gotask.observe(found)
        standard, sys.stdout = sys.stdout, Tee(sys.stdout, found)
        watch = Watch(self)
        watch.start()
        hung = ""
        try:
            with evidence.Listening(found):
                hung = perform(main, found, self.file)
        except BaseException as error:
            found.failed(error)
        finally:
            watch.over.set()
            sys.stdout = standard
        self.conclude(trouble.errors_in(found, self.file), hung)

    def let_go(self) -> None:
        """The program is run for its own sake this time: nothing is judged, and it may end as it likes."""
        self._judged = True
        sys.excepthook = sys.__excepthook__

    def _expect_run(self) -> None:
        """A program has imported this lesson: it is to come to `run`, and if it does not, to say why."""
        program = getattr(sys.modules["__main__"], "__file__", None)
        name = "challenge.py" if self.is_challenge else "main.py"
        if program is None or Path(program).name != name:
            return
        self.file = program
        sys.excepthook = self._stopped_by
        atexit.register(self._stopped)

    def _stopped_by(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        evidence.CURRENT.failed(error)
        self._never_ran(trouble.errors_in(evidence.CURRENT, self.file) or repr(error))

    def _stopped(self) -> None:
        if not self._judged:
            self._never_ran(say("stopped_early"))

    def _never_ran(self, why: str) -> None:
        self._judged = True
        verdict = Verdict(self.number, self.is_challenge, 0, len(self.gates), trouble=why)
        tell(report(verdict))
        verdict.send()
        os._exit(1)

    def conclude(self, errors: str, hung: str = "") -> None:
        """Judge, tell, and exit."""
        self._judged = True
        verdict = self.verdict(errors, hung)
        tell(report(verdict, self.text("learned") if verdict.passed else "", self.following(verdict)))
        verdict.send()
        leave(0 if verdict.passed else 1)

    def verdict(self, errors: str, hung: str) -> Verdict:
        """What the gates say, and what went wrong besides. Where all gates hold, errors were part of the lesson."""
        judgement = judge(self.gates, evidence.CURRENT)
        unmet = judgement.unmet
        if unmet is None:
            return Verdict(self.number, self.is_challenge, judgement.done, judgement.total, trouble=hung)
        number = judgement.done + 1
        if unmet.key == CUT_SHORT:
            message = say(CUT_SHORT)
        else:
            message = self.text(f"gate{number}.{unmet.key}", **(unmet.values or {}))
        return Verdict(
            self.number, self.is_challenge, judgement.done, judgement.total, f"gate{number}.{unmet.key}", message,
            place(self.file, number), unmet.expected, unmet.actual, errors or hung,
        )  # fmt: skip

    def following(self, verdict: Verdict) -> str:
        """Where it goes on from here."""
        if verdict.unmet:
            return say("hint", arguments=f"{self.number}{' --challenge' if self.is_challenge else ''}")
        if not verdict.passed:
            return ""
        here = Path(self.file).parent
        if not self.is_challenge and (here / "challenge.py").exists():
            extra = "\n" + say("challenge", path=trouble.shown(str(here / "challenge.py")))
        else:
            extra = ""
        if self.number == LAST:
            return say("course_done") + extra
        return say("next", path=trouble.shown(str(here.parent / f"lesson{self.number + 1:02}" / "main.py"))) + extra


def place(file: str, number: int) -> str:
    """`file:line` of a TODO; the file alone if the TODO was deleted."""
    line = source.line_of(Path(file).read_text("utf-8"), number)
    return trouble.shown(file) + ("" if line is None else f":{line}")


def perform(main: Callable[..., Any], found: evidence.Evidence, file: str) -> str:
    """Run the program to its end or its limit; return where it hung, if it did."""
    if not inspect.iscoroutinefunction(main):
        found.result = main()
        return ""
    return anyio.run(direct, main, found, file)


async def direct(main: Callable[..., Any], found: evidence.Evidence, file: str) -> str:
    """Await `main`, let what it left behind settle, shut down."""
    takes_root = bool(inspect.signature(main).parameters)
    if not takes_root:
        return await bounded(main(), found, file)
    root: Any = gotask.RootManager()
    await root.init()
    try:
        hung = await bounded(main(root), found, file)
        await settled(found)
    finally:
        found.unstopped = trouble.unstopped(await root.shutdown(timeout=STOP_LIMIT), file)
    return hung and (found.unstopped or hung)


async def bounded(coroutine: Any, found: evidence.Evidence, file: str) -> str:
    """Await it; return where it waits when the time is over."""
    hung = ""

    async def watch() -> None:
        nonlocal hung
        began = anyio.current_time()
        quiet, moves = 0.0, found.moves
        while anyio.current_time() - began < MAIN_LIMIT and quiet < STUCK_LIMIT:
            await anyio.sleep(PAUSE)
            quiet += PAUSE  # looks are counted, not seconds: on a busy machine the program had no time to move
            if found.moves != moves or trouble.is_sleeping(coroutine) or trouble.under_debugger():
                quiet, moves = 0.0, found.moves
        hung = say("hung", place=trouble.waits_at(coroutine, file) or say("hung_elsewhere"))
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            found.result = await coroutine
        except Exception as error:
            found.failed(error)
        group.cancel_scope.cancel()
    return hung


async def settled(found: evidence.Evidence) -> None:
    """Wait until nothing more happens, or for as long as that may take."""
    with anyio.move_on_after(SETTLE_LIMIT):
        moves = -1
        while found.moves != moves:
            moves = found.moves
            await anyio.sleep(PAUSE)


class Watch(threading.Thread):
    """Ends a program that holds everything up, and says where it does."""

    def __init__(self, lesson: Lesson) -> None:
        super().__init__(name="watch of the lesson", daemon=True)
        self.over = threading.Event()
        self._lesson = lesson
        self._main = threading.get_ident()

    def run(self) -> None:
        while not self.over.wait(HANG_LIMIT):
            if not trouble.under_debugger():
                where = trouble.line_in(sys._current_frames().get(self._main), self._lesson.file)
                place = where or say("hung_elsewhere")
                sys.setswitchinterval(1e-4)  # a busy loop gives way to each write of the report, 5 ms late by default
                hung = evidence.CURRENT.unstopped or say("blocked", seconds=HANG_LIMIT, place=place)
                self._lesson.conclude("", hung)


class Tee:
    """Standard output that is kept, too."""

    def __init__(self, stream: Any, found: evidence.Evidence) -> None:
        self._stream = stream
        self._found = found

    def write(self, text: str) -> int:
        self._found.wrote(text)
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def tell(text: str) -> None:
    """Print the report, unless the runner does; what the terminal cannot show is replaced."""
    stream = sys.__stdout__
    if stream is not None and not os.environ.get(QUIET):
        encoding = stream.encoding or "ascii"
        stream.write("\n" + text.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()


def leave(status: int) -> None:
    """End the process, whatever threads are left."""
    if threading.current_thread() is threading.main_thread() and threading.active_count() <= 2:
        sys.exit(status)
    os._exit(status)
