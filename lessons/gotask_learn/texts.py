"""What the course says, in the reader's language: English or Chinese, from one catalogue each."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from gotask.words import language


@cache
def catalogue(name: str, lang: str) -> dict[str, Any]:
    """All texts of one file, by key; tables within it are joined with dots."""
    source = files(__package__).joinpath(*f"{name}.{lang}.toml".split("/")).read_text("utf-8")
    return flat(tomllib.loads(source))


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return found


def text(name: str, key: str, /, **values: object) -> str:
    """One text of a catalogue, such as `text("texts/report", "undone", number=1)`."""
    return str(catalogue(name, language())[key]).strip().format(**values)


def say(key: str, /, **values: object) -> str:
    """One text of the course itself; those of a lesson are in its own catalogue."""
    return text("texts/report", key, **values)
