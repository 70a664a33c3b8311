"""Who has shown the token."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict

MOST_SESSIONS = 1_000


class Sessions:
    """The token, and the random ids of those who have shown it: kept in memory, the last of them only."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_token(self, given: str) -> bool:
        """Whether this is the token; comparing takes as long whatever is wrong with it."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token)

    def open(self) -> str:
        """A new session."""
        session = secrets.token_urlsafe(32)
        self._ids[session] = None
        while len(self._ids) > MOST_SESSIONS:
            self._ids.popitem(last=False)
        return session

    def knows(self, session: str) -> bool:
        """Whether it was opened here."""
        return session in self._ids
