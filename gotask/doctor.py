"""`gotask doctor`: what gotask finds on this machine, what is wrong with it, and the remedy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import signal
import socket
import sys
import threading
import webbrowser
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec

import anyio

import gotask
from gotask.arguments import Parser
from gotask.demo import PORT
from gotask.running import BACKENDS
from gotask.words import can_show, cut, folded, say, width

NOT_FOR_USERS = {"bench", "dev", "docs", "lite", "test"}


class Verdict(StrEnum):
    """How it is: as it should be, absent but not needed by everybody, or in need of a remedy."""

    OK = "ok"
    ABSENT = "absent"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: of what, how it is, in a few words, and the remedy."""

    subject: str
    verdict: Verdict
    detail: str = ""
    remedy: str = ""


def add_options(command: Parser) -> None:
    """There are none but `--help`."""
    command.set_defaults(play=play)


def play(options: Namespace) -> int:
    """Print the report; 1 if something is wrong."""
    findings = list(examine())
    print(f"gotask {gotask.__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}\n")
    left = max(width(finding.subject) for finding in findings)
    for finding in findings:
        first, *others = lines(finding, shutil.get_terminal_size().columns - left - 6)
        print(f" {mark(finding.verdict)} {cut(finding.subject, left)}  {first}")
        for line in others:
            print(f"   {'':{left}}  {line}")
    wrong = sum(finding.verdict is Verdict.WRONG for finding in findings)
    print("\n" + (say("doctor.bad", count=wrong) if wrong else say("doctor.fine")))
    return min(wrong, 1)


def mark(verdict: Verdict) -> str:
    """A sign for it that the terminal can show."""
    sign, plain = {"ok": ("✓", "+"), "absent": ("·", "-"), "wrong": ("✗", "!")}[verdict]
    return sign if can_show(sign) else plain


def lines(finding: Finding, columns: int) -> list[str]:
    """What is said of it, and the remedy as one line, so that it can be copied."""
    verdict = say(f"doctor.{finding.verdict}")
    if finding.verdict is Verdict.OK:
        return folded(finding.detail or verdict, columns)
    said = say("doctor.said", verdict=verdict, detail=finding.detail) if finding.detail else verdict
    return [*folded(said, columns), finding.remedy]


def examine() -> Iterator[Finding]:
    """All there is to find. A check that itself fails is a finding."""
    for check in CHECKS:
        try:
            yield from check()
        except Exception as error:
            report = f"{type(error).__name__}: {error}"
            yield Finding(check.__name__.replace("_", " "), Verdict.WRONG, report, say("doctor.remedy.report"))


# Packages


def requirements() -> dict[str, list[tuple[str, str]]]:
    """Of each extra, the packages it asks for here, with their least version; "": what all need."""
    found: dict[str, list[tuple[str, str]]] = {"": []}
    for line in importlib.metadata.requires("gotask") or ():
        wanted, _, marker = line.partition(";")
        if "win32" in marker and sys.platform == "win32":
            continue
        extra = re.search(r"extra == ['\"]([\w-]+)", marker)
        parts = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?(?:.*>=([\d.]+))?", wanted)
        assert parts is not None
        listed = found.setdefault(extra[1] if extra else "", [])
        if parts[1] == "gotask":
            for other in parts[2].split(","):
                listed.append((f"[{other}]", ""))
        else:
            listed.append((parts[1], parts[3] or "0"))
    return found


def packages() -> Iterator[Finding]:
    """What is installed of each extra."""
    wanted = requirements()
    for extra in sorted(wanted.keys() - NOT_FOR_USERS):
        absent, old, there = [], [], []
        for name, least in flat(wanted, extra):
            version = version_of(name)
            if version is None:
                absent.append(name)
            elif numbers(version) < numbers(least):
                old.append(f"{name} {version} < {least}")
            else:
                there.append(f"{name} {version}")
        subject = f"gotask[{extra}]" if extra else "gotask"
        command = f"pip install --upgrade '{subject}'"
        if old or (absent and not extra):
            remedy = say("doctor.remedy.broken", command=command)
            yield Finding(subject, Verdict.WRONG, ", ".join(old + absent), remedy)
        elif absent:
            remedy = say("doctor.remedy.wanted", command=command)
            yield Finding(subject, Verdict.ABSENT, ", ".join(absent), remedy)
        else:
            yield Finding(subject, Verdict.OK, ", ".join(there))


def flat(wanted: dict[str, list[tuple[str, str]]], extra: str) -> list[tuple[str, str]]:
    """The packages of an extra, with those of the extras it holds."""
    found = dict.fromkeys(
        pair
        for name, least in wanted.get(extra, ())
        for pair in (flat(wanted, name[1:-1]) if name.startswith("[") else [(name, least)])
    )
    return list(found)


def version_of(package: str) -> str | None:
    """The version that is installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


# What it runs on


def back_ends() -> Iterator[Finding]:
    """A small tree on each back end that there is."""
    for key, (backend, options) in BACKENDS.items():
        name, package = key.replace("+", " + "), key.rpartition("+")[2]
        if find_spec(package) is None:
            remedy = say("doctor.remedy.wanted", command=f"pip install 'gotask[{package}]'")
            yield Finding(name, Verdict.ABSENT, "", remedy)
            continue
        order = anyio.run(small_tree, backend=backend, backend_options=options)
        verdict = Verdict.OK if order == ["start", "go", "dispose"] else Verdict.WRONG
        detail = f"start, go, dispose: {', '.join(order)}" if verdict is Verdict.WRONG else ""
        yield Finding(name, verdict, detail, say("doctor.remedy.report"))


async def small_tree() -> list[str]:
    """The hooks of one task, in the order in which they were called."""
    order: list[str] = []

    class Probe(gotask.Task[None]):
        def start(self) -> None:
            order.append("start")

        async def go(self) -> None:
            order.append("go")

        def dispose(self) -> None:
            order.append("dispose")

    async with gotask.RootManager() as root:
        await root.add_task(Probe()).wait_stopped()
    return order


def signals() -> Iterator[Finding]:
    """Whether Ctrl-C and SIGTERM shut a tree down."""
    if threading.current_thread() is not threading.main_thread() or sys.platform == "emscripten":
        yield Finding(say("doctor.subject.signals"), Verdict.ABSENT, "", say("doctor.remedy.main_thread"))
        return
    ignored = [name for name in ("SIGINT", "SIGTERM") if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN]
    verdict = Verdict.WRONG if ignored else Verdict.OK
    yield Finding(say("doctor.subject.signals"), verdict, ", ".join(ignored), say("doctor.remedy.ignored"))


def terminal() -> Iterator[Finding]:
    """Whether a live tree can be drawn."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    subject, size = say("doctor.subject.terminal"), "{}x{}".format(*shutil.get_terminal_size())
    if not sys.stdout.isatty():
        yield Finding(subject, Verdict.ABSENT, "", say("doctor.remedy.no_terminal"))
    elif not can_show("├─中"):
        yield Finding(subject, Verdict.WRONG, encoding, say("doctor.remedy.encoding"))
    else:
        yield Finding(subject, Verdict.OK, f"{encoding}, {size}, TERM={os.environ.get('TERM', '')}")


# What it works with


def browser() -> Iterator[Finding]:
    """Whether `gotask demo` can open a page."""
    subject = say("doctor.subject.browser")
    try:
        yield Finding(subject, Verdict.OK, getattr(webbrowser.get(), "name", "") or "")
    except webbrowser.Error:
        yield Finding(subject, Verdict.ABSENT, "", say("doctor.remedy.browser"))


def dashboard_port() -> Iterator[Finding]:
    """Whether the dashboard's usual port is free."""
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", PORT)) == 0
    verdict = Verdict.ABSENT if taken else Verdict.OK
    yield Finding(say("doctor.subject.port", port=PORT), verdict, "127.0.0.1", say("doctor.remedy.port"))


def notebook_kernel() -> Iterator[Finding]:
    """Whether a notebook finds this Python, and can show the widget."""
    there = [name for name in ("ipykernel", "anywidget") if find_spec(name) is not None]
    verdict = Verdict.OK if len(there) == 2 else Verdict.ABSENT
    remedy = say("doctor.remedy.kernel", command="pip install 'gotask[notebook]' ipykernel")
    yield Finding(say("doctor.subject.kernel"), verdict, ", ".join(there), remedy)


def history_file() -> Iterator[Finding]:
    """Whether a history can be kept where it is kept by default."""
    subject = say("doctor.subject.history")
    if find_spec("sqlalchemy") is None:
        remedy = say("doctor.remedy.history", command="pip install 'gotask[store]'")
        yield Finding(subject, Verdict.ABSENT, "", remedy)
        return
    from gotask.store.database import default_file

    folder = default_file().parent
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    size = sum(file.stat().st_size for file in folder.glob("*.db*"))
    verdict = Verdict.OK if os.access(nearest, os.W_OK) else Verdict.WRONG
    yield Finding(subject, verdict, f"{folder}, {size / 1e6:.1f} MB", say("doctor.remedy.folder", folder=nearest))


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    packages, back_ends, signals, terminal, browser, dashboard_port, notebook_kernel, history_file,
)  # fmt: skip
