"""The shape of the library: what may import what, how long a file may be, and which rules are tested."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "gotask"
DASHBOARD = sorted((ROOT / "dashboard/gotask_dashboard").glob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 350, 40
BACK_ENDS = {"asyncio", "trio", "uvloop", "sniffio"}
RULES = {"L": 16, "Q": 6, "S": 12, "D": 10, "R": 9, "J": 9, "C": 6, "M": 12, "H": 7}
"""By letter, how many rules the contract has."""


def name_of(path: Path) -> str:
    """A module by its name within the library, which itself is called "gotask"."""
    name = ".".join(path.relative_to(LIBRARY).with_suffix("").parts)
    return name.removesuffix("__init__").rstrip(".") or "gotask"


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All there is in a file; read once."""
    return [*ast.walk(ast.parse(path.read_text("utf-8")))]


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """No other test has the collector look through half a million nodes each time."""
    yield
    nodes.cache_clear()


FILES = {name_of(path): path for path in sorted(LIBRARY.rglob("*.py"))}


def layers() -> dict[str, int]:
    """Each module with the number of its layer, from the picture in DESIGN.md: the one place where they are written."""
    [picture] = re.findall(r"```text\n( *\d+  .*?)```", (ROOT / "DESIGN.md").read_text("utf-8"), re.DOTALL)
    found: dict[str, int] = {}
    for line in picture.splitlines():
        number, names = re.match(r" *(\d+)  ((?:[a-z_.]+ ?)+)", line).groups()  # type: ignore[union-attr]
        for name in names.split():
            assert name not in found, f"{name} is in two layers"
            found[name] = int(number)
    return found


def imports(path: Path) -> Iterator[str]:
    """The modules of the library that this one imports anywhere in it, also for its type hints only."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner.removeprefix("gotask.") in FILES else node.module


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """The functions of a file, and how many lines of code each has: without its docstring."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            described = ast.get_docstring(node) is not None
            doc = (first.end_lineno or 0) - first.lineno + 1 if described else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - doc


def docstrings(path: Path) -> Iterator[str]:
    """The docstrings of the tests in a file."""
    for node in nodes(path):
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
        # A hypothesis state machine says in its class and its rules what it tests.
        if named or isinstance(node, ast.ClassDef):
            yield ast.get_docstring(node) or ""  # type: ignore[arg-type]


def test_the_page_of_the_rules_has_each_of_them() -> None:
    """docs/rules.md states every rule of the contract, once; and so does its translation."""
    english, stated = (
        re.findall(r"^- \*\*([A-Z]\d+)\*\* ", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        for name in ("docs/rules.md", "docs/rules_CN.md")
    )
    assert stated == english
    assert stated == [f"{letter}{number}" for letter, most in RULES.items() for number in range(1, most + 1)]


def test_the_picture_shows_every_module() -> None:
    """DESIGN.md puts each module in one layer, and names none that there is not."""
    assert sorted(layers()) == sorted(FILES)


@pytest.mark.parametrize("module", FILES)
def test_imports_point_down(module: str) -> None:
    """A module imports from lower layers only, under TYPE_CHECKING too: so there are no circles."""
    level = layers()
    library = [name for name in imports(FILES[module]) if name.partition(".")[0] == "gotask"]
    wrong = [name for name in library if level[name.removeprefix("gotask.")] >= level[module]]
    assert wrong == []


@pytest.mark.parametrize("module", FILES)
def test_only_the_adapters_name_a_back_end(module: str) -> None:
    """M8: asyncio and trio are imported by the adapters, and where virtual time replaces their clocks; nowhere else."""
    named = {name.partition(".")[0] for name in imports(FILES[module])} & BACK_ENDS
    assert not named or module.startswith(("backend.", "testing."))


@pytest.mark.parametrize("module", FILES)
def test_one_concept_a_file(module: str) -> None:
    """A file or a function that grows too long holds two concepts: split it."""
    path = FILES[module]
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE
    assert [name for name, lines in functions(path) if lines > LONGEST_FUNCTION] == []


@pytest.mark.parametrize("path", DASHBOARD, ids=[path.name for path in DASHBOARD])
def test_the_dashboard_builds_on_what_is_public(path: Path) -> None:
    """It imports public modules of the library only, and its files and functions are as short."""
    used = {name for name in imports(path) if name.partition(".")[0] == "gotask"}
    assert used <= {"gotask", "gotask.store", "gotask.chrome_trace", "gotask.testing"}
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE
    assert [name for name, lines in functions(path) if lines > LONGEST_FUNCTION] == []


@pytest.mark.parametrize("where", ["tests", "code"])
def test_every_rule_can_be_found_by_its_number(where: str) -> None:
    """Each rule of the contract has a test that quotes its number, and code that does."""
    rules = {f"{letter}{number}" for letter, most in RULES.items() for number in range(1, most + 1)}
    tests = [doc for path in sorted((ROOT / "tests").glob("*.py")) for doc in docstrings(path)]
    code = [path.read_text("utf-8") for path in (*FILES.values(), *DASHBOARD)]
    texts = {"tests": tests, "code": code}[where]
    quoted = {rule for text in texts for rule in re.findall(r"\b[A-Z]\d+\b", text)}
    assert sorted(rules - quoted) == []


def test_every_test_says_what_it_states() -> None:
    """Each test has a docstring."""
    silent = [path.name for path in sorted((ROOT / "tests").glob("test_*.py")) if "" in docstrings_of_tests(path)]
    assert silent == []


def docstrings_of_tests(path: Path) -> list[str]:
    """Those of the functions only."""
    return [
        ast.get_docstring(node) or ""
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]
