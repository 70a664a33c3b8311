"""Ports of this machine that belong to the tests, also while nobody listens on them."""

from __future__ import annotations

import socket

_reserved: list[socket.socket] = []


def reserve_port() -> int:
    """A port that nobody else is given before this process ends: only who names it can listen on it.

    A port that was merely found free can go to any other program that asks for one, before its server listens and
    whenever that server is down.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that sets it too may listen beside it
    holder.bind(("127.0.0.1", 0))
    _reserved.append(holder)
    return int(holder.getsockname()[1])
