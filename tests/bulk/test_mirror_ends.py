"""How a call of `mirror` ends: failures, cancellation, closing, progress and durability."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    AuthenticationError,
    BulkProgress,
    Client,
    ClientStateError,
    DigestMismatch,
    DiskFull,
    InvalidArgument,
    NotFound,
    RateLimited,
    RateLimitPolicy,
    Repo,
    TargetBusy,
)
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async.testing import BlobFault, FakeGitHub, Fault, LoggedRequest
from tests.bulk.support import LARGE, MANIFEST, add, counts, library_tasks
from tests.download.payloads import add_artifact, interrupted_download
from tests.support import QUICK, REPOSITORY, files_below, published_below, wait_until
from tests.system_calls import SystemCalls


async def test_expired_artifacts(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """The file of an expired artifact is kept; if there is none, the artifact counts as expired."""
    add(fake_github, 2)
    await repo.mirror(tmp_path, name="dist")
    fake_github.expire_artifact(1)
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    report = await repo.mirror(tmp_path)
    assert counts(report) == (0, 0, 2, 1, 0)
    report.raise_for_errors()
    assert len(fake_github.requests_to("blob")) == 2


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_an_artifact_that_expires_during_the_mirror(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """An artifact that expires after it was listed counts as expired, not as failed."""
    add(fake_github, 3, content)

    def expire(request: LoggedRequest) -> None:
        if request.path.endswith("/2/zip"):
            fake_github.expire_artifact(2)

    fake_github.fail_when(expire)
    report = await repo.mirror(tmp_path)
    assert counts(report) == (2, 0, 0, 1, 0)
    report.raise_for_errors()
    assert files_below(tmp_path) == [MANIFEST, "dist-1.zip", "dist-3.zip"]


async def test_leftovers_next_to_a_partial_download(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """When a partial download is completed, other files of a killed process are removed."""
    add_artifact(fake_github)
    await interrupted_download(fake_github, tmp_path / "dist-1.zip", 1_000_000)
    leftover = tmp_path / HiddenFiles.of("dist-1.zip").link
    leftover.write_bytes(b"half a copy")
    assert counts(await repo.mirror(tmp_path)) == (1, 0, 0, 0, 0)
    assert files_below(tmp_path) == [MANIFEST, "dist-1.zip"]
    (request,) = fake_github.requests_to("blob")
    assert request.headers["Range"].startswith("bytes=1000000-")


async def test_failures(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A failed download is reported and does not stop the others; the next run tries it again."""
    add(fake_github, 6, LARGE)
    wrong = fake_github.artifacts(REPOSITORY)[0]
    wrong.path.write_bytes(b"x" * wrong.size)
    fake_github.fail_next(404, path="/3/zip$")
    report = await repo.mirror(tmp_path)
    assert counts(report) == (4, 0, 0, 0, 2)
    kinds = {outcome.artifact.id: type(outcome.error) for outcome in report.failures}  # type: ignore[union-attr]
    assert kinds == {3: NotFound, 6: DigestMismatch}
    with pytest.raises(ExceptionGroup, match="2 artifacts"):
        report.raise_for_errors()
    assert counts(await repo.mirror(tmp_path)) == (1, 0, 4, 0, 1)


async def test_a_failure_among_artifacts_with_equal_content(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If one of several equal artifacts fails, the next is downloaded and the rest are linked."""
    for _ in range(5):
        fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    fake_github.fail_next(404, path="/zip$")
    report = await repo.mirror(tmp_path)
    assert counts(report) == (1, 3, 0, 0, 1)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(401, AuthenticationError), (Fault.secondary_limit(3000), RateLimited)],
    ids=["401", "limit"],
)
async def test_errors_that_end_the_mirror(
    fake_github: FakeGitHub, tmp_path: Path, fault: Any, kind: type[Exception]
) -> None:
    """An error that affects all artifacts ends the mirror, and the next call continues it."""
    add(fake_github, 50)
    fake_github.fail_next(*[fault] * 200, path="/zip$")
    impatient = RateLimitPolicy(max_wait=60)
    async with Client(fake_github.token, base_url=fake_github.url, rate_limits=impatient) as gh:
        with pytest.raises(kind):
            await gh.repo(REPOSITORY).mirror(tmp_path)
    assert len(fake_github.requests) < 40
    fake_github.clear_faults()
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        assert counts(await gh.repo(REPOSITORY).mirror(tmp_path)) == (50, 0, 0, 0, 0)


@pytest.mark.parametrize(("bad", "ends"), [(5, False), (99, True)], ids=["some", "all"])
async def test_a_full_disk(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    system_calls: SystemCalls,
    bad: int,
    ends: bool,
) -> None:
    """DiskFull is reported for each artifact, and raised if many in a row fail with it."""
    add(fake_github, 60)
    left = [bad]

    def write(*_: object) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    system_calls.before("pwrite", write)
    if ends:
        with pytest.raises(DiskFull):
            await repo.mirror(tmp_path)
        assert len(fake_github.requests_to("blob")) < 40
    else:
        report = await repo.mirror(tmp_path)
        assert counts(report) == (60 - bad, 0, 0, 0, bad)
        assert {type(outcome.error) for outcome in report.failures} == {DiskFull}
    left[0] = 0
    assert (await repo.mirror(tmp_path)).failed == 0
    assert len(files_below(tmp_path)) == 61


async def test_an_error_of_the_listing_is_raised(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a repository cannot be listed, the error is raised and nothing is created."""
    with pytest.raises(NotFound):
        await repo.mirror(tmp_path / "mirror")
    assert not list(tmp_path.iterdir())
    add(fake_github, 1)
    assert counts(await repo.mirror(tmp_path / "mirror")) == (1, 0, 0, 0, 0)


async def test_an_error_of_the_listing_unlocks_the_mirror(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If an existing mirror cannot be listed, the error is raised and the mirror is unlocked."""
    add(fake_github, 1)
    await repo.mirror(tmp_path)
    fake_github.fail_next(404, path="artifacts$")
    with pytest.raises(NotFound):
        await repo.mirror(tmp_path)
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 1, 0, 0)


async def test_only_one_operation_updates_a_mirror(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If another operation is updating the mirror, TargetBusy is raised before any request."""
    add(fake_github, 3)
    with fake_github.holding(origin="blob"):
        first = asyncio.ensure_future(repo.mirror(tmp_path))
        await wait_until(lambda: fake_github.requests_to("blob"))
        with pytest.raises(TargetBusy, match="is updating this mirror; try again when it has"):
            await repo.mirror(tmp_path)
    lists = [one for one in fake_github.requests if one.path.endswith("/artifacts")]
    assert len(lists) == 1
    assert counts(await first) == (3, 0, 0, 0, 0)
    assert len(fake_github.requests_to("blob")) == 3


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("after", range(0, 120, 10))
async def test_cancelled_at_any_moment(
    fake_github: FakeGitHub, tmp_path: Path, content: bytes, after: int
) -> None:
    """Cancellation leaves no task and no lock, and the next run skips the complete files."""
    for number in range(30):
        fake_github.add_artifact(REPOSITORY, "dist", content + b"%d" % (number // 2))
    async with Client(fake_github.token, base_url=fake_github.url, retry=QUICK) as gh:
        repo = gh.repo(REPOSITORY)
        task = asyncio.ensure_future(repo.mirror(tmp_path))
        for _ in range(after):
            await asyncio.sleep(0.0005)
        task.cancel()
        await asyncio.wait([task])
        await fake_github.wait_until_idle()
        assert library_tasks() == []
        published = len(published_below(tmp_path))
        report = await repo.mirror(tmp_path)
        assert report.failed == 0
        assert report.skipped >= published - 1
        assert len(published_below(tmp_path)) == 31
        assert len(files_below(tmp_path)) == 31
        fake_github.clear_requests()
        assert counts(await repo.mirror(tmp_path)) == (0, 0, 30, 0, 0)
        assert fake_github.requests_to("blob") == []


async def test_closing_the_client_ends_the_mirror(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Closing the client raises ClientStateError and leaves no lock file."""
    add(fake_github, 3)
    async with Client(fake_github.token, base_url=fake_github.url, retry=QUICK) as gh:
        with fake_github.holding(origin="blob"):
            task = asyncio.ensure_future(gh.repo(REPOSITORY).mirror(tmp_path))
            await wait_until(lambda: fake_github.requests_to("blob"))
            await gh.__aexit__(None, None, None)
            with pytest.raises(ClientStateError, match="closed"):
                await task
    assert files_below(tmp_path) == [MANIFEST]


async def test_progress(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """The last progress report counts every artifact: downloaded, linked, skipped or expired."""
    add(fake_github, 10)
    fake_github.add_artifact(REPOSITORY, "same", b"hello1")
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    reports: list[BulkProgress] = []
    await repo.mirror(tmp_path, on_progress=reports.append)
    assert (reports[-1].done, reports[-1].failed, reports[-1].running) == (11, 1, 0)
    assert reports[-1].received == 60
    await repo.mirror(tmp_path, on_progress=reports.append)
    assert (reports[-1].done, reports[-1].received) == (11, 0)


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_durable(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    """With `durable=True` each file, its directory and its manifest entry are synced."""
    plain: Callable[[int], None] = os.fsync
    synced: list[str] = []

    def fsync(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        plain(fd)

    fake_github.add_artifact(REPOSITORY, "a", content)
    fake_github.add_artifact(REPOSITORY, "b", content)
    monkeypatch.setattr(os, "fsync", fsync)
    root = tmp_path / "mirror"
    await repo.mirror(root, durable=True, concurrency=1)
    assert synced.count(MANIFEST) == 3
    assert "mirror" in synced
    assert len(synced) >= 7


@pytest.mark.parametrize(
    "arguments",
    [
        {"template": "{nome}"},
        {"directory": ""},
        {"concurrency": 0},
        {"on_progress": 7},
        {"created_after": datetime(2026, 11, 1)},  # noqa: DTZ001
    ],
    ids=str,
)
async def test_invalid_arguments(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, arguments: dict[str, Any]
) -> None:
    """An invalid argument is rejected before any request, and nothing is created."""
    with pytest.raises(InvalidArgument):
        await repo.mirror(**{"directory": tmp_path / "new", **arguments})
    with pytest.raises(TypeError, match="older_than"):
        await repo.mirror(tmp_path / "new", older_than=timedelta(1))  # type: ignore[call-arg]
    assert fake_github.requests == []
    assert files_below(tmp_path) == []


async def test_truncated_downloads(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A truncated download is resumed, as in `download_artifact`."""
    add(fake_github, 4, LARGE)
    fake_github.fail_blobs_next(*[BlobFault.truncate(after=100_000)] * 4)
    assert counts(await repo.mirror(tmp_path)) == (4, 0, 0, 0, 0)
