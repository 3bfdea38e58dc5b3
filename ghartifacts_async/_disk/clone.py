"""Giving a file's content another name, without moving a byte where the system can. All blocks."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ghartifacts_async._disk.file_io import make_directory, sync_directory
from ghartifacts_async.models import Digest

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_FICLONE = 0x40049409
_PIECE = 2**20
_PIECES_A_STEP = 32


class FileClone:
    """A file on its way to be another's equal: a reflink, else a hard link, else a copy.

    Args:
        source: The file that is there.
        target: What is to be equal, in one step.
        temporary: A name beside the target that nobody else uses.
        durable: Whether it survives a loss of power.
    """

    def __init__(self, source: Path, target: Path, temporary: Path, *, durable: bool) -> None:
        self._source = source
        self._target = target
        self._temporary = temporary
        self._durable = durable
        self._reading: BinaryIO | None = None
        self._writing: BinaryIO | None = None
        self._hash = hashlib.sha256()

    def link(self) -> bool:
        """Link it; otherwise it must be copied, some at a time."""
        make_directory(self._target.parent, durable=self._durable)
        self._temporary.unlink(missing_ok=True)
        if self._reflinked():
            return True
        try:
            os.link(self._source, self._temporary)
        except OSError:
            # Another file system, one without links, or a file that has as many as there may be.
            return False
        return True

    def copy_some(self) -> bool:
        """Copy a stretch; whether there is more."""
        if self._reading is None or self._writing is None:
            self._reading = self._source.open("rb")
            self._writing = self._temporary.open("xb")
        for _ in range(_PIECES_A_STEP):
            if not (data := self._reading.read(_PIECE)):
                return False
            self._hash.update(data)
            self._writing.write(data)
        return True

    def finish(self, digest: Digest) -> None:
        """Put it in place, unless it was copied and is not what it should be."""
        if self._writing is not None and self._hash.hexdigest() != digest.hex:
            raise OSError(errno.EIO, "what was copied is not what was read before")
        self._close()
        if self._durable:
            with self._temporary.open("rb") as file:
                os.fsync(file.fileno())
        self._temporary.replace(self._target)
        if self._durable:
            sync_directory(self._target.parent)

    def leave(self) -> None:
        """Leave nothing but the target."""
        self._close()
        # Renaming one link of a file onto another does nothing, so it may still be there.
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _reflinked(self) -> bool:
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
        for file in (self._reading, self._writing):
            if file is not None:
                file.close()
        self._reading = self._writing = None
