"""One try at an exercise: run it, and say what came of it, whatever state the file is in."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from gotask_learn.place import Exercise
from gotask_learn.process import TIME_LIMIT, Run, run_lesson
from gotask_learn.report import report
from gotask_learn.texts import text
from gotask_learn.trouble import shown
from gotask_learn.verdict import Verdict

LINES = 12
"""Lines of a program's output that are shown, from the end."""
COLUMNS = 200


def say(key: str, /, **values: object) -> str:
    """A sentence of the runner."""
    return text("texts/app", key, **values)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try: the verdict, if the program got so far, and the text for the learner."""

    exercise: Exercise
    verdict: Verdict | None
    text: str
    output: str = ""
    seconds: float = 0.0
    line: int | None = None
    """Of a file that Python cannot read."""

    @property
    def passed(self) -> bool:
        return self.verdict is not None and self.verdict.passed

    @property
    def done(self) -> int:
        """How many gates hold."""
        return self.verdict.done if self.verdict is not None else 0

    @property
    def place(self) -> tuple[str, int]:
        """The file and the line to look at."""
        path = str(self.exercise.path)
        where = self.verdict.place if self.verdict is not None else ""
        line = where.rpartition(":")[2]
        return path, self.line or (int(line) if line.isdigit() else 1)


def attempt(exercise: Exercise, *, lang: str | None = None,
            started: Callable[[subprocess.Popen[bytes]], object] = id) -> Outcome:  # fmt: skip
    """Run an exercise, and explain how it went."""
    trouble, line = unfit(exercise)
    if trouble:
        return Outcome(exercise, None, trouble, line=line)
    run = run_lesson(exercise.path, lang=lang, quiet=True, started=started)
    if run.verdict is None:
        return Outcome(exercise, None, without_verdict(exercise, run), printed(run.output), run.seconds)
    learned = str(exercise.texts["challenge.learned" if exercise.challenge else "learned"])
    said = report(run.verdict, learned if run.verdict.passed else "")
    return Outcome(exercise, run.verdict, said, printed(run.output), run.seconds)


def arguments_of(exercise: Exercise) -> str:
    """How an exercise is named on the command line."""
    return f"{exercise.number}{' --challenge' if exercise.challenge else ''}"


def unfit(exercise: Exercise) -> tuple[str, int | None]:
    """Why the file cannot be run at all, and the line that is to blame; "" if it can."""
    path = shown(str(exercise.path))
    try:
        source = exercise.path.read_bytes()
    except FileNotFoundError:
        return say("deleted", path=path, arguments=arguments_of(exercise)), None
    except OSError as error:
        return say("unreadable", path=path, why=error.strerror), None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        lines = [say("syntax", path=path, line=error.lineno or 1, why=error.msg)]
        if error.text:
            column = max((error.offset or 1) - 1 - (len(error.text) - len(error.text.lstrip())), 0)
            lines += ["", f"    {error.text.strip()}", "    " + " " * column + "^"]
        return "\n".join([*lines, "", say(syntax_hint(error.msg))]), error.lineno
    except ValueError as error:
        return say("unreadable", path=path, why=error), None
    return "", None


def syntax_hint(why: str) -> str:
    """The key of what to look for, by what Python says."""
    if "async" in why or "await" in why:
        return "syntax_hint_async"
    if "invalid character" in why or "non-printable" in why:
        return "syntax_hint_character"
    if "codec" in why or "null bytes" in why:
        return "syntax_hint_encoding"
    return "syntax_hint"


def without_verdict(exercise: Exercise, run: Run) -> str:
    path = shown(str(exercise.path))
    if run.status is None:
        return say("no_end", path=path, seconds=TIME_LIMIT)
    return say("no_verdict", path=path, status=run.status)


def printed(output: str) -> str:
    """The last lines of what a program printed."""
    lines = [line[:COLUMNS] for line in output.strip("\n").splitlines()]
    return "\n".join(lines[-LINES:])
