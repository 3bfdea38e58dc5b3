"""Stream an artifact's payload in chunks, and resume when the connection breaks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy

from ghartifacts_async._download import verification
from ghartifacts_async._download.blob import BlobClient, RangeBody
from ghartifacts_async._download.progress import Meter, OnProgress
from ghartifacts_async._download.ranges import Segment
from ghartifacts_async._download.resumable_reader import (
    RestartDownload,
    ResumableReader,
    Retrier,
)
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.errors import ArtifactsError, ClientStateError
from ghartifacts_async.models import Artifact, Digest


class ArtifactStream:
    """An asynchronous iterator of the chunks of an artifact's payload.

    Use ``async for chunk in stream``; the payload can be read only once. Each chunk is read from
    the connection when it is requested, so a slow reader slows the sender down. The last chunk is
    yielded only if the payload is complete and, if GitHub has a digest, matches it. So a recipient
    who knows the size never takes a wrong payload for a complete one. If the size is unknown, the
    stream reads one chunk ahead.

    Attributes:
        artifact: Artifact that is streamed.
        filename: A safe file name for the payload.
        size: Size of the payload in bytes, or None if it is unknown.
        digest: SHA-256 of the payload. It is None until the last chunk is yielded.
        verified: Whether the payload matches GitHub's digest. It is False until the last chunk is
            yielded, and if GitHub has no digest.
    """

    def __init__(
        self,
        artifact: Artifact,
        client: BlobClient,
        retrier: Retrier,
        lifetime: Lifetime,
        on_progress: OnProgress | None,
    ) -> None:
        self.artifact = artifact
        self.filename: str = ""
        self.size: int | None = None
        self.digest: Digest | None = None
        self.verified: bool = False
        self._client = client
        self._retrier = retrier
        self._lifetime = lifetime
        self._meter = Meter(artifact, on_progress)
        self._reader = self._read_from_start()
        self._hash = hashlib.sha256()
        self._received = self._to_skip = 0
        self._closed = self._is_reading = False
        self._failure: ArtifactsError | None = None
        self._tail = b""
        self._ahead: list[bytes] = []

    def __repr__(self) -> str:
        return f"<ArtifactStream of artifact {self.artifact.id}, {self._received} bytes so far>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk.

        Raises:
            IncompleteDownload: The payload has too few or too many bytes.
            DigestMismatch: The payload differs from GitHub's digest.
            StoreError: The blob store responds with an error status, even after retries.
            TransportError: The store cannot be reached, even after retries.
            ProgressError: The progress callback raised. The next read continues with the same
                chunk.
            ClientStateError: The stream or its client is closed, or another task reads the stream.
        """
        if self.digest is None:
            if self._failure is not None:
                raise copy(self._failure)
            if self._is_reading:
                raise ClientStateError("another task is reading this stream; read it in one task")
            self._is_reading = True
            try:
                async with self._lifetime.scope():
                    await self._read_ahead()
            finally:
                self._is_reading = False
            if not self._ahead[-1]:
                self._verify()
            if chunk := self._ahead.pop(0):
                return chunk
        raise StopAsyncIteration

    async def _read_ahead(self) -> None:
        """Read the next chunk and, if it may be the last one, what follows it.

        The chunks are kept in `_ahead`, so that a read that is cancelled, or that ends with an
        error, loses none of them.
        """
        if not self._ahead:
            await self._read_chunk_ahead()
        total = self._client.info.total
        may_be_last = total is None or self._received >= total
        if may_be_last and len(self._ahead) == 1 and self._ahead[0]:
            await self._read_chunk_ahead()

    async def _read_chunk_ahead(self) -> None:
        chunk = await self._read()
        # The caller's callback may raise, so the chunk is kept before it is reported.
        self._ahead.append(chunk)
        self._meter.add(len(chunk))

    async def _connect(self) -> None:
        """Request the payload, so that its name and its size are known."""
        while True:
            try:
                await self._reader.open()
                return
            except RestartDownload as restart:
                await self._start_over(restart)

    async def _read(self) -> bytes:
        """Return the next chunk that was not yielded before, or ``b""`` at the end."""
        while True:
            if self._closed:
                raise ClientStateError(
                    "this stream is closed; read it inside its 'async with' block"
                )
            try:
                chunk = await self._reader.read()
            except RestartDownload as restart:
                await self._start_over(restart)
                continue
            data = bytes(chunk)
            self._reader.release(chunk)
            new = self._skip_known(data)
            if new or not data:
                return new

    async def _start_over(self, restart: RestartDownload) -> None:
        """Read the payload again from its start, without yielding known chunks again.

        Raises:
            ArtifactsError: It is too late, or the retry policy allows no further attempt.
        """
        if not restart.whole:
            if self._received:
                # Chunks of the earlier payload were already yielded.
                raise restart.error
            self._client.reset()
        # If closing or waiting is cancelled or fails, the next read continues with the new reader.
        earlier, self._reader = self._reader, self._read_from_start()
        self._to_skip = self._received
        self._retrier.start_over()
        await earlier.close()
        if restart.is_retry:
            await self._retrier.wait_or_raise(restart.error)

    def _read_from_start(self) -> ResumableReader:
        segment = Segment(0, self._client.info.total or None)
        return ResumableReader(self._client, self._retrier, segment, on_response=self._describe)

    async def _describe(self, body: RangeBody) -> bool:
        """Take the size and the name of the payload from the first response."""
        if not self._received and not self._ahead:
            self.filename = verification.filename(self.artifact, body.url_path, body.headers)
            self.size = self._client.info.total
            self._meter.begin(self.size)
        return True

    def _skip_known(self, chunk: bytes) -> bytes:
        """Return the part of a received chunk that was not yielded before.

        Bytes are received a second time if the payload is read again from its start.
        """
        skipped = min(self._to_skip, len(chunk))
        self._to_skip -= skipped
        new = chunk[skipped:]
        self._hash.update(new)
        self._received += len(new)
        if self.artifact.digest is None:
            self._tail = (self._tail + new)[-verification.END_OF_ZIP :]
        return new

    def _verify(self) -> None:
        digest = Digest("sha256", self._hash.hexdigest())
        try:
            verified = verification.check(self.artifact, self._received, digest, self._tail)
        except ArtifactsError as failure:
            self._failure = copy(failure)
            raise
        self._meter.finish()
        self.digest, self.verified = digest, verified


@asynccontextmanager
async def open_stream(
    artifact: Artifact,
    client: BlobClient,
    retrier: Retrier,
    lifetime: Lifetime,
    on_progress: OnProgress | None = None,
) -> AsyncIterator[ArtifactStream]:
    """Open a stream and close it when the ``with`` block ends; see `Repo.stream_artifact`."""
    stream = ArtifactStream(artifact, client, retrier, lifetime, on_progress)
    try:
        async with lifetime.scope():
            await stream._connect()
        yield stream
    finally:
        stream._closed = True
        await stream._reader.close()
