"""The hidden files beside a download's target: part file, journal and link."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from ghartifacts_async._disk.lock_file import LockFile


@frozen
class HiddenFiles:
    """The paths of the hidden files that belong to one target.

    Attributes:
        directory: Directory of the target and of the hidden files.
        stem: Text in the names of the hidden files that is different for each target in the
            directory.
    """

    directory: Path
    stem: str

    @classmethod
    def of(cls, target: Path) -> HiddenFiles:
        """Return the hidden files of a target. Their names depend only on the target's name."""
        return cls(target.parent, hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16])

    @classmethod
    def unique(cls, directory: Path) -> HiddenFiles:
        """Return hidden files with random names, which no other process will use."""
        return cls(directory, secrets.token_hex(8))

    @property
    def part(self) -> Path:
        """The path of the part file, which contains an incomplete download."""
        return self._path("part")

    @property
    def journal(self) -> Path:
        """The path of the journal. A process must lock it before it writes to the part file."""
        return self._path("journal")

    @property
    def link(self) -> Path:
        """The path of a clone of another file, until the clone is moved to the target."""
        return self._path("link")

    def remove_leftovers(self) -> None:
        """Remove the part file and the journal of a complete target.

        Leave them if another process holds the lock. A process that was killed right after it
        published the target leaves a journal, which no later download would open. Errors are
        ignored, because leftover files do no harm.
        """
        lock = LockFile(self.journal)
        with suppress(OSError):
            if not os.path.lexists(self.journal) or not lock.acquire(create=False):
                return
            try:
                # If the part file cannot be removed, its journal stays, for the next call.
                self.part.unlink(missing_ok=True)
                lock.remove()
            finally:
                lock.release()

    def _path(self, kind: str) -> Path:
        return self.directory / f".{self.stem}.ghartifacts-{kind}"
