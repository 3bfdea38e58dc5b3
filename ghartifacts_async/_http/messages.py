"""HTTP responses as plain values, and escaping of text from servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from ghartifacts_async._http.redaction import Redactor, Secret

_MAX_LENGTH = 300
_MAX_VALUES = 250_000


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


def json_in(body: bytes) -> Any:
    """Parse the JSON of a response.

    Parsing blocks the event loop, and 4 MiB of empty objects would block it for a second. The
    number of values is estimated from the commas and opening brackets, also those within strings.

    Raises:
        ValueError: The body is not JSON, or it has more than 250,000 values. The message does not
            quote it.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise ValueError(f"JSON with more than {_MAX_VALUES} values")
    return parse_json(body)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: The text is not JSON. The message does not quote it.
    """
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
    raise ValueError(f"not valid JSON ({reason})")


def printable(text: str) -> str:
    """Escape and shorten text from a server for a message or a log line."""
    text = text[:_MAX_LENGTH]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
