"""Many operations at once stay below the limit of open files."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ghartifacts_async import DiskError, Repo
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.disk.children import child
from tests.download.payloads import PAYLOAD, add_artifact
from tests.support import REPOSITORY, files_below

BODY = """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))
        async with Client({token!r}, base_url={url!r}) as gh:
            repo = gh.repo({repository!r})
            artifact = await repo.get_artifact(1)
            jobs = [repo.download_artifact(artifact, {to!r} + f"/{{n}}.zip") for n in range(150)]
            jobs += [repo.extract_artifact(artifact, {to!r} + f"/{{n}}") for n in range(50)]
            for one in await asyncio.gather(*jobs, return_exceptions=True):
                if isinstance(one, BaseException):
                    raise one
"""

ARCHIVES = """
        import resource, tempfile
        tempfile.tempdir = {to!r}
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))
        async def read(repo, artifact):
            async with repo.open_artifact(artifact) as archive:
                assert archive.downloaded
                return await archive.read("a")
        async with Client({token!r}, base_url={url!r}) as gh:
            repo = gh.repo({repository!r})
            artifact = await repo.get_artifact(1)
            contents = await asyncio.gather(*(read(repo, artifact) for _ in range(80)))
            assert len({{*contents}}) == 1
"""

OPEN_ARCHIVES = """
        import contextlib, resource, tempfile
        tempfile.tempdir = {to!r}
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))
        async with Client({token!r}, base_url={url!r}) as gh:
            repo = gh.repo({repository!r})
            artifact = await repo.get_artifact(1)
            async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack:
                archives = [
                    await stack.enter_async_context(repo.open_artifact(artifact))
                    for _ in range(120)
                ]
                assert all(archive.downloaded for archive in archives)
                assert len({{await archive.read("a") for archive in archives}}) == 1
"""

THOUSAND = """
        import resource
        from ghartifacts_async import RateLimitPolicy
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        limits = RateLimitPolicy.unlimited()
        async with Client({token!r}, base_url={url!r}, rate_limits=limits) as gh:
            repo = gh.repo({repository!r})
            jobs = [
                repo.download_artifact(number % 20 + 1, {to!r} + f"/{{number}}.zip")
                for number in range(1000)
            ]
            await asyncio.gather(*jobs)
"""


async def run_with_few_descriptors(program: str, fake: FakeGitHub, directory: Path) -> None:
    """Run one of these programs, which limits its own open files, and check that it succeeds.

    Args:
        program: The program, with fields for the server and the directory.
        fake: The server.
        directory: The directory in which the program writes.
    """
    pytest.importorskip("resource", reason="Windows has no such limit")
    body = program.format(token=fake.token, url=fake.url, repository=REPOSITORY, to=str(directory))
    async with child(fake, body) as process:
        assert await process.wait() == 0


async def test_more_downloads_than_descriptors(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """150 downloads and 50 extractions at once succeed with 96 descriptors."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": os.urandom(50_000)})
    await run_with_few_descriptors(BODY, fake_github, tmp_path)
    assert len(files_below(tmp_path)) == 200


async def test_more_archives_than_descriptors(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """80 archives of a store without ranges are read at once with 96 descriptors, and removed."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": os.urandom(300_000)})
    fake_github.fail_blobs_when(lambda _: BlobFault.refuse_ranges())
    await run_with_few_descriptors(ARCHIVES, fake_github, tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_more_open_archives_than_descriptors(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """One task keeps 120 archives of a store without ranges open, with 96 descriptors."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": os.urandom(300_000)})
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    await run_with_few_descriptors(OPEN_ARCHIVES, fake_github, tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_thousand_downloads_with_the_usual_limit(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """1,000 downloads at once succeed with 1,024 descriptors, the usual limit on Linux."""
    for number in range(20):
        fake_github.add_artifact(REPOSITORY, f"dist-{number}", {"a": os.urandom(2_000)})
    await run_with_few_descriptors(THOUSAND, fake_github, tmp_path)
    assert len(files_below(tmp_path)) == 1000


class LackOfDescriptors:
    """A replacement for `os.open` that fails for some files as if too many were open.

    Args:
        matches: Returns True for the names of these files.

    Attributes:
        failures: Number of times that it still fails.
    """

    def __init__(self, matches: Callable[[str], bool]) -> None:
        self._open = os.open
        self._matches = matches
        self.failures = 3

    def __call__(self, name: str, *more: int, dir_fd: int | None = None) -> int:
        """Open a file, or fail."""
        if self._matches(os.fspath(name)) and self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._open(name, *more, dir_fd=dir_fd)


async def test_a_lack_of_descriptors_passes(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the process has too many open files for a moment, a download waits and continues."""
    add_artifact(fake_github)
    lack = LackOfDescriptors(lambda name: name.endswith("journal"))
    monkeypatch.setattr(os, "open", lack)
    assert (await repo.download_artifact(1, tmp_path / "dist.zip")).path.read_bytes() == PAYLOAD
    assert lack.failures == 0
    lack.failures = 1
    with pytest.raises(DiskError, match="Too many open files"):
        await repo.download_artifact(1, tmp_path / "other.zip", wait_for_lock=False)


async def test_a_lack_of_descriptors_leaves_no_directory(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a temporary directory cannot be opened for a moment, it is made again, and one is left."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": os.urandom(300_000)})
    fake_github.fail_blobs_when(lambda _: BlobFault.refuse_ranges())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lack = LackOfDescriptors(lambda name: name.startswith("ghartifacts-"))
    monkeypatch.setattr(os, "open", lack)
    async with repo.open_artifact(1) as archive:
        assert archive.downloaded
        assert lack.failures == 0
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
