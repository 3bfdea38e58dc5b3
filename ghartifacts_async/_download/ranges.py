"""Which bytes are there, which are wanted next, and whether an answer holds those asked for.

A download is cut into pieces, which connections take in order: so the bytes on disk grow from the
front, and a hasher can follow. Pieces shrink towards the end, and a connection that has nothing
left to take relieves the one that would be last of what this one will not manage in time; so all
end together, also with one that is slow.

Only single ranges with both ends are ever asked for: stores disagree about all others.

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
"""First byte, and the one behind the last."""

BYTES_FOR_A_CONNECTION = 32 * 2**20

_LARGEST_PIECE = 32 * 2**20
_SMALLEST_PIECE = 2**20
_SMALLEST_RELIEF = 2**16
_PATIENCE = 1.0

_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


def connections(size: int) -> int:
    """How many connections serve a payload of this many bytes well."""
    return max(1, min(MAX_CONNECTIONS, size // BYTES_FOR_A_CONNECTION))


class RangeSet:
    """A set of bytes, as sorted spans that do not touch."""

    def __init__(self, spans: Iterable[ByteRange] = ()) -> None:
        self._spans: list[ByteRange] = []
        self.total = 0
        for start, stop in spans:
            self.add(start, stop)

    def __iter__(self) -> Iterator[ByteRange]:
        return iter(self._spans)

    def add(self, start: int, stop: int) -> None:
        """Take in the bytes from `start` to before `stop`."""
        if start >= stop:
            return
        low = bisect_left(self._spans, start, key=lambda span: span[1])
        high = low
        while high < len(self._spans) and self._spans[high][0] <= stop:
            self.total -= self._spans[high][1] - self._spans[high][0]
            start, stop = min(start, self._spans[high][0]), max(stop, self._spans[high][1])
            high += 1
        self._spans[low:high] = [(start, stop)]
        self.total += stop - start

    @property
    def contiguous_length(self) -> int:
        """How many bytes are there without a gap, from the first on."""
        return self._spans[0][1] if self._spans and self._spans[0][0] == 0 else 0

    def missing(self, total: int) -> list[ByteRange]:
        """The gaps in a payload of so many bytes."""
        edges = [0, *(edge for span in self._spans for edge in span), total]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return [(start, stop) for start, stop in gaps if start < stop]


@define(eq=False)
class Segment:
    """What one connection is fetching: from `at`, which grows, to before `stop`, which may shrink.

    Attributes:
        stop: ``None`` where nobody knows the size.
        since: When it was asked for, on the loop's clock.
        came: Bytes of it that came since.
    """

    at: int
    stop: int | None
    since: float = 0.0
    came: int = 0

    @property
    def left(self) -> int:
        """Bytes that are still to come, of a known size."""
        return 0 if self.stop is None else self.stop - self.at

    def rate(self, now: float) -> float:
        """Bytes a second since it was asked for."""
        return self.came / max(now - self.since, 1e-3)


class SegmentScheduler:
    """Who fetches what.

    Args:
        missing: The spans that are wanted, in order; a stop of ``None`` is an unknown end.
        connections: How many fetch side by side.
    """

    def __init__(self, missing: Iterable[tuple[int, int | None]], connections: int) -> None:
        self._free: list[tuple[int, int | None]] = list(missing)
        self._connections = connections
        self._taken: list[Segment] = []

    @property
    def complete(self) -> bool:
        """Whether nothing is wanted any more."""
        return not self._free and not any(piece.stop is None or piece.left for piece in self._taken)

    def take(self, now: float, rate: float = 0.0) -> Segment | None:
        """The next piece, ``None`` where there is nothing to take just now.

        Args:
            now: On the loop's clock.
            rate: Bytes a second of the connection's last piece.
        """
        piece = self._next() if self._free else self._relieve(now, rate)
        if piece is not None:
            piece.since = now
            self._taken.append(piece)
        return piece

    def give_back(self, piece: Segment) -> None:
        """Take no more of a piece; what is left of it is free again."""
        self._taken.remove(piece)
        if piece.stop is None or piece.left:
            self._free.append((piece.at, piece.stop))
            self._free.sort(key=lambda span: span[0])

    def _next(self) -> Segment:
        start, stop = self._free[0]
        if stop is None:
            del self._free[0]
            return Segment(start, stop)
        wanted = sum(stop - start for start, stop in self._free if stop is not None)
        size = max(_SMALLEST_PIECE, min(_LARGEST_PIECE, wanted // (2 * self._connections)))
        if self._connections == 1 or stop - start - size < _SMALLEST_PIECE:
            size = stop - start
        if start + size == stop:
            del self._free[0]
        else:
            self._free[0] = (start + size, stop)
        return Segment(start, start + size)

    def _relieve(self, now: float, rate: float) -> Segment | None:
        """What another connection will not have fetched by the time that both could be done."""

        def time_left(piece: Segment) -> float:
            return piece.left / max(piece.rate(now), 1.0)

        slow = max(self._taken, key=time_left, default=None)
        if slow is None or slow.stop is None or time_left(slow) < _PATIENCE:
            return None
        if now - slow.since < _PATIENCE:
            return None
        pace = slow.rate(now)
        share = int(slow.left * pace / (pace + rate)) if rate > 0 else slow.left // 2
        if slow.left - share < _SMALLEST_RELIEF:
            share = 0
        piece = Segment(slow.at + share, slow.stop)
        slow.stop = piece.at
        return piece


@frozen
class BlobInfo:
    """What is known of a payload, and what a store's answers must agree with.

    Attributes:
        total: Bytes, ``None`` where nobody said.
        etag: Its ``ETag``, or ``None``.
    """

    total: int | None = None
    etag: str | None = None


@frozen
class RejectedResponse:
    """An answer that is not one to the question.

    Attributes:
        reason: Why.
        changed: Whether the payload seems to be another than before.
        whole: Whether the store sent everything where a part was asked for.
    """

    reason: str
    changed: bool = False
    whole: bool = False


def is_whole(start: int, stop: int | None, blob: BlobInfo) -> bool:
    """Whether a span is all of a payload, for which no range is needed."""
    return start == 0 and (stop is None or stop == blob.total)


def range_headers(start: int, stop: int | None, blob: BlobInfo) -> dict[str, str]:
    """The headers that ask for a span."""
    headers: dict[str, str] = {}
    if not is_whole(start, stop, blob):
        assert stop is not None
        headers["Range"] = f"bytes={start}-{stop - 1}"
    if blob.etag is not None and not blob.etag.startswith("W/"):
        headers["If-Match"] = blob.etag
    return headers


def validate_response(
    status: int, headers: Mapping[str, str], start: int, stop: int | None, blob: BlobInfo
) -> BlobInfo | RejectedResponse | None:
    """What an answer tells of the payload; ``None`` where its status is an error.

    Stores that ignore ``If-Match``, or that do not know ranges, are caught here.

    Args:
        status: Of the answer.
        headers: Of the answer.
        start: First byte that was asked for.
        stop: Behind the last one, ``None`` for all.
        blob: What is known.
    """
    whole = is_whole(start, stop, blob)
    if status in {412, 416}:
        return RejectedResponse(
            f"the store answered {status}: the payload has changed", changed=True
        )
    if status == 200 and not whole:
        return RejectedResponse("the store sent everything where a part was asked for", whole=True)
    if status == 200:
        told = BlobInfo(_length(headers), headers.get("etag"))
    elif status == 206:
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        if whole or match is None or stop is None:
            return RejectedResponse("the store sent a part that was not asked for")
        first, last, total = map(int, match.groups())
        if first != start or not first <= last < min(stop, total):
            return RejectedResponse(f"the store sent bytes {first}-{last}, not {start}-{stop - 1}")
        told = BlobInfo(total, headers.get("etag"))
    else:
        return None
    if blob.total is not None and told.total not in {None, blob.total}:
        return RejectedResponse(
            f"the store promises {told.total} bytes, and there are {blob.total}", changed=True
        )
    if blob.etag is not None and told.etag not in {None, blob.etag}:
        return RejectedResponse("the store sent another payload than before", changed=True)
    return BlobInfo(blob.total if told.total is None else told.total, told.etag or blob.etag)


def _length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if _LENGTH.fullmatch(length) else None
