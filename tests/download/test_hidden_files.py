"""Changes to the hidden files by other processes never damage the target or other files."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from ghartifacts_async import DiskError, Progress, Repo, TargetExists
from ghartifacts_async.testing import FakeGitHub
from tests.download.payloads import PAYLOAD, add_artifact, interrupted_download
from tests.download.test_resume import journal_in, part_file_in
from tests.support import REPOSITORY, files_below


@pytest.mark.skipif(os.name == "nt", reason="links need privileges on Windows")
@pytest.mark.parametrize("name", ["part", "journal"])
async def test_a_planted_link_is_not_followed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """If a hidden file is replaced by a link, the file that it points to is never written."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    target, victim = tmp_path / "out" / "dist.zip", tmp_path / "victim"
    await interrupted_download(fake_github, target, 1_000_000)
    victim.write_bytes(b"precious")
    hidden = part_file_in(target.parent) if name == "part" else journal_in(target.parent)
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


async def test_a_part_file_linked_as_the_target_is_not_written(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A part file that is a hard link of the target is never written to."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    await interrupted_download(fake_github, target, 1_000_000)
    os.link(part_file_in(tmp_path), target)
    before = target.read_bytes()
    with pytest.raises(TargetExists):
        await repo.download_artifact(1, target, if_exists="error")
    await interrupted_download(fake_github, target, 500_000)
    assert target.read_bytes() == before
    assert (await repo.download_artifact(1, target)).path.read_bytes() == PAYLOAD


async def test_a_removed_journal_prevents_publishing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If another process removes the journal, which is the lock, nothing is published."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"

    def remove_journal(_: Progress) -> None:
        for journal in tmp_path.glob(".*.ghartifacts-journal"):
            journal.unlink()

    with pytest.raises(DiskError, match="another process"):
        await repo.download_artifact(1, target, on_progress=remove_journal)
    assert not target.exists()


async def test_a_removed_working_directory_raises_disk_error(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the working directory has been removed, DiskError is raised without waiting."""
    add_artifact(fake_github)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with asyncio.timeout(30):
        with pytest.raises(DiskError):
            await repo.download_artifact(1, "dist.zip")


async def test_a_directory_removed_by_another_download_is_created_again(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another download removes a directory while it is being created, it is created again."""
    add_artifact(fake_github)
    mkdir, fails_once = Path.mkdir, iter([True])

    def removed_in_between(path: Path, mode: int = 0o777, **how: bool) -> None:
        if next(fails_once, False):
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        mkdir(path, mode, **how)

    monkeypatch.setattr(Path, "mkdir", removed_in_between)
    assert (
        await repo.download_artifact(1, tmp_path / "new" / "dist.zip", wait_for_lock=False)
    ).verified


async def test_a_file_in_place_of_a_directory_raises_disk_error(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A target below a file or a broken link raises DiskError before a byte is fetched."""
    add_artifact(fake_github)
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "nowhere").symlink_to("gone")
    for target in ("file/dist.zip", "file/deeper/dist.zip", "nowhere/dist.zip"):
        with pytest.raises(DiskError, match=r"file|nowhere"):
            await repo.download_artifact(1, tmp_path / target, wait_for_lock=False)
    assert fake_github.requests_to("blob") == []
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127 + "n", "𝄞" * 63 + "abc"], ids=ascii)
async def test_a_name_of_the_maximum_length(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """Names of 255 bytes, the maximum, can be downloaded, resumed, replaced and extracted.

    The names of hidden files do not depend on the length of the target's name.
    """
    artifact = add_artifact(fake_github)
    await interrupted_download(fake_github, tmp_path / name, 1_000_000)
    download = await repo.download_artifact(artifact.id, tmp_path / name)
    assert download.resumed_bytes > 0
    await repo.download_artifact(artifact.id, tmp_path / name, if_exists="replace")
    assert (tmp_path / name).read_bytes() == PAYLOAD
    other = fake_github.add_artifact(REPOSITORY, "n" * 300, {name: b"x"})
    directory = tmp_path / "out" / name
    for _ in range(2):
        await repo.extract_artifact(other.id, directory, if_exists="replace")
    await repo.mirror(tmp_path / "mirror")
    assert files_below(tmp_path / "out") == [f"{name}/{name}"]
    assert list(tmp_path.glob(".*")) == []
    (mirrored,) = (tmp_path / "mirror").glob("nnn*")
    assert len(mirrored.name) == 255
