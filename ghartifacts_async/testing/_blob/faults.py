"""`BlobFault`: a faulty response of the blob store, and the function that applies it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import attrs

from ghartifacts_async.testing._shared.messages import (
    BodyFaults,
    FileSlice,
    Interruption,
    Response,
    check_headers,
    check_status,
)

_LENGTH = "Content-Length"


@attrs.frozen(hash=False, kw_only=True, repr=False)
class BlobFault:
    """A faulty response of the blob store.

    The class methods create faults, and `&` combines them:
    `BlobFault.flip(at=7) & BlobFault.truncate(after=100)`. Combining contradictory faults raises
    `ValueError`. A fault at a position that is not sent has no effect. Faults of the body have no
    effect on a response without a body, such as the response to a HEAD request.

    A request with an `Authorization` header gets status 400, even if the fault has another
    status.

    Attributes:
        refusal: The status with which the request is refused; None does not refuse it.
        retry_after: The number of seconds in the `Retry-After` header of a refusal. None omits
            the header.
        is_expired: Whether this request makes the signed URL expire.
        ignores_range: Whether `Range` is ignored.
        headers: New values of headers that the response has. A value of None removes a header.
        is_chunked: Whether the body is sent with `Transfer-Encoding: chunked`.
        replica: The number of the replica that answers. Each has an `ETag` of its own, with which
            it compares `If-Match`. None means the replica that answers requests without
            faults.
        range_refusal: The status with which a request that has `Range` is refused; None serves
            ranges.
        max_range: The maximum number of bytes in a partial response; None sends the whole range.
        encoding: The `Content-Encoding` in which the body is sent, even if the client does not
            accept it.
        flips: The positions in the blob, counted from 0, of bytes that are sent with one bit
            inverted.
        pace: The sending rate in bytes per second; None means unlimited.
        stop: Where and how sending the body stops early; None sends the whole body.
        is_dropped: Whether the connection is dropped before the response.
    """

    refusal: int | None = attrs.field(default=None, validator=check_status)
    retry_after: float | None = None
    is_expired: bool = False
    ignores_range: bool = False
    headers: Mapping[str, str | None] = attrs.field(factory=dict, validator=check_headers)
    is_chunked: bool = False
    replica: int | None = None
    range_refusal: int | None = attrs.field(default=None, validator=check_status)
    max_range: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.gt(0))
    )
    encoding: Literal["gzip", "deflate"] | None = None
    flips: frozenset[int] = frozenset()
    pace: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.gt(0))
    )
    stop: Interruption | None = None
    is_dropped: bool = False

    @classmethod
    def status(cls, status: int, *, retry_after: float | None = None) -> Self:
        """Refuse the request with a status and Azure's error body for it.

        Args:
            status: The status.
            retry_after: The wait that `Retry-After` asks for, in seconds. None omits the header.
        """
        return cls(refusal=status, retry_after=retry_after)

    @classmethod
    def expire(cls) -> Self:
        """Make the signed URL expire now: this request and later requests to the URL get 403.

        The URL works again after `FakeGitHub.clear_faults`, or if the API issues the same URL
        again.
        """
        return cls(is_expired=True)

    @classmethod
    def dropped(cls) -> Self:
        """Drop the connection before the response.

        aiohttp's client repeats a GET once if the connection is dropped. Queue this fault twice
        to make the client fail.
        """
        return cls(is_dropped=True)

    @classmethod
    def truncate(cls, *, after: int) -> Self:
        """Send the full `Content-Length` but only `after` bytes, and close the connection."""
        return cls(stop=Interruption(after, "close"))

    @classmethod
    def reset(cls, *, after: int) -> Self:
        """Send `after` bytes of the body, and reset the connection.

        A reset discards data that the client has not read yet, so fewer bytes may arrive.
        """
        return cls(stop=Interruption(after, "reset"))

    @classmethod
    def stall(cls, *, after: int) -> Self:
        """Send `after` bytes of the body, then send nothing and keep the connection open.

        The request is in progress, and `FakeGitHub.wait_until_idle` waits for it, until the
        client disconnects or the server is closed.
        """
        return cls(stop=Interruption(after, "stall"))

    @classmethod
    def throttle(cls, bytes_per_second: float) -> Self:
        """Send the body at this rate.

        The server sends up to ten chunks per second, each at least one byte long. Between chunks
        it sleeps, as measured by the event loop's clock.
        """
        return cls(pace=bytes_per_second)

    @classmethod
    def flip(cls, *, at: int) -> Self:
        """Invert one bit of the byte at position `at` of the blob, if that byte is sent."""
        return cls(flips=frozenset({at}))

    @classmethod
    def length(cls, length: int | None) -> Self:
        """Send this `Content-Length`, which may be wrong, or omit the header if None.

        If the header is wrong or omitted, the connection is closed after the body.
        """
        return cls(headers={_LENGTH: None if length is None else str(length)})

    @classmethod
    def chunked(cls) -> Self:
        """Send the body with `Transfer-Encoding: chunked`, without `Content-Length`."""
        return cls(headers={_LENGTH: None}, is_chunked=True)

    @classmethod
    def ignore_range(cls) -> Self:
        """Ignore `Range`: send the whole blob with status 200, and no `Accept-Ranges`."""
        return cls(headers={"Accept-Ranges": None}, ignores_range=True)

    @classmethod
    def content_range(cls, value: str | None) -> Self:
        """Send this `Content-Range` with a partial response; None omits the header."""
        return cls(headers={"Content-Range": value})

    @classmethod
    def etag(cls, value: str | None) -> Self:
        """Send this `ETag`, or omit the header if None. Accept every `If-Match`."""
        return cls(headers={"ETag": value})

    @classmethod
    def other_replica(cls, number: int = 1) -> Self:
        """Answer as another replica of the blob: with the same bytes, but an `ETag` of its own.

        Like a replica, it answers 412 to an `If-Match` that has the `ETag` of another one.

        Args:
            number: The number of the replica. The same number always has the same `ETag`.
        """
        return cls(replica=number)

    @classmethod
    def short_range(cls, length: int) -> Self:
        """Answer a range request with at most `length` bytes, as HTTP allows.

        Status 206 and `Content-Range` describe what is sent. Other requests are not affected.
        A client gives up after 100 responses with less than 1 KiB on average.
        """
        return cls(max_range=length)

    @classmethod
    def refuse_ranges(cls, status: int = 416) -> Self:
        """Refuse a request that has `Range`, and serve other requests."""
        return cls(range_refusal=status)

    @classmethod
    def encode(cls, encoding: Literal["gzip", "deflate"] = "gzip") -> Self:
        """Compress the body, even if the client does not accept it, and send `Content-Encoding`."""
        return cls(encoding=encoding)

    def __and__(self, other: BlobFault) -> BlobFault:
        ours, theirs = self._non_defaults(), other._non_defaults()
        headers = {**self.headers, **other.headers}
        conflicts = [
            name
            for name in (ours.keys() & theirs.keys()) - {"headers", "flips"}
            if ours[name] != theirs[name]
        ]
        conflicts += [
            name
            for name in self.headers.keys() & other.headers.keys()
            if self.headers[name] != other.headers[name]
        ]
        if conflicts:
            names = ", ".join(sorted(conflicts))
            raise ValueError(f"cannot combine {self} and {other}: both set {names}")
        flips = self.flips | other.flips
        return BlobFault(**{**ours, **theirs, "headers": headers, "flips": flips})

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._non_defaults().items())
        return f"BlobFault({arguments})"

    def _non_defaults(self) -> dict[str, Any]:
        """Return the attributes that differ from their defaults."""
        return {
            name: value
            for name, value in attrs.asdict(self, recurse=False).items()
            if value is not None and value is not False and value not in ({}, frozenset())
        }


NO_FAULT = BlobFault()


def apply_fault(fault: BlobFault, response: Response, *, no_body: bool) -> Response:
    """Apply the parts of a fault that affect how a response is sent.

    Args:
        fault: The fault.
        response: The response of the blob store.
        no_body: Whether the response is sent without its body, as for a HEAD request.
    """
    if fault is NO_FAULT:
        return response
    if fault.is_dropped:
        return attrs.evolve(response, disconnect="before_headers")
    headers = dict(response.headers)
    body_faults = None if no_body else _body_faults(fault, response)
    if body_faults is not None:
        headers[_LENGTH] = str(response.length)
    for name in headers.keys() & fault.headers.keys():
        value = fault.headers[name]
        if value is None:
            del headers[name]
        else:
            headers[name] = value
    if body_faults is not None and _LENGTH not in headers:
        name, value = (
            ("Transfer-Encoding", "chunked") if fault.is_chunked else ("Connection", "close")
        )
        headers[name] = value
    return attrs.evolve(response, headers=headers, body_faults=body_faults)


def _body_faults(fault: BlobFault, response: Response) -> BodyFaults | None:
    """Return the faults of the body, or None if the body can be sent normally."""
    flipped: frozenset[int] = frozenset()
    if isinstance(response.body, FileSlice):
        start, end = response.body.offset, response.body.offset + response.body.length
        flipped = frozenset(index - start for index in fault.flips if start <= index < end)
    stop = fault.stop
    if stop is not None and stop.after >= response.length:
        stop = None
    length = fault.headers.get(_LENGTH, str(response.length))
    keep_alive = stop is None and (fault.is_chunked or length == str(response.length))
    faults = BodyFaults(flipped, fault.pace, stop, keep_alive)
    return None if faults == BodyFaults() and not fault.is_chunked else faults
