"""A JupyterLab for tests: `do.py lab` on a copy of the notebooks, and a page of it in a browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from notebook_files import FOLDER, read, written
from pages import REPOSITORY
from playwright.sync_api import Browser, Locator, Page, expect
from ports import reserve_port

SECONDS = 60
WAIT = 1000.0 * SECONDS
ENDED = re.compile(r"\[\d+\]:")
ERRORS = "application/vnd.jupyter.error", "application/vnd.jupyter.stderr"


class Lab:
    """JupyterLab, as `make lab` starts it, with the settings of somebody who starts it for the first time."""

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / "notebooks"
        shutil.copytree(FOLDER, self.notebooks)
        for path in self.notebooks.glob("*.ipynb"):
            self.add(path.name, read(path))
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "JUPYTER"))}
        self._env = {**kept, **{name: str(folder / name) for name in names}}
        self._log = folder / "log"

    def add(self, name: str, notebook: Any) -> None:
        """Put a notebook there, as one that was never run, so that it can be seen when a cell has been."""
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.execution_count = None
        (self.notebooks / name).write_text(written(notebook), "utf-8")

    def __enter__(self) -> Lab:
        port = reserve_port()
        self.base = f"http://127.0.0.1:{port}"
        options = [
            "--no-browser", f"--port={port}", f"--notebook-dir={self.notebooks}", "--IdentityProvider.token=",
            "--ServerApp.disable_check_xsrf=True",
        ]  # fmt: skip
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(REPOSITORY / "do.py"), "lab", *options],
                env=self._env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        last = time.monotonic() + SECONDS
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < last, self._log.read_text()
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base}/api", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise


def wait_for_kernel(page: Page, timeout: float) -> None:
    """Until the kernel of the notebook in front is there: run before that, cells ask which one they are to have."""
    expect(page.locator("#jp-bottom-panel")).to_contain_text(re.compile(r"Python .*\| Idle"), timeout=timeout)


class Opened:
    """A notebook in JupyterLab."""

    def __init__(self, browser: Browser, lab: Lab, name: str, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="en-GB", **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.errors: list[str] = []
        self.foreign: list[str] = []
        """Requests to anywhere but this JupyterLab."""
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        ours = (lab.base, lab.base.replace("http", "ws", 1), "data:", "blob:")
        self.page.on("request", lambda sent: None if sent.url.startswith(ours) else self.foreign.append(sent.url))
        self.page.goto(f"{lab.base}/lab/workspaces/{name.partition('.')[0]}/tree/{name}")
        self.cells = self.page.locator(".jp-Notebook .jp-CodeCell")
        wait_for_kernel(self.page, WAIT)

    def cell(self, text: str) -> Locator:
        """The cell of code with this text."""
        return self.cells.filter(has=self.page.locator(".jp-InputArea", has_text=text))

    def run_all(self) -> None:
        """All cells, from the menu, up to the end of the last one."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        expect(self.cells.last.locator(".jp-InputPrompt")).to_have_text(f"[{self.cells.count()}]:")

    def run(self, text: str) -> Locator:
        """One cell; what it shows."""
        cell = self.cell(text)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.text_content() or ""
        cell.scroll_into_view_if_needed()
        cell.locator(".cm-content").click()
        expect(cell.locator(".cm-editor")).to_have_class(re.compile("cm-focused"))
        self.page.keyboard.press("Control+Enter")
        expect(prompt).not_to_have_text(before)
        expect(prompt).to_have_text(ENDED)
        return cell.locator(".jp-OutputArea")

    def failures(self) -> list[str]:
        """What cells say that went wrong."""
        return [text for kind in ERRORS for text in self.page.locator(f'[data-mime-type="{kind}"]').all_text_contents()]
