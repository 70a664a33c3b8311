"""A turn in a process of its own: for what takes much memory, or may not end; and for the price of an import."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestants import find

HERE = Path(__file__).resolve().parent.parent


def take_alone(contestant: str, method: str, size: int) -> tuple[float, float]:
    """The cost of one turn, and the most memory that its process held, in MB.

    Raises:
        RuntimeError: It did not come to an end, or not to a good one.
    """
    answer = json.loads(ask("-m", "benchmarks.alone", contestant, method, str(size), patience=30 + size / 2_000))
    if "failed" in answer:
        raise RuntimeError(answer["failed"])
    return answer["cost"], answer["peak"]


def import_time(module: str) -> float:
    """The CPU time of an import in a fresh process, in ms; compiling is not part of it."""
    program = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    return float(ask("-c", program)) * 1e3


@cache
def _environment() -> dict[str, str]:
    """One in which all modules are compiled once and then read."""
    folder = TemporaryDirectory(prefix="benchmarks-")
    atexit.register(folder.cleanup)
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder.name}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-c", "import gotask"], cwd=HERE, env=environment, check=True)
    return environment


def ask(*arguments: str, patience: float = 30) -> str:
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(command, cwd=HERE, env=_environment(), capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError("it did not end") from error
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    return done.stdout.strip().rpartition("\n")[2]


def peak_memory() -> float:
    """The most memory that this process ever held, in MB; 0 where nobody can tell."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the process that made this one held
        kilobytes = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(kilobytes[0]) * 1024 / 1e6 if kilobytes else 0.0
    try:
        import resource
    except ImportError:
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(contestant: str, method: str, size: str) -> None:
    """What `take_alone` has done in the other process."""
    try:
        answer: dict[str, object] = {"cost": find(contestant).take(method, int(size))}
        answer["peak"] = peak_memory()
    except Exception as error:
        answer = {"failed": f"{type(error).__name__}: {error}"}
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
