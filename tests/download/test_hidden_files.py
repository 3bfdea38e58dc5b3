"""What others do to the hidden files beside a target harms neither it nor them."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from ghartifacts_async import DiskError, Progress, Repo, TargetExists
from ghartifacts_async.testing import FakeGitHub
from tests.download.payloads import PAYLOAD, add, attempt
from tests.download.test_resume import journal, part


@pytest.mark.skipif(os.name == "nt", reason="links need privileges there")
@pytest.mark.parametrize("name", ["part", "journal"])
async def test_a_planted_link_harms_nobody(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """A link in the place of a hidden file is never written through."""
    artifact = await repo.get_artifact(add(fake_github).id)
    target, victim = tmp_path / "out" / "dist.zip", tmp_path / "victim"
    await attempt(fake_github, target, 1_000_000)
    victim.write_bytes(b"precious")
    hidden = part(target.parent) if name == "part" else journal(target.parent)
    hidden.unlink()
    hidden.symlink_to(victim)
    try:
        await repo.download_artifact(artifact, target)
    except DiskError:
        assert not target.exists()
    else:
        assert target.read_bytes() == PAYLOAD
        assert not target.is_symlink()
    assert victim.read_bytes() == b"precious"


async def test_a_kill_between_two_names_harms_nobody(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A part file that is the target as well is not written to."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    await attempt(fake_github, target, 1_000_000)
    os.link(part(tmp_path), target)
    before = target.read_bytes()
    with pytest.raises(TargetExists):
        await repo.download_artifact(1, target, if_exists="error")
    await attempt(fake_github, target, 500_000)
    assert target.read_bytes() == before
    assert (await repo.download_artifact(1, target)).path.read_bytes() == PAYLOAD


async def test_without_its_journal_nothing_is_published(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Where somebody takes the journal away, and with it the lock, the target stays as it is."""
    add(fake_github)
    target = tmp_path / "dist.zip"

    def take_away(_: Progress) -> None:
        journal(tmp_path).unlink()

    with pytest.raises(DiskError, match="another process"):
        await repo.download_artifact(1, target, on_progress=take_away)
    assert not target.exists()


async def test_a_directory_that_cannot_be_there_is_told(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A working directory that was removed is an error, and nobody waits for it."""
    add(fake_github)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with asyncio.timeout(30):
        with pytest.raises(DiskError):
            await repo.download_artifact(1, "dist.zip")


async def test_a_directory_that_comes_and_goes_is_waited_for(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another download removes the directory just as this one finds it there, all is well."""
    add(fake_github)
    mkdir, told = Path.mkdir, iter([True])

    def tidied_up_meanwhile(path: Path, mode: int = 0o777, **how: bool) -> None:
        if next(told, False):
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        mkdir(path, mode, **how)

    monkeypatch.setattr(Path, "mkdir", tidied_up_meanwhile)
    assert (
        await repo.download_artifact(1, tmp_path / "new" / "dist.zip", wait_for_lock=False)
    ).verified


async def test_a_file_in_place_of_a_directory_is_told_at_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A path below a file is a DiskError that names it, before a byte is fetched."""
    add(fake_github)
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "nowhere").symlink_to("gone")
    for target in ("file/dist.zip", "file/deeper/dist.zip", "nowhere/dist.zip"):
        with pytest.raises(DiskError, match=r"file|nowhere"):
            await repo.download_artifact(1, tmp_path / target, wait_for_lock=False)
    assert fake_github.requests_to("blob") == []
    assert (tmp_path / "file").read_bytes() == b"mine"
