"""`gotask.run`: the way in for a script (M2)."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any, TypeVar

import anyio

from gotask import logs
from gotask.backend import current_backend
from gotask.errors import Exit
from gotask.root import RootManager
from gotask.stop_report import ShutdownReport

R = TypeVar("R")

BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {}),
    "asyncio+uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}


def run(main: Callable[..., Awaitable[R]], *args: Any, backend: str = "asyncio", **root_options: Any) -> R | None:
    """Run a program: open a root, await `main(root, *args)`, shut the tree down, return what main returned (M2).

    A `main` without parameters is called as `main()`. Signals shut the tree down; `main` is then cancelled once
    the tree is gone, and None is returned (M3, M11). If nobody has configured logging, it is, at INFO or as the
    environment variable GOTASK_LOG says: `debug`, `json`, `json:debug` (H7).

    Args:
        main: An async function.
        args: Its arguments after the root.
        backend: `"asyncio"`, `"asyncio+uvloop"` or `"trio"`.
        root_options: As for RootManager; `handle_signals` is True by default.

    Raises:
        TypeError: `main` is no async function.
        ValueError: The back end is unknown, or GOTASK_LOG.
        ModuleNotFoundError: The back end is not installed.
        RuntimeError: An event loop is running here already.
    """
    name, options = find_backend(backend)
    _check(main)
    _check_no_loop()
    logs.configure()
    root: RootManager[Any, Any] = RootManager(**{"handle_signals": True, **root_options})
    result: R | None = anyio.run(_run, main, root, args, backend=name, backend_options=options)
    return result


def find_backend(backend: str) -> tuple[str, dict[str, Any]]:
    """What anyio calls this back end, and with which options.

    Raises:
        ValueError: It is unknown.
        ModuleNotFoundError: It is not installed.
    """
    if backend not in BACKENDS:
        raise ValueError(f"the back end is one of {', '.join(BACKENDS)}, not {backend!r}")
    package = backend.rpartition("+")[2]
    if find_spec(package) is None:
        raise ModuleNotFoundError(
            f"the back end {backend!r} needs the package {package}: pip install 'gotask[{package}]'", name=package
        )
    return BACKENDS[backend]


def _check(main: Any) -> None:
    if inspect.iscoroutine(main):
        main.close()
        raise TypeError("run() takes the async function itself: gotask.run(main), without brackets after main")
    if not callable(main) or hasattr(main, "_life"):  # a task, or a class of tasks
        raise TypeError(f"run() takes an async function, not {main!r}: `async def main(root)`, which adds tasks")


def _check_no_loop() -> None:
    try:
        current_backend()
    except RuntimeError:
        return
    raise RuntimeError(
        "gotask.run() starts an event loop, and one is running here already, as in a notebook or a server: "
        "use `async with gotask.RootManager() as root:` there"
    )


def takes_root(main: Callable[..., Any]) -> bool:
    """Whether a function has a place for a root; else it is called without."""
    kinds = [parameter.kind for parameter in inspect.signature(main).parameters.values()]
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(kind in positional for kind in kinds)


async def _run(main: Callable[..., Awaitable[R]], root: RootManager[Any, Any], args: tuple[Any, ...]) -> R | None:
    result: R | None = None
    try:
        async with root:
            with anyio.CancelScope() as scope:
                me = anyio.get_current_task().id
                root._life.more().finals.append(lambda root: None if me in root._host.waiting else scope.cancel())
                outcome = main(root, *args) if args or takes_root(main) else main()
                if not inspect.isawaitable(outcome):
                    raise TypeError(f"main should be an async function (`async def`), but it returned {outcome!r}")
                result = await outcome
    except Exit as error:
        if error is not root.stop_reason:
            raise  # else main waited for a task that the shutdown stopped (M11)
    finally:
        report = await root.shutdown()
        if report.unstopped:
            _leave(report)
    return result


def _leave(report: ShutdownReport) -> None:
    """End the process: what was abandoned could keep it from ending by itself (S11)."""
    error = sys.exc_info()[1]
    if error is not None:
        traceback.print_exception(error)
    logging.shutdown()
    sys.stdout.flush()
    print(report, file=sys.stderr, flush=True)
    os._exit(1)
