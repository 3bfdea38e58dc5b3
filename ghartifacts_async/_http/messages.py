"""HTTP responses as plain values, and text from servers made safe to print."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

_LONGEST = 300


@frozen
class Response:
    """A complete response of the API.

    Attributes:
        status: HTTP status.
        headers: By lower-case name; the values of a repeated header are joined by ``", "``.
        body: The whole body, decompressed.
        url: The URL that was requested.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)


def printable(text: str) -> str:
    """Foreign text for a line of our own: escaped, and not too long."""
    text = text[:_LONGEST]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
