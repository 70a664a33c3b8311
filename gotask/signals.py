"""Where the items of a channel task come from: its own channel, or a signal of any other kind (C1)."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, TypeVar

from gotask.backend import Backend
from gotask.hooks import is_async
from gotask.sending import Channel
from gotask.waiting import Waiters

Item = TypeVar("Item")


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

    def in_hand(self) -> None:
        """One has been taken, and dealing with it takes time."""

    def close(self, then: Callable[[BaseException | None], object]) -> bool:
        """Read no more. False if that takes time: `then` is called at its end, with what went wrong."""
        return True


class ChannelSource(Source):
    """The items of a channel."""

    def __init__(self, channel: Channel[Any], life: Any) -> None:
        super().__init__()
        self.channel = channel
        self.items = channel._items
        self.ended = channel._closed
        self.life = life
        channel.attach(self)

    def taken(self) -> None:
        self.channel.make_room()

    in_hand = taken

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
