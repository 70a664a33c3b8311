"""What a learner may do with one exercise besides running it: hints, solution, reset. Each gives text back."""

from __future__ import annotations

import difflib
import os
from datetime import datetime
from pathlib import Path

from gotask_learn import texts
from gotask_learn.place import Exercise
from gotask_learn.progress import Progress
from gotask_learn.source import solve
from gotask_learn.trial import Outcome, arguments_of, say
from gotask_learn.trouble import shown

STAGES = 3


def next_gate(progress: Progress, exercise: Exercise) -> int:
    """The number of the TODO that comes next; more than there are if all work."""
    return progress.done.get(exercise.name, 0) + 1


def noted(progress: Progress, outcome: Outcome) -> None:
    """Keep what a run has shown. A file that could not be run says nothing about what was done."""
    if outcome.verdict is not None:
        progress.done[outcome.exercise.name] = outcome.done


def onward(outcome: Outcome, following: Exercise | None) -> str:
    """What to type after a run; `following` is the next lesson."""
    exercise = outcome.exercise
    if not outcome.passed:
        unmet = outcome.verdict is not None and outcome.verdict.unmet
        return texts.say("hint", arguments=arguments_of(exercise)) if unmet else ""
    lines = [texts.say("course_done") if following is None else say("next_run", **named(following))]
    if not exercise.challenge:
        lines.append(say("challenge_run", **named(Exercise(exercise.folder, exercise.number, True))))
    return "\n".join(lines)


def named(exercise: Exercise) -> dict[str, str]:
    """What texts say of an exercise: its file, and how it is named on the command line."""
    return {"path": shown(str(exercise.path)), "arguments": arguments_of(exercise)}


def hint(progress: Progress, exercise: Exercise) -> str:
    """The next stage of the hints for the TODO that comes next."""
    number = next_gate(progress, exercise)
    if number > exercise.total:
        return say("hint_done")
    name = f"{exercise.name}.{number}"
    stage = progress.hints[name] = min(progress.hints.get(name, 0) + 1, STAGES)
    hints = exercise.of_gate(number, "hints")
    assert isinstance(hints, list)
    head = say("hint_head", stage=stage, number=number, task=exercise.of_gate(number, "task"))
    said = "\n".join(f"  {each}" for each in hints[:stage])
    more = say("hint_more" if stage < STAGES else "hint_last", arguments=arguments_of(exercise))
    return "\n".join([head, "", said, "", more])


def solution(progress: Progress, exercise: Exercise) -> str:
    """The solution, once the TODO that comes next was done or all its hints were read."""
    number = next_gate(progress, exercise)
    if number <= exercise.total and progress.hints.get(f"{exercise.name}.{number}", 0) < STAGES:
        return say("solution_locked", number=number, arguments=arguments_of(exercise))
    if exercise.challenge:
        text = exercise.solution.read_text("utf-8")
        return "\n".join([say("solution_challenge", number=exercise.number), "", text.rstrip()])
    original = exercise.original() or exercise.path.read_text("utf-8", errors="replace")
    lines = difflib.unified_diff(original.splitlines(), solve(original).splitlines(), lineterm="", n=1)
    return "\n".join([say("solution_main", number=exercise.number), "", *list(lines)[2:]])


def reset(progress: Progress, exercise: Exercise) -> str:
    """Put the file back as it was shipped; the learner's is kept beside it."""
    path = exercise.path
    original = exercise.original()
    if original is None:
        return say("reset_none", path=shown(str(path)))
    backup = ""
    try:
        if path.exists():
            if path.read_bytes().replace(b"\r\n", b"\n") == original.encode().replace(b"\r\n", b"\n"):
                return say("reset_same", path=shown(str(path)))
            kept = spare_name(path)
            os.replace(path, kept)
            backup = shown(str(kept))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(original, "utf-8")
        except OSError:
            if backup:
                os.replace(kept, path)
            raise
    except OSError as error:
        return say("reset_failed", path=shown(str(path)), why=error.strerror)
    progress.done.pop(exercise.name, None)
    return say("reset_done", path=shown(str(path)), backup=backup or "-")


def spare_name(path: Path) -> Path:
    """A name beside the file that is not taken."""
    stem = f"{path.stem}.{datetime.now():%Y%m%d-%H%M%S}"
    names = (path.with_name(f"{stem}{f'-{number}' if number else ''}.bak.py") for number in range(1000))
    return next(name for name in names if not name.exists())
