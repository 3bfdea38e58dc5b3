"""HTTP requests and streamed responses.

Every client has a session of its own. If the caller lends one, the client's session uses the
connector (pool, TLS, resolver), the proxy and the trace configs of the caller's session. The
default headers, cookies, netrc, middlewares and total timeout of the caller's session are not used.

Exceptions of aiohttp are replaced by errors of this library. They are not chained, because their
messages contain whole signed URLs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ghartifacts_async._http.connection_pool import ConnectionPool, check_borrowed
from ghartifacts_async._http.exception_mapping import AIOHTTP_EXCEPTIONS, MAX_HEADER, map_exception
from ghartifacts_async._http.headers import read_headers
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.stall_timeout import StallTimeout
from ghartifacts_async._http.urls import host_of
from ghartifacts_async.errors import (
    ArtifactsError,
    ClientStateError,
    TimedOut,
    TransportError,
    UnexpectedReply,
)
from ghartifacts_async.models import Timeouts

MAX_REPLY_BYTES = 4 * 2**20
"""Maximum size of an API response; a page of artifacts is much smaller."""

_READ_BUFFER = 2**17


class Transport:
    """The HTTP session of a client.

    Call `open` in a running event loop before the first request, and `close` at the end.

    Args:
        session: The caller's session, whose connection pool is used but never closed; ``None`` to
            use a new pool.
        user_agent: Value of the ``User-Agent`` header of every request.
        timeouts: Time limits of requests and responses.

    Attributes:
        pool: The limit on concurrent connections.
        bytes_received: Number of bytes of streamed bodies received so far.
    """

    def __init__(
        self, session: aiohttp.ClientSession | None, *, user_agent: str, timeouts: Timeouts
    ) -> None:
        self._borrowed_session = session
        self.timeouts = timeouts
        self._headers = {"User-Agent": user_agent}
        self._session: aiohttp.ClientSession | None = None
        self.pool: ConnectionPool = ConnectionPool(session)
        self._streaming: set[aiohttp.ClientResponse] = set()
        self.bytes_received = 0

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
            else aiohttp.TCPConnector(limit=0),
            connector_owner=borrowed_session is None,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            read_bufsize=_READ_BUFFER,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            trace_configs=borrowed_session.trace_configs if borrowed_session else None,
        )
        # aiohttp's own retries would be neither rate-limited nor counted in the statistics.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close the session, the streamed responses, and the pool unless it is the caller's."""
        if self._session is not None:
            await self._session.close()
        for response in tuple(self._streaming):
            response.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
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
        try:
            async with await self._request(method, url, headers, timeout, body=body) as response:
                content = await _read_bounded(response.content)
                received = read_headers(response.headers.items(), host_of(url))
                complete = Response(response.status, received, content, url)
        except AIOHTTP_EXCEPTIONS as error:
            failure = self.error_for(error, url)
        else:
            if len(content) <= MAX_REPLY_BYTES:
                return complete
            failure = UnexpectedReply(
                f"{method} {urlsplit(url).path}: the response is larger than "
                f"{MAX_REPLY_BYTES} bytes",
                status=complete.status,
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
        try:
            # sock_read does not limit how long headers take that arrive byte by byte, and it
            # starts a timer for each chunk of the body.
            async with asyncio.timeout(seconds):
                response = await self._get(url.value, headers, timeout)
        except AIOHTTP_EXCEPTIONS as error:
            failure = self.error_for(error, url.value)
        else:
            self._streaming.add(response)
            try:
                with closing(StreamedResponse(response, url, self)) as streamed:
                    yield streamed
            finally:
                self._streaming.discard(response)
                # release() would read the rest of the body to reuse the connection.
                response.close()
            return
        raise failure

    def closed_error(self) -> ClientStateError | None:
        """Return the error to raise if the client or the caller's session is closed, else None."""
        if self._session is None or self._session.closed:
            return ClientStateError("the client was closed while a request was in progress")
        if self._borrowed_session is not None and self._borrowed_session.closed:
            return ClientStateError("the session that was passed to the client is closed")
        return None

    def error_for(self, error: Exception, url: str) -> ArtifactsError:
        """Return the error to raise instead of an exception of aiohttp; see `map_exception`."""
        return self.closed_error() or map_exception(error, url)

    async def _get(
        self, url: str, headers: Mapping[str, str], timeouts: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        try:
            return await self._request("GET", url, headers, timeouts, decode=False)
        except aiohttp.ServerDisconnectedError:
            # The store had closed this connection while it was idle, so nothing was received.
            return await self._request("GET", url, headers, timeouts, decode=False)

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeouts: aiohttp.ClientTimeout,
        *,
        decode: bool = True,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        if error := self.closed_error():
            raise error
        assert self._session is not None
        target = URL(url, encoded=True)
        return await self._session.request(
            method,
            target,
            headers=headers,
            data=body,
            timeout=timeouts,
            allow_redirects=False,
            auto_decompress=decode,
            proxy=await self.pool.proxy_for(target),
        )


class StreamedResponse:
    """A response whose body is read in chunks.

    Args:
        response: The response of aiohttp.
        url: The URL that was requested.
        transport: The transport that requested it.

    Attributes:
        url: The URL that was requested.
        status: HTTP status.
        headers: Header values by lower-case name.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, url: SignedUrl, transport: Transport
    ) -> None:
        self._response = response
        self._transport = transport
        self.url = url
        self.status = response.status
        self.headers = read_headers(response.headers.items(), url.host)
        self._stall_timeout = StallTimeout(
            transport.timeouts.stall, lambda: response.content.set_exception(TimeoutError())
        )

    def close(self) -> None:
        """Stop the timer that detects a stalled body."""
        self._stall_timeout.close()

    async def read(self) -> bytes:
        """Return the next chunk of the body, or ``b""`` at the end. Nothing is decompressed.

        Raises:
            TransportError: The connection broke, stalled or became too slow.
        """
        failure: ArtifactsError | None = None
        chunk = b""
        self._stall_timeout.start_read()
        try:
            chunk = await _read_chunk(self._response.content)
        except AIOHTTP_EXCEPTIONS as error:
            failure = self._transport.error_for(error, self.url.value)
        finally:
            too_few = self._stall_timeout.end_read(len(chunk))
        if failure is None and not chunk:
            failure = self._transport.closed_error()
        if failure is None and too_few is not None:
            host = self.url.host
            failure = TimedOut(f"{host}: received only {too_few} bytes in a minute", host=host)
        if failure is not None:
            raise failure
        self._transport.bytes_received += len(chunk)
        return chunk

    async def read_start(self, size: int) -> bytes:
        """Return the first `size` bytes of the body, or fewer if no more arrive in time.

        The time limit is `Timeouts.call`.
        """
        start = b""
        with suppress(TransportError, TimeoutError):
            async with asyncio.timeout(self._transport.timeouts.call):
                while len(start) < size and (chunk := await self.read()):
                    start += chunk
        return start[:size]


async def _read_chunk(content: aiohttp.StreamReader) -> bytes:
    """Return the next chunk, or ``b""`` at the end."""
    # readany() would join all received chunks, and so copy them.
    chunk, ended = await content.readchunk()
    while ended and not chunk and not content.at_eof():
        chunk, ended = await content.readchunk()
    return chunk


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    """Return the body, but stop reading as soon as it exceeds `MAX_REPLY_BYTES`."""
    body = bytearray()
    while len(body) <= MAX_REPLY_BYTES and (chunk := await content.readany()):
        body += chunk
    return bytes(body)
