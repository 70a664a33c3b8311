"""Where it was measured: as much as numbers need, and no names."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("gotask", "anyio", "trio", "uvloop", "aiojobs", "aiotools", "mode-streaming")


def machine() -> dict[str, object]:
    """Cores, Python, versions of packages, and the day."""
    return {
        "day": date.today().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def sentence() -> str:
    """The same, to be read."""
    facts = machine()
    packages = facts["packages"]
    assert isinstance(packages, dict)
    listed = ", ".join(f"{name} {number}" for name, number in packages.items())
    return f"{facts['day']}: {facts['python']}, {facts['system']}, {facts['cores']} cores; {listed}."


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
