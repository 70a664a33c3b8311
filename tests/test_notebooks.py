"""The notebooks: they run, show what they are committed with, may be run in any order, and keep to their rules.

Each rule is a function that says what is wrong in a notebook; `BAD` shows that it can.
"""

from __future__ import annotations

import ast
import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebook_files import FOLDER, IGNORED, WIDGET, normalised, notebooks, read, written

Notebook = Any
Rule = Callable[[Notebook], Iterator[str]]
NOTEBOOKS = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
CHINESE = re.compile("[\u4e00-\u9fff]")
HOST_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|work|usr|var|Users|private)/|[A-Z]:\\\\Users|ipykernel_\d")
CLOCK = re.compile(r"\b20\d\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b|\b0x[0-9a-f]{8,}\b")
PINNED = ("nest_asyncio", "asyncio.run(", "anyio.run(", "run_until_complete", "time.sleep(", "gotask.run(")


def code_of(notebook: Notebook) -> list[Any]:
    """Its cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tree_of(cell: Any) -> ast.Module:
    """A cell as syntax; `await` outside of functions is what notebooks are for."""
    return compile(cell.source, cell.id, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def calls_and_asserts(cell: Any) -> tuple[str, list[str]]:
    """The text of a cell, and those of its assertions."""
    return cell.source, [ast.unparse(node) for node in ast.walk(tree_of(cell)) if isinstance(node, ast.Assert)]


def shown(cell: Any) -> str:
    """All text that a cell of code shows; of its HTML, too."""
    return json.dumps(cell.outputs, ensure_ascii=False)


# The rules


def is_in_normal_form(notebook: Notebook) -> Iterator[str]:
    """No times, no versions, no widget state: what `make notebooks` writes."""
    if written(notebook) != written(normalised(notebook)):
        yield "it is not what `make notebooks` writes"


def is_executed_in_order(notebook: Notebook) -> Iterator[str]:
    """nbval compares nothing in a cell that was never run, and what was run out of order is stale."""
    counts = [cell.execution_count for cell in code_of(notebook)]
    if counts != [*range(1, len(counts) + 1)]:
        yield f"executed as {counts}"


def has_readable_ids(notebook: Notebook) -> Iterator[str]:
    """Cells are named, not numbered by chance."""
    for cell in notebook.cells:
        if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", cell.id):
            yield f"cell id {cell.id!r}"


def is_in_two_languages(notebook: Notebook) -> Iterator[str]:
    """English first, then Chinese as a quotation; headings have both."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        lines = cell.source.splitlines()
        plain = [line for line in lines if line.strip() and not line.startswith(("#", ">"))]
        quoted = [line for line in lines if line.startswith(">")]
        heads = [line for line in lines if re.match("#+ ", line)]
        if any(" · " not in head or not CHINESE.search(head.partition(" · ")[2]) for head in heads):
            yield f"{cell.id}: a heading without its Chinese half"
        if any(CHINESE.search(line) for line in plain) or (plain and not any(map(CHINESE.search, quoted))):
            yield f"{cell.id}: English, then Chinese as a quotation"


def shows_no_machine(notebook: Notebook) -> Iterator[str]:
    """No path, no date, no clock, no address: neither in what is shown nor in what is written."""
    for cell in notebook.cells:
        text = cell.source + (shown(cell) if cell.cell_type == "code" else "")
        yield from (f"{cell.id}: {found[0]}" for found in HOST_PATH.finditer(text))
        if cell.cell_type == "code" and not IGNORED.search(cell.source):
            yield from (f"{cell.id}: {found[0]}" for found in CLOCK.finditer(shown(cell)))


def shows_no_error(notebook: Notebook) -> Iterator[str]:
    """What a learner sees first is not a traceback."""
    for cell in code_of(notebook):
        if any(output.output_type == "error" or output.get("name") == "stderr" for output in cell.outputs):
            yield f"{cell.id}: an error"


def asserts_what_it_ignores(notebook: Notebook) -> Iterator[str]:
    """A cell whose output nbval does not compare asserts what must hold."""
    for cell in code_of(notebook):
        skipped = re.search("NBVAL_SKIP|NBVAL_RAISES|raises-exception|nbval-", cell.source + str(cell.metadata))
        if skipped or (IGNORED.search(cell.source) and not calls_and_asserts(cell)[1]):
            yield f"{cell.id}: compared with nothing"


def begins_with_imports(notebook: Notebook) -> Iterator[str]:
    """The first cell of code imports."""
    kinds = [type(node) for node in tree_of(code_of(notebook)[0]).body]
    if not kinds or not set(kinds) <= {ast.Import, ast.ImportFrom}:
        yield "the first cell of code does not import, or does more"


def opens_one_root(notebook: Notebook) -> Iterator[str]:
    """A cell that is run again opens no second root."""
    for cell in code_of(notebook):
        for node in tree_of(cell).body:
            text = ast.unparse(node)
            if "RootManager(" in text and not re.match(r"if '(\w+)' not in globals\(\):\n    \1 = ", text):
                yield f"{cell.id}: a root that is made again"


def ends_in_order(notebook: Notebook) -> Iterator[str]:
    """A task that fails in the background is silent: the last cell shuts down, and asserts what is left and what failed."""
    source, asserted = calls_and_asserts(code_of(notebook)[-1])
    if not re.search(r"await \w+\.shutdown\(", source):
        yield "the last cell does not shut down"
    if not any(".unstopped == ()" in one for one in asserted):
        yield "the last cell does not assert that nothing is left"
    if "records(failed=True)" not in source or not any("failed" in one for one in asserted):
        yield "the last cell does not assert that nothing failed"


def uses_the_loop_of_the_kernel(notebook: Notebook) -> Iterator[str]:
    """No loop inside the loop, and nothing that holds it up."""
    for cell in code_of(notebook):
        yield from (f"{cell.id}: {name}" for name in PINNED if name in cell.source)


RULES: tuple[Rule, ...] = (
    is_in_normal_form, is_executed_in_order, has_readable_ids, is_in_two_languages, shows_no_machine, shows_no_error,
    asserts_what_it_ignores, begins_with_imports, opens_one_root, ends_in_order, uses_the_loop_of_the_kernel,
)  # fmt: skip
