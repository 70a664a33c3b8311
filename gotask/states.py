"""The states of a task, and the table of the steps between them (L1)."""

from __future__ import annotations

from enum import IntEnum


class TaskState(IntEnum):
    """Where a task is in its life. The numbers are those of the wire (L1)."""

    INIT = 0
    STARTING = 1
    STARTED = 2
    RUNNING = 3
    GOING = 4
    DISPOSING = 5
    DISPOSED = 6
    RETRYING = 7


class TaskType(IntEnum):
    """What kind of task it is. The numbers are those of the wire."""

    TASK = 0
    JOB = 1
    WORK = 2
    CHANNEL = 3


INIT, STARTING, STARTED, RUNNING, GOING, DISPOSING, DISPOSED, RETRYING = TaskState

STEPS: dict[TaskState, tuple[TaskState, ...]] = {
    INIT: (STARTING, DISPOSED),
    STARTING: (STARTED, DISPOSING, DISPOSED),
    STARTED: (RUNNING, GOING, DISPOSING, DISPOSED),
    RUNNING: (STARTED, DISPOSING, DISPOSED),
    GOING: (STARTED, DISPOSING, DISPOSED),
    DISPOSING: (DISPOSED, RETRYING),
    RETRYING: (STARTING, DISPOSED),
    DISPOSED: (INIT,),
}
"""From each state the states that may follow. STARTING, STARTED, RUNNING and GOING go straight to DISPOSED only
when a task is abandoned (S5); RUNNING and GOING go back to STARTED when the body of a Job returns and the Job
stays for its children (L6)."""

ALLOWED: list[list[bool]] = [[new in STEPS[old] for new in TaskState] for old in TaskState]
"""The same table as lists, because an index costs less than the hash of an enum."""

ACTIVE: list[bool] = [state in (STARTED, RUNNING, GOING) for state in TaskState]
"""By state: has it been started, and is it not being disposed yet (J6)?"""
