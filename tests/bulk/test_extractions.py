"""Extracting many artifacts."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    ArtifactExpired,
    ArtifactsError,
    BulkProgress,
    DiskError,
    Extraction,
    InvalidArgument,
    NotAZip,
    NotFound,
    ProgressError,
    Repo,
    TargetExists,
    UnsafeMember,
)
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.archive.artifacts import list_tree, read_files
from tests.support import REPOSITORY, ignores_permissions
from tests.system_calls import SystemCalls, refuse


async def extract(repo: Repo, directory: Path, *artifacts: Any, **options: Any) -> list[Extraction]:
    """Extract artifacts, and return the results ordered by id."""
    found = [each async for each in repo.extract_artifacts(artifacts, directory, **options)]
    return sorted(found, key=lambda each: getattr(each.artifact, "id", each.artifact))


async def test_each_artifact_gets_a_directory(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Each artifact is extracted to a directory with its name; equal names get the id."""
    for name in ("dist", "logs", "dist", "../evil"):
        fake_github.add_artifact(REPOSITORY, name, {"a.txt": name, "d/b.txt": "x"})
    out = tmp_path / "new" / "out"
    listed = await repo.list_artifacts().collect()
    found = [each async for each in repo.extract_artifacts(listed, out)]
    assert {each.artifact for each in found} == {*listed}
    names = {each.artifact.id: each.directory for each in found}  # type: ignore[union-attr]
    newest, older = sorted((each.id for each in listed if each.name == "dist"), reverse=True)
    assert names[newest] == out / "dist"
    assert names[older] == out / f"dist-{older}"
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["dist", f"dist-{older}", "logs", "_._evil"]
    )
    for each in found:
        assert each.directory is not None
        assert each.result() == (each.directory / "a.txt", each.directory / "d" / "b.txt")
        assert pickle.loads(pickle.dumps(each)) == each
    assert read_files(out / "logs") == {"a.txt": b"logs", "d/b.txt": b"x"}


async def test_failures_are_isolated(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """An artifact that fails has its error in its result, and the others are extracted."""
    good = fake_github.add_artifact(REPOSITORY, "good", {"a": "1"})
    expired = fake_github.add_artifact(REPOSITORY, "expired", {"a": "1"}, expired=True)
    raw = fake_github.add_artifact(REPOSITORY, "raw", b"text", raw="a.txt")
    unsafe = fake_github.add_artifact(REPOSITORY, "unsafe", {"../a": "1"})
    ids = [good.id, expired.id, raw.id, unsafe.id, 999]
    reports: list[BulkProgress] = []
    found = await extract(repo, tmp_path / "out", *ids, on_progress=reports.append)
    errors = [type(each.error) for each in found]
    assert errors == [type(None), ArtifactExpired, NotAZip, UnsafeMember, NotFound]
    assert list_tree(tmp_path) == ["out", "out/good", "out/good/a"]
    for each in found[1:]:
        assert (each.files, each.directory) == ((), None)
        with pytest.raises(ArtifactsError) as caught:
            each.result()
        assert caught.value is each.error
    last = reports[-1]
    assert (last.done, last.failed, last.running, last.total) == (1, 4, 0, 5)
    assert last.received > 0


async def test_existing_directories(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """The options of `extract_artifact` apply to each artifact."""
    fake_github.add_artifact(REPOSITORY, "dist", {"d/a.txt": "1", "b.json": "2"})
    options = {"members": "**/*.txt", "strip": 1}
    await extract(repo, tmp_path, 1, **options)
    assert read_files(tmp_path) == {"dist/a.txt": b"1"}
    (again,) = await extract(repo, tmp_path, 1)
    assert isinstance(again.error, TargetExists)
    await extract(repo, tmp_path, 1, if_exists="replace")
    assert read_files(tmp_path) == {"dist/d/a.txt": b"1", "dist/b.json": b"2"}


async def test_merging(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """With ``merge=True``, all artifacts are extracted to one directory, next to other files."""
    for number in range(6):
        data = os.urandom(100_000)
        files = {f"{number}.txt": b"%d" % number, f"d/e/{number}.bin": data}
        fake_github.add_artifact(REPOSITORY, f"part-{number}", files)
    out = tmp_path / "out"
    (out / "d").mkdir(parents=True)
    (out / "mine").write_text("mine")
    found = await extract(repo, out, *range(1, 7), merge=True)
    for number, each in enumerate(found):
        assert each.error is None
        assert each.directory == out
        assert each.files == (out / f"{number}.txt", out / "d" / "e" / f"{number}.bin")
        assert (out / f"{number}.txt").read_text() == f"{number}"
    assert len(list_tree(out)) == 12 + 3
    assert (out / "mine").read_text() == "mine"


async def test_merging_refuses_collisions(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If one file of an artifact exists already, in `out` or in another artifact, it adds none."""
    for files in (
        {"a.txt": "1", "d/x": "1"},
        {"first": "2", "A.txt": "2"},
        {"z/first": "3", "mine": "3"},
        {"z/other": "4", "link/x": "4"},
        {"z/fine": "5"},
    ):
        fake_github.add_artifact(REPOSITORY, "part", files)
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (out / "mine").write_text("mine")
    (out / "link").symlink_to(outside)
    found = await extract(repo, out, 1, 2, 3, 4, 5, merge=True, concurrency=1)
    kinds = [type(each.error) for each in found]
    assert kinds == [type(None), UnsafeMember, TargetExists, TargetExists, type(None)]
    assert "'A.txt' conflicts with 'a.txt' of artifact 1" in str(found[1].error)
    assert "mine" in str(found[2].error)
    assert list_tree(tmp_path) == [
        "out", "out/a.txt", "out/d", "out/d/x", "out/link", "out/mine", "out/z", "out/z/fine",
        "outside",
    ]  # fmt: skip
    assert (out / "mine").read_text() == "mine"


async def test_concurrency(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """At most `concurrency` artifacts are in progress; leaving the loop ends them."""
    for number in range(8):
        fake_github.add_artifact(REPOSITORY, f"{number}", {"a": os.urandom(5000)})
    fake_github.fail_blobs_when(lambda _: BlobFault.stall(after=10))
    source = repo.extract_artifacts(range(1, 9), tmp_path / "out", concurrency=3)
    async with aclosing(source) as found:
        waiting = asyncio.ensure_future(anext(found))
        while len(fake_github.requests_to("blob")) < 3:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert len(fake_github.requests_to("blob")) == 3
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert list_tree(tmp_path) == ["out"]


async def test_arguments(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Invalid arguments raise at once, and errors of the callback end the operation."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": "1"})
    invalid: list[tuple[Any, dict[str, Any], str]] = [
        ("dist", {}, "iterable"),
        ([1], {"concurrency": 0}, "concurrency"),
        ([1], {"merge": "yes"}, "merge must be True or False"),
        ([1], {"merge": True, "if_exists": "replace"}, "cannot be combined"),
        ([1], {"symlinks": "follow"}, "symlinks must be"),
        ([1], {"on_progress": 5}, "on_progress"),
    ]
    for artifacts, options, message in invalid:
        with pytest.raises(InvalidArgument, match=message):
            repo.extract_artifacts(artifacts, tmp_path / "out", **options)
    assert fake_github.requests == []

    def fail(_: BulkProgress) -> None:
        raise RuntimeError

    with pytest.raises(ProgressError):
        await extract(repo, tmp_path / "out", 1, on_progress=fail)
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError):
        await extract(repo, tmp_path / "file" / "out", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize("leftover", [False, True])
async def test_a_parent_that_cannot_be_written(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    leftover: bool,
) -> None:
    """An empty directory is filled even if its parent cannot be written."""
    fake_github.add_artifact(REPOSITORY, "dist", {"d/a.txt": "1", "b.json": "2"})
    parent = tmp_path / "closed"
    out = parent / "out"
    out.mkdir(parents=True)
    if leftover:
        (out / HiddenFiles.of("out").staging).mkdir(mode=0o700)
    parent.chmod(0o500)
    # For root, every directory can be written.
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, *others: Path(path) != parent and access(path, *others)
    )
    monkeypatch.chdir(out)
    files = await repo.extract_artifact(1, out)
    assert files == [out / "d" / "a.txt", out / "b.json"]
    assert list_tree(parent) == ["out", "out/b.json", "out/d", "out/d/a.txt"]
    if not ignores_permissions():
        with pytest.raises(TargetExists):
            await repo.extract_artifact(1, out)
    parent.chmod(0o700)


@pytest.mark.parametrize("exists", [False, True])
async def test_merging_without_hard_links(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls, exists: bool
) -> None:
    """On a file system without hard links, files are merged, too, and none replaces another."""
    fake_github.add_artifact(REPOSITORY, "x", {"a": b"x", "sub/b": b"y"})
    if exists:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "b").write_bytes(b"old")

    system_calls.before("link", refuse)
    (found,) = await extract(repo, tmp_path, 1, merge=True)
    if exists:
        assert isinstance(found.error, TargetExists)
        assert read_files(tmp_path) == {"sub/b": b"old"}
    else:
        assert read_files(tmp_path) == {"a": b"x", "sub/b": b"y"}


async def test_a_failed_merge_keeps_empty_directories(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An empty directory that existed before is kept if files cannot be merged into it."""
    fake_github.add_artifact(REPOSITORY, "x", {"d/a": "1", "mine": "1"})
    (tmp_path / "d").mkdir()
    (tmp_path / "mine").write_text("mine")
    (found,) = await extract(repo, tmp_path, 1, merge=True)
    assert isinstance(found.error, TargetExists)
    assert list_tree(tmp_path) == ["d", "mine"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
async def test_the_permissions_of_merged_directories(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """New directories in a merged tree get mode 0755 less the umask."""
    fake_github.add_artifact(REPOSITORY, "x", {"d/a": "1"})
    before = os.umask(0o022)
    try:
        await extract(repo, tmp_path, 1, merge=True)
    finally:
        os.umask(before)
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o755
