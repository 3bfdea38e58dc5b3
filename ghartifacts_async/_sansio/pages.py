"""Where the next page of a listing is.

GitHub names it in ``Link`` (RFC 8288), on another path than the one called:
``</repositories/1/actions/artifacts?page=2>; rel="next"``. Only its query is taken, onto the path
of the first call: so the token goes nowhere that the caller did not name, also when a proxy in
front of a GHES lets it write URLs of a host of its own.

Source: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from attrs import evolve

from ghartifacts_async._sansio.calls import ApiCall, Reply
from ghartifacts_async.errors import UnexpectedReply
from ghartifacts_async.models import ArtifactPage

_LINK = re.compile(
    r"""<([^<>]*)>((?:\s*;\s*[^\s;,="]+(?:\s*=\s*(?:"(?:\\.|[^"\\])*"|[^\s;,"]*))?)*)"""
)
_PARAMETER = re.compile(r"""([^\s;,="]+)(?:\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;,"]*)))?""")


def parse_link(header: str) -> dict[str, str]:
    """Targets of a ``Link`` header by relation type (lower case); the first of each wins."""
    targets: dict[str, str] = {}
    for target, parameters in _LINK.findall(header):
        for name, quoted, bare in _PARAMETER.findall(parameters):
            if name.lower() == "rel":
                for relation in (quoted or bare).lower().split():
                    targets.setdefault(relation, target)
                break  # RFC 8288, 3.3: a second rel is ignored
    return targets


def next_call(call: ApiCall, reply: Reply, page: ArtifactPage) -> ApiCall | None:
    """The call for the page after this one, ``None`` after the last.

    A server whose ``Link`` was lost on the way is read on by page number for as long as
    `total_count` promises more.

    Raises:
        UnexpectedReply: The listing leads in a circle.
    """
    number = _page_number(call.query)
    target = parse_link(reply.headers.get("link", "")).get("next")
    if target is not None:
        following = evolve(call, query={**call.query, **dict(parse_qsl(urlsplit(target).query))})
        if _page_number(following.query) <= number:
            raise UnexpectedReply(
                f"{call}: the next page is said to be no later one than page {number}",
                status=reply.status,
                request_id=reply.headers.get("x-github-request-id"),
            )
        return following
    seen = number * int(call.query["per_page"])
    if "link" in reply.headers or not page.artifacts or seen >= page.total_count:
        return None
    return evolve(call, query={**call.query, "page": str(number + 1)})


def _page_number(query: Mapping[str, str]) -> int:
    number = query.get("page", "1")
    return int(number) if number.isdecimal() and len(number) < 10 else 0
