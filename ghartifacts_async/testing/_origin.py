"""The thin edge: one listening socket, and replies put on the wire.

Nothing is decided here, not even where a connection is to be dropped: `Reply.cut` says that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import attrs
from aiohttp import web

from ghartifacts_async.testing._messages import FileSlice, Reply, Request

if TYPE_CHECKING:
    from io import FileIO

    from ghartifacts_async.testing import _log

_SHUTDOWN_TIMEOUT = 0.05
_BUFFER = 1 << 20


class Origin:
    """Serves one function from `Request` to `Reply` on one address, and logs what comes.

    Args:
        name: The origin's name in the log.
        serve: The function; what it returns is left when the reply has been sent, or has not.
        log: The log.
    """

    def __init__(
        self,
        name: _log.Origin,
        serve: Callable[[Request], AbstractAsyncContextManager[Reply]],
        log: _log.RequestLog,
    ) -> None:
        self._name: _log.Origin = name
        self._serve = serve
        self._log = log
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
            entry.status = 500  # what the client gets where a callable of the test raises
            async with self._serve(entry.request) as reply:
                entry.status = None if reply.cut == "head" else reply.status
                return await _send(http, reply, entry)
        finally:
            self._log.finished()


async def _send(http: web.BaseRequest, reply: Reply, entry: _log.Entry) -> web.StreamResponse:
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
    http: web.BaseRequest, reply: Reply, body: bytes, entry: _log.Entry
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
    http: web.BaseRequest, reply: Reply, body: FileSlice, entry: _log.Entry
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
