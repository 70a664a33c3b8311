"""Where the lessons are: the learner's copies, and the originals."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gotask.words import language
from gotask_learn.source import todos
from gotask_learn.texts import catalogue

HERE = Path(__file__).parent
SHIPPED = next((folder for folder in (HERE / "shipped", HERE.parent) if (folder / "lesson01").is_dir()), HERE.parent)
"""The folder with the lessons as they are shipped: within an installed package, or the repository's own."""

SET_UP = Path(sysconfig.get_path("purelib")) / "gotask_learn" / "shipped"
"""The lessons as they were when a repository was set up: for those who downloaded it without git."""


class NoLessons(Exception):
    """There are none here; the message says what to do."""


@dataclass(frozen=True)
class Exercise:
    """A lesson or its challenge, as a file of the learner's."""

    folder: Path
    number: int
    challenge: bool = False

    @property
    def path(self) -> Path:
        return self.folder / f"lesson{self.number:02}" / self.file_name

    @property
    def file_name(self) -> str:
        return "challenge.py" if self.challenge else "main.py"

    @property
    def name(self) -> str:
        """Its name in files: `lesson03`, `challenge03`."""
        return f"{'challenge' if self.challenge else 'lesson'}{self.number:02}"

    @property
    def texts(self) -> dict[str, object]:
        return catalogue(f"course/lesson{self.number:02}", language())

    @property
    def title(self) -> str:
        return str(self.texts["title"])

    @cached_property
    def total(self) -> int:
        """How many gates it has."""
        prefix = "challenge.gate" if self.challenge else "gate"
        return len([key for key in self.texts if re.fullmatch(rf"{prefix}\d+\.task", key)])

    def of_gate(self, number: int, what: str) -> object:
        """What the catalogue has for one of its gates: its `task`, its `hints`."""
        return self.texts[f"{'challenge.' if self.challenge else ''}gate{number}.{what}"]

    @property
    def solution(self) -> Path:
        """The file with the solution of a challenge; a lesson is solved by uncommenting."""
        return SHIPPED / "solutions" / f"challenge{self.number:02}.py"

    def original(self) -> str | None:
        """The file as it was shipped; None where there is no original to be found."""
        shipped = SHIPPED / self.path.parent.name / self.file_name
        if shipped.resolve() == self.path.resolve():  # in a repository the learner works on the originals themselves
            text = committed(shipped)
            if text is not None:
                return text
            shipped = SET_UP / self.path.parent.name / self.file_name
        return shipped.read_text("utf-8") if shipped.exists() else None


def committed(path: Path) -> str | None:
    """A file of the repository as it was committed, if there is git and a repository."""
    command = ["git", "-C", str(path.parent), "show", f"HEAD:./{path.name}"]
    try:
        shown = subprocess.run(command, capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return shown.stdout.decode("utf-8") if shown.returncode == 0 else None


def find_lessons(start: Path) -> Path:
    """The folder of the learner's lessons, seen from this one.

    Raises:
        NoLessons: There is none.
    """
    for folder in (start, *start.parents):
        for candidate in (folder, folder / "lessons"):
            if (candidate / "lesson01").is_dir():
                return candidate
    raise NoLessons(str(start))


def exercises(folder: Path, *, challenges: bool = True) -> list[Exercise]:
    """All of them in the order of the course, each challenge after its lesson."""
    numbers = sorted(int(path.name[-2:]) for path in SHIPPED.glob("lesson[0-9][0-9]"))
    kinds = (False, True) if challenges else (False,)
    return [Exercise(folder, number, kind) for number in numbers for kind in kinds]


def copy_course(target: Path) -> Path:
    """Copy lessons and challenges, with what is to be read, into a folder of the learner's; never over a file.

    Raises:
        FileExistsError: The folder has lessons already.
    """
    lessons = target / "lessons"
    if lessons.exists():
        raise FileExistsError(str(lessons))
    for folder in sorted(SHIPPED.glob("lesson[0-9][0-9]")):
        shutil.copytree(folder, lessons / folder.name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    return lessons


def first_open_line(exercise: Exercise, number: int) -> int:
    """The line of this TODO in the learner's file, for an editor; 1 if it is not there."""
    text = exercise.path.read_text("utf-8", errors="replace")
    return next((todo.line for todo in todos(text) if todo.number == number), 1)
