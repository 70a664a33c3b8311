"""Takes the pictures of the page and of a notebook: `python dashboard/screenshots/take.py [FOLDER] [NAME …]`.

It needs playwright, Pillow, Chromium and a Chinese font. README.md shows `light`, `dark` and `notebook`, README_CN.md
the same with `_CN`, which a call without arguments takes and puts in their places; the others are for looking at.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from labs import Lab, Opened  # noqa: E402
from pages import Program, launch  # noqa: E402

import do  # noqa: E402

DESKTOP, PHONE = (1440, 900), (390, 844)
Step = Callable[[Page, Program], None]


def choose(name: str) -> Step:
    """Click on a task, when its tree has lived a while."""

    def step(page: Page, program: Program) -> None:
        page.wait_for_timeout(36_000)
        page.locator(".rows .g-retrying").first.wait_for()
        page.locator(f"[role=row]:has-text('{name}')").first.click()
        page.wait_for_timeout(1_800)

    return step


def tab(name: str) -> Step:
    """Open a tab, when there is something to see in it."""

    def step(page: Page, program: Program) -> None:
        page.wait_for_timeout(15_000)
        page.get_by_role("button", name=name).first.click()
        page.wait_for_timeout(1_500)

    return step


def disconnect(page: Page, program: Program) -> None:
    page.wait_for_timeout(3_000)
    program.kill()
    page.wait_for_timeout(4_000)


def ask(page: Page, program: Program) -> None:
    page.wait_for_timeout(2_000)
    page.locator("[role=row]:has-text('Streams')").first.click()
    page.keyboard.press("Delete")
    page.wait_for_timeout(500)


def wait(page: Page, program: Program) -> None:
    page.wait_for_timeout(5_000)


def fold(page: Page, program: Program) -> None:
    wait(page, program)
    page.get_by_role("button", name="Close all").click()
    page.wait_for_timeout(1000)


def details(page: Page, program: Program) -> None:
    wait(page, program)
    page.locator("[role=row]:has-text('Camera')").nth(2).click()
    page.wait_for_timeout(1_500)


PICTURES: dict[str, tuple[str, tuple[int, int], str, str, Step]] = {
    "light": ("service", DESKTOP, "light", "en", choose("Recorderdoor")),
    "dark": ("service", DESKTOP, "dark", "en", choose("Camera")),
    "light_CN": ("service", DESKTOP, "light", "zh", choose("Recorderdoor")),
    "dark_CN": ("service", DESKTOP, "dark", "zh", choose("Camera")),
    "mobile": ("service", PHONE, "light", "en", wait),
    "mobile-details": ("service", PHONE, "dark", "zh", details),
    "empty": ("empty", DESKTOP, "light", "en", wait),
    "disconnected": ("service", DESKTOP, "light", "en", disconnect),
    "many": ("many", DESKTOP, "dark", "en", fold),
    "history": ("service", DESKTOP, "light", "en", tab("History")),
    "sessions": ("service", DESKTOP, "dark", "en", tab("Sessions")),
    "stop": ("service", DESKTOP, "dark", "en", ask),
    "token": ("service", DESKTOP, "light", "en", wait),
}
NOTEBOOKS = {"notebook": "en", "notebook_CN": "zh"}
IN_README = {
    **dict.fromkeys(("light", "dark", "light_CN", "dark_CN"), Path(__file__).parent),
    **dict.fromkeys(NOTEBOOKS, REPOSITORY / "docs" / "images"),
}
"""Those that README.md and README_CN.md show, and where they are."""


def take(browser: Browser, name: str, folder: Path) -> None:
    """One picture, of a program of its own."""
    scene, (width, height), theme, language, step = PICTURES[name]
    options: dict[str, Any] = {"token": "a-token-for-the-picture"} if name == "token" else {}
    with Program(scene, **options) as program:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.add_init_script(
            f"localStorage['gotask.theme'] = '{theme}'; localStorage['gotask.language'] = '{language}'"
        )
        page.goto(program.base)
        step(page, program)
        page.screenshot(path=folder / f"{name}.png")
        page.close()


def take_notebook(browser: Browser, name: str, folder: Path) -> None:
    """The cell of the tour with the kettle, while it is going."""
    do.set_up(("lab",), name="lab")
    with TemporaryDirectory() as place, Lab(Path(place)) as lab:
        tour = Opened(browser, lab, "00_tour.ipynb")
        tour.page.evaluate(f"localStorage['gotask.language'] = '{NOTEBOOKS[name]}'")
        tour.run("import gotask")
        tour.run("root.init()").locator("[role=slider]").press("End")  # three seconds for each phase
        tour.run("class Kettle").locator(".g-running .c-name", has_text="Kettle").wait_for()
        tour.cell("class Kettle").screenshot(path=folder / f"{name}.png")
        tour.context.close()


def shrink(path: Path) -> None:
    """A palette makes it a third as large, and nobody sees it."""
    Image.open(path).convert("RGB").quantize(255, dither=Image.Dither.NONE).save(path, optimize=True)


def main(arguments: list[str] | None = None) -> None:
    """Take those that are named; without names all of them, without a folder those that the READMEs show."""
    known = (*PICTURES, *NOTEBOOKS)
    names = ", ".join(known)
    parser = ArgumentParser(description="Take the pictures of the dashboard's page and of a notebook.")
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="where they are put (default: where the READMEs look)"
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {names} (default: all; those of the READMEs without FOLDER)"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"there is no picture {', '.join(unknown)}: choose from {names}")
    with sync_playwright() as playwright, launch(playwright) as browser:
        for name in options.names or (known if options.folder else IN_README):
            folder = options.folder or IN_README[name]
            (take_notebook if name in NOTEBOOKS else take)(browser, name, folder)
            shrink(folder / f"{name}.png")


if __name__ == "__main__":
    main()
