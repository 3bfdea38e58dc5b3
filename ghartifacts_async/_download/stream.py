"""An artifact's bytes for those who write elsewhere: in order, gone on with wherever it breaks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy

from ghartifacts_async._download import verification
from ghartifacts_async._download.blob import (
    UNFIT_IN_A_ROW,
    BlobClient,
    RangeBody,
    UnexpectedResponse,
)
from ghartifacts_async._download.retries import Retrier
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
    """The payload of an artifact, piece by piece: ``async for chunk in stream``, once.

    The next piece is asked for when it is wanted, so a slow reader slows the sender down. The end
    is reached only by a payload that is complete and, where GitHub recorded a digest, right.

    Attributes:
        artifact: Which artifact.
        filename: A safe name for a file of it.
        size: Bytes in all, or ``None`` where nobody says.
        digest: SHA-256 of all bytes, from the end on; ``None`` before.
        verified: Whether it is the one that GitHub recorded; false before the end.
    """

    def __init__(
        self, artifact: Artifact, source: BlobClient, patience: Retrier, lifetime: Lifetime
    ) -> None:
        self.artifact = artifact
        self.filename: str = ""
        self.size: int | None = None
        self.digest: Digest | None = None
        self.verified: bool = False
        self._source = source
        self._patience = patience
        self._lifetime = lifetime
        self._connection = AsyncExitStack()
        self._body: RangeBody | None = None
        self._hash = hashlib.sha256()
        self._received = self._to_skip = self._unfit = 0
        self._whole = self._closed = False
        self._failure: ArtifactsError | None = None
        self._tail = b""

    def __repr__(self) -> str:
        return f"<ArtifactStream of artifact {self.artifact.id}, {self._received} bytes so far>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next piece, as it came.

        Raises:
            IncompleteDownload: Bytes are missing, or too many.
            DigestMismatch: The bytes are not those that were uploaded.
            StoreError: The blob store refuses.
            TransportError: The store does not answer, again and again.
            ClientStateError: The stream, or its client, is closed.
        """
        if self.digest is None:
            if self._failure is not None:
                raise copy(self._failure)
            async with self._lifetime.scope():
                chunk = await self._read()
            if chunk:
                return chunk
            self._check()
        raise StopAsyncIteration

    async def _begin(self) -> None:
        """Have the first answer, which tells name and size."""
        while self._body is None:
            try:
                await self._open()
            except (UnexpectedResponse, StoreError, TransportError) as failed:
                error = self._doubt(failed)
            else:
                return
            await self._patience.again(error)

    async def _read(self) -> bytes:
        """What comes next, ``b""`` at the end; broken connections are replaced."""
        self._patience.wanted()
        while True:
            await self._begin()
            assert self._body is not None
            try:
                chunk = await self._body.read()
            except (IncompleteDownload, TransportError) as failed:
                error = failed
            else:
                fresh = self._taken(chunk)
                if fresh or not chunk:
                    return fresh
                continue
            await self._close()
            await self._patience.again(error)

    async def _open(self) -> None:
        if self._closed:
            raise ClientStateError("this stream is closed; read it in its 'async with'")
        total = self._source.blob.total
        whole = self._whole or total is None
        start = 0 if whole else self._received
        self._to_skip = self._received - start
        body = await self._connection.enter_async_context(
            self._source.open(start, None if whole else total)
        )
        self._body, self._unfit = body, 0
        if not self.filename:
            self.filename = verification.filename(self.artifact, body.url_path, body.headers)
            self.size = self._source.blob.total

    async def _close(self) -> None:
        self._body = None
        await self._connection.aclose()

    def _taken(self, chunk: bytes) -> bytes:
        """What of a piece has not been yielded before."""
        skipped = min(self._to_skip, len(chunk))
        self._to_skip -= skipped
        fresh = chunk[skipped:]
        self._hash.update(fresh)
        self._received += len(fresh)
        self._patience.got(len(fresh))
        if self.artifact.digest is None:
            self._tail = (self._tail + fresh)[-verification.END_OF_ZIP :]
        return fresh

    def _doubt(self, failed: UnexpectedResponse | StoreError | TransportError) -> ArtifactsError:
        """What an answer that is not used means for the next request."""
        if not isinstance(failed, UnexpectedResponse):
            return failed
        self._unfit += 1
        self._whole = self._whole or failed.verdict.whole
        if failed.verdict.changed and self._unfit >= UNFIT_IN_A_ROW:
            if self._received:
                # What was yielded cannot be taken back.
                raise failed.error
            self._source.forget()
        return failed.error

    def _check(self) -> None:
        digest = Digest("sha256", self._hash.hexdigest())
        try:
            self.verified = verification.check(self.artifact, self._received, digest, self._tail)
        except ArtifactsError as failure:
            self._failure = copy(failure)
            raise
        self.digest = digest


@asynccontextmanager
async def stream(
    artifact: Artifact, source: BlobClient, patience: Retrier, lifetime: Lifetime
) -> AsyncIterator[ArtifactStream]:
    """An open stream; see `Repo.stream_artifact`."""
    opened = ArtifactStream(artifact, source, patience, lifetime)
    try:
        async with lifetime.scope():
            await opened._begin()
        yield opened
    finally:
        opened._closed = True
        await opened._close()
