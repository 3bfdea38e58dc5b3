"""The file of a journal, whose lock is the right to work on what it tells of. All of it blocks."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._disk.file_io import PRIVATE, hidden, is_at, is_own

NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system says that has none."""


class Journal:
    """A journal, once it is locked.

    Args:
        path: Where it lies.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    @property
    def is_held(self) -> bool:
        """Whether its lock is ours."""
        return self._fd >= 0

    def hold(self, *, lock: bool = True, make: bool = True) -> bool:
        """Open it, made if need be, and lock it; whether it could be had.

        An `OSError` where the file system has no such files, or no locks.
        """
        # Here, where it is a thread that waits for it to load.
        from filelock import lock_descriptor

        how = os.O_RDWR | os.O_APPEND | PRIVATE | (os.O_CREAT if make else 0)
        fd = os.open(self.path, how, 0o666)
        try:
            # Whoever had the lock before may have removed the file, or published what it tells of.
            if not lock or (lock_descriptor(fd, blocking=False) and is_at(fd, self.path)):
                self._fd = fd
        finally:
            if self._fd != fd:
                os.close(fd)
        return self.is_held

    def read(self) -> bytes:
        """What it tells; nothing, if it is not of our own writing."""
        if not is_own(self._fd):
            return b""
        os.lseek(self._fd, 0, os.SEEK_SET)
        text = b"".join(iter(lambda: os.read(self._fd, 2**20), b""))
        # A line that a kill has torn must not become the beginning of the next.
        os.ftruncate(self._fd, text.rfind(b"\n") + 1)
        return text

    def clear(self) -> None:
        """Tell of nothing."""
        os.ftruncate(self._fd, 0)

    def add(self, line: bytes) -> None:
        """Tell more."""
        os.write(self._fd, line)

    @property
    def is_empty(self) -> bool:
        """Whether it tells of nothing."""
        return os.fstat(self._fd).st_size == 0

    @property
    def is_in_place(self) -> bool:
        """Whether it still is the one that others find."""
        return is_at(self._fd, self.path)

    def remove(self) -> None:
        """Leave nothing for the next."""
        if os.name == "nt":
            self.release()  # before it can be removed
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def release(self) -> None:
        """Let the next have it."""
        if self._fd >= 0:
            from filelock import unlock_descriptor

            fd, self._fd = self._fd, -1
            with suppress(OSError):
                # A child process that was forked meanwhile holds it too.
                unlock_descriptor(fd)
            os.close(fd)


def tidy(directory: Path, stem: str) -> None:
    """Leave nothing of a payload that is at its target, unless another is at work on it. Blocks.

    A process that is killed after the last step, or that another was faster than, leaves a journal
    for which nobody looks any more.
    """
    path = hidden(directory, stem, "journal")
    journal = Journal(path)
    # What cannot be tidied harms nobody.
    with suppress(OSError):
        if not os.path.lexists(path) or not journal.hold(make=False):
            return
        try:
            hidden(directory, stem, "part").unlink(missing_ok=True)
            journal.remove()
        finally:
            journal.release()
