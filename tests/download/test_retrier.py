"""Failures that the store does not cause: slow readers, slow disks and callbacks that raise."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ghartifacts_async import Progress, ProgressError, Repo, RetryPolicy, StoreError, TimedOut
from ghartifacts_async._api.limits.wait_reporter import WaitReporter
from ghartifacts_async._download.resumable_reader import Retrier
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.api.support import now, open_world
from tests.archive.artifacts import FILES
from tests.clock import fast
from tests.download.payloads import PAYLOAD, add_artifact
from tests.download.test_signed_urls import READERS, Read
from tests.download.test_store_faults import LARGE, served_ranges
from tests.support import REPOSITORY
from tests.system_calls import SystemCalls


async def test_a_failing_callback_is_not_retried(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An exception in on_progress is not retried, even if the size is unknown."""
    add_artifact(fake_github, digest=None)
    fake_github.fail_blobs_when(lambda _: BlobFault.length(None) & BlobFault.throttle(10_000_000))

    def callback(_: Progress) -> None:
        raise KeyError("mine")

    with pytest.raises(ProgressError):
        await repo.download_artifact(1, tmp_path, on_progress=callback)
    assert len(fake_github.requests_to("blob")) == 1


@fast
async def test_a_stream_recovers_after_a_long_pause() -> None:
    """A stream recovers from a dropped connection after its reader paused for an hour."""
    async with open_world() as world:
        large = world.fake.add_artifact(REPOSITORY, "large", PAYLOAD)
        world.fake.fail_blobs_next(BlobFault.truncate(after=1_000_000))
        async with world.repo.stream_artifact(large.id) as stream:
            chunks = [await anext(stream)]
            await asyncio.sleep(3600)
            chunks += [chunk async for chunk in stream]
        assert b"".join(chunks) == PAYLOAD


@READERS
@fast
async def test_a_store_that_always_stalls_times_out(read: Read) -> None:
    """If a store always stalls after a few bytes, TimedOut is raised at the policy's timeout."""
    async with open_world() as world:
        artifact = world.fake.add_artifact(REPOSITORY, "dist", FILES)
        world.fake.fail_blobs_when(lambda _: BlobFault.stall(after=10))
        with pytest.raises(TimedOut, match=r"[4-6] attempts in 1[0-9]{2}"):
            await read(world.repo, artifact.id)
        assert 120 < now() < 190


@fast
async def test_the_pauses_of_a_reader_do_not_count() -> None:
    """The pauses of a reader do not count towards the policy's timeout."""
    async with open_world() as world:
        small = world.fake.add_artifact(REPOSITORY, "small", PAYLOAD[:50_000])
        world.fake.fail_blobs_when(lambda _: BlobFault.truncate(after=5_000))
        chunks: list[bytes] = []
        async with world.repo.stream_artifact(small.id) as stream:
            async for chunk in stream:
                chunks.append(chunk)
                await asyncio.sleep(600)
        assert b"".join(chunks) == PAYLOAD[:50_000]


@fast
async def test_pauses_while_reading_a_member_do_not_count() -> None:
    """Pauses while reading a member of an archive do not count towards the timeout."""
    async with open_world() as world:
        content = PAYLOAD[:500_000]
        artifact = world.fake.add_artifact(REPOSITORY, "dist", {"x": content})
        chunks: list[bytes] = []
        async with world.repo.open_artifact(artifact.id) as archive, archive.stream("x") as stream:
            world.fake.fail_blobs_when(lambda _: BlobFault.truncate(after=20_000))
            async for chunk in stream:
                chunks.append(chunk)
                await asyncio.sleep(600)
        assert b"".join(chunks) == content


async def test_slow_disks_lose_nothing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """Slow writes lose no byte, and no byte is fetched twice."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    system_calls.before(
        "pwritev", lambda _, __, offset: time.sleep(0.3 if offset % 3 == 0 else 0.05)
    )
    done = await repo.download_artifact(1, tmp_path, connections=4)
    assert done.path.read_bytes() == LARGE
    await fake_github.wait_until_idle()
    assert sum(stop - start for start, stop in served_ranges(fake_github)) == len(LARGE)


@fast
async def test_short_responses_are_accepted_for_two_minutes() -> None:
    """Short responses are accepted for 120 seconds, even if the policy's timeout is shorter."""
    retrier = Retrier(RetryPolicy(timeout=10), WaitReporter())
    assert retrier.record_short_response() is None
    await asyncio.sleep(119.5)
    assert retrier.record_short_response() is None
    await asyncio.sleep(1)
    assert "short responses: 3" in (retrier.record_short_response() or "")


@fast
async def test_an_error_of_a_range() -> None:
    """A permanent error is retried only if the store may have refused only the range."""
    retrier = Retrier(RetryPolicy(), WaitReporter())
    error = StoreError("the store answered 404", status=404, host="store.test")
    await retrier.wait_or_raise(error, no_range=True)
    with pytest.raises(StoreError, match="answered 404"):
        await retrier.wait_or_raise(error)
