"""What is at work in an archive that is left, and how much may be at once."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import Client, ClientStateError, Repo, RetryPolicy
from ghartifacts_async._archive.remote_file import RangeReader, RemoteFile
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.archive.artifacts import FILES, LARGE
from tests.support import REPOSITORY


@pytest.mark.parametrize("what", ["read", "extract", "stream"])
async def test_leaving_ends_what_is_at_work(
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """Whoever still reads when an archive is left ends at once, and leaves no download."""
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
            task = asyncio.create_task(work[what]())
            await asyncio.sleep(0.02)
        fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
        with pytest.raises(ClientStateError, match="this archive"):
            await task
        with pytest.raises(ClientStateError, match="this archive"):
            await work[what]()
        assert not [*tmp_path.glob("ghartifacts-*"), *tmp_path.glob("*out*")]


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 10, 20, 40, 80])
async def test_leaving_while_all_is_downloaded(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
) -> None:
    """A temporary download is gone at whatever step the archive is left, or left when cancelled."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fake_github.add_artifact(REPOSITORY, "dist", FILES)
    genuine, begun = RemoteFile._make_directory, asyncio.Event()
    loop = asyncio.get_running_loop()

    def make(self: RemoteFile) -> None:
        loop.call_soon_threadsafe(begun.set)
        genuine(self)

    monkeypatch.setattr(RemoteFile, "_make_directory", make)

    async def use() -> None:
        async with repo.open_artifact(1) as archive:
            fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
            reading.append(asyncio.create_task(archive.read("bin/tool")))
            await begun.wait()
            for _ in range(steps):
                await asyncio.sleep(0)

    reading: list[asyncio.Task[bytes]] = []
    using = asyncio.create_task(use())
    await begun.wait()
    for _ in range(steps):
        await asyncio.sleep(0)
    using.cancel()
    results = await asyncio.gather(using, *reading, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError | None)
    assert results[1] == LARGE or isinstance(results[1], ClientStateError)
    assert not [*tmp_path.glob("ghartifacts-*")]


async def test_many_members_at_once(
    repo: Repo, fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many members that are read at once, eight are asked for side by side."""
    files = {f"{number}": os.urandom(10_000) for number in range(60)}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    genuine_read, genuine_close = RangeReader.read, RangeReader.close
    reading: set[RangeReader] = set()
    most = 0

    async def read(self: RangeReader) -> bytes:
        nonlocal most
        reading.add(self)
        most = max(most, len(reading))
        return await genuine_read(self)

    async def close(self: RangeReader) -> None:
        await genuine_close(self)
        reading.discard(self)

    async with repo.open_artifact(1) as archive:
        monkeypatch.setattr(RangeReader, "read", read)
        monkeypatch.setattr(RangeReader, "close", close)
        assert await asyncio.gather(*map(archive.read, files)) == [*files.values()]
    assert most == 8
