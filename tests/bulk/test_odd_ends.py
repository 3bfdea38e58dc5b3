"""What is cancelled from elsewhere, and files that are not what they were: no report lies of it."""

from __future__ import annotations

import asyncio
import copy
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from ghartifacts_async import Client, RateLimitPolicy, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.bulk.support import LARGE, MANIFEST, add, at_work, counts
from tests.support import QUICK, REPOSITORY


async def cancelled_elsewhere() -> None:
    """Wait for something that somebody else cancels."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


async def test_a_source_that_is_cancelled_is_told(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Where what the source waits for is cancelled, the loop does not end as if all had come."""
    add(fake_github, 3)

    async def source() -> AsyncIterator[int]:
        yield 1
        await cancelled_elsewhere()
        yield 2

    async def read() -> None:
        async for _ in repo.download_artifacts(source(), tmp_path):
            pass

    with pytest.raises(asyncio.CancelledError):
        await read()
    assert at_work() == []


async def test_a_pruning_that_is_cancelled_from_within_is_no_success(
    fake_github: FakeGitHub,
) -> None:
    """Where the token's provider ends cancelled, a pruning does not report what it did not do."""
    add(fake_github, 10)
    left = iter(range(4))

    async def token() -> str:
        if next(left, None) is None:
            await cancelled_elsewhere()
        return fake_github.token

    async with Client(
        token, base_url=fake_github.url, retry=QUICK, rate_limits=RateLimitPolicy.unlimited()
    ) as gh:
        with pytest.raises(asyncio.CancelledError):
            await gh.repo(REPOSITORY).prune(keep_latest=0, dry_run=False)
    assert fake_github.artifacts(REPOSITORY)


async def test_two_cancellations_leave_no_lock(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Cancelled again while it cleans up, a mirror of many repositories leaves all of them free."""
    names = [f"octo-org/r{number}" for number in range(8)]
    for name in names:
        for number in range(3):
            fake_github.add_artifact(name, "dist", LARGE + b"%d" % number)
    async with Client(
        fake_github.token, base_url=fake_github.url, rate_limits=RateLimitPolicy.unlimited()
    ) as gh:
        for number, pause in enumerate((0.05, 0.08, 0.12)):
            mirror = asyncio.ensure_future(gh.mirror(names, tmp_path / str(number)))
            await asyncio.sleep(pause)
            mirror.cancel()
            for _ in range(3):
                await asyncio.sleep(0)
                mirror.cancel()
            with suppress(asyncio.CancelledError):
                await mirror
            report = await gh.mirror(names, tmp_path / str(number))
            assert report.unlisted == {}
            assert report.failed == 0


@pytest.mark.parametrize("path", ["\ud800", "x" * 300, "d/" + "y" * 256])
async def test_a_path_that_cannot_be_is_no_entry(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, path: str
) -> None:
    """A line of the manifest with a path that no system has is passed by."""
    add(fake_github, 2)
    await repo.mirror(tmp_path)
    manifest = tmp_path / MANIFEST
    first, second, *others = manifest.read_text().splitlines()
    second = json.dumps({**json.loads(second), "path": path})
    manifest.write_text("\n".join([first, second, *others]) + "\n")
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 2, 0, 0)


async def test_a_link_is_no_file_of_the_mirror(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A symbolic link in a file's place is not linked to, and nothing outside is written."""
    root, outside = tmp_path / "mirror", tmp_path / "outside"
    fake_github.add_artifact(REPOSITORY, "a", LARGE)
    await repo.mirror(root)
    (root / "a-1.zip").rename(outside)
    (root / "a-1.zip").symlink_to(outside)
    fake_github.add_artifact(REPOSITORY, "b", LARGE)
    report = await repo.mirror(root)
    assert report.failed == 0
    assert outside.read_bytes() == LARGE
    for name in ("a-1.zip", "b-2.zip"):
        assert (root / name).read_bytes() == LARGE
    assert not (root / "b-2.zip").is_symlink()


async def test_a_changed_file_becomes_a_link_to_its_equal(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """What was changed is had from an equal file that is as it was, without a download."""
    for name in ("a", "b"):
        fake_github.add_artifact(REPOSITORY, name, LARGE)
    await repo.mirror(tmp_path)
    (tmp_path / "a-1.zip").unlink()
    (tmp_path / "a-1.zip").write_bytes(b"mine")
    fake_github.clear_requests()
    assert counts(await repo.mirror(tmp_path)) == (0, 1, 1, 0, 0)
    assert (tmp_path / "a-1.zip").read_bytes() == LARGE
    assert fake_github.requests_to("blob") == []


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to the superuser"
)
async def test_what_may_not_be_read_is_a_failure_of_its_own(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A directory that may not be entered fails its artifacts, and no others."""
    fake_github.add_artifact(REPOSITORY, "a", LARGE, head_branch="closed")
    fake_github.add_artifact(REPOSITORY, "b", LARGE + b"b")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    report = await repo.mirror(tmp_path, template="{branch}/{name}-{id}")
    closed.chmod(0o700)
    assert (report.downloaded, report.failed) == (1, 1)


async def test_a_copied_repository_is_the_same(repo: Repo, fake_github: FakeGitHub) -> None:
    """A copy within the process keeps its client, unlike one that goes through pickle."""
    add(fake_github, 1)
    for one in (copy.copy(repo), copy.deepcopy(repo)):
        assert one == repo
        assert (await one.get_artifact(1)).id == 1
