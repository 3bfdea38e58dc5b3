"""Small artifacts, which bulk downloads write in one step."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from ghartifacts_async import Client, Repo
from ghartifacts_async._arguments import DEFAULT_TEMPLATE
from ghartifacts_async._bulk.path_template import PathTemplate
from ghartifacts_async._disk import nameless_file, safe_open
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.bulk.support import LARGE, add, download_all
from tests.support import REPOSITORY, files_below, wait_until
from tests.system_calls import SystemCalls

NAMELESS: int = getattr(os, "O_TMPFILE", 0)


def refuse_nameless_file(_: str, flags: int, *__: object, **___: object) -> None:
    """Refuse a file without a name, as some file systems do."""
    if NAMELESS and flags & NAMELESS == NAMELESS:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def take_name(_: str, name: str, *, dst_dir_fd: int, **__: object) -> None:
    """Create a file of a name just before the library does, as another process may."""
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=dst_dir_fd))


@pytest.mark.parametrize("problem", ["no such files", "refused", "target taken"])
async def test_systems_without_unnamed_files(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system_calls: SystemCalls,
    problem: str,
) -> None:
    """Small artifacts are downloaded even if the system cannot create files without a name."""
    add(fake_github, 5)
    nameless_file.supports_nameless_files.cache_clear()
    if problem == "no such files":
        # macOS has no O_TMPFILE.
        monkeypatch.setattr(safe_open, "_NAMELESS", None)
    elif problem == "refused":
        system_calls.before("open", refuse_nameless_file)
    else:
        system_calls.before("link", take_name)
    outcomes = await download_all(repo, tmp_path / "a" / "b")
    assert all(outcome.result().verified for outcome in outcomes)
    assert len(files_below(tmp_path)) == 5


async def test_links_may_be_refused_for_any_reason(
    gh: Client, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the system refuses links, files are renamed, and later payloads are fetched once."""
    add(fake_github, 6)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    # The refusal is remembered for the whole process, and must not change later tests.
    monkeypatch.setattr(nameless_file, "_devices_without_links", set())
    nameless_file.supports_nameless_files.cache_clear()
    try:
        for artifacts in ([1], [2, 3, 4, 5, 6]):
            before = len(fake_github.requests_to("blob"))
            outcomes = await download_all(gh.repo(REPOSITORY), tmp_path, artifacts=artifacts)
            assert all(outcome.result().verified for outcome in outcomes)
    finally:
        nameless_file.supports_nameless_files.cache_clear()
    assert len(fake_github.requests_to("blob")) - before == 5
    assert len(files_below(tmp_path)) == 6


@pytest.mark.parametrize("durable", [False, True])
async def test_small_files_have_the_same_permissions_and_are_resumed(
    gh: Client, repo: Repo, fake_github: FakeGitHub, tmp_path: Path, durable: bool
) -> None:
    """Small files get the permissions of the umask, and an interrupted download is resumed."""
    add(fake_github, 2, bytes(200_000))
    before = os.umask(0o027)
    try:
        await download_all(repo, tmp_path / "out", artifacts=[1], durable=durable)
    finally:
        os.umask(before)
    status = (tmp_path / "out" / "dist-1.zip").stat()
    assert (status.st_mode & 0o777, status.st_nlink) == (0o640, 1)
    fake_github.fail_blobs_next(BlobFault.stall(after=150_000))
    received = gh.stats.bytes_received
    task = asyncio.ensure_future(repo.download_artifact(2, tmp_path / "out" / "dist-2.zip"))
    await wait_until(lambda: gh.stats.bytes_received >= received + 150_000)
    task.cancel()
    await asyncio.wait([task])
    (outcome,) = await download_all(repo, tmp_path / "out", artifacts=[2], durable=durable)
    assert outcome.result().resumed_bytes == 150_000
    assert len(files_below(tmp_path)) == 2


async def test_leftovers_of_a_killed_raw_download_are_removed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A leftover journal of a raw payload is removed, even if it is named after the zip."""
    fake_github.add_artifact(REPOSITORY, "report.json", LARGE, raw="report.json")
    (first,) = await download_all(repo, tmp_path)
    path = first.result().path
    as_zip = path.with_name(Path(PathTemplate(DEFAULT_TEMPLATE).path(first.result().artifact)).name)
    assert as_zip != path
    as_zip.with_name(HiddenFiles.of(as_zip.name).journal).write_bytes(
        b"of a process that was killed\n"
    )
    (second,) = await download_all(repo, tmp_path)
    assert second.result().skipped
    assert [tmp_path / name for name in files_below(tmp_path)] == [path]


@pytest.mark.parametrize("size", [1000, 400_000])
async def test_an_artifact_that_is_named_twice_is_fetched_once(
    gh: Client, repo: Repo, fake_github: FakeGitHub, tmp_path: Path, size: int
) -> None:
    """If a bulk download names an artifact several times, its payload is fetched once."""
    number = fake_github.add_artifact(REPOSITORY, "dist", os.urandom(size)).id
    before = gh.stats.bytes_received
    outcomes = await download_all(repo, tmp_path, artifacts=[number] * 3)
    assert sorted(outcome.result().skipped for outcome in outcomes) == [False, True, True]
    assert gh.stats.bytes_received - before == size


async def test_a_raw_file_with_another_name_is_not_fetched_again(
    gh: Client, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A small raw payload that was saved before is not received again to find out its name."""
    fake_github.add_artifact(REPOSITORY, "report", os.urandom(1000), raw="report.html")
    (first,) = await download_all(repo, tmp_path)
    before = gh.stats.bytes_received
    (second,) = await download_all(repo, tmp_path)
    assert second.result().skipped
    assert second.result().path == first.result().path
    assert gh.stats.bytes_received == before
