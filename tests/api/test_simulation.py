"""A simulation of hours of calls against a GitHub that enforces its limits."""

from __future__ import annotations

import asyncio
import random

from ghartifacts_async.testing import FakeLimits
from tests.api.support import World, now, open_world
from tests.clock import fast
from tests.support import REPOSITORY
from tests.values import share

TASKS = 500
SECONDS = 3600.0 + share(3600)


@fast
async def test_hours_of_five_hundred_tasks() -> None:
    """500 tasks never call during a requested wait or exceed a limit, and no call fails."""
    async with open_world(fake={"limits": FakeLimits()}, conditional=False) as world:
        count = await run(world)
        fake = world.fake
    print(
        f"\n{count} calls, {len(fake.requests)} requests, {fake.max_concurrent_requests} concurrent"
    )
    assert fake.wait_violations == 0
    assert fake.secondary_limit_hits == 0
    assert count > 1.25 * SECONDS


async def run(world: World) -> int:
    """Let the tasks make calls until the end, and return the number of calls."""
    artifact_ids = [world.fake.add_artifact(REPOSITORY, "old", b"x").id for _ in range(1000)]
    kept_ids = [world.fake.add_artifact(REPOSITORY, "new", b"x").id for _ in range(1000)]
    count = 0

    async def bot(number: int) -> None:
        nonlocal count
        rng = random.Random(number)
        while now() < SECONDS:
            if artifact_ids and rng.random() < 0.05:
                await world.repo.delete_artifact(artifact_ids.pop())
            else:
                await world.repo.get_artifact(rng.choice(kept_ids))
            count += 1

    await asyncio.gather(*(bot(number) for number in range(TASKS)))
    return count
