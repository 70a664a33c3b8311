"""The widget in a real browser: its bundle on a page, as anywidget loads it, and a real tree at the other end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cells import Wire
from dashboards import Camera
from pages import IN_BROWSER, launch, serious
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

import gotask
from gotask_dashboard import TaskTree

pytestmark = IN_BROWSER

ROWS = ".rows [role=row]"


class Studio(gotask.Work):
    """Holds cameras."""


class Flaky(gotask.Task[None]):
    """Fails, and is tried again much later."""

    retry = gotask.RetryPolicy(5, 3_600)

    def run(self) -> None:
        raise ConnectionError("the camera does not answer")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright, launch(playwright) as opened:
        yield opened


@pytest.fixture
def tree() -> Iterator[gotask.BlockingRoot]:
    """A studio with two cameras, and a third that does not answer; in a thread, for this one drives the browser."""
    with gotask.BlockingRoot() as root:
        studio = root.add_task(Studio())
        for key in ("front", "door"):
            root.wait_started(studio.add_task(Camera(), key=key))
        studio.add_task(Flaky(), key="yard")
        yield root


Show = Callable[..., Wire]


@pytest.fixture
def show(browser: Browser, tree: gotask.BlockingRoot) -> Iterator[Show]:
    """Shows a widget on a page of its own, whose console must stay silent."""
    errors: list[str] = []
    contexts = []

    def show(widget: TaskTree | None = None, width: int = 1_000, **options: Any) -> Wire:
        context = browser.new_context(
            **{"viewport": {"width": width, "height": 700}, "locale": "en-GB", "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_default_timeout(20_000)
        wire = Wire(page, widget or TaskTree(tree))
        wire.show()
        expect(page.locator(ROWS).first).to_be_visible()
        return wire

    yield show
    for context in contexts:
        context.close()
    assert errors == []


def row(page: Page, text: str) -> Locator:
    """The rows of the tree with this text in them."""
    return page.locator(ROWS).filter(has_text=text)


def child_of(tree: gotask.BlockingRoot, index: int) -> Any:
    """A task of the studio."""
    studio: Any = tree.root.children[0]
    return studio.children[index]


def test_the_tree_is_shown_and_follows(show: Show, tree: gotask.BlockingRoot) -> None:
    """States as words, keys, retries; what is added comes by itself, and what stops goes."""
    page = show().page
    expect(row(page, "RootManager")).to_contain_text("Started")
    expect(row(page, "Cameradoor")).to_contain_text("Going")
    expect(row(page, "Flakyyard")).to_contain_text("1/5")
    late = tree.add_task(Camera(), key="late")
    expect(row(page, "Cameralate")).to_contain_text("Going")
    late.stop()
    expect(row(page, "Cameralate")).to_have_count(0)


def test_details_open_beside_the_tree(show: Show, tree: gotask.BlockingRoot) -> None:
    """From the view, and from Python; closed again with the keyboard."""
    wire = show()
    page, widget = wire.page, wire.widget
    row(page, "Flakyyard").click()
    expect(page.locator(".details h2")).to_have_text("Flaky yard")
    expect(page.locator(".lives")).to_contain_text("the camera does not answer")
    assert widget.selected == child_of(tree, 2).task_id
    widget.selected = tree.root.task_id
    expect(page.locator(".details h2")).to_have_text("RootManager")
    page.locator(".details-body").press("Escape")
    expect(page.locator(".details")).to_have_count(0)
    assert widget.selected is None


def test_stop_asks_and_stops(show: Show, tree: gotask.BlockingRoot) -> None:
    """S1: with the reason that was typed."""
    door = child_of(tree, 1)
    page = show().page
    row(page, "Cameradoor").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_label("Reason").fill("too dark")
    page.get_by_role("button", name="Stop it").click()
    assert str(tree.wait_stopped(door, timeout=30)) == "too dark"
    expect(row(page, "Cameradoor")).to_have_count(0)
    expect(page.get_by_role("button", name="Start again")).to_be_enabled()
    page.get_by_role("button", name="Start again").click()
    expect(row(page, "Cameradoor")).to_contain_text("Going")


def test_what_is_asked_for_is_found(show: Show) -> None:
    """By a word, and by a state; what is above it stays."""
    page = show().page
    page.get_by_role("searchbox").fill("door")
    expect(page.locator(ROWS)).to_have_count(3)
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="1 Retrying").click()
    expect(page.locator(ROWS)).to_have_count(3)
    expect(row(page, "Flaky")).to_be_visible()


def test_the_end_of_the_tree_leaves_its_picture(show: Show, tree: gotask.BlockingRoot) -> None:
    """Marked as ended, each task where it was, with why it stopped."""
    page = show().page
    tree.root.stop("class is over")
    expect(page.locator(".live")).to_have_text("Ended")
    expect(page.locator(ROWS)).to_have_count(5)
    expect(row(page, "Cameradoor")).to_contain_text("Disposed")
    expect(row(page, "Cameradoor")).to_contain_text("class is over")
    expect(page.locator(ROWS).nth(1)).to_contain_text("Studio")


def test_two_views_of_one_widget_live_side_by_side(show: Show, tree: gotask.BlockingRoot) -> None:
    """Each with its own filter; with the last one gone, nothing is sent."""
    wire = show()
    wire.show()
    page = wire.page
    expect(page.get_by_role("treegrid")).to_have_count(2)
    expect(row(page, "Cameradoor")).to_have_count(2)
    page.get_by_role("searchbox").first.fill("front")
    expect(row(page, "Cameradoor")).to_have_count(1)
    wire.leave()
    wire.leave()
    expect(page.get_by_role("treegrid")).to_have_count(0)
    while wire.widget._hub.is_watched:
        page.evaluate("new Promise((done) => setTimeout(done, 20))")
    sent = wire.sent
    tree.wait_started(tree.add_task(Camera()))
    page.evaluate("new Promise((done) => setTimeout(done, 600))")
    assert wire.sent == sent


def test_the_theme_is_that_of_the_notebook(show: Show) -> None:
    """And follows when it is changed."""
    page = show(color_scheme="dark").page
    paint = "getComputedStyle(document.querySelector('.gotask-widget')).getPropertyValue('--sheet')"
    assert page.evaluate(paint) == "#fffefb"
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    expect(page.locator(".gotask-widget")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(paint) == "#181c24"


def test_the_language_is_that_of_the_reader(show: Show) -> None:
    """Chinese, and English on demand."""
    page = show(locale="zh-CN").page
    expect(row(page, "Cameradoor")).to_contain_text("并发运行中")
    page.get_by_role("button", name="EN").click()
    expect(row(page, "Cameradoor")).to_contain_text("Going")


def test_the_notebook_hears_no_key(show: Show) -> None:
    """Two times d would delete a cell of JupyterLab."""
    page = show().page
    page.evaluate("window.heard = []; document.addEventListener('keydown', (event) => heard.push(event.key))")
    row(page, "Cameradoor").click()
    for key in ("d", "d", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("searchbox").fill("x")
    assert page.evaluate("heard") == []
    expect(page.locator(".gotask-widget")).to_have_attribute("data-lm-suppress-shortcuts", "true")
    page.locator("h1").click()
    page.keyboard.press("/")
    assert page.evaluate("heard") == ["/"]


def test_a_widget_that_is_read_only_has_no_buttons(show: Show, tree: gotask.BlockingRoot) -> None:
    """And says so."""
    page = show(TaskTree(tree, read_only=True)).page
    row(page, "Cameradoor").click()
    expect(page.locator(".details h2")).to_be_visible()
    expect(page.locator(".badge")).to_have_text("Read only")
    expect(page.locator(".actions")).to_have_count(0)


def test_the_height_is_a_trait(show: Show, tree: gotask.BlockingRoot) -> None:
    """Also later."""
    wire = show(TaskTree(tree, height=240))
    box = wire.page.locator(".gotask-widget")
    expect(box).to_have_css("height", "240px")
    wire.widget.height = 500
    expect(box).to_have_css("height", "500px")


def test_the_wheel_moves_the_notebook_at_the_end_of_the_tree(show: Show) -> None:
    """A tree is no trap for those who read on."""
    page = show().page
    page.evaluate("document.body.style.minHeight = '3000px'")
    row(page, "Cameradoor").hover()
    page.mouse.wheel(0, 400)
    page.wait_for_function("scrollY > 100")


def test_the_kernel_may_be_gone(show: Show) -> None:
    """The picture stays, and says what to do."""
    wire = show()
    wire.widget._handle_custom_msg = lambda *given: None
    wire.page.evaluate("window.notebook.tell('comm_live_update')")
    expect(wire.page.locator(".live")).to_have_text("No kernel")
    expect(row(wire.page, "Cameradoor")).to_be_visible()


def test_ten_thousand_tasks_are_usable(show: Show, tree: gotask.BlockingRoot) -> None:
    """A screenful of them is in the document, and the last one is a key away."""
    studio: Any = tree.root.children[0]
    tree.call(lambda: [studio.add_task(Camera(), key=f"c{number}") for number in range(10_000)])
    page = show().page
    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "10006", timeout=60_000)
    assert page.locator(ROWS).count() < 60
    page.get_by_role("treegrid").press("End")
    expect(row(page, "Camerac9999")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "part"), [(1_000, "tree"), (1_000, "details"), (520, "details"), (1_000, "ended")])
def test_axe_finds_no_serious_fault(show: Show, tree: gotask.BlockingRoot, width: int, part: str, theme: str) -> None:
    """Contrast included."""
    page = show(width=width).page
    page.evaluate(f"document.body.dataset.jpThemeLight = '{str(theme == 'light').lower()}'")
    if part == "details":
        row(page, "Flakyyard").click()
        expect(page.locator(".lives")).to_be_visible()
    if part == "ended":
        tree.root.stop()
        expect(row(page, "Cameradoor")).to_contain_text("Disposed")
    assert serious(page) == []


def test_readers_without_a_kernel_see_a_picture(browser: Browser, tree: gotask.BlockingRoot) -> None:
    """The image is one that browsers draw, on light and on dark."""
    shown, _ = TaskTree(tree)._repr_mimebundle_()
    page = browser.new_page()
    page.set_content(shown["text/html"])
    page.wait_for_function("document.querySelector('img').complete")
    assert page.evaluate("document.querySelector('img').naturalHeight") == 24 * 5 + 24
    page.close()
