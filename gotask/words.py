"""Which language a reader has, for what the commands say: English or Chinese."""

from __future__ import annotations

import locale
import os
import sys

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
