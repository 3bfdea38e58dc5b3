"""Find the newest artifact that matches, or several matching artifacts that come from one run.

A search reads GitHub's listing of artifacts, ordered by time of creation, and requests the run of
each candidate by its id. It does not use listings of runs, because they have been seen to be stale,
incomplete and unordered.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta

from attrs import define, field

from ghartifacts_async._api import endpoints as artifact_endpoints
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._api.filters import Filter
from ghartifacts_async._api.listing import ArtifactListing
from ghartifacts_async._runs import endpoints
from ghartifacts_async._runs.selection import (
    DELETED,
    Rejection,
    Resolution,
    Wanted,
    age_key,
    attempt_of,
    is_pattern,
    matches_name,
    nearest_miss,
    newest_by_name,
    select_names,
)
from ghartifacts_async.errors import NotFound
from ghartifacts_async.models import Artifact, Run

LOOKAHEAD = 100
"""Number of artifacts by which GitHub's order may differ from that of the times of creation."""

MAX_RUNS = 200
"""Maximum number of runs that one search requests, so that it cannot use up the rate limit."""

_MAX_COMMIT_PAGES = 20
"""Number of pages of a commit's history that a search reads, for the same reason."""

_MAX_ATTEMPTS = 100
"""Number of earlier attempts of a run that a search requests. GitHub allows 50 re-runs.

Source: https://docs.github.com/actions/reference/limits
"""

_CLOCK_ERROR = timedelta(days=1)
"""Tolerated error of the times of commits, which the committers' computers recorded."""


async def newest_first(
    listing: ArtifactListing, wanted: str | None = None
) -> AsyncGenerator[Artifact, None]:
    """Yield the artifacts of a listing by time of creation, newest first.

    Args:
        listing: The artifacts.
        wanted: A name or pattern that the artifacts must match, or None.
    """
    waiting: list[tuple[tuple[float, int], Artifact]] = []
    async with aclosing(listing.__aiter__()) as artifacts:
        async for artifact in artifacts:
            if wanted is None or matches_name(wanted, artifact.name):
                heapq.heappush(waiting, (age_key(artifact), artifact))
            if len(waiting) > LOOKAHEAD:
                yield heapq.heappop(waiting)[1]
    while waiting:
        yield heapq.heappop(waiting)[1]


@define(eq=False)
class Search:
    """One search, with the runs that it has requested and the artifacts that it passed over.

    Attributes:
        api: Makes API calls.
        repository: ``owner/name``.
        wanted: What an artifact must satisfy.
        what: Description of the artifacts that are searched for, for error messages.
    """

    api: ApiClient
    repository: str
    wanted: Wanted
    what: str
    rejected: list[Rejection] = field(factory=list)
    _runs: dict[int, Run | None] = field(factory=dict)
    _left: int = MAX_RUNS

    async def latest(self, listing: ArtifactListing) -> Artifact:
        """Return the newest artifact of a listing that is wanted; see `Repo.latest_artifact`."""
        async with aclosing(newest_first(listing)) as candidates:
            async for artifact in candidates:
                if await self._accepts(artifact):
                    return artifact
        raise self._not_found()

    async def resolve(
        self,
        candidates: AsyncIterator[Artifact],
        names: Sequence[str],
        required: Sequence[str],
    ) -> Resolution:
        """Return the artifacts of the first candidate's run that has all required artifacts.

        Args:
            candidates: Artifacts of the runs to consider, in the order of preference.
            names: Names and patterns of the wanted artifacts.
            required: Those of `names` that must match at least one artifact.
        """
        tried: set[int | None] = set()
        async for artifact in candidates:
            run_id = None if artifact.workflow_run is None else artifact.workflow_run.id
            if run_id in tried:
                continue
            tried.add(run_id)
            if not await self._accepts(artifact, with_run=True):
                continue
            run = await self._run_of(artifact)
            assert run is not None
            only = len(names) == 1 and not is_pattern(names[0])
            found = {artifact.name: artifact} if only else await self._artifacts_of(run)
            selected, reason = select_names(
                names, required, found, expired=self.wanted.include_expired
            )
            if reason is None:
                attempt = await self._attempt(run, min(selected.values(), key=age_key))
                return Resolution(run, selected, attempt, tuple(self.rejected))
            self.rejected.append(Rejection(artifact, reason, run))
        raise self._not_found()

    async def by_ancestry(
        self, artifacts: AsyncGenerator[Artifact, None], start: str
    ) -> AsyncGenerator[Artifact, None]:
        """Yield the artifacts that belong to the history of a commit, nearest first.

        The commits are in the order of ``git log``. Artifacts of one commit are yielded by time of
        creation, newest first. They are read only until they are older than the commit.

        Args:
            artifacts: The artifacts to choose from, newest first.
            start: The commit or branch whose history to follow.
        """
        waiting: dict[str | None, list[Artifact]] = {}
        exhausted = False
        async with aclosing(artifacts), aclosing(self._history(start)) as history:
            async for commit in history:
                while not exhausted:
                    artifact = await anext(artifacts, None)
                    if artifact is None:
                        exhausted = True
                        break
                    sha = None if artifact.workflow_run is None else artifact.workflow_run.head_sha
                    waiting.setdefault(sha, []).append(artifact)
                    if is_older(artifact, commit):
                        break
                for artifact in waiting.pop(commit.sha, ()):
                    yield artifact
                if exhausted and not waiting:
                    break
        for left in waiting.values():
            self.rejected += [Rejection(one, "of a run of another commit") for one in left]

    async def merge_base(self, base: str, head: str) -> str:
        """Return the newest common ancestor of two commits or branches."""
        compared = await self.api.call(endpoints.compare(self.repository, base, head))
        return compared.merge_base_commit.sha

    async def _history(self, start: str) -> AsyncGenerator[endpoints.Commit, None]:
        for page in range(1, _MAX_COMMIT_PAGES + 1):
            commits = await self.api.call(endpoints.list_commits(self.repository, start, page))
            for commit in commits:
                yield commit
            if len(commits) < endpoints.PAGE_SIZE:
                return

    async def _accepts(self, artifact: Artifact, *, with_run: bool = False) -> bool:
        """Return True if an artifact is wanted, requesting its run if necessary."""
        reason, run = self.wanted.rejects_artifact(artifact), None
        needed = with_run or self.wanted.needs_run or not self.wanted.knows_origin(artifact)
        if reason is None and needed:
            run = await self._run_of(artifact)
            reason = DELETED if run is None else self.wanted.rejects_run(run)
        if reason is not None:
            self.rejected.append(Rejection(artifact, reason, run))
        return reason is None

    async def _run_of(self, artifact: Artifact) -> Run | None:
        """Return the run of an artifact, or None if it was deleted."""
        assert artifact.workflow_run is not None
        run_id = artifact.workflow_run.id
        assert run_id is not None
        if run_id not in self._runs:
            if not self._left:
                raise self._not_found(f"; only {MAX_RUNS} runs were considered")
            self._left -= 1
            try:
                self._runs[run_id] = await self.api.call(endpoints.get_run(self.repository, run_id))
            except NotFound:
                self._runs[run_id] = None
        return self._runs[run_id]

    async def _artifacts_of(self, run: Run) -> dict[str, Artifact]:
        """Return the newest artifact of each name in a run."""
        call = artifact_endpoints.list_run_artifacts(
            self.repository, run.id, name=None, direction="desc", per_page=endpoints.PAGE_SIZE
        )
        listing = ArtifactListing(self.api, call, Filter(run_id=run.id), concurrency=4)
        return newest_by_name(await listing.collect())

    async def _attempt(self, run: Run, artifact: Artifact) -> int | None:
        """Return the attempt that uploaded an artifact, judging by the times of the attempts."""
        known = attempt_of(run, artifact)
        if known is not None or artifact.created_at is None:
            return known
        earlier = range(run.run_attempt - 1, 1, -1)
        for number in earlier[:_MAX_ATTEMPTS]:
            call = endpoints.get_attempt(self.repository, run.id, number)
            try:
                attempt = await self.api.call(call)
            except NotFound:
                return None
            if attempt_of(attempt, artifact) is not None:
                return number
        return None if earlier[_MAX_ATTEMPTS:] else 1

    def _not_found(self, hint: str = "") -> NotFound:
        # The reasons quote what the server says about runs.
        miss = self.api.redact(nearest_miss(self.rejected))
        return NotFound(f"{self.repository} has no {self.what}: {miss}{hint}", status=404)


def is_older(artifact: Artifact, commit: endpoints.Commit) -> bool:
    """Return True if an artifact, and so all that follow it, is certainly older than a commit."""
    created, committed = artifact.created_at, commit.committed_at
    return bool(created and committed and committed - created > _CLOCK_ERROR)
