"""Faults that affect how the blob store sends a response body."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.clock import fast, wall
from tests.testing.support import (
    CONTENT,
    REPOSITORY,
    Send,
    Signed,
    add_and_sign,
    connect,
    fetch_raw,
    last_bytes_sent,
    send_get,
)


async def test_a_truncated_body(fake: FakeGitHub, send: Send, url: str) -> None:
    """A truncated response has the full Content-Length, and its connection is closed normally."""
    fake.fail_blobs_next(*[BlobFault.truncate(after=100)] * 2)
    head, body = await fetch_raw(url)
    assert b"Content-Length: 1024" in head
    assert (body, await last_bytes_sent(fake)) == (CONTENT[:100], 100)
    with pytest.raises(aiohttp.ClientPayloadError):
        await send(url)


async def test_a_reset_connection(fake: FakeGitHub, url: str) -> None:
    """The connection is reset after the given number of bytes, which may be 0."""
    for after in (100, 0):
        fake.fail_blobs_next(BlobFault.reset(after=after))
        reader, writer = await connect(url)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(after) == CONTENT[:after]
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.transport.abort()
        assert await last_bytes_sent(fake) == after


async def test_a_dropped_connection(fake: FakeGitHub, url: str) -> None:
    """A connection can be dropped before the response. The log then has no status."""
    fake.fail_blobs_next(BlobFault.dropped())
    assert await fetch_raw(url) == (b"", b"")
    assert await last_bytes_sent(fake) == 0
    assert fake.requests_to("blob")[-1].status is None


async def test_a_stalled_body(fake: FakeGitHub, url: str) -> None:
    """A stalled response sends some bytes, and then nothing until the client disconnects."""
    fake.fail_blobs_next(BlobFault.stall(after=100))
    reader, writer = await connect(url)
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(100) == CONTENT[:100]
    assert fake.requests_to("blob")[-1].bytes_sent == 100
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read()
    writer.transport.abort()
    assert await last_bytes_sent(fake) == 100


@pytest.mark.parametrize("fault", [BlobFault.stall(after=1), BlobFault.throttle(1)])
@pytest.mark.parametrize("disconnect", [True, False])
async def test_no_task_is_left(fault: BlobFault, disconnect: bool) -> None:
    """A stalled or slow response leaves no task after a disconnect or after the server closes."""
    async with aiohttp.ClientSession() as http, FakeGitHub() as fake:
        fake.fail_blobs_when(lambda _: fault)
        location = await add_and_sign(fake, http, CONTENT)
        reader, writer = await connect(location)
        await reader.readuntil(b"\r\n\r\n")
        if disconnect:
            writer.transport.abort()
            assert await last_bytes_sent(fake) in {0, 1}
        async with asyncio.timeout(30):
            await fake.close()
        assert fake.requests_to("blob")[-1].bytes_sent in {0, 1}
        writer.transport.abort()
    del reader, writer
    await asyncio.sleep(0)
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("fault", [BlobFault.flip(at=5), BlobFault.chunked()])
async def test_a_client_that_disconnects_during_the_body(
    fake: FakeGitHub, signed: Signed, fault: BlobFault, caplog: pytest.LogCaptureFixture
) -> None:
    """If a client disconnects during the body, aiohttp logs no message."""
    location = await signed(fake.add_artifact(REPOSITORY, "big", bytes(64 << 20), digest=None).id)
    fake.fail_blobs_next(fault)
    reader, writer = await connect(location)
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()
    count = await last_bytes_sent(fake)
    assert count is not None
    assert count < 64 << 20
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


async def test_a_file_truncated_while_it_is_sent(
    fake: FakeGitHub, send: Send, signed: Signed, tmp_path: Path
) -> None:
    """If a file is truncated while it is sent, the body ends early."""
    path = tmp_path / "dist.zip"
    path.write_bytes(CONTENT)
    location = await signed(fake.add_artifact(REPOSITORY, "dist", path).id)
    fake.fail_blobs_next(BlobFault.throttle(5000))
    reader, writer = await connect(location)
    await reader.readuntil(b"\r\n\r\n")
    path.write_bytes(CONTENT[:10])
    async with asyncio.timeout(30):
        assert len(await reader.read()) < len(CONTENT)
    writer.transport.abort()
    assert (await send(location)).body == CONTENT[:10]


@pytest.mark.parametrize(("pace", "size"), [(0.5, 6), (7.0, 100), (300.0, 60_000), (1e6, 5 << 20)])
def test_a_throttled_body(pace: float, size: int) -> None:
    """A body is sent at the given rate, measured by the event loop's clock."""

    @fast
    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with FakeGitHub(now=wall) as fake, aiohttp.ClientSession() as http:
            location = await add_and_sign(fake, http, bytes(size))
            fake.fail_blobs_next(BlobFault.throttle(pace))
            async with http.get(URL(location, encoded=True)) as response:
                started, received = loop.time(), 0
                async for chunk in response.content.iter_any():
                    received += len(chunk)
                    assert loop.time() - started >= received / pace * 0.99 - 0.01
            assert received == size
            assert loop.time() - started == pytest.approx(size / pace, rel=0.05)

    run()


async def test_a_connection_is_reused(fake: FakeGitHub, url: str) -> None:
    """A connection can be reused after a faulty response whose body is complete."""
    fake.fail_blobs_next(BlobFault.flip(at=1), BlobFault.throttle(1e9), BlobFault.chunked(), 503)
    reader, writer = await connect(url)
    async with asyncio.timeout(30):
        for end in [CONTENT[-99:], CONTENT[-99:], b"\r\n0\r\n\r\n", b"</Error>", CONTENT[-99:]]:
            await reader.readuntil(end)
            send_get(writer, url)
    writer.transport.abort()


@pytest.mark.parametrize("length", [0, 10, 5000])
async def test_a_wrong_content_length(fake: FakeGitHub, url: str, length: int) -> None:
    """Content-Length can be wrong; the whole body is sent regardless."""
    fake.fail_blobs_next(BlobFault.length(length))
    head, body = await fetch_raw(url)
    assert f"Content-Length: {length}" in head.decode().splitlines()
    assert (body, await last_bytes_sent(fake)) == (CONTENT, 1024)


async def test_no_content_length(fake: FakeGitHub, send: Send, url: str) -> None:
    """Without Content-Length, the end of the connection marks the end of the body."""
    fake.fail_blobs_next(
        BlobFault.length(None), BlobFault.length(None) & BlobFault.truncate(after=9)
    )
    for body in (CONTENT, CONTENT[:9]):
        response = await send(url)
        assert response.body == body
        assert not {"Content-Length", "Transfer-Encoding"} & response.headers.keys()


async def test_a_chunked_body(fake: FakeGitHub, send: Send, url: str) -> None:
    """A chunked body has no Content-Length, and a client detects that it was truncated."""
    fault = BlobFault.chunked()
    fake.fail_blobs_next(fault, fault & BlobFault.truncate(after=9))
    response = await send(url, Range="bytes=1-1000")
    assert (response.status, response.body) == (206, CONTENT[1:1001])
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in response.headers
    with pytest.raises(aiohttp.ClientPayloadError):
        await send(url)


async def test_unaffected_bodies_use_sendfile(
    fake: FakeGitHub, send: Send, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body is sent by sendfile if the fault affects only other bytes or headers."""
    loop = asyncio.get_running_loop()
    sendfile, calls = loop.sendfile, 0

    async def count(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        return await sendfile(*arguments)

    monkeypatch.setattr(loop, "sendfile", count)
    fake.fail_blobs_when(lambda _: BlobFault.etag(None) & BlobFault.flip(at=5))
    assert (await send(url, Range="bytes=6-")).body == CONTENT[6:]
    assert calls == 1
    assert (await send(url)).status == 200
    assert calls == 1
