"""Whether the disk has room is known before a byte is asked for."""

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
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY, files_below


async def test_a_full_disk_is_known_before_the_first_byte(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system can tell that there is no room, nothing of the body is asked to be sent."""
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("this system cannot tell")

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    fake_github.add_artifact(REPOSITORY, "large", bytes(50 * 2**20))
    with pytest.raises(DiskFull, match="full"):
        await repo.download_artifact(1, tmp_path)
    await fake_github.settled()
    assert files_below(tmp_path) == []


async def test_a_full_disk_that_sets_nothing_aside_is_known_as_early(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is free is looked at as well, and left alone where the system does not tell it."""
    if not hasattr(os, "fstatvfs"):
        pytest.skip("this system cannot tell")
    plain = os.fstatvfs

    def told(fd: int, **changed: int) -> SimpleNamespace:
        disk = plain(fd)
        known = {name: getattr(disk, name) for name in ("f_blocks", "f_bfree", "f_frsize")}
        return SimpleNamespace(**{**known, **changed})

    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(os, "fstatvfs", partial(told, f_bfree=1))
    fake_github.add_artifact(REPOSITORY, "large", bytes(5 * 2**20))
    with pytest.raises(DiskFull, match="full"):
        await repo.download_artifact(1, tmp_path)
    assert files_below(tmp_path) == []
    monkeypatch.setattr(os, "fstatvfs", partial(told, f_blocks=0, f_bfree=0))
    assert (await repo.download_artifact(1, tmp_path)).verified


async def test_room_is_not_set_aside_where_that_takes_as_long_as_writing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system on which it is slow is asked once, and not for all of a large payload."""
    pieces: list[int] = []

    def slow(_: int, __: int, size: int) -> None:
        pieces.append(size)
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass

    monkeypatch.setattr(os, "posix_fallocate", slow, raising=False)
    fake_github.add_artifact(REPOSITORY, "large", bytes(80 * 2**20))
    assert (await repo.download_artifact(1, tmp_path)).verified
    assert pieces == [32 * 2**20]


def test_others_at_work_make_no_difference_to_what_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room that costs nothing but a wait is set aside for all of a payload."""
    pieces: list[int] = []

    def waiting(_: int, __: int, size: int) -> None:
        pieces.append(size)
        time.sleep(0.005)

    monkeypatch.setattr(os, "posix_fallocate", waiting, raising=False)
    file = RandomFile(tmp_path / "part", new=True)
    try:
        file.reserve(80 * 2**20)
    finally:
        file.close()
    assert [piece // 2**20 for piece in pieces] == [32, 32, 16]
