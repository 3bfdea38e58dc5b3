"""A listening HTTP server: it reads requests, calls a handler, sends and logs the responses.

It makes no decisions. The handler's `Response` states even where to drop the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import attrs
from aiohttp import web

from ghartifacts_async.testing._shared.messages import Request, Response
from ghartifacts_async.testing._shared.sending import send

if TYPE_CHECKING:
    from ghartifacts_async.testing._shared.request_log import OriginName, RequestLog

_SHUTDOWN_TIMEOUT = 0.05

Handler = Callable[[Request], AbstractAsyncContextManager[Response]]


class HttpServer:
    """An HTTP server on one address.

    Args:
        origin: The name of the origin in the log.
        handle: Returns a context manager that yields the response to a request. The server
            leaves the context when it has sent the response or failed to send it.
        log: The log.
        latency: Returns the seconds to wait before each response.
    """

    def __init__(
        self,
        origin: OriginName,
        handle: Handler,
        log: RequestLog,
        latency: Callable[[], float],
    ) -> None:
        self._origin: OriginName = origin
        self._handle = handle
        self._log = log
        self._latency = latency
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Start listening and return the base URL.

        Raises:
            OSError: The address is not available.
        """
        self._server = web.Server(
            self._serve, access_log=None, auto_decompress=False, handler_cancellation=True
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        address = self._runner.addresses[0]
        return f"http://{address[0]}:{address[1]}"

    async def close(self) -> None:
        """Stop listening and abort the open connections."""
        if self._server is None or self._runner is None:
            return
        transports = [connection.transport for connection in self._server.connections]
        await self._runner.cleanup()
        for transport in transports:
            # If the peer has stopped reading, a transport with unsent data never closes.
            if transport is not None:
                transport.abort()
        # An aborted transport closes its socket in the next iteration of the event loop.
        await asyncio.sleep(0)

    async def _serve(self, http: web.BaseRequest) -> web.StreamResponse:
        request = Request(http.method, http.raw_path, http.headers, connection=id(http.protocol))
        entry = self._log.start_request(self._origin, request)
        try:
            if http.body_exists:
                entry.request = attrs.evolve(request, body=await http.read())
            if latency := self._latency():
                await asyncio.sleep(latency)
            entry.status = 500  # what aiohttp sends if a callable of the test raises
            async with self._handle(entry.request) as response:
                dropped = response.disconnect == "before_headers"
                entry.status = None if dropped else response.status
                return await send(http, response, entry)
        finally:
            self._log.finish_request()
