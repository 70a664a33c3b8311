"""Channel: the sending end of a channel to a task (C1, C2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import get_ident
from typing import Any, Generic, TypeVar

import anyio

from gotask.backend import current_backend
from gotask.errors import TaskDisposedError, TaskStateError
from gotask.pump import Pump, settle
from gotask.waiting import wait_for

Item = TypeVar("Item")

CLOSED = (
    "the channel is closed: the task that reads it has stopped, or aclose() was called; "
    "when the task is added again, open() gives another one"
)


def check_capacity(capacity: int) -> None:
    """Refuse what is no capacity."""
    if not isinstance(capacity, int) or capacity < 1:
        raise ValueError(f"the capacity of a channel is a whole number of at least 1, not {capacity!r}")


class Channel(Generic[Item]):
    """The sending end of a channel to a task. All its methods may be used from any thread (C1)."""

    def __init__(self, capacity: int) -> None:
        check_capacity(capacity)
        self.capacity = capacity
        self._items: deque[Item] = deque()
        self._limit = capacity
        """As `capacity`, but 0 while it is closed, or others wait for the room there is."""
        self._closed = False
        self._source: Any = None
        self._waiting: deque[Callable[[], bool | None]] = deque()
        self._arriving: deque[Callable[[], bool | None]] = deque()
        """Turns that other threads wait for, before the loop has heard of them."""
        self._thread = get_ident()
        self._reader: Any = None

    async def send(self, item: Item) -> None:
        """Hand an item over; wait while there is no room (C2).

        Raises:
            TaskDisposedError: The channel is closed.
            TaskStateError: It would be a deadlock (L11); or another thread sends before the task is in a tree.
        """
        if get_ident() != self._thread:
            await self._send_from_thread(item)
        elif self._closed or len(self._items) < self._limit:
            self.send_nowait(item)
        elif self._reader is None:
            await self._send_in_turn(item)
        else:
            await wait_for(self._reader, "room in the channel", partial(self._send_in_turn, item))

    def send_nowait(self, item: Item) -> None:
        """Hand an item over. In another thread than the tree's it waits until the tree has taken it.

        Raises:
            TaskStateError: There is no room; or another thread sends before the task is in a tree.
            TaskDisposedError: The channel is closed.
        """
        items = self._items
        unread = len(items)
        if unread < self._limit and get_ident() == self._thread:
            items.append(item)
            if not unread and self._source is not None:  # else the reader knows already that there are some
                self._source.life.ready()
        elif get_ident() != self._thread:
            self._in_tree().ask(partial(self.send_nowait, item))
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
            await anyio.to_thread.run_sync(self._in_tree().ask, self._end)
        else:
            self._end()

    def resize(self, capacity: int) -> None:
        """Have room for so many unread items from now on; what is more than that already stays."""
        check_capacity(capacity)
        self.capacity = capacity
        self.make_room()

    def shut(self) -> None:
        """The task is gone: what was not read is dropped, and senders are told."""
        self._items.clear()
        self._end()

    # The other end

    def enter_tree(self, reader: Any) -> None:
        """Its task is in a tree: from now on other threads may send."""
        self._reader = reader
        self._thread = reader.pump.thread

    def attach(self, source: Any) -> None:
        """A life reads it from now on."""
        self._source = source
        self.enter_tree(source.life)

    def detach(self) -> None:
        """The life is over; perhaps another one comes."""
        self._source = None
        self.make_room()

    def make_room(self) -> None:
        """Items have been read, or a sender waits no more: it is the turn of the first that waits (C2)."""
        waiting = self._waiting
        while self._arriving:
            waiting.append(self._arriving.popleft())
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
        backend = current_backend() if self._reader is None else self._reader.pump.backend
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

        def turn() -> bool:
            self._waiting.popleft()
            if answer.set_running_or_notify_cancel():
                settle(answer, partial(self._put, item))
            return True

        answer.add_done_callback(lambda _: here.call_from_thread(here.wake, answered))
        self._arriving.append(turn)
        if self._closed:  # looked at after that, so that either this or `_end` sees the other, also where no loop does
            raise TaskDisposedError(CLOSED)
        tree.backend.call_from_thread(self.make_room)
        try:
            await answered
        except BaseException:
            answer.cancel()
            raise
        answer.result()

    def _in_tree(self) -> Pump:
        """What does things in the tree's thread."""
        if self._reader is None:
            raise TaskStateError("another thread may send once the task is in a tree: add it first")
        pump: Pump = self._reader.pump
        return pump
