"""Cancellations that the caller did not request, and mirrors with odd files or a full disk."""

from __future__ import annotations

import asyncio
import copy
import errno
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from ghartifacts_async import Client, DiskFull, RateLimitPolicy, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.bulk.support import LARGE, MANIFEST, add, counts, library_tasks
from tests.support import QUICK, REPOSITORY, ignores_permissions
from tests.system_calls import SystemCalls, refuse


async def cancelled_elsewhere() -> None:
    """Wait for a task that is cancelled by the event loop, not by the caller."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


async def test_a_cancelled_iterable_is_not_a_complete_one(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a task that the iterable awaits is cancelled, CancelledError is raised."""
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
    assert library_tasks() == []


async def test_prune_with_a_cancelled_token_provider(fake_github: FakeGitHub) -> None:
    """If the token provider is cancelled, `prune` raises instead of reporting success."""
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


async def test_repeated_cancellation_leaves_no_lock(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A mirror that is cancelled again while it cleans up still unlocks all repositories."""
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
async def test_an_entry_with_an_impossible_path_is_ignored(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, path: str
) -> None:
    """A line of the manifest whose path no file system accepts is ignored."""
    add(fake_github, 2)
    await repo.mirror(tmp_path)
    manifest = tmp_path / MANIFEST
    first, second, *others = manifest.read_text().splitlines()
    second = json.dumps({**json.loads(second), "path": path})
    manifest.write_text("\n".join([first, second, *others]) + "\n")
    assert counts(await repo.mirror(tmp_path)) == (0, 0, 2, 0, 0)


async def test_symbolic_links_are_replaced(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A symbolic link is never linked to, and no file outside the mirror is written."""
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


async def test_a_changed_file_is_replaced_by_a_link(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A changed file is replaced by a link to an unchanged one with the artifact's digest."""
    for name in ("a", "b"):
        fake_github.add_artifact(REPOSITORY, name, LARGE)
    await repo.mirror(tmp_path)
    (tmp_path / "a-1.zip").unlink()
    (tmp_path / "a-1.zip").write_bytes(b"mine")
    fake_github.clear_requests()
    assert counts(await repo.mirror(tmp_path)) == (0, 1, 1, 0, 0)
    assert (tmp_path / "a-1.zip").read_bytes() == LARGE
    assert fake_github.requests_to("blob") == []


@pytest.mark.skipif(ignores_permissions(), reason="permissions do not apply to the superuser")
async def test_an_unreadable_directory_fails_only_its_artifacts(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a directory is not accessible, only the artifacts below it fail."""
    fake_github.add_artifact(REPOSITORY, "a", LARGE, head_branch="closed")
    fake_github.add_artifact(REPOSITORY, "b", LARGE + b"b")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    report = await repo.mirror(tmp_path, template="{branch}/{name}-{id}")
    closed.chmod(0o700)
    assert (report.downloaded, report.failed) == (1, 1)


async def test_a_copied_repository_keeps_its_client(repo: Repo, fake_github: FakeGitHub) -> None:
    """`copy` and `deepcopy` keep the client of a repository; pickling does not."""
    add(fake_github, 1)
    for copied in (copy.copy(repo), copy.deepcopy(repo)):
        assert copied == repo
        assert (await copied.get_artifact(1)).id == 1


async def test_a_disk_that_is_too_full_for_a_copy(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system_calls: SystemCalls,
) -> None:
    """If the disk is full while a file is copied, the artifact fails, and is not downloaded."""

    def fill(_: int, data: bytes | memoryview) -> None:
        if len(data) == len(LARGE):
            raise OSError(errno.ENOSPC, "No space left on device")

    fake_github.add_artifact(REPOSITORY, "a", LARGE)
    await repo.mirror(tmp_path)
    fake_github.add_artifact(REPOSITORY, "b", LARGE)
    if os.name != "nt":
        monkeypatch.setattr("fcntl.ioctl", refuse)
    system_calls.before("link", refuse)
    system_calls.before("write", fill)
    report = await repo.mirror(tmp_path)
    assert counts(report) == (0, 0, 1, 0, 1)
    assert isinstance(report.failures[0].error, DiskFull)
    assert len(fake_github.requests_to("blob")) == 1
