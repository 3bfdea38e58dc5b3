"""Listings of artifacts as asynchronous iterators."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Generic, Protocol, Self, TypeVar

from attrs import frozen

from ghartifacts_async import _arguments
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._api.endpoints import read_page
from ghartifacts_async._api.filters import Criteria, Horizon, Item
from ghartifacts_async._api.pagination import (
    ListingPage,
    PagePlan,
    Window,
    page_call,
)
from ghartifacts_async._api.responses.link import Cursor, cursor_call
from ghartifacts_async._http.messages import Response
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async.models import Artifact, ArtifactPage

_I = TypeVar("_I", bound=Item)
_I_co = TypeVar("_I_co", bound=Item, covariant=True)

_log = logging.getLogger("ghartifacts_async")


class Pages(Protocol[_I_co]):
    """One iteration over the pages of a listing.

    This is not an async generator. If it were, closing a generator that iterates over it would not
    close it at once, and its requests would continue.
    """

    def __aiter__(self) -> Self:
        """Return itself."""
        ...

    async def __anext__(self) -> tuple[int, tuple[_I_co, ...]]:
        """Return the total count and the new matching items of the next page."""
        ...

    async def cancel_requests(self) -> None:
        """Cancel the outstanding page requests."""
        ...


class Listing(Generic[_I]):
    """Base class of the listings of artifacts and of workflow runs.

    Args:
        start: Function that starts an iteration over the pages.
        target: Path and query of the first page, for the repr.
    """

    def __init__(self, start: Callable[[], Pages[_I]], target: str) -> None:
        self._start = start
        self._target = target

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._target}>"

    async def __aiter__(self) -> AsyncGenerator[_I, None]:
        pages = self._start()
        try:
            async for _, items in pages:
                for item in items:
                    yield item
        finally:
            await pages.cancel_requests()

    async def collect(self, limit: int | None = None) -> list[_I]:
        """Return the items as a list.

        Args:
            limit: Maximum number of items; ``None`` for all.

        Raises:
            InvalidArgument: `limit` is negative.
        """
        _arguments.limit(limit)
        items: list[_I] = []
        if limit == 0:
            return items
        async with aclosing(self.__aiter__()) as listing:
            async for item in listing:
                items.append(item)
                if len(items) == limit:
                    break
        return items

    async def first(self) -> _I | None:
        """Return the first item, or None if there is none.

        This takes one call, or more if a filter that GitHub does not apply rejects the first items.
        """
        found = await self.collect(limit=1)
        return found[0] if found else None


class ArtifactListing(Listing[Artifact]):
    """The artifacts of a repository or of a workflow run: ``async for artifact in listing``.

    The newest artifacts come first, unless ``direction`` is ``"asc"``. Each iteration requests the
    pages again.

    A listing is lazy. Nothing is requested until you ask for the first artifact, and the second
    page is requested only after you have read all artifacts of the first. Whenever you have to
    wait for a page, the number of concurrent page requests doubles, up to `concurrency`, which is
    also the maximum number of pages in memory. Leaving the loop cancels the outstanding requests.

    A listing is exact. Every artifact that exists from the first request to the last is yielded
    exactly once, even if other clients upload and delete artifacts at the same time. An artifact
    that is uploaded or deleted during the listing may be yielded or not, but never twice. To
    achieve this, consecutive pages overlap a little, which takes about a seventh more calls. (Pages
    of fewer than ten artifacts cannot always overlap; an upload and a deletion between two of them
    may hide an artifact.) If the server fails twice in a row to make a page, pages of half the size
    are requested, down to ten artifacts. If
    many artifacts are deleted during the listing, some pages are requested again. The id of each
    listed artifact is kept in memory, in eight bytes. All this assumes that each of GitHub's pages
    shows the state of a single moment, and that artifacts keep their order. A listing is
    also complete if the server omits the artifacts that the token may not see, so that some pages
    are short or empty. If a server repeats pages or sends empty ones without end,
    `UnexpectedReply` is raised.

    A listing with `created_after` (or `created_before`, if ``direction`` is ``"asc"``) ends early,
    after 100 consecutive artifacts that are beyond that time.

    Every method may raise a `GitHubError` or a `TransportError`.
    """

    def __init__(
        self,
        api: ApiClient,
        call: ApiCall[ListingPage[Artifact]],
        criteria: Criteria[Artifact],
        *,
        concurrency: int,
    ) -> None:
        super().__init__(lambda: CallPages(api, call, criteria, concurrency), call.target)
        self._api = api
        self._call = call

    async def pages(self) -> AsyncGenerator[ArtifactPage, None]:
        """Yield the same artifacts page by page, each page with the total count at that time.

        A page contains only artifacts that match the filters and were on no earlier page, so it may
        be empty.
        """
        pages = self._start()
        try:
            async for total_count, artifacts in pages:
                yield ArtifactPage(total_count, artifacts)
        finally:
            await pages.cancel_requests()

    async def total_count(self) -> int:
        """Return GitHub's count of the artifacts, with one call.

        The count respects the filter ``name``, but no other filter.
        """
        query = {**self._call.query, "per_page": "1"}
        call = ApiCall("GET", self._call.path, read_page, query, conditional=True)
        return (await self._api.call(call)).total_count


@frozen(eq=False)
class _PageRequest(Generic[_I_co]):
    """An outstanding request for a page."""

    window: Window | None
    call: ApiCall[ListingPage[_I_co]]
    response: asyncio.Task[Response]


class CallPages(Generic[_I]):
    """One iteration over the pages of a call, with its outstanding requests; see `Pages`."""

    def __init__(
        self,
        api: ApiClient,
        call: ApiCall[ListingPage[_I]],
        criteria: Criteria[_I],
        concurrency: int,
    ) -> None:
        descending = call.query.get("direction") != "asc"
        self._api = api
        self._call = call
        self._criteria = criteria
        self._concurrency = concurrency
        self.page_size = int(call.query["per_page"])
        self._plan = PagePlan[_I](self.page_size, descending=descending)
        self._horizon = Horizon(criteria, descending=descending)
        self._width = 1
        self._cursor: Cursor | None = None
        self._requests: deque[_PageRequest[_I]] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[int, tuple[_I, ...]]:
        while not (self._plan.done or self._horizon.is_passed):
            # Let the tasks that were started for the previous page send their requests first.
            await asyncio.sleep(0)
            request = self._next_request()
            if not request.response.done():
                # The consumer is faster than the requests.
                self._width = min(2 * self._width, self._concurrency)
            response = await request.response
            if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                await self._halve_pages(request)
                continue
            # Decode here and not in the task, so that pages which arrive together do not delay the
            # next requests by the time that it takes to decode all of them.
            listed = request.call.decode(request.call, response)
            cursor = listed.has_more if isinstance(listed.has_more, Cursor) else None
            more = listed.has_more if request.window is not None else cursor is not None
            new = self._plan.accept(request.window, listed.page, more)
            if cursor is not None:
                await self.cancel_requests()
                self._cursor = cursor
            if new is None:
                await self.cancel_requests()
                self._width = 1
                continue
            self._horizon.observe(new)
            return listed.page.total_count, tuple(filter(self._criteria.matches, new))
        raise StopAsyncIteration

    async def cancel_requests(self) -> None:
        """Cancel the outstanding page requests."""
        tasks = [request.response for request in self._requests]
        self._requests.clear()
        for task in tasks:
            task.cancel()
        await wait_all(lambda: [task for task in tasks if not task.done()])
        for task in tasks:
            if not task.cancelled():
                task.exception()  # keeps asyncio from logging it

    async def _halve_pages(self, request: _PageRequest[_I]) -> None:
        """Request pages of half the size from now on, because the server fails to make this one."""
        await self.cancel_requests()
        self.page_size = self._plan.halve(int(request.call.query["per_page"]), request.window)
        self._width = 1
        _log.info("%s: the server fails; pages of %d from now on", request.call, self.page_size)

    def _next_request(self) -> _PageRequest[_I]:
        """Start requests until `_width` of them are outstanding, and return the oldest one."""
        if self._cursor is not None:
            self._start_request(None, cursor_call(self._call, self._cursor, self.page_size))
            return self._requests.popleft()
        while (
            len(self._requests) < self._width and (window := self._plan.next_window()) is not None
        ):
            self._start_request(window, page_call(self._call, window))
        return self._requests.popleft()

    def _start_request(self, window: Window | None, call: ApiCall[ListingPage[_I]]) -> None:
        response = asyncio.ensure_future(self._request(call))
        self._requests.append(_PageRequest(window, call, response))

    async def _request(self, call: ApiCall[ListingPage[_I]]) -> Response:
        return await self._api.fetch(call)
