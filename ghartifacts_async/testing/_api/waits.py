"""What an account has been told about waiting, and whether it kept to it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from ghartifacts_async.testing._shared.messages import Reply

ROUNDING = 0.001
_CROSSING = 1.0


@attrs.define(eq=False)
class Wait:
    """The time until which an account has been told to wait.

    A request may cross on its way the answer that tells its sender to wait. So the first one
    on a connection within a second of that answer is not held against the client; on the same
    connection, and later than that, it must have known.
    """

    since: float = 0.0
    until: float = 0.0
    _informed: set[int] = attrs.field(factory=set)

    def is_broken_by(self, connection: int, now: float) -> bool:
        """Tell whether a request that arrives now should not have been sent."""
        if now >= self.until - ROUNDING:
            return False
        if connection in self._informed or now - self.since >= _CROSSING:
            return True
        self._informed.add(connection)
        return False

    def tell(self, until: float, connection: int, now: float) -> None:
        """Remember what an answer on that connection says."""
        if now >= self.until:
            self.since = now
            self._informed.clear()
        self.until = max(self.until, until)
        self._informed.add(connection)


def told_by(reply: Reply, now: float) -> float | None:
    """Return until when an answer tells its reader to send nothing, or None where it does not.

    That is what 403 and 429 say by `Retry-After`, and any answer by a remaining limit of 0. A
    `Retry-After` with another status, 503 say, is about that one call.
    """
    limited = reply.status in {403, 429}
    if not limited and reply.headers.get("X-RateLimit-Remaining") != "0":
        return None
    headers = {name.lower(): value for name, value in reply.headers.items()}
    if limited and "retry-after" in headers:
        return _moment(headers["retry-after"], now)
    if headers.get("x-ratelimit-remaining") == "0" and "x-ratelimit-reset" in headers:
        return float(headers["x-ratelimit-reset"])
    return None


def _moment(retry_after: str, now: float) -> float | None:
    try:
        return now + float(retry_after)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(retry_after).timestamp()
    except ValueError:
        return None
