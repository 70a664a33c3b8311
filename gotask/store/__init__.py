"""gotask.store: a history that outlives the program, in SQLite or PostgreSQL (extra `store`).

root.add_task(HistoryStore())          # in the program: that is all

with open_history("camera.db") as history:      # in any script, also while the program runs
    history.lives(owner_type="Camera", failed=True, limit=20)
"""

try:
    import psutil as _psutil  # noqa: F401
    import sqlalchemy as _sqlalchemy  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"gotask.store needs the package {error.name}: pip install 'gotask[store]'", name=error.name
    ) from None

from gotask.store.history_store import HistoryStore
from gotask.store.queries import Failures, Statistics, StoredHistory, open_history
from gotask.store.rows import StoredLife
from gotask.store.schema import SchemaError
from gotask.store.sessions import Session

__all__ = [
    "Failures", "HistoryStore", "SchemaError", "Session", "Statistics", "StoredHistory", "StoredLife", "open_history",
]  # fmt: skip
