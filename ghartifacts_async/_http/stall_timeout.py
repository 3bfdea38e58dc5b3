"""Whether a body that is read still comes, and fast enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SLOW_SECONDS = 60.0
"""Of waiting for a connection, in which at least `SLOW_BYTES` must come."""

SLOW_BYTES = 60 * 2**10


class StallTimeout:
    """The patience with one body: one timer, however many pieces come.

    Time counts while somebody waits for the next piece: who is slow to want it harms nobody.

    Args:
        stall: Seconds that a piece may take.
        give_up: Called where one takes longer.
    """

    def __init__(self, stall: float, give_up: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stall = stall
        self._give_up = give_up
        self._since: float | None = None
        self._alarm = self._loop.call_later(stall, self._look)
        self._bytes, self._seconds = 0, 0.0

    def close(self) -> None:
        """Watch no more."""
        self._alarm.cancel()

    def wait(self) -> None:
        """The next piece is waited for from now on."""
        self._since = self._loop.time()

    def waited(self, count: int) -> int | None:
        """So many bytes came, or nobody waits any more.

        Returns:
            How many came in all of the last minute, where they were too few; else ``None``.
        """
        if self._since is not None:
            self._seconds += self._loop.time() - self._since
            self._since = None
        self._bytes += count
        if self._seconds < SLOW_SECONDS:
            return None
        came, self._bytes, self._seconds = self._bytes, 0, 0.0
        return came if came < SLOW_BYTES else None

    def _look(self) -> None:
        now = self._loop.time()
        ends = self._stall + (now if self._since is None else self._since)
        if ends <= now:
            self._give_up()
        else:
            self._alarm = self._loop.call_at(ends, self._look)
