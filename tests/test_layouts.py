"""The widget's layouts `diagram` and `timeline`, in a real browser, with the real widget behind them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cells import Wire
from layout_tasks import bakery, halls, trouble
from pages import IN_BROWSER, launch, serious
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

import gotask
from gotask_dashboard import TaskTree

pytestmark = IN_BROWSER


class Cell:
    """A widget in a page, and the tree that it shows."""

    def __init__(self, page: Page, root: gotask.BlockingRoot, tasks: Any, widget: TaskTree) -> None:
        self.page, self.root, self.tasks, self.widget = page, root, tasks, widget
        self.errors: list[str] = []
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(15_000)

    def item(self, name: str) -> Locator:
        """The node or lane of this task."""
        known = re.compile(rf"^{re.escape(name)}(?![\w-])")
        diagram = self.widget.view == "diagram"
        return self.page.get_by_role("treeitem" if diagram else "option", name=known)

    def picture(self) -> Locator:
        """What takes the keys."""
        return self.page.get_by_role("tree" if self.widget.view == "diagram" else "listbox")

    def press(self, *keys: str) -> None:
        """Keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)


Show = Callable[..., Cell]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright, launch(playwright) as opened:
        yield opened


@pytest.fixture
def show(browser: Browser) -> Iterator[Show]:
    """Shows a tree; its page may say no error."""
    made: list[Cell] = []

    def show(
        scene: Callable[..., Any], layout: str, *given: Any, width: int = 1040, height: int = 600, **options: Any
    ) -> Cell:
        context = browser.new_context(
            viewport={"width": width, "height": height + 80}, **{"locale": "en-GB", **options}
        )
        root = gotask.BlockingRoot()
        root.__enter__()
        tasks = root.call(scene, root.root, *given)
        cell = Cell(context.new_page(), root, tasks, TaskTree(root, layout, height=height))
        made.append(cell)
        Wire(cell.page, cell.widget).show()
        return cell

    yield show
    for cell in made:
        cell.page.context.close()
        cell.widget.close()
        cell.root.shutdown(timeout=0.2)
    assert [error for cell in made for error in cell.errors] == []


# The diagram


def test_the_diagram_shows_each_task_with_its_state(show: Show) -> None:
    """A small tree is there as a whole, in sight."""
    cell = show(bakery, "diagram")
    expect(cell.page.get_by_role("treeitem")).to_have_count(8)
    for name, state in (("Shop", "Started"), ("Oven left", "Going"), ("Order ann", "Going")):
        expect(cell.item(name)).to_contain_text(state)
        expect(cell.item(name)).to_be_in_viewport(ratio=1)


def test_a_node_changes_as_its_task_does(show: Show) -> None:
    """Failed, waiting for its retry with the count of them, and alive again."""
    cell = show(trouble, "diagram")
    expect(cell.item("Order phone")).to_have_class(re.compile("g-retrying"))
    expect(cell.item("Order phone")).to_contain_text("1/5")
    expect(cell.item("Order phone")).to_contain_text("retry in")
    expect(cell.item("Order phone")).to_have_class(re.compile("g-running"))


def test_a_task_that_is_over_stays_for_a_moment(show: Show) -> None:
    """A class sees how it ended, in its place; then it is gone."""
    cell = show(bakery, "diagram")
    place = cell.item("Order ann").get_attribute("style")
    cell.root.call(cell.tasks["ann"].stop, "no bread")
    expect(cell.item("Order ann")).to_contain_text("Disposed")
    assert cell.item("Order ann").get_attribute("style") == place
    expect(cell.item("Order ann")).to_have_count(0)


def test_the_hook_that_holds_up_a_loop_is_marked(show: Show) -> None:
    """At the holder, at the parent whose loop waits, and on the line between them."""
    cell = show(trouble, "diagram")
    expect(cell.item("Printer printer")).to_contain_text("holds up the loop")
    expect(cell.item("Counter").locator("title").first).to_contain_text("blocked by Printer printer")
    expect(cell.page.locator(".edge.held")).to_have_count(1)


def test_nodes_are_chosen_by_keys(show: Show) -> None:
    """The arrows go as the lines do; what is chosen is told to the kernel, and its details are shown."""
    cell = show(bakery, "diagram", width=1200, height=700)
    expect(cell.item("Order bob")).to_be_visible()
    cell.picture().focus()
    cell.press("Home", "ArrowDown")
    expect(cell.item("Shop")).to_have_attribute("aria-selected", "true")
    expect(cell.page.locator(".details h2")).to_contain_text("Shop")
    cell.press("Escape")
    expect(cell.page.locator(".details")).to_have_count(0)
    assert cell.widget.selected is None


def test_a_task_is_stopped_from_the_diagram(show: Show) -> None:
    """Delete asks first, and the focus is where it was afterwards."""
    cell = show(bakery, "diagram")
    cell.item("Order bob").click()
    cell.press("Delete")
    expect(cell.page.get_by_role("dialog")).to_contain_text("Stop Order bob")
    cell.page.get_by_role("button", name="Stop it").click()
    expect(cell.item("Order bob")).to_contain_text("Disposed")
    expect(cell.picture()).to_be_focused()


def test_a_branch_is_folded_and_opened(show: Show) -> None:
    """By its handle: then it says how many are below."""
    cell = show(bakery, "diagram")
    cell.item("Kitchen").locator(".folder").click()
    expect(cell.page.get_by_role("treeitem")).to_have_count(6)
    expect(cell.item("Kitchen")).to_contain_text("+2")
    expect(cell.item("Kitchen")).to_have_attribute("aria-expanded", "false")
    cell.item("Kitchen").click()
    cell.press(" ")
    expect(cell.item("Oven left")).to_be_visible()


def test_many_tasks_are_summed_up(show: Show) -> None:
    """Of what is not shown: how many, and the worst of it."""
    cell = show(halls, "diagram", 12, 24)
    expect(cell.item("Counter hall-2").locator("title").first).to_contain_text(
        re.compile("24 tasks are not shown.*Retrying 1")
    )
    assert cell.page.get_by_role("treeitem").count() < 40


def test_what_is_opened_stays_under_the_eye(show: Show) -> None:
    """The handle that was pressed does not run away."""
    cell = show(halls, "diagram", 12, 24)
    cell.item("Counter hall-3").click()
    before = cell.item("Counter hall-3").bounding_box()
    cell.press(" ")
    expect(cell.item("Order o3-9")).to_be_attached()
    cell.page.wait_for_function("() => !document.querySelector('.gotask-widget').shadowRoot.querySelector('.still')")
    after = cell.item("Counter hall-3").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 3


def test_a_filter_leaves_its_ancestors(show: Show) -> None:
    """In both layouts."""
    cell = show(bakery, "diagram")
    cell.page.get_by_role("searchbox").fill("ann")
    expect(cell.page.get_by_role("treeitem")).to_have_count(4)
    cell.page.get_by_role("button", name="Timeline").click()
    expect(cell.page.get_by_role("option")).to_have_count(4)
    cell.page.get_by_role("searchbox").fill("nobody")
    cell.page.get_by_role("button", name="Clear filter").click()
    expect(cell.page.get_by_role("option")).to_have_count(8)


# The timeline


def test_the_timeline_has_a_lane_for_each_task(show: Show) -> None:
    """In the order of the tree."""
    cell = show(bakery, "timeline")
    expect(cell.page.get_by_role("option")).to_have_count(8)
    names = cell.page.locator("[role=option] text.name").all_text_contents()
    assert names == ["RootManager", "Shop", "Kitchen", "Oven left", "Oven right", "Counter", "Order ann", "Order bob"]


def test_a_bar_grows(show: Show) -> None:
    """Its life goes on."""
    cell = show(bakery, "timeline")
    for _ in range(4):
        cell.page.get_by_role("button", name="Smaller").click()
    bar = cell.item("Order ann").locator(".life.g-running")
    expect(bar).to_have_count(1)
    first = float(bar.get_attribute("width") or 0)
    handle = bar.element_handle()
    cell.page.wait_for_function("([bar, first]) => +bar.getAttribute('width') > first + 1", arg=[handle, first])


def test_each_life_is_a_bar_and_each_failure_a_mark(show: Show) -> None:
    """Between them the task waits to be retried."""
    cell = show(trouble, "timeline")
    lane = cell.item("Order phone")
    expect(lane.locator(".failure")).to_have_count(2)
    expect(lane.locator(".life.g-running")).to_have_count(2)
    expect(lane.locator(".gap")).to_have_count(2)
    expect(lane).to_have_attribute("aria-description", re.compile("2 failed"))


def test_steps_are_marks(show: Show) -> None:
    """Each that is recorded while one looks."""
    cell = show(bakery, "timeline")
    marks = cell.item("Oven left").locator(".mark")
    count = marks.count()
    expect(marks).to_have_count(count + 1)


def test_a_life_of_before_is_told_by_the_history(show: Show) -> None:
    """One that was over before anybody looked."""

    def scene(root: Any) -> Any:
        tasks = bakery(root)
        tasks["ann"].stop("no bread")
        return tasks

    cell = show(scene, "timeline")
    expect(cell.item("Order ann")).to_have_attribute("aria-description", re.compile("Disposed, 1 life"))


def test_the_pointer_tells_of_a_life(show: Show) -> None:
    """Which it is, how it ended or goes on, from when to when."""
    cell = show(trouble, "timeline")
    expect(cell.item("Order phone").locator(".failure").first).to_be_visible()
    cell.item("Order phone").locator(".failure").first.hover()
    expect(cell.page.locator(".hover")).to_contain_text("life 1")
    expect(cell.page.locator(".hover")).to_contain_text("the line is down")


def test_the_timeline_is_moved_and_comes_back(show: Show) -> None:
    """Left leaves the present; Follow comes back to it."""
    cell = show(bakery, "timeline")
    follow = cell.page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    cell.picture().focus()
    cell.press("ArrowLeft", "ArrowDown", "+")
    expect(follow).to_have_attribute("aria-pressed", "false")
    expect(cell.item("RootManager")).to_have_attribute("aria-selected", "true")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true")


def test_only_lanes_in_sight_are_drawn(show: Show) -> None:
    """A thousand tasks cost what a screenful costs."""
    cell = show(halls, "timeline", 40, 24)
    expect(cell.item("Counter hall-1")).to_have_attribute("aria-setsize", "1001")
    assert cell.page.get_by_role("option").count() < 40


# Both


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("layout", ["diagram", "timeline"])
def test_axe_finds_no_serious_fault(show: Show, layout: str, scheme: str) -> None:
    """With all states in sight, and the details open."""
    cell = show(trouble, layout, color_scheme=scheme)
    cell.page.evaluate("(dark) => { document.body.dataset.jpThemeLight = String(!dark); }", scheme == "dark")
    cell.item("Order phone").click()
    expect(cell.page.locator(".details h2")).to_contain_text("phone")
    assert serious(cell.page) == []


@pytest.mark.parametrize(("layout", "name"), [("diagram", "任务树关系图"), ("timeline", "生命时间线")])
def test_the_layouts_speak_chinese(show: Show, layout: str, name: str) -> None:
    """All words."""
    cell = show(bakery, layout, locale="zh-CN")
    expect(cell.picture()).to_have_attribute("aria-label", name)
    about = cell.item("Order ann").evaluate(
        "(one) => (one.querySelector('title')?.textContent ?? '') + one.ariaDescription"
    )
    assert "并发运行中" in about


@pytest.mark.parametrize("layout", ["diagram", "timeline"])
def test_ten_thousand_tasks_stay_usable(show: Show, layout: str) -> None:
    """What a change costs is bounded: the document stays small, and a key is answered at once."""
    cell = show(halls, layout, 99, 100)
    whole = re.compile("9,")
    if layout == "diagram":
        expect(cell.page.locator(".node.more")).to_contain_text(whole, timeout=60_000)
    else:
        expect(cell.page.get_by_role("option").first).to_have_attribute("aria-setsize", "10000", timeout=60_000)
    nodes = cell.page.evaluate("() => document.querySelector('.gotask-widget').shadowRoot.querySelectorAll('*').length")
    assert nodes < 3000
    cell.picture().focus()
    cell.press("Home")
    expect(cell.item("RootManager")).to_have_attribute("aria-selected", "true", timeout=5_000)
