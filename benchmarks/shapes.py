"""Numbers that are the same for all contestants."""

from __future__ import annotations

FAN_OUT = 8
"""Children of each node in W7a."""
SHORT = 1_000
"""Short children, one after another, in W6."""
BURST = 1_000
"""Messages sent at once, and room for unread ones, in W5."""


def depth_of(nodes: int) -> int:
    """The depth of a full tree with this many nodes: 37,449 is 5.

    Raises:
        ValueError: There is no such tree.
    """
    depth, total, level = 0, 1, 1
    while total < nodes:
        level *= FAN_OUT
        total += level
        depth += 1
    if total != nodes:
        raise ValueError(f"no tree with {FAN_OUT} children a node has {nodes} nodes")
    return depth
