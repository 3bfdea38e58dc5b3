"""Closing an archive while members are read, and the limit on concurrent reads."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import Client, ClientStateError, Repo, RetryPolicy
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.archive.artifacts import FILES, LARGE
from tests.support import REPOSITORY
from tests.system_calls import SystemCalls


@pytest.mark.parametrize("method", ["read", "extract", "stream"])
async def test_closing_ends_pending_work(
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    """Closing an archive ends pending reads at once, and leaves no temporary download."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fake_github.add_artifact(REPOSITORY, "dist", FILES)
    policy = RetryPolicy(wait_initial=0.2)

    async def stream(name: str) -> list[bytes]:
        async with archive.stream(name) as chunks:
            return [chunk async for chunk in chunks]

    async with Client(fake_github.token, base_url=fake_github.url, retry=policy) as gh:
        async with gh.repo(REPOSITORY).open_artifact(1) as archive:
            fake_github.fail_blobs_when(lambda _: BlobFault.status(503))
            work: dict[str, Any] = {
                "read": lambda: archive.read("bin/tool"),
                "extract": lambda: archive.extract(tmp_path / "out"),
                "stream": lambda: stream("bin/tool"),
            }
            task = asyncio.create_task(work[method]())
            await asyncio.sleep(0.02)
        fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
        with pytest.raises(ClientStateError, match="this archive"):
            await task
        with pytest.raises(ClientStateError, match="this archive"):
            await work[method]()
        assert not [*tmp_path.glob("ghartifacts-*"), *tmp_path.glob("*out*")]


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 10, 20, 40, 80])
async def test_closing_during_a_temporary_download(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system_calls: SystemCalls,
    steps: int,
) -> None:
    """The temporary download is removed, no matter when the archive is closed or cancelled."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fake_github.add_artifact(REPOSITORY, "dist", FILES)
    started, loop = asyncio.Event(), asyncio.get_running_loop()
    system_calls.before("mkdir", lambda *_, **__: loop.call_soon_threadsafe(started.set))

    async def use() -> None:
        async with repo.open_artifact(1) as archive:
            fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
            reading.append(asyncio.create_task(archive.read("bin/tool")))
            await started.wait()
            for _ in range(steps):
                await asyncio.sleep(0)

    reading: list[asyncio.Task[bytes]] = []
    using = asyncio.create_task(use())
    await started.wait()
    for _ in range(steps):
        await asyncio.sleep(0)
    using.cancel()
    results = await asyncio.gather(using, *reading, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError | None)
    assert results[1] == LARGE or isinstance(results[1], ClientStateError)
    assert not [*tmp_path.glob("ghartifacts-*")]


async def test_concurrent_reads_are_bounded(repo: Repo, fake_github: FakeGitHub) -> None:
    """At most eight reads download concurrently."""
    files = {f"{number}": os.urandom(10_000) for number in range(60)}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    async with repo.open_artifact(1) as archive:
        fake_github.clear_requests()
        with fake_github.holding(origin="blob"):
            reads = [asyncio.create_task(archive.read(name)) for name in files]
            await asyncio.sleep(0.3)
            assert len(fake_github.requests_to("blob")) == 8
        assert await asyncio.gather(*reads) == [*files.values()]
