"""Space on the disk is checked and reserved before a download writes."""

from __future__ import annotations

import errno
import os
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from ghartifacts_async import DiskFull, Repo
from ghartifacts_async._disk.file_io import RandomFile
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY, files_below


async def test_a_failed_reservation_raises_disk_full(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without space for the payload raises DiskFull, and no file is left."""
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("needs posix_fallocate")

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    fake_github.add_artifact(REPOSITORY, "large", bytes(50 * 2**20))
    with pytest.raises(DiskFull, match="full"):
        await repo.download_artifact(1, tmp_path)
    await fake_github.wait_until_idle()
    assert files_below(tmp_path) == []


async def test_free_space_is_checked_without_preallocation(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without preallocation, too little free space raises DiskFull, if the free space is known."""
    if not hasattr(os, "fstatvfs"):
        pytest.skip("needs fstatvfs")
    real_fstatvfs = os.fstatvfs

    def fake_statvfs(fd: int, **changed: int) -> SimpleNamespace:
        disk = real_fstatvfs(fd)
        fields = {name: getattr(disk, name) for name in ("f_blocks", "f_bfree", "f_frsize")}
        return SimpleNamespace(**{**fields, **changed})

    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(os, "fstatvfs", partial(fake_statvfs, f_bfree=1))
    fake_github.add_artifact(REPOSITORY, "large", bytes(5 * 2**20))
    with pytest.raises(DiskFull, match="full"):
        await repo.download_artifact(1, tmp_path)
    assert files_below(tmp_path) == []
    monkeypatch.setattr(os, "fstatvfs", partial(fake_statvfs, f_blocks=0, f_bfree=0))
    assert (await repo.download_artifact(1, tmp_path)).verified


async def test_slow_preallocation_stops_after_one_step(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preallocation that takes much processor time stops after its first 32 MiB."""
    reserved: list[int] = []

    def slow(_: int, __: int, size: int) -> None:
        reserved.append(size)
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass

    monkeypatch.setattr(os, "posix_fallocate", slow, raising=False)
    fake_github.add_artifact(REPOSITORY, "large", bytes(80 * 2**20))
    assert (await repo.download_artifact(1, tmp_path)).verified
    assert reserved == [32 * 2**20]


def test_waiting_does_not_stop_preallocation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preallocation that waits but takes no processor time covers the whole file."""
    reserved: list[int] = []

    def waiting(_: int, __: int, size: int) -> None:
        reserved.append(size)
        time.sleep(0.005)

    monkeypatch.setattr(os, "posix_fallocate", waiting, raising=False)
    with Directory(tmp_path) as directory:
        file = RandomFile(directory.create("part"))
    try:
        file.reserve(80 * 2**20)
    finally:
        file.close()
    assert [size // 2**20 for size in reserved] == [32, 32, 16]
