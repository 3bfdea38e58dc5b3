"""`Repo.list_runs` and `Repo.get_run`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghartifacts_async import Client, InvalidArgument, NotFound, Repo, UnexpectedReply
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.filters import Filter
from ghartifacts_async._http.messages import Response
from ghartifacts_async._runs import endpoints
from ghartifacts_async._runs.run_filter import RunFilter
from ghartifacts_async._runs.run_listing import RunListing
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.support import REPOSITORY
from tests.values import make_response, run_json

START = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_run_is_accepted_as_an_id(repo: Repo, fake_github: FakeGitHub) -> None:
    """A `Run` from a listing can be passed wherever a run id can, as can the id as text."""
    added = fake_github.add_run(REPOSITORY)
    fake_github.add_artifact(REPOSITORY, "dist", b"x", run_id=added.id)
    run = await repo.list_runs().first()
    assert run is not None
    for same in (run, run.id, str(run.id)):
        assert await repo.get_run(same) == run
        assert len(await repo.list_run_artifacts(same).collect()) == 1
        assert await repo.wait_for_run(same) == run
    with pytest.raises(NotFound):
        await repo.get_run(5)
    with pytest.raises(InvalidArgument, match="run_id"):
        await repo.get_run(0)


async def test_filters(repo: Repo, fake_github: FakeGitHub) -> None:
    """Each filter lists the matching runs; `branch` means the repository's own branch."""
    own = fake_github.add_run(REPOSITORY)
    fork = fake_github.add_run(REPOSITORY, head_repository="someone/octo-docs")
    lint = fake_github.add_run(REPOSITORY, workflow="lint.yml", event="schedule")
    bad = fake_github.add_run(REPOSITORY, branch="dev", conclusion="failure", actor="hubot")
    live = fake_github.add_run(REPOSITORY, branch="dev", status="in_progress")

    async def ids(**filters: object) -> list[int]:
        return [run.id async for run in repo.list_runs(**filters)]  # type: ignore[arg-type]

    assert await ids() == [live.id, bad.id, lint.id, fork.id, own.id]
    assert await ids(branch="main") == [lint.id, own.id]
    assert await ids(branch="main", from_fork=True) == [fork.id]
    assert await ids(workflow="lint.yml") == [lint.id]
    assert await ids(workflow=lint.workflow_id, event="schedule") == [lint.id]
    assert await ids(event="push", from_fork=False) == [live.id, bad.id, own.id]
    assert await ids(conclusion="failure") == [bad.id]
    assert await ids(status="in_progress") == [live.id]
    assert await ids(actor="HUBOT") == [bad.id]
    assert await ids(head_sha=own.head_sha) == [own.id]
    assert await ids(created_after=lint.created_at) == [live.id, bad.id, lint.id]
    assert await ids(created_before=lint.created_at) == [fork.id, own.id]
    assert await ids(exclude_pull_requests=True) == [live.id, bad.id, lint.id, fork.id, own.id]


async def test_a_filter_that_github_ignores(repo: Repo, fake_github: FakeGitHub) -> None:
    """A stale listing cannot make the library yield a run that it shows as not matching."""
    added = fake_github.add_run(REPOSITORY, status="in_progress")
    fake_github.distort_run_lists(freeze=True)
    fake_github.complete_run(added.id)
    assert await repo.list_runs(conclusion="success").collect() == []
    assert (await repo.get_run(added.id)).conclusion == "success"


async def test_lists_are_lazy(repo: Repo, gh: Client, fake_github: FakeGitHub) -> None:
    """The first run takes one call, even if there are thousands; pages have the total count."""
    for number in range(1500):
        fake_github.add_run(REPOSITORY, created_at=START + timedelta(minutes=number))
    listing = repo.list_runs(branch="main")
    assert gh.stats.calls == 0
    first = await listing.first()
    assert first is not None
    assert first.created_at == START + timedelta(minutes=1499)
    assert gh.stats.calls == 1
    pages = [page async for page in repo.list_runs().pages()]
    assert {page.total_count for page in pages} == {1500}
    assert sum(len(page.workflow_runs) for page in pages) == 1500


@pytest.mark.parametrize("spacing", [1, 60, 86_400])
async def test_more_than_a_thousand(repo: Repo, fake_github: FakeGitHub, spacing: int) -> None:
    """A filtered listing yields all runs, newest first, although GitHub returns 1,000 at most."""
    count = 2600
    added = [
        fake_github.add_run(REPOSITORY, created_at=START + timedelta(seconds=number * spacing)).id
        for number in range(count)
    ]
    listed = [run async for run in repo.list_runs(branch="main")]
    assert [run.id for run in listed] == added[::-1]
    requests = len(fake_github.requests)
    assert requests <= 1.6 * count / 100 + 12, requests
    some = repo.list_runs(
        created_after=START + timedelta(seconds=100 * spacing),
        created_before=START + timedelta(seconds=2000 * spacing),
    )
    assert [run.id async for run in some] == added[100:2000][::-1]
    assert [len(page.workflow_runs) async for page in some.pages()]


async def test_a_thousand_in_one_second(repo: Repo, fake_github: FakeGitHub) -> None:
    """If a second has more runs than GitHub returns, the listing fails instead of being short."""
    for _ in range(1001):
        fake_github.add_run(REPOSITORY, created_at=START)
    with pytest.raises(UnexpectedReply, match="cannot be split further"):
        await repo.list_runs(branch="main").collect()


async def test_a_listing_that_ends_early(repo: Repo, fake_github: FakeGitHub) -> None:
    """A limit ends the listing early; an error of GitHub reaches the caller."""
    for number in range(400):
        fake_github.add_run(REPOSITORY, created_at=START + timedelta(seconds=number))
    assert len(await repo.list_runs(branch="main").collect(limit=150)) == 150
    assert len(fake_github.requests) < 8
    fake_github.fail_next(Fault(404), path="/actions/runs$")
    with pytest.raises(NotFound):
        await repo.list_runs(branch="main").collect()
    assert "ghartifacts_async" not in repr(repo.list_runs(branch="main"))
    assert "branch=main" in repr(repo.list_runs(branch="main"))


class _EndlessApi:
    """An API that finds a thousand runs in every range without a start, and none in the others."""

    def __init__(self) -> None:
        self.calls = 0

    async def fetch(self, call: ApiCall[object]) -> Response:
        """Respond with one run, created a second before the end of the range."""
        self.calls += 1
        created = call.query.get("created", "*..2026-01-01T00:00:00Z")
        start, _, end = created.partition("..")
        if start != "*":
            return make_response(body={"total_count": 0, "workflow_runs": []})
        run = run_json(created_at=(datetime.fromisoformat(end) - timedelta(seconds=1)).isoformat())
        return make_response(body={"total_count": 1000, "workflow_runs": [run]})


async def test_a_listing_that_does_not_end() -> None:
    """A server that says of every range that it has too many runs is given up after 300 pages."""
    endless = _EndlessApi()
    api: Any = endless
    call = endpoints.list_runs(REPOSITORY, None, {"branch": "main"}, per_page=100)
    listing = RunListing(api, call, RunFilter(common=Filter(branch="main")), concurrency=1)
    with pytest.raises(UnexpectedReply, match="does not end: 300 pages in a row contain no new"):
        await listing.collect()
    assert endless.calls == 301
