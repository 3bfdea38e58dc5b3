"""The calls to GitHub's endpoints of workflow runs and commits.

Source: https://docs.github.com/rest/actions/workflow-runs
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from attrs import frozen

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.endpoints import read_as, read_listing
from ghartifacts_async._api.pagination import ListingPage
from ghartifacts_async.models import Run, RunPage

PAGE_SIZE = 100


@frozen
class _Committer:
    date: str


@frozen
class _GitCommit:
    committer: _Committer | None = None


@frozen
class Commit:
    """A commit in a history. Its `committed_at` was recorded by the committer's computer."""

    sha: str
    commit: _GitCommit

    @property
    def committed_at(self) -> datetime | None:
        """Time of the commit, in UTC if it has no time zone; None if GitHub names none."""
        committer = self.commit.committer
        try:
            moment = datetime.fromisoformat("" if committer is None else committer.date)
        except ValueError:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


@frozen
class _MergeBase:
    sha: str


@frozen
class Comparison:
    """Two commits, compared. `merge_base_commit` is their newest common ancestor."""

    merge_base_commit: _MergeBase


def list_runs(
    repository: str, workflow: int | str | None, query: Mapping[str, str], *, per_page: int
) -> ApiCall[ListingPage[Run]]:
    """Return the call for the first page of a repository's runs, or of a workflow's runs."""
    path = f"/repos/{repository}/actions/runs"
    if workflow is not None:
        path = f"/repos/{repository}/actions/workflows/{quote(str(workflow), safe='')}/runs"
    return ApiCall(
        "GET",
        path,
        partial(read_listing, RunPage),
        {"per_page": str(per_page), **query},
        conditional=True,
    )


def get_run(repository: str, run_id: int) -> ApiCall[Run]:
    """Return the call that gets a run in its latest attempt."""
    path = f"/repos/{repository}/actions/runs/{run_id}"
    return ApiCall("GET", path, partial(read_as, Run), conditional=True)


def get_attempt(repository: str, run_id: int, attempt: int) -> ApiCall[Run]:
    """Return the call that gets a run in one of its attempts."""
    path = f"/repos/{repository}/actions/runs/{run_id}/attempts/{attempt}"
    return ApiCall("GET", path, partial(read_as, Run), conditional=True)


def list_commits(repository: str, sha: str, page: int) -> ApiCall[tuple[Commit, ...]]:
    """Return the call that lists a page of a commit's history, beginning with the commit."""
    query = {"sha": sha, "per_page": str(PAGE_SIZE), "page": str(page)}
    path = f"/repos/{repository}/commits"
    return ApiCall("GET", path, partial(read_as, tuple[Commit, ...]), query, conditional=page == 1)


def compare(repository: str, base: str, head: str) -> ApiCall[Comparison]:
    """Return the call that compares two commits or branches."""
    path = f"/repos/{repository}/compare/{quote(base, safe='')}...{quote(head, safe='')}"
    return ApiCall("GET", path, partial(read_as, Comparison), {"per_page": "1"}, conditional=True)
