"""TaskTree: a live tree in a cell of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from ipywidgets import Layout

from gotask import BlockingRoot, GotaskError, RootManager, TaskSnapshot, TaskState, TaskStateError, snapshot
from gotask_dashboard import cells, fallback, paths
from gotask_dashboard.hub import Hub
from gotask_dashboard.lately import Lately
from gotask_dashboard.mirror import Mirror
from gotask_dashboard.options import Options, Redact, check_redact
from gotask_dashboard.panel import Panel, program
from gotask_dashboard.pulse import Pulse

BUNDLE = (Path(__file__).parent / "static" / "widget.js").read_text("utf-8")
LAYOUTS = ("tree", "diagram", "timeline")
KEPT = 200
"""Tasks that have stopped and can be started again."""
LOWEST = 120
PATIENCE = 1.0
"""Seconds that a picture for readers waits for the thread of the tree."""


class CellPanel(Panel):
    """A panel that is used in the tree's own thread."""

    by = "by the notebook"

    def hand_over(self, action: Callable[[], object]) -> None:
        action()


class TreeWidget(anywidget.AnyWidget):
    """A view of a tree, the one that the trait `view` names: what TaskTree and its kin share."""

    _esm = traitlets.Unicode(BUNDLE).tag(sync=True)
    view = traitlets.Unicode("tree").tag(sync=True)
    """The layout: "tree", "diagram" or "timeline"."""
    height = traitlets.Int(360, min=LOWEST).tag(sync=True)
    """Of the view, in pixels."""
    selected = traitlets.Int(None, allow_none=True).tag(sync=True)
    """The id of the task that is chosen, or None."""

    def __init__(self, root: Any, *, read_only: bool = False, redact: Redact | None = None, **options: Any) -> None:
        tree = tree_of(root, type(self).__name__)
        check_redact(redact)
        super().__init__(**options)
        self._root, self._tree = root, tree
        self._panel = panel_of(tree, Options("", "", False, bool(read_only), redact, frozenset(), KEPT))
        self._hub = Hub(self._panel, self._answer, self._write, self._unwatched)
        self.on_msg(lambda widget, message, buffers: self._hub.hear(message))
        self._is_superseded = False
        cells.enter(self)

    def close(self) -> None:
        """Take the view away, and look at the tree no more."""
        if self.comm is None:
            return
        super().close()
        self._hub.close()
        with suppress(GotaskError):  # the tree is gone
            self._tree.unobserve(self._panel.mirror)

    def supersede(self) -> None:
        """The cell that made it has made another one: it goes when nobody looks at it any more."""
        self._is_superseded = True
        if not self._hub.is_watched:
            self.close()

    def _answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        return paths.answer(self._panel, method, path, body, "the notebook")

    def _write(self, message: Mapping[str, Any], buffer: bytes) -> None:
        self.send(message, [buffer])

    def _unwatched(self) -> None:
        if self._is_superseded:
            self.close()

    def _snapshot(self) -> TaskSnapshot:
        if isinstance(self._root, BlockingRoot):
            try:
                seen: TaskSnapshot = self._root.call(snapshot, self._tree, timeout=PATIENCE)
                return seen
            except (GotaskError, TimeoutError):
                pass  # it is over, or its loop is blocked: then nothing moves in it either
        return snapshot(self._tree)

    def __str__(self) -> str:
        return fallback.text_of(self._snapshot())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.view!r})"  # the same in each run: boxes show it to readers

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        seen = self._snapshot()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        shown = {"text/plain": fallback.text_of(seen), "text/html": fallback.html_of(seen)}
        return {**shown, "application/vnd.jupyter.widget-view+json": view}, {}


class TaskTree(TreeWidget):
    """A tree, live, in a cell: `TaskTree(root)` as its last line. While nobody sees it, it takes next to nothing.

    Its traits can be observed and set: `view`, `height`, and `selected`, the id of the task that is chosen.

    Args:
        root: A RootManager or a BlockingRoot that is open.
        layout: "tree", "diagram" or "timeline"; kept in `view`. A Layout of ipywidgets is taken as such, too.
        height: Of the view, in pixels.
        read_only: Refuse all commands.
        redact: Takes name and text of each description, and returns the text to be shown, or None for nothing.

    Raises:
        TypeError: One of these is of the wrong type.
        ValueError: One of these cannot be.
        TaskStateError: The tree is not open.
    """

    def __init__(
        self, root: Any, layout: Any = "tree", *, height: int = 360, read_only: bool = False,
        redact: Redact | None = None, **options: Any,
    ) -> None:  # fmt: skip
        if isinstance(layout, Layout | Mapping):
            options["layout"], layout = layout, options.pop("view", "tree")
        if layout not in LAYOUTS:
            raise ValueError(f"layout is one of {', '.join(map(repr, LAYOUTS))}, not {layout!r}")
        if not isinstance(height, int) or height < LOWEST:
            raise ValueError(f"height is a number of pixels, {LOWEST} or more, not {height!r}")
        super().__init__(root, read_only=read_only, redact=redact, view=layout, height=height, **options)

    @traitlets.validate("view")
    def _check_view(self, proposal: Any) -> str:
        if proposal["value"] not in LAYOUTS:
            raise traitlets.TraitError(f"view is one of {', '.join(map(repr, LAYOUTS))}, not {proposal['value']!r}")
        return str(proposal["value"])


def tree_of(root: Any, name: str) -> RootManager[Any, Any]:
    """The root that is meant.

    Raises:
        TypeError: It is none.
        TaskStateError: It is not open.
    """
    tree = root.root if isinstance(root, BlockingRoot) else root
    if not isinstance(tree, RootManager):
        raise TypeError(f"{name}() takes the root of a tree, a RootManager or a BlockingRoot, not {root!r}")
    plain = tree is root
    if tree.state is TaskState.INIT:
        how = "`await root.init()` first" if plain else "use it inside `with BlockingRoot() as root:`"
        raise TaskStateError(f"this root is not open yet, so there is nothing to show: {how}")
    if tree.state is TaskState.DISPOSED:
        how = "`await root.init()` opens it again" if plain else "make another BlockingRoot"
        raise TaskStateError(f"this tree is shut down, so there is nothing to show: {how}")
    return tree


def panel_of(tree: RootManager[Any, Any], options: Options) -> Panel:
    """A tree as a notebook sees it, from now on."""
    mirror = Mirror(KEPT)
    tree.observe(mirror)
    began_at = next((row.added_at for row in mirror.rows()), 0.0)
    mirror.store = Lately(tree, program(), began_at)
    return CellPanel(tree, mirror, options, Pulse(), None, began_at)
