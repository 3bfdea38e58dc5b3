"""Where the next page of a listing is.

GitHub names it in ``Link`` (RFC 8288), on another path than the one called:
``</repositories/1/actions/artifacts?page=2>; rel="next"``. Only the page's number is taken, onto
the first call: so the token goes nowhere that the caller did not name, also when a proxy in
front of a GHES lets it write URLs of a host of its own.

Source: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

import re

from attrs import evolve

from ghartifacts_async._sansio.calls import ApiCall, Reply
from ghartifacts_async.errors import UnexpectedReply
from ghartifacts_async.models import ArtifactPage

_PAGE = re.compile(r"[?&]page=([0-9]{1,9})(?:[&#]|\Z)")
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

    A server whose ``Link`` was lost or mangled on the way is read on by page number for as long
    as `total_count` promises more.

    Raises:
        UnexpectedReply: The listing leads in a circle, or nowhere.
    """
    number = int(call.query.get("page", "1"))
    targets = parse_link(reply.headers.get("link", ""))
    if "next" in targets:
        following = _page_of(targets["next"])
        beyond = not page.artifacts and number * int(call.query["per_page"]) >= page.total_count
        if following != number + 1 or beyond:
            raise UnexpectedReply(
                f"{call}: page {number} of {page.total_count} artifacts has {len(page.artifacts)}, "
                f"and the next is said to be page {following}",
                status=reply.status,
                request_id=reply.headers.get("x-github-request-id"),
            )
    elif not targets and page.artifacts and number * int(call.query["per_page"]) < page.total_count:
        following = number + 1
    else:
        return None
    return evolve(call, query={**call.query, "page": str(following)}, conditional=False)


def _page_of(target: str) -> int | None:
    found = _PAGE.search(target)
    return int(found[1]) if found else None
