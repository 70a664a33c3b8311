"""Takes the pictures of the page: `python dashboard/screenshots/take.py [FOLDER] [NAME …]`; else beside this file.

It needs playwright, Pillow and Chromium. README shows `light` and `dark`; the others are for looking at.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests"))

from pages import Program, launch  # noqa: E402

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
    "chinese": ("service", DESKTOP, "light", "zh", choose("Camera")),
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
    # A palette makes it a third as large, and nobody sees it.
    picture = Image.open(folder / f"{name}.png").convert("RGB").quantize(255, dither=Image.Dither.NONE)
    picture.save(folder / f"{name}.png", optimize=True)


def main(arguments: list[str] | None = None) -> None:
    """Take those that are named; without names all of them, without a folder those that README shows."""
    names = ", ".join(PICTURES)
    parser = ArgumentParser(description="Take the pictures of the dashboard's page.")
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="where they are put (default: beside this file)"
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {names} (default: all; light and dark without FOLDER)"
    )
    options = parser.parse_args(arguments)
    folder: Path = options.folder or Path(__file__).parent
    unknown = [name for name in options.names if name not in PICTURES]
    if unknown:
        parser.error(f"there is no picture {', '.join(unknown)}: choose from {names}")
    with sync_playwright() as playwright, launch(playwright) as browser:
        for name in options.names or (PICTURES if options.folder else ("light", "dark")):
            take(browser, name, folder)


if __name__ == "__main__":
    main()
