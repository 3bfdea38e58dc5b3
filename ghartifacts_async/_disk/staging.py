"""A directory that is filled beside its place, and takes it in one step once it is complete.

Others may be able to write where it lies, and put a link in the place of what is ours: where the
system knows descriptors of directories, all is done through one, and paths are only told.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ghartifacts_async._disk.file_io import disk_error, disk_errors
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._tasks.waiting import wait_done
from ghartifacts_async.errors import DiskError, TargetExists
from ghartifacts_async.models import IfDirectoryExists

_MODE = 0o755
_TREE, _OLD, _DROPPED = "tree", "old", "dropped"
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY}
_TRIES = 20
_DIRECTORY = sum(getattr(os, name, 0) for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"))
_BY_DESCRIPTOR = (
    {os.open, os.mkdir, os.rename, os.stat, os.unlink, os.rmdir} <= os.supports_dir_fd
    and os.listdir in os.supports_fd
    and shutil.rmtree.avoids_symlink_attacks
)

_log = logging.getLogger("ghartifacts_async")


@asynccontextmanager
async def staging_directory(
    disk: IoThreads, directory: str | os.PathLike[str], if_exists: IfDirectoryExists
) -> AsyncIterator[StagingDirectory]:
    """A directory to fill; what is not published is gone at the end.

    Args:
        disk: Where it is worked on.
        directory: Its place; those above it are made if need be.
        if_exists: What to do about one that is there, and not empty.

    Raises:
        TargetExists: There is one, and it is to be left alone.
        DiskError: It cannot be made, or what is there cannot be replaced.
    """
    made = StagingDirectory(disk, directory, if_exists)
    try:
        await disk.run(made._make)
        yield made
    finally:
        await disk.run(made._leave, last=True)


class StagingDirectory:
    """A directory beside its place. Made by `fresh`.

    Attributes:
        target: Its place.
        work: A directory of our own beside it, which holds the one that is filled.
    """

    def __init__(
        self, disk: IoThreads, directory: str | os.PathLike[str], if_exists: IfDirectoryExists
    ) -> None:
        self._disk = disk
        self._replace = if_exists == "replace"
        self._made: list[Path] = []
        self._published = self._abandoned = self._old_is_here = False
        self._own: os.stat_result | None = None
        self._fd: int | None = None
        self._dropped = 0
        self.target = self.work = Path(directory)

    async def check(self) -> None:
        """Make sure that `work` is what was made.

        Raises:
            DiskError: Another process has put something in its place.
        """
        await self._disk.run(self._check)

    async def fill(self, directories: Iterable[tuple[str, ...]]) -> None:
        """Make directories in it, each after the one that it lies in.

        Raises:
            DiskError: One cannot be made.
        """
        await self._disk.run(self._fill, directories)

    async def publish(self, files: Iterable[tuple[str, ...]]) -> list[Path]:
        """Let it take its place, and tell where its files are then.

        Cancelled before the step, it is not taken.

        Raises:
            TargetExists: There is a directory by now, and it is to be left alone.
            DiskError: It cannot be put there.
        """
        job = self._disk.start(self._publish, files)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            self._abandoned = True
            await wait_done(job)
            raise

    def open(self, parts: tuple[str, ...], flags: int, mode: int) -> int:
        """Open a file in it. It blocks."""
        return os.open(self._at(_TREE, *parts), flags, mode, dir_fd=self._fd)

    def opener(self, path: str, flags: int) -> int:
        """Open a file that lies in `work`, as `open` has it done. It blocks."""
        return os.open(self._at(os.path.basename(path)), flags, dir_fd=self._fd)  # noqa: PTH119

    def _at(self, *parts: str) -> str:
        """A path in `work`, from there where there is a descriptor of it."""
        base = () if self._fd is not None else (self.work,)
        return os.path.join(*base, *parts)  # noqa: PTH118 - of thousands

    def _names(self) -> list[str]:
        return os.listdir(self.work if self._fd is None else self._fd)  # noqa: PTH208

    def _make(self) -> None:
        with disk_errors(self.target):
            self.target = _resolved(self.target)
            self._look()
        parent = self.target.parent
        with disk_errors(parent):
            self._made = [path for path in (parent, *parent.parents) if not path.exists()]
            parent.mkdir(parents=True, exist_ok=True)
            work = tempfile.mkdtemp(prefix=".", suffix=".ghartifacts-unpack", dir=parent)
        self.work = Path(work)
        with disk_errors(self.work):
            if _BY_DESCRIPTOR:
                self._fd = os.open(self.work, os.O_RDONLY | _DIRECTORY)
            own = self.work.lstat() if self._fd is None else os.fstat(self._fd)
            if not stat.S_ISDIR(own.st_mode) or self._names():
                raise self._changed()
            self._own = own
            os.mkdir(self._at(_TREE), _MODE, dir_fd=self._fd)

    def _look(self) -> bool:
        """Whether there is a directory in the place of this one, which may be replaced."""
        try:
            there = self.target.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(there.st_mode):
            raise TargetExists(f"{self.target}: in its place is a file or a link", path=self.target)
        if not self._replace and any(self.target.iterdir()):
            raise self._taken()
        reason = "is a mount point" if os.path.ismount(self.target) else ""
        if _is_current(there):
            reason = "is, or holds, the current directory of this process"
        if reason:
            raise DiskError(
                f"{self.target}: it {reason}, and cannot be replaced; unpack below it",
                path=self.target,
            )
        return True

    def _taken(self) -> TargetExists:
        return TargetExists(f"{self.target}: there is a directory already", path=self.target)

    def _changed(self) -> DiskError:
        return DiskError(f"{self.work}: another process changed it", path=self.work)

    def _check(self) -> None:
        if not self._is_ours():
            raise self._changed()

    def _is_ours(self) -> bool:
        """Whether `work` is what we made."""
        try:
            return self._own is not None and os.path.samestat(self._own, self.work.lstat())
        except OSError:
            return False

    def _fill(self, directories: Iterable[tuple[str, ...]]) -> None:
        self._check()
        for parts in directories:
            try:
                os.mkdir(self._at(_TREE, *parts), _MODE, dir_fd=self._fd)
            except OSError as error:
                raise disk_error(error, self.target.joinpath(*parts)) from error

    def _publish(self, files: Iterable[tuple[str, ...]]) -> list[Path]:
        if self._abandoned:
            return []
        paths = [self.target.joinpath(*parts) for parts in files]
        for left in reversed(range(_TRIES)):
            self._check()
            try:
                if self._look():
                    self._exchange()
                else:
                    self._take(_TREE)
                self._published = True
                break
            except OSError as error:
                # Another took the place, or left it, since we looked.
                taken = error.errno in _TAKEN
                if left and (error.errno == errno.ENOENT or (taken and self._replace)):
                    continue
                if taken:
                    raise self._taken() from error
                raise disk_error(error, self.target) from error
        return paths

    def _take(self, name: str) -> None:
        """Put what lies in `work` in its place."""
        os.rename(self._at(name), self.target, src_dir_fd=self._fd)

    def _exchange(self) -> None:
        """Take the place of a directory, which is put back where that fails."""
        os.rename(self.target, self._at(_OLD), dst_dir_fd=self._fd)
        self._old_is_here = True
        try:
            if not self._replace and any((self.work / _OLD).iterdir()):
                raise self._taken()
            self._take(_TREE)
        except BaseException as error:
            self._put_back(error)
            raise
        self._old_is_here = False

    def _put_back(self, reason: BaseException) -> None:
        try:
            self._take(_OLD)
        except OSError as error:
            if not (self._replace and error.errno in _TAKEN):
                old = self.work / _OLD
                raise DiskError(
                    f"{self.target}: it could not be replaced ({reason}), and is now at {old}",
                    path=old,
                ) from reason
            # Whoever is there has replaced it, too.
            self._dropped += 1
            dropped = self._at(f"{_DROPPED}{self._dropped}")
            os.rename(self._at(_OLD), dropped, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        self._old_is_here = False

    def _leave(self) -> None:
        """Remove what is not published."""
        try:
            if self.work != self.target and not self._emptied() and not self._old_is_here:
                _log.warning("%s: it could not be removed", self.work)
        finally:
            if self._fd is not None:
                fd, self._fd = self._fd, None
                os.close(fd)
        if not self._published:
            with suppress(OSError):
                for path in self._made:
                    path.rmdir()

    def _emptied(self) -> bool:
        """Remove `work` and what is in it, and nothing that took its place; whether it is gone."""
        with suppress(OSError):
            if self._own is not None and (self._fd is not None or self._is_ours()):
                for name in self._names():
                    if not (self._old_is_here and name == _OLD):
                        self._remove(name)
            if self._own is None or self._is_ours():
                self.work.rmdir()
                return True
        return False

    def _remove(self, name: str) -> None:
        path = self._at(name)
        if stat.S_ISDIR(os.stat(path, dir_fd=self._fd, follow_symlinks=False).st_mode):
            shutil.rmtree(path, ignore_errors=True, dir_fd=self._fd)
        else:
            os.unlink(path, dir_fd=self._fd)


def _resolved(target: Path) -> Path:
    """Where it is; that it may be a link itself is for others to see."""
    if target.name in {"", ".."}:
        return Path(os.path.realpath(target))
    return Path(os.path.realpath(target.parent)) / target.name


def _is_current(there: os.stat_result) -> bool:
    """Whether a directory is the current one, or one above it."""
    with suppress(OSError):
        current = Path.cwd()
        return any(os.path.samestat(there, path.stat()) for path in (current, *current.parents))
    return False
