"""The command `gotask` in both languages: its help, what it says of wrong input, and the texts they are made of."""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from gotask import arguments, cli
from gotask.arguments import Parser, refusal
from gotask.words import LANGUAGES, catalogue, cut, folded, width

ROOT = Path(__file__).parents[1]
CATALOGUES = [("gotask", "words"), *(("gotask_learn", f"texts/{name}") for name in ("app", "help", "report"))]
ACTIONS = ("run", "hint", "solution", "reset", "list", "check", "report", "class", "init")
COMMANDS = [[], ["demo"], ["learn"], *(["learn", action] for action in ACTIONS), ["doctor"], ["rules"]]
REFUSED: dict[str, tuple[list[str], list[str]]] = {
    "choice": (["demo", "--backend", "rope"], ["--backend", "rope", "trio"]),
    "integer": (["learn", "run", "one"], ["number", "one"]),
    "number": (["demo", "--seconds", "long"], ["--seconds", "long"]),
    "no_value": (["rules", "--for"], ["--for"]),
    "too_much": (["rules", "--check=yes"], ["--check", "yes"]),
    "together": (["learn", "report", "--csv", "--json"], ["--csv", "--json"]),
    "one_of": (["learn", "report"], ["--json --csv --junit"]),
    "required": (["learn", "class"], ["folder"]),
    "unknown": (["doctor", "--loud", "x\ny"], ["--loud x\ny"]),
    "ambiguous": (["rules", "--fo"], ["--fo", "--for, --force"]),
}
"""By the key of the sentence, what provokes it, and what has to be named in it."""


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of the usual size."""
    monkeypatch.setenv("COLUMNS", "80")


def typed(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[object, str, str]:
    """Type `gotask …`: the exit status, and what is written to both outputs."""
    try:
        status: object = cli.main(command)
    except SystemExit as ended:
        status = ended.code
    out, err = capsys.readouterr()
    return status, out, err


def english(text: str) -> list[str]:
    """Three words of English and more in a row; commands to be typed are none."""
    return re.findall(r"[A-Za-z]+(?: [a-z]+){2,}", re.sub(r"gotask( [a-z]+)*", "", text))


def fields(text: str) -> list[tuple[str, str | None]]:
    """The placeholders of a text, with their formats."""
    return sorted({(field, spec) for _, field, spec, _ in string.Formatter().parse(text) if field is not None})


# The texts


@pytest.mark.parametrize(("package", "name"), CATALOGUES)
def test_both_languages_say_the_same(package: str, name: str) -> None:
    """Each text stands in both catalogues, in the same order, with the same values in it; and in its own language."""
    ours, theirs = (catalogue(package, name, lang) for lang in LANGUAGES)
    assert list(ours) == list(theirs)
    assert {key: fields(text) for key, text in ours.items()} == {key: fields(text) for key, text in theirs.items()}
    assert not [text for text in ours.values() if width(text) > len(text)]
    assert not [text for text in theirs.values() if english(text)]


def test_english_is_told_from_what_is_typed() -> None:
    """The measure of these tests finds a sentence, and takes no command for one."""
    assert english("显示 show this help message 并退出") == ["show this help message"]
    assert english("运行 `gotask learn hint 1`，或 pip install 'gotask[learn]'") == []


@pytest.mark.parametrize("text", ["日志", "a log", "1号"])
def test_columns(text: str) -> None:
    """A text that is cut or filled up takes just so many columns; half a Chinese character is none."""
    assert [width(cut(text, columns)) for columns in range(8)] == list(range(8))


def test_a_word_that_is_too_long_has_a_line_of_its_own() -> None:
    """No line is empty because of it."""
    assert folded("extraordinary things happen", 8) == ["extraordinary", "things", "happen"]


# Help


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_in_chinese(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sentence of it is English, argparse's own included, and no line is too long for the terminal."""
    monkeypatch.setenv("GOTASK_LANG", "zh")
    status, out, err = typed(capsys, *command, "--help")
    assert (status, err) == (0, "")
    assert out.startswith("用法： gotask")
    assert "选项：\n" in out
    assert english(out) == []
    assert "options" not in out
    assert max(map(width, out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_in_english(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same screens in English hold nothing else."""
    monkeypatch.setenv("GOTASK_LANG", "en")
    status, out, err = typed(capsys, *command, "--help")
    assert (status, err) == (0, "")
    assert out.isascii()
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("columns", ["40", "60"])
def test_explanations_are_aligned(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All lines of an explanation begin in the same column, and end within the terminal."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("GOTASK_LANG", "zh")
    _, out, _ = typed(capsys, "rules", "--help")
    first, *others = out[out.index("  --for NAME") : out.index("  --list")].splitlines()
    assert len(others) >= 2
    assert {first.index("为"), *(len(line) - len(line.lstrip()) for line in others)} == {17}
    assert max(map(width, out.splitlines())) <= int(columns)


def test_in_english_it_is_as_argparse_has_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Help and refusals of the same options are what argparse itself makes of them, to the letter."""
    monkeypatch.setenv("GOTASK_LANG", "en")
    about = "how long things take, whether they are worth it, and what else one might want to know before it begins"
    plain, ours = ArgumentParser(prog="p", description=about), Parser(prog="p", description=about)
    for options, positionals in ((plain, plain), (ours.options, ours.arguments)):
        options.add_argument("--seconds", type=float, help=f"{about}; {about}")
        options.add_argument("--very-long-name-of-an-option", choices=("a", "b"), help=about)
        positionals.add_argument("folder", nargs="+", help=about)
    assert ours.format_help() == plain.format_help()
    assert ours.format_usage() == plain.format_usage()
    for line in ("", "--seconds x folder", "--very-long-name-of-an-option c d", "--seconds"):
        said = []
        for parser in (plain, ours):
            with pytest.raises(SystemExit) as ended:
                parser.parse_args(line.split())
            said.append((ended.value.code, capsys.readouterr().err))
        assert said[0] == said[1]


def test_headings_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer Pythons colour the help of a terminal: the words are found in it all the same."""
    monkeypatch.setenv("GOTASK_LANG", "zh")
    coloured = "\x1b[1;34musage: \x1b[0mgotask [-h]\n\n\x1b[1;34m选项:\x1b[0m\n  -h  a: b\n"
    assert arguments.translated(coloured) == (
        "\x1b[1;34m用法： \x1b[0mgotask [-h]\n\n\x1b[1;34m选项：\x1b[0m\n  -h  a: b\n"
    )


# Wrong input


def test_every_refusal_is_provoked_here() -> None:
    """So that a Python in which argparse puts it otherwise is noticed."""
    known = [key.removeprefix("refusal.") for key in catalogue("gotask", "words", "en") if key.startswith("refusal.")]
    assert sorted(known) == sorted(REFUSED)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("key", REFUSED)
def test_wrong_input(key: str, lang: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the usage one sentence in the reader's language names what is wrong; the status is 2."""
    command, named = REFUSED[key]
    monkeypatch.setenv("GOTASK_LANG", lang)
    status, out, err = typed(capsys, *command)
    assert (status, out) == (2, "")
    start, sentence = {"en": ("usage: ", ": error: "), "zh": ("用法： ", "：错误：")}[lang]
    assert err.startswith(f"{start}gotask")
    said = err[err.index(sentence) + len(sentence) :]
    assert all(name in said for name in named), said
    pattern = catalogue("gotask", "words", lang)[f"refusal.{key}"]
    assert all(literal in said for literal, *_ in string.Formatter().parse(pattern)), said
    assert lang == "en" or english(err) == []


@pytest.mark.skipif(os.name == "nt", reason="closing a stream is a matter of the POSIX shell")
@pytest.mark.parametrize("command", ["--help", "rules --list", "learn list"])
def test_streams_that_are_closed(command: str) -> None:
    """`gotask … <&- >&-` does what it does, and tells nobody."""
    line = f"exec {sys.executable} -m gotask.cli {command} <&- >&-"
    ended = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is a device of Linux")
@pytest.mark.parametrize("command", ["rules --list", "doctor", "learn list"])
def test_a_full_disk_is_said_in_one_line(command: str) -> None:
    """`gotask … > /dev/full` says that there is no room, without a traceback."""
    line = f"exec {sys.executable} -m gotask.cli {command} >/dev/full"
    ended = subprocess.run(
        ["sh", "-c", line], stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "GOTASK_LANG": "en"}
    )
    assert (ended.returncode, ended.stderr) == (1, "gotask: error: No space left on device\n")


@pytest.mark.parametrize("value", ["'rope' (choose from 'asyncio', 'trio')", "'rope' (choose from asyncio, trio)"])
def test_choices_with_and_without_quotes(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer Pythons name them without quotes."""
    monkeypatch.setenv("GOTASK_LANG", "zh")
    assert refusal(f"argument --backend: invalid choice: {value}").startswith("参数 --backend 不能是 'rope'：请从 ")


def test_a_refusal_that_is_not_known_is_said_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Better in English than not at all."""
    monkeypatch.setenv("GOTASK_LANG", "zh")
    assert refusal("something new") == "something new"


@pytest.mark.parametrize(("lang", "sentence"), [("en", "The course needs a few"), ("zh", "课程还需要几个软件包")])
def test_without_the_course(lang: str, sentence: str) -> None:
    """Without its packages the command says how to get it, whatever was typed behind it."""
    code = "import sys; sys.modules['rich'] = sys.modules['gotask_learn'] = None; from gotask.cli import main; main()"
    code = code.replace("main()", "sys.exit(main(['learn', 'run', '1']))")
    env = {**os.environ, "GOTASK_LANG": lang, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.endswith("pip install 'gotask[learn]'\n")


# Helpers of developers


@pytest.mark.parametrize("program", ["dashboard/screenshots/take.py", "tests/notebook_files.py"])
def test_a_helper_explains_itself(program: str, tmp_path: Path) -> None:
    """`--help` is no folder and no notebook; a name that there is not is refused in a sentence."""
    for named, status in ((["--help"], 0), ([str(tmp_path), "no-such-name"], 2)):
        done = subprocess.run([sys.executable, str(ROOT / program), *named], capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        assert done.stdout.startswith("usage: ") if status == 0 else "no-such-name: choose from " in done.stderr
    assert list(tmp_path.iterdir()) == []
