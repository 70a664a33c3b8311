"""What the dashboard costs, its server and its page: `python -m benchmarks --dashboard`, with a real browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.alone import HERE
from benchmarks.history import figure

CHROMIUM = os.environ.get("GOTASK_CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
OTHERS = 5
"""Rows for the root, the dashboard, the history, the task that changes them, and the header."""

WATCH = """
const costs = { deltas: [], frames: [], whole: 0 };
let patch = 0, last = 0;
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, hear) {
    listen.call(this, name, (message) => {
        const began = performance.now();
        hear(message);
        if (name === "delta") patch += performance.now() - began;
    });
};
const request = window.requestAnimationFrame;
window.requestAnimationFrame = (draw) => request((now) => {
    const began = performance.now();
    draw(now);
    queueMicrotask(() => {  // after Preact's own, in which it renders
        if (patch) costs.deltas.push(patch + performance.now() - began);
        patch = 0;
    });
});
const frame = (now) => {
    if (last) costs.frames.push(now - last);
    last = now;
    const grid = document.querySelector(".gotask")?.shadowRoot?.querySelector("[role=treegrid]");
    if (!costs.whole && grid?.ariaRowCount >= TASKS) costs.whole = now;
    request(frame);
};
request(frame);
window.costs = costs;
"""
"""Times what the page does with each delta, from the event to the rendered tree, and how far frames are apart."""

FIRST = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Costs:
    """Since the program began: seconds of CPU of the server's thread and of the process, and how many changes."""

    at: float
    server: float
    all: float
    changes: int


class Program:
    """`benchmarks.crowd`, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = self._line()

    def costs(self) -> Costs:
        """What it has cost so far."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return Costs(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def program(tasks: int, rate: int) -> Iterator[Program]:
    """So many tasks and changes, with a dashboard."""
    command = [sys.executable, "-m", "benchmarks.crowd", str(tasks), str(rate)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=HERE, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


def visit(browser: Browser, url: str, tasks: int) -> tuple[Page, float, float]:
    """A page, and after how many seconds it first showed something, and the whole tree."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(WATCH.replace("TASKS", str(tasks)))
    page.goto(url)
    page.locator(f"[role=treegrid][aria-rowcount='{tasks + OTHERS}']").wait_for(timeout=60_000)
    return page, page.evaluate(FIRST) / 1e3, page.evaluate("costs.whole") / 1e3


def spent(session: CDPSession) -> dict[str, float]:
    """Seconds of CPU that the page's thread has spent on what."""
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def sizes(quick: bool) -> tuple[int, int, float, int]:
    """Tasks, changes a second, seconds to look, loads of the page."""
    return (1_000, 400, 2.0, 1) if quick else (10_000, 4_000, 20.0, 5)


def report(tasks: int, rate: int, seconds: float, loads: int) -> str:
    """All figures, a line each."""
    with program(tasks, rate) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page()
        alone = shares(running, page, seconds)
        firsts, wholes = [], []
        for _ in range(loads):
            page.close()
            page, first, whole = visit(browser, running.url, tasks)
            firsts.append(first)
            wholes.append(whole)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.evaluate("costs.deltas.length = costs.frames.length = 0")
        before = spent(session)
        watched = shares(running, page, seconds)
        after, costs = spent(session), page.evaluate("costs")
        browser.close()
    scripts, layout, style = (
        1e3 * (after[name] - before[name]) / len(costs["deltas"])
        for name in ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    )
    lines = [
        f"{tasks:,} tasks, {rate:,} changes a second, {seconds:g} s, {loads} loads of the page:",
        figure("changes a second", watched["changes"], "{:,.0f}"),
        figure("CPU of the server's thread, no page open", alone["server"], "{:.1%} of a core"),
        figure("CPU of the server's thread, one page open", watched["server"], "{:.1%} of a core"),
        figure("CPU of all other threads, no page open", alone["others"], "{:.1%} of a core"),
        figure("CPU of all other threads, one page open", watched["others"], "{:.1%} of a core"),
        *quantiles("patch and render of a delta", costs["deltas"]),
        figure("CPU of the page's thread for a delta, mean: scripts", scripts, "{:.1f} ms"),
        figure("CPU of the page's thread for a delta, mean: style and layout", layout + style, "{:.1f} ms"),
        *quantiles("from frame to frame", costs["frames"]),
        figure("first paint, median", median(firsts), "{:.2f} s"),
        figure("all of the tree is there, median", median(wholes), "{:.2f} s"),
    ]
    return "\n".join(lines)


def shares(running: Program, page: Page, seconds: float) -> dict[str, float]:
    """Shares of a core that the program takes meanwhile, and changes a second."""
    before = running.costs()
    page.wait_for_timeout(1e3 * seconds)
    after = running.costs()
    took, server = after.at - before.at, after.server - before.server
    others = after.all - before.all - server
    return {"server": server / took, "others": others / took, "changes": (after.changes - before.changes) / took}


def quantiles(name: str, values: list[float]) -> list[str]:
    """Median, 95 % and the greatest of some milliseconds."""
    ordered = sorted(values)
    found = {"median": median(ordered), "p95": ordered[len(ordered) * 95 // 100], "longest": ordered[-1]}
    return [figure(f"{name}, {which}", value, "{:.1f} ms") for which, value in found.items()]
