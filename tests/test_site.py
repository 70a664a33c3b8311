"""The documentation as a site: built without a warning, complete, and asking nobody else for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import gotask
import gotask.store
import gotask.testing
import gotask_dashboard

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.timeout(600)  # the first time an environment is made for it
LOADING = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "srcset"}


class Loads(HTMLParser):
    """What a page has the browser load by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(LOADING.get(tag, ""))
        if address and given.get("rel") not in ("canonical", "next", "prev", "alternate"):
            self.found.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this working tree; strict, so that a dead link or a bad docstring fails."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "do.py", "docs", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """Whoever reads it offline sees all of it, and nobody is told who reads."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loads = Loads(page.read_text("utf-8")).found
        assert loads
        assert [address for address in loads if "//" in address] == []


def test_whatever_is_public_is_described(site: Path) -> None:
    """Each public name has its place in the reference."""
    reference = (site / "reference.html").read_text("utf-8")
    for module in (gotask, gotask.testing, gotask.store, gotask_dashboard):
        for name in module.__all__:
            if not name.startswith("_"):
                assert f'id="{module.__name__}.{name}"' in reference, name


def test_both_languages_have_the_same_pages(site: Path) -> None:
    """Guide and how-tos are there in English and in Chinese, and link to each other."""
    chinese = sorted(page.name for page in (site / "zh").glob("*.html"))
    assert len(chinese) >= 8
    for name in chinese:
        assert re.search(rf'href="zh/{name}"', (site / name).read_text("utf-8"))
        assert re.search(rf'href="\.\./{name}"', (site / "zh" / name).read_text("utf-8"))
