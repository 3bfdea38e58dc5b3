"""The operations of `Repo` on workflow runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from attrs import frozen

from ghartifacts_async._api import endpoints as artifact_endpoints
from ghartifacts_async._api.filters import Filter
from ghartifacts_async._api.listing import ArtifactListing
from ghartifacts_async._context import ClientContext
from ghartifacts_async._runs import endpoints
from ghartifacts_async._runs.run_filter import (
    RunFilter,
    event_name,
    optional_text,
    run_conclusion,
    workflow_key,
)
from ghartifacts_async._runs.run_listing import RunListing
from ghartifacts_async._runs.search import Search, newest_first
from ghartifacts_async._runs.selection import Resolution, Wanted, is_pattern
from ghartifacts_async._runs.waiter import Waiter
from ghartifacts_async._runs.watch import WaitGoal
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact, Run


class RunFilters(TypedDict):
    """The filters of `Repo.list_runs`."""

    workflow: int | str | None
    branch: str | None
    event: str | None
    status: str | None
    conclusion: str | None
    actor: str | None
    head_sha: str | None
    from_fork: bool | None
    created_after: datetime | None
    created_before: datetime | None
    exclude_pull_requests: bool


class WantedFilters(TypedDict):
    """The filters that `Repo.latest_artifact` and `Repo.resolve_artifacts` share."""

    workflow: int | str | None
    branch: str | None
    event: str | None
    conclusion: str | None
    from_fork: bool | None
    include_expired: bool


@frozen
class RunOperations:
    """The operations on the workflow runs of one repository.

    Args:
        opened: Function that returns the context of the open client.
        repository: ``owner/name``.
    """

    opened: Callable[[], ClientContext]
    repository: str

    @property
    def waiter(self) -> Waiter:
        """The waits of the client."""
        return self.opened().shared(Waiter)

    def list_runs(
        self, *, per_page: int, concurrency: int, **filters: Unpack[RunFilters]
    ) -> RunListing:
        """List runs; see `Repo.list_runs`."""
        common = Filter(
            branch=filters["branch"],
            head_sha=filters["head_sha"],
            from_fork=filters["from_fork"],
            created_after=filters["created_after"],
            created_before=filters["created_before"],
        )
        criteria = RunFilter(
            common=common,
            workflow=filters["workflow"],
            event=filters["event"],
            status=filters["status"],
            conclusion=filters["conclusion"],
            actor=filters["actor"],
            exclude_pull_requests=filters["exclude_pull_requests"],
        )
        call = endpoints.list_runs(
            self.repository,
            criteria.workflow,
            criteria.query(),
            per_page=per_page,
        )
        return RunListing(self.opened().api, call, criteria, concurrency=concurrency)

    async def get_run(self, run_id: int) -> Run:
        """Request a run; see `Repo.get_run`."""
        return await self.opened().api.call(endpoints.get_run(self.repository, run_id))

    async def latest_artifact(
        self,
        name: str | None,
        pattern: str | None,
        max_age: timedelta | None,
        **filters: Unpack[WantedFilters],
    ) -> Artifact:
        """Find the newest artifact that is wanted; see `Repo.latest_artifact`."""
        wanted = _wanted(**filters)
        what = _described("artifact named", [one for one in (name, pattern) if one], wanted)
        listing = self._candidates(name, pattern, max_age)
        return await self._search(wanted, what).latest(listing)

    async def resolve_artifacts(
        self,
        names: tuple[str, ...],
        require: Iterable[str] | None,
        nearest_ancestor_of: str | None,
        base: str | None,
        max_age: timedelta | None,
        **filters: Unpack[WantedFilters],
    ) -> Resolution:
        """Find artifacts that come from one run; see `Repo.resolve_artifacts`."""
        wanted = _wanted(**filters)
        required = _required(names, require)
        if base is not None and nearest_ancestor_of is None:
            raise InvalidArgument("base can only be passed together with nearest_ancestor_of")
        optional_text("nearest_ancestor_of", nearest_ancestor_of)
        optional_text("base", base)
        what = _described("run with artifacts named", required, wanted)
        first = next((one for one in required if not is_pattern(one)), None)
        listing = self._candidates(first, None, max_age)
        candidates = newest_first(listing, required[0] if first is None else None)
        search = self._search(wanted, what)
        if nearest_ancestor_of is not None:
            start = nearest_ancestor_of
            if base is not None:
                start = await search.merge_base(base, start)
            candidates = search.by_ancestry(candidates, start)
        async with aclosing(candidates):
            return await search.resolve(candidates, names, required)

    async def wait_for_artifact(
        self,
        name: str | None,
        run_id: int | None,
        head_sha: str | None,
        workflow: int | str | None,
        timeout: float | None,  # noqa: ASYNC109 - the waits for a repository share their timer
        poll_interval: float | None,
        *,
        any_conclusion: bool,
    ) -> Artifact:
        """Wait for an artifact; see `Repo.wait_for_artifact`."""
        if (run_id is None) == (head_sha is None):
            raise InvalidArgument("pass exactly one of run_id and head_sha")
        if name is None:
            raise InvalidArgument("name must be the name of an artifact, not None")
        goal = WaitGoal(
            name,
            run_id,
            Filter(head_sha=head_sha).head_sha,
            workflow_key(workflow),
            any_conclusion,
        )
        found = await self._wait(goal, timeout, poll_interval)
        assert isinstance(found, Artifact)
        return found

    async def wait_for_run(
        self,
        run_id: int,
        timeout: float | None,  # noqa: ASYNC109 - the waits for a repository share their timer
        poll_interval: float | None,
    ) -> Run:
        """Wait for the end of a run; see `Repo.wait_for_run`."""
        goal = WaitGoal(None, run_id)
        ended = await self._wait(goal, timeout, poll_interval)
        assert isinstance(ended, Run)
        return ended

    async def _wait(
        self, goal: WaitGoal, limit: float | None, poll_interval: float | None
    ) -> Artifact | Run:
        return await self.waiter.wait(self.repository, goal, limit, poll_interval)

    def _candidates(
        self, name: str | None, pattern: str | None, max_age: timedelta | None
    ) -> ArtifactListing:
        """List the artifacts to consider. One page at a time, since the first usually suffices."""
        if max_age is not None and not (isinstance(max_age, timedelta) and max_age > timedelta(0)):
            raise InvalidArgument(f"max_age must be a positive timedelta or None, not {max_age!r}")
        call = artifact_endpoints.list_repository_artifacts(
            self.repository, name=name, per_page=endpoints.PAGE_SIZE
        )
        since = None if max_age is None else _moment_before(max_age)
        criteria = Filter(name=name, pattern=pattern, created_after=since)
        return ArtifactListing(self.opened().api, call, criteria, concurrency=1)

    def _search(self, wanted: Wanted, what: str) -> Search:
        return Search(self.opened().api, self.repository, wanted, what)


def _moment_before(age: timedelta) -> datetime | None:
    """Return the time that was this long ago, or None if it is before the first year."""
    try:
        return datetime.now(UTC) - age
    except OverflowError:
        return None


def _wanted(**filters: Unpack[WantedFilters]) -> Wanted:
    """Validate the filters of `Repo.latest_artifact` and `Repo.resolve_artifacts`."""
    return Wanted(
        filter=Filter(branch=filters["branch"], from_fork=filters["from_fork"]),
        workflow=workflow_key(filters["workflow"]),
        event=event_name(filters["event"]),
        conclusion=run_conclusion(filters["conclusion"]),
        include_expired=filters["include_expired"],
    )


def _required(names: tuple[str, ...], require: Iterable[str] | None) -> tuple[str, ...]:
    """Validate the names that `Repo.resolve_artifacts` requires, and return them."""
    required = names if require is None else tuple(require)
    if not required or not set(required) <= set(names):
        raise InvalidArgument(
            f"require must contain at least one of the names and no other, not {required!r}"
        )
    return required


def _described(what: str, names: Iterable[str], wanted: Wanted) -> str:
    """Return a description of the artifacts that are wanted, for a message."""
    parts = [what, " and ".join(map(repr, names))]
    if wanted.filter.branch is not None:
        parts.append(f"on {wanted.filter.branch}")
    if wanted.workflow is not None:
        parts.append(f"of workflow {wanted.workflow}")
    if wanted.event is not None:
        parts.append(f"of event {wanted.event}")
    if wanted.conclusion is not None:
        parts.append(f"with conclusion {wanted.conclusion}")
    return " ".join(part for part in parts if part)
