"""Downloads that go well, against FakeGitHub."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from ghartifacts_async import (
    Artifact,
    Progress,
    Repo,
)
from ghartifacts_async.testing import FakeGitHub
from tests.download.payloads import PAYLOAD, add, blob
from tests.support import REPOSITORY, files_below, raw_server


async def test_a_download_is_verified_and_published(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The file has the artifact's bytes and digest, and nothing else is left beside it."""
    added = add(fake_github)
    artifact = await repo.get_artifact(added.id)
    download = await repo.download_artifact(artifact, tmp_path)
    assert download.path == tmp_path / "dist.zip"
    assert download.path.read_bytes() == PAYLOAD
    assert (download.artifact, download.size, download.verified) == (artifact, len(PAYLOAD), True)
    assert str(download.digest) == added.digest
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_zip_arrives_as_the_uploader_made_it(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A zip is a zip: its members can be read."""
    fake_github.add_artifact(REPOSITORY, "report", {"a/b.txt": "hello", "ü.bin": b"\0" * 1000})
    download = await repo.download_artifact(1, tmp_path)
    with zipfile.ZipFile(io.BytesIO(download.path.read_bytes())) as archive:
        assert archive.testzip() is None
        assert archive.read("a/b.txt") == b"hello"


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("new/deep/", "new/deep/dist.zip"),
        ("there", "there/dist.zip"),
        ("file.zip", "file.zip"),
        ("new/file", "new/file"),
    ],
)
async def test_destinations(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, destination: str, expected: str
) -> None:
    """A directory gets a file of the artifact's name; a file path is taken; parents are made."""
    (tmp_path / "there").mkdir()
    add(fake_github)
    download = await repo.download_artifact(1, f"{tmp_path}/{destination}")
    assert download.path == tmp_path / expected
    assert files_below(tmp_path) == [expected]


async def test_what_was_there_is_replaced_in_one_step(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An older file stays whole until the new one takes its place."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    target.write_bytes(b"old")
    seen: list[bytes] = []
    await repo.download_artifact(1, target, on_progress=lambda _: seen.append(target.read_bytes()))
    assert set(seen) == {b"old"}
    assert target.read_bytes() == PAYLOAD


@pytest.mark.parametrize("umask", [0o022, 0o077])
async def test_permissions_follow_the_umask(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, umask: int
) -> None:
    """The file has the permissions that any new file of the user has."""
    add(fake_github)
    before = os.umask(umask)
    try:
        download = await repo.download_artifact(1, tmp_path)
    finally:
        os.umask(before)
    assert download.path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize(
    ("raw", "expected"), [("report.json", "report.json"), ("../../.netrc", "_netrc")]
)
async def test_a_raw_payload_keeps_its_own_name(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, raw: str, expected: str
) -> None:
    """A payload that is no zip is named by its uploader, made safe."""
    fake_github.add_artifact(REPOSITORY, "report", b'{"passed": 3}', raw=raw)
    download = await repo.download_artifact(1, f"{tmp_path}/out/")
    assert download.path == tmp_path / "out" / expected
    assert download.path.read_bytes() == b'{"passed": 3}'


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "con", "a\nb", "x" * 300, "\0"])
async def test_an_artifact_name_is_no_path(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """Whatever an artifact is called, its file lies in the directory asked for."""
    fake_github.add_artifact(REPOSITORY, name, PAYLOAD)
    download = await repo.download_artifact(1, f"{tmp_path}/out/")
    assert files_below(tmp_path) == [f"out/{download.path.name}"]


async def test_no_digest_is_no_verification(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Where GitHub gives no digest, `verified` is False and `digest` the computed one."""
    add(fake_github, digest=None)
    download = await repo.download_artifact(1, tmp_path)
    assert not download.verified
    assert download.digest.hex == hashlib.sha256(PAYLOAD).hexdigest()


async def test_a_zip_of_before_v4_has_another_size_than_github_says(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without a digest, size_in_bytes counts the unzipped files: a complete zip is a success."""
    fake_github.add_artifact(
        REPOSITORY, "old", {"a.log": b"x" * 100_000}, digest=None, size_in_bytes=100_000
    )
    download = await repo.download_artifact(1, tmp_path)
    assert download.size < 1000


async def test_a_body_is_kept_as_it_is_encoded(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A store that sets Content-Encoding gets its bytes stored, not decoded."""
    async with raw_server(blob(PAYLOAD, b"Content-Encoding: gzip")) as url:
        add(fake_github, f"{url}/x.zip")
        download = await repo.download_artifact(1, tmp_path)
    assert download.verified


async def test_progress_ends_at_the_whole(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Progress never goes backwards, and its last report says that all bytes are there."""
    add(fake_github)
    seen: list[Progress] = []
    await repo.download_artifact(1, tmp_path, on_progress=seen.append)
    assert [p.received for p in seen] == sorted(p.received for p in seen)
    assert (seen[-1].received, seen[-1].total) == (len(PAYLOAD), len(PAYLOAD))
    assert seen[-1].artifact.id == 1
    assert seen[-1].rate > 0


async def test_downloads_side_by_side(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Many downloads share a client, even two of one artifact to one path."""
    for _ in range(20):
        add(fake_github)
    artifacts: list[Artifact] = await repo.list_artifacts().collect()
    await asyncio.gather(
        *(repo.download_artifact(a, tmp_path / f"{a.id}.zip") for a in artifacts),
        *(repo.download_artifact(artifacts[0], tmp_path / "same.zip") for _ in range(2)),
    )
    assert len(files_below(tmp_path)) == 21
    assert all(path.read_bytes() == PAYLOAD for path in tmp_path.iterdir())
