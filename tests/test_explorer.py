"""The race explorer of gotask.testing: many schedules, what they lead to, and one of them step by step."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import selectors
import socket
import threading
import warnings
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import sniffio

import gotask
from gotask import Job, RootManager, Task
from gotask.roots import OPEN
from gotask.testing import EventRecorder, Exploration, explore, run_virtual

Root = RootManager[Any, Any]


class Counter(gotask.Work):
    """Reads, waits, writes: right only if nobody else does meanwhile."""

    def __init__(self) -> None:
        self.value = 0

    async def add(self) -> None:
        seen = self.value
        await anyio.lowlevel.checkpoint()
        self.value = seen + 1


async def count(root: Root, visit: Callable[[Counter], Any], visitors: int) -> int:
    counter = root.add_task(Counter(), key="counter")
    await counter.wait_started()
    for task in [root.add_task(visit, counter, name="Visitor") for _ in range(visitors)]:
        await task
    return counter.value


async def beside(counter: Counter) -> None:
    await counter.add()


async def by_call(counter: Counter) -> None:
    await counter.call(counter.add)


async def unsafe(root: Root) -> int:
    return await count(root, beside, 3)


async def safe(root: Root) -> int:
    return await count(root, by_call, 10)


def is_three(value: int) -> bool:
    return value == 3


# What is found


def test_a_lost_update_is_found() -> None:
    """Two that read, wait and write lose an update in some schedules, and in others they do not."""
    found = explore(unsafe, schedules=60, check=is_three)
    assert set(found.outcomes) == {"1", "2", "3"}
    assert sorted(found.failing) == sorted(found.seeds("1") + found.seeds("2"))
    assert len(found.runs) == sum(found.outcomes.values()) == 60


def test_with_call_no_schedule_fails() -> None:
    """Q6: two calls never overlap, whoever goes first."""
    found = explore(safe, schedules=60, check=lambda value: value == 10)
    assert found.failing == ()
    assert found.outcomes == {"10": 60}


def test_the_same_seeds_fail_each_time() -> None:
    """A schedule depends on its seed alone, not on the order in which schedules are run, nor on what ran before."""
    found = explore(unsafe, schedules=30, check=is_three)
    again = explore(unsafe, schedules=10, seed=20, check=is_three)
    assert found.runs[20:] == again.runs


def test_the_seeds_are_those_of_any_machine() -> None:
    """The first ten outcomes are these, on every Python."""
    assert [run.outcome for run in explore(unsafe, schedules=10).runs] == list("2123232221")


async def late(root: Root) -> list[str]:
    """Two that are ready at different instants."""
    order: list[str] = []

    async def after(delay: float, name: str) -> None:
        await anyio.sleep(delay)
        order.append(name)

    for task in [root.add_task(after, 1.0, "soon"), root.add_task(after, 1.2, "late")]:
        await task
    return order


def test_time_keeps_order() -> None:
    """What is due later comes later; with jitter a timer may be late, and so be overtaken."""
    assert set(explore(late, schedules=30).outcomes) == {"['soon', 'late']"}
    assert set(explore(late, schedules=30, jitter=0.5).outcomes) == {"['soon', 'late']", "['late', 'soon']"}


async def at_one_instant() -> list[int]:
    order: list[int] = []
    loop = asyncio.get_running_loop()
    for number in range(3):
        loop.call_later(1, order.append, number)
    await anyio.sleep(2)
    return order


def test_timers_of_one_instant_come_in_any_order() -> None:
    """asyncio promises nothing for timers of the same instant."""
    assert len(explore(at_one_instant, schedules=60).outcomes) == 6


async def plain_callbacks() -> list[int]:
    order: list[int] = []
    loop = asyncio.get_running_loop()

    async def note(number: int) -> None:
        order.append(number)

    tasks = [asyncio.ensure_future(note(0)), asyncio.ensure_future(note(1))]
    loop.call_soon(order.append, 2)
    loop.call_soon(order.append, 3)
    tasks.append(asyncio.ensure_future(note(4)))
    await asyncio.gather(*tasks)
    return order


def test_plain_callbacks_keep_their_place() -> None:
    """asyncio promises the order of `call_soon`: among callbacks, and against the coroutines made ready around them."""
    assert set(explore(plain_callbacks, schedules=30).outcomes) == {"[0, 1, 2, 3, 4]", "[1, 0, 2, 3, 4]"}


async def two_jobs(root: Root) -> list[str]:
    order: list[str] = []

    class Noting(Task[None]):
        def start(self) -> None:
            order.append(f"{self.key}")

    jobs = [root.add_task(gotask.Work()), root.add_task(gotask.Work())]
    for job in jobs:
        await job.wait_started()
    for number, job in enumerate(jobs):
        job.add_task(Noting(), key=f"{number}a")
        job.add_task(Noting(), key=f"{number}b")
    await anyio.sleep(1)
    return order


def test_hooks_of_one_job_keep_their_order() -> None:
    """L4: within a Job the order in which hooks became due; between Jobs any."""
    found = explore(two_jobs, schedules=30)
    assert set(found.outcomes) == {"['0a', '0b', '1a', '1b']", "['1a', '1b', '0a', '0b']"}


# How a program may end


class Eater(Task[None]):
    def __init__(self, first: anyio.Lock, second: anyio.Lock) -> None:
        self.forks = first, second

    async def go(self) -> None:
        async with self.forks[0]:
            await anyio.lowlevel.checkpoint()
            async with self.forks[1]:
                pass


async def dinner(root: Root) -> None:
    left, right = anyio.Lock(), anyio.Lock()
    for eater in [root.add_task(Eater(left, right)), root.add_task(Eater(right, left))]:
        await eater


def test_a_deadlock_is_an_outcome() -> None:
    """It is told who waits, and where; the explorer goes on."""
    found = explore(dinner, schedules=30)
    assert set(found.outcomes) == {"None", "hangs"}
    assert found.failing == found.seeds("hangs")
    [hanging, *_] = [run for run in found.runs if run.outcome == "hangs"]
    waits = [line.partition(" waits at ") for line in hanging.waits]
    assert [who for who, _, _ in waits] == ["Eater#1 go", "Eater#2 go", "program"]
    assert waits[0][2].endswith("async with self.forks[1]:")
    assert "test_explorer.py:" in waits[0][2]
    assert hanging.waits[0] in str(found)


async def raising(root: Root) -> None:
    raise ValueError(f"in {root.add_task(Job())}")


def test_what_raises_fails() -> None:
    """Type and message are the outcome; the ids of tasks in it are numbers within the tree."""
    found = explore(raising, schedules=3)
    assert found.outcomes == {"raises ValueError: in <Job #1 INIT>": 3}
    assert found.failing == (0, 1, 2)


async def numbering(root: Root) -> str:
    task = root.add_task(Job())
    return f"{task.execution_path}, seat #{task.task_id}, #{root.task_id}"


def test_only_ids_of_tasks_are_replaced() -> None:
    """What else looks like an id is the program's own: two trees then differ in it."""
    found = explore(numbering, schedules=2)
    assert all(text.startswith("'RootManager/Job#1, seat #") for text in found.outcomes)
    assert len(found.outcomes) == 2


async def cancelled() -> None:
    raise asyncio.CancelledError


def test_a_cancellation_of_its_own_is_a_failure() -> None:
    """It does not reach the caller."""
    assert explore(cancelled, schedules=1).outcomes == {"raises CancelledError": 1}


async def spinning(root: Root) -> None:
    for _ in range(10**6):
        await anyio.lowlevel.checkpoint()


def test_turns_are_bounded() -> None:
    """A program that never ends is given up, and ended."""
    found = explore(spinning, schedules=2, turns=500)
    assert found.outcomes == {"goes on after 500 turns": 2}
    assert found.failing == (0, 1)


async def stubborn(root: Root) -> None:
    async def go() -> None:
        for _ in range(10**6):
            try:
                await anyio.sleep_forever()
            except asyncio.CancelledError:
                pass

    await root.add_task(go)


def test_what_does_not_end_is_dropped() -> None:
    """Not even a body that swallows its cancellation holds up the explorer; nothing is left, and nothing is said."""
    found = explore(stubborn, schedules=1)
    assert found.outcomes == {"hangs": 1}
    assert OPEN == {}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("inside", ["the program", "a body", "a hook", "the library"])
def test_an_interrupt_passes(kind: type[BaseException], inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """L14: KeyboardInterrupt and SystemExit leave explore() as themselves, wherever they came; nothing is left."""

    def interrupt(*_: object) -> None:
        raise kind

    async def program(root: Root) -> None:
        if inside == "the program":
            interrupt()
        if inside == "the library":
            monkeypatch.setattr(root._life.child_loop.__class__, "drain", interrupt)

        class Interrupted(Task[None]):
            async def go(self) -> None:
                if inside == "a body":
                    interrupt()

            def dispose(self) -> None:
                if inside == "a hook":
                    interrupt()

        await root.add_task(Interrupted()).wait_stopped()

    with pytest.raises(kind):
        explore(program)
    assert OPEN == {}


# Where it may be called, and what it leaves alone


@pytest.mark.parametrize("backend", ["asyncio", "asyncio+uvloop"])
def test_it_is_a_plain_call_inside_a_loop(backend: str) -> None:
    """In a coroutine it is called as anywhere; the loop and the task around it go on afterwards."""

    async def main() -> tuple[Exploration, float]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        found = explore(unsafe, schedules=10)
        assert (asyncio.get_running_loop(), asyncio.current_task()) == (loop, task)
        before = anyio.current_time()
        await anyio.to_thread.run_sync(threading.get_ident)
        await anyio.sleep(1)
        return found, anyio.current_time() - before

    found, passed = run_virtual(main, backend=backend)
    assert found.runs == explore(unsafe, schedules=10).runs
    assert passed == 1


async def test_a_task_may_explore(root: Root) -> None:
    """L11: what is explored is not a part of the tree whose hook explores; only trio cannot have asyncio inside."""

    async def go() -> Any:
        return explore(safe, schedules=2).outcomes

    task = root.add_task(go)
    if sniffio.current_async_library() == "trio":
        with pytest.raises(gotask.TaskStateError, match="call it from plain code"):
            await task
    else:
        assert await task == {"10": 2}


def test_any_thread_may_explore() -> None:
    """It needs no thread, and not the main one either."""
    with ThreadPoolExecutor() as pool:
        runs = pool.submit(explore, unsafe, schedules=10).result().runs
    assert runs == explore(unsafe, schedules=10).runs


def test_it_needs_no_thread_and_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it works in a browser, where there are none."""

    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError

    for owner, name in (threading.Thread, "start"), (socket, "socketpair"), (selectors, "DefaultSelector"):
        monkeypatch.setattr(owner, name, refuse)
    assert explore(safe, schedules=2).outcomes == {"10": 2}


class Explored(Task[None]):
    def start(self) -> None:
        raise ValueError


async def failing(root: Root) -> float:
    await root.add_task(Explored()).wait_stopped()
    return random.random()


def test_the_process_does_not_notice(caplog: pytest.LogCaptureFixture) -> None:
    """H5, H6, H7: no log, no lives in the history of the process, no observer told; random numbers go on as before."""
    heard = EventRecorder()
    gotask.observe(heard)
    random.seed(7)
    expected = [random.random() for _ in range(2)]
    random.seed(7)
    try:
        drawn = [random.random()]
        found = explore(failing, schedules=3)
        drawn.append(random.random())
        logging.getLogger("gotask.Explored").warning("heard again")
    finally:
        gotask.unobserve(heard)
    assert drawn == expected
    assert heard.events == []
    assert [record.message for record in caplog.records] == ["heard again"]
    assert gotask.get_task_history(owner_type="Explored") == []
    assert found.runs == explore(failing, schedules=3).runs


LEFT: list[asyncio.Future[None]] = []


async def leaving(root: Root) -> None:
    async def forever() -> AsyncIterator[int]:
        yield 1
        await anyio.sleep_forever()

    left = forever()
    await anext(left)
    LEFT[:] = [asyncio.ensure_future(anyio.sleep_forever()), asyncio.ensure_future(fail())]
    root.add_task(anyio.sleep_forever)
    await anyio.sleep(1)


async def fail() -> None:
    raise ValueError


def test_what_a_program_leaves_is_ended() -> None:
    """Tasks of asyncio, generators, tasks of the tree: nothing is left, and no warning is given."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert explore(leaving, schedules=3).outcomes == {"None": 3}
        LEFT.clear()
        gc.collect()
    assert caught == []
    assert OPEN == {}


# What cannot be explored


async def with_thread(root: Root) -> None:
    await anyio.to_thread.run_sync(threading.get_ident)


async def with_socket(root: Root) -> None:
    await anyio.connect_tcp("localhost", 1)


async def with_server(root: Root) -> None:
    await asyncio.start_server(lambda *_: None, "127.0.0.1")


async def with_process(root: Root) -> None:
    await asyncio.create_subprocess_exec("true")


async def with_executor(root: Root) -> None:
    await asyncio.to_thread(threading.get_ident)


async def with_plain_body(root: Root) -> None:
    await root.add_task(threading.get_ident)


async def with_pipe(root: Root) -> None:
    ends = socket.socketpair()
    try:
        await anyio.wait_readable(ends[0])
    finally:
        for end in ends:
            end.close()


@pytest.mark.parametrize(
    "program", [with_thread, with_socket, with_server, with_process, with_executor, with_plain_body, with_pipe]
)
def test_what_is_outside_is_refused(program: Any) -> None:
    """Threads and I/O have schedules of their own: a sentence says so where they are used."""
    [outcome] = explore(program, schedules=1).outcomes
    assert outcome.startswith("raises TaskStateError: explore() runs programs without I/O and threads")


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (TypeError, {"program": 5}),
        (TypeError, {"program": print}),
        (ValueError, {"schedules": 0}),
        (ValueError, {"turns": 0}),
        (ValueError, {"jitter": -1.0}),
        (ValueError, {"jitter": float("nan")}),
    ],
)
def test_bad_input_is_refused(error: type[Exception], options: dict[str, Any]) -> None:
    """At once, before any schedule."""
    with pytest.raises(error):
        explore(**{"program": unsafe, **options})


def test_a_coroutine_is_refused() -> None:
    """The function is wanted; the coroutine is closed, so that nobody warns of it."""
    with pytest.raises(TypeError, match="without brackets"):
        explore(at_one_instant())  # type: ignore[arg-type]


# What is shown


def test_the_table() -> None:
    """The most frequent outcome first, with its first seeds; what fails is marked."""
    found = explore(unsafe, schedules=10, check=is_three)
    assert str(found) == TABLE
    assert repr(found) == TABLE


TABLE = """unsafe: 8 of 10 schedules fail
outcome  schedules  first seeds
2                6  0, 2, 4, 6, 7, …  fails
1                2  1, 9              fails
3                2  3, 5"""


def test_the_table_as_html() -> None:
    """The same as text in the cells, escaped."""

    async def program() -> str:
        return "<b>" + "x" * 100

    html = explore(program, schedules=1)._repr_html_()
    assert "&lt;b&gt;xxx" in html
    assert "<b>" not in html
    assert f"{'x' * 20}…</td><td>1</td><td>0</td>" in html


# Step by step


def value_of(root: Root) -> int:
    value: int = root["counter"].value
    return value


def test_a_replay_has_the_same_outcome() -> None:
    """Each schedule is run again as it was."""
    found = explore(unsafe, schedules=20, check=is_three)
    assert [found.replay(run.seed).outcome for run in found.runs] == [run.outcome for run in found.runs]
    assert found.replay().seed == found.failing[0]


def test_a_replay_shows_the_lost_update() -> None:
    """Who ran, from which line to which, who could have gone instead, and what it did to what is watched."""
    found = explore(unsafe, schedules=20, check=is_three)
    trace = found.replay(found.seeds("1")[0], watch={"counter": value_of})
    steps = [step for step in trace.steps if step.who.startswith("Visitor")]
    reading = [step for step in steps if step.resumed is None]
    writing = [step for step in steps if step.suspended is None]
    assert len(reading) == len(writing) == 3
    assert all(before == after for before, after in (step.watched["counter"] for step in reading))
    assert [step.watched["counter"] for step in writing] == [("0", "1"), ("1", "2"), ("2", "1")]
    assert len({str(step.suspended) for step in reading} | {str(step.resumed) for step in writing}) == 1
    assert str(reading[0].suspended).endswith("  await anyio.lowlevel.checkpoint()")
    assert sorted((steps[0].who, *steps[0].ready)) == ["Visitor#2 go", "Visitor#3 go", "Visitor#4 go"]
    assert [step.number for step in trace.steps] == [*range(len(trace.steps))]


def test_a_trace_reads_as_text() -> None:
    """A step: number, instant, who; from where to where; values; changes."""
    found = explore(unsafe, schedules=20, check=is_three)
    trace = found.replay(watch={"counter": value_of})
    text = str(trace)
    assert text.startswith(f"schedule {trace.seed}\n  0  0.000 s  program\n     from  its beginning\n")
    assert text.endswith(f"outcome: {trace.outcome}")
    assert str(trace.steps[1]) == (
        "  1  0.000 s  the loops of Jobs\n     counter: - -> 0\n     * Counter#1: INIT -> STARTING -> STARTED"
    )
    assert repr(trace) == f"<Trace of schedule {trace.seed}: {len(trace.steps)} steps, outcome {trace.outcome}>"


class Clock(gotask.TickTask):
    tick_interval = 1.0

    async def start(self) -> None:
        await anyio.sleep(1)

    def tick(self, due_at: float) -> None:
        self.step("struck", f"{due_at:g}")
        if due_at > 2:
            raise ValueError("worn out")


async def many_hooks(root: Root) -> None:
    clock = Clock()
    clock.set_retry(1, 1.0)
    root.add_task(clock)
    job = root.add_task(gotask.Work())
    await job.call(anyio.sleep, 0.5)
    await job.call(pause)
    async with anyio.create_task_group() as group:
        group.start_soon(pause)
    root.add_task(go_in_parts)
    await anyio.sleep(3)
    job.stop("enough")
    await clock.wait_stopped()


async def go_in_parts() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(pause)
        await anyio.sleep(0.25)


async def pause() -> None:
    await anyio.sleep(0.125)


def test_a_trace_names_every_hook() -> None:
    """Hooks that wait in their Job's loop, calls, bodies, parts of bodies, and what is beside the tree."""
    trace = explore(many_hooks, schedules=1).replay(0)
    who = {name for step in trace.steps for name in step.who.split(", then ")}
    assert who == {
        "program", "the loops of Jobs", "Clock#1 start", "Work#2 call of pause", "pause", "go_in_parts#3 go",
        "go_in_parts#3 pause",
    }  # fmt: skip
    changes = {change for step in trace.steps for change in step.changes}
    assert changes >= {
        "Work#2 takes a call", "RootManager#0 takes a tick of Clock#1", "Clock#1: struck 2",
        "Clock#1 failed, and is started again in 1 s", "Work#2 is asked to stop: StopByUser",
        "Work#2 ended with StopByUser: enough", "Clock#1 ended with ValueError: worn out",
    }  # fmt: skip


def test_a_trace_as_a_table() -> None:
    """One line for each step that is wanted, with the texts of the lines; what is too long is cut."""
    trace = explore(many_hooks, schedules=1).replay(0, watch={"answer": lambda: 42})
    assert trace.table("call of").splitlines() == [
        "   who                   from                      to                        answer",
        "5  Work#2 call of pause  its beginning             await anyio.sleep(0.125)  42 -> 42",
        "6  Work#2 call of pause  await anyio.sleep(0.125)  its end                   42 -> 42",
    ]
    assert "  async with anyio.create_task_gr…  " in trace.table("program")


def test_a_deadlock_is_replayed() -> None:
    """The trace ends with who waits."""
    found = explore(dinner, schedules=30)
    trace = found.replay()
    assert trace.outcome == "hangs"
    assert str(trace).endswith(f"outcome: hangs\n  {trace.waits[0]}\n  {trace.waits[1]}\n  {trace.waits[2]}")


def test_a_replay_needs_a_failure_or_a_seed() -> None:
    """When nothing failed, a seed is to be given; it need not be one of those that were explored."""
    found = explore(safe, schedules=2)
    with pytest.raises(ValueError, match="none of the 2 schedules failed"):
        found.replay()
    assert found.replay(77).outcome == "10"


def test_what_never_has_a_value_is_refused() -> None:
    """A mistake in what is watched is told, with what it raised."""
    with pytest.raises(ValueError, match="'counter', which is to be watched, never had a value: KeyError"):
        explore(unsafe, schedules=1).replay(0, watch={"counter": lambda root: root["count"]})


def test_a_program_that_goes_another_way_is_told() -> None:
    """A replay that differs from the exploration depends on more than the schedule."""
    seen: list[int] = []

    async def program() -> int:
        seen.append(1)
        return len(seen)

    found = explore(program, schedules=1)
    with pytest.raises(RuntimeError, match="led to 2 now, and to 1 before"):
        found.replay(0)
