"""Limits on the requests, bytes, allocations and system calls of operations."""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import Client, RateLimitPolicy, Repo
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.support import REPOSITORY

MIB = 2**20


@pytest.fixture
async def gh(fake_github: FakeGitHub) -> AsyncIterator[Client]:
    """A client without rate limits, which would only slow down the tests."""
    async with Client(
        fake_github.token, base_url=fake_github.url, rate_limits=RateLimitPolicy.unlimited()
    ) as client:
        yield client


@pytest.fixture
def repo(gh: Client) -> Repo:
    """The repository that the tests use."""
    return gh.repo(REPOSITORY)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[int]]:
    """A function that records the return values of the `os` function with a given name."""

    def count(name: str) -> list[int]:
        original, results = getattr(os, name), list[int]()

        def call(*arguments: Any) -> int:
            result: int = original(*arguments)
            results.append(result)
            return result

        monkeypatch.setattr(os, name, call)
        return results

    return count


@pytest.mark.parametrize(("connections", "requests"), [(1, 1), (4, 24)])
async def test_a_download_transfers_each_byte_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, connections: int, requests: int
) -> None:
    """A download takes one API call and few blob requests, and transfers each byte once."""
    size = 24 * MIB
    fake_github.add_artifact(REPOSITORY, "dist", os.urandom(size))
    artifact = await repo.get_artifact(1)
    fake_github.clear_requests()
    await repo.download_artifact(artifact, tmp_path, connections=connections)
    await fake_github.wait_until_idle()
    assert len(fake_github.requests_to("api")) == 1
    blobs = fake_github.requests_to("blob")
    assert len(blobs) <= requests
    assert sum(blob.bytes_sent or 0 for blob in blobs) == size


@pytest.mark.parametrize(("mib", "many"), [(63, False), (64, True)])
@pytest.mark.parametrize("known", [True, False], ids=["size known", "size unknown"])
@pytest.mark.parametrize("serves_ranges", [True, False], ids=["ranges", "no ranges"])
async def test_the_default_number_of_connections(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    mib: int,
    many: bool,
    known: bool,
    serves_ranges: bool,
) -> None:
    """By default, a payload of less than 64 MiB, or of a store without ranges, takes one stream."""
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(mib * MIB)
    fake_github.add_artifact(REPOSITORY, "dist", source, digest="auto" if known else None)
    # If the size is unknown, further connections take over parts of a slow response.
    fault = BlobFault() if known else BlobFault.throttle(20e6)
    if not serves_ranges:
        fault &= BlobFault.ignore_range()
    fake_github.fail_blobs_when(lambda _: fault)
    await repo.download_artifact(1, tmp_path / "out")
    await fake_github.wait_until_idle()
    blobs = fake_github.requests_to("blob")
    if serves_ranges:
        assert (len(blobs) > 1) is many
        assert [blob.status for blob in blobs].count(206) == len(blobs) - (not many or not known)
    else:
        # One refused range shows that only the whole payload is served.
        assert len(blobs) == 1 + (many and known)
        assert "Range" not in blobs[-1].headers


@pytest.mark.skipif(not hasattr(os, "pwritev"), reason="Windows has no pwritev")
async def test_a_download_makes_few_system_calls(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, counted: Callable[[str], list[int]]
) -> None:
    """Bytes are written in batches, read back once in large blocks, and not synced by default."""
    size = 32 * MIB
    fake_github.add_artifact(REPOSITORY, "dist", bytes(size))
    written, read, synced = counted("pwritev"), counted("preadv"), counted("fsync")
    await repo.download_artifact(1, tmp_path, connections=1)
    assert sum(written) == size
    assert sum(read) == size
    assert len(written) <= 2 * size // MIB
    assert len(read) <= 2 * size // MIB
    assert synced == []


async def test_a_second_download_sends_no_request(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Downloading to an existing file with the right digest sends no request."""
    fake_github.add_artifact(REPOSITORY, "dist", os.urandom(MIB))
    artifact = await repo.get_artifact(1)
    await repo.download_artifact(artifact, tmp_path)
    fake_github.clear_requests()
    assert (await repo.download_artifact(artifact, tmp_path)).skipped
    assert fake_github.requests == []


async def test_a_listing_costs_a_seventh_more_calls_than_pages(
    gh: Client, repo: Repo, fake_github: FakeGitHub
) -> None:
    """`first` takes one call. A full listing takes at most a 7th more calls than pages."""
    for _ in range(2000):
        fake_github.add_artifact(REPOSITORY, "dist", b"")
    assert await repo.list_artifacts().first() is not None
    assert gh.stats.calls == 1
    assert len(await repo.list_artifacts().collect()) == 2000
    assert gh.stats.calls <= 1 + 20 * 8 / 7 + 1


async def test_each_of_many_downloads_takes_two_requests(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Each small artifact takes one API call and one blob request."""
    for number in range(50):
        fake_github.add_artifact(REPOSITORY, "dist", f"{number}".encode())
    artifacts = await repo.list_artifacts().collect()
    fake_github.clear_requests()
    async for outcome in repo.download_artifacts(artifacts, tmp_path):
        assert outcome.result().verified
    assert len(fake_github.requests_to("api")) == 50
    assert len(fake_github.requests_to("blob")) == 50


async def test_polling_does_not_leak(gh: Client, repo: Repo, fake_github: FakeGitHub) -> None:
    """Polling an unchanged artifact receives 304 responses, and memory does not grow."""
    fake_github.add_artifact(REPOSITORY, "dist", b"")

    async def poll(times: int) -> None:
        for _ in range(times):
            await repo.get_artifact(1)
            fake_github.clear_requests()

    def allocated() -> int:
        gc.collect()
        return sys.getallocatedblocks()

    # The number of blocks rises during the first 600 polls, and then rises and falls by 300 over
    # about 1,300 polls.
    await poll(700)
    before = allocated()
    assert before, "PYTHONMALLOC=malloc counts no blocks"
    await poll(1000)
    growth = (allocated() - before) / 1000
    assert gh.stats.not_modified == gh.stats.calls - 1
    assert growth < 0.6, f"each poll keeps {growth:.2f} objects"


async def test_memory_does_not_depend_on_the_payload_size(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The peak allocation of a download is the same for any payload size."""
    peaks = []
    for number, mib in enumerate((64, 192), 1):
        source = tmp_path / f"source{number}"
        with source.open("wb") as file:
            file.truncate(mib * MIB)
        fake_github.add_artifact(REPOSITORY, "dist", source)
        artifact = await repo.get_artifact(number)
        gc.collect()
        tracemalloc.start()
        try:
            await repo.download_artifact(artifact, tmp_path / f"{number}.zip", connections=2)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4 * MIB, peaks
