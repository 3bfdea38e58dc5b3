"""Create the directories of our files, and open them. Every function blocks."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from ghartifacts_async._disk.file_io import disk_errors
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async._disk.trust import UnsafeFile, is_private
from ghartifacts_async.errors import DiskError


class CreatedDirectories:
    """The directories that were created for a file.

    They are removed again if the file is never written, unless others have taken their paths.
    """

    def __init__(self) -> None:
        self._created: dict[Path, os.stat_result] = {}  # parents before their children

    def make(self, path: Path, *, mode: int = 0o777) -> None:
        """Create a directory and its missing parents.

        Args:
            path: Path of the directory.
            mode: Permissions of the directory, before the umask. Those of its parents are 0o777.

        Raises:
            OSError: One of these directories cannot be created.
        """
        components = (path, *path.parents)
        missing = [one for one in components if not one.exists()]
        try:
            path.mkdir(mode, parents=True, exist_ok=True)
        except FileExistsError:
            # The error has another reason if another process has just removed a directory.
            if any(os.path.lexists(one) and not one.is_dir() for one in components):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
            raise
        finally:
            # If another process creates one of them in the meantime, it is recorded all the same.
            for one in reversed(missing):
                with suppress(OSError):
                    self._created[one] = one.lstat()

    def make_child(self, parent: Directory, name: str) -> None:
        """Create a directory in an open directory, unless it exists."""
        with suppress(FileExistsError):
            parent.make(name, 0o777)
        self._created[parent.path / name] = parent.status(name)

    def remove(self) -> None:
        """Remove the directories that are still empty."""
        for path, status in reversed([*self._created.items()]):
            # Another user may have put a link in place of a parent.
            with suppress(OSError), Directory(path.parent) as parent:
                if parent.is_at(status, path.name):
                    parent.remove(path.name)

    def sync(self) -> None:
        """Sync the parents, so that the new directories survive a power failure."""
        for path in self._created:
            with Directory(path.parent) as parent:
                parent.sync()


@frozen
class Folder:
    """A directory that may not exist yet.

    Attributes:
        path: Path of the directory.
        root: A directory above `path`, or `path` itself. Its path may contain links, because the
            caller chose it. The names below it come from artifacts, so that a link in their place
            is not followed. None means `path`.
        opened: The directory `root`, if it is open already.
    """

    path: Path
    root: Path | None = None
    opened: Directory | None = None

    def open(self, created: CreatedDirectories | None = None) -> Directory:
        """Open the directory.

        Args:
            created: Create the directory and its missing parents, and record them there. None
                creates nothing.

        Raises:
            FileNotFoundError: The directory does not exist, and `created` is None.
            NotADirectoryError: A file or, below `root`, a link has the name of a directory.
            OSError: The directory cannot be opened or created.
        """
        root = self.root or self.path
        if self.opened is not None:
            directory = self.opened.duplicate()
        else:
            if created is not None:
                created.make(root)
            directory = Directory(root)
        for name in self.path.relative_to(root).parts:
            with directory:
                directory = _open_child(directory, name, created)
        return directory


def move(directory: Directory, name: str, new: str, *, replace: bool) -> None:
    """Rename a file in a directory in one step.

    Args:
        directory: The directory.
        name: Name of the file.
        new: New name.
        replace: Replace an existing file. If false, nothing may have the new name. Where the file
            system supports hard links, this check and the renaming are a single atomic step.

    Raises:
        FileExistsError: Something has the new name, and `replace` is false.
        OSError: The file cannot be renamed.
    """
    if not replace:
        if directory.link(name, new):
            directory.unlink(name)
            return
        if directory.exists(new):
            raise FileExistsError(errno.EEXIST, "File exists")
    directory.rename(name, new)


def move_contents(source: Directory, target: Directory, *, merge: bool = False) -> None:
    """Move everything from one directory to another one of the same file system.

    A subdirectory that cannot be renamed, such as one from a lower layer of an overlayfs, is
    created again, and its content is moved.

    Args:
        source: Directory to empty.
        target: Directory that gets its content.
        merge: Whether to move the content of a subdirectory into one that exists already.
    """
    for name in source.names():
        try:
            source.rename(name, name, target)
        except OSError as error:
            status = source.status(name)
            may_merge = merge and target.exists(name)
            if not stat.S_ISDIR(status.st_mode) or (error.errno != errno.EXDEV and not may_merge):
                raise
            if not may_merge:
                target.make(name, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
            path = source.path / name, target.path / name
            with Directory(path[0], source) as inner, Directory(path[1], target) as created:
                move_contents(inner, created, merge=merge)
            source.remove(name)


def temporary_root() -> Path:
    """Return the system's temporary directory.

    Raises:
        DiskError: No directory for temporary files can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise DiskError(f"{error.strerror}; set TMPDIR to one", errno=error.errno) from error


class TemporaryDirectory:
    """A new directory in the system's temporary directory, which only this user can access.

    Other users may be able to rename it, so it is checked whenever it is opened. It is not kept
    open, because a task may use more directories than the process may have open files.

    Args:
        prefix: First characters of its random name.

    Attributes:
        path: Path of the directory.

    Raises:
        DiskError: The directory cannot be created.
    """

    def __init__(self, *, prefix: str) -> None:
        self.path = temporary_root() / (prefix + secrets.token_hex(8))
        with disk_errors(self.path), Directory(self.path.parent) as parent:
            parent.make(self.path.name, 0o700)
            try:
                directory = Directory(self.path, parent)
            except OSError:
                parent.remove(self.path.name)
                raise
            with directory:
                self._status = directory.status()
                if not is_private(self._status) or directory.names():
                    raise _replaced()

    def open(self) -> Directory:
        """Open the directory.

        Raises:
            UnsafeFile: Another process has replaced it.
            OSError: It cannot be opened.
        """
        directory = Directory(self.path)
        if os.path.samestat(directory.status(), self._status):
            return directory
        directory.close()
        raise _replaced()

    def remove(self) -> None:
        """Remove the directory and its content. Errors are ignored."""
        with suppress(OSError):
            with self.open() as directory:
                for name in directory.names():
                    directory.remove_tree(name)
            with Directory(self.path.parent) as parent:
                if parent.is_at(self._status, self.path.name):
                    parent.remove(self.path.name)


def _open_child(parent: Directory, name: str, created: CreatedDirectories | None) -> Directory:
    path = parent.path / name
    try:
        return Directory(path, parent)
    except FileNotFoundError:
        if created is None:
            raise
    created.make_child(parent, name)
    return Directory(path, parent)


def _replaced() -> UnsafeFile:
    return UnsafeFile("another process replaced it")
