"""HTTP requests and responses as plain values, without sockets and without aiohttp.

The API and the blob store are functions from `Request` to `Response`. Only the modules
`http_server` and `sending` know how a response is sent.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import parse_qsl, unquote

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from multidict import CIMultiDictProxy

UNSAFE_IN_HEADER = re.compile(r"[\0\r\n]")
"""Characters that the value of a header cannot contain."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUSES = range(200, 1000)


@attrs.frozen
class Request:
    """A request as it was received.

    Attributes:
        method: The method, in capitals.
        target: Path and query exactly as sent, percent-encoding untouched. An absolute URL as
            target is reduced to these.
        headers: The headers; look-ups ignore case.
        body: The body.
        connection: A number that no other open connection has.
        origin: The scheme, host and port that the client called, such as `http://127.0.0.1:8080`.
        is_proxied: Whether the request was sent as to a proxy, with an absolute URL as its target.
    """

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes = b""
    connection: int = 0
    origin: str = ""
    is_proxied: bool = False

    @property
    def raw_path(self) -> str:
        """The path as sent, without the query."""
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.raw_path)

    @property
    def query(self) -> dict[str, str]:
        """The query, percent-decoded. If a parameter is repeated, its last value counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@attrs.frozen
class RequestMatcher:
    """A condition on the method and the path of a request.

    Attributes:
        method: The method to match, in capitals; None matches every method.
        path: A pattern to search for in the percent-decoded path; None matches every path.
    """

    method: str | None
    path: re.Pattern[str] | None

    @classmethod
    def of(cls, method: str | None = None, path: str | None = None) -> Self:
        """Build a matcher from a method in any case and a regular expression."""
        return cls(method and method.upper(), None if path is None else re.compile(path))

    def __call__(self, request: Request) -> bool:
        """Return True if the request matches."""
        if self.method is not None and request.method != self.method:
            return False
        return self.path is None or self.path.search(request.path) is not None


def check_status(_: object, __: object, status: int | None) -> None:
    """Check that a response can have a status.

    Raises:
        ValueError: It cannot.
    """
    if status is not None and status not in _STATUSES:
        raise ValueError(f"a status must be from {_STATUSES[0]} to {_STATUSES[-1]}, not {status}")


def check_headers(_: object, __: object, headers: Mapping[str, str | None]) -> None:
    """Check that a response can have headers. A value of None removes a header.

    Raises:
        ValueError: A name is invalid, or a value has a line break or a null character.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or UNSAFE_IN_HEADER.search(value or ""):
            raise ValueError(f"headers cannot have {name!r} with the value {value!r}")


@attrs.frozen
class FileSlice:
    """A body that is read from a file: `length` bytes of `path`, starting at `offset`."""

    path: Path
    offset: int
    length: int


@attrs.frozen
class Interruption:
    """A point at which the server stops sending a body.

    Attributes:
        after: The number of bytes of the body that are sent first.
        how: `"close"` closes the connection normally; `"reset"` resets it; `"stall"` keeps it
            open and sends nothing more.
    """

    after: int = attrs.field(validator=attrs.validators.ge(0))
    how: Literal["close", "reset", "stall"]


@attrs.frozen
class BodyFaults:
    """Faults that occur while a body is being sent.

    Attributes:
        flipped: The positions, within the body, of the bytes whose lowest bit is inverted.
        bytes_per_second: The sending rate; None means unlimited.
        interruption: Where and how sending stops early; None sends the whole body.
        keep_alive: Whether the connection may serve another request.
    """

    flipped: frozenset[int] = frozenset()
    bytes_per_second: float | None = None
    interruption: Interruption | None = None
    keep_alive: bool = True


@attrs.frozen
class Response:
    """A response.

    Attributes:
        status: The status.
        headers: The headers. With `body_faults` they are sent unchanged, even if
            `Content-Length` is wrong.
        body: The body, as bytes or as a slice of a file.
        disconnect: Where the connection is dropped: before the headers, or half-way through
            the body. None keeps the connection.
        body_faults: The faults that occur while the body is being sent; None sends it normally.
    """

    status: int
    headers: dict[str, str] = attrs.field(factory=dict)
    body: bytes | FileSlice = b""
    disconnect: Literal["before_headers", "mid_body"] | None = None
    body_faults: BodyFaults | None = None

    @property
    def length(self) -> int:
        """The length of the body in bytes."""
        return self.body.length if isinstance(self.body, FileSlice) else len(self.body)


def has_no_body(method: str, status: int) -> bool:
    """Return True if a response with this status to this method never has a body."""
    return method == "HEAD" or status in {204, 304}


def reason_phrase(status: int) -> str:
    """Return the reason phrase of a status, or `"Status <number>"` if HTTP does not define it."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def http_date(epoch: float) -> str:
    """Format seconds since the epoch as in the `Date` header."""
    return format_datetime(datetime.fromtimestamp(int(epoch), UTC), usegmt=True)


def etag_matches(condition: str, etag: str, *, weakly: bool) -> bool:
    """Return True if a list of entity tags, or `*`, matches this tag.

    Args:
        condition: The value of `If-Match` or `If-None-Match`.
        etag: The entity tag of the current representation.
        weakly: Whether to ignore a leading `W/`, as HTTP requires for `If-None-Match`.

    Source:
        RFC 9110, section 8.8.3.2.
    """
    tags = {tag.strip() for tag in condition.split(",")}
    if weakly:
        tags = {tag.removeprefix("W/") for tag in tags}
        etag = etag.removeprefix("W/")
    return bool(tags & {"*", etag})


def seconds_after(last_modified: str, condition: str) -> float | None:
    """Return how much later than a condition a resource changed, or None if it is no valid time.

    Args:
        last_modified: The value of `Last-Modified`.
        condition: The value of `If-Modified-Since` or `If-Unmodified-Since`, or "".

    Source:
        RFC 9110, sections 13.1.3 and 13.1.4.
    """
    try:
        changed, compared = map(parsedate_to_datetime, (last_modified, condition))
        return (changed - compared).total_seconds()
    except (TypeError, ValueError):
        return None
