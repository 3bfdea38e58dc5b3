"""Extracting archives to directories."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ghartifacts_async import (
    ArchiveLimitExceeded,
    ArchiveLimits,
    DiskError,
    MemberNotFound,
    Repo,
    TargetExists,
    UnsafeMember,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.archive.artifacts import (
    DATA,
    Extract,
    add_artifact,
    file_contents,
    list_tree,
    read_files,
    requested_ranges,
)
from tests.archive.zip_writer import ZipMember, build_zip
from tests.support import REPOSITORY, files_below


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Set the umask inside the ``with`` block."""
    previous = os.umask(mask)
    try:
        yield
    finally:
        os.umask(previous)


async def test_an_archive_becomes_a_directory(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Extraction returns the extracted files in the order of the archive, and creates no others."""
    await add_artifact(fake_github, repo)
    files = await extract(1, tmp_path / "a" / "b" / "out")
    out = tmp_path / "a" / "b" / "out"
    assert files == [out / name for name in file_contents()]
    assert read_files(out) == file_contents()
    assert list_tree(tmp_path / "a" / "b") == sorted(
        ["out", *(f"out/{name}" for name in file_contents()), "out/bin", "out/docs", "out/logs"]
    )


@pytest.mark.parametrize("name", ["small.zip", "small-store.zip", "tree.zip"])
async def test_archives_of_the_official_uploader(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """The official uploader's archives are extracted, and the paths of all files are returned."""
    await add_artifact(fake_github, repo, DATA / name)
    files = await extract(1, tmp_path / "out", portable=True)
    assert sorted(files_below(tmp_path / "out")) == sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in files
    )
    assert len(files) >= 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
async def test_permissions(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path, mask: int
) -> None:
    """Files get mode 0644, or 0755 if any executable bit is recorded, less the umask."""
    archive = build_zip(
        ZipMember("d/plain", b"x", mode=0o100600),
        ZipMember("d/all", b"x", mode=0o100777),
        ZipMember("d/group", b"x", mode=0o100610),
        ZipMember("d/setuid", b"x", mode=0o104755),
        ZipMember("d/others", b"x", mode=0o100641),
        ZipMember("d/none", b"x", mode=0),
        ZipMember("d/dos", b"x", mode=0o100777, central={"system": 0}),
        ZipMember("locked/", mode=0o040000),
    )
    await add_artifact(fake_github, repo, archive)
    with umask(mask):
        await extract(1, tmp_path / "out")

    def mode(name: str) -> int:
        return stat.S_IMODE((tmp_path / "out" / name).stat().st_mode)

    for name in ("d/plain", "d/none", "d/dos"):
        assert mode(name) == 0o644 & ~mask
    for name in ("d/all", "d/group", "d/others", "d/setuid", "d", "locked", ""):
        assert mode(name) == 0o755 & ~mask


async def test_selecting_members(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """`members` is a list of names, a name or a pattern; `strip` removes leading directories."""
    await add_artifact(fake_github, repo)
    for number, (members, strip, expected) in enumerate(
        [
            ("*.json", 0, ["report.json"]),
            ("bin/tool", 1, ["tool"]),
            (["docs/ünïcode.md", "report.json"], 0, ["docs/ünïcode.md", "report.json"]),
            (None, 1, ["build.log", "tool", "ünïcode.md"]),
        ]
    ):
        out = tmp_path / f"{number}"
        await extract(1, out, members=members, strip=strip)
        assert files_below(out) == expected
    with pytest.raises(MemberNotFound, match=r"did you mean 'report\.json'"):
        await extract(1, tmp_path / "none", members=["reprot.json"])
    assert not (tmp_path / "none").exists()


async def test_adjacent_members_share_a_request(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Adjacent members share a request, and a large member that is not selected is not fetched."""
    files = {f"{number}/small": os.urandom(2000) for number in range(100)}
    files |= {"far": os.urandom(2_000_000), "other": b"x", "last": os.urandom(200_000)}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    async with repo.open_artifact(1) as archive:
        assert len(requested_ranges(fake_github)) == 1
        selected = [name for name in files if name not in ("far", "last")]
        await archive.extract(tmp_path / "out", selected)
        assert len(requested_ranges(fake_github)) == 3
    assert read_files(tmp_path / "out") == {name: files[name] for name in selected}
    await fake_github.wait_until_idle()
    sent = sum(request.bytes_sent or 0 for request in fake_github.requests_to("blob"))
    assert sent < 500_000


async def test_an_existing_directory(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An existing directory is kept, unless it is empty or ``replace`` was requested."""
    await add_artifact(fake_github, repo)
    out = tmp_path / "out"
    (out / "old").mkdir(parents=True)
    (out / "old" / "file").write_text("old")
    count = len(fake_github.requests_to("blob"))
    with pytest.raises(TargetExists, match='already exists; pass if_exists="replace"') as caught:
        await extract(1, out)
    assert caught.value.path == out
    assert len(fake_github.requests_to("blob")) <= count + 1
    assert list_tree(tmp_path) == ["out", "out/old", "out/old/file"]
    await extract(1, out, if_exists="replace")
    assert read_files(out) == file_contents()
    assert [*tmp_path.iterdir()] == [out]
    (tmp_path / "empty").mkdir()
    await extract(1, f"{tmp_path / 'empty'}{os.sep}")
    assert read_files(tmp_path / "empty") == file_contents()


async def test_an_existing_file_or_link(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A file or a link is never replaced with a directory."""
    await add_artifact(fake_github, repo)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = list_tree(tmp_path)
    for name in ("file", "link", "dangling"):
        for how in ("error", "replace"):
            with pytest.raises(TargetExists, match="a file or a link"):
                await extract(1, tmp_path / name, if_exists=how)
    with pytest.raises(DiskError):
        await extract(1, tmp_path / "file" / "below")
    assert list_tree(tmp_path) == before
    assert (tmp_path / "file").read_text() == "mine"


async def test_short_writes(
    extract: Extract,
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the system writes only a part of the data, the rest is written too."""
    await add_artifact(fake_github, repo)
    original = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: original(fd, bytes(data[:7001])))
    await extract(1, tmp_path / "out")
    monkeypatch.undo()
    assert read_files(tmp_path / "out") == file_contents()


async def test_portable_names(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With ``portable=True``, names that Windows does not support are refused."""
    await add_artifact(fake_github, repo, build_zip(ZipMember("logs/aux.txt", b"x")))
    with pytest.raises(UnsafeMember, match="Windows"):
        await extract(1, tmp_path / "out", portable=True)
    if sys.platform != "win32":
        await extract(1, tmp_path / "out")
        assert files_below(tmp_path / "out") == ["logs/aux.txt"]


async def test_limits(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An extraction that exceeds the limits is refused; only the selected members count."""
    await add_artifact(fake_github, repo)
    with pytest.raises(ArchiveLimitExceeded) as caught:
        await extract(1, tmp_path / "out", limits=ArchiveLimits(max_total_size=100))
    assert caught.value.limit == "max_total_size"
    await extract(1, tmp_path / "out", limits=ArchiveLimits(max_total_size=100), members="*.json")


async def test_files_are_written_in_threads(
    extract: Extract, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are written in threads of the client, never in the event loop."""
    writers: set[str] = set()
    original = os.write

    def write(fd: int, data: bytes) -> int:
        writers.add(threading.current_thread().name)
        return original(fd, data)

    files = {f"{number}": os.urandom(100_000) for number in range(400)}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    monkeypatch.setattr(os, "write", write)
    await extract(1, tmp_path / "out")
    assert writers
    assert all(name.startswith("ghartifacts-disk") for name in writers)
    assert read_files(tmp_path / "out") == files


async def test_distant_members_are_fetched_concurrently(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Distant members are fetched with up to four concurrent requests."""
    files = {f"{number}": os.urandom(400_000) for number in range(24)}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    async with repo.open_artifact(1) as archive:
        await archive.extract(tmp_path / "out", [f"{number}" for number in range(0, 22, 2)])
        assert len(requested_ranges(fake_github)) == 1 + 11
        fake_github.clear_requests()
        fake_github.fail_blobs_when(lambda _: BlobFault.stall(after=10))
        task = asyncio.create_task(archive.extract(tmp_path / "never", ["0", "4", "8", "12", "16"]))
        while len(requested_ranges(fake_github)) < 4:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert len(requested_ranges(fake_github)) == 4
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    found = {f"{number}": files[f"{number}"] for number in range(0, 22, 2)}
    assert read_files(tmp_path) == {f"out/{name}": data for name, data in found.items()}


@pytest.mark.parametrize("content", [bytes(40 * 2**20), os.urandom(40 * 2**20)])
async def test_a_large_member(
    extract: Extract, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """A member of 40 MiB is extracted, whether or not it compresses well."""
    fake_github.add_artifact(REPOSITORY, "dist", {"large": content, "small": b"x"})
    await extract(1, tmp_path / "out")
    assert read_files(tmp_path / "out") == {"large": content, "small": b"x"}
