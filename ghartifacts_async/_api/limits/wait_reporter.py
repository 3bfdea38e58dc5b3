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
class _WaitGroup:
    """Waits with the same cause, each of which began before the earlier ones had ended.

    Attributes:
        started_at: Time at which the first wait began.
        reported_end: End that was last reported.
        ends_at: End of the wait that ends last.
    """

    started_at: float
    reported_end: float
    ends_at: float

    def covers(self, ends_at: float) -> bool:
        """Return True if a wait that ends at this time need not be reported."""
        tolerance = max(LONG_WAIT, (self.reported_end - self.started_at) / 2)
        return ends_at <= self.reported_end + tolerance


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
        self._groups: dict[object, _WaitGroup] = {}
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
            cause: Any value that identifies the cause; None for the reason. A wait with the cause
                of a wait in progress belongs to it. It is still reported if it ends more than five
                seconds after the end that was last reported, and makes the time from the start of
                the first wait to that end longer by more than half.
        """
        if seconds <= LONG_WAIT:
            return
        now = self._wall_clock()
        ends_at = now + seconds
        self._groups = {key: each for key, each in self._groups.items() if each.ends_at > now}
        key = reason if cause is None else cause
        group = self._groups.get(key, _WaitGroup(now, now, now))
        is_reported = key in self._groups and group.covers(ends_at)
        reported_end = group.reported_end if is_reported else ends_at
        end = max(group.ends_at, ends_at)
        self._groups[key] = evolve(group, reported_end=reported_end, ends_at=end)
        wait = Wait(seconds, rate_limit_headers.moment(ends_at), reason)
        if ends_at > self._ends_at + _SAME_WAIT:
            self._latest, self._ends_at = wait, ends_at
        if is_reported:
            return
        until = f"until {wait.until:%Y-%m-%d %H:%M:%S} UTC " if wait.until else ""
        _log.warning("waiting %s(%.0f s): %s", until, seconds, reason)
        if self._on_wait is not None:
            self._on_wait(wait)
