"""`Repo.wait_for_artifact` for an artifact of a known run, on a simulated clock."""

from __future__ import annotations

import asyncio

import pytest

from ghartifacts_async import (
    RunEnded,
    WaitTimedOut,
)
from ghartifacts_async.testing import Fault
from tests.clock import fast
from tests.runs.world import now, open_world
from tests.support import REPOSITORY


@fast
async def test_an_artifact_that_is_there() -> None:
    """An artifact that exists is returned after two calls for its run, which may not have ended."""
    async with open_world() as world:
        world.upload()
        artifact = await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        assert artifact.name == "dist"
        assert world.gh.stats.calls == 2
        assert world.fake.requests[-1].path.endswith(f"/runs/{world.run.id}/artifacts")
        assert now() < 1


@fast
async def test_an_artifact_that_comes_later() -> None:
    """An artifact is returned soon after its upload, although the run lasts an hour."""
    async with open_world() as world:
        world.fake.after(100, world.upload)
        world.fake.after(3600, world.fake.complete_run, world.run)
        start = now()
        run = await world.repo.get_run(world.run.id)
        artifact = await world.repo.wait_for_artifact("dist", run_id=run)
        assert artifact.workflow_run is not None
        assert artifact.workflow_run.id == run.id
        assert 100 <= now() - start <= 131


@fast
async def test_ten_minutes_take_few_calls() -> None:
    """Ten minutes of 200 waits for one repository use at most 30 calls of the primary limit."""
    async with open_world() as world:
        waits = [
            world.repo.wait_for_artifact(f"dist-{number % 40}", run_id=world.run.id, timeout=600)
            for number in range(200)
        ]
        ends = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(end) for end in ends} == {WaitTimedOut}
        assert world.counted <= 30
        assert world.gh.stats.calls <= 120


@fast
async def test_many_runs_that_change() -> None:
    """Waits for 30 runs make at most 30 calls in ten minutes, without conditional requests."""
    async with open_world(conditional=False) as world:
        runs = [world.fake.add_run(REPOSITORY, status="in_progress") for _ in range(30)]
        waits = [world.repo.wait_for_artifact("dist", run_id=run.id, timeout=600) for run in runs]
        await asyncio.gather(*waits, return_exceptions=True)
        assert world.gh.stats.calls <= 30


@fast
async def test_many_runs_end() -> None:
    """Waits for many runs end when their runs do, even if the listing of runs is frozen."""
    for options in ({}, {"freeze": True}, {"drop": 0.5, "shuffle": True}):
        async with open_world() as world:
            runs = [world.fake.add_run(REPOSITORY, status="in_progress") for _ in range(12)]
            world.fake.distort_run_lists(**options)
            for number, run in enumerate(runs):
                world.fake.after(10 * number, world.upload, "dist", run)
                world.fake.after(20 * number, world.fake.complete_run, run)
            waits = [
                world.repo.wait_for_artifact("dist", run_id=run.id, timeout=None) for run in runs
            ]
            found = await asyncio.gather(*waits)
            assert [one.workflow_run and one.workflow_run.id for one in found] == [
                run.id for run in runs
            ]


@pytest.mark.parametrize("conditional", [True, False])
@fast
async def test_a_run_that_ends_without_it(conditional: bool) -> None:
    """If the run ends without the artifact, the wait ends after the grace period."""
    async with open_world(conditional=conditional) as world:
        world.fake.after(50, world.fake.complete_run, world.run)
        with pytest.raises(RunEnded, match="without an artifact named 'dist'") as caught:
            await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        assert caught.value.run_id == world.run.id
        assert 80 <= now() <= 120
        calls = world.gh.stats.calls
        await asyncio.sleep(100)
        start = now()
        with pytest.raises(RunEnded):
            await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        assert now() - start < 1, "the run ended long ago"
        assert world.gh.stats.calls - calls <= 3


@fast
async def test_an_artifact_that_is_listed_late() -> None:
    """An artifact that is listed some seconds after the end of its run is still found."""
    async with open_world() as world:
        world.fake.after(20, world.fake.complete_run, world.run)
        world.fake.after(40, world.upload)
        assert await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        assert now() < 45


@fast
async def test_an_artifact_without_a_url() -> None:
    """An artifact that is listed without a URL is returned only when it can be downloaded."""
    async with open_world() as world:
        listed = world.upload()
        page = {
            "total_count": 1,
            "artifacts": [
                {
                    **{key: getattr(listed, key) for key in ("id", "name", "size_in_bytes")},
                    "node_id": "x",
                    "url": "",
                    "archive_download_url": None,
                    "expired": False,
                    "workflow_run": {"id": world.run.id},
                }
            ],
        }
        world.fake.fail_next(*[Fault(200, body=page)] * 3, path="/artifacts$")
        artifact = await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        assert artifact.archive_download_url
        assert now() > 5


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out"])
@fast
async def test_a_run_that_fails(conclusion: str) -> None:
    """A failed or cancelled run ends the wait at the next poll, unless its artifacts are wanted."""
    async with open_world() as world:
        world.fake.after(9, world.upload)
        world.fake.after(9, world.fake.complete_run, world.run, conclusion)
        wait = world.repo.wait_for_artifact
        with pytest.raises(RunEnded, match=conclusion):
            await wait("dist", run_id=world.run.id)
        assert now() < 20
        assert await wait("dist", run_id=world.run.id, any_conclusion=True)


@fast
async def test_re_runs() -> None:
    """While a run is re-run, the artifact of the earlier attempt does not count."""
    async with open_world() as world:
        world.upload()
        world.fake.complete_run(world.run, "failure")
        world.fake.rerun(world.run)
        with pytest.raises(WaitTimedOut, match="in_progress"):
            await world.repo.wait_for_artifact("dist", run_id=world.run.id, timeout=30)
        world.fake.after(20, world.fake.complete_run, world.run)
        first = await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        world.fake.rerun(world.run)
        world.fake.after(20, world.upload)
        second = await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        assert second.id != first.id


@fast
async def test_a_run_that_is_re_run_during_the_wait() -> None:
    """A re-run that starts in the grace period continues the wait."""
    async with open_world() as world:
        world.fake.after(10, world.fake.complete_run, world.run)
        world.fake.after(25, world.fake.rerun, world.run)
        world.fake.after(200, world.upload)
        assert await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        assert now() >= 200
