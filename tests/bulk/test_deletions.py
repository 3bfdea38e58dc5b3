"""Deleting many artifacts, and pruning a repository."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghartifacts_async import (
    Artifact,
    Client,
    ClientStateError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RateLimitPolicy,
    Repo,
)
from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.api.support import now
from tests.bulk.support import add, library_tasks
from tests.clock import EPOCH, fast, wall
from tests.support import QUICK, REPOSITORY

DAY = timedelta(days=1)


@pytest.fixture
async def quick(fake_github: FakeGitHub) -> Any:
    """The repository, from a client without rate limits."""
    url, limits = fake_github.url, RateLimitPolicy.unlimited()
    async with Client(fake_github.token, base_url=url, retry=QUICK, rate_limits=limits) as gh:
        yield gh.repo(REPOSITORY)


def deleted(fake: FakeGitHub) -> list[int]:
    """Return the ids in the DELETE requests, in order."""
    return [
        int(request.path.rpartition("/")[2])
        for request in fake.requests
        if request.method == "DELETE"
    ]


async def test_each_artifact_has_an_outcome(quick: Repo, fake_github: FakeGitHub) -> None:
    """A missing artifact is reported as already gone, and a failure does not stop the others."""
    add(fake_github, 9)
    listed = await quick.list_artifacts().collect()
    fake_github.delete_artifact(3)
    fake_github.fail_next(Fault(403), path="/5$")
    artifacts: list[Artifact | int] = [*listed[:-1], 1]
    outcomes = [outcome async for outcome in quick.delete_artifacts(artifacts)]
    assert sorted(str(outcome.artifact) for outcome in outcomes) == sorted(map(str, artifacts))
    by_id = {getattr(outcome.artifact, "id", outcome.artifact): outcome for outcome in outcomes}
    assert [number for number, outcome in by_id.items() if outcome.already_gone] == [3]
    by_id[3].raise_for_error()
    with pytest.raises(PermissionDenied):
        by_id[5].raise_for_error()
    assert [artifact.id for artifact in fake_github.artifacts(REPOSITORY)] == [5]


async def test_an_invisible_repository_is_not_found(quick: Repo, fake_github: FakeGitHub) -> None:
    """If the token cannot see the repository, its artifacts do not count as already gone."""
    outcomes = [outcome async for outcome in quick.delete_artifacts([1, 2, 3])]
    assert [type(outcome.error) for outcome in outcomes] == [NotFound] * 3
    assert not any(outcome.already_gone for outcome in outcomes)
    assert len(fake_github.requests) == 9


async def test_a_lost_response_of_a_deletion(quick: Repo, fake_github: FakeGitHub) -> None:
    """If the first attempt deleted the artifact but its response was lost, it counts as deleted."""
    add(fake_github, 2)
    fake_github.fail_next(Fault(502, after=True), method="DELETE")
    await quick.delete_artifact(1)
    fake_github.fail_next(Fault(502, after=True), method="DELETE")
    (outcome,) = [each async for each in quick.delete_artifacts([2])]
    assert (outcome.error, outcome.already_gone) == (None, False)
    assert fake_github.artifacts(REPOSITORY) == []
    with pytest.raises(NotFound):
        await quick.delete_artifact(1)


@pytest.mark.parametrize("visible", [True, False])
async def test_a_refused_deletion_is_no_success(
    gh: Client, fake_github: FakeGitHub, visible: bool
) -> None:
    """A 404 after a failed attempt is no success if the artifact or repository is out of reach."""
    add(fake_github, 1)
    repo = gh.repo(REPOSITORY if visible else "octo-org/mistyped")
    for _ in range(2):
        fake_github.fail_next(502, 404, method="DELETE")
        with pytest.raises(NotFound):
            await repo.delete_artifact(1)
        fake_github.fail_next(502, 404, method="DELETE")
        (outcome,) = [each async for each in repo.delete_artifacts([1])]
        assert isinstance(outcome.error, NotFound)
    assert len(fake_github.artifacts(REPOSITORY)) == 1


async def test_leaving_the_loop_stops_deleting(quick: Repo, fake_github: FakeGitHub) -> None:
    """After the caller leaves the loop, only the deletions that were already running complete."""
    add(fake_github, 50)
    async for _ in quick.delete_artifacts(range(1, 51)):
        break
    await asyncio.sleep(0.05)
    assert library_tasks() == []
    count = len(fake_github.artifacts(REPOSITORY))
    assert count >= 50 - 1 - 3 * 4
    await asyncio.sleep(0.05)
    assert len(fake_github.artifacts(REPOSITORY)) == count


async def test_closing_the_client_ends_the_deletions(fake_github: FakeGitHub) -> None:
    """Closing the client ends its deletions with ClientStateError."""
    add(fake_github, 5)
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        outcomes = gh.repo(REPOSITORY).delete_artifacts([1, 2, 3])
        await anext(outcomes)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(0.01)
    with pytest.raises(ClientStateError):
        await waiting


async def test_a_dry_run_reports_what_would_be_deleted(
    quick: Repo, fake_github: FakeGitHub
) -> None:
    """By default nothing is deleted; `dry_run=False` deletes exactly what a dry run reports."""
    today = datetime.now(UTC)
    for number in range(30):
        created = today - number * DAY
        name = random.Random(number).choice(["dist", "logs", "cov-1", "cov-2"])
        fake_github.add_artifact(REPOSITORY, name, b"x" * number, created_at=created)
    criteria: dict[str, Any] = {"older_than": 5 * DAY, "keep_latest": 2, "max_total_size": 40}
    planned = await quick.prune(**criteria)
    assert (planned.dry_run, planned.deleted) == (True, 0)
    assert deleted(fake_github) == []
    assert planned.size == sum(artifact.size_in_bytes for artifact in planned.artifacts)
    done = await quick.prune(**criteria, dry_run=False)
    assert done.artifacts == planned.artifacts
    assert (done.dry_run, done.deleted) == (False, len(planned.artifacts))
    assert done.kept == planned.kept
    assert sorted(deleted(fake_github)) == sorted(artifact.id for artifact in planned.artifacts)
    assert len(fake_github.artifacts(REPOSITORY)) == planned.kept
    assert (await quick.prune(**criteria)).artifacts == ()


async def test_prune_by_name_and_pattern(quick: Repo, fake_github: FakeGitHub) -> None:
    """Artifacts that `name` or `pattern` exclude are neither deleted nor counted as kept."""
    for name in ("dist", "cov-1", "cov-2", "logs"):
        fake_github.add_artifact(REPOSITORY, name, b"x")
    report = await quick.prune(keep_latest=0, name="dist")
    assert ([artifact.name for artifact in report.artifacts], report.kept) == (["dist"], 0)
    report = await quick.prune(max_total_size=1, pattern="cov-*")
    assert ([artifact.name for artifact in report.artifacts], report.kept) == (["cov-1"], 1)


async def test_prune_reports_failed_deletions(quick: Repo, fake_github: FakeGitHub) -> None:
    """A failed deletion is reported, even if GitHub answers 404 for an artifact that exists."""
    add(fake_github, 4)
    fake_github.fail_next(403, path="/2$")
    fake_github.fail_next(404, path="/3$")
    report = await quick.prune(keep_latest=0, dry_run=False)
    assert report.deleted == 2
    assert sorted(failure.artifact.id for failure in report.failures) == [2, 3]  # type: ignore[union-attr]
    with pytest.raises(ExceptionGroup):
        report.raise_for_errors()


@pytest.mark.parametrize(
    "criteria",
    [{}, {"name": "dist"}, {"dry_run": False}, {"keep_latest": -1}, {"older_than": 7},
     {"max_total_size": "1 GiB"}],
    ids=str,
)  # fmt: skip
async def test_invalid_arguments(
    quick: Repo, fake_github: FakeGitHub, criteria: dict[str, Any]
) -> None:
    """Without criteria, or with invalid arguments, InvalidArgument is raised before any request."""
    with pytest.raises(InvalidArgument):
        await quick.prune(**criteria)
    with pytest.raises(InvalidArgument):
        quick.delete_artifacts(7)  # type: ignore[arg-type]
    assert fake_github.requests == []


@fast
async def test_pruning_many_artifacts_exceeds_no_rate_limit() -> None:
    """3,000 deletions are sent a second apart and exceed none of GitHub's rate limits."""
    async with FakeGitHub(now=wall, limits=FakeLimits(primary=5000)) as fake:
        for number in range(3300):
            created = datetime.fromtimestamp(EPOCH, UTC) - timedelta(hours=number)
            fake.add_artifact(REPOSITORY, "dist", b"x", created_at=created)
        async with Client(fake.token, base_url=fake.url) as gh:
            report = await gh.repo(REPOSITORY).prune(keep_latest=300, dry_run=False)
            assert (report.deleted, report.failures) == (3000, ())
        assert fake.secondary_limit_hits == 0
        assert fake.wait_violations == 0
        assert {request.status for request in fake.requests} <= {200, 204}
        assert len(deleted(fake)) == 3000
        assert 2999 <= now() < 3100
