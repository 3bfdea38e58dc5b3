"""How far many downloads are, told to whoever wants to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghartifacts_async import BulkProgress, ProgressError, Repo
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.bulk.support import LARGE, add, all_of
from tests.support import REPOSITORY


async def test_progress(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Progress of all together never goes back, ends at the whole, and counts what came."""
    add(fake_github, 8, LARGE)
    add(fake_github, 8)
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    fake_github.fail_blobs_when(lambda _: BlobFault.throttle(1e6))
    artifacts = await repo.list_artifacts().collect()
    told: list[BulkProgress] = []
    await all_of(repo, tmp_path, artifacts=artifacts, on_progress=told.append)
    last = told[-1]
    assert (last.done, last.failed, last.running, last.total) == (16, 1, 0, 17)
    assert last.received == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert last.rate > 0
    for name in ("done", "failed", "received"):
        counts = [getattr(one, name) for one in told]
        assert counts == sorted(counts)
    assert max(one.running for one in told) <= 2 * 8
    told.clear()
    await all_of(repo, tmp_path, on_progress=told.append)
    assert (told[-1].received, told[-1].done, told[-1].total) == (0, 16, None)


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_progress_that_raises(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """A caller's function that raises ends it with a ProgressError that has its cause."""
    add(fake_github, 5, content)

    def tell(progress: BulkProgress) -> None:
        if progress.received:
            raise LookupError("no screen")

    with pytest.raises(ProgressError, match="LookupError") as caught:
        await all_of(repo, tmp_path, on_progress=tell)
    assert isinstance(caught.value.__cause__, LookupError)
