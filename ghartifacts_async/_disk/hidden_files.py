"""The hidden files next to a target: part file, journal, link, lock and staging directory.

Every function blocks. A process claims the hidden files of a target by locking one of them. Where
that is not possible, it uses others with a random name.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from contextlib import suppress

from attrs import frozen

from ghartifacts_async._disk.directories import Folder, move
from ghartifacts_async._disk.file_io import boot_id, pid_namespace
from ghartifacts_async._disk.lock_file import LockFile, LockRefused
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async._disk.trust import UnsafeFile

HIDDEN = ".ghartifacts-"
"""Text in the names of all hidden files."""

_MAX_SILENCE = 3600
"""Seconds without a write after which a download of another host counts as dead."""


@frozen
class HiddenFiles:
    """The names of the hidden files that belong to one target.

    Attributes:
        stem: Text in the names that is different for each target in the directory.
    """

    stem: str

    @classmethod
    def of(cls, name: str) -> HiddenFiles:
        """Return the hidden files of a target. Their names depend only on the target's name."""
        return cls(hashlib.sha256(os.fsencode(name)).hexdigest()[:16])

    @classmethod
    def unique(cls) -> HiddenFiles:
        """Return hidden files with random names, which no other process will use."""
        return cls(secrets.token_hex(8))

    @property
    def part(self) -> str:
        """The part file, which contains an incomplete download."""
        return self._name("part")

    @property
    def journal(self) -> str:
        """The journal. A process must lock it before it writes to the part file."""
        return self._name("journal")

    @property
    def link(self) -> str:
        """A clone of another file, until it is moved to the target."""
        return self._name("link")

    @property
    def lock(self) -> str:
        """The lock file of the staging directory."""
        return self._name("lock")

    @property
    def staging(self) -> str:
        """The staging directory of an extraction."""
        return self._name("staging")

    def remove_leftovers(self, folder: Folder) -> None:
        """Remove the files that a download has left, unless it is still running.

        A process that was killed right after it published the target leaves a journal, which no
        later download would open. Errors are ignored, because leftover files do no harm.
        """
        with suppress(OSError):
            names = (self.journal, self.link)
            if any(os.path.lexists(folder.path / name) for name in names):
                with folder.open() as directory:
                    directory.remove(self.link)
                    self._remove_unlocked(directory)

    def remove_all(self, directory: Directory) -> None:
        """Remove all hidden files. Errors are ignored."""
        for name in (self.part, self.journal, self.link, self.lock):
            directory.remove(name)
        if directory.exists(self.staging):
            directory.remove_tree(self.staging)

    def _remove_unlocked(self, directory: Directory) -> None:
        lock = LockFile(self.journal)
        try:
            claimed = lock.acquire(directory, create=False)
        except LockRefused:
            _remove_abandoned(directory, self, self.journal)
            return
        if claimed:
            try:
                # If the part file cannot be removed, its journal stays, for the next call.
                directory.unlink(self.part)
                lock.remove()
            finally:
                lock.release()

    def _name(self, kind: str) -> str:
        return f".{self.stem}{HIDDEN}{kind}"


class Claim:
    """The right to use hidden files, which no other process uses at the same time.

    Args:
        directory: Directory of the files. It must stay open until `release`.
        hidden: The target's hidden files.
        lock: Name of the one to lock: the journal, or the lock file of a staging directory.

    Attributes:
        hidden: The files to use. If the target's own cannot be locked, because the system refuses
            locks or because another user has put something there, their names are random.
        lock: The locked file.
        is_stable: Whether the files are the target's own, so that a later call will find them.
    """

    def __init__(self, directory: Directory, hidden: HiddenFiles, lock: str) -> None:
        self._directory = directory
        self._record: LockFile | None = None
        self.hidden = hidden
        self.lock = LockFile(lock)
        self.is_stable = True

    def acquire(self) -> bool:
        """Lock the file. Return False if another process holds the lock.

        Raises:
            OSError: The files cannot be opened.
        """
        own, name = self.hidden, self.lock.name
        try:
            return self.lock.acquire(self._directory)
        except UnsafeFile:
            can_record = False
        except LockRefused:
            can_record = _remove_abandoned(self._directory, own, name)
        self.is_stable = False
        self.hidden = HiddenFiles.unique()
        self.lock = LockFile(self.hidden.journal)
        if can_record:
            self._record = _write_record(self._directory, name, self.hidden)
        return self.lock.acquire(self._directory, lock=False)

    def create_part(self, mode: int) -> int:
        """Create the part file, and return its descriptor. An earlier part file is removed.

        If that is not possible, because another user has put something there, the name is random.

        Args:
            mode: Permissions of the file, before the umask.

        Raises:
            OSError: The file cannot be created.
        """
        self._directory.remove(self.hidden.part)
        try:
            return self._directory.create(self.hidden.part, mode)
        except FileExistsError:
            self.hidden, self.is_stable = HiddenFiles.unique(), False
        return self._directory.create(self.hidden.part, mode)

    def release(self, *, remove: bool) -> None:
        """Release the lock. If `remove` is true, remove the locked file first."""
        if remove and self.lock.is_held:
            self.lock.remove()
        self.lock.release()
        if self._record is not None:
            self._record.remove()
            self._record.release()


@frozen
class _Holder:
    """The process that uses hidden files, where it cannot lock them."""

    stem: str
    host: str
    pid: int

    @classmethod
    def current(cls, hidden: HiddenFiles) -> _Holder:
        return cls(hidden.stem, _host(), os.getpid())

    @classmethod
    def parse(cls, text: bytes) -> _Holder | None:
        try:
            stem, host, pid = json.loads(text)
            int(stem, 16)
            return cls(stem, str(host), int(pid))
        except (TypeError, ValueError, RecursionError):
            return None

    def to_line(self) -> bytes:
        return json.dumps([self.stem, self.host, self.pid]).encode() + b"\n"

    def is_alive(self, directory: Directory, record: str) -> bool:
        """Return True if the process may be running.

        Args:
            directory: Directory of the hidden files.
            record: Name of the file in which the process has recorded itself.
        """
        if self.host == _host() != "":
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return False
            except OSError:
                return True
            return True
        for name in (HiddenFiles(self.stem).part, record):
            with suppress(OSError):
                if time.time() - directory.status(name).st_mtime < _MAX_SILENCE:
                    return True
        return False


def _remove_abandoned(directory: Directory, hidden: HiddenFiles, name: str) -> bool:
    """Remove the files of a killed process that could not lock them.

    Args:
        directory: Directory of the files.
        hidden: The target's own hidden files.
        name: Name of the file in which the process recorded itself.

    Returns:
        False if the process may be alive. Its files are then left alone.
    """
    record = LockFile(name)
    try:
        record.acquire(directory, lock=False, create=False)
    except FileNotFoundError:
        return True
    except UnsafeFile:  # another process is just writing its record
        return False
    try:
        holder = _Holder.parse(record.read())
        if holder is not None and holder.is_alive(directory, name):
            return False
        # Of several processes that find this record, only one can rename it, and then continues. If
        # it has renamed a newer record of another process, it restores the record.
        record.rename(HiddenFiles.unique().lock)
        if not record.is_in_place:
            with suppress(OSError):
                move(directory, record.name, name, replace=False)
            directory.remove(record.name)
            return False
        for files in (hidden, *([HiddenFiles(holder.stem)] if holder is not None else [])):
            files.remove_all(directory)
        record.remove()
    except OSError:
        return False
    finally:
        record.release()
    return True


def _write_record(directory: Directory, name: str, hidden: HiddenFiles) -> LockFile | None:
    """Record which hidden files this process uses, so that the next call finds them.

    The record gets its name when it is complete, because no lock protects it.

    Args:
        directory: Directory of the files.
        name: Name of the record.
        hidden: The hidden files that this process uses.

    Returns:
        The record, or None if it cannot be written, or another process has just written its own.
    """
    record = LockFile(hidden.lock)
    record.acquire(directory, lock=False)
    try:
        record.append(_Holder.current(hidden).to_line())
        record.rename(name, replace=False)
    except BaseException as error:
        record.remove()
        record.release()
        if not isinstance(error, OSError):
            raise
        return None
    return record


def _host() -> str:
    """Return a name of the processes that a process id can refer to; ``""`` if it is not known.

    Containers can have the same host name and different processes.
    """
    if not hasattr(os, "uname"):
        return ""
    system, namespace = os.uname(), pid_namespace()
    if system.sysname == "Linux" and not namespace:
        return ""
    return f"{system.nodename} {boot_id()} {namespace}"
