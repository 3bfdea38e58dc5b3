"""Decide which pages of a listing to request, so that no artifact is missed as the listing changes.

A page of GitHub is a range of positions in a list that other clients change at the same time: page
2 of size 100 has the artifacts at positions 100 to 199 at the moment of the request. An upload at
the front moves all artifacts to the right, so a reader sees some of them twice. A deletion moves
the artifacts behind it to the left, so a reader misses those that move into a page that it has
already read. The total count does not reveal this, because an upload and a deletion together leave
it unchanged.

The algorithm relies on two facts. First, no other artifact was between two adjacent artifacts of a
response at the moment of that response. Second, two artifacts never swap their order, however many
are added and removed around them. So imagine all artifacts that ever existed in this order. A
response covers a stretch of the order, from its first artifact to its last: it contains every
artifact of the stretch that existed at that moment. Two responses that share an artifact cover one
continuous stretch, no matter what happened between them. Page 1 covers everything up to its last
artifact, and the last page covers everything from its first artifact on. Hence the rule: *each
response must share an artifact with the stretch covered so far, or be page 1.* As soon as the last
page has been accepted by this rule, the whole order is covered, and every artifact that existed
during the whole listing was in at least one response. Artifacts that were seen before are dropped,
so each artifact is yielded once.

Pages of the same size never share an artifact, but pages of different sizes do. The next page to
request is that which reaches farthest, among those that begin before the end of the covered
stretch. It shares two artifacts with the stretch if possible. Page 1 of size 100 is followed by
page 2 of size 98 (positions 98 to 195), and that by page 3 of size 97. This takes about 15 calls
where pages of the same size would take 13. Several pages can be requested concurrently, because
the plan does not depend on their contents. Where no page within the maximum size overlaps, which
is rare for ten artifacts or more, an unchanged total count must suffice.

A response that shares no artifact is discarded, because there may be a gap before it. The next
request begins half a page further to the left, then a whole page, two, four, and so on, and finally
at page 1, which need not share anything. Artifacts that were already yielded are not yielded again.

Two assumptions are made: a response of GitHub shows the state of a single moment, and artifacts
keep their order. An artifact that is uploaded or deleted during the listing may be yielded or not,
but never twice. If a list grows at its end faster than it can be read, the listing never ends.

Some servers cut a page first and then leave out the items that the token may not see. Such a page
is short although another one follows. If all items that two pages share are left out, the rule
cannot be applied. Then the position decides, provided that the total count is the same in both
responses. A short first page may also mean that the server limits the page size. That is assumed
until a response shows items where the limit would have put others.

Source: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Any, Generic, Protocol, TypeVar

from attrs import evolve, frozen

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.filters import Item
from ghartifacts_async._api.responses.link import MIN_SIZE, Cursor, cursor_of, page_of, parse_link
from ghartifacts_async._http.messages import Response
from ghartifacts_async.errors import UnexpectedReply

_I = TypeVar("_I", bound=Item)
_I_co = TypeVar("_I_co", bound=Item, covariant=True)
_T = TypeVar("_T")

_SHARED = 2
_MAX_GAPS_IN_A_ROW = 100
_MAX_UNPRODUCTIVE = 30_000
_SMALLEST_LIMIT = 10


@frozen
class Window:
    """The number and size of a page to request. The pages of one listing may differ in size.

    Attributes:
        number: Page number, from 1.
        size: Artifacts per page.
    """

    number: int
    size: int

    @property
    def start(self) -> int:
        """Position of the page's first artifact in the listing, counted from 0."""
        return (self.number - 1) * self.size

    @property
    def stop(self) -> int:
        """Position after the page's last artifact."""
        return self.number * self.size


class Page(Protocol[_I_co]):
    """A page of a listing, as a response describes it."""

    @property
    def total_count(self) -> int:
        """Number of items in the whole listing."""
        ...

    @property
    def items(self) -> tuple[_I_co, ...]:
        """Items of this page."""
        ...


@frozen
class ListingPage(Generic[_I_co]):
    """A page of a listing.

    Attributes:
        page: The page.
        has_more: Whether another page follows, or the cursor of that page.
    """

    page: Page[_I_co]
    has_more: bool | Cursor


class PagePlan(Generic[_I]):
    """The plan of which pages to request in one iteration over a listing.

    Request the pages that `next_window` returns, and pass their responses to `accept` in the same
    order. Several pages may be requested concurrently.

    Args:
        max_size: Maximum size of a page.
        descending: Whether ids usually decrease in this listing. If they do not, the result is the
            same but takes more memory.

    Attributes:
        done: Whether the whole listing is covered.
    """

    def __init__(self, max_size: int, *, descending: bool) -> None:
        self.done = False
        self._max_size = self._size = max_size
        self._sign = -1 if descending else 1
        self._seen = array("q")
        self._seen_late = set[int]()
        self._end = 0
        self._known = 1
        self._step_back = self._half()
        self._gaps = self._repeats = self._empty = self._received = 0
        self._reach = self._covered = self._accepted = 0
        self._leaves_out = False
        self._total = 0

    def next_window(self) -> Window | None:
        """Return the next page to request, or None if the pages returned so far may suffice."""
        if self.done or self._end >= self._known:
            return None
        window = _window_beyond(max(0, self._end), self._size)
        if window.start >= self._end > self._accepted:
            return None  # it overlaps no other page, so it must be requested after the previous one
        self._end = window.stop
        return window

    def halve(self, size: int, window: Window | None) -> int:
        """Halve the size of pages, because the server failed to make one of `size`; return it.

        Discard all outstanding requests, as `next_window` goes back.
        """
        self._max_size = self._size = max(MIN_SIZE, size // 2)
        self._step_back = self._half()
        self._end = window.start if window is not None else self._end
        return self._size

    def accept(
        self, window: Window | None, page: Page[_I], has_more: bool | Cursor
    ) -> tuple[_I, ...] | None:
        """Return the new items of a response, or None if there may be a gap before it.

        If the result is None, discard all outstanding requests, because `next_window` goes back.

        Args:
            window: The page that was requested, or None if it was requested with a cursor.
            page: The response.
            has_more: True or a cursor if another page follows it.

        Raises:
            UnexpectedReply: Too many responses in a row may have a gap before them, or contain
                nothing new.
        """
        if window is None:
            new = self._add_all(page, has_more, is_further=True)
            self.done = not has_more
            return new
        known = sum(self._has(item.id) for item in page.items)
        is_short = bool(has_more) and len(page.items) < window.size
        if window.start and window.size <= self._size:
            # More known items than the pages share, although none were uploaded.
            limit_is_wrong = (
                self._size < self._max_size
                and page.total_count == self._total
                and known > max(0, self._covered - window.start)
            )
            if is_short or limit_is_wrong:
                self._leaves_out, self._size = True, self._max_size
        is_disjoint = self._leaves_out or window.start >= self._accepted
        by_position = is_disjoint and page.total_count == self._total
        if window.start and not known and not by_position:
            self._gaps += 1
            if self._gaps > _MAX_GAPS_IN_A_ROW:
                raise UnexpectedReply(
                    f"page {window.number} of size {window.size} shares no item with the pages "
                    f"before it after {self._gaps} requests: the listing has {page.total_count} "
                    f"items, and {self._received} were received so far",
                    status=200,
                )
            self._end = window.start - self._step_back
            self._known = max(page.total_count, self._end + 1)
            self._step_back *= 2
            return None
        new = self._add_all(page, has_more, is_further=window.stop > self._reach)
        if new:
            self._gaps = 0
        self.done = not has_more
        self._known = max(page.total_count, window.stop + 1)
        self._step_back = self._half()
        self._total = page.total_count
        self._reach, self._accepted = max(self._reach, window.stop), window.stop
        self._covered = max(self._covered, window.stop)
        if is_short and not window.start and not self._leaves_out:
            self._leaves_out = len(page.items) < _SMALLEST_LIMIT
            if not self._leaves_out:
                # Assume that this server limits pages to a smaller size.
                self._size = self._end = self._covered = self._accepted = len(page.items)
        return new

    def _half(self) -> int:
        return max(1, self._max_size // 2)

    def _add_all(self, page: Page[_I], has_more: object, *, is_further: bool) -> tuple[_I, ...]:
        """Remember all items of a response, and return the new ones.

        Raise UnexpectedReply if too many responses in a row contain nothing new. This concerns only
        responses further into the listing than all earlier ones (`is_further`).
        """
        new = tuple(item for item in page.items if self._add(item.id))
        self._received += len(new)
        self._empty = 0 if page.items else self._empty + 1
        if new:
            self._repeats = 0
        elif page.items and is_further:
            self._repeats += 1
        # Small pages are read more slowly, and an upload moves items over more of them.
        if has_more and self._repeats * self._max_size**2 >= _MAX_UNPRODUCTIVE:
            raise self._endless_error(self._repeats, "only items of earlier pages", page)
        if has_more and self._empty * self._max_size >= _MAX_UNPRODUCTIVE:
            raise self._endless_error(self._empty, "no items", page)
        return new

    def _endless_error(self, count: int, what: str, page: Page[_I]) -> UnexpectedReply:
        return UnexpectedReply(
            f"the listing does not end: {count} pages in a row contain {what}, and name a next "
            f"page; {self._received} of {page.total_count} items were received",
            status=200,
        )

    def _has(self, item_id: int) -> bool:
        at = bisect_left(self._seen, key := self._sign * item_id)
        return key in self._seen_late or (at < len(self._seen) and self._seen[at] == key)

    def _add(self, item_id: int) -> bool:
        """Remember an id, without inserting into the long array. Return True if it is new."""
        if is_new := not self._has(item_id):
            key = self._sign * item_id
            in_order = not self._seen or key > self._seen[-1]
            (self._seen.append if in_order else self._seen_late.add)(key)
        return is_new


def _window_beyond(end: int, max_size: int) -> Window:
    """Return the window that begins before the position `end` and reaches farthest beyond it."""
    best, best_size = (0, 0), max_size
    for size in range(max_size, 1, -1):
        if best > (_SHARED, size - _SHARED):
            break  # smaller windows reach less far
        shared = end % size
        value = min(shared, _SHARED), size - shared
        if shared and value >= best:
            best, best_size = value, size
    return Window(end // best_size + 1, best_size)


def page_call(call: ApiCall[_T], window: Window) -> ApiCall[_T]:
    """Return the call that requests a window, given the call for the listing's first page."""
    divisible = window.size > MIN_SIZE
    if window.number == 1 and call.query["per_page"] == str(window.size):
        return evolve(call, divisible=divisible)
    query = {**call.query, "per_page": str(window.size), "page": str(window.number)}
    return evolve(call, query=query, conditional=False, divisible=divisible)


def has_more(call: ApiCall[Any], response: Response, page: Page[Any]) -> bool | Cursor:
    """Return True if another page follows, or its cursor if it has no number.

    If a proxy has removed or damaged the ``Link`` header, `total_count` decides.

    Raises:
        UnexpectedReply: ``Link`` names a next page that has the wrong number or cannot exist.
    """
    number = int(call.query.get("page", "1"))
    targets = parse_link(response.headers.get("link", ""))
    short = number * int(call.query["per_page"]) < page.total_count
    if "next" not in targets:
        return not targets and bool(page.items) and short
    if (cursor := cursor_of(targets["next"])) is not None:
        return cursor
    following = page_of(targets["next"])
    if following != number + 1 or not (page.items or short):
        raise UnexpectedReply(
            f"{call}: page {number} has {len(page.items)} of {page.total_count} items, "
            f"but names page {following} as the next",
            status=response.status,
            request_id=response.redact(response.headers.get("x-github-request-id", "")) or None,
        )
    return True
