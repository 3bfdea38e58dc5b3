"""A failed or cancelled extraction leaves the target unchanged, and no other files behind."""

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
from ghartifacts_async._disk.staging import StagingDirectory
from ghartifacts_async._disk.staging.target import StagingTarget
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.archive.artifacts import (
    FILES,
    LARGE,
    Extract,
    add_artifact,
    file_contents,
    list_tree,
    read_files,
)
from tests.archive.zip_writer import ZipMember, build_zip
from tests.support import QUICK, REPOSITORY, cancel_while_blocked, files_below, wait_until
from tests.system_calls import SystemCalls


async def test_a_failed_replacement_restores_the_directory(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    system_calls: SystemCalls,
) -> None:
    """If a replacement fails, the old directory is restored, or the error names its new path."""
    await add_artifact(fake_github, repo)
    out = tmp_path / "out"
    out.mkdir()
    (out / "file").write_text("old")
    failures = ["tree"]

    def move(name: str, new: str, **_: object) -> None:
        if name in failures and new == "out":
            raise OSError(errno.EIO, "Input/output error")

    system_calls.before("replace", move)
    with pytest.raises(DiskError, match="Input/output error"):
        await extract(1, out, if_exists="replace")
    assert list_tree(tmp_path) == ["out", "out/file"]
    failures.append("old")
    with pytest.raises(DiskError, match="is now at") as caught:
        await extract(1, out, if_exists="replace")
    assert caught.value.path is not None
    assert (caught.value.path / "file").read_text() == "old"
    assert not out.exists()
    assert files_below(tmp_path) == [f"{caught.value.path.parent.name}/old/file"]


async def test_a_directory_that_appears_during_extraction(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A directory that another process creates during the extraction is not replaced."""
    await add_artifact(fake_github, repo)
    out = tmp_path / "out"
    original = StagingTarget.check
    checked: list[bool] = []

    def check(self: StagingTarget) -> bool:
        exists = original(self)
        if checked:
            out.mkdir(exist_ok=True)
            (out / "file").write_text("theirs")
        checked.append(exists)
        return exists

    # Between the check and the rename there is no system call that a fault could be added to.
    monkeypatch.setattr(StagingTarget, "check", check)
    with pytest.raises(TargetExists):
        await extract(1, out)
    assert list_tree(tmp_path) == ["out", "out/file"]
    (out / "file").unlink()
    checked.clear()
    with pytest.raises(TargetExists):
        await extract(1, out)
    assert list_tree(tmp_path) == ["out", "out/file"]


async def test_a_full_disk(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk raises DiskFull with the target path of the file, and no file is left."""
    await add_artifact(fake_github, repo)
    original = os.write

    def write(descriptor: int, data: bytes) -> int:
        if LARGE.startswith(bytes(data[:100])):
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(DiskFull) as caught:
        await extract(1, tmp_path / "new" / "out")
    assert caught.value.path == tmp_path / "new" / "out" / "bin" / "tool"
    assert list_tree(tmp_path) == []


async def test_a_directory_that_cannot_be_made(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A directory that cannot be created raises DiskError with its target path."""
    await add_artifact(fake_github, repo)
    original = os.mkdir

    def mkdir(path: Any, *arguments: Any, **named: Any) -> None:
        if os.fspath(path).endswith(f"{os.sep}docs"):
            raise OSError(errno.EACCES, "Permission denied")
        original(path, *arguments, **named)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(DiskError, match="permission denied") as caught:
        await extract(1, tmp_path / "out")
    assert caught.value.path == tmp_path / "out" / "docs"
    assert list_tree(tmp_path) == []


async def test_payloads_that_cannot_be_extracted(
    extract: Extract, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If an artifact has no archive to extract, an error is raised and no directory is created."""
    fake_github.add_artifact(REPOSITORY, "log", b"x" * 1000, raw="log.txt")
    fake_github.add_artifact(REPOSITORY, "gone", FILES, expired=True)
    with pytest.raises(NotAZip, match=r"artifact 1 \(log\): .*download_artifact"):
        await extract(1, tmp_path / "a" / "out")
    with pytest.raises(ArtifactExpired):
        await extract(2, tmp_path / "a" / "out")
    fake_github.fail_blobs_when(lambda _: BlobFault.status(404))
    with pytest.raises(StoreError):
        await extract(1, tmp_path / "a" / "out")
    assert list_tree(tmp_path) == []


async def test_a_download_is_verified_before_extraction(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A payload with the wrong digest is never parsed."""
    await add_artifact(fake_github, repo)
    fake_github.fail_blobs_when(lambda _: BlobFault.flip(at=100))
    with pytest.raises(DigestMismatch):
        await repo.extract_artifact(1, tmp_path / "out")
    assert list_tree(tmp_path) == []


async def test_a_cancelled_extraction_leaves_nothing(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An extraction that is cancelled at any step either completes or leaves nothing."""
    await add_artifact(fake_github, repo)
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
            assert read_files(out) == file_contents()
            assert [*out.parent.iterdir()] == [out]
            break
        tasks = [t for t in asyncio.all_tasks() - before if "ghartifacts_async/_" in repr(t)]
        assert tasks == []
        assert list_tree(tmp_path) == []
    assert step > 50


@pytest.mark.parametrize("job", ["_make", "_fill", "_publish", "_remove_work"])
async def test_cancellation_waits_for_the_thread(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    job: str,
) -> None:
    """Cancellation waits for the running file operation, and leaves a complete result or none."""
    await add_artifact(fake_github, repo)
    original = getattr(StagingDirectory, job)
    started, resume = threading.Event(), threading.Event()

    def slow(self: StagingDirectory, *arguments: Any) -> Any:
        started.set()
        resume.wait(10)
        return original(self, *arguments)

    # Each job makes many system calls, so a slow one could end before the cancellation.
    monkeypatch.setattr(StagingDirectory, job, slow)
    task = asyncio.create_task(extract(1, tmp_path / "out"))
    await wait_until(started.is_set)
    await cancel_while_blocked(task, resume)
    if job in ("_publish", "_remove_work"):
        # These jobs run so late that the extraction may complete.
        assert read_files(tmp_path) in (
            {},
            {f"out/{name}": c for name, c in file_contents().items()},
        )
    else:
        assert list_tree(tmp_path) == []


async def test_closing_the_client_ends_an_extraction(
    fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """Closing the client ends an extraction at once and leaves no files or threads."""
    files = {f"{number}": os.urandom(50_000) for number in range(200)} | {"tool": LARGE}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    writing = threading.Event()

    def write(*_: object) -> None:
        writing.set()
        time.sleep(0.01)

    system_calls.before("write", write)
    gh = Client(fake_github.token, base_url=fake_github.url, retry=QUICK)
    await gh.__aenter__()
    task = asyncio.create_task(gh.repo(REPOSITORY).extract_artifact(1, tmp_path / "out"))
    await wait_until(writing.is_set)
    await gh.__aexit__(None, None, None)
    with pytest.raises(ClientStateError):
        await task
    assert list_tree(tmp_path) == []
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("ghartifacts-disk") for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_rejected_archive_leaves_no_open_file(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a member in the middle of the archive is damaged, all files are closed and removed."""
    good = [ZipMember(f"{number}", os.urandom(300_000)) for number in range(20)]
    bad = ZipMember("bad", os.urandom(200_000), central={"crc32": 1})
    await add_artifact(fake_github, repo, build_zip(*good[:10], bad, *good[10:]))

    def open_files() -> list[str]:
        paths = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        return [path for path in paths if path.startswith(str(tmp_path))]

    for members in (None, [f"{number}" for number in range(0, 20, 2)] + ["bad"]):
        with pytest.raises(ArchiveError, match="bad") as caught:
            await extract(1, tmp_path / "out", members=members)
        assert caught.value.member == "bad"
    assert open_files() == []
    assert list_tree(tmp_path) == []
