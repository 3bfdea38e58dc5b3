"""An HTTP server that reads requests, calls a handler, and sends and logs the responses.

It decides nothing itself: the handler's `Response` even says where to drop the connection.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import attrs
from aiohttp import web

from ghartifacts_async.testing._shared.messages import Request, Response
from ghartifacts_async.testing._shared.request_log import OriginName
from ghartifacts_async.testing._shared.sending import send

if TYPE_CHECKING:
    from ghartifacts_async.testing._shared.request_log import RequestLog

_SHUTDOWN_TIMEOUT = 0.05

Handler = Callable[[Request], AbstractAsyncContextManager[Response]]
Router = Callable[[Request], tuple[OriginName, Handler]]

_ABSOLUTE = re.compile(r"(https?)://(?:[^/?#@]*@)?([^/?#@]+)(.*)", re.IGNORECASE | re.DOTALL)
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a caller may choose them
"""Addresses that stand for every address of the system, and one that a client can connect to."""


class HttpServer:
    """An HTTP server on one address.

    Args:
        route: A function that returns the origin of a request, for the log, and the handler. The
            handler is a function that returns an async context manager, which yields the response.
            The server leaves the context after sending the response, even if sending fails.
        log: The log.
        latency: A function that returns the seconds to wait before each response.
        tls: The certificate of the server; None for plain HTTP.
    """

    def __init__(
        self,
        route: Router,
        log: RequestLog,
        latency: Callable[[], float],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._route = route
        self._log = log
        self._latency = latency
        self._tls = tls
        self._url = ""
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Start listening and return the base URL. Port 0 chooses a free port.

        Raises:
            OSError: The address is not available.
        """
        self._server = web.Server(
            self._serve, access_log=None, auto_decompress=False, handler_cancellation=True
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=self._tls).start()
        address, port = self._runner.addresses[0][:2]
        address = str(_WILDCARDS.get(address, address))
        scheme, name = (
            "https" if self._tls else "http",
            f"[{address}]" if ":" in address else address,
        )
        self._url = f"{scheme}://{name}:{port}"
        return self._url

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
        request = self._read_head(http)
        origin, handle = self._route(request)
        entry = self._log.start_request(origin, request)
        try:
            if http.body_exists:
                entry.request = attrs.evolve(request, body=await http.read())
            if latency := self._latency():
                await asyncio.sleep(latency)
            entry.status = 500  # aiohttp sends 500 if a test's function raises
            async with handle(entry.request) as response:
                dropped = response.disconnect == "before_headers"
                entry.status = None if dropped else response.status
                return await send(http, response, entry)
        finally:
            self._log.finish_request()

    def _read_head(self, http: web.BaseRequest) -> Request:
        """Return the request without its body.

        Source:
            RFC 9112, section 3.2.2, on targets that are an absolute URL.
        """
        absolute = _ABSOLUTE.fullmatch(http.raw_path)
        if absolute:
            origin, target = f"{absolute[1]}://{absolute[2]}".lower(), absolute[3]
            target = target if target.startswith("/") else f"/{target}"
        else:
            scheme, host = self._url.split("://")
            origin, target = f"{scheme}://{http.headers.get('Host') or host}", http.raw_path
        return Request(
            http.method,
            target,
            http.headers,
            connection=id(http.protocol),
            origin=origin,
            is_proxied=absolute is not None,
        )
