"""Headers of responses: limited where they are read, and parsed in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from attrs import frozen

from ghartifacts_async._http.redaction import Secret, hidden

MAX_SIZE = 2**17
"""Maximum size of all headers of a response together. aiohttp limits their number to 128."""

_MAX_DISPOSITION = 4096
_CHARSETS = frozenset({"utf-8", "iso-8859-1"})

# The quantifiers are possessive and a missing closing quote is allowed, so that no character is
# looked at more than a few times.
_PARAMETER = re.compile(
    r""";\s*+([^\s;="]++)\s*+=\s*+(?:"((?:\\.|[^"\\])*+)"?|([^;]*+))""", re.DOTALL
)
_QUOTED_PAIR = re.compile(r'\\(["\\])')
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,1024}"')
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


@frozen
class Headers:
    """The headers of a response.

    Attributes:
        values: Values by lower-case name, without ``Location``. The values of a repeated header
            are joined by ``", "``.
        location: Value of ``Location``, or None. It may be a signed URL.
    """

    values: Mapping[str, str]
    location: Secret | None


def read_headers(fields: Iterable[tuple[str, str]]) -> Headers | None:
    """Return the headers of a response, or None if they are larger than `MAX_SIZE`.

    An ``ETag`` that is not valid is left out, because it would be sent back in later requests.

    Args:
        fields: Names and values in the order in which they arrived.
    """
    headers: dict[str, str] = {}
    size = 0
    for name, value in fields:
        size += len(name) + len(value)
        if size > MAX_SIZE:
            return None
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if not is_etag(headers.get("etag", '""')):
        del headers["etag"]
    location = hidden(headers.pop("location", None))
    return Headers(headers, location)


def is_etag(value: str) -> bool:
    """Return True if a value is a valid entity tag that can be sent in a header.

    Source: RFC 9110, section 8.8.3
    """
    return _ETAG.fullmatch(value) is not None


def validator(headers: Mapping[str, str], known: str | None = None) -> str | None:
    """Return the validator of a response, which identifies the version of the resource, or None.

    It is the ``ETag``, or the ``Last-Modified`` if no response had an ``ETag``.

    Args:
        headers: Headers of the response, by lower-case name.
        known: Validator of an earlier response for the same resource, or None.

    Source: RFC 9110, section 8.8
    """
    if "etag" in headers:
        return headers["etag"]
    date = headers.get("last-modified", "")
    is_usable = _DATE.fullmatch(date) and (known is None or not is_etag(known))
    return date if is_usable else None


def is_validator(value: str) -> bool:
    """Return True if a value may have been returned by `validator`."""
    return is_etag(value) or _DATE.fullmatch(value) is not None


def may_be_same_version(known: str | None, received: str | None) -> bool:
    """Return True unless two validators show, compared weakly, that the resource has changed.

    They do not show it if one is missing, or if one is an ``ETag`` and the other a date.

    Source: RFC 9110, section 8.8.3.2
    """
    if known is None or received is None or is_etag(known) != is_etag(received):
        return True
    return known.removeprefix("W/") == received.removeprefix("W/")


def accepts_ranges(headers: Mapping[str, str]) -> bool:
    """Return True if a response announces that byte ranges can be requested.

    Source: RFC 9110, sections 14.1 and 14.3
    """
    units = headers.get("accept-ranges", "").lower().split(",")
    return "bytes" in {unit.strip() for unit in units}


def disposition_filename(header: str) -> str | None:
    """Return the file name in a ``Content-Disposition`` header without directories, or None.

    The parameter ``filename*`` takes precedence over ``filename``. A header of more than 4,096
    characters is ignored.

    Source: RFC 6266, section 4.3, and RFC 8187, section 3.2
    """
    if len(header) > _MAX_DISPOSITION:
        return None
    parameters: dict[str, str] = {}
    # Lone surrogates stand for bytes that are not UTF-8.
    for name, quoted, bare in _PARAMETER.findall(header.encode(errors="replace").decode()):
        value = _QUOTED_PAIR.sub(r"\1", quoted) if quoted else bare.strip()
        parameters.setdefault(name.lower(), value)
    extended = _extended_value(parameters.get("filename*", ""))
    for text in (extended, parameters.get("filename", "")):
        base = text.replace("\\", "/").rpartition("/")[2]
        if base.strip(" ."):
            return base
    return None


def _extended_value(value: str) -> str:
    """Decode ``charset'language'percent-encoded``. Return ``""`` if the value is not valid."""
    charset, *rest = value.split("'", 2)
    if len(rest) != 2 or charset.lower() not in _CHARSETS:
        return ""
    return unquote(rest[1], encoding=charset.lower(), errors="replace")
