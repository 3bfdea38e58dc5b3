"""What a kill left beside a file that is right goes with the next call, unless it is in use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ghartifacts_async import Repo
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._disk.lock_file import LockFile
from ghartifacts_async.testing import FakeGitHub
from tests.download.payloads import PAYLOAD, add, attempt
from tests.support import files_below


def journal_of(target: Path) -> Path:
    """Where the journal of a target lies."""
    return HiddenFiles.of(target).journal


@pytest.mark.parametrize("directory", [False, True])
async def test_a_kill_after_the_last_step_leaves_nothing_for_ever(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, directory: bool
) -> None:
    """A journal that outlived its download goes with the call that finds the file right."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    await repo.download_artifact(1, target)
    journal_of(target).write_bytes(b"of a process that was killed\n")
    assert (await repo.download_artifact(1, tmp_path if directory else target)).skipped
    assert files_below(tmp_path) == ["dist.zip"]


async def test_what_was_begun_of_a_file_that_is_right_goes_too(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The part of an interrupted download is of no use once somebody else put the file there."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    await attempt(fake_github, target, 1_000_000)
    assert len(files_below(tmp_path)) == 2
    target.write_bytes(PAYLOAD)
    assert (await repo.download_artifact(1, target)).skipped
    assert files_below(tmp_path) == ["dist.zip"]


async def test_what_another_is_at_work_on_is_left_alone(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A journal that is locked, and its part file, stay, and nobody waits for them."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    await repo.download_artifact(1, target)
    held, part = LockFile(journal_of(target)), HiddenFiles.of(target).part
    assert held.acquire()
    part.write_bytes(b"some")
    try:
        assert (await repo.download_artifact(1, target)).skipped
        assert held.is_in_place
        assert part.read_bytes() == b"some"
    finally:
        held.release()
    assert (await repo.download_artifact(1, target)).skipped
    assert files_below(tmp_path) == ["dist.zip"]


async def test_what_cannot_be_tidied_is_no_error(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is right is so, also where what lies beside it cannot be removed."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    await repo.download_artifact(1, target)
    journal_of(target).touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert (await repo.download_artifact(1, target)).skipped
    monkeypatch.setattr(os, "open", refuse)
    assert (await repo.download_artifact(1, target)).skipped
    assert journal_of(target).exists()


async def test_where_nothing_is_to_be_tidied_nothing_is_made(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a file that is right no journal is opened where there is none."""
    add(fake_github)
    await repo.download_artifact(1, tmp_path)
    opened: list[str] = []
    genuine = os.open

    def note(path: str, *more: int) -> int:
        opened.append(os.fspath(path))
        return genuine(path, *more)

    monkeypatch.setattr(os, "open", note)
    assert (await repo.download_artifact(1, tmp_path)).skipped
    assert opened == []
