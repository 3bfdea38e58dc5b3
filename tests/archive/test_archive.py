"""Reading members of an open archive with range requests."""

from __future__ import annotations

import asyncio
import os
import zlib
from pathlib import Path

import pytest

from ghartifacts_async import (
    Archive,
    ArchiveLimitExceeded,
    ArchiveLimits,
    DamagedArchive,
    InvalidArgument,
    MemberNotFound,
    NotAZip,
    Repo,
    UnsafeMember,
    UnsupportedMember,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.archive.artifacts import (
    DATA,
    FILES,
    LARGE,
    add_artifact,
    file_contents,
    requested_ranges,
)
from tests.archive.zip_writer import STORED, ZipMember, build_zip, write_sparse_zip
from tests.support import REPOSITORY

GIB = 2**30


MEMBER = os.urandom(100 * 1024)


async def chunks(archive: Archive, name: str) -> list[bytes]:
    """Return the chunks of a member's stream."""
    async with archive.stream(name) as stream:
        return [chunk async for chunk in stream]


async def test_names_members_and_bytes(repo: Repo, fake_github: FakeGitHub) -> None:
    """An archive lists its members in order, and each can be read whole or streamed."""
    artifact = await add_artifact(fake_github, repo)
    async with repo.open_artifact(artifact) as archive:
        assert archive.artifact == artifact
        assert archive.names() == list(FILES)
        assert [member.name for member in archive.members()] == list(FILES)
        for name, content in file_contents().items():
            assert await archive.read(name) == content
            assert b"".join(await chunks(archive, name)) == content
        assert await archive.read("docs/") == b""
        assert not archive.downloaded
        assert repr(archive) == f"<Archive of artifact {artifact.id}, 6 members>"


@pytest.mark.parametrize("name", ["small.zip", "small-store.zip", "tree.zip"])
async def test_archives_of_the_official_uploader(
    repo: Repo, fake_github: FakeGitHub, name: str
) -> None:
    """Every member that the official uploader wrote can be read, with its size and CRC-32."""
    await add_artifact(fake_github, repo, DATA / name)
    async with repo.open_artifact(1) as archive:
        for member in archive.members():
            content = await archive.read(member.name)
            assert (len(content), zlib.crc32(content)) == (member.size, member.crc32)


@pytest.mark.parametrize(("digest", "requests"), [("sha256:" + "0" * 64, 2), (None, 3)])
async def test_a_member_of_a_large_artifact(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, digest: str | None, requests: int
) -> None:
    """Reading 100 KiB from a 1 GiB archive takes at most three requests and 256 KiB of traffic."""
    path = tmp_path / "huge.zip"
    write_sparse_zip(path, GIB, MEMBER)
    fake_github.add_artifact(REPOSITORY, "dist", path, digest=digest)
    async with repo.open_artifact(1) as archive:
        assert await archive.read("report.bin") == MEMBER
    await fake_github.wait_until_idle()
    log = fake_github.requests_to("blob")
    assert len(log) == requests
    assert sum(request.bytes_sent or 0 for request in log) <= 256 * 1024
    assert {request.status for request in log} == {206}


async def test_requests_have_one_closed_range(repo: Repo, fake_github: FakeGitHub) -> None:
    """Each request has one range with both ends; all but the first also have ``If-Match``."""
    fake_github.add_artifact(REPOSITORY, "dist", FILES, digest=None)
    async with repo.open_artifact(1) as archive:
        await archive.read("bin/tool")
    first, *others = fake_github.requests_to("blob")
    assert first.headers["Range"] == "bytes=0-0"
    assert "If-Match" not in first.headers
    assert len(others) == 2
    for request in others:
        start, _, stop = request.headers["Range"].removeprefix("bytes=").partition("-")
        assert start.isdigit()
        assert stop.isdigit()
        assert request.headers["If-Match"]


async def test_a_small_archive_takes_one_request(repo: Repo, fake_github: FakeGitHub) -> None:
    """A small archive arrives with the first response, and none of its bytes is requested again."""
    await add_artifact(fake_github, repo, DATA / "small.zip")
    async with repo.open_artifact(1) as archive:
        for name in archive.names():
            await archive.read(name)
    assert requested_ranges(fake_github) == [None]


@pytest.mark.parametrize("size", [0, 8 * 2**20])
async def test_a_long_directory_takes_a_second_request(
    repo: Repo, fake_github: FakeGitHub, size: int
) -> None:
    """A central directory longer than the first response takes one more request, for the rest."""
    files: dict[str, bytes | str] = {f"{n}/{'x' * 200}": "" for n in range(2000)}
    fake_github.add_artifact(REPOSITORY, "dist", {"large": os.urandom(size), **files})
    async with repo.open_artifact(1) as archive:
        assert len(archive.names()) == 2001
    assert len(requested_ranges(fake_github)) == 2
    await fake_github.wait_until_idle()
    # Each entry takes 250 bytes.
    assert sum(request.bytes_sent or 0 for request in fake_github.requests_to("blob")) < 520_000


async def test_concurrent_readers_share_an_archive(repo: Repo, fake_github: FakeGitHub) -> None:
    """Several tasks can read members concurrently; chunks of a stream are at most 1 MiB."""
    files = {f"{n}.bin": os.urandom(300_000) for n in range(8)} | {"zeros": bytes(5 * 2**20)}
    fake_github.add_artifact(REPOSITORY, "dist", files)
    async with repo.open_artifact(1) as archive:
        read = await asyncio.gather(*map(archive.read, files))
        assert read == list(files.values())
        assert max(map(len, await chunks(archive, "zeros"))) == 2**20


@pytest.mark.parametrize("size", [0, 3, 100_000, 1_000_000])
@pytest.mark.parametrize("raw", ["log.txt", None])
@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_payload_that_is_no_zip(
    repo: Repo, fake_github: FakeGitHub, size: int, raw: str | None, digest: str | None
) -> None:
    """A payload that is no zip raises NotAZip, which names the artifact and what to use instead.

    Only the end of the payload is fetched.
    """
    fake_github.add_artifact(REPOSITORY, "dist", b"x" * size, raw=raw, digest=digest)
    with pytest.raises(NotAZip, match=rf"artifact 1 \(dist\): .*{size} bytes.*download_artifact"):
        async with repo.open_artifact(1):
            pass
    await fake_github.wait_until_idle()
    assert sum(request.bytes_sent or 0 for request in fake_github.requests_to("blob")) < 140_000


async def test_members_that_cannot_be_read(repo: Repo, fake_github: FakeGitHub) -> None:
    """Reading a missing, too large or damaged member raises, and other members stay readable."""
    archive_bytes = build_zip(
        ZipMember("fine.txt", b"fine"),
        ZipMember("large.txt", b"x" * 1000),
        ZipMember("wrong.txt", b"x" * 1000, STORED, central={"crc32": 1}),
        ZipMember("locked.txt", b"x", flags=9),
        ZipMember("twice.txt", b"1"),
        ZipMember("twice.txt", b"2"),
        ZipMember("../evil.txt", b"evil"),
    )
    await add_artifact(fake_github, repo, archive_bytes)
    async with repo.open_artifact(1, limits=ArchiveLimits(max_member_size=1000)) as archive:
        with pytest.raises(MemberNotFound, match=r"did you mean 'fine.txt'") as missing:
            await archive.read("Fine.txt")
        assert missing.value.suggestions == ("fine.txt",)
        with pytest.raises(ArchiveLimitExceeded, match="max_size is 999") as exceeded:
            await archive.read("large.txt", max_size=999)
        assert (exceeded.value.limit, exceeded.value.allowed) == ("max_size", 999)
        assert len(await archive.read("large.txt", max_size=1000)) == 1000
        for name, error in {
            "wrong.txt": DamagedArchive,
            "locked.txt": UnsupportedMember,
            "twice.txt": UnsafeMember,
        }.items():
            with pytest.raises(error, match=name):
                await archive.read(name)
            with pytest.raises(error, match=name):
                await chunks(archive, name)
        # An unsafe name does no harm unless the member is extracted to a file.
        assert await archive.read("../evil.txt") == b"evil"
        assert await archive.read("fine.txt") == b"fine"
    async with repo.open_artifact(1, limits=ArchiveLimits(max_member_size=999)) as archive:
        with pytest.raises(ArchiveLimitExceeded, match=r"large\.txt"):
            await chunks(archive, "large.txt")


async def test_invalid_arguments(repo: Repo, fake_github: FakeGitHub) -> None:
    """Invalid arguments raise InvalidArgument before any request is sent."""
    artifact = await add_artifact(fake_github, repo)
    with pytest.raises(InvalidArgument, match="ArchiveLimits"):
        async with repo.open_artifact(artifact, limits=5):  # type: ignore[arg-type]
            pass
    async with repo.open_artifact(artifact) as archive:
        count = len(fake_github.requests)
        for invalid in (5, None, b"report.json"):
            with pytest.raises(InvalidArgument):
                await archive.read(invalid)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="max_size"):
            await archive.read("report.json", max_size=-1)
        with pytest.raises(InvalidArgument, match="destination"):
            await archive.extract("")
        with pytest.raises(InvalidArgument, match="strip"):
            await archive.extract("out", strip=-1)
        assert len(fake_github.requests) == count


async def test_long_local_headers(repo: Repo, fake_github: FakeGitHub) -> None:
    """A member with an unusually long local header takes one more request."""
    data = os.urandom(300_000)
    archive_bytes = build_zip(
        ZipMember("a", data, local={"extra": bytes(60_000)}),
        ZipMember("b", os.urandom(300_000)),
        between=bytes(100_000),
    )
    await add_artifact(fake_github, repo, archive_bytes)
    async with repo.open_artifact(1) as archive:
        assert await archive.read("a") == data
    assert len(requested_ranges(fake_github)) == 3


async def test_a_stream_stays_exhausted(repo: Repo, fake_github: FakeGitHub) -> None:
    """A stream that has ended yields nothing when it is iterated again."""
    await add_artifact(fake_github, repo)
    async with repo.open_artifact(1) as archive, archive.stream("bin/tool") as stream:
        assert b"".join([chunk async for chunk in stream]) == LARGE
        assert [chunk async for chunk in stream] == []


async def test_many_members_without_ranges(repo: Repo, fake_github: FakeGitHub) -> None:
    """If a store ignores ranges, a central directory larger than what is read first is read."""
    names = [f"{number:0200}" for number in range(1000)]
    fake_github.add_artifact(REPOSITORY, "dist", dict.fromkeys(names, b""))
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    async with repo.open_artifact(1) as archive:
        assert archive.downloaded
        assert archive.names() == names
