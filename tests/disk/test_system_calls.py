"""System calls that write less than they should, fail, or find that a file has vanished."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import ArtifactsErrorGroup, DiskError, Repo, read_manifest
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.bulk.support import MANIFEST, counts
from tests.download.payloads import PAYLOAD, add_artifact, interrupted_download
from tests.support import REPOSITORY, files_below, published_below

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

FILES: dict[str, bytes | str] = {"a": PAYLOAD[:50_001], "b/c": PAYLOAD[:10]}


async def download(repo: Repo, directory: Path) -> None:
    """Download the first artifact, which was partly downloaded before."""
    done = await repo.download_artifact(1, directory / "dist.zip")
    assert 0 < done.resumed_bytes < len(PAYLOAD)
    assert done.path.read_bytes() == PAYLOAD


async def download_all(repo: Repo, directory: Path) -> None:
    """Download the first artifact from its start or from what an earlier call has left."""
    done = await repo.download_artifact(1, directory / "dist.zip")
    assert done.path.read_bytes() == PAYLOAD


async def bulk(repo: Repo, directory: Path) -> None:
    """Download a small artifact with the bulk operation."""
    outcomes = [outcome async for outcome in repo.download_artifacts([2], directory / "bulk")]
    assert outcomes[0].result().verified


async def extract(repo: Repo, directory: Path) -> None:
    """Extract the small artifact."""
    await repo.extract_artifact(2, directory / "out")
    assert (directory / "out" / "a").read_bytes() == FILES["a"]


async def mirror(repo: Repo, directory: Path) -> None:
    """Mirror all artifacts, and check that the manifest is complete."""
    (await repo.mirror(directory / "mirror")).raise_for_errors()
    assert len([*read_manifest(directory / "mirror")]) == 2
    assert (await repo.mirror(directory / "mirror")).skipped == 2


@pytest.mark.parametrize("operation", [download, bulk, extract, mirror])
async def test_short_writes(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    operation: Callable[[Repo, Path], Awaitable[None]],
) -> None:
    """If the system writes only a part of the data, the rest is written too."""
    add_artifact(fake_github)
    fake_github.add_artifact(REPOSITORY, "files", FILES)
    write, pwrite, pwritev = os.write, os.pwrite, os.pwritev

    def half(data: bytes | memoryview) -> bytes:
        return bytes(data[: (len(data) + 1) // 2])

    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, half(data)))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, half(data), at))
    monkeypatch.setattr(os, "pwritev", lambda fd, views, at: pwritev(fd, [half(views[0])], at))
    if operation is download:
        await interrupted_download(fake_github, tmp_path / "dist.zip", 1_000_000)
    await operation(repo, tmp_path)


@pytest.mark.parametrize("failing", range(4))
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
async def test_a_failing_sync(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
    number: int,
) -> None:
    """If a file cannot be synced, DiskError is raised and the file that exists stays."""
    add_artifact(fake_github)
    target = tmp_path / "new" / "dist.zip"
    genuine, calls = os.fsync, 0

    def fsync(fd: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing + 1:
            raise OSError(number, os.strerror(number))
        genuine(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with suppress(DiskError):
            await repo.download_artifact(1, target, durable=True)
            assert calls <= failing
    if failing == 0:
        assert published_below(tmp_path) == []
    else:
        # The payload is on disk, and its directory cannot be synced.
        assert target.read_bytes() == PAYLOAD
    done = await repo.download_artifact(1, target, durable=True)
    assert done.path.read_bytes() == PAYLOAD
    assert files_below(tmp_path) == ["new/dist.zip"]


class FailingClose:
    """A replacement for `os.close` that closes a written file, and reports an error.

    Args:
        directory: The directory of the files.
    """

    def __init__(self, directory: Path) -> None:
        self._close = os.close
        self._directory = directory

    def __call__(self, fd: int) -> None:
        """Close a descriptor."""
        path = Path(f"/proc/self/fd/{fd}").readlink()
        status = os.fstat(fd)
        self._close(fd)
        if stat.S_ISREG(status.st_mode) and status.st_size and self._directory in path.parents:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@linux_only
@pytest.mark.parametrize("operation", [download_all, bulk, extract, mirror])
async def test_a_failing_close(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    operation: Callable[[Repo, Path], Awaitable[None]],
) -> None:
    """If a file system reports a failed write only on closing, nothing is published."""
    add_artifact(fake_github)
    fake_github.add_artifact(REPOSITORY, "files", FILES)
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", FailingClose(tmp_path))
        with pytest.raises((DiskError, ArtifactsErrorGroup)):
            await operation(repo, tmp_path)
    assert {Path(name).name for name in published_below(tmp_path)} <= {MANIFEST}
    await operation(repo, tmp_path)


@linux_only
async def test_a_durable_download_syncs_the_file_before_its_name(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `durable=True`, the file is synced and renamed, and then its directories are synced."""
    add_artifact(fake_github)
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(fd: int) -> None:
        fsync(fd)
        events.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    def note_rename(source: str, target: str, **more: Any) -> None:
        replace(source, target, **more)
        events.append("rename")

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    await repo.download_artifact(1, tmp_path / "new" / "dist.zip", durable=True)
    part, rename, directory, *others = events
    assert part.endswith(".ghartifacts-part")
    assert (rename, directory) == ("rename", "new")
    assert tmp_path.name in others


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="Windows has no preadv")
async def test_a_file_that_ends_while_it_is_hashed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the part file is truncated before it is hashed, DiskError is raised."""
    add_artifact(fake_github)
    monkeypatch.setattr(os, "preadv", lambda *_: 0)
    async with asyncio.timeout(20):
        with pytest.raises(DiskError, match="another process truncated it"):
            await repo.download_artifact(1, tmp_path / "dist.zip")
    assert published_below(tmp_path) == []


class Vanish:
    """A replacement for `os.open` that removes a file just before it is opened.

    Args:
        name: Name of the file.
        times: At which of the attempts to open it, counted from 0.
    """

    def __init__(self, name: str, directory: Path, times: int) -> None:
        self._open = os.open
        self._path = directory / name
        self._left = times

    def __call__(self, path: str, *more: int, dir_fd: int | None = None) -> int:
        """Open a file."""
        if os.fspath(path).endswith(self._path.name):
            if not self._left:
                self._path.unlink(missing_ok=True)
            self._left -= 1
        return self._open(path, *more, dir_fd=dir_fd)


@pytest.mark.parametrize("times", range(3))
async def test_a_file_that_vanishes_while_it_is_checked(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
) -> None:
    """If an existing file vanishes before it can be hashed, it is downloaded again."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    target.write_bytes(PAYLOAD)
    monkeypatch.setattr(os, "open", Vanish(target.name, tmp_path, times))
    done = await repo.download_artifact(1, target)
    assert done.skipped is (times > 0)
    monkeypatch.undo()
    assert target.read_bytes() == PAYLOAD


@pytest.mark.parametrize("times", range(4))
@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_file_of_a_mirror_that_vanishes_while_it_is_checked(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    digest: str | None,
    times: int,
) -> None:
    """If a file of a mirror vanishes while it is verified, it is downloaded, and nothing fails."""
    fake_github.add_artifact(REPOSITORY, "dist", FILES, digest=digest)
    await repo.mirror(tmp_path)
    (path,) = tmp_path.glob("dist-1.*")
    os.utime(path, (1, 1))
    fake_github.fail_blobs_next(BlobFault.truncate(after=1000))
    monkeypatch.setattr(os, "open", Vanish(path.name, tmp_path, times))
    report = await repo.mirror(tmp_path)
    monkeypatch.undo()
    assert counts(report) in {(1, 0, 0, 0, 0), (0, 0, 1, 0, 0)}
    if report.downloaded:
        assert path.exists()


@linux_only
@pytest.mark.parametrize("durable", [False, True])
async def test_links_of_a_durable_mirror_are_synced(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    durable: bool,
) -> None:
    """With `durable=True`, a link to an equal file and its directory are synced, and only then."""
    for name in ("a", "b"):
        fake_github.add_artifact(REPOSITORY, name, PAYLOAD)
    synced: list[str] = []
    fsync = os.fsync

    def note_sync(fd: int) -> None:
        fsync(fd)
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    monkeypatch.setattr(os, "fsync", note_sync)
    report = await repo.mirror(tmp_path, template="{name}/{id}", durable=durable, concurrency=1)
    assert (report.downloaded, report.linked) == (1, 1)
    assert any(name.endswith(".ghartifacts-link") for name in synced) is durable
    assert {"a", "b"} & {*synced} == ({"a", "b"} if durable else set())
