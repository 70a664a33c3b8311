"""Asked: a request without a server, its parts checked as those of the server's are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gotask_dashboard.filters import BIGGEST, LONGEST, MOST_WORDS, lives_chosen
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import Problem

TASKS = ("state", "type", "owner", "q", "parent")
LIVES = ("ownerType", "taskType", "sessionId", "parentId", "startTime", "endTime", "id", "state", "reason", "failed")
PAGE = ("limit", "offset")
"""The names of parameters that belong together."""


class Asked(NamedTuple):
    """What a view asks for: the parts of its request are checked when they are taken."""

    panel: Panel
    task: str
    query: Mapping[str, Sequence[str]]
    body: Any
    who: str

    @property
    def task_id(self) -> int:
        """The id in its path."""
        return number("task_id", self.task, BIGGEST)

    def text(self, name: str) -> str | None:
        """A parameter; given several times, the last one."""
        found = self.query.get(name)
        if found and len(found[-1]) > LONGEST:
            raise Problem(422, f"{name}: {LONGEST} characters at most")
        return found[-1] if found else None

    def texts(self, name: str) -> Sequence[str] | None:
        """A parameter that may be given several times."""
        found = self.query.get(name)
        if found and len(found) > MOST_WORDS:
            raise Problem(422, f"{name}: {MOST_WORDS} times at most")
        return found

    def number(self, name: str, most: int = BIGGEST) -> int | None:
        """A parameter that is a whole number."""
        text = self.text(name)
        return None if text is None else number(name, text, most)

    def page(self) -> tuple[int, int]:
        """Limit and offset."""
        limit, offset = self.number("limit", 1_000), self.number("offset")
        return 100 if limit is None else limit, offset or 0

    def lives(self) -> dict[str, Any]:
        """The filters of lives."""
        given = {name: self.text(name) for name in LIVES if name not in ("sessionId", "parentId", "id", "failed")}
        numbers = {name: self.number(name) for name in ("sessionId", "parentId", "id")}
        return lives_chosen(**given, **numbers, failed=flag("failed", self.text("failed")))  # type: ignore[arg-type]

    def said(self, known: Sequence[str]) -> Mapping[str, Any]:
        """The body, which may hold these fields."""
        body = {} if self.body is None else self.body
        if not isinstance(body, Mapping):
            raise Problem(422, "the body is an object")
        unknown = next((name for name in body if name not in known), None)
        if unknown is not None:
            raise Problem(422, f"{unknown}: there is {', '.join(known)}")
        return body

    def reason(self, known: Sequence[str] = ("reason",)) -> str | None:
        """The reason in the body."""
        reason = self.said(known).get("reason")
        if reason is not None and not (isinstance(reason, str) and len(reason) <= LONGEST):
            raise Problem(422, f"reason: a text of {LONGEST} characters at most")
        return reason


def check_filter(meant: Mapping[str, Any]) -> None:
    """Refuse a filter of tasks that is none.

    Raises:
        Problem: 422.
    """
    parent = meant.get("parent")
    if not isinstance(parent, int | None) or isinstance(parent, bool):
        raise Problem(422, f"filter.parent: the id of a task, not {parent!r}")
    for name in ("owner", "q"):
        if not isinstance(meant.get(name), str | None):
            raise Problem(422, f"filter.{name}: a text, not {meant[name]!r}")
    for name in ("state", "type"):
        given = meant.get(name)
        if not all(isinstance(one, str | int) for one in (given if isinstance(given, list) else [given or ""])):
            raise Problem(422, f"filter.{name}: a word or a number, or a list of them, not {given!r}")


def number(name: str, text: str, most: int) -> int:
    """A whole number.

    Raises:
        Problem: 422: it is none.
    """
    if not re.fullmatch("[0-9]{1,16}", text) or int(text) > most:
        raise Problem(422, f"{name}: a whole number from 0 to {most}, not {text!r}")
    return int(text)


def flag(name: str, text: str | None) -> bool | None:
    """Yes or no."""
    words = {"true": True, "1": True, "false": False, "0": False}
    if text is not None and text.lower() not in words:
        raise Problem(422, f"{name}: true or false, not {text!r}")
    return None if text is None else words[text.lower()]
