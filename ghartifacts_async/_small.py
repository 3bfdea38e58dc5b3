"""A small artifact among many: held in memory, and put on disk in one visit to a thread.

What a download of any size does there in a dozen visits, with a journal and a part file, costs more
than such a payload. It is as verified; its file has no name before it is complete, where the system
knows such files, so a kill leaves nothing of it, and loses no more than the batch that any download
gathers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from ghartifacts_async._files import disk_error, sync_directory
from ghartifacts_async._target import Target
from ghartifacts_async.errors import DigestMismatch
from ghartifacts_async.models import Artifact, Digest

_LARGEST = 2**18
_NAMELESS: int | None = getattr(os, "O_TMPFILE", None)


def is_small(artifact: Artifact) -> bool:
    """Whether memory will do for it, and its digest says what it must be."""
    known = artifact.digest is not None and artifact.digest.algorithm == "sha256"
    return known and artifact.size_in_bytes <= _LARGEST


def can_be_put(target: Path) -> bool:
    """Whether nothing is there, nothing of it was begun, and the system can do it. Blocks."""
    if _NAMELESS is None:
        return False
    try:
        begun = target.with_name(f".{Target(target, True).stem}.ghartifacts-journal")
        if os.path.lexists(target) or begun.exists():
            return False
        there = next(path for path in target.parents if path.exists())
        fd = os.open(there, os.O_RDWR | _NAMELESS)
        try:
            return Path(f"/proc/self/fd/{fd}").is_symlink()
        finally:
            os.close(fd)
    except OSError:
        return False  # a download of any size tells why


def put(target: Path, chunks: Sequence[bytes], digest: Digest, durable: bool) -> bool:
    """Put it there in one step; whether nobody else had. Blocks.

    Raises:
        DigestMismatch: The disk does not hold what was written.
        DiskError: It cannot be put there.
    """
    assert _NAMELESS is not None
    try:
        new = [path for path in (target.parent, *target.parent.parents) if not path.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fd = os.open(target.parent, os.O_RDWR | _NAMELESS, 0o666)
            try:
                _write(fd, b"".join(chunks), digest)
                if durable:
                    os.fsync(fd)
                # Naming the directory's descriptor makes the system follow the link to the file.
                os.link(f"/proc/self/fd/{fd}", target.name, dst_dir_fd=directory)
            finally:
                os.close(fd)
        finally:
            os.close(directory)
        if durable:
            for one in (target, *new):
                sync_directory(one.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise disk_error(error, target) from error
    return True


def _write(fd: int, data: bytes, digest: Digest) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(fd, data[written:], written)
    actual = Digest("sha256", hashlib.sha256(os.pread(fd, len(data) + 1, 0)).hexdigest())
    if actual != digest:
        raise DigestMismatch(
            f"the disk holds {actual}, what came was {digest}",
            expected=str(digest),
            actual=str(actual),
        )
