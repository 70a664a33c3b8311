"""What the course says, in the reader's language: English or Chinese, from one catalogue each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from gotask import words

REPOSITORY = Path(__file__).resolve().parents[2]


def catalogue(name: str, lang: str) -> dict[str, Any]:
    """All texts of one file of the course, by key; tables within it are joined with dots."""
    return words.catalogue(__package__, name, lang)


def text(name: str, key: str, /, **values: object) -> str:
    """One text of a catalogue, such as `text("texts/report", "undone", number=1)`."""
    found = str(catalogue(name, words.language())[key]).strip()
    if "{learn}" in found:  # few do, and the screen asks for many at each change
        values["learn"] = typed()
    return found.format(**values)


def typed() -> str:
    """How the learner types the runner's command: the environment that do.py makes is not on the PATH."""
    installed = shutil.which("gotask") or Path.cwd() != REPOSITORY or not (REPOSITORY / "do.py").exists()
    return "gotask learn" if installed else "python3 do.py learn"


def say(key: str, /, **values: object) -> str:
    """One text of the course itself; those of a lesson are in its own catalogue."""
    return text("texts/report", key, **values)
