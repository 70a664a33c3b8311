"""Task: the public face of one life after another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

from gotask.care import Care
from gotask.errors import AutoStop, TaskComplete, TaskDisposedError, TaskStateError, as_reason, is_one_of
from gotask.hooks import DONE, empty_hook
from gotask.life import Life
from gotask.notes import Notes
from gotask.retry import CircuitBreaker, Errors, RetryPolicy, policy_of
from gotask.run_task import life_of, run_task
from gotask.states import DISPOSED, TaskState, TaskType
from gotask.stop_report import Asked, StopReport, asked_from, report_from_thread, report_on
from gotask.tracing import caller, where
from gotask.waiting import wait_for

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    R = TypeVar("R", default=Any)
else:
    from typing import TypeVar

    R = TypeVar("R")
T = TypeVar("T")


class Task(Notes, Care, Generic[R]):
    """Something that lives in a tree of tasks: it is started, does its work, and is cleaned up, each time.

    Override any of `start`, `run` or `go`, and `dispose`; each may be `async def` or plain `def`. Do not call them:
    add the task to a Job or a RootManager, whose loop calls them. `R` is what the body returns: `await task` waits
    for the end, and returns it or raises the reason (L7). A subclass needs no `super().__init__()`, and may be a
    dataclass (L8).
    """

    __slots__ = ("__dict__", "__weakref__", "_life")

    _life_type: ClassVar[type[Life]] = Life

    task_type: ClassVar[TaskType] = TaskType.TASK
    owner_type: str
    """The class name without the suffix "Task", or what the class or the object sets."""
    retry: RetryPolicy | None = None
    """How often it is started again when it fails; see also `set_retry`."""
    stop_grace: float = 0.0
    """Seconds a body has to return by itself after a stop request, before it is cancelled (S4)."""
    stop_timeout: float | None = None
    """Seconds from a stop request to DISPOSED; what takes longer is abandoned (S5). None: no bound."""
    start_timeout: float | None = None
    """Seconds `start` may take before it is cancelled with TimeoutReason (S6). None: no bound."""
    dispose_timeout: float | None = None
    """Seconds `dispose` may take before it is abandoned (S5). None: no bound."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = object.__new__(cls)
        self._life = cls._life_type(self)
        return self

    # Hooks

    @empty_hook
    def start(self) -> Any:
        """Override: acquire what the body needs. Called in the parent's loop; raise to fail (L4)."""
        return DONE

    @empty_hook
    def run(self) -> Any:
        """Override: the body, if it may hold up its siblings (L5). A plain `def` runs in a thread."""
        return DONE

    @empty_hook
    def go(self) -> Any:
        """Override: the body, beside everything else. `async def`: a coroutine; `def`: a thread (L4)."""
        return DONE

    @empty_hook
    def dispose(self) -> Any:
        """Override: let go of what `start` acquired. Called once in each life that was started (D1)."""
        return DONE

    # Who it is

    @property
    def task_id(self) -> int:
        """Its number, unique in the process (L9)."""
        return self._life.id

    @property
    def key(self) -> Any:
        """Under what it is known to its parent: its id, if nothing else was set before it was added (L9)."""
        life = self._life
        return life.id if life.key is None else life.key

    @key.setter
    def key(self, key: Any) -> None:
        if self._life.parent is not None and self._life.state is not DISPOSED:
            raise TaskStateError(
                f"the key of {self.execution_path} is fixed now that it is in a tree: set it before add_task"
            )
        self._life.key = key

    @property
    def state(self) -> TaskState:
        """Where it is in its life (L1)."""
        return self._life.state

    @property
    def level(self) -> int:
        """How deep it is in the tree: a root is 0 (L9)."""
        return self._life.level

    @property
    def parent(self) -> Any:
        """The task that holds it, or held it last; None for a root and before it is added."""
        parent = self._life.parent
        return None if parent is None else parent.task

    @property
    def pointer(self) -> int:
        """A number by which `from_pointer` finds the task while it lives; another task may have it afterwards."""
        return id(self)

    @property
    def start_reason(self) -> str:
        """`file:line` of the `add_task` call (H1)."""
        life = self._life
        return "" if life.parent is None else where(life.origin)

    # Stopping

    def stop(self, reason: BaseException | type[BaseException] | str | None = None) -> None:
        """Request its end, with all below it. Returns at once; the first request wins; any thread may call it (S1).

        The reason is an exception or its class; a text becomes StopByUser(text), None StopByUser(); else a TypeError.
        """
        self._ask_to_stop(as_reason(reason), asked_from(caller(1), self._is_here()))

    def _ask_to_stop(self, reason: BaseException, asked: Asked) -> None:
        life = self._life
        if self._is_here():
            life.stop(reason, asked=asked)
        elif life.state is not DISPOSED:
            if life.request is None:
                life.asked = (life.pump.clock(), asked)  # for a report, should the loop not hear of it
            try:
                life.pump.backend.call_from_thread(partial(life.stop, reason, asked=asked))
            except TaskDisposedError:  # its event loop has ended
                if life.state is not DISPOSED:
                    raise

    def stop_report(self) -> StopReport | None:
        """Why it is not DISPOSED yet: who asked for its end, when, where and why, and what it waits for now.

        None while nobody asked, and when it is over. Any thread may call it. It is read in the tree's loop; where that
        does not answer within a second, because something blocks it, it is read without it, and says where the loop is.
        """
        return report_on(self._life) if self._is_here() else report_from_thread(self._life)

    def restart(self) -> None:
        """End this life and begin another one, whatever is left of the retries (R6). Returns at once.

        A DISPOSED task is added again to its last parent, but without the `stop_when` and `timeout` it was added with.

        Raises:
            TaskStateError: It is in no tree, or was asked to stop and has not ended yet.
            TaskDisposedError: It is DISPOSED, and so is its last parent.
        """
        self._now(self._life.restart)

    @property
    def is_stopped(self) -> bool:
        """Whether its body has been told to end, or has ended (S4); a body in a thread looks at it now and then."""
        return self._life.is_stopped

    @property
    def stop_reason(self) -> BaseException | None:
        """Why it was asked to stop, or why its last life ended; None while it lives on (S9)."""
        life = self._life
        return life.request if life.request is not None else life.reason

    def stop_reason_is(self, *kinds: type[BaseException] | BaseException) -> bool:
        """Whether the stop reason, or what it holds in `__cause__` or as a group, is one of these (S9).

        Raises:
            TypeError: One of them is neither an exception nor the class of one.
        """
        return is_one_of(self.stop_reason, kinds)

    @property
    def dispose_errors(self) -> tuple[BaseException, ...]:
        """What went wrong after the end of its body, in this life: apart from the reason (D5, S10)."""
        extras = self._life.extras
        return () if extras is None else tuple(extras.dispose_errors)

    @property
    def result(self) -> R | None:
        """What the body returned; None until it has (L6)."""
        return self._life.result  # type: ignore[no-any-return]

    # Waiting

    async def wait_started(self) -> None:
        """Wait until it is STARTED for the first time; raise the reason if it never will be (L7).

        A wait that could never end is a TaskStateError (L11), and so is one in another thread than the tree's; also of
        the other methods that wait.
        """
        life = self._await("its start")
        if not life.ever_started and life.state is not DISPOSED:
            started = life.more().started
            await wait_for(life, "the start", lambda: started.wait(life.pump.backend))
        self._check_started()

    def _check_started(self) -> None:
        """Raise the reason if it never was STARTED."""
        if not self._life.ever_started:
            raise self._reason()

    async def wait_stopped(self) -> BaseException:
        """Wait until its last life is over and return the final reason; never raises the task's own failure (L7)."""
        life = self._await("its end")
        if life.state is not DISPOSED:
            await wait_for(life, "the end", life.wait_ended)
        assert life.reason is not None
        return life.reason

    async def wait_stop_requested(self) -> None:
        """Wait until its body is to end; for the body itself (S4)."""
        life = self._await("its stop request")
        if not life.is_stopped:
            await life.more().stop_event.wait(life.pump.backend)

    def __await__(self) -> Generator[Any, Any, R]:
        return self._join().__await__()

    async def _join(self) -> R:
        await self.wait_stopped()
        return self._outcome()

    def _outcome(self) -> R:
        """The result of a task that is over, or its reason raised."""
        reason = self._life.reason
        assert reason is not None
        if isinstance(reason, TaskComplete):
            return self._life.result  # type: ignore[no-any-return]
        if isinstance(reason, AutoStop):
            return None  # type: ignore[return-value]
        raise self._reason()

    def _reason(self) -> BaseException:
        """Why it ended, to be raised: with the traceback it had then, so that it does not grow from time to time."""
        life = self._life
        assert life.reason is not None
        return life.reason.with_traceback(None if life.extras is None else life.extras.traceback)

    def _await(self, what: str) -> Life:
        life = self._life
        if life.parent is None:
            raise TaskStateError(f"{type(self).__name__} is in no tree, so {what} never comes: add it with add_task")
        life.pump.check_thread(f"waiting for {what}")
        return life

    # Retrying

    def set_retry(
        self,
        max_retry: int | RetryPolicy,
        interval: float = 1.0,
        *,
        backoff: float = 2.0,
        max_interval: float | None = None,
        jitter: float = 0.0,
        retry_on: Errors = (Exception,),
        give_up_on: Errors = (),
        healthy_after: float | None = None,
        within: float | None = None,
        policies: Mapping[type[BaseException], RetryPolicy] | None = None,
        fallback: Callable[[], Any] | Task[Any] | None = None,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        """Be started again after a failure; takes a RetryPolicy, or what one is made of (R1). Keeps the count (R3)."""
        self._life.more().policy = policy_of(
            max_retry, interval, backoff=backoff, max_interval=max_interval, jitter=jitter,
            retry_on=retry_on, give_up_on=give_up_on, healthy_after=healthy_after, within=within, policies=policies,
            fallback=fallback, breaker=breaker,
        )  # fmt: skip

    def reset_retry_count(self) -> None:
        """Begin to count the retries anew (R3)."""
        if self._life.extras is not None:
            self._life.extras.retries.reset()

    @property
    def retry_count(self) -> int:
        """How many retries there were since the count began."""
        extras = self._life.extras
        return 0 if extras is None else extras.retries.total

    @property
    def max_retry(self) -> int:
        """How many retries there may be; -1: any number."""
        policy = self._life.policy
        return 0 if policy is None else policy.max_retry

    async def run_task(self, task: Task[T]) -> T:
        """Start a task, wait for its end here, and return as `await task` does (J7).

        It is a child of this task, but not in `children`; it needs no loop, so any hook may do it. It is
        stopped with this task, or when the caller is cancelled.

        Raises:
            TypeError: It is no task.
            TaskStateError: It is in a tree already, or this one is in none.
        """
        await run_task(self._life, life_of(task), caller(1))
        return await task

    # Threads

    def _is_here(self) -> bool:
        """Whether this is the tree's own thread, or there is no tree yet."""
        life = self._life
        return life.parent is None or threading.get_ident() == life.pump.thread

    def _soon(self, action: Callable[[], object]) -> None:
        """Do it now, or hand it to the tree's thread and do not wait (M6)."""
        if self._is_here():
            action()
        else:
            self._life.pump.backend.call_from_thread(action)

    def _now(self, action: Callable[[], T]) -> T:
        """Do it now, or hand it to the tree's thread and wait for its answer (M6)."""
        return action() if self._is_here() else self._life.pump.ask(action)

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError(f"a task cannot be copied or pickled: it lives in one tree. Make a new {type(self).__name__}")

    def __repr__(self) -> str:
        name = self.owner_type if "owner_type" in vars(self) else type(self).__name__
        return f"<{name} #{self.task_id} {self.state.name}>"
