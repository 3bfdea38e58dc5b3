"""Files as systems offer them, and what stands in where one does not. All of it blocks."""

from __future__ import annotations

import errno
import functools
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from ghartifacts_async.errors import DiskError, DiskFull

PRIVATE = sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"))
"""How files are opened that nobody else knows."""

_MOST_BUFFERS = 512
_RESERVED = 2**25
_RESERVED_WITHIN = 0.002
_NOT_OFFERED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV}

_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the name is too long for the file system",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}


class RandomFile:
    """A file that several threads read and write, each where it wants.

    Args:
        path: Which. Never one that somebody else has put there: a link, a device, or a file that
            has another name too.
        new: Whether to make it, with the permissions that the umask leaves, in the place of one
            that may be there.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        if new:
            path.unlink(missing_ok=True)
        how = os.O_CREAT | os.O_EXCL if new else 0
        self._fd = os.open(path, os.O_RDWR | how | PRIVATE, 0o666)
        if not is_own(self._fd):
            self.close()
            raise FileNotFoundError(errno.ENOENT, "somebody else's file", str(path))
        self._one_at_a_time = threading.Lock()

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def write(self, offset: int, chunks: Sequence[bytes]) -> None:
        """Write the chunks one after another, the first at `offset`."""
        views = deque(memoryview(chunk) for chunk in chunks if chunk)
        while views:
            written = self._write_some(offset, views)
            offset += written
            while views and written >= len(views[0]):
                written -= len(views.popleft())
            if written:
                views[0] = views[0][written:]

    def read(self, offset: int, buffer: memoryview) -> int:
        """Fill the buffer with what stands at `offset`, as far as there is; how many bytes."""
        if hasattr(os, "preadv"):
            return os.preadv(self._fd, [buffer], offset)
        with self._one_at_a_time:
            os.lseek(self._fd, offset, os.SEEK_SET)
            data = os.read(self._fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def reserve(self, size: int) -> None:
        """Make it `size` bytes long, of which the disk has room for each where it can tell.

        The room is set aside where that costs next to nothing. Memory, and what the C library
        emulates, takes as long for it as for writing: there it is only looked whether it is free.
        Several downloads at once then see the same free room, and `DiskFull` may come while they
        write.
        """
        os.ftruncate(self._fd, size)
        self._check_room(size)
        start, fast = 0, hasattr(os, "posix_fallocate")
        while start < size and fast:
            # Not the time that goes by, which is that of others at work as well.
            piece, began = min(_RESERVED, size - start), time.thread_time()
            try:
                os.posix_fallocate(self._fd, start, piece)
            except OSError as error:
                if error.errno not in _NOT_OFFERED:
                    raise
                return
            start += piece
            fast = time.thread_time() - began < _RESERVED_WITHIN

    def _check_room(self, size: int) -> None:
        if hasattr(os, "fstatvfs"):
            disk = os.fstatvfs(self._fd)
            # Some tell nothing; and what is kept for the superuser may be ours.
            if disk.f_blocks and disk.f_bfree * disk.f_frsize < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> None:
        """Return when what was written survives the loss of power."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close it. An error is one: some file systems write only now."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _write_some(self, offset: int, views: deque[memoryview]) -> int:
        if hasattr(os, "pwritev"):
            return os.pwritev(self._fd, list(islice(views, _MOST_BUFFERS)), offset)
        with self._one_at_a_time:
            os.lseek(self._fd, offset, os.SEEK_SET)
            return os.write(self._fd, views[0])


def hidden(directory: Path, stem: str, kind: str) -> Path:
    """What lies beside a target for its sake; the stem tells it from those of others."""
    return directory / f".{stem}.ghartifacts-{kind}"


def is_own(fd: int) -> bool:
    """Whether it is a file of this user's, of one name."""
    status = os.fstat(fd)
    mine = not hasattr(os, "getuid") or status.st_uid == os.geteuid()
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and mine


def is_at(fd: int, path: Path) -> bool:
    """Whether a path names this very file."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False


def rename_new(path: Path, target: Path) -> None:
    """Rename to a name that must be free, in one step where the file system can."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError(errno.EEXIST, "File exists") from None
        path.rename(target)
    else:
        path.unlink()


def make_directory(path: Path, *, durable: bool) -> None:
    """Make a directory, and those above it, as far as they are not there.

    Args:
        path: Which.
        durable: Whether they survive the loss of power.
    """
    new = [one for one in (path, *path.parents) if not one.exists()] if durable else []
    path.mkdir(parents=True, exist_ok=True)
    for one in new:
        sync_directory(one.parent)


def sync_file(path: Path) -> None:
    """Return when what a file holds survives the loss of power."""
    # Windows syncs only what may be written.
    fd = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(path: Path) -> None:
    """Return when the names in a directory survive the loss of power, where that can be asked."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
    finally:
        os.close(fd)


@functools.cache
def boot() -> str:
    """Which start of the machine this is, ``""`` where it cannot be told."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """What the system says of a path is raised as an error of this library."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> DiskError:
    """What the system said of a path, as an error of this library."""
    words = _WORDS.get(error.errno or 0) or error.strerror or str(error)
    kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else DiskError
    return kind(f"{path}: {words}", path=path, errno=error.errno)
