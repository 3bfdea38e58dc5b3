"""Listings of artifacts as asynchronous iterators."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Self

from attrs import evolve, frozen

from ghartifacts_async import _arguments
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._api.endpoints import read_page
from ghartifacts_async._api.filters import Filter, Horizon
from ghartifacts_async._api.pagination import ListingPage, PagePlan, Window, page_call
from ghartifacts_async._http.messages import Response
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async.models import Artifact, ArtifactPage


class ArtifactListing:
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
    achieve this, consecutive pages overlap a little, which takes about a seventh more calls. If
    many artifacts are deleted during the listing, some pages are requested again. The id of each
    listed artifact is kept in memory, in eight bytes. All this assumes that each of GitHub's pages
    shows the state of a single moment, and that artifacts keep their order.

    A listing with `created_after` (or `created_before`, if ``direction`` is ``"asc"``) ends early,
    after 100 consecutive artifacts that are beyond that time.

    Every method may raise a `GitHubError` or a `TransportError`.
    """

    def __init__(
        self, api: ApiClient, call: ApiCall[ListingPage], criteria: Filter, *, concurrency: int
    ) -> None:
        self._api = api
        self._call = call
        self._criteria = criteria
        self._concurrency = concurrency

    def __repr__(self) -> str:
        return f"<ArtifactListing {self._call.target}>"

    async def __aiter__(self) -> AsyncGenerator[Artifact, None]:
        pages = self._pages()
        try:
            async for page in pages:
                for artifact in page.artifacts:
                    yield artifact
        finally:
            await pages.cancel_requests()

    async def pages(self) -> AsyncGenerator[ArtifactPage, None]:
        """Yield the same artifacts page by page, each page with the total count at that time.

        A page contains only artifacts that match the filters and were on no earlier page, so it may
        be empty.
        """
        pages = self._pages()
        try:
            async for page in pages:
                yield page
        finally:
            await pages.cancel_requests()

    async def collect(self, limit: int | None = None) -> list[Artifact]:
        """Return the artifacts as a list.

        Args:
            limit: Maximum number of artifacts; ``None`` for all.

        Raises:
            InvalidArgument: `limit` is negative.
        """
        _arguments.limit(limit)
        artifacts: list[Artifact] = []
        if limit == 0:
            return artifacts
        async with aclosing(self.__aiter__()) as listing:
            async for artifact in listing:
                artifacts.append(artifact)
                if len(artifacts) == limit:
                    break
        return artifacts

    async def first(self) -> Artifact | None:
        """Return the first artifact, or None if there is none.

        This takes one call, or more if a filter other than ``name`` rejects the first artifacts.
        """
        found = await self.collect(limit=1)
        return found[0] if found else None

    async def total_count(self) -> int:
        """Return GitHub's count of the artifacts, with one call.

        The count respects the filter ``name``, but no other filter.
        """
        query = {**self._call.query, "per_page": "1"}
        call = ApiCall("GET", self._call.path, read_page, query, conditional=True)
        return (await self._api.call(call)).total_count

    def _pages(self) -> _Pages:
        return _Pages(self._api, self._call, self._criteria, self._concurrency)


@frozen(eq=False)
class _PageRequest:
    """An outstanding request for a page."""

    window: Window
    call: ApiCall[ListingPage]
    response: asyncio.Task[Response]


class _Pages:
    """One iteration over the pages of a listing, with its outstanding requests.

    This class is not an async generator. If it were, closing the generator that iterates over it
    would not close it at once, and its requests would continue.
    """

    def __init__(
        self, api: ApiClient, call: ApiCall[ListingPage], criteria: Filter, concurrency: int
    ) -> None:
        descending = call.query.get("direction") != "asc"
        self._api = api
        self._call = call
        self._criteria = criteria
        self._concurrency = concurrency
        self._plan = PagePlan(int(call.query["per_page"]), descending=descending)
        self._horizon = Horizon(criteria, descending=descending)
        self._width = 1
        self._requests: deque[_PageRequest] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ArtifactPage:
        while not (self._plan.done or self._horizon.is_passed):
            # Let the tasks that were started for the previous page send their requests first.
            await asyncio.sleep(0)
            request = self._next_request()
            if not request.response.done():
                # The consumer is faster than the requests.
                self._width = min(2 * self._width, self._concurrency)
            # Decode here and not in the task, so that pages which arrive together do not delay the
            # next requests by the time that it takes to decode all of them.
            listed = request.call.decode(request.call, await request.response)
            new = self._plan.accept(request.window, listed.page, listed.has_more)
            if new is None:
                await self.cancel_requests()
                self._width = 1
                continue
            self._horizon.observe(new)
            return evolve(listed.page, artifacts=tuple(filter(self._criteria.matches, new)))
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

    def _next_request(self) -> _PageRequest:
        """Start requests until `_width` of them are outstanding, and return the oldest one."""
        while (
            len(self._requests) < self._width and (window := self._plan.next_window()) is not None
        ):
            call = page_call(self._call, window)
            response = asyncio.ensure_future(self._request(call))
            self._requests.append(_PageRequest(window, call, response))
        return self._requests.popleft()

    async def _request(self, call: ApiCall[ListingPage]) -> Response:
        return await self._api.fetch(call)
