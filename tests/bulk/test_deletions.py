"""Many deletions: at GitHub's pace, none skipped, and what is gone is gone."""

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
from tests.bulk.support import add, at_work
from tests.clock import EPOCH, fast, wall
from tests.support import QUICK, REPOSITORY

DAY = timedelta(days=1)


@pytest.fixture
async def quick(fake_github: FakeGitHub) -> Any:
    """The repository, of a client that keeps no pace."""
    url, limits = fake_github.url, RateLimitPolicy.unlimited()
    async with Client(fake_github.token, base_url=url, retry=QUICK, rate_limits=limits) as gh:
        yield gh.repo(REPOSITORY)


def deleted(fake: FakeGitHub) -> list[int]:
    """Ids of what was asked to be deleted, in that order."""
    return [int(one.path.rpartition("/")[2]) for one in fake.requests if one.method == "DELETE"]


async def test_each_has_an_outcome(quick: Repo, fake_github: FakeGitHub) -> None:
    """Artifacts and ids are deleted; what was gone counts as done, what fails stops nothing."""
    add(fake_github, 9)
    listed = await quick.list_artifacts().collect()
    fake_github.delete_artifact(3)
    fake_github.fail_next(Fault(403), path="/5$")
    wanted: list[Artifact | int] = [*listed[:-1], 1]
    outcomes = [one async for one in quick.delete_artifacts(wanted)]
    assert sorted(map(str, (one.artifact for one in outcomes))) == sorted(map(str, wanted))
    by_id = {getattr(one.artifact, "id", one.artifact): one for one in outcomes}
    assert [number for number, one in by_id.items() if one.already_gone] == [3]
    by_id[3].raise_for_error()
    with pytest.raises(PermissionDenied):
        by_id[5].raise_for_error()
    assert [one.id for one in fake_github.artifacts(REPOSITORY)] == [5]


async def test_nothing_is_gone_where_nothing_is_seen(quick: Repo, fake_github: FakeGitHub) -> None:
    """A repository that the token does not see is no repository whose artifacts are gone."""
    outcomes = [one async for one in quick.delete_artifacts([1, 2, 3])]
    assert [type(one.error) for one in outcomes] == [NotFound] * 3
    assert not any(one.already_gone for one in outcomes)
    assert len(fake_github.requests) == 9


async def test_leaving_stops_it(quick: Repo, fake_github: FakeGitHub) -> None:
    """Whoever leaves the loop deletes no more than was under way."""
    add(fake_github, 50)
    async for _ in quick.delete_artifacts(range(1, 51)):
        break
    await asyncio.sleep(0.05)
    assert at_work() == []
    count = len(fake_github.artifacts(REPOSITORY))
    assert count >= 50 - 1 - 3 * 4
    await asyncio.sleep(0.05)
    assert len(fake_github.artifacts(REPOSITORY)) == count


async def test_closing_the_client_ends_it(fake_github: FakeGitHub) -> None:
    """A client that closes ends its deletions, whatever they wait for."""
    add(fake_github, 5)
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        outcomes = gh.repo(REPOSITORY).delete_artifacts([1, 2, 3])
        await anext(outcomes)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(0.01)
    with pytest.raises(ClientStateError):
        await waiting


async def test_a_dry_run_tells_what_the_real_one_does(quick: Repo, fake_github: FakeGitHub) -> None:
    """By default nothing is deleted; the same call in earnest deletes just what was told."""
    today = datetime.now(UTC)
    for number in range(30):
        created = today - number * DAY
        name = random.Random(number).choice(["dist", "logs", "cov-1", "cov-2"])
        fake_github.add_artifact(REPOSITORY, name, b"x" * number, created_at=created)
    criteria: dict[str, Any] = {"older_than": 5 * DAY, "keep_latest": 2, "max_total_size": 40}
    told = await quick.prune(**criteria)
    assert (told.dry_run, told.deleted) == (True, 0)
    assert deleted(fake_github) == []
    assert told.size == sum(one.size_in_bytes for one in told.artifacts)
    done = await quick.prune(**criteria, dry_run=False)
    assert done.artifacts == told.artifacts
    assert (done.dry_run, done.deleted, done.kept) == (False, len(told.artifacts), told.kept)
    assert sorted(deleted(fake_github)) == sorted(one.id for one in told.artifacts)
    assert len(fake_github.artifacts(REPOSITORY)) == told.kept
    assert (await quick.prune(**criteria)).artifacts == ()


async def test_others_are_left_alone(quick: Repo, fake_github: FakeGitHub) -> None:
    """What `name` and `pattern` do not choose is neither deleted nor counted."""
    for name in ("dist", "cov-1", "cov-2", "logs"):
        fake_github.add_artifact(REPOSITORY, name, b"x")
    told = await quick.prune(keep_latest=0, name="dist")
    assert ([one.name for one in told.artifacts], told.kept) == (["dist"], 0)
    told = await quick.prune(max_total_size=1, pattern="cov-*")
    assert ([one.name for one in told.artifacts], told.kept) == (["cov-1"], 1)


async def test_failures_of_a_pruning(quick: Repo, fake_github: FakeGitHub) -> None:
    """What cannot be deleted is told of, also where a 404 hides that it is there."""
    add(fake_github, 4)
    fake_github.fail_next(403, path="/2$")
    fake_github.fail_next(404, path="/3$")
    report = await quick.prune(keep_latest=0, dry_run=False)
    assert report.deleted == 2
    assert sorted(one.artifact.id for one in report.failures) == [2, 3]  # type: ignore[union-attr]
    with pytest.raises(ExceptionGroup):
        report.raise_for_errors()


@pytest.mark.parametrize(
    "criteria",
    [{}, {"name": "dist"}, {"dry_run": False}, {"keep_latest": -1}, {"older_than": 7},
     {"max_total_size": "1 GiB"}],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be_right(
    quick: Repo, fake_github: FakeGitHub, criteria: dict[str, Any]
) -> None:
    """A pruning that is asked for nothing, or for nonsense, asks nothing."""
    with pytest.raises(InvalidArgument):
        await quick.prune(**criteria)
    with pytest.raises(InvalidArgument):
        quick.delete_artifacts(7)  # type: ignore[arg-type]
    assert fake_github.requests == []


@fast
async def test_a_large_pruning_trips_no_limit() -> None:
    """Three thousand go at GitHub's pace, a second apart, and no limit is met."""
    async with FakeGitHub(now=wall, limits=FakeLimits(primary=5000)) as fake:
        for number in range(3300):
            created = datetime.fromtimestamp(EPOCH, UTC) - timedelta(hours=number)
            fake.add_artifact(REPOSITORY, "dist", b"x", created_at=created)
        async with Client(fake.token, base_url=fake.url) as gh:
            report = await gh.repo(REPOSITORY).prune(keep_latest=300, dry_run=False)
            assert (report.deleted, report.failures) == (3000, ())
        assert fake.secondary_trips == 0
        assert fake.sent_while_told_to_wait == 0
        assert {request.status for request in fake.requests} <= {200, 204}
        assert len(deleted(fake)) == 3000
        assert 2999 <= now() < 3100
