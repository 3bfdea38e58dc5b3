"""SHA-256 of a file that is being written, read back from the disk close behind the writer."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._disk.file_io import RandomFile, disk_errors
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async.errors import ClientStateError, DiskError
from ghartifacts_async.models import Digest

_READ_SIZE = 2**20
_AT_ONCE = 2**25
_WORTH_IT = 2**22


class Hasher:
    """Hashes one file, from its front on, in one thread at a time.

    Args:
        disk: Whose threads.
        file: Which file.
        path: Where it is.
    """

    def __init__(self, disk: IoThreads, file: RandomFile, path: Path) -> None:
        self._disk = disk
        self._file = file
        self._path = path
        self._hash = hashlib.sha256()
        self._buffer: memoryview | None = None
        self._hashed = 0
        self._front = 0
        self._job: asyncio.Future[None] | None = None

    def follow(self, front: int) -> None:
        """So many bytes are there, without a gap."""
        self._front = front
        if self._job is None and front - self._hashed >= _WORTH_IT:
            with suppress(ClientStateError):
                self._job = self._disk.start(self._hash_up_to, front)
                self._job.add_done_callback(self._done)

    def stop(self) -> None:
        """Begin no further job; the one under way is in `jobs`."""
        self._front = 0

    @property
    def jobs(self) -> tuple[asyncio.Future[None], ...]:
        """What a thread is at work on."""
        return () if self._job is None else (self._job,)

    async def digest(self, total: int) -> Digest:
        """Of all of the file, which has so many bytes.

        Raises:
            DiskError: It cannot be read.
        """
        self.stop()
        await wait_all(lambda: self.jobs)
        while self._hashed < total:
            await self._disk.run(self._hash_up_to, total)
        return Digest("sha256", self._hash.hexdigest())

    def _done(self, job: asyncio.Future[None]) -> None:
        self._job = None
        if not job.cancelled() and job.exception() is None:
            self.follow(self._front)

    def _hash_up_to(self, stop: int) -> None:
        # Large: each piece costs two waits for the interpreter's lock.
        buffer = self._buffer = self._buffer or memoryview(bytearray(_READ_SIZE))
        stop = min(stop, self._hashed + _AT_ONCE)
        with disk_errors(self._path):
            while self._hashed < stop:
                count = self._file.read(self._hashed, buffer[: stop - self._hashed])
                if not count:
                    raise DiskError(f"{self._path}: another process cut it", path=self._path)
                self._hash.update(buffer[:count])
                self._hashed += count
