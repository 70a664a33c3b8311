"""Who has shown the token."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST_SESSIONS = 1_000
MOST_WRONG, WITHIN = 10, 60.0
"""So many wrong tokens in so many seconds, from anybody, and none is looked at any more for a while."""


class Sessions:
    """The token, and the random ids of those who have shown it: kept in memory, the last of them only."""

    def __init__(self, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = token.encode()
        self._clock = clock
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._wrong: deque[float] = deque(maxlen=MOST_WRONG)
        """When the last wrong tokens came."""

    @property
    def paused_for(self) -> int:
        """Seconds for which no token is looked at, because too many were wrong; 0: it is."""
        return 0 if len(self._wrong) < MOST_WRONG else max(math.ceil(self._wrong[0] + WITHIN - self._clock()), 0)

    def is_token(self, given: str) -> bool:
        """Whether this is the token; comparing takes as long whatever is wrong with it."""
        right = hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token)
        if not right:
            self._wrong.append(self._clock())
        return right

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
