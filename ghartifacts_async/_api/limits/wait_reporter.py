"""Long waits, made visible: in the log, in the statistics and to the caller's callback."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async.models import Wait

LONG_WAIT = 5.0
"""Number of seconds that a wait must exceed to be reported."""

_SAME_WAIT = 1.0

_log = logging.getLogger("ghartifacts_async")


class WaitReporter:
    """Reports each long wait once, however many calls it delays.

    Args:
        on_wait: The caller's callback, or None.
        wall_clock: Function that returns seconds since the epoch.
    """

    def __init__(
        self,
        on_wait: Callable[[Wait], object] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._on_wait = on_wait
        self._wall_clock = wall_clock
        self._reported: list[tuple[str, float]] = []
        self._latest: Wait | None = None
        self._ends_at = 0.0

    @property
    def current(self) -> Wait | None:
        """The wait that ends last, or None if no long wait is in progress."""
        return self._latest if self._wall_clock() < self._ends_at else None

    def report(self, seconds: float, reason: str) -> None:
        """Report a wait that begins now, unless it is short or was reported before.

        Args:
            seconds: Duration of the wait.
            reason: Why calls wait. Waits for the same reason that end together are one wait.
        """
        if seconds <= LONG_WAIT:
            return
        now = self._wall_clock()
        ends_at = now + seconds
        # Waits of several accounts may have the same reason, but end at different times.
        self._reported = [(why, end) for why, end in self._reported if end > now]
        if any(why == reason and abs(ends_at - end) <= _SAME_WAIT for why, end in self._reported):
            return
        self._reported.append((reason, ends_at))
        wait = Wait(seconds, rate_limit_headers.moment(ends_at), reason)
        if ends_at >= self._ends_at:
            self._latest, self._ends_at = wait, ends_at
        until = f"until {wait.until:%Y-%m-%d %H:%M:%S} UTC " if wait.until else ""
        _log.warning("waiting %s(%.0f s): %s", until, seconds, reason)
        if self._on_wait is not None:
            self._on_wait(wait)
