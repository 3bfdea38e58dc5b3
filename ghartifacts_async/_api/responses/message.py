"""The words with which a server explains an error: GitHub's JSON, or the page of a proxy."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from attrs import frozen

from ghartifacts_async._http.messages import Response, json_in, printable
from ghartifacts_async._http.redaction import decoded

_MAX_PAGE = 2**14
_MAX_ERRORS = 5
_MAX_KEPT = 100

_TITLE = re.compile(r"<title\b[^<>]*>([^<]+)", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style)\b[^<>]*>[^<]*", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


@frozen
class ServerMessage:
    """The explanation in the body of a response.

    Attributes:
        text: GitHub's message, or ``""``.
        documentation_url: GitHub's page about the error, or None.
        errors: GitHub's list of what is wrong with a request.
        page: The content type and the title or first line of a body that is not JSON, or ``""``.
        page_text: The start of a body that is not JSON, or ``""``.
    """

    text: str = ""
    documentation_url: str | None = None
    errors: tuple[str, ...] = ()
    page: str = ""
    page_text: str = ""

    def __str__(self) -> str:
        """Return one printable line for an error message."""
        parts = [printable(self.text), *(printable(error) for error in self.errors[:_MAX_ERRORS])]
        if len(self.errors) > _MAX_ERRORS:
            parts.append(f"and {len(self.errors) - _MAX_ERRORS} more errors")
        return "; ".join(filter(None, parts)) or self.page


def read_message(response: Response) -> ServerMessage:
    """Return the explanation in the body of a response."""
    try:
        body = json_in(response.body)
    except ValueError:
        return _read_page(response)
    if not isinstance(body, dict):
        return ServerMessage()
    errors = body.get("errors")
    return ServerMessage(
        _text(body.get("message")),
        _text(body.get("documentation_url")) or None,
        tuple(filter(None, map(_error, errors[:_MAX_KEPT]))) if isinstance(errors, list) else (),
    )


def _read_page(response: Response) -> ServerMessage:
    start = decoded(response.body[:_MAX_PAGE])
    titles = (found[1] for found in _TITLE.finditer(start))
    lines = _TAG.sub("\n", _HIDDEN.sub("", start)).splitlines()
    text = next((text for line in (*titles, *lines) if (text := " ".join(line.split()))), "")
    kind = response.headers.get("content-type", "no content type").partition(";")[0]
    page = f"{printable(kind)}: {printable(html.unescape(text))}" if text else ""
    return ServerMessage(page=page, page_text=start)


def _error(error: object) -> str:
    """Return an item of ``errors``, which is a text or says what is wrong with which field."""
    if not isinstance(error, Mapping):
        return _text(error)
    where = ".".join(filter(None, (_text(error.get("resource")), _text(error.get("field")))))
    what = _text(error.get("message")) or _text(error.get("code"))
    return ": ".join(filter(None, (where, what)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
