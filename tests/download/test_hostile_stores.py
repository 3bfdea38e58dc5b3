"""Stores that lie: what they send is bounded, and what they say cannot harm a later call."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from attrs import evolve

from ghartifacts_async import (
    Client,
    ConnectionFailed,
    DownloadError,
    IncompleteDownload,
    Repo,
)
from ghartifacts_async._download.verification import max_size
from ghartifacts_async.models import Digest
from ghartifacts_async.testing import FakeGitHub
from tests.api.support import now, open_world
from tests.clock import fast
from tests.download.payloads import NO_RETRIES, PAYLOAD, add_artifact, blob_response, send_forever
from tests.download.range_store import StoreRequest, StoreResponse, range_store, serve
from tests.support import REPOSITORY, files_below, raw_server, says
from tests.values import SHA256, artifact

MORE = 64 * 2**20

REFUSED_IN_DEBUG_MODE = pytest.mark.skipif(
    sys.flags.dev_mode or bool(os.environ.get("PYTHONASYNCIODEBUG")),
    reason="in debug mode, aiohttp refuses a response with control characters in a header",
)


@pytest.mark.parametrize("size", [0, 1, 10**9])
def test_the_size_of_a_payload_is_limited(size: int) -> None:
    """A payload may have its recorded size or, without a digest, twice that and 64 MiB."""
    digest = Digest("sha256", SHA256)
    assert max_size(artifact(size_in_bytes=size, digest=digest)) == size
    assert max_size(artifact(size_in_bytes=size, digest=None)) == 2 * size + MORE


async def stream(repo: Repo, _: Path, number: int = 1) -> None:
    """Stream the artifact."""
    async with repo.stream_artifact(number) as chunks:
        async for _chunk in chunks:
            pass


async def download(repo: Repo, to: Path, number: int = 1) -> None:
    """Download the artifact."""
    await repo.download_artifact(number, to / "x.zip", keep_partial=False)


@pytest.mark.parametrize("work", [stream, download])
async def test_an_endless_body_does_not_fill_the_disk(
    fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: object
) -> None:
    """Without a digest, a body without end is refused as soon as it exceeds the limit."""
    # Receiving the 64 MiB that are really accepted would take seconds.
    monkeypatch.setattr("ghartifacts_async._download.verification._MORE_THAN_TWICE", 2**20)
    async with raw_server(send_forever) as url:
        add_artifact(fake_github, f"{url}/x", digest=None)
        async with Client(fake_github.token, base_url=fake_github.url) as gh:
            with pytest.raises(DownloadError, match="at most 7048576 bytes are accepted"):
                await work(gh.repo(REPOSITORY), tmp_path)  # type: ignore[operator]
            assert gh.stats.bytes_received < 20 * 2**20
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("work", [stream, download])
async def test_an_absurd_size_is_refused_at_once(
    fake_github: FakeGitHub, tmp_path: Path, work: object
) -> None:
    """Without a digest, a store that announces far too many bytes is refused at once."""
    async with raw_server(blob_response(PAYLOAD, length=10**18 - 1)) as url:
        add_artifact(fake_github, f"{url}/x", digest=None)
        async with Client(fake_github.token, base_url=fake_github.url) as gh:
            with pytest.raises(DownloadError, match="the store sends 999999999999999999 bytes"):
                await work(gh.repo(REPOSITORY), tmp_path)  # type: ignore[operator]
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    "etag",
    [
        pytest.param(b'"a\x01b"', marks=REFUSED_IN_DEBUG_MODE),
        b'"\xff"',
        pytest.param(b'"a\x7f"', marks=REFUSED_IN_DEBUG_MODE),
        b"unquoted",
        b'"a", "b"',
    ],
)
async def test_an_invalid_etag_does_not_prevent_resuming(
    fake_github: FakeGitHub, tmp_path: Path, etag: bytes
) -> None:
    """An ETag that cannot be sent back is ignored, so a later call resumes and succeeds."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nAccept-Ranges: bytes\r\n" % len(PAYLOAD)
    start = head + b"ETag: %s\r\n\r\n" % etag + PAYLOAD[:1_000_000]

    async def broken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()

    async with raw_server(broken) as url:
        add_artifact(fake_github, f"{url}/x", id=7)
        async with Client(fake_github.token, base_url=fake_github.url, retry=NO_RETRIES) as gh:
            with pytest.raises(ConnectionFailed):
                await gh.repo(REPOSITORY).download_artifact(7, tmp_path / "x.zip")
    fake_github.delete_artifact(7)
    add_artifact(fake_github, id=7)
    async with Client(fake_github.token, base_url=fake_github.url, retry=NO_RETRIES) as gh:
        found = await gh.repo(REPOSITORY).download_artifact(7, tmp_path / "x.zip")
    assert found.verified
    assert found.resumed_bytes > 0


async def test_tiny_chunks_are_joined(fake_github: FakeGitHub) -> None:
    """A body that arrives byte by byte is read in a few steps, each of many bytes."""
    payload = PAYLOAD[:40_000]
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in payload)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with raw_server(says(head + body + b"0\r\n\r\n")) as url:
        fake_github.add_artifact(REPOSITORY, "dist", payload, raw="x", location=f"{url}/b")
        async with (
            Client(fake_github.token, base_url=fake_github.url) as gh,
            gh.repo(REPOSITORY).stream_artifact(1) as stream,
        ):
            chunks = [chunk async for chunk in stream]
    assert b"".join(chunks) == payload
    assert len(chunks) < len(payload) / 10


@pytest.mark.parametrize("work", [stream, download])
async def test_a_store_that_sends_a_byte_at_a_time(
    fake_github: FakeGitHub, tmp_path: Path, work: object
) -> None:
    """A store that sends one byte of each range is given up after 100 requests."""
    everything = (0, len(PAYLOAD))
    async with range_store(
        lambda request: serve(PAYLOAD, StoreRequest(0, {}, request.span or everything), limit=1)
    ) as store:
        add_artifact(fake_github, store.url)
        async with Client(fake_github.token, base_url=fake_github.url) as gh:
            with pytest.raises(IncompleteDownload, match="; short responses: 100"):
                await work(gh.repo(REPOSITORY), tmp_path)  # type: ignore[operator]
        assert len(store.requests) == 100
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("work", [stream, download])
@fast
async def test_a_store_that_sends_a_little_in_slow_responses(work: object) -> None:
    """A store that sends 1 KiB in each slow response is given up at the policy's timeout."""

    def respond(request: StoreRequest) -> StoreResponse:
        span = request.span or (0, len(PAYLOAD))
        return evolve(serve(PAYLOAD, StoreRequest(0, {}, span), limit=2**10), delay=9)

    async with range_store(respond) as store, open_world() as world:
        made = add_artifact(world.fake, store.url)
        with (
            TemporaryDirectory() as directory,
            pytest.raises(IncompleteDownload, match=r"less than 64 KiB in 1[0-9]{2}\.[0-9] s"),
        ):
            await work(world.repo, Path(directory), made.id)  # type: ignore[operator]
        assert 120 < now() < 160
