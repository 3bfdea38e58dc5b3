"""Reading inside an archive, where the store or the reader does not go on."""

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
    added,
    blob_requests,
    contents,
)
from tests.archive.zip_writer import Part, forge
from tests.support import QUICK, REPOSITORY


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary downloads go; nothing of them may be left."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def left(temporary: Path) -> list[str]:
    """What lies there of ours."""
    return [path.name for path in temporary.glob("ghartifacts-*")]


async def chunks(archive: Archive, name: str) -> list[bytes]:
    """A member's pieces."""
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
async def test_a_member_heals(fake_github: FakeGitHub, fault: BlobFault) -> None:
    """Whatever befalls the bytes of a member, they are gone on with from where they broke."""
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


async def test_a_member_is_gone_on_with(repo: Repo, fake_github: FakeGitHub) -> None:
    """After a drop only the rest of a member is asked for."""
    await added(fake_github, repo)
    async with repo.open_artifact(1) as archive:
        fake_github.fail_blobs_next(BlobFault.truncate(after=300_000))
        await archive.read("bin/tool")
    _, before, after = [request.headers["Range"] for request in fake_github.requests_to("blob")]
    first, last = map(int, before.removeprefix("bytes=").split("-"))
    again, end = map(int, after.removeprefix("bytes=").split("-"))
    assert first + 100_000 < again <= first + 300_000
    assert end == last


@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_store_without_ranges(
    repo: Repo,
    fake_github: FakeGitHub,
    caplog: pytest.LogCaptureFixture,
    temporary: Path,
    digest: str | None,
) -> None:
    """Where a store serves no ranges all is downloaded, once, for the while, and said so."""
    fake_github.add_artifact(REPOSITORY, "dist", FILES, digest=digest)
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    async with repo.open_artifact(1) as archive:
        assert archive.downloaded
        assert len(left(temporary)) == 1
        for name, content in contents().items():
            assert await archive.read(name) == content
        await archive.extract(temporary.parent / "out")
    assert "serves no ranges" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert left(temporary) == []
    assert (temporary.parent / "out" / "bin" / "tool").read_bytes() == LARGE
    assert len(blob_requests(fake_github)) == 2


async def test_a_store_that_no_longer_serves_ranges(
    repo: Repo, fake_github: FakeGitHub, temporary: Path
) -> None:
    """Also in the middle of a member the rest comes out of a download."""
    await added(fake_github, repo)
    async with repo.open_artifact(1) as archive:
        fake_github.fail_blobs_next(BlobFault.truncate(after=300_000))
        fake_github.fail_blobs_when(
            lambda _: BlobFault.ignore_range() if len(blob_requests(fake_github)) > 2 else None
        )
        assert b"".join(await chunks(archive, "bin/tool")) == LARGE
        assert archive.downloaded
        assert await archive.read("report.json") == b'{"passed": 3}'
    assert left(temporary) == []


async def test_a_payload_that_changes(repo: Repo, fake_github: FakeGitHub) -> None:
    """Of another payload than the one that was opened nothing is read."""
    fake = fake_github.add_artifact(REPOSITORY, "dist", FILES)
    async with repo.open_artifact(1) as archive:
        content = fake.path.read_bytes()
        fake.path.write_bytes(content[::-1])
        with pytest.raises(IncompleteDownload, match="changed"):
            await archive.read("bin/tool")


async def test_what_is_not_to_be_had(repo: Repo, fake_github: FakeGitHub) -> None:
    """An artifact that expired, and a store that refuses, are told by the `async with`."""
    fake_github.add_artifact(REPOSITORY, "dist", FILES, expired=True)
    with pytest.raises(ArtifactExpired):
        async with repo.open_artifact(1):
            pass
    await added(fake_github, repo)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(404))
    with pytest.raises(StoreError):
        async with repo.open_artifact(2):
            pass


async def test_a_closed_archive_is_told(repo: Repo, fake_github: FakeGitHub) -> None:
    """An archive is used in its `async with`, and not after its client was closed."""
    await added(fake_github, repo)
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
        while len(blob_requests(fake_github)) < 4:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0)
        await gh.__aexit__(None, None, None)
        with pytest.raises(ClientStateError, match="closed"):
            await reading
        with pytest.raises(ClientStateError, match="closed"):
            await archive.read("report.json")


async def test_a_member_that_was_interrupted(repo: Repo, fake_github: FakeGitHub) -> None:
    """Where a piece may be lost, a member's stream does not go on as if it were not."""
    await added(fake_github, repo)
    async with repo.open_artifact(1) as archive, archive.stream("bin/tool") as stream:
        fake_github.fail_blobs_next(BlobFault.stall(after=10))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(aiter(stream))
        with pytest.raises(ClientStateError, match="interrupted"):
            await anext(aiter(stream))


async def test_a_cancelled_reader_leaves_nothing(
    repo: Repo, fake_github: FakeGitHub, temporary: Path
) -> None:
    """Cancelled at any of its steps, a reader's connection is closed, and no task is left."""
    await added(fake_github, repo)
    before, step, done = asyncio.all_tasks(), 0, False
    ranges = [True]
    fake_github.fail_blobs_when(lambda _: None if ranges[0] else BlobFault.ignore_range())

    async def read() -> bytes:
        async with repo.open_artifact(1) as archive:
            return await archive.read("bin/tool")

    for served in (True, False):
        ranges[0], step, done = served, 0, False
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
            ours = [t for t in asyncio.all_tasks() - before if "ghartifacts_async/_" in repr(t)]
            assert ours == []
            assert left(temporary) == []
        assert task.result() == LARGE


async def test_the_signed_url_stays_secret(
    repo: Repo, fake_github: FakeGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens, neither log nor error shows the query of the signed URL."""
    await added(fake_github, repo)
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


async def test_many_readers_share_a_download(
    repo: Repo, fake_github: FakeGitHub, temporary: Path
) -> None:
    """Where ranges end for several readers at once, all of it is downloaded once."""
    files = {f"{number}": os.urandom(200_000) for number in range(6)}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    async with repo.open_artifact(1) as archive:
        fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
        assert await asyncio.gather(*map(archive.read, files)) == list(files.values())
        assert len(left(temporary)) == 1
    assert blob_requests(fake_github).count(None) == 1
    assert left(temporary) == []


async def test_a_download_of_another_payload(
    repo: Repo, fake_github: FakeGitHub, temporary: Path
) -> None:
    """A download in the place of ranges must be of what was opened."""
    fake = fake_github.add_artifact(REPOSITORY, "dist", FILES, digest=None)
    async with repo.open_artifact(1) as archive:
        fake.path.write_bytes(forge(Part("other", LARGE)))
        fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range() & BlobFault.etag(None))
        for _ in range(2):
            with pytest.raises(IncompleteDownload, match="changed"):
                await archive.read("bin/tool")
        assert len(left(temporary)) == 1
    assert left(temporary) == []


@pytest.mark.parametrize("harm", ["cut", "removed"])
async def test_a_download_that_somebody_harms(
    repo: Repo, fake_github: FakeGitHub, temporary: Path, harm: str
) -> None:
    """A temporary download that is cut or gone is a DiskError, and not an endless loop."""
    await added(fake_github, repo)
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    async with repo.open_artifact(1) as archive:
        (payload,) = temporary.glob("ghartifacts-*/payload")
        if harm == "cut":
            os.truncate(payload, 1000)
        else:
            payload.unlink()
        with pytest.raises(DiskError):
            await archive.read("bin/tool")
        with pytest.raises(DiskError):
            await archive.extract(temporary.parent / "out")
    assert not (temporary.parent / "out").exists()
