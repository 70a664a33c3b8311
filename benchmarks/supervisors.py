"""The workloads with aiotools: its Supervisor in the place of asyncio's TaskGroup."""

from __future__ import annotations

import aiotools

from benchmarks.taskgroups import Groups


class Aiotools(Groups):
    """As with asyncio; it has no queue of its own."""

    group = aiotools.Supervisor
