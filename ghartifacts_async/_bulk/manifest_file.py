"""The manifest file of a mirror. Every method blocks."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from ghartifacts_async._bulk import manifest
from ghartifacts_async._bulk.manifest import FileRecord, Header, ManifestIndex
from ghartifacts_async._bulk.path_template import MANIFEST
from ghartifacts_async._disk.directories import CreatedDirectories, Folder
from ghartifacts_async._disk.file_io import disk_error, disk_errors
from ghartifacts_async._disk.lock_file import LockFile, LockRefused
from ghartifacts_async._disk.log_file import LogFile
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async._disk.trust import reason_for_distrust
from ghartifacts_async.errors import DiskError, InvalidArgument, TargetBusy
from ghartifacts_async.models import Artifact, Digest
from ghartifacts_async.reports import ManifestEntry

_LOCK = ".mirror.ghartifacts-lock"
_REPLACEMENT = ".mirror.ghartifacts-new"
_LOCK_ATTEMPTS = 3
_LOCK_INTERVAL = 0.02
_MAX_WITH_DIGEST = 64

_log = logging.getLogger("ghartifacts_async")


def read_manifest(directory: str | os.PathLike[str]) -> Iterator[ManifestEntry]:
    """Yield the entries of a mirror's manifest; see `ghartifacts_async.read_manifest`."""
    root = Path(directory)
    with disk_errors(root / MANIFEST), Directory(root) as opened:
        log = LogFile(opened, MANIFEST, _REPLACEMENT, read_only=True)
        try:
            for offset in _index_of(log, root, lambda _: None).offsets():
                line = log.read_line(offset)
                record, artifact = manifest.read_entry(line), manifest.read_artifact(line)
                if record is not None and artifact is not None:
                    path = root / record.path
                    yield ManifestEntry(artifact, path, record.size, record.mtime_ns, record.digest)
        finally:
            log.close()


def _index_of(log: LogFile, root: Path, check: Callable[[Header], None]) -> ManifestIndex:
    """Check the header of a manifest, and index its entries."""
    index = ManifestIndex()
    with closing(log.lines()) as lines:
        _, line = next(lines, (0, b""))
        header = manifest.read_header(line)
        if header is None:
            raise DiskError(
                f"{root / MANIFEST}: this file is not the manifest of a mirror; "
                "mirror to another directory, or move the file away",
                path=root / MANIFEST,
            )
        check(header)
        for offset, line in lines:
            entry = manifest.read_entry(line)
            if entry is not None:
                index.add(entry, offset)
    return index


class Manifest:
    """The manifest of a mirror, which is locked while it is open. Threads may share it.

    Args:
        root: The mirror's directory.
        header: The server and path template that the mirror must have.
        durable: Whether `add` waits until the entry would survive a power failure.

    Attributes:
        is_trusted: Whether only this user and root can change the mirror's directory. If not, the
            manifest and the files may have been exchanged, so each file must be verified by its
            digest.
    """

    def __init__(self, root: Path, header: Header, *, durable: bool) -> None:
        self._root = root
        self._path = root / MANIFEST
        self._header = header
        self._durable = durable
        self._lock_file = LockFile(_LOCK)
        self._directory: Directory | None = None
        self._opened_log: LogFile | None = None
        self.is_trusted: bool = False
        self._log_lock = threading.Lock()
        self._index = ManifestIndex()

    def exists(self) -> bool:
        """Return whether there is something in the manifest's place."""
        return os.path.lexists(self._path)

    def open(self) -> None:
        """Create the mirror's directory if it is missing, lock it and read the manifest.

        Raises:
            TargetBusy: Another process holds the lock.
            InvalidArgument: The mirror was created for a different server or path template.
            DiskError: The directory cannot be created, or the manifest cannot be read.
        """
        created = CreatedDirectories()
        try:
            # Other users cannot write to a new directory, even if the umask allows it.
            created.make(self._root, mode=0o755)
            directory = self._directory = Directory(self._root)
            reason = reason_for_distrust(directory.status())
            if not self._acquire_lock(directory):
                raise TargetBusy(
                    f"{self._root}: another process is updating this mirror; try again when it "
                    "has ended",
                    path=self._root,
                )
            # Only we could have made a link in a directory that only we can write to.
            self._opened_log = log = LogFile(
                directory, MANIFEST, _REPLACEMENT, may_be_linked=reason is None
            )
            log.remove_replacement()
            if not directory.exists(MANIFEST):
                log.rewrite([manifest.header_line(self._header)])
            self._read()
            self._trust(reason or reason_for_distrust(log.status))
            if manifest.should_compact(self._index.lines, len(self._index)):
                log.rewrite([manifest.header_line(self._header), *self._current_lines()])
                self._read()
            if self._durable:
                created.sync()
        except OSError as error:
            raise disk_error(error, self._path) from error

    def folder(self, path: Path) -> Folder:
        """Return a directory in the mirror, in which files are found without following links."""
        return Folder(path, self._root, self._directory)

    @property
    def _log(self) -> LogFile:
        assert self._opened_log is not None
        return self._opened_log

    def find(self, artifact_id: int) -> FileRecord | None:
        """Return the entry of an artifact, or None if there is none."""
        with self._log_lock:
            offset = self._index.find(artifact_id)
            entry = None if offset is None else manifest.read_entry(self._log.read_line(offset))
        return entry if entry is not None and entry.id == artifact_id else None

    def find_by_digest(self, digest: Digest) -> Iterator[FileRecord]:
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
            status = (self._root / path).lstat()
            entry = FileRecord(artifact.id, path, status.st_size, status.st_mtime_ns, digest)
            line = manifest.entry_line(artifact, entry)
            with self._log_lock:
                self._index.add(entry, self._log.append(line, durable=self._durable))
        except OSError as error:
            raise disk_error(error, self._path) from error

    def close(self) -> None:
        """Sync and close the manifest and release the lock. Further calls do nothing."""
        directory, self._directory = self._directory, None
        if directory is not None:
            if self._opened_log is not None:
                self._opened_log.close()
            if self._lock_file.is_held:
                self._lock_file.remove()
            self._lock_file.release()
            directory.close()

    def _trust(self, reason: str | None) -> None:
        self.is_trusted = reason is None
        if reason is not None:
            _log.warning(
                "%s: %s, so every file is verified by its digest in each update; use a directory "
                "that only you can write to",
                self._root,
                reason,
            )

    def _acquire_lock(self, directory: Directory) -> bool:
        """Lock the mirror. Return False if another process holds the lock."""
        for _ in range(_LOCK_ATTEMPTS):
            with disk_errors(self._root / _LOCK):
                try:
                    if self._lock_file.acquire(directory):
                        return True
                except LockRefused:
                    return self._lock_file.acquire(directory, lock=False)
            # The holder may have just removed the lock file; the next attempt creates a new one.
            time.sleep(_LOCK_INTERVAL)
        return False

    def _read(self) -> None:
        """Check the header and index the entries."""
        self._index = _index_of(self._log, self._root, self._check)

    def _check(self, header: Header) -> None:
        """Raise an error unless the mirror has the expected server and path template."""
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
