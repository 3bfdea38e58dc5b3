"""Files, and the only writer of them; every call to the system is made in threads of our own.

A payload is written to a part file beside its target and becomes the target by `os.replace`: what
is at the final path is complete. A job in a thread cannot be cancelled, so a cancelled caller
waits for the one under way before it closes the file.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ghartifacts_async.errors import ClientStateError, DiskError
from ghartifacts_async.models import Digest

_T = TypeVar("_T")

_READ_SIZE = 2**20


class Disk:
    """The threads of one client. Close it to end them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="ghartifacts-disk")

    def close(self) -> None:
        """End the threads; no job is left by then."""
        self._threads.shutdown()

    def start(self, job: Callable[..., _T], *args: object) -> asyncio.Future[_T]:
        """Begin a job in a thread.

        Raises:
            ClientStateError: The client has closed.
        """
        try:
            return asyncio.get_running_loop().run_in_executor(self._threads, job, *args)
        except RuntimeError:
            raise ClientStateError("the client was closed while it was downloading") from None

    async def run(self, job: Callable[..., _T], *args: object) -> _T:
        """Do a job in a thread; when cancelled, leave only after it has ended."""
        return await settled(self.start(job, *args))

    @asynccontextmanager
    async def part_file(self, directory: Path) -> AsyncIterator[PartFile]:
        """A new part file in `directory`, which is made if need be; removed unless published.

        Raises:
            DiskError: It cannot be made.
        """
        part = PartFile(self, directory)
        try:
            await self.run(part.open)
            yield part
        finally:
            await part.close()


async def settled(job: asyncio.Future[_T]) -> _T:
    """Wait for a job's end, whatever happens; a cancellation is raised after it."""
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        while not job.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([job])
        if not job.cancelled():
            job.exception()  # seen: the cancellation says enough
        raise


class PartFile:
    """A payload on its way to its target.

    One job is under way at a time: it writes a batch, then hashes what it finds on the disk.
    """

    def __init__(self, disk: Disk, directory: Path) -> None:
        self.path = directory / f".{secrets.token_hex(8)}.ghartifacts-part"
        self._disk = disk
        self._job: asyncio.Future[None] | None = None
        self._hash = hashlib.sha256()
        self._buffer = memoryview(bytearray(_READ_SIZE))
        self._published = self._in_place_of = False
        self._writer: io.FileIO | None = None
        self._reader: io.FileIO | None = None

    def open(self) -> None:
        """Make the file, with the permissions that the umask leaves. Blocks."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = io.FileIO(self.path, "x")
            self._reader = io.FileIO(self.path, "r")
        except OSError as error:
            raise _disk_error(error, self.path.parent) from error

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
        """Give the file its final name, replacing what is there, in one step.

        Cancelled too late to stop it, it takes the name back, unless an older file had it.

        Raises:
            DiskError: It cannot be put there.
        """
        await self.flush()
        try:
            await self._disk.run(self._publish, target)
        except asyncio.CancelledError:
            await self._disk.run(self._take_back, target)
            raise
        self._published = True

    async def close(self) -> None:
        """Close the file, and remove it unless it was published."""
        if self._published:
            return  # without an await, at which a late cancellation could strike
        if self._job is not None:
            with suppress(DiskError):
                await settled(self._job)
        try:
            await self._disk.run(self._discard)
        except ClientStateError:
            self._discard()

    def _append(self, batch: Sequence[bytes]) -> None:
        assert self._writer is not None
        assert self._reader is not None
        try:
            for chunk in batch:
                view = memoryview(chunk)
                while view:
                    view = view[self._writer.write(view) :]
            while count := self._reader.readinto(self._buffer):
                self._hash.update(self._buffer[:count])
        except OSError as error:
            raise _disk_error(error, self.path) from error

    def _tail(self, size: int) -> bytes:
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size))
            return file.read()

    def _publish(self, target: Path) -> None:
        self._close_handles()
        try:
            self._in_place_of = target.exists()
            self.path.replace(target)
        except OSError as error:
            raise _disk_error(error, target) from error

    def _take_back(self, target: Path) -> None:
        if not self._in_place_of and not self.path.exists():
            with suppress(OSError):
                target.unlink()

    def _discard(self) -> None:
        self._close_handles()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _close_handles(self) -> None:
        for file in (self._writer, self._reader):
            if file is not None:
                file.close()


def _disk_error(error: OSError, path: Path) -> DiskError:
    return DiskError(f"{path}: {error.strerror or error}", path=path, errno=error.errno)
