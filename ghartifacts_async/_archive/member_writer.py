"""Write decoded members to a staging directory. All functions and methods here block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async._archive.member_paths import PathParts
from ghartifacts_async._archive.zip_format.archive_tail import ArchiveTail, MissingBytesError
from ghartifacts_async._archive.zip_format.central_directory import (
    CentralDirectoryEntry,
    parse_central_directory,
)
from ghartifacts_async._archive.zip_format.member_decoder import MemberDecoder
from ghartifacts_async._disk.file_io import (
    InputFile,
    OutputFile,
    disk_error,
    disk_errors,
)
from ghartifacts_async._disk.staging import StagingDirectory
from ghartifacts_async.errors import DiskError
from ghartifacts_async.models import ArchiveLimits

STEP_SIZE = 2**24
"""Number of bytes that a job in a thread reads or writes before it lets other jobs run."""

READ_SIZE = 2**18

BYTES_PER_FILE = 2**14
"""Creating a file takes about as long as writing this many bytes."""


class MemberWriter:
    """Writes the members that a decoder yields.

    Args:
        decoder: Decodes a group of members.
        paths: Path of each member's file, by the member's `header_offset`.
        staging: The directory to write to.
    """

    def __init__(
        self, decoder: MemberDecoder, paths: Mapping[int, PathParts], staging: StagingDirectory
    ) -> None:
        self._decoder = decoder
        self._paths = paths
        self._staging = staging
        self._output: OutputFile | None = None

    def write(self) -> bool:
        """Write decoded chunks until the decoder needs input or `STEP_SIZE` bytes are written.

        Returns:
            True if the decoder may have more chunks; False if it needs input or is done.

        Raises:
            DamagedArchive: A member does not match its entry in the central directory.
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
        """Close the file that is being written, if any."""
        if self._output is not None:
            with suppress(OSError):
                self._output.close()

    def _write_chunk(self, entry: CentralDirectoryEntry, path: PathParts, chunk: bytes) -> None:
        if self._output is None:
            mode = 0o755 if entry.member.mode & 0o111 else 0o644
            self._output = self._staging.create_file(path, mode)
        if chunk:
            self._output.write(chunk)
        else:
            output, self._output = self._output, None
            output.close()


class FileExtractor(MemberWriter):
    """Extracts a group of members of an archive on disk.

    Args:
        path: The archive.
        open_file: Opens `path`, for example relative to an open directory.
        decoder: Decodes a group of members.
        paths: Path of each member's file, by the member's `header_offset`.
        staging: The directory to write to.
    """

    def __init__(
        self,
        path: Path,
        open_file: Callable[[Path], InputFile],
        decoder: MemberDecoder,
        paths: Mapping[int, PathParts],
        staging: StagingDirectory,
    ) -> None:
        super().__init__(decoder, paths, staging)
        self._path = path
        self._open_file = open_file
        self._archive: InputFile | None = None
        self._position = decoder.start

    def step(self) -> bool:
        """Read and extract up to `STEP_SIZE` bytes.

        Returns:
            True if members remain.

        Raises:
            DamagedArchive: A member does not match its entry in the central directory.
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
        """Close the archive and, if any, the file that is being written."""
        super().close()
        if self._archive is not None:
            self._archive.close()

    def _read(self) -> bytes:
        with disk_errors(self._path):
            if self._archive is None:
                self._archive = self._open_file(self._path)
            data = self._archive.read(self._position, READ_SIZE)
        if not data:
            raise _truncated(self._path)
        self._position += len(data)
        return data


def read_index(
    path: Path, limits: ArchiveLimits, open_file: Callable[[Path], InputFile]
) -> MemberIndex:
    """Read the central directory of an archive on disk.

    Raises:
        ArchiveError: The file is not a zip archive, is damaged, or exceeds the limits.
        DiskError: The file cannot be read.
    """
    with disk_errors(path), open_file(path) as file:
        tail = ArchiveTail(file.size(), limits)
        while True:
            try:
                return MemberIndex(parse_central_directory(tail))
            except MissingBytesError as missing:
                start = missing.start
            size = tail.start - start
            data = file.read(start, size)
            if len(data) < size:
                raise _truncated(path)
            tail.prepend(data)


def _truncated(path: Path) -> DiskError:
    return DiskError(f"{path}: unexpected end of file; another process changed it", path=path)
