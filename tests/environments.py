"""Environments of their own that some tests need, made once, by one worker of the tests at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import do


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Nobody else is in here under this name: what changes the repository's own folders is done by one at a time."""
    if os.name == "nt":
        yield
        return
    import fcntl

    key = sha256(f"{do.ROOT} {name}".encode()).hexdigest()[:16]
    with open(Path(tempfile.gettempdir(), f"gotask-{key}.lock"), "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def prepared(name: str) -> str:
    """The Python of the environment that do.py calls by this name, which is that of its extra, too."""
    with alone(name):
        return do.set_up((name,), name=name)
