"""C1 to C3, C5: tasks that do something for each item of a signal."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest
import trio
from anyio.streams.memory import MemoryObjectReceiveStream

import gotask
from gotask import (
    AutoStop,
    BlockingRoot,
    Channel,
    ChannelTask,
    Job,
    Observer,
    RetryExhausted,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskComplete,
    TaskDisposedError,
    TaskState,
    TaskStateError,
    TaskType,
)

Root = RootManager[Any, Any]
S = TaskState
FAIL = ValueError("as it should")
ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio", "asyncio+uvloop"], indirect=True)
TRIO = pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)


class Listener(ChannelTask[Any]):
    """Keeps the items of its own channel."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def tick(self, item: Any) -> Any:
        self.heard.append(item)


class SlowListener(Listener):
    """Takes a second for each item."""

    async def tick(self, item: Any) -> None:
        await anyio.sleep(1)
        self.heard.append((item, anyio.current_time()))


class FailingListener(Listener):
    """Fails at one item, once."""

    def __init__(self, at: Any) -> None:
        super().__init__()
        self.at = at

    def tick(self, item: Any) -> None:
        self.heard.append(item)
        if item == self.at:
            self.at = None
            raise FAIL


class SignalTask(Listener):
    """Listens to what a function gives, asked for in each life."""

    def __init__(self, make_signal: Callable[[], Any]) -> None:
        super().__init__()
        self.make_signal = make_signal

    def get_signal(self) -> Any:
        signal = self.make_signal()
        if isinstance(signal, MemoryObjectReceiveStream) and self.retry is None:
            self.using(signal)
        return signal


class AsyncNumbers:
    """An async iterable that is no generator, and needs no closing."""

    def __init__(self, count: int) -> None:
        self.left = list(range(count))

    def __aiter__(self) -> AsyncNumbers:
        return self

    async def __anext__(self) -> int:
        if not self.left:
            raise StopAsyncIteration
        await anyio.sleep(1)
        return self.left.pop(0)


class SilentNumbers(AsyncNumbers):
    async def __anext__(self) -> int:
        await anyio.sleep_forever()
        raise AssertionError


async def count(upto: int = 3, pause: float = 1) -> AsyncIterator[int]:
    for number in range(upto):
        await anyio.sleep(pause)
        yield number


def stream(*items: Any) -> Any:
    """A receive stream with these items, whose sending end is closed."""
    send, receive = anyio.create_memory_object_stream[Any](100)
    for item in items:
        send.send_nowait(item)
    send.close()
    return receive


def task_with_channel(root: Root, capacity: int = 16) -> tuple[Listener, Channel[Any]]:
    task = root.add_task(Listener())
    return task, task.open(capacity)


# C1: every kind of signal


async def test_a_channel_opened_before_adding(root: Root) -> None:
    """C1: `open` may be called before the task is added; what is sent before is not lost."""
    task = Listener()
    channel = task.open()
    await channel.send(1)
    channel.send_nowait(2)
    root.add_task(task)
    await task.wait_started()
    await channel.send(3)
    await channel.aclose()
    await task
    assert task.heard == [1, 2, 3]


async def test_a_channel_opened_after_adding(root: Root) -> None:
    """C1: `open` may be called when the task is in a tree, started or not; it is the same channel each time."""
    task = root.add_task(Listener())
    channel = task.open()
    channel.send_nowait(1)
    await task.wait_started()
    assert task.open() is channel
    channel.send_nowait(2)
    await channel.aclose()
    await task
    assert task.heard == [1, 2]


async def test_the_signal_by_default(root: Root) -> None:
    """C1: without `get_signal` the task listens to its own channel, whether `open` was called or not."""
    task = root.add_task(Listener())
    await task.wait_started()
    assert (task.state, task.task_type) == (S.GOING, TaskType.CHANNEL)
    await task.open().send("late")
    await anyio.sleep(1)
    assert task.heard == ["late"]


@pytest.mark.parametrize(
    "make_signal",
    [count, lambda: AsyncNumbers(3), lambda: stream(0, 1, 2), lambda: iter(range(3)), lambda: [0, 1, 2],
     lambda: (number for number in range(3))],
    ids=["async generator", "async iterable", "receive stream", "iterator", "list", "generator"],
)  # fmt: skip
async def test_kinds_of_signals(root: Root, make_signal: Callable[[], Any]) -> None:
    """C1, C3: items of any kind of signal come in order, and its end ends the task with TaskComplete."""
    task = root.add_task(SignalTask(make_signal))
    assert await task is None
    assert isinstance(task.stop_reason, TaskComplete)
    assert task.heard == [0, 1, 2]


async def test_get_signal_as_an_async_generator(root: Root) -> None:
    """C1: `get_signal` may itself be an async generator."""

    class Counts(Listener):
        async def get_signal(self) -> AsyncIterator[int]:
            async for number in count():
                yield number

    task = root.add_task(Counts())
    await task
    assert task.heard == [0, 1, 2]


@ASYNCIO
async def test_an_asyncio_queue(root: Root) -> None:
    """C1: an `asyncio.Queue` is a signal; each item is marked as done after its tick."""
    items: asyncio.Queue[int] = asyncio.Queue(2)
    task = root.add_task(SignalTask(lambda: items))
    for number in range(5):
        await items.put(number)
    await items.join()
    assert task.heard == [0, 1, 2, 3, 4]
    task.stop()
    await task.wait_stopped()


@ASYNCIO
async def test_an_asyncio_queue_that_is_shut_down(root: Root) -> None:
    """C1, C3: where queues can be shut down (Python 3.13), that is the end of the signal."""
    items: asyncio.Queue[int] = asyncio.Queue()
    task = root.add_task(SignalTask(lambda: items))
    items.put_nowait(1)
    if hasattr(items, "shutdown"):
        items.shutdown()
    else:
        await items.join()
        task.stop(TaskComplete())
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert task.heard == [1]


@TRIO
async def test_a_trio_memory_channel(root: Root) -> None:
    """C1: a receive channel of trio is a signal."""
    send, receive = trio.open_memory_channel[int](2)
    task = root.add_task(SignalTask(lambda: receive))
    async with send:
        for number in range(5):
            await send.send(number)
    await task
    assert task.heard == [0, 1, 2, 3, 4]


async def test_a_stream_that_is_sent_to(root: Root) -> None:
    """C1: items come when they are sent."""
    send, receive = anyio.create_memory_object_stream[str]()
    heard: list[tuple[str, float]] = []

    class Timed(SignalTask):
        def tick(self, item: Any) -> None:
            heard.append((item, anyio.current_time()))

    task = root.add_task(Timed(lambda: receive))
    async with send:
        for number in range(3):
            await anyio.sleep(10)
            await send.send(f"item {number}")
    await task
    assert heard == [("item 0", 10), ("item 1", 20), ("item 2", 30)]
    receive.close()


@pytest.mark.parametrize("signal", [None, 3, object(), queue.Queue()], ids=["None", "int", "object", "queue.Queue"])
async def test_what_is_no_signal(root: Root, signal: Any) -> None:
    """C1: anything else fails the task with a TypeError that says what a signal is."""
    task = root.add_task(SignalTask(lambda: signal))
    with pytest.raises(TypeError, match="a signal is"):
        await task


async def test_get_signal_that_is_a_coroutine(root: Root) -> None:
    """C1: an async `get_signal` that yields nothing is a TypeError, and nothing warns of its coroutine."""

    class Wrong(Listener):
        async def get_signal(self) -> Any:
            return count()

    with pytest.raises(TypeError, match="a signal is"):
        await root.add_task(Wrong())


async def test_get_signal_that_raises(root: Root) -> None:
    """C3: that is the task's failure."""

    def fail() -> None:
        raise FAIL

    assert await root.add_task(SignalTask(fail)).wait_stopped() is FAIL


async def test_ticks_are_called_in_the_parents_loop(root: Root) -> None:
    """C1, L4: an async tick holds the loop of the parent: no other tick or start comes in between."""
    job = root.add_task(Job())
    first, second = job.add_task(SlowListener()), job.add_task(SlowListener())
    first.open().send_nowait("a")
    second.open().send_nowait("b")
    await anyio.sleep(0.5)
    assert job.blocked is first
    third = job.add_task(Listener())
    await third.wait_started()
    assert anyio.current_time() == pytest.approx(2)
    assert (first.heard, second.heard) == ([("a", pytest.approx(1))], [("b", pytest.approx(2))])


async def test_the_current_task_in_a_tick(root: Root) -> None:
    """M9, C1: in a tick the task is `current_task()`, plain or async."""
    seen: list[Any] = []

    class Plain(Listener):
        def tick(self, item: Any) -> None:
            seen.append(gotask.current_task())

    class Async(Listener):
        async def tick(self, item: Any) -> None:
            await anyio.sleep(1)
            seen.append(gotask.current_task())

    tasks = [root.add_task(Plain()), root.add_task(Async())]
    for task in tasks:
        task.open().send_nowait(1)
    await anyio.sleep(5)
    assert seen == tasks
    assert gotask.current_task() is None


async def test_a_task_without_tick(root: Root) -> None:
    """L2: `tick` is optional."""
    task = root.add_task(ChannelTask[int]())
    await task.open().send(1)
    await task.open().aclose()
    await task


@pytest.mark.parametrize("capacity", [0, -1, 1.5, "3"])
def test_wrong_capacities(capacity: Any) -> None:
    """C1: a capacity that makes no sense is a ValueError at once."""
    with pytest.raises(ValueError, match="capacity"):
        Listener().open(capacity)


# C2: order and back-pressure


async def test_order(root: Root) -> None:
    """C2: many items keep their order, however they were sent."""
    task, channel = task_with_channel(root, capacity=7)
    for number in range(1000):
        if number % 3:
            await channel.send(number)
        else:
            while True:
                try:
                    channel.send_nowait(number)
                    break
                except TaskStateError:
                    await anyio.sleep(0.001)
    await channel.aclose()
    await task
    assert task.heard == list(range(1000))


async def test_a_slow_tick_pushes_back(root: Root) -> None:
    """C2: with `capacity` unread items `send` waits until some were read."""
    task = SlowListener()
    channel = task.open(2)
    root.add_task(task)
    await task.wait_started()
    sent: list[float] = []
    for number in range(6):
        await channel.send(number)
        sent.append(anyio.current_time())
        assert len(sent) - len(task.heard) <= 3
    assert sent[-1] >= 3
    await channel.aclose()
    await task
    assert task.heard == [(number, pytest.approx(number + 1)) for number in range(6)]


async def test_send_nowait_on_a_full_channel(root: Root) -> None:
    """C2: without room `send_nowait` is a TaskStateError that says so; nothing is dropped."""
    task = Listener()
    channel = task.open(2)
    channel.send_nowait(1)
    channel.send_nowait(2)
    with pytest.raises(TaskStateError, match="2 unread items"):
        channel.send_nowait(3)
    root.add_task(task)
    await channel.send(4)
    await channel.aclose()
    await task
    assert task.heard == [1, 2, 4]


async def test_a_send_that_is_cancelled(root: Root) -> None:
    """C2: a `send` that gave up waiting has sent nothing, and the next one waits as before."""
    task = Listener()
    channel = task.open(1)
    await channel.send(1)
    with anyio.move_on_after(5) as scope:
        await channel.send(2)
    assert scope.cancelled_caught
    root.add_task(task)
    await channel.send(3)
    await channel.aclose()
    await task
    assert task.heard == [1, 3]


async def test_many_senders(root: Root) -> None:
    """C2: nothing is lost when many wait for room, and the items of each keep their order."""
    task, channel = task_with_channel(root, capacity=3)

    async def send(sender: int) -> None:
        for number in range(20):
            await channel.send((sender, number))

    async with anyio.create_task_group() as group:
        for sender in range(10):
            group.start_soon(send, sender)
    await channel.aclose()
    await task
    assert len(task.heard) == 200
    for sender in range(10):
        assert [item for item in task.heard if item[0] == sender] == [(sender, number) for number in range(20)]


async def test_a_slow_tick_pushes_back_on_a_generator(root: Root) -> None:
    """C2: an async generator is not asked for more than one item ahead."""
    made: list[int] = []

    async def eager() -> AsyncIterator[int]:
        for number in range(5):
            made.append(number)
            yield number

    class Slow(SignalTask):
        async def tick(self, item: Any) -> None:
            assert len(made) - len(self.heard) <= 2
            await anyio.sleep(1)
            self.heard.append(item)

    task = root.add_task(Slow(eager))
    await task
    assert task.heard == made == [0, 1, 2, 3, 4]


async def test_a_burst_lets_the_siblings_in(root: Root) -> None:
    """C2, L4: an endless iterator does not keep the siblings from their turn."""

    class Endless(SignalTask):
        def tick(self, item: Any) -> None:
            self.heard = [item]

    def forever() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    job = root.add_task(Job())
    endless = job.add_task(Endless(forever))
    await endless.wait_started()
    siblings = [job.add_task(Task()) for _ in range(3)]
    for sibling in siblings:
        await sibling.wait_started()
    assert await job.call(lambda: "called") == "called"
    endless.stop()
    await endless.wait_stopped()


# C3: the end


async def test_aclose_ends_the_task(root: Root) -> None:
    """C3: after `aclose` what was sent is still read, then the task ends with TaskComplete."""
    task = SlowListener()
    channel = task.open()
    root.add_task(task)
    for number in range(3):
        channel.send_nowait(number)
    await channel.aclose()
    await channel.aclose()
    with pytest.raises(TaskDisposedError, match="closed"):
        channel.send_nowait(9)
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert [item for item, _ in task.heard] == [0, 1, 2]


async def test_a_channel_that_is_closed_before_adding(root: Root) -> None:
    """C3: the task hears what was sent, and ends."""
    task = Listener()
    channel = task.open()
    channel.send_nowait(1)
    await channel.aclose()
    await root.add_task(task)
    assert task.heard == [1]


async def test_a_closed_channel_does_not_spin(root: Root) -> None:
    """C3, trap: a closed channel is one event, not one in each turn of the loop."""
    taken: list[Any] = []

    class Counter(Observer):
        def event_taken(self, job: Any, event: str, task: Any) -> None:
            taken.append(event)

    class SlowToGo(SlowListener):
        async def dispose(self) -> None:
            await anyio.sleep(100)

    task = SlowToGo()
    channel = task.open()
    root.add_task(task)
    await task.wait_started()
    root.observe(Counter())
    channel.send_nowait(1)
    await channel.aclose()
    await task
    assert anyio.current_time() == pytest.approx(101)
    assert 1 <= len(taken) <= 4


async def test_a_signal_that_ends_at_once(root: Root) -> None:
    """C3: an empty signal is an end like another."""
    for make_signal in (lambda: count(0), lambda: iter(()), stream):
        task = root.add_task(SignalTask(make_signal))
        assert isinstance(await task.wait_stopped(), TaskComplete)


async def test_an_exception_from_the_signal(root: Root) -> None:
    """C3: it is the task's failure, after the items that came before."""

    async def breaks() -> AsyncIterator[int]:
        yield 1
        raise FAIL

    def breaks_too() -> Iterator[int]:
        yield 1
        raise FAIL

    for make_signal in (breaks, breaks_too):
        task = root.add_task(SignalTask(make_signal))
        assert await task.wait_stopped() is FAIL
        assert task.heard == [1]


async def test_an_exception_from_the_signal_is_retried(root: Root) -> None:
    """C3, R1: the next life asks `get_signal` again."""
    lives: list[float] = []

    async def breaks() -> AsyncIterator[int]:
        lives.append(anyio.current_time())
        yield len(lives)
        if len(lives) < 3:
            raise FAIL

    task = root.add_task(SignalTask(breaks), retry=RetryPolicy(3, 10))
    await task
    assert lives == pytest.approx([0, 10, 30])
    assert task.heard == [1, 2, 3]


async def never() -> AsyncIterator[int]:
    await anyio.sleep_forever()
    yield 1


@pytest.mark.parametrize(
    "make_signal",
    [None, never, lambda: SilentNumbers(3)],
    ids=["own channel", "async generator", "async iterable"],
)
async def test_a_stop_while_no_item_ever_comes(root: Root, make_signal: Callable[[], Any] | None) -> None:
    """C3, trap: a stop is seen at once, not when the next item comes."""
    task: ChannelTask[Any] = Listener() if make_signal is None else SignalTask(make_signal)
    root.add_task(task)
    await anyio.sleep(5)
    assert task.state is S.GOING
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    assert anyio.current_time() == pytest.approx(5)


async def test_a_stop_while_a_stream_is_silent(root: Root) -> None:
    """C3, trap: the same for a receive stream."""
    send, receive = anyio.create_memory_object_stream[int]()
    with send:
        task = root.add_task(SignalTask(lambda: receive))
        await anyio.sleep(5)
        task.stop()
        await task.wait_stopped()
    assert anyio.current_time() == pytest.approx(5)


@TRIO
async def test_a_stop_while_a_trio_channel_is_silent(root: Root) -> None:
    """C3, trap: the same for a memory channel of trio."""
    send, receive = trio.open_memory_channel[int](0)
    task = root.add_task(SignalTask(lambda: receive))
    await anyio.sleep(5)
    task.stop()
    await task.wait_stopped()
    assert anyio.current_time() == pytest.approx(5)
    send.close()


@ASYNCIO
async def test_a_stop_while_an_asyncio_queue_is_empty(root: Root) -> None:
    """C3, trap: the same for an `asyncio.Queue`; what is put later stays in it."""
    items: asyncio.Queue[int] = asyncio.Queue()
    task = root.add_task(SignalTask(lambda: items))
    await anyio.sleep(5)
    task.stop()
    await task.wait_stopped()
    items.put_nowait(1)
    await anyio.sleep(5)
    assert task.heard == []
    assert items.qsize() == 1


async def test_a_stop_of_the_parent_while_no_item_ever_comes(root: Root) -> None:
    """C3, trap: nor does a Job wait for it."""
    job = root.add_task(Job())
    tasks = [job.add_task(Listener()) for _ in range(10)]
    await anyio.sleep(5)
    job.stop()
    await job.wait_stopped()
    assert anyio.current_time() == pytest.approx(5)
    assert {task.stop_reason for task in tasks} == {job.stop_reason}


async def test_an_async_tick_is_cancelled_by_a_stop(root: Root) -> None:
    """C3, S4: a tick that is running counts as a body; unread items are dropped."""
    ended: list[float] = []

    class Slow(Listener):
        async def tick(self, item: Any) -> None:
            self.heard.append(item)
            try:
                await anyio.sleep(1000)
            finally:
                ended.append(anyio.current_time())

    task = Slow()
    channel = task.open()
    for number in range(5):
        channel.send_nowait(number)
    root.add_task(task)
    await anyio.sleep(3)
    task.stop()
    await task.wait_stopped()
    assert ended == pytest.approx([3])
    assert task.heard == [0]
    assert task.dispose_errors == ()


async def test_an_async_tick_has_its_grace(root: Root) -> None:
    """C3, S4: `stop_grace` is given to a tick as to any body; no other tick follows."""

    class Polite(SlowListener):
        stop_grace = 10

    task = Polite()
    for number in range(3):
        task.open().send_nowait(number)
    root.add_task(task)
    await anyio.sleep(0.5)
    task.stop()
    await task.wait_stopped()
    assert task.heard == [(0, pytest.approx(1))]


async def test_a_tick_that_stops_its_task(root: Root) -> None:
    """C3, S1: no other tick follows, whatever was sent."""

    class Once(Listener):
        def tick(self, item: Any) -> None:
            super().tick(item)
            self.stop("enough")

    task = Once()
    for number in range(5):
        task.open().send_nowait(number)
    root.add_task(task)
    await task.wait_stopped()
    assert task.heard == [0]


async def test_senders_are_told_of_the_end(root: Root) -> None:
    """C1, C3: who waits for room when the task ends, and who sends afterwards, gets a TaskDisposedError."""
    task = SlowListener()
    channel = task.open(1)
    root.add_task(task)
    outcome: list[type[BaseException]] = []

    async def send_much() -> None:
        try:
            for number in range(100):
                await channel.send(number)
        except TaskDisposedError as error:
            outcome.append(type(error))

    async with anyio.create_task_group() as group:
        group.start_soon(send_much)
        await anyio.sleep(2.5)
        task.stop()
    assert outcome == [TaskDisposedError]
    assert anyio.current_time() == pytest.approx(2.5)
    with pytest.raises(TaskDisposedError):
        await channel.send(1)
    with pytest.raises(TaskDisposedError):
        channel.send_nowait(1)


async def test_an_async_generator_is_closed_before_dispose(root: Root) -> None:
    """C3, D1: the generator is part of the body, so its `finally` runs before `dispose`."""
    order: list[str] = []

    async def careful() -> AsyncIterator[int]:
        try:
            while True:
                await anyio.sleep(1)
                yield 1
        finally:
            order.append("generator")

    class Careful(SignalTask):
        def dispose(self) -> None:
            order.append("dispose")

    waiting = root.add_task(Careful(careful))
    await anyio.sleep(2.5)
    waiting.stop()
    await waiting.wait_stopped()
    assert order == ["generator", "dispose"]


async def test_an_async_generator_is_closed_when_a_tick_fails(root: Root) -> None:
    """C5, D1: also when it waits at its `yield`."""
    closed: list[bool] = []

    async def careful() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    class Fails(SignalTask):
        def tick(self, item: Any) -> None:
            raise FAIL

    assert await root.add_task(Fails(careful)).wait_stopped() is FAIL
    assert closed == [True]


async def test_a_job_ends_with_its_channel_task(root: Root) -> None:
    """C3, J1: a channel task is a child like another."""
    job = root.add_task(Job())
    channel = job.add_task(Listener()).open()
    await channel.send(1)
    await channel.aclose()
    assert isinstance(await job.wait_stopped(), AutoStop)


# C5: a tick that fails


@pytest.mark.parametrize("wait", [False, True])
async def test_an_exception_from_tick(root: Root, wait: bool) -> None:
    """C5: it is the task's failure, from a plain tick and from an async one."""

    class Plain(Listener):
        def tick(self, item: Any) -> None:
            raise FAIL

    class Async(Listener):
        async def tick(self, item: Any) -> None:
            await anyio.sleep(1)
            raise FAIL

    task = root.add_task(Async() if wait else Plain())
    task.open().send_nowait(1)
    assert await task.wait_stopped() is FAIL


async def test_an_async_tick_that_fails_before_it_waits(root: Root) -> None:
    """C5: the same when the coroutine fails in its first step."""

    class Async(Listener):
        async def tick(self, item: Any) -> None:
            raise FAIL

    task = root.add_task(Async())
    task.open().send_nowait(1)
    assert await task.wait_stopped() is FAIL


async def test_a_retry_keeps_the_channel(root: Root) -> None:
    """C5, C1: the next life reads on; what is sent during the back-off waits for it."""
    task = FailingListener(at=2)
    channel = task.open()
    root.add_task(task, retry=RetryPolicy(1, 10))
    for number in range(5):
        channel.send_nowait(number)
    await anyio.sleep(5)
    assert task.state is S.RETRYING
    assert task.heard == [0, 1, 2]
    await channel.send(5)
    assert task.open() is channel
    await anyio.sleep(6)
    assert task.heard == [0, 1, 2, 3, 4, 5]
    await channel.aclose()
    await task


async def test_a_channel_that_is_closed_during_the_back_off(root: Root) -> None:
    """C5, C3: the next life reads what is left, and ends."""
    task = FailingListener(at=0)
    channel = task.open()
    root.add_task(task, retry=RetryPolicy(1, 10))
    for number in range(3):
        channel.send_nowait(number)
    await anyio.sleep(5)
    await channel.aclose()
    await task
    assert task.heard == [0, 1, 2]


async def test_a_retry_keeps_a_stream(root: Root) -> None:
    """C5: a stream that `get_signal` gives again and again is read on, and nothing of it is lost."""
    receive = stream(*range(6))

    class Fails(SignalTask):
        retry = RetryPolicy(-1, 0)

        def tick(self, item: Any) -> None:
            self.heard.append(item)
            if item % 2:
                raise FAIL

    with receive:
        task = root.add_task(Fails(lambda: receive))
        await task
    assert task.heard == [0, 1, 2, 3, 4, 5]


async def test_the_retries_of_a_tick_are_spent(root: Root) -> None:
    """C5, R5: then the channel is closed."""

    class Fails(Listener):
        retry = RetryPolicy(2, 1)

        def tick(self, item: Any) -> None:
            super().tick(item)
            raise FAIL

    task = root.add_task(Fails())
    channel = task.open()
    for number in range(5):
        channel.send_nowait(number)
    assert isinstance(await task.wait_stopped(), RetryExhausted)
    assert task.heard == [0, 1, 2]
    with pytest.raises(TaskDisposedError):
        channel.send_nowait(9)


async def test_the_fallback_of_a_channel_task(root: Root) -> None:
    """R7: a channel task has a fallback as any task."""
    task = root.add_task(FailingListener(at=1), retry=RetryPolicy(0, fallback=lambda: "instead"))
    task.open().send_nowait(1)
    assert await task == "instead"


async def test_restart_of_a_channel_task(root: Root) -> None:
    """R6, C1: a restart keeps the channel."""
    task, channel = task_with_channel(root)
    await channel.send(1)
    await anyio.sleep(1)
    task.restart()
    await channel.send(2)
    await anyio.sleep(1)
    assert task.heard == [1, 2]


async def test_a_channel_task_that_is_added_again(root: Root) -> None:
    """J4, C1: in another tree it has another channel; the old one stays closed."""
    task, channel = task_with_channel(root)
    await channel.send(1)
    await channel.aclose()
    await task
    root.add_task(task)
    await task.open().send(2)
    await anyio.sleep(1)
    assert task.heard == [1, 2]
    assert task.open() is not channel
    with pytest.raises(TaskDisposedError):
        channel.send_nowait(3)


async def test_a_channel_task_with_unread_items_that_is_added_again(root: Root) -> None:
    """J4, C3: what was not read when its Job was stopped does not keep it from starting in another Job."""
    job = root.add_task(Job())
    task = SlowListener()
    channel = task.open()
    job.add_task(task)
    for number in range(3):
        channel.send_nowait(number)
    await anyio.sleep(0.5)
    channel.send_nowait(3)
    job.stop()
    await job.wait_stopped()
    other = root.add_task(Job())
    other.add_task(task)
    task.open().send_nowait("new")
    await anyio.sleep(2)
    assert [item for item, _ in task.heard] == ["new"]


# C1: other threads


async def test_send_nowait_from_another_thread(root: Root) -> None:
    """C1: items from other threads come in their order; errors come back there."""
    task, channel = task_with_channel(root, capacity=1000)
    await task.wait_started()

    def send() -> int:
        for number in range(500):
            channel.send_nowait(number)
        return threading.get_ident()

    assert [await root.add_task(send)] != [threading.get_ident()]
    await channel.aclose()
    await task
    assert task.heard == list(range(500))
    with pytest.raises(TaskDisposedError):
        await root.add_task(channel.send_nowait, 1)


async def test_a_full_channel_seen_from_another_thread(root: Root) -> None:
    """C1, C2: `send_nowait` on a full channel is a TaskStateError there as well."""
    task = root.add_task(Job()).add_task(SlowListener())
    channel = task.open(1)
    await anyio.sleep(0.5)
    channel.send_nowait(1)
    await anyio.sleep(0.2)
    channel.send_nowait(2)
    with pytest.raises(TaskStateError, match="full"):
        await root.add_task(channel.send_nowait, 3)


async def test_send_and_aclose_from_another_event_loop(root: Root) -> None:
    """C1, C2: `send` in another thread's event loop waits for room without holding that loop up."""
    task, channel = task_with_channel(root, capacity=2)
    await task.wait_started()

    async def send_all() -> None:
        for number in range(20):
            await channel.send(number)
        await channel.aclose()

    def send() -> None:
        anyio.run(send_all)

    await root.add_task(send)
    assert isinstance(await task.wait_stopped(), TaskComplete)
    assert task.heard == list(range(20))


async def test_send_from_another_event_loop_to_a_closed_channel(root: Root) -> None:
    """C1: the TaskDisposedError comes back there."""
    task, channel = task_with_channel(root)
    await channel.aclose()
    await task

    def send() -> None:
        anyio.run(channel.send, 1)

    with pytest.raises(TaskDisposedError):
        await root.add_task(send)


async def test_another_thread_before_the_task_is_in_a_tree(root: Root) -> None:
    """C1: there is nothing to hand it to yet: a TaskStateError that says what to do."""
    channel = Listener().open()
    with pytest.raises(TaskStateError, match="add it first"):
        await root.add_task(channel.send_nowait, 1)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_channel_into_a_blocking_root(backend: str) -> None:
    """C1, M5: a plain program sends into a tree in another thread, before and after the task is added."""
    task = Listener()
    channel = task.open(100)
    channel.send_nowait(0)
    with BlockingRoot(backend=backend) as root:
        root.wait_started(root.add_task(task))
        for number in range(1, 50):
            channel.send_nowait(number)
        anyio.run(channel.aclose)
        assert isinstance(root.wait_stopped(task, timeout=10), TaskComplete)
    assert task.heard == list(range(50))
