"""The server's clock, and the actions that a test has scheduled on it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Clock:
    """A clock that executes actions once their time has come.

    The clock does not watch the time. The server calls `execute_due` when it handles a request and
    when a test reads its data, so scheduled actions work with any clock of a test.

    Args:
        now: A function that returns the time, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._scheduled: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._time_of_action: float | None = None

    def __call__(self) -> float:
        """Return the time in seconds since the epoch: for an action, when it was due."""
        return self._now() if self._time_of_action is None else self._time_of_action

    def schedule(self, seconds: float, action: Callable[[], object]) -> None:
        """Execute an action in this number of seconds.

        Raises:
            ValueError: The number is negative.
        """
        if seconds < 0:
            raise ValueError(f"seconds must be at least 0, not {seconds}")
        heapq.heappush(self._scheduled, (self() + seconds, next(self._numbers), action))

    def execute_due(self) -> None:
        """Execute the actions that are due, in the order of their times."""
        if self._time_of_action is not None:
            return
        try:
            while self._scheduled and self._scheduled[0][0] <= self._now():
                self._time_of_action, _, action = heapq.heappop(self._scheduled)
                action()
        finally:
            self._time_of_action = None
