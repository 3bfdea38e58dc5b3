"""A file of lines that grows at its end and is rewritten in one step. Every function blocks."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable
from pathlib import Path

from ghartifacts_async._disk.directories import move, sync_directory
from ghartifacts_async._disk.file_io import PRIVATE

_LINE_SIZE = 2048


class LogFile:
    """A file of lines, each found again by its offset. Threads must not share it.

    Args:
        path: Path of the file.
        replacement: Path of its successor while that is written, in the same directory.
    """

    def __init__(self, path: Path, replacement: Path) -> None:
        self.path = path
        self._replacement = replacement
        self._fd = -1
        self._end = 0

    def lines(self) -> Generator[tuple[int, bytes], None, None]:
        """Open the file, and yield every complete line with its offset, its line break included.

        An incomplete last line, as a killed process may leave it, is removed from the file. A file
        with no complete line is not a log file; it is left unchanged.
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
        """Append a line with its line break, all of it or nothing; return its offset.

        Args:
            line: Line to append.
            durable: Return once it would survive a power failure.

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
        """Replace all lines in one step, and close the file. A missing line break is added."""
        with self._replacement.open("wb") as file:
            for line in lines:
                file.write(line if line.endswith(b"\n") else line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.close()
        move(self._replacement, self.path, replace=True)
        sync_directory(self.path.parent)

    def sync(self) -> None:
        """Return once all lines would survive a power failure."""
        if self._fd >= 0:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file; closing it twice does no harm."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
