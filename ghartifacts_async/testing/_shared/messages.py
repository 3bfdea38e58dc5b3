"""What goes in and out of the two origins, as plain values: no socket, no aiohttp.

The API and the blob host are functions from `Request` to `Reply`; `_origin` is the only
module that knows how a reply travels.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, unquote

import attrs

if TYPE_CHECKING:
    from pathlib import Path

    from multidict import CIMultiDictProxy


@attrs.frozen
class Request:
    """One request, as it came.

    Attributes:
        method: The method, in capitals.
        target: Path and query exactly as sent, escapes untouched.
        headers: The headers, whatever the case of their names.
        body: The body, as it came.
        connection: What tells its connection from others that are open.
    """

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes = b""
    connection: int = 0

    @property
    def raw_path(self) -> str:
        """The path as sent, without the query."""
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        """The path with its escapes resolved."""
        return unquote(self.raw_path)

    @property
    def query(self) -> dict[str, str]:
        """The query with its escapes resolved; of a repeated parameter, the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@attrs.frozen
class FileSlice:
    """A body that lies in a file: `length` bytes of `path` from `offset` on."""

    path: Path
    offset: int
    length: int


@attrs.frozen
class Stop:
    """Where the sending of a body ends before its time, and how.

    Attributes:
        after: How many bytes of the body are sent.
        how: `"close"` ends the connection in good order, `"reset"` by a reset; `"stall"` keeps
            it, and sends nothing more.
    """

    after: int = attrs.field(validator=attrs.validators.ge(0))
    how: Literal["close", "reset", "stall"]


@attrs.frozen
class Delivery:
    """How a body travels that does not simply arrive.

    Attributes:
        flips: The positions in the body of the bytes whose lowest bit is turned over.
        pace: The bytes per second; None is as many as there can be.
        stop: Where it ends before its time.
        keep: Whether the connection may serve another request.
    """

    flips: frozenset[int] = frozenset()
    pace: float | None = None
    stop: Stop | None = None
    keep: bool = True


@attrs.frozen
class Reply:
    """One answer: its body is the bytes, or the slice of a file where there is one.

    `cut` says where the connection is dropped: before the head, or half-way in the body. Where
    there is a `delivery`, the headers are sent as they are, whatever they say about the length.
    """

    status: int
    headers: dict[str, str] = attrs.field(factory=dict)
    body: bytes | FileSlice = b""
    cut: Literal["head", "body"] | None = None
    delivery: Delivery | None = None

    @property
    def length(self) -> int:
        """The length of the body in bytes."""
        return self.body.length if isinstance(self.body, FileSlice) else len(self.body)


def phrase(status: int) -> str:
    """Return what a status means, or its number where HTTP knows none such."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def http_date(epoch: float) -> str:
    """Write seconds since the epoch the way the `Date` header does."""
    return format_datetime(datetime.fromtimestamp(int(epoch), UTC), usegmt=True)


def etag_matches(condition: str, etag: str, *, weakly: bool) -> bool:
    """Tell whether a list of tags, or `*`, names this tag.

    Args:
        condition: The value of `If-Match` (compared strongly) or `If-None-Match` (weakly).
        etag: The tag of what would be sent.
        weakly: Whether a leading `W/` makes no difference.
    """
    tags = {tag.strip() for tag in condition.split(",")}
    if weakly:
        tags = {tag.removeprefix("W/") for tag in tags}
        etag = etag.removeprefix("W/")
    return bool(tags & {"*", etag})
