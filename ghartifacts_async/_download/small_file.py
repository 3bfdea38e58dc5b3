"""A small artifact among many: held in memory, and put on disk in one visit to a thread.

What a download of any size does there in a dozen visits, with a journal and a part file, costs more
than such a payload. It is as verified: what is read back from the disk must be what was. Its file
has no name before it is complete, where the system knows such files, so a kill leaves nothing of
it, and loses no more than the batch that any download gathers.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ghartifacts_async._disk.directories import make_directory, sync_directory
from ghartifacts_async._disk.file_io import disk_error
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._download import verification
from ghartifacts_async.errors import DiskError
from ghartifacts_async.models import Artifact

_LARGEST = 2**18
_NO_NAMES = {errno.EPERM, errno.ENOENT, errno.EXDEV, errno.EOPNOTSUPP}
_NAMELESS: int | None = getattr(os, "O_TMPFILE", None)


def is_small(artifact: Artifact) -> bool:
    """Whether memory will do for it, and its digest says what it must be."""
    return verification.sha256(artifact) is not None and artifact.size_in_bytes <= _LARGEST


def can_be_put(target: Path) -> bool:
    """Whether nothing is there, nothing of it was begun, and the system can do it. Blocks."""
    try:
        begun = os.path.lexists(HiddenFiles.of(target).journal)
        return not begun and not os.path.lexists(target) and _knows_nameless(target.parent)
    except OSError:
        return False  # a download of any size tells why


def look(target: Path, likely: str) -> tuple[Path, bool]:
    """Where it lies, as far as it is there, and whether it `can_be_put`. Blocks.

    Args:
        target: Its path as a zip.
        likely: Its name as a raw payload, which is called as its artifact is, as a rule.
    """
    directory, name = os.path.split(target)
    other = os.path.join(directory, likely)  # noqa: PTH118 - a Path takes ten times as long
    if likely != name and os.path.lexists(other) and not os.path.lexists(target):
        # Nobody will look for what was begun under the name of the zip.
        HiddenFiles.of(target).remove_leftovers()
        return target.with_name(likely), False
    return target, can_be_put(target)


def put(target: Path, chunks: Sequence[bytes], durable: bool) -> bool:
    """Put what is verified there in one step; whether it could, and nobody else had. Blocks.

    Few visits to the system: after each the loop may take its time to hand the interpreter back.

    Raises:
        DiskError: It cannot be put there, or the disk does not hold what was written.
    """
    assert _NAMELESS is not None
    try:
        try:
            fd = os.open(target.parent, os.O_RDWR | _NAMELESS, 0o666)
        except FileNotFoundError:
            make_directory(target.parent, durable=durable)
            fd = os.open(target.parent, os.O_RDWR | _NAMELESS, 0o666)
        try:
            _write(fd, b"".join(chunks), target)
            if durable:
                os.fsync(fd)
            named = _name(fd, target)
        finally:
            os.close(fd)
        if durable and named:
            sync_directory(target.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise disk_error(error, target) from error
    return named


@lru_cache(maxsize=256)
def _knows_nameless(directory: Path) -> bool:
    """Whether files of a directory, which need not be there, can be made without a name."""
    if _NAMELESS is None:
        return False
    there = next(path for path in (directory, *directory.parents) if path.exists())
    fd = os.open(there, os.O_RDWR | _NAMELESS)
    try:
        return Path(f"/proc/self/fd/{fd}").is_symlink()
    finally:
        os.close(fd)


def _name(fd: int, target: Path) -> bool:
    """Give a file its name; whether the system has it."""
    try:
        # With a descriptor, which counts for nothing here, the link to the file is followed.
        os.link(f"/proc/self/fd/{fd}", target, src_dir_fd=fd)
    except OSError as error:
        if error.errno in _NO_NAMES:
            return False
        raise
    return True


def _write(fd: int, data: bytes, target: Path) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(fd, data[written:], written)
    if os.pread(fd, len(data) + 1, 0) != data:
        raise DiskError(f"{target}: the disk does not hold what was written", path=target)
