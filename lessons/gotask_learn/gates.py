"""Gates: what must have happened for a TODO to be done. Each is a plain function that asks the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gotask_learn.evidence import Evidence

CUT_SHORT = "cut_short"
"""The key of what is said where the program ended too early for the gate to be tried."""

Gate = Callable[[Evidence], None]


@dataclass
class Unmet(Exception):
    """An expectation that was not met: the key of its message, and what was expected and seen, line by line."""

    key: str
    expected: tuple[str, ...] = ()
    actual: tuple[str, ...] = ()
    values: dict[str, Any] | None = None


def expect(
    holds: object, key: str, expected: Iterable[object] = (), actual: Iterable[object] = (), **values: Any
) -> None:
    """Go on if it holds.

    Args:
        holds: What must be true.
        key: The message, in the catalogue of the lesson under `gateN.unmet`.
        expected, actual: What should have happened and what did, to be shown side by side.
        values: For the message.

    Raises:
        Unmet: It does not hold.
    """
    if not holds:
        raise Unmet(key, tuple(map(str, expected)), tuple(map(str, actual)), values)


def compare(key: str, expected: Iterable[object], actual: Iterable[object], **values: Any) -> None:
    """Go on if both are the same, one by one.

    Raises:
        Unmet: They are not.
    """
    left, right = list(expected), list(actual)
    expect(left == right, key, left, right, **values)


@dataclass(frozen=True, slots=True)
class Judgement:
    """How many gates hold, and the first one that does not, if any."""

    done: int
    total: int
    unmet: Unmet | None


def judge(gates: list[Gate], evidence: Evidence) -> Judgement:
    """Try the gates in order, up to the first that does not hold."""
    for index, gate in enumerate(gates):
        try:
            gate(evidence)
        except Unmet as unmet:
            return Judgement(index, len(gates), unmet)
        except Exception:  # it looked for what a program that broke off never did
            return Judgement(index, len(gates), Unmet(CUT_SHORT))
    return Judgement(len(gates), len(gates), None)
