"""A stream that is interrupted loses no byte, and can be read on."""

from __future__ import annotations

import asyncio
import os

import pytest

from ghartifacts_async import (
    ArtifactStream,
    Client,
    Progress,
    ProgressError,
    Repo,
    RetryPolicy,
    TransportError,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.download.payloads import PAYLOAD, add_artifact
from tests.support import REPOSITORY, wait_until

UNKNOWN_SIZE = BlobFault.chunked()
BROKEN = UNKNOWN_SIZE & BlobFault.truncate(after=1_000_000)


async def read_on(stream: ArtifactStream, error: type[Exception]) -> tuple[bytes, int]:
    """Read a stream to its end despite errors, and return its bytes and the number of errors."""
    received, errors = b"", 0
    while errors < 10:
        try:
            received += await anext(stream)
        except StopAsyncIteration:
            break
        except error:
            errors += 1
    return received, errors


@pytest.mark.parametrize("failing", [1, 2, -1], ids=["first", "second", "last"])
async def test_a_failing_callback_loses_no_byte(
    repo: Repo, fake_github: FakeGitHub, failing: int
) -> None:
    """After a ProgressError, the next read returns the chunk that had been received."""
    add_artifact(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.throttle(6_000_000))
    reports = 0
    failed = False

    def callback(progress: Progress) -> None:
        nonlocal reports, failed
        reports += 1
        if not failed and (
            reports == failing or (failing < 0 and progress.total == progress.received)
        ):
            failed = True
            raise KeyError

    async with repo.stream_artifact(1, on_progress=callback) as stream:
        assert await read_on(stream, ProgressError) == (PAYLOAD, 1)
        assert stream.verified


async def test_the_end_is_not_verified_before_its_report(
    repo: Repo, fake_github: FakeGitHub
) -> None:
    """If the last report keeps failing, the stream does not end as verified without its bytes."""
    fake_github.add_artifact(REPOSITORY, "dist", os.urandom(1000), id=1)

    def callback(_: Progress) -> None:
        raise KeyError

    async with repo.stream_artifact(1, on_progress=callback) as stream:
        for _ in range(3):
            with pytest.raises(ProgressError):
                await anext(stream)
            assert (stream.digest, stream.verified) == (None, False)


async def test_a_cancelled_restart_is_continued(fake_github: FakeGitHub) -> None:
    """If a read is cancelled before a payload is requested again, the next read requests it."""
    add_artifact(fake_github, digest=None)
    faults = iter([BROKEN, BROKEN])
    fake_github.fail_blobs_when(lambda _: next(faults, UNKNOWN_SIZE))
    policy = RetryPolicy(wait_initial=1000, wait_max=1000, timeout=9000)
    async with (
        Client(fake_github.token, base_url=fake_github.url, retry=policy) as gh,
        gh.repo(REPOSITORY).stream_artifact(1) as stream,
    ):
        received = b""
        while True:
            reading = asyncio.ensure_future(anext(stream, b""))
            await wait_until(lambda: reading.done() or gh.stats.waiting is not None)  # noqa: B023
            if not reading.done():
                reading.cancel()
                await asyncio.wait([reading])
                break
            received += reading.result()
        received += b"".join([chunk async for chunk in stream])
        assert received == PAYLOAD


async def test_a_failed_restart_is_continued(fake_github: FakeGitHub) -> None:
    """If requesting a payload again fails after all attempts, the next read tries it again."""
    add_artifact(fake_github, digest=None)
    faults = iter([BROKEN] * 4)
    fake_github.fail_blobs_when(lambda _: next(faults, UNKNOWN_SIZE))
    policy = RetryPolicy(attempts=2, wait_initial=0.001)
    async with (
        Client(fake_github.token, base_url=fake_github.url, retry=policy) as gh,
        gh.repo(REPOSITORY).stream_artifact(1) as stream,
    ):
        received, errors = await read_on(stream, TransportError)
        assert received == PAYLOAD
        assert errors > 0
