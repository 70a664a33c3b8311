"""What a task class overrides: found once, when the class is made, and refused there if it cannot work (L2, L13)."""

from __future__ import annotations

import inspect
import math
from abc import ABCMeta
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeGuard

HOOKS = ("start", "run", "go", "dispose", "tick")
SETTINGS = frozenset(
    [
        "key",
        "owner_type",
        "retry",
        "stop_grace",
        "stop_timeout",
        "start_timeout",
        "dispose_timeout",
        "stop_children",
        "on_child_failure",
        "max_children",
        "tick_interval",
        "get_tick_interval",
        "get_signal",
    ]
)
"""Public attributes that a class is meant to set (L13)."""


def is_seconds(value: Any) -> bool:
    """Whether it is a length of time."""
    return isinstance(value, int | float) and 0 <= value < math.inf


def is_bound(value: Any) -> bool:
    """Whether it bounds a time, or says that there is no bound."""
    return value is None or is_seconds(value)


def check_timeout(timeout: Any) -> None:
    """Refuse what bounds no time.

    Raises:
        ValueError: It is neither seconds, 0 or more, nor None.
    """
    if not is_bound(timeout):
        raise ValueError(f"timeout is a number of seconds, 0 or more, or None, not {timeout!r}")


VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "stop_grace": (is_seconds, "a number of seconds, 0 or more"),
    "stop_timeout": (is_bound, "a number of seconds, 0 or more, or None"),
    "start_timeout": (is_bound, "a number of seconds, 0 or more, or None"),
    "dispose_timeout": (is_bound, "a number of seconds, 0 or more, or None"),
    "stop_children": (lambda value: value in ("reverse", "concurrent"), '"reverse" or "concurrent"'),
    "on_child_failure": (lambda value: value in ("isolate", "escalate"), '"isolate" or "escalate"'),
    "owner_type": (lambda value: isinstance(value, str), "a text"),
    "max_children": (
        lambda value: value is None or (isinstance(value, int) and value >= 0),
        "a whole number, 0 or more, or None",
    ),
}
"""What a setting may be in a class body, and in words. Only plain values are looked at: see `_check_settings`."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of one class. `body` names its body; `threaded`: it runs in a worker thread (L3).

    `own_context`: some hook is async or threaded, so each life needs a context of its own (M9).
    """

    start: bool
    dispose: bool
    body: str | None
    threaded: bool
    own_context: bool


class Done:
    """What an empty hook returns: there is nothing to wait for, but it may be awaited (L2)."""

    def __await__(self) -> Generator[Any, Any, None]:
        yield from ()


DONE = Done()


def is_async(function: Any) -> bool:
    """Whether calling it gives a coroutine."""
    while isinstance(function, partial | staticmethod | classmethod):
        function = function.func if isinstance(function, partial) else function.__func__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def waits(value: Any) -> TypeGuard[Awaitable[Any]]:
    """Whether what a function returned is to be awaited. A task is not: it may be awaited, but here it is a value."""
    return inspect.isawaitable(value) and not hasattr(value, "_life")


def find_hooks(cls: type) -> Hooks:
    """What `cls` overrides, inherited hooks included.

    Raises:
        TypeError: A hook cannot be called as the library will call it, or there are two bodies.
    """
    found = {name: hook for name in HOOKS if (hook := _overridden(cls, name)) is not None}
    for name, hook in found.items():
        _check_callable(cls, name, hook)
    _check_ticks(cls, found)
    bodies = [name for name in ("run", "go") if name in found]
    if len(bodies) == 2:
        raise TypeError(
            f"{cls.__name__} has both run and go: a task has one body. Keep `run` if it may hold up its siblings, "
            f"`go` if it should run beside them; `run = None` removes an inherited one."
        )
    body = bodies[0] if bodies else None
    threaded = body is not None and not is_async(found[body])
    own_context = threaded or any(map(is_async, found.values()))
    return Hooks("start" in found, "dispose" in found, body, threaded, own_context)


def _check_ticks(cls: Any, found: dict[str, Any]) -> None:
    """Refuse a body of its own to a task whose body is its ticks (L2)."""
    for name in ("run", "go"):
        if name in found and found[name] is not getattr(cls, "_tick_body", found[name]):
            raise TypeError(
                f"{cls.__name__} has {name} beside its ticks, which are its body: put what is done each time into "
                f"`tick`, what is done once into `start`, and anything else into another task beside this one"
            )


def _overridden(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in vars(base):
            hook = vars(base)[name]
            return None if hook is None or getattr(hook, "is_empty_hook", False) is True else hook
    return None


def _check_callable(cls: type, name: str, hook: Any) -> None:
    function = hook.__func__ if isinstance(hook, staticmethod | classmethod) else hook
    where = f"{cls.__name__}.{name}"
    if not callable(function):
        raise TypeError(f"{where} is {hook!r}: it should be a method (`def {name}(self)` or `async def {name}(self)`)")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{where} contains `yield`, so calling it would do nothing: a hook is a plain or async method")
    arguments = ("self", "item") if name == "tick" else ("self",)
    signature, why = misfit(function, arguments[isinstance(hook, staticmethod) :])
    if why:
        raise TypeError(
            f"{where}{signature} cannot be called: it is called as {where}({', '.join(arguments)}), so give it these "
            f"parameters only; what it needs besides belongs in attributes of the task ({why})"
        )


def misfit(function: Callable[..., Any], arguments: tuple[str, ...]) -> tuple[str, str]:
    """The signature of a function, and why it cannot be called with so many arguments; "" if it can."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built in: there is nothing to look at
        return "", ""
    try:
        signature.bind(*arguments)
    except TypeError as error:
        return str(signature), str(error)
    return str(signature), ""


def check_call(function: Callable[..., Any], what: str, *wanted: str) -> None:
    """Refuse a function that cannot be called with these arguments.

    Raises:
        TypeError: It cannot.
    """
    signature, why = misfit(function, wanted)
    if why:
        raise TypeError(f"{what} is called as ({', '.join(wanted)}), and cannot be: {why}; it takes {signature}")


def empty_hook(function: Any) -> Any:
    """Mark a method of the library as one that does nothing, so that it does not count as overridden."""
    function.is_empty_hook = True
    return function


class TaskMeta(ABCMeta):
    """The class of task classes: checks each one when it is made, and again when a hook is set later."""

    __hooks__: Hooks
    owner_type: Any

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, namespace, **options)
        if cls.__module__.partition(".")[0] != "gotask":
            _check_names(cls)
            _check_settings(cls, namespace)
        _check_frozen(cls, namespace.get("__setattr__"))
        if "owner_type" not in namespace:
            cls.owner_type = name if name == "Task" else name.removesuffix("Task")
        cls.__hooks__ = find_hooks(cls)

    def __setattr__(cls, name: str, value: Any) -> None:
        if name in ("__dataclass_params__", "__setattr__"):
            _check_frozen(cls, value)
        if name not in HOOKS:
            super().__setattr__(name, value)
            return
        missing = object()
        before = vars(cls).get(name, missing)
        super().__setattr__(name, value)
        try:
            _find_again(cls)
        except TypeError:
            if before is missing:
                super().__delattr__(name)
            else:
                super().__setattr__(name, before)
            _find_again(cls)
            raise

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        if name in HOOKS:
            _find_again(cls)


def _find_again(cls: Any) -> None:
    for each in (cls, *_descendants(cls)):
        each.__hooks__ = find_hooks(each)


def _descendants(cls: Any) -> list[Any]:
    return [each for child in cls.__subclasses__() for each in (child, *_descendants(child))]


def _check_frozen(cls: type, mark: Any) -> None:
    if getattr(mark, "frozen", False) or getattr(mark, "__name__", "") == "_frozen_setattrs":
        raise TypeError(f"{cls.__name__} is frozen, but a task changes while it lives: leave `frozen=True` away")


def _check_names(cls: TaskMeta) -> None:
    hiding = dict.fromkeys(vars(cls).get("__annotations__", {})) | vars(cls)
    for base in cls.__mro__[1:]:
        if base.__module__.partition(".")[0] != "gotask":
            if not isinstance(base, TaskMeta):  # a mixin in front of a task class; task classes were checked before
                hiding = {**vars(base), **hiding}
            continue
        for name in sorted((hiding.keys() & vars(base).keys()) - SETTINGS - set(HOOKS)):
            if (not name.startswith("_") or name == "_life") and not _is_override(hiding[name]):
                raise TypeError(
                    f"{cls.__name__}.{name} hides {base.__name__}.{name}, which the library needs: choose another name "
                    f"(or mark it with @typing.override if you mean to replace it)"
                )


def _check_settings(cls: type, namespace: dict[str, Any]) -> None:
    for name in namespace.keys() & VALUES.keys():
        fits, words = VALUES[name]
        value = namespace[name]
        plain = isinstance(value, int | float | str | tuple | list | dict | None)  # else: a field, a property
        if plain and not fits(value):
            raise TypeError(f"{cls.__name__}.{name} is {value!r}: it should be {words}")


def _is_override(value: Any) -> bool:
    return bool(getattr(getattr(value, "fget", value), "__override__", False))
