"""Sending a `Response` over a connection of aiohttp's server."""

from __future__ import annotations

import asyncio
import io
import socket
import struct
import sys
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from ghartifacts_async.testing._shared.messages import (
    BodyFaults,
    FileSlice,
    Response,
    has_no_body,
    reason_phrase,
)

if TYPE_CHECKING:
    from io import FileIO

    from ghartifacts_async.testing._shared.request_log import LogEntry

_FILE_CHUNK = 1 << 20
_FAULTY_CHUNK = 1 << 16
_CHUNKS_PER_SECOND = 10
# SO_LINGER with a timeout of zero: closing the socket sends a reset.
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


async def send(http: web.BaseRequest, response: Response, entry: LogEntry) -> web.StreamResponse:
    """Send a response, and record the number of body bytes in the log entry.

    A client may disconnect at any time. That is not an error of the server.
    """
    try:
        return await _send(http, response, entry)
    except ConnectionError:
        return _AlreadySent(keep_alive=False)


async def _send(http: web.BaseRequest, response: Response, entry: LogEntry) -> web.StreamResponse:
    if response.body_faults is not None:
        return await _send_with_faults(http, response, response.body_faults, entry)
    if response.disconnect == "before_headers":
        return await _send_and_disconnect(http, response, b"", entry)
    if isinstance(response.body, FileSlice):
        return await _send_file(http, response, response.body, entry)
    if response.disconnect is not None:
        return await _send_and_disconnect(http, response, response.body, entry)
    sent = web.Response(status=response.status, headers=response.headers, body=response.body)
    await sent.prepare(http)
    await sent.write_eof()
    no_body = has_no_body(http.method, response.status)
    entry.bytes_sent = 0 if no_body else len(response.body)
    return sent


async def _send_and_disconnect(
    http: web.BaseRequest, response: Response, body: bytes, entry: LogEntry
) -> web.StreamResponse:
    """Close the connection before the headers, or after the headers and half the body."""
    entry.bytes_sent = 0
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    if response.disconnect == "mid_body":
        stream.content_length = len(body)
        await stream.prepare(http)
        await stream.write(body[: len(body) // 2])
        entry.bytes_sent = len(body) // 2
    if http.transport is not None:
        http.transport.close()
    return stream


async def _send_file(
    http: web.BaseRequest, response: Response, body: FileSlice, entry: LogEntry
) -> web.StreamResponse:
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = body.length
    if http.method == "HEAD" or not body.length:
        await stream.prepare(http)
        entry.bytes_sent = 0
        return stream
    # Open the file in this thread: cancelling an open in another thread would leak the file.
    with body.path.open("rb", buffering=0) as file:
        file.seek(body.offset)
        await stream.prepare(http)
        try:
            await _send_slice(http, stream, file, body)
        except OSError:
            entry.bytes_sent = file.tell() - body.offset
            raise
    entry.bytes_sent = body.length
    await stream.write_eof()
    return stream


async def _send_slice(
    http: web.BaseRequest, stream: web.StreamResponse, file: FileIO, body: FileSlice
) -> None:
    """Send the slice; leave the file positioned after the last byte sent."""
    if http.transport is None or http.transport.is_closing():
        raise ConnectionResetError("the client has closed the connection")
    remaining = body.length
    try:
        # Over TLS there is no sendfile, and asyncio's own fallback raises an AttributeError when
        # the client disconnects.
        if http.secure:
            raise NotImplementedError
        loop = asyncio.get_running_loop()
        remaining -= await loop.sendfile(http.transport, file, body.offset, body.length)
    except NotImplementedError:
        # Some event loops do not support sendfile.
        while remaining and (chunk := file.read(min(remaining, _FILE_CHUNK))):
            await stream.write(chunk)
            remaining -= len(chunk)
    if remaining:
        raise ConnectionAbortedError(f"{body.path} was truncated while it was being sent")


async def _send_with_faults(
    http: web.BaseRequest, response: Response, faults: BodyFaults, entry: LogEntry
) -> web.StreamResponse:
    """Send the headers unchanged, and the body in chunks up to the interruption, if any."""
    writer, transport, loop = http.writer, http.transport, asyncio.get_running_loop()
    interruption, sent = faults.interruption, 0
    try:
        if transport is None:
            raise ConnectionResetError("the client has closed the connection")
        # Without a write buffer, `drain` waits until the operating system has all bytes. A limit
        # of 0 would pause asyncio's TLS transport forever.
        transport.set_write_buffer_limits(high=int(http.secure))
        if response.headers.get("Transfer-Encoding") == "chunked":
            writer.enable_chunking()
        line = f"HTTP/1.1 {response.status} {reason_phrase(response.status)}"
        await writer.write_headers(line, CIMultiDict(response.headers))
        writer.send_headers()
        started = loop.time()
        with closing(_faulty_chunks(response, faults)) as chunks:
            for chunk in chunks:
                if faults.bytes_per_second is not None:
                    due = started + (sent + len(chunk)) / faults.bytes_per_second
                    await asyncio.sleep(due - loop.time())
                await writer.write(chunk)
                await writer.drain()
                if transport.is_closing():
                    raise ConnectionResetError("the client has closed the connection")
                sent += len(chunk)
        if interruption is None:
            await writer.write_eof()
        elif interruption.how == "stall":
            entry.bytes_sent = sent
            await loop.create_future()
        elif interruption.how == "reset":
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
    finally:
        entry.bytes_sent = sent
    return _AlreadySent(keep_alive=faults.keep_alive and http.keep_alive)


class _AlreadySent(web.StreamResponse):
    """A response for aiohttp whose headers and body have already been sent."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keeps_alive = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether aiohttp keeps the connection open for another request."""
        return self._keeps_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing: the headers have been sent."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the body has been sent as far as it should be."""


def _faulty_chunks(response: Response, faults: BodyFaults) -> Generator[bytearray, None, None]:
    """Yield the body in chunks, up to the interruption and with the flipped bits of `faults`."""
    end, largest, position = response.length, _FAULTY_CHUNK, 0
    if faults.interruption is not None:
        end = faults.interruption.after
    if faults.bytes_per_second is not None:
        largest = min(largest, max(1, int(faults.bytes_per_second / _CHUNKS_PER_SECOND)))
    with _open_body(response.body) as file:
        while position < end:
            chunk = bytearray(file.read(min(largest, end - position)))
            if not chunk:
                raise ConnectionAbortedError("the file was truncated while it was being sent")
            for index in faults.flipped:
                if position <= index < position + len(chunk):
                    chunk[index - position] ^= 1
            position += len(chunk)
            yield chunk


def _open_body(body: bytes | FileSlice) -> io.RawIOBase | io.BytesIO:
    if not isinstance(body, FileSlice):
        return io.BytesIO(body)
    file = body.path.open("rb", buffering=0)
    file.seek(body.offset)
    return file
