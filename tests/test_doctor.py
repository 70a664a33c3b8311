"""`gotask doctor`: what it finds, what it calls wrong, and the remedy it names."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

import pytest

from gotask import doctor
from gotask.doctor import Finding, Verdict
from gotask.words import LANGUAGES, width


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is named in English, unless a test says otherwise."""
    monkeypatch.setenv("GOTASK_LANG", "en")


def found(check: Callable[[], Iterable[Finding]], subject: str) -> Finding:
    """What a check says of one subject."""
    [finding] = [one for one in check() if one.subject == subject]
    return finding


def said(*, before: Callable[[], object] | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Type `gotask doctor`."""
    return subprocess.run(
        [sys.executable, "-m", "gotask.cli", "doctor"], capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env}, preexec_fn=before,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "sentence", "named"),
    [
        ("en", "Nothing is wrong.", ("signals", "history", "notebook kernel")),
        ("zh", "一切正常。", ("信号", "历史", "笔记本内核")),
    ],
)
def test_a_healthy_machine(lang: str, sentence: str, named: tuple[str, ...]) -> None:
    """Where all is well it says so, with status 0, in the reader's language."""
    answer = said(GOTASK_LANG=lang)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.rstrip().endswith(sentence)
    for subject in ("gotask[dashboard]", "asyncio + uvloop", "trio", *named):
        assert f" {subject} " in answer.stdout


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_columns_of_the_report(lang: str) -> None:
    """What is said of each subject begins in the same column of the screen, and long lists go on below their begin."""
    head, _, *body = said(GOTASK_LANG=lang, COLUMNS="80").stdout.splitlines()[:-2]
    assert head.startswith("gotask ")
    left = len(" ✓ gotask[dashboard]  ")
    for line in body:
        before, after = line_at(line, left)
        assert before.endswith("  ")
        assert not after.startswith(" ")
        assert after
    packages = [*takewhile(lambda line: " asyncio " not in line, body)]
    assert [line for line in packages if line.startswith(" " * left)]
    assert max(map(width, packages)) <= 80


def line_at(line: str, columns: int) -> tuple[str, str]:
    """A line of the screen in two, at this column."""
    end = next(end for end in range(len(line) + 1) if width(line[:end]) >= columns)
    return line[:end], line[end:]


def test_every_remedy_is_said_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    """No finding is without a remedy; in Chinese it is another text."""
    english = [*doctor.examine()]
    monkeypatch.setenv("GOTASK_LANG", "zh")
    chinese = [*doctor.examine()]
    assert [finding.verdict for finding in english] == [finding.verdict for finding in chinese]
    for one, other in zip(english, chinese, strict=True):
        assert one.verdict is Verdict.OK or (one.remedy and one.remedy != other.remedy), (one, other)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ignored signals")
def test_ignored_signals_are_wrong() -> None:
    """M3: a program that was started with SIGINT ignored cannot be ended with Ctrl-C; the doctor says so, and fails."""
    answer = said(before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN), GOTASK_LANG="en")
    assert answer.returncode == 1
    assert "WRONG: SIGINT" in answer.stdout
    assert "without nohup" in answer.stdout
    assert "1 to be mended" in answer.stdout


def test_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least version of pyproject.toml counts, and the command that mends it is named."""
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "trio" else real(name))
    finding = found(doctor.packages, "gotask[trio]")
    assert (finding.verdict, finding.detail) == (Verdict.WRONG, "trio 0.1 < 0.27")
    assert "pip install --upgrade 'gotask[trio]'" in finding.remedy


def test_a_version_that_is_left_out_is_no_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `>=7,!=7.4.0`, in whatever order it is written, 7 is the least."""
    lines = ["ipykernel!=7.4.0,>=7; extra == 'lab'", "aiojobs; extra == 'lab'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: lines)
    assert doctor.requirements()["lab"] == [("ipykernel", "7"), ("aiojobs", "0")]


def test_packages_that_are_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that is not installed is not wrong; one that holds another one lists that one's packages too."""
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("psutil", "trio"):
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert found(doctor.packages, "gotask").verdict is Verdict.OK
    finding = found(doctor.packages, "gotask[dashboard]")
    assert (finding.verdict, finding.detail) == (Verdict.ABSENT, "psutil")


def test_a_back_end_that_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without trio the other back ends are still tried."""
    monkeypatch.setattr("gotask.doctor.find_spec", lambda name: None if name == "trio" else find_spec(name))
    assert found(doctor.back_ends, "trio").verdict is Verdict.ABSENT
    assert found(doctor.back_ends, "asyncio").verdict is Verdict.OK


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dashboard will take another one, so that is not wrong."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(doctor, "PORT", port)
        assert found(doctor.dashboard_port, f"port {port}").verdict is Verdict.ABSENT
    assert found(doctor.dashboard_port, f"port {port}").verdict is Verdict.OK


def test_a_history_that_cannot_be_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the user's state directory cannot be written, the doctor names the folder and two remedies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert found(doctor.history_file, "history").verdict is Verdict.OK
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    finding = found(doctor.history_file, "history")
    assert finding.verdict is Verdict.WRONG
    assert str(tmp_path) in finding.remedy


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report goes on to its end, whatever a machine does."""

    def odd_thing() -> None:
        raise OSError("no such machine")

    monkeypatch.setattr(doctor, "CHECKS", (odd_thing, doctor.dashboard_port))
    first, second = doctor.examine()
    assert (first.subject, first.verdict, first.detail) == ("odd thing", Verdict.WRONG, "OSError: no such machine")
    assert second.subject == "port 8080"
