"""Decide which pages of a listing to request, so that no artifact is missed while it changes.

A page of GitHub is a range of offsets into a list that other clients change at the same time: page
2 of 100 holds the artifacts at positions 100 to 199 at the moment of the request. An upload at the
front moves all artifacts to the right, so a reader sees some of them twice. A deletion moves the
artifacts behind it to the left, so a reader misses those that move across the edge of a page that
it has already read. The total does not reveal this: one upload and one deletion leave it unchanged.
With concurrent requests both can happen unnoticed.

Two facts can be relied on. A response shows neighbours: no other artifact stood between two
adjacent artifacts of one response at that moment. And no artifact overtakes another, however many
are added and removed around them. So imagine one order of all artifacts that ever existed. A
response covers a stretch of this order, from its first artifact to its last: every artifact that
existed within the stretch at the time of the response is in the response. Two responses that share
an artifact cover one continuous stretch, no matter when each was made and what happened in between.
The response for page 1 covers everything up to its last artifact, and a response without a next
page covers everything from its first artifact on. Hence the rule: *each response must share an
artifact with the stretch covered so far, or be page 1.* Once a response that ends the list has been
accepted by this rule, the whole order is covered, and every artifact that existed during the whole
listing was in at least one of the responses. Ids that were seen before are dropped, so each
artifact is yielded once.

Pages of the same size never share an artifact, but pages of different sizes do. Of all pages that
begin before the edge of the covered stretch, with at least two shared artifacts if possible, the
one that reaches farthest is requested. Page 1 of size 100 is followed by page 2 of size 98
(positions 98 to 195), and that by page 3 of size 97. This takes about 15 calls where 13 would do
without any guarantee, and the next pages can be requested concurrently before the first response
arrives.

A response that shares nothing is discarded, because there may be a gap before it. The next request
begins half a page further to the left, then a whole page, two, four, and so on, and finally at page
1, which need not share anything. What is covered remains covered, and is not yielded again.

Two things are assumed of GitHub: a response shows one moment, and artifacts keep their order. An
artifact that was uploaded or deleted during the listing may be yielded or not, but never twice. A
list that grows at its end faster than it can be read never ends.

GitHub names the next page in ``Link`` (RFC 8288), on another path than the requested one:
``</repositories/1/actions/artifacts?page=2>; rel="next"``. Only the existence of a next page is
taken from it. So the token is sent only where the caller wants it, even if a proxy in front of a
GHES writes URLs of another host.

Source: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from typing import Any, TypeVar

from attrs import evolve, frozen

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._http.messages import Response
from ghartifacts_async.errors import UnexpectedReply
from ghartifacts_async.models import Artifact, ArtifactPage

_T = TypeVar("_T")

_MAX_SIZE = 100
_SHARED = 2
_STEP_BACK = 50
_MAX_GAPS_IN_A_ROW = 100

_PAGE = re.compile(r"[?&]page=([0-9]{1,9})(?:[&#]|\Z)")
_LINK = re.compile(
    r"""<([^<>]*)>((?:\s*;\s*[^\s;,="]+(?:\s*=\s*(?:"(?:\\.|[^"\\])*"|[^\s;,"]*))?)*)"""
)
_PARAMETER = re.compile(r"""([^\s;,="]+)(?:\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;,"]*)))?""")


def parse_link(header: str) -> dict[str, str]:
    """Return the targets of a ``Link`` header by relation type; the first of each type wins."""
    targets: dict[str, str] = {}
    for target, parameters in _LINK.findall(header):
        for name, quoted, bare in _PARAMETER.findall(parameters):
            if name.lower() == "rel":
                for relation in (quoted or bare).lower().split():
                    targets.setdefault(relation, target)
                break  # RFC 8288, 3.3: a second rel is ignored
    return targets


@frozen
class Window:
    """A page to request; pages of one listing differ in size.

    Attributes:
        number: Page number, from 1.
        size: Artifacts per page.
    """

    number: int
    size: int

    @property
    def start(self) -> int:
        """Position of its first artifact, from 0."""
        return (self.number - 1) * self.size

    @property
    def stop(self) -> int:
        """Position after its last artifact."""
        return self.number * self.size


@frozen
class ListingPage:
    """A page of a listing, and whether another one follows it."""

    page: ArtifactPage
    has_more: bool


class PagePlan:
    """The pages of one iteration over a listing, from its beginning to its end.

    Windows are requested as `next_window` returns them, and their responses are passed to `accept`
    in the same order.

    Args:
        first: Size of the first window. Later windows are as large as the server allows.
        descending: Whether ids usually decrease. If this is wrong, the plan only takes longer.

    Attributes:
        done: Whether the whole listing is covered.
    """

    def __init__(self, first: int, *, descending: bool) -> None:
        self.done = False
        self._first = first
        self._size = _MAX_SIZE
        self._sign = -1 if descending else 1
        self._seen = array("q")
        self._end = 0
        self._known = 1
        self._step_back = _STEP_BACK
        self._gaps = 0

    def next_window(self) -> Window | None:
        """Return the next window, or None if the listing is not known to be that long."""
        if self.done or self._end >= self._known:
            return None
        first = self._end <= 0
        window = Window(1, self._first) if first else _window_beyond(self._end, self._size)
        self._end = window.stop
        return window

    def accept(
        self, window: Window, page: ArtifactPage, has_more: bool
    ) -> tuple[Artifact, ...] | None:
        """Return the new artifacts of a response, or None if there may be a gap before it.

        After None, the windows requested in the meantime are useless.

        Args:
            window: The window that was requested.
            page: The response.
            has_more: Whether another page follows it.

        Raises:
            UnexpectedReply: The responses do not match the requests, so the listing would not end.
        """
        if window.start and not any(self._has(artifact.id) for artifact in page.artifacts):
            self._gaps += 1
            if self._gaps > _MAX_GAPS_IN_A_ROW:
                raise UnexpectedReply(
                    f"page {window.number} of size {window.size} shares no artifact with the pages "
                    f"before it after {self._gaps} requests: the listing has {page.total_count} "
                    f"artifacts, and {len(self._seen)} were received so far",
                    status=200,
                )
            self._end = window.start - self._step_back
            self._known = max(page.total_count, self._end + 1)
            self._step_back *= 2
            return None
        new = tuple(artifact for artifact in page.artifacts if self._add(artifact.id))
        if new:
            self._gaps = 0
        self.done = not has_more
        self._known = max(page.total_count, window.stop + 1)
        self._step_back = _STEP_BACK
        if has_more and not window.start and len(page.artifacts) < window.size:
            # This server limits pages to a smaller size.
            self._size = self._end = max(2, len(page.artifacts))
        return new

    def _has(self, artifact_id: int) -> bool:
        key = self._sign * artifact_id
        at = bisect_left(self._seen, key)
        return at < len(self._seen) and self._seen[at] == key

    def _add(self, artifact_id: int) -> bool:
        """Remember an id, in eight bytes. Return True if it is new."""
        key = self._sign * artifact_id
        at = bisect_left(self._seen, key)
        if at < len(self._seen) and self._seen[at] == key:
            return False
        try:
            self._seen.insert(at, key)
        except OverflowError:
            raise UnexpectedReply(f"{artifact_id} is not a valid artifact id", status=200) from None
        return True


def _window_beyond(end: int, max_size: int) -> Window:
    """Return the window that begins before an edge and reaches farthest beyond it."""
    best, best_size = (0, 0), max_size
    for size in range(max_size, 1, -1):
        if best > (_SHARED, size - _SHARED):
            break  # smaller windows do not reach as far
        shared = end % size
        value = min(shared, _SHARED), size - shared
        if shared and value >= best:
            best, best_size = value, size
    return Window(end // best_size + 1, best_size)


def page_call(call: ApiCall[_T], window: Window) -> ApiCall[_T]:
    """Return the call for a window of a listing, given the call for its first page."""
    if window.number == 1 and call.query["per_page"] == str(window.size):
        return call
    query = {**call.query, "per_page": str(window.size), "page": str(window.number)}
    return evolve(call, query=query, conditional=False)


def has_more(call: ApiCall[Any], response: Response, page: ArtifactPage) -> bool:
    """Return True if another page follows.

    If a proxy has removed or damaged the ``Link`` header, `total_count` decides.

    Args:
        call: The call for this page.
        response: Its response.
        page: The decoded page.

    Raises:
        UnexpectedReply: The next page is not the following one, or cannot exist.
    """
    number = int(call.query.get("page", "1"))
    targets = parse_link(response.headers.get("link", ""))
    short = number * int(call.query["per_page"]) < page.total_count
    if "next" not in targets:
        return not targets and bool(page.artifacts) and short
    following = _page_of(targets["next"])
    if following != number + 1 or not (page.artifacts or short):
        raise UnexpectedReply(
            f"{call}: page {number} has {len(page.artifacts)} of {page.total_count} artifacts, "
            f"but names page {following} as the next",
            status=response.status,
            request_id=response.headers.get("x-github-request-id"),
        )
    return True


def _page_of(target: str) -> int | None:
    found = _PAGE.search(target)
    return int(found[1]) if found else None
