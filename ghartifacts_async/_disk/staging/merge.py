"""Move the files of a staging directory into an existing directory. Every function blocks."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

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
    made: list[str] = []
    moved: list[str] = []
    name = ""
    try:
        for name in map("/".join, directories):
            _make_directory(target, name, made)
        for name in map("/".join, files):
            if not work.link(f"{TREE}/{name}", name, target):
                if target.exists(name):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                work.rename(f"{TREE}/{name}", name, target)
            moved.append(name)
    except BaseException as error:
        for each in reversed([*made, *moved]):
            target.remove(each)
        path = target.path / name
        if isinstance(error, FileExistsError):
            raise TargetExists(f"{path}: a file of this name exists", path=path) from error
        if isinstance(error, OSError):
            raise disk_error(error, path) from error
        raise


def _make_directory(target: Directory, name: str, made: list[str]) -> None:
    """Create a directory, unless it exists. A link in its place is not followed."""
    try:
        target.make(name, _DIRECTORY_MODE)
    except FileExistsError:
        if not stat.S_ISDIR(target.status(name).st_mode):
            raise
    else:
        made.append(name)
