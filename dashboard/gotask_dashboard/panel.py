"""Panel: what the routes of one dashboard share."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from gotask import TaskState
from gotask_dashboard.mirror import Mirror
from gotask_dashboard.options import Options
from gotask_dashboard.problems import LOGGER
from gotask_dashboard.pulse import Pulse, blocked
from gotask_dashboard.wire import dict_of, instant, redactor, values_of

HURRY = 1.0
"""Seconds after a command in which changes are told sooner."""


class Panel:
    """A tree as its server, or a notebook, sees it.

    All of it is used in the thread that answers, but for `mirror` and `pulse`. `began_at`: of the process.
    """

    by = "by the dashboard"
    """Why a task stops, if nobody says more."""

    def __init__(
        self, root: Any, mirror: Mirror, options: Options, pulse: Pulse, own_id: int | None, began_at: float
    ) -> None:
        self.root, self.mirror, self.options, self.pulse, self.own_id = root, mirror, options, pulse, own_id
        self.epoch = secrets.token_hex(8)
        self.began_at = began_at
        self.show = redactor(options.redact, self._complain)
        self.streams = 0
        self.closing = False
        self.host_ends: Callable[[], bool] = bool
        """Whether the server that hosts it is about to end."""
        self.hurried_until = 0.0
        self._news = anyio.Event()
        self._complained = False

    # News

    def nudge(self) -> None:
        """After a command: pages are told soon what comes of it."""
        self.hurried_until = time.monotonic() + HURRY
        self._wake()

    def close(self) -> None:
        """Say goodbye to all pages."""
        self.closing = True
        self._wake()

    @property
    def is_over(self) -> bool:
        """Whether pages are to go."""
        return self.closing or self.mirror.is_closed or self.host_ends()

    def _wake(self) -> None:
        news, self._news = self._news, anyio.Event()
        news.set()

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until there is a command, or the end."""
        with anyio.move_on_after(seconds):
            await self._news.wait()

    def hand_over(self, action: Callable[[], object]) -> None:
        """Do it in a thread of its own: it waits for the loop of the tree, which may be blocked."""
        threading.Thread(target=action, name="gotask dashboard command", daemon=True).start()

    @property
    def store(self) -> Any:
        """The HistoryStore of the tree, once it is known."""
        return self.mirror.store

    @property
    def store_error(self) -> str | None:
        """Why there is no history, and never will be; None while there is one, or one may come."""
        store = self.store
        if store is not None and store.session_id is None and store.state is TaskState.DISPOSED:
            return f"there is no history: {store.stop_reason}"
        return self.mirror.store_error

    # Tasks

    def values(self, row: Any) -> tuple[Any, ...]:
        """A task, in the order of FIELDS."""
        failed = self.mirror.has_failed(row.id) if row.state is TaskState.DISPOSED else None
        return values_of(row, self.mirror.pointer(row.id), self.show(row.descriptions), failed)

    def task(self, row: Any) -> dict[str, Any]:
        """The same by name."""
        return dict_of(self.values(row))

    def as_of(self) -> str | None:
        """The moment of which the mirror tells: now, unless the loop has not answered for a while."""
        stuck = blocked(self.root, self.pulse)
        return instant(time.time() - (0.0 if stuck is None else stuck[0]))

    def status(self) -> dict[str, Any]:
        """What the warning bar of a page shows."""
        stuck = blocked(self.root, self.pulse)
        return {
            "loopBlockedFor": None if stuck is None else round(stuck[0], 1),
            "loopBlockedAt": None if stuck is None else stuck[1],
            "dropped": 0 if self.store is None else self.store.dropped,
        }

    def protected(self) -> set[int]:
        """The ids of what is not stopped with others: the root, the dashboard, and what holds it; and the history."""
        found = {self.root.task_id}
        for one in (self.own_id, None if self.store is None else self.store.task_id):
            row = None if one is None else self.mirror.row(one)
            while row is not None:
                found.add(row.id)
                row = None if row.parent_id is None else self.mirror.row(row.parent_id)
        return found

    # The process

    def session(self) -> dict[str, Any]:
        """This process."""
        from gotask import __version__

        return {
            "program": program(), "pid": os.getpid(), "host": socket.gethostname(),
            "python": ".".join(map(str, sys.version_info[:3])), "gotask": __version__,
            "startedAt": instant(self.began_at), "uptime": time.time() - self.began_at,
            "readOnly": self.options.read_only, "auth": bool(self.options.token), "epoch": self.epoch,
            "sessionId": None if self.store is None else self.store.session_id, "history": self._history(),
        }  # fmt: skip

    def _history(self) -> dict[str, Any]:
        store = self.store
        waiting, dropped = (0, 0) if store is None else (store.waiting, store.dropped)
        ready = store is not None and store.session_id is not None
        return {"ready": ready, "error": self.store_error, "waiting": waiting, "dropped": dropped}

    def _complain(self) -> None:
        if not self._complained:
            self._complained = True
            LOGGER.exception("redact() raised, so the descriptions are not shown")


def program() -> str:
    """What this program is called."""
    script = Path(sys.argv[0] if sys.argv else "")
    name = script.parent.name if script.stem == "__main__" else script.stem
    return {"": "python", "-c": "python", "-m": "python", "ipykernel_launcher": "notebook"}.get(name, name)
