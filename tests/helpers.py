"""Tasks that many of the tests need."""

from __future__ import annotations

import anyio

from gotask import Task


class Forever(Task):
    """Goes on until it is stopped; notes that it was disposed, which takes `closing` seconds."""

    closing = 0.0
    cleaned = False

    async def go(self) -> None:
        await anyio.sleep_forever()

    async def dispose(self) -> None:
        await anyio.sleep(self.closing)
        self.cleaned = True
