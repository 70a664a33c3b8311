"""Build the classroom that needs no installation: a JupyterLite site with gotask and the notebooks, all of it local.

`python3 do.py lite` builds it into `build/lite`, which any web server can serve; `--serve` does so here. What comes
from outside is pinned by hash: pyodide (CPython for the browser) below, the wheels of its Python in `wheels.txt`.
The kernel loads them from a lock file that lists what the site holds and nothing else, so that it asks no other host.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SITE = ROOT / "build" / "lite"
CACHE = ROOT / "build" / "lite-cache"
EXTENSIONS = Path(sys.prefix, "share", "jupyter", "labextensions")
KERNEL = "@jupyterlite/pyodide-kernel-extension"

PYODIDE = "314.0.6"
"""The version that the kernel asks for."""
INTEGRITY = "sha512-BKDTJyIqFxC4BExLqeRS3f5xvXZIjOt8C3zGLN/Cc7tFxSwvKVhVkchQQ2AGLOtR4YrVOIFxbV8poyDOOmWwxQ=="
PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")

KEPT_OUT = {"threads", "plots"}
"""Tags of notebooks and cells that need what the browser lacks: threads; pandas and matplotlib, compiled for it."""
NOT_LOADED = ("jupyterlab_widgets", "widgetsnbextension")
"""Wheels that hold code for the page, not for Python."""


# What comes from outside.


def fetch() -> Path:
    """The folder with pyodide and the wheels; from the network the first time, and after the pins have changed."""
    # constraints.txt pins the kernel, which decides which pyodide it is.
    pinned = (HERE / "wheels.txt").read_bytes() + (ROOT / "constraints.txt").read_bytes()
    pins = hashlib.sha256(INTEGRITY.encode() + pinned).hexdigest()
    folder = CACHE / pins[:16]
    if not folder.exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
            fetched = Path(unfinished, "fetched")
            fetched.mkdir()
            fetch_pyodide(fetched)
            fetch_wheels(fetched)
            fetched.rename(folder)  # at once: what broke off on the way is never taken for the whole
    return folder


def fetch_pyodide(folder: Path) -> None:
    """CPython for the browser, from npm."""
    wanted = import_module("jupyterlite_pyodide_kernel.constants").PYODIDE_VERSION
    if wanted != PYODIDE:
        sys.exit(f"the kernel asks for pyodide {wanted}, but {Path(__file__).name} pins {PYODIDE}: pin that one")
    npm = shutil.which("npm") or "npm"
    run(npm, "pack", f"pyodide@{PYODIDE}", "--silent", "--pack-destination", str(folder))
    archive = folder / f"pyodide-{PYODIDE}.tgz"
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        sys.exit(f"pyodide {PYODIDE} is not the one pinned in {Path(__file__).name}: {found}")
    with tarfile.open(archive) as packed:
        for name in PYODIDE_FILES:
            content = packed.extractfile(f"package/{name}")
            assert content is not None
            (folder / name).write_bytes(content.read())
    archive.unlink()


def fetch_wheels(folder: Path) -> None:
    """The wheels of `wheels.txt`: pure Python, whatever machine this is."""
    pure = ("--platform", "any", "--python-version", "3.14", "--only-binary", ":all:", "--no-deps")
    pinned = ("--require-hashes", "--requirement", str(HERE / "wheels.txt"))
    run(sys.executable, "-m", "pip", "download", "--quiet", *pure, *pinned, "--dest", str(folder))


def run(*command: str, cwd: Path = ROOT) -> None:
    """Run a program; if it fails, that is the end, and what it said is the reason."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(command)} failed; the lines above say why.")


# The Python of the browser.


def lay_pyodide(fetched: Path, folder: Path) -> list[str]:
    """Put CPython and all wheels into a folder of the site, with the lock file; the names of the packages."""
    folder.mkdir(parents=True)
    for name in PYODIDE_FILES:
        shutil.copy(fetched / name, folder)
    wheels = [wheel for wheel in fetched.glob("*.whl") if not wheel.name.startswith(NOT_LOADED)]
    ours = (EXTENSIONS / KERNEL / "static" / "pypi").glob("*.whl")
    for wheel in (*wheels, *(wheel for wheel in ours if not wheel.name.startswith(NOT_LOADED))):
        shutil.copy(wheel, folder)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), ".")
    lock = folder / "pyodide-lock.json"
    packages = [package(wheel) for wheel in sorted(folder.glob("*.whl"))]
    whole = {**json.loads(lock.read_text("utf-8")), "packages": {one["name"]: one for one in packages}}
    lock.write_text(json.dumps(whole, indent=1), "utf-8")
    return [one["name"] for one in packages]


def package(wheel: Path) -> dict[str, Any]:
    """What pyodide's lock file says about a wheel; without what it needs, because all are loaded together."""
    name, version = wheel.name.split("-")[:2]
    return {
        "name": re.sub("[-_.]+", "-", name).lower(),
        "version": version,
        "file_name": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "install_dir": "site",
        "package_type": "package",
        "imports": [],
        "depends": [],
        "unvendored_tests": False,
    }


# The notebooks.


def notebooks() -> dict[str, dict[str, Any]]:
    """Those that a browser can run, by name and in order, without the cells that it cannot."""
    found = {path.name: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    kept = {name: notebook for name, notebook in found.items() if runs(notebook)}
    return {name: {**one, "cells": [cell for cell in one["cells"] if runs(cell)]} for name, one in kept.items()}


def runs(part: dict[str, Any]) -> bool:
    """Whether a browser can run this notebook, or this cell."""
    return not KEPT_OUT.intersection(part["metadata"].get("tags", ()))


def title(notebook: dict[str, Any]) -> str:
    """Its first heading."""
    texts = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    return next(line[2:] for text in texts for line in text.splitlines() if line.startswith("# "))


def welcome(contents: dict[str, dict[str, Any]]) -> str:
    """The first page of the site: a list of the notebooks."""
    links = (
        f'<li><a href="lab/index.html?path={name}">{html.escape(title(one))}</a></li>' for name, one in contents.items()
    )
    return (HERE / "welcome.html").read_text("utf-8").replace("<!-- notebooks -->", "\n".join(links))


# The site.


def build(site: Path, contents: dict[str, dict[str, Any]]) -> None:
    """Build the site with these notebooks into this folder, which is made anew."""
    fetched = fetch()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        configure(work, lay_pyodide(fetched, work / "static" / "pyodide"))
        (work / "files").mkdir()
        for name, notebook in contents.items():
            (work / "files" / name).write_text(json.dumps(notebook), "utf-8")
        shutil.rmtree(site, ignore_errors=True)
        # There, because it writes into the current folder what it has done already.
        run(sys.executable, "-m", "jupyterlite_core", "build", "--output-dir", str(site), cwd=work)
    shutil.copy(site / "lab" / "favicon.ico", site)  # where browsers look for it
    (site / "index.html").write_text(welcome(contents), "utf-8")


def configure(work: Path, packages: list[str]) -> None:
    """Write what tells JupyterLite how to build, and the built site how to start its kernel and what to show."""
    extensions = ("anywidget", "@jupyter-widgets/jupyterlab-manager", KERNEL)
    building = {
        "apps": ["lab"],
        "federated_extensions": [str(EXTENSIONS / name) for name in extensions],
        "ignore_sys_prefix": ["federated_extensions"],
        "no_sourcemaps": True,
        "no_unused_shared_packages": True,
        "source_date_epoch": 315532800,  # 1980: the site does not say when it was built
    }
    (work / "jupyter_lite_config.json").write_text(json.dumps({"LiteBuildConfig": building}), "utf-8")
    kernel = {"disablePyPIFallback": True, "loadPyodideOptions": {"packages": packages}}
    starting = {"litePluginSettings": {f"{KERNEL}:kernel": kernel}}
    content = {"jupyter-lite-schema-version": 0, "jupyter-config-data": starting}
    (work / "jupyter-lite.json").write_text(json.dumps(content), "utf-8")
    seen = {"@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False}}
    (work / "overrides.json").write_text(json.dumps(seen), "utf-8")


class Handler(SimpleHTTPRequestHandler):
    """Files with the types that browsers insist on, whatever this machine's settings say."""

    extensions_map = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}

    def log_message(self, format: str, *values: Any) -> None:
        pass


def serve(site: Path, port: int) -> None:
    """Serve the site on this machine only, until Ctrl-C."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(site)))
    except OSError as error:
        sys.exit(f"port {port} cannot be used ({error.strerror}): take another with --port, or 0 for any")
    with server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="do.py lite", description="Build the site of the notebooks into build/lite.")
    parser.add_argument("--serve", action="store_true", help="then serve it on this machine, until Ctrl-C")
    parser.add_argument("--port", type=int, default=8000, help="of --serve; 0: any (default: %(default)s)")
    given = parser.parse_args()
    contents = notebooks()
    build(SITE, contents)
    print(f"{SITE.relative_to(ROOT)}: {', '.join(contents)}", flush=True)
    if given.serve:
        serve(SITE, given.port)
