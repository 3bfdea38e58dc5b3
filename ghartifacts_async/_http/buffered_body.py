"""Receive large response bodies into reusable buffers.

aiohttp copies received bytes several times on the event loop. For a large body, `BufferedBody`
therefore takes over the connection when aiohttp has parsed the head, and the kernel or the TLS
layer writes into the buffers. After the last byte of the body, the connection is aiohttp's again
and is used for the next request.

Source: https://docs.python.org/3/library/asyncio-protocol.html#buffered-streaming-protocols
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TypeAlias

import aiohttp

Chunk: TypeAlias = bytes | memoryview
"""A part of a response body. Its buffer may be used again after `BufferPool.release`."""

MIN_LENGTH = 2**20
"""Length in bytes from which receiving a body into buffers is faster."""

_MAX_SIZE = 2**20
_MIN_SIZE = 2**16
_TOTAL_BYTES = 2**21
_MAX_UNREAD = 4
_MIN_UNREAD = 2
_MAX_FREE_BYTES = 2**22
_MAX_DELAY = 0.05


class BufferPool:
    """The buffers of one client's response bodies.

    The more bodies are received at the same time, the smaller are the buffers, which bounds the
    memory used. When no body is being received, no buffer is kept.
    """

    def __init__(self) -> None:
        self._free: list[bytearray] = []
        self._bodies = 0

    def join(self) -> None:
        """Count a body that is being received."""
        self._bodies += 1

    def leave(self) -> None:
        """Count a body that is no longer being received."""
        self._bodies -= 1
        if not self._bodies:
            self._free.clear()

    @property
    def max_unread(self) -> int:
        """Maximum number of full buffers of one body that its reader has not taken yet."""
        return max(_MIN_UNREAD, _MAX_UNREAD // max(1, self._bodies))

    def take(self) -> memoryview:
        """Return an empty buffer."""
        size = self._size
        while self._free:
            buffer = self._free.pop()
            if len(buffer) == size:
                return memoryview(buffer)
        return memoryview(bytearray(size))

    def release(self, chunk: Chunk) -> None:
        """Use the buffer of a chunk again. The chunk must not be read afterwards."""
        if isinstance(chunk, memoryview) and isinstance(chunk.obj, bytearray):
            size = self._size
            keeps = self._bodies and len(self._free) * size < _MAX_FREE_BYTES
            if keeps and len(chunk.obj) == size:
                self._free.append(chunk.obj)
            chunk.release()

    @property
    def _size(self) -> int:
        size = _MAX_SIZE
        while size > _MIN_SIZE and size * self._bodies > _TOTAL_BYTES:
            size //= 2
        return size


class BufferedBody(asyncio.BufferedProtocol):
    """The rest of a response body, received into buffers.

    Args:
        transport: Transport of the connection. The head of the response has been parsed.
        protocol: Protocol of aiohttp for the connection.
        content: Stream of aiohttp for the body.
        length: Length of the whole body in bytes.
        pool: Buffers to receive into.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        protocol: asyncio.Protocol,
        content: aiohttp.StreamReader,
        length: int,
        pool: BufferPool,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._content = content
        self._transport = transport
        self._protocol = protocol
        self._pool = pool
        pool.join()
        self._unread: deque[Chunk] = deque()
        self._left = length
        self._view = pool.take()
        self._delivered = self._filled = 0
        self._paused = self._ended = self._late = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        # Bytes that arrived together with the head. Reading them can let aiohttp read more.
        while early := self._content.read_nowait():
            self._unread.append(early)
            self._left -= len(early)
        if self._left:
            transport.set_protocol(self)
            transport.resume_reading()
        else:
            self._end()

    async def read(self) -> Chunk:
        """Return the next chunk, or ``b""`` at the end.

        A chunk is a full buffer, or what has arrived 50 ms after the call. The caller passes it to
        `BufferPool.release` when it is done with it.

        Raises:
            Exception: The connection broke before the end of the body; an exception of aiohttp.
        """
        if not self._unread and not self._ended:
            self._late = False
            timer = self._loop.call_later(_MAX_DELAY, self._deliver_late)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
                timer.cancel()
        if self._unread:
            chunk = self._unread.popleft()
            # Resuming costs two system calls, so do not resume for each buffer.
            if self._paused and 2 * len(self._unread) < self._pool.max_unread:
                self._paused = False
                self._transport.resume_reading()
            return chunk
        if self._error is not None:
            raise self._error
        return b""

    def fail(self, error: BaseException) -> None:
        """End the body with an error, after the bytes that have already arrived."""
        if not self._ended:
            self._deliver_copy()
            self._error = error
            self._end()

    def close(self) -> None:
        """Stop receiving. The caller closes the connection, unless the body is complete."""
        self._end()
        for chunk in self._unread:
            self._pool.release(chunk)
        self._unread.clear()
        self._pool.release(self._view)
        self._view, self._delivered, self._filled = memoryview(b""), 0, 0

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the transport's guess
        """Return the buffer for the next bytes (called by the transport)."""
        if self._ended:
            return memoryview(bytearray(_MIN_SIZE))  # for bytes that are discarded
        return self._view[self._filled : self._filled + self._left]

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of received bytes (called by the transport)."""
        if self._ended:
            return
        self._filled += nbytes
        self._left -= nbytes
        if not self._left:
            self._deliver_rest()
            self._end()
            self._hand_back()
        elif self._filled == len(self._view):
            self._deliver_rest()
            if len(self._unread) >= self._pool.max_unread:
                self._paused = True
                self._transport.pause_reading()
        elif self._late:
            self._deliver_copy()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the body early, and notify aiohttp (called by the transport)."""
        self.fail(exc or aiohttp.ClientPayloadError())
        self._protocol.connection_lost(exc)

    def _hand_back(self) -> None:
        """Return the connection to aiohttp for the next request."""
        self._transport.set_protocol(self._protocol)
        self._content.feed_eof()

    def _deliver_rest(self) -> None:
        """Deliver the buffer without the part that was delivered already, and take a new one."""
        self._unread.append(self._view[self._delivered : self._filled])
        self._delivered = self._filled = 0
        self._view = self._pool.take() if self._left else memoryview(b"")
        self._wake()

    def _deliver_copy(self) -> None:
        """Deliver a copy of the received part of the buffer, which is filled further."""
        if self._filled > self._delivered:
            self._unread.append(bytes(self._view[self._delivered : self._filled]))
            self._delivered = self._filled
            self._late = False
            self._wake()

    def _deliver_late(self) -> None:
        """Deliver what has arrived; if nothing has, deliver the next bytes at once."""
        self._late = True
        self._deliver_copy()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._pool.leave()
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
