"""Listings of workflow runs as asynchronous iterators."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Self

from attrs import evolve, frozen

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._api.listing import CallPages, Listing
from ghartifacts_async._api.pagination import ListingPage
from ghartifacts_async._runs.run_filter import RunFilter
from ghartifacts_async._runs.time_ranges import MAX_RESULTS, TimeRange
from ghartifacts_async.errors import UnexpectedReply
from ghartifacts_async.models import Run, RunPage

_MAX_SPLITS = 60
"""Number of times that a range may be split in a row. Halving 100 years takes 32 splits."""

_MAX_UNPRODUCTIVE = 30_000
"""Number of runs that pages in a row may have room for without one of them having a new run."""


class RunListing(Listing[Run]):
    """The workflow runs of a repository, newest first: ``async for run in listing``.

    A listing is lazy and exact in the same way as an `ArtifactListing`: nothing is requested until
    you ask for the first run, and every run that exists from the first request to the last is
    yielded exactly once. Each iteration requests the pages again.

    GitHub returns at most 1,000 runs for a query with filters. If more match, the listing asks for
    shorter ranges of time until it has all of them, which takes about a third more calls. Runs that
    were created in the same second may then be yielded in another order.

    GitHub's listings of runs may lag behind the truth by some minutes. `Repo.get_run` returns the
    current state of a run.

    Every method may raise a `GitHubError` or a `TransportError`.
    """

    def __init__(
        self,
        api: ApiClient,
        call: ApiCall[ListingPage[Run]],
        criteria: RunFilter,
        *,
        concurrency: int,
    ) -> None:
        created = TimeRange.between(criteria.created_after, criteria.created_before)
        filtered = bool(criteria.query() or str(created))
        self._api = api
        self._call = call

        def start() -> _RangedPages | CallPages[Run]:
            if filtered:
                return _RangedPages(api, call, criteria, concurrency, created)
            return CallPages(api, call, criteria, concurrency)

        super().__init__(start, call.target)

    async def pages(self) -> AsyncGenerator[RunPage, None]:
        """Yield the same runs page by page, each page with the total count at that time.

        A page contains only runs that match the filters and were on no earlier page, so it may be
        empty. If the listing is split into ranges of time, the count is that of the range.
        """
        pages = self._start()
        try:
            async for total_count, runs in pages:
                yield RunPage(total_count, runs)
        finally:
            await pages.cancel_requests()


@frozen
class _Part:
    """A range that is still to be listed, and how often it has been split off in a row."""

    range: TimeRange
    splits: int = 0


class _Everything:
    """The criteria of a listing whose items are filtered later."""

    created_after: datetime | None = None
    created_before: datetime | None = None

    def matches(self, _: Run, /) -> bool:
        """Return True."""
        return True


class _RangedPages:
    """One iteration over the pages of a call, one range of time after the other; see `Pages`."""

    def __init__(
        self,
        api: ApiClient,
        call: ApiCall[ListingPage[Run]],
        criteria: RunFilter,
        concurrency: int,
        created: TimeRange,
    ) -> None:
        self._api = api
        self._call = call
        self._criteria = criteria
        self._concurrency = concurrency
        self._parts = [_Part(created)]
        self._pages: CallPages[Run] | None = None
        self._latest: CallPages[Run] | None = None
        # Whether each run of earlier pages was yielded, or did not match.
        self._yielded: dict[int, bool] = {}
        self._unproductive = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[int, tuple[Run, ...]]:
        while True:
            if self._pages is not None:
                page = await anext(self._pages, None)
                if page is not None:
                    return page[0], self._new(page[1])
                self._pages = None
            if not self._parts:
                raise StopAsyncIteration
            total_count, runs = await self._open(self._parts.pop())
            return total_count, self._new(runs)

    async def cancel_requests(self) -> None:
        """Cancel the outstanding page requests."""
        if self._pages is not None:
            await self._pages.cancel_requests()

    async def _open(self, part: _Part) -> tuple[int, tuple[Run, ...]]:
        """Request the first page of a range. If the range has too many runs, split it."""
        text = str(part.range)
        query = {**self._call.query, **({"created": text} if text else {})}
        if self._latest is not None:
            query["per_page"] = str(self._latest.page_size)
        call = evolve(self._call, query=query)
        pages = self._latest = CallPages(self._api, call, _Everything(), self._concurrency)
        total_count, listed = await anext(pages, (0, ()))
        if total_count < MAX_RESULTS:
            self._pages = pages
            return total_count, listed
        halves = part.range.split([run.created_at for run in listed], datetime.now(UTC))
        if halves is None or part.splits >= _MAX_SPLITS:
            raise UnexpectedReply(
                f"{call}: GitHub lists at most {MAX_RESULTS} of the {total_count} runs created in "
                f"{text or 'any time'}, and this range cannot be split further; use other filters",
                status=200,
            )
        newer, older = halves
        self._parts += [_Part(older), _Part(newer, part.splits + 1)]
        # The newest runs need not wait for the next response. They will be listed again.
        return total_count, listed

    def _new(self, runs: tuple[Run, ...]) -> tuple[Run, ...]:
        """Return the runs that match and were not yielded before.

        Raises:
            UnexpectedReply: Too many pages in a row have only runs of earlier pages, or none.
        """
        assert self._latest is not None
        size = self._latest.page_size
        is_new = not all(run.id in self._yielded for run in runs)
        self._unproductive = 0 if is_new else self._unproductive + size
        if self._unproductive >= _MAX_UNPRODUCTIVE:
            raise UnexpectedReply(
                f"{self._call}: the listing does not end: {self._unproductive // size} pages in a "
                f"row contain no new run; {len(self._yielded)} runs were received",
                status=200,
            )
        new: list[Run] = []
        for run in runs:
            if not self._yielded.setdefault(run.id, False) and self._criteria.matches(run):
                self._yielded[run.id] = True
                new.append(run)
        return tuple(new)
