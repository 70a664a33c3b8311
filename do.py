"""Set gotask up and run its parts; `python3 do.py` alone lists the commands.

Standard library only. The first command makes a virtual environment beside this file and installs what it
needs there, at the versions of `constraints.txt`; later commands find it ready and start at once.
"""

import hashlib
import locale
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

OLDEST = (3, 11)
NEWEST_TRIED = (3, 20)
REQUIRED_IN_CI = ("3.11", "3.12", "3.13")
COVERAGE_THRESHOLD = 98
ROOT = Path(__file__).resolve().parent
ONCE = (
    "architecture", "benchmarks", "cell", "dashboard_schema", "lab", "layouts", "lessons", "lite", "notebooks",
    "notebook_runs", "page", "page_files", "site", "stepper_page",
)  # fmt: skip
"""Tests in browsers, proofs of lessons and notebooks, the site, the shape of the sources, the benchmarks, the
description of the API: what they prove is the same on each Python."""
LAB = (
    "--notebook-dir=notebooks", f"--LabApp.app_settings_dir={ROOT / 'notebooks' / '.jupyterlab'}",
    "--LabApp.extension_manager=readonly", "--allow-root", "-y",
)  # fmt: skip
"""How JupyterLab is started: on the notebooks, asking nobody for news and extensions, also by root in a container. One
Ctrl-C ends it."""

MESSAGES = {
    "en": {
        "usage": "Usage: python3 do.py COMMAND [ARGUMENTS]",
        "learn": "the course: ten lessons, each an error until its TODOs are done",
        "test": "the whole test suite with coverage; arguments go to pytest; --python 3.12, --every-python",
        "demo": "the live tree in the browser, until Ctrl-C; --terminal: here; --port N",
        "lab": "the notebooks in JupyterLab, in the browser, until Ctrl-C; arguments go to it",
        "notebooks": "run the notebooks and write what they show; names run those only",
        "lite": "build the notebooks as a web site that needs no Python; --serve shows it here; --port N",
        "bench": "the benchmarks; arguments go to them",
        "check": "lint, format and types",
        "unknown": "There is no command '{name}': run 'python3 do.py' to see the list.",
        "old_python": "Python {oldest} or newer is needed, this is Python {version}: install a newer one "
        "and run, for example, 'python{oldest} do.py {name}'.",
        "setting_up": "Setting up {folder} with Python {version}, once; this can take a minute ...",
        "ready": " ready after {seconds} s.",
        "waiting": "Another command is setting up {folder}: waiting for it ...",
        "failed": "Setting up {folder} failed; the last lines above say why: mend that and run the same "
        "command again (deleting {folder} first starts afresh).",
        "no_venv": "This Python {version} cannot make virtual environments, because 'venv' or 'ensurepip' is "
        "missing: install it (Debian, Ubuntu: 'sudo apt install python{version}-venv' or 'python3-venv') "
        "and run the same command again.",
        "no_network": "pip cannot reach its package index: check the network connection and pip's own "
        "settings ('python3 -m pip config list'), then run the same command again.",
        "no_write": "No permission to write to {root}: make this folder yours, or copy the repository to a "
        "folder where you may write.",
        "no_python": "Python {version} was not found on this machine: install it so that 'python{version}' "
        "is on PATH, or with pyenv.",
        "needs_version": "--python needs a version from {oldest} on, such as 'test --python 3.12'.",
        "skipped": "Python {version}: skipped, it was not found on this machine.",
        "testing": "Python {version}:",
        "no_npm": "'{name}' needs Node.js: install 'nodejs' and 'npm' and run it again.",
        "no_uv": "'lock' needs the tool uv on PATH: install it ('pipx install uv') and run it again.",
        "stopped": "Stopped.",
    },
    "zh": {
        "usage": "用法：python3 do.py 命令 [参数]",
        "learn": "课程：十节课，每一节在完成其中的 TODO 之前都会报错",
        "test": "运行全部测试并统计覆盖率；参数交给 pytest；--python 3.12、--every-python",
        "demo": "在浏览器中演示任务树，按 Ctrl-C 结束；--terminal 显示在终端；--port N",
        "lab": "在浏览器中用 JupyterLab 打开笔记本，按 Ctrl-C 结束；参数交给它",
        "notebooks": "执行笔记本并写入其输出；给出名字则只执行这些",
        "lite": "把笔记本构建成无需安装 Python 的网站；--serve 在本机打开；--port N",
        "bench": "性能基准；参数交给基准程序",
        "check": "代码规范、格式与类型检查",
        "unknown": "没有名为“{name}”的命令：运行 python3 do.py 查看命令列表。",
        "old_python": "需要 Python {oldest} 或更新的版本，当前是 Python {version}：请安装新版本后运行，"
        "例如 python{oldest} do.py {name}。",
        "setting_up": "正在用 Python {version} 准备 {folder}，只需一次，可能要一分钟 ...",
        "ready": " 完成，用时 {seconds} 秒。",
        "waiting": "另一个命令正在准备 {folder}：等待它完成 ...",
        "failed": "准备 {folder} 失败，原因见上面最后几行：解决后重新运行同一命令（先删除 {folder} 可从头开始）。",
        "no_venv": "当前的 Python {version} 缺少 venv 或 ensurepip，无法创建虚拟环境：请安装"
        "（Debian、Ubuntu：sudo apt install python{version}-venv 或 python3-venv），然后重新运行同一命令。",
        "no_network": "pip 无法连接软件包索引：请检查网络连接和 pip 的设置（python3 -m pip config list），"
        "然后重新运行同一命令。",
        "no_write": "没有写入 {root} 的权限：请取得该文件夹的权限，或把仓库复制到可写的文件夹。",
        "no_python": "本机没有找到 Python {version}：请安装并让 python{version} 位于 PATH 中，或用 pyenv 安装。",
        "needs_version": "--python 需要一个不低于 {oldest} 的版本，例如 test --python 3.12。",
        "skipped": "Python {version}：已跳过，本机没有找到。",
        "testing": "Python {version}：",
        "no_npm": "{name} 需要 Node.js：请安装 nodejs 和 npm 后再运行。",
        "no_uv": "lock 需要 PATH 中有 uv 这个工具：请安装（pipx install uv）后再运行。",
        "stopped": "已停止。",
    },
}


def language() -> str:
    """English, or Chinese where the reader's settings and the terminal's encoding both say so."""
    settings = [os.environ.get(name) for name in ("GOTASK_LANG", "LC_ALL", "LC_MESSAGES", "LANG")]
    chosen = next((value for value in settings if value), None) or locale.getlocale()[0] or ""
    if not chosen.lower().startswith(("zh", "chinese")):
        return "en"
    try:
        "中".encode(sys.stdout.encoding or "ascii")
    except UnicodeError:
        return "en"
    return "zh"


def text(key: str, **values: object) -> str:
    """The sentence of this name in the reader's language."""
    return MESSAGES[language()][key].format(**values)


# Before anything newer is evaluated: an older Python must get this far, and no further.
if sys.version_info[:2] < OLDEST:
    sys.exit(
        text(
            "old_python",
            oldest="{}.{}".format(*OLDEST),
            version="{}.{}.{}".format(*sys.version_info[:3]),
            name=" ".join(sys.argv[1:2]) or "test",
        )
    )

RUNNING = "{}.{}".format(*sys.version_info[:2])


class Problem(Exception):
    """What keeps a command from running, as one sentence for the person who typed it."""

    def __init__(self, key: str, *, status: int = 1, **values: object) -> None:
        super().__init__(text(key, **values))
        self.status = status


# The environment: found ready, or made and filled.


def set_up(extras: tuple[str, ...], version: str = RUNNING, name: str = "") -> str:
    """The Python of an environment that holds gotask with these extras; what is missing is made first.

    With a name it is one apart, for what must not meet the others.
    """
    name = name or ("" if version == RUNNING else version)
    folder = ROOT / (f".venv-{name}" if name else ".venv")
    with turn_at(folder):
        return made(folder, extras, version)


@contextmanager
def turn_at(folder: Path) -> Iterator[None]:
    """One command at a time sets up an environment; one that comes meanwhile waits, and finds it ready."""
    with ExitStack() as stack:
        # Without a lock where there is none: on Windows, and in a repository that may only be read.
        with suppress(ImportError, PermissionError):
            import fcntl

            lock = stack.enter_context(open(f"{folder}.lock", "w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(text("waiting", folder=folder.name), file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made(folder: Path, extras: tuple[str, ...], version: str) -> str:
    """The Python of the environment in this folder, with what was missing."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    found = read_stamp(folder) if python.exists() else []
    reusable = found[:2] == [version, str(ROOT)]
    together = sorted({*extras, *(found[3].split() if reusable else ())})
    wanted = [version, str(ROOT), fingerprint(), " ".join(together)]
    if found == wanted:
        return str(python)
    base = find_python(version)
    started = time.monotonic()
    print(text("setting_up", folder=folder.name, version=version), end="", file=sys.stderr, flush=True)
    try:
        if not reusable:
            quietly(base, "-m", "venv", "--clear", str(folder))
        install(str(python), together)
    except subprocess.CalledProcessError as error:
        print(file=sys.stderr)
        raise explained(error.stdout, folder.name, version) from None
    # Last, because an environment without a stamp counts as half made and is made anew.
    stamp_of(folder).write_text("\n".join(wanted), encoding="utf-8")
    print(text("ready", seconds=round(time.monotonic() - started)), file=sys.stderr, flush=True)
    return str(python)


def stamp_of(folder: Path) -> Path:
    """The file that says what an environment holds: Python, repository, fingerprint, extras, a line each."""
    return folder / "gotask-stamp.txt"


def read_stamp(folder: Path) -> list[str]:
    """The lines of an environment's stamp; none, if it was never finished."""
    try:
        lines = stamp_of(folder).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        return []
    return lines if len(lines) == 4 else []


def fingerprint() -> str:
    """A hash of the two files that decide what is installed."""
    content = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "constraints.txt").read_bytes()
    return hashlib.sha256(content).hexdigest()


def install(python: str, extras: list[str]) -> None:
    """Install the project in editable mode at the pinned versions, the tools that build it included."""
    # By environment variables, because `-c` does not reach the environment in which pip builds (older pips
    # read the first there, newer ones the second); a relative name, because pip splits the value at spaces.
    pins = {"PIP_CONSTRAINT": "constraints.txt", "PIP_BUILD_CONSTRAINT": "constraints.txt"}
    calm = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"}
    retries = {"PIP_RETRIES": os.environ.get("PIP_RETRIES", "2")}
    target = f".[{','.join(extras)}]" if extras else "."
    quietly(python, "-m", "pip", "install", "--editable", target, env={**pins, **calm, **retries})


def quietly(*command: str, env: dict[str, str] | None = None) -> None:
    """Run a step of the set-up, its output kept for the case that it fails."""
    subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=True,
    )


def explained(output: str, folder: str, version: str) -> Problem:
    """The sentence that fits what venv or pip printed before it failed."""
    if re.search(r"ensurepip|No module named '?venv", output):
        return Problem("no_venv", version=version)
    if re.search(r"[Pp]ermission ?[Dd]enied|PermissionError|Read-only file system", output):
        return Problem("no_write", root=ROOT)
    if re.search(r"connection broken by|Max retries exceeded|ConnectionError|[Tt]imed out", output):
        return Problem("no_network")
    print("\n".join(output.strip().splitlines()[-10:]), file=sys.stderr)
    return Problem("failed", folder=folder)


# Pythons on this machine.


def find_python(version: str) -> str:
    """The path of a Python of this version, such as "3.12"."""
    if version == RUNNING:
        # Not sys.executable: inside a virtual environment that may be the very file about to be replaced.
        return getattr(sys, "_base_executable", None) or sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    # Ordinary releases, newest first: neither 3.13.0t (without the GIL) nor 3.14.0rc1.
    releases = [path for path in pyenv.glob(f"{version}.*") if path.suffix[1:].isdigit()]
    releases.sort(key=lambda path: int(path.suffix[1:]), reverse=True)
    candidates = [["py", f"-{version}"]] if os.name == "nt" else [[f"python{version}"]]
    for command in candidates + [[str(path / "bin" / "python")] for path in releases]:
        found = ask_for_path(command, version)
        if found:
            return found
    raise Problem("no_python", version=version)


def ask_for_path(command: list[str], version: str) -> str | None:
    """Where this command's Python really is, or None if it does not run (pyenv's shims) or is another one."""
    question = "import sys; print('{}.{}'.format(*sys.version_info), sys.executable)"
    try:
        answer = subprocess.run([*command, "-c", question], capture_output=True, text=True)
    except OSError:
        return None
    said, _, path = answer.stdout.strip().partition(" ")
    return path if answer.returncode == 0 and said == version else None


def every_python() -> list[str]:
    """The versions found here, oldest first; if one that counts is missing, CI stops, others are told."""
    found = []
    for minor in range(OLDEST[1], NEWEST_TRIED[1]):
        version = f"{OLDEST[0]}.{minor}"
        try:
            find_python(version)
        except Problem:
            if version not in REQUIRED_IN_CI:
                continue
            if os.environ.get("CI") == "true":
                raise
            print(text("skipped", version=version), flush=True)
        else:
            found.append(version)
    return found


# Running programs.


def run(*command: str) -> int:
    """Run a program in the foreground and return its exit status."""
    child = subprocess.Popen(command, cwd=ROOT)
    previous = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        while True:
            try:
                status = child.wait()
                return status if status >= 0 else 128 - status
            except KeyboardInterrupt:
                # The terminal sent Ctrl-C to the program too, and it is given the time to clean up.
                continue
    finally:
        signal.signal(signal.SIGTERM, previous)


def workers() -> list[str]:
    """pytest's arguments for running on all cores."""
    return ["-n", str(min(max(os.cpu_count() or 2, 2), 8)), "--dist", "worksteal"]


# The commands.


def learn(arguments: list[str]) -> int:
    """The course."""
    return run(set_up(("learn",)), "-m", "gotask.cli", "learn", *arguments)


def demo(arguments: list[str]) -> int:
    """The live tree of a small service in the browser, without an end."""
    return run(set_up(("dashboard",)), "examples/live_tree.py", "--forever", *arguments)


def lab(arguments: list[str]) -> int:
    """The notebooks in JupyterLab, which asks nobody for news."""
    given = {one.partition("=")[0] for one in arguments}
    ours = [one for one in LAB if one.partition("=")[0] not in given]
    return run(set_up(("lab",), name="lab"), "-m", "jupyterlab", *ours, *arguments)


def notebooks(arguments: list[str]) -> int:
    """Run the notebooks, and write them as they are kept."""
    return run(set_up(("test",)), "tests/notebook_files.py", *arguments)


def lite(arguments: list[str]) -> int:
    """The notebooks as a site in which the browser itself is the kernel."""
    find_npm("lite")
    return run(set_up(("lite",), name="lite"), "lite/build_site.py", *arguments)


def bench(arguments: list[str]) -> int:
    """The benchmarks."""
    return run(set_up(("bench",)), "-m", "benchmarks", *arguments)


def check(arguments: list[str]) -> int:
    """Lint, format and types: all three, also when one of them complains."""
    python = set_up(("dev", "test"))
    tools = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])
    return max([run(python, "-m", *tool) for tool in tools])


def test(arguments: list[str]) -> int:
    """The suite: with coverage if nothing else is asked, otherwise as pytest's arguments say."""
    if not arguments:
        return test_with_coverage(set_up(("test",)))
    first, rest = arguments[0], arguments[1:]
    if first == "--python":
        wanted = re.fullmatch(r"3\.(\d+)", "".join(rest[:1]))
        if not wanted or int(wanted[1]) < OLDEST[1]:
            raise Problem("needs_version", status=2, oldest="{}.{}".format(*OLDEST))
        return test_on([rest[0]], rest[1:])
    if first == "--every-python":
        return test_on(every_python(), rest)
    if first == "--other-pythons":
        once = [f"--ignore=tests/test_{name}.py" for name in ONCE]
        return test_on([version for version in every_python() if version != RUNNING], rest or [*workers(), *once])
    return run(set_up(("test",)), "-m", "pytest", *arguments)


def test_on(versions: list[str], arguments: list[str]) -> int:
    """The suite on each of these Pythons, without coverage; the worst exit status."""
    worst = 0
    for version in versions:
        print(text("testing", version=version), flush=True)
        python = set_up(("test",), version)
        worst = max(worst, run(python, "-m", "pytest", *(arguments or workers())))
    return worst


def test_with_coverage(python: str) -> int:
    """The whole suite on all cores; it fails below the threshold too."""
    coverage = [python, "-m", "coverage"]
    run(*coverage, "erase")
    # pytest under coverage, not the other way round: gotask is a pytest plugin, imported before any other.
    status = run(*coverage, "run", "-m", "pytest", *workers())
    run(*coverage, "combine", "--quiet")
    return status or run(*coverage, "report", f"--fail-under={COVERAGE_THRESHOLD}")


def lock(arguments: list[str]) -> int:
    """Write the files of pins anew; `--upgrade` moves the pins. For developers, so not in the list."""
    bare = ["--no-header", "--no-annotate", "--quiet"]
    every = ["--universal", "--python-version", "{}.{}".format(*OLDEST), "--all-extras", "pyproject.toml"]
    browser = ["--python-platform", "wasm32-pyodide2025", "--python-version", "3.14", "lite/wheels.in"]
    files = {"constraints.txt": every, "lite/wheels.txt": [*browser, "--generate-hashes", "--only-binary", ":all:"]}
    try:
        return max(run("uv", "pip", "compile", *bare, *files[name], "-o", name, *arguments) for name in files)
    except FileNotFoundError:
        raise Problem("no_uv") from None


def rehearse(arguments: list[str]) -> int:
    """What a stranger does on a fresh machine. For developers, so not in the list."""
    return run(sys.executable, str(ROOT / "tests" / "rehearsal.py"), *arguments)


def docs(arguments: list[str]) -> int:
    """The documentation as a site, in build/site. For developers, so not in the list."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    pictures = (find_npm("docs"), "ci", "--prefer-offline", "--loglevel=error", "--prefix", str(ROOT / "docs" / "site"))
    python = set_up(("docs",), name="docs")
    with turn_at(ROOT / ".venv-docs"):  # fetching makes the folder anew that building reads
        return run(*pictures) or run(python, "-m", "mkdocs", "build", *arguments)


def find_npm(name: str) -> str:
    """Where npm is, which this command needs."""
    npm = shutil.which("npm")
    if npm is None:
        raise Problem("no_npm", name=name)
    return npm


def page(arguments: list[str]) -> int:
    """Build the dashboard's page into the module that the package ships. For developers, so not in the list."""
    npm = find_npm("page")
    web = str(ROOT / "dashboard" / "web")
    return run(npm, "ci", "--prefix", web) or run(npm, "run", "build", "--prefix", web, "--", *arguments)


COMMANDS = {
    "learn": learn, "test": test, "demo": demo, "lab": lab, "lite": lite, "notebooks": notebooks, "bench": bench,
    "check": check,
}  # fmt: skip
HIDDEN = {"lock": lock, "page": page, "rehearse": rehearse, "docs": docs}


def usage() -> str:
    """The list of commands."""
    return "\n".join([text("usage"), "", *(f"  {name:11}{text(name)}" for name in COMMANDS)])


def main(arguments: list[str]) -> int:
    """Run one command; what goes wrong on the way is said in one sentence."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    name, rest = (arguments or ["help"])[0], arguments[1:]
    if name in ("help", "-h", "--help"):
        print(usage())
        return 0
    try:
        command = COMMANDS.get(name) or HIDDEN.get(name)
        if command is None:
            raise Problem("unknown", status=2, name=name)
        return command(rest)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.status
    except KeyboardInterrupt:
        print("\n" + text("stopped"), file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
