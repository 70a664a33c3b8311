"""Every async test runs three ways, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from gotask import RootManager
from gotask.testing import BACKENDS, EventRecorder, backend_options


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """The back end of one run of a test."""
    return backend_options(request.param)


@pytest.fixture
def root(gotask_root: RootManager[Any, Any]) -> RootManager[Any, Any]:
    """An open root."""
    return gotask_root


@pytest.fixture
def recorder(gotask_recorder: EventRecorder) -> EventRecorder:
    """A recorder of all that happens in `root`."""
    return gotask_recorder
