"""A lock file to which the holder of the lock can append lines. Every function blocks."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._disk.directories import remove
from ghartifacts_async._disk.file_io import PRIVATE, is_at, is_own

LOCKS_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""Error numbers that mean that the file system does not support file locks."""


class LockFile:
    """A file that only one process at a time can lock, read and append to.

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
            lock: Lock the file. Pass False if the file system does not support file locks; the
                file is then only opened.
            create: Create the file if it does not exist.

        Raises:
            OSError: The file cannot be opened, or the file system does not support file locks
                (see `LOCKS_UNSUPPORTED`).
        """
        # Imported here, because this method runs in a thread and the import does not block the
        # event loop there.
        from filelock import lock_descriptor

        flags = os.O_RDWR | os.O_APPEND | PRIVATE | (os.O_CREAT if create else 0)
        fd = os.open(self.path, flags, 0o666)
        try:
            # The previous holder may have removed the file after we opened it and before we
            # locked it.
            if not lock or (lock_descriptor(fd, blocking=False) and is_at(fd, self.path)):
                self._fd = fd
        finally:
            if self._fd != fd:
                os.close(fd)
        return self.is_held

    def read(self) -> bytes:
        """Return the content of the file, and remove an incomplete last line from the file.

        A process that is killed while it writes leaves an incomplete line.

        Returns:
            The content, which may still end with the incomplete line. ``b""`` if the file is not a
            regular file that this user owns and that has one hard link.
        """
        if not is_own(self._fd):
            return b""
        os.lseek(self._fd, 0, os.SEEK_SET)
        text = b"".join(iter(lambda: os.read(self._fd, 2**20), b""))
        # Otherwise the next line would be appended to the incomplete one.
        os.ftruncate(self._fd, text.rfind(b"\n") + 1)
        return text

    def clear(self) -> None:
        """Remove all lines."""
        os.ftruncate(self._fd, 0)

    def append(self, line: bytes) -> None:
        """Append a line, which must end with a line break."""
        os.write(self._fd, line)

    @property
    def is_empty(self) -> bool:
        """Whether the file has no lines."""
        return os.fstat(self._fd).st_size == 0

    @property
    def is_in_place(self) -> bool:
        """Whether the path still refers to the file that this object has locked."""
        return is_at(self._fd, self.path)

    def remove(self) -> None:
        """Remove the file. Errors are ignored."""
        if os.name == "nt":
            self.release()  # Windows cannot remove an open file
        remove(self.path)

    def release(self) -> None:
        """Release the lock and close the file. Further calls do nothing."""
        if self._fd >= 0:
            from filelock import unlock_descriptor

            fd, self._fd = self._fd, -1
            with suppress(OSError):
                # Closing the file is not enough, because a forked child process shares the lock.
                unlock_descriptor(fd)
            os.close(fd)
