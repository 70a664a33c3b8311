"""Work: a Job that stays. WorkCollection: the same, to be looked up by key (J6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from gotask.job import Job
from gotask.job_life import JobLife
from gotask.life import Life
from gotask.states import ACTIVE, TaskType
from gotask.task import Task

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    K = TypeVar("K", default=Any)
    T = TypeVar("T", bound=Task[Any], default=Task[Any])
else:
    from typing import TypeVar

    K = TypeVar("K")
    T = TypeVar("T")


class WorkLife(JobLife):
    """The life of a Job that stays until somebody stops it (J6)."""

    __slots__ = ()
    stays = True


class Work(Job[Any]):
    """A Job that goes on when its children are gone, until somebody stops it (J6)."""

    __slots__ = ()

    _life: WorkLife
    _life_type: ClassVar[type[Life]] = WorkLife

    task_type: ClassVar[TaskType] = TaskType.WORK


class WorkCollection(Work, Mapping[K, T], Generic[K, T]):
    """A Work that is a read-only mapping of its active children by key.

    A child is active when it is STARTED, RUNNING or GOING; `children` has the others too.
    """

    __slots__ = ()

    def __getitem__(self, key: K) -> T:
        life = self._life.children[key]
        if not ACTIVE[life.state]:
            raise KeyError(key)
        return life.task  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[K]:
        return iter([life.key for life in self._life.each_child() if ACTIVE[life.state]])

    def __len__(self) -> int:
        return sum(ACTIVE[life.state] for life in self._life.each_child())

    def __bool__(self) -> bool:
        return True

    __hash__ = Task.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def find(self, predicate: Callable[[T], object]) -> T | None:
        """The first active child, in order of start, for which it is true; None if there is none."""
        return next((task for task in self.to_list() if predicate(task)), None)

    def range(self, visit: Callable[[T], object]) -> None:
        """Call `visit` with each active child, until it returns False."""
        for task in self.to_list():
            if visit(task) is False:
                return

    def to_list(self) -> list[T]:
        """The active children in order of start."""
        return [life.task for life in self._life.each_child() if ACTIVE[life.state]]
