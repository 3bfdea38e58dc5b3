"""Waits for commits and for the ends of runs; webhooks, outages, cancellation and mistakes."""

from __future__ import annotations

import asyncio

import pytest

from ghartifacts_async import (
    AuthenticationError,
    ClientStateError,
    InvalidArgument,
    NotFound,
    RateLimited,
    RateLimitPolicy,
    RetryPolicy,
    RunEnded,
    WaitTimedOut,
    webhooks,
)
from ghartifacts_async.testing import Fault
from tests.clock import fast
from tests.runs.world import now, open_world
from tests.support import REPOSITORY
from tests.webhooks.deliveries import PAYLOADS, SECRET, delivery

FORK = "someone/octo-docs"
ONCE = RetryPolicy(attempts=1)


@fast
async def test_runs_of_a_commit() -> None:
    """A wait for a commit finds its run once it exists, and passes over forks and workflows."""
    sha = "c" * 40
    async with open_world() as world:

        def push() -> None:
            for options in ({"head_repository": FORK}, {"workflow": "lint.yml"}, {}):
                run = world.fake.add_run(
                    REPOSITORY,
                    head_sha=sha,
                    status="in_progress",
                    **options,  # type: ignore[arg-type]
                )
                world.fake.after(30, world.upload, "dist", run)
            world.fake.after(60, lambda: world.fake.complete_run(run))

        world.fake.after(40, push)
        artifact = await world.repo.wait_for_artifact("dist", head_sha=sha, workflow="ci.yml")
        run = artifact.workflow_run
        assert run is not None
        assert run.id is not None
        assert run.head_repository_id == run.repository_id
        assert (await world.repo.get_run(run.id)).workflow_file == "ci.yml"


@pytest.mark.parametrize("options", [{}, {"freeze": True}, {"drop": 0.5}, {"shuffle": True}])
@fast
async def test_runs_of_a_commit_that_fail(options: dict[str, bool | float]) -> None:
    """If every run of the commit failed, the wait ends early, even if listings are distorted."""
    sha = "c" * 40
    async with open_world() as world:
        runs = [
            world.fake.add_run(REPOSITORY, head_sha=sha, status="in_progress") for _ in range(3)
        ]
        world.fake.distort_run_lists(**options)  # type: ignore[arg-type]
        for number, run in enumerate(runs):
            world.fake.after(20 * number, world.fake.complete_run, run, "failure")
        with pytest.raises(RunEnded, match="failure"):
            await world.repo.wait_for_artifact("dist", head_sha=sha, workflow="ci.yml")
        assert 60 < now() < 150


@fast
async def test_a_run_of_another_workflow() -> None:
    """A wait for a run of another workflow than the given one ends at once, with an error."""
    async with open_world() as world:
        with pytest.raises(NotFound, match=r"belongs to workflow ci\.yml, not to lint\.yml"):
            await world.repo.wait_for_artifact("dist", run_id=world.run.id, workflow="lint.yml")
        world.upload()
        assert await world.repo.wait_for_artifact("dist", run_id=world.run.id, workflow="ci.yml")
        assert now() < 5


@fast
async def test_the_end_of_a_run() -> None:
    """`wait_for_run` returns the run with any conclusion."""
    async with open_world() as world:
        world.fake.after(70, world.fake.complete_run, world.run, "failure")
        run = await world.repo.wait_for_run(world.run.id)
        assert (run.is_completed, run.conclusion) == (True, "failure")
        assert 70 <= now() <= 101
        assert world.counted <= 3


@fast
async def test_a_webhook_wakes_the_wait() -> None:
    """An event about the run, passed to the waiter, makes the wait poll at once."""
    async with open_world() as world:
        wait = asyncio.ensure_future(world.repo.wait_for_artifact("dist", run_id=world.run.id))
        await asyncio.sleep(120)
        calls = world.gh.stats.calls
        for name, part in (("push", {}), ("workflow_job", {"run_id": 5}), ("workflow_run", {})):
            if name != "push":
                about = {**PAYLOADS[name][name], **part}
                body = delivery(name, **{name: about})
            else:
                body = delivery(name)
            world.repo.waiter.notify(webhooks.parse(*body, secret=SECRET))
        await asyncio.sleep(0.5)
        assert world.gh.stats.calls == calls, "these events are of no concern"
        world.upload()
        start = now()
        job = {**PAYLOADS["workflow_job"]["workflow_job"], "run_id": world.run.id}
        event = webhooks.parse(*delivery("workflow_job", workflow_job=job), secret=SECRET)
        world.repo.waiter.notify(event)
        assert (await wait).name == "dist"
        assert now() - start <= 1


@fast
async def test_limits_and_outages() -> None:
    """A wait outlasts an outage and a rate limit, and ends with errors that do not pass."""
    async with open_world(retry=ONCE) as world:
        world.fake.fail_next(500, 502, Fault.dropped(), Fault.dropped())
        world.fake.after(30, world.upload)
        assert await world.repo.wait_for_artifact("dist", run_id=world.run.id)
    async with open_world() as world:
        world.fake.fail_next(Fault.secondary_limit(120))
        world.fake.after(10, world.upload)
        assert await world.repo.wait_for_artifact("dist", run_id=world.run.id)
        assert now() >= 120
    async with open_world(retry=ONCE) as world:
        with pytest.raises(NotFound):
            await world.repo.wait_for_run(5)
        world.fake.fail_when(lambda _: 500)
        with pytest.raises(WaitTimedOut, match="500"):
            await world.repo.wait_for_run(world.run.id, timeout=60)
        world.fake.token = "another"
        world.fake.clear_faults()
        with pytest.raises(AuthenticationError):
            await world.repo.wait_for_run(world.run.id)
    async with open_world(rate_limits=RateLimitPolicy(max_wait=0)) as world:
        world.fake.fail_next(Fault.secondary_limit(120))
        with pytest.raises(RateLimited):
            await world.repo.wait_for_run(world.run.id)


@fast
async def test_poll_intervals() -> None:
    """The caller's interval is used, unless GitHub's X-Poll-Interval is longer."""
    async with open_world() as world:
        with pytest.raises(WaitTimedOut):
            await world.repo.wait_for_run(world.run.id, timeout=60, poll_interval=5)
        assert 12 <= world.gh.stats.calls <= 13
        world.fake.fail_when(lambda _: Fault(None, headers={"X-Poll-Interval": "40"}, after=True))
        calls = world.gh.stats.calls
        world.fake.complete_run(world.run)
        world.fake.rerun(world.run)
        with pytest.raises(WaitTimedOut):
            await world.repo.wait_for_run(world.run.id, timeout=100, poll_interval=5)
        assert world.gh.stats.calls - calls == 3


@fast
async def test_poll_intervals_of_unchanged_responses() -> None:
    """Only the X-Poll-Interval of the latest response counts, even if that is a 304."""
    async with open_world() as world:
        slow = Fault(None, headers={"X-Poll-Interval": "40"}, after=True)
        world.fake.fail_next(slow)
        with pytest.raises(WaitTimedOut):
            await world.repo.wait_for_run(world.run.id, timeout=100, poll_interval=5)
        assert 13 <= world.gh.stats.calls <= 14
        world.fake.fail_when(lambda _: slow)
        calls = world.gh.stats.calls
        with pytest.raises(WaitTimedOut):
            await world.repo.wait_for_run(world.run.id, timeout=100, poll_interval=5)
        assert world.gh.stats.calls - calls == 3
        assert world.gh.stats.not_modified == world.gh.stats.calls - 1


@fast
async def test_an_absurd_poll_interval() -> None:
    """The interval that GitHub names delays a poll by an hour at most."""
    async with open_world() as world:
        fault = Fault(None, headers={"X-Poll-Interval": "99999"}, after=True)
        world.fake.fail_when(lambda _: fault)
        world.fake.after(60, world.fake.complete_run, world.run)
        await world.repo.wait_for_run(world.run.id, timeout=None)
        assert 3600 <= now() <= 3602


@fast
async def test_errors_quote_little_of_a_run() -> None:
    """An error of a wait escapes what GitHub says about a run, and hides a token in it."""
    async with open_world() as world:
        token = world.fake.token
        wait = world.repo.wait_for_artifact
        running = world.fake.add_run(REPOSITORY, status=f"\x1b[2J{token}")
        with pytest.raises(WaitTimedOut) as timeout:
            await wait("dist", run_id=running.id, timeout=5)
        ended = world.fake.add_run(REPOSITORY, conclusion=f"\x1b[2J{token}" + "x" * 5000)
        with pytest.raises(RunEnded) as end:
            await wait("dist", run_id=ended.id)
        for error in (timeout.value, end.value):
            assert token not in repr(error)
            assert "\x1b" not in str(error)
            assert len(str(error)) < 1200


@fast
async def test_cancelling_and_closing() -> None:
    """A cancelled wait ends alone; no poller outlives the last wait, or the client."""
    async with open_world() as world:
        tasks = asyncio.all_tasks()
        waits = [
            asyncio.ensure_future(world.repo.wait_for_artifact("dist", run_id=world.run.id))
            for _ in range(3)
        ]
        await asyncio.sleep(5)
        waits[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits[0]
        world.upload()
        assert (await waits[1]).id == (await waits[2]).id
        await asyncio.sleep(0)
        assert {task for task in asyncio.all_tasks() if "poller" in repr(task)} <= tasks
        wait = asyncio.ensure_future(world.repo.wait_for_artifact("none", run_id=world.run.id))
        await asyncio.sleep(5)
    with pytest.raises(ClientStateError):
        await wait
    assert not [task for task in asyncio.all_tasks() if "poller" in repr(task)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"run_id": 1, "head_sha": "c" * 40},
        {"run_id": 0},
        {"head_sha": "c0ffee"},
        {"run_id": 1, "timeout": 0},
        {"run_id": 1, "poll_interval": -1},
        {"run_id": 1, "workflow": "CI"},
        {"run_id": 1, "name": None},
    ],
)
@fast
async def test_mistakes(options: dict[str, object]) -> None:
    """Arguments that cannot be meant are refused before a call."""
    async with open_world() as world:
        with pytest.raises(InvalidArgument):
            await world.repo.wait_for_artifact(**{"name": "dist", **options})  # type: ignore[arg-type]
        assert world.gh.stats.calls == 0
