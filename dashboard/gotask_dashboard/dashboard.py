"""Dashboard: the task that shows the tree it is in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import anyio
from anyio.to_thread import run_sync

from gotask import GotaskError, TaskState, Work
from gotask_dashboard.mirror import Mirror, root_of
from gotask_dashboard.options import OWN_FILE, Own, Place, Redact, check, check_port, history_store
from gotask_dashboard.problems import tell
from gotask_dashboard.pulse import BEAT, Pulse
from gotask_dashboard.server import Server, address_of, listen
from gotask_dashboard.sessions import Sessions


class Dashboard(Work):
    """Shows its tree in the browser: `root.add_task(Dashboard())`, then open the address that it logs, or `url`.

    Its server runs in a thread of its own and answers also while the tree's loop is blocked. The history is written by
    a HistoryStore: the one in the tree, or else one that is added to its root. Added first, it goes last.

    Args:
        host: Where to listen. If others can reach it, a token must be given.
        port: If it is taken, the next one that is free; 0: any.
        token: What browsers and scripts must show. None: one is made. False: none, only on a loopback address.
        read_only: Refuse all commands.
        history: A file or URL; None: memory. By default a file of this program in the user's state directory.
        redact: Takes name and text of each description, and returns the text to be shown, or None for nothing.
        allowed_hosts: More names under which browsers may call it.
        keep_stopped: How many tasks that have stopped can be started again.

    Raises:
        ModuleNotFoundError: The extra `dashboard` is not installed.
        ValueError: One of these cannot be.
        TypeError: One of these is of the wrong type.
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 8080, token: str | bool | None = None, read_only: bool = False,
        history: Place = OWN_FILE, redact: Redact | None = None, allowed_hosts: Iterable[str] = (),
        keep_stopped: int = 200,
    ) -> None:  # fmt: skip
        check_port(port)
        self._options = check(host, token, read_only, redact, allowed_hosts, keep_stopped)
        self._port = port
        self._sessions = Sessions(self._options.token)  # pages stay logged in when it is restarted
        # One that is named is checked at once; that of the program needs no SQLAlchemy before there is a tree.
        self._store = None if isinstance(history, Own) else history_store(history)
        self._history = history
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Where it is, with the token; known once it is STARTED."""
        if self._url is None:
            raise RuntimeError("the dashboard has no address yet: await dashboard.wait_started()")
        return self._url + (f"/#token={self._options.token}" if self._options.token else "/")

    @property
    def token(self) -> str:
        """What scripts send as `Authorization: Bearer …`; "" if none is asked for."""
        return self._options.token

    def start(self) -> None:
        """Listen, and look at the tree from now on."""
        root = root_of(self)
        listener = listen(self._options.host, self._port)
        port = listener.getsockname()[1]
        if self._port not in (0, port):
            self.warn(f"port {self._port} is taken, so the dashboard is at {port}")
        self._port = port  # another life is found at the same address
        self._url = address_of(listener, self._options.host)
        self._pulse, self._mirror = Pulse(), Mirror(self._options.keep_stopped)
        root.observe(self._mirror)
        self._server = Server(listener, lambda: self._make(root), self._failed)
        self._server.start()
        tell(self.info, f"dashboard: {self.url if self._options.own_token else self._url + '/'}")

    async def go(self) -> None:
        """Give signs of life, and see that there is a history, which may take a while."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._open_history)
            while not self.is_stopped:
                self._pulse.beat()
                await anyio.sleep(BEAT)

    async def dispose(self) -> None:
        """Say goodbye to the pages."""
        self._pulse.stop()
        await run_sync(self._server.close)
        root_of(self).unobserve(self._mirror)

    async def _open_history(self) -> None:
        found = self._mirror.first_of(await run_sync(load_store))
        try:
            if found is None:
                if self._store is None or self._store.state is TaskState.DISPOSED:
                    self._store = history_store(self._history)
                found = root_of(self).add_task(self._store)
            self._mirror.store = found
        except (GotaskError, OSError) as error:
            self._mirror.store_error = f"there is no history: {error}"
            self.warn(self._mirror.store_error)

    def _make(self, root: Any) -> Any:
        """In the server's thread: the panel and its application."""
        from gotask_dashboard.app import make_app
        from gotask_dashboard.panel import Panel
        from gotask_dashboard.process import began_at

        panel = Panel(root, self._mirror, self._options, self._pulse, self.task_id, began_at())
        return panel, make_app(lambda: panel, self._options, self._sessions)

    def _failed(self, error: Exception) -> None:
        """In the server's thread: it could not serve."""
        self.error(f"the server of the dashboard failed: {error!r}")
        self.stop(error)


def load_store() -> Any:
    """The class HistoryStore, loaded here because that takes a while."""
    from gotask.store import HistoryStore

    return HistoryStore
