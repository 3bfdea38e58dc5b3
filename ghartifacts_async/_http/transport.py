"""HTTP, and the only importer of aiohttp's client.

Requests go through a session of our own on the caller's connection pool. So the caller's
connector (pool, TLS, resolver), proxy and trace configs hold, while its default headers, cookies,
netrc, middlewares and total timeout reach neither the API nor the blob store.

What aiohttp raises is told anew in this library's errors, without the original: its texts print
whole signed URLs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ghartifacts_async._http.connection_pool import Pool, check_borrowed
from ghartifacts_async._http.exception_mapping import FAILURES, translated
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.stall_timeout import StallTimeout
from ghartifacts_async.errors import (
    ArtifactsError,
    ClientStateError,
    TimedOut,
    TransportError,
    UnexpectedReply,
)
from ghartifacts_async.models import Timeouts

MAX_REPLY_BYTES = 4 * 2**20
"""More than any page of artifacts: what is larger is no answer of the API."""

_READ_BUFFER = 2**17


class Transport:
    """Sends requests and streams responses. Open it on the running loop, and close it.

    Args:
        session: The caller's, whose connection pool is used and never closed; ``None`` for one
            of our own.
        user_agent: Sent with every request.
        timeouts: How long to wait.
    """

    def __init__(
        self, session: aiohttp.ClientSession | None, *, user_agent: str, timeouts: Timeouts
    ) -> None:
        self._borrowed_session = session
        self.timeouts = timeouts
        self._headers = {"User-Agent": user_agent}
        self._session: aiohttp.ClientSession | None = None
        self.pool: Pool = Pool(session)
        self._open: set[aiohttp.ClientResponse] = set()
        self.bytes_received = 0

    async def open(self) -> None:
        """Make the session.

        Raises:
            InvalidArgument: The borrowed one was closed meanwhile.
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
            trace_configs=borrowed_session.trace_configs if borrowed_session else None,
        )
        # A retry goes through the session's loop, or it escapes its limits and its count.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close the session, its connection pool where it is our own, and what streams."""
        if self._session is not None:
            await self._session.close()
        for response in tuple(self._open):
            response.close()

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Response:
        """Make an API call, in a slot of the `pool`, and read its answer whole.

        Redirects are not followed.

        Args:
            method: Of the request, as the next three.
            url: Sent byte for byte.
            headers: All of them, beside those of every request.
            body: Or ``None``.

        Raises:
            TransportError: No complete answer came.
            UnexpectedReply: The answer is larger than any of the API's.
        """
        # Others may use the pool as well: a request that waited for it in vain was never sent.
        patience = self.timeouts.call
        limits = aiohttp.ClientTimeout(
            total=2 * patience,
            connect=patience,
            sock_connect=self.timeouts.connect,
            sock_read=patience,
        )
        try:
            async with await self._request(method, url, headers, limits, body=body) as response:
                content = await _read_bounded(response.content)
                reply = Response(response.status, _plain_headers(response), content, url)
        except FAILURES as error:
            failure = self.failure(error, url)
        else:
            if len(content) <= MAX_REPLY_BYTES:
                return reply
            failure = UnexpectedReply(
                f"{method} {urlsplit(url).path}: more than {MAX_REPLY_BYTES} bytes came",
                status=reply.status,
            )
        raise failure

    @asynccontextmanager
    async def stream(self, url: SignedUrl, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """GET a signed URL in a slot of the `pool`, with these headers and no credential.

        Redirects are not followed.

        Raises:
            TransportError: No answer came.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect)
        plain = {"Accept-Encoding": "identity", **headers}
        patience = self.timeouts.connect + self.timeouts.stall
        try:
            # Not left to sock_read: a header that drips would keep it waiting, and each piece of a
            # body would cost a timer.
            async with asyncio.timeout(patience):
                response = await self._open_stream(url.value, plain, limits)
        except FAILURES as error:
            failure = self.failure(error, url.value)
        else:
            self._open.add(response)
            try:
                with closing(Stream(response, url, self)) as stream:
                    yield stream
            finally:
                self._open.discard(response)
                # Not release(): nobody waits for the rest of a body that is not wanted.
                response.close()
            return
        raise failure

    def closed(self) -> ClientStateError | None:
        """The error of whoever goes on after the closing, ``None`` before it."""
        if self._session is None or self._session.closed:
            return ClientStateError("the client was closed while it was at work")
        if self._borrowed_session is not None and self._borrowed_session.closed:
            return ClientStateError("the session that the client borrowed was closed")
        return None

    def failure(self, error: Exception, url: str) -> ArtifactsError:
        """What an error of aiohttp means. Raise it outside of the handler."""
        return self.closed() or translated(error, url)

    async def _open_stream(
        self, url: str, headers: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        try:
            return await self._request("GET", url, headers, limits, decode=False)
        except aiohttp.ServerDisconnectedError:
            # A connection of the pool that the store had closed meanwhile: nothing was sent on it.
            return await self._request("GET", url, headers, limits, decode=False)

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        *,
        decode: bool = True,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        if closed := self.closed():
            raise closed
        assert self._session is not None
        target = URL(url, encoded=True)
        return await self._session.request(
            method,
            target,
            headers=headers,
            data=body,
            timeout=limits,
            allow_redirects=False,
            auto_decompress=decode,
            proxy=await self.pool.proxy_for(target),
        )


class Stream:
    """A response whose body comes piece by piece.

    Args:
        response: aiohttp's.
        url: What was asked for.
        transport: Whose it is.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, url: SignedUrl, transport: Transport
    ) -> None:
        self._response = response
        self._transport = transport
        self.url = url
        self.status = response.status
        self.headers = _plain_headers(response)
        self._watch = StallTimeout(
            transport.timeouts.stall, lambda: response.content.set_exception(TimeoutError())
        )

    def close(self) -> None:
        """Watch it no more."""
        self._watch.close()

    async def read(self) -> bytes:
        """The next piece of the body as it came, undecoded; ``b""`` at its end.

        Raises:
            TransportError: The connection broke, fell silent or got too slow before the end.
        """
        failure: ArtifactsError | None = None
        chunk = b""
        self._watch.wait()
        try:
            chunk = await _piece(self._response.content)
        except FAILURES as error:
            failure = self._transport.failure(error, self.url.value)
        finally:
            too_few = self._watch.waited(len(chunk))
        if failure is None and not chunk:
            failure = self._transport.closed()
        if failure is None and too_few is not None:
            host = self.url.host
            failure = TimedOut(f"{host}: {too_few} bytes came in a minute", host=host)
        if failure is not None:
            raise failure
        self._transport.bytes_received += len(chunk)
        return chunk

    async def beginning(self, size: int) -> bytes:
        """The first `size` bytes of the body, or as many as come within `Timeouts.call`."""
        start = b""
        with suppress(TransportError, TimeoutError):
            async with asyncio.timeout(self._transport.timeouts.call):
                while len(start) < size and (chunk := await self.read()):
                    start += chunk
        return start[:size]


async def _piece(content: aiohttp.StreamReader) -> bytes:
    """What came next; ``b""`` at the end."""
    # Not readany(), which copies what it joins.
    chunk, ended = await content.readchunk()
    while ended and not chunk and not content.at_eof():
        chunk, ended = await content.readchunk()
    return chunk


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    while len(body) <= MAX_REPLY_BYTES and (chunk := await content.readany()):
        body += chunk
    return bytes(body)


def _plain_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    plain: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        value = Secret(value) if key == "location" else value
        plain[key] = type(value)(f"{plain[key]}, {value}") if key in plain else value
    return plain
