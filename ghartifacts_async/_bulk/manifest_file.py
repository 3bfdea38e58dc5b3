"""The manifest file of a mirror. Every method blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

from ghartifacts_async._bulk import manifest
from ghartifacts_async._bulk.manifest import Header, ManifestEntry, ManifestIndex
from ghartifacts_async._bulk.path_template import MANIFEST
from ghartifacts_async._disk.directories import make_directory
from ghartifacts_async._disk.file_io import disk_error
from ghartifacts_async._disk.lock_file import LOCKS_UNSUPPORTED, LockFile
from ghartifacts_async._disk.log_file import LogFile
from ghartifacts_async.errors import DiskError, InvalidArgument, TargetBusy
from ghartifacts_async.models import Artifact, Digest

_LOCK = ".mirror.ghartifacts-lock"
_REPLACEMENT = ".mirror.ghartifacts-new"
_LOCK_ATTEMPTS = 3
_LOCK_INTERVAL = 0.02
_MAX_WITH_DIGEST = 64


class Manifest:
    """The manifest of a mirror, which is locked while it is open. Threads may share it.

    Args:
        root: The mirror's directory.
        header: The server and path template that the mirror must have.
        durable: Whether `add` waits until the entry would survive a power failure.
    """

    def __init__(self, root: Path, header: Header, *, durable: bool) -> None:
        self._root = root
        self._path = root / MANIFEST
        self._header = header
        self._durable = durable
        self._lock_file = LockFile(root / _LOCK)
        self._log = LogFile(self._path, root / _REPLACEMENT)
        self._log_lock = threading.Lock()
        self._index = ManifestIndex()

    def open(self) -> None:
        """Create the mirror's directory if it is missing, lock it and read the manifest.

        Raises:
            TargetBusy: Another process holds the lock.
            InvalidArgument: The mirror was created for a different server or path template.
            DiskError: The directory cannot be created, or the manifest cannot be read.
        """
        try:
            make_directory(self._root, durable=self._durable)
            if not self._acquire_lock():
                raise TargetBusy(
                    f"{self._root}: another process is updating this mirror", path=self._root
                )
            self._log.remove_replacement()
            if not self._path.exists():
                self._log.rewrite([manifest.header_line(self._header)])
            self._read()
            if manifest.should_compact(self._index.lines, len(self._index)):
                self._log.rewrite([manifest.header_line(self._header), *self._current_lines()])
                self._read()
        except OSError as error:
            raise disk_error(error, self._path) from error

    def find(self, artifact_id: int) -> ManifestEntry | None:
        """Return the entry of an artifact, or None if there is none."""
        with self._log_lock:
            offset = self._index.find(artifact_id)
            entry = None if offset is None else manifest.read_entry(self._log.read_line(offset))
        return entry if entry is not None and entry.id == artifact_id else None

    def find_by_digest(self, digest: Digest) -> Iterator[ManifestEntry]:
        """Yield entries with this digest, latest first. At most 64 entries are yielded."""
        with self._log_lock:
            offsets = list(islice(self._index.find_by_digest(digest), _MAX_WITH_DIGEST))
        for offset in offsets:
            with self._log_lock:
                entry = manifest.read_entry(self._log.read_line(offset))
            if entry is not None and entry.digest == digest:
                yield entry

    def add(self, artifact: Artifact, path: str, digest: Digest) -> None:
        """Append an entry for a file that is complete, verified and at its final path.

        Args:
            artifact: The artifact.
            path: Path of its file below the mirror's directory, with slashes.
            digest: SHA-256 of the file.

        Raises:
            DiskError: The entry cannot be written.
        """
        try:
            status = (self._root / path).stat()
            entry = ManifestEntry(artifact.id, path, status.st_size, status.st_mtime_ns, digest)
            line = manifest.entry_line(artifact, entry)
            with self._log_lock:
                self._index.add(entry, self._log.append(line, durable=self._durable))
        except OSError as error:
            raise disk_error(error, self._path) from error

    def close(self) -> None:
        """Sync and close the manifest and release the lock. Further calls do nothing."""
        try:
            with suppress(OSError):
                self._log.sync()
            self._log.close()
            if self._lock_file.is_held:
                self._lock_file.remove()
        finally:
            self._lock_file.release()

    def _acquire_lock(self) -> bool:
        """Lock the mirror. Return False if another process holds the lock."""
        for _ in range(_LOCK_ATTEMPTS):
            try:
                if self._lock_file.acquire():
                    return True
            except OSError as error:
                if error.errno not in LOCKS_UNSUPPORTED:
                    raise
                return self._lock_file.acquire(lock=False)
            # The holder may have just removed the lock file; the next attempt creates a new one.
            time.sleep(_LOCK_INTERVAL)
        return False

    def _read(self) -> None:
        """Check the header and index the entries."""
        self._index = ManifestIndex()
        with closing(self._log.lines()) as lines:
            _, header = next(lines, (0, b""))
            self._check(manifest.read_header(header))
            for offset, line in lines:
                entry = manifest.read_entry(line)
                if entry is not None:
                    self._index.add(entry, offset)

    def _check(self, header: Header | None) -> None:
        """Raise an error unless the mirror has the expected server and path template."""
        if header is None:
            raise DiskError(
                f"{self._path}: this file is not the manifest of a mirror; "
                "mirror to another directory, or move the file away",
                path=self._path,
            )
        if header.server != self._header.server:
            raise InvalidArgument(
                f"{self._root} is a mirror of {header.server}, not of {self._header.server}; "
                "use one directory for each server"
            )
        if header.template != self._header.template:
            raise InvalidArgument(
                f"{self._root} is a mirror with template={header.template!r}, "
                f"not {self._header.template!r}; use another directory for another template"
            )

    def _current_lines(self) -> Iterator[bytes]:
        """Yield the lines that have not been replaced."""
        return (self._log.read_line(offset) for offset in self._index.offsets())
