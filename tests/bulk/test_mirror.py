"""Mirroring a repository: what is downloaded, linked, skipped and recorded."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    Artifact,
    Client,
    DiskError,
    InvalidArgument,
    Repo,
    from_json,
)
from ghartifacts_async.testing import FakeGitHub
from tests.bulk.support import LARGE, MANIFEST, add, counts
from tests.support import REPOSITORY, files_below
from tests.system_calls import SystemCalls, refuse


def lines(directory: Path) -> list[dict[str, Any]]:
    """Return the lines of the manifest, parsed."""
    return [json.loads(line) for line in (directory / MANIFEST).read_text().splitlines()]


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_only_new_artifacts_are_downloaded(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """New artifacts are downloaded; files of artifacts that were deleted on GitHub are kept."""
    add(fake_github, 5, content)
    report = await repo.mirror(tmp_path)
    assert counts(report) == (5, 0, 0, 0, 0)
    assert report.received == 5 * (len(content) + 1)
    assert report.seconds > 0
    files = [f"dist-{number}.zip" for number in range(1, 6)]
    assert files_below(tmp_path) == [MANIFEST, *files]
    fake_github.delete_artifact(2)
    added = fake_github.add_artifact(REPOSITORY, "logs", content)
    assert counts(await repo.mirror(tmp_path)) == (1, 0, 4, 0, 0)
    assert files_below(tmp_path) == [MANIFEST, *files, f"logs-{added.id}.zip"]


async def test_a_second_run_requests_only_the_listing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """Unchanged files are neither downloaded nor read, and the manifest stays the same."""
    add(fake_github, 250)
    await repo.mirror(tmp_path)
    before = (tmp_path / MANIFEST).read_bytes()
    fake_github.clear_requests()
    reads: list[int] = []
    for name in ("pread", "preadv"):
        system_calls.before(name, lambda fd, *_: reads.append(fd))
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 250, 0, 0)
    assert {request.path.rpartition("/")[2] for request in fake_github.requests} == {"artifacts"}
    assert len(fake_github.requests) == 3
    assert reads == []
    assert (tmp_path / MANIFEST).read_bytes() == before


async def test_the_manifest_records_every_file(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The manifest has a JSON line for each file: its path, size, time, digest and artifact."""
    add(fake_github, 3)
    fake_github.add_artifact(REPOSITORY, "report.json", b"{}", raw="report.json", digest=None)
    await repo.mirror(tmp_path)
    listed = {artifact.id: artifact async for artifact in repo.list_artifacts()}
    first, *others = lines(tmp_path)
    assert (first["server"], first["template"]) == (fake_github.url, "{name}-{id}")
    assert len(others) == 4
    for entry in others:
        artifact = from_json(json.dumps(entry["artifact"]), Artifact)
        status = (tmp_path / entry["path"]).stat()
        assert artifact == listed[artifact.id]
        assert (status.st_size, status.st_mtime_ns) == (entry["size"], entry["mtime_ns"])
        assert entry["digest"].startswith("sha256:")


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_equal_content_is_downloaded_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes, concurrency: int
) -> None:
    """Artifacts with the same digest are downloaded only once, and each has its own file."""
    for number in range(20):
        fake_github.add_artifact(REPOSITORY, f"n{number}", content + b"%d" % (number % 3))
    report = await repo.mirror(tmp_path, concurrency=concurrency)
    assert counts(report) == (3, 17, 0, 0, 0)
    assert len(fake_github.requests_to("blob")) == 3
    for number in range(20):
        path = tmp_path / f"n{number}-{number + 1}.zip"
        assert path.read_bytes() == content + b"%d" % (number % 3)
    assert len(files_below(tmp_path)) == 21
    (tmp_path / "n19-20.zip").unlink()
    assert counts(await repo.mirror(tmp_path)) == (0, 1, 19, 0, 0)


@pytest.mark.parametrize("name", ["b", "c"])
async def test_a_lost_file_among_files_with_equal_content(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """If the newest of the files with some content is lost, an older one is linked."""
    for existing in ("a", "b"):
        fake_github.add_artifact(REPOSITORY, existing, LARGE)
        await repo.mirror(tmp_path)
    (tmp_path / "b-2.zip").unlink()
    fake_github.add_artifact(REPOSITORY, "c", LARGE)
    assert counts(await repo.mirror(tmp_path, name=name)) == (0, 1, 0, 0, 0)
    assert len(fake_github.requests_to("blob")) == 1


@pytest.mark.parametrize("refuses_links", [False, True])
async def test_file_systems_without_links(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuses_links: bool,
) -> None:
    """Without reflinks, files are hard-linked; without hard links, they are copied and verified."""
    for number in range(3):
        fake_github.add_artifact(REPOSITORY, f"n{number}", LARGE)
    if os.name != "nt":
        monkeypatch.setattr("fcntl.ioctl", refuse)
    if refuses_links:
        monkeypatch.setattr(os, "link", refuse)
    assert counts(await repo.mirror(tmp_path)) == (1, 2, 0, 0, 0)
    inodes = {path.stat().st_ino for path in tmp_path.glob("n*")}
    assert len(inodes) == (3 if refuses_links else 1)
    assert all(path.read_bytes() == LARGE for path in tmp_path.glob("n*"))
    assert len(files_below(tmp_path)) == 4
    # Renaming one hard link onto another does nothing, but no temporary file may remain.
    (tmp_path / "artifacts.jsonl").unlink()
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 3, 0, 0)
    assert len(files_below(tmp_path)) == 4


async def test_changed_files_are_verified_before_linking(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A file whose time has changed is verified before other files are linked to it."""
    fake_github.add_artifact(REPOSITORY, "a", LARGE)
    await repo.mirror(tmp_path)
    fake_github.add_artifact(REPOSITORY, "b", LARGE)
    os.utime(tmp_path / "a-1.zip", (1, 1))
    assert counts(await repo.mirror(tmp_path, name="b")) == (0, 1, 0, 0, 0)
    for name in ("a-1.zip", "b-2.zip"):
        (tmp_path / name).write_bytes(b"x" * len(LARGE))
    fake_github.add_artifact(REPOSITORY, "c", LARGE)
    assert counts(await repo.mirror(tmp_path, name="c")) == (1, 0, 0, 0, 0)
    assert (tmp_path / "c-3.zip").read_bytes() == LARGE


@pytest.mark.parametrize("digest", ["auto", None])
async def test_missing_and_changed_files(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, digest: Any
) -> None:
    """A missing or changed file is downloaded again; a file with only a new time is not."""
    for number in range(3):
        fake_github.add_artifact(REPOSITORY, "dist", {"n": f"{number}"}, digest=digest)
    await repo.mirror(tmp_path)
    right = (tmp_path / "dist-2.zip").read_bytes()
    (tmp_path / "dist-1.zip").unlink()
    (tmp_path / "dist-2.zip").write_bytes(b"x" * len(right))
    os.utime(tmp_path / "dist-3.zip", (1, 1))
    fake_github.clear_requests()
    assert counts(await repo.mirror(tmp_path)) == (2, 0, 1, 0, 0)
    assert len(fake_github.requests_to("blob")) == 2
    assert (tmp_path / "dist-2.zip").read_bytes() == right
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 3, 0, 0)
    assert len(fake_github.requests_to("blob")) == 2


@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_mirror_without_its_manifest(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, digest: Any
) -> None:
    """Complete files are recognised without a manifest, and not downloaded again."""
    fake_github.add_artifact(REPOSITORY, "dist", {"n": "1"}, digest=digest)
    fake_github.add_artifact(REPOSITORY, "report.json", b"{}", raw="report.json", digest=digest)
    fake_github.add_artifact(REPOSITORY, "cut", {"n": "3"}, digest=digest)
    await repo.mirror(tmp_path)
    (tmp_path / MANIFEST).unlink()
    cut = tmp_path / "cut-3.zip"
    cut.write_bytes(cut.read_bytes()[:-1])
    assert counts(await repo.mirror(tmp_path)) == (1, 0, 2, 0, 0)
    assert len(fake_github.requests_to("blob")) == 4
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 3, 0, 0)


async def test_a_mirror_of_an_older_server_without_its_manifest(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A complete zip whose recorded size is that of its members is not downloaded again."""
    fake_github.add_artifact(REPOSITORY, "dist", {"n": "1"}, digest=None, size_in_bytes=1)
    await repo.mirror(tmp_path)
    (tmp_path / MANIFEST).unlink()
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 1, 0, 0)
    assert len(fake_github.requests_to("blob")) == 1


async def test_a_damaged_manifest(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """An incomplete last line or an invalid line in the manifest does not cause a download."""
    add(fake_github, 3)
    await repo.mirror(tmp_path)
    path = tmp_path / MANIFEST
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(whole[0] + b"\0\0\n" + b"".join(whole[1:3]) + whole[3][:-7])
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 3, 0, 0)
    assert len(fake_github.requests_to("blob")) == 3
    assert [entry["path"] for entry in map(json.loads, path.read_bytes().splitlines()[2:])]


async def test_the_manifest_is_compacted(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a manifest has many replaced lines, they are removed and the other lines are kept."""
    add(fake_github, 3)
    await repo.mirror(tmp_path)
    path = tmp_path / MANIFEST
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + others[0] * 1100 + b"".join(others))
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 3, 0, 0)
    assert path.read_bytes() == first + b"".join(others)
    assert len(files_below(tmp_path)) == 4


async def test_mirrors_of_another_server_or_template(
    fake_github: FakeGitHub, repo: Repo, tmp_path: Path
) -> None:
    """A mirror is rejected if its server or template differs, or its manifest is a foreign file."""
    add(fake_github, 1)
    await repo.mirror(tmp_path)
    with pytest.raises(InvalidArgument, match="with template="):
        await repo.mirror(tmp_path, template="{name}/{id}")
    async with Client(fake_github.token, base_url=fake_github.ghes_url) as gh:
        with pytest.raises(InvalidArgument, match="mirror of"):
            await gh.repo(REPOSITORY).mirror(tmp_path)
    for notes in ("my own notes\n", "my own notes"):
        (tmp_path / MANIFEST).write_text(notes)
        with pytest.raises(DiskError, match="not the manifest"):
            await repo.mirror(tmp_path)
        assert (tmp_path / MANIFEST).read_text() == notes
    assert files_below(tmp_path) == [MANIFEST, "dist-1.zip"]


async def test_templates_and_filters(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Paths follow the template, and only artifacts that match the filters are mirrored."""
    add(fake_github, 2, head_branch="feature/x")
    add(fake_github, 2)
    await repo.mirror(tmp_path, template="{branch}/{id}", branch="feature/x", max_size=6)
    assert files_below(tmp_path) == [MANIFEST, "feature_x/1.zip", "feature_x/2.zip"]


async def test_a_branch_is_one_directory(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A branch whose name looks like a path becomes the name of one directory."""
    add(fake_github, 1, head_branch="feature/../x")
    await repo.mirror(tmp_path, template="{branch}/{id}")
    assert files_below(tmp_path) == [MANIFEST, "feature_.._x/1.zip"]


@pytest.mark.parametrize(
    "name", ["..", "../../x", "con", "a\nb", "x" * 300, "\0", MANIFEST, ".zip"]
)
@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_hostile_names(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str, content: bytes
) -> None:
    """For any artifact name, the file is inside the mirror and the next run finds it."""
    fake_github.add_artifact(REPOSITORY, name, content)
    fake_github.add_artifact(REPOSITORY, name.upper(), content)
    root = tmp_path / "a" / "mirror"
    await repo.mirror(root)
    assert len(files_below(root)) == len(files_below(tmp_path)) == 3
    assert counts(await repo.mirror(root)) == (0, 0, 2, 0, 0)
