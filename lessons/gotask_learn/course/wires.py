"""Lesson 10's outside world: lines of text over real sockets, and the two who speak at their other ends."""

from __future__ import annotations

import random
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from gotask_learn import evidence
from gotask_learn.evidence import World

HOST = "127.0.0.1"
LONGEST_LINE = 1000
PATIENCE = 2.0
"""Seconds for which somebody at the other end waits for an answer."""
LOOKS, QUIET_LOOKS = 100, 30
"""Looks, 5 ms apart, after which nothing more is waited for: in all, and with nothing new."""


class Player(World):
    """Part of the outside world. By hand, with `serve`, it goes on for ever, slowly, and notes nothing."""

    forever = "serve" in sys.argv

    def _note(self, what: str, **details: object) -> None:
        if not Player.forever:
            super()._note(what, **details)


class Line(Player):
    """A connection that carries lines of text. When the other end has hung up, that is a ConnectionError."""

    _open: set[Line] = set()
    """Those that nobody has closed: garbage collection must not do it."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._buffered = BufferedByteReceiveStream(stream)
        self._open.add(self)

    @classmethod
    async def accept(cls, stream: SocketStream) -> tuple[str, Line]:
        """Wait for the name of somebody who has connected; returns it, and the line."""
        line = cls(stream)
        try:
            return await line.receive(), line
        except BaseException:
            await line.aclose()
            raise

    @classmethod
    async def dial(cls, port: int) -> Line:
        """Connect to a port of this machine; the first line must be the word "ready"."""
        try:
            line = cls(await anyio.connect_tcp(HOST, port))
        except OSError as error:
            raise ConnectionError(f"nobody there: {error}") from None
        line._note("dialled")
        try:
            answer = await line.receive()
        except ConnectionError as error:
            answer = str(error)
        if answer != "ready":
            await line.aclose()
            raise ConnectionError(answer)
        return line

    async def send(self, text: str) -> None:
        """Send a line."""
        try:
            await self._stream.send(f"{text}\n".encode())
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise ConnectionError("the other end has hung up") from None

    async def receive(self) -> str:
        """Wait for a line, and return it."""
        try:
            return (await self._buffered.receive_until(b"\n", LONGEST_LINE)).decode()
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise ConnectionError("the other end has hung up") from None

    async def __aiter__(self) -> AsyncIterator[str]:
        """The lines, one after another, until the other end hangs up."""
        with suppress(ConnectionError):
            while True:
                yield await self.receive()

    async def aclose(self) -> None:
        """Hang up."""
        self._open.discard(self)
        await self._stream.aclose()


class Office(Player):
    """The head office. It is busy at first, and hangs up in the middle of things now and then."""

    def __init__(self) -> None:
        self._server = socket.create_server((HOST, 0))
        self._busy = random.randrange(2, 4)
        self._moods = iter([2])
        self._last = ""
        threading.Thread(target=self._listen, name="office", daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens, on this machine."""
        return int(self._server.getsockname()[1])

    def knows(self, *words: str) -> bool:
        """Whether its last report has all of these."""
        return all(word in self._last.split() for word in words)

    def _listen(self) -> None:
        while True:
            connection, _ = self._server.accept()
            with connection, suppress(OSError):
                connection.settimeout(None if Player.forever else PATIENCE)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        if self._busy:
            self._busy -= 1
            why = f"busy, you are number {random.randrange(100, 1000)}"
            self._note("refused", why=why)
            connection.sendall(f"{why}\n".encode())
            return
        self._note("ready")
        connection.sendall(b"ready\n")
        patience = next(self._moods, random.randrange(5, 20) if Player.forever else 10_000)
        for text in connection.makefile("r", encoding="utf-8"):
            patience -= 1
            if not patience:
                return
            self._take(text.strip())
            connection.sendall(b"ok\n")

    def _take(self, report: str) -> None:
        if report != self._last:
            self._last = report
            print(f"office: {report}")
            self._note("took", report=report)


class Crowd(Player):
    """Many at the other end of a port, each in a thread; `script` is what one of them does."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._resting = 0
        self._lock = threading.Lock()

    def _come(self, script: Callable[..., None], *facts: object) -> None:
        thread = threading.Thread(target=script, args=facts, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _rest(self) -> None:
        """One of them has done what it came for."""
        with self._lock:
            self._resting += 1

    def _are_done(self) -> bool:
        return self._resting == len(self._threads)

    async def _wait(self, is_over: Callable[[], bool]) -> None:
        """Wait until it is over, or nothing more happens."""
        quiet, moves = 0, -1
        for _ in range(LOOKS):
            if quiet == QUIET_LOOKS or is_over():
                return
            await anyio.sleep(0.005)
            quiet = quiet + 1 if evidence.CURRENT.moves == moves else 0
            moves = evidence.CURRENT.moves

    def gone(self) -> None:
        """Give those who have been hung up on a moment to notice."""
        for _ in range(10):
            for thread in self._threads:
                thread.join(0.01)
            if not any(thread.is_alive() for thread in self._threads):
                return

    def _ended(self, connection: socket.socket) -> bool:
        """Wait for the end of a connection; whether it came."""
        try:
            while connection.recv(LONGEST_LINE):
                pass
        except ConnectionError:
            return True
        except OSError:
            return False
        return True
