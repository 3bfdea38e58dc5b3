"""An incomplete download, stored next to its target as a part file and a journal.

The part file contains the received bytes, and the journal lists their ranges. Only the process that
has locked the journal may write to the part file. If a download fails, the next one finds both
files and resumes. The complete part file is renamed to the target, so a file at the final path is
always complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from ghartifacts_async._disk.directories import CreatedDirectories, Folder, move
from ghartifacts_async._disk.file_io import RandomFile, boot_id, disk_error, disk_errors
from ghartifacts_async._disk.hasher import FollowingHasher
from ghartifacts_async._disk.hidden_files import Claim, HiddenFiles
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._disk.trust import UnsafeFile
from ghartifacts_async._download import journal
from ghartifacts_async._download.journal import Record
from ghartifacts_async._download.ranges import RangeSet
from ghartifacts_async._download.target import busy_error, exists_error
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async.errors import DiskError
from ghartifacts_async.models import Digest

_OPEN_ATTEMPTS = 5


@asynccontextmanager
async def open_part_file(
    threads: IoThreads,
    folder: Folder,
    hidden: HiddenFiles,
    *,
    wait_for_lock: bool,
    keep_partial: bool,
    mode: int,
) -> AsyncIterator[PartFile]:
    """Open and lock the part file of a target.

    Args:
        threads: Threads that read and write the files.
        folder: Directory of the target. If it is missing, it is created.
        hidden: Names of the part file and the journal.
        wait_for_lock: Wait while another download holds the lock.
        keep_partial: Keep the received bytes for the next download if this one fails.
        mode: Permissions of the file, before the umask.

    Raises:
        TargetBusy: Another download holds the lock, and `wait_for_lock` is false.
        DiskError: The files cannot be opened.
    """
    part = PartFile(threads, folder, hidden, mode)
    try:
        if wait_for_lock:
            await threads.run_until_true(part._open, folder.path / hidden.journal)
        elif not await threads.run(part._open):
            raise busy_error(folder.path)
        yield part
    finally:
        await part._close(keep_partial)


class PartFile:
    """A locked part file. Use `open_part_file` to create one.

    Attributes:
        spans: Byte ranges that are on disk and recorded in the journal.
    """

    def __init__(self, threads: IoThreads, folder: Folder, hidden: HiddenFiles, mode: int) -> None:
        self._threads = threads
        self._folder = folder
        self._hidden = hidden
        self._mode = mode
        self._directory: Directory
        self._claim: Claim
        self._file: RandomFile | None = None
        self._size = 0
        self._hasher: FollowingHasher | None = None
        self._jobs: set[asyncio.Future[Any]] = set()
        self._is_open = self._published = self._discarded = False
        self._error: BaseException | None = None
        self._created = CreatedDirectories()
        self.spans = RangeSet()

    async def resume(self, artifact: str, digest: str | None) -> Record | None:
        """Open the part file of an earlier download of the same payload, if there is one.

        Args:
            artifact: Unique identifier of the artifact.
            digest: GitHub's digest of the artifact, or None if GitHub has none.

        Returns:
            The content of the journal, or None if there is no download to resume.

        Raises:
            DiskError: The files cannot be read.
        """
        if (record := await self._threads.run(self._resume, artifact, digest)) is not None:
            self._size = record.total
            self.spans = RangeSet(record.spans)
            self._start_hashing()
        return record

    async def begin(self, record: Record) -> None:
        """Create an empty part file and reserve disk space for the payload.

        Raises:
            DiskFull: The disk has too little free space.
            DiskError: The file cannot be created.
        """
        await self._wait_for_jobs()
        self.discard()
        self._size = record.total
        await self._threads.run(self._begin, record)
        self._start_hashing()

    def discard(self) -> None:
        """Discard the received bytes, so that no later download resumes from them."""
        self.spans, self._discarded = RangeSet(), True

    def write(
        self, offset: int, chunks: Sequence[bytes | memoryview], size: int
    ) -> asyncio.Future[None]:
        """Start to write received chunks in the background.

        Args:
            offset: Offset in the file at which to write the chunks.
            chunks: The chunks, in order.
            size: Total size of the chunks in bytes.

        Returns:
            A future that is done when the bytes and their journal line are written. It raises a
            `DiskError` if writing fails.
        """
        job = self._threads.start(self._write, offset, chunks, size, after_close=True)
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

    async def finish_writing(self) -> int:
        """Wait for all writes to finish and return the number of bytes on disk.

        Raises:
            DiskError: A write has failed.
        """
        await self._wait_for_jobs()
        if self._error is not None:
            raise self._error
        self._size = self.spans.total
        return self._size

    async def digest(self) -> Digest:
        """Return the SHA-256 of the file. Call `finish_writing` first.

        Raises:
            DiskError: The file cannot be read.
        """
        assert self._hasher is not None
        return await self._hasher.digest(self._size)

    async def tail(self, size: int) -> bytes:
        """Return the last `size` bytes of the file, or the whole file if it is shorter."""
        return await self._threads.run(self._tail, size)

    async def publish(self, target: Path, *, replace: bool, durable: bool) -> None:
        """Rename the part file to its target atomically.

        If the caller is cancelled before the rename begins, the file is not renamed.

        Args:
            target: Final path.
            replace: Replace an existing file.
            durable: Sync the file to disk, so that it survives a power failure.

        Raises:
            TargetExists: The target exists and `replace` is false.
            DiskError: The file cannot be renamed.
        """
        await self._threads.run_final_step(self._publish, target, replace, durable)

    def _start_hashing(self) -> None:
        assert self._file is not None
        self._hasher = FollowingHasher(self._threads, self._file, self._path)
        self._follow()

    def _follow(self) -> None:
        if self._hasher is not None:
            self._hasher.follow(self.spans.contiguous_length)

    async def _wait_for_jobs(self) -> None:
        if (hasher := self._hasher) is not None:
            hasher.stop()
        await wait_all(lambda: [*self._jobs, *(hasher.jobs if hasher is not None else ())])

    async def _close(self, keep_partial: bool) -> None:
        try:
            await self._wait_for_jobs()
        finally:
            await self._threads.run(self._release, keep_partial, after_close=True)

    @property
    def _path(self) -> Path:
        return self._folder.path / self._hidden.part

    def _open(self) -> bool:
        """Open and lock the journal. Return False if another process holds the lock."""
        with disk_errors(self._folder.path):
            for _ in range(_OPEN_ATTEMPTS):
                # Another download that fails at the same moment may remove directories that it
                # created, so create them again.
                with suppress(FileNotFoundError, FileExistsError):
                    return self._acquire()
            return self._acquire()

    def _acquire(self) -> bool:
        self._directory = self._folder.open(self._created)
        self._claim = Claim(self._directory, self._hidden, self._hidden.journal)
        try:
            self._is_open = self._claim.acquire()
        finally:
            if not self._is_open:
                self._claim.release(remove=True)
                self._directory.close()
        self._hidden = self._claim.hidden
        return self._is_open

    def _resume(self, artifact: str, digest: str | None) -> Record | None:
        with disk_errors(self._path), suppress(FileNotFoundError, UnsafeFile):
            record = journal.read(self._claim.lock.read(), artifact, digest, boot_id())
            if record is None:
                return None
            file = RandomFile(self._directory.open_own(self._hidden.part))
            if file.size() == record.total:
                self._file = file
                return record
            file.close()
        return None

    def _begin(self, record: Record) -> None:
        with disk_errors(self._path):
            # Clear the old journal before its part file is replaced, so that it never lists bytes
            # that are not on disk.
            self._claim.lock.clear()
            if self._file is not None:
                self._file.close()
            self._file = RandomFile(self._claim.create_part(self._mode))
            self._hidden = self._claim.hidden
            self._file.reserve(record.total)
            self._claim.lock.append(journal.header(record))

    def _write(self, offset: int, chunks: Sequence[bytes | memoryview], size: int) -> None:
        assert self._file is not None
        with disk_errors(self._path):
            self._file.write(offset, chunks)
            self._claim.lock.append(journal.line(offset, offset + size))

    def _tail(self, size: int) -> bytes:
        assert self._file is not None
        data = bytearray(min(size, self._size))
        with disk_errors(self._path):
            count = self._file.read_into(self._size - len(data), memoryview(data))
        return bytes(data[:count])

    def _publish(self, target: Path, replace: bool, durable: bool) -> None:
        assert self._file is not None
        directory, part = self._directory, self._hidden.part
        try:
            ours = directory.is_at(self._file.status(), part) and self._claim.lock.is_in_place
            if not ours or self._file.size() != self._size:
                raise DiskError(f"{self._path}: another process changed it", path=self._path)
            if durable:
                self._file.sync()
            self._file.close()
            move(directory, part, target.name, replace=replace)
            self._published = True
            if durable:
                directory.sync()
                self._created.sync()
        except FileExistsError as error:
            raise exists_error(target) from error
        except OSError as error:
            raise disk_error(error, target) from error

    def _release(self, keep_partial: bool) -> None:
        """Release the lock, and remove the files unless a later download may resume from them."""
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
        kept = False
        if self._is_open:
            with self._directory as directory:
                with suppress(OSError):
                    empty = self._claim.lock.is_empty or (self._discarded and not self.spans.total)
                    kept = keep_partial and self._claim.is_stable and not (self._published or empty)
                if not kept:
                    directory.remove(self._hidden.part)
                self._claim.release(remove=not kept)
        if not kept:
            self._created.remove()
