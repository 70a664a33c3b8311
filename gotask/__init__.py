"""gotask: a tree of asynchronous tasks inside one program, to be started, stopped, restarted, retried and watched.

class Hello(gotask.Task):
    async def run(self):
        self.info("hello", task_id=self.task_id)

async def main(root):
    await root.add_task(Hello())

gotask.run(main)
"""

import typing

if typing.TYPE_CHECKING:
    from gotask.blocking import BlockingRoot
    from gotask.channel import ChannelTask
    from gotask.context import current_task
    from gotask.core import get_next_task_id
    from gotask.errors import (
        AutoStop,
        CircuitOpenError,
        Exit,
        GotaskError,
        Restart,
        RetryExhausted,
        StopByUser,
        StopReason,
        TaskComplete,
        TaskDisposedError,
        TaskExistsError,
        TaskPanic,
        TaskStateError,
        TimeoutReason,
        TooManyChildrenError,
    )
    from gotask.events import Observer
    from gotask.history import History
    from gotask.job import Job
    from gotask.live import Changes, LiveTree, Subscription, TaskRow
    from gotask.records import LifeRecord, Step, Timings
    from gotask.retry import CircuitBreaker, RetryPolicy
    from gotask.root import RootManager
    from gotask.roots import from_pointer, get_task_history, observe, unobserve
    from gotask.running import run
    from gotask.sending import Channel
    from gotask.snapshots import TaskSnapshot, snapshot
    from gotask.states import TaskState, TaskType
    from gotask.stop_report import ShutdownReport, StopReport, Unstopped, Waiting
    from gotask.task import Task
    from gotask.tick import AsyncTickTask, TickTask
    from gotask.watchdog import Blockage
    from gotask.work import Work, WorkCollection
else:
    _PLACES = {
        "blocking": "BlockingRoot",
        "channel": "ChannelTask",
        "context": "current_task",
        "core": "get_next_task_id",
        "errors": "AutoStop CircuitOpenError Exit GotaskError Restart RetryExhausted StopByUser StopReason "
        "TaskComplete TaskDisposedError TaskExistsError TaskPanic TaskStateError TimeoutReason TooManyChildrenError",
        "events": "Observer",
        "history": "History",
        "job": "Job",
        "live": "Changes LiveTree Subscription TaskRow",
        "records": "LifeRecord Step Timings",
        "retry": "CircuitBreaker RetryPolicy",
        "root": "RootManager",
        "roots": "from_pointer get_task_history observe unobserve",
        "running": "run",
        "sending": "Channel",
        "snapshots": "TaskSnapshot snapshot",
        "states": "TaskState TaskType",
        "stop_report": "ShutdownReport StopReport Unstopped Waiting",
        "task": "Task",
        "tick": "AsyncTickTask TickTask",
        "watchdog": "Blockage",
        "work": "Work WorkCollection",
    }

    def __getattr__(name):
        """Import a public name from its module when it is first used (PEP 562), as anyio does: most need not all."""
        for module, names in _PLACES.items():
            if name in names.split():
                value = globals()[name] = getattr(__import__(f"gotask.{module}", fromlist=[name]), name)
                return value
        raise AttributeError(f"module 'gotask' has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "AsyncTickTask", "AutoStop", "Blockage", "BlockingRoot", "Changes", "Channel", "ChannelTask", "CircuitBreaker",
    "CircuitOpenError", "Exit", "GotaskError", "History", "Job", "LifeRecord", "LiveTree", "Observer", "Restart",
    "RetryExhausted", "RetryPolicy", "RootManager", "ShutdownReport", "Step", "StopByUser", "StopReason",
    "StopReport", "Subscription", "Task", "TaskComplete", "TaskDisposedError", "TaskExistsError", "TaskPanic",
    "TaskRow", "TaskSnapshot", "TaskState", "TaskStateError", "TaskType", "TickTask", "TimeoutReason", "Timings",
    "TooManyChildrenError", "Unstopped", "Waiting", "Work", "WorkCollection", "current_task", "from_pointer",
    "get_next_task_id", "get_task_history", "observe", "run", "snapshot", "unobserve",
]  # fmt: skip
