"""Write a small file that has no name until it is complete. Every function blocks.

Linux can create a file without a name (``O_TMPFILE``) and later link it to its final path. A
process that is killed before that leaves no file behind. The whole write is a single job for a
thread.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ghartifacts_async._disk.directories import link, make_directory, sync_directory
from ghartifacts_async._disk.file_io import disk_error
from ghartifacts_async.errors import DiskError

_TMPFILE: int | None = getattr(os, "O_TMPFILE", None)

_devices_without_links: set[int] = set()
"""Devices on which a link was refused, so that no second payload is fetched in vain."""


@lru_cache(maxsize=256)
def supports_nameless_files(directory: Path) -> bool:
    """Return True if files without a name can be created in a directory.

    Args:
        directory: Path of the directory. If it does not exist, its nearest existing parent is
            tested.

    Raises:
        OSError: A file without a name cannot be created there.
    """
    if _TMPFILE is None:
        return False
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if existing.stat().st_dev in _devices_without_links:
        return False
    fd = os.open(existing, os.O_RDWR | _TMPFILE)
    try:
        return Path(f"/proc/self/fd/{fd}").is_symlink()
    finally:
        os.close(fd)


def write_nameless_file(target: Path, chunks: Sequence[bytes], durable: bool) -> bool:
    """Write a file without a name, read it back, and link it to its final path.

    The function makes few system calls, because after each one the thread may have to wait for the
    interpreter's lock.

    Args:
        target: Final path. Missing directories are created.
        chunks: Content of the file.
        durable: Sync the file, so that it survives a power failure.

    Returns:
        True if the file was written. False if `target` exists or the file system cannot link the
        file; no file is left in this case.

    Raises:
        DiskError: The file cannot be written, or reading it back returns different bytes.
    """
    assert _TMPFILE is not None
    try:
        try:
            fd = os.open(target.parent, os.O_RDWR | _TMPFILE, 0o666)
        except FileNotFoundError:
            make_directory(target.parent, durable=durable)
            fd = os.open(target.parent, os.O_RDWR | _TMPFILE, 0o666)
        try:
            _write(fd, b"".join(chunks), target)
            if durable:
                os.fsync(fd)
            linked = _link(fd, target)
        finally:
            os.close(fd)
        if durable and linked:
            sync_directory(target.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise disk_error(error, target) from error
    return linked


def _link(fd: int, target: Path) -> bool:
    """Link an open file to its final path. Return False if the system refuses this.

    Raises:
        FileExistsError: `target` exists.
    """
    # The symbolic link /proc/self/fd/N is followed only if a directory is passed.
    if link(f"/proc/self/fd/{fd}", target, directory=fd):
        return True
    _devices_without_links.add(target.parent.stat().st_dev)
    supports_nameless_files.cache_clear()
    return False


def _write(fd: int, data: bytes, target: Path) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(fd, data[written:], written)
    if os.pread(fd, len(data) + 1, 0) != data:
        raise DiskError(f"{target}: the bytes read back differ from those written", path=target)
