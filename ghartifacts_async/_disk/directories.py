"""Create and sync directories, and move and remove files. Every function blocks."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._disk.file_io import NOT_SUPPORTED


class CreatedDirectories:
    """The directories that were created for a file.

    They are removed again if the file is never written.
    """

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def make(self, path: Path) -> None:
        """Create a directory and its missing parents.

        Raises:
            OSError: One of these directories cannot be created.
        """
        missing = [one for one in (path, *path.parents) if not one.exists()]
        # If another process creates one of them in the meantime, it is recorded all the same.
        self._paths += [one for one in missing if one not in self._paths]
        path.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        """Remove the directories that are still empty."""
        for path in self._paths:
            with suppress(OSError):
                path.rmdir()

    def sync(self) -> None:
        """Sync the parents, so that the new directories survive a power failure."""
        for path in self._paths:
            sync_directory(path.parent)


def make_directory(path: Path, *, durable: bool) -> None:
    """Create a directory and its missing parents.

    Args:
        path: Path of the directory, which may already exist.
        durable: Sync the new directories, so that they survive a power failure.
    """
    if not durable:
        path.mkdir(parents=True, exist_ok=True)
        return
    created = CreatedDirectories()
    created.make(path)
    created.sync()


def move(path: Path, target: Path, *, replace: bool) -> None:
    """Rename a file to its final name in one step.

    Args:
        path: Path of the file, on the same file system as `target`.
        target: Final path.
        replace: Replace an existing file. If false, no file may exist at `target`. Where the file
            system supports hard links, this check and the move are a single atomic step.

    Raises:
        FileExistsError: `target` exists and `replace` is false.
        OSError: The file cannot be renamed.
    """
    if replace:
        path.replace(target)
        return
    if link(path, target):
        path.unlink()
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "File exists")
    path.rename(target)


def link(path: Path | str, target: Path, *, directory: int | None = None) -> bool:
    """Make a hard link. Return False if the system refuses it.

    File systems, security modules and Android refuse links with various errors. The caller must
    then write or move the file in another way.

    Args:
        path: Path of the file.
        target: Path of the link.
        directory: Descriptor of a directory to which a relative `path` refers. If it is given and
            `path` is a symbolic link, Linux links the file that it points to.

    Raises:
        FileExistsError: `target` exists.
    """
    try:
        os.link(path, target, src_dir_fd=directory)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file. Do nothing if it does not exist or cannot be removed."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def make_temporary_directory(*, prefix: str, suffix: str = "", parent: Path | None = None) -> Path:
    """Create a directory that has a random name and that only this user can access.

    Args:
        prefix: First characters of the name.
        suffix: Last characters of the name.
        parent: Directory to create it in; None for the system's temporary directory.
    """
    return Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))


def remove_tree(path: Path | str, *, descriptor: int | None = None) -> None:
    """Remove a directory and its content. Errors are ignored.

    Args:
        path: Path of the directory.
        descriptor: Descriptor of the directory to which `path` is relative. None means the current
            directory.
    """
    shutil.rmtree(path, ignore_errors=True, dir_fd=descriptor)


def sync_directory(path: Path) -> None:
    """Sync a directory, so that new and renamed files in it survive a power failure.

    Do nothing if the operating system or the file system cannot sync a directory.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
    finally:
        os.close(fd)
