"""The ``Link`` header, in which GitHub names the next page of a listing (RFC 8288).

The path of the next page may differ from the requested one:
``</repositories/1/actions/artifacts?page=2>; rel="next"``. The client only learns from it whether a
next page exists, and never requests the URL itself. So the token is sent only to the client's base
URL, even if a proxy in front of a GHES puts another host into ``Link``. If the URL has no page
number, its query contains an opaque cursor. The next page is then requested with this query, and
with the path of the first page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import parse_qsl

from attrs import evolve, frozen

from ghartifacts_async._api.call import ApiCall

_T = TypeVar("_T")

MIN_SIZE = 10
"""Size down to which a page is halved if the server fails to make it."""

_MAX_CURSOR = 4096

_QUERY = re.compile(r"[^?#]*\?([\x21-\x22\x24-\x7e]+)(?:#.*)?", re.DOTALL)
_PAGE = re.compile(r"[?&]page=([0-9]{1,9})(?:[&#]|\Z)")
_LINK = re.compile(
    r"""<([^<>]*)>((?:\s*;\s*[^\s;,="]+(?:\s*=\s*(?:"(?:\\.|[^"\\])*"|[^\s;,"]*))?)*)"""
)
_PARAMETER = re.compile(r"""([^\s;,="]+)(?:\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;,"]*)))?""")


@frozen
class Cursor:
    """The query of the next page, which is opaque: it contains no page number."""

    query: Mapping[str, str]


def parse_link(header: str) -> dict[str, str]:
    """Return the targets of a ``Link`` header by relation type, the first one of each type."""
    targets: dict[str, str] = {}
    for target, parameters in _LINK.findall(header):
        for name, quoted, bare in _PARAMETER.findall(parameters):
            if name.lower() == "rel":
                for relation in (quoted or bare).lower().split():
                    targets.setdefault(relation, target)
                break  # RFC 8288, 3.3: a second rel parameter is ignored
    return targets


def cursor_call(call: ApiCall[_T], cursor: Cursor, size: int) -> ApiCall[_T]:
    """Return the call that requests a page of this size with a cursor.

    Args:
        call: The call for the first page.
        cursor: The cursor.
        size: Maximum size of the page.
    """
    query = {**call.query, **cursor.query, "per_page": str(size)}
    return evolve(call, query=query, conditional=False, divisible=size > MIN_SIZE)


def cursor_of(target: str) -> Cursor | None:
    """Return the query of a URL, or None if it has a page number or is not valid."""
    query = _QUERY.fullmatch(target)
    if len(target) > _MAX_CURSOR or query is None:
        return None
    try:
        parameters = dict(parse_qsl(query[1], errors="strict"))
    except ValueError:
        return None
    return Cursor(parameters) if parameters and "page" not in parameters else None


def page_of(target: str) -> int | None:
    """Return the page number in the query of a URL, or None."""
    found = _PAGE.search(target)
    return int(found[1]) if found else None
