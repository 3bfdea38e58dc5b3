"""Write decoded members to a staging directory. All functions and methods here block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._archive.extraction_plan import ExtractionPlan
from ghartifacts_async._archive.member_index import MemberIndex
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


class ExtractionOutput:
    """Where an extraction writes its members.

    Symbolic links are created last, so that no file is written through a link.

    Args:
        plan: Where members are extracted. Members without a path are only checked.
        staging: The directory to write to.
    """

    def __init__(self, plan: ExtractionPlan, staging: StagingDirectory) -> None:
        self._plan = plan
        self._staging = staging
        self._paths = plan.paths()
        self._link_targets = dict.fromkeys(plan.links, b"")

    def create_file(self, entry: CentralDirectoryEntry) -> OutputFile | None:
        """Create a member's file. Return None if the member does not become a file.

        Raises:
            OSError: The file cannot be created.
        """
        path = self._paths.get(entry.header_offset)
        if path is None or entry.header_offset in self._link_targets:
            return None
        return self._staging.create_file(path, 0o755 if entry.member.mode & 0o111 else 0o644)

    def add_target(self, entry: CentralDirectoryEntry, chunk: bytes) -> None:
        """Add a chunk to a link's target. Do nothing if the member is not a link."""
        if entry.header_offset in self._link_targets:
            self._link_targets[entry.header_offset] += chunk

    def create_links(self) -> None:
        """Check and create the symbolic links, after everything else has been written.

        Raises:
            UnsafeMember: A link leads out of the directory.
            DiskError: A link cannot be created.
        """
        for path, target in self._plan.check_links(self._link_targets):
            with disk_errors(self._staging.target.joinpath(*path)):
                self._staging.create_link(path, target)

    def disk_error(self, entry: CentralDirectoryEntry, error: OSError) -> DiskError:
        """Return the error for a member whose file cannot be written, with its final path."""
        return disk_error(error, self._staging.target.joinpath(*self._paths[entry.header_offset]))


class MemberWriter:
    """Writes the members that a decoder yields.

    Args:
        decoder: Decodes a group of members.
        output: Where the members are written.
    """

    def __init__(self, decoder: MemberDecoder, output: ExtractionOutput) -> None:
        self._decoder = decoder
        self._output = output
        self._file: OutputFile | None = None
        self._current: CentralDirectoryEntry | None = None

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
            try:
                self._write_chunk(entry, chunk)
            except OSError as error:
                raise self._output.disk_error(entry, error) from error
            remaining -= len(chunk) or BYTES_PER_FILE
        return True

    def close(self) -> None:
        """Close the file that is being written, if any."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _write_chunk(self, entry: CentralDirectoryEntry, chunk: bytes) -> None:
        """Write a chunk. The chunk ``b""`` ends the member."""
        if self._current is not entry:
            self._current = entry
            self._file = self._output.create_file(entry)
        if self._file is None:
            self._output.add_target(entry, chunk)
            return
        if chunk:
            self._file.write(chunk)
        else:
            file, self._file = self._file, None
            file.close()


class FileExtractor(MemberWriter):
    """Extracts a group of members of an archive on disk.

    Args:
        path: The archive.
        open_file: Opens `path`, for example relative to an open directory.
        decoder: Decodes a group of members.
        output: Where the members are written.
    """

    def __init__(
        self,
        path: Path,
        open_file: Callable[[Path], InputFile],
        decoder: MemberDecoder,
        output: ExtractionOutput,
    ) -> None:
        super().__init__(decoder, output)
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
    path: Path,
    limits: ArchiveLimits,
    open_file: Callable[[Path], InputFile],
    encoding: str | None = None,
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
                directory = parse_central_directory(tail, encoding)
                break
            except MissingBytesError as missing:
                start = missing.start
            size = tail.start - start
            data = file.read(start, size)
            if len(data) < size:
                raise _truncated(path)
            tail.prepend(data)
        for offset, signature in directory.unexpected.items():
            directory.check_signature(offset, file.read(offset, len(signature)))
        return MemberIndex(directory.entries)


def _truncated(path: Path) -> DiskError:
    return DiskError(f"{path}: unexpected end of file; another process changed it", path=path)
