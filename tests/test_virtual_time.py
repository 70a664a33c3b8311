"""Virtual time on asyncio, asyncio with uvloop, and trio."""

from __future__ import annotations

import asyncio
import math
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import trio
import trio.testing
from anyio.abc import SocketAttribute, SocketStream
from anyio.lowlevel import checkpoint, current_token

from gotask.testing.holding import hold_time, let_time_pass
from gotask.testing.virtual_time import (
    VirtualClock,
    VirtualTimeLoop,
    backend_options,
    run_virtual,
    virtual_time_uvloop,
)

BACKENDS = ["asyncio", "asyncio+uvloop", "trio"]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=BACKENDS[:2])
def asyncio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return backend_options(request.param)


@contextmanager
def at_most(real: float) -> Iterator[None]:
    """Fail if it takes longer, in seconds of the wall clock."""
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < real


@contextmanager
def hardly_any_cpu() -> Iterator[None]:
    """Fail if this process computes for more than a small part of the half second that the callers wait."""
    start = time.process_time()
    yield
    assert time.process_time() - start < 0.15


class Log:
    """What happened, and at which virtual time."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, float]] = []

    def add(self, what: Any) -> None:
        self.entries.append((what, anyio.current_time()))

    async def sleep(self, delay: float, what: Any = None) -> None:
        await anyio.sleep(delay)
        self.add(delay if what is None else what)


# Sleeping


def test_sleeping_does_not_take_real_time(backend: str) -> None:
    """A thousand virtual seconds are over in less than a real one."""
    with at_most(1):
        run_virtual(anyio.sleep, 1000, backend=backend)


def test_time_starts_at_zero(backend: str) -> None:
    """The first instant of a run is 0.0."""

    async def main() -> float:
        return anyio.current_time()

    assert run_virtual(main, backend=backend) == 0.0


def test_result_and_arguments_are_handed_through(backend: str) -> None:
    """`run_virtual` passes the arguments on and returns what `main` returns."""

    async def main(one: int, two: str) -> tuple[int, str]:
        return one, two

    assert run_virtual(main, 1, "2", backend=backend) == (1, "2")


def test_mixed_sleeps_end_in_order_at_their_exact_instants(backend: str) -> None:
    """After a jump the time is the timer's instant, to the last bit, far from zero too."""
    delays = [0.1, 0.2, 0.1 + 0.2, 0.7, 1.1, 3, 1e-9, 12345.6789, 1e9, 1e9 + 0.3, 1e12 + 0.1]
    shuffled = random.Random(1).sample(delays, len(delays))

    async def main() -> Log:
        log = Log()
        async with anyio.create_task_group() as group:
            for delay in shuffled:
                group.start_soon(log.sleep, delay)
        return log

    assert run_virtual(main, backend=backend).entries == [(delay, delay) for delay in sorted(delays)]


def test_sleeps_in_a_row_add_up_as_floats_do(backend: str) -> None:
    """A hundred sleeps of 0.1 end at the sum that adding 0.1 a hundred times gives."""

    async def main() -> float:
        for _ in range(100):
            await anyio.sleep(0.1)
        return anyio.current_time()

    expected = 0.0
    for _ in range(100):
        expected += 0.1
    assert run_virtual(main, backend=backend) == expected


def test_ready_tasks_run_before_time_passes(backend: str) -> None:
    """However long a task goes on without waiting, the time stays the same."""

    async def main() -> Log:
        log = Log()
        async with anyio.create_task_group() as group:
            group.start_soon(log.sleep, 0.001, "slept")
            for _ in range(1000):
                await checkpoint()
            log.add("busy")
        return log

    assert run_virtual(main, backend=backend).entries == [("busy", 0.0), ("slept", 0.001)]


def test_waiting_for_ever_is_no_timer(backend: str) -> None:
    """Time never jumps to infinity."""

    async def main() -> float:
        with anyio.move_on_after(5):
            await anyio.sleep_forever()
        return anyio.current_time()

    assert run_virtual(main, backend=backend) == 5.0


def test_waiting_for_ever_leaves_the_time_to_others(backend: str) -> None:
    """Beside a task that waits for ever, the loop waits for I/O, and no time passes."""

    async def main() -> float:
        event, token = anyio.Event(), current_token()
        thread = threading.Timer(0.02, lambda: anyio.from_thread.run_sync(event.set, token=token))
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            thread.start()
            await event.wait()
            group.cancel_scope.cancel()
        thread.join()
        return anyio.current_time()

    assert run_virtual(main, backend=backend) == 0.0


def test_ten_thousand_timers_are_quick(backend: str) -> None:
    """Ten thousand jumps take a few seconds of computing at most."""

    async def main() -> Log:
        log = Log()
        async with anyio.create_task_group() as group:
            for number in range(10_000):
                group.start_soon(log.sleep, float(number))
        return log

    start = time.process_time()
    log = run_virtual(main, backend=backend)
    assert time.process_time() - start < 10
    assert log.entries == [(number, number) for number in range(10_000)]


# Timeouts


def test_timeouts_are_virtual(backend: str) -> None:
    """`move_on_after` and `fail_after` end a wait at their exact deadline."""

    async def main() -> list[float]:
        instants = []
        with anyio.move_on_after(3600.5) as scope:
            await anyio.sleep(7200)
        assert scope.cancelled_caught
        instants.append(anyio.current_time())
        with pytest.raises(TimeoutError), anyio.fail_after(0.25):
            await anyio.Event().wait()
        instants.append(anyio.current_time())
        return instants

    with at_most(1):
        assert run_virtual(main, backend=backend) == [3600.5, 3600.75]


def test_a_timeout_that_is_not_needed_costs_no_time(backend: str) -> None:
    """What ends before its timeout ends at its own instant."""

    async def main() -> float:
        with anyio.fail_after(100):
            await anyio.sleep(1)
        return anyio.current_time()

    assert run_virtual(main, backend=backend) == 1.0


def test_a_timeout_of_nothing_fires_while_others_are_busy(backend: str) -> None:
    """A deadline that has already come needs no idle moment."""

    async def main() -> int:
        rounds = 0
        with anyio.move_on_after(0):
            while True:
                rounds += 1
                await checkpoint()
        return rounds

    assert run_virtual(main, backend=backend) < 10


def test_asyncio_timeouts_are_virtual(asyncio_backend: str) -> None:
    """`asyncio.timeout`, `wait_for` and `wait` count virtual seconds."""

    async def main() -> list[float]:
        loop, instants = asyncio.get_running_loop(), []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(20)
        instants.append(loop.time())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(20), 10)
        instants.append(loop.time())
        task = asyncio.ensure_future(asyncio.sleep(20))
        _, pending = await asyncio.wait([task], timeout=10)
        instants.append(loop.time())
        assert pending == {task}
        await task
        return instants

    assert run_virtual(main, backend=asyncio_backend) == [10.0, 20.0, 30.0]


def test_wait_all_tasks_blocked_comes_before_a_jump() -> None:
    """As with trio's own mock clock, no time passes while a task waits for the others to come to rest."""

    async def main() -> Log:
        log = Log()

        async def rest(cushion: float) -> None:
            await trio.testing.wait_all_tasks_blocked(cushion)
            log.add(cushion)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.sleep, 1)
            nursery.start_soon(rest, 0.0)
            nursery.start_soon(rest, 0.01)
        return log

    assert run_virtual(main, backend="trio").entries == [(0.0, 0.0), (0.01, 0.0), (1, 1.0)]


# Timers of an asyncio loop


def test_timers_of_one_instant_run_in_the_order_of_scheduling(asyncio_backend: str) -> None:
    """A heap alone would mix them up."""

    async def main() -> list[int]:
        loop, called = asyncio.get_running_loop(), list[int]()
        for number in range(1000):
            if number % 2:
                loop.call_at(1.0, called.append, number)
            else:
                loop.call_later(1.0, called.append, number)
        await asyncio.sleep(1)
        return called

    assert run_virtual(main, backend=asyncio_backend) == list(range(1000))


@pytest.mark.parametrize("delay", [0, -1])
def test_a_timer_without_delay_runs_while_others_are_busy(asyncio_backend: str, delay: int) -> None:
    """It is called in the next round of the loop, and time does not go back for it."""

    async def main() -> tuple[int, float]:
        loop, event, rounds = asyncio.get_running_loop(), asyncio.Event(), 0
        loop.call_later(delay, event.set)
        while not event.is_set():
            rounds += 1
            await checkpoint()
        return rounds, loop.time()

    assert run_virtual(main, backend=asyncio_backend) == (1, 0.0)


def test_timers_of_different_instants_are_apart(asyncio_backend: str) -> None:
    """Two instants that differ in the last bit only are two jumps."""

    async def main() -> list[float]:
        loop, instants = asyncio.get_running_loop(), list[float]()
        for when in (1.0, math.nextafter(1.0, 2.0)):
            loop.call_at(when, lambda: instants.append(loop.time()))
        await asyncio.sleep(2)
        return instants

    assert run_virtual(main, backend=asyncio_backend) == [1.0, math.nextafter(1.0, 2.0)]


def test_cancelled_timers_do_not_run(asyncio_backend: str) -> None:
    """Neither one cancelled long before, nor one cancelled by another of the same instant."""

    async def main() -> tuple[list[str], float]:
        loop, called = asyncio.get_running_loop(), list[str]()
        loop.set_exception_handler(lambda _, context: called.append(str(context)))
        early = loop.call_later(500, called.append, "early")
        assert early.when() == 500
        early.cancel()
        assert early.cancelled()

        def first() -> None:
            called.append("first")
            second.cancel()

        loop.call_later(1, first)
        second = loop.call_later(1, called.append, "second")
        await asyncio.sleep(2)
        loop.call_later(500, called.append, "late").cancel()
        await asyncio.to_thread(int)
        return called, loop.time()

    assert run_virtual(main, backend=asyncio_backend) == (["first"], 2.0)


def test_cancelled_timers_are_forgotten(asyncio_backend: str) -> None:
    """A thousand timeouts that were not needed do not stay in memory until their time comes."""

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        kept = [loop.call_later(2000 - number, int) for number in range(10)]
        for _ in range(1000):
            loop.call_later(1000, int).cancel()
        assert len(loop._virtual_timers) < 250
        assert sorted(kept, key=id) == sorted(
            (handle for _, _, handle in loop._virtual_timers if not handle.cancelled()), key=id
        )
        for handle in kept:
            handle.cancel()

    run_virtual(main, backend=asyncio_backend)


def test_a_failing_timer_is_reported_and_hurts_no_other(asyncio_backend: str) -> None:
    """The loop's exception handler gets the error; timers of the same instant are called."""

    async def main() -> tuple[list[type], list[str]]:
        loop, errors, called = asyncio.get_running_loop(), list[type](), list[str]()
        loop.set_exception_handler(lambda _, context: errors.append(type(context["exception"])))
        loop.call_later(1, int, "no number")
        loop.call_later(1, called.append, "called")
        await asyncio.sleep(2)
        return errors, called

    assert run_virtual(main, backend=asyncio_backend) == ([ValueError], ["called"])


@pytest.mark.parametrize("debug", [False, True])
def test_a_loop_can_be_used_without_anyio(asyncio_backend: str, debug: bool) -> None:
    """`asyncio.Runner` with the loop as its factory runs in virtual time, in debug mode too."""
    factory = backend_options(asyncio_backend)[1]["loop_factory"]
    with at_most(5), asyncio.Runner(loop_factory=factory, debug=debug) as runner:
        runner.run(asyncio.sleep(100))
        assert runner.get_loop().time() == 100
        runner.run(asyncio.sleep(100))
        assert runner.get_loop().time() == 200


def test_a_closed_loop_takes_no_timer(asyncio_backend: str) -> None:
    """As with any loop, that is a RuntimeError."""
    loop = backend_options(asyncio_backend)[1]["loop_factory"]()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, int)


# Threads


def test_time_stands_still_while_a_worker_thread_works(backend: str) -> None:
    """The thread's result is there before the ten virtual seconds of another task."""

    async def main() -> Log:
        log = Log()
        async with anyio.create_task_group() as group:
            group.start_soon(log.sleep, 10, "slept")
            await anyio.to_thread.run_sync(time.sleep, 0.05)
            log.add("thread")
        return log

    assert run_virtual(main, backend=backend).entries == [("thread", 0.0), ("slept", 10.0)]


def test_time_passes_between_the_work_of_threads(backend: str) -> None:
    """A hundred short threads, one after another, each at its own instant."""

    async def main() -> Log:
        log = Log()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 1000)
            for number in range(100):
                await anyio.to_thread.run_sync(int)
                log.add(number)
                await anyio.sleep(1)
        return log

    assert run_virtual(main, backend=backend).entries == [(number, float(number)) for number in range(100)]


def test_a_thread_may_wait_for_virtual_time(backend: str) -> None:
    """While a thread is in `from_thread.run` it does not work, so time passes; then it works again."""

    async def main() -> Log:
        log = Log()

        def work() -> None:
            anyio.from_thread.run(anyio.sleep, 3)
            time.sleep(0.02)
            anyio.from_thread.run_sync(log.add, "thread")

        async with anyio.create_task_group() as group:
            group.start_soon(log.sleep, 1)
            group.start_soon(log.sleep, 4)
            await anyio.to_thread.run_sync(work)
        return log

    assert run_virtual(main, backend=backend).entries == [(1, 1.0), ("thread", 3.0), (4, 4.0)]


def test_a_waiting_thread_lifts_only_its_own_hold(backend: str) -> None:
    """One thread waits for virtual time, but another works: time stands still."""

    async def main() -> Log:
        log = Log()

        async def in_thread(func: Callable[..., Any], *args: Any) -> None:
            await anyio.to_thread.run_sync(func, *args)
            log.add(func.__name__)

        async with anyio.create_task_group() as group:
            group.start_soon(in_thread, anyio.from_thread.run, anyio.sleep, 1)
            group.start_soon(in_thread, time.sleep, 0.05)
        return log

    assert run_virtual(main, backend=backend).entries == [("sleep", 0.0), ("run", 1.0)]


def test_a_thread_in_the_queue_does_not_stop_time(backend: str) -> None:
    """The owner of the only token may wait for virtual time before it gives the token back."""

    async def main() -> float:
        limiter = anyio.CapacityLimiter(1)
        async with anyio.create_task_group() as group:
            async with limiter:
                group.start_soon(lambda: anyio.to_thread.run_sync(int, limiter=limiter))
                await anyio.sleep(5)
        assert limiter.borrowed_tokens == 0
        return anyio.current_time()

    assert run_virtual(main, backend=backend) == 5.0


def test_an_abandoned_thread_does_not_stop_time(backend: str) -> None:
    """Once nobody waits for a thread any more, its work does not count."""
    there, gate = threading.Event(), threading.Event()

    def work() -> None:
        there.set()
        gate.wait()

    async def main() -> float:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: anyio.to_thread.run_sync(work, abandon_on_cancel=True))
            await anyio.to_thread.run_sync(there.wait)
            group.cancel_scope.cancel()
        await anyio.sleep(5)
        gate.set()
        return anyio.current_time()

    try:
        assert run_virtual(main, backend=backend) == 5.0
    finally:
        gate.set()


def test_a_thread_can_declare_that_it_waits(backend: str) -> None:
    """Inside `let_time_pass` a thread may wait for an event that only the passing of time brings."""

    async def main() -> float:
        gate = threading.Event()

        def work() -> None:
            with let_time_pass():
                gate.wait()

        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, work)
            await anyio.sleep(5)
            gate.set()
        return anyio.current_time()

    assert run_virtual(main, backend=backend) == 5.0


def test_declaring_a_wait_elsewhere_does_nothing(backend: str) -> None:
    """In the thread of the loop there is nothing to lift."""

    async def main() -> Log:
        log = Log()
        async with anyio.create_task_group() as group:
            group.start_soon(log.sleep, 1)
            with let_time_pass():
                await anyio.to_thread.run_sync(time.sleep, 0.02)
                log.add("thread")
        return log

    assert run_virtual(main, backend=backend).entries == [("thread", 0.0), (1, 1.0)]


def test_a_loop_in_a_worker_thread_has_its_own_time(backend: str) -> None:
    """The thread stops the time of the outer loop, not that of the loop it runs itself."""

    async def inner() -> float:
        await anyio.sleep(100)
        return anyio.current_time()

    async def main() -> tuple[float, float]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 10)
            instant = await anyio.to_thread.run_sync(lambda: run_virtual(inner, backend=backend))
            outer_instant = anyio.current_time()
        return instant, outer_instant

    assert run_virtual(main, backend=backend) == (100.0, 0.0)


class OtherExecutor(Executor):
    """An executor of a kind that the loop does not know: it might pickle what it is given."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)

    def submit(self, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        assert func is time.sleep
        return self._pool.submit(func, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait)


@pytest.mark.parametrize("pool", [nullcontext, lambda: ThreadPoolExecutor(1), OtherExecutor])
def test_time_stands_still_while_an_executor_works(asyncio_backend: str, pool: Callable[[], Any]) -> None:
    """`run_in_executor` holds the time, with the default executor, a thread pool, and any other."""

    async def main() -> Log:
        log, loop = Log(), asyncio.get_running_loop()
        slept = asyncio.ensure_future(log.sleep(10, "slept"))
        with pool() as executor:
            await loop.run_in_executor(executor, time.sleep, 0.05)
        log.add("executor")
        await slept
        return log

    assert run_virtual(main, backend=asyncio_backend).entries == [("executor", 0.0), ("slept", 10.0)]


def test_a_thread_of_an_executor_can_declare_that_it_waits(asyncio_backend: str) -> None:
    """`let_time_pass` works in `asyncio.to_thread` too."""

    async def main() -> float:
        loop = asyncio.get_running_loop()

        def work() -> None:
            with let_time_pass():
                asyncio.run_coroutine_threadsafe(asyncio.sleep(7), loop).result()

        await asyncio.to_thread(work)
        return loop.time()

    assert run_virtual(main, backend=asyncio_backend) == 7.0


def test_work_left_behind_holds_no_later_loop(asyncio_backend: str) -> None:
    """A loop that was closed before its executor was done does not freeze the next one in its thread."""

    async def leave() -> None:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)

    run_virtual(leave, backend=asyncio_backend)
    run_virtual(anyio.sleep, 1, backend=asyncio_backend)


def test_closing_a_loop_waits_for_its_executor(asyncio_backend: str) -> None:
    """For work that nobody waits for, too: the timeout after which Python gives up does not pass at once."""
    started, done = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        time.sleep(0.1)
        done.set()

    async def leave() -> None:
        future = asyncio.get_running_loop().run_in_executor(None, work)
        started.wait()
        future.cancel()

    run_virtual(leave, backend=asyncio_backend)
    assert done.is_set()


def test_a_hold_left_open_holds_no_later_loop(backend: str) -> None:
    """What a run forgot to end does not outlive it."""
    left = hold_time()

    async def leave() -> None:
        left.__enter__()

    run_virtual(leave, backend=backend)
    run_virtual(anyio.sleep, 1, backend=backend)


def test_a_foreign_thread_wakes_the_loop(backend: str) -> None:
    """A thread that nobody started through anyio reaches a loop that has no timer at all."""

    async def main() -> bool:
        event, token = anyio.Event(), current_token()
        thread = threading.Timer(0.02, lambda: anyio.from_thread.run_sync(event.set, token=token))
        thread.start()
        await event.wait()
        thread.join()
        return event.is_set()

    assert run_virtual(main, backend=backend)


def test_call_soon_threadsafe_wakes_the_loop(asyncio_backend: str) -> None:
    """asyncio's own way to reach a loop from a foreign thread works, under a hold also with a timer set."""

    async def main() -> float:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        loop.call_later(10, int)
        thread = threading.Timer(0.02, lambda: loop.call_soon_threadsafe(event.set))
        with hold_time():
            thread.start()
            await event.wait()
        thread.join()
        return loop.time()

    assert run_virtual(main, backend=asyncio_backend) == 0.0


def test_hold_time_makes_time_stand_still(backend: str) -> None:
    """A timer that is due later waits until the block is left; a foreign thread can call meanwhile."""

    async def main() -> Log:
        log, event, token = Log(), anyio.Event(), current_token()

        async def call() -> None:
            event.set()

        thread = threading.Timer(0.02, lambda: anyio.from_thread.run(call, token=token))
        async with anyio.create_task_group() as group:
            group.start_soon(log.sleep, 1)
            with hold_time(), hold_time():
                thread.start()
                await event.wait()
                log.add("woken")
        await anyio.to_thread.run_sync(thread.join)
        return log

    assert run_virtual(main, backend=backend).entries == [("woken", 0.0), (1, 1.0)]


def test_hold_time_without_virtual_time_does_nothing(backend: str) -> None:
    """Library code may enter it in any loop; a real one goes on in real time after a virtual one."""
    run_virtual(anyio.sleep, 1, backend=backend)

    async def main() -> float:
        start = time.perf_counter()
        with hold_time():
            await anyio.sleep(0.02)
            await anyio.to_thread.run_sync(anyio.from_thread.run, anyio.sleep, 0.02)
        return time.perf_counter() - start

    assert anyio.run(main, backend=backend.partition("+")[0]) >= 0.039


# Input and output


def test_ping_pong_over_loopback_with_timers_between(backend: str) -> None:
    """A server that thinks for a virtual second, asked a hundred times: a hundred virtual seconds."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            async for data in stream:
                await anyio.sleep(1)
                await stream.send(data + b"!")

    async def main() -> tuple[bytes, float]:
        data = b"?"
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            anyio.create_task_group() as group,
        ):
            group.start_soon(listener.serve, serve)
            with hold_time():  # connect_tcp sets a timer
                stream = await anyio.connect_tcp("127.0.0.1", listener.extra(SocketAttribute.local_port))
            async with stream:
                for _ in range(100):
                    await stream.send(data)
                    data = await stream.receive()
            group.cancel_scope.cancel()
        return data, anyio.current_time()

    assert run_virtual(main, backend=backend) == (b"?" + b"!" * 100, 100.0)


def test_data_that_has_arrived_comes_before_a_jump(backend: str) -> None:
    """What lies in a socket is read before any time passes, a thousand times to and fro."""

    async def main() -> float:
        async def echo(own: socket.socket) -> None:
            for _ in range(1000):
                await anyio.wait_readable(own)
                own.send(own.recv(1))

        left, right = socket.socketpair()
        with left, right, anyio.fail_after(1):
            async with anyio.create_task_group() as group:
                group.start_soon(echo, left)
                group.start_soon(echo, right)
                left.send(b".")
        return anyio.current_time()

    assert run_virtual(main, backend=backend) == 0.0


def test_protocols_that_only_answer_each_other_are_not_idle(asyncio_backend: str) -> None:
    """Data to and fro is something that happens, even if no task and no callback takes part in it."""

    class Answer(asyncio.Protocol):
        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            instants.append(self.loop.time())
            if len(instants) < 1000:
                self.transport.write(data)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        one, _ = await loop.create_connection(Answer, sock=left)
        other, _ = await loop.create_connection(Answer, sock=right)
        one.write(b".")
        await asyncio.sleep(1)
        one.close()
        other.close()

    instants: list[float] = []
    run_virtual(main, backend=asyncio_backend)
    assert instants == [0.0] * 1000


def test_waiting_for_io_alone_burns_no_cpu(backend: str) -> None:
    """With no timer left, the loop blocks like any other."""

    async def main() -> None:
        left, right = socket.socketpair()
        await anyio.sleep(1)
        with left, right, hardly_any_cpu():
            thread = threading.Timer(0.5, right.send, [b"."])
            thread.start()
            await anyio.wait_readable(left)
        thread.join()

    run_virtual(main, backend=backend)


def test_standing_still_burns_no_cpu(backend: str) -> None:
    """With timers, but a thread at work, the loop looks up only now and then."""

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 1)
            with hardly_any_cpu():
                await anyio.to_thread.run_sync(time.sleep, 0.5)

    run_virtual(main, backend=backend)


def test_subprocesses_work(backend: str) -> None:
    """Alone, or with timers under a hold."""
    command = [sys.executable, "-c", "print('done')"]

    async def main() -> tuple[bytes, bytes, float]:
        first = await anyio.run_process(command)
        with anyio.fail_after(1), hold_time():
            second = await anyio.run_process(command)
        return first.stdout.strip(), second.stdout.strip(), anyio.current_time()

    assert run_virtual(main, backend=backend) == (b"done", b"done", 0.0)


def test_name_look_ups_hold_the_time(backend: str) -> None:
    """Some back ends make them in threads that no one else sees."""

    async def main() -> float:
        with anyio.fail_after(1):
            found = await anyio.getaddrinfo("localhost", 80, family=socket.AF_INET)
            await anyio.getnameinfo(found[0][4], socket.NI_NUMERICSERV)
        return anyio.current_time()

    assert run_virtual(main, backend=backend) == 0.0


# The pytest plugin of anyio, which runs trio in guest mode


@pytest.fixture
async def instant_after_fixture(anyio_backend: object) -> AsyncIterator[float]:
    await anyio.sleep(5)
    yield anyio.current_time()
    await anyio.sleep(5)


@pytest.mark.anyio
@pytest.mark.parametrize("again", [1, 2])
async def test_tests_and_fixtures_of_anyio_run_in_virtual_time(instant_after_fixture: float, again: int) -> None:
    """A test's time starts at 0.0 with its first fixture, and goes on in the test."""
    assert instant_after_fixture == 5.0
    await anyio.sleep(1000)
    assert anyio.current_time() == 1005.0


@pytest.mark.anyio
async def test_threads_and_sockets_work_in_tests_of_anyio() -> None:
    """Holds, threads that wait, and sockets are seen there too."""
    log = Log()
    left, right = socket.socketpair()
    with left, right:
        async with anyio.create_task_group() as group:
            group.start_soon(log.sleep, 10)
            await anyio.to_thread.run_sync(time.sleep, 0.02)
            log.add("thread")
            await anyio.to_thread.run_sync(anyio.from_thread.run, anyio.sleep, 3)
            log.add("thread that waits")
            thread = threading.Timer(0.02, right.send, [b"."])
            with hold_time():
                thread.start()
                await anyio.wait_readable(left)
            log.add("socket")
    thread.join()
    assert log.entries == [("thread", 0.0), ("thread that waits", 3.0), ("socket", 3.0), (10, 10.0)]


# Names


def test_an_unknown_back_end_is_refused() -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match="'asyncio', 'asyncio\\+uvloop' or 'trio'"):
        run_virtual(anyio.sleep, 1, backend="curio")


def test_options_name_the_loops() -> None:
    """`backend_options` gives what `anyio.run` takes."""
    assert backend_options("asyncio") == ("asyncio", {"loop_factory": VirtualTimeLoop})
    assert backend_options("asyncio+uvloop") == ("asyncio", {"loop_factory": virtual_time_uvloop()})
    assert isinstance(backend_options("trio")[1]["clock"], VirtualClock)


def test_a_clock_can_be_used_again() -> None:
    """Each run of trio with the same clock starts at 0.0."""
    clock = VirtualClock()

    async def main() -> float:
        await trio.sleep(1)
        return trio.current_time()

    assert [trio.run(main, clock=clock), trio.run(main, clock=clock)] == [1.0, 1.0]


def test_importing_needs_neither_uvloop_nor_trio_to_be_used() -> None:
    """The module can be imported where uvloop and trio are missing, and asyncio works there."""
    code = (
        "import sys; sys.modules['uvloop'] = sys.modules['trio'] = None\n"
        "from gotask.testing.virtual_time import run_virtual; import anyio; run_virtual(anyio.sleep, 1000)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=30, cwd=Path(__file__).parents[1])
