"""The stepper's bundle in a real browser, with a real widget on a real tree behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from cells import Wire
from pages import CHROMIUM, REPOSITORY, launch
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gotask import BlockingRoot, Job, Task
from gotask_dashboard import Stepper

AXE = REPOSITORY / "dashboard" / "web" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = os.environ.get("GOTASK_PICTURES")
"""A folder for pictures, if they are wanted."""
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        not (CHROMIUM.exists() and AXE.exists()) and os.environ.get("CI") != "true",
        reason=f"{CHROMIUM} or {AXE} is not there: apt install chromium, npm ci",
    ),
]


class StepperWire(Wire):
    @staticmethod
    def synced() -> list[str]:
        return ["view", "_esm", "state", "predict", "score"]


class Reader(Task[None]):
    async def start(self) -> None: ...

    async def go(self) -> None:
        await anyio.sleep_forever()


class Slow(Task[None]):
    async def start(self) -> None:
        await self.wait_stop_requested()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright, launch(playwright) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page without an error in its console."""
    context = browser.new_context(viewport={"width": 1100, "height": 1000}, locale="en-GB")
    made = context.new_page()
    errors: list[str] = []
    made.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.set_default_timeout(20_000)
    yield made
    context.close()
    assert errors == []


@pytest.fixture
def tree() -> Iterator[BlockingRoot]:
    """A tree in a thread of its own, because Playwright has this one."""
    with BlockingRoot() as root:
        yield root


def show(page: Page, widget: Stepper) -> None:
    """Have the page show the widget."""
    StepperWire(page, widget).show()


def check(page: Page) -> None:
    """What is shown now can be used by all."""
    page.add_script_tag(path=AXE)
    assert page.evaluate("axe.run('.gotask-stepper')")["violations"] == []


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES, f"{name}.png"), full_page=True)


def test_a_learner_steps_through_a_queue(page: Page, tree: BlockingRoot) -> None:
    """The next event is the first card; a step by the key n takes it; what it did and who holds the loop is shown."""
    widget = Stepper(tree)
    reader, slow = tree.add_task(Reader()), tree.add_task(Slow())
    tree.add_task(Reader())
    show(page, widget)
    first = page.locator(".card.first")
    expect(first).to_contain_text(f"Reader#{reader.task_id}")
    expect(first).to_contain_text("begins go() beside this loop")
    picture(page, "queue")
    page.get_by_role("button", name="Step").focus()
    page.keyboard.press("n")
    expect(page.locator(".now .walk")).to_have_text([f"Reader#{reader.task_id}INITSTARTINGSTARTEDGOING"])
    page.keyboard.press("n")
    expect(page.locator(".kid.holds")).to_contain_text(f"Slow#{slow.task_id}")
    expect(page.locator(".now .waits")).to_contain_text("It waits in start()")
    expect(page.locator(".mode")).to_have_text("held up")
    picture(page, "held")
    check(page)
    slow.stop()
    expect(page.locator(".mode")).to_have_text("paused")
    reader.stop()
    page.get_by_role("button", name="dispose").click()
    expect(first).to_contain_text("dispose")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".kid")).to_have_count(1)
    expect(page.locator(".mode")).to_have_text("running by itself")
    picture(page, "running")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    expect(page.locator(".gotask-stepper")).to_have_attribute("data-theme", "dark")
    picture(page, "dark")
    check(page)


def test_a_learner_predicts_first(page: Page, tree: BlockingRoot) -> None:
    """The plan is hidden; Step leads to the choices; the answer says right or wrong and why; the score is kept."""
    widget = Stepper(tree, predict=True)
    tree.add_task(Reader())
    job = tree.add_task(Job())
    show(page, widget)
    expect(page.locator(".card.first")).to_contain_text("What will it do?")
    picture(page, "question")
    page.set_viewport_size({"width": 420, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    picture(page, "narrow")
    page.get_by_role("button", name="Step").focus()
    page.keyboard.press("n")
    expect(page.locator(".choice").first).to_be_focused()
    page.get_by_role("button", name="RUNNING: run() begins").click()
    expect(page.locator(".verdict.bad dd")).to_have_text(
        ["RUNNING: run() begins, and holds the loop up", "GOING: its body begins beside the loop"]
    )
    expect(page.locator(".verdict")).to_contain_text("L4:")
    picture(page, "wrong")
    check(page)
    page.keyboard.press("n")
    expect(page.locator(".choice").first).to_be_focused()
    page.get_by_role("button", name="STARTED: it begins no body").click()
    expect(page.locator(".verdict.good")).to_contain_text("Right.")
    expect(page.locator(".score")).to_have_text("1 of 2 right")
    page.get_by_role("button", name="中文").click()
    expect(page.locator(".verdict.good")).to_contain_text("正确")
    expect(page.locator(".kid").nth(1)).to_contain_text(f"Job#{job.task_id}已启动")
    picture(page, "right")
    second = Stepper(tree)
    expect(page.locator(".note")).to_contain_text("另一个单步执行器接管了这个 Job")
    picture(page, "taken")
    page.get_by_role("button", name="重新接管").click()
    expect(page.locator(".note")).to_have_count(0)
    assert not second._stepper.is_paused or widget.job is second.job
    page.evaluate("leaves.pop()()")
    expect(page.locator(".gotask-stepper")).to_have_count(0)
