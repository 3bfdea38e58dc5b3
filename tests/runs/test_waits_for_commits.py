"""Waits for artifacts of commits, and the listings of artifacts that all waits share."""

from __future__ import annotations

import asyncio

import pytest

from ghartifacts_async import Artifact, RunEnded, WaitTimedOut
from tests.clock import fast
from tests.runs.world import now, open_world
from tests.support import REPOSITORY


@pytest.mark.parametrize("conditional", [True, False])
@fast
async def test_many_commits(conditional: bool) -> None:
    """Ten minutes of waits for 40 commits and 10 runs use at most 30 calls."""
    async with open_world(conditional=conditional) as world:
        waits = []
        for number in range(50):
            sha = f"{number:040x}"
            run = world.fake.add_run(REPOSITORY, head_sha=sha, status="in_progress")
            target = {"head_sha": sha} if number < 40 else {"run_id": run.id}
            waits.append(world.repo.wait_for_artifact("dist", timeout=600, **target))
        ends = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(end) for end in ends} == {WaitTimedOut}
        assert world.counted <= 30


@pytest.mark.parametrize("options", [{}, {"freeze": True}, {"drop": 0.5, "shuffle": True}])
@fast
async def test_many_commits_end(options: dict[str, bool | float]) -> None:
    """Waits for many commits end with the artifact or the failure of their runs."""
    async with open_world() as world:
        runs = []
        for number in range(12):
            sha = f"{number:040x}"
            runs.append(world.fake.add_run(REPOSITORY, head_sha=sha, status="in_progress"))
        world.fake.distort_run_lists(**options)  # type: ignore[arg-type]
        for number, run in enumerate(runs):
            if number % 2:
                world.fake.after(10 * number, world.upload, "dist", run)
            conclusion = "success" if number % 2 else "failure"
            world.fake.after(20 * number, world.fake.complete_run, run, conclusion)
        waits = [
            world.repo.wait_for_artifact("dist", head_sha=run.head_sha, timeout=3600)
            for run in runs
        ]
        found = await asyncio.gather(*waits, return_exceptions=True)
        assert [type(end) for end in found] == [RunEnded, Artifact] * 6
        assert now() < 3000


@fast
async def test_a_commit_with_many_runs() -> None:
    """A wait for a commit does not end while one of its many runs may still have the artifact."""
    sha = "c" * 40
    async with open_world() as world:
        runs = [
            world.fake.add_run(
                REPOSITORY, head_sha=sha, workflow=f"{number}.yml", status="in_progress"
            )
            for number in range(12)
        ]
        for run in runs[:11]:
            world.fake.after(10, world.fake.complete_run, run, "failure")
        world.fake.after(500, world.upload, "dist", runs[11])
        artifact = await world.repo.wait_for_artifact("dist", head_sha=sha, timeout=1200)
        assert artifact.workflow_run is not None
        assert artifact.workflow_run.id == runs[11].id


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("goal", [{}, {"workflow": "ci.yml"}])
@pytest.mark.parametrize("ended", [4, 40])
@fast
async def test_a_commit_with_ended_runs(
    ended: int, goal: dict[str, str], conditional: bool
) -> None:
    """However many runs of a commit have ended, the artifact of the last one is found soon."""
    sha = "c" * 40
    async with open_world(conditional=conditional) as world:
        for number in range(ended):
            workflow = f"{number}.yml"
            other = world.fake.add_run(REPOSITORY, head_sha=sha, workflow=workflow)
            world.upload("other" if number % 2 or not goal else "dist", other)
        run = world.fake.add_run(REPOSITORY, head_sha=sha, status="in_progress")
        for moment in (10, 300):
            wait = asyncio.ensure_future(
                world.repo.wait_for_artifact("dist", head_sha=sha, timeout=None, **goal)  # type: ignore[arg-type]
            )
            before, start = world.counted, now()
            await asyncio.sleep(moment)
            assert not wait.done()
            assert world.counted - before <= 12 + moment / 36
            artifact = world.upload("dist", run)
            assert (await wait).id == artifact.id
            assert now() - start - moment <= (40 if conditional else 150)
            world.fake.delete_artifact(artifact.id)


@pytest.mark.parametrize("ended", [4, 40])
@fast
async def test_a_commit_whose_runs_have_ended(ended: int) -> None:
    """However many runs of a commit ended without the artifact, the wait ends within a minute."""
    sha = "c" * 40
    async with open_world() as world:
        for number in range(ended):
            conclusion = "failure" if number % 2 else "success"
            world.fake.add_run(
                REPOSITORY, head_sha=sha, workflow=f"{number}.yml", conclusion=conclusion
            )
        last = world.fake.add_run(REPOSITORY, head_sha=sha, status="in_progress")
        world.fake.after(60, world.fake.complete_run, last)
        with pytest.raises(RunEnded):
            await world.repo.wait_for_artifact("dist", head_sha=sha)
        assert 90 <= now() <= 160


@fast
async def test_the_newest_artifact_of_a_commit() -> None:
    """If two runs of a commit have the artifact, the newest is returned."""
    async with open_world() as world:
        sha = world.run.head_sha
        later = world.fake.add_run(REPOSITORY, head_sha=sha, workflow="release.yml")
        for run in (world.run, later):
            world.fake.complete_run(run)
            world.upload("dist", run)
            await asyncio.sleep(60)
        artifact = await world.repo.wait_for_artifact("dist", head_sha=sha)
        assert artifact.workflow_run is not None
        assert artifact.workflow_run.id == later.id


@fast
async def test_an_artifact_that_newer_ones_hide() -> None:
    """An artifact is found soon, even if 100 newer ones of other runs precede it."""
    async with open_world() as world:
        world.upload()
        await asyncio.sleep(60)
        other = world.fake.add_run(REPOSITORY, status="in_progress")
        for number in range(120):
            world.upload(f"part-{number}", other)
        for goal in ({"run_id": world.run.id}, {"head_sha": world.run.head_sha}):
            wait = asyncio.ensure_future(world.repo.wait_for_artifact("other", run_id=other.id))
            start = now()
            await world.repo.wait_for_artifact("dist", **goal)
            assert now() - start <= 10
            wait.cancel()
        waits = [
            world.repo.wait_for_artifact("dist", run_id=run.id, timeout=600)
            for run in (world.fake.add_run(REPOSITORY, status="in_progress") for _ in range(40))
        ]
        before = world.counted
        other_wait = world.repo.wait_for_artifact("other", run_id=other.id, timeout=600)
        await asyncio.gather(other_wait, *waits, return_exceptions=True)
        assert world.counted - before <= 30


@fast
async def test_waits_for_one_artifact_share_its_listing() -> None:
    """Two waits for an artifact of one run find it, also if they accept different conclusions."""
    async with open_world() as world:
        world.upload()
        world.fake.complete_run(world.run)
        await asyncio.sleep(60)
        other = world.fake.add_run(REPOSITORY, status="in_progress")
        for number in range(120):
            world.upload(f"part-{number}", other)
        wait = world.repo.wait_for_artifact
        hidden = asyncio.ensure_future(wait("other", run_id=other.id))
        found = await asyncio.gather(
            wait("dist", run_id=world.run.id),
            wait("dist", run_id=world.run.id, any_conclusion=True),
        )
        assert found[0] == found[1]
        hidden.cancel()


@fast
async def test_artifacts_of_other_commits() -> None:
    """Runs of other commits are not requested, even if they have an artifact of the same name."""
    async with open_world() as world:
        for number in range(10):
            other = world.fake.add_run(REPOSITORY, head_sha=f"{number:040x}")
            world.upload("dist", other)
        artifact = world.upload()
        found = await world.repo.wait_for_artifact("dist", head_sha=world.run.head_sha)
        assert found.id == artifact.id
        assert world.gh.stats.calls == 3
