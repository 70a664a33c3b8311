"""Lives as a table of pandas (extra `notebook`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gotask.records import LifeRecord

try:
    import pandas
except ImportError as missing:
    raise ImportError("a table of lives needs pandas: pip install 'gotask[notebook]'") from missing

TYPES: dict[str, Any] = {
    "id": "int64", "parent_id": "Int64", "key": "str", "owner_type": "category", "task_type": "category",
    "level": "int64", "life": "int64", "started_at": "int64", "ended_at": "int64", "queued": "float64",
    "start": "float64", "body": "float64", "dispose": "float64", "duration": "float64", "reason": "str",
    "reason_type": "category", "failed": "bool", "final": "bool", "state": "category", "start_reason": "category",
    "retries": "int64", "descriptions": "object", "steps": "object", "dispose_errors": "object", "abandoned": "bool",
}  # fmt: skip
"""The columns in their order, and their types; the two instants become UTC times afterwards."""


def to_frame(records: Iterable[LifeRecord]) -> pandas.DataFrame:
    """One row for each life, with the fields of LifeRecord as columns.

    `started_at` and `ended_at` are UTC times to the microsecond. The phases `queued`, `start`, `body`, `dispose` and
    their sum `duration` are seconds, as numbers, so that they can be added up and drawn as they are. Types and
    reasons are categories. `descriptions`, `steps` and `dispose_errors` are Python objects.
    """
    rows = [row_of(record) for record in records]
    columns = {name: pandas.Series([row[name] for row in rows], dtype=kind) for name, kind in TYPES.items()}
    frame = pandas.DataFrame(columns)
    for name in ("started_at", "ended_at"):
        frame[name] = pandas.to_datetime(frame[name], unit="us", utc=True).dt.as_unit("us")
    return frame


def row_of(record: LifeRecord) -> dict[str, Any]:
    """The values of one row, by column."""
    row = record.as_dict()
    timings = row.pop("timings")
    return row | {
        "task_type": record.task_type.name,
        "state": record.state.name,
        "started_at": round(record.started_at * 1e6),
        "ended_at": round(record.ended_at * 1e6),
        "queued": timings.queued,
        "start": timings.start,
        "body": timings.body,
        "dispose": timings.dispose,
        "descriptions": dict(record.descriptions),
    }
