"""A PostgreSQL server of the tests' own, on a free port of this machine, made from the binaries that are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import reserve_port

SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "max_connections": "50"}


def binaries() -> Path | None:
    """The folder of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("pg_ctl")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def unprivileged() -> str | None:
    """Whose server it is to be: PostgreSQL refuses to run as root."""
    if sys.platform == "win32" or os.getuid() != 0:
        return None
    import pwd

    return "postgres" if "postgres" in {one.pw_name for one in pwd.getpwall()} else "nobody"


class Server:
    """One server with an empty database; it can be stopped and started again."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._user = unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="gotask-postgres-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self.port = reserve_port()
        self._run("initdb", "--pgdata", "data", "--username", "tester", "--auth", "trust", "--no-sync", "--locale", "C",
                  "--encoding", "UTF8")  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = " ".join(f"-c {name}='{value}'" for name, value in {**SETTINGS, "port": self.port}.items())
        self._run("pg_ctl", "start", "--pgdata", "data", "--wait", "--log", "log.txt", "--options", settings)

    def stop(self) -> None:
        """End it as a crash would: connections break, nothing is said to anybody."""
        self._run("pg_ctl", "stop", "--pgdata", "data", "--wait", "--mode", "immediate")

    @contextmanager
    def down(self) -> Iterator[None]:
        """It does not run meanwhile."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def url(self, schema: str) -> str:
        """The URL of a place of its own within the database."""
        return f"postgresql://tester@127.0.0.1:{self.port}/postgres?options=-csearch_path%3D{schema}"

    def make_schema(self, schema: str) -> str:
        """An empty place, by its URL."""
        import psycopg

        with psycopg.connect(f"postgresql://tester@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        return self.url(schema)

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        log = self.folder / "output.txt"
        with log.open("ab") as output:  # a pipe would stay open as long as the server runs
            command = [str(self._binaries / program), *arguments]
            done = subprocess.run(command, cwd=self.folder, user=self._user, stdout=output, stderr=output)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{log.read_text('utf-8', 'replace')}")
