"""Byte ranges: which are on disk, and which to fetch next.

A download is split into segments (contiguous byte ranges). Connections claim them in order, so the
file grows from its beginning and can be hashed while it is written. Segments become smaller towards
the end of the file. A connection that finds no free segment takes over the end of the claimed
segment that would finish last. The split point depends on the speed of both connections, so that
both finish at about the same time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from attrs import define

from ghartifacts_async._arguments import MAX_CONNECTIONS

ByteRange: TypeAlias = tuple[int, int]
"""A byte range: the offset of its first byte, and the offset after its last byte."""

BYTES_PER_CONNECTION = 32 * 2**20
"""Bytes of a payload per connection: a payload twice this size is fetched over two connections."""

_MAX_SEGMENT = 32 * 2**20
_MIN_SEGMENT = 2**20
_MIN_STOLEN_SHARE = 2**16
_MIN_SECONDS_TO_STEAL = 1.0


def connections(size: int) -> int:
    """Return the number of connections to use for a payload of `size` bytes."""
    return max(1, min(MAX_CONNECTIONS, size // BYTES_PER_CONNECTION))


class RangeSet:
    """A set of byte offsets, stored as sorted ranges that neither overlap nor touch.

    Args:
        ranges: Initial ranges, in any order.

    Attributes:
        total: Number of bytes in the set.
    """

    def __init__(self, ranges: Iterable[ByteRange] = ()) -> None:
        self._ranges: list[ByteRange] = []
        self.total = 0
        for start, stop in ranges:
            self.add(start, stop)

    def __iter__(self) -> Iterator[ByteRange]:
        return iter(self._ranges)

    def add(self, start: int, stop: int) -> None:
        """Add the bytes from `start` up to, but not including, `stop`."""
        if start >= stop:
            return
        low = bisect_left(self._ranges, start, key=lambda one: one[1])
        high = low
        while high < len(self._ranges) and self._ranges[high][0] <= stop:
            self.total -= self._ranges[high][1] - self._ranges[high][0]
            start, stop = min(start, self._ranges[high][0]), max(stop, self._ranges[high][1])
            high += 1
        self._ranges[low:high] = [(start, stop)]
        self.total += stop - start

    @property
    def contiguous_length(self) -> int:
        """The number of bytes before the first gap, counted from the beginning of the payload."""
        return self._ranges[0][1] if self._ranges and self._ranges[0][0] == 0 else 0

    def missing(self, total: int) -> list[ByteRange]:
        """Return the gaps in a payload of `total` bytes."""
        edges = [0, *(edge for one in self._ranges for edge in one), total]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return [(start, stop) for start, stop in gaps if start < stop]


@define(eq=False)
class Segment:
    """A contiguous part of the payload that one connection is fetching.

    Attributes:
        at: Offset of the next byte to receive.
        stop: Offset after the last byte, or None if the size of the payload is unknown. It becomes
            smaller if another connection takes over the end of the segment.
        started_at: Time on the event loop's clock from which `rate` is measured.
        received: Number of bytes received since then.
    """

    at: int
    stop: int | None
    started_at: float = 0.0
    received: int = 0

    @property
    def left(self) -> int:
        """The number of bytes still to receive, or 0 if the size of the payload is unknown."""
        return 0 if self.stop is None else self.stop - self.at

    def rate(self, now: float) -> float:
        """Return the average number of bytes received per second since `started_at`."""
        return self.received / max(now - self.started_at, 1e-3)


class SegmentScheduler:
    """Assigns the missing bytes of a payload to connections.

    Args:
        missing: Missing ranges, in order. A stop of None means that the end is unknown.
        connections: Number of concurrent connections.
    """

    def __init__(self, missing: Iterable[tuple[int, int | None]], connections: int) -> None:
        self._free: list[tuple[int, int | None]] = list(missing)
        self._connections = connections
        self._claimed: list[Segment] = []

    @property
    def complete(self) -> bool:
        """Whether no byte is missing."""
        return not self._free and not any(
            segment.stop is None or segment.left for segment in self._claimed
        )

    def claim(self, now: float, rate: float = 0.0) -> Segment | None:
        """Assign a segment to a connection and return it.

        Return None if the connection has nothing to fetch at the moment.

        Args:
            now: Time on the event loop's clock.
            rate: Bytes per second at which the connection fetched its previous segment, or 0.
        """
        segment = self._next() if self._free else self._steal(now, rate)
        if segment is not None:
            segment.started_at = now
            self._claimed.append(segment)
        return segment

    def release(self, segment: Segment) -> None:
        """End a connection's claim to a segment. Others may claim the bytes still missing."""
        self._claimed.remove(segment)
        if segment.stop is None or segment.left:
            self._free.append((segment.at, segment.stop))
            self._free.sort(key=lambda one: one[0])

    def _next(self) -> Segment:
        start, stop = self._free[0]
        if stop is None:
            del self._free[0]
            return Segment(start, stop)
        free = sum(stop - start for start, stop in self._free if stop is not None)
        size = max(_MIN_SEGMENT, min(_MAX_SEGMENT, free // (2 * self._connections)))
        if self._connections == 1 or stop - start - size < _MIN_SEGMENT:
            size = stop - start
        if start + size == stop:
            del self._free[0]
        else:
            self._free[0] = (start + size, stop)
        return Segment(start, start + size)

    def _steal(self, now: float, rate: float) -> Segment | None:
        """Take over the end of the claimed segment that would finish last.

        Return it as a new segment, or None if splitting would not save time.
        """

        def seconds_left(segment: Segment) -> float:
            return segment.left / max(segment.rate(now), 1.0)

        slowest = max(self._claimed, key=seconds_left, default=None)
        if slowest is None or slowest.stop is None:
            return None
        if seconds_left(slowest) < _MIN_SECONDS_TO_STEAL:
            return None
        if now - slowest.started_at < _MIN_SECONDS_TO_STEAL:
            return None
        slow_rate = slowest.rate(now)
        kept = int(slowest.left * slow_rate / (slow_rate + rate)) if rate > 0 else slowest.left // 2
        if slowest.left - kept < _MIN_STOLEN_SHARE:
            kept = 0
        segment = Segment(slowest.at + kept, slowest.stop)
        slowest.stop = segment.at
        return segment
