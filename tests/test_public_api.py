"""What `import gotask` gives, and what it costs."""

from __future__ import annotations

import ast
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
    found = {name: getattr(package, name) for name in dir(package) if not name.startswith("_")}
    return {name: value for name, value in found.items() if not inspect.ismodule(value)}


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


def test_names_are_found_where_type_checkers_look() -> None:
    """The imports that type checkers read, and the places where names are found when used, are the same."""
    [block] = [node for node in ast.parse(inspect.getsource(gotask)).body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    read = {str(node.module): {alias.name for alias in node.names} for node in imports}
    places: dict[str, str] = vars(gotask)["_PLACES"]
    assert read == {f"gotask.{module}": set(names.split()) for module, names in places.items()}


def test_a_name_there_is_not() -> None:
    """An unknown name is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        vars(gotask)["__getattr__"]("Nothing")


def test_names_are_listed_before_they_are_used() -> None:
    """`dir` and `help` know all public names at once, though each is imported when it is first used."""
    code = "import gotask; print(set(gotask.__all__) <= set(dir(gotask)), 'Job' in vars(gotask))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split() == ["True", "False"]


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
    known = public(gotask) | public(gotask.testing)
    return any(getattr(vars(base).get(method), "__doc__", None) for base in getattr(known.get(owner), "__mro__", ()))


@PACKAGES
def test_no_type_of_anyio_in_a_signature(package: ModuleType) -> None:
    """The library may change what it is built on: no public signature names anyio."""
    functions = [(name, value) for name, value in callables(package) if inspect.isfunction(value)]
    signatures = [(name, str(inspect.signature(function))) for name, function in functions]
    assert [name for name, signature in signatures if "anyio." in signature] == []


def test_import_is_light() -> None:
    """M8: `from gotask import *` loads no back end that is not used, and nothing of tests, commands and extras."""
    heavy = ["trio", "uvloop", "pytest", "gotask.testing", "gotask.demo", "argparse", "gotask.os_signal"]
    heavy += ["opentelemetry", "pandas", "matplotlib", "numpy", "gotask.otel", "gotask.task_lives"]
    code = f"import sys; from gotask import *; print(*[name for name in {heavy!r} if name in sys.modules])"
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
