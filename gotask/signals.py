"""Where the items of a channel task come from: its own channel, or a signal of any other kind (C1)."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from threading import get_ident
from typing import Any, Generic, TypeVar

import anyio

from gotask.backend import Backend, current_backend
from gotask.errors import TaskDisposedError, TaskStateError
from gotask.hooks import is_async
from gotask.waiting import Waiters

Item = TypeVar("Item")


CLOSED = "the channel is closed: the task that reads it has stopped, or aclose() was called"


class Source:
    """Items that have come, and whether there may be more. `refill` is asked when `items` is empty."""

    coro: Any = None
    """What reads them, to be seen waiting."""

    def __init__(self) -> None:
        self.items: deque[Any] = deque()
        self.ended = False
        self.error: BaseException | None = None

    def refill(self) -> bool:
        """Get an item that need not be waited for; whether there is one."""
        return False

    def taken(self) -> None:
        """Some items have been taken and dealt with."""

    def close(self, then: Callable[[BaseException | None], object]) -> bool:
        """Read no more. False if that takes time: `then` is called at its end, with what went wrong."""
        return True


class Channel(Generic[Item]):
    """The sending end of a channel to a task. All its methods may be used from any thread (C1)."""

    def __init__(self, capacity: int) -> None:
        if not isinstance(capacity, int) or capacity < 1:
            raise ValueError(f"the capacity of a channel is a whole number of at least 1, not {capacity!r}")
        self.capacity = capacity
        self._items: deque[Item] = deque()
        self._limit = capacity
        """As `capacity`, but 0 while it is closed, or others wait for the room there is."""
        self._closed = False
        self._source: ChannelSource | None = None
        self._waiting: deque[Callable[[], bool | None]] = deque()
        self._backend: Backend | None = None
        self._thread = get_ident()

    async def send(self, item: Item) -> None:
        """Hand an item over; wait while there is no room (C2).

        Raises:
            TaskDisposedError: The channel is closed.
        """
        if get_ident() != self._thread:
            await self._send_from_thread(item)
        elif self._closed or len(self._items) < self._limit:
            self.send_nowait(item)
        else:
            await self._send_in_turn(item)

    def send_nowait(self, item: Item) -> None:
        """Hand an item over.

        Raises:
            TaskStateError: There is no room. TaskDisposedError: The channel is closed.
        """
        items = self._items
        unread = len(items)
        if unread < self._limit and get_ident() == self._thread:
            items.append(item)
            if not unread and self._source is not None:  # else the reader knows already that there are some
                self._source.life.ready()
        elif get_ident() != self._thread:
            self._ask(lambda: self.send_nowait(item))
        elif self._closed:
            raise TaskDisposedError(CLOSED)
        else:
            raise TaskStateError(
                f"the channel is full ({self.capacity} unread items): await send(…), which waits for room, "
                f"or open it with a larger capacity"
            )

    async def aclose(self) -> None:
        """Say that nothing more comes; what was sent is still read, then the task ends (C3)."""
        if get_ident() != self._thread:
            await anyio.to_thread.run_sync(self._ask, self._end)
        else:
            self._end()

    def shut(self) -> None:
        """The task is gone: what was not read is dropped, and senders are told."""
        self._items.clear()
        self._end()

    # The other end

    def enter_tree(self, pump: Any) -> None:
        """Its task is in a tree: from now on other threads may send."""
        self._backend = pump.backend
        self._thread = pump.thread

    def attach(self, source: ChannelSource, pump: Any) -> None:
        """A life reads it from now on."""
        self._source = source
        self.enter_tree(pump)

    def detach(self) -> None:
        """The life is over; perhaps another one comes."""
        self._source = None
        self.make_room()

    def make_room(self) -> None:
        """Items have been read, or a sender waits no more: it is the turn of the first that waits (C2)."""
        waiting = self._waiting
        while waiting and (self._closed or len(self._items) < self.capacity):
            if not waiting[0]():
                break  # it was only woken: it keeps its place, and the next one has its turn after it
        self._limit = 0 if waiting or self._closed else self.capacity

    def _end(self) -> None:
        self._closed = True
        self.make_room()
        if self._source is not None:
            self._source.ended = True
            self._source.life.ready()

    # Sending

    def _put(self, item: Item) -> None:
        if self._closed:
            raise TaskDisposedError(CLOSED)
        self._items.append(item)
        source = self._source
        if source is not None and not source.life.queued:
            source.life.ready()

    async def _send_in_turn(self, item: Item) -> None:
        """Send after those who came before."""
        backend = self._backend or current_backend()
        waiter = backend.waiter()
        turn = partial(backend.wake, waiter)
        self._waiting.append(turn)
        self._limit = 0
        try:
            await waiter
            self._put(item)
        finally:
            self._waiting.remove(turn)
            self.make_room()

    async def _send_from_thread(self, item: Item) -> None:
        """Send from another event loop. When this is cancelled, the item is not sent, unless it was already."""
        here, tree = current_backend(), self._in_tree()
        answer: Future[None] = Future()
        answered = here.waiter()

        def begin() -> None:
            self._waiting.append(turn)
            self.make_room()

        def turn() -> bool:
            self._waiting.popleft()
            if answer.set_running_or_notify_cancel():
                _answer(answer, lambda: self._put(item))
            return True

        answer.add_done_callback(lambda _: here.call_from_thread(here.wake, answered))
        tree.call_from_thread(begin)
        try:
            await answered
        except BaseException:
            answer.cancel()
            raise
        answer.result()

    # From other threads

    def _ask(self, action: Callable[[], None]) -> None:
        answer: Future[None] = Future()
        self._in_tree().call_from_thread(_answer, answer, action)
        answer.result()

    def _in_tree(self) -> Backend:
        if self._backend is None:
            raise TaskStateError("another thread may send once the task is in a tree: add it first")
        return self._backend


def _answer(answer: Future[None], action: Callable[[], None]) -> None:
    try:
        action()
    except BaseException as error:
        answer.set_exception(error)
    else:
        answer.set_result(None)


class ChannelSource(Source):
    """The items of a channel."""

    def __init__(self, channel: Channel[Any], life: Any) -> None:
        super().__init__()
        self.channel = channel
        self.items = channel._items
        self.ended = channel._closed
        self.life = life
        channel.attach(self, life.pump)

    def taken(self) -> None:
        self.channel.make_room()

    def close(self, then: Callable[[BaseException | None], object]) -> bool:
        self.channel.detach()
        return True


class IteratorSource(Source):
    """The items of a plain iterator, read in the loop."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        super().__init__()
        self._iterator = iterator
        self.refill()

    def refill(self) -> bool:
        if self.ended:
            return False
        try:
            self.items.append(next(self._iterator))
        except StopIteration:
            self.ended = True
        except Exception as error:
            self.ended, self.error = True, error
        return not self.ended


class AsyncSource(Source):
    """The items of anything that must be awaited, read one at a time by a coroutine (C2)."""

    def __init__(self, signal: Any, life: Any) -> None:
        super().__init__()
        self._wake: Callable[[], object] = life.ready
        self._then: Callable[[BaseException | None], object] | None = None
        self._backend: Backend = life.pump.backend
        self._next = Waiters()
        context = life.own_context()
        self.coro = self._read(signal)
        self._reader = self._backend.spawn_body(self.coro, context, self._over)

    async def _read(self, signal: Any) -> None:
        iterator = aiter(_from_queue(signal) if hasattr(signal, "task_done") else signal)
        try:
            async for item in iterator:
                self.items.append(item)
                self._wake()
                await self._next.wait(self._backend)
        finally:
            if isinstance(iterator, AsyncGenerator):  # left to the garbage collector it would be closed too late
                await iterator.aclose()

    def _over(self, value: Any, error: BaseException | None) -> None:
        self.ended, self.error = True, error
        if self._then is not None:
            self._then(error)
        else:
            self._wake()

    def taken(self) -> None:
        if not self.items and self._next:
            self._next.release()

    def close(self, then: Callable[[BaseException | None], object]) -> bool:
        if not self.ended:
            self._then = then
            self._wake = _nothing
            self._reader.cancel()
        return self.ended


async def _from_queue(queue: Any) -> AsyncIterator[Any]:
    """An asyncio.Queue as an async iterable; it ends when the queue is shut down (Python 3.13)."""
    while True:
        try:
            item = await queue.get()
        except Exception as error:
            if type(error).__name__ == "QueueShutDown":
                return
            raise
        try:
            yield item
        finally:  # also of an item whose tick failed, or that was never ticked for: nobody else will get it
            queue.task_done()


def _nothing() -> None:
    pass


def listen(signal: Any, life: Any) -> Source:
    """The source that reads this kind of signal.

    Raises:
        TypeError: It is no signal.
    """
    if isinstance(signal, Channel):
        return ChannelSource(signal, life)
    if isinstance(signal, AsyncIterable) or (hasattr(signal, "task_done") and is_async(signal.get)):
        return AsyncSource(signal, life)
    if isinstance(signal, Iterable):
        return IteratorSource(iter(signal))
    if inspect.iscoroutine(signal):
        signal.close()
    raise TypeError(
        f"get_signal() of {type(life.task).__name__} returned {signal!r}: a signal is an async iterable, a receive "
        f"stream, an asyncio.Queue, or a plain iterator"
    )
