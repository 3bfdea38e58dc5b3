"""A bot that runs for hours against a GitHub that enforces its limits."""

from __future__ import annotations

import asyncio
import random

from ghartifacts_async.testing import FakeLimits
from tests.api.support import World, now, world
from tests.clock import fast
from tests.support import REPOSITORY

TASKS = 500
SECONDS = 2 * 3600.0


@fast
async def test_two_hours_of_five_hundred_tasks() -> None:
    """500 tasks never send while told to wait, never trip a limit, and each call succeeds."""
    async with world(fake={"limits": FakeLimits()}, conditional=False) as made:
        calls = await run(made)
        fake = made.fake
    print(f"\n{calls} calls, {len(fake.requests)} requests, {fake.most_under_way} at once")
    assert fake.sent_while_told_to_wait == 0
    assert fake.secondary_trips == 0
    assert calls > 9_000


async def run(made: World) -> int:
    """Let the tasks call for two hours, and count the calls."""
    artifact_ids = [made.fake.add_artifact(REPOSITORY, "old", b"x").id for _ in range(1000)]
    rest = [made.fake.add_artifact(REPOSITORY, "new", b"x").id for _ in range(1000)]
    calls = 0

    async def bot(number: int) -> None:
        nonlocal calls
        choose = random.Random(number)
        while now() < SECONDS:
            if artifact_ids and choose.random() < 0.05:
                await made.repo.delete_artifact(artifact_ids.pop())
            else:
                await made.repo.get_artifact(choose.choice(rest))
            calls += 1

    await asyncio.gather(*(bot(number) for number in range(TASKS)))
    return calls
