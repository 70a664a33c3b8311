"""The Trace Event Format, as Perfetto and chrome://tracing read it."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from lives import life, sessions

from gotask import Job, RetryPolicy, RootManager, Task, Work
from gotask.chrome_trace import chrome_trace
from gotask.records import LifeRecord, Step
from gotask.states import TaskType

Root = RootManager[Any, Any]
KEYS = {
    "M": {"ph", "name", "pid", "tid", "args"},
    "X": {"ph", "name", "cat", "pid", "tid", "ts", "dur", "args"},
    "i": {"ph", "name", "cat", "pid", "tid", "ts", "s", "args"},
}
"""What an event of each kind has, all of it, and nothing else."""


def check(trace: dict[str, Any]) -> None:
    """Refuse what either program would not show as it is meant."""
    trace = json.loads(json.dumps(trace, allow_nan=False))
    assert trace.keys() == {"traceEvents", "displayTimeUnit", "otherData"}
    events = trace["traceEvents"]
    for event in events:
        assert event.keys() == KEYS[event["ph"]], event
        assert isinstance(event["name"], str)
        assert event["name"]
        assert isinstance(event["tid"], int)
        assert event["pid"] == 1
        assert isinstance(event["args"], dict)
        if event["ph"] != "M":
            assert event["ts"] >= 0
        assert event.get("dur", 0) >= 0
        assert event.get("s", "t") == "t"
    titled = [event["tid"] for event in events if event["name"] == "thread_name"]
    assert titled == sorted(set(titled))  # Perfetto shows threads in the order of their numbers
    assert {event["tid"] for event in events if event["ph"] != "M"} <= set(titled)
    assert 1 not in titled  # that would be the main thread of process 1, which is shown first
    check_nesting(events)


def check_nesting(events: list[dict[str, Any]]) -> None:
    """In each track a slice that begins within another one ends within it, the outer one written first."""
    slices = sorted((event for event in events if event["ph"] == "X"), key=lambda event: (event["tid"], event["ts"]))
    for _, of_track in groupby(slices, key=lambda event: event["tid"]):
        open_until: list[int] = []
        for event in of_track:
            began = round(event["ts"] * 1000)
            ended = began + round(event["dur"] * 1000)
            while open_until and open_until[-1] <= began:
                open_until.pop()
            assert not open_until or ended <= open_until[-1], event
            open_until.append(ended)


def shown(trace: dict[str, Any]) -> list[tuple[str, str, float]]:
    """What is in the trace: track, name, and the second at which it is."""
    events = trace["traceEvents"]
    titles = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    return [(titles[event["tid"]], event["name"], event["ts"] / 1e6) for event in events if event["ph"] != "M"]


@given(sessions())
def test_any_session_is_well_formed(records: list[LifeRecord]) -> None:
    """Whatever the tree and the times; each life is there once, and the order of the records does not matter."""
    trace = chrome_trace(records)
    check(trace)
    lives = [event for event in trace["traceEvents"] if "life" in event["args"] or "never" in event["name"]]
    assert len(lives) == len(records)
    assert chrome_trace(reversed(records)) == trace


def test_lives_that_touch_do_not_overlap() -> None:
    """Those of a stored history end some hundred nanoseconds off; such slices Perfetto would leave out."""
    late = 2.0000002
    records = [
        life(1, None, (0, 0, 1, late), failed=True, final=False),
        life(1, None, (2, 2, 3, 3), number=2),
    ]
    trace = chrome_trace(records)
    check(trace)
    first, second = [event for event in trace["traceEvents"] if event.get("cat") in ("failed", "life")]
    assert first["ts"] + first["dur"] == second["ts"]
    assert second["ts"] + second["dur"] == 3e6


def test_the_check_finds_a_wrong_one() -> None:
    """A slice that sticks out of the one around it is refused: the check can fail."""
    events = [
        {"ph": "X", "tid": 2, "ts": 0.0, "dur": 5.0, "name": "outer"},
        {"ph": "X", "tid": 2, "ts": 3.0, "dur": 4.0, "name": "sticks out"},
    ]
    with pytest.raises(AssertionError):
        check_nesting(events)


def test_a_life_with_its_phases_and_steps() -> None:
    """H3, L10: the phases follow one another within the life, steps are instants in it."""
    record = life(1, None, (0, 1, 4, 6), task_type=TaskType.JOB, steps=(Step("connect", "to a", 2.0),))
    trace = chrome_trace([record])
    assert shown(trace) == [
        ("Part#1", "Part#1", 0),
        ("Part#1", "start", 0),
        ("Part#1", "body", 1),
        ("Part#1", "dispose", 4),
        ("Part#1", "connect", 2),
    ]
    assert trace["traceEvents"][-1]["args"] == {"detail": "to a"}
    assert trace["otherData"] == {"startedAt": "2026-09-21T14:13:20+00:00"}


def test_retries_and_restarts_are_instants() -> None:
    """R1, R6: at the end of a life that another one follows."""
    records = [
        life(1, None, (0, 0, 1, 1), failed=True, final=False),
        life(1, None, (3, 3, 4, 4), number=2, final=False),
        life(1, None, (4, 4, 5, 5), number=3),
    ]
    marks = [(event["name"], event["ts"]) for event in chrome_trace(records)["traceEvents"] if event["ph"] == "i"]
    assert marks == [("retry", 1e6), ("restart", 4e6)]


def test_what_a_life_tells() -> None:
    """Reason, key, retries, descriptions; what there is not is left out."""
    record = life(1, None, (0, 0, 1, 1), key="k", number=3, failed=True, descriptions={"file": "a.mp4"})
    [event] = [event for event in chrome_trace([record])["traceEvents"] if event.get("cat") == "failed"]
    assert event["args"] == {
        "id": 1,
        "key": "k",
        "life": 3,
        "task type": "TASK",
        "added at": "program.py:1",
        "reason": "OSError: broken",
        "failed": True,
        "retries": 2,
        "descriptions": {"file": "a.mp4"},
    }


def test_a_track_for_each_job() -> None:
    """Its own lives, then its children; those that overlap get a second track, those one after another share one."""
    records = [
        life(1, None, (0, 0, 9, 9), owner_type="Root", task_type=TaskType.WORK),
        life(2, 1, (0, 0, 9, 9), owner_type="Job", task_type=TaskType.JOB, key="garden"),
        life(3, 2, (1, 1, 3, 3)),
        life(4, 2, (2, 2, 4, 4)),
        life(5, 2, (3, 3, 5, 5)),
        life(6, 1, (0, 0, 1, 1)),
    ]
    tracks = [(track, name) for track, name, _ in shown(chrome_trace(records)) if "#" in name]
    assert tracks == [
        ("Root#1", "Root#1"),
        ("Root#1, children", "Part#6"),
        ("· Job#2 garden", "Job#2 garden"),
        ("· Job#2 garden, children", "Part#3"),
        ("· Job#2 garden, children", "Part#5"),
        ("· Job#2 garden, children 2", "Part#4"),
    ]


def test_a_job_that_still_lives() -> None:
    """It has no slice, for it has no record; its children have their track, and a name can be given."""
    assert shown(chrome_trace([life(2, 1)], {1: "Server#1"}))[0] == ("Server#1, children", "Part#2", 0)
    assert shown(chrome_trace([life(2, 1)]))[0] == ("#1, children", "Part#2", 0)


def test_a_task_that_never_started() -> None:
    """S2: it had no life, so it is an instant."""
    [(track, name, _)] = shown(chrome_trace([life(2, 1, number=0)]))
    assert (track, name) == ("#1, children", "Part#2 never started")


def test_nothing_yet() -> None:
    """A trace of no lives can be opened too."""
    check(chrome_trace([]))


class Flaky(Task):
    retry = RetryPolicy(1, 3.0)

    async def go(self) -> None:
        self.step("try", "\ud800 half a character")
        await anyio.sleep(1)
        raise OSError("again")


async def test_the_history_of_a_tree(root: Root, tmp_path: Path) -> None:
    """H5: what the history writes is what it returns, and holds what has happened, at the right instants."""

    class Group(Job):
        def start(self) -> None:
            for _ in range(3):
                self.add_task(Flaky())

    await root.add_task(Work()).add_task(Group(), key="group").wait_stopped()
    path = tmp_path / "trace.json"
    text = root.history.to_chrome_trace(path)
    assert path.read_text("utf-8") == text
    trace = json.loads(text)
    check(trace)
    seen = shown(trace)
    tracks = {track.partition("#")[0] for track, *_ in seen}
    assert tracks == {"· Group"}
    assert sorted(round(at) for _, name, at in seen if name == "try") == [0, 0, 0, 4, 4, 4]
    assert [round(at) for _, name, at in seen if name == "retry"] == [1, 1, 1]
