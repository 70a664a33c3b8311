"""The only place that names asyncio or trio: spawning, cancelling, timers, waiters, waking from threads (M8)."""

from __future__ import annotations

import sys

from gotask.backend.driving import Backend, Drive, Handle, Outcome, awaited

__all__ = ["Backend", "Drive", "Handle", "Outcome", "awaited", "current_backend"]


def current_backend() -> Backend:
    """The adapter to the event loop that is running here.

    Raises:
        RuntimeError: There is none.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        from gotask.backend.trio_backend import TrioBackend

        return TrioBackend()
    from gotask.backend.asyncio_backend import AsyncioBackend

    return AsyncioBackend()
