"""The mechanism below the lessons: a small lesson of one's own, and the parts it stands on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gotask_learn.evidence import Evidence
from gotask_learn.gates import Unmet, compare, expect, judge
from gotask_learn.source import line_of, solve, todos
from gotask_learn.verdict import Verdict, received

COURSE = Path(__file__).parents[1] / "lessons"

WORLD = """
import random
from gotask import TaskState
from gotask_learn.evidence import Evidence, World
from gotask_learn.gates import compare, expect
from gotask_learn.lesson import Lesson

lesson = Lesson(11)


class Bell(World):
    def ring(self) -> int:
        tone = random.randrange(100, 1000)
        self._note("rung", tone=tone)
        return tone


@lesson.gate
def it_rings_in_its_body(found: Evidence) -> None:
    rung = found.saw("rung")
    expect(rung, "silent", ["GOING: rung"], rung)
    compare("elsewhere", [TaskState.GOING], [seen.state for seen in rung])


@lesson.gate
def the_tone_is_its_result(found: Evidence) -> None:
    rung = found.saw("rung")[0]
    tone = str(rung["tone"])
    expect(tone in found.output, "not_printed", [tone], found.output.splitlines(), tone=tone)
"""

TEXTS = """
title = "A bell"
learned = "It rings."
[gate1]
task = "ring"
silent = "Nobody rang the bell."
elsewhere = "Ring it in the body."
hints = ["a", "b", "c"]
[gate2]
task = "print the tone"
not_printed = "The tone was {tone}: print it."
hints = ["a", "b", "c"]
"""

MAIN = """
import anyio
import gotask
from gotask_learn.course.lesson11 import Bell, lesson

class Ringer(gotask.Task):
    def __init__(self):
        self.bell = Bell()

    ## TODO 1/2: ring it in the body: uncomment 2 lines
    ## ...: 取消 2 行注释
    # async def go(self):
    #     return self.bell.ring()

async def main(root):
    ringer = root.add_task(Ringer())
    await ringer.wait_started()
    while ringer.state is gotask.TaskState.GOING:  # in a thread it may take its time
        await anyio.sleep(0.01)
    ## TODO 2/2: print its result: uncomment 1 line
    ## ...: 取消 1 行注释
    # print(ringer.result)

if __name__ == "__main__":
    lesson.run(main)
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A copy of the course with a lesson 11, written as CONTRIBUTING.md says."""
    shutil.copytree(COURSE / "gotask_learn", tmp_path / "gotask_learn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "gotask_learn/course/lesson11.py").write_text(WORLD, "utf-8")
    for lang in ("en", "zh"):
        (tmp_path / f"gotask_learn/course/lesson11.{lang}.toml").write_text(TEXTS, "utf-8")
    (tmp_path / "lesson11").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("uncommented", "replaced", "status", "message"),
    [
        ((), ("", ""), 1, "TODO 1/2 is yours"),
        ((1,), ("", ""), 1, "The tone was"),
        ((2,), ("", ""), 1, "Nobody rang the bell."),
        ((1, 2), ("", ""), 0, "Lesson 11 is done: all 2 TODOs work."),
        ((1, 2), ("async def go", "def go"), 0, "Lesson 11 is done"),
        ((1, 2), ("async def go", "async def run"), 1, "Ring it in the body."),
        ((1, 2), ("print(ringer.result)", "print(500.5)"), 1, "TODO 2/2 is yours"),
    ],
)
def test_a_lesson_of_ones_own(
    course: Path, uncommented: tuple[int, ...], replaced: tuple[str, str], status: int, message: str
) -> None:
    """What CONTRIBUTING.md says is enough for a lesson that judges what its program does."""
    path = course / "lesson11/main.py"
    path.write_text(solve(MAIN, uncommented).replace(*replaced), "utf-8")
    env = {**os.environ, "PYTHONPATH": str(course), "GOTASK_LANG": "en", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, path], env=env, capture_output=True, text=True, encoding="utf-8", cwd=course)
    assert (done.returncode, done.stderr) == (status, "")
    assert message in done.stdout


def test_the_todos_of_a_file() -> None:
    """A TODO is found by its head, with the block below it; the text decides nothing else."""
    found = todos(MAIN)
    assert [(todo.number, todo.total, len(todo.block)) for todo in found] == [(1, 2, 2), (2, 2, 1)]
    assert line_of(MAIN, 2) == found[1].line
    assert line_of(MAIN, 3) is None
    assert MAIN.splitlines()[found[0].line - 1].strip().startswith("## TODO 1/2")


def test_solving_uncomments_blocks_and_nothing_else() -> None:
    """Uncommenting takes the first `# ` of each line of the block away, and keeps line ends as they are."""
    text = "    ## TODO 1/1: uncomment 2 lines\r\n    ## 取消 2 行注释\r\n    # a  # b\r\n    #\r\n    # other\r\n"
    assert solve(text) == text.replace("    # a  # b\r\n    #\r\n", "    a  # b\r\n    \r\n")
    assert solve(text, ()) == text


def test_gates_are_tried_in_order_up_to_the_first_that_does_not_hold() -> None:
    """The first gate that does not hold is the next TODO; those after it are not looked at."""

    def holds(found: Evidence) -> None:
        expect(True, "never")

    def fails(found: Evidence) -> None:
        compare("key", [1, 2], [1, 3])

    def unreached(found: Evidence) -> None:
        raise AssertionError("it was looked at")

    judgement = judge([holds, fails, unreached], Evidence())
    assert (judgement.done, judgement.total) == (1, 3)
    assert isinstance(judgement.unmet, Unmet)
    assert (judgement.unmet.key, judgement.unmet.expected, judgement.unmet.actual) == ("key", ("1", "2"), ("1", "3"))


def test_only_the_verdict_that_was_asked_for_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict carries the word that the runner gave; without it, or torn, it is none."""
    place = tmp_path / "verdict.json"
    monkeypatch.setenv("GOTASK_LEARN_VERDICT", str(place))
    monkeypatch.setenv("GOTASK_LEARN_NONCE", "word")
    verdict = Verdict(1, False, 2, 5, "gate3.x", "message", "main.py:3", ("a",), ("b",), "trouble")
    verdict.send()
    assert received(str(place), "word") == verdict
    assert received(str(place), "another") is None
    place.write_text("{", "utf-8")
    assert received(str(place), "word") is None
