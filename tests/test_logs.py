"""H7: how `gotask.run` shows the log."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import gotask
from gotask import logs
from gotask.tracing import TRACE

ROOT = Path(__file__).parents[1]
POSIX = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")
PROGRAM = """
import logging, sys, gotask
if "no rich" in sys.argv:
    sys.modules["rich"] = None
    import gotask.logs
    gotask.logs.find_spec = lambda name: None
class Camera(gotask.Task):
    def start(self):
        self.info("connected", host="a", port=554)
        self.debug("frame", size=3)
        self.trace("detail")
    async def go(self):
        raise ConnectionError("the line is dead")
async def main(root):
    server = root.add_task(gotask.Work(), name="Server")
    await server.add_task(Camera()).wait_stopped()
    logging.getLogger("other").info("of another library")
    logging.getLogger("other").debug("its details")
gotask.run(main)
"""


def environment(**settings: str) -> dict[str, str]:
    """The environment of a program: this one, without what decides how the log looks, and with these settings."""
    decisive = ("GOTASK_LOG", "GOTASK_PANIC", "NO_COLOR", "TERM", "COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE")
    rest = {name: value for name, value in os.environ.items() if name not in decisive}
    return {**rest, "TERM": "xterm-256color", **settings}


def logged(program: str = PROGRAM, **settings: str) -> str:
    """What a program logs where stderr is no terminal."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environment(**settings), cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout == ""
    return done.stderr


def on_a_terminal(*arguments: str, **settings: str) -> str:
    """What it logs where stderr is one, 120 columns wide."""
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment(COLUMNS="120", **settings), cwd=ROOT, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # that is how its end is told
        while chunk := os.read(ours, 65536):
            seen += chunk
    os.close(ours)
    assert process.wait(50) == 0
    return seen.decode().replace("\r\n", "\n")


def without_colours(text: str) -> str:
    """What one sees."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


@contextlib.contextmanager
def bare_logging() -> Iterator[logging.Logger]:
    """Logging as nobody has configured it. Not a fixture: pytest adds its own handlers later than that."""
    root, own = logging.getLogger(), logging.getLogger("gotask")
    before = root.handlers[:], root.level, own.level
    root.handlers.clear()
    try:
        yield root
    finally:
        root.handlers[:], level, own_level = before
        root.setLevel(level)
        own.setLevel(own_level)


def record(message: str, *args: Any, **extra: Any) -> logging.LogRecord:
    """A log record."""
    made = logging.LogRecord("gotask.Camera", logging.INFO, "app.py", 1, message, args, None)
    made.__dict__.update(extra)
    return made


# GOTASK_LOG


@pytest.mark.parametrize(
    ("setting", "as_json", "level"),
    [
        ("", False, logging.INFO),
        ("debug", False, logging.DEBUG),
        ("trace", False, TRACE),
        ("warning", False, logging.WARNING),
        (" Error ", False, logging.ERROR),
        ("json", True, logging.INFO),
        ("json:debug", True, logging.DEBUG),
        ("JSON:Trace", True, TRACE),
    ],
)
def test_the_setting(setting: str, as_json: bool, level: int) -> None:
    """H7: a level, `json`, or both."""
    assert logs.wanted(setting) == (as_json, level)


@pytest.mark.parametrize("wrong", ["loud", "json:", "json:loud", "debug:json", ":debug", "jsondebug", "info:", "10"])
def test_a_wrong_setting(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """H7: anything else is a clear sentence, before the program begins."""
    monkeypatch.setenv("GOTASK_LOG", wrong)

    async def main() -> None:
        pytest.fail("it began")

    with bare_logging() as logger:
        with pytest.raises(ValueError, match=r"GOTASK_LOG is .*: it should be a level \(trace, debug, "):
            gotask.run(main)
        assert logger.handlers == []


def test_the_level_of_tasks_and_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """H7: details are shown of the tasks only; a higher level counts for all."""
    for setting, of_all, of_tasks in [("debug", logging.INFO, logging.DEBUG), ("error", logging.ERROR, logging.ERROR)]:
        monkeypatch.setenv("GOTASK_LOG", setting)
        with bare_logging() as logger:
            logs.configure()
            assert logger.getEffectiveLevel() == of_all
            assert logging.getLogger("gotask.Camera").getEffectiveLevel() == of_tasks


def test_a_configured_program_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """H7: if somebody has configured logging, the setting has no effect, not even a wrong one."""
    monkeypatch.setenv("GOTASK_LOG", "loud")
    handler = logging.NullHandler()
    with bare_logging() as logger:
        logger.addHandler(handler)
        logs.configure()
        assert logger.handlers == [handler]


# In a file


def test_lines_in_a_file() -> None:
    """H7: not on a terminal there are dates, whole paths, and no colours."""
    lines = logged().splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO    RootManager/Server/Camera#\d+: connected host='a' port=554",
        lines[0],
    )
    assert re.match(r".* ERROR   RootManager/Server/Camera#\d+: failed$", lines[1])
    assert lines[-1].endswith(" INFO    other: of another library")
    assert not any("\x1b" in line for line in lines)


def test_a_traceback_begins_in_the_program() -> None:
    """H7: what called the hook is no news."""
    lines = logged().splitlines()
    assert lines[2] == "Traceback (most recent call last):"
    assert lines[3].startswith('  File "<string>", line ')
    assert lines[-2] == "ConnectionError: the line is dead"


def test_details_if_wanted() -> None:
    """H7: `debug` and `trace` show more, but not of other libraries."""
    assert "frame size=3" in logged(GOTASK_LOG="debug")
    assert "detail" not in logged(GOTASK_LOG="debug")
    assert "TRACE   RootManager" in (traced := logged(GOTASK_LOG="trace"))
    assert "its details" not in traced
    assert "selector" not in traced


def test_a_traceback_of_the_library_only_is_kept() -> None:
    """H7: at least one frame is left."""
    try:
        logs.wanted("loud")
    except ValueError as error:
        while error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            error.__traceback__ = error.__traceback__.tb_next
        text = logs.Lines().formatException((type(error), error, error.__traceback__))
    assert "in wanted" in text


def test_no_exception_at_all() -> None:
    """H7: `exc_info=True` where there is none is no error."""
    assert "None" in logs.Lines().formatException((None, None, None))


# On a terminal


@POSIX
def test_columns_on_a_terminal() -> None:
    """H7: time, level, the end of the path, message: in columns."""
    lines = without_colours(on_a_terminal("no rich")).splitlines()
    task = re.search(r"Camera#\d+", lines[0])
    assert task is not None
    column = f"{'Server/' + task[0]:<24}"
    assert re.fullmatch(rf"\d\d:\d\d:\d\d\.\d{{3}} INFO    {column}  connected host='a' port=554", lines[0])
    assert lines[1].endswith(f" ERROR   {column}  failed")
    assert lines[-1].endswith(f" INFO    {'other':<24}  of another library")


@POSIX
def test_colours_on_a_terminal() -> None:
    """H7: the level has a colour."""
    text = on_a_terminal("no rich")
    assert "\x1b[32mINFO   \x1b[0m" in text
    assert "\x1b[31mERROR  \x1b[0m" in text


@POSIX
@pytest.mark.parametrize("setting", ["NO_COLOR", "TERM"])
def test_no_colours_if_they_are_not_wanted(setting: str) -> None:
    """H7: NO_COLOR is respected, and so is a terminal that has none."""
    text = on_a_terminal("no rich", **{setting: "dumb"})
    assert "connected host='a'" in text
    assert "\x1b" not in text


@POSIX
def test_with_rich() -> None:
    """H7: with rich installed it shows the lines, and the place of a failure with its source."""
    text = on_a_terminal()
    lines = without_colours(text).splitlines()
    assert text != without_colours(text)
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3} INFO     Server/Camera#\d+ +connected host='a' port=554$", lines[0].strip())
    assert re.search(r"ERROR    Server/Camera#\d+ +failed$", lines[1].strip())
    assert any("Traceback" in line for line in lines)
    assert any("ConnectionError: the line is dead" in line for line in lines)


@POSIX
def test_rich_without_colours() -> None:
    """H7: rich respects NO_COLOR."""
    text = on_a_terminal(NO_COLOR="1")
    assert "connected" in text
    assert not re.search(r"\x1b\[(\d+;)*(3\d|9\d)", text)


@POSIX
def test_json_on_a_terminal() -> None:
    """H7: JSON is JSON, there too."""
    for line in on_a_terminal(GOTASK_LOG="json").splitlines():
        assert json.loads(line)["level"] in ("INFO", "ERROR")


def test_rich_and_a_message_with_wrong_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """H7: a mistake in a log call is reported as by the standard library, and not raised in the task."""
    handler = logs.rich_handler()
    handler.handle(record("size %d", "three"))
    assert "Logging error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("RootManager#1", "RootManager#1"),
        ("RootManager/Server/Camera#5", "Server/Camera#5"),
        ("RootManager/Server/Recording/Camera#15", "Recording/Camera#15"),
        ("RootManager/AVeryLongNameOfATaskIndeed#5", "…LongNameOfATaskIndeed#5"),
    ],
)
def test_a_short_path(path: str, shown: str) -> None:
    """H7: as much of the end of the path as fits."""
    assert logs.who(record("x", task_path=path), logs.WHO_WIDTH) == shown
    assert len(shown) <= logs.WHO_WIDTH


def test_further_lines_stay_in_their_column() -> None:
    """H7: a message of several lines does not break the columns."""
    first, second = logs.ScreenLines(coloured=False).format(record("one\ntwo")).splitlines()
    assert first.index("one") == second.index("two")


# As JSON


def test_json_lines() -> None:
    """H7: one object a line: time with zone, level, logger, message, id, path, fields, exception."""
    one, failure, other = map(json.loads, logged(GOTASK_LOG="json").splitlines())
    assert datetime.fromisoformat(one["time"]).tzinfo is not None
    assert (one["level"], one["logger"]) == ("INFO", "gotask.Camera")
    assert one["message"] == "connected host='a' port=554"
    assert one["task_path"] == f"RootManager/Server/Camera#{one['task_id']}"
    assert one["fields"] == {"host": "a", "port": 554}
    assert failure["level"] == "ERROR"
    assert failure["exception"].splitlines()[-1] == "ConnectionError: the line is dead"
    assert "task_id" not in other
    assert other["logger"] == "other"


def test_json_with_details() -> None:
    """H7: a level may follow."""
    levels = [json.loads(line)["level"] for line in logged(GOTASK_LOG="json:trace").splitlines()]
    assert levels == ["INFO", "DEBUG", "TRACE", "ERROR", "INFO"]


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError("not me")


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


VALUES: dict[str, Any] = {
    "nan": float("nan"), "infinity in a list": [float("inf")], "set": {1, 2}, "object": object(), "no repr": Shy(),
    "circle": CIRCLE, "tuple as key": {(1, 2): 3}, "bytes": b"\xff", "surrogate": "\udc80", "huge": 10**5000,
    "line break": "a\nb", "nested": {"a": [1, None, True]}, "date": datetime(2026, 1, 1), "path": Path("x"),
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_json_is_valid_whatever_the_values(kind: str) -> None:
    """H7: what JSON has not is there as text."""

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    line = logs.JsonLines().format(record("hello", task_fields={"value": VALUES[kind]}, task_id=1, task_path="a"))
    assert "\n" not in line
    line.encode("ascii")
    assert "value" in json.loads(line, parse_constant=refuse)["fields"]


def test_json_keeps_what_json_has() -> None:
    """H7: numbers stay numbers, and lists lists."""
    line = logs.JsonLines().format(record("hello", task_fields={"value": {"a": [1, None, True, 0.5]}}))
    assert json.loads(line)["fields"]["value"] == {"a": [1, None, True, 0.5]}


def test_json_of_a_message_with_wrong_arguments() -> None:
    """H7: nor does a mistake in a log call break it."""
    assert json.loads(logs.JsonLines().format(record("size %d", "three")))["message"] == "size %d ('three',)"


def test_json_has_the_stack_if_one_is_logged() -> None:
    """H7: `stack_info=True` is kept."""
    assert json.loads(logs.JsonLines().format(record("here", stack_info="Stack: …")))["stack"] == "Stack: …"
