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
        self._ends: dict[object, float] = {}
        self._latest: Wait | None = None
        self._ends_at = 0.0

    @property
    def current(self) -> Wait | None:
        """The wait that ends last, or None if no long wait is in progress."""
        return self._latest if self._wall_clock() < self._ends_at else None

    def report(self, seconds: float, reason: str, cause: object = None) -> None:
        """Report a wait that begins now, unless it is short or belongs to a reported one.

        Args:
            seconds: Duration of the wait.
            reason: Why calls wait.
            cause: What waits that belong together have in common; None for the reason. A wait
                belongs to another one in progress if it has the same cause and does not end more
                than five seconds later.
        """
        if seconds <= LONG_WAIT:
            return
        now = self._wall_clock()
        ends_at = now + seconds
        self._ends = {key: end for key, end in self._ends.items() if end > now}
        key = reason if cause is None else cause
        reported = self._ends.get(key)
        self._ends[key] = max(ends_at, reported or ends_at)
        wait = Wait(seconds, rate_limit_headers.moment(ends_at), reason)
        if ends_at > self._ends_at + _SAME_WAIT:
            self._latest, self._ends_at = wait, ends_at
        if reported is not None and ends_at <= reported + LONG_WAIT:
            return
        until = f"until {wait.until:%Y-%m-%d %H:%M:%S} UTC " if wait.until else ""
        _log.warning("waiting %s(%.0f s): %s", until, seconds, reason)
        if self._on_wait is not None:
            self._on_wait(wait)
