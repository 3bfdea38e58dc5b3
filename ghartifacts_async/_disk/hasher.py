"""Compute the SHA-256 of a complete file, or of a file that is still being written."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._disk.directories import Folder
from ghartifacts_async._disk.file_io import InputFile, RandomFile, disk_errors
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._disk.trust import UnsafeFile
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async.errors import ClientStateError, DiskError
from ghartifacts_async.models import Digest

# Reads are large, because each one releases the interpreter's lock and must wait to get it back.
_READ_SIZE = 2**21
_STEP = 2**25
_MIN_FOLLOW_BYTES = 2**22


class StepHasher:
    """The SHA-256 of a file, computed in steps of at most 32 MiB. Every method blocks.

    Args:
        file: File to read from its beginning.
        path: Path of the file, for error messages.

    Attributes:
        size: Number of bytes hashed so far.
    """

    def __init__(self, file: InputFile | RandomFile, path: Path) -> None:
        self._file = file
        self._path = path
        self._hash = hashlib.sha256()
        self._buffer: memoryview | None = None
        self.size = 0

    def step(self, stop: int) -> bool:
        """Hash the next bytes: at most 32 MiB, and none at or after the offset `stop`.

        Returns:
            False if the end of the file was reached before `stop`.

        Raises:
            DiskError: The file cannot be read.
        """
        buffer = self._buffer = self._buffer or memoryview(bytearray(_READ_SIZE))
        stop = min(stop, self.size + _STEP)
        with disk_errors(self._path):
            while self.size < stop:
                count = self._file.read_into(self.size, buffer[: stop - self.size])
                if not count:
                    return False
                self._hash.update(buffer[:count])
                self.size += count
        return True

    def digest(self) -> Digest:
        """Return the digest of the bytes hashed so far."""
        return Digest("sha256", self._hash.hexdigest())


async def hash_file(
    threads: IoThreads, folder: Folder, name: str, expected_size: int | None = None
) -> tuple[int, Digest | None]:
    """Return the size and the SHA-256 of a file.

    Args:
        threads: Threads that read the file.
        folder: Directory of the file.
        name: Name of the file.
        expected_size: Read the file only if it has this size in bytes. None means any size.

    Returns:
        The size and the digest. The size is -1 if the file does not exist, is a link or no regular
        file, or belongs to another user, who could change it at any time. The digest is None if the
        file was not read.

    Raises:
        DiskError: The file cannot be read.
    """
    path = folder.path / name
    opened: list[InputFile] = []

    def open_file() -> int:
        with disk_errors(path), suppress(FileNotFoundError, UnsafeFile), folder.open() as directory:
            opened.append(InputFile(path, directory))
            return opened[0].size()
        return -1

    try:
        size = await threads.run(open_file)
        if not opened or expected_size not in {None, size}:
            return size, None
        hasher = StepHasher(opened[0], path)
        while await threads.run(hasher.step, hasher.size + _STEP):
            pass
        return size, hasher.digest()
    finally:
        for file in opened:
            await threads.run(file.close, after_close=True)


async def has_digest(
    threads: IoThreads, folder: Folder, name: str, size: int, digest: Digest
) -> bool:
    """Return True if a file has the given size and SHA-256 digest.

    Return False if the file does not exist, is not a file of ours, or if `digest` is not a SHA-256.

    Raises:
        DiskError: The file cannot be read.
    """
    if digest.algorithm != "sha256":
        return False
    return await hash_file(threads, folder, name, size) == (size, digest)


class FollowingHasher:
    """The SHA-256 of a file that is still being written.

    It reads the bytes soon after they were written, while they are still in the page cache. Only
    one thread reads at a time.

    Args:
        threads: Threads that read the file.
        file: File to read.
        path: Path of the file, for error messages.
    """

    def __init__(self, threads: IoThreads, file: RandomFile, path: Path) -> None:
        self._threads = threads
        self._hasher = StepHasher(file, path)
        self._path = path
        self._available = 0
        self._job: asyncio.Future[None] | None = None

    def follow(self, available: int) -> None:
        """Hash the first `available` bytes in the background. They must all be written."""
        self._available = available
        if self._job is None and available - self._hasher.size >= _MIN_FOLLOW_BYTES:
            with suppress(ClientStateError):
                self._job = self._threads.start(self._step, available)
                self._job.add_done_callback(self._done)

    def stop(self) -> None:
        """Start no further jobs. A running job continues; see `jobs`."""
        self._available = 0

    @property
    def jobs(self) -> tuple[asyncio.Future[None], ...]:
        """The running job, or nothing if no job is running."""
        return () if self._job is None else (self._job,)

    async def digest(self, total: int) -> Digest:
        """Hash the remaining bytes and return the digest of the whole file.

        Args:
            total: Size of the file in bytes.

        Raises:
            DiskError: The file cannot be read, or has fewer than `total` bytes.
        """
        self.stop()
        await wait_all(lambda: self.jobs)
        while self._hasher.size < total:
            await self._threads.run(self._step, total)
        return self._hasher.digest()

    def _done(self, job: asyncio.Future[None]) -> None:
        self._job = None
        if not job.cancelled() and job.exception() is None:
            self.follow(self._available)

    def _step(self, stop: int) -> None:
        if not self._hasher.step(stop):
            raise DiskError(f"{self._path}: another process truncated it", path=self._path)
