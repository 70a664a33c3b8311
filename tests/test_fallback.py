"""What is seen of a widget in a notebook that is only read."""

from __future__ import annotations

import base64
import html
import re
from typing import Any
from xml.etree import ElementTree

from dashboards import Camera
from widgets import until

import gotask
from gotask import RootManager
from gotask_dashboard import TaskTree
from gotask_dashboard.fallback import MOST, html_of

Root = RootManager[Any, Any]


class Studio(gotask.Work):
    """Holds cameras."""


class Flaky(gotask.Task[None]):
    """Fails, and is tried again."""

    retry = gotask.RetryPolicy(3, 100)

    def run(self) -> None:
        raise ConnectionError("no line")


def drawing(shown: str) -> ElementTree.Element:
    """The picture in the image."""
    found = re.fullmatch(r'<img src="data:image/svg\+xml;base64,([\w+/=]+)" alt="([^"]*)">', shown)
    assert found is not None, shown
    return ElementTree.fromstring(base64.b64decode(found[1]))


def words(picture: ElementTree.Element) -> list[str]:
    """The texts in it."""
    texts = ("".join(one.itertext()) for one in picture.iter("{http://www.w3.org/2000/svg}text"))
    return [text for text in texts if text]


async def a_tree(root: Root) -> TaskTree:
    """A widget that shows a tree of which everything is known."""
    studio = root.add_task(Studio())
    await studio.add_task(Camera(), key="<front> & 门").wait_started()
    flaky = studio.add_task(Flaky())
    await until(lambda: flaky.state is gotask.TaskState.RETRYING)
    return TaskTree(root)


async def test_readers_see_the_tree_as_text_and_as_a_picture(root: Root) -> None:
    """State by word and sign, keys, retries and reasons."""
    shown, _ = (await a_tree(root))._repr_mimebundle_()
    assert shown["text/plain"].splitlines() == [
        "RootManager STARTED", "└─ Studio STARTED", "   ├─ Camera [<front> & 门] GOING",
        "   └─ Flaky RETRYING retry 1/3 (ConnectionError)",
    ]  # fmt: skip
    assert words(drawing(shown["text/html"])) == [
        "RootManager", "Started", "Studio", "Started", "Camera <front> & 门", "Going", "Flaky", "Retrying",
        "retry 1/3, ConnectionError",
    ]  # fmt: skip
    assert html.unescape(shown["text/html"].partition('alt="')[2][:-2]) == shown["text/plain"]


async def test_the_live_view_is_among_what_is_shown(root: Root) -> None:
    """Where there is a kernel, it is taken."""
    widget = TaskTree(root)
    shown, _ = widget._repr_mimebundle_()
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id


async def test_the_same_tree_gives_the_same_picture(root: Root) -> None:
    """No ids, no times: a notebook that is run again shows no difference."""
    first = (await a_tree(root))._repr_mimebundle_()[0]
    await root.shutdown()
    async with RootManager() as other:
        second = (await a_tree(other))._repr_mimebundle_()[0]
    assert {**first, "application/vnd.jupyter.widget-view+json": 0} == {
        **second, "application/vnd.jupyter.widget-view+json": 0,
    }  # fmt: skip


async def test_a_large_tree_is_cut(root: Root) -> None:
    """A picture of ten thousand lines helps nobody."""
    for _ in range(1_100):
        root.add_task(Camera())
    shown, _ = TaskTree(root)._repr_mimebundle_()
    left = f"… and {1_101 - MOST:,} more"
    assert shown["text/plain"].splitlines()[MOST:] == [left]
    assert words(drawing(shown["text/html"]))[-1] == left


async def test_it_says_what_holds_a_loop_up(root: Root) -> None:
    """L5: by name."""

    class Slow(gotask.Task[None]):
        async def run(self) -> None:
            await self.wait_stop_requested()

    await root.add_task(Slow()).wait_started()
    assert "held up by Slow" in words(drawing(html_of(gotask.snapshot(root))))


async def test_a_key_that_cannot_be_written_as_it_is(root: Root) -> None:
    """A name of a file that is no Unicode, and signs that XML does not know: the picture is one all the same."""
    await root.add_task(Camera(), key="caf\udce9\x1b").wait_started()
    shown, _ = TaskTree(root)._repr_mimebundle_()
    assert "Camera caf\\udce9\ufffd" in words(drawing(shown["text/html"]))
    assert "Camera [caf\\udce9" in shown["text/plain"]
