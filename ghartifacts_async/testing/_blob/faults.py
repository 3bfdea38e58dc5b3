"""`BlobFault`: the ways in which the blob host fails, each alone or several together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from ghartifacts_async.testing._shared.messages import Delivery, FileSlice, Reply, Stop

_LENGTH = "Content-Length"


@attrs.frozen(hash=False, kw_only=True, repr=False)
class BlobFault:
    """What goes wrong with one answer of the blob host.

    The class methods below make the faults, and `&` puts them together:
    `BlobFault.flip(at=7) & BlobFault.truncate(after=100)`. Two that contradict each other are
    refused with a `ValueError`. Positions that the body does not reach change nothing, and
    an answer without a body, to a HEAD say, meets only what concerns its head.

    A request that carries an `Authorization` is refused in any case.

    Attributes:
        refusal: The status that the request is refused with.
        retry_after: The seconds that `Retry-After` asks to wait, with a refusal.
        is_expired: Whether the URL has expired before its time.
        is_whole: Whether the blob host knows no ranges.
        headers: What headers say instead, in the answers that have them; None takes one away.
        is_chunked: Whether the body comes in chunks.
        flips: The bytes of the blob, counted from 0, that arrive with one bit turned over.
        pace: The bytes of the body per second.
        stop: Where in the body the sending ends, and how.
        is_dropped: Whether the connection is dropped before the answer.
    """

    refusal: int | None = None
    retry_after: float | None = None
    is_expired: bool = False
    is_whole: bool = False
    headers: Mapping[str, str | None] = attrs.field(factory=dict)
    is_chunked: bool = False
    flips: frozenset[int] = frozenset()
    pace: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.gt(0))
    )
    stop: Stop | None = None
    is_dropped: bool = False

    @classmethod
    def status(cls, status: int, *, retry_after: float | None = None) -> Self:
        """Refuse the request with a status and the error body that Azure gives it."""
        return cls(refusal=status, retry_after=retry_after)

    @classmethod
    def expire(cls) -> Self:
        """Let the URL expire with this request: it, and every later one with it, gets 403.

        It serves again when the API hands out the same URL once more, or when the faults are
        cleared.
        """
        return cls(is_expired=True)

    @classmethod
    def dropped(cls) -> Self:
        """Drop the connection before the answer.

        aiohttp's client by itself sends a GET a second time where its connection is dropped.
        """
        return cls(is_dropped=True)

    @classmethod
    def truncate(cls, *, after: int) -> Self:
        """Promise the whole, send so many bytes of the body, and close the connection."""
        return cls(stop=Stop(after, "close"))

    @classmethod
    def reset(cls, *, after: int) -> Self:
        """Hand so many bytes of the body to the system, and reset the connection.

        A reset overtakes what its receiver has no room for: fewer bytes may arrive.
        """
        return cls(stop=Stop(after, "reset"))

    @classmethod
    def stall(cls, *, after: int) -> Self:
        """Send so many bytes of the body, and nothing more until the client or server goes.

        Until then the request is under way: `FakeGitHub.settled` waits as well.
        """
        return cls(stop=Stop(after, "stall"))

    @classmethod
    def throttle(cls, bytes_per_second: float) -> Self:
        """Send the body at this pace, in pieces of at most a tenth of a second or single bytes.

        The sleeps between them are on the event loop's clock. A low pace makes it drip.
        """
        return cls(pace=bytes_per_second)

    @classmethod
    def flip(cls, *, at: int) -> Self:
        """Turn over one bit of the blob's byte at this position, where it is sent."""
        return cls(flips=frozenset({at}))

    @classmethod
    def length(cls, length: int | None) -> Self:
        """Send this `Content-Length`, whatever there is to send, and close the connection.

        With None there is none: the end of the connection is that of the body.
        """
        return cls(headers={_LENGTH: None if length is None else str(length)})

    @classmethod
    def chunked(cls) -> Self:
        """Send the body in chunks: there is no `Content-Length`, but a mark at the end."""
        return cls(headers={_LENGTH: None}, is_chunked=True)

    @classmethod
    def ignore_range(cls) -> Self:
        """Answer with the whole blob, whatever range is asked for, and offer none."""
        return cls(headers={"Accept-Ranges": None}, is_whole=True)

    @classmethod
    def content_range(cls, value: str | None) -> Self:
        """Send this `Content-Range` with a part, or none."""
        return cls(headers={"Content-Range": value})

    @classmethod
    def etag(cls, value: str | None) -> Self:
        """Send this `ETag`, or none, and let every `If-Match` pass."""
        return cls(headers={"ETag": value})

    def __and__(self, other: BlobFault) -> BlobFault:
        ours, theirs = self._said(), other._said()
        headers = {**self.headers, **other.headers}
        clashes = [
            name
            for name in (ours.keys() & theirs.keys()) - {"headers", "flips"}
            if ours[name] != theirs[name]
        ]
        clashes += [
            name
            for name in self.headers.keys() & other.headers.keys()
            if self.headers[name] != other.headers[name]
        ]
        if clashes:
            raise ValueError(f"the faults contradict each other: {', '.join(sorted(clashes))}")
        flips = self.flips | other.flips
        return BlobFault(**{**ours, **theirs, "headers": headers, "flips": flips})

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self._said().items())
        return f"BlobFault({said})"

    def _said(self) -> dict[str, Any]:
        """Return what differs from an answer without a fault."""
        return {
            name: value
            for name, value in attrs.asdict(self, recurse=False).items()
            if value is not None and value is not False and value not in ({}, frozenset())
        }

    def applied(self, reply: Reply, *, bodiless: bool) -> Reply:
        """Return what is sent.

        Args:
            reply: The answer without what goes wrong on its way.
            bodiless: Whether no body is sent in any case, as for a HEAD.
        """
        if self is NO_FAULT:
            return reply
        if self.is_dropped:
            return attrs.evolve(reply, cut="head")
        headers = dict(reply.headers)
        delivery = None if bodiless else self._delivery(reply)
        if delivery is not None:
            headers[_LENGTH] = str(reply.length)
        for name in headers.keys() & self.headers.keys():
            value = self.headers[name]
            if value is None:
                del headers[name]
            else:
                headers[name] = value
        if delivery is not None and _LENGTH not in headers:
            name, value = (
                ("Transfer-Encoding", "chunked") if self.is_chunked else ("Connection", "close")
            )
            headers[name] = value
        return attrs.evolve(reply, headers=headers, delivery=delivery)

    def _delivery(self, reply: Reply) -> Delivery | None:
        """Return how the body travels, or None where it simply arrives."""
        flips: frozenset[int] = frozenset()
        if isinstance(reply.body, FileSlice):
            start, end = reply.body.offset, reply.body.offset + reply.body.length
            flips = frozenset(at - start for at in self.flips if start <= at < end)
        stop = None if self.stop is None or self.stop.after >= reply.length else self.stop
        length = self.headers.get(_LENGTH, str(reply.length))
        keep = stop is None and (self.is_chunked or length == str(reply.length))
        delivery = Delivery(flips, self.pace, stop, keep)
        return None if delivery == Delivery() and not self.is_chunked else delivery


NO_FAULT = BlobFault()
