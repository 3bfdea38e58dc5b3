"""Files, and the only writer of them; every call to the system is made in threads of our own.

A payload is written to a part file beside its target and becomes the target by a rename: what is
at the final path is complete. A job in a thread cannot be cancelled, so a cancelled caller waits
for the one under way before it closes the file.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ghartifacts_async.errors import ClientStateError, DiskError
from ghartifacts_async.models import Digest

_T = TypeVar("_T")

_THREADS = 8
_READ_SIZE = 2**18
_LARGEST_BATCH = 2**20
_SMALLEST_BATCH = 2**16
_BATCHES_IN_ALL = 2**24

_local = threading.local()


class Disk:
    """The threads of one client. Close it to end them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ghartifacts-disk")
        self._jobs: set[asyncio.Future[Any]] = set()
        self._closed = False
        self._parts = 0

    @property
    def batch_bytes(self) -> int:
        """Bytes to gather before they are written: fewer, the more files are being written."""
        return max(_SMALLEST_BATCH, min(_LARGEST_BATCH, _BATCHES_IN_ALL // max(1, self._parts)))

    async def close(self) -> None:
        """Take no more jobs, wait for those under way, and end the threads."""
        self._closed = True
        try:
            while self._jobs:
                await asyncio.wait(self._jobs)
        finally:
            self._threads.shutdown(wait=not self._jobs)

    def start(
        self, job: Callable[..., _T], *args: object, last: bool = False
    ) -> asyncio.Future[_T]:
        """Begin a job in a thread.

        Args:
            job: What to do.
            args: Its arguments.
            last: Whether it cleans up, which is done after the closing as well.

        Raises:
            ClientStateError: The client has closed.
        """
        if self._closed and not last:
            raise ClientStateError("the client was closed while it was downloading")
        threads = None if self._closed else self._threads
        future = asyncio.get_running_loop().run_in_executor(threads, job, *args)
        self._jobs.add(future)
        future.add_done_callback(self._jobs.discard)
        return future

    async def run(self, job: Callable[..., _T], *args: object, last: bool = False) -> _T:
        """Do a job in a thread; when cancelled, leave only after it has ended."""
        return await settled(self.start(job, *args, last=last))

    @asynccontextmanager
    async def part_file(self, directory: Path) -> AsyncIterator[PartFile]:
        """A new part file in `directory`, which is made if need be; removed unless published.

        Raises:
            DiskError: It cannot be made.
        """
        part = PartFile(self, directory)
        self._parts += 1
        try:
            await self.run(part.open)
            yield part
        finally:
            self._parts -= 1
            await part.close()


async def settled(job: asyncio.Future[_T]) -> _T:
    """Wait for a job's end, whatever happens; a cancellation is raised after it."""
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await _ended(job)
        raise


async def _ended(job: asyncio.Future[_T]) -> None:
    while not job.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([job])
    if not job.cancelled():
        job.exception()  # seen: the cancellation says enough


class PartFile:
    """A payload on its way to its target.

    One job is under way at a time: it writes a batch, then hashes what it finds on the disk.
    """

    def __init__(self, disk: Disk, directory: Path) -> None:
        self.path = directory / f".{secrets.token_hex(8)}.ghartifacts-part"
        self._disk = disk
        self._job: asyncio.Future[None] | None = None
        self._hash = hashlib.sha256()
        self._written = 0
        self._identity: os.stat_result | None = None
        self._published = self._abandoned = self._in_place_of = False
        self._writer: io.FileIO | None = None
        self._reader: io.FileIO | None = None

    def open(self) -> None:
        """Make the file, with the permissions that the umask leaves. Blocks."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = io.FileIO(self.path, "x")
            self._reader = io.FileIO(self.path, "r")
        except OSError as error:
            raise disk_error(error, self.path.parent) from error

    async def append(self, batch: Sequence[bytes]) -> None:
        """Take over a batch; returns when the one before it is on disk and hashed.

        Raises:
            DiskError: The batch before it could not be written.
        """
        await self.flush()
        self._job = self._disk.start(self._append, batch)

    async def flush(self) -> None:
        """Wait until all that was appended is on disk and hashed.

        Raises:
            DiskError: It could not be written.
        """
        if self._job is not None:
            await settled(self._job)
            self._job = None

    def digest(self) -> Digest:
        """SHA-256 of what is on disk after `flush`."""
        return Digest("sha256", self._hash.hexdigest())

    async def tail(self, size: int) -> bytes:
        """The last `size` bytes, or all."""
        return await self._disk.run(self._tail, size)

    async def publish(self, target: Path) -> None:
        """Give the file its final name, replacing a file that has it, in one step.

        Cancelled before the step, it is not taken; after it, the name is given back, unless an
        older file had it.

        Raises:
            DiskError: It cannot be put there.
        """
        await self.flush()
        job = self._disk.start(self._publish, target)
        try:
            await asyncio.shield(job)
        except asyncio.CancelledError:
            self._abandoned = True
            await _ended(job)
            await self._disk.run(self._take_back, target, last=True)
            raise
        self._published = True

    async def close(self) -> None:
        """Close the file, and remove it unless it was published."""
        if self._published:
            return  # without an await, at which a late cancellation could strike
        try:
            if self._job is not None:
                with suppress(Exception):
                    await settled(self._job)
        finally:
            await self._disk.run(self._discard, last=True)

    def _append(self, batch: Sequence[bytes]) -> None:
        assert self._writer is not None
        assert self._reader is not None
        buffer = _buffer()
        try:
            for chunk in batch:
                view = memoryview(chunk)
                while view:
                    written = self._writer.write(view)
                    self._written += written
                    view = view[written:]
            while count := self._reader.readinto(buffer):
                self._hash.update(buffer[:count])
        except OSError as error:
            raise disk_error(error, self.path) from error

    def _tail(self, size: int) -> bytes:
        assert self._reader is not None
        try:
            self._reader.seek(max(0, self._written - size))
            return self._reader.read()
        except OSError as error:
            raise disk_error(error, self.path) from error

    def _publish(self, target: Path) -> None:
        assert self._writer is not None
        try:
            self._identity = os.fstat(self._writer.fileno())
            if self._identity.st_size != self._written:
                raise DiskError(f"{self.path}: another process changed it", path=self.path)
            self._close_handles()
            self._in_place_of = target.exists()
            if self._in_place_of and not target.is_file():
                raise DiskError(f"{target}: in its place is a directory or device", path=target)
            if not self._abandoned:
                self.path.replace(target)
        except OSError as error:
            raise disk_error(error, target) from error

    def _take_back(self, target: Path) -> None:
        with suppress(OSError):
            if (
                not self._in_place_of
                and self._identity is not None
                and os.path.samestat(self._identity, target.stat())
            ):
                target.unlink()

    def _discard(self) -> None:
        try:
            with suppress(OSError):
                self._close_handles()
        finally:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _close_handles(self) -> None:
        """Close both; an error of the writer is one: some file systems write only now."""
        try:
            if self._reader is not None:
                self._reader.close()
        finally:
            if self._writer is not None:
                self._writer.close()


def _buffer() -> memoryview:
    """A buffer for each thread, not for each file."""
    buffer: memoryview | None = getattr(_local, "buffer", None)
    if buffer is None:
        buffer = _local.buffer = memoryview(bytearray(_READ_SIZE))
    return buffer


def disk_error(error: OSError, path: Path) -> DiskError:
    """What the system said of a path, as an error of this library."""
    return DiskError(f"{path}: {error.strerror or error}", path=path, errno=error.errno)
