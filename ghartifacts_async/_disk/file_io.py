"""Files that threads read and write, and helpers for file errors. Every function blocks."""

from __future__ import annotations

import errno
import functools
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Self

from ghartifacts_async._disk.safe_open import (
    NOT_SUPPORTED,
    Directory,
    close_quietly,
    open_file,
    read_system_file,
)
from ghartifacts_async._disk.trust import UnsafeFile
from ghartifacts_async.errors import DiskError, DiskFull

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
    errno.ENOTDIR: "a component of the path is a file or a link, not a directory",
}


class InputFile:
    """A file that any thread can read at any offset.

    Args:
        path: Path of the file.
        directory: The open directory of the file. None opens it by its path.

    Raises:
        UnsafeFile: It is a link or not a regular file, or it belongs to another user.
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path, directory: Directory | None = None) -> None:
        self._fd = open_file(path) if directory is None else directory.open(path.name)
        self._seeking = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def size(self) -> int:
        """Return the size of the file in bytes."""
        return self.status().st_size

    def status(self) -> os.stat_result:
        """Return the status of the file."""
        return os.fstat(self._fd)

    def fileno(self) -> int:
        """Return the descriptor of the file."""
        return self._fd

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

    def sync(self) -> None:
        """Sync the file, so that its content survives a power failure.

        Windows cannot sync a file that is open only for reading.
        """
        if os.name != "nt":
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file. Further calls do nothing."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            close_quietly(fd)


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
        descriptor: Descriptor of the open file. `close` closes it.
    """

    def __init__(self, descriptor: int) -> None:
        self._fd = descriptor
        self._seeking = threading.Lock()

    def size(self) -> int:
        """Return the size of the file in bytes."""
        return os.fstat(self._fd).st_size

    def status(self) -> os.stat_result:
        """Return the status of the file."""
        return os.fstat(self._fd)

    def write(self, offset: int, chunks: Sequence[bytes | memoryview]) -> None:
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


@functools.cache
def boot_id() -> str:
    """Return Linux's identifier of the current boot, or ``""`` on other systems."""
    with suppress(OSError):
        return read_system_file("/proc/sys/kernel/random/boot_id").strip()
    return ""


@functools.cache
def pid_namespace() -> str:
    """Return Linux's identifier of the process ids of a container, or ``""`` if it has none."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115
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
    if isinstance(error, UnsafeFile):
        message = f"{error.strerror}; remove it, or use another directory"
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
