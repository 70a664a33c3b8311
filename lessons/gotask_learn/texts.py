"""What the course says, in the reader's language: English or Chinese, from one catalogue each."""

from __future__ import annotations

from typing import Any

from gotask import words


def catalogue(name: str, lang: str) -> dict[str, Any]:
    """All texts of one file of the course, by key; tables within it are joined with dots."""
    return words.catalogue(__package__, name, lang)


def text(name: str, key: str, /, **values: object) -> str:
    """One text of a catalogue, such as `text("texts/report", "undone", number=1)`."""
    return str(catalogue(name, words.language())[key]).strip().format(**values)


def say(key: str, /, **values: object) -> str:
    """One text of the course itself; those of a lesson are in its own catalogue."""
    return text("texts/report", key, **values)
