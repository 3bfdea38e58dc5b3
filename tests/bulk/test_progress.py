"""Progress reports of bulk downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghartifacts_async import BulkProgress, ProgressError, Repo
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.api.support import open_world
from tests.bulk.support import LARGE, add, download_all
from tests.clock import fast
from tests.support import REPOSITORY


async def test_progress(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Counts never decrease and end at the total; skipped files add no received bytes."""
    add(fake_github, 8, LARGE)
    add(fake_github, 8)
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    fake_github.fail_blobs_when(lambda _: BlobFault.throttle(1e6))
    artifacts = await repo.list_artifacts().collect()
    reports: list[BulkProgress] = []
    await download_all(repo, tmp_path, artifacts=artifacts, on_progress=reports.append)
    last = reports[-1]
    assert (last.done, last.failed, last.running, last.total) == (16, 1, 0, 17)
    assert last.received == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert last.rate > 0
    for name in ("done", "failed", "received"):
        counts = [getattr(report, name) for report in reports]
        assert counts == sorted(counts)
    assert max(report.running for report in reports) <= 2 * 8
    reports.clear()
    await download_all(repo, tmp_path, on_progress=reports.append)
    assert (reports[-1].received, reports[-1].done, reports[-1].total) == (0, 16, None)


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_progress_that_raises(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """If `on_progress` raises, the downloads end with a ProgressError caused by that exception."""
    add(fake_github, 5, content)

    def on_progress(progress: BulkProgress) -> None:
        if progress.received:
            raise LookupError("no screen")

    with pytest.raises(ProgressError, match="LookupError") as caught:
        await download_all(repo, tmp_path, on_progress=on_progress)
    assert isinstance(caught.value.__cause__, LookupError)


@fast
async def test_the_rate(tmp_path: Path) -> None:
    """The rate is the average number of bytes received per second since the start."""
    async with open_world() as world:
        large = world.fake.add_artifact(REPOSITORY, "large", LARGE).id
        world.fake.fail_blobs_when(lambda _: BlobFault.throttle(50_000))
        reports: list[BulkProgress] = []
        await download_all(world.repo, tmp_path, artifacts=[large], on_progress=reports.append)
    assert reports[-1].rate == pytest.approx(50_000, rel=0.2)
