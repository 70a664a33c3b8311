"""Run the notebooks, and write each as it is kept: executed, and without what differs from run to run.

`python3 do.py notebooks` runs all of them, side by side; names (`00_tour.ipynb`) run those only.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
CELL_TIMEOUT = 60
IGNORED = re.compile(r"^# NBVAL_IGNORE_OUTPUT$", re.MULTILINE)
"""The line of a cell whose output is another one each time."""
WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/jpeg")
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3",
    },
}  # fmt: skip


def notebooks() -> list[Path]:
    """All of them, in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """A notebook from its file."""
    return nbformat.read(path, as_version=4)


def written(notebook: NotebookNode) -> str:
    """The text of its file."""
    return f"{nbformat.writes(notebook).rstrip()}\n"


def normalised(notebook: NotebookNode) -> NotebookNode:
    """The same notebook without times, versions, widget state, and what else belongs to one run or one machine."""
    tags = {"tags": notebook.metadata.tags} if notebook.metadata.get("tags") else {}
    cells = [_normal_cell(cell) for cell in notebook.cells]
    return nbformat.from_dict({"cells": cells, "metadata": METADATA | tags, "nbformat": 4, "nbformat_minor": 5})


def _normal_cell(cell: NotebookNode) -> dict[str, Any]:
    source = "\n".join(line.rstrip() for line in cell.source.strip().splitlines())
    metadata = {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
    plain = {"id": cell.id, "cell_type": cell.cell_type, "metadata": metadata, "source": source}
    if cell.cell_type != "code":
        return plain
    outputs = [_normal_output(output) for output in _joined(cell.outputs)]
    return plain | {"execution_count": cell.execution_count, "outputs": outputs}


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """What was printed, in one piece: where the kernel has cut it is chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream" and output.name == joined[-1].name:
            joined[-1] = nbformat.from_dict({**joined[-1], "text": joined[-1].text + output.text})
        else:
            joined.append(output)
    return joined


def _normal_output(output: NotebookNode) -> dict[str, Any]:
    if "data" not in output:
        return dict(output)
    # The view of a widget names a model that dies with the kernel. What is beside it is what a reader without one sees.
    data = {kind: value for kind, value in output.data.items() if kind != WIDGET or len(output.data) == 1}
    if "image/png" in data:
        data["image/png"] = bare_png(data["image/png"])
    return {**output, "data": data, "metadata": {}}


def bare_png(encoded: str) -> str:
    """A picture without the chunks that a program writes about itself: text and time."""
    content = base64.b64decode(encoded)
    kept, at = [content[:8]], 8
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] not in (b"tEXt", b"iTXt", b"zTXt", b"tIME"):
            kept.append(content[at:end])
        at = end
    return base64.b64encode(b"".join(kept)).decode("ascii")


def essence(notebook: NotebookNode) -> Any:
    """What must be the same after each run. Of pictures and ignored cells: that they are there."""
    return [
        (cell.source, cell.metadata, [_seen(cell, one) for one in cell.get("outputs", ())]) for cell in notebook.cells
    ]


def _seen(cell: NotebookNode, output: NotebookNode) -> Any:
    data = output.get("data", {"text": output.get("text")})
    if IGNORED.search(cell.source):
        return output.output_type, sorted(data)
    return output.output_type, {kind: kind in PICTURES or value for kind, value in data.items()}


def client(notebook: NotebookNode, **options: Any) -> NotebookClient:
    """What runs a notebook in a kernel of this Python, in the folder of the notebooks."""
    options = {
        "timeout": CELL_TIMEOUT,
        "kernel_name": "python3",
        "store_widget_state": False,
        **options,
    }
    return NotebookClient(notebook, resources={"metadata": {"path": str(FOLDER)}}, **options)


async def execute(path: Path, at_once: asyncio.Semaphore) -> bool:
    """Run one notebook and write it, unless the file says the same already; whether it was written."""
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    async with at_once:
        await client(notebook).async_execute()
    return write(path, notebook)


def write(path: Path, executed: NotebookNode) -> bool:
    """Write a notebook that has been run, in normal form. What it showed before stays where nothing else is new."""
    before, after = normalised(read(path)), normalised(executed)
    text = written(before if essence(before) == essence(after) else after)
    if path.read_text("utf-8") == text:
        return False
    path.write_text(text, "utf-8", newline="\n")
    return True


async def execute_all(paths: list[Path]) -> int:
    """Run all of these; how many failed."""
    at_once = asyncio.Semaphore(max(os.cpu_count() or 2, 2))
    outcomes = await asyncio.gather(*(execute(path, at_once) for path in paths), return_exceptions=True)
    said = {True: "written", False: "as it was"}
    for path, outcome in zip(paths, outcomes, strict=True):
        print(f"{path.name}: {outcome if isinstance(outcome, BaseException) else said[outcome]}")
    return sum(isinstance(outcome, BaseException) for outcome in outcomes)


def named() -> list[Path]:
    """The notebooks that were named on the command line; all of them, if none was."""
    parser = ArgumentParser(description="Run the notebooks, and write each as it is kept.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 00_tour.ipynb (default: all)")
    paths = [FOLDER / Path(name).name for name in parser.parse_args().names] or notebooks()
    absent = [path.name for path in paths if not path.exists()]
    if absent:
        parser.error(
            f"there is no notebook {', '.join(absent)}: choose from {', '.join(path.name for path in notebooks())}"
        )
    return paths


if __name__ == "__main__":
    paths = named()
    with tempfile.TemporaryDirectory() as settings:
        os.environ["IPYTHONDIR"] = settings  # the settings of whoever runs this have no say
        sys.exit(min(asyncio.run(execute_all(paths)), 1))
