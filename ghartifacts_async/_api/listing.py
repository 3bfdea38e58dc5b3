"""Listings of artifacts as asynchronous iterators."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Self

from attrs import evolve

from ghartifacts_async import _arguments
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._api.endpoints import read_page
from ghartifacts_async._api.filters import Filter, Horizon
from ghartifacts_async._api.pagination import ListingPage, PagePlan, Window, page_call
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async.models import Artifact, ArtifactPage


class ArtifactListing:
    """The artifacts of a repository or of a workflow run: ``async for artifact in listing``.

    The newest artifacts come first, unless ``direction`` says otherwise. Each iteration requests
    the pages again.

    Lazy: nothing is requested before the first item, and no second page before the first is used
    up. While the consumer waits for more, pages are requested concurrently, first 2, then 4, up to
    `concurrency`, which is also the number of pages held in memory. Leaving the loop cancels the
    outstanding requests.

    Exact: every artifact that existed from the first request to the last is yielded exactly once,
    even if others upload and delete artifacts during the listing. An artifact that was uploaded or
    deleted in between may be yielded or not, but never twice. For this, pages overlap a little,
    which takes about a seventh more calls; if many artifacts are deleted during the listing, some
    pages are requested again. Each artifact takes eight bytes of memory. This assumes that a page
    of GitHub shows one moment, and that artifacts keep their order. A bound on the creation time
    ends the listing early, after a hundred artifacts in a row outside of it.

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
        """Yield the same artifacts page by page, with the listing's total at that time.

        A page holds only the artifacts that pass the filters and were on no page before, so it may
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

        This takes one call, unless a filter that GitHub does not support skips artifacts.
        """
        found = await self.collect(limit=1)
        return found[0] if found else None

    async def total_count(self) -> int:
        """Return GitHub's count of the artifacts, with one call.

        Of all filters only ``name`` applies to it.
        """
        query = {**self._call.query, "per_page": "1"}
        call = ApiCall("GET", self._call.path, read_page, query, conditional=True)
        return (await self._api.call(call)).total_count

    def _pages(self) -> _Pages:
        return _Pages(self._api, self._call, self._criteria, self._concurrency)


class _Pages:
    """One iteration over the pages of a listing, some of which are being requested.

    This is no generator, because a generator inside another one is not closed in time.
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
        self._requests: deque[tuple[Window, asyncio.Task[ListingPage]]] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ArtifactPage:
        while not (self._plan.done or self._horizon.is_passed):
            # Lets the requests started by the previous page be sent before more work is done.
            await asyncio.sleep(0)
            window, request = self._next_request()
            if not request.done():
                # The consumer is faster than the requests.
                self._width = min(2 * self._width, self._concurrency)
            listed = await request
            new = self._plan.accept(window, listed.page, listed.has_more)
            if new is None:
                await self.cancel_requests()
                self._width = 1
                continue
            self._horizon.observe(new)
            return evolve(listed.page, artifacts=tuple(filter(self._criteria.matches, new)))
        raise StopAsyncIteration

    async def cancel_requests(self) -> None:
        """Cancel the outstanding page requests."""
        tasks = [task for _, task in self._requests]
        self._requests.clear()
        for task in tasks:
            task.cancel()
        await wait_all(lambda: [task for task in tasks if not task.done()])
        for task in tasks:
            if not task.cancelled():
                task.exception()  # keeps asyncio from logging it

    def _next_request(self) -> tuple[Window, asyncio.Task[ListingPage]]:
        """Start requests until enough are outstanding, and return the oldest one."""
        while (
            len(self._requests) < self._width and (window := self._plan.next_window()) is not None
        ):
            self._requests.append((window, asyncio.ensure_future(self._request(window))))
        return self._requests.popleft()

    async def _request(self, window: Window) -> ListingPage:
        return await self._api.call(page_call(self._call, window))
