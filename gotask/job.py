"""Job: a Task that holds Tasks."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from threading import get_ident
from typing import Any, ClassVar, Literal, TypedDict, TypeVar, Unpack, overload

from gotask.context import holds
from gotask.errors import StopByUser, TaskDisposedError, TaskStateError, TimeoutReason
from gotask.event_loop import Call
from gotask.hooks import check_timeout, is_async, waits
from gotask.job_life import JobLife
from gotask.life import Life
from gotask.retry import RetryPolicy, policy_of
from gotask.run_task import check_free, life_of
from gotask.states import DISPOSED, DISPOSING, TaskType
from gotask.task import R, Task
from gotask.tracing import Origin, caller
from gotask.waiting import wait_for

TaskT = TypeVar("TaskT", bound=Task[Any])
T = TypeVar("T")


class AddOptions(TypedDict, total=False):
    """What `add_task` takes beside the task."""

    key: Any
    name: str | None
    logger: Any
    descriptions: Mapping[str, Any] | None
    retry: RetryPolicy | None
    stop_when: Any
    timeout: float | None


class FunctionTask(Task[Any]):
    """An async function as a task (J5)."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function = partial(function, *args) if args else function
        self.owner_type = getattr(function, "__name__", type(function).__name__)

    async def go(self) -> Any:
        return await self.function()


class ThreadFunctionTask(FunctionTask):
    """A plain function as a task, in a thread (J5)."""

    def go(self) -> Any:
        return self.function()


class Job(Task[R]):
    """A task that holds tasks. It starts them one at a time, hears of their ends, and stops when the last is gone (J1).

    Its children are disposed before it, in the reverse order of their start (D2).
    """

    __slots__ = ()

    _life: JobLife
    _life_type: ClassVar[type[Life]] = JobLife

    task_type: ClassVar[TaskType] = TaskType.JOB
    max_children: int | None = None
    """How many children it may have at a time (Q4). None: any number."""
    stop_children: Literal["reverse", "concurrent"] = "reverse"
    """Whether its children are disposed one after another, or all at once (D2)."""
    on_child_failure: Literal["isolate", "escalate"] = "isolate"
    """Whether the failure of a child is its own, or the Job's too (J2)."""

    @overload
    def add_task(self, task: TaskT, /, **options: Unpack[AddOptions]) -> TaskT: ...
    @overload
    def add_task(self, task: Callable[..., Any], /, *args: Any, **options: Unpack[AddOptions]) -> Task[Any]: ...
    def add_task(self, task: Any, /, *args: Any, key: Any = None, name: str | None = None, logger: Any = None,
                 descriptions: Mapping[str, Any] | None = None, retry: RetryPolicy | None = None,
                 stop_when: Any = None, timeout: float | None = None) -> Any:  # fmt: skip
        """Add a child, and return it at once; it is started as soon as its turn comes (J4).

        Args:
            task: A task, or a function with its arguments: an async one runs beside the others, a plain one in a
                thread (J5).
            key: Its key, if it is not to be its own.
            name: Its owner type.
            logger: A logger to be used instead of `gotask.<owner type>`.
            descriptions, retry: As by `set_descriptions` and `set_retry`.
            stop_when: An event (anything with an async `wait`), or an awaitable; when it comes, the child is stopped.
            timeout: Seconds after which the child is stopped with TimeoutReason.

        Raises:
            TypeError: It is neither a task nor a function, its key has no hash, or `stop_when` cannot be awaited.
            ValueError: `timeout` is no number of seconds.
            TaskExistsError: The key is taken.
            TooManyChildrenError: `max_children` is reached.
            TaskStateError: The task is alive in a tree already, or this Job is in none.
            TaskDisposedError: This Job is stopped.
        """
        life = getattr(task, "_life", None)
        if args or not isinstance(life, Life):
            task = _as_task("add_task", task, args)
            life = task._life
        if key is None:
            key = task.key
        own = self._life
        frame = sys._getframe(1)
        origin = own.last_origin
        if origin[0] is not frame.f_code or origin[1] != frame.f_lasti:  # children of one loop share one place
            origin = own.last_origin = (frame.f_code, frame.f_lasti)
        alone = name is logger is descriptions is stop_when is retry is None and timeout is None
        if alone and own.parent is not None and own.pump.thread == get_ident():
            if life.parent is not None:
                check_free(life)
            own.add(life, key, origin)
        else:
            self._now(partial(self._put, task, origin, key, name, logger, descriptions, retry, stop_when, timeout))
        return task

    def _put(self, task: Task[Any], origin: Origin, key: Any = None, name: str | None = None, logger: Any = None,
             descriptions: Mapping[str, Any] | None = None, retry: RetryPolicy | None = None,
             stop_when: Any = None, timeout: float | None = None) -> None:  # fmt: skip
        """Do what `add_task` says, in the tree's thread; a task that is refused stays as it was."""
        life, own = task._life, self._life
        key = task.key if key is None else key
        try:
            check_free(life)  # here, since another thread may have added it meanwhile
            own.check_room(key)
            policy = _check_options(name, logger, retry, stop_when, timeout)
            if descriptions is not None:
                task.set_descriptions(descriptions)
        except BaseException:
            if inspect.iscoroutine(stop_when):
                stop_when.close()
            raise
        if policy is not None:
            task.set_retry(policy)
        if name is not None:
            task.owner_type = name
        own.add(life, key, origin)
        if logger is not None:
            life.more().logger = logger
        if stop_when is not None or timeout is not None:
            _bound(life, stop_when, timeout)

    def _add_from(self, verb: str, origin: Origin, task: Any, args: tuple[Any, ...], options: Any,
                  depends: bool = False) -> Any:  # fmt: skip
        """As `add_task`, for a method of the library's own that was called at this place (H1)."""
        unknown = sorted(options.keys() - AddOptions.__annotations__.keys())
        if unknown:
            known = ", ".join(AddOptions.__annotations__)
            raise TypeError(f"{verb}() got an unexpected keyword argument {unknown[0]!r}: there are {known}")
        if args or not isinstance(task, Task):
            task = _as_task(verb, task, args)

        def put() -> None:
            self._put(task, origin, **options)
            if depends:
                task._life.more().depends = True

        self._now(put)
        return task

    @overload
    def add_depend_task(self, task: TaskT, /, **options: Unpack[AddOptions]) -> TaskT: ...
    @overload
    def add_depend_task(self, task: Callable[..., Any], /, *args: Any, **options: Unpack[AddOptions]) -> Task[Any]: ...
    def add_depend_task(self, task: Any, /, *args: Any, **options: Any) -> Any:
        """As `add_task`; when this child ends, the Job stops with its reason (J3)."""
        return self._add_from("add_depend_task", caller(1), task, args, options, depends=True)

    def replace_task(self, key: Any, new: TaskT) -> TaskT:
        """Stop the child with this key, and start `new` under the key as soon as it is gone (J9).

        Returns `new` at once. Without such a child it is as `add_task(new, key=key)`.

        Raises:
            TypeError: `new` is no task.
            TaskStateError: Another task waits for this key already, `new` is alive in a tree, or this Job is in none.
            TaskDisposedError: This Job is stopped.
        """
        life, origin = life_of(new), caller(1)

        def put() -> None:
            check_free(life)
            self._life.replace(key, life, origin)

        self._now(put)
        return new

    @property
    def children(self) -> tuple[Task[Any], ...]:
        """Its children in the order of their start; those not started yet come last (J6)."""
        return tuple(life.task for life in self._life.each_child())

    @property
    def size(self) -> int:
        """How many children it has."""
        return len(self._life.children)

    def range_sub_task(self, visit: Callable[[Task[Any]], object]) -> None:
        """Call `visit` with each child, until it returns False."""
        for child in self.children:
            if visit(child) is False:
                return

    @property
    def blocked(self) -> Task[Any] | None:
        """The child whose hook holds up the loop now (L5)."""
        holder = self._life.child_loop.holder
        return holder.task if isinstance(holder, Life) else None

    @property
    def event_loop_running(self) -> bool:
        """Whether there are children, pending or alive (Q2)."""
        return bool(self._life.children)

    @overload
    async def call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T: ...
    @overload
    async def call(self, function: Callable[..., T], *args: Any) -> T: ...
    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function, plain or async, in the loop between two hooks of the children; return what it returns (Q6).

        Inside that same loop it runs at once. Two calls never overlap.

        Raises:
            TypeError: It is no function.
            TaskDisposedError: The Job is stopped.
            TaskStateError: It is in no tree or in that of another thread, or it would be a deadlock (L11).
        """
        life = self._life
        if inspect.iscoroutine(function):
            function.close()
            raise TypeError(
                f"call() takes the function, not the coroutine it returns: call({function.__name__}, …) "
                f"with its arguments after it, without calling it"
            )
        if not callable(function):
            raise TypeError(f"call() takes a function and its arguments, not {function!r}")
        if life.parent is None:
            raise TaskStateError(f"{type(self).__name__} is in no tree, so it has no loop yet: add it first")
        life.pump.check_thread("call")
        if holds(life.child_loop):
            value = function(*args)
            return await value if waits(value) else value
        if life.request is not None or life.state in (DISPOSING, DISPOSED):
            raise TaskDisposedError(
                f"{self.execution_path} is stopped ({life.state.name}) and takes no more calls: restart it first"
            )
        event = Call(life, partial(function, *args) if args else function)
        return await wait_for(event, "a call in the loop", event.outcome)

    def on_descendants_start(self, listener: Callable[[Task[Any]], object]) -> None:
        """Call a plain function with each task below this one, at any depth, whenever it is STARTED (J8)."""
        self._hear("on_descendants_start", listener)

    def on_descendants_dispose(self, listener: Callable[[Task[Any]], object]) -> None:
        """Call a plain function with each task below this one at the end of each of its lives (J8)."""
        self._hear("on_descendants_dispose", listener)

    def _hear(self, moment: str, listener: Callable[..., object]) -> None:
        self._listen(moment, listener, "task")
        self._soon(self._life.count_listeners)


def _as_task(verb: str, thing: Any, args: tuple[Any, ...]) -> Task[Any]:
    if isinstance(thing, Task) and args:
        raise TypeError(f"{verb}() takes arguments for functions only; give them to {type(thing).__name__}(…) itself")
    if inspect.iscoroutine(thing):
        thing.close()
        raise TypeError(
            f"{verb}() takes the function, not the coroutine it returns: {verb}({thing.__name__}, …) "
            f"with its arguments after it, without calling it"
        )
    if isinstance(thing, type) or not callable(thing):
        life_of(thing)  # raises: it is no task
    return (FunctionTask if is_async(thing) else ThreadFunctionTask)(thing, *args)


def _bound(life: Life, stop_when: Any, timeout: float | None) -> None:
    if timeout is not None:
        late = TimeoutReason(f"it took longer than {timeout:g} s")
        life.set_timer("timeout", timeout, lambda: life.stop(late, asked=("its timeout", None)))
    if stop_when is None:
        return
    pump = life.pump
    watching = pump.backend.spawn_body(_watch(life, stop_when), pump.context.copy(), lambda value, error: None)
    life.more().timers["stop_when"] = watching  # which goes with the task, as its timers do


def _check_options(name: Any, logger: Any, retry: Any, stop_when: Any, timeout: Any) -> RetryPolicy | None:
    """Refuse what `add_task` does not take; return the retry policy."""
    check_timeout(timeout)
    wait = getattr(stop_when, "wait", None)
    if stop_when is not None and not (inspect.isawaitable(stop_when) if wait is None else is_async(wait)):
        raise TypeError(f"stop_when is an event with an async `wait`, or an awaitable, not {stop_when!r}")
    if logger is not None and not hasattr(logger, "isEnabledFor"):
        raise TypeError(f"logger is a logger, such as logging.getLogger('cameras'), not {logger!r}")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name is a text, not {name!r}")
    return None if retry is None else policy_of(retry)


async def _watch(life: Life, stop_when: Any) -> None:
    wait = getattr(stop_when, "wait", None)
    reason = StopByUser(f"what it was to stop for has come: {stop_when!r}")
    try:
        await (stop_when if wait is None else wait())
    except Exception as error:
        reason.__cause__ = error
    life.stop(reason, asked=("its stop_when", None))
