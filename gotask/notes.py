"""What a task tells about itself: descriptions, steps, times, log records, its place in the tree."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gotask.errors import TaskDisposedError
from gotask.events import Heard
from gotask.hooks import TaskMeta
from gotask.life import Life
from gotask.records import Step, Timings
from gotask.tracing import TRACE, as_text, call_stack, execution_path, shown


class Notes(metaclass=TaskMeta):
    """The part of Task that is for people: to be read in logs, in the history and in a picture of the tree."""

    __slots__ = ()

    _life: Life

    if TYPE_CHECKING:

        def _soon(self, action: Callable[[], object]) -> None:
            """Task has it."""

    @property
    def execution_path(self) -> str:
        """The owners from the root on: `RootManager/Connection/Heartbeat#12` (H2)."""
        return execution_path(self._life)

    def call_stack(self) -> list[str]:
        """As `execution_path`, one line each with id, state and start reason, innermost last (H2)."""
        return call_stack(self._life)

    @property
    def timings(self) -> Timings:
        """Seconds in each phase of the current life, or of the last one; so far, if it goes on (L10)."""
        return self._life.timings()

    @property
    def duration(self) -> float:
        """Seconds since it was added, to the end of its last life; so far, while it lives (L10)."""
        return self._life.duration()

    # Descriptions (H4)

    @property
    def descriptions(self) -> Mapping[str, Any]:
        """What was set, read only; the history keeps it as text (H4)."""
        extras = self._life.extras
        return MappingProxyType(extras.descriptions if extras is not None else {})

    def get_description(self, key: str, default: Any = None) -> Any:
        """One description, or the default."""
        return self.descriptions.get(key, default)

    def set_description(self, key: str, value: Any) -> None:
        """Say something about this task, for people. The value may be anything."""
        self.set_descriptions({key: value})

    def set_descriptions(self, descriptions: Mapping[str, Any]) -> None:
        """Set several; the others stay.

        Raises:
            TypeError: A key is no string.
        """
        for key in descriptions:
            if not isinstance(key, str):
                raise TypeError(f"the key of a description is a string, not {key!r}")
        self._life.more().descriptions.update(descriptions)
        self._described()

    def remove_description(self, key: str) -> None:
        """Take one back; none of that key is fine."""
        if self._life.extras is not None:
            self._life.extras.descriptions.pop(key, None)
            self._described()

    def _described(self) -> None:
        if self._life.parent is not None:
            self._tell(self._life.pump.observers.description_changed)

    def _tell(self, heard: Heard, *facts: Any) -> None:
        if heard:
            with suppress(TaskDisposedError):  # the event loop of the tree is closed: nobody listens any more
                self._soon(partial(self._life.pump.observers.tell, heard, self, *facts))

    # Steps (H3)

    def step(self, name: str, detail: str = "") -> None:
        """Record that a named step of the work has been reached, with its time; what is no text becomes one (H3)."""
        life, name, detail = self._life, as_text(name), as_text(detail)
        if life.parent is None:
            life.more().steps.append(Step(name, detail, 0.0))
            return
        pump = life.pump
        step = Step(name, detail, pump.clock() - (life.began_at or life.added_at))
        life.more().steps.append(step)
        self._tell(pump.observers.step_recorded, step)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of this life, in order."""
        extras = self._life.extras
        return () if extras is None else tuple(extras.steps)

    # Logging (H7)

    def debug(self, message: str, /, *args: Any, **fields: Any) -> None:
        """Log at DEBUG; see `info`."""
        self._log(logging.DEBUG, message, args, fields)

    def info(self, message: str, /, *args: Any, **fields: Any) -> None:
        """Log a message with fields, through the logger `gotask.<owner type>`; the record has task_id and task_path.

        Where there are `args`, the message is `message % args`, as with `logging`.
        """
        self._log(logging.INFO, message, args, fields)

    def warn(self, message: str, /, *args: Any, **fields: Any) -> None:
        """Log at WARNING; see `info`."""
        self._log(logging.WARNING, message, args, fields)

    def error(self, message: str, /, *args: Any, **fields: Any) -> None:
        """Log at ERROR; see `info`."""
        self._log(logging.ERROR, message, args, fields)

    def trace(self, message: str, /, *args: Any, **fields: Any) -> None:
        """Log below DEBUG; see `info`."""
        self._log(TRACE, message, args, fields)

    @property
    def trace_enabled(self) -> bool:
        """Whether `trace` would log anything."""
        return bool(self._life.logger.isEnabledFor(TRACE))

    def _log(self, level: int, message: str, args: tuple[Any, ...], fields: dict[str, Any]) -> None:
        logger = self._life.logger
        if logger.isEnabledFor(level):
            text = " ".join(
                [message % args if args else message, *(f"{name}={shown(value)}" for name, value in fields.items())]
            )
            extra = {**self._life.log_fields(), "task_fields": fields}
            logger.log(level, "%s", text, extra=extra, stacklevel=3)
