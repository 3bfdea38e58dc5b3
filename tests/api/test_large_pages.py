"""Listings of a server that fails to make large pages."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable

import pytest

from ghartifacts_async import Client, RateLimitPolicy, RetryPolicy, ServerError
from ghartifacts_async.testing import FakeGitHub, Fault, LoggedRequest
from tests.support import QUICK, REPOSITORY


@pytest.fixture
async def gh(fake_github: FakeGitHub) -> AsyncIterator[Client]:
    """Return a client with quick retries and no rate limits of its own."""
    async with Client(
        fake_github.token,
        base_url=fake_github.url,
        retry=QUICK,
        rate_limits=RateLimitPolicy.unlimited(),
    ) as gh:
        yield gh


def fill(fake: FakeGitHub, count: int) -> list[int]:
    """Upload artifacts, and return their ids, the newest first."""
    ids = [fake.add_artifact(REPOSITORY, "dist", b"", run_id=7).id for _ in range(count)]
    return ids[::-1]


def size_of(request: LoggedRequest) -> int:
    """Return the page size of a request, or 0."""
    return int(request.query.get("per_page", "0"))


def larger_than(limit: int, status: int = 502) -> Callable[[LoggedRequest], int | None]:
    """Return a fault of all pages with more than `limit` artifacts."""
    return lambda request: status if size_of(request) > limit else None


def sizes(fake: FakeGitHub) -> list[int]:
    """Return the page sizes that were requested, in order."""
    return [size_of(request) for request in fake.requests if "per_page" in request.query]


@pytest.mark.parametrize("per_page", [100, 99, 30, 11, 10, 3, 2, 1])
async def test_no_page_is_larger_than_per_page(
    gh: Client, fake_github: FakeGitHub, per_page: int
) -> None:
    """`per_page` is the largest size of all pages of a listing, not only of the first one."""
    ids = fill(fake_github, 130)
    listing = gh.repo(REPOSITORY).list_artifacts(per_page=per_page)
    assert [artifact.id async for artifact in listing] == ids
    assert max(sizes(fake_github)) == per_page


@pytest.mark.parametrize("status", [500, 502, 503, 504, 524])
@pytest.mark.parametrize("limit", [60, 30, 13, 10])
async def test_a_page_that_fails_is_requested_in_halves(
    gh: Client, fake_github: FakeGitHub, limit: int, status: int
) -> None:
    """If the server fails twice to make a page, smaller pages are read, down to ten artifacts."""
    ids = fill(fake_github, 230)
    fake_github.fail_when(larger_than(limit, status))
    listing = gh.repo(REPOSITORY).list_artifacts()
    assert [artifact.id async for artifact in listing] == ids
    assert sizes(fake_github)[:3] == [100, 100, 50]


@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_pages_shrink_in_the_middle_of_a_listing(
    gh: Client, fake_github: FakeGitHub, direction: str
) -> None:
    """If only later pages are too large, the listing continues with smaller ones where it was."""
    ids = fill(fake_github, 1000)

    def fail(request: LoggedRequest) -> int | None:
        start = (int(request.query.get("page", "1")) - 1) * size_of(request)
        return 502 if start > 400 and size_of(request) > 30 else None

    fake_github.fail_when(fail)
    listing = gh.repo(REPOSITORY).list_run_artifacts(7, direction=direction)  # type: ignore[arg-type]
    found = [artifact.id async for artifact in listing]
    assert found == (ids if direction == "desc" else ids[::-1])


@pytest.mark.parametrize("seed", range(4))
async def test_pages_shrink_while_the_listing_changes(
    gh: Client, fake_github: FakeGitHub, seed: int
) -> None:
    """Halving pages neither loses nor repeats artifacts while others are uploaded and deleted."""
    ids, rng = fill(fake_github, 700), random.Random(seed)
    kept = set(ids)

    def fail(request: LoggedRequest) -> int | None:
        if rng.random() < 0.5 and kept:
            gone = rng.choice(sorted(kept))
            kept.discard(gone)
            fake_github.delete_artifact(gone)
        if rng.random() < 0.4:
            fake_github.add_artifact(REPOSITORY, "new", b"", run_id=7)
        return 502 if size_of(request) > rng.choice([20, 40, 100]) else None

    fake_github.fail_when(fail)
    found = [artifact.id async for artifact in gh.repo(REPOSITORY).list_artifacts()]
    assert len(found) == len(set(found))
    assert kept <= set(found)


async def test_one_server_error_leaves_the_size_of_pages(
    gh: Client, fake_github: FakeGitHub
) -> None:
    """A single server error is retried with a page of the same size."""
    ids = fill(fake_github, 150)
    fake_github.fail_next(502)
    assert [artifact.id async for artifact in gh.repo(REPOSITORY).list_artifacts()] == ids
    assert sizes(fake_github) == [100, 100, 98]


async def test_runs_are_listed_in_smaller_pages_too(gh: Client, fake_github: FakeGitHub) -> None:
    """Listings of runs shrink their pages too, and remember the size for their other requests."""
    for number in range(1, 121):
        fake_github.add_run(REPOSITORY, number, event="push")
    fake_github.fail_when(larger_than(30))
    runs = await gh.repo(REPOSITORY).list_runs(event="push").collect()
    assert {run.id for run in runs} == set(range(1, 121))
    assert sizes(fake_github).count(100) == 2


async def test_an_outage_raises_the_error_of_the_server(
    gh: Client, fake_github: FakeGitHub
) -> None:
    """If pages of any size fail, the smallest one is retried, and then its error is raised."""
    fill(fake_github, 5)
    fake_github.fail_when(lambda _: Fault(502))
    with pytest.raises(ServerError, match="502") as caught:
        await gh.repo(REPOSITORY).list_artifacts().collect()
    assert caught.value.attempts == QUICK.attempts
    assert sizes(fake_github) == [100, 100, 50, 50, 25, 25, 12, 12] + [10] * QUICK.attempts


async def test_without_retries_a_page_is_not_halved(fake_github: FakeGitHub) -> None:
    """With a single attempt per call, the first server error is raised."""
    fill(fake_github, 5)
    fake_github.fail_when(larger_than(30))
    async with Client(
        fake_github.token, base_url=fake_github.url, retry=RetryPolicy(attempts=1)
    ) as gh:
        with pytest.raises(ServerError):
            await gh.repo(REPOSITORY).list_artifacts().collect()
    assert sizes(fake_github) == [100]
