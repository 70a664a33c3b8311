"""gotask.store: what a durable history can be asked, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from stores import NOON, life, more, write

from gotask import History, LifeRecord, Step, TaskState, TaskType
from gotask.store import Failures, SchemaError, StoredHistory, open_history
from gotask.store.database import Database, parse
from gotask.store.rows import Batch, Places
from gotask.store.schema import prepare
from gotask.tracing import where


@pytest.fixture
def history(place: str) -> Any:
    """Two sessions: a day with a camera that fails, and an hour with a recorder."""
    first = [
        life(2, at=0, lasting=1),
        life(3, at=10, lasting=2, parent=2, owner="Lens", kind=TaskType.CHANNEL),
        life(4, at=20, lasting=3, reason=("ConnectionError", "no carrier"), failed=True, final=False),
        life(4, at=25, lasting=4, reason=("ConnectionError", "no signal"), failed=True),
    ]
    second = [
        life(2, at=30, lasting=1, owner="Recorder", kind=TaskType.JOB, reason=("ValueError", "full"), failed=True),
        life(3, at=40, lasting=5, owner="Recorder", kind=TaskType.JOB, parent=2),
    ]
    write(place, first, second)
    with open_history(place) as opened:
        yield opened


def test_a_text_that_is_no_unicode_is_found(tmp_path: Path) -> None:
    """It is asked for as it was, and written with a backslash."""
    place, odd = str(tmp_path / "history.db"), "caf\udce9"
    database = Database(parse(place))
    batch = Batch([life(2, owner=odd, reason=(odd, odd))._facts], NOON, 1, 0, Places())
    batch.clean()
    with database.writing() as connection:
        prepare(connection)
        batch.insert(connection)
    database.close()
    with open_history(place) as history:
        assert history.count(owner_type=odd, reason=odd) == 1
        assert history.count(owner_type="cafe") == 0


def found(history: StoredHistory, **filters: Any) -> list[tuple[int, int, float]]:
    """Session, id and start of what is found."""
    return [(one.session, one.id, one.started_at - NOON) for one in history.lives(**filters)]


ALL = [(1, 2, 0.0), (1, 3, 10.0), (1, 4, 20.0), (1, 4, 25.0), (2, 2, 30.0), (2, 3, 40.0)]

FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [0, 1, 2, 3, 4, 5]),
    ({"session": 2}, [4, 5]),
    ({"id": 4}, [2, 3]),
    ({"parent_id": 2}, [1, 5]),
    ({"owner_type": "Camera"}, [0, 2, 3]),
    ({"task_type": TaskType.JOB}, [4, 5]),
    ({"task_type": TaskType.TASK}, [0, 2, 3]),
    ({"state": TaskState.RETRYING}, [2]),
    ({"state": TaskState.DISPOSED}, [0, 1, 3, 4, 5]),
    ({"state": TaskState.GOING}, []),
    ({"reason": "ValueError"}, [4]),
    ({"reason": ConnectionError}, [2, 3]),
    ({"since": NOON + 25}, [3, 4, 5]),
    ({"until": NOON + 25}, [0, 1, 2, 3]),
    ({"since": NOON + 10, "until": NOON + 20}, [1, 2]),
    ({"failed": True}, [2, 3, 4]),
    ({"failed": False}, [0, 1, 5]),
    ({"owner_type": "Camera", "failed": True, "session": 1, "id": 4}, [2, 3]),
    ({"owner_type": "Nobody"}, []),
    ({"owner_type": None, "failed": None}, [0, 1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=[", ".join(one) or "none" for one, _ in FILTERS])
def test_lives_are_found_by_each_filter(history: StoredHistory, filters: dict[str, Any], expected: list[int]) -> None:
    """H5: the filters of `History.records` and `session`, newest last; `count` counts the same."""
    assert found(history, **filters) == [ALL[index] for index in expected]
    assert history.count(**filters) == len(expected)


@pytest.mark.parametrize(("limit", "offset"), [(2, 0), (2, 2), (None, 4), (10, 5), (0, 0), (3, 9), (None, 0)])
def test_pages_count_from_the_newest(history: StoredHistory, limit: int | None, offset: int) -> None:
    """H5: at most `limit`, the newest, without the `offset` that are newer still; in the same order."""
    end = max(len(ALL) - offset, 0)
    assert found(history, limit=limit, offset=offset) == ALL[0 if limit is None else max(end - limit, 0) : end]


def test_the_lives_of_a_task_are_found_by_an_index(tmp_path: Path) -> None:
    """SQLite does not look through a whole session for them."""
    write(str(tmp_path / "history.db"), [life(number) for number in range(1, 100)])
    plans: list[str] = []
    with open_history(tmp_path / "history.db") as history:

        @event.listens_for(history._database.engine, "before_cursor_execute")
        def explain(connection: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
            if statement.startswith("SELECT gotask_lives"):
                plan = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
                plans.extend(row[3] for row in plan)

        assert [one.id for one in history.lives(session=1, id=7)] == [7]
    assert "SEARCH gotask_lives USING INDEX gotask_lives_task (session=? AND id>? AND id<?)" in plans


def test_pages_apply_after_the_filters(history: StoredHistory) -> None:
    """H5: a page of what was found, not what is found in a page."""
    assert found(history, owner_type="Camera", limit=1, offset=1) == [ALL[2]]


def test_a_wrong_page_is_refused(history: StoredHistory) -> None:
    """A page that cannot be is an error in the caller, which says what would work."""
    with pytest.raises(ValueError, match="limit is a whole number, 0 or more, not -1"):
        history.lives(limit=-1)
    with pytest.raises(ValueError, match=r"offset is a whole number, 0 or more, not 1\.5"):
        history.sessions(offset=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"state": "DISPOSED"}, r"^state is a TaskState \(INIT, .*RETRYING\), not 'DISPOSED'$"),
        ({"state": 8}, r"^state is a TaskState .*, not 8$"),
        ({"task_type": "JOB"}, r"^task_type is a TaskType \(TASK, JOB, WORK, CHANNEL\), not 'JOB'$"),
        ({"limit": -1}, r"^limit is a whole number, 0 or more, not -1$"),
        ({"offset": 1.5}, r"^offset is a whole number, 0 or more, not 1\.5$"),
    ],
)
def test_a_wrong_filter_is_refused(history: StoredHistory, filters: dict[str, Any], message: str) -> None:
    """H5: it is an error in the caller, the same for the lives in memory, also where there is none to choose from."""
    for ask in (history.lives, History().records):
        with pytest.raises(ValueError, match=message):
            ask(**filters)


def test_an_unknown_filter_is_refused(history: StoredHistory) -> None:
    """A filter that does not exist is an error that names those that do."""
    with pytest.raises(TypeError, match="there is no filter 'ownerType': there are session, id, parent_id"):
        history.count(ownerType="Camera")  # type: ignore[call-arg]


def test_a_life_comes_back_as_it_was(place: str) -> None:
    """H3, H4, H5: a stored life is a LifeRecord that says all that the one in memory said."""
    steps = [Step("connect", "to the camera", 0.25), Step("fetch", "", 0.5)]
    told = more({"file": "a.mp4", "größe": "大"}, steps, retries=2, errors=("OSError('shut')",), abandoned=True)
    original = life(7, at=3, extra=told, reason=("OSError", "gone"), failed=True)
    write(place, [life(6), original])
    with open_history(place) as history:
        plain, stored = history.lives()
    assert stored.as_dict() == {"session": 1, **original.as_dict()}
    assert plain.as_dict() == {"session": 1, **life(6).as_dict()}
    assert isinstance(stored, LifeRecord)
    assert pickle.loads(pickle.dumps(stored)) == stored
    assert len({plain, stored, pickle.loads(pickle.dumps(stored))}) == 2


def test_places_are_formatted_once_and_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """H1: each place in the source has its text, however many there are; only so many are remembered."""
    monkeypatch.setattr("gotask.store.rows.MOST_PLACES", 2)
    places = Places()
    code = test_places_are_formatted_once_and_not_kept_for_ever.__code__
    for _ in range(2):
        texts = [places.text((code, offset)) for offset in (0, 2, 4, 6)]
        assert texts == [where((code, offset)) for offset in (0, 2, 4, 6)]
    assert (places.text("as it is"), places.text(None)) == ("as it is", "")
    assert len(places._known) <= 2


def test_a_task_that_never_started_comes_back_too(place: str) -> None:
    """H5: a life without start or body keeps what it does not have."""
    instants = (1.0, None, None, None, 3.0)
    who = (9, None, "front door", "Camera", TaskType.TASK, 1, 0)
    original = LifeRecord((*who, *instants, ("Exit", ""), False, True, "", None), NOON)
    write(place, [original])
    with open_history(place) as history:
        [stored] = history.lives()
    assert stored.as_dict() == {"session": 1, **original.as_dict()}
    assert (stored.key, stored.parent_id, stored.started_at) == ("front door", None, NOON + 1)


def test_statistics_by_owner_type(history: StoredHistory) -> None:
    """Durations: number, failures, mean, p50, p95, max; they count from the moment a task was added."""
    camera, recorder, lens = history.statistics()
    assert (camera.of, camera.count, camera.failed) == ("Camera", 3, 2)
    assert (camera.mean, camera.p50, camera.p95, camera.max) == pytest.approx((19 / 6, 3.5, 4.5, 4.5))
    assert (recorder.of, recorder.count, recorder.p50, recorder.max) == ("Recorder", 2, 1.5, 5.5)
    assert (lens.of, lens.failed, lens.mean) == ("Lens", 0, 2.5)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("task_type", {TaskType.TASK: 3, TaskType.JOB: 2, TaskType.CHANNEL: 1}),
        ("state", {TaskState.DISPOSED: 5, TaskState.RETRYING: 1}),
        ("reason_type", {"TaskComplete": 3, "ConnectionError": 2, "ValueError": 1}),
        ("session", {1: 4, 2: 2}),
        ("all", {"all": 6}),
    ],
)
def test_statistics_by_other_things(history: StoredHistory, by: Any, expected: dict[object, int]) -> None:
    """Lives are put together by task type, state, reason or session, the most frequent first."""
    assert {one.of: one.count for one in history.statistics(by)} == expected


def test_statistics_of_some_lives(history: StoredHistory) -> None:
    """Filters apply to statistics too."""
    assert [(one.of, one.count) for one in history.statistics(failed=True, session=1)] == [("Camera", 2)]
    assert history.statistics(owner_type="Nobody") == []


def test_statistics_by_what_there_is_not(history: StoredHistory) -> None:
    """A wrong `by` is refused, with those there are."""
    with pytest.raises(ValueError, match="by is one of owner_type, task_type"):
        history.statistics("colour")  # type: ignore[arg-type]


def test_percentiles_are_lives_that_happened(place: str) -> None:
    """p50 and p95 are the smallest durations that so many of a hundred do not exceed."""
    write(place, [life(number, at=number, lasting=number) for number in range(1, 101)])
    with open_history(place) as history:
        [one] = history.statistics()
    assert (one.p50, one.p95, one.max) == (50.5, 95.5, 100.5)


def test_failures_by_reason(history: StoredHistory) -> None:
    """Failures are put together by reason, the most frequent first, each with the latest of its kind."""
    assert history.failures() == [
        Failures("ConnectionError", 2, NOON + 29, "no signal", "Camera"),
        Failures("ValueError", 1, NOON + 31, "full", "Recorder"),
    ]
    assert [one.reason_type for one in history.failures(session=2)] == ["ValueError"]


def test_sessions_come_newest_last(history: StoredHistory) -> None:
    """Sessions can be listed, paged, and asked for by number."""
    assert [one.id for one in history.sessions()] == [1, 2]
    assert [one.id for one in history.sessions(limit=1)] == [2]
    assert [one.id for one in history.sessions(limit=1, offset=1)] == [1]
    first = history.session(1)
    assert first is not None
    assert (first.program, first.host, first.args, first.ended_at, first.crashed) == (
        "camera",
        "elsewhere",
        (),
        None,
        False,
    )
    assert history.session(3) is None


def test_a_history_that_is_not_there(tmp_path: Path) -> None:
    """Reading makes no file."""
    with pytest.raises(FileNotFoundError, match=r"there is no history .*nothing\.db yet"):
        open_history(tmp_path / "nothing.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_history(tmp_path: Path) -> None:
    """It says so, in one sentence, and the file stays as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("no history at all\n" * 100)
    with pytest.raises(SchemaError, match=r"^.*notes\.txt is no history: file is not a database$"):
        open_history(file)
    assert file.read_text() == "no history at all\n" * 100


def test_a_database_of_something_else(tmp_path: Path) -> None:
    """Reading makes no tables in it."""
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as shop:
        shop.execute("CREATE TABLE orders (number)")
        with pytest.raises(SchemaError, match=r"^.*shop\.db is no history: it has tables of something else$"):
            open_history(file)
        assert shop.execute("SELECT name FROM sqlite_master").fetchall() == [("orders",)]


def test_a_history_in_memory_belongs_to_its_program() -> None:
    """Nobody else can open it."""
    with pytest.raises(ValueError, match="can only be asked by its own program"):
        open_history(None)
