"""What a dashboard may be told: checked in the caller, at once."""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from typing import Any

Redact = Callable[[str, str], str | None]
"""Takes name and text of a description; returns what may be shown of it, or None to leave it out."""


class Own(Enum):
    """Stands for a place that need not be named."""

    FILE = "the file of this program"


OWN_FILE = Own.FILE
Place = str | os.PathLike[str] | Own | None
"""Where the history is kept: a file, a URL, the file of this program in the user's state directory, or memory."""

NEEDED = ("fastapi", "uvicorn", "psutil", "prometheus_client", "sqlalchemy")
MOST_STREAMS = 100
"""Pages that may be open at a time."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a dashboard is to behave. `token` is "" where none is asked for; `own_token`: nobody has given it."""

    host: str
    token: str
    own_token: bool
    read_only: bool
    redact: Redact | None
    allowed_hosts: frozenset[str]
    keep_stopped: int
    max_streams: int = MOST_STREAMS


def check(
    host: str, token: str | bool | None, read_only: bool, redact: Redact | None, allowed_hosts: Iterable[str],
    keep_stopped: int,
) -> Options:  # fmt: skip
    """The options, or an error that says what to change.

    Raises:
        ModuleNotFoundError: The extra is not installed.
        ValueError: One of them cannot be.
        TypeError: One of them is of the wrong type.
    """
    missing = next((name for name in NEEDED if find_spec(name) is None), None)
    if missing is not None:
        raise ModuleNotFoundError(
            f"gotask_dashboard needs the package {missing}: pip install 'gotask[dashboard]'", name=missing
        )
    if not isinstance(host, str):
        raise TypeError(f"host is the name or the address where to listen, not {host!r}")
    if token is True or token == "" or not isinstance(token, str | bool | None):
        raise ValueError(f"token is a text, None for one that is made, or False for none, not {token!r}")
    if isinstance(token, str) and not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("token may hold letters, digits and signs of ASCII only, and no blanks")
    if not token and not is_loopback(host):
        raise ValueError(
            f"others can reach the dashboard at {host!r}, so it needs a token that you know: token=… "
            "(or host='127.0.0.1', for this machine only)"
        )
    check_redact(redact)
    if isinstance(allowed_hosts, str):
        raise TypeError(f"allowed_hosts is a list of names, not one text: ({allowed_hosts!r},)")
    if not isinstance(allowed_hosts, Iterable):
        raise TypeError(f"allowed_hosts is a list of names, not {allowed_hosts!r}")
    if not isinstance(keep_stopped, int) or keep_stopped < 0:
        raise ValueError(f"keep_stopped is a number of tasks, 0 or more, not {keep_stopped!r}")
    names = {"localhost", host, *allowed_hosts}
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"allowed_hosts is a list of names, not {allowed_hosts!r}")
    made = secrets.token_urlsafe(24) if token is None else token or ""
    return Options(
        host, made, token is None, bool(read_only), redact, frozenset(name.lower() for name in names), keep_stopped
    )


def check_redact(redact: Any) -> None:
    """Refuse what cannot be asked.

    Raises:
        TypeError: It is no function.
    """
    if redact is not None and not callable(redact):
        raise TypeError(f"redact is a function of name and text, or None, not {redact!r}")


def check_port(port: Any) -> None:
    """Refuse what is no port.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65_535:
        raise ValueError(f"port is a number from 1 to 65535, or 0 for any that is free, not {port!r}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server there."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def history_store(where: Place) -> Any:
    """The task that writes the history. It needs SQLAlchemy, which takes a while to be loaded.

    Raises:
        ValueError, FileNotFoundError: There can be no history at this place.
    """
    from gotask.store import HistoryStore

    return HistoryStore() if isinstance(where, Own) else HistoryStore(where)
