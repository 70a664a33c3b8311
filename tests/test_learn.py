"""`gotask learn`: what a learner and a teacher type, and what they see, also when something is wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from gotask.words import width
from gotask_learn import desk, tables, texts
from gotask_learn.app import Learning
from gotask_learn.classroom import Learner, Line, Unreadable, as_json, read_report
from gotask_learn.commands import Place
from gotask_learn.place import SHIPPED, Exercise, exercises
from gotask_learn.progress import FILE, Progress
from gotask_learn.report import side_by_side, wrapped
from gotask_learn.source import solve
from gotask_learn.trial import Outcome, attempt, printed

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("unmeasured")]
LAST = exercises(Path())[-1].number


@pytest.fixture(scope="module")
def initial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a learner who has typed `gotask learn init`."""
    folder = tmp_path_factory.mktemp("initial")
    said = learn(folder, "init")
    assert said.returncode == 0, said.stderr
    return folder


@pytest.fixture
def course(initial: Path, tmp_path: Path) -> Path:
    """A learner's copy of the course."""
    shutil.copytree(initial, tmp_path, dirs_exist_ok=True)
    return tmp_path


def learn(folder: Path, *arguments: str, lang: str = "en", **env: str) -> subprocess.CompletedProcess[str]:
    """Type `gotask learn …` in a folder, without a terminal."""
    settings = {**os.environ, "GOTASK_LANG": lang, "PYTHONIOENCODING": "utf-8", **env}
    return subprocess.run(
        [sys.executable, "-m", "gotask.cli", "learn", *arguments], cwd=folder, env=settings, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def main_of(course: Path, number: int = 1) -> Path:
    return course / f"lessons/lesson{number:02}/main.py"


def solved(course: Path, number: int = 1) -> Path:
    path = main_of(course, number)
    path.write_text(solve(path.read_text("utf-8")), "utf-8")
    return path


def shortened(course: Path, last: int = 2) -> None:
    """Delete the lessons behind this one: whatever runs all programs again and again has fewer to run."""
    for number in range(last + 1, LAST + 1):
        shutil.rmtree(main_of(course, number).parent)


# Commands


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A file where a folder should be, say: a sentence with the reason, and no traceback."""
    (tmp_path / "taken").touch()
    said = learn(tmp_path, "init", "taken")
    assert said.returncode == 2
    assert said.stderr.startswith("The lessons cannot be written to taken")
    assert said.stderr.count("\n") == 1


def test_init_never_writes_over_lessons(course: Path) -> None:
    """`init` where there are lessons already leaves them as they are, and says so."""
    main_of(course).write_text("mine", "utf-8")
    said = learn(course, "init")
    assert (said.returncode, main_of(course).read_text("utf-8")) == (2, "mine")
    assert "exists already" in said.stderr


@pytest.mark.parametrize("wrong", ["import gotaskk", "from gotask_learn.course.lesson02 import Dsk"])
def test_a_name_that_is_imported_wrong_is_told(course: Path, wrong: str) -> None:
    """What Python says of it, and not that gotask is missing."""
    path = main_of(course, 2)
    path.write_text(path.read_text("utf-8").replace("    import gotask", f"    {wrong}\n    import gotask"), "utf-8")
    said = learn(course, "run", "2")
    assert said.returncode == 1
    assert f"'{wrong.split()[-1]}'" in said.stdout
    assert "Traceback" not in said.stdout + said.stderr


@pytest.mark.parametrize(("lang", "lost"), [("en", "so it is not kept"), ("zh", "因此进度不会保留")])
def test_a_command_says_that_progress_is_lost(course: Path, lang: str, lost: str) -> None:
    """Where the folder cannot be written."""
    (course / "lessons" / FILE).with_suffix(".new").mkdir()  # root may write to a folder that is read-only
    assert lost in learn(course, "hint", "1", lang=lang).stderr


def test_without_lessons_it_says_how_to_get_them(tmp_path: Path) -> None:
    """Where there are no lessons, each command says how to get them."""
    for command in ("run", "list", "check", "hint"):
        said = learn(tmp_path, command)
        assert (said.returncode, said.stdout) == (2, "")
        assert "gotask learn init" in said.stderr


def test_run_and_progress(course: Path) -> None:
    """`run` gives the report and the exit status, and progress is kept in a file that one can read."""
    said = learn(course, "run", "1")
    assert said.returncode == 1
    assert said.stdout.startswith("Lesson 1: TODO 1/5 is yours")
    solved(course)
    said = learn(course, "run")
    assert said.returncode == 0
    assert "What it printed:" in said.stdout
    assert "Next: edit lessons/lesson02/main.py, then run: gotask learn run 2" in said.stdout.replace("\\", "/")
    assert said.stdout.rstrip().endswith("then run: gotask learn run 1 --challenge")
    assert json.loads((course / "lessons" / FILE).read_text("utf-8"))["done"] == {"lesson01": 5}


def test_from_within_a_lesson(course: Path) -> None:
    """The lessons are found from any folder within the course."""
    said = learn(course / "lessons/lesson01", "run", "1")
    assert said.stdout.startswith("Lesson 1: TODO 1/5 is yours  (main.py:")


def test_without_a_terminal_it_runs_once(course: Path) -> None:
    """`gotask learn` without a terminal runs once and says what to type next."""
    said = learn(course)
    assert said.returncode == 1
    assert "then run: gotask learn run 1" in said.stdout
    solved(course)
    assert "Without a terminal" not in learn(course).stdout


def test_the_last_lesson_has_none_behind_it(course: Path) -> None:
    """After the last lesson there is only its challenge to go on with."""
    solved(course, LAST)
    said = learn(course, "run", str(LAST)).stdout
    assert "That was the last lesson." in said
    assert f"gotask learn run {LAST} --challenge" in said


def test_the_command_is_named_as_it_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a repository whose environment is not on the PATH the command is that of do.py; anywhere else, `gotask`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert texts.typed() == "gotask learn"
    monkeypatch.chdir(texts.REPOSITORY)
    assert texts.typed() == "python3 do.py learn"
    assert "`python3 do.py learn hint 1`" in texts.say("hint", arguments=1)
    installed = tmp_path / ("gotask.exe" if os.name == "nt" else "gotask")
    installed.touch(0o755)
    assert texts.typed() == "gotask learn"


def test_a_lesson_that_is_not_there(course: Path) -> None:
    """A number without a lesson is answered with those there are."""
    said = learn(course, "run", "99")
    assert (said.returncode, said.stderr.strip()) == (2, f"There is no lesson 99: they are 1 to {LAST}.")


def test_hints_come_in_three_stages(course: Path) -> None:
    """Each call says more: a nudge, the concept with its rule, almost the code; then the solution is open."""
    locked = learn(course, "solution", "1")
    assert "after its last hint" in locked.stdout
    heads = [learn(course, "hint", "1").stdout.splitlines()[0] for _ in range(4)]
    assert "gotask learn solution 1" in learn(course, "hint", "1").stdout
    assert heads == [f"Hint {stage}/3 for TODO 1: open the sensor in `start`" for stage in (1, 2, 3, 3)]
    assert "+    async def start(self) -> None:" in learn(course, "solution", "1").stdout
    assert "One solution of challenge 1" not in learn(course, "solution", "1", "--challenge").stdout


def test_hints_follow_the_progress(course: Path) -> None:
    """A hint is for the TODO that comes next; when all work, there is none to give."""
    path = main_of(course)
    path.write_text(solve(path.read_text("utf-8"), {1, 2}), "utf-8")
    learn(course, "run", "1")
    assert "for TODO 3" in learn(course, "hint", "1").stdout
    solved(course)
    learn(course, "run", "1")
    assert "works already" in learn(course, "hint", "1").stdout
    assert "Lesson 1 solved" in learn(course, "solution", "1").stdout


def test_reset_keeps_a_copy(course: Path) -> None:
    """`reset` puts the file back as it was shipped, and keeps the learner's beside it, however often."""
    path, original = main_of(course), main_of(course).read_text("utf-8")
    for text in ("first\n", "second\n"):
        path.write_text(text, "utf-8")
        assert "as it was shipped" in learn(course, "reset", "1").stdout
        assert path.read_text("utf-8") == original
    kept = sorted(copy.read_text("utf-8") for copy in path.parent.glob("*.bak.py"))
    assert kept == ["first\n", "second\n"]
    assert "already" in learn(course, "reset", "1").stdout


def test_reset_brings_a_deleted_file_back(course: Path) -> None:
    """A file that was deleted is named, and `reset` brings it back."""
    main_of(course).unlink()
    said = learn(course, "run", "1")
    assert said.returncode == 1
    assert "gotask learn reset 1" in said.stdout
    learn(course, "reset", "1")
    assert learn(course, "run", "1").stdout.startswith("Lesson 1: TODO 1/5")


def test_reset_that_cannot_write_changes_nothing(tmp_path: Path) -> None:
    """Where the file cannot be written, `reset` says so, and nothing is lost."""
    (tmp_path / "lesson01").write_text("a file where the folder should be", "utf-8")
    said = desk.reset(Progress(), Exercise(tmp_path, 1))
    assert "could not be written" in said
    assert (tmp_path / "lesson01").read_text("utf-8") == "a file where the folder should be"


def test_list(course: Path) -> None:
    """`list` shows every lesson with its progress."""
    solved(course)
    learn(course, "run", "1")
    said = learn(course, "list").stdout
    assert "✓ 5/5" in said
    assert said.count("0/") >= 2 * LAST - 1


def test_check_and_reports(course: Path) -> None:
    """`check` runs everything; the reports say the same as JSON, CSV and JUnit, whatever the state file says."""
    solved(course)
    Progress(done={"lesson02": 99}).save(course / "lessons")
    said = learn(course, "check")
    assert said.returncode == (0 if LAST == 1 else 1)
    shortened(course)
    reported = learn(course, "report", "--json")
    lines = json.loads(reported.stdout)["exercises"]
    assert [line["exercise"] for line in lines] == [one.name for one in exercises(course)]
    assert [line["exercise"] for line in lines if line["passed"]] == ["lesson01"]
    assert lines[0]["done"] == lines[0]["total"] == 5
    rows = list(csv.DictReader(io.StringIO(learn(course, "report", "--csv").stdout)))
    assert [row["passed"] for row in rows] == [str(line["passed"]) for line in lines]
    suite = ElementTree.fromstring(learn(course, "report", "--junit").stdout.encode())
    assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure")) == len(lines) - 1


def test_the_class(course: Path) -> None:
    """`class` shows who is where, from copies and from reports, and at which TODO most are held up."""
    solved(course)
    group = course / "class"
    for name, done in (("ann", 0), ("bob", 2)):
        learn_in = group / name
        learn_in.mkdir(parents=True)
        assert learn(learn_in, "init").returncode == 0
        shortened(learn_in)
        path = main_of(learn_in)
        path.write_text(solve(path.read_text("utf-8"), range(1, done + 1)), "utf-8")
    (group / "chen.json").write_text(learn(group / "bob", "report", "--json").stdout, "utf-8")
    (group / "dora.json").write_text("{}", "utf-8")
    said = learn(course, "class", "class")
    assert said.returncode == 0, said.stderr
    rows = {words[0]: words[1] for line in said.stdout.splitlines() if len(words := line.split()) > 1}
    assert (rows["ann"], rows["bob"], rows["chen"]) == ("0/5", "2/5", "2/5")
    assert "Most are held up by lesson 1, TODO 3 (close the sensor in `dispose`): 2 of 3." in said.stdout
    assert "dora.json is no report" in said.stderr


@pytest.mark.parametrize("change", [{"lesson": "1"}, {"done": None}, {"title": 7}, {"passed": "yes"}])
def test_a_report_with_values_of_another_kind_is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    """Else it would spoil the table of the whole class."""
    line = Line("lesson01", 1, False, "Hello", 2, 5, False, 3, "not yet", 0.5)
    path = tmp_path / "ann.json"
    path.write_text(as_json([line]), "utf-8")
    assert read_report(path) == (line,)
    path.write_text(json.dumps({"exercises": [line.as_dict() | change]}), "utf-8")
    with pytest.raises(Unreadable, match=next(iter(change))):
        read_report(path)


def test_a_class_without_learners(tmp_path: Path) -> None:
    """An empty folder, or none, is answered with what it should hold."""
    for folder in (".", "nowhere"):
        said = learn(tmp_path, "class", folder)
        assert said.returncode == 2
        assert "a folder for each learner" in said.stderr


# Bad input


def test_a_syntax_error_is_explained(course: Path) -> None:
    """A file that Python cannot read: the line, a mark below it, a word on what to look for; no traceback."""
    path = main_of(course)
    path.write_text(path.read_text("utf-8").replace("def main(root", "def main(root("), "utf-8")
    said = learn(course, "run", "1")
    assert said.returncode == 1
    assert "Python cannot read lessons/lesson01/main.py, line" in said.stdout.replace("\\", "/")
    assert "Traceback" not in said.stdout + said.stderr
    place, line = attempt(Exercise(course / "lessons", 1)).place
    assert path.read_text("utf-8").splitlines()[line - 1].startswith("async def main(root(")
    assert place == str(path)


HINTED: dict[str, tuple[str, str, str]] = {
    "async": ("async def main(", "def main(", "the word `async` may be missing"),
    "another keyboard": ("Sensor()", "Sensor（）", "the English keyboard layout"),
    "another encoding": ("Lesson 1", "Lesson\0", "Save the file as UTF-8"),
}


@pytest.mark.parametrize("name", HINTED)
def test_a_syntax_error_is_told_with_its_usual_cause(course: Path, name: str) -> None:
    """What Python cannot read for another reason than a bracket, has a hint of its own."""
    right, wrong, hint = HINTED[name]
    path = main_of(course)
    path.write_text(solve(path.read_text("utf-8")).replace(right, wrong), "utf-8")
    assert hint in learn(course, "run", "1").stdout


def test_a_forgotten_await_is_told_once(course: Path) -> None:
    """Where `await` is missing the report says so; Python's own warning, with a line of a library, does not come."""
    path = main_of(course)
    path.write_text(solve(path.read_text("utf-8")).replace("await self.sensor.open()", "self.sensor.open()"), "utf-8")
    said = learn(course, "run", "1")
    assert "called without `await`" in said.stdout
    assert "RuntimeWarning" not in said.stdout + said.stderr


BAD: dict[str, tuple[str, str]] = {
    "an endless loop": ("    while True:\n        pass\n", "held everything up"),
    "an endless wait": ("    await root.wait_stopped()\n", "does not come to an end"),
    "sys.exit": ("    import sys\n    sys.exit(0)\n", "called exit()"),
    "os._exit": ("    import os\n    os._exit(0)\n", "ended without a verdict (exit status 0)"),
    "much output": ("    for _ in range(1_000_000):\n        print('x' * 99)\n", "TODO 1/5 is yours"),
    "an error": ("    nothing.at_all\n", "NameError: name 'nothing' is not defined"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_programs(course: Path, name: str) -> None:
    """Whatever the program does, the learner gets a clear message, and no traceback of ours."""
    code, message = BAD[name]
    path = main_of(course)
    head = "async def main(root: gotask.RootManager) -> None:\n"
    path.write_text(path.read_text("utf-8").replace(head, head + code), "utf-8")
    said = learn(course, "run", "1")
    assert said.returncode == 1
    assert message in said.stdout
    assert "gotask_learn" not in said.stdout + said.stderr
    assert len(said.stdout) < 10_000


def test_exit_before_main(course: Path) -> None:
    """A program that ends before `lesson.run` exits with 1, whatever status it asked for."""
    path = main_of(course)
    path.write_text(path.read_text("utf-8").replace("display = Display()", "raise SystemExit(0)"), "utf-8")
    direct = subprocess.run([sys.executable, path], capture_output=True, text=True, env={**os.environ, "LANG": "C"})
    assert direct.returncode == 1
    assert "before it came to `lesson.run(main)`" in direct.stdout


def test_a_broken_state_file(course: Path) -> None:
    """A state file that cannot be read is put aside, and said; nothing of the learner's is touched."""
    state = course / "lessons" / FILE
    state.write_text('{"current": 1', "utf-8")
    said = learn(course, "run", "1")
    assert "could not be read" in said.stderr
    assert (course / "lessons/.gotask-learn.broken.json").read_text("utf-8") == '{"current": 1'
    assert json.loads(state.read_text("utf-8"))["current"] == "lesson01"


def test_progress_that_cannot_be_kept(tmp_path: Path) -> None:
    """Where nothing can be written, progress is not kept, and that is told, not raised."""
    assert Progress().save(tmp_path / "nowhere") is False
    assert Progress.load(tmp_path / "nowhere") == (Progress(), None)


def test_windows_line_ends(course: Path) -> None:
    """A file with the line ends of Windows is solved, judged and reset as any other."""
    path = main_of(course)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "already" in learn(course, "reset", "1").stdout
    path.write_bytes(solve(path.read_bytes().decode()).encode())
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n")
    assert learn(course, "run", "1").returncode == 0


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_both_languages(course: Path, lang: str) -> None:
    """Everything is said in the reader's language, and `--lang` has the last word."""
    said = learn(course, "--lang", lang, "run", "1", lang="en" if lang == "zh" else "zh")
    assert ("等你完成" in said.stdout) == (lang == "zh")
    assert ("is yours" in said.stdout) == (lang == "en")


def test_lines_are_broken_by_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chinese takes two columns a character, and is broken between characters; English between words."""
    monkeypatch.setenv("COLUMNS", "40")
    for text in ("任务总是先启动、再工作、最后清理，每次都按这个顺序。" * 3, "one two three four five six seven " * 5):
        lines = wrapped(text)
        assert len(lines) > 2
        assert max(map(width, lines)) <= 38
        assert "".join("".join(lines).split()) == "".join(text.split())


def test_lines_that_are_written_apart_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of several lines keeps them, each broken where it is too long."""
    monkeypatch.setenv("COLUMNS", "24")
    assert wrapped("first line\nthe second one, longer\n第三行。\n第四行。") == [
        "first line", "the second one,", "longer", "第三行。", "第四行。"
    ]  # fmt: skip


def test_output_keeps_its_indentation() -> None:
    """What a program printed is shown as it stands, the first line too."""
    assert printed("\n  one\n    two\n\n") == "  one\n    two"


def test_side_by_side_marks_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table marks the lines that differ, in ASCII where the terminal knows no more."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    monkeypatch.setenv("GOTASK_LANG", "zh")
    lines = side_by_side(("start", "go"), ("start", "stop", "more"))
    assert lines[2:] == ["    start    | start", "  ! go       | stop", "  !          | more"]


# In a terminal


def test_names_of_learners_are_shown_as_they_are() -> None:
    """What looks like markup of rich is a part of the name of a folder."""
    console = Console(width=80)
    with console.capture() as shown:
        console.print(tables.class_table([Learner("ann [team-b]", ())]))
    assert "ann [team-b]" in shown.get()


def test_the_file_is_a_link_wherever_it_is(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a folder with a blank in its name, as terminals take it."""
    folder = course / "my lessons"
    shutil.copytree(course / "lessons", folder / "lessons")
    monkeypatch.chdir(folder)
    learning = Learning(Place())
    learning.outcome = Outcome(learning.exercise, None, "undone")
    console = Console(force_terminal=True, width=200)
    with console.capture() as shown:
        console.print(learning.middle())
    assert f"{(folder / 'lessons/lesson01/main.py').as_uri()}\x1b\\" in shown.get()


class Terminal:
    """`gotask learn` in a pseudo-terminal, and what is on its screen."""

    def __init__(self, folder: Path, columns: int = 100, rows: int = 30) -> None:
        import pexpect
        import pyte

        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.Stream(self.screen)
        env = {**os.environ, "TERM": "xterm-256color", "GOTASK_LANG": "en", "LANG": "C.UTF-8"}
        for name in ("CI", "COLUMNS", "LINES"):  # rich takes the first for no terminal, and believes the others
            env.pop(name, None)
        command, size = ["-m", "gotask.cli", "learn"], (rows, columns)
        self.child = pexpect.spawn(sys.executable, command, cwd=folder, env=env, encoding="utf-8", dimensions=size)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, *wanted: str, seconds: float = 30) -> str:
        """Read until all of this is on the screen."""
        end = time.monotonic() + seconds
        while not all(each in self.text for each in wanted):
            assert time.monotonic() < end, f"{wanted} never came:\n{self.text}"
            self.read()
        return self.text

    def read(self) -> None:
        import pexpect

        try:
            self.stream.feed(self.child.read_nonblocking(65536, timeout=0.2))
        except pexpect.TIMEOUT:
            pass

    def press(self, key: str) -> None:
        self.child.send(key)

    def resize(self, columns: int, rows: int) -> None:
        self.child.setwinsize(rows, columns)
        self.screen.resize(rows, columns)

    def ended(self) -> int:
        """Wait for its end; its exit status."""
        import pexpect

        self.child.expect(pexpect.EOF, timeout=30)
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus)


@pytest.fixture
def terminal(course: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens the course in a terminal; whatever is left of it at the end is ended."""
    opened: list[Terminal] = []

    def open_one(**size: Any) -> Terminal:
        opened.append(Terminal(course, **size))
        return opened[-1]

    yield open_one
    for one in opened:
        one.child.close(force=True)


posix = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX; on Windows see the commands above")


@posix
def test_the_terminal_follows_the_file(course: Path, terminal: Callable[..., Terminal]) -> None:
    """Saved, the file runs again by itself; the bar and the report follow."""
    shown = terminal()
    shown.wait_for("TODO 1/5 is yours", "Save the file and it runs again", "q quit")
    path = main_of(course)
    path.write_text(solve(path.read_text("utf-8"), {1, 2}), "utf-8")
    shown.wait_for("TODO 3/5 is yours")
    solved(course)
    shown.wait_for("Lesson 1 is done", "What you have learned", "[mean]", "n goes on to the next lesson.  t opens")
    shown.press("q")
    assert shown.ended() == 0


@posix
@pytest.mark.parametrize("columns", [34, 60, 74])
def test_a_key_and_its_word_stay_together(terminal: Callable[..., Terminal], columns: int) -> None:
    """However narrow it is."""
    words = ("n next", "h hint", "t challenge", "l list", "c check all", "x reset", "s solution", "q quit")
    terminal(columns=columns, rows=40).wait_for(*words)


@posix
def test_next_only_when_done(course: Path, terminal: Callable[..., Terminal]) -> None:
    """`n` waits until the lesson is done, and nothing moves on by itself."""
    shown = terminal()
    shown.wait_for("TODO 1/5 is yours")
    shown.press("n")
    shown.wait_for("Not yet: TODO 1")
    solved(course)
    shown.wait_for("Lesson 1 is done")
    assert "Lesson 1 of" in shown.text
    shown.press("n")
    shown.wait_for("Lesson 2 of" if LAST > 1 else "last lesson")


@posix
def test_pages_of_the_terminal(course: Path, terminal: Callable[..., Terminal]) -> None:
    """Hints, the list, the locked solution, the challenge and a check of everything each have their page."""
    shortened(course)
    shown = terminal()
    shown.wait_for("TODO 1/5 is yours")
    for stage in (1, 2, 3):
        shown.press("h")
        shown.wait_for(f"Hint {stage}/3 for TODO 1")
    shown.press(" ")
    shown.wait_for("TODO 1/5 is yours")
    shown.press("s")
    shown.wait_for("Lesson 1 solved", "+    async def start")
    shown.press(" ")
    shown.press("l")
    shown.wait_for("The course", "Task basics")
    shown.press(" ")
    shown.press("t")
    shown.wait_for("Challenge 1: Task basics", "TODO 1/3 is yours", "t lesson")
    shown.resize(80, 24)
    shown.press("c")
    shown.wait_for("Task basics", "0/3", "A whole application", "q quit", seconds=90)


@posix
def test_reset_asks_in_the_terminal(course: Path, terminal: Callable[..., Terminal]) -> None:
    """`x` asks first; anything but y leaves the file alone."""
    solved(course)
    shown = terminal()
    shown.wait_for("Lesson 1 is done")
    shown.press("x")
    shown.wait_for("y / n")
    shown.press("n")
    shown.press("x")
    shown.wait_for("y / n")
    shown.press("y")
    shown.wait_for("TODO 1/5 is yours")
    assert len(list(main_of(course).parent.glob("*.bak.py"))) == 1


@posix
def test_another_size_of_the_terminal(terminal: Callable[..., Terminal]) -> None:
    """The picture follows the size of the terminal; the keys are always to be seen."""
    shown = terminal(columns=100, rows=30)
    shown.wait_for("TODO 1/5 is yours")
    shown.resize(50, 14)
    shown.wait_for("...", "q quit", "Lesson 1 of")
    shown.resize(120, 40)
    shown.wait_for("TODO 1/5 is yours", "h gives a hint.")


@posix
@pytest.mark.parametrize("key", ["\x03", "\x04", "q"])
def test_ways_to_quit(course: Path, terminal: Callable[..., Terminal], key: str) -> None:
    """Ctrl-C, Ctrl-D and q all end it in order: the progress is kept, the terminal is as before."""
    shown = terminal()
    shown.wait_for("TODO 1/5 is yours")
    shown.press(key)
    assert shown.ended() == 0
    assert json.loads((course / "lessons" / FILE).read_text("utf-8"))["done"] == {"lesson01": 0}


@posix
def test_quit_while_a_program_runs(course: Path, terminal: Callable[..., Terminal]) -> None:
    """A program that still runs is ended with the runner, at once."""
    path = main_of(course)
    path.write_text("import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(1000)\n", "utf-8")
    shown = terminal()
    shown.wait_for("running ...")
    while not (course / "pid").exists() or not (course / "pid").read_text():
        shown.read()
    shown.press("q")
    assert shown.ended() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((course / "pid").read_text()), 0)


def test_reset_in_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a repository the original comes from git, and without git from what was kept when it was set up."""
    lesson = tmp_path / "lesson01"
    shutil.copytree(SHIPPED / "lesson01", lesson)
    monkeypatch.setattr("gotask_learn.place.SHIPPED", tmp_path)
    exercise = Exercise(tmp_path, 1)
    original = exercise.path.read_text("utf-8")
    exercise.path.write_text("mine", "utf-8")
    monkeypatch.setattr("gotask_learn.place.SET_UP", tmp_path / "nowhere")
    assert "no original" in desk.reset(Progress(), exercise)
    monkeypatch.setattr("gotask_learn.place.SET_UP", SHIPPED)
    assert "as it was shipped" in desk.reset(Progress(), exercise)
    assert exercise.path.read_text("utf-8") == original
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    exercise.path.write_text("mine again", "utf-8")
    monkeypatch.setattr("gotask_learn.place.SET_UP", tmp_path / "nowhere")
    desk.reset(Progress(), exercise)
    assert exercise.path.read_text("utf-8") == original
