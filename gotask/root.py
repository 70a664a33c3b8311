"""RootManager: the root of a tree, and where it touches the program around it (M)."""

from __future__ import annotations

import math
import os
from contextvars import Context, copy_context
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, NoReturn, Self

import anyio

from gotask.backend import Backend, current_backend
from gotask.context import CURRENT, running_hooks
from gotask.errors import Exit, TaskDisposedError, TaskPanic, TaskStateError
from gotask.event_loop import EventLoop
from gotask.events import Farewell, Observer
from gotask.family import lineage
from gotask.history import History
from gotask.hooks import check_timeout
from gotask.life import Life
from gotask.pump import Pump
from gotask.roots import EVERYWHERE, OPEN, ROOTS
from gotask.states import DISPOSED
from gotask.stop_report import Asked, ShutdownReport, Unstopped, asked_from
from gotask.tracing import LOGGER, caller, ipython, say, stack_of
from gotask.waiting import Waiters
from gotask.watchdog import Blockage, Watchdog, check_limit, watch
from gotask.work import K, T, WorkCollection, WorkLife

LATE_TURNS = 20
"""Turns of the event loop in which what was given up and cancelled may still end by itself."""


class Host:
    """What a root is added to, so that no task need ask whether it has a parent."""

    parent = None
    task = None
    outer = None
    id = None
    level = -1
    escalates = False
    closing = None
    shuffled = False
    passing = True

    def __init__(self, root: Any, backend: Backend, panic: bool, history: int, max_threads: float) -> None:
        self.root: Life = root._life
        self.context: Context = copy_context()
        self.pump = Pump(backend, self.context, history, self.crashed, self.troubled, self.cancelled)
        self.context.run(CURRENT.set, self.pump.plain)
        self.pump.limiter = anyio.CapacityLimiter(max_threads)
        self.pump.panic = panic
        self.child_loop = EventLoop(self)
        self.child_loop.opened = True
        self.gone = Waiters()
        self.pump.on_close = self.gone.release
        self.leaving: BaseException | None = None
        """What leaves `run()` or `async with` when the tree is gone (L14, L15, M7)."""
        self.farewells: list[Farewell] = []
        """What observers still do: `shutdown()` awaits it."""
        self.waiting: set[int] = set()
        """The ids of the back end's tasks that wait in `shutdown()`."""

    def forget(self, life: Life, failed: bool) -> None:
        pass

    def reborn(self, life: Life) -> None:
        pass

    heard_start = heard_end = reborn

    def take_back(self, life: Life) -> None:
        raise TaskDisposedError("a root is opened again with `await root.init()`")

    def crashed(self, error: BaseException) -> None:
        """The library itself failed: end the tree, by force where it does not go by itself (L15)."""
        say(LOGGER.critical, "a bug of gotask: its loop failed; the tree is shut down", exc_info=error)
        first = not isinstance(self.leaving, TaskPanic)
        self.leaving = TaskPanic(f"gotask's own loop failed with {error!r}: please report this as a bug")
        self.leaving.__cause__ = error
        if first:
            self.root.stop(self.leaving, asked=("gotask itself, because of a bug", None))
            self.pump.backend.call_at(self.pump.clock() + 5.0, self.root.give_up)
        else:
            self.root.give_up()

    def troubled(self, error: BaseException) -> None:
        """An error shuts the tree down and leaves with it (L14, M7)."""
        if self.leaving is None:
            self.leaving = error
            self.root.stop(Exit(f"because of {error!r}"), asked=("an error that nothing handles", None))

    def cancelled(self) -> None:
        """The program around is being cancelled (S8)."""
        self.root.stop(Exit("cancelled from outside"), asked=("a cancellation from outside", None))

    def closed(self, root: Any) -> None:
        """The root is DISPOSED: nothing of the tree is left to do."""
        OPEN.pop(root.task_id, None)
        self.farewells = self.pump.observers.close(root)
        self.pump.tree_gone()


class RootLife(WorkLife):
    """The life of a root: it notes when it was asked to end, for the report (M4)."""

    __slots__ = ("asked_at", "disposed_before")

    def added(self, parent: Any, key: Any, origin: Any) -> None:
        super().added(parent, key, origin)
        self.asked_at, self.disposed_before = self.added_at, 0

    def stop(self, reason: BaseException, by_parent: bool = False, asked: Asked | None = None) -> None:
        if self.request is None and self.parent is not None and self.state is not DISPOSED:
            self.asked_at, self.disposed_before = self.pump.clock(), self.pump.disposed
        super().stop(reason, by_parent, asked)

    def check_open(self) -> None:
        if self.parent is None:
            raise TaskStateError(
                "this root is not open yet: use `async with RootManager() as root:`, or `await root.init()` first"
            )
        super().check_open()

    def ask(self, timeout: float | None, asked: Asked) -> None:
        """Request the end of the tree; give up what still lives after `timeout` seconds."""
        self.stop(Exit("shutdown"), asked=asked)
        if timeout is not None and self.state is not DISPOSED:
            self.set_timer("shutdown", timeout, self.give_up)


class RootManager(WorkCollection[K, T]):
    """The root of a tree of tasks. Use it with `async with`, or with `await init()` and `await shutdown()` (M1).

    It is a WorkCollection: its children can be looked up by key. It belongs to the event loop it was opened in.

    Args:
        handle_signals: Shut down on SIGHUP, SIGINT, SIGTERM, SIGQUIT, unless ignored (M3). None: under `gotask.run`.
        panic: Let the first error that no one handles shut the tree down and leave it (M7). None: as the environment
            variable GOTASK_PANIC says.
        history: How many lives to remember (H5).
        max_threads: How many plain bodies may run at a time (L16). None: any number.
        watchdog: Log a warning when something blocks the event loop for so many seconds; see `blockages`. None: do not.
    """

    __slots__ = ("_host", "_options", "_report", "_watchdog")

    _life: RootLife
    _life_type: ClassVar[type[Life]] = RootLife

    def __init__(
        self,
        *,
        handle_signals: bool | None = None,
        panic: bool | None = None,
        history: int = 10_000,
        max_threads: int | None = None,
        watchdog: float | None = None,
    ) -> None:
        if max_threads is not None and (not isinstance(max_threads, int) or max_threads < 1):
            raise ValueError(
                f"max_threads is a whole number of at least 1, or None for any number, not {max_threads!r}"
            )
        History(history)  # raises what `init` would
        check_limit(watchdog)
        self._options = {
            "handle_signals": handle_signals, "panic": panic, "history": history, "max_threads": max_threads,
            "watchdog": watchdog,
        }  # fmt: skip

    async def init(self) -> Self:
        """Open the tree in the running event loop, and return this root once it is STARTED.

        On a running root it does nothing (M1). A root that was shut down can be opened again.

        Raises:
            TaskStateError: It runs in another event loop (M12).
        """
        return await self._open(caller(1))

    async def _open(self, origin: Any) -> Self:
        life = self._life
        if life.parent is not None and life.state is not DISPOSED:
            self._check_loop("init()")
            await self.wait_started()
            return self
        options: dict[str, Any] = getattr(self, "_options", {})
        panic = options.get("panic")
        if panic is None:
            panic = os.environ.get("GOTASK_PANIC", "") not in ("", "0")
        backend = current_backend()
        if life.state is DISPOSED:
            life.renew()
        host = Host(self, backend, panic, options.get("history", 10_000), options.get("max_threads") or math.inf)
        life.added(host, self.key, origin)
        finals = life.more().finals
        finals[:] = [host.closed]
        self._watchdog = watch(life, options.get("watchdog"))
        if self._watchdog is not None:
            finals.append(self._watchdog.close)
        self._host = host
        self._report: ShutdownReport | None = None
        ROOTS[life.id] = self
        OPEN[life.id] = self
        for observer in EVERYWHERE:
            host.pump.observers.attach(observer, self)
        await backend.open(host.cancelled)  # not before: meanwhile somebody else may call this, too
        life.loop.post(life)
        try:
            await self.wait_started()
            if hasattr(ipython(), "kernel"):
                from gotask.os_signal import hear_interrupts

                hear_interrupts(self)
            if options.get("handle_signals"):
                await self.add_signals()
        except BaseException:
            await self._shut(None, ("init(), which failed", None))
            raise
        return self

    async def add_signals(self) -> None:
        """Shut down on signals from now on (M3)."""
        from gotask.os_signal import OSSignal

        await self.add_task(OSSignal()).wait_started()

    async def shutdown(self, timeout: float | None = None) -> ShutdownReport:
        """Stop the whole tree with Exit, and wait until it is gone; then say how it went (M4).

        It waits to the end even when its caller is cancelled (S8). Called inside the tree it only asks, and returns
        an empty report at once (M10).

        Args:
            timeout: Seconds after which what still lives is abandoned; what it held has one more to be released.

        Raises:
            TaskPanic: The library itself failed (L15).
            TaskStateError: It is called in another thread or event loop than the tree's (M12).
            ValueError: `timeout` is no number of seconds, 0 or more.
            BaseException: What ended the tree: KeyboardInterrupt or SystemExit (L14); in panic mode any error (M7).
        """
        check_timeout(timeout)
        return await self._shut(timeout, asked_from(caller(1), self._is_here()))

    async def _shut(self, timeout: float | None, asked: Asked) -> ShutdownReport:
        life = self._life
        if life.parent is None:
            return ShutdownReport()
        self._check_loop("shutdown()")
        life.ask(timeout, asked)
        if any(own is life for hook in running_hooks() for own in lineage(hook)):
            return ShutdownReport()
        pump = life.pump
        self._host.waiting.add(anyio.get_current_task().id)
        await pump.backend.shielded(self._gone)
        if self._report is None:
            duration = (life.ended_at or pump.clock()) - life.asked_at
            self._report = ShutdownReport(pump.disposed - life.disposed_before, duration, tuple(pump.abandoned))
        leaving, self._host.leaving = self._host.leaving, None
        if leaving is not None:
            raise leaving
        return self._report

    async def _gone(self) -> None:
        await self._life.wait_ended()
        pump = self._life.pump
        if not pump.closing:
            await self._host.gone.wait(pump.backend)
        for _ in range(LATE_TURNS):
            if pump.late:
                await pump.backend.pause()
        late = [(path, tuple(stack_of(drive.coro))) for drive, path in pump.late.items()]
        pump.abandoned += [Unstopped(path, where) for path, where in pump.unreleased + late]
        pump.late, pump.unreleased = {}, []
        for farewell in self._host.farewells:
            try:
                await farewell()
            except Exception:
                say(LOGGER.exception, "the farewell of an observer failed")
        if not pump.abandoned:
            await pump.backend.wait_finished()

    async def __aenter__(self) -> Self:
        return await self._open(caller(1))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._shut(None, ("the end of main, or of `async with`", None))

    def __enter__(self) -> NoReturn:
        raise TypeError("a RootManager is opened with `async with`; in a plain program use BlockingRoot")

    def __exit__(self, *error: object) -> None:
        """For `with` to come as far as `__enter__`."""

    def observe(self, observer: Observer) -> None:
        """Have an observer told of what happens in this tree from now on (H6).

        At any moment, from any thread: its `attached` is called first, when nothing of the tree is in motion.

        Raises:
            TypeError: It is no observer.
            TaskStateError: The tree is not open yet.
        """
        self._now(partial(self._opened("observe()").observers.attach, observer, self))

    def unobserve(self, observer: Observer) -> None:
        """Tell an observer no more."""
        self._now(partial(self._opened("unobserve()").observers.detach, observer))

    @property
    def history(self) -> History:
        """The last lives of this tree (H5)."""
        return self._opened("history").history

    @property
    def blockages(self) -> tuple[Blockage, ...]:
        """What the watchdog has seen to block the event loop, the last 100, newest last. Any thread may read it.

        One that goes on is among them: its `over` is False.
        """
        watchdog: Watchdog | None = getattr(self, "_watchdog", None)
        return () if watchdog is None else watchdog.blockages

    def _check_loop(self, what: str) -> None:
        """Refuse a call that only the tree's own event loop may make, while it lives (M12)."""
        pump = self._life.pump
        pump.check_thread(what)
        if self.state is not DISPOSED and current_backend().loop is not pump.backend.loop:
            raise TaskStateError(
                f"{self.execution_path} is {self.state.name} in another event loop, which {what} cannot reach: "
                f"shut a root down in the loop it was opened in, before that loop ends"
            )

    def _opened(self, what: str) -> Pump:
        if self._life.parent is None:
            raise TaskStateError(
                f"{what} needs an open tree: `await root.init()` first, or `async with RootManager() as root:`"
            )
        return self._life.pump
