"""Rate limits: a client waits when GitHub asks it to, and avoids exceeding the limits."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest

from ghartifacts_async import RateLimited, RateLimitPolicy
from ghartifacts_async.testing import FakeLimits, Fault
from tests.api.support import World, now, open_world
from tests.clock import EPOCH, fast
from tests.support import REPOSITORY

FREE = FakeLimits(primary=10**6, enforced=False)


async def get(world: World, times: int) -> None:
    """Get the artifact `times` times concurrently."""
    await asyncio.gather(*(world.repo.get_artifact(world.artifact) for _ in range(times)))


@fast
async def test_calls_wait_for_the_reset_of_the_primary_limit() -> None:
    """With no calls remaining, the next call is sent a second after the reset and succeeds."""
    async with open_world(fake={"limits": FakeLimits(primary=5)}, conditional=False) as world:
        await get(world, 5)
        assert world.gh.rate_limit is not None
        assert (world.gh.rate_limit.remaining, world.gh.rate_limit.used) == (0, 5)
        resets = world.gh.rate_limit.resets_at.timestamp() - EPOCH
        await world.repo.get_artifact(world.artifact)
        assert resets + 1 <= now() < resets + 2.1
        assert world.gh.rate_limit.remaining == 4
        assert 3600 < world.gh.stats.waited < 3603
        assert world.fake.wait_violations == 0
        assert {request.status for request in world.fake.requests} == {200}


@pytest.mark.parametrize("max_wait", [0.0, 3000.0])
@fast
async def test_a_wait_beyond_max_wait_raises(max_wait: float) -> None:
    """A wait over `max_wait` raises RateLimited at once with the reset time; nothing is sent."""
    limits = FakeLimits(primary=3)
    async with open_world(
        fake={"limits": limits}, rate_limits=RateLimitPolicy(max_wait=max_wait), conditional=False
    ) as world:
        await get(world, 3)
        await asyncio.sleep(100)
        with pytest.raises(RateLimited, match="not sent") as caught:
            await world.repo.get_artifact(world.artifact)
        assert now() < 101
        assert len(world.fake.requests) == 3
        assert caught.value.retry_at is not None
        assert world.gh.rate_limit is not None
        late = caught.value.retry_at - world.gh.rate_limit.resets_at
        assert 0 <= late.total_seconds() <= 1
        await asyncio.sleep(3502)
        await world.repo.get_artifact(world.artifact)


@fast
async def test_an_absurd_retry_after_stops_calls_for_an_hour() -> None:
    """A Retry-After of thousands of years stops calls for an hour, not for good."""
    async with open_world() as world:
        world.fake.fail_next(Fault(403, headers={"Retry-After": "999999999999"}))
        await world.repo.get_artifact(world.artifact)
        assert 3600 <= now() < 3602


@fast
async def test_waits_without_retry_after_double() -> None:
    """Without Retry-After, waits are one, two and four minutes; after a success, one and two."""
    async with open_world() as world:
        world.fake.fail_next(*[Fault.secondary_limit(None)] * 3)
        await world.repo.get_artifact(world.artifact)
        assert 420 <= now() < 421
        world.fake.fail_next(*[Fault.secondary_limit(None)] * 2)
        await world.repo.get_artifact(world.artifact)
        assert 600 <= now() < 602


@fast
async def test_an_earlier_call_does_not_reset_the_wait() -> None:
    """If a call that was sent before a refusal succeeds, the next wait is still doubled."""
    async with open_world() as world:
        world.fake.fail_next(*[Fault.secondary_limit(None)] * 2, method="DELETE")
        with world.fake.holding(method="GET"):
            early = asyncio.ensure_future(world.repo.get_artifact(world.artifact))
            await asyncio.sleep(1)
            refused = asyncio.ensure_future(world.repo.delete_artifact(world.artifact))
            await asyncio.sleep(1)
        await early
        await refused
        assert 180 <= now() < 183


@pytest.mark.parametrize("busy", [0, 250], ids=["with an empty bucket", "with a bucket in use"])
@pytest.mark.parametrize("seconds", [5, 60])
@fast
async def test_one_refusal_makes_all_tasks_wait(busy: int, seconds: int) -> None:
    """After one call is refused, all calls wait, and are then sent one by one, not all at once."""
    async with open_world(fake={"limits": FREE}, conditional=False) as world:
        await get(world, busy)
        world.fake.fail_next(Fault.secondary_limit(seconds))
        began = now()
        world.arrivals.clear()
        first = asyncio.ensure_future(world.repo.get_artifact(world.artifact))
        await asyncio.sleep(0.5)
        await get(world, 100)
        await first
        assert world.fake.wait_violations == 0
        assert_staggered(world.times, began + seconds, 101)


@fast
async def test_a_refusal_makes_queued_tasks_wait() -> None:
    """Calls that are queued when GitHub asks for a wait are sent one by one after the wait."""
    async with open_world(fake={"limits": FREE}, conditional=False) as world:
        tasks = asyncio.ensure_future(get(world, 700))
        await asyncio.sleep(5)
        world.fake.fail_next(Fault.secondary_limit(60))
        await asyncio.sleep(1)
        before = len(world.times)
        await tasks
        assert world.fake.wait_violations == 0
        assert_staggered(world.times[before:], 65, 700 - before)


def assert_staggered(times: list[float], opens: float, count: int) -> None:
    """Check that `count` calls arrived, none before `opens`, and at most twelve in any second."""
    assert len(times) == count
    assert min(times) >= opens
    assert max(sum(1 for other in times if 0 <= other - time < 1) for time in times) <= 12


@fast
async def test_deletes_keep_their_distance() -> None:
    """DELETEs are sent at least a second apart, while GETs do not wait for them."""
    async with open_world(fake={"limits": FREE}) as world:
        artifact_ids = [world.fake.add_artifact(REPOSITORY, "old", b"x").id for _ in range(120)]
        deletes = [asyncio.ensure_future(world.repo.delete_artifact(old)) for old in artifact_ids]
        await asyncio.sleep(0)
        await get(world, 100)
        assert now() < 3
        await asyncio.gather(*deletes)
        times = [time for time, request in world.arrivals if request.method == "DELETE"]
        assert len(times) == 120
        assert min(b - a for a, b in pairwise(times)) >= 0.99


@fast
async def test_a_delete_is_not_starved() -> None:
    """A DELETE is sent within half a minute, however many GETs are made."""
    async with open_world(fake={"limits": FREE}, conditional=False) as world:

        async def get_forever() -> None:
            while True:
                await world.repo.get_artifact(world.artifact)

        readers = [asyncio.ensure_future(get_forever()) for _ in range(200)]
        await asyncio.sleep(60)
        artifact_id = world.fake.add_artifact(REPOSITORY, "old", b"x").id
        await world.repo.delete_artifact(artifact_id)
        assert now() < 90
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


@pytest.mark.parametrize("seed", range(3))
@fast
async def test_no_task_starves(seed: int) -> None:
    """Despite refusals, failures and cancellations, all tasks complete calls at similar rates."""
    choose = random.Random(seed)
    async with open_world(fake={"limits": FakeLimits(primary=10**6)}) as world:
        world.fake.fail_when(
            lambda _: choose.choice((None,) * 60 + (Fault.secondary_limit(20), 503, 500))
        )
        done = [0] * 60

        async def bot(number: int) -> None:
            while True:
                await world.repo.get_artifact(world.artifact)
                done[number] += 1

        tasks = [asyncio.ensure_future(bot(number)) for number in range(60)]
        for _ in range(30):
            await asyncio.sleep(20)
            victim = choose.randrange(60)
            tasks[victim].cancel()
            tasks[victim] = asyncio.ensure_future(bot(victim))
        assert min(done) > max(done) / 4
        assert world.fake.wait_violations == 0
        assert world.fake.secondary_limit_hits == 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("points", [15, 100, 900])
@fast
async def test_no_minute_exceeds_the_points(points: int) -> None:
    """The points of calls in any minute stay below `points_per_minute`."""
    limits = FakeLimits(points_per_minute=points, primary=10**6)
    async with open_world(
        fake={"limits": limits}, rate_limits=RateLimitPolicy(points_per_minute=points)
    ) as world:
        await asyncio.sleep(100)
        await get(world, points * 2)
        assert world.fake.secondary_limit_hits == 0
        assert now() < 100 + 60 * 3


@pytest.mark.parametrize(
    ("fake", "url"), [({"limits": None}, "ghes_url"), ({"limits": None}, "url")]
)
@fast
async def test_a_ghes_without_limits(fake: dict[str, Any], url: str) -> None:
    """With `unlimited()` no call is delayed, and a server without rate limits works."""
    async with open_world(fake=fake, rate_limits=RateLimitPolicy.unlimited(), url=url) as world:
        artifact_ids = [world.fake.add_artifact(REPOSITORY, "old", b"x").id for _ in range(20)]
        for _ in range(20):
            await get(world, 100)
        await asyncio.gather(*map(world.repo.delete_artifact, artifact_ids))
        assert now() < 1
        assert world.gh.rate_limit is None
        assert world.gh.stats.waited < 0.1


@fast
@pytest.mark.parametrize("limit", [1, 7])
async def test_concurrent_requests_are_bounded(limit: int) -> None:
    """`RateLimitPolicy.concurrent_requests` calls are in flight, and not more."""
    limits = FakeLimits(primary=10**6)
    async with open_world(
        fake={"limits": limits}, rate_limits=RateLimitPolicy(concurrent_requests=limit)
    ) as world:
        await get(world, 100)
        assert world.fake.max_concurrent_requests == limit


@fast
async def test_cancelling_a_task_that_waits_for_a_limit_affects_no_other() -> None:
    """If some tasks that wait for a rate limit are cancelled, the others wait and complete."""
    async with open_world(fake={"limits": FREE}) as world:
        world.fake.fail_next(Fault.secondary_limit(60))
        tasks = [asyncio.ensure_future(world.repo.get_artifact(world.artifact))]
        await asyncio.sleep(1)
        tasks += [asyncio.ensure_future(world.repo.get_artifact(world.artifact)) for _ in range(80)]
        for number in (0, 1, 2, 55):
            await asyncio.sleep(5)
            tasks[number].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(result, asyncio.CancelledError) for result in done) == 4
        assert world.fake.wait_violations == 0
        assert 60 <= now() < 75


@fast
async def test_calls_are_staggered_after_a_cancelled_wait() -> None:
    """Calls after a rate limit are sent one by one, even if no task waited for its end."""
    async with open_world(fake={"limits": FREE}, conditional=False) as world:
        world.fake.fail_next(Fault.secondary_limit(60))
        first = asyncio.ensure_future(world.repo.get_artifact(world.artifact))
        await asyncio.sleep(59.9)
        first.cancel()
        await asyncio.sleep(0.2)
        world.arrivals.clear()
        await get(world, 100)
        assert_staggered(world.times, 60, 100)


@fast
async def test_waits_are_counted_for_each_call() -> None:
    """`stats.waited` sums the waits of all calls, both to keep the pace and for rate limits."""
    async with open_world(fake={"limits": FREE}, conditional=False) as world:
        await get(world, 400)
        assert world.gh.stats.waited > 300
        before = world.gh.stats.waited
        world.fake.fail_next(Fault.secondary_limit(600))
        await get(world, 10)
        assert 10 * 599 < world.gh.stats.waited - before < 10 * 620


@fast
async def test_a_reset_in_the_far_future_is_ignored() -> None:
    """A response with a reset time years away does not stop calls for years."""
    async with open_world(fake={"limits": FREE}, conditional=False) as world:
        far = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"}
        world.fake.fail_next(Fault(None, after=True, headers=far))
        await get(world, 1)
        await get(world, 1)
        assert now() < 5
        assert world.gh.rate_limit is not None
        assert world.gh.rate_limit.remaining > 0
        limited = {"message": "API rate limit exceeded for installation ID 1."}
        world.fake.fail_next(Fault(403, headers=far, body=limited))
        await get(world, 1)
        assert 60 <= now() < 70


@fast
async def test_concurrent_refusals_count_once() -> None:
    """Refusals of concurrent calls count as one, so the wait is not doubled."""
    async with open_world(fake={"limits": FREE}, conditional=False) as world:
        world.fake.fail_next(*[Fault.secondary_limit(None)] * 4)
        tasks = [asyncio.ensure_future(get(world, 1)) for _ in range(4)]
        await asyncio.gather(*tasks)
        assert 60 <= now() < 70
