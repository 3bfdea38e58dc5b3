"""What happens between the threads, the files and the loop."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    Client,
    ClientStateError,
    DigestMismatch,
    DiskError,
    DiskFull,
    InvalidArgument,
    Progress,
    Repo,
)
from ghartifacts_async._disk.file_io import RandomFile
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download.part_file import PartFile
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.download.payloads import PAYLOAD, add
from tests.support import REPOSITORY, files_below, published_below

Slow = Callable[..., None]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Make a job of the disk's threads take a while, before or after its work."""

    def apply(name: str, *, before: float = 0.0, after: float = 0.0) -> None:
        job = getattr(PartFile, name)

        def slowed(*args: Any) -> Any:
            time.sleep(before)
            result = job(*args)
            time.sleep(after)
            return result

        monkeypatch.setattr(PartFile, name, slowed)

    return apply


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it does; the files are written by threads."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never did")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_wait_is_as_long_as_the_job(fails: bool) -> None:
    """Whoever is cancelled, however often, while a thread is at work leaves when it has ended."""
    disk, go_on, ended = IoThreads(), threading.Event(), threading.Event()

    def job() -> None:
        go_on.wait(20)
        ended.set()
        if fails:
            raise OSError(errno.EIO, "nobody is told")

    task = asyncio.ensure_future(disk.run(job))
    for _ in range(2):
        await asyncio.sleep(0.01)
        task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    await disk.close()


async def test_what_is_hashed_is_what_is_on_disk(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte that the disk got wrong is found, although the network brought it right."""
    genuine = RandomFile.write

    def write(self: RandomFile, offset: int, chunks: list[bytes]) -> None:
        genuine(self, offset, [bytes([chunks[0][0] ^ 1]) + chunks[0][1:], *chunks[1:]])

    monkeypatch.setattr(RandomFile, "write", write)
    add(fake_github)
    with pytest.raises(DigestMismatch):
        await repo.download_artifact(1, tmp_path)
    assert files_below(tmp_path) == []


async def test_a_part_file_that_was_cut_is_not_published(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Bytes that someone else took from the part file keep it from the final path."""
    add(fake_github)

    def spoil(progress: Progress) -> None:
        if progress.received == progress.total:
            (part,) = tmp_path.glob(".*.ghartifacts-part")
            os.truncate(part, 10)

    with pytest.raises(DiskError, match="another process"):
        await repo.download_artifact(1, tmp_path, on_progress=spoil)
    assert published_below(tmp_path) == []


@pytest.mark.parametrize("job", ["_open", "_begin", "_write", "_publish", "_release"])
async def test_cancelled_twice_nothing_is_left(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, slow: Slow, job: str
) -> None:
    """A second cancellation, while the first is cleaned up after, leaves nothing either."""
    artifact = await repo.get_artifact(add(fake_github).id)
    slow(job, after=0.15)
    download = repo.download_artifact(artifact, f"{tmp_path}/out/", keep_partial=False)
    task = asyncio.create_task(download)
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_below(tmp_path) in ([], ["out/dist.zip"])


async def test_cancelled_before_the_last_step_an_older_file_stays(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, slow: Slow
) -> None:
    """A cancellation that comes before the file is replaced leaves the older one alone."""
    artifact = await repo.get_artifact(add(fake_github).id)
    target = tmp_path / "dist.zip"
    target.write_bytes(b"old")
    slow("_write", after=0.2)
    task = asyncio.create_task(repo.download_artifact(artifact, target, keep_partial=False))
    await until(lambda: any(tmp_path.glob(".*")))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert target.read_bytes() == b"old"
    assert files_below(tmp_path) == ["dist.zip"]


async def test_closing_waits_for_the_disk_and_not_in_the_loop(
    fake_github: FakeGitHub, tmp_path: Path, slow: Slow
) -> None:
    """A client that closes while a thread writes lets the loop run."""
    add(fake_github)
    slow("_write", before=0.3)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        download = gh.repo(REPOSITORY).download_artifact(1, f"{tmp_path}/out/")
        task = asyncio.create_task(download)
        await asyncio.sleep(0.1)
        heart = asyncio.create_task(beat())
    heart.cancel()
    assert beats >= 5
    with pytest.raises(ClientStateError, match="closed"):
        await task
    assert published_below(tmp_path) == []


@pytest.mark.parametrize("failing", ["write", "read_into", "reserve", "close", "size", "__init__"])
async def test_a_disk_that_fails_anywhere_is_told(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    """Whichever call to the system fails, it is a DiskError with its errno, and nothing is left."""
    genuine = getattr(RandomFile, failing)

    def fail(self: RandomFile, *args: Any, **kwargs: Any) -> Any:
        genuine(self, *args, **kwargs)
        if failing == "__init__":
            self.close()
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(RandomFile, failing, fail)
    add(fake_github)
    with pytest.raises(DiskFull, match="quota") as caught:
        await repo.download_artifact(1, tmp_path / "dist.zip", keep_partial=False)
    assert caught.value.errno == errno.EDQUOT
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    "missing", [(), ("posix_fallocate",), ("pwritev", "preadv", "posix_fallocate", "O_DIRECTORY")]
)
@pytest.mark.parametrize("connections", [1, 4])
async def test_systems_without_some_functions_are_served(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: tuple[str, ...],
    connections: int,
) -> None:
    """MacOS has no posix_fallocate, and Windows no pwritev either: downloads work all the same."""
    for name in missing:
        monkeypatch.delattr(os, name, raising=False)
    add(fake_github)
    fake_github.fail_blobs_next(BlobFault.reset(after=1_000_000))
    done = await repo.download_artifact(
        1, tmp_path / "dist.zip", connections=connections, durable=True
    )
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("destination", [None, 5, b"out", "a\0b", "a\ud800b", ""])
async def test_a_destination_that_is_no_path_is_told(
    repo: Repo, fake_github: FakeGitHub, destination: Any
) -> None:
    """What cannot be a path is refused before anything is asked."""
    with pytest.raises(InvalidArgument, match="destination"):
        await repo.download_artifact(1, destination)
    assert fake_github.requests == []


async def test_a_path_that_the_system_refuses_is_told(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A name that is too long for the system is a DiskError before a byte is fetched."""
    add(fake_github)
    with pytest.raises(DiskError, match="too long"):
        await repo.download_artifact(1, tmp_path / ("x" * 300))
    assert files_below(tmp_path) == []
    assert fake_github.requests_to("blob") == []


async def test_a_callback_must_be_a_plain_function(repo: Repo, fake_github: FakeGitHub) -> None:
    """An async callback, which nobody would await, is refused before anything is asked."""

    async def tell(_: Progress) -> None: ...

    for callback in (tell, 3):
        with pytest.raises(InvalidArgument, match="on_progress"):
            await repo.download_artifact(1, "out/", on_progress=callback)  # type: ignore[arg-type]
    assert fake_github.requests == []


async def test_progress_is_told_ten_times_a_second_at_most(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, slow: Slow
) -> None:
    """However many batches there are, reports keep a tenth of a second apart, the last but one."""
    slow("_write", before=0.03)
    fake_github.add_artifact(REPOSITORY, "large", bytes(20 * 2**20))
    times: list[float] = []
    loop = asyncio.get_running_loop()
    await repo.download_artifact(1, tmp_path, on_progress=lambda _: times.append(loop.time()))
    gaps = [after - before for before, after in pairwise(times[:-1])]
    assert len(times) >= 3
    assert all(gap >= 0.099 for gap in gaps)
