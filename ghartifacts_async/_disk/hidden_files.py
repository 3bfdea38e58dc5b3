"""The hidden files beside a target: part file, journal and link. Every function blocks."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from ghartifacts_async._disk.directories import remove
from ghartifacts_async._disk.lock_file import LockFile


@frozen
class HiddenFiles:
    """The hidden files of one target.

    Attributes:
        directory: Directory of the target.
        stem: Part of their names that no other target in the directory shares.
    """

    directory: Path
    stem: str

    @classmethod
    def of(cls, target: Path) -> HiddenFiles:
        """Return the hidden files of a target; its name alone decides theirs."""
        return cls(target.parent, hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16])

    @classmethod
    def unique(cls, directory: Path) -> HiddenFiles:
        """Return hidden files with random names, which no other process will use."""
        return cls(directory, secrets.token_hex(8))

    @property
    def part(self) -> Path:
        """The incomplete payload."""
        return self._path("part")

    @property
    def journal(self) -> Path:
        """The journal, whose lock is the right to write to the target."""
        return self._path("journal")

    @property
    def link(self) -> Path:
        """A clone of another file, until it is complete."""
        return self._path("link")

    def remove_leftovers(self) -> None:
        """Remove part file and journal of a complete target, unless another process holds them.

        A process that is killed just after its last step leaves a journal that no download would
        look for again. What cannot be removed does no harm, so errors are ignored.
        """
        lock = LockFile(self.journal)
        with suppress(OSError):
            if not os.path.lexists(self.journal) or not lock.acquire(create=False):
                return
            try:
                remove(self.part)
                lock.remove()
            finally:
                lock.release()

    def _path(self, kind: str) -> Path:
        return self.directory / f".{self.stem}.ghartifacts-{kind}"
