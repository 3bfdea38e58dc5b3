"""What happens between the threads, the files and the loop."""

from __future__ import annotations

import asyncio
import errno
import io
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
    InvalidArgument,
    Progress,
    Repo,
)
from ghartifacts_async._disk import PartFile
from ghartifacts_async.testing import FakeGitHub
from tests.contract.payloads import PAYLOAD, add
from tests.support import REPOSITORY, files_below

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


async def test_what_is_hashed_is_what_is_on_disk(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte that the disk got wrong is found, although the network brought it right."""

    class Faulty(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(bytes([data[0] ^ 1]) + bytes(data[1:]))

    monkeypatch.setattr("ghartifacts_async._disk.io.FileIO", Faulty)
    add(fake_github)
    with pytest.raises(DigestMismatch):
        await repo.download_artifact(1, tmp_path)
    assert files_below(tmp_path) == []


async def test_a_part_file_that_was_changed_is_not_published(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Bytes that someone else appended to the part file keep it from the final path."""
    add(fake_github)

    def spoil(progress: Progress) -> None:
        if progress.received == progress.total:
            (part,) = tmp_path.glob(".*.ghartifacts-part")
            with part.open("ab") as file:
                file.write(b"more")

    with pytest.raises(DiskError, match="another process"):
        await repo.download_artifact(1, tmp_path, on_progress=spoil)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("job", ["_append", "_publish", "open"])
async def test_cancelled_twice_nothing_is_left(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, slow: Slow, job: str
) -> None:
    """A second cancellation, while the first is cleaned up after, leaves nothing either."""
    artifact = await repo.get_artifact(add(fake_github).id)
    slow(job, after=0.15)
    task = asyncio.create_task(repo.download_artifact(artifact, f"{tmp_path}/out/"))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_below(tmp_path) == []


async def test_a_cancelled_download_keeps_to_its_own_file(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, slow: Slow
) -> None:
    """A download cancelled at its last step does not take away what another one published."""
    artifact = await repo.get_artifact(add(fake_github).id)
    target = tmp_path / "dist.zip"
    slow("_publish", after=0.2)
    cancelled = asyncio.create_task(repo.download_artifact(artifact, target))
    await until(target.exists)
    other = asyncio.create_task(repo.download_artifact(artifact, target))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    assert (await other).path.read_bytes() == PAYLOAD
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert target.read_bytes() == PAYLOAD


async def test_cancelled_before_the_last_step_an_older_file_stays(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, slow: Slow
) -> None:
    """A cancellation that comes before the file is replaced leaves the older one alone."""
    artifact = await repo.get_artifact(add(fake_github).id)
    target = tmp_path / "dist.zip"
    target.write_bytes(b"old")
    slow("_close_handles", after=0.2)
    task = asyncio.create_task(repo.download_artifact(artifact, target))
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
    """A client that closes while a thread writes lets the loop run, and leaves nothing."""
    add(fake_github)
    slow("_append", before=0.3)
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
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("failing", ["write", "readinto", "read", "seek", "close", "fileno"])
async def test_a_disk_that_fails_anywhere_is_told(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    """Whichever call to the system fails, it is a DiskError with its errno, and nothing is left."""
    genuine = io.FileIO

    def fail(self: io.FileIO, *args: Any) -> Any:
        getattr(genuine, failing)(self, *args)
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    faulty = type("Faulty", (genuine,), {failing: fail})
    monkeypatch.setattr("ghartifacts_async._disk.io.FileIO", faulty)
    add(fake_github)
    with pytest.raises(DiskError, match="quota") as caught:
        await repo.download_artifact(1, tmp_path / "dist.zip")
    assert caught.value.errno == errno.EDQUOT
    assert files_below(tmp_path) == []


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
    """A name that is too long for the system is a DiskError, and nothing is left."""
    add(fake_github)
    with pytest.raises(DiskError, match="too long"):
        await repo.download_artifact(1, tmp_path / ("x" * 300))
    assert files_below(tmp_path) == []


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
    slow("_append", before=0.03)
    fake_github.add_artifact(REPOSITORY, "large", bytes(20 * 2**20))
    times: list[float] = []
    loop = asyncio.get_running_loop()
    await repo.download_artifact(1, tmp_path, on_progress=lambda _: times.append(loop.time()))
    gaps = [after - before for before, after in pairwise(times[:-1])]
    assert len(times) >= 3
    assert all(gap >= 0.099 for gap in gaps)
