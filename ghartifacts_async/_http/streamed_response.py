"""A response whose body is read in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import aiohttp

from ghartifacts_async._http.buffered_body import MIN_LENGTH, BufferedBody, BufferPool, Chunk
from ghartifacts_async._http.exception_mapping import REQUEST_EXCEPTIONS
from ghartifacts_async._http.headers import Headers, read_headers
from ghartifacts_async._http.redaction import Redactor
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.stall_timeout import StallTimeout
from ghartifacts_async.errors import ArtifactsError, TimedOut, TransportError
from ghartifacts_async.models import Timeouts

_SMALL = 2**10


class RawResponse:
    """A response of aiohttp, which a traceback must not show, because its repr has the URL.

    A large body is received into reusable buffers, any other one by aiohttp.

    Args:
        response: The response of aiohttp.
        buffers: The buffers of large bodies.
    """

    def __init__(self, response: aiohttp.ClientResponse, buffers: BufferPool) -> None:
        self.response = response
        self._buffers = buffers
        self._body: BufferedBody | None = None
        self._begun = False

    def headers(self) -> Headers | None:
        """Return the headers, or None if they are too large."""
        return read_headers(self.response.headers.items())

    async def read(self) -> Chunk:
        """Return the next chunk of the body, or ``b""`` at the end.

        Raises:
            Exception: The connection broke; one of `REQUEST_EXCEPTIONS`.
        """
        try:
            if not self._begun:
                self._begun = True
                self._body = self._take_over()
            if self._body is not None:
                return await self._body.read()
            return await _read_chunk(self.response.content)
        except RuntimeError:  # aiohttp and uvloop raise it if the connection is closed
            if self._is_connected:
                raise
        raise aiohttp.ServerDisconnectedError

    async def read_all(self, limit: int) -> BytesIO:
        """Return the whole body, but stop reading as soon as it exceeds `limit` bytes.

        No variable holds a part of the body, because it may contain a token.
        """
        body = BytesIO()
        try:
            while body.tell() <= limit and body.write(await self.response.content.readany()):
                pass
        except RuntimeError:  # aiohttp raises it if the connection is closed before this read
            raise aiohttp.ServerDisconnectedError from None
        return body

    def fail(self, error: Exception) -> None:
        """Let the read that is waiting raise an error."""
        if self._body is not None:
            self._body.fail(error)
        else:
            self.response.content.set_exception(error)

    def stop(self) -> None:
        """Stop receiving. The caller closes the response."""
        if self._body is not None:
            self._body.close()

    @property
    def _is_connected(self) -> bool:
        connection = self.response.connection
        transport = None if connection is None else connection.transport
        return transport is not None and not transport.is_closing()

    def _take_over(self) -> BufferedBody | None:
        """Take over the connection if the body is large.

        Return None if aiohttp must receive the body, because it is small, chunked, of unknown
        length or complete already, or because the connection has failed or is a mock.
        """
        length, content = self.response.content_length, self.response.content
        if length is None or length < MIN_LENGTH or "Transfer-Encoding" in self.response.headers:
            return None
        if self.response.connection is None or content.exception() is not None:
            return None
        transport = self.response.connection.transport
        protocol = self.response.connection.protocol
        if transport is None or transport.is_closing() or protocol is None:
            return None
        return BufferedBody(transport, protocol, content, length, self._buffers)


class StreamedResponse:
    """A response whose body is read in chunks.

    Args:
        raw: The response of aiohttp.
        headers: Its headers.
        url: The URL that was requested.
        redactor: The secrets that the client sent last.
        timeouts: Time limits of reads.
        error_of: Returns the error to raise after a read, or None. It is called with the exception
            of the read, or None at the end of the body, and with the URL.
        on_bytes: Called with the size of each chunk in bytes.

    Attributes:
        url: The URL that was requested.
        status: HTTP status.
        headers: Header values by lower-case name, without ``Location``.
        location: Value of ``Location``, or None.
    """

    def __init__(
        self,
        raw: RawResponse,
        headers: Headers,
        url: SignedUrl,
        redactor: Redactor,
        timeouts: Timeouts,
        error_of: Callable[[Exception | None, str], ArtifactsError | None],
        on_bytes: Callable[[int], None],
    ) -> None:
        self._raw = raw
        self._redactor = redactor
        self._timeouts = timeouts
        self._error_of = error_of
        self._on_bytes = on_bytes
        self.url = url
        self.status = raw.response.status
        self.headers = headers.values
        self.location = headers.location
        self._stall_timeout = StallTimeout(timeouts.stall, lambda: raw.fail(TimeoutError()))

    def close(self) -> None:
        """Stop receiving. The caller closes the response."""
        self._stall_timeout.close()
        self._raw.stop()

    def redact(self, text: str) -> str:
        """Shorten a text of the response and remove secrets from it, such as the signed URL."""
        return self._redactor.redact(text, self.url)

    async def read(self) -> Chunk:
        """Return the next chunk of the body, or ``b""`` at the end. Nothing is decompressed.

        Call `BufferPool.release` with the chunk when its bytes are no longer needed.

        Raises:
            TransportError: The connection broke, stalled or became too slow.
        """
        failure: ArtifactsError | None = None
        chunk: Chunk = b""
        self._stall_timeout.start_read()
        try:
            chunk = await self._raw.read()
        except REQUEST_EXCEPTIONS as error:
            failure = self._error_of(error, self.url.reveal())
        finally:
            too_few = self._stall_timeout.end_read(len(chunk))
        if failure is None and not chunk:
            failure = self._error_of(None, self.url.reveal())
        if failure is None and too_few is not None:
            host = self.url.host
            failure = TimedOut(f"{host}: received only {too_few} bytes in a minute", host=host)
        if failure is not None:
            raise failure
        self._on_bytes(len(chunk))
        return chunk

    async def read_start(self, size: int) -> bytes:
        """Return the first `size` bytes of the body, or fewer if no more arrive in time.

        The time limit is `Timeouts.call`.
        """
        start = b""
        with suppress(TransportError, TimeoutError):
            async with asyncio.timeout(self._timeouts.call):
                while len(start) < size and (chunk := await self.read()):
                    start += chunk
        return start[:size]


async def _read_chunk(content: aiohttp.StreamReader) -> bytes:
    """Return the next chunk, or ``b""`` at the end."""
    if (error := content.exception()) is not None and (rest := _unread(content, error)):
        return rest
    # readany() would join all received chunks, and so copy them.
    chunk, ended = await content.readchunk()
    while ended and not chunk and not content.at_eof():
        chunk, ended = await content.readchunk()
    if 0 < len(chunk) < _SMALL and content.exception() is None:
        # A server may send each byte as a chunk, which would take too long to read one by one.
        chunk += content.read_nowait()
    return chunk


def _unread(content: aiohttp.StreamReader, error: BaseException) -> bytes:
    """Return the bytes that arrived before a connection broke, so that they are not lost.

    Every read of aiohttp raises the error instead.
    """
    content.set_exception(None)  # type: ignore[arg-type]
    try:
        return content.read_nowait()
    finally:
        content.set_exception(error)
