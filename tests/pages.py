"""What the tests of the page share: a program with a dashboard that can be killed, and a browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

import pytest
from playwright.sync_api import Browser, Page, Playwright

REPOSITORY = Path(__file__).resolve().parents[1]
CHROMIUM = Path(os.environ.get("GOTASK_CHROMIUM", "/usr/bin/chromium"))
AXE = REPOSITORY / "dashboard" / "web" / "node_modules" / "axe-core" / "axe.min.js"
MISSING = [str(path) for path in (CHROMIUM, AXE) if not path.exists()]
IN_BROWSER = [
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("unmeasured"),
    pytest.mark.skipif(
        bool(MISSING) and os.environ.get("CI") != "true", reason=f"{MISSING} is not there: apt install chromium, npm ci"
    ),
]
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium, or the one that GOTASK_CHROMIUM names."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


def serious(page: Page) -> list[str]:
    """What axe finds that keeps people out."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


class Program:
    """The program of `page_program.py`, in a process of its own."""

    def __init__(
        self, scene: str, *, port: int = 0, token: str = "", read_only: bool = False, history: str = ""
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        history = history or str(Path(self._folder.name, "history.db"))
        given = ["--read-only"] if read_only else []
        given += ["--token", token] if token else []
        self._arguments = [*given, "--history", history]
        self._scene = scene
        self._port = port
        self.base = ""

    def __enter__(self) -> Program:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Start it, again at the same port."""
        program = str(REPOSITORY / "tests" / "page_program.py")
        self._process = subprocess.Popen(
            [sys.executable, program, self._scene, str(self._port), *self._arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        assert self._process.stdout is not None
        url = json.loads(self._process.stdout.readline())["url"]
        self.url = url
        self.base = url.partition("#")[0]
        self._port = int(self.base.rstrip("/").rpartition(":")[2])

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
