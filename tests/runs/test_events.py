"""Webhooks that wake waits, and how often they may cause a poll."""

from __future__ import annotations

import asyncio

import pytest

from ghartifacts_async import RetryPolicy, webhooks
from ghartifacts_async.testing import FakeRun, LoggedRequest
from tests.clock import fast
from tests.runs.world import now, open_world
from tests.support import REPOSITORY
from tests.webhooks.deliveries import PAYLOADS, SECRET, delivery


def job_event(run: FakeRun) -> webhooks.Event:
    """Return the event that a job of a run has completed."""
    job = {**PAYLOADS["workflow_job"]["workflow_job"], "run_id": run.id}
    return webhooks.parse(*delivery("workflow_job", workflow_job=job), secret=SECRET)


@pytest.mark.parametrize("conditional", [True, False])
@fast
async def test_very_many_events(conditional: bool) -> None:
    """If a webhook arrives every two seconds, ten minutes of waiting use about 30 calls."""
    async with open_world(conditional=conditional) as world:
        wait = asyncio.ensure_future(
            world.repo.wait_for_artifact("dist", run_id=world.run.id, timeout=None)
        )
        for _ in range(300):
            world.repo.waiter.notify(job_event(world.run))
            world.fake.rerun(world.run)
            await asyncio.sleep(2)
        assert world.counted <= 30
        world.upload()
        start = now()
        world.repo.waiter.notify(job_event(world.run))
        await wait
        assert now() - start <= 61


@fast
async def test_events_about_many_runs() -> None:
    """Events that end waits cost the other waits nothing: each run's event wakes its wait."""
    async with open_world() as world:
        runs = [world.fake.add_run(REPOSITORY, status="in_progress") for _ in range(40)]
        waits = [
            asyncio.ensure_future(world.repo.wait_for_artifact("dist", run_id=run.id, timeout=None))
            for run in runs
        ]
        await asyncio.sleep(60)
        for run, wait in zip(runs, waits, strict=True):
            world.upload("dist", run)
            world.fake.complete_run(run)
            start = now()
            world.repo.waiter.notify(job_event(run))
            await wait
            assert now() - start <= 2
            await asyncio.sleep(3)


@fast
async def test_a_webhook_during_a_poll() -> None:
    """A webhook that arrives while its run is being requested leads to another poll."""
    async with open_world() as world:
        runs = [world.fake.add_run(REPOSITORY, status="in_progress") for _ in range(40)]
        world.fake.distort_run_lists(freeze=True)
        first, second = runs[:2]
        waits = [asyncio.ensure_future(world.repo.wait_for_run(run.id)) for run in runs]
        await asyncio.sleep(120)
        pending = [first]

        def end_the_first(request: LoggedRequest) -> None:
            if request.path.endswith(f"/runs/{second.id}") and pending:
                world.fake.complete_run(pending.pop())
                world.repo.waiter.notify(job_event(first))

        world.fake.fail_when(end_the_first)
        for run in (first, second):
            world.repo.waiter.notify(job_event(run))
        start = now()
        assert (await waits[0]).is_completed
        assert now() - start <= 5
        for wait in waits:
            wait.cancel()


@fast
async def test_a_webhook_during_an_outage() -> None:
    """A webhook whose poll fails is not forgotten: the next poll requests its run."""
    async with open_world(retry=RetryPolicy(attempts=1)) as world:
        runs = [world.fake.add_run(REPOSITORY, status="in_progress") for _ in range(40)]
        world.fake.distort_run_lists(freeze=True)
        waits = [asyncio.ensure_future(world.repo.wait_for_run(run.id)) for run in runs]
        await asyncio.sleep(120)
        world.fake.complete_run(runs[0])
        world.fake.fail_next(502)
        world.repo.waiter.notify(job_event(runs[0]))
        start = now()
        assert (await waits[0]).is_completed
        assert now() - start <= 60
        for wait in waits:
            wait.cancel()
