"""A program in a process of its own, for tests: what it says can be waited for."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

TIME = 30.0


class Program:
    """A program of Python, running, and all that it prints."""

    def __init__(self, path: Path, *arguments: str) -> None:
        command = [sys.executable, "-u", str(path), *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
        self.process = subprocess.Popen(command, **pipes)
        self.output = ""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._more:
                    self.output += line
                    self._more.notify_all()

    def said(self, pattern: str) -> str:
        """Wait until it says this; return the first group."""
        with self._more:
            found = self._more.wait_for(lambda: re.search(pattern, self.output), TIME)
        assert found, self.output
        return str(found[1] if found.re.groups else found[0])

    def interrupt(self) -> int:
        """Press Ctrl-C, and wait for its end."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def end(self) -> None:
        """Leave nothing of it."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Its exit status, once it is over by itself."""
        status = self.process.wait(TIME)
        self._reader.join()
        return status
