"""The answers of the server's paths, for a host that has no server: a notebook."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gotask_dashboard import commands, history, tasks
from gotask_dashboard.asked import LIVES, PAGE, TASKS, Asked, check_filter
from gotask_dashboard.filters import chosen, rows_of, sorted_by
from gotask_dashboard.lately import GROUPS
from gotask_dashboard.panel import Panel
from gotask_dashboard.problems import Problem


def list_tasks(asked: Asked) -> Any:
    """Tasks in the order of the tree, or by `sort`."""
    choice = chosen(
        asked.texts("state"), asked.texts("type"), asked.text("owner"), asked.text("q"), asked.number("parent")
    )
    return tasks.page(asked.panel, sorted_by(rows_of(asked.panel, choice), asked.text("sort")), *asked.page())


def show_tree(asked: Asked) -> Any:
    """A task, with those below it."""
    depth = asked.number("depth", 50)
    return tasks.tree(asked.panel, asked.number("root"), 20 if depth is None else depth)


def show_task(asked: Asked) -> Any:
    """Everything about one task; of one that is forgotten, what the history knows."""
    found = tasks.known(asked.panel, asked.task_id)
    if found is not None:
        return tasks.detail(asked.panel, *found)
    return tasks.forgotten(asked.panel, asked.task_id, last_life(asked))


def last_life(asked: Asked) -> dict[str, Any] | None:
    """What the history knows of a task that is forgotten."""
    return history.last_life(asked.panel.store.history, asked.panel, asked.task_id)


def count_lives(asked: Asked) -> Any:
    """Numbers of lives, by what they have in common."""
    by = asked.text("by") or "owner_type"
    if by not in GROUPS:
        raise Problem(422, f"by: one of {', '.join(GROUPS)}, not {by!r}")
    return history.statistics(asked.panel.store.history, asked.panel, by, asked.lives())


def show_process(asked: Asked) -> Any:
    """What the process takes, where that can be measured."""
    try:
        return meter().read(asked.panel)
    except ModuleNotFoundError:
        raise Problem(501, "what the process takes cannot be measured here: the package psutil is missing") from None


@cache
def meter() -> Any:
    """One for all: it measures between two looks."""
    from gotask_dashboard.process import Meter

    return Meter()


def command(asked: Asked, verb: commands.Verb) -> Any:
    """Stop, restart or start one task."""
    done = commands.command(asked.panel, verb, asked.task_id, asked.reason(), asked.who)
    if done is None:
        raise commands.too_late(asked.task_id, last_life(asked))
    return done


def stop_many(asked: Asked) -> Any:
    """Stop all tasks that fit, or only say which these are."""
    known = ("filter", "reason", "dryRun")
    said, dry_run = asked.said(known), asked.said(known).get("dryRun", False)
    meant = asked._replace(body=said.get("filter")).said(TASKS)
    if "filter" not in said or not isinstance(dry_run, bool):
        raise Problem(422, "filter says which tasks are meant, and dryRun is true or false")
    check_filter(meant)
    return commands.stop_many(asked.panel, chosen(**meant), asked.reason(known), dry_run, asked.who)


def lives_of_task(asked: Asked) -> Any:
    """A page of the lives of one task."""
    return tasks.lives(asked.panel.store.history, asked.panel, asked.task_id, asked.lives(), *asked.page())


def list_sessions(asked: Asked) -> Any:
    """This run."""
    return history.sessions(asked.panel.store.history, asked.panel, *asked.page())


def of_history(function: Callable[..., Any], asked: Asked) -> Any:
    """A page of lives."""
    return function(asked.panel.store.history, asked.panel, asked.lives(), *asked.page())


ONE = "/api/tasks/([^/]+)"
PATHS: list[tuple[str, str, Callable[[Asked], Any], Sequence[str]]] = [
    ("GET", "/api/tasks()", list_tasks, (*TASKS, *PAGE, "sort")),
    ("GET", "/api/tasks/tree()", show_tree, ("root", "depth")),
    ("GET", "/api/tasks/stats()", lambda asked: tasks.stats(asked.panel), ()),
    ("POST", "/api/tasks/stop()", stop_many, ()),
    ("GET", ONE, show_task, ()),
    ("GET", f"{ONE}/history", lives_of_task, (*LIVES, *PAGE)),
    *(("POST", f"{ONE}/{verb}", partial(command, verb=verb), ()) for verb in ("stop", "restart", "start")),
    ("GET", "/api/session()", lambda asked: asked.panel.session(), ()),
    ("GET", "/api/sessions()", list_sessions, PAGE),
    ("GET", "/api/history()", partial(of_history, history.lives), (*LIVES, *PAGE)),
    ("GET", "/api/history/stats()", count_lives, (*LIVES, "by")),
    ("GET", "/api/process()", show_process, ()),
]  # fmt: skip
"""Method, path, what answers, and the parameters that it takes."""


def answer(panel: Panel, method: str, address: str, body: Any, who: str) -> tuple[int, Any]:
    """Status and content.

    Raises:
        Problem: As the server would answer with.
    """
    parts = urlsplit(address)
    found = [(re.fullmatch(pattern, parts.path), kind, act, known) for kind, pattern, act, known in PATHS]
    fitting = [one for one in found if one[0]]
    if not fitting:
        raise Problem(404, f"there is nothing at {parts.path}")
    if panel.options.read_only and method != "GET":
        raise Problem(403, "this widget is read-only: it was made with read_only=True")
    for matched, kind, act, known in fitting:
        if kind == method and matched is not None:
            query = parse_qs(parts.query, keep_blank_values=True)
            unknown = next((name for name in query if name not in known), None)
            if unknown is not None:
                raise Problem(422, f"there is no parameter {unknown!r} here: there is {', '.join(known) or 'none'}")
            content = act(Asked(panel, matched[1], query, body, who))
            return 202 if content.get("accepted") else 200, content
    raise Problem(405, f"{method} is not for this address")
