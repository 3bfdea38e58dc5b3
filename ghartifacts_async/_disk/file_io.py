"""Files that threads read and write, and helpers for file errors. Every function blocks."""

from __future__ import annotations

import errno
import functools
import io
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Self, TypeAlias

from ghartifacts_async.errors import DiskError, DiskFull

Opener: TypeAlias = Callable[[str, int], int]
"""A function for the `opener` argument of `open`: takes path and flags, returns a descriptor."""

PRIVATE = sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"))
"""Flags for opening our own files.

They switch off text mode (Windows), inheritance by child processes, and following symbolic links.
"""

NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV}
"""Error numbers that mean that the file system does not support an operation."""

_MAX_BUFFERS = 512
_RESERVE_STEP = 2**25
_RESERVE_STEP_SECONDS = 0.002

_MESSAGES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the name is too long for the file system",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}


class InputFile:
    """A file that any thread can read at any offset.

    Args:
        path: Path of the file. Symbolic links are followed.
        opener: Opens the path, for example relative to a directory descriptor. None for the usual
            way.
    """

    def __init__(self, path: Path, opener: Opener | None = None) -> None:
        self._file = io.FileIO(path, opener=opener)
        self._fd = self._file.fileno()
        self._seeking = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def size(self) -> int:
        """Return the size of the file in bytes."""
        return os.fstat(self._fd).st_size

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Read bytes from `offset` into a buffer.

        Returns:
            The number of bytes read. It is smaller than the buffer if the file ends first.
        """
        return _read_into(self._fd, self._seeking, offset, buffer)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`, or ``b""`` at the end of the file."""
        buffer = memoryview(bytearray(size))
        count = 0
        while count < size and (more := self.read_into(offset + count, buffer[count:])):
            count += more
        return bytes(buffer[:count])

    def close(self) -> None:
        """Close the file. Further calls do nothing."""
        self._file.close()


class OutputFile:
    """A new file that is written from its beginning to its end.

    Args:
        descriptor: Descriptor of the open file. `close` closes it.
    """

    def __init__(self, descriptor: int) -> None:
        self._fd = descriptor

    def write(self, data: bytes) -> None:
        """Append all of `data`."""
        written = os.write(self._fd, data)
        while written < len(data):
            written += os.write(self._fd, memoryview(data)[written:])

    def close(self) -> None:
        """Close the file. Further calls do nothing.

        Raises:
            OSError: An earlier write failed. Some file systems report this only on closing.
        """
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class RandomFile:
    """A file that several threads read and write at the same time, each at its own offsets.

    Args:
        path: Path of the file. Symbolic links, devices, files of another user and files with a
            second hard link are refused, because another process may have planted them.
        new: Create the file, and replace an existing one. The umask decides the permissions.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        if new:
            path.unlink(missing_ok=True)
        flags = os.O_CREAT | os.O_EXCL if new else 0
        self._fd = os.open(path, os.O_RDWR | flags | PRIVATE, 0o666)
        self._seeking = threading.Lock()
        if not is_own(self._fd):
            self.close()
            raise FileNotFoundError(errno.ENOENT, "not a regular file of ours", str(path))

    def size(self) -> int:
        """Return the size of the file in bytes."""
        return os.fstat(self._fd).st_size

    def is_at(self, path: Path) -> bool:
        """Return True if `path` still refers to this file."""
        return is_at(self._fd, path)

    def write(self, offset: int, chunks: Sequence[bytes]) -> None:
        """Write the chunks one after another, beginning at `offset`."""
        views = deque(memoryview(chunk) for chunk in chunks if chunk)
        while views:
            written = self._write_some(offset, views)
            offset += written
            while views and written >= len(views[0]):
                written -= len(views.popleft())
            if written:
                views[0] = views[0][written:]

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Read bytes from `offset` into a buffer.

        Returns:
            The number of bytes read. It is smaller than the buffer if the file ends first.
        """
        return _read_into(self._fd, self._seeking, offset, buffer)

    def reserve(self, size: int) -> None:
        """Set the size of the file, and check that the disk has enough free space for it.

        Also allocate the blocks, but stop as soon as that turns out to be slow. In memory file
        systems, and where the C library emulates `posix_fallocate`, allocating takes as long as
        writing. Without allocated blocks, concurrent downloads can count the same free space, so
        a later write may still find the disk full.

        Raises:
            OSError: The disk has too little free space (``ENOSPC``).
        """
        os.ftruncate(self._fd, size)
        self._check_free_space(size)
        start, fast = 0, hasattr(os, "posix_fallocate")
        while start < size and fast:
            # Measured in thread time, because wall time includes the work of other threads.
            step, started_at = min(_RESERVE_STEP, size - start), time.thread_time()
            try:
                os.posix_fallocate(self._fd, start, step)
            except OSError as error:
                if error.errno not in NOT_SUPPORTED:
                    raise
                return
            start += step
            fast = time.thread_time() - started_at < _RESERVE_STEP_SECONDS

    def sync(self) -> None:
        """Sync the file, so that the written bytes survive a power failure."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file. Further calls do nothing.

        Raises:
            OSError: An earlier write failed. Some file systems report this only on closing.
        """
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _check_free_space(self, size: int) -> None:
        if hasattr(os, "fstatvfs"):
            status = os.fstatvfs(self._fd)
            # Some file systems report a size of 0. Count the blocks that are reserved for the
            # superuser (`f_bfree`, not `f_bavail`), because this process may run as superuser.
            if status.f_blocks and status.f_bfree * status.f_frsize < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _write_some(self, offset: int, views: deque[memoryview]) -> int:
        if hasattr(os, "pwritev"):
            return os.pwritev(self._fd, list(islice(views, _MAX_BUFFERS)), offset)
        with self._seeking:
            os.lseek(self._fd, offset, os.SEEK_SET)
            return os.write(self._fd, views[0])


def read_tail(path: Path, size: int) -> bytes:
    """Return the last `size` bytes of a file, or the whole file if it is shorter."""
    with InputFile(path) as file:
        return file.read(max(0, file.size() - size), size)


def is_own(fd: int) -> bool:
    """Return True if `fd` is a regular file that this user owns and that has one hard link."""
    status = os.fstat(fd)
    mine = not hasattr(os, "getuid") or status.st_uid == os.geteuid()
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and mine


def is_at(fd: int, path: Path) -> bool:
    """Return True if `path` refers to the open file `fd`."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False


def sync_file(path: Path) -> None:
    """Sync a file, so that its content survives a power failure."""
    # Windows can sync a file only if it is open for writing.
    fd = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@functools.cache
def boot_id() -> str:
    """Return Linux's identifier of the current boot, or ``""`` on other systems."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Convert an `OSError` in the ``with`` block to a `DiskError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> DiskError:
    """Convert an `OSError` about `path` to a `DiskError`, or `DiskFull` if the disk is full."""
    message = _MESSAGES.get(error.errno or 0) or error.strerror or str(error)
    kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else DiskError
    return kind(f"{path}: {message}", path=path, errno=error.errno)


def _read_into(fd: int, seeking: threading.Lock, offset: int, buffer: memoryview) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(fd, [buffer], offset)
    with seeking:
        os.lseek(fd, offset, os.SEEK_SET)
        data = os.read(fd, len(buffer))
    buffer[: len(data)] = data
    return len(data)
