"""How tasks look on the wire: camelCase, instants as ISO 8601 in UTC."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gotask import LifeRecord, Step, TaskRow, TaskType
from gotask_dashboard.options import Redact

LOOPS = {TaskType.JOB, TaskType.WORK}

FIELDS = (
    "id", "parentId", "key", "ownerType", "type", "typeName", "level", "state", "stateName", "startReason", "addedAt",
    "startTime", "askedAt", "retryAt", "life", "retryCount", "maxRetry", "stopReason", "blockedBy", "children",
    "descriptions", "step", "pointer", "eventLoopRunning", "failed",
)  # fmt: skip
"""What is said of a task, in this order."""


def instant(seconds: float | None) -> str | None:
    """ISO 8601 with milliseconds and zone."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def values_of(
    row: TaskRow, pointer: int | None, shown: Mapping[str, str], failed: bool | None = None
) -> tuple[Any, ...]:
    """What is said of a task, in the order of FIELDS."""
    return (
        row.id, row.parent_id, row.key, row.owner_type, int(row.task_type), row.task_type.name, row.level,
        int(row.state), row.state.name, row.start_reason, instant(row.added_at), instant(row.started_at),
        instant(row.asked_at), instant(row.retry_at), row.life, row.retries, row.max_retry, row.stop_reason,
        row.held_by, row.children, dict(shown), row.step, pointer,
        row.task_type in LOOPS and row.children > 0, failed,
    )  # fmt: skip


def dict_of(values: Iterable[Any]) -> dict[str, Any]:
    """The same by name."""
    return dict(zip(FIELDS, values, strict=True))


def life_of(record: LifeRecord, session: int | None, shown: Mapping[str, str]) -> dict[str, Any]:
    """A life that is over."""
    timings = record.timings
    return {
        "id": record.id, "parentId": record.parent_id, "key": record.key, "ownerType": record.owner_type,
        "type": int(record.task_type), "typeName": record.task_type.name, "level": record.level,
        "life": record.life, "state": int(record.state), "stateName": record.state.name,
        "startReason": record.start_reason, "startTime": instant(record.started_at),
        "endTime": instant(record.ended_at), "duration": record.duration, "stopReason": record.reason,
        "reasonType": record.reason_type, "failed": record.failed, "final": record.final,
        "retryCount": record.retries, "descriptions": dict(shown), "steps": [step_of(step) for step in record.steps],
        "disposeErrors": list(record.dispose_errors), "abandoned": record.abandoned, "sessionId": session,
        "timings": {name: getattr(timings, name) for name in ("queued", "start", "body", "dispose", "total")},
    }  # fmt: skip


def step_of(step: Step) -> dict[str, Any]:
    """A step: `at` is seconds after the life began."""
    return {"name": step.name, "detail": step.detail, "at": step.at}


def redactor(redact: Redact | None, complain: Callable[[], object]) -> Callable[[Mapping[str, str]], Mapping[str, str]]:
    """A function that gives of some descriptions what may be shown. Where `redact` raises, nothing is."""
    if redact is None:
        return lambda descriptions: descriptions
    hook = redact

    def show(descriptions: Mapping[str, str]) -> Mapping[str, str]:
        try:
            shown = {name: hook(name, text) for name, text in descriptions.items()}
        except Exception:
            complain()
            return dict.fromkeys(descriptions, "…")
        return {name: str(text) for name, text in shown.items() if text is not None}

    return show


def encodable(text: str) -> str:
    """A text for what is no JSON: of what is no Unicode, the number."""
    return text.encode("utf-8", "backslashreplace").decode()


def compact(value: Any) -> str:
    """JSON without blanks, in ASCII: text that is no Unicode goes through, too."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
