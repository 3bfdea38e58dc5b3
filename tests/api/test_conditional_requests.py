"""Unchanged responses are served from memory and do not count against the primary rate limit."""

from __future__ import annotations

from typing import Any

import pytest

from ghartifacts_async import UnexpectedReply
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.etag_cache import EtagCache
from ghartifacts_async.testing import FakeLimits
from tests.api.support import World, open_world
from tests.clock import fast
from tests.support import REPOSITORY
from tests.values import make_response


def statuses(world: World) -> list[int | None]:
    """Return the statuses of the requests so far."""
    return [request.status for request in world.fake.requests]


@fast
async def test_unchanged_responses_come_from_memory() -> None:
    """A repeated get or listing of unchanged artifacts is served from memory and uses no quota."""
    async with open_world(fake={"limits": FakeLimits(primary=6)}) as world:
        for _ in range(5):
            assert (await world.repo.get_artifact(world.artifact)).name == "dist"
            assert [listed.id async for listed in world.repo.list_artifacts()] == [world.artifact]
        assert statuses(world) == [200, 200] + [304] * 8
        assert world.gh.stats.not_modified == 8
        assert world.gh.rate_limit is not None
        assert world.gh.rate_limit.used == 2
        new = world.fake.add_artifact(REPOSITORY, "new", b"x").id
        assert [listed.id async for listed in world.repo.list_artifacts()] == [new, world.artifact]
        world.fake.expire_artifact(world.artifact)
        assert (await world.repo.get_artifact(world.artifact)).expired
        assert statuses(world)[-2:] == [200, 200]


@fast
async def test_conditional_requests_can_be_disabled() -> None:
    """With `conditional=False` no response is kept and no conditional request is sent."""
    async with open_world(conditional=False) as world:
        for _ in range(3):
            await world.repo.get_artifact(world.artifact)
        assert statuses(world) == [200] * 3
        assert not any("If-None-Match" in request.headers for request in world.fake.requests)
        assert world.gh.stats.not_modified == 0


@fast
async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most recently used responses are kept, up to a fixed number of bytes."""
    # Filling the real capacity would take thousands of calls.
    monkeypatch.setattr("ghartifacts_async._api.etag_cache.CAPACITY", 50_000)
    async with open_world() as world:
        ids = [world.fake.add_artifact(REPOSITORY, "x", b"").id for _ in range(30)]
        for artifact_id in ids[:5]:
            await world.repo.get_artifact(artifact_id)
        for artifact_id in ids[5:]:
            await world.repo.get_artifact(ids[0])
            await world.repo.get_artifact(artifact_id)
        world.fake.clear_requests()
        for artifact_id in (ids[0], ids[-1], ids[1]):
            await world.repo.get_artifact(artifact_id)
        assert statuses(world) == [304, 304, 200]


def test_the_cache_counts_each_response_once() -> None:
    """A response that replaces an older one, or was evicted, takes no room for others."""
    cache, large = EtagCache(), make_response(200, bytes(2**20), etag='"e"')
    small = make_response(200, b"x", etag='"e"')
    calls = [endpoints.get_artifact(REPOSITORY, number) for number in range(300)]

    def cached(*numbers: int) -> int:
        return sum(cache.get(calls[number]) is not None for number in numbers)

    cache.store(calls[0], large)
    for _ in range(100):
        cache.store(calls[1], large)
    assert cached(0, 1) == 2
    for number in range(100):
        cache.store(calls[number], large)
    assert 10 < cached(*range(100)) < 17
    for number in range(100, 300):
        cache.store(calls[number], small)
    assert cached(*range(100, 300)) == 200
    assert cached(*range(100)) > 10


@fast
async def test_an_unsolicited_304_is_an_error() -> None:
    """A 304 to a request without a condition raises UnexpectedReply, and is not kept."""
    async with open_world() as world:
        world.fake.fail_next(304)
        with pytest.raises(UnexpectedReply, match="304"):
            await world.repo.get_artifact(world.artifact)
        assert "If-None-Match" not in world.fake.requests[0].headers
        assert (await world.repo.get_artifact(world.artifact)).name == "dist"
        assert statuses(world) == [304, 200]
        assert world.gh.stats.not_modified == 0


@pytest.mark.parametrize("status", [301, 307])
@fast
async def test_responses_of_a_renamed_repository_are_kept(status: Any) -> None:
    """Responses about a renamed repository are kept in memory too."""
    async with open_world() as world:
        world.fake.rename_repository(REPOSITORY, "octo-org/new", status=status)
        for _ in range(2):
            await world.repo.get_artifact(world.artifact)
        assert statuses(world)[-1] == 304
        assert world.gh.stats.not_modified == 1
