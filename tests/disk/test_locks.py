"""Locks that are refused, held or invalid neither lose data nor leave files."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

import filelock
import pytest

from ghartifacts_async import ArtifactsError, Client, DiskError, DiskFull, Repo, TargetBusy
from ghartifacts_async._disk.hidden_files import Claim, HiddenFiles
from ghartifacts_async._disk.lock_file import LockFile
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.disk.children import child
from tests.download.payloads import NO_RETRIES, PAYLOAD, add_artifact
from tests.support import REPOSITORY, files_below, wait_until

REFUSALS = [
    errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, 524, errno.EINVAL, errno.EPERM, errno.EACCES,
    errno.EIO,
]  # fmt: skip


NO_LOCKS = """
import filelock
def no(*_, **__): raise OSError(38, "Function not implemented")
filelock.lock_descriptor = no
"""


def new_part_files(directory: Path, known: set[str]) -> bool:
    """Return True if a directory has a part file that was not known before."""
    return any(name.endswith("-part") for name in {*files_below(directory)} - known)


@pytest.fixture(params=REFUSALS)
def refused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the system refuse every lock, with one of many errors."""
    number: int = request.param

    def refuse(*_: object, **__: object) -> bool:
        raise OSError(number, "no locks")

    monkeypatch.setattr(filelock, "lock_descriptor", refuse)
    return number


@pytest.mark.usefixtures("refused")
async def test_without_locks_nothing_is_left(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Without locks, downloads, extractions and mirrors work, and failed ones leave no files."""
    add_artifact(fake_github)
    archive = fake_github.add_artifact(REPOSITORY, "zip", {"a": PAYLOAD})
    async with Client(fake_github.token, base_url=fake_github.url, retry=NO_RETRIES) as gh:
        repo = gh.repo(REPOSITORY)
        for _ in range(3):
            fake_github.fail_blobs_next(BlobFault.truncate(after=1_000_000))
            with pytest.raises(ArtifactsError):
                await repo.download_artifact(1, tmp_path / "dist.zip")
            assert files_below(tmp_path) == []
        await repo.download_artifact(1, tmp_path / "dist.zip")
        await repo.extract_artifact(archive.id, tmp_path / "out")
        assert (await repo.mirror(tmp_path / "mirror")).downloaded == 2
    assert files_below(tmp_path) == [
        "dist.zip",
        "mirror/artifacts.jsonl",
        "mirror/dist-1.zip",
        "mirror/zip-2.zip",
        "out/a",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
async def test_without_locks_killed_processes_leave_one_download(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without locks, the files of a killed process are removed by the next one."""
    add_artifact(fake_github)
    body = f"await repo.download_artifact(1, {str(tmp_path / 'dist.zip')!r})"
    fake_github.fail_blobs_when(lambda _: BlobFault.throttle(100_000))
    for _ in range(3):
        known = {*files_below(tmp_path)}
        async with child(fake_github, body, NO_LOCKS):
            await wait_until(partial(new_part_files, tmp_path, known))
        assert len(files_below(tmp_path)) <= 3
    fake_github.clear_faults()
    async with child(fake_github, body, NO_LOCKS) as process:
        assert await process.wait() == 0
    assert files_below(tmp_path) == ["dist.zip"]


async def test_without_locks_two_processes_do_not_disturb_each_other(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without locks, concurrent downloads of two processes to one target both succeed."""
    add_artifact(fake_github)
    body = f"await repo.download_artifact(1, {str(tmp_path / 'dist.zip')!r})"
    async with (
        child(fake_github, body, NO_LOCKS) as first,
        child(fake_github, body, NO_LOCKS) as second,
    ):
        with fake_github.holding(origin="blob"):
            await wait_until(lambda: len(fake_github.requests_to("blob")) == 2)
        assert [await first.wait(), await second.wait()] == [0, 0]
    assert files_below(tmp_path) == ["dist.zip"]
    assert (tmp_path / "dist.zip").read_bytes() == PAYLOAD


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces")
async def test_without_locks_containers_do_not_disturb_each_other(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without locks, a process whose id means nothing in this container counts as running."""
    wrapper = ("unshare", "--pid", "--fork", "--kill-child")
    if shutil.which("unshare") is None:
        pytest.skip("this system has no unshare")
    process = await asyncio.create_subprocess_exec(*wrapper, "true")
    if await process.wait():
        pytest.skip("this user cannot create a namespace")
    add_artifact(fake_github)
    body = f"await repo.download_artifact(1, {str(tmp_path / 'dist.zip')!r})"
    async with child(fake_github, body, NO_LOCKS) as first, AsyncExitStack() as stack:
        with fake_github.holding(origin="blob"):
            await wait_until(lambda: fake_github.requests_to("blob"))
            contained = child(fake_github, body, NO_LOCKS, wrapper)
            second = await stack.enter_async_context(contained)
            await wait_until(lambda: len(fake_github.requests_to("blob")) == 2)
        assert [await first.wait(), await second.wait()] == [0, 0]
    assert files_below(tmp_path) == ["dist.zip"]


@pytest.mark.parametrize("is_killed", [False, True])
def test_without_locks_many_processes_start_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    """Without locks, of many processes that start at once, one is recorded, and none is harmed."""

    def refuse(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOSYS, "no locks")

    monkeypatch.setattr(filelock, "lock_descriptor", refuse)
    hidden, count = HiddenFiles.of("dist.zip"), 8
    together = threading.Barrier(count)
    abandoned = HiddenFiles.unique()

    def claim(directory: Directory) -> Claim:
        claimed = Claim(directory, hidden, hidden.journal)
        together.wait()
        assert claimed.acquire()
        os.close(claimed.create_part(0o600))
        return claimed

    with Directory(tmp_path) as directory, ThreadPoolExecutor(count) as pool:
        for _ in range(30):
            if is_killed:
                line = f'["{abandoned.stem}", "another host", 1]\n'
                (tmp_path / hidden.journal).write_text(line)
                (tmp_path / hidden.journal).chmod(0o600)
                (tmp_path / abandoned.part).touch()
                for name in (hidden.journal, abandoned.part):
                    os.utime(tmp_path / name, (0, 0))
            claims = [*pool.map(claim, [directory] * count)]
            parts = {one.hidden.part for one in claims}
            assert {name for name in files_below(tmp_path) if name.endswith("part")} == parts
            assert len((tmp_path / hidden.journal).read_text().splitlines()) <= 1
            for one in claims:
                directory.remove(one.hidden.part)
                one.release(remove=True)
            # A process that met a record while it was being renamed leaves an empty one, which the
            # next call removes.
            journal = tmp_path / hidden.journal
            assert files_below(tmp_path) in ([], [journal.name])
            assert not journal.exists() or journal.read_bytes() == b""
            journal.unlink(missing_ok=True)


async def test_waiting_for_a_lock_is_logged_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A call that waits for a lock logs the name of the lock file, once and after two seconds."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    with Directory(tmp_path) as directory, caplog.at_level(logging.WARNING):
        held = LockFile(HiddenFiles.of(target.name).journal)
        assert held.acquire(directory)
        task = asyncio.create_task(repo.download_artifact(1, target))
        await wait_until(lambda: caplog.messages)
        await asyncio.sleep(0.5)
        assert not task.done()
        held.release()
        assert (await task).verified
    assert caplog.messages == [
        f"waiting for {tmp_path / held.name}: another process or task has locked it"
    ]


async def test_wait_for_lock_false_does_not_wait_for_another_process(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With `wait_for_lock=False`, a target that another process has locked raises TargetBusy."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    body = f"await repo.download_artifact(1, {str(target)!r})"
    with fake_github.holding(origin="blob"):
        async with child(fake_github, body) as process:
            await wait_until(lambda: fake_github.requests_to("blob"))
            async with asyncio.timeout(60):
                with pytest.raises(TargetBusy, match="another download"):
                    await repo.download_artifact(1, target, wait_for_lock=False)
            process.kill()
            await process.wait()
    assert (await repo.download_artifact(1, target, wait_for_lock=False)).verified


async def test_a_short_write_to_the_journal_loses_nothing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a line of the journal is written only in part, all other lines are still used."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    genuine, lines = os.write, 0

    def short(fd: int, data: bytes) -> int:
        nonlocal lines
        if isinstance(data, bytes) and data.endswith(b"\n") and b"-" in data:
            lines += 1
            if lines == 3:
                genuine(fd, data[:3])
                raise OSError(errno.ENOSPC, "No space left on device")
        return genuine(fd, data)

    fake_github.fail_blobs_when(lambda _: BlobFault.throttle(4_000_000))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(DiskFull):
            await repo.download_artifact(1, target, connections=1)
    fake_github.clear_faults()
    assert lines >= 3
    assert (await repo.download_artifact(1, target)).resumed_bytes > 0
    assert target.read_bytes() == PAYLOAD


@pytest.mark.parametrize("name", ["fstat", "close"])
async def test_a_failing_system_call_holds_no_lock(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """If a call fails with EIO, at most DiskError is raised, and the lock is released."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    target = tmp_path / "dist.zip"
    genuine = getattr(os, name)
    for failing in range(8):
        count = iter(range(1000))

        def fail(fd: int, failing: int = failing, count: Iterator[int] = count) -> object:
            if name == "close":
                genuine(fd)
            if next(count) == failing:
                raise OSError(errno.EIO, "Input/output error")
            return None if name == "close" else genuine(fd)

        with monkeypatch.context() as patch, suppress(DiskError):
            patch.setattr(os, name, fail)
            await repo.download_artifact(artifact, target, if_exists="replace")
        again = await repo.download_artifact(artifact, target, wait_for_lock=False)
        assert again.path.read_bytes() == PAYLOAD


def test_a_lock_file_with_descriptor_0(tmp_path: Path) -> None:
    """A process without standard input, whose files get its descriptor 0, releases its locks."""
    with Directory(tmp_path) as directory:
        lock, standard_input = LockFile("journal"), os.dup(0)
        os.close(0)
        try:
            assert lock.acquire(directory)
            lock.release()
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(0)
        finally:
            os.dup2(standard_input, 0)
            os.close(standard_input)


def test_an_incomplete_last_line_is_removed(tmp_path: Path) -> None:
    """The part of a line that a killed process has written is not joined with the next line."""
    path = tmp_path / "journal"
    path.write_bytes(b"first\nsec")
    path.chmod(0o600)
    with Directory(tmp_path) as directory:
        lock = LockFile(path.name)
        assert lock.acquire(directory)
        assert lock.read() == b"first\nsec"
        lock.append(b"second\n")
        lock.release()
    assert path.read_bytes() == b"first\nsecond\n"
