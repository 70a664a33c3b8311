"""J2: the page knows which reasons are no failure. It is told their texts only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gotask import AutoStop, Exit, Restart, RetryExhausted, StopByUser, TaskComplete
from gotask.errors import is_failure
from gotask.tracing import as_text

STATES = Path(__file__).resolve().parents[1] / "dashboard" / "web" / "src" / "states.ts"
LOST = OSError("lost")
REASONS = [
    TaskComplete(), AutoStop(), AutoStop([LOST]), AutoStop([LOST] * 12), Exit(), Restart(), StopByUser(),
    LOST, RetryExhausted("gave up"),
]  # fmt: skip


@pytest.mark.parametrize("reason", REASONS, ids=repr)
def test_the_page_calls_a_failure_what_is_one(reason: BaseException) -> None:
    """J2: a StopReason is no failure, also when a Job ends after its last child."""
    found = re.search(r"CALM = /(.*)/i;", STATES.read_text("utf-8"))
    assert found is not None
    text = as_text(reason)
    calm = not text or re.match(found[1], text, re.IGNORECASE) is not None
    assert calm is not is_failure(reason)
