"""Names in directories: make, move, remove and sync them. Every function blocks."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._disk.file_io import NOT_SUPPORTED


class CreatedDirectories:
    """Directories that were made for a file, so that they can be removed if none comes."""

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def make(self, path: Path) -> None:
        """Make a directory and its missing parents.

        Raises:
            OSError: One of them cannot be made.
        """
        missing = [one for one in (path, *path.parents) if not one.exists()]
        # Recorded first, because another process may make one of them at the same time.
        self._paths += [one for one in missing if one not in self._paths]
        path.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        """Remove the directories that are still empty."""
        with suppress(OSError):
            for path in self._paths:
                path.rmdir()

    def sync(self) -> None:
        """Return once the names of these directories would survive a power failure."""
        for path in self._paths:
            sync_directory(path.parent)


def make_directory(path: Path, *, durable: bool) -> None:
    """Make a directory and its missing parents.

    Args:
        path: Path of the directory, which may exist.
        durable: Return once the new names would survive a power failure.
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
        replace: Replace an existing file. Otherwise the name must be free, which is checked in
            the same step where the file system supports hard links.

    Raises:
        FileExistsError: The name is taken and `replace` is false.
        OSError: The file cannot be renamed.
    """
    if replace:
        path.replace(target)
        return
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError(errno.EEXIST, "File exists") from None
        path.rename(target)
    else:
        path.unlink()


def remove(path: Path) -> None:
    """Remove a file if it exists and can be removed."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def make_temporary_directory(*, prefix: str, suffix: str = "", parent: Path | None = None) -> Path:
    """Make a directory with a random name that only this user can enter.

    Args:
        prefix: First characters of the name.
        suffix: Last characters of the name.
        parent: Where it lies; None for the system's directory of temporary files.
    """
    return Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))


def remove_tree(path: Path | str, *, descriptor: int | None = None) -> None:
    """Remove a directory with its content, as far as the system allows.

    Args:
        path: Path of the directory.
        descriptor: Directory that the path is relative to.
    """
    shutil.rmtree(path, ignore_errors=True, dir_fd=descriptor)


def sync_directory(path: Path) -> None:
    """Return once the names in a directory would survive a power failure.

    Does nothing where the system or the file system cannot sync a directory.
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
