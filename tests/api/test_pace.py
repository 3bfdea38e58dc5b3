"""The pace of calls: how waits are counted, and how calls resume after a rate limit."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from ghartifacts_async import RateLimited, RateLimitPolicy
from ghartifacts_async.testing import FakeLimits, Fault
from tests.api.support import now, open_world
from tests.clock import fast
from tests.support import REPOSITORY

FREE = FakeLimits(primary=10**6, enforced=False)


@pytest.mark.parametrize(("concurrently", "waited"), [(False, 9.0), (True, 45.0)])
@fast
async def test_waits_of_deletes_are_counted(concurrently: bool, waited: float) -> None:
    """`stats.waited` is the time that DELETEs waited for each other, summed over the calls."""
    async with open_world(fake={"limits": FREE}) as world:
        artifact_ids = [world.fake.add_artifact(REPOSITORY, "old", b"x").id for _ in range(10)]
        if concurrently:
            await asyncio.gather(*map(world.repo.delete_artifact, artifact_ids))
        else:
            for artifact_id in artifact_ids:
                await world.repo.delete_artifact(artifact_id)
        assert 9 <= now() < 10
        assert waited - 0.5 < world.gh.stats.waited < waited + 0.5


@fast
async def test_calls_are_staggered_after_a_rate_limit_even_if_unlimited() -> None:
    """Even with `unlimited()`, calls that waited for a rate limit are sent one by one after it."""
    async with open_world(
        fake={"limits": FREE}, rate_limits=RateLimitPolicy.unlimited(), conditional=False
    ) as world:
        world.fake.fail_next(Fault.secondary_limit(60))
        first = asyncio.ensure_future(world.repo.get_artifact(world.artifact))
        await asyncio.sleep(1)
        world.arrivals.clear()
        await asyncio.gather(first, *(world.repo.get_artifact(world.artifact) for _ in range(500)))
        times = world.times
        assert len(times) == 501
        assert min(times) >= 60
        assert world.fake.wait_violations == 0
        early = [time for time in times if time < min(times) + 10]
        assert max(sum(1 for other in early if 0 <= other - time < 1) for time in early) <= 12


@pytest.mark.parametrize("status", [403, 429])
@fast
async def test_retry_after_zero_still_waits(status: int) -> None:
    """Calls refused with `Retry-After: 0` are retried after growing waits, not immediately."""
    async with open_world(fake={"limits": FREE}) as world:
        world.fake.fail_when(lambda _: Fault.secondary_limit(0, status=status))
        with pytest.raises(RateLimited) as caught:
            await world.repo.get_artifact(world.artifact)
        assert caught.value.attempts == len(world.times) == 6
        gaps = [later - earlier for earlier, later in pairwise(world.times)]
        assert min(gaps) >= 1
        assert gaps == sorted(gaps)
        assert now() < 60
