"""What the tests of the durable history share: lives made by hand, and programs that write some."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from gotask import LifeRecord, Step, TaskType
from gotask.store.database import Database, parse
from gotask.store.rows import Batch, Places
from gotask.store.schema import SESSIONS, prepare

NOON = 1_700_000_000.0


def life(number: int = 1, *, at: float = 0.0, lasting: float = 1.0, parent: int | None = 1, owner: str = "Camera",
         kind: TaskType = TaskType.TASK, reason: tuple[str, str] = ("TaskComplete", ""), failed: bool = False,
         final: bool = True, extra: tuple[Any, ...] | None = None) -> LifeRecord:  # fmt: skip
    """A life that began so many seconds after noon, half a second after it was added."""
    instants = (at - 0.5, at, at + 0.125, at + lasting - 0.125, at + lasting)
    facts = (number, parent, number, owner, kind, 1, 1, *instants, reason, failed, final, "main.py:7", extra)
    return LifeRecord(facts, NOON)


def more(descriptions: dict[str, str] | None = None, steps: Iterable[Step] = (), retries: int = 0,
         errors: tuple[str, ...] = (), abandoned: bool = False) -> tuple[Any, ...]:  # fmt: skip
    """What only some lives have to tell."""
    return retries, descriptions or {}, tuple(steps), errors, abandoned


def write(place: str, *sessions: list[LifeRecord]) -> None:
    """Make a history of these sessions, numbered from 1."""
    database = Database(parse(place))
    with database.writing() as connection:
        prepare(connection)
        for number, lives in enumerate(sessions, 1):
            values = {"program": "camera", "host": "elsewhere", "pid": number, "process_started_at": NOON}
            values |= {"started_at": NOON + number, "args": "[]", "version": "0.1.0"}
            connection.execute(SESSIONS.insert().values(values))
            Batch([one._facts for one in lives], NOON, number, 0, Places()).insert(connection)
    database.close()


PROGRAM = """
import sys, time, anyio, gotask
from gotask.store import HistoryStore

class Short(gotask.Task):
    async def run(self):
        pass

async def main(root):
    store = root.add_task(HistoryStore(sys.argv[1]))
    job = root.add_task(gotask.Work())
{body}

gotask.run(main)
"""


@contextmanager
def program(place: str, body: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that writes its history there; `body` is the end of its `main(root)`."""
    indented = "\n".join("    " + line for line in body.strip().splitlines())
    command = [sys.executable, "-u", "-c", PROGRAM.format(body=indented), place]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child:
        try:
            yield child
        finally:
            child.kill()  # else a test that fails would wait for it
