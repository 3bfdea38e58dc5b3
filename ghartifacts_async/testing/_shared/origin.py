"""The thin edge: one listening socket, and replies put on the wire.

Nothing is decided here, not even where a connection is to be dropped: `Reply.cut` says that,
and `Reply.delivery` how a body goes wrong on its way.
"""

from __future__ import annotations

import asyncio
import io
import socket
import struct
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, closing
from typing import TYPE_CHECKING

import attrs
from aiohttp import web
from multidict import CIMultiDict

from ghartifacts_async.testing._shared.messages import Delivery, FileSlice, Reply, Request, phrase

if TYPE_CHECKING:
    from io import FileIO

    from ghartifacts_async.testing._shared import log as request_log

_SHUTDOWN_TIMEOUT = 0.05
_BUFFER = 1 << 20
_PIECE = 1 << 16
_PIECES_PER_SECOND = 10
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Origin:
    """Serves one function from `Request` to `Reply` on one address, and logs what comes.

    Args:
        name: The origin's name in the log.
        serve: The function; what it returns is left when the reply has been sent, or has not.
        log: The log.
        latency: Says how many seconds an answer takes.
    """

    def __init__(
        self,
        name: request_log.Origin,
        serve: Callable[[Request], AbstractAsyncContextManager[Reply]],
        log: request_log.RequestLog,
        latency: Callable[[], float],
    ) -> None:
        self._name: request_log.Origin = name
        self._serve = serve
        self._log = log
        self._latency = latency
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen, and return the base URL. `OSError` where the address cannot be had."""
        self._server = web.Server(
            self._handle, access_log=None, auto_decompress=False, handler_cancellation=True
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        address = self._runner.addresses[0]
        return f"http://{address[0]}:{address[1]}"

    async def close(self) -> None:
        """Stop listening and cut what is still connected."""
        if self._server is None or self._runner is None:
            return
        transports = [connection.transport for connection in self._server.connections]
        await self._runner.cleanup()
        for transport in transports:
            # A peer that has stopped reading would keep its unsent answer, and with it the
            # transport, alive for ever.
            if transport is not None:
                transport.abort()
        # The transports drop their sockets in the loop's next turn.
        await asyncio.sleep(0)

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        request = Request(http.method, http.raw_path, http.headers, connection=id(http.protocol))
        entry = self._log.arrived(self._name, request)
        try:
            if http.body_exists:
                entry.request = attrs.evolve(request, body=await http.read())
            if latency := self._latency():
                await asyncio.sleep(latency)
            entry.status = 500  # what the client gets where a callable of the test raises
            async with self._serve(entry.request) as reply:
                entry.status = None if reply.cut == "head" else reply.status
                return await _send(http, reply, entry)
        finally:
            self._log.finished()


async def _send(
    http: web.BaseRequest, reply: Reply, entry: request_log.Entry
) -> web.StreamResponse:
    if reply.delivery is not None:
        return await _deliver(http, reply, reply.delivery, entry)
    if reply.cut == "head":
        return await _send_cut(http, reply, b"", entry)
    if isinstance(reply.body, FileSlice):
        return await _send_file(http, reply, reply.body, entry)
    if reply.cut is not None:
        return await _send_cut(http, reply, reply.body, entry)
    response = web.Response(status=reply.status, headers=reply.headers, body=reply.body)
    await response.prepare(http)
    await response.write_eof()
    bodiless = http.method == "HEAD" or reply.status in {204, 304}
    entry.bytes_sent = 0 if bodiless else len(reply.body)
    return response


async def _send_cut(
    http: web.BaseRequest, reply: Reply, body: bytes, entry: request_log.Entry
) -> web.StreamResponse:
    """Send what is to be sent, and drop the connection behind it."""
    entry.bytes_sent = 0
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    if reply.cut == "body":
        response.content_length = len(body)
        await response.prepare(http)
        await response.write(body[: len(body) // 2])
        entry.bytes_sent = len(body) // 2
    if http.transport is not None:
        http.transport.close()
    return response


async def _send_file(
    http: web.BaseRequest, reply: Reply, body: FileSlice, entry: request_log.Entry
) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = body.length
    if http.method == "HEAD" or not body.length:
        await response.prepare(http)
        entry.bytes_sent = 0
        return response
    # Opened in place: a cancelled hop through a thread would leave the file open.
    with body.path.open("rb", buffering=0) as file:
        file.seek(body.offset)
        await response.prepare(http)
        try:
            await _pour(http, response, file, body)
        except OSError:
            entry.bytes_sent = file.tell() - body.offset
            raise
    entry.bytes_sent = body.length
    await response.write_eof()
    return response


async def _pour(
    http: web.BaseRequest, response: web.StreamResponse, file: FileIO, body: FileSlice
) -> None:
    """Send the slice, and leave the file's position behind what was sent."""
    if http.transport is None or http.transport.is_closing():
        raise ConnectionResetError("the client has gone")
    left = body.length
    try:
        loop = asyncio.get_running_loop()
        left -= await loop.sendfile(http.transport, file, body.offset, body.length)
    except NotImplementedError:
        # Some event loops have no sendfile.
        while left and (piece := file.read(min(left, _BUFFER))):
            await response.write(piece)
            left -= len(piece)
    if left:
        raise ConnectionAbortedError(f"{body.path} has become shorter")


async def _deliver(
    http: web.BaseRequest, reply: Reply, delivery: Delivery, entry: request_log.Entry
) -> web.StreamResponse:
    """Send the head as it is and the body piece by piece, up to where it is to stop."""
    writer, transport, loop = http.writer, http.transport, asyncio.get_running_loop()
    stop, sent = delivery.stop, 0
    try:
        if transport is None:
            raise ConnectionResetError("the client has gone")
        # What has been drained is then in the hands of the system, and not in a buffer.
        transport.set_write_buffer_limits(high=0)
        if reply.headers.get("Transfer-Encoding") == "chunked":
            writer.enable_chunking()
        line = f"HTTP/1.1 {reply.status} {phrase(reply.status)}"
        await writer.write_headers(line, CIMultiDict(reply.headers))
        writer.send_headers()
        began = loop.time()
        with closing(_pieces(reply, delivery)) as pieces:
            for piece in pieces:
                if delivery.pace is not None:
                    due = began + (sent + len(piece)) / delivery.pace
                    await asyncio.sleep(due - loop.time())
                await writer.write(piece)
                await writer.drain()
                if transport.is_closing():
                    raise ConnectionResetError("the client has gone")
                sent += len(piece)
        if stop is None:
            await writer.write_eof()
        elif stop.how == "stall":
            entry.bytes_sent = sent
            await loop.create_future()
        elif stop.how == "reset":
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
    except ConnectionError:
        return _Delivered(keep_alive=False)
    finally:
        entry.bytes_sent = sent
    return _Delivered(keep_alive=delivery.keep and http.keep_alive)


class _Delivered(web.StreamResponse):
    """What aiohttp is told about an answer that it has nothing to do with any more."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._kept = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection waits for another request."""
        return self._kept

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send no head: it has been sent."""

    async def write_eof(self, data: bytes = b"") -> None:
        """End no body: that has been done, or is not to be."""


def _pieces(reply: Reply, delivery: Delivery) -> Generator[bytearray, None, None]:
    """Read the body up to where it stops, with the bits that are to be wrong."""
    end, most, position = reply.length, _PIECE, 0
    if delivery.stop is not None:
        end = delivery.stop.after
    if delivery.pace is not None:
        most = min(most, max(1, int(delivery.pace / _PIECES_PER_SECOND)))
    with _opened(reply.body) as file:
        while position < end:
            piece = bytearray(file.read(min(most, end - position)))
            if not piece:
                raise ConnectionAbortedError("the file has become shorter")
            for at in delivery.flips:
                if position <= at < position + len(piece):
                    piece[at - position] ^= 1
            position += len(piece)
            yield piece


def _opened(body: bytes | FileSlice) -> io.RawIOBase | io.BytesIO:
    if not isinstance(body, FileSlice):
        return io.BytesIO(body)
    file = body.path.open("rb", buffering=0)
    file.seek(body.offset)
    return file
