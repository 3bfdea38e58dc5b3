"""The rate limits of one account, as its responses report them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async.models import RateLimit

_MIN_PATIENCE = 2.0
_MAX_PATIENCE = 60.0
_PATIENCE_SHARE = 1 / 20


class GateClosed(Exception):
    """A request was not sent, because the calls of its account must wait."""


class Gate:
    """The gate that the calls of one account pass. Its times are on the event loop's clock.

    It is closed while GitHub asks the account to wait, and while its primary limit is used up.

    Args:
        wall_clock: Function that returns seconds since the epoch. It is used if a response has no
            ``Date``.

    Attributes:
        rate_limit: The primary rate limit that GitHub last reported, or ``None``.
        observed_at: Time at which the latest request with a reported limit was sent.
        turn: Held by the call that waits at the gate. The others queue for it.
        departures: Number of times that a waiting call got the token of another account.
        response_arrived: Set whenever a request of the account ends.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._opens_at = 0.0
        self._closed_at = float("-inf")
        self._resets_at = 0.0
        self._server_start = 0.0
        self._in_flight = 0
        self._refusals = 0
        self._waits_until = 0.0
        self._waiting_since = 0.0
        self.rate_limit: RateLimit | None = None
        self.observed_at: float = float("-inf")
        self.turn: asyncio.Lock = asyncio.Lock()
        self.departures: int = 0
        self.response_arrived: asyncio.Event = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether no request is in flight, no call waits, and calls need not wait."""
        return not (self._in_flight or self.turn.locked() or self.closed_for() is not None)

    @property
    def is_asked_to_wait(self) -> bool:
        """Whether GitHub refused a call, and the wait that it asked for is not over."""
        return asyncio.get_running_loop().time() < self._opens_at

    @property
    def may_open_early(self) -> bool:
        """Whether the next response may show that calls are left after all."""
        return self._in_flight > 0 and not self.is_asked_to_wait

    def closed_for(self) -> float | None:
        """Return for how many seconds at most the gate stays closed, or None if it is open.

        Requests in flight count as used, although GitHub has not reported them yet.
        """
        now = asyncio.get_running_loop().time()
        if now < self._opens_at:
            return self._opens_at - now
        known = self.rate_limit
        if known is None or now >= self._resets_at or known.remaining > self._in_flight:
            return None
        return self._resets_at - now

    def patience(self) -> float:
        """Return after how many seconds a waiting call should ask for a token again.

        The token may then be of another account. It is a twentieth of the time that calls have
        waited so far, from 2 to 60 seconds, so that a token provider is not called too often.
        """
        now = asyncio.get_running_loop().time()
        opens_at = max(self._opens_at, self._resets_at)
        if opens_at != self._waits_until:
            self._waits_until, self._waiting_since = opens_at, now
        waited = now - self._waiting_since
        return min(_MAX_PATIENCE, max(_MIN_PATIENCE, waited * _PATIENCE_SHARE))

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as in flight while the block runs."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            self.response_arrived.set()

    def observe(self, headers: Mapping[str, str], sent_at: float) -> None:
        """Update the primary rate limit from the headers of a response.

        Args:
            headers: Headers of the response.
            sent_at: Time at which the request was sent.
        """
        reported = rate_limit_headers.rate_limit(headers)
        # `Client.request` may use endpoints with limits of their own, such as search.
        if reported is None or reported.resource != rate_limit_headers.CORE:
            return
        now = self._note_time(headers)
        wait = rate_limit_headers.until_reset(reported, headers, self._wall_clock())
        if wait > rate_limit_headers.MAX_WINDOW:
            return
        later = sent_at >= self.observed_at
        if rate_limit_headers.newer(self.rate_limit, reported, later=later) is reported:
            self.rate_limit, self._resets_at = reported, now + wait
        self.observed_at = max(self.observed_at, sent_at)

    def note_success(self, sent_at: float) -> None:
        """Note that the request sent at the time `sent_at` was not refused at a rate limit."""
        if sent_at >= self._closed_at:
            self._refusals = 0

    def note_limit(self, headers: Mapping[str, str], sent_at: float) -> float:
        """Close the gate because GitHub refused a request at a rate limit.

        Args:
            headers: Headers of the refusal.
            sent_at: Time at which the request was sent. If the gate was closed after that time,
                this refusal does not double the wait.

        Returns:
            Seconds until the gate opens.
        """
        now = self._note_time(headers)
        if sent_at >= self._closed_at:
            self._refusals += 1
            self._closed_at = now
        refusals = max(1, self._refusals)
        wait = rate_limit_headers.seconds_to_wait(headers, refusals, self._wall_clock())
        self._opens_at = max(self._opens_at, now + wait)
        return self._opens_at - now

    def moment_in(self, seconds: float) -> datetime | None:
        """Return the server's time in this many seconds, or None if it is out of range."""
        later = asyncio.get_running_loop().time() + seconds
        return rate_limit_headers.moment(self._server_start + later)

    def _note_time(self, headers: Mapping[str, str]) -> float:
        """Note the difference between the server's clock and the loop's; return the loop's time."""
        now = asyncio.get_running_loop().time()
        self._server_start = rate_limit_headers.server_time(headers, self._wall_clock()) - now
        return now
