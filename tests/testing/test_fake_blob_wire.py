"""Faults of the blob host: how an answer travels, byte for byte."""

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
from tests.testing.support import CONTENT, REPOSITORY, Ask, Signed, connect, flow, get, locate, sent


async def test_truncate(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """A truncated body promises the whole, and its connection ends in good order."""
    fake.fail_blobs_next(*[BlobFault.truncate(after=100)] * 2)
    head, body = await flow(url)
    assert b"Content-Length: 1024" in head
    assert (body, await sent(fake)) == (CONTENT[:100], 100)
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(url)


async def test_reset(fake: FakeGitHub, url: str) -> None:
    """A reset comes after the bytes that were to be sent, even after none."""
    for after in (100, 0):
        fake.fail_blobs_next(BlobFault.reset(after=after))
        reader, writer = await connect(url)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(after) == CONTENT[:after]
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.transport.abort()
        assert await sent(fake) == after


async def test_dropped(fake: FakeGitHub, url: str) -> None:
    """A connection can be dropped before the answer, of which the log then has no status."""
    fake.fail_blobs_next(BlobFault.dropped())
    assert await flow(url) == (b"", b"")
    assert await sent(fake) == 0
    assert fake.requests_to("blob")[-1].status is None


async def test_stall_until_the_client_goes(fake: FakeGitHub, url: str) -> None:
    """A stall sends what it is to send, and lasts until the client goes."""
    fake.fail_blobs_next(BlobFault.stall(after=100))
    reader, writer = await connect(url)
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(100) == CONTENT[:100]
    assert fake.requests_to("blob")[-1].bytes_sent == 100
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read()
    writer.transport.abort()
    assert await sent(fake) == 100


@pytest.mark.parametrize("fault", [BlobFault.stall(after=1), BlobFault.throttle(1)])
@pytest.mark.parametrize("leave", [True, False])
async def test_nothing_is_left(fault: BlobFault, leave: bool) -> None:
    """No task is left of a stall or a drip, whether the client goes or the server closes."""
    async with aiohttp.ClientSession() as http, FakeGitHub() as fake:
        fake.fail_blobs_when(lambda _: fault)
        location = await locate(fake, http, CONTENT)
        reader, writer = await connect(location)
        await reader.readuntil(b"\r\n\r\n")
        if leave:
            writer.transport.abort()
            assert await sent(fake) in {0, 1}
        async with asyncio.timeout(30):
            await fake.close()
        assert fake.requests_to("blob")[-1].bytes_sent in {0, 1}
        writer.transport.abort()
    del reader, writer
    await asyncio.sleep(0)
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("fault", [BlobFault.flip(at=5), BlobFault.chunked()])
async def test_client_goes_while_bytes_flow(
    fake: FakeGitHub, signed: Signed, fault: BlobFault, caplog: pytest.LogCaptureFixture
) -> None:
    """Who goes in the middle of a body has been sent a part of it, and nothing is complained of."""
    location = await signed(fake.add_artifact(REPOSITORY, "big", bytes(64 << 20), digest=None).id)
    fake.fail_blobs_next(fault)
    reader, writer = await connect(location)
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()
    count = await sent(fake)
    assert count is not None
    assert count < 64 << 20
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


async def test_file_that_shrinks(
    fake: FakeGitHub, ask: Ask, signed: Signed, tmp_path: Path
) -> None:
    """A file that becomes shorter while it is sent is a body that ends too early."""
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
    assert (await ask(location)).body == CONTENT[:10]


@pytest.mark.parametrize(("pace", "size"), [(0.5, 6), (7.0, 100), (300.0, 60_000), (1e6, 5 << 20)])
def test_throttle(pace: float, size: int) -> None:
    """A body comes at its pace on the loop's clock, be it a drip or a torrent."""

    @fast
    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with FakeGitHub(now=wall) as fake, aiohttp.ClientSession() as http:
            location = await locate(fake, http, bytes(size))
            fake.fail_blobs_next(BlobFault.throttle(pace))
            async with http.get(URL(location, encoded=True)) as response:
                began, received = loop.time(), 0
                async for piece in response.content.iter_any():
                    received += len(piece)
                    assert loop.time() - began >= received / pace * 0.99 - 0.01
            assert received == size
            assert loop.time() - began == pytest.approx(size / pace, rel=0.05)

    run()


async def test_kept_connection(fake: FakeGitHub, url: str) -> None:
    """A body that arrives whole leaves its connection to the next request."""
    fake.fail_blobs_next(BlobFault.flip(at=1), BlobFault.throttle(1e9), BlobFault.chunked(), 503)
    reader, writer = await connect(url)
    async with asyncio.timeout(30):
        for end in [CONTENT[-99:], CONTENT[-99:], b"\r\n0\r\n\r\n", b"</Error>", CONTENT[-99:]]:
            await reader.readuntil(end)
            get(writer, url)
    writer.transport.abort()


@pytest.mark.parametrize("length", [0, 10, 5000])
async def test_length(fake: FakeGitHub, url: str, length: int) -> None:
    """Content-Length can say anything, and what there is comes all the same."""
    fake.fail_blobs_next(BlobFault.length(length))
    head, body = await flow(url)
    assert f"Content-Length: {length}" in head.decode().splitlines()
    assert (body, await sent(fake)) == (CONTENT, 1024)


async def test_no_length(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """Without a Content-Length the connection's end is the body's, a truncated one's too."""
    fake.fail_blobs_next(
        BlobFault.length(None), BlobFault.length(None) & BlobFault.truncate(after=9)
    )
    for body in (CONTENT, CONTENT[:9]):
        answer = await ask(url)
        assert answer.body == body
        assert not {"Content-Length", "Transfer-Encoding"} & answer.headers.keys()


async def test_chunked(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """A body in chunks tells no length, but where it ends."""
    fault = BlobFault.chunked()
    fake.fail_blobs_next(fault, fault & BlobFault.truncate(after=9))
    answer = await ask(url, Range="bytes=1-1000")
    assert (answer.status, answer.body) == (206, CONTENT[1:1001])
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in answer.headers
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(url)


async def test_sendfile_stays(
    fake: FakeGitHub, ask: Ask, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that does not concern the body does not slow it down."""
    loop = asyncio.get_running_loop()
    sendfile, calls = loop.sendfile, 0

    async def count(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        return await sendfile(*arguments)

    monkeypatch.setattr(loop, "sendfile", count)
    fake.fail_blobs_when(lambda _: BlobFault.etag(None) & BlobFault.flip(at=5))
    assert (await ask(url, Range="bytes=6-")).body == CONTENT[6:]
    assert calls == 1
    assert (await ask(url)).status == 200
    assert calls == 1
