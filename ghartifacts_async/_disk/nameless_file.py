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

from ghartifacts_async._disk.directories import CreatedDirectories, Folder
from ghartifacts_async._disk.file_io import disk_error
from ghartifacts_async._disk.safe_open import Directory, close_quietly
from ghartifacts_async.errors import DiskError

_devices_without_links: set[int] = set()
"""Devices that refused a link. Payloads for them are written in another way from then on."""


@lru_cache(maxsize=256)
def supports_nameless_files(directory: Path) -> bool:
    """Return True if files without a name can be created in a directory.

    Args:
        directory: Path of the directory. If it does not exist, its nearest existing parent is
            tested.

    Raises:
        OSError: A file without a name cannot be created there.
    """
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    with Directory(existing) as parent:
        if parent.status().st_dev in _devices_without_links:
            return False
        fd = parent.create_nameless()
    if fd is None:
        return False
    try:
        return Path(f"/proc/self/fd/{fd}").is_symlink()
    finally:
        close_quietly(fd)


def write_nameless_file(
    folder: Folder, name: str, chunks: Sequence[bytes], *, mode: int, durable: bool
) -> bool:
    """Write a file without a name, read it back, and link it to its final path.

    The function makes few system calls, because after each one the thread may have to wait for the
    interpreter's lock.

    Args:
        folder: Directory of the file. If it is missing, it is created.
        name: Final name.
        chunks: Content of the file.
        mode: Permissions of the file, before the umask.
        durable: Sync the file, so that it survives a power failure.

    Returns:
        True if the file was written. False if something has its name or the file system cannot
        link the file; no file is left in this case.

    Raises:
        DiskError: The file cannot be written, or reading it back returns different bytes.
    """
    target = folder.path / name
    created = CreatedDirectories()
    try:
        try:
            directory = folder.open()
        except FileNotFoundError:
            directory = folder.open(created)
        with directory:
            fd = directory.create_nameless(mode)
            if fd is None:
                return False
            linked = False
            try:
                _write(fd, b"".join(chunks), target)
                if durable:
                    os.fsync(fd)
                linked = directory.link_nameless(fd, name)
                if not linked:
                    _devices_without_links.add(directory.status().st_dev)
                    supports_nameless_files.cache_clear()
            finally:
                try:
                    os.close(fd)
                except OSError:
                    # Some file systems report only on closing that an earlier write failed.
                    if linked:
                        directory.remove(name)
                    raise
            if durable and linked:
                directory.sync()
                created.sync()
    except FileExistsError:
        return False
    except OSError as error:
        raise disk_error(error, target) from error
    return linked


def _write(fd: int, data: bytes, target: Path) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(fd, data[written:], written)
    if os.pread(fd, len(data) + 1, 0) != data:
        raise DiskError(f"{target}: the bytes read back differ from those written", path=target)
