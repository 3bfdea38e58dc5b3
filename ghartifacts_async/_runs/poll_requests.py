"""The requests that the polls of one repository make, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar

from attrs import evolve

from ghartifacts_async._api import endpoints as artifact_endpoints
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._api.filters import Item
from ghartifacts_async._api.pagination import ListingPage, Page
from ghartifacts_async._api.rate_limit_headers import poll_interval
from ghartifacts_async._api.responses.link import MIN_SIZE
from ghartifacts_async._runs import endpoints
from ghartifacts_async.models import Artifact, Run

_T = TypeVar("_T")
_I = TypeVar("_I", bound=Item)


class PollRequests:
    """Requests runs and the first pages of listings of one repository.

    Args:
        api: Makes the calls.
        repository: ``owner/name``.

    Attributes:
        counted: Number of calls that used up the primary rate limit. The poller reduces it.
        min_delay: Seconds that GitHub asks to leave until the next poll. The poller resets it.
    """

    def __init__(self, api: ApiClient, repository: str) -> None:
        self._api = api
        self._repository = repository
        self._page_size = endpoints.PAGE_SIZE
        self.counted: float = 0.0
        self.min_delay: float = 0.0

    async def run(self, run_id: int) -> tuple[Run, Mapping[str, str]]:
        """Request a run. Return it and the headers of the response."""
        run, headers = await self._fetch(endpoints.get_run(self._repository, run_id))
        assert run is not None
        return run, headers

    async def newest_runs(self, query: Mapping[str, str]) -> tuple[Run, ...]:
        """Request the newest runs of the repository or of a commit."""
        page = await self._first_page(
            endpoints.list_runs(self._repository, None, query, per_page=self._page_size)
        )
        return page.items

    async def newest_artifacts(self, name: str | None) -> Page[Artifact]:
        """Request the newest artifacts of a name, or of all names."""
        return await self._first_page(
            artifact_endpoints.list_repository_artifacts(
                self._repository, name=name, per_page=self._page_size
            )
        )

    async def artifacts_of_run(self, run_id: int, name: str) -> tuple[Artifact, ...]:
        """Request the newest artifacts of a name that belong to a run."""
        page = await self._first_page(
            artifact_endpoints.list_run_artifacts(
                self._repository, run_id, name=name, direction="desc", per_page=self._page_size
            )
        )
        return page.items

    async def _first_page(self, call: ApiCall[ListingPage[_I]]) -> Page[_I]:
        """Request the first page of a listing, and smaller ones if the server fails to make it."""
        while True:
            size = self._page_size
            query = {**call.query, "per_page": str(size)}
            listed, _ = await self._fetch(evolve(call, query=query, divisible=size > MIN_SIZE))
            if listed is not None:
                return listed.page
            self._page_size = max(MIN_SIZE, size // 2)

    async def _fetch(self, call: ApiCall[_T]) -> tuple[_T | None, Mapping[str, str]]:
        """Make a call, and count it if it used up the primary rate limit.

        Returns:
            The result, and the headers of this response, even if it is a 304. The result is None
            if the call is divisible and the server failed twice.
        """
        response = await self._api.fetch(call)
        headers = response.confirmation
        if headers is None:
            self.counted += 1
            headers = response.headers
        self.min_delay = max(self.min_delay, poll_interval(headers))
        failed = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return None if failed else call.decode(call, response), headers
