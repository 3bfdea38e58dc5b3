"""Write decoded members to a staging directory. All functions and methods here block."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from ghartifacts_async._archive.central_directory import (
    ArchiveTail,
    CentralDirectoryEntry,
    MissingBytesError,
    parse_central_directory,
)
from ghartifacts_async._archive.inflate import MemberDecoder
from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async._archive.member_paths import PathParts
from ghartifacts_async._disk.file_io import PRIVATE, disk_error
from ghartifacts_async._disk.staging import StagingDirectory
from ghartifacts_async.errors import DiskError
from ghartifacts_async.models import ArchiveLimits

Opener: TypeAlias = Callable[[str, int], int]
"""Opens a path with flags, and returns a file descriptor."""

STEP_SIZE = 2**24
"""Bytes to read or write in one job of a thread, before others have their turn."""

READ_SIZE = 2**18

BYTES_PER_FILE = 2**14
"""The cost of creating a file, as the number of bytes that take as long to write."""


class MemberWriter:
    """Writes the members that a decoder yields.

    Args:
        decoder: Decodes a group of members.
        paths: Where members are written, by `header_offset`.
        staging: The directory to write to.
    """

    def __init__(
        self, decoder: MemberDecoder, paths: Mapping[int, PathParts], staging: StagingDirectory
    ) -> None:
        self._decoder = decoder
        self._paths = paths
        self._staging = staging
        self._fd = -1

    def write(self) -> bool:
        """Write what the decoder yields, up to `STEP_SIZE`.

        Returns:
            True if the decoder may yield more without being fed.

        Raises:
            DamagedArchive: A member contradicts the central directory.
            DiskError: A file cannot be written.
        """
        remaining = STEP_SIZE
        while remaining > 0:
            decoded = self._decoder.next()
            if decoded is None:
                return False
            entry, chunk = decoded
            path = self._paths[entry.header_offset]
            try:
                self._write_chunk(entry, path, chunk)
            except OSError as error:
                raise disk_error(error, self._staging.target.joinpath(*path)) from error
            remaining -= len(chunk) or BYTES_PER_FILE
        return True

    def close(self) -> None:
        """Close a file that is not complete."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with suppress(OSError):
                os.close(fd)

    def _write_chunk(self, entry: CentralDirectoryEntry, path: PathParts, chunk: bytes) -> None:
        if self._fd < 0:
            mode = 0o755 if entry.member.mode & 0o111 else 0o644
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | PRIVATE
            self._fd = self._staging.open(path, flags, mode)
        if chunk:
            written = os.write(self._fd, chunk)
            while written < len(chunk):
                written += os.write(self._fd, memoryview(chunk)[written:])
        else:
            fd, self._fd = self._fd, -1
            os.close(fd)


class FileExtractor(MemberWriter):
    """Extracts a group of members of an archive on disk.

    Args:
        path: The archive.
        opener: Opens `path`; by default, it is opened by its path.
        decoder: Decodes a group of members.
        paths: Where members are written, by `header_offset`.
        staging: The directory to write to.
    """

    def __init__(
        self,
        path: Path,
        opener: Opener | None,
        decoder: MemberDecoder,
        paths: Mapping[int, PathParts],
        staging: StagingDirectory,
    ) -> None:
        super().__init__(decoder, paths, staging)
        self._path = path
        self._opener = opener
        self._file: io.FileIO | None = None

    def step(self) -> bool:
        """Read and extract up to `STEP_SIZE` bytes.

        Returns:
            True if members remain.

        Raises:
            DamagedArchive: A member contradicts the central directory.
            DiskError: A file cannot be read or written.
        """
        read = 0
        while not self._decoder.done and read < STEP_SIZE:
            if self.write():
                return True
            if not self._decoder.done:
                data = self._read()
                read += len(data)
                self._decoder.feed(data)
        if self._decoder.done:
            self.close()
        return not self._decoder.done

    def close(self) -> None:
        """Close the archive, and a file that is not complete."""
        super().close()
        if self._file is not None:
            self._file.close()

    def _read(self) -> bytes:
        try:
            if self._file is None:
                self._file = io.FileIO(self._path, opener=self._opener)
                self._file.seek(self._decoder.start)
            data = self._file.read(READ_SIZE)
        except OSError as error:
            raise disk_error(error, self._path) from error
        if not data:
            raise DiskError(
                f"{self._path}: unexpected end of file; another process changed it", path=self._path
            )
        return data


def read_index(path: Path, limits: ArchiveLimits, opener: Opener | None = None) -> MemberIndex:
    """Read the central directory of an archive on disk.

    Raises:
        ArchiveError: It is not an archive, is damaged, or exceeds the limits.
        DiskError: The file cannot be read.
    """
    try:
        with io.FileIO(path, opener=opener) as file:
            tail = ArchiveTail(file.seek(0, io.SEEK_END), limits)
            while True:
                try:
                    return MemberIndex(parse_central_directory(tail))
                except MissingBytesError as missing:
                    file.seek(missing.start)
                    data = file.read(tail.start - missing.start)
                tail.prepend(data)
    except OSError as error:
        raise disk_error(error, path) from error
