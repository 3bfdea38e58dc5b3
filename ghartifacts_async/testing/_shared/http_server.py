"""An HTTP server that reads requests, calls a handler, and sends and logs the responses.

It decides nothing itself: the handler's `Response` even says where to drop the connection.
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
        origin: The name that the log uses for this server.
        handle: A function that returns an async context manager, which yields the response to a
            request. The server leaves the context after sending the response, even if sending
            fails.
        log: The log.
        latency: A function that returns the seconds to wait before each response.
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
            # A transport with unsent data does not close by itself if the client stopped reading.
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
            entry.status = 500  # aiohttp sends 500 if a test's function raises
            async with self._handle(entry.request) as response:
                dropped = response.disconnect == "before_headers"
                entry.status = None if dropped else response.status
                return await send(http, response, entry)
        finally:
            self._log.finish_request()
