"""BlockingRoot: a tree in a thread of its own, for plain synchronous programs (M5)."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio

from gotask.backend import awaited
from gotask.body import HAS_THREADS
from gotask.errors import TaskDisposedError, TaskStateError
from gotask.hooks import check_timeout
from gotask.pump import wait_in_thread
from gotask.root import RootManager
from gotask.running import find_backend
from gotask.states import DISPOSED
from gotask.stop_report import ShutdownReport, asked_from
from gotask.task import Task
from gotask.tracing import caller

if TYPE_CHECKING:
    from gotask.backend import Handle

T = TypeVar("T")
TaskT = TypeVar("TaskT", bound=Task[Any])

GONE = "the tree is shut down: nothing can be asked of it any more"


class BlockingRoot:
    """A context manager that hosts a tree in its own thread; its methods are plain calls, from any thread.

    `root` is the RootManager itself, whose plain methods may be called from here as well (M6). Those below that wait
    take `timeout=` in seconds, and raise TimeoutError when it is over; only `shutdown` abandons then what still lives.
    """

    def __init__(self, *, backend: str = "asyncio", **root_options: Any) -> None:
        self._backend = find_backend(backend)
        self.root: RootManager[Any, Any] = RootManager(**root_options)
        self._ready: Future[Any] = Future()
        self._thread: threading.Thread | None = None
        self._report: Future[ShutdownReport] = Future()

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise TaskStateError("this BlockingRoot was entered already: make another one")
        if not HAS_THREADS:
            raise RuntimeError("there are no threads here for a BlockingRoot: use `async with gotask.RootManager()`")
        self._thread = threading.Thread(target=self._host, name="gotask", daemon=True)
        self._thread.start()
        self._ready.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def add_task(self, task: Any, /, *args: Any, **options: Any) -> Any:
        """As `RootManager.add_task`."""
        self._check_entered()
        return self.root._add_from("add_task", caller(1), task, args, options)

    def call(self, function: Callable[..., Any], *args: Any, timeout: float | None = None) -> Any:
        """Run a function in the tree's loop, and return what it returns (Q6)."""
        return self._wait(lambda: self.root.call(function, *args), timeout)

    def wait_started(self, task: Task[Any], timeout: float | None = None) -> None:
        """Wait until the task is STARTED; raise the reason if it never will be (L7)."""
        if not task._life.ever_started:
            self._wait_for(task, task.wait_started, timeout)
        task._check_started()

    def wait_stopped(self, task: Task[Any], timeout: float | None = None) -> BaseException:
        """Wait until the task is DISPOSED, and return the reason (L7)."""
        self._wait_for(task, task.wait_stopped, timeout)
        reason = task._life.reason
        assert reason is not None
        return reason

    def result(self, task: Task[T], timeout: float | None = None) -> T:
        """Wait for the task and return its result, as `await task` does (L7)."""
        self._wait_for(task, task.wait_stopped, timeout)
        return task._outcome()

    def shutdown(self, timeout: float | None = None) -> ShutdownReport:
        """Stop the tree and its thread, and say how it went (M4). `timeout`: then what still lives is abandoned."""
        check_timeout(timeout)
        if self._thread is None:
            return ShutdownReport()
        if threading.current_thread() is self._thread:
            raise TaskStateError("inside the tree use `root.stop()`: a shutdown that waits here would wait for itself")
        try:
            asked = asked_from(caller(1), here=False)
            self.root._soon(partial(self.root._life.ask, timeout, asked))
        except TaskDisposedError:
            pass  # it is over already
        try:
            return self._report.result()
        finally:
            if self._report.done() and not self.root._life.pump.abandoned:
                self._thread.join()

    # The tree's thread

    def _host(self) -> None:
        name, options = self._backend
        try:
            anyio.run(self._live, backend=name, backend_options=options)
        except BaseException as error:
            for answer in (self._ready, self._report):
                if not answer.done():
                    answer.set_exception(error)

    async def _live(self) -> None:
        await self.root.init()
        self._ready.set_result(None)
        await self.root.wait_stopped()
        try:
            self._report.set_result(await self.root.shutdown())
        except Exception as error:  # what leaves the tree (M7, L15); the loop may not end, if something was abandoned
            self._report.set_exception(error)

    def _check_entered(self) -> None:
        if self._thread is None:
            raise TaskStateError("the tree is not there yet: use `with BlockingRoot() as root:`")

    def _wait_for(self, task: Task[Any], function: Callable[[], Awaitable[Any]], timeout: float | None) -> None:
        """Wait for something of a task, unless it is over: that may be asked after the end of the tree."""
        if task.state is DISPOSED:
            return
        try:
            self._wait(function, timeout)
        except TaskDisposedError:
            if task.state is not DISPOSED:
                raise

    def _wait(self, function: Callable[[], Awaitable[Any]], timeout: float | None) -> Any:
        """Await something in the tree's loop, and wait here for its outcome."""
        check_timeout(timeout)
        self._check_entered()
        if threading.current_thread() is self._thread:
            raise TaskStateError(
                "this call waits, so it cannot be made in the tree's own thread: await the task instead"
            )
        backend = self.root._life.pump.backend
        answer: Future[Any] = Future()
        handle: list[Handle] = []

        def over(value: Any, error: BaseException | None) -> None:
            if error is None:
                answer.set_result(value)
            elif backend.is_cancellation(error):  # the tree has given up what it waited for
                answer.set_exception(TaskDisposedError(GONE))
            else:
                answer.set_exception(error)

        def begin() -> None:
            if self.root.state is DISPOSED:
                answer.set_exception(TaskDisposedError(GONE))
            else:
                handle.append(backend.spawn_body(awaited(function()), context, over))

        context = copy_context()
        backend.call_from_thread(begin)
        try:
            return wait_in_thread(answer, backend, timeout)
        except TimeoutError:
            if answer.done():
                raise
            for one in handle:
                backend.call_from_thread(one.cancel)
            raise TimeoutError(f"it took longer than {timeout:g} s") from None
