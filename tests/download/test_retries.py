"""Slow readers, slow disks and callers who raise: what is no fault of the store is not its own."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ghartifacts_async import Progress, ProgressError, Repo, TimedOut
from ghartifacts_async._disk.file_io import RandomFile
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.api.support import now, world
from tests.archive.artifacts import FILES
from tests.clock import fast
from tests.download.payloads import PAYLOAD, add
from tests.download.test_signed_urls import READERS, Read
from tests.download.test_store_faults import LARGE, ranges_of
from tests.support import REPOSITORY


async def test_a_callback_that_raises_is_told_whatever_is_known(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Also where nobody knows the size, a callback's exception is the error, and no other try."""
    add(fake_github, digest=None)
    fake_github.fail_blobs_when(lambda _: BlobFault.length(None) & BlobFault.throttle(10_000_000))

    def tell(_: Progress) -> None:
        raise KeyError("mine")

    with pytest.raises(ProgressError):
        await repo.download_artifact(1, tmp_path, on_progress=tell)
    assert len(fake_github.requests_to("blob")) == 1


@fast
async def test_a_reader_may_take_its_time() -> None:
    """A stream whose reader pauses for an hour is healed as any other."""
    async with world() as made:
        large = made.fake.add_artifact(REPOSITORY, "large", PAYLOAD)
        made.fake.fail_blobs_next(BlobFault.truncate(after=1_000_000))
        async with made.repo.stream_artifact(large.id) as stream:
            chunks = [await anext(stream)]
            await asyncio.sleep(3600)
            chunks += [chunk async for chunk in stream]
        assert b"".join(chunks) == PAYLOAD


@READERS
@fast
async def test_a_store_that_gets_nowhere_is_given_up(read: Read) -> None:
    """A few bytes and then a stall, again and again, is followed for the time of the policy."""
    async with world() as made:
        artifact = made.fake.add_artifact(REPOSITORY, "dist", FILES)
        made.fake.fail_blobs_when(lambda _: BlobFault.stall(after=10))
        with pytest.raises(TimedOut, match=r"[4-6] attempts in 1[0-9]{2}"):
            await read(made.repo, artifact.id)
        assert 120 < now() < 190


@fast
async def test_the_time_of_a_reader_is_not_that_of_the_store() -> None:
    """A stream that breaks after each few bytes is gone on with, however long its reader pauses."""
    async with world() as made:
        small = made.fake.add_artifact(REPOSITORY, "small", PAYLOAD[:50_000])
        made.fake.fail_blobs_when(lambda _: BlobFault.truncate(after=5_000))
        chunks: list[bytes] = []
        async with made.repo.stream_artifact(small.id) as stream:
            async for chunk in stream:
                chunks.append(chunk)
                await asyncio.sleep(600)
        assert b"".join(chunks) == PAYLOAD[:50_000]


@fast
async def test_who_reads_out_of_an_archive_may_take_their_time() -> None:
    """A member whose bytes break after each few is gone on with, however long a reader pauses."""
    async with world() as made:
        content = PAYLOAD[:500_000]
        artifact = made.fake.add_artifact(REPOSITORY, "dist", {"x": content})
        chunks: list[bytes] = []
        async with made.repo.open_artifact(artifact.id) as archive, archive.stream("x") as stream:
            made.fake.fail_blobs_when(lambda _: BlobFault.truncate(after=20_000))
            async for chunk in stream:
                chunks.append(chunk)
                await asyncio.sleep(600)
        assert b"".join(chunks) == content


async def test_slow_disks_lose_nothing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late the writes of the last batches end, all of them count."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    genuine = RandomFile.write

    def write(self: RandomFile, offset: int, chunks: list[bytes]) -> None:
        time.sleep(0.3 if offset % 3 == 0 else 0.05)
        genuine(self, offset, chunks)

    monkeypatch.setattr(RandomFile, "write", write)
    done = await repo.download_artifact(1, tmp_path, connections=4)
    assert done.path.read_bytes() == LARGE
    await fake_github.settled()
    assert sum(stop - start for start, stop in ranges_of(fake_github)) == len(LARGE)
