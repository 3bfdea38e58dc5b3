"""Which pages of a listing to ask for, so that nothing is missed while it changes.

GitHub's pages are offsets into a list that others change meanwhile: page 2 of 100 is whatever
stands at 100 to 199 when it is asked for. An upload at the front moves everything to the right, and
a reader sees some twice; a deletion moves what follows to the left, and a reader never sees what
moved across the edge of a page that it has read. Totals do not tell: one upload and one deletion
leave the number as it was. Read several pages side by side, and either can hide something.

What can be relied on is this. An answer shows neighbours: between two artifacts that stand side by
side in one answer there was no other at that moment. And no artifact overtakes another, however
many come and go around them. So let there be one order of all artifacts that ever were. An answer
covers a stretch of it, from its first artifact to its last: whatever stood within that stretch
when the answer was made is in the answer. Two answers that share an artifact cover one stretch
together, whenever each was made and whatever happened in between. The answer to page 1 covers
everything up to its last artifact; one without a next page covers everything from its first one
on. Hence the rule: *each answer must share an artifact with what is covered already, or begin the
list.* When one that ends the list has been taken so, the whole order is covered, and every
artifact that existed all the while was in at least one of the answers. Ids seen before are dropped,
so it is yielded once.

Pages of one size never share anything. Pages of other sizes do: of those that begin before the
edge, at least two artifacts if possible, the one that reaches farthest is asked for. 100 at 1 is
followed by 98 at 2 (98 to 195), and that by 97 at 3. It takes about 15 calls where 13 would do
without any guarantee, and the next pages can be asked for side by side before the first has come.

An answer that shares nothing is put away: there may be a gap before it. The next try begins half a
page further to the left, then a whole one, two, four, and so on; in the end at page 1, where
nothing need be shared. What is covered remains so, and is passed by without being yielded.

Two things are assumed of GitHub: that an answer shows one moment, and that artifacts keep their
order. What is not promised: an artifact that was uploaded or deleted during the listing may come
or not (never twice). A list that grows at its end faster than it can be read has none.

GitHub names the next page in ``Link`` (RFC 8288), on another path than the one called:
``</repositories/1/actions/artifacts?page=2>; rel="next"``. Only whether there is one is believed:
so the token goes nowhere that the caller did not name, also when a proxy in front of a GHES lets it
write URLs of a host of its own.

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

_LARGEST = 100
_SHARED = 2
_BACK = 50
_GAPS_IN_A_ROW = 100

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


@frozen
class Window:
    """A page of a size of its own.

    Attributes:
        number: From 1.
        size: Artifacts on it, unless the list ends before.
    """

    number: int
    size: int

    @property
    def start(self) -> int:
        """Artifacts before it."""
        return (self.number - 1) * self.size

    @property
    def stop(self) -> int:
        """Artifacts up to its end."""
        return self.number * self.size


@frozen
class ListingPage:
    """A page of a listing, and whether another one follows it."""

    page: ArtifactPage
    has_more: bool


class Walk:
    """One reading of a listing, from its beginning to its end.

    Windows are asked for as `ahead` gives them, and `take` wants their answers in that order.

    Args:
        first: Size of the first window; later ones are as large as the server has them.
        descending: Whether ids fall, as a rule: it takes longer where this is wrong.

    Attributes:
        done: Whether everything is covered.
    """

    def __init__(self, first: int, *, descending: bool) -> None:
        self.done = False
        self._first = first
        self._most = _LARGEST
        self._sign = -1 if descending else 1
        self._seen = array("q")
        self._end = 0
        self._known = 1
        self._back = _BACK
        self._gaps = 0

    def ahead(self) -> Window | None:
        """The next window, ``None`` while nothing is known to be there."""
        if self.done or self._end >= self._known:
            return None
        window = Window(1, self._first) if self._end <= 0 else _beyond(self._end, self._most)
        self._end = window.stop
        return window

    def take(self, window: Window, page: ArtifactPage, more: bool) -> tuple[Artifact, ...] | None:
        """What is new in an answer, or ``None`` if there may be a gap before it.

        In that case what was asked for ahead is of no use.

        Args:
            window: What was asked for.
            page: The answer.
            more: Whether the list goes on after it.

        Raises:
            UnexpectedReply: The answers are none to the questions, so that it would never end.
        """
        if window.start and not any(self._has(artifact.id) for artifact in page.artifacts):
            self._gaps += 1
            if self._gaps > _GAPS_IN_A_ROW:
                raise UnexpectedReply(
                    f"page {window.number} of {window.size} artifacts does not go on where those "
                    f"before it ended, though asked for {self._gaps} times: of {page.total_count} "
                    f"there are {len(self._seen)} so far",
                    status=200,
                )
            self._end = window.start - self._back
            self._known = max(page.total_count, self._end + 1)
            self._back *= 2
            return None
        new = tuple(artifact for artifact in page.artifacts if self._add(artifact.id))
        if new:
            self._gaps = 0
        self.done = not more
        self._known = max(page.total_count, window.stop + 1)
        self._back = _BACK
        if more and not window.start and len(page.artifacts) < window.size:
            # This server has smaller pages.
            self._most = self._end = max(2, len(page.artifacts))
        return new

    def _has(self, artifact_id: int) -> bool:
        key = self._sign * artifact_id
        at = bisect_left(self._seen, key)
        return at < len(self._seen) and self._seen[at] == key

    def _add(self, artifact_id: int) -> bool:
        """Remember an id, in eight bytes; whether it is new."""
        key = self._sign * artifact_id
        at = bisect_left(self._seen, key)
        if at < len(self._seen) and self._seen[at] == key:
            return False
        try:
            self._seen.insert(at, key)
        except OverflowError:
            raise UnexpectedReply(f"{artifact_id} is no id of an artifact", status=200) from None
        return True


def _beyond(end: int, most: int) -> Window:
    """The window that begins before an edge and reaches farthest beyond it."""
    best, chosen = (0, 0), most
    for size in range(most, 1, -1):
        if best > (_SHARED, size - _SHARED):
            break  # smaller ones do not reach as far
        shared = end % size
        worth = min(shared, _SHARED), size - shared
        if shared and worth >= best:
            best, chosen = worth, size
    return Window(end // chosen + 1, chosen)


def page_call(call: ApiCall[_T], window: Window) -> ApiCall[_T]:
    """The call for a window of a listing, given that for its first."""
    if window.number == 1 and call.query["per_page"] == str(window.size):
        return call
    query = {**call.query, "per_page": str(window.size), "page": str(window.number)}
    return evolve(call, query=query, conditional=False)


def has_more(call: ApiCall[Any], reply: Response, page: ArtifactPage) -> bool:
    """Whether the listing goes on after a page.

    A server whose ``Link`` was lost or mangled on the way is read on for as long as `total_count`
    promises more.

    Raises:
        UnexpectedReply: The listing leads in a circle, or nowhere.
    """
    number = int(call.query.get("page", "1"))
    targets = parse_link(reply.headers.get("link", ""))
    short = number * int(call.query["per_page"]) < page.total_count
    if "next" not in targets:
        return not targets and bool(page.artifacts) and short
    following = _page_of(targets["next"])
    if following != number + 1 or not (page.artifacts or short):
        raise UnexpectedReply(
            f"{call}: page {number} of {page.total_count} artifacts has {len(page.artifacts)}, "
            f"and the next is said to be page {following}",
            status=reply.status,
            request_id=reply.headers.get("x-github-request-id"),
        )
    return True


def _page_of(target: str) -> int | None:
    found = _PAGE.search(target)
    return int(found[1]) if found else None
