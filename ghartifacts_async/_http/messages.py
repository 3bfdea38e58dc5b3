"""HTTP responses as plain values, and escaping of text from servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

from ghartifacts_async._http.redaction import Redactor, Secret

_MAX_LENGTH = 300


@frozen
class Response:
    """A complete response of the API.

    Attributes:
        status: HTTP status.
        headers: Header values by lower-case name, without ``Location``. The values of a repeated
            header are joined by ``", "``.
        body: The whole body, decompressed.
        url: The URL that was requested.
        location: Value of ``Location``, or None.
        redact: Function that shortens a text of the response and removes secrets from it. Texts
            for errors and logs must pass through it.
        confirmation: Headers of the 304 response that confirmed this cached response, or None if
            GitHub has just sent the whole response.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)
    location: Secret | None = field(default=None, repr=False)
    redact: Callable[[str], str] = field(default=Redactor().redact, repr=False, eq=False)
    confirmation: Mapping[str, str] | None = field(default=None, repr=False)


def printable(text: str) -> str:
    """Escape and shorten text from a server for a message or a log line."""
    text = text[:_MAX_LENGTH]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
