"""The notebooks in real kernels: compared with what they are committed with, and run in any order."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from notebook_files import client, essence, normalised, notebooks, read, write, written
from test_notebooks import OPEN_ROOT, code_of, notebook_of

NOTEBOOKS = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
pytestmark = [pytest.mark.timeout(180), pytest.mark.usefixtures("unmeasured")]
OPTIONS = (
    "-c", os.devnull, "-p", "nbval.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider", "-q", "--color=no",
    "--nbval", "--nbval-current-env", "--nbval-cell-timeout=30", "--timeout=60",
)  # fmt: skip


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests have no say."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def nbval(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a notebook under nbval, strictly. In a process of its own, so that its cells stay together and in order."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # all others of this environment take longer than a notebook
    command = [sys.executable, "-m", "pytest", *OPTIONS, *options, path.name]
    for _ in range(3):
        done = subprocess.run(command, cwd=path.parent, env=env, capture_output=True, encoding="utf-8")
        # Jupyter looks for free ports some time before its kernel takes them: then another one may have been quicker.
        if "Address already in use" not in done.stdout + done.stderr:
            break
    return done


@NOTEBOOKS
def test_shows_what_it_is_committed_with(path: Path) -> None:
    """Strictly: a cell that shows something else than its committed output fails."""
    done = nbval(path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = sum(cell.cell_type == "code" for cell in read(path).cells)
    assert f"\n{cells} passed in " in done.stdout


def saved(folder: Path, *sources: str) -> Path:
    """A notebook in a folder, run, and written as `make notebooks` writes it."""
    path = folder / "one.ipynb"
    path.write_text(written(notebook_of("import asyncio\n\nimport gotask", OPEN_ROOT, *sources)), "utf-8")
    notebook = read(path)
    client(notebook).execute()
    write(path, notebook)
    return path


def rewrite(path: Path, **cells: str) -> None:
    """Other code in some cells, without running it."""
    notebook = read(path)
    for cell in notebook.cells:
        cell.source = cells.get(cell.id.replace("-", "_"), cell.source)
    path.write_text(written(notebook), "utf-8")


def test_a_stale_output_fails(tmp_path: Path) -> None:
    """What a cell no longer shows, or shows anew, is a failure of nbval."""
    path = saved(tmp_path, "print('hello')")
    assert nbval(path).returncode == 0
    rewrite(path, cell_3="print('bye')")
    assert "1 failed, 3 passed" in nbval(path).stdout


def test_a_cell_that_hangs_fails(tmp_path: Path) -> None:
    """It is ended after the time a cell has, and named."""
    path = saved(tmp_path, "print('hello')")
    rewrite(path, cell_3="await asyncio.sleep(3600)")
    done = nbval(path, "--nbval-cell-timeout=1")
    assert "FAILED one.ipynb::Cell 2 " in done.stdout


FAILS = """
async def fail():
    raise ValueError("nobody hears it")

task = root.add_task(fail)
await task.wait_stopped()
print('hello')
"""


def test_a_silent_failure_fails_in_the_last_cell(tmp_path: Path) -> None:
    """A task that fails between the cells says nothing; the assertions at the end do."""
    path = saved(tmp_path, "print('hello')")
    rewrite(path, cell_3=FAILS)
    done = nbval(path)
    assert "1 failed, 3 passed" in done.stdout
    assert "assert failed == []" in done.stdout


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    """What was written is left alone, also where a cell that is ignored shows something else each time."""
    path = saved(tmp_path, "# NBVAL_IGNORE_OUTPUT\nprint(root.duration)\nassert root.duration", "print('hello')")
    before = path.read_bytes()
    executed = read(path)
    client(executed).execute()
    assert not write(path, executed)
    assert path.read_bytes() == before

    executed.cells[4].outputs[0].text = "bye\n"
    assert write(path, executed)
    assert read(path).cells[3].outputs[0].text == executed.cells[3].outputs[0].text


def run_in_any_order(path: Path) -> Any:
    """Run all but the end, twice over, the second time in a drawn order; then the end, twice; and open and end again.

    Returns what it showed in the first pass.
    """
    notebook = read(path)
    cells = [(number, cell) for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    *others, last = cells
    opens = next(pair for pair in cells if ".init()" in pair[1].source)
    drawn = random.Random(path.stem).sample(others, len(others))
    with (runner := client(notebook)).setup_kernel():
        for number, cell in others:
            runner.execute_cell(cell, number)
        first = normalised(notebook)
        for number, cell in [*drawn, last, last, opens, last]:
            runner.execute_cell(nbformat.from_dict(cell), number)
        notebook.cells.append(nbformat.v4.new_code_cell("from gotask.roots import OPEN\nassert not OPEN, OPEN"))
        runner.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
    return first


@NOTEBOOKS
def test_may_be_run_in_any_order(path: Path) -> None:
    """Any cell may be run again, and no root is left; the first time it shows what is committed."""
    first, committed = run_in_any_order(path), read(path)
    end = code_of(committed)[-1].id
    assert [seen for seen in essence(first) if seen[0] != end] == [
        seen for seen in essence(committed) if seen[0] != end
    ]


def test_a_cell_that_cannot_run_twice_fails(tmp_path: Path) -> None:
    """The test above can fail: a key is taken when the cell is run again; a root is made anew by each run."""
    once = "class Clock(gotask.Task): ...\n\nroot.add_task(Clock(), key='clock')"
    with pytest.raises(CellExecutionError, match="TaskExistsError"):
        run_in_any_order(saved(tmp_path, once))
    with pytest.raises(CellExecutionError, match="AssertionError"):
        run_in_any_order(saved(tmp_path, "other = gotask.RootManager()\nawait other.init()\nprint('second')"))
