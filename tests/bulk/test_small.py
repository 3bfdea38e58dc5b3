"""Small artifacts are put on disk in a way of their own, and nobody can tell."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ghartifacts_async import Client, Repo
from ghartifacts_async._arguments import DEFAULT_TEMPLATE
from ghartifacts_async._bulk.path_template import PathTemplate
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._download import small_file
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.bulk.support import LARGE, add, all_of, until
from tests.support import REPOSITORY, files_below


@pytest.mark.parametrize("missing", ["no such files", "refused", "somebody else"])
async def test_where_no_file_is_nameless(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
) -> None:
    """Small artifacts are had on every system, also where somebody else is about to put one."""
    add(fake_github, 5)
    small_file._knows_nameless.cache_clear()
    if missing == "no such files":
        monkeypatch.setattr(small_file, "_NAMELESS", None)
    elif missing == "refused":
        monkeypatch.setattr(small_file, "_NAMELESS", os.O_DIRECTORY)
    else:
        monkeypatch.setattr(small_file, "put", lambda *_: False)
    outcomes = await all_of(repo, tmp_path / "a" / "b")
    assert all(one.result().verified for one in outcomes)
    assert len(files_below(tmp_path)) == 5


@pytest.mark.parametrize("durable", [False, True])
async def test_small_files_are_as_any_other(
    gh: Client, repo: Repo, fake_github: FakeGitHub, tmp_path: Path, durable: bool
) -> None:
    """They have the permissions that the umask leaves, and what is begun is gone on with."""
    add(fake_github, 2, bytes(200_000))
    before = os.umask(0o027)
    try:
        await all_of(repo, tmp_path / "out", artifacts=[1], durable=durable)
    finally:
        os.umask(before)
    status = (tmp_path / "out" / "dist-1.zip").stat()
    assert (status.st_mode & 0o777, status.st_nlink) == (0o640, 1)
    fake_github.fail_blobs_next(BlobFault.stall(after=150_000))
    received = gh.stats.bytes_received
    task = asyncio.ensure_future(repo.download_artifact(2, tmp_path / "out" / "dist-2.zip"))
    await until(lambda: gh.stats.bytes_received >= received + 150_000)
    task.cancel()
    await asyncio.wait([task])
    (outcome,) = await all_of(repo, tmp_path / "out", artifacts=[2], durable=durable)
    assert outcome.result().resumed_bytes == 150_000
    assert len(files_below(tmp_path)) == 2


async def test_what_a_kill_left_of_a_raw_file_goes(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A journal has the name of the zip that its payload turned out not to be, and is found."""
    fake_github.add_artifact(REPOSITORY, "report.json", LARGE, raw="report.json")
    (first,) = await all_of(repo, tmp_path)
    path = first.result().path
    as_zip = path.with_name(Path(PathTemplate(DEFAULT_TEMPLATE).path(first.result().artifact)).name)
    assert as_zip != path
    HiddenFiles.of(as_zip).journal.write_bytes(b"of a process that was killed\n")
    (again,) = await all_of(repo, tmp_path)
    assert again.result().skipped
    assert [tmp_path / name for name in files_below(tmp_path)] == [path]
