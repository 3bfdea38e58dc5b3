"""A directory that is filled beside its place, and takes it in one step once it is complete."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ghartifacts_async._disk import Disk, finished
from ghartifacts_async._files import disk_error
from ghartifacts_async.errors import DiskError, TargetExists
from ghartifacts_async.models import IfDirectoryExists

_MODE = 0o755
_OLD = "old"


@asynccontextmanager
async def fresh(
    disk: Disk, directory: str | os.PathLike[str], if_exists: IfDirectoryExists
) -> AsyncIterator[Fresh]:
    """A directory to fill; what is not published is gone at the end.

    Args:
        disk: Where it is worked on.
        directory: Its place; those above it are made if need be.
        if_exists: What to do about one that is there, and not empty.

    Raises:
        TargetExists: There is one, and it is to be left alone.
        DiskError: It cannot be made.
    """
    made = Fresh(disk, directory, if_exists)
    try:
        await disk.run(made._make)
        yield made
    finally:
        await disk.run(made._leave, last=True)


class Fresh:
    """A directory beside its place. Made by `fresh`.

    Attributes:
        target: Its place.
        work: A directory of our own beside it.
        tree: Where it is filled.
    """

    def __init__(
        self, disk: Disk, directory: str | os.PathLike[str], if_exists: IfDirectoryExists
    ) -> None:
        self._disk = disk
        self._replace = if_exists == "replace"
        self._made: list[Path] = []
        self._published = self._abandoned = self._old_is_here = False
        self.target = Path(directory)
        self.work = self.tree = self.target

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
            await finished(job)
            raise

    def _make(self) -> None:
        try:
            self.target = Path(os.path.abspath(self.target))  # noqa: PTH100 - links stay
            self._look()
            parent = self.target.parent
            self._made = [path for path in (parent, *parent.parents) if not path.exists()]
            parent.mkdir(parents=True, exist_ok=True)
            work = tempfile.mkdtemp(prefix=".", suffix=".ghartifacts-unpack", dir=parent)
            self.work = Path(work)
            self.tree = self.work / "tree"
            self.tree.mkdir(_MODE)
        except OSError as error:
            raise disk_error(error, self.target) from error

    def _look(self) -> bool:
        """Whether there is a directory in the place of this one."""
        if not os.path.lexists(self.target):
            return False
        if self.target.is_symlink() or not self.target.is_dir():
            raise TargetExists(f"{self.target}: in its place is a file or a link", path=self.target)
        if not self._replace and any(self.target.iterdir()):
            raise self._taken()
        return True

    def _taken(self) -> TargetExists:
        return TargetExists(f"{self.target}: there is a directory already", path=self.target)

    def _fill(self, directories: Iterable[tuple[str, ...]]) -> None:
        for parts in directories:
            try:
                os.mkdir(os.path.join(self.tree, *parts), _MODE)  # noqa: PTH102, PTH118
            except OSError as error:
                raise disk_error(error, self.target.joinpath(*parts)) from error

    def _publish(self, files: Iterable[tuple[str, ...]]) -> list[Path]:
        if self._abandoned:
            return []
        paths = [self.target.joinpath(*parts) for parts in files]
        try:
            if self._look():
                self._exchange()
            else:
                self.tree.rename(self.target)
            self._published = True
        except OSError as error:
            if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
                raise self._taken() from error
            raise disk_error(error, self.target) from error
        return paths

    def _exchange(self) -> None:
        """Take the place of a directory, which is put back where that fails."""
        old = self.work / _OLD
        self.target.rename(old)
        self._old_is_here = True
        try:
            if not self._replace and any(old.iterdir()):
                raise self._taken()
            self.tree.rename(self.target)
        except BaseException as error:
            try:
                old.rename(self.target)
            except OSError:
                raise DiskError(
                    f"{self.target}: it could not be replaced ({error}), and is now at {old}",
                    path=old,
                ) from error
            self._old_is_here = False
            raise
        self._old_is_here = False

    def _leave(self) -> None:
        """Remove what is not published."""
        if self.work != self.target:
            with suppress(OSError):
                for path in self.work.iterdir():
                    if not (self._old_is_here and path.name == _OLD):
                        _remove(path)
                self.work.rmdir()
        if not self._published:
            with suppress(OSError):
                for path in self._made:
                    path.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
