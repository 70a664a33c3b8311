"""What a measurement must reach, and what it should: `≤ 0.5 → 0.4 × asyncio`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"(\d[\d,]*(?:\.\d+)?)"
_LIMIT = re.compile(rf"≤ {_NUMBER}(?: → {_NUMBER})?(?: × (\w+))?")


@dataclass(frozen=True)
class Limit:
    """A floor, which must be reached, and a goal; both as a multiple of a peer's cost, or as they stand."""

    floor: float
    goal: float
    peer: str | None = None

    @classmethod
    def parse(cls, text: str) -> Limit:
        """The limit that is written so. Without a goal, the floor is the goal.

        Raises:
            ValueError: It is no limit.
        """
        found = _LIMIT.fullmatch(text)
        if found is None:
            raise ValueError(f"no limit: {text!r}; one looks like `≤ 0.5 → 0.4 × asyncio` or `≤ 750`")
        floor, goal, peer = found.groups()
        return cls(_number(floor), _number(goal or floor), peer)

    def verdict(self, value: float) -> str:
        """What a cost, or a ratio if there is a peer, reaches: `goal`, `floor` or `missed`."""
        if value <= self.goal:
            return "goal"
        return "floor" if value <= self.floor else "missed"


def _number(text: str) -> float:
    return float(text.replace(",", ""))
