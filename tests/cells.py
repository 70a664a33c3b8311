"""A page as of a notebook, for tests: the widget's real bundle, and a real widget at the other end of the wire."""

from __future__ import annotations

import base64
import queue
from typing import Any

from playwright.sync_api import Page

HOST = """
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Notebook</title>
<style>body{margin:0;padding:16px;font:14px sans-serif;background:#fff}
body[data-jp-theme-light=false]{background:#111;color:#eee}
main>div{margin-bottom:16px}</style></head>
<body data-jp-theme-light="true"><main><h1 style="font-size:16px;margin:0 0 12px">Notebook</h1></main></body></html>
"""

MODEL = """
(state) => {
  const hearing = new Map();
  const tell = (event, ...given) => [...(hearing.get(event) ?? [])].forEach((hear) => hear(...given));
  const changed = new Set();
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; changed.add(name); tell(`change:${name}`); },
    save_changes: () => {
      window.toKernel({ update: Object.fromEntries([...changed].map((name) => [name, state[name]])) });
      changed.clear();
    },
    send: (content) => { window.toKernel({ custom: JSON.parse(JSON.stringify(content)) }); },
    on: (event, hear) => hearing.set(event, [...(hearing.get(event) ?? []), hear]),
    off: (event, hear) => hearing.set(event, (hearing.get(event) ?? []).filter((one) => one !== hear)),
  };
  const take = (message) => {
    if (message.update) {
      for (const [name, value] of Object.entries(message.update)) { state[name] = value; tell(`change:${name}`); }
      return;
    }
    const bytes = Uint8Array.from(atob(message.buffer), (sign) => sign.charCodeAt(0));
    tell("msg:custom", message.custom, [new DataView(bytes.buffer)]);
  };
  const pull = async () => { for (const message of await window.fromKernel()) take(message); setTimeout(pull, 20); };
  pull();
  window.notebook = {
    tell,
    async show() {
      const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
      const { default: widget } = await import(url);
      const el = document.createElement("div");
      document.querySelector("main").append(el);
      const leave = await widget.render({ model, el });
      (window.leaves ??= []).push(() => { leave?.(); el.remove(); });
    },
  };
}
"""


class Wire:
    """Between a widget, whose messages may come from any thread, and its page."""

    def __init__(self, page: Page, widget: Any) -> None:
        self.page, self.widget = page, widget
        self.sent = 0
        self._queue: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        widget.send = self._send
        widget.observe(lambda change: self._queue.put({"update": {change["name"]: change["new"]}}), self.synced())
        page.expose_function("toKernel", self._hear)
        page.expose_function("fromKernel", self._pull)
        page.set_content(HOST)
        page.evaluate(MODEL, {name: getattr(widget, name) for name in self.synced()})

    @staticmethod
    def synced() -> list[str]:
        """The traits that the view uses."""
        return ["view", "height", "selected", "_esm"]

    def show(self) -> None:
        """Show the widget once more."""
        self.page.evaluate("window.notebook.show()")

    def leave(self) -> None:
        """Take the view away that was shown last."""
        self.page.evaluate("window.leaves.pop()()")

    def _send(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.sent += 1
        self._queue.put({"custom": content, "buffer": base64.b64encode(buffers[0]).decode()})

    def _hear(self, message: dict[str, Any]) -> None:
        if "custom" in message:
            self.widget._handle_custom_msg(message["custom"], [])
        else:
            self.widget.set_state(message["update"])

    def _pull(self) -> list[dict[str, Any]]:
        waiting = []
        while not self._queue.empty():
            waiting.append(self._queue.get())
        return waiting
