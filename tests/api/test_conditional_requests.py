"""Unchanged responses are served from memory and do not count against the primary limit."""

from __future__ import annotations

from typing import Any

import pytest

from ghartifacts_async.testing import FakeLimits
from tests.api.support import World, world
from tests.clock import fast
from tests.support import REPOSITORY


def statuses(made: World) -> list[int | None]:
    """Return the statuses of the requests so far."""
    return [request.status for request in made.fake.requests]


@fast
async def test_unchanged_responses_come_from_memory() -> None:
    """A repeated get or listing is free and served from memory until the artifacts change."""
    async with world(fake={"limits": FakeLimits(primary=6)}) as made:
        for _ in range(5):
            assert (await made.repo.get_artifact(made.artifact)).name == "dist"
            assert [listed.id async for listed in made.repo.list_artifacts()] == [made.artifact]
        assert statuses(made) == [200, 200] + [304] * 8
        assert made.gh.stats.not_modified == 8
        assert made.gh.rate_limit is not None
        assert made.gh.rate_limit.used == 2
        new = made.fake.add_artifact(REPOSITORY, "new", b"x").id
        assert [listed.id async for listed in made.repo.list_artifacts()] == [new, made.artifact]
        made.fake.expire_artifact(made.artifact)
        assert (await made.repo.get_artifact(made.artifact)).expired
        assert statuses(made)[-2:] == [200, 200]


@fast
async def test_conditional_requests_can_be_disabled() -> None:
    """With `conditional=False` no response is kept and no conditional request is sent."""
    async with world(conditional=False) as made:
        for _ in range(3):
            await made.repo.get_artifact(made.artifact)
        assert statuses(made) == [200] * 3
        assert not any("If-None-Match" in request.headers for request in made.fake.requests)
        assert made.gh.stats.not_modified == 0


@fast
async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most recently used responses are kept, up to a fixed number of bytes."""
    monkeypatch.setattr("ghartifacts_async._api.etag_cache.CAPACITY", 50_000)
    async with world() as made:
        ids = [made.fake.add_artifact(REPOSITORY, "x", b"").id for _ in range(30)]
        for artifact_id in ids[:5]:
            await made.repo.get_artifact(artifact_id)
        for artifact_id in ids[5:]:
            await made.repo.get_artifact(ids[0])
            await made.repo.get_artifact(artifact_id)
        made.fake.clear_requests()
        for artifact_id in (ids[0], ids[-1], ids[1]):
            await made.repo.get_artifact(artifact_id)
        assert statuses(made) == [304, 304, 200]


@pytest.mark.parametrize("status", [301, 307])
@fast
async def test_responses_of_a_renamed_repository_are_kept(status: Any) -> None:
    """Responses of a renamed repository are kept in memory too."""
    async with world() as made:
        made.fake.rename_repository(REPOSITORY, "octo-org/new", status=status)
        for _ in range(2):
            await made.repo.get_artifact(made.artifact)
        assert statuses(made)[-1] == 304
        assert made.gh.stats.not_modified == 1
