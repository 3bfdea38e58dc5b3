"""The waits that the server requests, and the detection of requests that violate them."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from ghartifacts_async.testing._shared.messages import Response

ROUNDING = 0.001
_GRACE_PERIOD = 1.0


@attrs.define(eq=False)
class RequestedWait:
    """A period in which the server asked an account to send no requests.

    A client may send a request before it has received the response that asks it to wait.
    Therefore the first request on each connection is tolerated for one second after that
    response. Later requests, and requests on the connection that carried the response, are
    violations.

    Attributes:
        start: When the wait started, in seconds since the epoch.
        end: When it ends, in seconds since the epoch.
    """

    start: float = 0.0
    end: float = 0.0
    _informed: set[int] = attrs.field(factory=set)

    def is_violated_by(self, connection: int, now: float) -> bool:
        """Return True if a request that arrives now violates the wait."""
        if now >= self.end - ROUNDING:
            return False
        if connection in self._informed or now - self.start >= _GRACE_PERIOD:
            return True
        self._informed.add(connection)
        return False

    def extend(self, end: float, connection: int, now: float) -> None:
        """Start or extend the wait because of a response on a connection."""
        if now >= self.end:
            self.start = now
            self._informed.clear()
        self.end = max(self.end, end)
        self._informed.add(connection)


def requested_wait_end(response: Response, now: float) -> float | None:
    """Return the time until which a response asks the account to wait, or None.

    A response with status 403 or 429 can ask with `Retry-After`. A response with any status can
    ask with `X-RateLimit-Remaining: 0` and `X-RateLimit-Reset`. With other statuses, such as
    503, `Retry-After` concerns only that request, not the account.
    """
    limited = response.status in {403, 429}
    if not limited and response.headers.get("X-RateLimit-Remaining") != "0":
        return None
    headers = {name.lower(): value for name, value in response.headers.items()}
    if limited and "retry-after" in headers:
        return _parse_retry_after(headers["retry-after"], now)
    if headers.get("x-ratelimit-remaining") == "0" and "x-ratelimit-reset" in headers:
        return float(headers["x-ratelimit-reset"])
    return None


def _parse_retry_after(value: str, now: float) -> float | None:
    try:
        return now + float(value)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
