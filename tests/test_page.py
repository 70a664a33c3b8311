"""The page in a real browser: Debian's Chromium, driven by Playwright, and a real program behind it.

An error in the browser's console fails a test, and so does a picture of the page that the content security policy
would not let through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages import IN_BROWSER, Program, launch, serious
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

pytestmark = IN_BROWSER

Open = Callable[..., "Seen"]


class Seen:
    """A page, and what its console said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.expected = re.compile(r"$^")
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(15_000)

    def row(self, text: str) -> Locator:
        """The rows of the tree that have this text in them."""
        return self.page.locator("[role=treegrid] .rows [role=row]").filter(has_text=text)

    def press(self, *keys: str) -> None:
        """Keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def count(self, name: str) -> int:
        """What the strip says."""
        button = self.page.locator(".count").filter(has_text=name)
        return int(button.locator(".figure").inner_text().replace(",", ""))

    def wait_for_all(self) -> None:
        """Until the ten thousand are there."""
        expect(self.page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "10003", timeout=60_000)

    def unexpected(self) -> list[str]:
        """Errors that the test has not foreseen."""
        return [error for error in self.errors if not self.expected.search(error)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright, launch(playwright) as opened:
        yield opened


@pytest.fixture(scope="module")
def service() -> Iterator[Program]:
    """One program for all tests that leave it as it was."""
    with Program("service") as program:
        yield program


@pytest.fixture(scope="module")
def locked() -> Iterator[Program]:
    """One that asks for a token."""
    with Program("empty", token="open-sesame-of-the-test") as program:
        yield program


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens pages; none of them may say an error that was not foreseen."""
    opened: list[Seen] = []

    def visit(address: str, width: int = 1440, height: int = 900, clock: bool = False, **options: Any) -> Seen:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB", **options)
        seen = Seen(context.new_page())
        opened.append(seen)
        if clock:
            seen.page.clock.install()
        seen.page.goto(address)
        return seen

    yield visit
    unexpected = [error for seen in opened for error in seen.unexpected()]
    for seen in opened:
        seen.page.context.close()
    assert unexpected == []


GONE = "CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED"
DOWN = re.compile(f"net::ERR_({GONE})")
REFUSED = re.compile("status of (401|429)")


# The tree


def test_the_tree_appears(service: Program, visit: Open) -> None:
    """Rows with their levels, the name of the program, and that it is live."""
    seen = visit(service.base)
    expect(seen.row("RootManager")).to_have_attribute("aria-level", "1")
    expect(seen.row("Streams#")).to_have_attribute("aria-level", "2")
    expect(seen.page.locator(".live")).to_have_text("Live")
    expect(seen.page.locator("h1")).to_have_text("streamd")


def test_the_tree_follows_what_happens(service: Program, visit: Open) -> None:
    """A segment begins every 1.6 s: it comes by itself."""
    seen = visit(service.base)
    seen.page.get_by_role("searchbox").fill("seg-")
    first = seen.row("Transcodeseg-").first.get_attribute("id")
    expect(seen.page.locator(f"#{first}")).to_have_count(0)
    expect(seen.row("Transcodeseg-").first).to_contain_text("Going")


def test_only_rows_in_sight_are_in_the_document(visit: Open) -> None:
    """Ten thousand rows cost what a screenful costs."""
    with Program("many") as program:
        seen = visit(program.base)
        seen.wait_for_all()
        assert seen.page.locator(".rows [role=row]").count() < 80


def test_a_filter_keeps_the_ancestors(service: Program, visit: Open) -> None:
    """What fits is shown where it is in the tree."""
    seen = visit(service.base)
    expect(seen.row("RootManager")).to_be_visible()
    seen.page.keyboard.press("/")
    seen.page.keyboard.type("viewer chen")
    rows = seen.page.locator(".rows [role=row]")
    expect(rows).to_have_count(4)
    expect(rows.last).to_contain_text("Viewerchen")
    expect(rows.first).to_have_class(re.compile("faded"))


def test_a_filter_that_fits_nothing_says_so(service: Program, visit: Open) -> None:
    """And offers the way out."""
    seen = visit(service.base)
    seen.page.get_by_role("searchbox").fill("no such task")
    expect(seen.page.get_by_role("heading", name="Nothing fits this filter")).to_be_visible()
    seen.page.locator(".blank").get_by_role("button", name="Clear filter").click()
    expect(seen.row("RootManager")).to_be_visible()


def test_a_count_is_a_filter(service: Program, visit: Open) -> None:
    """A press on it shows those it counts."""
    seen = visit(service.base)
    seen.page.get_by_role("button", name="Stopping").click()
    expect(seen.row("Recorderdoor")).to_contain_text("Disposing")
    expect(seen.row("Viewer")).to_have_count(0)


def test_a_closed_parent_shows_the_worst_below_it(service: Program, visit: Open) -> None:
    """Nothing that matters hides in a closed branch."""
    seen = visit(service.base)
    seen.row("Recorders#").locator(".fold").click()
    expect(seen.row("Recorders#")).to_contain_text("stopping below")
    expect(seen.row("Recorders#")).to_have_attribute("aria-expanded", "false")


def test_details_say_why_a_task_is_not_stopping(service: Program, visit: Open) -> None:
    """The reason, what hangs, and what it holds."""
    seen = visit(service.base)
    seen.page.get_by_role("button", name="Stopping").click()
    seen.row("Recorderdoor").click()
    details = seen.page.get_by_role("region", name="Details", exact=True)
    expect(details).to_contain_text("Why it is not stopping")
    expect(details).to_contain_text("disk nearly full")
    expect(details).to_contain_text("/var/lib/streams/door-0142.mp4")


def test_a_program_without_tasks_of_its_own_says_so(visit: Open) -> None:
    """An empty tree is a state of its own."""
    with Program("empty") as program:
        seen = visit(program.base)
        expect(seen.row("Dashboard#2")).to_be_visible()
        expect(seen.page.get_by_role("heading", name="No tasks yet")).to_be_visible()
        assert seen.count("Tasks") == 3


def test_pause_holds_the_view_and_resume_catches_up(service: Program, visit: Open) -> None:
    """Durations stand still too."""
    seen = visit(service.base)
    expect(seen.row("RootManager")).to_be_visible()
    seen.page.get_by_role("button", name="Pause").click()
    expect(seen.page.locator(".live")).to_have_text("Paused")
    before = seen.page.locator(".rows").inner_text()
    uptime = seen.row("RootManager").locator(".c-uptime").inner_text()
    other = visit(service.base)
    other.page.get_by_role("searchbox").fill("seg-")
    first = other.row("Transcodeseg-").first.get_attribute("id")
    expect(other.page.locator(f"#{first}")).to_have_count(0)
    assert seen.page.locator(".rows").inner_text() == before
    seen.page.get_by_role("button", name="Resume").click()
    expect(seen.page.locator(".live")).to_have_text("Live")
    expect(seen.row("RootManager").locator(".c-uptime")).not_to_have_text(uptime)


# Commands


def test_the_keyboard_alone_goes_from_the_start_to_a_stop(visit: Open) -> None:
    """And the question before it says how many descendants go too."""
    with Program("service") as program:
        seen = visit(program.base)
        expect(seen.row("Streamgarden")).to_be_visible()
        seen.press("/")
        seen.page.keyboard.type("garden")
        seen.press("Enter", "Escape")
        expect(seen.page.get_by_role("treegrid")).to_be_focused()
        expect(seen.row("Streamgarden")).to_have_attribute("aria-selected", "true")
        seen.press("ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight")
        expect(seen.row("Streamgarden")).to_have_attribute("aria-selected", "true")
        seen.press("Delete")
        dialog = seen.page.get_by_role("dialog")
        expect(dialog).to_contain_text(re.compile(r"Stop Stream garden #\d+\?"))
        expect(dialog).to_contain_text("3 descendants go with it.")
        seen.press("Enter")
        expect(seen.row("Streamgarden")).to_have_count(0)
        expect(seen.page.get_by_role("treegrid")).to_be_focused()


def test_escape_leaves_the_question_and_the_task(service: Program, visit: Open) -> None:
    """And the keyboard is back in the tree."""
    seen = visit(service.base)
    seen.row("Streamhall").click()
    seen.press("Delete")
    expect(seen.page.get_by_role("dialog")).to_be_visible()
    seen.press("Escape")
    expect(seen.page.get_by_role("dialog")).to_have_count(0)
    expect(seen.row("Streamhall")).to_contain_text("Started")
    expect(seen.page.get_by_role("treegrid")).to_be_focused()


def test_enter_goes_to_what_can_be_done_and_escape_back(service: Program, visit: Open) -> None:
    """From the tree to the buttons and back, without a mouse."""
    seen = visit(service.base)
    seen.row("Streamhall").click()
    seen.press("Enter")
    expect(seen.page.get_by_role("button", name="Stop", exact=True)).to_be_focused()
    seen.press("Escape")
    expect(seen.page.get_by_role("treegrid")).to_be_focused()


def test_a_stopped_task_can_be_started_again(visit: Open) -> None:
    """Its details stay, with its reason and the way back."""
    with Program("service") as program:
        seen = visit(program.base)
        seen.row("Viewerann").click()
        seen.page.get_by_role("button", name="Stop", exact=True).click()
        seen.page.get_by_label("Reason").fill("seen enough")
        seen.page.get_by_role("button", name="Stop it").click()
        expect(seen.row("Viewerann")).to_have_count(0)
        expect(seen.page.locator(".details")).to_contain_text("seen enough")
        seen.page.get_by_role("button", name="Start again").click()
        expect(seen.row("Viewerann")).to_contain_text("Going")
        expect(seen.page.get_by_role("button", name="Stop", exact=True)).to_be_enabled()


def test_restart_gives_a_task_another_life(visit: Open) -> None:
    """R6: the same task, in another life."""
    with Program("service") as program:
        seen = visit(program.base)
        seen.row("Viewerbob").click()
        seen.page.get_by_role("button", name="Restart").click()
        expect(seen.page.locator(".said.shown")).to_have_text("Asked Viewer bob to restart.")
        expect(seen.page.locator(".details .facts-list").first).to_contain_text(re.compile(r"Life\s*2"))
        expect(seen.page.get_by_role("heading", name="Lives")).to_be_visible()


def test_restart_of_a_task_with_descendants_asks(visit: Open) -> None:
    """They are stopped by it; the question is the one before a stop, without a reason."""
    with Program("service") as program:
        seen = visit(program.base)
        seen.row("Streamhall").click()
        restart = seen.page.get_by_role("button", name="Restart")
        restart.click()
        asked = seen.page.get_by_role("dialog", name="Restart Stream hall")
        expect(asked).to_contain_text(re.compile(r"\d+ descendants? (is|are) stopped first"))
        expect(asked.get_by_role("textbox")).to_have_count(0)
        seen.page.keyboard.press("Escape")
        expect(asked).to_have_count(0)
        restart.click()
        asked.get_by_role("button", name="Restart it").click()
        expect(seen.page.locator(".said.shown")).to_have_text("Asked Stream hall to restart.")
        expect(seen.page.locator(".details .facts-list").first).to_contain_text(re.compile(r"Life\s*2"))


def test_all_that_fit_a_filter_are_stopped_together(visit: Open) -> None:
    """After a question that says how many they are."""
    with Program("service") as program:
        seen = visit(program.base)
        seen.page.get_by_role("searchbox").fill("10.0.4.3")
        seen.page.get_by_role("button", name="Stop those shown").click()
        expect(seen.page.get_by_role("dialog")).to_contain_text(re.compile(r"Stop \d+ tasks\?"))
        seen.page.get_by_role("button", name="Stop them").click()
        expect(seen.row("Session10.0.4.31")).to_have_count(0)


def test_read_only_offers_no_commands(visit: Open) -> None:
    """Neither buttons nor keys."""
    with Program("service", read_only=True) as program:
        seen = visit(program.base)
        expect(seen.page.locator(".badge")).to_have_text("Read only")
        seen.row("Streamhall").click()
        expect(seen.page.locator(".details h2")).to_contain_text("hall")
        expect(seen.page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
        seen.press("Delete")
        expect(seen.page.get_by_role("dialog")).to_have_count(0)


# History and sessions


def test_history_has_charts_filters_and_pages(visit: Open) -> None:
    """And a filter begins with its first page."""
    with Program("lives") as program:
        seen = visit(program.base)
        expect(seen.page.locator(".count").filter(has_text="Failed")).to_contain_text("20")
        expect(seen.page.locator(".count").filter(has_text="Stopped")).to_contain_text("100")
        seen.page.get_by_role("button", name="History").click()
        expect(seen.page.locator(".pager")).to_contain_text("1 to 50 of 120")
        expect(seen.page.get_by_role("heading", name="Failures by reason")).to_be_visible()
        expect(seen.page.locator(".chart").last).to_contain_text("ValueError")
        seen.page.get_by_role("button", name="Older").click()
        expect(seen.page.locator(".pager")).to_contain_text("51 to 100 of 120")
        seen.page.get_by_label("Name", exact=True).fill("Odd")
        seen.page.get_by_role("button", name="Apply").click()
        expect(seen.page.locator(".pager")).to_contain_text("1 to 50 of 60")
        expect(seen.page.locator("tbody tr").first).to_contain_text("Odd")
        expect(seen.page.locator("tbody")).not_to_contain_text("Even")


def test_sessions_lead_to_their_lives(tmp_path: Path, visit: Open) -> None:
    """The run before, which was killed, is there too."""
    with Program("lives", history=str(tmp_path / "history.db")) as program:
        seen = visit(program.base)
        seen.expected = DOWN
        expect(seen.page.locator(".count").filter(has_text="Stopped")).to_contain_text("100")
        seen.page.get_by_role("button", name="History").click()
        expect(seen.page.locator(".pager")).to_contain_text("of 120")
        program.kill()
        program.start()
        seen.page.reload()
        seen.page.get_by_role("button", name="Sessions").click()
        expect(seen.page.locator("tbody tr")).to_have_count(2)
        expect(seen.page.locator("tbody tr").last).to_contain_text("crashed")
        seen.page.locator("tbody tr").last.get_by_role("button").click()
        expect(seen.page.locator(".pager")).to_contain_text("of 120")


# Language and theme


def test_the_language_switches_and_stays(service: Program, visit: Open) -> None:
    """Also over a reload, and for screen readers."""
    seen = visit(service.base)
    seen.page.get_by_role("button", name="中文").click()
    expect(seen.page.get_by_role("button", name="任务树")).to_be_visible()
    seen.page.reload()
    expect(seen.row("Streamdoor")).to_contain_text("已启动")
    assert seen.page.evaluate("document.documentElement.lang") == "zh-CN"


def test_a_chinese_browser_gets_chinese(service: Program, browser: Browser) -> None:
    """Unless its reader chose English."""
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(service.base)
    expect(page.get_by_role("button", name="会话")).to_be_visible()
    context.close()


def test_the_theme_switches_and_stays(service: Program, visit: Open) -> None:
    """Also over a reload."""
    seen = visit(service.base, color_scheme="light")
    paper = "getComputedStyle(document.querySelector('.gotask').shadowRoot.querySelector('.app')).backgroundColor"
    light = seen.page.evaluate(paper)
    seen.page.get_by_role("button", name="Theme").click()
    assert seen.page.evaluate(paper) == light
    seen.page.get_by_role("button", name="Theme").click()
    expect(seen.page.get_by_role("button", name="Theme: dark")).to_be_visible()
    dark = seen.page.evaluate(paper)
    assert dark != light
    seen.page.reload()
    expect(seen.row("RootManager")).to_be_visible()
    assert seen.page.evaluate(paper) == dark


def test_the_colours_come_with_the_name_of_the_theme(service: Program, visit: Open) -> None:
    """No frame is painted in between."""
    seen = visit(service.base)
    button = seen.page.get_by_role("button", name="Theme: as the system")
    at_once = """button => new Promise(done => {
        const seen = () => done(document.querySelector(".gotask").dataset.theme);
        new MutationObserver(seen).observe(button, {attributes: true});
        button.click();
    })"""
    assert button.evaluate(at_once) == "light"


# Connection


def test_the_page_finds_the_program_that_was_killed_and_started_again(visit: Open) -> None:
    """It says what it does not know meanwhile, and that it is another process."""
    with Program("service") as program:
        seen = visit(program.base)
        seen.expected = DOWN
        expect(seen.row("Streamdoor")).to_be_visible()
        program.kill()
        expect(seen.page.locator(".bar-line")).to_contain_text("No connection")
        expect(seen.page.locator(".live")).to_have_text("Offline")
        expect(seen.page.locator(".bar-line")).to_contain_text(re.compile(r"Last update \d+ s ago"))
        expect(seen.row("Streamdoor")).to_be_visible()
        program.start()
        expect(seen.page.locator(".live")).to_have_text("Live")
        expect(seen.page.locator(".bar-line")).to_contain_text("started again")
        seen.page.get_by_role("button", name="Dismiss").click()
        expect(seen.page.locator(".bar-line")).to_have_count(0)


def test_a_blocked_loop_is_said(visit: Open) -> None:
    """For how long, and where: while the program itself cannot."""
    with Program("blocked") as program:
        seen = visit(program.base)
        expect(seen.page.locator(".bar-line")).to_contain_text("event loop is blocked", timeout=20_000)
        expect(seen.page.locator(".bar-line")).to_contain_text("page_program.py")


HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
"""A browser without windows has none to hide, so the page is told what it would see."""


def streams(program: Program) -> int:
    """How many pages the server has."""
    [said] = re.findall(r"^gotask_dashboard_streams (\d+)", httpx.get(f"{program.base}metrics").text, re.MULTILINE)
    return int(said)


def test_a_page_that_is_hidden_lets_go_of_its_stream_after_half_a_minute(visit: Open) -> None:
    """A browser has six for a host. It says so, and is live again as soon as it is seen."""
    with Program("empty") as program:
        seen = visit(program.base, clock=True)
        expect(seen.page.locator(".live")).to_have_text("Live")
        asleep = seen.page.locator(".bar-line").filter(has_text="Updates stopped while this page was out of sight.")
        seen.page.evaluate(HIDE, True)
        seen.page.clock.fast_forward(20_000)
        assert streams(program) == 1
        seen.page.evaluate(HIDE, False)  # for a moment: the half minute begins anew
        seen.page.evaluate(HIDE, True)
        seen.page.clock.fast_forward(20_000)
        assert streams(program) == 1
        expect(asleep).to_have_count(0)
        seen.page.clock.fast_forward(10_000)
        expect(asleep).to_be_visible()
        while streams(program) > 0:
            seen.page.clock.run_for(100)
        seen.page.evaluate(HIDE, False)
        expect(seen.page.locator(".live")).to_have_text("Live")
        expect(asleep).to_have_count(0)
        assert streams(program) == 1


# The token


def test_the_link_with_the_token_opens_and_forgets_it(visit: Open) -> None:
    """The token leaves the address at once; the cookie stays."""
    with Program("empty", token="open-sesame-of-the-test") as program:
        seen = visit(f"{program.base}#token=open-sesame-of-the-test")
        expect(seen.row("Dashboard#2")).to_be_visible()
        assert "open-sesame" not in seen.page.url
        seen.page.reload()
        expect(seen.row("Dashboard#2")).to_be_visible()


def test_without_a_token_the_page_asks_for_it(visit: Open) -> None:
    """A wrong one is refused, the right one opens."""
    with Program("empty", token="open-sesame-of-the-test") as program:
        seen = visit(program.base)
        seen.expected = REFUSED
        expect(seen.page.get_by_role("heading", name="This dashboard asks for its token")).to_be_visible()
        seen.page.get_by_label("Token").fill("wrong")
        seen.page.get_by_role("button", name="Open").click()
        expect(seen.page.get_by_role("alert")).to_have_text("That is not the token of this program.")
        seen.page.get_by_label("Token").fill("open-sesame-of-the-test")
        seen.page.get_by_role("button", name="Open").click()
        expect(seen.row("Dashboard#2")).to_be_visible()


def test_after_a_restart_the_page_says_why_it_asks_for_the_token(visit: Open) -> None:
    """The program was started again; of one that was never seen there is nothing to say."""
    with Program("empty", token="open-sesame-of-the-test") as program:
        seen = visit(program.base)
        seen.expected = re.compile(f"{REFUSED.pattern}|{DOWN.pattern}")
        why = seen.page.get_by_text("The program was started again")
        expect(seen.page.get_by_role("heading", name="This dashboard asks for its token")).to_be_visible()
        expect(why).to_have_count(0)
        seen.page.get_by_label("Token").fill("open-sesame-of-the-test")
        seen.page.get_by_role("button", name="Open").click()
        expect(seen.row("Dashboard#2")).to_be_visible()
        program.kill()
        program.start()
        expect(why).to_be_visible(timeout=30_000)


def test_a_link_with_a_wrong_token_says_so(visit: Open) -> None:
    """Such as a link of yesterday, before the program was started anew."""
    with Program("empty", token="open-sesame-of-the-test") as program:
        seen = visit(f"{program.base}#token=wrong")
        seen.expected = REFUSED
        expect(seen.page.get_by_role("alert")).to_have_text("That is not the token of this program.")


def test_a_token_that_nobody_takes_is_not_called_wrong(visit: Open) -> None:
    """The program may have ended meanwhile."""
    with Program("empty", token="open-sesame-of-the-test") as program:
        seen = visit(program.base)
        seen.expected = re.compile("status of 401|ERR_CONNECTION_REFUSED")
        seen.page.get_by_label("Token").fill("open-sesame-of-the-test")
        program.kill()
        seen.page.get_by_role("button", name="Open").click()
        expect(seen.page.get_by_role("alert")).to_have_text("No connection")


def test_after_many_wrong_tokens_the_page_says_to_wait(visit: Open) -> None:
    """Nor does it say that the token is wrong, since it has not been looked at."""
    with Program("empty", token="open-sesame-of-the-test") as program:
        for _ in range(10):
            httpx.get(f"{program.base}api/tasks", headers={"Authorization": "Bearer wrong"})
        seen = visit(program.base)
        seen.expected = REFUSED
        seen.page.get_by_label("Token").fill("open-sesame-of-the-test")
        seen.page.get_by_role("button", name="Open").click()
        expect(seen.page.get_by_role("alert")).to_contain_text("too many wrong tokens")


# Sizes, and those who do not see it


def test_a_phone_has_no_sideways_scrolling_and_full_screen_details(service: Program, visit: Open) -> None:
    """Under 720 px."""
    seen = visit(service.base, 390, 844, has_touch=True)
    seen.row("Streamdoor").tap()
    expect(seen.page.get_by_role("button", name="Back")).to_be_visible()
    box = seen.page.locator(".side").bounding_box()
    assert box is not None
    assert box["width"] == 390
    assert seen.page.evaluate("document.scrollingElement.scrollWidth") <= 390
    seen.page.get_by_role("button", name="Back").tap()
    expect(seen.row("Streamdoor")).to_be_visible()
    wide = "[...document.querySelector('.gotask').shadowRoot.querySelectorAll('.app, .grid, .counts, .head')]"
    assert seen.page.evaluate(f"{wide}.every((one) => one.scrollWidth <= one.clientWidth + 1)")


def test_all_counts_have_room_on_a_phone(service: Program, visit: Open) -> None:
    """Those that are zero are left out there, but for a moment none may be."""
    seen = visit(service.base, 390, 844, has_touch=True)
    expect(seen.row("Streamdoor")).to_be_visible()
    room = seen.page.locator(".counts").evaluate(
        "(counts) => { counts.childNodes.forEach((one) => one.classList.remove('none'));"
        " return counts.clientWidth - counts.scrollWidth; }"
    )
    assert room == 0


def test_a_low_window_leaves_its_room_to_the_tree(service: Program, visit: Open) -> None:
    """Zoomed to 200 %, say: there the timeline is closed until somebody opens it."""
    seen = visit(service.base, 720, 450)
    expect(seen.row("Streamdoor")).to_be_visible()
    fold = seen.page.get_by_role("button", name="Last minute")
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "true")


def test_targets_are_large_enough_for_a_finger(service: Program, visit: Open) -> None:
    """44 px at least."""
    seen = visit(service.base, 390, 844, has_touch=True)
    expect(seen.row("Streamdoor")).to_be_visible()
    boxes = seen.page.locator(".tool:visible, .tab:visible, .count:visible, .rows [role=row]:visible")
    assert boxes.count() > 12
    heights = boxes.evaluate_all("all => all.map((one) => one.getBoundingClientRect().height)")
    assert min(heights) >= 44


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["Tree", "History", "Sessions", "phone", "dialog"])
def test_axe_finds_no_serious_fault(service: Program, visit: Open, view: str, scheme: str) -> None:
    """Each view, light and dark; contrast included."""
    size = (390, 844) if view == "phone" else (1440, 900)
    seen = visit(service.base, *size, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    seen.row("Streamhall").click()
    expect(seen.page.locator(".details h2")).to_contain_text("hall")
    if view in ("History", "Sessions"):
        seen.page.get_by_role("button", name=view).click()
        expect(seen.page.locator("tbody tr").first).to_be_visible()
    if view == "dialog":
        seen.press("Delete")
        expect(seen.page.get_by_role("dialog")).to_be_visible()
    assert serious(seen.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
def test_axe_finds_no_serious_fault_where_the_token_is_asked_for(
    locked: Program, visit: Open, size: tuple[int, int], scheme: str
) -> None:
    """Before anything was said, and after a wrong one."""
    seen = visit(locked.base, *size, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    seen.expected = REFUSED
    expect(seen.page.get_by_role("heading", name="This dashboard asks for its token")).to_be_visible()
    assert serious(seen.page) == []
    seen.page.get_by_label("Token").fill("wrong")
    seen.page.get_by_role("button", name="Open").click()
    expect(seen.page.get_by_role("alert")).not_to_be_empty()
    assert serious(seen.page) == []


FRAMES = """seconds => new Promise((done) => {
    const grid = document.querySelector(".gotask").shadowRoot.querySelector("[role=treegrid]");
    const times = [];
    let last = performance.now();
    const end = last + seconds * 1000;
    const frame = (now) => {
        times.push(now - last);
        last = now;
        grid.scrollTop += 30;
        now < end ? requestAnimationFrame(frame) : done(times.sort((a, b) => a - b));
    };
    requestAnimationFrame(frame);
})"""


def test_frames_go_on_with_ten_thousand_tasks_and_four_thousand_changes_a_second(
    visit: Open, record_property: Callable[[str, object], None]
) -> None:
    """Most of the time of the page's thread is left, while it scrolls; the frame times are in the report."""
    with Program("many") as program:
        seen = visit(program.base)
        seen.wait_for_all()
        session = seen.page.context.new_cdp_session(seen.page)
        session.send("Performance.enable")

        def busy() -> float:
            found = session.send("Performance.getMetrics")["metrics"]
            return next(float(one["value"]) for one in found if one["name"] == "ScriptDuration")

        before = busy()
        frames = seen.page.evaluate(FRAMES, 6)
        share = (busy() - before) / 6
        median, p95, longest = frames[len(frames) // 2], frames[len(frames) * 95 // 100], frames[-1]
        told = f"frames: median {median:.1f} ms, 95 % {p95:.1f} ms, longest {longest:.0f} ms; script {share:.0%}"
        record_property("frames", told)
        print(told)
        assert share < 0.5
        assert median < 50
