"""Headers of responses: limited where they are read, and parsed in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from ghartifacts_async._http.redaction import Secret
from ghartifacts_async.errors import ConnectionFailed

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


def read_headers(fields: Iterable[tuple[str, str]], host: str) -> dict[str, str]:
    """Return the values of headers by lower-case name.

    The values of a repeated header are joined by ``", "``. An ``ETag`` that is not valid is left
    out, because it would be sent back in later requests.

    Args:
        fields: The headers in the order in which they arrived.
        host: The server that sent them, for the error.

    Raises:
        ConnectionFailed: The headers are larger than `MAX_SIZE`.
    """
    headers: dict[str, str] = {}
    size = 0
    for name, value in fields:
        size += len(name) + len(value)
        if size > MAX_SIZE:
            raise ConnectionFailed(
                f"{host}: the headers of the response are larger than {MAX_SIZE} bytes",
                host=host,
                retryable=False,
            )
        key = name.lower()
        known = headers.get(key)
        text = value if known is None else f"{known}, {value}"
        headers[key] = Secret(text) if key == "location" else text
    if not is_etag(headers.get("etag", '""')):
        del headers["etag"]
    return headers


def is_etag(value: str) -> bool:
    """Return True if a value is a valid entity tag that can be sent in a header.

    Source: RFC 9110, section 8.8.3
    """
    return _ETAG.fullmatch(value) is not None


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
