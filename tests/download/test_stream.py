"""A stream yields the bytes that were uploaded, in order, once, or says why not."""

from __future__ import annotations

import asyncio
import hashlib
import logging
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
from tests.download.payloads import PAYLOAD, add
from tests.download.test_store_faults import PASSING
from tests.support import QUICK, REPOSITORY


async def read(repo: Repo, artifact: int = 1) -> bytes:
    """All that a stream yields."""
    async with repo.stream_artifact(artifact) as stream:
        return b"".join([chunk async for chunk in stream])


async def test_a_stream_tells_of_itself(repo: Repo, fake_github: FakeGitHub) -> None:
    """Name and size are there from the start, the digest from the end."""
    add(fake_github)
    async with repo.stream_artifact(1) as stream:
        assert (stream.filename, stream.size) == ("dist.zip", len(PAYLOAD))
        assert (stream.digest, stream.verified) == (None, False)
        received = b"".join([chunk async for chunk in stream])
        assert received == PAYLOAD
        assert str(stream.digest) == f"sha256:{hashlib.sha256(PAYLOAD).hexdigest()}"
        assert stream.verified
        assert [chunk async for chunk in stream] == []


@pytest.mark.parametrize("fault", [*PASSING, BlobFault.ignore_range()], ids=str)
async def test_a_stream_heals(fake_github: FakeGitHub, fault: BlobFault) -> None:
    """One fault of any kind, before or in the middle, and the bytes are the same."""
    add(fake_github)
    async with Client(
        fake_github.token, base_url=fake_github.url, retry=QUICK, timeouts=Timeouts(stall=0.2)
    ) as gh:
        for faults in ([fault], [BlobFault.truncate(after=1_500_000), fault]):
            fake_github.fail_blobs_next(*faults)
            assert await read(gh.repo(REPOSITORY)) == PAYLOAD


async def test_a_store_without_ranges_is_read_anew(repo: Repo, fake_github: FakeGitHub) -> None:
    """Where a store serves no ranges, what was yielded is skipped and not yielded twice."""
    add(fake_github)
    faults = iter([BlobFault.truncate(after=1_000_000), BlobFault.truncate(after=2_000_000)])
    deaf = BlobFault.ignore_range()
    fake_github.fail_blobs_when(lambda _: deaf & next(faults, deaf))
    assert await read(repo) == PAYLOAD


@pytest.mark.parametrize("at", [0, 2_999_999])
async def test_the_end_of_wrong_bytes_is_an_error(
    repo: Repo, fake_github: FakeGitHub, at: int
) -> None:
    """With one wrong bit the stream raises where it would have ended."""
    add(fake_github)
    fake_github.fail_blobs_next(BlobFault.flip(at=at))
    chunks: list[bytes] = []

    async def consume(stream: ArtifactStream) -> None:
        async for chunk in stream:
            chunks.append(chunk)  # noqa: PERF401 - what came before the error counts

    async with repo.stream_artifact(1) as stream:
        for _ in range(2):
            with pytest.raises(DigestMismatch):
                await consume(stream)
        assert not stream.verified
    assert len(b"".join(chunks)) == len(PAYLOAD)


async def test_a_payload_that_changes_cannot_be_gone_on_with(
    repo: Repo, fake_github: FakeGitHub
) -> None:
    """What was yielded cannot be taken back: another payload after a drop is an error."""
    added = fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD, digest=None)
    fake_github.fail_blobs_next(BlobFault.truncate(after=1_000_000))

    async def consume(stream: ArtifactStream) -> None:
        async for _ in stream:
            added.path.write_bytes(PAYLOAD[::-1])

    async with repo.stream_artifact(added.id) as stream:
        with pytest.raises(IncompleteDownload, match="changed"):
            await consume(stream)


async def test_a_zip_without_a_digest_must_end(repo: Repo, fake_github: FakeGitHub) -> None:
    """Without digest and length a body that stops early is no success."""
    add(fake_github, digest=None)
    cut = BlobFault.length(None) & BlobFault.truncate(after=1_000_000)
    fake_github.fail_blobs_when(lambda _: cut)
    with pytest.raises(IncompleteDownload, match="1000000 bytes came"):
        await read(repo)


async def test_errors_before_the_first_byte(repo: Repo, fake_github: FakeGitHub) -> None:
    """What cannot be opened is told by the `async with`."""
    add(fake_github, expired=True)
    with pytest.raises(ArtifactExpired):
        async with repo.stream_artifact(1):
            pass
    add(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(404))
    with pytest.raises(StoreError):
        async with repo.stream_artifact(2):
            pass


async def test_a_stream_waits_for_its_reader(repo: Repo, fake_github: FakeGitHub) -> None:
    """Nothing is fetched ahead but what the buffers hold; a break ends the request."""
    fake_github.add_artifact(REPOSITORY, "large", bytes(64 * 2**20))
    async with repo.stream_artifact(1) as stream:
        await anext(stream)
        await asyncio.sleep(0.2)
        break_off = repo._opened().transport.bytes_received
    assert break_off < 2**20
    await fake_github.settled()
    (request,) = fake_github.requests_to("blob")
    assert (request.bytes_sent or 0) < 40 * 2**20


async def test_a_closed_stream_is_told(repo: Repo, fake_github: FakeGitHub) -> None:
    """A stream is read in its `async with`, and not after its client was closed."""
    add(fake_github)
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


async def test_a_cancelled_reader_leaves_nothing(repo: Repo, fake_github: FakeGitHub) -> None:
    """Cancelled at any of its steps, a reader's connection is closed, and no task is left."""
    artifact = add(fake_github).id
    step, before = 0, asyncio.all_tasks()
    while True:
        step += 1
        task = asyncio.create_task(read(repo, artifact))
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
    """A drop is an info line with the host, and the signed query appears nowhere."""
    add(fake_github)
    seen: list[str] = []

    def fail(request: LoggedRequest) -> BlobFault | None:
        seen.append(request.query["sig"])
        return BlobFault.truncate(after=5) if len(seen) < 3 else None

    fake_github.fail_blobs_when(fail)
    with caplog.at_level(logging.DEBUG, "ghartifacts_async"):
        await read(repo)
    assert "going on in" in caplog.text
    assert not any(signature in caplog.text for signature in seen)


async def test_an_answer_that_cannot_be_followed_is_closed(
    gh: Client, repo: Repo, fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where reading cannot even begin, the connection of the answer ends with the error."""
    fake_github.add_artifact(REPOSITORY, "dist", bytes(5 * 2**20))
    transport, answers = gh._parts.transport, list[Any]()

    def fail(*_: object) -> None:
        answers.extend((one, one.closed) for one in transport._streaming)
        raise MemoryError

    monkeypatch.setattr("ghartifacts_async._http.transport.StallTimeout", fail)
    with pytest.raises(MemoryError):
        async with repo.stream_artifact(1):
            pass
    assert [(before, answer.closed) for answer, before in answers] == [(False, True)]
    assert not transport._streaming
