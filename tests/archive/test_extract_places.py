"""Extracting to unusual directories, or while another process changes them."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import ArchiveError, DiskError, InvalidArgument, Repo, TargetExists
from ghartifacts_async._disk import safe_open
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async._disk.staging import StagingDirectory
from ghartifacts_async.testing import FakeGitHub
from tests.archive.artifacts import Extract, add_artifact, file_contents, list_tree, read_files
from tests.support import ignores_permissions
from tests.system_calls import SystemCalls

needs_descriptors = pytest.mark.skipif(os.name == "nt", reason="Windows cannot open directories")
by_descriptor = pytest.mark.parametrize(
    "descriptor", [pytest.param(True, marks=needs_descriptors), False]
)


async def test_a_parent_of_a_linked_directory(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """``link/..`` is the parent of the directory that the link points to, as for the system."""
    await add_artifact(fake_github, repo)
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    paths = await extract(1, f"{tmp_path}/link/../out", if_exists="replace")
    assert paths[0] == tmp_path / "real" / "out" / "report.json"
    assert read_files(tmp_path / "real" / "out") == file_contents()
    assert read_files(tmp_path / "out") == {"precious": b"x"}
    with pytest.raises(TargetExists):
        await extract(1, f"{tmp_path}/link/..", if_exists="error")


@by_descriptor
@pytest.mark.parametrize("job", ["_fill", "_publish", "_remove_work"])
async def test_a_link_that_replaces_the_staging_directory(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    job: str,
    descriptor: bool,
) -> None:
    """If another process replaces the staging directory with a link, the link is not followed."""
    await add_artifact(fake_github, repo)
    # Windows has no directory descriptors.
    monkeypatch.setattr(safe_open, "BY_DESCRIPTOR", descriptor)
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    shared.mkdir()
    for path in (victim / "tree" / "docs", victim / "old"):
        path.mkdir(parents=True)
        (path / "precious").write_text("x")
    before = list_tree(victim)
    original = getattr(StagingDirectory, job)

    def replaced(self: StagingDirectory, *arguments: Any) -> Any:
        self.work.rename(shared / "theirs")
        self.work.symlink_to(victim)
        return original(self, *arguments)

    # Between two jobs there is no system call that a fault could be added to.
    monkeypatch.setattr(StagingDirectory, job, replaced)
    if job == "_remove_work":
        await extract(1, shared / "out")
        assert read_files(shared / "out") == file_contents()
    else:
        with pytest.raises(DiskError, match="another process changed it"):
            await extract(1, shared / "out")
        assert not (shared / "out").exists()
    assert list_tree(victim) == before
    assert "could not be removed" in caplog.text
    assert not descriptor or list_tree(shared / "theirs") == []


async def test_a_payload_that_is_exchanged(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verified payload is extracted, even if another file takes its path."""
    if not safe_open.BY_DESCRIPTOR:
        pytest.skip("the system cannot open files relative to a directory")
    await add_artifact(fake_github, repo)
    original_fill = StagingDirectory._fill

    def fill(self: StagingDirectory, *arguments: Any) -> None:
        original_fill(self, *arguments)
        self.work.rename(tmp_path / "theirs")
        self.work.mkdir()
        (self.work / "payload").write_bytes(b"x" * 1000)

    def publish(self: StagingDirectory, files: Any) -> list[Path]:
        shutil.rmtree(self.work)
        (tmp_path / "theirs").rename(self.work)
        return original_publish(self, files)

    original_publish = StagingDirectory._publish
    # Between two jobs there is no system call that a fault could be added to.
    monkeypatch.setattr(StagingDirectory, "_fill", fill)
    monkeypatch.setattr(StagingDirectory, "_publish", publish)
    await repo.extract_artifact(1, tmp_path / "out")
    assert read_files(tmp_path) == {f"out/{name}": data for name, data in file_contents().items()}


@pytest.mark.skipif(os.name == "nt", reason="Windows does not move a current directory")
@pytest.mark.parametrize("directory", [".", "..", "/", "sub/.."])
async def test_the_current_directory(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    directory: str,
) -> None:
    """The current directory and its parents are not replaced, and no member is fetched."""
    await add_artifact(fake_github, repo)
    (tmp_path / "here" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    count = len(fake_github.requests_to("blob"))
    with pytest.raises(DiskError, match=r"current directory|already"):
        await extract(1, directory)
    with pytest.raises(DiskError, match="current directory"):
        await extract(1, directory, if_exists="replace")
    assert len(fake_github.requests_to("blob")) <= count + 2
    assert list_tree(tmp_path) == ["here", "here/sub"]


async def test_a_mount_point(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Replacing a mount point is refused before anything is created."""
    await add_artifact(fake_github, repo)
    (tmp_path / "out").mkdir()
    # Only root can mount; `tests/disk/test_mounts.py` does.
    monkeypatch.setattr(Directory, "is_mount_point", lambda _, name: name == "out")
    with pytest.raises(DiskError, match="mount point"):
        await extract(1, tmp_path / "out", if_exists="replace")
    assert list_tree(tmp_path) == ["out"]


@pytest.mark.skipif(ignores_permissions(), reason="needs a user without write permission")
async def test_a_read_only_parent(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If the parent directory is read-only, the error names it."""
    await add_artifact(fake_github, repo)
    parent = tmp_path / "closed"
    parent.mkdir(mode=0o500)
    with pytest.raises(DiskError, match="permission denied") as caught:
        await extract(1, parent / "out")
    assert caught.value.path == parent


async def test_concurrent_replacements(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Concurrent replacements of one directory all succeed, and one of them remains."""
    await add_artifact(fake_github, repo)
    for _ in range(3):
        await asyncio.gather(*[extract(1, tmp_path / "out", if_exists="replace") for _ in range(8)])
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert read_files(tmp_path / "out") == file_contents()


@pytest.mark.parametrize("moment", ["_exchange", "_move_back"])
async def test_a_directory_that_appears_during_replacement(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    system_calls: SystemCalls,
    moment: str,
) -> None:
    """While a directory is being replaced, another one that appears at its path is replaced too."""
    await add_artifact(fake_github, repo)
    out, times = tmp_path / "out", [3]
    out.mkdir()
    (out / "old").write_text("old")

    def move(name: str, new: str, **_: object) -> None:
        if name == "tree" and times[0]:
            times[0] -= 1
            out.mkdir()
            (out / "theirs").write_text("theirs")
        elif (name, new, moment) == ("old", "out", "_exchange"):
            shutil.rmtree(out)

    system_calls.before("replace", move)
    await extract(1, out, if_exists="replace")
    assert times == [0]
    assert list_tree(tmp_path)[0] == "out"
    assert read_files(tmp_path) == {f"out/{name}": data for name, data in file_contents().items()}


async def test_an_old_directory_that_cannot_be_removed(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If the old directory cannot be removed, a warning is logged and the new one remains."""
    await add_artifact(fake_github, repo)
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    await extract(1, out, if_exists="replace")
    assert read_files(out) == file_contents()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "ghartifacts-staging: the staging directory could not be removed" in record.getMessage()


@pytest.mark.skipif(ignores_permissions(), reason="needs a user without all permissions")
async def test_a_read_only_directory_is_replaced(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
) -> None:
    """A directory with a read-only subdirectory is replaced, and nothing of it is left."""
    await add_artifact(fake_github, repo)
    out = tmp_path / "out"
    (out / "cache" / "deep").mkdir(parents=True)
    (out / "cache" / "deep" / "module.go").write_text("old")
    (out / "cache" / "deep").chmod(0o555)
    (out / "cache").chmod(0o555)
    for _ in range(2):
        await extract(1, out, if_exists="replace")
        assert read_files(tmp_path) == {
            f"out/{name}": data for name, data in file_contents().items()
        }
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


async def test_what_remains_of_an_old_directory_does_not_come_back(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the old directory cannot be removed, later extractions work and never restore it."""
    await add_artifact(fake_github, repo)
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        for _ in range(3):
            await extract(1, out, if_exists="replace")
            assert read_files(out) == file_contents()
        out.rename(tmp_path / "elsewhere")
        await extract(1, out)
        assert read_files(out) == file_contents()
    await extract(1, out, if_exists="replace")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "out"]


@pytest.mark.parametrize(
    ("options", "error"), [({"members": []}, InvalidArgument), ({"strip": 9}, ArchiveError)]
)
async def test_an_empty_selection_replaces_nothing(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    options: dict[str, Any],
    error: type[Exception],
) -> None:
    """If no member would be extracted, the existing directory is kept."""
    await add_artifact(fake_github, repo)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    with pytest.raises(error):
        await extract(1, tmp_path / "out", if_exists="replace", **options)
    assert list_tree(tmp_path) == ["out", "out/precious"]
