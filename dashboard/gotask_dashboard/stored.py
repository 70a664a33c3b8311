"""The history that lasts, asked in a worker thread: its database may be slow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import LOGGER, Problem

T = TypeVar("T")
P = ParamSpec("P")


async def ask(panel: Panel, question: Callable[Concatenate[Any, Panel, P], T], *values: P.args, **named: P.kwargs) -> T:
    """What a function of `history` answers.

    Raises:
        Problem: 503: there is none yet, or its database does not answer.
    """
    store = panel.store
    if store is None or store.session_id is None:
        raise Problem(503, panel.store_error or "the history is being opened: ask again in a moment", Retry_After="1")
    try:
        asked = partial(question, store.history, panel, *values, **named)
        return await run_sync(asked, abandon_on_cancel=True)
    except SQLAlchemyError as error:
        LOGGER.warning("the history does not answer: %s", error)
        raise Problem(503, "the database of the history does not answer: ask again later", Retry_After="5") from None
