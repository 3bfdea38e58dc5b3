"""A blob store with keep-alive, and the four ways to receive its bodies."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import trustme
from attrs import define, field

from ghartifacts_async._http.connection_pool import ConnectionPool
from ghartifacts_async._http.transport import Transport
from ghartifacts_async.models import Timeouts

SIZE = 5 * 2**20
PAYLOAD = b"".join(index.to_bytes(4, "big") for index in range(SIZE // 4))

Send = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


@define
class Store:
    """A blob store with keep-alive.

    Attributes:
        send: Sends the body of a response, after its head. It may send it wrongly.
        payload: The blob.
        latency: Seconds before each response.
        chunked: Whether to send bodies in chunks, so that aiohttp receives them.
        repeats: How often a body repeats the requested bytes.
        connections: Number of connections accepted so far.
        sent: Number of body bytes that the kernel has taken so far.
    """

    send: Send
    payload: bytes = PAYLOAD
    latency: float = 0.0
    chunked: bool = False
    repeats: int = 1
    connections: int = 0
    sent: int = 0
    url: str = ""
    _writers: list[asyncio.StreamWriter] = field(factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"(?i)range: bytes=(\d+)-(\d+)", head)
                size = len(self.payload)
                start, stop = (int(found[1]), int(found[2]) + 1) if found else (0, size)
                await asyncio.sleep(self.latency)
                body = self.payload[start:stop] * self.repeats
                length = b"Content-Length: %d" % len(body)
                framing = b"Transfer-Encoding: chunked" if self.chunked else length
                writer.write(
                    b"HTTP/1.1 206 Partial Content\r\n%s\r\n"
                    b"Content-Range: bytes %d-%d/%d\r\n\r\n" % (framing, start, stop - 1, size)
                )
                if self.chunked:
                    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
                await self.send(writer, body)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()

    async def send_all(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        """Send a body in pieces and count what the kernel has taken."""
        for start in range(0, len(body), 2**16):
            writer.write(body[start : start + 2**16])
            await writer.drain()
            self.sent += 2**16

    def abort(self) -> None:
        """Break all connections."""
        for writer in self._writers:
            writer.transport.abort()


@define
class Case:
    """How a test runs: with TLS or without, on asyncio's loop or uvloop's."""

    tls: bool
    uvloop: bool
    authority: trustme.CA = field(factory=trustme.CA)

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        """Run a test on the event loop of this case."""
        if self.uvloop:
            import uvloop

            factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
        else:
            factory = None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(test, 60))

    @asynccontextmanager
    async def store(self, send: Send | None = None, **options: Any) -> AsyncIterator[Store]:
        """Run a store. Without `send`, it sends bodies rightly."""
        store = Store(send or (lambda writer, body: store.send_all(writer, body)), **options)
        context = None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert("127.0.0.1").configure_cert(context)
        server = await asyncio.start_server(store.serve, "127.0.0.1", 0, ssl=context)
        host, port = server.sockets[0].getsockname()
        store.url = f"http{'s' if self.tls else ''}://{host}:{port}/blob?sig=abc"
        try:
            yield store
        finally:
            store.abort()
            server.close()

    @asynccontextmanager
    async def transport(self, timeouts: Timeouts = Timeouts()) -> AsyncIterator[Transport]:
        """Open a transport that trusts the store."""
        trust = ssl.create_default_context()
        self.authority.configure_trust(trust)
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as session:
            transport = Transport(
                session, pool=ConnectionPool(session), user_agent="test", timeouts=timeouts
            )
            await transport.open()
            try:
                yield transport
            finally:
                await transport.close()
