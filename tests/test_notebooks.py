"""The notebooks: they run, show what they are committed with, may be run in any order, and keep to their rules.

Each rule is a function that says what is wrong in a notebook; `BAD` shows that it can.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbconvert
import nbformat
import pytest
from notebook_files import IGNORED, WIDGET, normalised, notebooks, read, written

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
    """A cell as syntax."""
    tree: ast.Module = ast.parse(cell.source)
    return tree


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
        plain = [line for line in lines if line.strip() and not line.startswith(("#", ">", "|"))]
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
    """A cell that is run again opens no second root, but for `async with`, which shuts it down."""
    for cell in code_of(notebook):
        for node in tree_of(cell).body:
            text = re.sub(r"async with [\w.]*RootManager\(", "", ast.unparse(node))
            if "RootManager(" in text and not re.match(r"if '(\w+)' not in globals\(\):\n    \1 = ", text):
                yield f"{cell.id}: a root that is made again"


def ends_in_order(notebook: Notebook) -> Iterator[str]:
    """A task that fails in the background is silent: the last cell shuts down, and asserts twice."""
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


@NOTEBOOKS
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rules(path: Path, rule: Rule) -> None:
    """Each notebook keeps to each rule."""
    assert list(rule(read(path))) == []


def test_page_shows_a_picture_for_each_tree() -> None:
    """Whoever reads a notebook as a web page, without a kernel, sees the trees."""
    [path] = [path for path in notebooks() if path.name == "00_tour.ipynb"]
    notebook = read(path)
    trees = sum(cell.source.splitlines()[-1].startswith("TaskTree(") for cell in code_of(notebook))
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert page.count('src="data:image/svg+xml') >= trees > 3


# Each rule can refuse


OPEN_ROOT = 'if "root" not in globals():\n    root = gotask.RootManager()\nawait root.init()'
SHUT = """failed = root.history.records(failed=True)
report = await root.shutdown(timeout=5)
assert report.unstopped == (), report
assert failed == []"""


def notebook_of(*sources: str) -> Notebook:
    """A notebook of a title, these cells of code, and a last one, as if it had been run."""
    cells: list[Any] = [nbformat.v4.new_markdown_cell("# A title · 标题\n\nText.\n\n> 文字。", id="title")]
    for number, source in enumerate((*sources, SHUT), 1):
        cells.append(nbformat.v4.new_code_cell(source, id=f"cell-{number}", execution_count=number))
    return normalised(nbformat.v4.new_notebook(cells=cells))


def good() -> Notebook:
    """A notebook with which nothing is wrong."""
    notebook = notebook_of("import gotask", OPEN_ROOT, "print('hello')")
    notebook.cells[3].outputs = [nbformat.v4.new_output("stream", name="stdout", text="hello\n")]
    return notebook


def source(cell: int, text: str) -> Callable[[Notebook], None]:
    """A change of what is written in a cell."""

    def change(notebook: Notebook) -> None:
        notebook.cells[cell].source = text

    return change


def output(kind: str = "stream", **fields: Any) -> Callable[[Notebook], None]:
    """A change of what the cell that says hello shows."""

    def change(notebook: Notebook) -> None:
        notebook.cells[3].outputs = [nbformat.v4.new_output(kind, **fields)]

    return change


def put(place: str, value: Any) -> Callable[[Notebook], None]:
    """A change of something else: `place` is a path of keys in the notebook."""

    def change(notebook: Notebook) -> None:
        *way, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        for key in way:
            notebook = notebook[key]
        notebook[last] = value

    return change


BAD: list[tuple[Rule, Callable[[Notebook], None]]] = [
    (is_in_normal_form, put("metadata.widgets", {"application/vnd.jupyter.widget-state+json": {}})),
    (is_in_normal_form, put("metadata.language_info.version", "3.11.7")),
    (is_in_normal_form, put("cells.3.metadata.execution", {"iopub.execute_input": "2026-01-01T00:00:00Z"})),
    (is_in_normal_form, output("display_data", data={"text/plain": "TaskTree", WIDGET: {"model_id": "5"}})),
    (is_executed_in_order, put("cells.3.execution_count", None)),
    (is_executed_in_order, put("cells.3.execution_count", 7)),
    (has_readable_ids, put("cells.3.id", "8b1f0c3e")),
    (is_in_two_languages, source(0, "# A title\n\nText.\n\n> 文字。")),
    (is_in_two_languages, source(0, "# A title · 标题\n\nText.")),
    (is_in_two_languages, source(0, "# A title · 标题\n\n文字。\n\n> Text.")),
    (shows_no_machine, output(name="stdout", text="saved to /home/learner/history.db\n")),
    (shows_no_machine, output(name="stdout", text="at /tmp/ipykernel_12/345.py:2\n")),
    (shows_no_machine, output(name="stdout", text="it is 12:30:05\n")),
    (shows_no_machine, output("execute_result", data={"text/plain": "<object at 0x7f62c4a81a90>"})),
    (shows_no_machine, source(3, "open('/home/learner/a.txt')")),
    (shows_no_error, output("error", ename="ValueError", evalue="", traceback=[])),
    (shows_no_error, output(name="stderr", text="Task exception was never retrieved\n")),
    (asserts_what_it_ignores, source(3, "# NBVAL_IGNORE_OUTPUT\nprint(root.duration)")),
    (asserts_what_it_ignores, source(3, "# NBVAL_SKIP\nprint(root.duration)")),
    (asserts_what_it_ignores, put("cells.3.metadata.tags", ["raises-exception"])),
    (begins_with_imports, source(1, "print('hello')")),
    (opens_one_root, source(2, "root = await gotask.RootManager().init()")),
    (opens_one_root, source(2, "if 'tree' not in globals():\n    root = gotask.RootManager()")),
    (ends_in_order, source(4, SHUT.replace("await root.shutdown(timeout=5)", "gotask.ShutdownReport()"))),
    (ends_in_order, source(4, SHUT.replace("assert report.unstopped == (), report", ""))),
    (ends_in_order, source(4, SHUT.replace("assert failed == []", "print(failed)"))),
    (ends_in_order, lambda notebook: notebook.cells.pop()),
    (uses_the_loop_of_the_kernel, source(3, "asyncio.run(main())")),
    (uses_the_loop_of_the_kernel, source(3, "import nest_asyncio")),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_lets_a_good_notebook_pass(rule: Rule) -> None:
    """So it is the change below that is refused."""
    assert list(rule(good())) == []


@pytest.mark.parametrize(("rule", "spoil"), BAD, ids=[f"{rule.__name__}{at}" for at, (rule, _) in enumerate(BAD)])
def test_rule_refuses_a_bad_notebook(rule: Rule, spoil: Callable[[Notebook], None]) -> None:
    """Each rule refuses what it is there for."""
    notebook = good()
    spoil(notebook)
    assert list(rule(notebook)) != []


def test_every_rule_has_a_bad_notebook() -> None:
    """No rule that cannot fail."""
    assert {rule for rule, _ in BAD} == set(RULES)
