"""Random access to an artifact's payload, with range requests.

If the store does not support range requests, the whole payload is downloaded to a temporary file.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from ghartifacts_async._disk.directories import Folder, TemporaryDirectory, temporary_root
from ghartifacts_async._disk.file_io import InputFile, disk_errors
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download.blob import BlobClient
from ghartifacts_async._download.ranges import Segment
from ghartifacts_async._download.resumable_reader import (
    RestartDownload,
    ResumableReader,
    Retrier,
)
from ghartifacts_async._download.verification import BlobInfo
from ghartifacts_async._tasks.waiting import await_uncancelled
from ghartifacts_async.errors import ClientStateError, DiskError
from ghartifacts_async.models import Artifact, Download

_READ_SIZE = 2**18

_log = logging.getLogger("ghartifacts_async")


class RemoteFile:
    """An artifact's payload, read with range requests or from a temporary download.

    Args:
        artifact: The artifact.
        blob_client: Sends the range requests.
        new_retrier: Returns a retrier for the requests of a range.
        threads: The threads for file operations.
        download: Downloads the whole payload to a path in a directory.

    Attributes:
        file: Path of the temporary download, or ``None`` if there is none.
        cached_tail: The last bytes of the payload, kept in memory.
        cached_from: Offset of the first byte of `cached_tail`.
    """

    def __init__(
        self,
        artifact: Artifact,
        blob_client: BlobClient,
        new_retrier: Callable[[], Retrier],
        threads: IoThreads,
        download: Callable[[Path, Folder], Awaitable[Download]],
    ) -> None:
        self._artifact = artifact
        self._download = download
        self._download_lock = asyncio.Lock()
        self._directory: TemporaryDirectory | None = None
        self._opened: Directory | None = None
        self._closed = False
        self.blob_client = blob_client
        self.new_retrier = new_retrier
        self.threads = threads
        self.file: Path | None = None
        self.cached_tail: bytes = b""
        self.cached_from: int = sys.maxsize

    async def total(self) -> int:
        """Return the payload's size in bytes. If it is not known yet, a request is sent first.

        If the store does not announce the size, the whole payload is downloaded.
        """
        if self.blob_client.info.total is None:
            await self.fetch(0, 1)
        total = self.blob_client.info.total
        return await self.download() if total is None else total

    async def fetch(self, start: int, stop: int) -> bytes:
        """Fetch the bytes from `start` up to, but not including, `stop` into memory."""
        reader = RangeReader(self, start, stop)
        try:
            chunks: list[bytes] = []
            while chunk := await reader.read():
                chunks.append(chunk)
        finally:
            await reader.close()
        return b"".join(chunks)

    async def cache_tail(self, size: int) -> None:
        """Fetch the last `size` bytes of the payload and keep them in memory."""
        total = await self.total()
        start = max(0, total - size)
        self.cached_tail = await self.fetch(start, total)
        self.cached_from = start

    async def download(self) -> int:
        """Download the whole payload to a temporary file, unless it has been downloaded already.

        Returns:
            The payload's size in bytes.

        Raises:
            ClientStateError: The archive has been closed.
            IncompleteDownload: The payload has changed.
        """
        async with self._download_lock:
            if self._closed:
                raise ClientStateError("this archive was closed before its payload was downloaded")
            if self.file is not None:
                return await self.total()
            _log.warning(
                "artifact %d: the store does not support range requests, or does not announce the "
                "size, so the whole payload is downloaded",
                self._artifact.id,
            )
            async with self.threads.archive_downloads:
                download = await self._download_to_directory()
            if self.blob_client.info.total not in {None, download.size}:
                raise self.blob_client.incomplete_error("the payload has changed", download.size)
            self.blob_client.info = BlobInfo(download.size)
            self.file = download.path
            return download.size

    async def _download_to_directory(self) -> Download:
        root = await self.threads.run(temporary_root)
        await self.threads.run_until_true(self._open_directory, root)
        assert self._opened is not None
        path = self._opened.path
        try:
            return await self._download(path / "payload", Folder(path, path, self._opened))
        finally:
            await self.threads.run(self._opened.close, after_close=True)

    async def close(self) -> None:
        """Refuse new downloads, wait for a running one, and remove the temporary file."""
        self._closed = True
        await await_uncancelled(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        async with self._download_lock:
            await self.threads.run(self._remove_directory, after_close=True)

    def read_file(self, start: int, stop: int) -> bytes:
        """Read the temporary file from `start` to `stop`, but at most 256 KiB. It blocks."""
        assert self.file is not None
        with disk_errors(self.file), self.open_file(self.file) as file:
            chunk = file.read(start, min(stop - start, _READ_SIZE))
        if not chunk:
            raise DiskError(
                f"{self.file}: unexpected end of file; another process changed it", path=self.file
            )
        return chunk

    def open_file(self, path: Path) -> InputFile:
        """Open the temporary file for reading. It blocks.

        Args:
            path: Path of the temporary file.

        Raises:
            OSError: The file or its directory cannot be opened, or another process replaced it.
        """
        assert self._directory is not None
        with self._directory.open() as directory:
            return InputFile(path, directory)

    def _open_directory(self) -> bool:
        if self._directory is None:
            self._directory = TemporaryDirectory(prefix="ghartifacts-")
        with disk_errors(self._directory.path):
            self._opened = self._directory.open()
        return True

    def _remove_directory(self) -> None:
        if self._directory is not None:
            self._directory.remove()


class RangeReader:
    """Reads a byte range of a payload sequentially, also from the cached tail or a download.

    Args:
        remote: The payload.
        start: Offset of the first byte.
        stop: Offset after the last byte (exclusive).
    """

    def __init__(self, remote: RemoteFile, start: int, stop: int) -> None:
        self._remote = remote
        self._stop = stop
        # The cached tail is not requested again.
        self._segment = Segment(start, max(start, min(stop, remote.cached_from)))
        self._reader = ResumableReader(remote.blob_client, remote.new_retrier(), self._segment)

    async def read(self) -> bytes:
        """Read the next bytes. Return ``b""`` at the end.

        Raises:
            GitHubError: GitHub does not issue a signed URL.
            IncompleteDownload: Bytes are missing after the last retry, or the payload has changed.
            StoreError: The store refuses the request.
            TransportError: The connection still fails after the last retry.
            DiskError: The temporary file cannot be written or read.
        """
        while self._segment.at < self._stop:
            if self._is_local:
                chunk = await self._read_local()
                self._segment.at += len(chunk)
                return chunk
            try:
                received = await self._reader.read()
            except RestartDownload as restart:
                await self.close()
                remote = self._remote
                if not restart.whole and remote.blob_client.info.total is not None:
                    raise restart.error from None
                self._stop = min(self._stop, await remote.download())
            else:
                chunk = bytes(received)
                self._reader.release(received)
                return chunk
        return b""

    async def close(self) -> None:
        """Close the connection."""
        await self._reader.close()

    @property
    def _is_local(self) -> bool:
        """Whether the next bytes are in the cached tail or in the temporary file."""
        return self._remote.file is not None or self._segment.at >= self._remote.cached_from

    async def _read_local(self) -> bytes:
        remote, position = self._remote, self._segment.at
        if position >= remote.cached_from:
            start, stop = position - remote.cached_from, self._stop - remote.cached_from
            return remote.cached_tail[start:stop]
        return await remote.threads.run(remote.read_file, position, self._stop)
