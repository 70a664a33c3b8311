"""Hub: what the views of one widget ask is answered, and they are told what changes, over the widget's comm."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gotask import Subscription, TaskDisposedError
from gotask_dashboard.feed import Event, Feed
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import LOGGER, Problem
from gotask_dashboard.wire import compact

QUICK = 0.05
"""Seconds between two messages at least: a server of notebooks drops them above 1,000 a second."""
SHARE = 12
"""So many times as long as the last look took, nobody looks: it takes less than a tenth of the loop's time."""
SILENT = 90.0
"""Seconds after which a view that says nothing is gone; one that lives says so each 20 s."""
LONG = 2_000
"""Bytes from which on a message is deflated."""

FAILED = Problem(500, "the widget failed; the log of the program says why")

Answer = Callable[[str, str, Any], tuple[int, Any]]
"""Takes method, path and body; gives status and content, or raises a Problem."""


@dataclass(slots=True)
class Client:
    """One view: in a cell, in one browser."""

    subscription: Subscription
    feed: Feed
    heard_at: float = field(default_factory=time.monotonic)
    left: Iterator[Event] | None = None


class Hub:
    """The kernel's end of the comm. Everything but `hear` and `close` happens in the tree's thread.

    While no view is open, it does nothing at all.

    Args:
        send: Takes a message and one buffer. `left`: called when the last view has gone.
    """

    def __init__(
        self, panel: Panel, answer: Answer, send: Callable[[Any, Any], object], left: Callable[[], object]
    ) -> None:
        self._panel, self._answer, self._send, self._left = panel, answer, send, left
        self._clients: dict[str, Client] = {}
        self._timer: Any = None
        self._looked_at = 0.0
        self._took = 0.0
        self._due = False
        panel.mirror.on_closed.add(self._end)

    @property
    def is_watched(self) -> bool:
        """Whether a view is open."""
        return bool(self._clients)

    def hear(self, message: Any) -> None:
        """A message of a view, in any thread: a comm may be read in another one than the loop's."""
        self._hand_over(partial(self._take, message))

    def close(self) -> None:
        """Tell nobody any more."""
        self._panel.mirror.on_closed.discard(self._end)
        self._hand_over(partial(self._forget, list(self._clients)))

    def _hand_over(self, function: Callable[[], object]) -> None:
        try:
            self._panel.mirror.soon(function)
        except TaskDisposedError:
            function()  # its loop is gone, and nothing moves any more

    def _take(self, message: Any) -> None:
        client, kind = str(message.get("client")), message.get("kind")
        if client in self._clients:
            self._clients[client].heard_at = time.monotonic()
        if kind == "ask":
            self._reply(client, message)
        elif kind == "unsubscribe":
            self._forget([client])
        elif kind == "subscribe" or (kind == "alive" and client not in self._clients):
            self._enter(client)

    def _enter(self, client: str) -> None:
        if client in self._clients:
            self._clients.pop(client).subscription.close()
        subscription = self._panel.mirror.subscribe(self._wake)
        self._clients[client] = Client(subscription, Feed(self._panel, subscription))
        if self._panel.mirror.is_closed:
            self._end()
        else:
            self._due = True
            self._plan(now=True)

    def _forget(self, clients: list[str]) -> None:
        for client in clients:
            if client in self._clients:
                self._clients.pop(client).subscription.close()
        if clients and not self._clients:
            self._left()

    # Answers

    def _reply(self, client: str, message: Mapping[str, Any]) -> None:
        try:
            status, content = self._answer(str(message.get("method")), str(message.get("path")), message.get("body"))
        except Problem as problem:
            status, content = problem.status, problem.content()
        except Exception:
            LOGGER.exception("%s %s failed", message.get("method"), message.get("path"))
            status, content = FAILED.status, FAILED.content()
        self._write({"kind": "answer", "client": client, "id": message.get("id"), "status": status}, content)
        if message.get("method") != "GET":
            self._plan(now=True)

    # News

    def _wake(self) -> None:
        """Something has changed."""
        self._due = True
        self._plan()

    def _plan(self, now: bool = False) -> None:
        """Look again, no sooner than is right; `now`: for those who wait."""
        if now and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and self._clients and not self._panel.mirror.is_closed:
            self._timer = self._panel.mirror.later(self._pause(now), self._look)

    def _pause(self, now: bool) -> float:
        calm = QUICK if now else max(client.feed.interval(QUICK) for client in self._clients.values())
        pause = max(calm, QUICK * len(self._clients), (1 if now else SHARE) * self._took)
        return max(0.0, self._looked_at + pause - time.monotonic())

    def _look(self) -> None:
        """Tell each view what there is to tell; a large tree in parts, so that the loop is not held up for long."""
        self._timer, began = None, time.perf_counter()
        if not any(client.left for client in self._clients.values()):
            self._due = False
            for client in self._clients.values():
                client.left = client.feed.events()
        for name, client in list(self._clients.items()):
            self._tell_some(name, client)
        self._looked_at, self._took = time.monotonic(), time.perf_counter() - began
        self._forget([name for name, one in self._clients.items() if one.heard_at < self._looked_at - SILENT])
        if any(client.left for client in self._clients.values()):
            self._plan(now=True)
        elif self._due:
            self._plan()

    def _tell_some(self, name: str, client: Client) -> None:
        for event in client.left or ():
            self._tell(name, event)
            if event[0] == "snapshot" and event[1]["part"] + 1 < event[1]["parts"]:
                return
        client.left = None

    def _end(self) -> None:
        """The tree is gone: tell what is left to tell, and say goodbye."""
        for name, client in list(self._clients.items()):
            for event in [*(client.left or ()), *client.feed.events(), ("bye", {})]:
                self._tell(name, event)
            client.left = None

    def _tell(self, client: str, event: Event) -> None:
        self._write({"kind": "event", "client": client, "event": event[0]}, event[1])

    def _write(self, message: dict[str, Any], content: Any) -> None:
        """Send it. The content goes as a buffer of ASCII: large ones are small then, and any text goes through."""
        text = compact(content).encode("ascii")
        long = len(text) > LONG
        try:
            self._send({**message, "deflated": long}, zlib.compress(text, 1) if long else text)
        except Exception as error:  # of a kernel that ends, perhaps: the tree does not suffer from it
            LOGGER.debug("the notebook could not be told: %r", error)
