"""C1, C2: those who send to a channel that is full have their turn in the order in which they came."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from gotask import (
    BlockingRoot,
    Channel,
    ChannelTask,
    Job,
    RetryPolicy,
    RootManager,
    StopByUser,
    Task,
    TaskDisposedError,
    TaskState,
    TaskStateError,
    Work,
)

Root = RootManager[Any, Any]
ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio", "asyncio+uvloop"], indirect=True)


class Reader(ChannelTask[Any]):
    """Keeps the items of its channel.

    After the first it calls `at_once` in the tick, and `then` when the sender that waits for room has been woken.
    """

    def __init__(
        self,
        at_once: Callable[[], object] | None = None,
        then: Callable[[], object] | None = None,
        fails_at: Any = None,
    ) -> None:
        self.heard: list[Any] = []
        self.at_once = at_once
        self.then = then
        self.fails_at = fails_at

    def tick(self, item: Any) -> Any:
        if not self.heard and self.at_once is not None:
            self.at_once()
        if not self.heard and self.then is not None:
            self.parent.add_task(Starting(self.then))
        self.heard.append(item)
        if item == self.fails_at:
            raise ValueError(item)


class Starting(Task[Any]):
    """Calls a function in its start."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function

    def start(self) -> None:
        self.function()


async def waiting(group: Any, channel: Channel[Any], *items: Any) -> None:
    """Have a sender wait with each of these items, one after another."""
    for item in items:
        group.start_soon(channel.send, item)
        await anyio.wait_all_tasks_blocked()


async def heard_by(task: Reader) -> list[Any]:
    """What it has heard after a while."""
    await anyio.sleep(100)
    return task.heard


async def full(task: Reader, capacity: int = 1) -> Channel[Any]:
    """A full channel to a task that reads nothing yet."""
    channel = task.open(capacity)
    for number in range(capacity):
        await channel.send(-number)
    return channel


async def test_a_new_send_does_not_overtake(root: Root) -> None:
    """C2: room goes to the sender that waits for it, not to one that comes while it is being woken."""
    async with anyio.create_task_group() as group:
        task = Reader(at_once=lambda: group.start_soon(channel.send, "late"))
        channel = await full(task)
        await waiting(group, channel, "early")
        root.add_task(task)
        assert await heard_by(task) == [0, "early", "late"]


async def test_send_nowait_does_not_overtake(root: Root) -> None:
    """C2: neither does `send_nowait`: for it the channel is full."""
    refused: list[Any] = []

    def send_nowait() -> None:
        with pytest.raises(TaskStateError, match="full") as caught:
            channel.send_nowait("late")
        refused.append(caught.value)

    task = Reader(then=send_nowait)
    channel = await full(task)
    async with anyio.create_task_group() as group:
        await waiting(group, channel, "early")
        root.add_task(task)
        assert await heard_by(task) == [0, "early"]
    assert len(refused) == 1


async def test_a_tick_that_waits_has_left_room(root: Root) -> None:
    """C2: its item is no longer unread, so the sender that waits for room has it before that tick is over."""
    sent: list[int] = []

    class Slow(ChannelTask[int]):
        async def tick(self, item: int) -> None:
            await self.wait_stop_requested()

    async def send_all() -> None:
        for number in range(6):
            await channel.send(number)
            sent.append(number)

    task = Slow()
    channel = task.open(2)
    root.add_task(task)
    sender = root.add_task(Work()).add_task(send_all)
    await anyio.sleep(100)
    assert sent == [0, 1, 2]  # one in its tick, two unread
    with pytest.raises(TaskStateError, match="2 unread items"):
        channel.send_nowait(6)
    sender.stop()
    task.stop()


async def test_the_first_that_waits_is_the_first_that_sends(root: Root) -> None:
    """C2: also when there is room for several at once."""
    task = Reader()
    channel = await full(task, 4)
    async with anyio.create_task_group() as group:
        await waiting(group, channel, *range(1, 20))
        root.add_task(task)
        assert await heard_by(task) == [0, -1, -2, -3, *range(1, 20)]


async def test_a_sender_in_the_middle_that_is_cancelled(root: Root) -> None:
    """C2: its item is not sent, and those behind it move up."""
    task = Reader()
    channel = await full(task)
    async with anyio.create_task_group() as group:
        await waiting(group, channel, 1)
        async with anyio.create_task_group() as inner:
            await waiting(inner, channel, 2)
            await waiting(group, channel, 3)
            inner.cancel_scope.cancel()
        root.add_task(task)
        assert await heard_by(task) == [0, 1, 3]


@ASYNCIO
async def test_a_sender_that_is_cancelled_when_its_turn_has_come(root: Root) -> None:
    """C2: its item is not sent, and its turn goes to the next."""
    task = Reader(then=lambda: sender.cancel())
    channel = await full(task)
    sender = asyncio.ensure_future(channel.send(1))
    async with anyio.create_task_group() as group:
        await waiting(group, channel, 2)
        root.add_task(task)
        assert await heard_by(task) == [0, 2]
    assert sender.cancelled()


async def test_a_sender_goes_on_when_a_tick_fails(root: Root) -> None:
    """C2, C5: the item whose tick fails has left room too."""
    task = Reader(fails_at=0)
    channel = await full(task)
    async with anyio.create_task_group() as group:
        await waiting(group, channel, 1, 2)
        root.add_task(task, retry=RetryPolicy(1, 10))
        assert await heard_by(task) == [0, 1, 2]


async def test_all_who_wait_are_told_of_the_end(root: Root) -> None:
    """C1: those who wait for room get a TaskDisposedError when the task is gone."""
    task = Reader()
    channel = await full(task)
    told: list[int] = []

    async def send(number: int) -> None:
        with pytest.raises(TaskDisposedError):
            await channel.send(number)
        told.append(number)

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(send, number)
            await anyio.wait_all_tasks_blocked()
        task.stop()
        root.add_task(task)
    assert told == list(range(5))


# From other threads


def elsewhere(function: Callable[[], Awaitable[Any]]) -> Callable[[], Any]:
    """A plain function that runs an async one in an event loop of its own."""

    async def main() -> Any:
        return await function()

    return lambda: anyio.run(main)


class GatedReader(Reader):
    """Is in a tree, but reads only once the gate is open."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gate = anyio.Event()

    async def start(self) -> None:
        await self.gate.wait()


async def test_a_sender_in_another_thread_has_its_turn(root: Root) -> None:
    """C1, C2: it waits in the same row, so nobody overtakes it and it overtakes nobody."""
    waits_there = anyio.Event()
    sign = root.add_task(Reader(then=waits_there.set)).open()
    task = root.add_task(Job[Any]()).add_task(GatedReader())
    channel = await full(task)

    async def send_there() -> None:
        async with anyio.create_task_group() as there:
            await waiting(there, channel, 2)
            sign.send_nowait("it waits")

    async with anyio.create_task_group() as group:
        await waiting(group, channel, 1)
        sending = root.add_task(elsewhere(send_there))
        await waits_there.wait()
        await waiting(group, channel, 3)
        task.gate.set()
        await sending
        assert await heard_by(task) == [0, 1, 2, 3]


async def test_a_sender_in_another_thread_that_is_cancelled(root: Root) -> None:
    """C1, C2: it need not wait for room any more; its item is not sent, and those behind it move up."""
    task = root.add_task(Job[Any]()).add_task(GatedReader())
    channel = await full(task)

    async def send_there() -> None:
        async with anyio.create_task_group() as there:
            await waiting(there, channel, 1)
            there.cancel_scope.cancel()

    await root.add_task(elsewhere(send_there))
    async with anyio.create_task_group() as group:
        await waiting(group, channel, 2)
        task.gate.set()
        assert await heard_by(task) == [0, 2]


def test_a_sender_in_another_thread_that_the_loop_never_hears_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """C1: asyncio drops what comes just before the end of the loop; the sender is told, before that and after."""
    lost = threading.Event()

    class Unready(Reader):
        async def start(self) -> None:
            await self.wait_stop_requested()

    with BlockingRoot() as root:
        channel = root.add_task(Unready()).open(1)
        channel.send_nowait(0)
        tree = root.root._life.pump.backend
        with ThreadPoolExecutor(1) as pool, monkeypatch.context() as patched:
            patched.setattr(tree, "call_from_thread", lambda *call: lost.set())
            answer = pool.submit(anyio.run, channel.send, 1)
            assert lost.wait(5)
            patched.undo()
            root.shutdown()
            with pytest.raises(TaskDisposedError, match="closed"):
                answer.result(5)
        monkeypatch.setattr(tree, "call_from_thread", lambda *call: None)
        with pytest.raises(TaskDisposedError, match="closed"):
            anyio.run(channel.send, 1)


# An asyncio.Queue


class QueueReader(Reader):
    def __init__(self, queue: asyncio.Queue[Any], **options: Any) -> None:
        super().__init__(**options)
        self.queue = queue

    def get_signal(self) -> Any:
        return self.queue


class SlowQueueReader(QueueReader):
    async def tick(self, item: Any) -> None:
        self.heard.append(item)
        await anyio.sleep_forever()


@ASYNCIO
@pytest.mark.parametrize("retry", [None, RetryPolicy(1, 10)])
async def test_an_item_whose_tick_fails_is_done(root: Root, retry: RetryPolicy | None) -> None:
    """C1, C5: `join` of an asyncio.Queue does not wait for an item that nobody will get again."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    task = root.add_task(QueueReader(queue, fails_at=1), retry=retry)
    queue.put_nowait(1)
    with anyio.fail_after(100):
        await queue.join()
        if retry is not None:
            queue.put_nowait(2)
            await queue.join()
    assert task.heard == ([1] if retry is None else [1, 2])


@ASYNCIO
async def test_an_item_whose_tick_is_stopped_is_done(root: Root) -> None:
    """C1, C3: so for an async tick that is cancelled by a stop."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    task = root.add_task(SlowQueueReader(queue))
    queue.put_nowait(1)
    await heard_by(task)
    task.stop()
    assert isinstance(await task.wait_stopped(), StopByUser)
    with anyio.fail_after(100):
        await queue.join()


@ASYNCIO
async def test_an_item_that_stays_in_the_queue_is_not_done(root: Root) -> None:
    """C1, C3: what the task has not read may still be read by another one."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    task = root.add_task(SlowQueueReader(queue))
    queue.put_nowait(1)
    queue.put_nowait(2)
    await heard_by(task)
    task.stop()
    await task.wait_stopped()
    other = root.add_task(QueueReader(queue))
    with anyio.fail_after(100):
        await queue.join()
    assert other.heard == [2]


# What would wait for ever


async def test_a_sender_that_holds_the_loop_of_the_reader_is_refused(root: Root) -> None:
    """C2, L11: a tick that waits for room in a channel which needs that same loop is told so, instead of hanging."""

    class Reader(ChannelTask[int]):
        def tick(self, item: int) -> None:
            pass

    class Relay(ChannelTask[int]):
        async def tick(self, item: int) -> None:
            for number in range(100):
                await reader.open(2).send(number)

    job = root.add_task(Work())
    await job.wait_started()
    reader = job.add_task(Reader())
    relay = job.add_task(Relay())
    await relay.wait_started()
    await relay.open().send(1)
    reason = await relay.wait_stopped()
    assert isinstance(reason, TaskStateError)
    assert "room in the channel" in str(reason)
    assert reader.state is TaskState.GOING


async def test_a_sender_in_another_loop_waits_for_its_room(root: Root) -> None:
    """C2: under another Job the same relay waits for room, and everything arrives."""
    got: list[int] = []

    class Reader(ChannelTask[int]):
        def tick(self, item: int) -> None:
            got.append(item)

    class Relay(ChannelTask[int]):
        async def tick(self, item: int) -> None:
            for number in range(10):
                await reader.open(2).send(number)

    here, there = root.add_task(Work()), root.add_task(Work())
    await there.wait_started()
    reader = there.add_task(Reader())
    relay = here.add_task(Relay())
    await relay.wait_started()
    await relay.open().send(1)
    await anyio.sleep(1)
    assert got == list(range(10))


async def test_a_capacity_that_is_said_later_counts(root: Root) -> None:
    """C1, C2: `open(capacity)` of a task that has its channel already changes the room from then on."""

    class Reader(ChannelTask[int]):
        async def tick(self, item: int) -> None:
            await anyio.sleep(1)

    reader = root.add_task(Reader())
    await reader.wait_started()
    channel = reader.open(40)
    for number in range(40):
        channel.send_nowait(number)
    with pytest.raises(TaskStateError, match="40 unread items"):
        channel.send_nowait(40)
    assert reader.open() is channel
    assert channel.capacity == 40
    reader.open(2)
    await anyio.sleep(37.5)
    with pytest.raises(TaskStateError, match="2 unread items"):
        channel.send_nowait(40)
    await anyio.sleep(1)
    channel.send_nowait(41)
    with pytest.raises(ValueError, match="whole number"):
        reader.open(0)
