"""The documentation as a site: built without a warning, complete, and asking nobody else for anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from pages import CHROMIUM, launch
from playwright.sync_api import Page, expect, sync_playwright

import gotask
import gotask.store
import gotask.testing
import gotask_dashboard

ROOT = Path(__file__).parents[1]
CI = os.environ.get("CI") == "true"
pytestmark = [
    pytest.mark.timeout(600),  # the first time an environment is made for it
    pytest.mark.skipif(shutil.which("npm") is None and not CI, reason="npm is not there: apt install nodejs npm"),
]
in_browser = pytest.mark.skipif(
    not CHROMIUM.exists() and not CI, reason=f"{CHROMIUM} is not there: apt install chromium"
)
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


def test_members_are_described(site: Path) -> None:
    """Also those of bases that are not public, properties that a function makes, and values; no inner ones."""
    reference = (site / "reference.html").read_text("utf-8")
    for name in ("Task.using", "Task.step", "Task.execution_path", "LifeRecord.owner_type", "TaskState.GOING"):
        assert f'id="gotask.{name}"' in reference, name
    assert 'id="gotask_dashboard.TaskTree.selected"' in reference
    assert "The id of the task (L9)." in reference
    signature = reference.partition('id="gotask.CircuitBreaker"')[2].partition("<pre>")[2].partition("</pre>")[0]
    assert "reset_after" in signature
    for name in ("gotask.Channel.attach", "gotask.History.record_of", "gotask.otel.nanoseconds"):
        assert f'id="{name}"' not in reference, name


def test_navigation_speaks_chinese(site: Path) -> None:
    """Around a Chinese page the tabs and the way home are Chinese; around others there is a way to it."""
    for name, tabs, home in (
        ("zh/guide.html", ["指南", "课程", "参考（英文）", "实现（英文）", "English"], "index.html"),
        ("guide.html", ["Guide", "Course", "Reference", "How it is made", "中文"], "index.html"),
    ):
        text = (site / name).read_text("utf-8")
        assert re.findall(r'class="md-tabs__link">\s*(.*?)\s*</a>', text, re.DOTALL) == tabs
        assert re.findall(r'<a href="([^"]+)"[^>]* class="md-header__button md-logo"', text) == [home]


def test_both_languages_have_the_same_pages(site: Path) -> None:
    """Whatever is written in both languages is there in both, and one links to the other."""
    written = [*ROOT.glob("*_CN.md"), *ROOT.glob("docs/*_CN.md"), *ROOT.glob("lessons/*/README_CN.md")]
    chinese = sorted(page.name for page in (site / "zh").glob("*.html"))
    assert len(chinese) == len(written)
    for name in chinese:
        assert re.search(rf'href="zh/{name}"', (site / name).read_text("utf-8"))
        assert re.search(rf'href="\.\./{name}"', (site / "zh" / name).read_text("utf-8"))


def links(page: Path) -> list[tuple[str, str]]:
    """Where the links in the text of a page lead to, and their words."""
    text = page.read_text("utf-8").partition("<article")[2].partition("</article>")[0]
    return re.findall(r'<a (?:class="[^"]*" )?href="([^"]+)"[^>]*>(.*?)</a>', text)


def test_who_reads_chinese_stays_there(site: Path) -> None:
    """A link of a Chinese page leads to the Chinese page, where there is one; and the navigation is Chinese, too."""
    there = {page.name for page in (site / "zh").glob("*.html")}
    found = [(address, words) for page in (site / "zh").glob("*.html") for address, words in links(page)]
    assert ("guide.html", "指南") in found
    leaving = {address for address, words in found if address.startswith("../") and words != "English"}
    assert {address.partition("#")[0].removeprefix("../") for address in leaving} & there == set()
    assert all('<html lang="zh"' in page.read_text("utf-8") for page in (site / "zh").glob("*.html"))


def test_chinese_has_no_blanks_within(site: Path) -> None:
    """A paragraph whose source is broken into lines is one: a browser would put a blank between two of them."""
    assert re.search(r"。\n[\u4e00-\u9fff]", (ROOT / "README_CN.md").read_text("utf-8"))
    for page in (site / "zh").glob("*.html"):
        assert re.findall(r".{9}[\u3000-\u9fff]\n[\u4e00-\u9fff].*", page.read_text("utf-8")) == []


def test_each_error_has_its_own_line(site: Path) -> None:
    """Those that a docstring gives in one line would be taken for one."""
    reference = re.sub(r"<[^>]+>", "", (site / "reference.html").read_text("utf-8"))
    assert "TaskStateError" in reference
    assert re.findall(r".{30}\. [A-Z]\w+Error: .*", reference) == []


def test_what_is_no_page_is_named(site: Path) -> None:
    """Files of the repository that the site does not have are no links: their paths are said."""
    addresses = {address.partition("#")[0] for page in site.rglob("*.html") for address, _ in links(page)}
    assert "lesson01.html" in addresses
    assert [address for address in addresses if re.search(r"\.(py|md|toml)$", address)] == []
    for page in ("lesson07.html", "zh/lesson07.html"):
        assert "<code>lessons/lesson07/challenge.py</code>" in (site / page).read_text("utf-8")


# In a browser, as a folder that somebody has copied.


@pytest.fixture
def reader(site: Path) -> Iterator[Page]:
    """A page of a browser that may ask for what the site holds, and for nothing else."""
    asked_for: list[str] = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.on("request", lambda asked: asked_for.append(unquote(asked.url)))
        yield page
        browser.close()
    ours = (site.as_uri(), "blob:", "data:", "about:")
    assert asked_for
    assert [url for url in asked_for if not url.startswith(ours)] == []


@in_browser
def test_pictures_are_drawn(site: Path, reader: Page) -> None:
    """Each picture is one, also for those who are offline; and on a phone no page is wider than the screen."""
    pictures = 0
    for path in sorted({*site.rglob("*.html")} - {site / "404.html"}):  # which is for a server
        count = path.read_text("utf-8").count('<pre class="mermaid">')
        reader.goto(path.as_uri())
        expect(reader.locator("div.mermaid")).to_have_count(count)
        expect(reader.locator("pre.mermaid")).to_have_count(0)
        for picture in reader.locator("div.mermaid").all():
            box = picture.bounding_box()
            assert box
            assert box["height"] > 60, path.name
        assert reader.evaluate("document.documentElement.scrollWidth") <= 390, path.name
        pictures += count
    sources = [(ROOT / name).read_text("utf-8") for name in ("README.md", "README_CN.md", "DESIGN.md")]
    sources += [path.read_text("utf-8") for path in ROOT.glob("lessons/*/README*.md")]
    assert pictures == sum(source.count("```mermaid") for source in sources)


@in_browser
@pytest.mark.parametrize(
    ("page", "words", "found"), [("index.html", "breaker", "lesson08"), ("zh/index.html", "退避", "zh/lesson08")]
)
def test_search_finds(site: Path, reader: Page, page: str, words: str, found: str) -> None:
    """In both languages; also in a folder, where a browser allows no workers."""
    reader.goto((site / page).as_uri())
    reader.locator("label.md-header__button[for=__search]").click()
    reader.locator("input.md-search__input").fill(words)
    reader.keyboard.press("End")  # it looks when a key is let go
    expect(reader.locator(f"a.md-search-result__link[href*='{found}']").first).to_be_visible()
