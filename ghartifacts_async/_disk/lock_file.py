"""A locked file, which doubles as a log of what its holder has done. Every function blocks."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._disk.directories import remove
from ghartifacts_async._disk.file_io import PRIVATE, is_at, is_own

LOCKS_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""Error numbers of a file system without locks."""


class LockFile:
    """A file that one process at a time may hold, read and append to.

    Args:
        path: Path of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd >= 0

    def acquire(self, *, lock: bool = True, create: bool = True) -> bool:
        """Open and lock the file. Return False if another process holds the lock.

        Args:
            lock: Lock the file; false where the file system has no locks.
            create: Create the file if it is missing.

        Raises:
            OSError: The file cannot be opened, or the file system has no locks
                (`LOCKS_UNSUPPORTED`).
        """
        # Imported here, so that a thread and not the event loop waits for it.
        from filelock import lock_descriptor

        flags = os.O_RDWR | os.O_APPEND | PRIVATE | (os.O_CREAT if create else 0)
        fd = os.open(self.path, flags, 0o666)
        try:
            # The previous holder may have removed the file between the opening and the locking.
            if not lock or (lock_descriptor(fd, blocking=False) and is_at(fd, self.path)):
                self._fd = fd
        finally:
            if self._fd != fd:
                os.close(fd)
        return self.is_held

    def read(self) -> bytes:
        """Return the complete lines, and drop a last line that a kill has cut short.

        Returns:
            ``b""`` for a file that is not a regular file of this user with one name.
        """
        if not is_own(self._fd):
            return b""
        os.lseek(self._fd, 0, os.SEEK_SET)
        text = b"".join(iter(lambda: os.read(self._fd, 2**20), b""))
        # An incomplete line must not become the beginning of the next one.
        os.ftruncate(self._fd, text.rfind(b"\n") + 1)
        return text

    def clear(self) -> None:
        """Remove all lines."""
        os.ftruncate(self._fd, 0)

    def append(self, line: bytes) -> None:
        """Append a line."""
        os.write(self._fd, line)

    @property
    def is_empty(self) -> bool:
        """Whether the file has no lines."""
        return os.fstat(self._fd).st_size == 0

    @property
    def is_in_place(self) -> bool:
        """Whether the path still names the file that this object holds."""
        return is_at(self._fd, self.path)

    def remove(self) -> None:
        """Remove the file, if that is possible."""
        if os.name == "nt":
            self.release()  # Windows does not remove open files
        remove(self.path)

    def release(self) -> None:
        """Release the lock and close the file; releasing it twice does no harm."""
        if self._fd >= 0:
            from filelock import unlock_descriptor

            fd, self._fd = self._fd, -1
            with suppress(OSError):
                # Closing is not enough: a forked child process shares the lock.
                unlock_descriptor(fd)
            os.close(fd)
