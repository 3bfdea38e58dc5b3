"""Listings of a repository while others upload and delete artifacts."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Client, RateLimitPolicy
from ghartifacts_async.testing import FakeGitHub, LoggedRequest
from tests.support import QUICK, REPOSITORY
from tests.values import examples

RUN = 7


class ChangingRepository:
    """A repository whose artifacts, all from one workflow run, change at random."""

    def __init__(self, fake: FakeGitHub, rng: random.Random, count: int) -> None:
        self._fake = fake
        self._chance = rng
        fake.add_repository(REPOSITORY)
        fake.add_run(REPOSITORY, RUN)
        self._there = [self._upload() for _ in range(count)]
        self.stayed = set(self._there)

    def _upload(self) -> int:
        return self._fake.add_artifact(REPOSITORY, "dist", b"", run_id=RUN).id

    def change(self) -> None:
        """Upload some artifacts, delete some, or do both, which may leave the total unchanged."""
        rng = self._chance
        count = rng.choice([0, 1, 1, 2, 3, rng.randrange(40)])
        what = rng.choice(["upload", "delete", "both"])
        if what != "upload":
            start = rng.randrange(len(self._there) + 1)
            for artifact_id in self._there[start : start + count]:
                self._fake.delete_artifact(artifact_id)
            self.stayed -= set(self._there[start : start + count])
            del self._there[start : start + count]
        if what != "delete":
            self._there += [self._upload() for _ in range(count)]

    def during_a_call(self, _: LoggedRequest) -> None:
        """Change at random when a page is requested, as a callback of `FakeGitHub.fail_when`."""
        if self._chance.random() < 0.4:
            self.change()


async def check_listing(
    seed: int, count: int, per_page: int, concurrency: int, direction: str
) -> None:
    """List a repository while it changes between and during calls, and check the result."""
    rng = random.Random(seed)
    async with FakeGitHub(limits=None) as fake:
        repository = ChangingRepository(fake, rng, count)
        fake.fail_when(repository.during_a_call)
        async with Client(
            fake.token, base_url=fake.url, retry=QUICK, rate_limits=RateLimitPolicy.unlimited()
        ) as gh:
            repo = gh.repo(REPOSITORY)
            if direction == "asc":
                listing = repo.list_run_artifacts(
                    RUN, direction="asc", per_page=per_page, concurrency=concurrency
                )
            else:
                listing = repo.list_artifacts(per_page=per_page, concurrency=concurrency)
            found = []
            async for artifact in listing:
                found.append(artifact.id)
                if rng.random() < 0.02:
                    repository.change()
        assert len(found) == len(set(found))
        assert repository.stayed <= set(found)


@examples(60)
@given(
    st.integers(0, 2**32),
    st.integers(0, 700),
    st.sampled_from([10, 50, 100]),
    st.sampled_from([1, 4, 8]),
    st.sampled_from(["desc", "asc"]),
)
def test_remaining_artifacts_are_listed_once(
    seed: int, count: int, per_page: int, concurrency: int, direction: str
) -> None:
    """Artifacts that are not deleted are listed exactly once while others come and go."""
    asyncio.run(check_listing(seed, count, per_page, concurrency, direction))


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_deleting_while_listing_skips_nothing(
    fake_github: FakeGitHub, concurrency: int
) -> None:
    """Deleting each artifact while iterating over the listing deletes all artifacts."""
    for _ in range(350):
        fake_github.add_artifact(REPOSITORY, "dist", b"")
    async with Client(
        fake_github.token, base_url=fake_github.url, rate_limits=RateLimitPolicy.unlimited()
    ) as gh:
        repo = gh.repo(REPOSITORY)
        async for artifact in repo.list_artifacts(concurrency=concurrency):
            await repo.delete_artifact(artifact)
    assert fake_github.artifacts(REPOSITORY) == []
