"""The polls that several waits share: their interval, their number and their memory."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import pytest

from ghartifacts_async import Run, WaitTimedOut
from ghartifacts_async._http.messages import Response
from tests.clock import fast
from tests.runs.world import World, now, open_world
from tests.support import REPOSITORY


async def polls(world: World, seconds: float) -> int:
    """Return how many requests for the run are made in some seconds."""
    path = f"/runs/{world.run.id}"
    before = sum(one.path.endswith(path) for one in world.fake.requests)
    await asyncio.sleep(seconds)
    return sum(one.path.endswith(path) for one in world.fake.requests) - before


@fast
async def test_the_interval_follows_the_waits() -> None:
    """When the wait with the shortest interval ends, the polls get as rare as the others ask."""
    async with open_world() as world:
        wait = world.repo.wait_for_run
        slow = asyncio.ensure_future(wait(world.run.id, poll_interval=60, timeout=None))
        await asyncio.sleep(5)
        with pytest.raises(WaitTimedOut):
            await wait(world.run.id, poll_interval=1, timeout=30)
        await asyncio.sleep(2)
        assert await polls(world, 600) == 10
        quick = asyncio.ensure_future(wait(world.run.id, poll_interval=1, timeout=30))
        assert await polls(world, 20) >= 18
        quick.cancel()
        with suppress(asyncio.CancelledError):
            await quick
        await asyncio.sleep(2)
        assert await polls(world, 600) == 10
        slow.cancel()


@fast
async def test_a_long_interval_delays_no_other_wait() -> None:
    """A wait with a long poll_interval does not slow down a wait with the default interval."""
    async with open_world() as world:
        wait = world.repo.wait_for_run
        patient = asyncio.ensure_future(wait(world.run.id, poll_interval=3600, timeout=None))
        await asyncio.sleep(5)
        world.fake.after(100, world.fake.complete_run, world.run)
        assert (await wait(world.run.id, timeout=200)).is_completed
        assert now() <= 140
        assert (await patient).is_completed


@pytest.mark.parametrize("conditional", [True, False])
@fast
async def test_memory_of_a_long_wait(conditional: bool) -> None:
    """Waits that have ended free their runs and responses, even if another wait still polls."""

    async def wait_for_one() -> None:
        run = world.fake.add_run(REPOSITORY, status="in_progress")
        world.fake.after(1, world.fake.complete_run, run)
        await world.repo.wait_for_run(run.id)

    def kept() -> int:
        gc.collect()
        return sum(isinstance(one, Run | Response) for one in gc.get_objects())

    async with open_world(conditional=conditional) as world:
        long = asyncio.ensure_future(world.repo.wait_for_run(world.run.id, timeout=None))
        for _ in range(3):
            await wait_for_one()
        before = kept()
        for _ in range(20):
            await wait_for_one()
        # The client's cache, which has a maximum size, keeps the responses it may revalidate.
        assert kept() - before <= (20 if conditional else 0)
        long.cancel()


@fast
async def test_calls_after_a_quiet_hour() -> None:
    """Quiet polls save up no calls: ten busy minutes after an hour use at most 30 calls."""
    async with open_world() as world:
        wait = asyncio.ensure_future(world.repo.wait_for_run(world.run.id, timeout=None))
        others = [world.fake.add_run(REPOSITORY, status="in_progress") for _ in range(4)]
        waits = [
            asyncio.ensure_future(world.repo.wait_for_run(run.id, timeout=None)) for run in others
        ]
        await asyncio.sleep(3600)
        for seconds in range(0, 600, 10):
            for run in (world.run, *others):
                world.fake.after(seconds, world.fake.rerun, run)
        before = world.counted
        await asyncio.sleep(600)
        assert world.counted - before <= 30
        for one in (wait, *waits):
            one.cancel()


@pytest.mark.parametrize("target", ["run_id", "head_sha"])
@fast
async def test_a_server_that_fails_to_make_large_pages(target: str) -> None:
    """After two server errors, polls ask for smaller pages, and soon find the artifact."""
    async with open_world() as world:
        world.upload()
        world.fake.fail_when(
            lambda request: 502 if int(request.query.get("per_page", "0")) > 20 else None
        )
        goal = {"run_id": world.run.id} if target == "run_id" else {"head_sha": world.run.head_sha}
        await world.repo.wait_for_artifact("dist", timeout=60, **goal)
        sizes = [
            int(one.query["per_page"]) for one in world.fake.requests if "per_page" in one.query
        ]
        assert sizes[-1] == 12
