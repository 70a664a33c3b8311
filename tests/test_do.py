"""`do.py`: setting up in one command, and what it says when it cannot."""

import ast
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path
from string import Formatter

import pip
import pytest

import do

ROOT = Path(do.__file__).parent
pytestmark = pytest.mark.timeout(180)  # a real environment takes pip a minute of its own on a busy machine
POSIX = pytest.mark.skipif(os.name == "nt", reason="process groups and scripts of POSIX")
NOWHERE = "http://127.0.0.1:9/simple"

PYPROJECT = """
[build-system]
requires = []
build-backend = "build_backend"
backend-path = ["."]
[project]
name = "gotask"
version = "0.1.0"
"""

BUILD_BACKEND = '''
"""Enough of a build backend for `pip install --editable .`, so that no test needs a network."""
import zipfile
from pathlib import Path


def build_editable(folder, config_settings=None, metadata_directory=None):
    info = "gotask-0.1.0.dist-info/"
    with zipfile.ZipFile(Path(folder, "gotask-0.1.0-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("gotask.pth", str(Path.cwd()))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: gotask\\nVersion: 0.1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return "gotask-0.1.0-py3-none-any.whl"
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with the least that `do.py` needs, in a folder whose name has a space."""
    folder = tmp_path.resolve() / "a copy"
    for program, name in (("examples/live_tree.py", "a tree"), ("gotask/cli.py", "the course")):
        (folder / program).parent.mkdir(parents=True)
        (folder / program).write_text(f"import sys; print({name!r}, sys.argv[1:]); sys.exit(5)")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "build_backend.py").write_text(BUILD_BACKEND)
    (folder / "constraints.txt").write_text("")
    shutil.copy(ROOT / "do.py", folder)
    return folder


def clean(**extra: str) -> dict[str, str]:
    """An environment without this machine's settings for pip, language, coverage and paths."""
    ours = ("PIP_", "COV", "LC_", "LANG", "GOTASK_", "PYTHON")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return {**kept, "PYTHONUTF8": "1", "PIP_CONFIG_FILE": os.devnull, **extra}


def call(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`python do.py …` in that folder."""
    command = [sys.executable, "do.py", *arguments]
    return subprocess.run(command, cwd=folder, env=clean(**env), capture_output=True, encoding="utf-8")


def start(folder: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """The same in a process group of its own, as a terminal would start it."""
    return subprocess.Popen(
        [sys.executable, "do.py", *arguments],
        cwd=folder,
        env=clean(**env),
        encoding="utf-8",
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def make_ready(folder: Path) -> None:
    """An environment as a first run leaves it, without the seconds that installing takes."""
    venv.create(folder / ".venv", symlinks=os.name != "nt")
    content = (folder / "pyproject.toml").read_bytes() + (folder / "constraints.txt").read_bytes()
    stamp = [do.RUNNING, str(folder), hashlib.sha256(content).hexdigest(), "dashboard"]
    do.stamp_of(folder / ".venv").write_text("\n".join(stamp), encoding="utf-8")


def fake_venv(folder: Path, code: str) -> dict[str, str]:
    """The setting under which `python -m venv` runs this code instead."""
    package = folder / "fake" / "venv"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(code)
    return {"PYTHONPATH": str(package.parent)}


def one_sentence(said: str) -> str:
    """The last line, after checking that nothing but the progress line precedes it."""
    lines = said.strip().splitlines()
    assert all(line.startswith("Setting up") for line in lines[:-1])
    return lines[-1]


# A first run, a second run.


def test_first_run_sets_up_and_second_run_starts_at_once(folder: Path) -> None:
    """A half-made environment is made anew; when it is ready, pip is not called again until a pin changes."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").write_text("half made")
    first = call(folder, "learn", "--speed", "2")
    assert (first.returncode, first.stdout) == (5, "the course ['learn', '--speed', '2']\n")
    assert re.fullmatch(r"Setting up \.venv with Python [\d.]+, .* ready after \d+ s\.\n", first.stderr)

    [installed] = (folder / ".venv").glob("[lL]ib/**/site-packages/pip")
    (installed / "__main__.py").write_text("raise SystemExit('pip was called')")
    second = call(folder, "learn")
    assert (second.returncode, second.stdout, second.stderr) == (5, "the course ['learn']\n", "")

    (folder / "constraints.txt").write_text("anyio==4.16.0\n")
    third = call(folder, "learn")
    assert third.returncode == 1
    assert "pip was called\nSetting up .venv failed" in third.stderr


@pytest.mark.parametrize("line", [0, 1], ids=["python", "root"])
def test_environment_of_another_python_or_place_is_made_anew(
    folder: Path, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moved folder, or another Python than last time, needs a new environment."""
    make_ready(folder)
    steps: list[str] = []
    monkeypatch.setattr(do, "ROOT", folder)
    monkeypatch.setattr(do, "quietly", lambda *command, env=None: steps.append(command[2]))
    stamp = do.read_stamp(folder / ".venv")
    stamp[line] = "another"
    do.stamp_of(folder / ".venv").write_text("\n".join(stamp), encoding="utf-8")
    do.set_up(())
    assert steps == ["venv", "pip"]


def test_extras_add_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `test` and `check`, both find what they need, in either order."""
    make_ready(folder)
    targets: list[str] = []
    monkeypatch.setattr(do, "ROOT", folder)
    monkeypatch.setattr(do, "quietly", lambda *command, env=None: targets.append(command[-1]))
    for extras in (("test",), ("dev", "test"), ("test",), ()):
        do.set_up(extras)
    assert targets == [".[dashboard,test]", ".[dashboard,dev,test]"]


# What can be missing.


def test_old_python_is_told_in_one_sentence(folder: Path) -> None:
    """Python 3.6 to 3.10 say what is needed and how to go on: a pretended one, and every real one found."""
    pretend = "import runpy, sys; sys.version_info = (3, 6, 15); runpy.run_path('do.py', run_name='__main__')"
    real = [shutil.which(f"python3.{minor}") for minor in range(6, 11)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    real += [str(path / "bin" / "python") for path in pyenv.glob("3.*") if re.match(r"3\.([6-9]|10)\.", path.name)]
    programs = [[path, "do.py"] for path in real if path and "shims" not in path]
    for program in [[sys.executable, "-c", pretend], *programs]:
        done = subprocess.run(program, cwd=folder, env=clean(), capture_output=True, encoding="utf-8")
        assert done.returncode == 1
        assert done.stdout == ""
        assert re.fullmatch(
            r"Python 3\.11 or newer is needed, this is Python 3\.\d+\.\d+: install a newer one and run, "
            r"for example, 'python3\.11 do\.py test'\.\n",
            done.stderr,
        )


def test_old_python_can_parse_it() -> None:
    """No syntax newer than the oldest Python that ought to understand the refusal."""
    ast.parse((ROOT / "do.py").read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize(
    "code",
    [
        "raise ModuleNotFoundError(\"No module named 'ensurepip'\")",
        "raise SystemExit('The virtual environment was not created successfully because ensurepip is not\\n"
        "available.  On Debian/Ubuntu systems, you need to install the python3-venv package')",
    ],
    ids=["module", "debian"],
)
def test_missing_ensurepip(folder: Path, code: str) -> None:
    """A Python without ensurepip is one sentence with the package to install."""
    done = call(folder, "learn", **fake_venv(folder, code))
    assert done.returncode == 1
    assert "cannot make virtual environments" in one_sentence(done.stderr)
    assert "apt install" in one_sentence(done.stderr)


def test_missing_venv(folder: Path) -> None:
    """A Python without venv is the same sentence."""
    env = fake_venv(folder, "")
    (folder / "fake" / "venv" / "__main__.py").unlink()
    assert "apt install" in one_sentence(call(folder, "learn", **env).stderr)


def test_no_permission(folder: Path) -> None:
    """A folder that is not ours is one sentence that names it."""
    code = f"raise SystemExit(\"Error: [Errno 13] Permission denied: '{folder.name}/.venv'\")"
    done = call(folder, "learn", **fake_venv(folder, code))
    assert done.returncode == 1
    assert one_sentence(done.stderr).startswith(f"No permission to write to {folder}: ")


def test_no_network(folder: Path) -> None:
    """A package index that pip cannot reach is one sentence, and the old environment stays usable."""
    make_ready(folder)
    before = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(before.replace("requires = []", 'requires = ["hatchling"]'))
    home_of_pip = str(Path(pip.__file__).parent.parent)
    done = call(folder, "demo", PIP_INDEX_URL=NOWHERE, PIP_RETRIES="1", PYTHONPATH=home_of_pip)
    assert done.returncode == 1
    assert one_sentence(done.stderr).startswith("pip cannot reach its package index: check the network")
    (folder / "pyproject.toml").write_text(before)
    assert call(folder, "demo").returncode == 5


def test_another_failure_shows_the_last_lines(folder: Path) -> None:
    """What has no sentence of its own is shown, at most ten lines of it."""
    done = call(folder, "learn", **fake_venv(folder, "print(*range(20), sep='\\n'); raise SystemExit(1)"))
    said = done.stderr.splitlines()
    assert said[1:-1] == [str(number) for number in range(10, 20)]
    assert said[-1].startswith("Setting up .venv failed; the last lines above say why")


@pytest.mark.parametrize("arguments", [["lecture"], ["test", "--python"], ["test", "--python", "3.10"]])
def test_wrong_request_is_status_2(folder: Path, arguments: list[str]) -> None:
    """What cannot be asked for is one sentence, and nothing is set up."""
    done = call(folder, *arguments)
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert not (folder / ".venv").exists()


# Signals.


@POSIX
def test_ctrl_c_leaves_the_program_time_to_clean_up(folder: Path) -> None:
    """Ctrl-C ends the program in its own way; its exit status is passed on, without a traceback."""
    (folder / "examples" / "live_tree.py").write_text(
        "import sys, time\n"
        "try:\n    print('running', flush=True); time.sleep(50)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.5); print('cleaned up'); sys.exit(7)\n"
    )
    make_ready(folder)
    with start(folder, "demo") as process:
        assert process.stdout
        assert process.stdout.readline() == "running\n"
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate()
    assert (process.returncode, *said) == (7, "cleaned up\n", "")


@POSIX
def test_ctrl_c_during_set_up(folder: Path) -> None:
    """Ctrl-C while setting up is a word and status 130, without a traceback."""
    env = fake_venv(folder, "import time, pathlib; pathlib.Path('here').touch(); time.sleep(50)")
    with start(folder, "learn", **env) as process:
        while not (folder / "here").exists():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Stopped."
    assert "Traceback" not in said


@POSIX
def test_sigterm_reaches_the_program(folder: Path) -> None:
    """SIGTERM to do.py ends the program it runs, not only itself."""
    (folder / "examples" / "live_tree.py").write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))\n"
        "print('running', flush=True)\ntime.sleep(50)\n"
    )
    make_ready(folder)
    with start(folder, "demo") as process:
        assert process.stdout
        process.stdout.readline()
        process.terminate()
        said = process.communicate()
    assert (process.returncode, *said) == (1, "", "ended\n")


# Languages.


def test_catalogues_have_the_same_keys_and_blanks() -> None:
    """Each sentence exists in both languages, with the same blanks to fill."""
    blanks = {
        name: {key: {field for _, field, _, _ in Formatter().parse(said) if field} for key, said in table.items()}
        for name, table in do.MESSAGES.items()
    }
    assert blanks["en"] == blanks["zh"]


def test_every_sentence_is_used() -> None:
    """The catalogue holds no sentence that nothing says, and the code names none that is missing."""
    source = (ROOT / "do.py").read_text(encoding="utf-8")
    used = set(re.findall(r'(?:text|Problem)\(\s*"(\w+)"', source)) | set(do.COMMANDS)
    assert used == set(do.MESSAGES["en"])


@pytest.mark.parametrize(
    ("env", "chinese"),
    [
        ({"GOTASK_LANG": "zh"}, True),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8", "GOTASK_LANG": "en"}, False),
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"GOTASK_LANG": "zh", "PYTHONIOENCODING": "ascii"}, False),
    ],
)
def test_language(folder: Path, env: dict[str, str], chinese: bool) -> None:
    """GOTASK_LANG decides, then the locale; a terminal that cannot show Chinese gets English."""
    done = call(folder, "lecture", **env)
    assert done.stderr.startswith("没有" if chinese else "There is no command 'lecture'")
    assert call(folder, **env).returncode == 0


# The suite on one Python or on several.


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that `do.py` would have run, with the version in place of the environment's Python."""
    commands: list[str] = []

    def run(*command: str) -> int:
        commands.append(" ".join(command))
        return 0

    monkeypatch.setattr(do, "run", run)
    monkeypatch.setattr(
        do, "set_up", lambda extras, version="here", name="": f"{version} {name}".strip() + f"[{','.join(extras)}]"
    )
    monkeypatch.setattr(do, "workers", lambda: ["-n", "2"])
    return commands


def test_whole_suite_has_a_coverage_threshold(ran: list[str]) -> None:
    """Without arguments: on all cores, measured from the first import on, and checked."""
    assert do.main(["test"]) == 0
    assert ran == [
        "here[test] -m coverage erase",
        "here[test] -m coverage run -m pytest -n 2",
        "here[test] -m coverage combine --quiet",
        "here[test] -m coverage report --fail-under=98",
    ]


def test_arguments_go_to_pytest(ran: list[str]) -> None:
    """With arguments: pytest as asked, without coverage."""
    do.main(["test", "-k", "retry", "-x"])
    do.main(["test", "--python", "3.12", "-k", "retry"])
    assert ran == ["here[test] -m pytest -k retry -x", "3.12[test] -m pytest -k retry"]


def test_every_python_runs_and_the_worst_status_counts(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One failing Python fails the whole, and the ones after it still run."""
    monkeypatch.setattr(do, "find_python", lambda version: version)
    monkeypatch.setattr(do, "NEWEST_TRIED", (3, 14))
    monkeypatch.setattr(do, "RUNNING", "3.12")
    do.main(["test", "--every-python"])
    assert ran == [f"3.{minor}[test] -m pytest -n 2" for minor in (11, 12, 13)]
    ran.clear()
    monkeypatch.setattr(do, "run", lambda python, *_: int(python.startswith("3.11")))
    assert do.main(["test", "--other-pythons"]) == 1


@pytest.fixture
def without_312(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which Python 3.12 is missing."""

    def find(version: str) -> str:
        if version == "3.12":
            raise do.Problem("no_python", version=version)
        return version

    monkeypatch.setattr(do, "find_python", find)
    monkeypatch.setattr(do, "NEWEST_TRIED", (3, 14))


@pytest.mark.usefixtures("without_312")
def test_missing_python_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """At a desk, a missing Python is skipped and said."""
    monkeypatch.setenv("CI", "")
    monkeypatch.setenv("GOTASK_LANG", "en")
    assert do.every_python() == ["3.11", "3.13"]
    assert capsys.readouterr().out == "Python 3.12: skipped, it was not found on this machine.\n"


@pytest.mark.usefixtures("without_312")
def test_missing_python_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI nothing is skipped."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(do.Problem, match=r"3\.12"):
        do.every_python()


@POSIX
def test_pythons_of_pyenv_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ordinary release counts, by number; a shim that does not run is passed over."""
    programs = {f"pyenv/versions/{name}/bin/python": 0 for name in ("3.19.9", "3.19.10", "3.19.11t", "3.19.0rc1")}
    for name, status in {**programs, "shims/python3.19": 127}.items():
        program = tmp_path / name
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\necho "3.19 $0"\nexit {status}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "shims"), prepend=os.pathsep)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert do.find_python("3.19") == str(tmp_path / "pyenv/versions/3.19.10/bin/python")
    with pytest.raises(do.Problem):
        do.find_python("3.18")


def test_check_runs_all_three_tools(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A complaint of the first tool does not hide those of the others."""
    run: Callable[..., int] = do.run
    monkeypatch.setattr(do, "run", lambda *command: run(*command) or int("format" in command))
    assert do.main(["check"]) == 1
    assert [command.split()[2] for command in ran] == ["ruff", "ruff", "mypy"]


def test_lab_opens_the_notebooks(ran: list[str]) -> None:
    """In an environment of its own. What is given goes to JupyterLab, in place of ours where both say something."""
    do.main(["lab", "--no-browser", "--port=9999"])
    do.main(["lab", "--notebook-dir=elsewhere"])
    first, second = ran
    assert first.startswith("here lab[lab] -m jupyterlab --notebook-dir=notebooks ")
    assert first.endswith(" --allow-root -y --no-browser --port=9999")  # root is who one is in a container
    assert re.findall(r"--notebook-dir=\S+", second) == ["--notebook-dir=elsewhere"]


def test_lite_builds_the_site(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In an environment of its own too."""
    monkeypatch.setattr(shutil, "which", lambda name: name)
    do.main(["lite", "--serve"])
    assert ran == ["here lite[lite] lite/build_site.py --serve"]


def test_docs_fetches_what_draws_pictures_first(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What npm brings is part of the site; the site itself is made in an environment of its own."""
    monkeypatch.setattr(shutil, "which", lambda name: name)
    do.main(["docs", "--site-dir", "there"])
    fetching, building = ran
    assert fetching.startswith("npm ci ")
    assert Path(fetching.split()[-1]) == do.ROOT / "docs" / "site"
    assert building == "here docs[docs] -m mkdocs build --site-dir there"


@pytest.mark.parametrize("name", ["docs", "lite", "page"])
def test_without_npm(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands that need it say so before anything else."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert do.main([name]) == 1
    assert re.match(rf".*\b{name}\b.*Node\.js", one_sentence(capsys.readouterr().err))


def test_notebooks_are_run(ran: list[str]) -> None:
    """All, or those that are named, in the environment of the tests."""
    do.main(["notebooks"])
    do.main(["notebooks", "00_tour.ipynb"])
    assert ran == [
        "here[test] tests/notebook_files.py",
        "here[test] tests/notebook_files.py 00_tour.ipynb",
    ]


@POSIX
def test_two_commands_at_once(folder: Path) -> None:
    """One of them sets the environment up, and the other one waits for it."""
    with start(folder, "learn") as first, start(folder, "learn") as second:
        said = [process.communicate() for process in (first, second)]
    assert [out for out, _ in said] == ["the course ['learn']\n"] * 2, said
    assert sum("Setting up" in errors for _, errors in said) == 1


def test_named_environment_is_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterLab is installed beside the environment of the tests, not into it."""
    made: list[str] = []
    monkeypatch.setattr(do, "ROOT", folder)
    monkeypatch.setattr(do, "find_python", lambda version: version)
    monkeypatch.setattr(do, "quietly", lambda *command, env=None: Path(command[-1]).mkdir())
    monkeypatch.setattr(do, "install", lambda python, extras: made.append(f"{python} {extras}"))
    python = do.set_up(("lab",), name="lab")
    assert made == [f"{python} ['lab']"]
    assert Path(python).is_relative_to(folder / ".venv-lab")
    assert not (folder / ".venv").exists()


# Files that must agree.


def test_makefile_has_the_commands_and_no_more() -> None:
    """`make X` is `python3 do.py X`, for each command in the list."""
    recipe = re.compile(r"^(\w+): *; @\$\(PYTHON\) do\.py(.*)$", re.MULTILINE)
    found = dict(recipe.findall((ROOT / "Makefile").read_text()))
    assert found == {"help": "", **{name: f" {name} $(ARGS)" for name in do.COMMANDS}}


def test_list_of_commands(folder: Path) -> None:
    """`do.py` alone lists the commands, and sets nothing up."""
    done = call(folder)
    assert done.returncode == 0
    assert re.findall(r"^  (\w+)", done.stdout, re.MULTILINE) == list(do.COMMANDS)
    assert not (folder / ".venv").exists()


def test_constraints_name_no_host_and_no_path() -> None:
    """Every line of constraints.txt is a name, a version and perhaps a condition."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pin = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [\w .<>='!()]+)?")
    assert [line for line in lines if not pin.fullmatch(line)] == []


def test_everything_asked_for_is_pinned() -> None:
    """Each package of pyproject.toml, the build's own included, has a line in constraints.txt."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = settings["project"]["dependencies"] + settings["build-system"]["requires"]
    for extra in settings["project"]["optional-dependencies"].values():
        asked += extra
    names = {re.split(r"[^\w.-]", one)[0].replace("_", "-") for one in asked} - {"gotask"}
    assert names <= set(re.findall(r"^[\w.-]+(?===)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))


def test_anyio_is_the_only_dependency() -> None:
    """Whoever installs gotask gets anyio, and what anyio needs, and nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [re.split(r"\W", one)[0] for one in project["dependencies"]] == ["anyio"]


def test_hooks_use_the_pinned_ruff() -> None:
    """The pre-commit hooks lint with the version that `check` uses."""
    pinned = re.findall(r"^ruff==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert set(re.findall(r"ruff==[\d.]+", (ROOT / ".pre-commit-config.yaml").read_text())) == set(pinned)
