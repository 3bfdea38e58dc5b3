"""Large response bodies: every byte once, in order, with bounded memory, on one connection."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ghartifacts_async._http.buffered_body import BufferedBody, BufferPool
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.streamed_response import StreamedResponse
from ghartifacts_async._http.transport import Transport
from ghartifacts_async.errors import ClientStateError, ConnectionFailed, TimedOut
from ghartifacts_async.models import Timeouts
from tests.http.body_store import PAYLOAD, SIZE, Case, Store


@pytest.fixture(
    params=["plain", "plain, uvloop", "TLS", "TLS, uvloop"] if sys.platform != "win32" else ["TLS"]
)
def case(request: pytest.FixtureRequest) -> Case:
    """Return the four ways to receive a body."""
    return Case(tls="TLS" in request.param, uvloop="uvloop" in request.param)


@asynccontextmanager
async def opened(
    transport: Transport, store: Store, start: int = 0, stop: int = SIZE
) -> AsyncIterator[StreamedResponse]:
    """Request a range of the payload."""
    url = SignedUrl(store.url)
    async with transport.stream(url, {"Range": f"bytes={start}-{stop - 1}"}) as response:
        yield response


async def read_on(response: StreamedResponse, transport: Transport, received: bytearray) -> None:
    """Read the rest of a body."""
    while chunk := await response.read():
        received += chunk
        transport.buffers.release(chunk)


def test_buffers_are_used_again() -> None:
    """A released buffer receives the next bytes, and none is kept when no body is received."""
    pool = BufferPool()
    pool.join()
    chunk = pool.take()
    buffer = chunk.obj
    pool.release(chunk)
    pool.release(b"of aiohttp's own stream")
    chunk = pool.take()
    assert chunk.obj is buffer
    pool.release(chunk)
    pool.leave()
    assert pool.take().obj is not buffer


def test_all_buffers_of_a_body_are_used_again() -> None:
    """The buffers that one body may fill before they are read are all used again."""
    pool = BufferPool()
    pool.join()
    chunks = [pool.take() for _ in range(pool.max_unread)]
    buffers = [chunk.obj for chunk in chunks]
    for chunk in chunks:
        pool.release(chunk)
    again = {id(pool.take().obj) for _ in buffers}
    assert again == {id(buffer) for buffer in buffers}


def test_a_body_arrives_whole_on_one_connection(case: Case) -> None:
    """Eight segments of a payload are the right bytes, and take one connection."""

    async def test() -> None:
        async with case.store() as store, case.transport() as transport:
            for _ in range(2):
                received = bytearray()
                edges = [*range(0, SIZE, 5 * 2**18), SIZE]
                for start, stop in itertools.pairwise(edges):
                    async with opened(transport, store, start, stop) as response:
                        await read_on(response, transport, received)
                assert received == PAYLOAD
            assert store.connections == 1
            assert transport.bytes_received == 2 * SIZE

    case.run(test())


def test_concurrent_bodies_do_not_mix(case: Case) -> None:
    """Twelve bodies that are received at the same time are all right."""

    async def test() -> None:
        async with case.store() as store, case.transport() as transport:

            async def receive() -> bytearray:
                received = bytearray()
                async with opened(transport, store) as response:
                    await read_on(response, transport, received)
                return received

            bodies = await asyncio.gather(*(receive() for _ in range(12)))
            assert all(body == PAYLOAD for body in bodies)

    case.run(test())


def test_a_slow_reader_slows_the_store_down(case: Case) -> None:
    """While the reader waits, the store can send only what fits into buffers of bounded size."""

    async def test() -> None:
        async with case.store(repeats=10) as store, case.transport() as transport:
            received = 0
            async with transport.stream(SignedUrl(store.url), {}) as response:
                transport.buffers.release(await response.read())
                await asyncio.sleep(0.5)
                sent = store.sent
                while chunk := await response.read():
                    received += len(chunk)
                    transport.buffers.release(chunk)
            assert sent < 5 * SIZE
            assert store.sent == 10 * SIZE
            assert received > 9 * SIZE

    case.run(test())


def test_an_early_end_keeps_the_received_bytes(case: Case) -> None:
    """All bytes before an early end are delivered, then the read raises ConnectionFailed."""

    async def test() -> None:
        for end in ("write_eof", "abort"):

            async def send(writer: asyncio.StreamWriter, body: bytes, end: str = end) -> None:
                writer.write(body[:3_000_000])
                await writer.drain()
                await asyncio.sleep(0.3)
                if end == "abort":
                    writer.transport.abort()
                else:
                    writer.close()

            async with case.store(send) as store, case.transport() as transport:
                received = bytearray()
                async with opened(transport, store) as response:
                    with pytest.raises(ConnectionFailed):
                        await read_on(response, transport, received)
                assert received == PAYLOAD[:3_000_000]

    case.run(test())


def test_a_mistake_is_no_broken_connection(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RuntimeError on an open connection comes from a mistake, and is raised unchanged."""

    async def test() -> None:
        async with case.store() as store, case.transport() as transport:

            def fail() -> memoryview:
                raise RuntimeError("a mistake")

            # No bytes and no system call lead to a RuntimeError.
            monkeypatch.setattr(transport.buffers, "take", fail)
            async with opened(transport, store) as response:
                with pytest.raises(RuntimeError, match="a mistake"):
                    await response.read()

    case.run(test())


def test_a_stalled_body(case: Case) -> None:
    """Bytes are delivered soon after they arrive; a body that then stalls raises TimedOut."""

    async def send(writer: asyncio.StreamWriter, body: bytes) -> None:
        writer.write(body[:2_000_000])
        await asyncio.sleep(60)

    async def test() -> None:
        timeouts = Timeouts(stall=0.5)
        async with case.store(send) as store, case.transport(timeouts) as transport:
            received = bytearray()
            async with opened(transport, store) as response:
                with pytest.raises(TimedOut):
                    await read_on(response, transport, received)
            assert received == PAYLOAD[:2_000_000]

    case.run(test())


def test_bytes_beyond_the_body_are_dropped(case: Case) -> None:
    """Bytes that follow a body are neither part of it nor of the next response."""

    async def test() -> None:
        async with case.store() as store, case.transport() as transport:

            async def send(writer: asyncio.StreamWriter, body: bytes) -> None:
                await store.send_all(writer, body + b"HTTP/1.1 200 OK\r\n" * 100)

            store.send = send
            for _ in range(3):
                received = bytearray()
                async with opened(transport, store) as response:
                    await read_on(response, transport, received)
                assert received == PAYLOAD
                await asyncio.sleep(0.1)

    case.run(test())


def test_cancelled_reads_leave_nothing(case: Case) -> None:
    """A read can be cancelled and repeated; closing the response ends its connection."""

    async def send(writer: asyncio.StreamWriter, body: bytes) -> None:
        for start in range(0, len(body), 2**18):
            writer.write(body[start : start + 2**18])
            await writer.drain()
            await asyncio.sleep(0.02)

    async def test() -> None:
        async with case.store(send) as store, case.transport() as transport:
            for after in (SIZE, 2_000_000, 1):
                received = bytearray()
                async with opened(transport, store) as response:
                    while len(received) < after:
                        read = asyncio.ensure_future(response.read())
                        done, _ = await asyncio.wait([read], timeout=0.005)
                        if done:
                            received += read.result()
                        else:
                            read.cancel()
                            await asyncio.wait([read])
                assert received == PAYLOAD[: len(received)]
            del response
            for _ in range(100):
                gc.collect()
                if not any(isinstance(one, BufferedBody) for one in gc.get_objects()):
                    break
                await asyncio.sleep(0.02)
            else:
                pytest.fail("a body is still referenced")

    case.run(test())


def test_closing_the_client_ends_a_read(case: Case) -> None:
    """A read that waits when the client is closed raises ClientStateError."""

    async def send(writer: asyncio.StreamWriter, body: bytes) -> None:
        writer.write(body[:2_000_000])
        await asyncio.sleep(60)

    async def test() -> None:
        async with (
            case.store(send) as store,
            case.transport() as transport,
            opened(transport, store) as response,
        ):
            received = bytearray()
            while len(received) < 2_000_000:
                received += await response.read()
            read = asyncio.ensure_future(response.read())
            await asyncio.sleep(0.1)
            await transport.close()
            with pytest.raises(ClientStateError):
                await read

    case.run(test())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_nothing_is_lost_at_a_latency_of_40_ms(tls: bool) -> None:
    """At 40 ms, eight segments take as long as through aiohttp's own stream."""
    seconds = dict[bool, float]()

    async def test(chunked: bool) -> None:
        case = Case(tls, uvloop=False)
        async with (
            case.store(latency=0.04, chunked=chunked) as store,
            case.transport() as transport,
        ):
            started_at = time.perf_counter()
            for _ in range(8):
                async with opened(transport, store, 0, 2**20) as response:
                    await read_on(response, transport, bytearray())
            seconds[chunked] = time.perf_counter() - started_at
            assert store.connections == 1

    for chunked in (True, False):
        Case(tls, uvloop=False).run(test(chunked))
    assert seconds[False] < 1.5 * seconds[True]
