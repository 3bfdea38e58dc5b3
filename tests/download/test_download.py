"""Successful downloads from FakeGitHub."""

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
from tests.download.payloads import PAYLOAD, add_artifact, blob_response
from tests.support import REPOSITORY, files_below, raw_server


async def test_a_download_is_verified_and_published(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A download leaves one file, with the artifact's bytes and digest."""
    added = add_artifact(fake_github)
    artifact = await repo.get_artifact(added.id)
    download = await repo.download_artifact(artifact, tmp_path)
    assert download.path == tmp_path / "dist.zip"
    assert download.path.read_bytes() == PAYLOAD
    assert (download.artifact, download.size, download.verified) == (artifact, len(PAYLOAD), True)
    assert str(download.digest) == added.digest
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_downloaded_zip_is_readable(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The members of a downloaded zip can be read."""
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
    """A destination is a directory or a file path, and missing parents are created."""
    (tmp_path / "there").mkdir()
    add_artifact(fake_github)
    download = await repo.download_artifact(1, f"{tmp_path}/{destination}")
    assert download.path == tmp_path / expected
    assert files_below(tmp_path) == [expected]


async def test_an_existing_file_is_replaced_in_one_step(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An existing file stays complete until the new one replaces it."""
    add_artifact(fake_github)
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
    """The file has the permissions that the umask gives to any new file."""
    add_artifact(fake_github)
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
    """A payload that is not a zip keeps the name of the uploaded file, made safe."""
    fake_github.add_artifact(REPOSITORY, "report", b'{"passed": 3}', raw=raw)
    download = await repo.download_artifact(1, f"{tmp_path}/out/")
    assert download.path == tmp_path / "out" / expected
    assert download.path.read_bytes() == b'{"passed": 3}'


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "con", "a\nb", "x" * 300, "\0"])
async def test_an_artifact_name_never_leaves_the_directory(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """The file lies in the requested directory for any artifact name."""
    fake_github.add_artifact(REPOSITORY, name, PAYLOAD)
    download = await repo.download_artifact(1, f"{tmp_path}/out/")
    assert files_below(tmp_path) == [f"out/{download.path.name}"]


async def test_without_a_digest_nothing_is_verified(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without a digest from GitHub, `verified` is False and `digest` is the computed one."""
    add_artifact(fake_github, digest=None)
    download = await repo.download_artifact(1, tmp_path)
    assert not download.verified
    assert download.digest.hex == hashlib.sha256(PAYLOAD).hexdigest()


async def test_a_complete_zip_without_a_digest_may_have_another_size(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without a digest, a complete zip is accepted even if `size_in_bytes` is its unzipped size."""
    fake_github.add_artifact(
        REPOSITORY, "old", {"a.log": b"x" * 100_000}, digest=None, size_in_bytes=100_000
    )
    download = await repo.download_artifact(1, tmp_path)
    assert download.size < 1000


async def test_content_encoding_is_not_decoded(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A body with Content-Encoding is stored as it was sent, not decoded."""
    async with raw_server(blob_response(PAYLOAD, b"Content-Encoding: gzip")) as url:
        add_artifact(fake_github, f"{url}/x.zip")
        download = await repo.download_artifact(1, tmp_path)
    assert download.verified


async def test_progress_ends_at_the_total(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Progress never decreases, and the last report equals the total."""
    add_artifact(fake_github)
    seen: list[Progress] = []
    await repo.download_artifact(1, tmp_path, on_progress=seen.append)
    assert [p.received for p in seen] == sorted(p.received for p in seen)
    assert (seen[-1].received, seen[-1].total) == (len(PAYLOAD), len(PAYLOAD))
    assert seen[-1].artifact.id == 1
    assert seen[-1].rate > 0


async def test_concurrent_downloads(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Many concurrent downloads share a client, even two of one artifact to one path."""
    for _ in range(20):
        add_artifact(fake_github)
    artifacts: list[Artifact] = await repo.list_artifacts().collect()
    await asyncio.gather(
        *(repo.download_artifact(a, tmp_path / f"{a.id}.zip") for a in artifacts),
        *(repo.download_artifact(artifacts[0], tmp_path / "same.zip") for _ in range(2)),
    )
    assert len(files_below(tmp_path)) == 21
    assert all(path.read_bytes() == PAYLOAD for path in tmp_path.iterdir())
