"""The site in which the browser is the kernel: what goes into it, and a walk through it in Chromium."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from labs import wait_for_kernel
from pages import CHROMIUM, FLAGS, REPOSITORY
from playwright.sync_api import Page, expect, sync_playwright

from lite import build_site

CI = os.environ.get("CI") == "true"
MISSING = not CHROMIUM.exists() and not CI
PICTURES = REPOSITORY / "build"
SLOWLY = 120_000
"""Milliseconds for CPython to start in a browser on a busy machine."""


# What goes into it.


def cell(source: str, *tags: str, kind: str = "code") -> dict[str, object]:
    """A cell of a notebook."""
    return {"cell_type": kind, "metadata": {"tags": [*tags]} if tags else {}, "source": source}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that holds notebooks of the test only."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(build_site, "ROOT", tmp_path)
    return tmp_path / "notebooks"


def write(path: Path, *cells: dict[str, object], tags: tuple[str, ...] = ()) -> None:
    """A notebook in its file."""
    path.write_text(json.dumps({"cells": [*cells], "metadata": {"tags": [*tags]} if tags else {}}), "utf-8")


@pytest.mark.parametrize("tag", sorted(build_site.KEPT_OUT))
def test_a_notebook_that_a_browser_cannot_run_stays_out(folder: Path, tag: str) -> None:
    """Notebooks that need threads carry the tag `threads` and stay out of the lite site."""
    write(folder / "1.ipynb", cell("import gotask"), tags=("other",))
    write(folder / "2.ipynb", cell("import gotask"), tags=("other", tag))
    assert list(build_site.notebooks()) == ["1.ipynb"]


def test_a_cell_that_a_browser_cannot_run_stays_out(folder: Path) -> None:
    """The notebook around it does not."""
    write(folder / "1.ipynb", cell("1"), cell("lives.plot()", "plots"), cell("2", "other"))
    assert [one["source"] for one in build_site.notebooks()["1.ipynb"]["cells"]] == ["1", "2"]


def test_the_welcome_lists_each_notebook_by_its_heading(folder: Path) -> None:
    """In order, and as text: a heading may hold signs of HTML."""
    write(folder / "2.ipynb", cell("first\n# Two\n# Three", kind="markdown"))
    write(folder / "1.ipynb", cell("# no heading"), cell("# a < b", kind="markdown"))
    page = build_site.welcome(build_site.notebooks())
    assert re.findall(r"path=(\w+\.ipynb)\">(.*)</a>", page) == [("1.ipynb", "a &lt; b"), ("2.ipynb", "Two")]


def test_what_comes_from_outside_is_pinned_by_hash() -> None:
    """Each wheel has its version and its hashes."""
    entries = (build_site.HERE / "wheels.txt").read_text("utf-8").replace("\\\n", "").splitlines()
    assert len(entries) > 10
    assert all(re.fullmatch(r"[\w-]+==[\w.]+( +--hash=sha256:\w{64})+", entry) for entry in entries)


def test_the_cells_of_the_site_need_nothing_that_it_lacks() -> None:
    """What needs pandas, matplotlib, threads or the server of the dashboard carries a tag that keeps it out."""
    lacking = re.compile(r"to_frame|plot_timeline|pandas|matplotlib|thread|Dashboard\(|HistoryStore|BlockingRoot")
    found = {
        f"{name}: {match[0]}"
        for name, notebook in build_site.notebooks().items()
        for one in notebook["cells"]
        if one["cell_type"] == "code" and (match := lacking.search("".join(one["source"])))
    }
    assert not found, "tag these cells, or the whole notebook, `plots` or `threads`"


# A walk through it.


@pytest.fixture
def address() -> Iterator[str]:
    """Where the site is served, as `do.py lite --serve` serves it; built first."""
    done = subprocess.run([sys.executable, "do.py", "lite"], cwd=REPOSITORY, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(build_site.Handler, directory=str(build_site.SITE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.timeout(600)
@pytest.mark.skipif(MISSING, reason=f"{CHROMIUM} is not there: apt install chromium")
def test_a_notebook_runs_in_the_browser_and_its_tree_is_live(address: str) -> None:
    """All its cells succeed, the tree follows, and no other host is asked for anything."""
    asked_for: list[str] = []
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, nowhere])
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        context.on("request", lambda asked: asked_for.append(asked.url))
        page = context.new_page()
        page.goto(address)
        page.get_by_role("link").first.click()
        walk(page)
        browser.close()
    assert [url for url in asked_for if not url.startswith((address, "blob:", "data:"))] == []


def walk(page: Page) -> None:
    """Run a notebook to its end, up to its first tree one cell at a time."""
    prompts, tree = page.locator(".jp-CodeCell .jp-InputPrompt"), page.locator(".gotask-widget .rows [role=row]").first
    wait_for_kernel(page, SLOWLY)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    source = ""
    while not re.search(r"^TaskTree\(", source, re.MULTILINE):
        source = page.locator(".jp-Notebook .jp-Cell.jp-mod-selected").inner_text()
        page.keyboard.press("Shift+Enter")
        expect(prompts.filter(has_text="*")).to_have_count(0, timeout=SLOWLY)
    expect(tree).to_contain_text("Started", timeout=SLOWLY)
    page.screenshot(path=PICTURES / "live.png")
    for name in ("Run", "Run Selected Cell and All Below"):
        page.get_by_role("menuitem", name=name, exact=True).click()
    expect(tree).to_contain_text("Disposed", timeout=SLOWLY)
    expect(prompts.last).to_have_text(re.compile(r"\[\d+\]"), timeout=SLOWLY)
    # A cell that fails keeps those after it from being run: only the last one can have failed.
    expect(page.locator(".jp-CodeCell").last).not_to_contain_text("Traceback")
    page.screenshot(path=PICTURES / "ended.png")
