"""The course proves itself: each gate of each lesson is met, missed and judged by what the program does."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import gotask
from gotask_learn.process import Run, run_lesson
from gotask_learn.source import solve, todos
from gotask_learn.texts import catalogue

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "lessons").glob("lesson[0-9][0-9]"))
NUMBERS = [int(folder.name[-2:]) for folder in LESSONS]
LONGEST_FILE = 120

every_lesson = pytest.mark.parametrize("number", NUMBERS)
pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("unmeasured")]


def shipped(number: int, name: str = "main.py") -> str:
    return (ROOT / f"lessons/lesson{number:02}" / name).read_text("utf-8")


def solution(number: int, other: str = "") -> str:
    return (ROOT / f"lessons/solutions/challenge{number:02}{other}.py").read_text("utf-8")


def run(folder: Path, number: int, text: str, name: str = "main.py", **env: str) -> Run:
    """Run this text as the program of a lesson."""
    path = folder / f"lesson{number:02}" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return run_lesson(path, lang="en", env=env)


def met(result: Run) -> tuple[int | None, str]:
    """Its exit status, and the key of the gate's message: "" if all hold."""
    assert result.verdict is not None, result.output
    assert "gotask_learn/" not in result.output, "a traceback of ours"
    return result.status, result.verdict.unmet


def gate_of(result: Run) -> tuple[int | None, str]:
    status, unmet = met(result)
    return status, unmet.partition(".")[0]


@dataclass(frozen=True)
class Answer:
    """An answer a learner may give: replacements in the solved program, and what must come of it."""

    number: int
    file: str
    name: str
    unmet: str
    says: str
    replace: tuple[tuple[str, str], ...]

    def text(self) -> str:
        text = solve(shipped(self.number)) if self.file == "main.py" else solution(self.number)
        for old, new in self.replace:
            assert text.count(old) >= 1, f"not in the program: {old!r}"
            text = text.replace(old, new)
        return text


def answers(file: str | None = None) -> Iterator[Answer]:
    for number in NUMBERS:
        path = ROOT / f"tests/lessons/lesson{number:02}.toml"
        tables = tomllib.loads(path.read_text("utf-8"))
        for kind, program in (("answer", "main.py"), ("challenge", "challenge.py")):
            for table in tables.get(kind, []) if file in (None, program) else []:
                pairs = tuple((old, new) for old, new in table["replace"])
                yield Answer(number, program, table["name"], table.get("unmet", ""), table.get("says", ""), pairs)


def states(file: str = "main.py") -> list[tuple[int, int]]:
    return [(number, todo.number) for number in NUMBERS for todo in todos(shipped(number, file))]


@every_lesson
def test_as_shipped_gate_1_is_open(tmp_path: Path, number: int) -> None:
    """Proof 1: as shipped a lesson exits with 1 and the message of gate 1."""
    result = run(tmp_path, number, shipped(number))
    assert gate_of(result) == (1, "gate1")
    assert f"Lesson {number}: TODO 1/" in result.output


@every_lesson
def test_solved_all_gates_are_met(tmp_path: Path, number: int) -> None:
    """Proof 2: with every block uncommented a lesson exits with 0."""
    result = run(tmp_path, number, solve(shipped(number)))
    assert met(result) == (0, ""), result.output
    assert result.verdict is not None
    assert result.verdict.passed


@pytest.mark.parametrize(("number", "left_out"), states())
def test_one_block_left_out_is_its_gate(tmp_path: Path, number: int, left_out: int) -> None:
    """Proof 3: solved but for TODO k, a lesson exits with 1 and the message of gate k, and says where TODO k is."""
    text = shipped(number)
    numbers = {todo.number for todo in todos(text)} - {left_out}
    result = run(tmp_path, number, solve(text, numbers))
    assert gate_of(result) == (1, f"gate{left_out}"), result.output
    line = next(todo.line for todo in todos(text) if todo.number == left_out)
    assert f"lesson{number:02}/main.py:{line})" in result.output.replace("\\", "/")


@pytest.mark.parametrize("answer", list(answers()), ids=lambda answer: f"{answer.number} {answer.file}: {answer.name}")
def test_answers(tmp_path: Path, answer: Answer) -> None:
    """Proof 4 and 5: a wrong answer gets the message meant for it; another right one passes."""
    result = run(tmp_path, answer.number, answer.text(), answer.file)
    assert met(result) == (1 if answer.unmet else 0, answer.unmet), result.output
    assert answer.says in result.output


@every_lesson
def test_there_are_enough_answers(number: int) -> None:
    """Proof 4: at least three wrong answers for each lesson, and one that is right in another way."""
    own = [answer for answer in answers("main.py") if answer.number == number]
    assert sum(bool(answer.unmet) for answer in own) >= 3
    assert sum(not answer.unmet for answer in own) >= 1


@every_lesson
def test_a_challenge_as_shipped(tmp_path: Path, number: int) -> None:
    """Proof 5: as shipped a challenge runs, and exits with 1 and the message of gate 1."""
    result = run(tmp_path, number, shipped(number, "challenge.py"), "challenge.py")
    assert gate_of(result) == (1, "gate1"), result.output


@every_lesson
@pytest.mark.parametrize("other", ["", "_other"])
def test_a_challenge_solved(tmp_path: Path, number: int, other: str) -> None:
    """Proof 5: both solutions of a challenge, which differ, pass."""
    result = run(tmp_path, number, solution(number, other), "challenge.py")
    assert met(result) == (0, ""), result.output


def test_every_public_name_is_taught() -> None:
    """Proof 6: each name of the library is used in a lesson, in a challenge or in its solution."""
    programs = [*ROOT.glob("lessons/lesson*/*.py"), *ROOT.glob("lessons/solutions/*.py")]
    text = "\n".join(program.read_text("utf-8") for program in programs)
    assert [name for name in gotask.__all__ if not re.search(rf"\bgotask\.{name}\b", text)] == []


@every_lesson
def test_the_catalogues_have_the_same_keys(number: int) -> None:
    """Proof 7: English and Chinese say the same things, in lists of the same length, with the same fields."""
    english, chinese = (catalogue(f"course/lesson{number:02}", lang) for lang in ("en", "zh"))
    assert list(english) == list(chinese)
    for key, value in english.items():
        if isinstance(value, list):
            assert len(value) == len(chinese[key]) == 3, f"hints come in three stages: {key}"
        assert str(value).isascii(), key
        assert fields(value) == fields(chinese[key]), key


def fields(value: Any) -> set[str]:
    """The fields of a text that are filled in."""
    return {name for _, name, _, _ in Formatter().parse(str(value)) if name} if "{" in str(value) else set()


def test_the_report_has_the_same_keys() -> None:
    """Proof 7: so do the catalogues of the report."""
    assert list(catalogue("texts/report", "en")) == list(catalogue("texts/report", "zh"))


@every_lesson
def test_output_in_ascii(tmp_path: Path, number: int) -> None:
    """Proof 7: a terminal that knows only ASCII gets a report it can show."""
    result = run(tmp_path, number, shipped(number), PYTHONIOENCODING="ascii", GOTASK_LANG="zh")
    assert result.output.isascii()
    assert "is yours" in result.output
    assert "?" not in result.output.partition("Stuck?")[0].partition("is yours")[2]


@every_lesson
@pytest.mark.parametrize("name", ["main.py", "challenge.py"])
def test_the_form_of_a_lesson_file(number: int, name: str) -> None:
    """A lesson is short, its TODOs are numbered, said in both languages, and it parses however they are toggled."""
    text = shipped(number, name)
    lines = text.splitlines()
    found = todos(text)
    assert len(lines) <= LONGEST_FILE
    assert 3 <= len(found) <= 6
    assert [todo.number for todo in found] == list(range(1, len(found) + 1))
    assert {todo.total for todo in found} == {len(found)}
    for todo in found:
        said = "".join(takewhile(lambda line: line.lstrip().startswith("##"), lines[todo.line - 1 :]))
        assert not said.isascii(), f"TODO {todo.number} is not said in Chinese"
        assert bool(todo.block) == (name == "main.py")
        for index in todo.block:
            assert lines[index].lstrip().startswith("# "), lines[index]
        if todo.block:
            assert f"取消 {len(todo.block)} 行注释" in lines[todo.block[0] - 1]
            after = lines[todo.block[-1] + 1].lstrip()
            assert not after.startswith("# "), f"TODO {todo.number} has more lines than it says"
        ast.parse(solve(text, {todo.number}))
    ast.parse(solve(text))
