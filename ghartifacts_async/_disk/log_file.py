"""A text file to which lines are appended, and which can be rewritten atomically.

Every function blocks.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import suppress

from ghartifacts_async._disk.safe_open import Directory, close_quietly

_LINE_SIZE = 2048
_MODE = 0o644  # a user who can write to the file could make a mirror trust wrong files


class LogFile:
    """A text file whose lines can be read by their offsets. It is not thread-safe.

    Args:
        directory: Open directory of the file.
        name: Name of the file.
        replacement: Name in the same directory under which `rewrite` writes the new content before
            it replaces the file.
        may_be_linked: Whether the file may have several hard links.
        read_only: Whether the file is only read. It may then belong to root.
    """

    def __init__(
        self,
        directory: Directory,
        name: str,
        replacement: str,
        *,
        may_be_linked: bool = False,
        read_only: bool = False,
    ) -> None:
        self._directory = directory
        self._name = name
        self._replacement = replacement
        self._may_be_linked = may_be_linked
        self._read_only = read_only
        self._fd = -1
        self._end = 0

    def lines(self) -> Generator[tuple[int, bytes], None, None]:
        """Open the file and yield the offset and the text of each complete line.

        The text includes the line break. If the last line has no line break, because a process was
        killed while it wrote the line, it is removed from the file. A file without any complete
        line is not a log file, so it is not changed.

        Raises:
            UnsafeFile: The file is not a regular file of this user, or it has several links.
            OSError: The file cannot be read.
        """
        self.close()
        if self._read_only:
            self._fd = self._directory.open(self._name)
        else:
            self._fd = self._directory.open_own(
                self._name, append=True, may_be_linked=self._may_be_linked
            )
        self._end = 0
        with os.fdopen(os.dup(self._fd), "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    if self._end and not self._read_only:
                        os.ftruncate(self._fd, self._end)
                    break
                yield self._end, line
                self._end += len(line)

    @property
    def status(self) -> os.stat_result:
        """The status of the open file."""
        return os.fstat(self._fd)

    def read_line(self, offset: int) -> bytes:
        """Return the line that begins at `offset`, without its line break."""
        size = _LINE_SIZE
        while True:
            os.lseek(self._fd, offset, os.SEEK_SET)
            line, end, _ = os.read(self._fd, size).partition(b"\n")
            if end or len(line) < size:
                return line
            size *= 2

    def append(self, line: bytes, *, durable: bool) -> int:
        """Append a line and return its offset. If not all of it can be written, write nothing.

        Args:
            line: Line to append, with its line break.
            durable: Sync the file, so that the line survives a power failure.

        Raises:
            OSError: The line cannot be written.
        """
        written = 0
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError:
            if written:
                os.ftruncate(self._fd, self._end)
            raise
        offset = self._end
        self._end += len(line)
        if durable:
            os.fsync(self._fd)
        return offset

    def rewrite(self, lines: Iterable[bytes]) -> None:
        """Replace all lines atomically and close the file. Missing line breaks are added."""
        self.remove_replacement()
        with os.fdopen(self._directory.create(self._replacement, _MODE), "wb") as file:
            for line in lines:
                file.write(line if line.endswith(b"\n") else line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.close()
        self._directory.rename(self._replacement, self._name)
        self._directory.sync()

    def remove_replacement(self) -> None:
        """Remove the replacement that a process left when it was killed during `rewrite`."""
        self._directory.remove(self._replacement)

    def close(self) -> None:
        """Sync and close the file. Further calls do nothing, and errors are ignored."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with suppress(OSError):
                os.fsync(fd)
            close_quietly(fd)
