"""HTTP requests and streamed responses.

Every client has a session of its own. If the caller passes a session, the client uses its connector
(pool, TLS, resolver), its proxy and its trace configs, but not its default headers, cookies, netrc,
middlewares and total timeout.

Errors of this library replace the exceptions of aiohttp. They are not chained, because their
messages contain whole signed URLs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from urllib.parse import urlsplit

import aiohttp

from ghartifacts_async._http.buffered_body import BufferPool
from ghartifacts_async._http.connection_pool import ConnectionPool, check_borrowed
from ghartifacts_async._http.exception_mapping import (
    MAX_HEADER,
    REQUEST_EXCEPTIONS,
    encoded_url,
    headers_too_large,
    map_exception,
)
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import Redactor, Secret, plain
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.streamed_response import RawResponse, StreamedResponse
from ghartifacts_async._http.traces import CallbackFailed, set_trace_configs, signed_request
from ghartifacts_async._http.urls import host_of
from ghartifacts_async.errors import ArtifactsError, ClientStateError, UnexpectedReply
from ghartifacts_async.models import Timeouts

MAX_REPLY_BYTES = 4 * 2**20
"""Maximum size of an API response; a page of artifacts is much smaller."""

_READ_BUFFER = 2**16


class Transport:
    """The HTTP session of a client.

    Call `open` in a running event loop before the first request, and `close` at the end.

    Args:
        session: The caller's session, whose connection pool is used but never closed; ``None`` to
            use a new pool.
        pool: The limit on concurrent connections, and the proxy.
        user_agent: Value of the ``User-Agent`` header of every request.
        timeouts: Time limits of requests and responses.
        ssl_context: TLS settings of a new pool; ``None`` for the default ones.

    Attributes:
        pool: The limit on concurrent connections, and the proxy.
        buffers: The buffers of large bodies.
        redactor: The secrets that were sent last, which no text from a response may show.
        bytes_received: Number of bytes of streamed bodies received so far.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession | None,
        *,
        user_agent: str,
        timeouts: Timeouts,
        pool: ConnectionPool,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._borrowed_session = session
        self._ssl_context = ssl_context
        self.timeouts = timeouts
        self._headers = {"User-Agent": user_agent}
        self._session: aiohttp.ClientSession | None = None
        self.pool: ConnectionPool = pool
        self.buffers: BufferPool = BufferPool()
        self.redactor: Redactor = Redactor()
        self._streaming: set[RawResponse] = set()
        self._requests = 0
        self._closed = False
        self.bytes_received: int = 0

    async def open(self) -> None:
        """Create the session.

        Raises:
            InvalidArgument: The caller's session was closed after this object was created.
        """
        borrowed_session = self._borrowed_session
        if borrowed_session is not None:
            check_borrowed(borrowed_session)
        self._session = aiohttp.ClientSession(
            connector=borrowed_session.connector
            if borrowed_session
            else aiohttp.TCPConnector(limit=0, ssl=self._ssl_context or True),
            connector_owner=borrowed_session is None,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            read_bufsize=_READ_BUFFER,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        set_trace_configs(self._session, borrowed_session)
        # aiohttp's own retries would be neither rate-limited nor counted in the statistics.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close the session, the streamed responses, and the pool unless it is the caller's."""
        self._closed = True
        connector = None if self._session is None else self._session.connector
        if connector is not None and self._borrowed_session is None:
            await connector.close()
        self._detach()
        for raw in tuple(self._streaming):
            raw.response.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str | Secret], body: bytes | None = None
    ) -> Response:
        """Send an API request, and read the whole response. Redirects are not followed.

        The caller must hold a permit of the `pool`.

        Args:
            method: HTTP method.
            url: URL to request, sent byte for byte.
            headers: Headers to add to those of every request.
            body: Body to send, or ``None``.

        Raises:
            TransportError: No complete response arrived.
            UnexpectedReply: The response is larger than `MAX_REPLY_BYTES`.
        """
        # Other code may use the caller's session at the same time and hold all connections.
        # `connect` limits the wait for one, and the error of this timeout shows that the request
        # was not sent.
        seconds = self.timeouts.call
        timeout = aiohttp.ClientTimeout(
            total=2 * seconds,
            connect=seconds,
            sock_connect=self.timeouts.connect,
            sock_read=seconds,
        )
        failure: Exception
        try:
            raw = await self._request(method, url, headers, timeout, body=body)
            async with raw.response:
                content = await raw.read_all(MAX_REPLY_BYTES)
        except CallbackFailed as callback:
            failure = callback.error
        except REQUEST_EXCEPTIONS as error:
            failure = self.error_for(error, url)
        else:
            received = raw.headers()
            if received is None:
                raise headers_too_large(host_of(url))
            if content.tell() <= MAX_REPLY_BYTES:
                return Response(
                    raw.response.status,
                    received.values,
                    content.getvalue(),
                    url,
                    received.location,
                    self.redactor.including(headers.values()),
                )
            failure = UnexpectedReply(
                f"{method} {urlsplit(url).path}: the response is larger than "
                f"{MAX_REPLY_BYTES} bytes",
                status=raw.response.status,
            )
        raise failure

    @asynccontextmanager
    async def stream(
        self, url: SignedUrl, headers: Mapping[str, str]
    ) -> AsyncIterator[StreamedResponse]:
        """GET a signed URL without credentials. Redirects are not followed.

        The caller must hold a permit of the `pool`.

        Args:
            url: URL to request, sent byte for byte.
            headers: Headers to add to those of every request.

        Raises:
            TransportError: No response arrived.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect)
        headers = {"Accept-Encoding": "identity", **headers}
        seconds = self.timeouts.connect + self.timeouts.stall
        failure: Exception
        try:
            # sock_read does not limit how long headers take that arrive byte by byte, and it
            # starts a timer for each chunk of the body.
            async with asyncio.timeout(seconds):
                with signed_request():
                    raw = await self._get(url, headers, timeout)
        except CallbackFailed as callback:
            failure = callback.error
        except REQUEST_EXCEPTIONS as error:
            failure = self.error_for(error, url.reveal())
        else:
            self._streaming.add(raw)
            try:
                received = raw.headers()
                if received is None:
                    raise headers_too_large(url.host)
                streamed = StreamedResponse(
                    raw,
                    received,
                    url,
                    self.redactor,
                    self.timeouts,
                    self._stream_error,
                    self._count,
                )
                with closing(streamed):
                    yield streamed
            finally:
                self._streaming.discard(raw)
                # release() would read the rest of the body to reuse the connection.
                raw.response.close()
            return
        raise failure

    def closed_error(self) -> ClientStateError | None:
        """Return the error to raise if the client or the caller's session is closed, else None."""
        if self._borrowed_session is not None and self._borrowed_session.closed:
            return ClientStateError("the session that was passed to the client is closed")
        if self._closed or self._session is None:
            return ClientStateError("the client was closed while a request was in progress")
        return None

    def error_for(self, error: Exception, url: str) -> ArtifactsError:
        """Return the error to raise instead of an exception of aiohttp; see `map_exception`."""
        return self.closed_error() or map_exception(error, url)

    def _stream_error(self, error: Exception | None, url: str) -> ArtifactsError | None:
        """Return the error to raise after a read of a streamed body, or None.

        Args:
            error: Exception of the read, or None if it found the end of the body.
            url: URL of the body.
        """
        return self.closed_error() or (None if error is None else map_exception(error, url))

    def _count(self, received: int) -> None:
        self.bytes_received += received
        self.pool.note_activity()

    async def _get(
        self, url: SignedUrl, headers: Mapping[str, str], timeouts: aiohttp.ClientTimeout
    ) -> RawResponse:
        with suppress(aiohttp.ServerDisconnectedError):
            return await self._request("GET", url, headers, timeouts, decode=False)
        # The store had closed this connection while it was idle, so nothing was received.
        return await self._request("GET", url, headers, timeouts, decode=False)

    async def _request(
        self,
        method: str,
        url: str | SignedUrl,
        headers: Mapping[str, str | Secret],
        timeouts: aiohttp.ClientTimeout,
        *,
        decode: bool = True,
        body: bytes | None = None,
    ) -> RawResponse:
        if error := self.closed_error():
            raise error
        assert self._session is not None
        proxy = await self.pool.proxy_for(url)
        if proxy is not None:
            self.redactor.add(proxy)
        self._requests += 1
        try:
            # Secrets are revealed only here, because tracebacks may show variables.
            raw = RawResponse(
                await self._session.request(
                    method,
                    encoded_url(url),
                    headers={name: plain(value) for name, value in headers.items()},
                    data=body,
                    timeout=timeouts,
                    allow_redirects=False,
                    auto_decompress=decode,
                    proxy=None if proxy is None else plain(proxy),
                ),
                self.buffers,
            )
        except RuntimeError:  # aiohttp raises it if the session was closed in the meantime
            if error := self.closed_error():
                raise error from None
            raise
        except asyncio.CancelledError as cancelled:
            # The variables of aiohttp's frames show the URL, the headers and the proxy.
            cancelled.__traceback__ = None
            raise
        finally:
            self._requests -= 1
            self._detach()
        if error := self.closed_error():
            raw.response.close()
            raise error
        return raw

    def _detach(self) -> None:
        """Separate the closed session from its pool, unless a request is still using the pool.

        aiohttp would lose the connection that it makes for that request.
        """
        if self._closed and not self._requests and self._session is not None:
            self._session.detach()
