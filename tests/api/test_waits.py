"""A long wait is visible: one warning, the statistics and a callback say why and until when."""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    Client,
    InvalidArgument,
    RateLimited,
    RateLimitPolicy,
    RetryPolicy,
    Wait,
)
from ghartifacts_async._api.limits.wait_reporter import WaitReporter
from ghartifacts_async.testing import BlobFault, FakeLimits, Fault
from tests.api.support import now, open_world
from tests.clock import EPOCH, fast
from tests.support import REPOSITORY


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings of the library."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "ghartifacts_async" and record.levelno == logging.WARNING
    ]


@pytest.mark.parametrize(
    ("limits", "fault", "reason"),
    [
        (FakeLimits(primary=2), None, "all 2 calls of the rate limit are used"),
        (None, Fault.secondary_limit(60), "GitHub asks all calls to wait"),
        (None, Fault(503, retry_after=60), "503"),
    ],
)
@fast
async def test_a_long_wait_is_reported_once(
    caplog: pytest.LogCaptureFixture, limits: Any, fault: Fault | None, reason: str
) -> None:
    """However many tasks wait, one warning is logged, and the callback is called once."""
    waits: list[Wait] = []
    fake = {} if limits is None else {"limits": limits}
    async with open_world(fake=fake, conditional=False, on_wait=waits.append) as world:
        for _ in range(2 if limits else 1):
            await world.repo.get_artifact(world.artifact)
        assert world.gh.stats.waiting is None
        if fault is not None:
            world.fake.fail_next(*[fault] * (20 if reason == "503" else 1))
        tasks = [asyncio.ensure_future(world.repo.get_artifact(world.artifact)) for _ in range(20)]
        await asyncio.sleep(1)
        waiting = world.gh.stats.waiting
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert len(waits) == 1
    assert waiting == waits[0]
    assert waits[0].seconds > 50
    assert reason in waits[0].reason
    (warning,) = warnings_in(caplog)
    assert reason in warning
    assert waits[0].until is not None
    assert f"{waits[0].until:%Y-%m-%d %H:%M:%S} UTC" in warning


@pytest.mark.parametrize("kind", ["download", "stream", "archive"])
@fast
async def test_waits_of_downloads_are_reported(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, kind: str
) -> None:
    """A long wait before the retry of a download is reported like a wait of a call."""
    waits: list[Wait] = []
    async with open_world(on_wait=waits.append) as world:
        content = {"a.txt": random.Random(1).randbytes(200_000)}
        artifact = world.fake.add_artifact(REPOSITORY, "zip", content).id
        world.fake.fail_blobs_next(BlobFault.status(503, retry_after=30))

        async def read() -> None:
            match kind:
                case "download":
                    await world.repo.download_artifact(artifact, tmp_path)
                case "stream":
                    async with world.repo.stream_artifact(artifact) as stream:
                        assert [chunk async for chunk in stream]
                case _:
                    assert await world.repo.read_member(artifact, "a.txt") == content["a.txt"]

        task = asyncio.ensure_future(read())
        await asyncio.sleep(10)
        assert world.gh.stats.waiting == waits[0]
        await task
    assert 30 <= waits[0].seconds <= 31
    assert "503" in waits[0].reason
    (warning,) = warnings_in(caplog)
    assert waits[0].reason in warning


@fast
async def test_a_later_end_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """If another call must wait much longer for a similar reason, that is reported, too."""
    async with open_world(retry=RetryPolicy(wait_initial=0)) as world:
        world.fake.fail_next(*(Fault(503, retry_after=seconds) for seconds in (30, 20, 60)))
        tasks = [asyncio.ensure_future(world.repo.get_artifact(world.artifact)) for _ in range(3)]
        await asyncio.sleep(1)
        waiting = world.gh.stats.waiting
        assert waiting is not None
        assert waiting.seconds == 60
        await asyncio.gather(*tasks)
    assert len(warnings_in(caplog)) == 2


@pytest.mark.parametrize("calls", [150, 160, 600])
@fast
async def test_spaced_calls_are_reported_once(calls: int, caplog: pytest.LogCaptureFixture) -> None:
    """If very many calls are made at once, one warning says when the last of them is sent."""
    waits: list[Wait] = []
    policy = RateLimitPolicy(points_per_minute=300)
    async with open_world(on_wait=waits.append, rate_limits=policy) as world:
        tasks = [
            asyncio.ensure_future(world.repo.get_artifact(world.artifact)) for _ in range(calls)
        ]
        await asyncio.sleep(1)
        assert world.gh.stats.waiting == waits[0]
        await asyncio.gather(*tasks)
        assert world.times[-1] == pytest.approx(waits[0].seconds, rel=0.3)
    (warning,) = warnings_in(caplog)
    assert "RateLimitPolicy.points_per_minute" in warning


@fast
async def test_spaced_deletions_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """If many artifacts are deleted at once, one warning says why the calls wait."""
    waits: list[Wait] = []
    async with open_world(on_wait=waits.append) as world:
        artifacts = [world.fake.add_artifact(REPOSITORY, "dist", b"").id for _ in range(72)]
        async for deletion in world.repo.delete_artifacts(artifacts[:12]):
            assert deletion.error is None
        assert warnings_in(caplog) == [], "each call of bulk work waits only some seconds"
        start = now()
        await asyncio.gather(*map(world.repo.delete_artifact, artifacts[12:]))
        assert now() - start == pytest.approx(waits[0].seconds, abs=2)
    (warning,) = warnings_in(caplog)
    assert "DELETE calls are spaced out by RateLimitPolicy.delete_interval" in warning


@fast
async def test_a_short_wait_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Waits of up to five seconds are no warning."""
    async with open_world(retry=RetryPolicy(wait_initial=0)) as world:
        world.fake.fail_next(Fault(503, retry_after=5), Fault.secondary_limit(4))
        await world.repo.get_artifact(world.artifact)
    assert warnings_in(caplog) == []


@fast
async def test_a_mistake_in_the_callback() -> None:
    """An exception of `on_wait` reaches the caller."""

    def fail(_: Wait) -> None:
        raise LookupError("no screen")

    async with open_world(on_wait=fail) as world:
        world.fake.fail_next(Fault.secondary_limit(60))
        with pytest.raises(LookupError, match="no screen"):
            await world.repo.get_artifact(world.artifact)


async def provide(_: Wait) -> None:
    """Do nothing."""


def test_an_async_callback_is_refused() -> None:
    """`on_wait` must be a plain function."""
    with pytest.raises(InvalidArgument, match="on_wait must be a plain function"):
        Client("token", on_wait=provide)


def test_waits_that_end_later_and_later() -> None:
    """If waits for one reason end later and later, they are reported again, but ever less often."""
    waits: list[Wait] = []
    elapsed = 0.0
    reporter = WaitReporter(waits.append, wall_clock=lambda: EPOCH + elapsed)
    ends = list[float]()
    while elapsed < 3600:
        reporter.report(20, "calls are spaced out")
        ends += [elapsed + 20] * (len(waits) - len(ends))
        # The end that was reported last is never much too early.
        assert elapsed + 20 <= ends[-1] * 1.5 + 1
        elapsed += 1
    assert 2 < len(waits) < 20
    elapsed += 30
    reporter.report(10, "calls are spaced out")
    assert waits[-1].seconds == 10


def test_a_wait_that_begins_when_another_ends() -> None:
    """A wait that begins when another one for the same reason has ended is reported, too."""
    waits: list[Wait] = []
    elapsed = 0.0
    reporter = WaitReporter(waits.append, wall_clock=lambda: EPOCH + elapsed)
    reporter.report(20, "calls are spaced out")
    elapsed = 20.0
    assert reporter.current is None
    reporter.report(8, "calls are spaced out")
    assert [wait.seconds for wait in waits] == [20, 8]


def test_waits_of_two_accounts_are_reported_once_each() -> None:
    """A call that waits for two accounts in turn reports the wait of each account once."""
    waits: list[Wait] = []
    elapsed = 0.0
    reporter = WaitReporter(waits.append, wall_clock=lambda: EPOCH + elapsed)
    while elapsed < 60:
        reporter.report(3600 - elapsed, "all 5000 calls of the rate limit are used", "first")
        reporter.report(1800 - elapsed, "all 5000 calls of the rate limit are used", "second")
        elapsed += 2
    assert [wait.seconds for wait in waits] == [3600, 1800]
    assert reporter.current == waits[0]


@fast
async def test_a_limit_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log says when GitHub accepts calls again, also if no call waits for it."""
    caplog.set_level("INFO")
    async with open_world(rate_limits=RateLimitPolicy(max_wait=0)) as world:
        world.fake.fail_next(Fault.secondary_limit(60))
        with pytest.raises(RateLimited):
            await world.repo.get_artifact(world.artifact)
    assert "rate limit reached; GitHub accepts calls again in 60 s" in caplog.text
