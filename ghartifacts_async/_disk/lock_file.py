"""A lock file to which the holder of the lock can append lines. Every function blocks."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from ghartifacts_async._disk.directories import move
from ghartifacts_async._disk.safe_open import Directory, close_quietly

_MODE = 0o600  # a user who can open the file could lock it and make us wait forever


class LockRefused(OSError):
    """The file system, or the operating system, does not support locks."""


class LockFile:
    """A file that only one process at a time can lock, read and append to.

    Its threads may append lines at the same time.

    Args:
        name: Name of the file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._directory: Directory | None = None
        self._fd = -1
        self._size = 0
        self._appending = threading.Lock()

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd >= 0

    def acquire(self, directory: Directory, *, lock: bool = True, create: bool = True) -> bool:
        """Open and lock the file. Return False if another process holds the lock.

        Args:
            directory: Directory of the file. It must stay open until `release`.
            lock: Lock the file. Pass False if the file system does not support file locks; the
                file is then only opened.
            create: Create the file if it does not exist.

        Raises:
            LockRefused: The file is open, but the system refuses to lock files.
            UnsafeFile: Something other than a file of ours has this name.
            OSError: The file cannot be opened.
        """
        # Imported here, because this method runs in a thread and the import does not block the
        # event loop there.
        from filelock import lock_descriptor

        if create:
            fd = directory.open_or_create(self.name, _MODE, append=True)
        else:
            fd = directory.open_own(self.name, append=True)
        locked = not lock
        try:
            if lock:
                try:
                    locked = lock_descriptor(fd, blocking=False)
                except OSError as error:
                    # Systems refuse locks with many different errors.
                    raise LockRefused(error.errno, error.strerror) from error
            # The previous holder may have removed the file after we opened it and before we
            # locked it.
            status = os.fstat(fd)
            if locked and (not lock or directory.is_at(status, self.name)):
                self._fd, self._directory, self._size = fd, directory, status.st_size
        finally:
            if self._fd != fd:
                close_quietly(fd)
        return self.is_held

    def read(self) -> bytes:
        """Return the content of the file, and remove an incomplete last line from the file.

        A process that is killed while it writes leaves an incomplete line.

        Returns:
            The content, which may still end with the incomplete line.
        """
        os.lseek(self._fd, 0, os.SEEK_SET)
        text = b"".join(iter(lambda: os.read(self._fd, 2**20), b""))
        self._size = text.rfind(b"\n") + 1
        if self._size < len(text):
            # Otherwise the next line would be appended to the incomplete one.
            self._truncate(self._size)
        return text

    def clear(self) -> None:
        """Remove all lines."""
        self._truncate(0)

    def append(self, line: bytes) -> None:
        """Append a line, which must end with a line break. If it does not fit, write nothing.

        Raises:
            OSError: The line cannot be written.
        """
        written = 0
        with self._appending:
            try:
                while written < len(line):
                    written += os.write(self._fd, line[written:])
            except OSError:
                if written:
                    self._truncate(self._size)
                raise
            self._size += len(line)

    @property
    def is_empty(self) -> bool:
        """Whether the file has no lines."""
        return os.fstat(self._fd).st_size == 0

    @property
    def is_in_place(self) -> bool:
        """Whether the name still refers to the file that this object has locked."""
        assert self._directory is not None
        return self._directory.is_at(os.fstat(self._fd), self.name)

    def rename(self, name: str, *, replace: bool = True) -> None:
        """Rename the file; see `directories.move`. Another file of its name is renamed instead."""
        assert self._directory is not None
        move(self._directory, self.name, name, replace=replace)
        self.name = name

    def remove(self) -> None:
        """Remove the file, unless another process has replaced it. Errors are ignored."""
        with suppress(OSError):
            if self._directory is not None and self.is_in_place:
                if os.name == "nt":
                    self.release()  # Windows cannot remove an open file
                self._directory.unlink(self.name)

    def release(self) -> None:
        """Release the lock and close the file. Further calls do nothing."""
        if self._fd >= 0:
            from filelock import unlock_descriptor

            fd, self._fd = self._fd, -1
            with suppress(OSError):
                # Closing the file is not enough, because a forked child process shares the lock.
                unlock_descriptor(fd)
            close_quietly(fd)

    def _truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        self._size = size
