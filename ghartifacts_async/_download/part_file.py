"""A payload on its way to its target: a part file beside it, a journal, and a lock.

The journal tells what is on disk, in lines that are written after what they tell of. Whoever holds
its lock works on the part file; who comes next finds both and goes on. The payload becomes the
target by a rename: what is at the final path is complete.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from ghartifacts_async._disk.file_io import (
    RandomFile,
    boot,
    disk_error,
    disk_errors,
    hidden,
    is_at,
    rename_new,
    sync_directory,
)
from ghartifacts_async._disk.hasher import Hasher
from ghartifacts_async._disk.lock_file import NO_LOCKS, Journal
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download import journal
from ghartifacts_async._download.journal import Record
from ghartifacts_async._download.ranges import RangeSet
from ghartifacts_async._tasks.waiting import wait_all, wait_done
from ghartifacts_async.errors import DiskError, TargetBusy, TargetExists
from ghartifacts_async.models import Digest

_TIDIED_UP = 5


@asynccontextmanager
async def open_part_file(
    disk: IoThreads, directory: Path, stem: str, *, wait: bool, keep: bool
) -> AsyncIterator[PartFile]:
    """The partial file of this stem, for one at a time.

    Args:
        disk: Where it is worked on.
        directory: Where it lies; made if need be.
        stem: Tells it from others.
        wait: Whether to wait where another is at work on it.
        keep: Whether what is on disk stays for the next, where it was not published.

    Raises:
        TargetBusy: Another is at work on it.
        DiskError: It cannot be made.
    """
    part = PartFile(disk, directory, stem)
    delay = 0.02
    try:
        while not await disk.run(part._open):
            if not wait:
                raise TargetBusy(
                    f"{directory}: another download is at work on this target", path=directory
                )
            await asyncio.sleep(delay)
            delay = min(1.0, delay * 1.5)
        yield part
    finally:
        await part._close(keep)


class PartFile:
    """A part file under its lock. Made by `partial`."""

    def __init__(self, disk: IoThreads, directory: Path, stem: str) -> None:
        self._disk = disk
        self._directory = directory
        self._name(stem)
        self._file: RandomFile | None = None
        self._total = 0
        self._hasher: Hasher | None = None
        self._jobs: set[asyncio.Future[Any]] = set()
        self._published = self._abandoned = self._ours = False
        self._error: BaseException | None = None
        self._made: list[Path] = []
        self.spans = RangeSet()

    async def found(self, artifact: str, digest: str | None) -> Record | None:
        """What an earlier download of the same payload left, if it can be gone on with."""
        record = await self._disk.run(self._found, artifact, digest)
        if record is not None:
            self._total = record.total
            self.spans = RangeSet(record.spans)
            self._hash_anew()
        return record

    async def begin(self, record: Record) -> None:
        """Start with nothing on disk but room for all.

        Raises:
            DiskFull: There is no room.
            DiskError: It cannot be made.
        """
        await self._settle()
        self.spoil()
        self._total = record.total
        await self._disk.run(self._begin, record)
        self._hash_anew()

    def spoil(self) -> None:
        """What is on disk is of no use, to nobody."""
        self.spans, self._ours = RangeSet(), True

    def write(self, offset: int, chunks: Sequence[bytes], size: int) -> asyncio.Future[None]:
        """Begin to write `size` bytes; the result comes when they are on disk and in the journal.

        It raises a `DiskError` where they cannot be written.
        """
        job = self._disk.start(self._write, offset, chunks, size, last=True)
        self._jobs.add(job)

        def done(job: asyncio.Future[None]) -> None:
            self._jobs.discard(job)
            if job.cancelled():
                return
            self._error = self._error or job.exception()
            if job.exception() is None:
                self.spans.add(offset, offset + size)
                self._follow()

        job.add_done_callback(done)
        return job

    async def written(self) -> int:
        """How many bytes are on disk, once nobody writes any more.

        Raises:
            DiskError: Some could not be written.
        """
        await self._settle()
        if self._error is not None:
            raise self._error
        self._total = self.spans.total
        return self._total

    async def digest(self) -> Digest:
        """SHA-256 of what was `written`.

        Raises:
            DiskError: It cannot be read.
        """
        assert self._hasher is not None
        return await self._hasher.digest(self._total)

    async def tail(self, size: int) -> bytes:
        """The last `size` bytes, or all."""
        return await self._disk.run(self._tail, size)

    async def publish(self, target: Path, *, replace: bool, durable: bool) -> None:
        """Give the file its final name, in one step.

        Cancelled before the step, it is not taken.

        Raises:
            TargetExists: There is a file of that name, and it is not to be replaced.
            DiskError: It cannot be put there.
        """
        job = self._disk.start(self._publish, target, replace, durable)
        try:
            await asyncio.shield(job)
        except asyncio.CancelledError:
            self._abandoned = True
            await wait_done(job)
            raise

    def _hash_anew(self) -> None:
        assert self._file is not None
        self._hasher = Hasher(self._disk, self._file, self._path)
        self._follow()

    def _follow(self) -> None:
        if self._hasher is not None:
            self._hasher.follow(self.spans.contiguous_length)

    async def _settle(self) -> None:
        hasher = self._hasher
        if hasher is not None:
            hasher.stop()
        await wait_all(lambda: [*self._jobs, *(hasher.jobs if hasher is not None else ())])

    async def _close(self, keep: bool) -> None:
        try:
            await self._settle()
        finally:
            await self._disk.run(self._leave, keep, last=True)

    def _name(self, stem: str) -> None:
        self._path = hidden(self._directory, stem, "part")
        self._journal = Journal(hidden(self._directory, stem, "journal"))

    def _open(self) -> bool:
        """Have the journal; whether it could be had."""
        try:
            try:
                return self._hold()
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
            # Nobody can be kept away here, so nobody else shall know it.
            self._name(secrets.token_hex(8))
            return self._journal.hold(lock=False)
        except OSError as error:
            raise disk_error(error, self._directory) from error

    def _hold(self) -> bool:
        for _ in range(_TIDIED_UP):
            # Whoever was at work here may just have tidied up, but not again and again.
            with suppress(FileNotFoundError, FileExistsError):
                self._make_directory()
                return self._journal.hold()
            if os.path.lexists(self._directory) and not self._directory.is_dir():
                break
        self._make_directory()
        return self._journal.hold()

    def _make_directory(self) -> None:
        above = [self._directory, *self._directory.parents]
        self._made += [path for path in above if not path.exists() and path not in self._made]
        self._directory.mkdir(parents=True, exist_ok=True)

    def _found(self, artifact: str, digest: str | None) -> Record | None:
        with disk_errors(self._path), suppress(FileNotFoundError):
            record = journal.read(self._journal.read(), artifact, digest, boot())
            if record is None:
                return None
            file = RandomFile(self._path, new=False)
            if os.fstat(file.fileno()).st_size == record.total:
                self._file = file
                return record
            file.close()
        return None

    def _begin(self, record: Record) -> None:
        with disk_errors(self._path):
            # In this order: no journal ever tells of bytes that are not there.
            self._journal.clear()
            if self._file is not None:
                self._file.close()
            self._file = RandomFile(self._path, new=True)
            self._file.reserve(record.total)
            self._journal.add(journal.header(record))

    def _write(self, offset: int, chunks: Sequence[bytes], size: int) -> None:
        assert self._file is not None
        with disk_errors(self._path):
            self._file.write(offset, chunks)
            self._journal.add(journal.line(offset, offset + size))

    def _tail(self, size: int) -> bytes:
        assert self._file is not None
        start = max(0, self._total - size)
        data = bytearray(self._total - start)
        with disk_errors(self._path):
            count = self._file.read(start, memoryview(data))
        return bytes(data[:count])

    def _publish(self, target: Path, replace: bool, durable: bool) -> None:
        assert self._file is not None
        if self._abandoned:
            return
        try:
            mine = is_at(self._file.fileno(), self._path) and self._journal.is_in_place
            if not mine or os.fstat(self._file.fileno()).st_size != self._total:
                raise DiskError(f"{self._path}: another process changed it", path=self._path)
            if durable:
                self._file.sync()
            self._file.close()
            if replace:
                self._path.replace(target)
            else:
                rename_new(self._path, target)
            self._published = True
            if durable:
                for path in (target, *self._made):
                    sync_directory(path.parent)
        except FileExistsError as error:
            raise TargetExists(
                f"{target}: there is a file already", path=target, errno=error.errno
            ) from error
        except OSError as error:
            raise disk_error(error, target) from error

    def _leave(self, keep: bool) -> None:
        """Give up the lock, and the files with it unless the next can go on with them."""
        try:
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
            useless = self._published or not keep or (self._ours and not self.spans.total)
            if self._journal.is_held and (useless or self._journal.is_empty):
                with suppress(OSError):
                    self._path.unlink(missing_ok=True)
                self._journal.remove()
                with suppress(OSError):
                    for path in self._made:
                        path.rmdir()
        finally:
            self._journal.release()
