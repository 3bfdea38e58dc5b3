"""Where a payload is saved: links as targets, and names of files that were uploaded unzipped."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ghartifacts_async import DiskError, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY, files_below


async def test_a_link_at_the_target_is_replaced(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A symbolic link at the target is itself replaced; the file behind it stays as it was."""
    artifact = fake_github.add_artifact(REPOSITORY, "dist", b"new")
    behind, target = tmp_path / "behind", tmp_path / "target"
    behind.write_bytes(b"old")
    target.symlink_to(behind)
    await repo.download_artifact(artifact.id, target, if_exists="replace")
    assert (target.is_symlink(), target.read_bytes(), behind.read_bytes()) == (
        False,
        b"new",
        b"old",
    )


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [("dist.zip", "dist", ".zip"), ("Dist.ZIP", "Dist", ".ZIP"), ("x.tar.gz", "x", ".tar.gz")],
)
async def test_all_methods_keep_the_name_of_a_raw_file(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str, stem: str, suffix: str
) -> None:
    """A file that was uploaded without zipping keeps its name and suffix, even if it is a zip."""
    artifact = fake_github.add_artifact(REPOSITORY, name, b"PK", raw=name)
    one = await repo.download_artifact(artifact.id, f"{tmp_path}/one/")
    assert one.path.name == name
    async with repo.stream_artifact(artifact.id) as stream:
        assert stream.filename == name
    async for outcome in repo.download_artifacts([artifact.id], tmp_path / "many"):
        assert outcome.result().path.name in {name, f"{stem}-{artifact.id}{suffix}"}
    await repo.mirror(tmp_path / "mirror")
    assert f"{stem}-{artifact.id}{suffix}" in files_below(tmp_path / "mirror")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["fifo", "device"])
async def test_a_target_that_is_no_file_is_refused(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, kind: str
) -> None:
    """A FIFO or a device as the target is refused before a byte is requested, and stays."""
    artifact = await repo.get_artifact(fake_github.add_artifact(REPOSITORY, "dist", b"new").id)
    fake_github.clear_requests()
    target = tmp_path / "target"
    if kind == "fifo":
        os.mkfifo(target)
    else:
        try:
            os.mknod(target, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("this user may not make devices")
    before = target.lstat()
    for if_exists in ("verify", "replace", "error"):
        with pytest.raises(DiskError, match="a directory or a device"):
            await repo.download_artifact(artifact, target, if_exists=if_exists)
    assert os.path.samestat(target.lstat(), before)
    assert fake_github.requests == []


@pytest.mark.parametrize("below", ["", "a/b"])
async def test_a_file_in_place_of_a_directory(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, below: str
) -> None:
    """If a file or a broken link is in the place of a directory, the error says so."""
    artifact = await repo.get_artifact(fake_github.add_artifact(REPOSITORY, "dist", b"new").id)
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"old")
    link.symlink_to("missing")
    reason = "a component of the path is a file or a link, not a directory"
    for path in (file, link):
        with pytest.raises(DiskError, match=reason):
            await repo.download_artifact(artifact, path / below / "target")
    (outcome,) = [one async for one in repo.download_artifacts([artifact], file / below)]
    assert reason in str(outcome.error)
    with pytest.raises(DiskError, match=reason if below else "a file or a link of this name"):
        await repo.extract_artifact(artifact, file / below)
    assert (files_below(tmp_path), file.read_bytes()) == (["file"], b"old")
