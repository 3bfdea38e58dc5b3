"""Reading an open archive while the store fails or the reader stops."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from pathlib import Path

import pytest

from ghartifacts_async import (
    Archive,
    ArtifactExpired,
    Client,
    ClientStateError,
    DiskError,
    IncompleteDownload,
    Repo,
    StoreError,
    Timeouts,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub, LoggedRequest
from tests.archive.artifacts import (
    FILES,
    LARGE,
    add_artifact,
    file_contents,
    requested_ranges,
)
from tests.archive.zip_writer import ZipMember, build_zip
from tests.support import QUICK, REPOSITORY


@pytest.fixture(autouse=True)
def temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for the temporary downloads."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def remaining_downloads(temporary_directory: Path) -> list[str]:
    """Return the names of the temporary downloads that still exist."""
    return [path.name for path in temporary_directory.glob("ghartifacts-*")]


async def chunks(archive: Archive, name: str) -> list[bytes]:
    """Return the chunks of a member's stream."""
    async with archive.stream(name) as stream:
        return [chunk async for chunk in stream]


@pytest.mark.parametrize(
    "fault",
    [
        BlobFault.truncate(after=200_000),
        BlobFault.reset(after=200_000),
        BlobFault.stall(after=200_000),
        BlobFault.status(503),
        BlobFault.status(403),
        BlobFault.expire(),
        BlobFault.dropped(),
        BlobFault.content_range("bytes 0-99/700000"),
    ],
    ids=lambda fault: repr(fault)[:40],
)
async def test_a_read_survives_faults_of_the_store(
    fake_github: FakeGitHub, fault: BlobFault
) -> None:
    """A read resumes after any transient fault of the store."""
    fake_github.add_artifact(REPOSITORY, "dist", FILES)
    timeouts = Timeouts(stall=0.2)
    async with Client(
        fake_github.token, base_url=fake_github.url, retry=QUICK, timeouts=timeouts
    ) as gh:
        for count in (1, 3):
            async with gh.repo(REPOSITORY).open_artifact(1) as archive:
                fake_github.fail_blobs_next(*[fault] * count)
                assert await archive.read("bin/tool") == LARGE
            fake_github.fail_blobs_next(*[fault] * count)
            async with gh.repo(REPOSITORY).open_artifact(1) as archive:
                assert archive.names() == list(FILES)


async def test_a_read_resumes(repo: Repo, fake_github: FakeGitHub) -> None:
    """A resumed read requests only the missing bytes of the member."""
    await add_artifact(fake_github, repo)
    async with repo.open_artifact(1) as archive:
        fake_github.fail_blobs_next(BlobFault.truncate(after=300_000))
        await archive.read("bin/tool")
    _, first_range, second_range = [
        request.headers["Range"] for request in fake_github.requests_to("blob")
    ]
    first, last = map(int, first_range.removeprefix("bytes=").split("-"))
    resumed, end = map(int, second_range.removeprefix("bytes=").split("-"))
    assert first + 60_000 < resumed <= first + 300_000
    assert end == last


@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_store_without_ranges(
    repo: Repo,
    fake_github: FakeGitHub,
    caplog: pytest.LogCaptureFixture,
    temporary_directory: Path,
    digest: str | None,
) -> None:
    """If a store ignores ranges, a warning is logged and the payload is downloaded once."""
    fake_github.add_artifact(REPOSITORY, "dist", FILES, digest=digest)
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    async with repo.open_artifact(1) as archive:
        assert archive.downloaded
        assert len(remaining_downloads(temporary_directory)) == 1
        for name, content in file_contents().items():
            assert await archive.read(name) == content
        await archive.extract(temporary_directory.parent / "out")
    assert "does not support range requests" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert remaining_downloads(temporary_directory) == []
    assert (temporary_directory.parent / "out" / "bin" / "tool").read_bytes() == LARGE
    assert len(requested_ranges(fake_github)) == 2


async def test_no_temporary_directory(
    repo: Repo, fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no temporary directory can be written, the error names the variable to set."""
    fake_github.add_artifact(REPOSITORY, "dist", FILES)
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())

    def fail() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    with pytest.raises(DiskError, match=r"No usable temporary directory .*; set TMPDIR to one"):
        async with repo.open_artifact(1):
            pass


async def test_a_store_that_stops_serving_ranges(
    repo: Repo, fake_github: FakeGitHub, temporary_directory: Path
) -> None:
    """If a store starts to ignore ranges, a read continues from a temporary download."""
    await add_artifact(fake_github, repo)
    async with repo.open_artifact(1) as archive:
        fake_github.fail_blobs_next(BlobFault.truncate(after=300_000))
        fake_github.fail_blobs_when(
            lambda _: BlobFault.ignore_range() if len(requested_ranges(fake_github)) > 2 else None
        )
        assert b"".join(await chunks(archive, "bin/tool")) == LARGE
        assert archive.downloaded
        assert await archive.read("report.json") == b'{"passed": 3}'
    assert remaining_downloads(temporary_directory) == []


async def test_a_payload_that_changes(repo: Repo, fake_github: FakeGitHub) -> None:
    """If the payload changes while the archive is open, reading it raises IncompleteDownload."""
    fake = fake_github.add_artifact(REPOSITORY, "dist", FILES)
    async with repo.open_artifact(1) as archive:
        content = fake.path.read_bytes()
        fake.path.write_bytes(content[::-1])
        with pytest.raises(IncompleteDownload, match="changed"):
            await archive.read("bin/tool")


async def test_an_archive_that_cannot_be_opened(repo: Repo, fake_github: FakeGitHub) -> None:
    """Opening an artifact raises an error if it has expired or the store does not have it."""
    fake_github.add_artifact(REPOSITORY, "dist", FILES, expired=True)
    with pytest.raises(ArtifactExpired):
        async with repo.open_artifact(1):
            pass
    await add_artifact(fake_github, repo)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(404))
    with pytest.raises(StoreError):
        async with repo.open_artifact(2):
            pass


async def test_a_closed_archive(repo: Repo, fake_github: FakeGitHub) -> None:
    """Using an archive after it or its client was closed raises ClientStateError."""
    await add_artifact(fake_github, repo)
    async with repo.open_artifact(1) as archive, archive.stream("bin/tool") as stream:
        await anext(aiter(stream))
    for use in (archive.read("report.json"), archive.extract("out"), anext(aiter(stream))):
        with pytest.raises(ClientStateError, match="this archive is closed"):
            await use
    assert archive.names() == list(FILES)
    gh = Client(fake_github.token, base_url=fake_github.url)
    await gh.__aenter__()
    async with gh.repo(REPOSITORY).open_artifact(1) as archive:
        fake_github.fail_blobs_next(BlobFault.stall(after=10))
        reading = asyncio.ensure_future(archive.read("bin/tool"))
        while len(requested_ranges(fake_github)) < 4:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0)
        await gh.__aexit__(None, None, None)
        with pytest.raises(ClientStateError, match="closed"):
            await reading
        with pytest.raises(ClientStateError, match="closed"):
            await archive.read("report.json")


async def test_an_interrupted_stream(repo: Repo, fake_github: FakeGitHub) -> None:
    """After a read of a stream was cancelled, the stream raises, because a chunk may be lost."""
    await add_artifact(fake_github, repo)
    async with repo.open_artifact(1) as archive, archive.stream("bin/tool") as stream:
        fake_github.fail_blobs_next(BlobFault.stall(after=10))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(aiter(stream))
        with pytest.raises(ClientStateError, match="interrupted"):
            await anext(aiter(stream))


async def test_a_cancelled_reader_leaves_nothing(
    repo: Repo, fake_github: FakeGitHub, temporary_directory: Path
) -> None:
    """A read that is cancelled at any step leaves no connection, task or temporary download."""
    await add_artifact(fake_github, repo)
    before, step, done = asyncio.all_tasks(), 0, False
    serves_ranges = True
    fake_github.fail_blobs_when(lambda _: None if serves_ranges else BlobFault.ignore_range())

    async def read() -> bytes:
        async with repo.open_artifact(1) as archive:
            return await archive.read("bin/tool")

    for serves_ranges in (True, False):  # noqa: B007 - the fault reads it
        step, done = 0, False
        while not done:
            step += 1 + step // 8
            task = asyncio.create_task(read())
            for _ in range(step):
                await asyncio.sleep(0)
            done = task.done()
            task.cancel()
            if not done:
                with pytest.raises(asyncio.CancelledError):
                    await task
            tasks = [t for t in asyncio.all_tasks() - before if "ghartifacts_async/_" in repr(t)]
            assert tasks == []
            assert remaining_downloads(temporary_directory) == []
        assert task.result() == LARGE


async def test_the_signed_url_stays_secret(
    repo: Repo, fake_github: FakeGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither log records nor errors contain the query of the signed URL."""
    await add_artifact(fake_github, repo)
    seen: list[str] = []

    def fail(request: LoggedRequest) -> BlobFault | None:
        seen.append(request.query["sig"])
        return BlobFault.truncate(after=5) if len(seen) < 3 else BlobFault.status(404)

    fake_github.fail_blobs_when(fail)
    with caplog.at_level(logging.DEBUG, "ghartifacts_async"), pytest.raises(StoreError) as caught:
        async with repo.open_artifact(1):
            pass
    assert "retrying in" in caplog.text
    text = caplog.text + str(caught.value) + repr(caught.value)
    assert not any(signature in text for signature in seen)


async def test_concurrent_readers_share_a_download(
    repo: Repo, fake_github: FakeGitHub, temporary_directory: Path
) -> None:
    """If a store stops serving ranges to several readers, the payload is downloaded once."""
    files = {f"{number}": os.urandom(200_000) for number in range(6)}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    async with repo.open_artifact(1) as archive:
        fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
        assert await asyncio.gather(*map(archive.read, files)) == list(files.values())
        assert len(remaining_downloads(temporary_directory)) == 1
    assert requested_ranges(fake_github).count(None) == 1
    assert remaining_downloads(temporary_directory) == []


async def test_a_download_of_another_payload(
    repo: Repo, fake_github: FakeGitHub, temporary_directory: Path
) -> None:
    """Reading raises if the temporary download is not the payload that was opened."""
    fake = fake_github.add_artifact(REPOSITORY, "dist", FILES, digest=None)
    async with repo.open_artifact(1) as archive:
        fake.path.write_bytes(build_zip(ZipMember("other", LARGE)))
        fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range() & BlobFault.etag(None))
        for _ in range(2):
            with pytest.raises(IncompleteDownload, match="changed"):
                await archive.read("bin/tool")
        assert len(remaining_downloads(temporary_directory)) == 1
    assert remaining_downloads(temporary_directory) == []


@pytest.mark.parametrize("damage", ["truncated", "removed"])
async def test_a_truncated_or_removed_download(
    repo: Repo, fake_github: FakeGitHub, temporary_directory: Path, damage: str
) -> None:
    """If the temporary download is truncated or removed, reading raises DiskError."""
    await add_artifact(fake_github, repo)
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    async with repo.open_artifact(1) as archive:
        (payload,) = temporary_directory.glob("ghartifacts-*/payload")
        if damage == "truncated":
            os.truncate(payload, 1000)
        else:
            payload.unlink()
        with pytest.raises(DiskError):
            await archive.read("bin/tool")
        with pytest.raises(DiskError):
            await archive.extract(temporary_directory.parent / "out")
    assert not (temporary_directory.parent / "out").exists()
