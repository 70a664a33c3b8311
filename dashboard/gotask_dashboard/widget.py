"""TaskTree: a live tree in a cell of a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from ipywidgets import Layout

from gotask import BlockingRoot, RootManager, TaskState, TaskStateError, snapshot
from gotask_dashboard import paths
from gotask_dashboard.hub import Hub
from gotask_dashboard.mirror import Mirror
from gotask_dashboard.options import Options, Redact, check_redact
from gotask_dashboard.panel import Panel
from gotask_dashboard.pulse import Pulse

BUNDLE = (Path(__file__).parent / "static" / "widget.js").read_text("utf-8")
LAYOUTS = ("tree", "diagram", "timeline")
KEPT = 200
"""Tasks that have stopped and can be started again."""
LOWEST = 120


class TreeWidget(anywidget.AnyWidget):
    """A view of a tree, whichever `view` says: what TaskTree and its kin share."""

    _esm = traitlets.Unicode(BUNDLE).tag(sync=True)
    view = traitlets.Unicode("tree").tag(sync=True)
    height = traitlets.Int(360, min=LOWEST).tag(sync=True)
    selected = traitlets.Int(None, allow_none=True).tag(sync=True)

    def __init__(self, root: Any, *, read_only: bool = False, redact: Redact | None = None, **options: Any) -> None:
        self._tree = tree_of(root, type(self).__name__)
        check_redact(redact)
        super().__init__(**options)
        mirror = Mirror(KEPT)
        self._tree.observe(mirror)
        settings = Options("", "", False, bool(read_only), redact, frozenset(), KEPT)
        began_at = next((row.added_at for row in mirror.rows()), 0.0)
        self._panel = Panel(self._tree, mirror, settings, Pulse(), None, began_at)
        self._hub = Hub(self._panel, self._answer, self._write, self._unwatched)
        self.on_msg(lambda widget, message, buffers: self._hub.hear(message))

    def close(self) -> None:
        """Take the view away, and look at the tree no more."""
        self._hub.close()
        if self._tree.state is not TaskState.DISPOSED:
            self._tree.unobserve(self._panel.mirror)
        super().close()

    def _answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        return paths.answer(self._panel, method, path, body, "the notebook")

    def _write(self, message: Mapping[str, Any], buffer: bytes) -> None:
        self.send(message, [buffer])

    def _unwatched(self) -> None:
        """The last view is gone."""

    def __repr__(self) -> str:
        return snapshot(self._tree).render_text(ids=False)


class TaskTree(TreeWidget):
    """A tree, live, in a cell.

    Args:
        root: A RootManager or a BlockingRoot that is open.
        layout: "tree", "diagram" or "timeline"; it is kept in `view`.
        height: Of the view, in pixels.
        read_only: Refuse all commands.
        redact: Takes name and text of each description, and returns the text to be shown, or None for nothing.
    """

    def __init__(
        self, root: Any, layout: Any = "tree", *, height: int = 360, read_only: bool = False,
        redact: Redact | None = None, **options: Any,
    ) -> None:  # fmt: skip
        if isinstance(layout, Layout | Mapping):
            options["layout"], layout = layout, "tree"
        if layout not in LAYOUTS:
            raise ValueError(f"layout is one of {', '.join(map(repr, LAYOUTS))}, not {layout!r}")
        super().__init__(root, read_only=read_only, redact=redact, view=layout, height=height, **options)


def tree_of(root: Any, name: str) -> RootManager[Any, Any]:
    """The root that is meant.

    Raises:
        TypeError: It is none. TaskStateError: It is not open.
    """
    tree = root.root if isinstance(root, BlockingRoot) else root
    if not isinstance(tree, RootManager):
        raise TypeError(f"{name}() takes the root of a tree, a RootManager or a BlockingRoot, not {root!r}")
    if tree.state is TaskState.INIT:
        how = "`await root.init()` first" if tree is root else "use it inside `with BlockingRoot() as root:`"
        raise TaskStateError(f"this root is not open yet, so there is nothing to show: {how}")
    if tree.state is TaskState.DISPOSED:
        raise TaskStateError("this tree is shut down, so there is nothing to show: `await root.init()` opens it again")
    return tree
