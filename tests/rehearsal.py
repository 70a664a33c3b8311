"""What a stranger does on a fresh machine: clone, type the README's commands, install the built packages.

Run by `python3 do.py rehearse`, with the standard library only. It copies the working tree into an empty folder, with
an empty home and no caches, and looks at what a person would see. It says each command before it types it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGING = ("pyproject.toml", "constraints.txt", "do.py", "Makefile", "README.md", "tests/rehearsal.py")
"""What decides how the project is set up and installed."""
STAMP = ROOT / "tests" / "rehearsed.txt"
"""Holds the fingerprint of PACKAGING at the last rehearsal that went well."""
KEPT = ("PATH", "TERM", "SYSTEMROOT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PYENV_ROOT")
LONG, SHORT = 3_600.0, 180.0
INTERRUPTED = (0, 130, -signal.SIGINT)
"""How a command may end that was ended by Ctrl-C."""


@dataclass(frozen=True)
class Typed:
    """A command of the README, and what a person sees of it. One that goes on is ended as a person would: by Ctrl-C."""

    command: str
    sees: str
    goes_on: bool = False
    limit: float = LONG
    opens: str = ""
    """Of what it sees, the address that a browser must find."""


README = (
    Typed("make learn", r"[Ll]esson 1", goes_on=True, limit=SHORT),
    Typed("make test", r"\d+ passed"),
    Typed("make demo", r"(http://127\.0\.0\.1:\d+/)#token=", goes_on=True, limit=SHORT, opens="the dashboard"),
    Typed("make lab", r"(http://(?:127\.0\.0\.1|localhost):\d+/lab\S*)", goes_on=True, limit=LONG, opens="JupyterLab"),
    Typed("make lite", "build/lite"),
    Typed("make bench", r"\| W1"),
)
INSTALLED = {
    "": Typed("gotask demo --seconds 1", r"\d+ tasks disposed", limit=SHORT),
    "dashboard": Typed("gotask demo", README[2].sees, goes_on=True, limit=SHORT, opens="the dashboard"),
    "learn": Typed("gotask learn init course && cd course && gotask learn", README[0].sees, goes_on=True, limit=SHORT),
}
"""What one types who has installed gotask with this extra."""
OURS = {"bench", "dev", "docs", "lite", "test"}
"""Extras for this repository alone, which the doctor does not name."""


class Failure(Exception):
    """What a stranger would complain about."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--if-changed", action="store_true", help="only if the packaging changed since the last time")
    parser.add_argument("--only", choices=("readme", "packages"), help="one of the two parts")
    options = parser.parse_args()
    before = fingerprint()
    if options.if_changed and STAMP.exists() and STAMP.read_text("utf-8").strip() == before:
        print("the packaging is as it was at the last rehearsal")
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
            if options.only != "packages":
                readme(Path(folder))
            if options.only != "readme":
                packages(Path(folder))
    except Failure as failure:
        print(f"\nthe rehearsal failed: {failure}", file=sys.stderr)
        return 1
    if options.only is None:
        STAMP.write_text(before + "\n", "utf-8")
    return 0


def fingerprint() -> str:
    """A hash of all that decides how the project is set up and installed."""
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in PACKAGING)).hexdigest()


def environment(home: Path) -> dict[str, str]:
    """That of somebody who has just got this machine."""
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("PIP_")}
    return {**kept, "HOME": str(home), "USERPROFILE": str(home), "LANG": "C.UTF-8", "PIP_NO_CACHE_DIR": "1"}


# The README's commands


def readme(folder: Path) -> None:
    """Copy the tree, and type the commands in it."""
    clone = folder / "gotask"
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                           capture_output=True, check=True).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, names):
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    text = (clone / "README.md").read_text("utf-8")
    for typed in README:
        if f"`{typed.command}`" not in text and f"\n{typed.command}\n" not in text:
            raise Failure(f"the README does not say `{typed.command}`")
        if typed.command == "make test" and os.environ.get("CI") == "true":
            print("$ make test: .ci/run types it itself", flush=True)
            continue
        type_in(typed, clone, environment(folder / "home"))


def type_in(typed: Typed, folder: Path, env: dict[str, str]) -> None:
    """Type a command in a terminal, and look at what it shows."""
    print(f"$ {typed.command}", flush=True)
    began = time.monotonic()
    with terminal(typed.command, folder, env) as (process, master):
        seen, found = "", None
        while time.monotonic() - began < typed.limit and process.poll() is None and not found:
            seen += read(master)
            found = re.search(typed.sees, seen)
        if typed.goes_on and found:
            if typed.opens:
                look_at(found[1], until=time.monotonic() + 30)
            seen += end(process, master)
        while not typed.goes_on and process.poll() is None and time.monotonic() - began < typed.limit:
            seen += read(master)
        seen += read(master)
        if not re.search(typed.sees, seen):
            raise Failure(f"`{typed.command}` does not show {typed.sees!r}, but:\n{seen[-3000:]}")
        if process.poll() is None or process.returncode not in (INTERRUPTED if typed.goes_on else (0,)):
            raise Failure(f"`{typed.command}` ended with {process.poll()}:\n{seen[-3000:]}")
        if "Traceback" in seen:
            raise Failure(f"`{typed.command}` shows a traceback:\n{seen[-3000:]}")
    print(f"  {time.monotonic() - began:.0f} s", flush=True)


def look_at(address: str, until: float) -> None:
    """Open a page as a person does, who tries again: JupyterLab says its address a moment before it answers.

    Raises:
        Failure: It does not open.
    """
    while True:
        try:
            urllib.request.urlopen(address, timeout=30).close()
            return
        except OSError as error:
            if time.monotonic() > until:
                raise Failure(f"{address} does not open: {error}") from error
            time.sleep(0.5)


def end(process: subprocess.Popen[bytes], master: int) -> str:
    """Press Ctrl-C until it is over, as one does; return what it says meanwhile."""
    seen = ""
    for _ in range(3):
        os.write(master, b"\x03")
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until:
            seen += read(master)
        if process.poll() is not None:
            return seen
    return seen


@contextmanager
def terminal(command: str, folder: Path, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command in a terminal of its own; nothing of it is left afterwards."""
    master, slave = os.openpty()
    login = [sys.executable, "-c", "import os, sys; os.login_tty(0); os.execvp('sh', ['sh', '-c', sys.argv[1]])"]
    process = subprocess.Popen([*login, command], cwd=folder, env=env, stdin=slave, stdout=slave, stderr=slave,
                               start_new_session=True)  # fmt: skip
    os.close(slave)
    try:
        yield process, master
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(master)


def read(master: int) -> str:
    """What has come to the terminal, within half a second."""
    if not select.select([master], [], [], 0.5)[0]:
        return ""
    try:
        return os.read(master, 65_536).decode("utf-8", "replace")
    except OSError:  # how Linux tells that the other side is closed
        return ""


# The packages that others install


def packages(folder: Path) -> None:
    """Build wheel and sdist, and install them with each extra, on each Python there is."""
    env = environment(folder / "home")
    run([sys.executable, "-m", "venv", str(folder / "build")], folder, env)
    python = folder / "build" / "bin" / "python"
    run([str(python), "-m", "pip", "install", "-q", "build"], folder, env)
    run([str(python), "-m", "build", "--outdir", str(folder / "dist"), str(ROOT)], folder, env)
    [wheel], [sdist] = (list((folder / "dist").glob(kind)) for kind in ("*.whl", "*.tar.gz"))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for version in pythons():
        for source in (wheel, sdist):
            alone(installed(folder, version, str(source), env), folder, env)
        for extra in [*extras, ",".join(extras)]:
            works(installed(folder, version, f"{wheel}[{extra}]", env), extra, folder, env)


def pythons() -> list[str]:
    """The commands of the Pythons that count and are here."""
    sys.path.insert(0, str(ROOT))
    import do

    return [do.find_python(version) for version in do.every_python()]


def installed(folder: Path, python: str, what: str, env: dict[str, str]) -> str:
    """The Python of a new environment with this in it."""
    place = folder / "env"
    shutil.rmtree(place, ignore_errors=True)
    run([python, "-m", "venv", str(place)], folder, env)
    run([str(place / "bin" / "python"), "-m", "pip", "install", "-q", what], folder, env)
    return str(place / "bin" / "python")


def alone(python: str, folder: Path, env: dict[str, str]) -> None:
    """gotask alone brings anyio, what anyio needs, and nothing else; and it runs."""
    listed = run([python, "-m", "pip", "list", "--format=freeze"], folder, env)
    names = {line.partition("==")[0].lower() for line in listed.splitlines()} - {"pip", "setuptools", "wheel"}
    if not {"gotask", "anyio"} <= names <= {"gotask", "anyio", "idna", "sniffio", "typing_extensions"}:
        raise Failure(f"pip install gotask brings {', '.join(sorted(names))}")
    program = "import gotask\nasync def main(root):\n    print(await root.add_task(sum, [20, 22]))\ngotask.run(main)"
    if "42" not in run([python, "-c", program], folder, env):
        raise Failure("the smallest program does not run")
    typed_in("", python, env)


def works(python: str, extra: str, folder: Path, env: dict[str, str]) -> None:
    """With these extras nothing is missing, the doctor calls none of them absent, and they do what they are for."""
    run([python, "-m", "pip", "check"], folder, env)
    report = run([python, "-m", "gotask.cli", "doctor"], folder, {**env, "GOTASK_LANG": "en"})
    for one in extra.split(","):
        if one not in OURS and not re.search(rf"^ ✓ gotask\[{one}\] ", report, re.MULTILINE):
            raise Failure(f"the doctor does not find the extra {one}:\n{report}")
    typed_in(extra, python, env)


def typed_in(extra: str, python: str, env: dict[str, str]) -> None:
    """Type what the extra is for, in its environment."""
    if extra in INSTALLED:
        place = Path(python).parents[1]
        type_in(INSTALLED[extra], place, {**env, "PATH": os.pathsep.join((str(place / "bin"), env["PATH"]))})


def run(command: list[str], folder: Path, env: dict[str, str]) -> str:
    """Run a command, and return what it prints.

    Raises:
        Failure: It fails.
    """
    print("$", " ".join(command), flush=True)
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
