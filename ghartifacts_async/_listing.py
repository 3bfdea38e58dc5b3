"""Async-iterator pagination."""

from __future__ import annotations

from collections.abc import AsyncIterator

from attrs import evolve

from ghartifacts_async._sansio import arguments
from ghartifacts_async._sansio.calls import ApiCall, read_page
from ghartifacts_async._sansio.filters import matches
from ghartifacts_async._sansio.pages import next_call
from ghartifacts_async._session import Session
from ghartifacts_async.models import Artifact, ArtifactFilters, ArtifactPage


class ArtifactListing:
    """The artifacts of a repository or of a run: ``async for artifact in listing``.

    Lazy: nothing is asked before the first item, and a page only when its items are wanted.
    Each iteration asks anew. Newest first, unless ``direction`` says otherwise.

    While it runs, every method may raise a `GitHubError` or a `TransportError`.
    """

    def __init__(
        self, session: Session, call: ApiCall, filters: ArtifactFilters | None = None
    ) -> None:
        self._session = session
        self._call = call
        self._filters = filters or ArtifactFilters()

    def __repr__(self) -> str:
        return f"<ArtifactListing {self._call.target}>"

    async def __aiter__(self) -> AsyncIterator[Artifact]:
        async for page in self.pages():
            for artifact in page.artifacts:
                if matches(artifact, self._filters):
                    yield artifact

    async def pages(self) -> AsyncIterator[ArtifactPage]:
        """The pages as GitHub cuts them, each with the listing's total at that moment."""
        call: ApiCall | None = self._call
        while call is not None:
            reply = await self._session.call(call)
            page = read_page(call, reply)
            yield page
            call = next_call(call, reply, page)

    async def collect(self, limit: int | None = None) -> list[Artifact]:
        """All of them, or the first `limit`.

        Raises:
            InvalidArgument: `limit` is negative.
        """
        arguments.limit(limit)
        artifacts: list[Artifact] = []
        if limit == 0:
            return artifacts
        async for artifact in self:
            artifacts.append(artifact)
            if len(artifacts) == limit:
                break
        return artifacts

    async def first(self) -> Artifact | None:
        """The first of them, ``None`` where there is none. One call."""
        found = await self.collect(limit=1)
        return found[0] if found else None

    async def total_count(self) -> int:
        """How many there are, as GitHub counts them. One call, for a page of one."""
        call = evolve(self._call, query={**self._call.query, "per_page": "1"})
        return read_page(call, await self._session.call(call)).total_count
