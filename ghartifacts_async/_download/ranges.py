"""Byte ranges: which are on disk, which to fetch next, and whether a response matches its request.

A download is cut into segments, which the connections claim in order, so that the bytes on disk
grow from the front and a hasher can follow the writer. Segments become smaller towards the end. A
connection that finds no free segment steals the end of the segment that would finish last: as many
bytes as the other connection would not fetch in time. So all connections finish at about the same
time, even if one of them is slow.

Requests contain a single range with both ends, because stores disagree about all other forms.

Source: RFC 9110, section 14; https://learn.microsoft.com/rest/api/storageservices/get-blob
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from attrs import define, frozen

from ghartifacts_async._arguments import MAX_CONNECTIONS

ByteRange: TypeAlias = tuple[int, int]
"""Offset of the first byte, and of the byte after the last one."""

BYTES_PER_CONNECTION = 32 * 2**20
"""Size of a payload for which one more connection pays."""

_MAX_SEGMENT = 32 * 2**20
_MIN_SEGMENT = 2**20
_MIN_STOLEN_SHARE = 2**16
_MIN_SECONDS_TO_STEAL = 1.0

_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


def connections(size: int) -> int:
    """Return the number of connections that suits a payload of `size` bytes."""
    return max(1, min(MAX_CONNECTIONS, size // BYTES_PER_CONNECTION))


class RangeSet:
    """A set of bytes, as sorted ranges that neither overlap nor touch.

    Args:
        ranges: Ranges to begin with, in any order.

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
        """Add the bytes from `start` to before `stop`."""
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
        """The number of bytes from the first byte of the payload to the first gap."""
        return self._ranges[0][1] if self._ranges and self._ranges[0][0] == 0 else 0

    def missing(self, total: int) -> list[ByteRange]:
        """Return the gaps in a payload of `total` bytes."""
        edges = [0, *(edge for one in self._ranges for edge in one), total]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return [(start, stop) for start, stop in gaps if start < stop]


@define(eq=False)
class Segment:
    """What one connection is fetching.

    Attributes:
        at: Offset of the next byte, which grows.
        stop: Offset after the last byte, which shrinks when another connection steals the end;
            None if the size is unknown.
        started_at: Time of the request, on the event loop's clock.
        received: Bytes received since then.
    """

    at: int
    stop: int | None
    started_at: float = 0.0
    received: int = 0

    @property
    def left(self) -> int:
        """The number of missing bytes; 0 if the size is unknown."""
        return 0 if self.stop is None else self.stop - self.at

    def rate(self, now: float) -> float:
        """Return the bytes per second since the request."""
        return self.received / max(now - self.started_at, 1e-3)


class SegmentScheduler:
    """Distributes the missing bytes to the connections.

    Args:
        missing: Missing ranges in order; a stop of None is an unknown end.
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
        """Return the next segment, or None if there is nothing to fetch at the moment.

        Args:
            now: Time on the event loop's clock.
            rate: Bytes per second of the connection's last segment.
        """
        segment = self._next() if self._free else self._steal(now, rate)
        if segment is not None:
            segment.started_at = now
            self._claimed.append(segment)
        return segment

    def release(self, segment: Segment) -> None:
        """Give a segment back; its missing bytes are free again."""
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
        """Return the end of the slowest segment, or None if sharing it would not save time."""

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


@frozen
class BlobInfo:
    """What is known of a payload, and what every response must agree with.

    Attributes:
        total: Size in bytes, or None if it is unknown.
        etag: The payload's ``ETag``, or None.
    """

    total: int | None = None
    etag: str | None = None


@frozen
class RejectedResponse:
    """Why a response is not used.

    Attributes:
        reason: Description for an error message.
        changed: Whether the payload seems to differ from the earlier one.
        whole: Whether the store sent the whole payload in reply to a range request.
    """

    reason: str
    changed: bool = False
    whole: bool = False


def is_whole(start: int, stop: int | None, info: BlobInfo) -> bool:
    """Return True if a range is the whole payload, which needs no ``Range`` header."""
    return start == 0 and (stop is None or stop == info.total)


def range_headers(start: int, stop: int | None, info: BlobInfo) -> dict[str, str]:
    """Return the headers of a request for a range."""
    headers: dict[str, str] = {}
    if not is_whole(start, stop, info):
        assert stop is not None
        headers["Range"] = f"bytes={start}-{stop - 1}"
    if info.etag is not None and not info.etag.startswith("W/"):
        headers["If-Match"] = info.etag
    return headers


def validate_response(
    status: int, headers: Mapping[str, str], start: int, stop: int | None, info: BlobInfo
) -> BlobInfo | RejectedResponse | None:
    """Check that a response matches its request and the known payload.

    This also catches stores that ignore ``If-Match`` or ``Range``.

    Args:
        status: Status of the response.
        headers: Headers of the response, by lower-case name.
        start: Offset of the first requested byte.
        stop: Offset after the last requested byte; None for the end of the payload.
        info: What is known of the payload.

    Returns:
        What is known after the response, the reason to reject it, or None for an error status.
    """
    whole = is_whole(start, stop, info)
    if status in {412, 416}:
        return RejectedResponse(
            f"the store answered {status}: the payload has changed", changed=True
        )
    if status == 200 and not whole:
        return RejectedResponse(
            "the store sent the whole payload instead of the requested range", whole=True
        )
    if status == 200:
        received = BlobInfo(_length(headers), headers.get("etag"))
    elif status == 206:
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        if whole or match is None or stop is None:
            return RejectedResponse("the store sent a range that was not requested")
        first, last, total = map(int, match.groups())
        if first != start or not first <= last < min(stop, total):
            return RejectedResponse(
                f"the store sent bytes {first}-{last} instead of {start}-{stop - 1}"
            )
        received = BlobInfo(total, headers.get("etag"))
    else:
        return None
    if info.total is not None and received.total not in {None, info.total}:
        return RejectedResponse(
            f"the store announced {received.total} bytes instead of {info.total}", changed=True
        )
    if info.etag is not None and received.etag not in {None, info.etag}:
        return RejectedResponse("the store's ETag has changed", changed=True)
    size = info.total if received.total is None else received.total
    return BlobInfo(size, received.etag or info.etag)


def _length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if _LENGTH.fullmatch(length) else None
