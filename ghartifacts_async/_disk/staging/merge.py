"""Move the files of a staging directory into an existing directory. Every function blocks."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from operator import itemgetter

from ghartifacts_async._disk.directories import Folder
from ghartifacts_async._disk.file_io import disk_error
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async._disk.staging.target import TREE
from ghartifacts_async.errors import TargetExists

_DIRECTORY_MODE = 0o755


def merge_tree(
    work: Directory,
    target: Directory,
    directories: Iterable[tuple[str, ...]],
    files: Iterable[tuple[str, ...]],
) -> None:
    """Move the files of a tree into a directory. If one of them cannot be moved, move none.

    Args:
        work: The staging directory, which contains the tree.
        target: The directory.
        directories: Path components of the subdirectories, parents before their children.
        files: Path components of the files.

    Raises:
        TargetExists: A file, or something else in place of a directory, exists already.
        DiskError: A file cannot be moved.
    """
    made: list[tuple[str, ...]] = []
    moved: list[tuple[str, ...]] = []
    parts: tuple[str, ...] = ()
    try:
        for parts in directories:
            with _open(target, parts[:-1]) as parent:
                if _make_directory(parent, parts[-1]):
                    made.append(parts)
        for folder, siblings in groupby(files, key=itemgetter(slice(-1))):
            with _open(target, folder) as parent:
                for parts in siblings:
                    _move_file(work, "/".join((TREE, *parts)), parent, parts[-1])
                    moved.append(parts)
    except BaseException as error:
        for one in reversed([*made, *moved]):
            with suppress(OSError), _open(target, one[:-1]) as parent:
                parent.remove(one[-1])
        path = target.path.joinpath(*parts)
        if isinstance(error, FileExistsError):
            raise TargetExists(
                f"{path}: a file of this name exists; remove it, or extract to another directory",
                path=path,
            ) from error
        if isinstance(error, OSError):
            raise disk_error(error, path) from error
        raise


def _open(target: Directory, folder: tuple[str, ...]) -> Directory:
    """Open a subdirectory. No link in its path is followed.

    Other users may be able to replace the subdirectories at any time.
    """
    return Folder(target.path.joinpath(*folder), target.path, target).open()


def _make_directory(parent: Directory, name: str) -> bool:
    """Create a directory, and return True, unless it exists."""
    try:
        parent.make(name, _DIRECTORY_MODE)
    except FileExistsError:
        if not stat.S_ISDIR(parent.status(name).st_mode):
            raise
        return False
    return True


def _move_file(work: Directory, path: str, parent: Directory, name: str) -> None:
    if not work.link(path, name, parent):
        if parent.exists(name):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        work.rename(path, name, parent)
