"""The documents: what they show is run, what they name exists, and both READMEs say the same."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import do
from gotask.cli import main
from gotask.states import ACTIVE, DISPOSED, STARTING, STEPS

ROOT = Path(__file__).parents[1]
LESSONS = tuple(f"lessons/lesson{number:02}/README.md" for number in range(1, 11))
IN_DOCS = tuple(
    f"docs/{name}.md"
    for name in ("guide", "programs", "services", "dashboard", "notebooks", "races", "traces", "comparison", "rules")
)
GUIDES = (*IN_DOCS, *(name.replace(".md", "_CN.md") for name in IN_DOCS), "dashboard/README.md", "gotask/rules.md")
DOCUMENTS = ("README.md", "README_CN.md", "DESIGN.md", "CONTRIBUTING.md", "CHANGELOG.md", *GUIDES)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"python", "console", "mermaid", "text"}
ABANDONED = {(state, DISPOSED) for state in STEPS if ACTIVE[state] or state is STARTING}
"""Steps that only a task which is given up takes: the pictures leave them out."""


def read(name: str) -> str:
    """A document."""
    return (ROOT / name).read_text("utf-8")


def prose(name: str) -> str:
    """A document without its code blocks."""
    return BLOCK.sub("", read(name))


def blocks(names: tuple[str, ...], *languages: str) -> list[tuple[str, str]]:
    """The code blocks of these languages in these documents, each once, with a name for it."""
    found: dict[str, str] = {}
    for name in names:
        for number, (language, code) in enumerate(BLOCK.findall(read(name)), 1):
            if language in languages:
                found.setdefault(code, f"{name}, block {number}")
    return [(place, code) for code, place in found.items()]


def each(*languages: str, names: tuple[str, ...] = DOCUMENTS) -> pytest.MarkDecorator:
    """Run a test for each of these blocks."""
    found = blocks(names, *languages)
    return pytest.mark.parametrize("code", [code for _, code in found], ids=[place for place, _ in found])


# In two languages

PAIRS = [
    (name, name.replace(".md", "_CN.md"))
    for name in (
        "README.md",
        *IN_DOCS,
        *LESSONS,
    )
]
both_languages = pytest.mark.parametrize("pair", PAIRS, ids=[english for english, _ in PAIRS])
Pair = tuple[str, str]


@both_languages
def test_both_have_the_same_headings(pair: Pair) -> None:
    """Section for section they have the same levels, and the same numbers and names in code."""
    english, chinese = (re.findall(r"^(#+) (.*)$", prose(name), re.MULTILINE) for name in pair)
    marks = [[(level, re.findall(r"\d+\.|`.*`", title)) for level, title in one] for one in (english, chinese)]
    assert marks[0] == marks[1]
    assert len(set(english)) == len(english) >= 1


@both_languages
def test_both_have_the_same_code(pair: Pair) -> None:
    """Block for block they are equal, comments included; pictures and output are as long, and may be in words."""
    english, chinese = (BLOCK.findall(read(name)) for name in pair)
    assert [language for language, _ in english] == [language for language, _ in chinese]
    for (language, one), (_, other) in zip(english, chinese, strict=True):
        if language in ("mermaid", "text") and pair != PAIRS[0]:
            assert len(one.splitlines()) == len(other.splitlines())
        else:
            assert one == other


@both_languages
def test_both_have_the_same_links(pair: Pair) -> None:
    """Link for link they lead to the same place, in their own language where it is there; the first to each other."""
    english, chinese = (re.findall(r"\]\((.*?)\)", prose(name)) for name in pair)
    assert english[0] == Path(pair[1]).name
    assert chinese[0] == Path(pair[0]).name
    folder = (ROOT / pair[0]).parent
    translated = [re.sub(r"\.(md|png)\b", r"_CN.\1", link, count=1) for link in english[1:]]
    assert chinese[1:] == [
        there if (folder / there.partition("#")[0]).is_file() else link
        for link, there in zip(english[1:], translated, strict=True)
    ]


@both_languages
def test_both_tell_the_same(pair: Pair) -> None:
    """Section for section they have as many list items and table rows, and name the same things in code."""
    english, chinese = (re.split(r"^#+ .*$", prose(name), flags=re.MULTILINE) for name in pair)
    for one, other in zip(english, chinese, strict=True):
        for kind in (r"^\|", r"^- ", r"^\d+\. "):
            assert len(re.findall(kind, one, re.MULTILINE)) == len(re.findall(kind, other, re.MULTILINE)), one
        assert Counter(re.findall(r"`.+?`", one)) == Counter(re.findall(r"`.+?`", other))


@both_languages
def test_the_chinese_one_is_chinese(pair: Pair) -> None:
    """No English sentence is left in it: no three words in a row outside code and names."""
    text = re.sub(r"`.+?`|\]\(.*?\)", "", prose(pair[1]))
    assert re.findall(r"[A-Za-z]+ [A-Za-z]+ [A-Za-z]+", text) == []


@both_languages
def test_emphasis_is_seen(pair: Pair) -> None:
    """What is emphasised in Chinese ends with a character, or before a blank: after a sign, GitHub shows the stars."""
    found = re.findall(r"(\*{1,2})([^*\n]+)\1(\w?)", re.sub(r"`.+?`", "x", prose(pair[1])))
    assert [words for _, words, after in found if after and not re.search(r"\w$", words)] == []


# What is shown


def test_every_block_is_of_a_language_that_is_checked() -> None:
    """A block in another language would be checked by nobody."""
    assert {language for name in DOCUMENTS for language, _ in BLOCK.findall(read(name))} <= LANGUAGES


@pytest.mark.usefixtures("unmeasured")
@each("python", names=(*DOCUMENTS, *LESSONS))
def test_python_prints_what_is_shown(code: str, tmp_path: Path) -> None:
    """A program is run as it stands; the comment at its end is what it prints. A test is run by pytest."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GOTASK_", "PYTEST_"))}
    (tmp_path / "test_shown.py").write_text(code, "utf-8")
    shown = re.search(r"(^# .*\n)+\Z", code, re.MULTILINE)
    pytest_here = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"]  # slow to import
    arguments = pytest_here if "def test_" in code else ["test_shown.py"]
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=tmp_path,
        env={**env, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "def test_" in code:
        assert "1 passed" in done.stdout
    else:
        assert shown is not None, "a program says what it prints"
        assert done.stdout == re.sub(r"^# ", "", shown[0], flags=re.MULTILINE)


@each("console")
def test_commands_exist(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is a command of make, of do.py, of pip with extras that there are, or of gotask."""
    targets = re.findall(r"^(\w+): *;.* do\.py (\w+) \$\(ARGS\)$", read("Makefile"), re.MULTILINE)
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    for line in code.splitlines():
        match line.split():
            case ["make", name]:
                assert (name, name) in targets
                assert name in do.COMMANDS
            case ["python3", "do.py", name, *_]:
                assert name in {**do.COMMANDS, **do.HIDDEN}
            case ["pip", "install", what]:
                wanted = re.fullmatch(r'\.|"\.\[([\w,]+)\]"', what)
                assert wanted
                assert set(wanted[1].split(",") if wanted[1] else ()) <= extras.keys()
            case ["gotask", *arguments]:
                with pytest.raises(SystemExit) as ended:
                    main([*arguments, "--help"])
                assert ended.value.code == 0
                assert "usage: gotask" in capsys.readouterr().out
            case _:
                pytest.fail(f"nobody checks {line!r}")


def test_commands_in_sentences_exist() -> None:
    """What the prose calls `make …`, `python3 do.py …` or `gotask …` is a command."""
    said = {words for name in DOCUMENTS for words in re.findall(r"`((?:make|python3 do\.py) \w+)", prose(name))}
    assert said
    assert {words.split()[-1] for words in said} <= {*do.COMMANDS, *do.HIDDEN}


@each("mermaid")
def test_pictures_parse(code: str) -> None:
    """A picture is a flow chart of lines that are edges; one of the life cycle shows exactly the table of the steps."""
    first, *lines = code.splitlines()
    assert first == "flowchart LR"
    node = r'\w+(?:\["[^"]+"\])?'
    edge = rf'^    {node}(?: & {node})*(?: --> | -- "[^"]+" --> )'
    assert all(re.match(edge, line) for line in lines)
    if "INIT" not in code:
        return
    drawn = set()
    for line in lines:
        stations = [part.split(" & ") for part in line.strip().split(" --> ")]
        for here, there in itertools.pairwise(stations):
            drawn |= set(itertools.product(here, there))
    table = {(old.name, new.name) for old, steps in STEPS.items() for new in steps if (old, new) not in ABANDONED}
    assert drawn == table


@pytest.mark.parametrize("name", [*DOCUMENTS, *(name for pair in PAIRS[1 + len(IN_DOCS) :] for name in pair)])
def test_links_lead_somewhere(name: str) -> None:
    """Each link leads to a file of the repository, or to an address on the web."""
    for link in re.findall(r"\]\((.*?)\)", prose(name)):
        assert link.startswith("https://") or (ROOT / name).parent.joinpath(link).is_file(), link


@pytest.mark.parametrize("name", [*DOCUMENTS, "LICENSE"])
def test_the_package_has_its_documents(name: str) -> None:
    """They are there, they end with one line break, and nothing in them is left open."""
    text = read(name)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not re.search(r"TODO:|FIXME|XXX|Lorem", text)


def test_the_readme_is_short() -> None:
    """A newcomer can read it in one go."""
    assert len(read("README.md").splitlines()) < 400
