"""The notebooks in a real JupyterLab, as `make lab` opens it, in Debian's Chromium."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labs import WAIT, Lab, Opened
from pages import CHROMIUM, launch
from playwright.sync_api import Browser, expect, sync_playwright
from test_notebooks import OPEN_ROOT, notebook_of

import do

PICTURES = os.environ.get("GOTASK_PICTURES")
"""A folder for pictures, if they are wanted."""
pytestmark = [
    pytest.mark.timeout(600),  # the environment of JupyterLab may have to be made first
    pytest.mark.skipif(
        not CHROMIUM.exists() and os.environ.get("CI") != "true",
        reason=f"{CHROMIUM} is not there: apt install chromium",
    ),
]
STEPS = """
class Reader(gotask.Task):
    async def go(self):
        await self.wait_stop_requested()


library = root.replace_task("library", gotask.Work())
await library.wait_started()
stepper = Stepper(root, job=library)
for name in ("Ada", "Bo"):
    library.add_task(Reader(), key=name)
stepper
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    do.set_up(("lab",), name="lab")
    lab = Lab(tmp_path_factory.mktemp("lab"))
    steps = notebook_of("import gotask\nfrom gotask_dashboard import Stepper, TaskTree", OPEN_ROOT, STEPS.strip())
    lab.add("steps.ipynb", steps)
    with lab:
        yield lab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright, launch(playwright) as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, lab: Lab) -> Iterator[Callable[[str], Opened]]:
    """Opens notebooks. Nothing may go wrong in them, nor in the console; nothing may be asked of another server."""
    opened: list[Opened] = []

    def visit(name: str) -> Opened:
        opened.append(Opened(browser, lab, name))
        return opened[-1]

    yield visit
    said = [(one.errors, one.foreign, one.failures()) for one in opened]
    for one in opened:
        one.context.close()
    assert said == [([], [], [])] * len(opened)


def picture(opened: Opened, name: str) -> None:
    if PICTURES:
        opened.page.screenshot(path=Path(PICTURES, f"{name}.png"))


def test_the_tour(visit: Callable[[str], Opened]) -> None:
    """All cells run; run again, a task is seen in its states, and a button stops another."""
    tour = visit("00_tour.ipynb")
    expect(tour.cell("class House").locator(".jp-OutputArea img").first).to_be_visible()  # before anything has run
    picture(tour, "tour-before")
    expect(tour.page.get_by_role("button", name="Open privacy policy")).to_have_count(0)
    tour.run_all()
    assert tour.failures() == []
    picture(tour, "tour-after")

    slider = tour.run("root.init()").locator("[role=slider]")
    slider.focus()
    slider.press("End")  # three seconds for each phase, so that they can be seen
    tree = tour.run("class Kettle")
    kettle = tree.locator("[role=row]").filter(has_text="kettle").last
    for state in ("Starting", "Going", "Disposing"):
        expect(kettle).to_contain_text(state)
        picture(tour, f"kettle-{state}")

    tree = tour.run("class House")
    lamp = tree.locator("[role=row]").filter(has_text="Lamp").last
    lamp.click()
    tree.get_by_role("button", name="Stop", exact=True).click()
    tour.page.get_by_label("Reason").fill("bright enough")
    picture(tour, "lamp-stop")
    tour.page.get_by_role("button", name="Stop it").click()
    expect(lamp).to_have_count(0)
    expect(tour.run("to_frame()")).to_contain_text("bright enough")
    picture(tour, "table")
    tour.run("root.shutdown(")


def test_steps(visit: Callable[[str], Opened]) -> None:
    """The queue of a Job is seen, and taken event by event with the button."""
    steps = visit("steps.ipynb")
    for text in ("import gotask", "root.init()"):
        steps.run(text)
    shown = steps.run("class Reader")
    expect(shown.locator(".card.first")).to_contain_text("Reader")
    picture(steps, "steps-queue")
    shown.get_by_role("button", name="Step").click()
    expect(shown.locator(".now .walk")).to_contain_text("GOING")
    picture(steps, "steps-taken")
    steps.page.get_by_role("menuitem", name="Settings", exact=True).click()
    for item in ("Theme", "JupyterLab Dark"):
        steps.page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()
    expect(shown.locator(".gotask-stepper")).to_have_css("color-scheme", "dark")
    picture(steps, "steps-dark")
    steps.run("root.shutdown(")
