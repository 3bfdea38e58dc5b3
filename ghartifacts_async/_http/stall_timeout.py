"""Detect stalled and slow response bodies with a single timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SLOW_SECONDS = 60.0
"""Seconds of reading in which at least `SLOW_BYTES` must arrive; otherwise a body is too slow."""

SLOW_BYTES = 60 * 2**10


class StallTimeout:
    """A timeout for one response body, whose bytes may stop arriving or arrive too slowly.

    Only time spent in reads counts, so a consumer that reads slowly never causes a timeout.

    Args:
        stall: Seconds that one read may take.
        on_stall: Function that is called when a read takes longer.
    """

    def __init__(self, stall: float, on_stall: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stall = stall
        self._on_stall = on_stall
        self._read_since: float | None = None
        self._timer = self._loop.call_later(stall, self._check)
        self._bytes, self._seconds = 0, 0.0

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def start_read(self) -> None:
        """Note that a read of the next chunk begins."""
        self._read_since = self._loop.time()

    def end_read(self, count: int) -> int | None:
        """Note that a read has ended with `count` bytes.

        Returns:
            The number of bytes received in the last `SLOW_SECONDS` of reading if it is below
            `SLOW_BYTES`, else ``None``.
        """
        if self._read_since is not None:
            self._seconds += self._loop.time() - self._read_since
            self._read_since = None
        self._bytes += count
        if self._seconds < SLOW_SECONDS:
            return None
        received, self._bytes, self._seconds = self._bytes, 0, 0.0
        return received if received < SLOW_BYTES else None

    def _check(self) -> None:
        now = self._loop.time()
        deadline = self._stall + (now if self._read_since is None else self._read_since)
        if deadline <= now:
            self._on_stall()
        else:
            self._timer = self._loop.call_at(deadline, self._check)
