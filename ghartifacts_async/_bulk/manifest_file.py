"""The manifest of a mirror on disk, under the mirror's lock. All of it blocks."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ghartifacts_async._bulk import manifest
from ghartifacts_async._bulk.manifest import Header, ManifestEntry, ManifestIndex
from ghartifacts_async._bulk.path_template import MANIFEST
from ghartifacts_async._disk.directories import make_directory, sync_directory
from ghartifacts_async._disk.file_io import PRIVATE, disk_error
from ghartifacts_async._disk.lock_file import LOCKS_UNSUPPORTED, LockFile
from ghartifacts_async.errors import DiskError, InvalidArgument, TargetBusy
from ghartifacts_async.models import Artifact, Digest

_LOCK = ".mirror.ghartifacts-lock"
_NEW = ".mirror.ghartifacts-new"
_MOST_WITH_DIGEST = 64


class Manifest:
    """What lies in a mirror, for one at a time. Threads may share it.

    Args:
        root: Of the mirror.
        header: What it is to be of.
        durable: Whether each line survives a loss of power.
    """

    def __init__(self, root: Path, header: Header, *, durable: bool) -> None:
        self._root = root
        self._path = root / MANIFEST
        self._header = header
        self._durable = durable
        self._lock = LockFile(root / _LOCK)
        self._one_at_a_time = threading.Lock()
        self._fd = -1
        self._end = 0
        self._index = ManifestIndex()

    def open(self) -> None:
        """Have the mirror, made if need be, and read what it tells.

        Raises:
            TargetBusy: Another is at work on it.
            InvalidArgument: It is of another server or template.
            DiskError: It cannot be read or made.
        """
        try:
            make_directory(self._root, durable=self._durable)
            if not self._hold():
                raise TargetBusy(
                    f"{self._root}: another process is updating this mirror", path=self._root
                )
            (self._root / _NEW).unlink(missing_ok=True)
            if not self._path.exists():
                self._rewrite([manifest.header_line(self._header)])
            self._read()
            if manifest.should_compact(self._index.lines, len(self._index)):
                self._rewrite([manifest.header_line(self._header), *self._counting()])
                self._read()
        except OSError as error:
            raise disk_error(error, self._path) from error

    def find(self, artifact_id: int) -> ManifestEntry | None:
        """What it tells of an artifact."""
        with self._one_at_a_time:
            offset = self._index.find(artifact_id)
            entry = None if offset is None else manifest.read_entry(self._line(offset))
        return entry if entry is not None and entry.id == artifact_id else None

    def find_by_digest(self, digest: Digest) -> Iterator[ManifestEntry]:
        """What it tells of files of this digest, the latest first."""
        with self._one_at_a_time:
            offsets = list(islice(self._index.find_by_digest(digest), _MOST_WITH_DIGEST))
        for offset in offsets:
            with self._one_at_a_time:
                entry = manifest.read_entry(self._line(offset))
            if entry is not None and entry.digest == digest:
                yield entry

    def add(self, artifact: Artifact, path: str, digest: Digest) -> None:
        """Tell of a file that is in its place, whole and right.

        Raises:
            DiskError: It cannot be told.
        """
        try:
            status = (self._root / path).stat()
            entry = ManifestEntry(artifact.id, path, status.st_size, status.st_mtime_ns, digest)
            line = manifest.entry_line(artifact, entry)
            with self._one_at_a_time:
                if os.write(self._fd, line) != len(line):
                    os.ftruncate(self._fd, self._end)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._index.add(entry, self._end)
                self._end += len(line)
                if self._durable:
                    os.fsync(self._fd)
        except OSError as error:
            raise disk_error(error, self._path) from error

    def close(self) -> None:
        """Let the next have it."""
        try:
            if self._fd >= 0:
                with suppress(OSError):
                    os.fsync(self._fd)
                self._forget()
            if self._lock.is_held:
                self._lock.remove()
        finally:
            self._lock.release()

    def _hold(self) -> bool:
        for _ in range(3):
            try:
                if self._lock.acquire():
                    return True
            except OSError as error:
                if error.errno not in LOCKS_UNSUPPORTED:
                    raise
                return self._lock.acquire(lock=False)
            # Whoever had it may just have removed its file.
            time.sleep(0.02)
        return False

    def _read(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | PRIVATE)
        self._index, self._end = ManifestIndex(), 0
        with os.fdopen(os.dup(self._fd), "rb") as file:
            first = file.readline()
            self._check(manifest.read_header(first))
            self._end = len(first)
            for line in file:
                if not line.endswith(b"\n"):
                    # Torn by a kill: it must not become the beginning of the next.
                    os.ftruncate(self._fd, self._end)
                    break
                entry = manifest.read_entry(line)
                if entry is not None:
                    self._index.add(entry, self._end)
                self._end += len(line)

    def _check(self, header: Header | None) -> None:
        if header is None:
            raise DiskError(f"{self._path}: this is no manifest of a mirror", path=self._path)
        if header.server != self._header.server:
            raise InvalidArgument(
                f"{self._root}: a mirror of {header.server}, whose ids are not those of "
                f"{self._header.server}"
            )
        if header.template != self._header.template:
            raise InvalidArgument(
                f"{self._root}: its files are laid out as {header.template!r}, "
                f"not as {self._header.template!r}"
            )

    def _counting(self) -> Iterator[bytes]:
        return (self._line(offset) for offset in self._index.offsets())

    def _line(self, offset: int) -> bytes:
        size = 2048
        while True:
            os.lseek(self._fd, offset, os.SEEK_SET)
            line, end, _ = os.read(self._fd, size).partition(b"\n")
            if end or len(line) < size:
                return line
            size *= 2

    def _rewrite(self, lines: Iterator[bytes] | list[bytes]) -> None:
        """Put others in the place of all lines, in one step."""
        new = self._root / _NEW
        with new.open("wb") as file:
            for line in lines:
                file.write(line if line.endswith(b"\n") else line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._forget()
        new.replace(self._path)
        sync_directory(self._root)

    def _forget(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
