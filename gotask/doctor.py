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
from gotask.running import BACKENDS
from gotask.words import can_show, language

NOT_FOR_USERS = {"bench", "dev", "docs", "lite", "test"}
PORT = 8080


class Verdict(StrEnum):
    """How it is: as it should be, absent but not needed by everybody, or in need of a remedy."""

    OK = "ok"
    ABSENT = "absent"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: of what, how it is, in a few words, and the remedy in both languages."""

    subject: str
    verdict: Verdict
    detail: str = ""
    remedy: tuple[str, str] = ("", "")


REPORT = ("please report this, with the whole output", "请连同完整输出一起报告此问题")

WORDS = {
    "en": {"ok": "ok", "absent": "not available", "wrong": "WRONG", "fine": "Nothing is wrong.",
           "bad": "{n} to be mended; the lines below each say how."},
    "zh": {"ok": "正常", "absent": "不可用", "wrong": "有问题", "fine": "一切正常。",
           "bad": "有 {n} 处需要修复，做法见各项下方。"},
}  # fmt: skip


def play(options: Namespace) -> int:
    """Print the report; 1 if something is wrong."""
    lang = language()
    words, findings = WORDS[lang], list(examine())
    print(f"gotask {gotask.__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}\n")
    subjects = max(len(finding.subject) for finding in findings)
    for finding in findings:
        mark = {"ok": "✓", "absent": "·", "wrong": "✗"}[finding.verdict]
        mark = mark if can_show(mark) else {"ok": "+", "absent": "-", "wrong": "!"}[finding.verdict]
        said = "" if finding.verdict is Verdict.OK and finding.detail else words[finding.verdict]
        print(f" {mark} {finding.subject:{subjects}}  {': '.join(filter(None, (said, finding.detail)))}")
        if finding.verdict is not Verdict.OK:
            print(f"   {'':{subjects}}  {finding.remedy[lang == 'zh']}")
    wrong = sum(finding.verdict is Verdict.WRONG for finding in findings)
    print("\n" + (words["bad"].format(n=wrong) if wrong else words["fine"]))
    return min(wrong, 1)


def examine() -> Iterator[Finding]:
    """All there is to find. A check that itself fails is a finding."""
    for check in CHECKS:
        try:
            yield from check()
        except Exception as error:
            report = f"{type(error).__name__}: {error}"
            yield Finding(check.__name__.replace("_", " "), Verdict.WRONG, report, REPORT)


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
            remedy = (f"too old or missing: {command}", f"版本过旧或缺失：{command}")
            yield Finding(subject, Verdict.WRONG, ", ".join(old + absent), remedy)
        elif absent:
            remedy = (f"if you want it: {command}", f"需要时：{command}")
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
            remedy = (f"if you want it: pip install 'gotask[{package}]'", f"需要时：pip install 'gotask[{package}]'")
            yield Finding(name, Verdict.ABSENT, "", remedy)
            continue
        order = anyio.run(small_tree, backend=backend, backend_options=options)
        verdict = Verdict.OK if order == ["start", "go", "dispose"] else Verdict.WRONG
        detail = f"start, go, dispose: {', '.join(order)}" if verdict is Verdict.WRONG else ""
        yield Finding(name, verdict, detail, REPORT)


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
        remedy = ("open the root in the main thread, or call root.shutdown() yourself",
                  "请在主线程中打开根任务，或自行调用 root.shutdown()")  # fmt: skip
        yield Finding("signals", Verdict.ABSENT, "", remedy)
        return
    ignored = [name for name in ("SIGINT", "SIGTERM") if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN]
    remedy = ("whoever started this ignores them, and so does gotask: start it without nohup or `&` in a script",
              "启动者忽略了这些信号，gotask 也会忽略：不要通过 nohup 或脚本中的 & 启动")  # fmt: skip
    yield Finding("signals", Verdict.WRONG if ignored else Verdict.OK, ", ".join(ignored), remedy)


def terminal() -> Iterator[Finding]:
    """Whether a live tree can be drawn."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    size = "{}x{}".format(*shutil.get_terminal_size())
    if not sys.stdout.isatty():
        remedy = ("this is no terminal: trees are printed one below the other", "当前不是终端：任务树将逐次打印")
        yield Finding("terminal", Verdict.ABSENT, "", remedy)
    elif not can_show("├─中"):
        remedy = ("set PYTHONIOENCODING=utf-8, or LANG to a UTF-8 locale; else trees are drawn in ASCII",
                  "请设置 PYTHONIOENCODING=utf-8，或将 LANG 设为 UTF-8 区域；否则任务树以 ASCII 绘制")  # fmt: skip
        yield Finding("terminal", Verdict.WRONG, encoding, remedy)
    else:
        yield Finding("terminal", Verdict.OK, f"{encoding}, {size}, TERM={os.environ.get('TERM', '')}")


# What it works with


def browser() -> Iterator[Finding]:
    """Whether `gotask demo` can open a page."""
    try:
        yield Finding("browser", Verdict.OK, getattr(webbrowser.get(), "name", "") or "")
    except webbrowser.Error:
        remedy = ("none is known here: open the address that the dashboard prints yourself",
                  "未找到浏览器：请自行打开任务面板打印的地址")  # fmt: skip
        yield Finding("browser", Verdict.ABSENT, "", remedy)


def dashboard_port() -> Iterator[Finding]:
    """Whether the dashboard's usual port is free."""
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", PORT)) == 0
    remedy = ("something listens there: the dashboard takes the next free one, and prints it",
              "该端口已被占用：任务面板会使用下一个空闲端口并打印出来")  # fmt: skip
    yield Finding(f"port {PORT}", Verdict.ABSENT if taken else Verdict.OK, "127.0.0.1", remedy)


def notebook_kernel() -> Iterator[Finding]:
    """Whether a notebook finds this Python, and can show the widget."""
    there = [name for name in ("ipykernel", "anywidget") if find_spec(name) is not None]
    remedy = ("if you want notebooks: pip install 'gotask[notebook]' ipykernel",
              "需要笔记本时：pip install 'gotask[notebook]' ipykernel")  # fmt: skip
    yield Finding("notebook kernel", Verdict.OK if len(there) == 2 else Verdict.ABSENT, ", ".join(there), remedy)


def history_file() -> Iterator[Finding]:
    """Whether a history can be kept where it is kept by default."""
    if find_spec("sqlalchemy") is None:
        command = "pip install 'gotask[store]'"
        remedy = (f"for a history that lasts: {command}", f"需要持久历史时：{command}")
        yield Finding("history", Verdict.ABSENT, "", remedy)
        return
    from gotask.store.database import default_file

    folder = default_file().parent
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    remedy = (f"{nearest} cannot be written: set XDG_STATE_HOME, or name a file: HistoryStore('my.db')",
              f"无法写入 {nearest}：请设置 XDG_STATE_HOME，或指定文件：HistoryStore('my.db')")  # fmt: skip
    size = sum(file.stat().st_size for file in folder.glob("*.db*"))
    verdict = Verdict.OK if os.access(nearest, os.W_OK) else Verdict.WRONG
    yield Finding("history", verdict, f"{folder}, {size / 1e6:.1f} MB", remedy)


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    packages, back_ends, signals, terminal, browser, dashboard_port, notebook_kernel, history_file,
)  # fmt: skip
