"""Runs a lesson's program in a process of its own, and returns its verdict."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gotask_learn.verdict import NONCE, PLACE, QUIET, Verdict, received

TIME_LIMIT = 20.0
"""Seconds after which a program is ended that has not ended itself."""
KEPT_OUTPUT = 64_000
"""Bytes of its output that are kept, from the end."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the verdict, if there was one to be believed, what was printed (its end), and the seconds it took."""

    verdict: Verdict | None
    output: str
    status: int | None
    seconds: float


def run_lesson(path: Path, *, lang: str | None = None, env: dict[str, str] | None = None, quiet: bool = False,
               started: Callable[[subprocess.Popen[bytes]], object] = id) -> Run:  # fmt: skip
    """Run the program at `path`, at most for TIME_LIMIT seconds.

    Args:
        lang: The language of its report, if not the reader's.
        env: More environment variables.
        quiet: Leave the report to the caller.
        started: Called with the process, so that it can be ended early.
    """
    nonce = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="gotask-learn-") as folder:
        place = os.path.join(folder, "verdict.json")
        with open(os.path.join(folder, "output"), "w+b") as output:
            settings = {**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {}), PLACE: place, NONCE: nonce}
            if lang is not None:
                settings["GOTASK_LANG"] = lang
            if quiet:
                settings[QUIET] = "1"
            began = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-B", str(path)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=settings,
            )  # fmt: skip
            started(process)
            status = waited(process)
            seconds = time.monotonic() - began
            size = output.seek(0, os.SEEK_END)
            output.seek(max(size - KEPT_OUTPUT, 0))
            text = output.read().decode("utf-8", "replace").replace("\r\n", "\n")
        return Run(received(place, nonce), text, status, seconds)


def waited(process: subprocess.Popen[bytes]) -> int | None:
    """Its exit status; None if it had to be ended."""
    try:
        return process.wait(TIME_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
    except BaseException:
        process.kill()
        process.wait()
        raise
