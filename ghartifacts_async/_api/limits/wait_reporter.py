"""Long waits, made visible: in the log, in the statistics and to the caller's callback."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from attrs import evolve, frozen

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async.models import Wait

LONG_WAIT = 5.0
"""Number of seconds that a wait must exceed to be reported."""

_SAME_WAIT = 1.0

_log = logging.getLogger("ghartifacts_async")


@frozen
class _Streak:
    """Waits that belong together, each of which began before the others had ended.

    Attributes:
        started_at: Time at which the first wait began.
        reported: The latest end that was reported.
        ends_at: The latest end.
    """

    started_at: float
    reported: float
    ends_at: float

    def is_continued_until(self, ends_at: float) -> bool:
        """Return True if a wait that ends at this time need not be reported."""
        return ends_at <= self.reported + max(LONG_WAIT, (self.reported - self.started_at) / 2)


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
        self._streaks: dict[object, _Streak] = {}
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
                belongs to others in progress if it has the same cause. It is reported nevertheless
                if it ends more than five seconds after their reported end, and prolongs them by
                more than half.
        """
        if seconds <= LONG_WAIT:
            return
        now = self._wall_clock()
        ends_at = now + seconds
        self._streaks = {key: each for key, each in self._streaks.items() if each.ends_at > now}
        key = reason if cause is None else cause
        streak = self._streaks.get(key, _Streak(now, now, now))
        is_reported = key in self._streaks and streak.is_continued_until(ends_at)
        reported = streak.reported if is_reported else ends_at
        self._streaks[key] = evolve(streak, reported=reported, ends_at=max(streak.ends_at, ends_at))
        wait = Wait(seconds, rate_limit_headers.moment(ends_at), reason)
        if ends_at > self._ends_at + _SAME_WAIT:
            self._latest, self._ends_at = wait, ends_at
        if is_reported:
            return
        until = f"until {wait.until:%Y-%m-%d %H:%M:%S} UTC " if wait.until else ""
        _log.warning("waiting %s(%.0f s): %s", until, seconds, reason)
        if self._on_wait is not None:
            self._on_wait(wait)
