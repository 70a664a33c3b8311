"""One program under many schedules: `explore`, and what it found."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from gotask.context import CURRENT
from gotask.errors import causes, leaves
from gotask.hooks import is_async
from gotask.root import RootManager
from gotask.roots import EVERYWHERE, OPEN, ROOTS
from gotask.running import takes_root
from gotask.testing.schedule import AnyOrder, ScheduledLoop, no_loop_running, wind_up
from gotask.testing.trace import Trace, TraceStep
from gotask.testing.tracer import Numbers, Tracer, waits
from gotask.tracing import LOGGER, as_text, cut, shown

Watch = Mapping[str, Callable[..., object]]
"""Under a name, a function that returns a value of the program; it may take the root."""

SHOWN_SEEDS = 5
SHOWN_TEXT = 70


@dataclass(frozen=True, slots=True)
class Run:
    """How the program went under one schedule. `waits`: if it hangs, who waits, and where."""

    seed: int
    outcome: str
    failed: bool
    waits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """What is explored, and how."""

    function: Callable[..., Any]
    check: Callable[[Any], object] | None
    jitter: float
    turns: int

    def run(self, seed: int, watch: Watch | None = None) -> tuple[Run, list[TraceStep]]:
        """Run it under one schedule; if something is watched, its steps are noted."""
        random.seed(seed)
        root: RootManager[Any, Any] = RootManager()
        loop, numbers, context = ScheduledLoop(seed, self.jitter), Numbers(), copy_context()
        context.run(CURRENT.set, None)
        tracer = None
        if watch is not None:
            looks = {what: partial(look, root) if takes_root(look) else look for what, look in watch.items()}
            tracer = loop.follower = Tracer(loop, numbers, looks)
        main = loop.create_task(self.run_in(root, loop, numbers, tracer), context=context)
        try:
            endless = "" if loop.run_to_end(main, self.turns) else self._endless(loop)
            waiting = waits(loop) if endless else []
            steps = [] if tracer is None else tracer.end()
        finally:
            wind_up(loop, main)
            OPEN.pop(root.task_id, None)
            ROOTS.pop(root.task_id, None)
        outcome, failed = (endless, True) if endless else self._judge(main)
        return Run(seed, numbers.renumber(outcome), failed, tuple(map(numbers.renumber, waiting))), steps

    async def run_in(
        self, root: RootManager[Any, Any], loop: ScheduledLoop, numbers: Numbers, tracer: Tracer | None
    ) -> Any:
        """The main program of one schedule."""
        async with root:
            root.observe(numbers)
            if tracer is not None:
                root.observe(tracer)
            pump = root._life.pump
            pump._ready = AnyOrder(pump._ready, loop.choose)
            try:
                return await (self.function(root) if takes_root(self.function) else self.function())
            finally:
                if tracer is not None:
                    root.unobserve(tracer)
                    tracer.is_over = True

    def _endless(self, loop: ScheduledLoop) -> str:
        return "hangs" if loop.is_stuck else f"goes on after {self.turns} turns"

    def _judge(self, main: asyncio.Task[Any]) -> tuple[str, bool]:
        """What came out, and whether that is a failure."""
        if main.cancelled():
            return "raises CancelledError", True
        error = main.exception()
        if error is None:
            value = main.result()
            return shown(value), self.check is not None and not self.check(value)
        for cause in causes(error):
            if leaves(cause):
                raise cause
        return f"raises {type(error).__name__}: {as_text(error)}".removesuffix(": "), True


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep what the runs do from the rest of the process: its event loop, observers, log and random numbers."""
    observers, handlers, propagates, state = EVERYWHERE[:], LOGGER.handlers, LOGGER.propagate, random.getstate()
    with no_loop_running():
        EVERYWHERE.clear()
        LOGGER.handlers, LOGGER.propagate = [logging.NullHandler()], False
        try:
            yield
        finally:
            EVERYWHERE[:] = observers
            LOGGER.handlers, LOGGER.propagate = handlers, propagates
            random.setstate(state)


class Exploration:
    """What a program did under many schedules; print it, or show it in a notebook: a table.

    `runs` has one Run for each schedule, in the order of their seeds.
    """

    def __init__(self, program: Program, runs: tuple[Run, ...]) -> None:
        self.runs = runs
        self._program = program

    @property
    def outcomes(self) -> Counter[str]:
        """How many schedules led to each outcome: what the program returned, as text, or what it raised, or "hangs"."""
        return Counter(run.outcome for run in self.runs)

    @property
    def failing(self) -> tuple[int, ...]:
        """The seeds of the schedules in which it raised, did not end, or `check` said no."""
        return tuple(run.seed for run in self.runs if run.failed)

    def seeds(self, outcome: str) -> tuple[int, ...]:
        """The seeds of the schedules that led to this outcome."""
        return tuple(run.seed for run in self.runs if run.outcome == outcome)

    def replay(self, seed: int | None = None, watch: Watch | None = None) -> Trace:
        """Run one schedule again, and tell it step by step.

        Args:
            seed: Which one. None: the first that failed.
            watch: By name, functions that return a value of the program, such as `{"count": lambda: shop.count}`;
                they may take the root. Each step tells the values before and after it.

        Raises:
            ValueError: None has failed; or what is to be watched never had a value.
            RuntimeError: It went another way than before, because it depends on more than the schedule.
        """
        if seed is None:
            if not self.failing:
                raise ValueError(f"none of the {len(self.runs)} schedules failed: say which one, as in replay(seed=7)")
            seed = self.failing[0]
        with undisturbed():
            run, steps = self._program.run(seed, watch or {})
        before = next((run.outcome for run in self.runs if run.seed == seed), run.outcome)
        if before != run.outcome:
            raise RuntimeError(
                f"schedule {seed} led to {run.outcome} now, and to {before} before: the program depends on more than "
                f"the schedule. Let it make what it changes anew each time, and use no clock, `id()` or order of a set"
            )
        return Trace(seed, run.outcome, tuple(steps), run.waits)

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """The lines of the table, the most frequent outcome first."""
        bad = {run.outcome for run in self.runs if run.failed}
        rows = []
        for outcome, count in sorted(self.outcomes.items(), key=lambda one: (-one[1], one[0])):
            seeds = self.seeds(outcome)
            more = ", …" if len(seeds) > SHOWN_SEEDS else ""
            text = cut(" ".join(outcome.split()), SHOWN_TEXT)
            rows.append((text, str(count), ", ".join(map(str, seeds[:SHOWN_SEEDS])) + more, "fails" * (outcome in bad)))
        return rows

    def _title(self) -> str:
        failed = len(self.failing)
        name = getattr(self._program.function, "__name__", type(self._program.function).__name__)
        return f"{name}: {failed} of {len(self.runs)} schedules {'fails' if failed == 1 else 'fail'}"

    def _hanging(self) -> list[str]:
        """Of the first one that did not end, who waits."""
        run = next((run for run in self.runs if run.waits), None)
        return [] if run is None else [f"schedule {run.seed} {run.outcome}:", *(f"  {line}" for line in run.waits)]

    def __str__(self) -> str:
        rows = [("outcome", "schedules", "first seeds", ""), *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{text:<{widths[0]}}  {count:>{widths[1]}}  {seeds:<{widths[2]}}  {mark}".rstrip()
            for text, count, seeds, mark in rows
        ]
        return "\n".join([self._title(), *lines, *self._hanging()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{head}</th>" for head in ("outcome", "schedules", "first seeds", ""))
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self._rows())
        hanging = "".join(f"<pre>{escape(line)}</pre>" for line in ["\n".join(self._hanging())] if line)
        return f"<p>{escape(self._title())}</p><table><tr>{heads}</tr>{rows}</table>{hanging}"


def explore(
    program: Callable[..., Any],
    *,
    schedules: int = 200,
    seed: int = 0,
    check: Callable[[Any], object] | None = None,
    jitter: float = 0.0,
    turns: int = 10_000,
) -> Exploration:
    """Run a program under many schedules, in virtual time, and tell what came out: races show in some of them.

    Wherever more than one coroutine is ready, the seed of the schedule decides which one takes its next step. Not found
    are faults that need threads, real I/O, a CPU that is held up, or a schedule that was not among those tried. It is
    a plain call that needs no thread, also in a notebook or any coroutine; the programs run on asyncio, whatever the
    caller runs on. The log of `gotask` is held back meanwhile.

    Args:
        program: An async function; it may take the root, an own one each time. It must make all that it changes.
        schedules: How many; their seeds are `seed`, `seed + 1`, …
        seed: The first of them.
        check: Called with what the program returned: whether that is right.
        jitter: How late a timer may be, as a part of its delay: with 0.5 a sleep of 1 s takes up to 1.5 s.
        turns: Turns of the event loop after which a schedule is given up.

    Raises:
        TypeError: The program is no async function.
        ValueError: A number is out of range.
        TaskStateError: It was called inside trio.
    """
    check_options(program, schedules, jitter, turns)
    plan = Program(program, check, jitter, turns)
    with undisturbed():
        return Exploration(plan, tuple(plan.run(number)[0] for number in range(seed, seed + schedules)))


def check_options(program: Any, schedules: int, jitter: float, turns: int) -> None:
    """Refuse what cannot be explored."""
    if inspect.iscoroutine(program):
        program.close()
    if not is_async(program):
        raise TypeError(
            f"explore() takes the async function itself, without brackets after it, and calls it for each schedule; "
            f"this is {program!r}"
        )
    if schedules < 1 or turns < 1:
        raise ValueError(f"schedules and turns are 1 or more, not {schedules!r} and {turns!r}")
    if not 0 <= jitter < math.inf:
        raise ValueError(f"jitter is a part of a delay, 0 or more, not {jitter!r}")
