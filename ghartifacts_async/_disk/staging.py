"""A directory that is filled under a temporary name and then moved to its target atomically.

Other users may have permission to write to the parent directory, and could replace our directory
with a symbolic link. So on systems that support it, the files in it are accessed relative to a
directory descriptor, not by path.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ghartifacts_async._disk.directories import (
    CreatedDirectories,
    make_temporary_directory,
    remove_tree,
)
from ghartifacts_async._disk.file_io import PRIVATE, OutputFile, disk_error, disk_errors
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async.errors import DiskError, TargetExists
from ghartifacts_async.models import IfDirectoryExists

_DIRECTORY_MODE = 0o755
_TREE, _OLD, _DROPPED = "tree", "old", "dropped"
_TARGET_EXISTS = {errno.EEXIST, errno.ENOTEMPTY}
_PUBLISH_ATTEMPTS = 20
_DIRECTORY = sum(getattr(os, name, 0) for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"))
_BY_DESCRIPTOR = (
    {os.open, os.mkdir, os.rename, os.stat, os.unlink, os.rmdir} <= os.supports_dir_fd
    and os.listdir in os.supports_fd
    and shutil.rmtree.avoids_symlink_attacks
)

_log = logging.getLogger("ghartifacts_async")


@asynccontextmanager
async def staging_directory(
    threads: IoThreads, directory: str | os.PathLike[str], if_exists: IfDirectoryExists
) -> AsyncIterator[StagingDirectory]:
    """Create a staging directory, and remove it at the end unless it was published.

    Args:
        threads: Threads that make the system calls.
        directory: Target, to which `StagingDirectory.publish` moves the directory. Missing parents
            are created.
        if_exists: What to do if the target exists and is not empty: raise an error (``"error"``)
            or replace it (``"replace"``).

    Raises:
        TargetExists: The target exists and must not be replaced.
        DiskError: The staging directory cannot be created, or the target cannot be replaced.
    """
    staging = StagingDirectory(threads, directory, if_exists)
    try:
        await threads.run(staging._make)
        yield staging
    finally:
        await threads.run(staging._remove_work, after_close=True)


class StagingDirectory:
    """A directory with a temporary name. Use `staging_directory` to create one.

    Attributes:
        target: Final path of the directory.
        work: Temporary directory in the same parent directory as `target`. It contains the
            directory to fill.
    """

    def __init__(
        self, threads: IoThreads, directory: str | os.PathLike[str], if_exists: IfDirectoryExists
    ) -> None:
        self._threads = threads
        self._replace = if_exists == "replace"
        self._created = CreatedDirectories()
        self._published = self._holds_old = False
        self._status: os.stat_result | None = None
        self._fd: int | None = None
        self._dropped = 0
        self.target = self.work = Path(directory)

    async def check(self) -> None:
        """Check that the path `work` still refers to the directory that we created.

        Raises:
            DiskError: Another process has replaced or removed it.
        """
        await self._threads.run(self._check)

    async def fill(self, directories: Iterable[tuple[str, ...]]) -> None:
        """Create subdirectories.

        Args:
            directories: Path components of each subdirectory, parents before their children.

        Raises:
            DiskError: One of them cannot be created.
        """
        await self._threads.run(self._fill, directories)

    async def publish(self, files: Iterable[tuple[str, ...]]) -> list[Path]:
        """Move the directory to its target and return the final paths of its files.

        If the caller is cancelled before the move begins, the directory is not moved.

        Args:
            files: Path components of each file.

        Raises:
            TargetExists: Another process has created the target, and it must not be replaced.
            DiskError: The directory cannot be moved.
        """
        return await self._threads.run_final_step(self._publish, files)

    def create_file(self, parts: tuple[str, ...], mode: int) -> OutputFile:
        """Create a file in the directory, with its permissions before the umask. It blocks."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | PRIVATE
        return OutputFile(os.open(self._at(_TREE, *parts), flags, mode, dir_fd=self._fd))

    def opener(self, path: str, flags: int) -> int:
        """Open a file that is directly in `work`. Pass it to `open` as `opener`. It blocks."""
        return os.open(self._at(os.path.basename(path)), flags, dir_fd=self._fd)  # noqa: PTH119

    def _at(self, *parts: str) -> str:
        """Return the path of a file in `work`, relative to its descriptor if there is one."""
        base = () if self._fd is not None else (self.work,)
        return os.path.join(*base, *parts)  # noqa: PTH118 - called for thousands of members

    def _names(self) -> list[str]:
        return os.listdir(self.work if self._fd is None else self._fd)  # noqa: PTH208

    def _make(self) -> None:
        with disk_errors(self.target):
            self.target = _resolve_parent(self.target)
            self._check_target()
        parent = self.target.parent
        with disk_errors(parent):
            self._created.make(parent)
            self.work = make_temporary_directory(
                prefix=".", suffix=".ghartifacts-unpack", parent=parent
            )
        with disk_errors(self.work):
            if _BY_DESCRIPTOR:
                self._fd = os.open(self.work, os.O_RDONLY | _DIRECTORY)
            status = self.work.lstat() if self._fd is None else os.fstat(self._fd)
            if not stat.S_ISDIR(status.st_mode) or self._names():
                raise self._changed()
            self._status = status
            os.mkdir(self._at(_TREE), _DIRECTORY_MODE, dir_fd=self._fd)

    def _check_target(self) -> bool:
        """Return True if the target is a directory that may be replaced.

        Returns:
            False if the target does not exist.

        Raises:
            TargetExists: The target exists and must not be replaced.
            DiskError: The target is in use and cannot be replaced.
        """
        try:
            status = self.target.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            raise TargetExists(
                f"{self.target}: a file or a link of this name exists", path=self.target
            )
        if not self._replace and any(self.target.iterdir()):
            raise self._exists()
        reason = "is a mount point" if os.path.ismount(self.target) else ""
        if _is_current(status):
            reason = "is, or contains, the current directory of this process"
        if reason:
            raise DiskError(
                f"{self.target} {reason}, so it cannot be replaced; unpack into a subdirectory",
                path=self.target,
            )
        return True

    def _exists(self) -> TargetExists:
        problem = 'the directory already exists; pass if_exists="replace" to replace it'
        return TargetExists(f"{self.target}: {problem}", path=self.target)

    def _changed(self) -> DiskError:
        return DiskError(f"{self.work}: another process changed it", path=self.work)

    def _check(self) -> None:
        if not self._is_ours():
            raise self._changed()

    def _is_ours(self) -> bool:
        """Return True if the path `work` still refers to the directory that we created."""
        try:
            return self._status is not None and os.path.samestat(self._status, self.work.lstat())
        except OSError:
            return False

    def _fill(self, directories: Iterable[tuple[str, ...]]) -> None:
        self._check()
        for parts in directories:
            try:
                os.mkdir(self._at(_TREE, *parts), _DIRECTORY_MODE, dir_fd=self._fd)
            except OSError as error:
                raise disk_error(error, self.target.joinpath(*parts)) from error

    def _publish(self, files: Iterable[tuple[str, ...]]) -> list[Path]:
        paths = [self.target.joinpath(*parts) for parts in files]
        for attempts_left in reversed(range(_PUBLISH_ATTEMPTS)):
            self._check()
            try:
                if self._check_target():
                    self._exchange()
                else:
                    self._move_to_target(_TREE)
                self._published = True
                break
            except OSError as error:
                # Another process may have created or removed the target since the check.
                exists = error.errno in _TARGET_EXISTS
                if attempts_left and (error.errno == errno.ENOENT or (exists and self._replace)):
                    continue
                if exists:
                    raise self._exists() from error
                raise disk_error(error, self.target) from error
        return paths

    def _move_to_target(self, name: str) -> None:
        os.rename(self._at(name), self.target, src_dir_fd=self._fd)

    def _exchange(self) -> None:
        """Replace the target with our directory. If that fails, move the old target back."""
        os.rename(self.target, self._at(_OLD), dst_dir_fd=self._fd)
        self._holds_old = True
        try:
            if not self._replace and any((self.work / _OLD).iterdir()):
                raise self._exists()
            self._move_to_target(_TREE)
        except BaseException as error:
            self._move_back(error)
            raise
        self._holds_old = False

    def _move_back(self, reason: BaseException) -> None:
        try:
            self._move_to_target(_OLD)
        except OSError as error:
            if not (self._replace and error.errno in _TARGET_EXISTS):
                old = self.work / _OLD
                raise DiskError(
                    f"{self.target} could not be replaced ({reason}), and the old directory could "
                    f"not be moved back; it is now at {old}",
                    path=old,
                ) from reason
            # Another process has moved its own directory to the target, so the old directory
            # need not be restored.
            self._dropped += 1
            dropped = self._at(f"{_DROPPED}{self._dropped}")
            os.rename(self._at(_OLD), dropped, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        self._holds_old = False

    def _remove_work(self) -> None:
        try:
            if self.work != self.target and not self._removed() and not self._holds_old:
                _log.warning("%s: the temporary directory could not be removed", self.work)
        finally:
            if self._fd is not None:
                fd, self._fd = self._fd, None
                os.close(fd)
        if not self._published:
            self._created.remove()

    def _removed(self) -> bool:
        """Remove `work`, unless another process has put something else at its path.

        Returns:
            True if `work` was removed.
        """
        with suppress(OSError):
            if self._status is not None and (self._fd is not None or self._is_ours()):
                for name in self._names():
                    if not (self._holds_old and name == _OLD):
                        self._remove(name)
            if self._status is None or self._is_ours():
                self.work.rmdir()
                return True
        return False

    def _remove(self, name: str) -> None:
        path = self._at(name)
        if stat.S_ISDIR(os.stat(path, dir_fd=self._fd, follow_symlinks=False).st_mode):
            remove_tree(path, descriptor=self._fd)
        else:
            os.unlink(path, dir_fd=self._fd)


def _resolve_parent(target: Path) -> Path:
    """Resolve symbolic links in the parent of a path.

    A link at the path itself is not resolved, because a target that is a link is refused later.
    """
    if target.name in {"", ".."}:
        return Path(os.path.realpath(target))
    return Path(os.path.realpath(target.parent)) / target.name


def _is_current(status: os.stat_result) -> bool:
    """Return True if a directory is, or contains, the current directory of this process."""
    with suppress(OSError):
        current = Path.cwd()
        return any(os.path.samestat(status, path.stat()) for path in (current, *current.parents))
    return False
