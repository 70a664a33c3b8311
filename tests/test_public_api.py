"""What `import gotask` gives, and what it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import gotask
import gotask.testing

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGES = pytest.mark.parametrize("package", [gotask, gotask.testing], ids=["gotask", "gotask.testing"])


def public(package: ModuleType) -> dict[str, Any]:
    """The names of a package without an underscore, its modules aside."""
    return {
        name: value for name, value in vars(package).items() if not name.startswith("_") and not inspect.ismodule(value)
    }


def callables(package: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public functions and classes of a package, and the public methods of these, inherited ones included."""
    for name, value in public(package).items():
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        yield name, value
        for base in getattr(value, "__mro__", ()):
            if not base.__module__.startswith("gotask"):
                continue
            for inner, member in vars(base).items():
                function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
                if not inner.startswith("_") and inspect.isfunction(function):
                    yield f"{base.__name__}.{inner}", function


@PACKAGES
def test_all_is_complete_and_sorted(package: ModuleType) -> None:
    """`__all__` has exactly the public names, in alphabetical order."""
    assert package.__all__ == sorted(public(package))


@PACKAGES
def test_everything_public_has_a_docstring(package: ModuleType) -> None:
    """Each public class, function, method and property says what one gets from it."""
    silent = [name for name, value in callables(package) if not described(name, value)]
    assert silent == []


def described(name: str, value: Any) -> bool:
    """Whether it has a docstring, or overrides something of the library that has."""
    if inspect.getdoc(value):
        return True
    owner, _, method = name.partition(".")
    known = vars(gotask) | vars(gotask.testing)
    return any(getattr(vars(base).get(method), "__doc__", None) for base in getattr(known.get(owner), "__mro__", ()))


@PACKAGES
def test_no_type_of_anyio_in_a_signature(package: ModuleType) -> None:
    """The library may change what it is built on: no public signature names anyio."""
    functions = [(name, value) for name, value in callables(package) if inspect.isfunction(value)]
    signatures = [(name, str(inspect.signature(function))) for name, function in functions]
    assert [name for name, signature in signatures if "anyio." in signature] == []


def test_import_is_light() -> None:
    """M8: `import gotask` loads no back end that is not used, nothing for tests, no command, nothing of an extra."""
    heavy = ["trio", "uvloop", "pytest", "gotask.testing", "gotask.demo", "argparse", "gotask.os_signal"]
    heavy += ["opentelemetry", "pandas", "matplotlib", "numpy", "gotask.otel", "gotask.task_lives"]
    code = f"import sys, gotask; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split() == []


def test_anyio_is_the_only_dependency() -> None:
    """Whoever installs gotask installs anyio, and nothing more."""
    assert [requirement.partition(">")[0] for requirement in PROJECT["dependencies"]] == ["anyio"]


def test_the_version_is_the_same_everywhere() -> None:
    """The package, its metadata and the changelog name one version."""
    assert gotask.__version__ == PROJECT["version"]
    assert f"\n## [{gotask.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_it_is_typed() -> None:
    """The marker that lets type checkers read the annotations is there."""
    assert (ROOT / "gotask" / "py.typed").exists()
