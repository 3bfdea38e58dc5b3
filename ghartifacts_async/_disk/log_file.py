"""A text file to which lines are appended, and which can be rewritten atomically.

Every function blocks.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable
from pathlib import Path

from ghartifacts_async._disk.directories import move, sync_directory
from ghartifacts_async._disk.file_io import PRIVATE

_LINE_SIZE = 2048


class LogFile:
    """A text file whose lines can be read by their offsets. It is not thread-safe.

    Args:
        path: Path of the file.
        replacement: Path in the same directory at which `rewrite` writes the new content before
            it replaces the file.
    """

    def __init__(self, path: Path, replacement: Path) -> None:
        self.path = path
        self._replacement = replacement
        self._fd = -1
        self._end = 0

    def lines(self) -> Generator[tuple[int, bytes], None, None]:
        """Open the file and yield the offset and the text of each complete line.

        The text includes the line break. If the last line has no line break, because a process was
        killed while it wrote the line, it is removed from the file. A file without any complete
        line is not a log file, so it is not changed.
        """
        self.close()
        self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | PRIVATE)
        self._end = 0
        with os.fdopen(os.dup(self._fd), "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    if self._end:
                        os.ftruncate(self._fd, self._end)
                    break
                yield self._end, line
                self._end += len(line)

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
        if os.write(self._fd, line) != len(line):
            os.ftruncate(self._fd, self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        offset = self._end
        self._end += len(line)
        if durable:
            os.fsync(self._fd)
        return offset

    def rewrite(self, lines: Iterable[bytes]) -> None:
        """Replace all lines atomically and close the file. Missing line breaks are added."""
        self.remove_replacement()
        # Create the file, so that a link that another user has planted is not followed.
        with self._replacement.open("xb") as file:
            for line in lines:
                file.write(line if line.endswith(b"\n") else line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.close()
        move(self._replacement, self.path, replace=True)
        sync_directory(self.path.parent)

    def remove_replacement(self) -> None:
        """Remove the replacement that a process left when it was killed during `rewrite`."""
        self._replacement.unlink(missing_ok=True)

    def sync(self) -> None:
        """Sync the file, so that all lines survive a power failure."""
        if self._fd >= 0:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file. Further calls do nothing."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
