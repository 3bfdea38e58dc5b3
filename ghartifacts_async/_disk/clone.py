"""Clone a file by reflink, hard link or copy. Every method blocks."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from ghartifacts_async._disk.directories import make_directory, move, remove, sync_directory
from ghartifacts_async._disk.file_io import sync_file
from ghartifacts_async.models import Digest

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FICLONE = 0x40049409
_CHUNK = 2**20
_CHUNKS_PER_STEP = 32


class FileClone:
    """A second file with the same content as an existing one.

    It is a reflink if the file system supports that, otherwise a hard link if one can be made, and
    otherwise a copy. Call `link`, then `copy_step` if needed, then `publish`, and finally `close`.

    Args:
        source: Existing file.
        target: Final path of the clone. `publish` moves the complete clone there in one step.
        temporary: Path of the clone until then, in the same directory as `target`. No other
            process may use it.
        durable: Sync the clone to disk, so that it survives a power failure.
    """

    def __init__(self, source: Path, target: Path, temporary: Path, *, durable: bool) -> None:
        self._source = source
        self._target = target
        self._temporary = temporary
        self._durable = durable
        self._input: BinaryIO | None = None
        self._output: BinaryIO | None = None
        self._hash = hashlib.sha256()

    def link(self) -> bool:
        """Try to make a reflink or a hard link. Return False if only a copy is possible."""
        make_directory(self._target.parent, durable=self._durable)
        self._temporary.unlink(missing_ok=True)
        if self._reflink():
            return True
        try:
            os.link(self._source, self._temporary)
        except OSError:
            # For example, the target is on another file system, or the file has too many links.
            return False
        return True

    def copy_step(self) -> bool:
        """Copy up to 32 MiB more. Return False when the whole file has been copied."""
        if self._input is None or self._output is None:
            self._input = self._source.open("rb")
            self._output = self._temporary.open("xb")
        for _ in range(_CHUNKS_PER_STEP):
            if not (data := self._input.read(_CHUNK)):
                return False
            self._hash.update(data)
            self._output.write(data)
        return True

    def publish(self, digest: Digest) -> None:
        """Move the clone to its target.

        Args:
            digest: Expected SHA-256 of the content. Only a copy is checked against it.

        Raises:
            OSError: The clone cannot be moved, or the copy does not match the digest.
        """
        if self._output is not None and self._hash.hexdigest() != digest.hex:
            raise OSError(errno.EIO, "the copy does not match the digest of its source")
        self._close()
        if self._durable:
            sync_file(self._temporary)
        move(self._temporary, self._target, replace=True)
        if self._durable:
            sync_directory(self._target.parent)

    def close(self) -> None:
        """Close the open files and remove the temporary file if it still exists."""
        self._close()
        # It exists even after `publish` if the target was already a hard link to the same file,
        # because renaming one hard link to another does nothing.
        remove(self._temporary)

    def _reflink(self) -> bool:
        if fcntl is None:
            return False
        try:
            with self._source.open("rb") as source, self._temporary.open("xb") as target:
                fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError:
            self._temporary.unlink(missing_ok=True)
            return False
        return True

    def _close(self) -> None:
        for file in (self._input, self._output):
            if file is not None:
                file.close()
        self._input = self._output = None
