"""Many programs at once: everything of one learner, or of a whole class; as a table, JSON, CSV or JUnit XML."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints
from xml.etree import ElementTree

from gotask_learn.place import SHIPPED, exercises
from gotask_learn.trial import Outcome, attempt

WORKERS = max(2, min(8, (os.cpu_count() or 2) + 1))


def check_all(folder: Path, *, progress: Callable[[Outcome], object] = id) -> list[Outcome]:
    """Run every lesson and challenge of one learner afresh, several at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(attempt, exercise) for exercise in exercises(folder)]
        for future in futures:
            progress(future.result())
        return [future.result() for future in futures]


@dataclass(frozen=True, slots=True)
class Line:
    """One exercise in a report, as plain values. `gate`: the TODO that comes next, 0 if none does."""

    exercise: str
    lesson: int
    challenge: bool
    title: str
    done: int
    total: int
    passed: bool
    gate: int
    message: str
    seconds: float

    @staticmethod
    def of(outcome: Outcome) -> Line:
        one = outcome.exercise
        gate = 0 if outcome.passed else min(outcome.done + 1, one.total)
        message = "" if outcome.passed else (outcome.verdict.message if outcome.verdict else outcome.text)
        return Line(one.name, one.number, one.challenge, one.title, outcome.done, one.total, outcome.passed, gate,
                    message, round(outcome.seconds, 3))  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Line.__slots__}


def as_json(lines: Iterable[Line]) -> str:
    return json.dumps({"version": 1, "exercises": [line.as_dict() for line in lines]}, indent=2, ensure_ascii=False)


def as_csv(lines: Iterable[Line]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, Line.__slots__, lineterminator="\n")
    writer.writeheader()
    writer.writerows(line.as_dict() for line in lines)
    return text.getvalue().rstrip("\n")


def as_junit(lines: list[Line]) -> str:
    """One test case for each exercise, as CI systems show them."""
    missing = sum(not line.passed for line in lines)
    suite = ElementTree.Element("testsuite", name="gotask learn", tests=str(len(lines)), failures=str(missing))
    for line in lines:
        facts = {"classname": "gotask.learn", "name": f"{line.exercise}: {line.title}", "time": str(line.seconds)}
        case = ElementTree.SubElement(suite, "testcase", facts)
        if not line.passed:
            failure = ElementTree.SubElement(case, "failure", message=f"TODO {line.gate}/{line.total}")
            failure.text = "".join(
                character for character in line.message if character.isprintable() or character == "\n"
            )
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, "unicode", xml_declaration=True)


FORMATS: dict[str, Callable[[list[Line]], str]] = {"json": as_json, "csv": as_csv, "junit": as_junit}


# The class


@dataclass(frozen=True, slots=True)
class Learner:
    """One learner of a class."""

    name: str
    lines: tuple[Line, ...]

    @property
    def next_line(self) -> Line | None:
        """The lesson at which the learner is; None when all are done."""
        return next((line for line in self.lines if not line.passed and not line.challenge), None)


class Unreadable(Exception):
    """A file in the class's folder that is no report."""


def read_report(path: Path) -> tuple[Line, ...]:
    """The lines of a report made with `report --json`.

    Raises:
        Unreadable: It is none; the message says why.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
        return tuple(Line(**checked(line)) for line in values["exercises"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def checked(line: dict[str, Any]) -> dict[str, Any]:
    """The values of a line, as they are.

    Raises:
        TypeError: One of them is of another kind than it should be.
    """
    for name, kind in get_type_hints(Line).items():
        if not isinstance(line[name], (int, float) if kind is float else kind):
            raise TypeError(f"{name} is {line[name]!r}")
    return line


def lessons_in(folder: Path) -> Path | None:
    """Where the lessons of a learner's copy are; None if it is none."""
    return next((place for place in (folder / "lessons", folder) if (place / "lesson01").is_dir()), None)


def read_class(folder: Path, unreadable: Callable[[Path, str], object]) -> list[Learner]:
    """Everybody in this folder: copies are run afresh, reports are believed."""
    learners = []
    for path in sorted(folder.iterdir()):
        lessons = lessons_in(path) if path.is_dir() and path.resolve() != SHIPPED.resolve() else None
        if lessons is not None:
            learners.append(Learner(path.name, tuple(map(Line.of, check_all(lessons)))))
        elif path.suffix == ".json" and not path.name.startswith("."):
            try:
                learners.append(Learner(path.stem, read_report(path)))
            except Unreadable as error:
                unreadable(path, str(error))
    return learners


def hold_up(learners: Iterable[Learner]) -> tuple[int, int, int] | None:
    """The lesson and TODO at which most are, and how many; None if nobody is held up."""
    at = Counter((line.lesson, line.gate) for learner in learners if (line := learner.next_line) is not None)
    if not at:
        return None
    (lesson, gate), count = max(at.items(), key=lambda item: (item[1], item[0]))
    return lesson, gate, count
