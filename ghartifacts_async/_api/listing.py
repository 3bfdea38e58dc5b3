"""Async-iterator pagination."""

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
from ghartifacts_async._api.pagination import ListingPage, Walk, Window, page_call
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async.models import Artifact, ArtifactPage


class ArtifactListing:
    """The artifacts of a repository or of a run: ``async for artifact in listing``.

    Newest first, unless ``direction`` says otherwise. Each iteration asks anew.

    Lazy: nothing is asked before the first item, and no second page before the first is used up.
    While the consumer waits for more, pages are fetched side by side, 2, then 4, up to
    `concurrency`; that many are held at most. A ``break`` gives up those under way.

    Exact: every artifact that existed from the first call to the last is yielded once, whatever
    others upload and delete meanwhile. One that was uploaded or deleted in between may be yielded
    or not, and never twice. To that end pages overlap a little, which takes about a seventh more
    calls than without; and where many are deleted while one reads, some pages are read again.
    Eight bytes are kept of each. It is assumed that GitHub shows one moment per page, and that
    artifacts keep their order. A bound on the time of creation ends the listing early, once a
    hundred in a row are beyond it.

    While it runs, every method may raise a `GitHubError` or a `TransportError`.
    """

    def __init__(
        self, session: ApiClient, call: ApiCall[ListingPage], wanted: Filter, *, concurrency: int
    ) -> None:
        self._session = session
        self._call = call
        self._wanted = wanted
        self._concurrency = concurrency

    def __repr__(self) -> str:
        return f"<ArtifactListing {self._call.target}>"

    async def __aiter__(self) -> AsyncGenerator[Artifact, None]:
        reading = self._reading()
        try:
            async for page in reading:
                for artifact in page.artifacts:
                    yield artifact
        finally:
            await reading.give_up()

    async def pages(self) -> AsyncGenerator[ArtifactPage, None]:
        """The same artifacts as they come, page by page, with the listing's total at that moment.

        A page holds those that are wanted and were on none before: it may be empty.
        """
        reading = self._reading()
        try:
            async for page in reading:
                yield page
        finally:
            await reading.give_up()

    async def collect(self, limit: int | None = None) -> list[Artifact]:
        """All of them, or the first `limit`.

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
        """The first of them, ``None`` where there is none. One call, where only GitHub filters."""
        found = await self.collect(limit=1)
        return found[0] if found else None

    async def total_count(self) -> int:
        """How many there are, as GitHub counts them: of the name, whatever else is wanted.

        One call, for a page of one.
        """
        query = {**self._call.query, "per_page": "1"}
        call = ApiCall("GET", self._call.path, read_page, query, conditional=True)
        return (await self._session.call(call)).total_count

    def _reading(self) -> _Reading:
        return _Reading(self._session, self._call, self._wanted, self._concurrency)


class _Reading:
    """One iteration: its pages, of which some are under way.

    Not a generator: a generator within another is finalised as clumsily as that one.
    """

    def __init__(
        self, session: ApiClient, call: ApiCall[ListingPage], wanted: Filter, concurrency: int
    ) -> None:
        descending = call.query.get("direction") != "asc"
        self._session = session
        self._call = call
        self._wanted = wanted
        self._concurrency = concurrency
        self._walk = Walk(int(call.query["per_page"]), descending=descending)
        self._horizon = Horizon(wanted, descending=descending)
        self._width = 1
        self._ahead: deque[tuple[Window, asyncio.Task[ListingPage]]] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ArtifactPage:
        while not (self._walk.done or self._horizon.is_passed):
            # Reading a page takes a while: what was asked for ahead is sent before.
            await asyncio.sleep(0)
            window, answer = self._head()
            if not answer.done():
                # The consumer is faster than we are.
                self._width = min(2 * self._width, self._concurrency)
            listed = await answer
            page = listed.page
            new = self._walk.take(window, page, listed.has_more)
            if new is None:
                await self.give_up()
                self._width = 1
                continue
            self._horizon.look_at(new)
            return evolve(page, artifacts=tuple(filter(self._wanted.matches, new)))
        raise StopAsyncIteration

    async def give_up(self) -> None:
        """Want none of those under way."""
        tasks = [task for _, task in self._ahead]
        self._ahead.clear()
        for task in tasks:
            task.cancel()
        await wait_all(lambda: [task for task in tasks if not task.done()])
        for task in tasks:
            if not task.cancelled():
                task.exception()  # seen: nobody wants to know

    def _head(self) -> tuple[Window, asyncio.Task[ListingPage]]:
        while len(self._ahead) < self._width and (window := self._walk.ahead()) is not None:
            self._ahead.append((window, asyncio.ensure_future(self._read(window))))
        return self._ahead.popleft()

    async def _read(self, window: Window) -> ListingPage:
        return await self._session.call(page_call(self._call, window))
