"""What the commands say, in the reader's language: English or Chinese, from one catalogue each; and how wide it is."""

from __future__ import annotations

import locale
import os
import re
import sys
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any
from unicodedata import east_asian_width

LANGUAGES = ("en", "zh")


def language() -> str:
    """As GOTASK_LANG or the locale says; English where the terminal cannot show Chinese."""
    settings = [os.environ.get(name) for name in ("GOTASK_LANG", "LC_ALL", "LC_MESSAGES", "LANG")]
    chosen = next((value for value in settings if value), None) or locale.getlocale()[0] or ""
    return "zh" if chosen.lower().startswith(("zh", "chinese")) and can_show("中文") else "en"


def can_show(text: str) -> bool:
    """Whether standard output can encode it."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


# The texts


@cache
def catalogue(package: str, name: str, lang: str) -> dict[str, Any]:
    """All texts of one file in a package, by key; tables within it are joined with dots."""
    source = files(package).joinpath(*f"{name}.{lang}.toml".split("/")).read_text("utf-8")
    return flat(tomllib.loads(source))


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return found


def say(key: str, /, **values: object) -> str:
    """One text of the command `gotask`."""
    return str(catalogue("gotask", "words", language())[key]).format(**values)


# On the screen, where a Chinese character takes two columns


def width(text: str) -> int:
    """How many columns of a terminal it takes."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def cut(text: str, columns: int) -> str:
    """The text in so many columns, cut or filled up."""
    while width(text) > columns:
        text = text[:-1]
    return text + " " * (columns - width(text))


def folded(text: str, columns: int) -> list[str]:
    """The text in lines of so many columns, broken between words, or between Chinese characters."""
    lines = [""]
    for part in re.findall(r"\n|[^\s\u2e80-\uffff]+[^\S\n]?|[\u2e80-\uffff][^\S\n]?|\s", text):
        if part == "\n":
            lines.append("")
        elif not lines[-1] or width(lines[-1] + part.rstrip()) <= columns or part in "，。；：、）":
            lines[-1] += part
        else:
            lines.append(part)
    return [line.rstrip() for line in lines]
