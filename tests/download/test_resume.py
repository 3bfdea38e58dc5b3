"""An interrupted download is resumed, under a lock, if its payload is still the same."""

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
from tests.download.payloads import NO_RETRIES, PAYLOAD, add_artifact, interrupted_download
from tests.support import REPOSITORY, files_below, published_below, wait_until
from tests.system_calls import SystemCalls, refuse


async def test_the_next_call_resumes(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A resumed download requests only the missing bytes and leaves only the finished file."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    await interrupted_download(fake_github, target, 1_000_000)
    await interrupted_download(fake_github, target, 500_000)
    assert published_below(tmp_path) == []
    reports: list[Progress] = []
    done = await repo.download_artifact(1, target, on_progress=reports.append)
    assert (done.resumed_bytes, done.verified) == (1_500_000, True)
    assert reports[-1].resumed == 1_500_000
    assert target.read_bytes() == PAYLOAD
    (request,) = fake_github.requests_to("blob")
    assert request.headers["Range"] == "bytes=1500000-2999999"
    assert "If-Match" not in request.headers
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_complete_part_file_needs_no_store(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If only the final rename failed, the next call publishes the file without a download."""
    add_artifact(fake_github)

    def fail(*_: object, **__: object) -> None:
        raise OSError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(ArtifactsError, match="denied"):
            await repo.download_artifact(1, f"{tmp_path}/")
    fake_github.clear_requests()
    done = await repo.download_artifact(1, f"{tmp_path}/")
    assert done.verified
    assert done.resumed_bytes == len(PAYLOAD)
    assert len(fake_github.requests) == 1


Damage = Callable[[FakeGitHub, Path], object]


def journal_in(directory: Path) -> Path:
    """Return the journal in a directory."""
    (found,) = directory.glob(".*.ghartifacts-journal")
    return found


def part_file_in(directory: Path) -> Path:
    """Return the part file in a directory."""
    (found,) = directory.glob(".*.ghartifacts-part")
    return found


def truncate_journal(_: FakeGitHub, directory: Path) -> None:
    """Truncate the journal within its first line."""
    os.truncate(journal_in(directory), 20)


@pytest.mark.parametrize(
    "damage",
    [
        truncate_journal,
        lambda _, to: journal_in(to).unlink(),
        lambda _, to: part_file_in(to).unlink(),
        lambda _, to: os.truncate(part_file_in(to), 17),
        lambda _, to: part_file_in(to).write_bytes(bytes(len(PAYLOAD))),
        lambda _, to: journal_in(to).write_bytes(b"x" * 100),
    ],
    ids=["journal cut", "no journal", "no part", "part cut", "part of zeros", "foreign journal"],
)
async def test_damaged_partial_data_is_fetched_again(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, damage: Damage
) -> None:
    """A missing, truncated or foreign journal or part file never damages the download."""
    add_artifact(fake_github)
    await interrupted_download(fake_github, tmp_path / "dist.zip", 1_000_000)
    damage(fake_github, tmp_path)
    done = await repo.download_artifact(1, tmp_path / "dist.zip")
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD
    assert files_below(tmp_path) == ["dist.zip"]


async def test_another_artifact_is_not_resumed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The partial data of one artifact is not used for another artifact with the same target."""
    add_artifact(fake_github)
    await interrupted_download(fake_github, tmp_path / "dist.zip", 1_000_000)
    other = fake_github.add_artifact(REPOSITORY, "other", PAYLOAD[::-1])
    done = await repo.download_artifact(other.id, tmp_path / "dist.zip")
    assert done.path.read_bytes() == PAYLOAD[::-1]
    assert done.resumed_bytes == 0
    assert files_below(tmp_path) == ["dist.zip"]


async def test_an_early_cancellation_keeps_partial_data(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A call that is cancelled early keeps the files that earlier calls left."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    target = tmp_path / "dist.zip"
    await interrupted_download(fake_github, target, 1_000_000)
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


async def test_keep_partial_false_leaves_nothing(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """With `keep_partial=False`, a failed download leaves no file and no directory."""
    add_artifact(fake_github)
    fake_github.fail_blobs_next(BlobFault.truncate(after=1_000_000))
    async with Client(fake_github.token, base_url=fake_github.url, retry=NO_RETRIES) as gh:
        with pytest.raises(ArtifactsError):
            await gh.repo(REPOSITORY).download_artifact(1, f"{tmp_path}/a/b/", keep_partial=False)
    assert list(tmp_path.iterdir()) == []


async def test_an_existing_correct_file_is_not_fetched(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A file of the right size and digest is skipped without any request."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
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
async def test_a_skipped_file_is_made_durable(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `durable=True`, a file that is skipped is synced to disk too."""
    add_artifact(fake_github)
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


async def test_an_existing_raw_file_is_skipped(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A file that is not a zip is skipped too, after the store has reported its name."""
    fake_github.add_artifact(REPOSITORY, "report", PAYLOAD, raw="report.html")
    first = await repo.download_artifact(1, tmp_path)
    assert first.path.name == "report.html"
    again = await repo.download_artifact(1, tmp_path)
    assert again.skipped
    assert again.path == first.path
    assert files_below(tmp_path) == ["report.html"]


async def test_replace_and_error(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """``"replace"`` downloads an existing file again; ``"error"`` raises and leaves it alone."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"
    await repo.download_artifact(1, target)
    assert not (await repo.download_artifact(1, target, if_exists="replace")).skipped
    target.write_bytes(b"mine")
    fake_github.clear_requests()
    with pytest.raises(TargetExists, match='already exists; pass if_exists="replace"'):
        await repo.download_artifact(1, target, if_exists="error")
    assert fake_github.requests_to("blob") == []
    assert target.read_bytes() == b"mine"
    assert files_below(tmp_path) == ["dist.zip"]


@pytest.mark.parametrize("links", [True, False])
async def test_error_keeps_a_file_created_during_the_download(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls, links: bool
) -> None:
    """``"error"`` keeps a file that appears during the download, also without hard links."""
    add_artifact(fake_github)
    target = tmp_path / "dist.zip"

    if not links:
        system_calls.before("link", refuse)

    def appear(_: Progress) -> None:
        target.write_bytes(b"mine")

    with pytest.raises(TargetExists):
        await repo.download_artifact(1, target, if_exists="error", on_progress=appear)
    assert target.read_bytes() == b"mine"
    await repo.download_artifact(1, tmp_path / "new", if_exists="error")
    assert (tmp_path / "new").read_bytes() == PAYLOAD


async def test_concurrent_downloads_of_one_target(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Of many concurrent downloads to one target, one fetches it and the others skip it."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    async with Client(fake_github.token, base_url=fake_github.url) as other:
        repos = [repo, other.repo(REPOSITORY)] * 3
        downloads: list[Download] = await asyncio.gather(
            *(each.download_artifact(artifact, tmp_path / "dist.zip") for each in repos)
        )
    assert sorted(each.skipped for each in downloads) == [False] + [True] * 5
    assert len(fake_github.requests_to("blob")) == 1
    assert files_below(tmp_path) == ["dist.zip"]


async def test_wait_for_lock_false_raises_target_busy(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With `wait_for_lock=False`, a target that another download has locked raises TargetBusy."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    with fake_github.holding(origin="blob"):
        first = asyncio.create_task(repo.download_artifact(artifact, tmp_path / "dist.zip"))
        await wait_until(lambda: fake_github.requests_to("blob"))
        with pytest.raises(TargetBusy, match="another download"):
            await repo.download_artifact(artifact, tmp_path / "dist.zip", wait_for_lock=False)
    assert (await first).verified


async def test_a_file_name_that_is_not_text(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A file name need not be valid UTF-8 if the file system accepts it."""
    add_artifact(fake_github)
    target = os.fsencode(tmp_path) + b"/caf\xe9.zip"
    assert (await repo.download_artifact(1, os.fsdecode(target))).verified


async def test_a_correct_file_in_a_read_only_directory_is_skipped(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, system_calls: SystemCalls
) -> None:
    """A correct file in a read-only directory is skipped, because nothing has to be written."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    await repo.download_artifact(artifact, tmp_path)

    def refuse(_: str, flags: int, *__: int, **___: object) -> None:
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            raise OSError(30, "Read-only file system")

    system_calls.before("open", refuse)
    assert (await repo.download_artifact(artifact, tmp_path)).skipped
    with pytest.raises(DiskError, match="read-only"):
        await repo.download_artifact(artifact, tmp_path, if_exists="replace")


async def test_error_considers_only_the_payloads_own_name(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With ``"error"``, only a file with the payload's own name raises TargetExists."""
    fake_github.add_artifact(REPOSITORY, "report", PAYLOAD, raw="report.html")
    (tmp_path / "report.zip").write_bytes(b"mine")
    done = await repo.download_artifact(1, tmp_path, if_exists="error")
    assert done.path.name == "report.html"
    with pytest.raises(TargetExists, match=r"report\.html"):
        await repo.download_artifact(1, tmp_path, if_exists="error")
