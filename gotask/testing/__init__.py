"""For tests of programs that use gotask: virtual time, a recorder, a stepper, an explorer; and a pytest plugin."""

from gotask.testing.explorer import Exploration, Run, explore
from gotask.testing.holding import hold_time, let_time_pass
from gotask.testing.queued import Hold, QueuedEvent, StateChange, StepTaken
from gotask.testing.recorder import Event, EventRecorder
from gotask.testing.stepper import Stepper
from gotask.testing.trace import Place, Trace, TraceStep
from gotask.testing.virtual_time import VirtualClock, VirtualTimeLoop, backend_options, run_virtual

BACKENDS = ("asyncio", "asyncio+uvloop", "trio")
"""What `backend_options` takes: all ways in which a program may be run."""

__all__ = [
    "BACKENDS", "Event", "EventRecorder", "Exploration", "Hold", "Place", "QueuedEvent", "Run", "StateChange",
    "StepTaken", "Stepper", "Trace", "TraceStep", "VirtualClock", "VirtualTimeLoop", "backend_options", "explore",
    "hold_time", "let_time_pass", "run_virtual",
]  # fmt: skip
