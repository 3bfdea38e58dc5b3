"""Unpacking that goes wrong, or is ended: the place is as it was, and nothing is left."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    ArchiveError,
    ArtifactExpired,
    Client,
    ClientStateError,
    DigestMismatch,
    DiskError,
    DiskFull,
    NotAZip,
    Repo,
    StoreError,
    TargetExists,
)
from ghartifacts_async._archive.extract import _Writer
from ghartifacts_async._disk.staging import StagingDirectory
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.archive.artifacts import (
    FILES,
    LARGE,
    Extract,
    added,
    contents,
    everything_below,
    read_below,
)
from tests.archive.zip_writer import Part, forge
from tests.support import QUICK, REPOSITORY, files_below


async def test_the_old_one_is_never_lost(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the new directory cannot take its place, the old one is put back, or told where."""
    await added(fake_github, repo)
    out = tmp_path / "out"
    out.mkdir()
    (out / "file").write_text("old")
    genuine, failures = StagingDirectory._move_to_target, ["tree"]

    def take(self: StagingDirectory, name: str) -> None:
        if name in failures:
            raise OSError(errno.EIO, "Input/output error")
        genuine(self, name)

    monkeypatch.setattr(StagingDirectory, "_move_to_target", take)
    with pytest.raises(DiskError, match="Input/output error"):
        await extract(1, out, if_exists="replace")
    assert everything_below(tmp_path) == ["out", "out/file"]
    failures.append("old")
    with pytest.raises(DiskError, match="is now at") as caught:
        await extract(1, out, if_exists="replace")
    assert caught.value.path is not None
    assert (caught.value.path / "file").read_text() == "old"
    assert not out.exists()
    assert files_below(tmp_path) == [f"{caught.value.path.parent.name}/old/file"]


async def test_a_directory_that_comes_meanwhile(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What appears at the place while the archive is unpacked is left alone."""
    await added(fake_github, repo)
    out = tmp_path / "out"
    genuine = StagingDirectory._check_target
    looked: list[bool] = []

    def look(self: StagingDirectory) -> bool:
        answer = genuine(self)
        if looked:
            out.mkdir(exist_ok=True)
            (out / "file").write_text("theirs")
        looked.append(answer)
        return answer

    monkeypatch.setattr(StagingDirectory, "_check_target", look)
    with pytest.raises(TargetExists):
        await extract(1, out)
    assert everything_below(tmp_path) == ["out", "out/file"]
    (out / "file").unlink()
    looked.clear()
    with pytest.raises(TargetExists):
        await extract(1, out)
    assert everything_below(tmp_path) == ["out", "out/file"]


async def test_a_full_disk(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A disk that gets full is DiskFull with the file's path to be, and nothing is left."""
    await added(fake_github, repo)
    genuine = _Writer._put

    def put(self: _Writer, entry: Any, parts: tuple[str, ...], data: bytes) -> None:
        if data == b"" and parts == ("bin", "tool"):
            raise OSError(errno.ENOSPC, "No space left on device")
        genuine(self, entry, parts, data)

    monkeypatch.setattr(_Writer, "_put", put)
    with pytest.raises(DiskFull) as caught:
        await extract(1, tmp_path / "new" / "out")
    assert caught.value.path == tmp_path / "new" / "out" / "bin" / "tool"
    assert everything_below(tmp_path) == []


async def test_a_directory_that_cannot_be_made(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A directory that the system refuses is a DiskError with its path to be."""
    await added(fake_github, repo)
    genuine = os.mkdir

    def mkdir(path: Any, *arguments: Any, **named: Any) -> None:
        if os.fspath(path).endswith(f"{os.sep}docs"):
            raise OSError(errno.EACCES, "Permission denied")
        genuine(path, *arguments, **named)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(DiskError, match="permission denied") as caught:
        await extract(1, tmp_path / "out")
    assert caught.value.path == tmp_path / "out" / "docs"
    assert everything_below(tmp_path) == []


async def test_what_is_not_an_archive(
    extract: Extract, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A raw upload is NotAZip, and the directory is not made."""
    fake_github.add_artifact(REPOSITORY, "log", b"x" * 1000, raw="log.txt")
    fake_github.add_artifact(REPOSITORY, "gone", FILES, expired=True)
    with pytest.raises(NotAZip):
        await extract(1, tmp_path / "a" / "out")
    with pytest.raises(ArtifactExpired):
        await extract(2, tmp_path / "a" / "out")
    fake_github.fail_blobs_when(lambda _: BlobFault.status(404))
    with pytest.raises(StoreError):
        await extract(1, tmp_path / "a" / "out")
    assert everything_below(tmp_path) == []


async def test_a_download_is_verified_before_it_is_unpacked(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Bytes that are not those that were uploaded are never parsed."""
    await added(fake_github, repo)
    fake_github.fail_blobs_when(lambda _: BlobFault.flip(at=100))
    with pytest.raises(DigestMismatch):
        await repo.extract_artifact(1, tmp_path / "out")
    assert everything_below(tmp_path) == []


async def test_a_cancelled_extraction_leaves_nothing(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Cancelled at any of its steps, it is done or as if it had never begun."""
    await added(fake_github, repo)
    out = tmp_path / "new" / "out"
    before, step, done = asyncio.all_tasks(), 0, False
    while not done:
        step += 1 + step // 6
        task = asyncio.create_task(extract(1, out, if_exists="error"))
        for _ in range(step):
            await asyncio.sleep(0)
        done = task.done()
        task.cancel()
        if not done:
            with pytest.raises(asyncio.CancelledError):
                await task
        if out.exists():
            assert read_below(out) == contents()
            assert [*out.parent.iterdir()] == [out]
            break
        ours = [t for t in asyncio.all_tasks() - before if "ghartifacts_async/_" in repr(t)]
        assert ours == []
        assert everything_below(tmp_path) == []
    assert step > 50


@pytest.mark.parametrize("job", ["_make", "_fill", "_publish", "_remove_work"])
async def test_cancelled_while_a_thread_is_at_work(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    job: str,
) -> None:
    """A job in a thread is waited for: what it made is there complete, or gone."""
    await added(fake_github, repo)
    genuine = getattr(StagingDirectory, job)
    begun, go_on = threading.Event(), threading.Event()

    def slow(self: StagingDirectory, *arguments: Any) -> Any:
        begun.set()
        go_on.wait(10)
        return genuine(self, *arguments)

    monkeypatch.setattr(StagingDirectory, job, slow)
    task = asyncio.create_task(extract(1, tmp_path / "out"))
    while not begun.is_set():  # noqa: ASYNC110 - a thread's event
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    if job in ("_publish", "_remove_work"):
        # At the last moment it may be there, and then it is complete.
        assert read_below(tmp_path) in ({}, {f"out/{name}": c for name, c in contents().items()})
    else:
        assert everything_below(tmp_path) == []


async def test_a_client_that_closes_ends_it(
    fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing the client ends an extraction at once, and leaves neither file nor thread."""
    files = {f"{number}": os.urandom(50_000) for number in range(200)} | {"tool": LARGE}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    genuine, writing = _Writer.write, threading.Event()

    def write(self: _Writer) -> bool:
        writing.set()
        time.sleep(0.01)
        return genuine(self)

    monkeypatch.setattr(_Writer, "write", write)
    gh = Client(fake_github.token, base_url=fake_github.url, retry=QUICK)
    await gh.__aenter__()
    task = asyncio.create_task(gh.repo(REPOSITORY).extract_artifact(1, tmp_path / "out"))
    while not writing.is_set():  # noqa: ASYNC110 - a thread's event
        await asyncio.sleep(0.001)
    await gh.__aexit__(None, None, None)
    with pytest.raises(ClientStateError):
        await task
    assert everything_below(tmp_path) == []
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("ghartifacts-disk") for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")
async def test_no_file_stays_open(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """After a refusal in the middle of the archive every file is closed."""
    good = [Part(f"{number}", os.urandom(300_000)) for number in range(20)]
    bad = Part("bad", os.urandom(200_000), central={"crc": 1})
    await added(fake_github, repo, forge(*good[:10], bad, *good[10:]))

    def open_files() -> list[str]:
        paths = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        return [path for path in paths if path.startswith(str(tmp_path))]

    for wanted in (None, [f"{number}" for number in range(0, 20, 2)] + ["bad"]):
        with pytest.raises(ArchiveError, match="bad") as caught:
            await extract(1, tmp_path / "out", members=wanted)
        assert caught.value.member == "bad"
    assert open_files() == []
    assert everything_below(tmp_path) == []
