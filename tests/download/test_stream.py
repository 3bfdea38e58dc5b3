"""A stream yields each uploaded byte once and in order, or raises an error."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from contextlib import suppress
from typing import Any

import pytest

from ghartifacts_async import (
    ArtifactExpired,
    ArtifactStream,
    Client,
    ClientStateError,
    DigestMismatch,
    IncompleteDownload,
    Repo,
    StoreError,
    Timeouts,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub, LoggedRequest
from tests.api.support import open_world
from tests.clock import fast
from tests.download.payloads import PAYLOAD, add_artifact
from tests.download.test_store_faults import TRANSIENT_FAULTS
from tests.support import QUICK, REPOSITORY, raw_server, says


async def read_all(repo: Repo, artifact: int = 1) -> bytes:
    """Return all bytes of a stream."""
    async with repo.stream_artifact(artifact) as stream:
        return b"".join([chunk async for chunk in stream])


async def test_stream_attributes(repo: Repo, fake_github: FakeGitHub) -> None:
    """The name and size are known when a stream opens, the digest only with its last chunk."""
    add_artifact(fake_github)
    async with repo.stream_artifact(1) as stream:
        assert (stream.filename, stream.size) == ("dist.zip", len(PAYLOAD))
        assert (stream.digest, stream.verified) == (None, False)
        received = b"".join([chunk async for chunk in stream])
        assert received == PAYLOAD
        assert str(stream.digest) == f"sha256:{hashlib.sha256(PAYLOAD).hexdigest()}"
        assert stream.verified
        assert [chunk async for chunk in stream] == []


@pytest.mark.parametrize("fault", [*TRANSIENT_FAULTS, BlobFault.ignore_range()], ids=str)
async def test_a_stream_recovers_from_faults(fake_github: FakeGitHub, fault: BlobFault) -> None:
    """A stream yields the right bytes despite a fault at its start or in its middle."""
    add_artifact(fake_github)
    async with Client(
        fake_github.token, base_url=fake_github.url, retry=QUICK, timeouts=Timeouts(stall=0.2)
    ) as gh:
        for faults in ([fault], [BlobFault.truncate(after=1_500_000), fault]):
            fake_github.fail_blobs_next(*faults)
            assert await read_all(gh.repo(REPOSITORY)) == PAYLOAD


async def test_a_stream_from_a_store_without_ranges(repo: Repo, fake_github: FakeGitHub) -> None:
    """If the store ignores Range, a resumed stream does not yield any byte twice."""
    add_artifact(fake_github)
    faults = iter([BlobFault.truncate(after=1_000_000), BlobFault.truncate(after=2_000_000)])
    no_ranges = BlobFault.ignore_range()
    fake_github.fail_blobs_when(lambda _: no_ranges & next(faults, no_ranges))
    assert await read_all(repo) == PAYLOAD


@pytest.mark.parametrize("announced", [True, False], ids=["size", "no size"])
@pytest.mark.parametrize("at", [0, 2_999_999])
async def test_the_last_chunk_of_a_wrong_payload_is_withheld(
    repo: Repo, fake_github: FakeGitHub, at: int, announced: bool
) -> None:
    """A stream with a wrong bit raises DigestMismatch instead of yielding its last chunk."""
    add_artifact(fake_github)
    fault = BlobFault.flip(at=at)
    fake_github.fail_blobs_next(fault if announced else fault & BlobFault.length(None))
    chunks: list[bytes] = []

    async def consume(stream: ArtifactStream) -> None:
        async for chunk in stream:
            chunks.append(chunk)  # noqa: PERF401 - keeps the chunks before the error

    async with repo.stream_artifact(1) as stream:
        for _ in range(2):
            with pytest.raises(DigestMismatch):
                await consume(stream)
        assert not stream.verified
    assert 0 < len(b"".join(chunks)) < len(PAYLOAD)


async def test_a_small_wrong_payload_yields_nothing(repo: Repo, fake_github: FakeGitHub) -> None:
    """A wrong payload of a single chunk raises DigestMismatch, and no byte of it is yielded."""
    fake_github.add_artifact(REPOSITORY, "small", b"one chunk", raw="small.txt")
    fake_github.fail_blobs_next(BlobFault.flip(at=3))
    async with repo.stream_artifact(1) as stream:
        with pytest.raises(DigestMismatch):
            await anext(stream)


@pytest.mark.parametrize("options", [{}, {"digest": None}], ids=["size", "no size"])
async def test_a_cancelled_read_loses_no_chunk(
    repo: Repo, fake_github: FakeGitHub, options: dict[str, Any]
) -> None:
    """A stream whose read was cancelled continues with the next byte, with or without a size."""
    add_artifact(fake_github, **options)
    fake_github.fail_blobs_when(lambda _: BlobFault.length(None))
    received, cancelled = b"", 0
    async with repo.stream_artifact(1) as stream:
        while stream.digest is None:
            reading = asyncio.ensure_future(anext(stream, b""))
            for _ in range(cancelled % 7):
                await asyncio.sleep(0)
            cancelled += reading.cancel()
            with suppress(asyncio.CancelledError):
                received += await reading
            received += await anext(stream, b"")
    assert received == PAYLOAD
    assert cancelled


async def test_a_payload_that_changes_ends_the_stream(repo: Repo, fake_github: FakeGitHub) -> None:
    """A stream raises if the payload changes, because it cannot take back yielded bytes."""
    added = fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD, digest=None)
    fake_github.fail_blobs_next(BlobFault.truncate(after=1_000_000))

    async def consume(stream: ArtifactStream) -> None:
        async for _ in stream:
            added.path.write_bytes(PAYLOAD[::-1])

    async with repo.stream_artifact(added.id) as stream:
        with pytest.raises(IncompleteDownload, match="changed"):
            await consume(stream)


async def test_a_truncated_zip_without_a_digest_fails(repo: Repo, fake_github: FakeGitHub) -> None:
    """Without digest and Content-Length, a truncated zip raises IncompleteDownload."""
    add_artifact(fake_github, digest=None)
    cut = BlobFault.length(None) & BlobFault.truncate(after=1_000_000)
    fake_github.fail_blobs_when(lambda _: cut)
    with pytest.raises(IncompleteDownload, match="received 1000000 bytes"):
        await read_all(repo)


@fast
async def test_a_complete_zip_without_a_digest_may_have_another_size() -> None:
    """A stream of a zip without a digest succeeds even if `size_in_bytes` is its unzipped size."""
    async with open_world() as world:
        made = world.fake.add_artifact(
            REPOSITORY, "dist", {"a": "hello"}, digest=None, size_in_bytes=5
        )
        # Chunks that are shorter than the end record of the zip.
        world.fake.fail_blobs_next(BlobFault.throttle(100))
        assert await read_all(world.repo, made.id) == made.path.read_bytes()


async def test_another_size_without_a_digest_fails(repo: Repo, fake_github: FakeGitHub) -> None:
    """A stream without a digest fails if its size is wrong and it is no zip."""
    fake_github.add_artifact(
        REPOSITORY, "log", PAYLOAD, raw="log.txt", digest=None, size_in_bytes=len(PAYLOAD) - 1
    )
    with pytest.raises(IncompleteDownload, match="received 3000000 bytes") as caught:
        await read_all(repo)
    assert (caught.value.received, caught.value.expected) == (len(PAYLOAD), len(PAYLOAD) - 1)


async def test_errors_before_the_first_byte(repo: Repo, fake_github: FakeGitHub) -> None:
    """An artifact that cannot be opened raises on entering the `async with`."""
    add_artifact(fake_github, expired=True)
    with pytest.raises(ArtifactExpired):
        async with repo.stream_artifact(1):
            pass
    add_artifact(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(404))
    with pytest.raises(StoreError):
        async with repo.stream_artifact(2):
            pass


async def test_bytes_that_arrive_one_by_one(repo: Repo, fake_github: FakeGitHub) -> None:
    """If a store sends each byte as a chunk, the stream yields many of them at once."""
    payload = PAYLOAD[:5_000]
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in payload) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with raw_server(says(head + body)) as url:
        fake_github.add_artifact(REPOSITORY, "log", payload, raw="log.txt", location=f"{url}/x")
        async with repo.stream_artifact(1) as stream:
            chunks = [chunk async for chunk in stream]
    assert b"".join(chunks) == payload
    assert len(chunks) < 500


async def test_a_stream_waits_for_its_reader(repo: Repo, fake_github: FakeGitHub) -> None:
    """An unread stream receives only what its buffers hold; leaving it ends the request."""
    fake_github.add_artifact(REPOSITORY, "large", bytes(64 * 2**20))
    async with repo.stream_artifact(1) as stream:
        await anext(stream)
        await asyncio.sleep(0.2)
        received = repo._opened().transport.bytes_received
    assert received < 2**20
    await fake_github.wait_until_idle()
    (request,) = fake_github.requests_to("blob")
    assert (request.bytes_sent or 0) < 40 * 2**20


async def test_a_closed_stream_raises(repo: Repo, fake_github: FakeGitHub) -> None:
    """Reading a stream after it or its client was closed raises ClientStateError."""
    add_artifact(fake_github)
    async with repo.stream_artifact(1) as stream:
        await anext(stream)
    with pytest.raises(ClientStateError, match="this stream is closed"):
        await anext(stream)
    gh = Client(fake_github.token, base_url=fake_github.url)
    await gh.__aenter__()
    async with gh.repo(REPOSITORY).stream_artifact(1) as stream:
        await anext(stream)
        await gh.__aexit__(None, None, None)
        with pytest.raises(ClientStateError, match="closed"):
            await anext(stream)


async def test_two_tasks_cannot_read_one_stream(repo: Repo, fake_github: FakeGitHub) -> None:
    """A second reader of a stream raises ClientStateError at once; the first one is unaffected."""
    add_artifact(fake_github)
    fake_github.fail_blobs_next(BlobFault.stall(after=0))
    async with repo.stream_artifact(1) as stream:
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.05)
        with pytest.raises(ClientStateError, match="another task is reading"):
            await anext(stream)
        assert not reading.done()
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def test_a_stream_can_be_cancelled_at_any_await(repo: Repo, fake_github: FakeGitHub) -> None:
    """A stream that is cancelled at any await leaves no task."""
    artifact = add_artifact(fake_github).id
    step, before = 0, asyncio.all_tasks()
    while True:
        step += 1
        task = asyncio.create_task(read_all(repo, artifact))
        for _ in range(step):
            await asyncio.sleep(0)
        if task.done():
            break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ours = [t for t in asyncio.all_tasks() - before if "ghartifacts_async/_" in repr(t)]
        assert ours == []
    assert task.result() == PAYLOAD


async def test_retries_are_logged_without_the_url(
    repo: Repo, fake_github: FakeGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    """A retry is logged, and the signature of the URL never appears in the log."""
    add_artifact(fake_github)
    seen: list[str] = []

    def fail(request: LoggedRequest) -> BlobFault | None:
        seen.append(request.query["sig"])
        return BlobFault.truncate(after=5) if len(seen) < 3 else None

    fake_github.fail_blobs_when(fail)
    with caplog.at_level(logging.DEBUG, "ghartifacts_async"):
        await read_all(repo)
    assert "retrying in" in caplog.text
    assert not any(signature in caplog.text for signature in seen)


async def test_a_response_is_closed_if_reading_cannot_start(
    gh: Client, repo: Repo, fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response is closed if reading it cannot start."""
    fake_github.add_artifact(REPOSITORY, "dist", bytes(5 * 2**20))
    transport, answers = gh._context.transport, list[Any]()

    def fail(*_: object) -> None:
        answers.extend((one.response, one.response.closed) for one in transport._streaming)
        raise MemoryError

    # Between the response and the first read, the library makes no call that can be made to fail.
    monkeypatch.setattr("ghartifacts_async._http.streamed_response.StallTimeout", fail)
    with pytest.raises(MemoryError):
        async with repo.stream_artifact(1):
            pass
    assert [(before, answer.closed) for answer, before in answers] == [(False, True)]
    assert not transport._streaming
