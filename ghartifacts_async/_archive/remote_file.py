"""Any span of a payload: by ranges, or out of a temporary download where the store serves none."""

from __future__ import annotations

import asyncio
import io
import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from ghartifacts_async._disk.file_io import disk_error
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download.blob import (
    UNFIT_IN_A_ROW,
    BlobClient,
    RangeBody,
    UnexpectedResponse,
)
from ghartifacts_async._download.ranges import BlobInfo
from ghartifacts_async._download.retries import Retrier
from ghartifacts_async._tasks.waiting import await_uncancelled
from ghartifacts_async.errors import (
    ArtifactsError,
    ClientStateError,
    DiskError,
    IncompleteDownload,
    StoreError,
    TransportError,
)
from ghartifacts_async.models import Artifact, Download, RetryPolicy

_STEP = 2**18

_log = logging.getLogger("ghartifacts_async")


class RemoteFile:
    """An artifact's payload, wherever its bytes are.

    Args:
        artifact: Which.
        source: Asks for ranges.
        policy: How often it may fail.
        disk: Where a download goes.
        download: Downloads all of it to a path.

    Attributes:
        file: The download, where one was needed.
        tail: The last bytes of it that are kept in memory.
        tail_start: Where they begin.
    """

    def __init__(
        self,
        artifact: Artifact,
        source: BlobClient,
        policy: RetryPolicy,
        disk: IoThreads,
        download: Callable[[Path], Awaitable[Download]],
    ) -> None:
        self._artifact = artifact
        self._download = download
        self._downloading = asyncio.Lock()
        self._directory: Path | None = None
        self._closed = False
        self.source = source
        self.policy = policy
        self.disk = disk
        self.file: Path | None = None
        self.tail: bytes = b""
        self.tail_start: int = sys.maxsize

    async def total(self) -> int:
        """Bytes of it."""
        while (total := self.source.blob.total) is None:
            async with self.span(0, 1) as probe:
                await probe.read()
        return total

    async def fetch(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, all in memory."""
        chunks: list[bytes] = []
        async with self.span(start, stop) as span:
            while chunk := await span.read():
                chunks.append(chunk)
        return b"".join(chunks)

    async def keep_tail(self, size: int) -> None:
        """Have the last bytes of it in memory."""
        total = await self.total()
        start = max(0, total - size)
        self.tail = await self.fetch(start, total)
        self.tail_start = start

    @asynccontextmanager
    async def span(self, start: int, stop: int) -> AsyncIterator[RangeReader]:
        """The bytes from `start` to before `stop`, piece by piece."""
        span = RangeReader(self, start, stop)
        try:
            yield span
        finally:
            await span.close()

    async def download(self) -> int:
        """Have all of it, for the store serves no ranges; how many bytes."""
        async with self._downloading:
            if self._closed:
                raise ClientStateError("this archive was closed while it was at work")
            if self.file is not None:
                return await self.total()
            _log.warning(
                "artifact %d: its store serves no ranges, so all of it is downloaded",
                self._artifact.id,
            )
            await self.disk.run(self._make_directory)
            assert self._directory is not None
            done = await self._download(self._directory / "payload")
            known = self.source.blob.total
            if known not in {None, done.size}:
                raise self.source.incomplete("the payload has changed", done.size)
            self.source.blob = BlobInfo(done.size)
            self.file = done.path
            return done.size

    async def close(self) -> None:
        """Remove what was downloaded, once no download is under way, and let none begin."""
        self._closed = True
        await await_uncancelled(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        async with self._downloading:
            await self.disk.run(self._remove, after_close=True)

    def read_file(self, start: int, stop: int) -> bytes:
        """Some bytes of the download, from `start` on. It blocks."""
        assert self.file is not None
        try:
            with io.FileIO(self.file) as file:
                file.seek(start)
                chunk = file.read(min(stop - start, _STEP))
        except OSError as error:
            raise disk_error(error, self.file) from error
        if not chunk:
            raise DiskError(f"{self.file}: another process changed it", path=self.file)
        return chunk

    def _make_directory(self) -> None:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="ghartifacts-"))

    def _remove(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


class RangeReader:
    """Bytes of a payload in order, gone on with wherever they break. Made by `Remote.span`."""

    def __init__(self, remote: RemoteFile, start: int, stop: int) -> None:
        self._remote = remote
        self._at = start
        self._stop = stop
        self._patience = Retrier(remote.policy)
        self._connection = AsyncExitStack()
        self._body: RangeBody | None = None
        self._unfit = 0

    async def read(self) -> bytes:
        """The next bytes; ``b""`` at the end.

        Raises:
            GitHubError: GitHub does not say where it is.
            IncompleteDownload: Bytes are missing, or the payload has changed.
            StoreError: The store refuses.
            TransportError: It does not answer, again and again.
            DiskError: A temporary download cannot be written, or read.
        """
        self._patience.wanted()
        while self._at < self._stop:
            if chunk := await self._kept():
                self._at += len(chunk)
                return chunk
            try:
                chunk = await self._receive()
            except UnexpectedResponse as answer:
                error = await self._doubt(answer)
            except (IncompleteDownload, StoreError, TransportError) as failed:
                error = failed
            else:
                self._at += len(chunk)
                self._patience.got(len(chunk))
                return chunk
            await self.close()
            if error is not None:
                await self._patience.again(error)
        return b""

    async def close(self) -> None:
        """Leave the connection."""
        self._body = None
        await self._connection.aclose()

    async def _kept(self) -> bytes:
        """What need not be fetched."""
        remote = self._remote
        if self._at >= remote.tail_start:
            return remote.tail[self._at - remote.tail_start : self._stop - remote.tail_start]
        if remote.file is not None:
            return await remote.disk.run(remote.read_file, self._at, self._stop)
        return b""

    async def _receive(self) -> bytes:
        if self._body is None:
            stop = min(self._stop, self._remote.tail_start)
            opened = self._remote.source.open(self._at, stop)
            self._body = await self._connection.enter_async_context(opened)
            self._unfit = 0
        return await self._body.read()

    async def _doubt(self, answer: UnexpectedResponse) -> ArtifactsError | None:
        """What an answer that is not used means: an error, or nothing where none is needed."""
        self._unfit += 1
        untold = self._remote.source.blob.total is None
        again = self._unfit >= UNFIT_IN_A_ROW
        if answer.verdict.whole or (untold and again):
            await self.close()
            total = await self._remote.download()
            self._stop = min(self._stop, total)
            return None
        if answer.verdict.changed and again:
            raise answer.error
        return answer.error
