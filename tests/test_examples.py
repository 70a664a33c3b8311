"""`gotask demo` and examples/live_tree.py, as a newcomer meets them: in a terminal, in a pipe, with Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
import urllib.request
from codecs import getincrementaldecoder
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import anyio
import pytest

import gotask
from gotask import BlockingRoot, Task
from gotask.cli import main
from gotask.demo import STREAMS, Service
from gotask.screen import Screen
from gotask.testing import BACKENDS

ROOT = Path(__file__).parents[1]
EXAMPLE = str(ROOT / "examples" / "live_tree.py")
POSIX = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals and process groups of POSIX")
COLUMNS, LINES = 90, 30
IN_TERMINAL = "import os, sys; os.login_tty(os.dup(0)); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


def environment(**more: str) -> dict[str, str]:
    """The environment without what changes how a terminal is seen."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "TERM")}
    return {**kept, "PYTHONIOENCODING": "utf-8", "TERM": "xterm", **more}


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The example with its output in a pipe."""
    command = [sys.executable, EXAMPLE, "--terminal", *arguments]
    return subprocess.run(command, env=environment(**env), capture_output=True, encoding="utf-8", timeout=30)


class Terminal:
    """The example in a terminal of its own, and what a person would see there now."""

    def __init__(self, *arguments: str) -> None:
        import fcntl
        import termios

        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        command = [sys.executable, "-c", IN_TERMINAL, EXAMPLE, "--terminal", *arguments]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment())
        os.close(slave)
        self.text = ""
        self.decode = getincrementaldecoder("utf-8")().decode  # a full terminal may cut a character in two

    def read_until(self, wanted: str) -> None:
        """Read on until the wanted text has come; an empty one never does, so that is until the program ends."""
        end = time.monotonic() + 20
        while (not wanted or wanted not in self.text) and time.monotonic() < end:
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                chunk = os.read(self.master, 65536)
            except OSError:  # how Linux tells that the other side is closed
                chunk = b""
            if not chunk:
                break
            self.text += self.decode(chunk)
        assert wanted in self.text, self.text

    def close(self) -> int:
        """Read to the end; the exit status."""
        self.read_until("")
        os.close(self.master)
        return self.process.wait(timeout=10)

    @property
    def screen(self) -> list[str]:
        """The lines on the screen, had it no end below."""
        lines, row, column = [""], 0, 0
        for piece in re.findall(r"\x1b\[\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+", self.text):
            if piece == "\r":
                column = 0
            elif piece == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif piece[0] != "\x1b":
                lines[row] = lines[row][:column] + piece + lines[row][column + len(piece) :]
                column += len(piece)
            elif piece[-1] == "A":
                row -= int(piece[2:-1])
            elif piece[-1] == "K":
                lines[row] = lines[row][:column]
            elif piece[-1] == "J":
                lines[row:] = [lines[row][:column]]
        return lines


def check_report(text: str) -> None:
    """The last lines: how the shutdown went, and what failed on the way."""
    assert re.search(r"\n\d+ tasks disposed in [\d.]+ s\r?\n", text), text
    assert "did not stop" not in text
    assert re.search(r"Camera#\d+, life 1: the camera does not answer after \d\.\d s\r?\n", text), text


def test_a_line_break_shifts_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Descriptions stand beside the task they belong to, whatever keys and descriptions hold."""
    with BlockingRoot() as root:
        screen = root.add_task(Screen())
        root.add_task(Task(), key="two\nlines", descriptions={"note": "here\nor there"})
        root.wait_started(root.add_task(Task(), descriptions={"seen": True}))
        capsys.readouterr()
        root.call(screen.draw)
        *_, first, second, _ = capsys.readouterr().out.splitlines()
    assert first.endswith(r"[two\nlines] STARTED  note here\nor there")
    assert second.endswith("STARTED  seen True")


@pytest.mark.parametrize("backend", BACKENDS)
def test_in_a_pipe_one_picture_follows_the_other(backend: str) -> None:
    """M8: on every back end the example ends by itself, and prints trees, log and report as plain text."""
    done = run("--seconds", "3.5", "--backend", backend)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    pictures = re.findall(r"^RootManager#.*(?:\n.+)*", done.stdout, re.MULTILINE)
    owners = [re.findall(r"[├└]─ (\w+)#", picture) for picture in pictures]
    assert set(owners[1]) == {
        "OSSignal", "Screen", "Service", "Heartbeat", "Stream", "Camera", "Viewer", "Recorder", "Door",
    }  # fmt: skip
    assert owners[-1] == ["OSSignal", "Screen"]
    assert re.search(r"Camera#\d+ failed, and lives again in 0\.5 s", done.stdout)
    assert "the file is closed" in done.stdout
    check_report(done.stdout)


@POSIX
@pytest.mark.parametrize("backend", BACKENDS)
def test_in_a_terminal_the_tree_is_redrawn_in_place(backend: str) -> None:
    """However often it was drawn, the screen shows the tree once, with the log and the report below it."""
    terminal = Terminal("--forever", "--backend", backend)
    terminal.read_until("RETRYING")
    before = terminal.screen
    assert [line for line in before if "RootManager#" in line and "failed" not in line] == before[:1]
    assert any(re.search(r"Viewer#\d+ \[ann\] GOING  frame \d", line) for line in before)
    terminal.process.terminate()
    assert terminal.close() == 0
    assert len(re.findall(r"^\s*RootManager#", "\n".join(terminal.screen), re.MULTILINE)) == 1
    assert max(map(len, terminal.screen)) < COLUMNS
    check_report(terminal.text)


@POSIX
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_shuts_down_cleanly(backend: str) -> None:
    """M3: Ctrl-C in the terminal ends `--forever` with everything disposed, status 0 and the report."""
    terminal = Terminal("--forever", "--backend", backend)
    terminal.read_until("RETRYING")
    os.write(terminal.master, b"\x03")
    assert terminal.close() == 0
    assert "SIGINT: shutting down" in terminal.text
    assert "closing" in terminal.text
    check_report(terminal.text)


@POSIX
def test_second_ctrl_c_ends_it_at_once() -> None:
    """M3: a second Ctrl-C during the shutdown ends the process with 130, and says what was still alive."""
    terminal = Terminal("--forever")
    terminal.read_until("file open")
    os.write(terminal.master, b"\x03")
    terminal.read_until("closing")
    os.write(terminal.master, b"\x03")
    assert terminal.close() == 128 + 2
    assert re.search(r"Still alive:\r\nRootManager#(.*\r\n)+.*Recorder#", terminal.text)


def test_it_is_ascii_where_nothing_else_can_be_shown() -> None:
    """Output that cannot be encoded is not attempted."""
    done = run("--seconds", "0.1", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "`- Service#" in done.stdout


@POSIX
def test_it_ends_when_nobody_reads_any_more() -> None:
    """`| head -1` leaves no traceback, and nothing that runs on."""
    shell = f"'{sys.executable}' '{EXAMPLE}' --terminal --forever | head -1"
    done = subprocess.run(shell, shell=True, env=environment(), capture_output=True, encoding="utf-8", timeout=20)
    assert done.stdout.startswith("RootManager#")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "the back end 'trio' needs the package trio: pip install 'gotask[trio]'\n"),
        ("zh", "后端“trio”需要软件包 trio：pip install 'gotask[trio]'\n"),
    ],
)
def test_a_back_end_that_is_not_installed_is_named(lang: str, sentence: str) -> None:
    """M2: the sentence says what to install, in the reader's language; no traceback."""
    code = "import sys; sys.modules['trio'] = None; from gotask.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "demo", "--backend", "trio"]
    env = environment(GOTASK_LANG=lang)
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)


# In the browser


async def test_there_is_something_to_see_from_the_start(root: gotask.RootManager[Any, Any]) -> None:
    """40 to 60 tasks, together with the three of the dashboard and the signals, after a second as after a minute."""
    tree = gotask.LiveTree()
    root.observe(tree)
    root.add_task(Service(len(STREAMS)))
    for seconds in (1, 5, 60):
        await anyio.sleep(seconds)
        assert 40 <= len(tree) + 3 <= 60


@POSIX
@pytest.mark.parametrize("backend", BACKENDS)
def test_it_shows_itself_in_the_browser(backend: str, tmp_path: Path) -> None:
    """With the extra it prints an address, which answers; Ctrl-C ends it with the report."""
    command = [sys.executable, EXAMPLE, "--port", "0", "--backend", backend]
    env = environment(XDG_STATE_HOME=str(tmp_path))
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("The tree is at ").strip()
        base, _, token = address.partition("/#token=")
        asked = urllib.request.Request(f"{base}/api/tasks/stats", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            owners = json.load(answer)["byOwner"]
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=20)
    assert owners["Stream"] == 9
    assert process.returncode == 0
    assert re.search(r"\d+ tasks disposed", said)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("option", "value"), [("--port", "70000"), ("--port", "-1"), ("--seconds", "nan")])
def test_a_number_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, option: str, value: str, lang: str
) -> None:
    """With a sentence in the reader's language, and status 2."""
    monkeypatch.setenv("GOTASK_LANG", lang)
    assert main(["demo", option, value]) == 2
    said = capsys.readouterr().err
    assert said.endswith({"en": f", not {value}\n", "zh": f"，而不是 {value}\n"}[lang])


def test_it_speaks_chinese_too() -> None:
    """What the program itself says at its end is in the reader's language."""
    done = run("--seconds", "2.2", GOTASK_LANG="zh")
    assert done.returncode == 0
    assert re.search(r"^已清理 \d+ 个任务，用时 [\d.]+ 秒$", done.stdout, re.MULTILINE)
    assert re.search(r"^Camera#\d+ 的第 1 次生命：1\.\d 秒后失败，", done.stdout, re.MULTILINE)


def test_without_the_extra_it_stays_in_the_terminal() -> None:
    """The tree is shown as it is with `--terminal`."""
    code = "import sys; sys.modules['uvicorn'] = None; from gotask.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "demo", "--seconds", "0.1"]
    done = subprocess.run(command, env=environment(), capture_output=True, encoding="utf-8", timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Service#" in done.stdout


# The command `gotask`


def test_the_console_script_is_this_command() -> None:
    """What pip installs as `gotask` is `gotask.cli.main`."""
    [script] = entry_points(group="console_scripts", name="gotask")
    assert script.load() is main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`gotask --version` prints the version."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"gotask {gotask.__version__}\n"


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """`gotask` alone prints its help."""
    assert main([]) == 0
    assert re.search(r"^ +demo +watch the live tree", capsys.readouterr().out, re.MULTILINE)


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that there is not is an error with status 2, and the list."""
    with pytest.raises(SystemExit) as ended:
        main(["dance"])
    assert ended.value.code == 2
    assert "demo" in capsys.readouterr().err
