"""What an earlier call left is gone on with, under a lock, if it is of the same payload."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ghartifacts_async import (
    ArtifactsError,
    Client,
    DiskError,
    Download,
    Progress,
    Repo,
    TargetBusy,
    TargetExists,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.download.payloads import ONCE, PAYLOAD, add, attempt
from tests.support import REPOSITORY, files_below, published_below


async def test_the_next_call_goes_on(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """What came before the process ended is not fetched again, and the last leaves one file."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    await attempt(fake_github, target, 1_000_000)
    await attempt(fake_github, target, 500_000)
    assert published_below(tmp_path) == []
    told: list[Progress] = []
    done = await repo.download_artifact(1, target, on_progress=told.append)
    assert (done.resumed_bytes, done.verified) == (1_500_000, True)
    assert told[-1].resumed == 1_500_000
    assert target.read_bytes() == PAYLOAD
    (request,) = fake_github.requests_to("blob")
    assert request.headers["Range"] == "bytes=1500000-2999999"
    assert "If-Match" in request.headers
    assert files_below(tmp_path) == ["dist.zip"]


async def test_what_is_complete_needs_no_store(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the last step was missing, nothing is asked of GitHub but the artifact."""
    add(fake_github)

    def fail(*_: object) -> None:
        raise OSError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(ArtifactsError, match="denied"):
            await repo.download_artifact(1, f"{tmp_path}/")
    fake_github.clear_requests()
    done = await repo.download_artifact(1, f"{tmp_path}/")
    assert done.verified
    assert done.resumed_bytes == len(PAYLOAD)
    assert len(fake_github.requests) == 1


Spoil = Callable[[FakeGitHub, Path], object]


def journal(directory: Path) -> Path:
    """The journal that lies there."""
    (found,) = directory.glob(".*.ghartifacts-journal")
    return found


def part(directory: Path) -> Path:
    """The part file that lies there."""
    (found,) = directory.glob(".*.ghartifacts-part")
    return found


def cut_journal(_: FakeGitHub, directory: Path) -> None:
    """A journal of which the disk has but the beginning."""
    os.truncate(journal(directory), 20)


@pytest.mark.parametrize(
    "spoil",
    [
        cut_journal,
        lambda _, to: journal(to).unlink(),
        lambda _, to: part(to).unlink(),
        lambda _, to: os.truncate(part(to), 17),
        lambda _, to: part(to).write_bytes(bytes(len(PAYLOAD))),
        lambda _, to: journal(to).write_bytes(b"x" * 100),
    ],
    ids=["journal cut", "no journal", "no part", "part cut", "part of zeros", "no such journal"],
)
async def test_what_cannot_be_trusted_is_fetched_anew(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, spoil: Spoil
) -> None:
    """A journal or part file that is gone, cut, or not the one that was written, harms nothing."""
    add(fake_github)
    await attempt(fake_github, tmp_path / "dist.zip", 1_000_000)
    spoil(fake_github, tmp_path)
    done = await repo.download_artifact(1, tmp_path / "dist.zip")
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD
    assert files_below(tmp_path) == ["dist.zip"]


async def test_another_artifact_starts_anew(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """What was left of one artifact is nothing to another with the same target."""
    add(fake_github)
    await attempt(fake_github, tmp_path / "dist.zip", 1_000_000)
    other = fake_github.add_artifact(REPOSITORY, "other", PAYLOAD[::-1])
    done = await repo.download_artifact(other.id, tmp_path / "dist.zip")
    assert done.path.read_bytes() == PAYLOAD[::-1]
    assert done.resumed_bytes == 0
    assert files_below(tmp_path) == ["dist.zip"]


async def test_an_early_end_loses_nothing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A call that ends before it fetched anything leaves what earlier ones fetched."""
    artifact = await repo.get_artifact(add(fake_github).id)
    target = tmp_path / "dist.zip"
    await attempt(fake_github, target, 1_000_000)
    for step in range(1, 30):
        task = asyncio.create_task(repo.download_artifact(artifact, target))
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if target.exists():
            break
        assert files_below(tmp_path)


async def test_nothing_is_kept_where_nothing_is_wanted(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With `keep_partial=False` a download that fails leaves no file and no directory."""
    add(fake_github)
    fake_github.fail_blobs_next(BlobFault.truncate(after=1_000_000))
    async with Client(fake_github.token, base_url=fake_github.url, retry=ONCE) as gh:
        with pytest.raises(ArtifactsError):
            await gh.repo(REPOSITORY).download_artifact(1, f"{tmp_path}/a/b/", keep_partial=False)
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_there_is_verified_and_not_fetched(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Where size and digest agree nothing is fetched, not even the signed URL."""
    artifact = await repo.get_artifact(add(fake_github).id)
    first = await repo.download_artifact(artifact, tmp_path)
    fake_github.clear_requests()
    for target in (f"{tmp_path}/", tmp_path / "dist.zip"):
        again = await repo.download_artifact(artifact, target)
        assert again.skipped
        assert (again.path, again.size, again.digest) == (first.path, first.size, first.digest)
        assert again.verified
    assert fake_github.requests == []
    first.path.write_bytes(PAYLOAD[:-1] + b"?")
    assert not (await repo.download_artifact(artifact, tmp_path)).skipped
    assert first.path.read_bytes() == PAYLOAD


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_file_that_is_there_is_made_durable_too(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not fetched again survives a loss of power as well, where that was asked for."""
    add(fake_github)
    await repo.download_artifact(1, tmp_path)
    synced: list[str] = []
    fsync = os.fsync

    def noted(fd: int) -> None:
        fsync(fd)
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))

    monkeypatch.setattr(os, "fsync", noted)
    assert (await repo.download_artifact(1, tmp_path)).skipped
    assert synced == []
    assert (await repo.download_artifact(1, tmp_path, durable=True)).skipped
    assert synced == [str(tmp_path / "dist.zip"), str(tmp_path)]


async def test_a_raw_file_that_is_there_is_verified_too(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Of a payload that is no zip the name is learnt first, and then nothing is fetched."""
    fake_github.add_artifact(REPOSITORY, "report", PAYLOAD, raw="report.html")
    first = await repo.download_artifact(1, tmp_path)
    assert first.path.name == "report.html"
    again = await repo.download_artifact(1, tmp_path)
    assert again.skipped
    assert again.path == first.path
    assert files_below(tmp_path) == ["report.html"]


async def test_replace_and_error(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """``"replace"`` fetches what is there already; ``"error"`` leaves it alone, and says so."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    await repo.download_artifact(1, target)
    assert not (await repo.download_artifact(1, target, if_exists="replace")).skipped
    target.write_bytes(b"mine")
    fake_github.clear_requests()
    with pytest.raises(TargetExists, match="already exists"):
        await repo.download_artifact(1, target, if_exists="error")
    assert fake_github.requests_to("blob") == []
    assert target.read_bytes() == b"mine"
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_file_that_appears_meanwhile_stays(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With ``"error"`` a file that someone else put there during the download is not replaced."""
    add(fake_github)
    target = tmp_path / "dist.zip"

    def appear(_: Progress) -> None:
        target.write_bytes(b"mine")

    with pytest.raises(TargetExists):
        await repo.download_artifact(1, target, if_exists="error", on_progress=appear)
    assert target.read_bytes() == b"mine"


async def test_two_downloads_of_one_target(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Of many that want one target one fetches it, the others wait, and find it there."""
    artifact = await repo.get_artifact(add(fake_github).id)
    async with Client(fake_github.token, base_url=fake_github.url) as other:
        repos = [repo, other.repo(REPOSITORY)] * 3
        downloads: list[Download] = await asyncio.gather(
            *(one.download_artifact(artifact, tmp_path / "dist.zip") for one in repos)
        )
    assert sorted(one.skipped for one in downloads) == [False] + [True] * 5
    assert len(fake_github.requests_to("blob")) == 1
    assert files_below(tmp_path) == ["dist.zip"]


async def test_who_does_not_want_to_wait_is_told(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With `wait_for_lock=False` a target that another download writes to raises TargetBusy."""
    artifact = await repo.get_artifact(add(fake_github).id)
    with fake_github.holding(origin="blob"):
        first = asyncio.create_task(repo.download_artifact(artifact, tmp_path / "dist.zip"))
        while not fake_github.requests_to("blob"):  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.01)
        with pytest.raises(TargetBusy, match="another download"):
            await repo.download_artifact(artifact, tmp_path / "dist.zip", wait_for_lock=False)
    assert (await first).verified


async def test_a_name_that_is_no_text(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Any name that the file system takes is one."""
    add(fake_github)
    target = os.fsencode(tmp_path) + b"/caf\xe9.zip"
    assert (await repo.download_artifact(1, os.fsdecode(target))).verified


async def test_a_file_that_is_right_in_a_directory_that_cannot_be_written(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To verify what is there, nothing has to be written."""
    artifact = await repo.get_artifact(add(fake_github).id)
    await repo.download_artifact(artifact, tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("ghartifacts_async._disk.lock_file.LockFile.acquire", refuse)
    assert (await repo.download_artifact(artifact, tmp_path)).skipped
    with pytest.raises(DiskError, match="read-only"):
        await repo.download_artifact(artifact, tmp_path, if_exists="replace")


async def test_a_directory_may_hold_another_file_of_the_artifacts_name(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With ``"error"`` only a file of the payload's own name is in the way."""
    fake_github.add_artifact(REPOSITORY, "report", PAYLOAD, raw="report.html")
    (tmp_path / "report.zip").write_bytes(b"mine")
    done = await repo.download_artifact(1, tmp_path, if_exists="error")
    assert done.path.name == "report.html"
    with pytest.raises(TargetExists, match=r"report\.html"):
        await repo.download_artifact(1, tmp_path, if_exists="error")
