"""The files of a download that was killed, or whose client was closed, and the next call."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ghartifacts_async import ArtifactsError, Client, Repo
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._disk.lock_file import LockFile
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.download.payloads import PAYLOAD, add_artifact, interrupted_download
from tests.support import REPOSITORY, files_below, wait_until


def journal_of(target: Path) -> Path:
    """Return the path of the journal of a target."""
    return target.with_name(HiddenFiles.of(target.name).journal)


@pytest.mark.parametrize("directory", [False, True])
async def test_a_leftover_journal_is_removed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, directory: bool
) -> None:
    """If the target is already correct, a journal left by a killed process is removed."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    await repo.download_artifact(1, target)
    journal_of(target).write_bytes(b"of a process that was killed\n")
    assert (await repo.download_artifact(1, tmp_path if directory else target)).skipped
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_leftover_part_file_is_removed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A part file is removed if another process has completed the target."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    await interrupted_download(fake_github, target, 1_000_000)
    assert len(files_below(tmp_path)) == 2
    target.write_bytes(PAYLOAD)
    assert (await repo.download_artifact(1, target)).skipped
    assert files_below(tmp_path) == ["dist.zip"]


async def test_the_files_of_a_running_download_are_left_alone(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A locked journal and its part file are left alone, and the call does not wait."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    await repo.download_artifact(1, target)
    hidden, directory = HiddenFiles.of(target.name), Directory(tmp_path)
    held, part = LockFile(hidden.journal), tmp_path / hidden.part
    assert held.acquire(directory)
    part.write_bytes(b"some")
    try:
        assert (await repo.download_artifact(1, target)).skipped
        assert held.is_in_place
        assert part.read_bytes() == b"some"
    finally:
        held.release()
        directory.close()
    assert (await repo.download_artifact(1, target)).skipped
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_failed_cleanup_is_not_an_error(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A correct file is skipped even if leftover files cannot be removed."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    await repo.download_artifact(1, target)
    journal_of(target).touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuse)
    assert (await repo.download_artifact(1, target)).skipped

    def refuse_journal(name: str | os.PathLike[str], *more: int, dir_fd: int | None = None) -> int:
        if os.fspath(name).endswith("journal"):
            raise PermissionError(13, "Permission denied")
        return genuine(name, *more, dir_fd=dir_fd)

    genuine = os.open
    monkeypatch.setattr(os, "open", refuse_journal)
    assert (await repo.download_artifact(1, target)).skipped
    assert journal_of(target).exists()


async def test_without_leftovers_no_journal_is_opened(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skipping a correct file opens no journal if none was left."""
    add_artifact(fake_github)
    await repo.download_artifact(1, tmp_path)
    opened: list[str] = []
    genuine = os.open

    def note(path: str, *more: int, dir_fd: int | None = None) -> int:
        opened.append(os.fspath(path))
        return genuine(path, *more, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", note)
    assert (await repo.download_artifact(1, tmp_path)).skipped
    assert not [name for name in opened if name.endswith("journal")]


async def test_closing_the_client_keeps_received_bytes(
    fake_github: FakeGitHub, tmp_path: Path, repo: Repo
) -> None:
    """If a client is closed during a download, each byte that it has received is kept."""
    add_artifact(fake_github)
    fake_github.fail_blobs_next(BlobFault.stall(after=900_000))
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        task = asyncio.create_task(gh.repo(REPOSITORY).download_artifact(1, tmp_path / "x"))
        await wait_until(lambda: gh.stats.bytes_received == 900_000)
    with pytest.raises(ArtifactsError):
        await task
    assert (await repo.download_artifact(1, tmp_path / "x")).resumed_bytes == 900_000
