"""The verdict on one run of a lesson, as plain values, and its way to the runner."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

PLACE, NONCE, QUIET = "GOTASK_LEARN_VERDICT", "GOTASK_LEARN_NONCE", "GOTASK_LEARN_QUIET"
"""Environment variables by which the runner asks for the verdict: a file to write it to, a word to repeat, and whether
the runner shows it instead of the program."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a run. `unmet`: the key of the message of the first gate that does not hold, `message` its text.

    `trouble`: the program's own error or hang, as text.
    """

    lesson: int
    challenge: bool
    done: int
    total: int
    unmet: str = ""
    message: str = ""
    place: str = ""
    expected: tuple[str, ...] = ()
    actual: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def passed(self) -> bool:
        return self.done == self.total and not self.unmet and not self.trouble

    def send(self) -> None:
        """Write it where the runner waits for it, if one does."""
        place = os.environ.get(PLACE)
        if place:
            with open(place, "w", encoding="utf-8") as file:
                json.dump({**asdict(self), "nonce": os.environ.get(NONCE, "")}, file)


def received(place: str, nonce: str) -> Verdict | None:
    """The verdict that a program wrote; None if it wrote none that can be believed."""
    try:
        with open(place, encoding="utf-8") as file:
            values = json.load(file)
        if values.pop("nonce") != nonce:
            return None
        values["expected"], values["actual"] = tuple(values["expected"]), tuple(values["actual"])
        return Verdict(**values)
    except (OSError, ValueError, KeyError, TypeError):
        return None
