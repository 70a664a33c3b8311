"""What is installed from a wheel: the library, the course with its originals, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.glob("*.whl")
    return made


def test_what_is_in_it(wheel: Path) -> None:
    """The packages and the course, no tests, nothing of the learner's."""
    names = ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"gotask", "gotask_dashboard", "gotask_learn"}
    for number in range(1, 11):
        for file in ("main.py", "challenge.py", "README.md", "README_CN.md"):
            assert f"gotask_learn/shipped/lesson{number:02}/{file}" in names
        assert f"gotask_learn/shipped/solutions/challenge{number:02}.py" in names
    assert "gotask/py.typed" in names
    assert not [name for name in names if name.endswith((".bak.py", ".pyc")) or "gotask-learn" in name]


def test_the_course_of_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    """From a wheel alone, `gotask learn init` copies the course, and `reset` knows the originals."""
    venv.create(tmp_path / "env", symlinks=True, system_site_packages=False)
    packages = next((tmp_path / "env").glob("[lL]ib*/**/site-packages"))
    ZipFile(wheel).extractall(packages)
    # What the wheel asks for is taken from here; the packages of the wheel itself come first.
    (packages / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    python = tmp_path / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    def learn(*arguments: str) -> str:
        command = [str(python), "-m", "gotask.cli", "learn", "--lang", "en", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8").stdout

    assert "The lessons are in lessons" in learn("init")
    assert learn("run", "1").startswith("Lesson 1: TODO 1/5 is yours")
    main = tmp_path / "lessons/lesson01/main.py"
    original = main.read_text("utf-8")
    main.write_text("mine", "utf-8")
    assert "as it was shipped" in learn("reset", "1")
    assert main.read_text("utf-8") == original
