"""A web server in a thread of its own, which answers while the program's loop is blocked."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

PORTS_TRIED = 100
GRACE = 0.5
"""Seconds for which open pages may keep the end waiting."""
THREAD = "gotask dashboard"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there or, if the port is taken, at the next one that is free.

    Raises:
        OSError: There is none, or no such host.
    """
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    last = min(port + PORTS_TRIED, 65_536) if port else 1
    for tried in range(port, last):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows, where the other one shares a port
            listener.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
            listener.bind((address[0], tried, *address[2:]))
            listener.listen(1_024)
            listener.setblocking(False)
            return listener
        except OSError as error:
            listener.close()
            exclusive_to_another = sys.platform == "win32" and isinstance(error, PermissionError)
            if error.errno != errno.EADDRINUSE and not exclusive_to_another:
                raise
    raise OSError(f"no port from {port} to {last - 1} is free at {host}: choose another one")


def address_of(listener: socket.socket, host: str) -> str:
    """`http://host:port` of a socket, as a browser on this machine takes it."""
    name = host.strip("[]")
    if name in ("0.0.0.0", "::", ""):
        name = "127.0.0.1" if listener.family == socket.AF_INET else "::1"
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's log is kept: of a dashboard only what went wrong, for it says itself where it is."""
    return record.threadName != THREAD or record.levelno >= logging.WARNING


class Server:
    """Serves one dashboard, from `start` to `close`. `failed` is called in its thread when it cannot."""

    def __init__(self, listener: socket.socket, make: Callable[[], Any], failed: Callable[[Exception], object]) -> None:
        self._listener = listener
        self._make, self._failed = make, failed
        self._closing = threading.Event()
        self._close: Callable[[], object] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name=THREAD, daemon=True)

    def start(self) -> None:
        """Begin; what is asked before it is ready waits."""
        self._thread.start()

    def close(self) -> None:
        """Say goodbye to all pages, and end. It waits for that, a second at most."""
        with self._lock:
            self._closing.set()
            close = self._close
        if close is not None:
            close()
        self._thread.join(2 * GRACE)

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:
            self._failed(error)
        finally:
            self._listener.close()

    async def _run(self) -> None:
        import uvicorn

        panel, app = self._make()
        config = uvicorn.Config(
            app, loop="asyncio", lifespan="off", ws="none", log_config=None, access_log=False, server_header=False,
            proxy_headers=False, timeout_graceful_shutdown=GRACE,  # type: ignore[arg-type]
        )  # fmt: skip
        logging.getLogger("uvicorn.error").addFilter(is_news)  # once, however many dashboards there are
        server = uvicorn.Server(config)
        loop = asyncio.get_running_loop()

        def end() -> None:
            panel.close()
            server.should_exit = True

        def close() -> None:
            try:
                loop.call_soon_threadsafe(end)
            except RuntimeError:
                pass  # it has ended

        with self._lock:
            self._close = close
            if self._closing.is_set():
                return
        await server.serve(sockets=[self._listener])
        for connection in list(server.server_state.connections):  # of pages that did not read what was sent
            connection.transport.abort()
        await asyncio.sleep(0)
