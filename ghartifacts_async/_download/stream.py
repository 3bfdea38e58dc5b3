"""Stream an artifact's payload in chunks, and resume when the connection breaks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy

from ghartifacts_async._download import verification
from ghartifacts_async._download.blob import (
    MAX_REJECTED_RESPONSES,
    BlobClient,
    RangeBody,
    UnexpectedResponse,
)
from ghartifacts_async._download.retrier import Retrier
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.errors import (
    ArtifactsError,
    ClientStateError,
    IncompleteDownload,
    StoreError,
    TransportError,
)
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
        self, artifact: Artifact, client: BlobClient, retrier: Retrier, lifetime: Lifetime
    ) -> None:
        self.artifact = artifact
        self.filename: str = ""
        self.size: int | None = None
        self.digest: Digest | None = None
        self.verified: bool = False
        self._client = client
        self._retrier = retrier
        self._lifetime = lifetime
        self._connection = AsyncExitStack()
        self._body: RangeBody | None = None
        self._hash = hashlib.sha256()
        self._received = self._to_skip = self._opened_at = self._rejected = 0
        self._whole = self._closed = False
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
            ClientStateError: The stream or its client is closed.
        """
        if self.digest is None:
            if self._failure is not None:
                raise copy(self._failure)
            async with self._lifetime.scope():
                await self._read_ahead()
            if not self._ahead[-1]:
                self._verify()
            if chunk := self._ahead.pop(0):
                return chunk
        raise StopAsyncIteration

    async def _read_ahead(self) -> None:
        """Read the next chunk and, if it may be the last one, what follows it.

        The chunks are kept in `_ahead`, so that cancelling the read loses none of them.
        """
        if not self._ahead:
            self._ahead.append(await self._read())
        total = self._client.info.total
        may_be_last = total is None or self._received >= total
        if may_be_last and len(self._ahead) == 1 and self._ahead[0]:
            self._ahead.append(await self._read())

    async def _connect(self) -> None:
        """Request the payload, or the rest of it, and retry failed requests."""
        while self._body is None:
            try:
                await self._open()
            except (UnexpectedResponse, StoreError, TransportError) as failure:
                error = self._error_to_retry(failure)
            else:
                return
            await self._retrier.wait_or_raise(error)

    async def _read(self) -> bytes:
        """Return the next chunk, or ``b""`` at the end. Reconnect if the connection breaks."""
        self._retrier.read_requested()
        while True:
            await self._connect()
            assert self._body is not None
            error: ArtifactsError | None
            try:
                chunk = await self._body.read()
            except (IncompleteDownload, TransportError) as failure:
                error = failure
            else:
                new = self._skip_known(chunk)
                if new or (not chunk and self._received >= (self._client.info.total or 0)):
                    return new
                if chunk:
                    continue
                error = self._error_of_short_body()
            await self._close()
            if error is not None:
                await self._retrier.wait_or_raise(error)

    def _error_of_short_body(self) -> IncompleteDownload | None:
        """Return None to request the rest at once, or an error if the body brought nothing new."""
        if self._received > self._opened_at:
            return None
        return self._client.incomplete_error("the store sent no further bytes", self._received)

    async def _open(self) -> None:
        if self._closed:
            raise ClientStateError("this stream is closed; read it inside its 'async with' block")
        total = self._client.info.total
        whole = self._whole or total is None
        start = 0 if whole else self._received
        self._to_skip, self._opened_at = self._received - start, self._received
        body = await self._connection.enter_async_context(
            self._client.open(start, None if whole else total)
        )
        self._body, self._rejected = body, 0
        if not self._received:
            self.filename = verification.filename(self.artifact, body.url_path, body.headers)
            self.size = self._client.info.total

    async def _close(self) -> None:
        self._body = None
        await self._connection.aclose()

    def _skip_known(self, chunk: bytes) -> bytes:
        """Return the part of a received chunk that was not yielded before.

        Bytes are received a second time if the store sends the whole payload after a reconnect.
        """
        skipped = min(self._to_skip, len(chunk))
        self._to_skip -= skipped
        new = chunk[skipped:]
        self._hash.update(new)
        self._received += len(new)
        self._retrier.record_bytes(len(new))
        if self.artifact.digest is None:
            self._tail = (self._tail + new)[-verification.END_OF_ZIP :]
        return new

    def _error_to_retry(
        self, failure: UnexpectedResponse | StoreError | TransportError
    ) -> ArtifactsError:
        """Return the error of a failed request, and change the next request accordingly.

        Raises:
            IncompleteDownload: The payload has changed, and chunks of it were already yielded.
        """
        if not isinstance(failure, UnexpectedResponse):
            return failure
        self._rejected += 1
        rejection, repeated = failure.rejection, self._rejected >= MAX_REJECTED_RESPONSES
        self._whole = self._whole or rejection.whole or (rejection.no_ranges and repeated)
        if rejection.changed and repeated:
            if self._received:
                # Chunks of the earlier payload were already yielded, so it is too late to restart.
                raise failure.error
            self._client.reset()
        return failure.error

    def _verify(self) -> None:
        digest = Digest("sha256", self._hash.hexdigest())
        try:
            self.verified = verification.check(self.artifact, self._received, digest, self._tail)
        except ArtifactsError as failure:
            self._failure = copy(failure)
            raise
        self.digest = digest


@asynccontextmanager
async def open_stream(
    artifact: Artifact, client: BlobClient, retrier: Retrier, lifetime: Lifetime
) -> AsyncIterator[ArtifactStream]:
    """Open a stream and close it when the ``with`` block ends; see `Repo.stream_artifact`."""
    stream = ArtifactStream(artifact, client, retrier, lifetime)
    try:
        async with lifetime.scope():
            await stream._connect()
        yield stream
    finally:
        stream._closed = True
        await stream._close()
