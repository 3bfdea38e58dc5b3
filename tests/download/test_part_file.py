"""Part files with slow and failing disks, cancellations and invalid destinations."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
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
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.download.payloads import PAYLOAD, add_artifact
from tests.support import REPOSITORY, files_below, published_below, wait_until
from tests.system_calls import SystemCalls


def slow(*_: object, **__: object) -> None:
    """Take long, as a fault of a system call."""
    time.sleep(0.2)


async def test_the_digest_is_computed_from_the_disk(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """A byte that the disk stores wrongly raises DigestMismatch."""
    add_artifact(fake_github)

    def corrupt(_: int, fd: int, __: object, offset: int) -> None:
        os.pwrite(fd, bytes([os.pread(fd, 1, offset)[0] ^ 1]), offset)

    system_calls.after("pwritev", corrupt)
    with pytest.raises(DigestMismatch):
        await repo.download_artifact(1, tmp_path)
    assert files_below(tmp_path) == []


async def test_a_truncated_part_file_is_not_published(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A part file that another process truncates is not published."""
    add_artifact(fake_github)

    def truncate(progress: Progress) -> None:
        if progress.received == progress.total:
            (part,) = tmp_path.glob(".*.ghartifacts-part")
            os.truncate(part, 10)

    with pytest.raises(DiskError, match="another process"):
        await repo.download_artifact(1, tmp_path, on_progress=truncate)
    assert published_below(tmp_path) == []


async def test_an_exchanged_part_file_is_not_published(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A part file that another process exchanges just before publishing is not published."""
    add_artifact(fake_github)

    def exchange(progress: Progress) -> None:
        if progress.received == progress.total:
            (part,) = tmp_path.glob(".*.ghartifacts-part")
            part.unlink()
            part.write_bytes(PAYLOAD[::-1])

    with pytest.raises(DiskError, match="another process"):
        await repo.download_artifact(1, tmp_path, on_progress=exchange)
    assert published_below(tmp_path) == []
    assert (await repo.download_artifact(1, tmp_path)).path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("call", ["open", "ftruncate", "pwritev", "replace", "close", "unlink"])
async def test_a_second_cancellation_leaves_nothing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls, call: str
) -> None:
    """A second cancellation during the cleanup leaves no hidden file."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    system_calls.after(call, slow)
    download = repo.download_artifact(artifact, f"{tmp_path}/out/", keep_partial=False)
    task = asyncio.create_task(download)
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_below(tmp_path) in ([], ["out/dist.zip"])


async def test_a_cancelled_download_keeps_the_existing_file(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """A download that is cancelled before its last step leaves the existing file alone."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    target = tmp_path / "dist.zip"
    target.write_bytes(b"old")
    system_calls.after("pwritev", slow)
    task = asyncio.create_task(repo.download_artifact(artifact, target, keep_partial=False))
    await wait_until(lambda: any(tmp_path.glob(".*")))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert target.read_bytes() == b"old"
    assert files_below(tmp_path) == ["dist.zip"]


async def test_closing_the_client_does_not_block_the_event_loop(
    fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """The event loop keeps running while a closing client waits for its threads."""
    add_artifact(fake_github)
    writing, released = threading.Event(), threading.Event()

    def write(*_: object) -> None:
        writing.set()
        assert released.wait(20)

    async def beat() -> None:
        for _ in range(20):
            await asyncio.sleep(0.01)
        released.set()

    system_calls.before("pwritev", write)
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        download = gh.repo(REPOSITORY).download_artifact(1, f"{tmp_path}/out/")
        task = asyncio.create_task(download)
        await wait_until(writing.is_set)
        heart = asyncio.create_task(beat())
    assert heart.done()
    with pytest.raises(ClientStateError, match="closed"):
        await task
    assert published_below(tmp_path) == []


@pytest.mark.parametrize(
    "call", ["open", "fstatvfs", "posix_fallocate", "pwritev", "preadv", "close"]
)
async def test_any_failing_disk_call_raises_disk_full(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls, call: str
) -> None:
    """A system call that exceeds the quota raises DiskFull, and no file is left."""

    def fail(*arguments: Any, **_: object) -> None:
        if call != "open" or str(arguments[0]).endswith("-part"):
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

    if call == "close":
        system_calls.after("close", fail)
    else:
        system_calls.before(call, fail)
    add_artifact(fake_github)
    with pytest.raises(DiskFull, match="quota") as caught:
        await repo.download_artifact(1, tmp_path / "dist.zip", keep_partial=False)
    assert caught.value.errno == errno.EDQUOT
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    "missing", [(), ("posix_fallocate",), ("pwritev", "preadv", "posix_fallocate", "O_DIRECTORY")]
)
@pytest.mark.parametrize("connections", [1, 4])
async def test_downloads_work_without_optional_system_functions(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: tuple[str, ...],
    connections: int,
) -> None:
    """Downloads work without posix_fallocate (missing on macOS) or pwritev (missing on Windows)."""
    for name in missing:
        monkeypatch.delattr(os, name, raising=False)
    add_artifact(fake_github)
    fake_github.fail_blobs_next(BlobFault.reset(after=1_000_000))
    done = await repo.download_artifact(
        1, tmp_path / "dist.zip", connections=connections, durable=True
    )
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("destination", [None, 5, b"out", "a\0b", "a\ud800b", ""])
async def test_an_invalid_destination_is_rejected(
    repo: Repo, fake_github: FakeGitHub, destination: Any
) -> None:
    """A destination that is not a valid path raises InvalidArgument before any request."""
    with pytest.raises(InvalidArgument, match="destination"):
        await repo.download_artifact(1, destination)
    assert fake_github.requests == []


async def test_a_name_that_is_too_long_raises_disk_error(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A file name that is too long for the system raises DiskError before a byte is fetched."""
    add_artifact(fake_github)
    with pytest.raises(DiskError, match="too long"):
        await repo.download_artifact(1, tmp_path / ("x" * 300))
    assert files_below(tmp_path) == []
    assert fake_github.requests_to("blob") == []


async def test_a_callback_must_be_a_plain_function(repo: Repo, fake_github: FakeGitHub) -> None:
    """An async function as on_progress raises InvalidArgument before any request."""

    async def async_callback(_: Progress) -> None: ...

    for callback in (async_callback, 3):
        with pytest.raises(InvalidArgument, match="on_progress"):
            await repo.download_artifact(1, "out/", on_progress=callback)  # type: ignore[arg-type]
    assert fake_github.requests == []


async def test_progress_is_reported_at_most_ten_times_a_second(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """Progress reports are at least a tenth of a second apart, except for the last."""
    system_calls.before("pwritev", lambda *_: time.sleep(0.03))
    fake_github.add_artifact(REPOSITORY, "large", bytes(20 * 2**20))
    times: list[float] = []
    loop = asyncio.get_running_loop()
    await repo.download_artifact(1, tmp_path, on_progress=lambda _: times.append(loop.time()))
    gaps = [after - before for before, after in pairwise(times[:-1])]
    assert len(times) >= 3
    assert all(gap >= 0.099 for gap in gaps)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot open directories")
async def test_a_new_directory_that_other_processes_remove(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """A new directory that is removed several times before it is opened is created again."""
    add_artifact(fake_github)
    directory, left = tmp_path / "new", 3

    def remove(path: object, *_: object, **__: object) -> None:
        nonlocal left
        if path == directory and left and directory.exists():
            left -= 1
            directory.rmdir()

    system_calls.before("open", remove)
    download = await repo.download_artifact(1, directory / "dist.zip")
    assert (left, download.path.read_bytes()) == (0, PAYLOAD)
