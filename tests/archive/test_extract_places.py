"""Places that are not what they seem, or that others change while an archive is unpacked."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import ArchiveError, DiskError, InvalidArgument, Repo, TargetExists
from ghartifacts_async._disk import staging
from ghartifacts_async._disk.staging import StagingDirectory
from ghartifacts_async.testing import FakeGitHub
from tests.archive.artifacts import Extract, added, contents, everything_below, read_below

no_descriptors = pytest.mark.skipif(os.name == "nt", reason="no descriptors of directories")
by_descriptor = pytest.mark.parametrize(
    "descriptor", [pytest.param(True, marks=no_descriptors), False]
)


async def test_dots_behind_a_link(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """``link/..`` is the directory above what the link leads to, as the system has it."""
    await added(fake_github, repo)
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    paths = await extract(1, f"{tmp_path}/link/../out", if_exists="replace")
    assert paths[0] == tmp_path / "real" / "out" / "report.json"
    assert read_below(tmp_path / "real" / "out") == contents()
    assert read_below(tmp_path / "out") == {"precious": b"x"}
    with pytest.raises(TargetExists):
        await extract(1, f"{tmp_path}/link/..", if_exists="error")


@by_descriptor
@pytest.mark.parametrize("job", ["_fill", "_publish", "_remove_work"])
async def test_a_link_in_the_place_of_ours(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    job: str,
    descriptor: bool,
) -> None:
    """Where another process has put a link, nothing behind it is written or removed."""
    await added(fake_github, repo)
    monkeypatch.setattr(staging, "_BY_DESCRIPTOR", descriptor)
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    shared.mkdir()
    for path in (victim / "tree" / "docs", victim / "old"):
        path.mkdir(parents=True)
        (path / "precious").write_text("x")
    before = everything_below(victim)
    genuine = getattr(StagingDirectory, job)

    def swapped(self: StagingDirectory, *arguments: Any) -> Any:
        self.work.rename(shared / "theirs")
        self.work.symlink_to(victim)
        return genuine(self, *arguments)

    monkeypatch.setattr(StagingDirectory, job, swapped)
    if job == "_remove_work":
        await extract(1, shared / "out")
        assert read_below(shared / "out") == contents()
    else:
        with pytest.raises(DiskError, match="another process changed it"):
            await extract(1, shared / "out")
        assert not (shared / "out").exists()
    assert everything_below(victim) == before
    assert "could not be removed" in caplog.text
    assert not descriptor or everything_below(shared / "theirs") == []


async def test_a_payload_that_others_put_there(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was verified is what is unpacked, whatever lies at its path by then."""
    if not staging._BY_DESCRIPTOR:
        pytest.skip("paths are all there is")
    await added(fake_github, repo)
    genuine = StagingDirectory._fill

    def fill(self: StagingDirectory, *arguments: Any) -> None:
        genuine(self, *arguments)
        self.work.rename(tmp_path / "theirs")
        self.work.mkdir()
        (self.work / "payload").write_bytes(b"x" * 1000)

    def publish(self: StagingDirectory, files: Any) -> list[Path]:
        shutil.rmtree(self.work)
        (tmp_path / "theirs").rename(self.work)
        return published(self, files)

    published = StagingDirectory._publish
    monkeypatch.setattr(StagingDirectory, "_fill", fill)
    monkeypatch.setattr(StagingDirectory, "_publish", publish)
    await repo.extract_artifact(1, tmp_path / "out")
    assert read_below(tmp_path) == {f"out/{name}": data for name, data in contents().items()}


@pytest.mark.skipif(os.name == "nt", reason="a current directory stays there")
@pytest.mark.parametrize("directory", [".", "..", "/", "sub/.."])
async def test_the_current_directory(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    directory: str,
) -> None:
    """The current directory, and those above it, are not replaced: nothing is even fetched."""
    await added(fake_github, repo)
    (tmp_path / "here" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    asked = len(fake_github.requests_to("blob"))
    with pytest.raises(DiskError, match=r"current directory|already"):
        await extract(1, directory)
    with pytest.raises(DiskError, match="current directory"):
        await extract(1, directory, if_exists="replace")
    assert len(fake_github.requests_to("blob")) <= asked + 2
    assert everything_below(tmp_path) == ["here", "here/sub"]


async def test_a_mount_point(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mount point cannot be replaced, which is told before anything is made."""
    await added(fake_github, repo)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path / "out")
    with pytest.raises(DiskError, match="mount point"):
        await extract(1, tmp_path / "out", if_exists="replace")
    assert everything_below(tmp_path) == ["out"]


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="whom nothing is forbidden"
)
async def test_a_directory_above_that_is_closed(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Where nothing may be made, the error names the directory that has it so."""
    await added(fake_github, repo)
    above = tmp_path / "closed"
    above.mkdir(mode=0o500)
    with pytest.raises(DiskError, match="permission denied") as caught:
        await extract(1, above / "out")
    assert caught.value.path == above


async def test_several_replace_one_directory(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Several that replace one directory at once all succeed, and one of them stays."""
    await added(fake_github, repo)
    for _ in range(3):
        await asyncio.gather(*[extract(1, tmp_path / "out", if_exists="replace") for _ in range(8)])
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert read_below(tmp_path / "out") == contents()


@pytest.mark.parametrize("moment", ["_exchange", "_move_back"])
async def test_another_that_was_faster(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """What takes the place between the two steps of a replacement is replaced, too."""
    await added(fake_github, repo)
    out, times = tmp_path / "out", [3]
    out.mkdir()
    (out / "old").write_text("old")
    genuine = StagingDirectory._move_to_target

    def take(self: StagingDirectory, name: str) -> None:
        if name == "tree" and times[0]:
            times[0] -= 1
            out.mkdir()
            (out / "theirs").write_text("theirs")
        elif name == "old" and moment == "_exchange":
            shutil.rmtree(out)
        genuine(self, name)

    monkeypatch.setattr(StagingDirectory, "_move_to_target", take)
    await extract(1, out, if_exists="replace")
    assert times == [0]
    assert everything_below(tmp_path)[0] == "out"
    assert read_below(tmp_path) == {f"out/{name}": data for name, data in contents().items()}


async def test_what_cannot_be_removed(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An old directory that cannot be removed is told of, and does not undo the new one."""
    await added(fake_github, repo)
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    await extract(1, out, if_exists="replace")
    assert read_below(out) == contents()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "ghartifacts-unpack: the temporary directory could not be removed" in record.getMessage()


@pytest.mark.parametrize(
    ("options", "error"), [({"members": []}, InvalidArgument), ({"strip": 9}, ArchiveError)]
)
async def test_nothing_replaces_nothing(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    options: dict[str, Any],
    error: type[Exception],
) -> None:
    """Where none of the members is left to unpack, a directory is not replaced."""
    await added(fake_github, repo)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    with pytest.raises(error):
        await extract(1, tmp_path / "out", if_exists="replace", **options)
    assert everything_below(tmp_path) == ["out", "out/precious"]
