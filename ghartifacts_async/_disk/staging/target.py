"""The directory that an extraction creates or replaces. Every function blocks."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._disk.directories import move_contents
from ghartifacts_async._disk.file_io import disk_error
from ghartifacts_async._disk.hidden_files import HIDDEN, HiddenFiles
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async.errors import DiskError, TargetExists

TREE, OLD, DROPPED = "tree", "old", "dropped"
"""Names in the staging directory: the new directory, the replaced one, and those of others."""

_TARGET_EXISTS = {errno.EEXIST, errno.ENOTEMPTY}
_CANNOT_RENAME = {errno.EXDEV, errno.EBUSY, errno.EPERM, errno.EACCES}
_PUBLISH_ATTEMPTS = 20


class StagingTarget:
    """The path to which a staging directory moves its tree.

    Args:
        path: The path. Links in its parent are resolved.
        replace: Replace an existing directory that is not empty.

    Attributes:
        path: The path without links.
        holds_old: Whether the replaced directory is in the staging directory and could not be
            moved back.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        self.path = _resolve_parent(path)
        self.holds_old = False
        self._replace = replace

    def check(self) -> bool:
        """Return True if the target is a directory that may be replaced.

        Returns:
            False if the target does not exist.

        Raises:
            TargetExists: The target exists and must not be replaced.
            DiskError: The target is in use and cannot be replaced.
        """
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            raise TargetExists(f"{self.path}: a file or a link of this name exists", path=self.path)
        if not self._replace and any(self.path.iterdir()):
            raise self._exists()
        reason = "is a mount point" if _is_mount_point(self.path) else ""
        if _is_current(status):
            reason = "is, or contains, the current directory of this process"
        if reason:
            raise DiskError(
                f"{self.path} {reason}, so it cannot be replaced; extract into a subdirectory",
                path=self.path,
            )
        return True

    def has_unwritable_parent(self) -> bool:
        """Return True if the target is an empty directory whose parent cannot be written.

        The target can then be filled, but not replaced.
        """
        try:
            names = [path.name for path in self.path.iterdir()]
        except OSError:
            return False
        is_empty = all(HIDDEN in name for name in names) and not self.path.is_symlink()
        return is_empty and not os.access(self.path.parent, os.W_OK)

    def publish(self, work: Directory, parent: Directory) -> None:
        """Move the tree in a staging directory to the target.

        Args:
            work: The staging directory.
            parent: Directory of the target.

        Raises:
            TargetExists: Another process has created the target, and it must not be replaced.
            DiskError: The tree cannot be moved.
        """
        for attempts_left in reversed(range(_PUBLISH_ATTEMPTS)):
            try:
                if self.check():
                    self._exchange(work, parent)
                else:
                    self.move(TREE, work, parent)
                return
            except OSError as error:
                # Another process may have created or removed the target since the check.
                exists = error.errno in _TARGET_EXISTS
                if attempts_left and (error.errno == errno.ENOENT or (exists and self._replace)):
                    continue
                if exists:
                    raise self._exists() from error
                raise disk_error(error, self.path) from error

    def move(self, name: str, work: Directory, parent: Directory) -> None:
        """Move a directory in a staging directory to the target, which must not exist."""
        work.rename(name, self.path.name, parent)

    def _exists(self) -> TargetExists:
        problem = 'the directory already exists; pass if_exists="replace" to replace it'
        return TargetExists(f"{self.path}: {problem}", path=self.path)

    def _exchange(self, work: Directory, parent: Directory) -> None:
        """Replace the target with the tree. If that fails, move the old target back."""
        try:
            parent.rename(self.path.name, OLD, work)
        except OSError as error:
            if error.errno not in _CANNOT_RENAME:
                raise
            self._exchange_contents(work, parent)
            return
        self.holds_old = True
        try:
            if not self._replace:
                with Directory(work.path / OLD, work) as old:
                    if old.names():
                        raise self._exists()
            self.move(TREE, work, parent)
        except BaseException as error:
            self._move_back(work, parent, error)
            raise
        self._drop_old(work)

    def _exchange_contents(self, work: Directory, parent: Directory) -> None:
        """Replace the content of a target that cannot be renamed, such as one of overlayfs.

        This is not atomic, and the target keeps its mode and owner.
        """
        work.make(OLD, 0o700)
        with (
            Directory(self.path, parent) as target,
            Directory(work.path / TREE, work) as tree,
            Directory(work.path / OLD, work) as old,
        ):
            self.holds_old = True
            holds_new = False
            try:
                move_contents(target, old)
                if not self._replace and old.names():
                    raise self._exists()
                holds_new = True
                move_contents(tree, target)
            except BaseException as error:
                try:
                    # Before that, the target contains only old entries, which stay in it.
                    if holds_new:
                        move_contents(target, tree)
                    move_contents(old, target, merge=True)
                except OSError:
                    raise self._not_moved_back(work, parent, error) from error
                self.holds_old = False
                work.remove(OLD)
                raise
        self._drop_old(work)

    def _move_back(self, work: Directory, parent: Directory, reason: BaseException) -> None:
        try:
            self.move(OLD, work, parent)
        except OSError as error:
            if not (self._replace and error.errno in _TARGET_EXISTS):
                raise self._not_moved_back(work, parent, reason) from reason
            # Another process has moved its own directory to the target, so the old directory
            # need not be restored.
            self._drop_old(work)
        self.holds_old = False

    def _drop_old(self, work: Directory) -> None:
        """Rename the old directory in the staging directory, so that nothing moves it back.

        It may be impossible to remove, and must not prevent later extractions.
        """
        names = (f"{DROPPED}{number}" for number in itertools.count())
        with suppress(OSError):
            work.rename(OLD, next(name for name in names if not work.exists(name)))
        self.holds_old = False

    def _not_moved_back(
        self, work: Directory, parent: Directory, reason: BaseException
    ) -> DiskError:
        """Move the old directory out of the staging directory, and return an error that names it.

        The next extraction to this target would remove it there.
        """
        old, kept = work.path / OLD, HiddenFiles.unique().staging
        with suppress(OSError):
            parent.make(kept, 0o700)
            work.rename(OLD, f"{kept}/{OLD}", parent)
            old, self.holds_old = parent.path / kept / OLD, False
        return DiskError(
            f"{self.path} could not be replaced ({reason}), and the old directory could not be "
            f"moved back; it is now at {old}",
            path=old,
        )


def _resolve_parent(target: Path) -> Path:
    """Resolve symbolic links in the parent of a path.

    A link at the path itself is not resolved, because a target that is a link is refused later.
    """
    if target.name in {"", ".."}:
        return Path(os.path.realpath(target))
    return Path(os.path.realpath(target.parent)) / target.name


def _is_mount_point(path: Path) -> bool:
    if not path.name:
        return True  # the root directory
    with Directory(path.parent) as parent:
        return parent.is_mount_point(path.name)


def _is_current(status: os.stat_result) -> bool:
    """Return True if a directory is, or contains, the current directory of this process."""
    with suppress(OSError):
        current = Path.cwd()
        return any(os.path.samestat(status, path.stat()) for path in (current, *current.parents))
    return False
