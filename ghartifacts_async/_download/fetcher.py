"""Fetch the missing bytes of a payload over several connections, and retry failed requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Protocol

from ghartifacts_async._arguments import MAX_CONNECTIONS
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download import ranges
from ghartifacts_async._download.blob import BlobClient, RangeBody
from ghartifacts_async._download.ranges import Segment, SegmentScheduler
from ghartifacts_async._download.resumable_reader import ResumableReader, Retrier
from ghartifacts_async._http.buffered_body import Chunk
from ghartifacts_async._tasks.waiting import await_uncancelled, wait_all

_IDLE_WAIT = 0.25
_MAX_CHUNKS = 1024


class Sink(Protocol):
    """The destination of the received bytes, for example a part file."""

    def write(self, offset: int, chunks: list[Chunk], size: int) -> asyncio.Future[None]:
        """Start to write chunks with a total of `size` bytes at `offset`.

        Returns:
            A future that is done when the chunks are written.
        """
        ...


class Fetcher:
    """Fetches the missing bytes of a payload and writes them to a sink.

    Args:
        client: Requests ranges of the payload.
        sink: Destination of the bytes.
        threads: The client's threads, which decide how many bytes to collect before each write.
        scheduler: Assigns segments of the missing bytes to the connections.
        retrier: Decides whether to retry a failed request.
        on_first_response: Called with the first valid response before its body is read, and
            awaited. It returns False to stop the fetch.
        on_bytes: Called with the size of each received chunk in bytes.
        shared_connections: Limits how many connections all downloads of a bulk operation use in
            total, not counting the first connection of each download. None means no limit.
    """

    def __init__(
        self,
        client: BlobClient,
        sink: Sink,
        threads: IoThreads,
        scheduler: SegmentScheduler,
        retrier: Retrier,
        *,
        on_first_response: Callable[[RangeBody], Awaitable[bool]],
        on_bytes: Callable[[int], None],
        shared_connections: asyncio.Semaphore | None = None,
    ) -> None:
        self._client = client
        self._sink = sink
        self._threads = threads
        self._scheduler = scheduler
        self._retrier = retrier
        self._on_first_response = on_first_response
        self._on_bytes = on_bytes
        self._shared_connections = shared_connections
        self._stopped = False
        self._responded = asyncio.Event()
        self._sink_ready = asyncio.Event()
        self._connections: int | None = None

    async def run(self, connections: int | None) -> bool:
        """Fetch all missing bytes.

        Args:
            connections: Number of concurrent connections. None chooses it by the payload's size.

        Returns:
            False if `on_first_response` stopped the fetch.

        Raises:
            RestartDownload: The received bytes cannot be used.
            ArtifactsError: The missing bytes cannot be fetched.
        """
        self._connections = connections
        count = connections or MAX_CONNECTIONS
        workers = [asyncio.ensure_future(self._work(number)) for number in range(count)]
        try:
            waiting = set(workers)
            while waiting and not self._is_done:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for worker in done:
                    worker.result()
        finally:
            # A worker may still be waiting for the response to a request whose bytes another
            # worker has fetched in the meantime.
            for worker in workers:
                worker.cancel()
            try:
                await wait_all(lambda: [worker for worker in workers if not worker.done()])
            finally:
                for worker in workers:
                    if not worker.cancelled():
                        # Mark the exception as retrieved. Only the first one is raised.
                        worker.exception()
        return not self._stopped

    @property
    def _is_done(self) -> bool:
        return self._stopped or self._scheduler.complete

    async def _work(self, number: int) -> None:
        """Fetch one segment after another over one connection.

        Args:
            number: Number of the connection. Number 0 starts at once; the others wait until it has
                a response.
        """
        rate = 0.0
        if number:
            await self._responded.wait()
            if number >= (self._connections or ranges.connections(self._client.info.total or 0)):
                return
        loop = asyncio.get_running_loop()
        shared = self._shared_connections
        slot = shared if number and shared is not None else nullcontext()
        while not self._is_done:
            async with slot:
                segment = self._scheduler.claim(loop.time(), rate)
                if segment is not None:
                    self._threads.writers += 1
                    try:
                        await self._fetch(segment, number)
                        rate = segment.rate(loop.time())
                    finally:
                        self._threads.writers -= 1
                        self._scheduler.release(segment)
            if segment is None:
                await asyncio.sleep(_IDLE_WAIT)

    async def _fetch(self, segment: Segment, number: int) -> None:
        reader = ResumableReader(
            self._client, self._retrier, segment, connection=number, on_response=self._prepare
        )
        try:
            await self._receive(reader, segment)
        finally:
            await reader.close()

    async def _prepare(self, body: RangeBody) -> bool:
        """Prepare the sink for the first response, or wait until it is ready.

        Return False if the fetch must stop.
        """
        if not self._responded.is_set():
            if not body.supports_ranges:
                self._connections = 1
            # Let the other connections open while space for the file is reserved on disk.
            self._responded.set()
            self._stopped = not await self._on_first_response(body)
            if self._stopped:
                return False
            self._sink_ready.set()
        await self._sink_ready.wait()
        return True

    async def _receive(self, reader: ResumableReader, segment: Segment) -> None:
        """Read a segment and write it to the sink in batches.

        The next batch of chunks is received while the previous one is being written.
        """
        batch: list[Chunk] = []
        batch_size = 0
        writing: asyncio.Future[None] | None = None
        try:
            while chunk := await reader.read():
                batch.append(chunk)
                batch_size += len(chunk)
                self._on_bytes(len(chunk))
                if batch_size >= self._threads.batch_bytes or len(batch) >= _MAX_CHUNKS:
                    if writing is not None:
                        await await_uncancelled(writing)
                    writing = self._write(reader, segment.at - batch_size, batch, batch_size)
                    batch, batch_size = [], 0
        finally:
            # Write the received bytes even after an error, so that they need not be fetched again.
            try:
                if batch_size:
                    last = self._write(reader, segment.at - batch_size, batch, batch_size)
                    await await_uncancelled(last)
            finally:
                if writing is not None:
                    await await_uncancelled(writing)

    def _write(
        self, reader: ResumableReader, offset: int, batch: list[Chunk], size: int
    ) -> asyncio.Future[None]:
        """Start to write a batch, and use the memory of its chunks again when it is written."""

        def release(_: asyncio.Future[None]) -> None:
            for chunk in batch:
                reader.release(chunk)

        writing = self._sink.write(offset, batch, size)
        writing.add_done_callback(release)
        return writing
