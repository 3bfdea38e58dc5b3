"""All of a payload, whatever happens on the way: in pieces, side by side, each tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Protocol

from ghartifacts_async._arguments import MAX_CONNECTIONS
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download import ranges
from ghartifacts_async._download.blob import (
    UNFIT_IN_A_ROW,
    BlobClient,
    RangeBody,
    UnexpectedResponse,
)
from ghartifacts_async._download.ranges import Segment, SegmentScheduler
from ghartifacts_async._download.retries import Retrier
from ghartifacts_async._tasks.waiting import await_uncancelled, wait_all
from ghartifacts_async.errors import (
    ArtifactsError,
    IncompleteDownload,
    StoreError,
    TransportError,
)

_IDLE = 0.25
_MOST_CHUNKS = 1024


class RestartDownload(Exception):
    """What came so far is of no use.

    Attributes:
        whole: Whether the store knows no ranges.
        error: Why.
    """

    def __init__(self, error: ArtifactsError, *, whole: bool) -> None:
        super().__init__(error.summary)
        self.error = error
        self.whole = whole


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, offset: int, chunks: list[bytes], size: int) -> asyncio.Future[None]:
        """Begin to write."""
        ...


class Fetch:
    """Fetches what a plan wants.

    Args:
        source: Where from.
        sink: Where to.
        disk: Whose memory is shared.
        plan: What.
        patience: How often it may fail.
        started: Awaited with the first good answer, before a byte of it is read.
        add: Told of each number of bytes that came.
        extra: What a connection beyond the first waits for before each piece, where others
            fetch as well.
    """

    def __init__(
        self,
        source: BlobClient,
        sink: Sink,
        disk: IoThreads,
        plan: SegmentScheduler,
        patience: Retrier,
        started: Callable[[RangeBody], Awaitable[None]],
        add: Callable[[int], None],
        extra: asyncio.Semaphore | None = None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._disk = disk
        self._plan = plan
        self._patience = patience
        self._started = started
        self._add = add
        self._extra = extra
        self._parts_work = False
        self._ready = asyncio.Event()
        self._begun = asyncio.Event()
        self._connections: int | None = None

    async def run(self, connections: int | None) -> None:
        """Fetch all of it.

        Args:
            connections: How many side by side; ``None`` for what suits the size.

        Raises:
            StartOver: What came is of no use.
            ArtifactsError: It cannot be had.
        """
        self._connections = connections
        count = connections or MAX_CONNECTIONS
        workers = [asyncio.ensure_future(self._work(number)) for number in range(count)]
        try:
            waiting = set(workers)
            while waiting and not self._plan.complete:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for worker in done:
                    worker.result()
        finally:
            # A connection that was relieved of all that it had may still wait for a byte.
            for worker in workers:
                worker.cancel()
            try:
                await wait_all(lambda: [worker for worker in workers if not worker.done()])
            finally:
                for worker in workers:
                    if not worker.cancelled():
                        worker.exception()  # seen: one is enough, and the sink keeps the disk's

    async def _work(self, number: int) -> None:
        """Fetch one piece after another; the first connection shows the others what there is."""
        rate, unfit = 0.0, 0
        if number:
            await self._ready.wait()
            if number >= (self._connections or ranges.connections(self._source.blob.total or 0)):
                return
        loop = asyncio.get_running_loop()
        turn = self._extra if number and self._extra is not None else nullcontext()
        while not self._plan.complete:
            error: ArtifactsError | None = None
            async with turn:
                piece = self._plan.take(loop.time(), rate)
                if piece is not None:
                    self._disk.writers += 1
                    try:
                        await self._fetch(piece)
                        rate, unfit = piece.rate(loop.time()), 0
                    except UnexpectedResponse as answer:
                        unfit += 1
                        error = self._distrust(answer, unfit)
                    except (IncompleteDownload, StoreError, TransportError) as failed:
                        error = failed
                    finally:
                        self._disk.writers -= 1
                        self._plan.give_back(piece)
            if piece is None:
                await asyncio.sleep(_IDLE)
            elif error is not None:
                if piece.stop is None and piece.came:
                    raise RestartDownload(error, whole=True)
                await self._patience.again(error, number)

    def _distrust(self, answer: UnexpectedResponse, in_a_row: int) -> ArtifactsError:
        verdict, error = answer.verdict, answer.error
        if verdict.whole and (not self._parts_work or in_a_row >= UNFIT_IN_A_ROW):
            raise RestartDownload(error, whole=True)
        if verdict.changed and in_a_row >= UNFIT_IN_A_ROW:
            raise RestartDownload(error, whole=False)
        return error

    async def _fetch(self, piece: Segment) -> None:
        loop = asyncio.get_running_loop()
        async with self._source.open(piece.at, piece.stop) as body:
            self._parts_work = self._parts_work or body.is_part
            if not self._ready.is_set():
                if not body.offers_parts:
                    self._connections = 1
                # The others may connect while room is made on the disk.
                self._ready.set()
                await self._started(body)
                self._begun.set()
            await self._begun.wait()
            if piece.stop is None:
                piece.stop = self._source.blob.total
            piece.since, piece.came = loop.time(), 0
            await self._receive(body, piece)

    async def _receive(self, body: RangeBody, piece: Segment) -> None:
        """Move the body to the sink in batches: one being gathered, one being written."""
        batch: list[bytes] = []
        gathered = 0
        written: asyncio.Future[None] | None = None
        try:
            while piece.stop is None or piece.left:
                chunk = await body.read()
                if not chunk:
                    break
                # Another connection may have relieved this one of its last bytes.
                chunk = chunk if piece.stop is None else chunk[: piece.left]
                batch.append(chunk)
                gathered += len(chunk)
                piece.at += len(chunk)
                piece.came += len(chunk)
                self._patience.got(len(chunk))
                self._add(len(chunk))
                if gathered >= self._disk.batch_bytes or len(batch) >= _MOST_CHUNKS:
                    if written is not None:
                        await await_uncancelled(written)
                    written = self._sink.write(piece.at - gathered, batch, gathered)
                    batch, gathered = [], 0
        finally:
            # Nothing that came is fetched again, whatever ended this.
            try:
                if gathered:
                    await await_uncancelled(self._sink.write(piece.at - gathered, batch, gathered))
            finally:
                if written is not None:
                    await await_uncancelled(written)
        if piece.stop is None:
            piece.stop = piece.at
