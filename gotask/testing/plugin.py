"""The pytest plugin: fixtures for async tests that run under anyio's plugin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gotask import RootManager
    from gotask.testing import EventRecorder


@pytest.fixture
async def gotask_root() -> AsyncIterator[RootManager[Any, Any]]:
    """An open root in the event loop of the test; shut down after it, when nothing may be left hanging."""
    from gotask import RootManager

    root: RootManager[Any, Any] = RootManager()
    await root.init()
    yield root
    report = await root.shutdown()
    assert not report.unstopped, str(report)


@pytest.fixture
async def gotask_recorder(gotask_root: RootManager[Any, Any]) -> EventRecorder:
    """A recorder of all that happens in `gotask_root`."""
    from gotask.testing import EventRecorder

    recorder = EventRecorder()
    gotask_root.observe(recorder)
    return recorder
