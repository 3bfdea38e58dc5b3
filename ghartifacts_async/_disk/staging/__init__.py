"""A directory that is filled under a hidden name and then moved to its target atomically.

Other users may have permission to write to the parent directory, and could replace our directory
with a link. So on systems that support it, its files are accessed relative to an open directory.

The hidden name depends only on the target, and only one process uses it at a time. So the next
extraction to the same target finds what a killed process has left, and resumes its download.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ghartifacts_async._disk.directories import CreatedDirectories, Folder
from ghartifacts_async._disk.file_io import InputFile, OutputFile, disk_error, disk_errors
from ghartifacts_async._disk.hidden_files import HIDDEN, Claim, HiddenFiles
from ghartifacts_async._disk.safe_open import Directory
from ghartifacts_async._disk.staging.merge import merge_tree
from ghartifacts_async._disk.staging.target import DROPPED, OLD, TREE, StagingTarget
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._disk.trust import is_private
from ghartifacts_async._tasks.keyed_lock import keyed_lock
from ghartifacts_async.errors import DiskError
from ghartifacts_async.models import IfDirectoryExists

PAYLOAD = "payload"
"""The name of the downloaded archive in a staging directory."""

_DOWNLOAD = {PAYLOAD, HiddenFiles.of(PAYLOAD).part, HiddenFiles.of(PAYLOAD).journal}
_DIRECTORY_MODE = 0o755

_log = logging.getLogger("ghartifacts_async")


@asynccontextmanager
async def staging_directory(
    threads: IoThreads,
    directory: str | os.PathLike[str],
    if_exists: IfDirectoryExists,
    *,
    merge_as: str | None = None,
) -> AsyncIterator[StagingDirectory]:
    """Create a staging directory, and remove it at the end unless it was published.

    Wait while another extraction to the same target is running.

    Args:
        threads: Threads that make the system calls.
        directory: Path to which `StagingDirectory.publish` moves the staging directory. Missing
            parents are created.
        if_exists: What to do if the target exists and is not empty: raise an error (``"error"``)
            or replace it (``"replace"``).
        merge_as: Merge the directory into the target, which may contain other files. No existing
            file is replaced. The staging directory is in the target, and has a hidden name that
            depends on this text.

    Raises:
        TargetExists: The target exists and must not be replaced.
        DiskError: The staging directory cannot be created, or the target cannot be replaced.
    """
    staging = StagingDirectory(threads, directory, if_exists, merge_as)
    async with (
        keyed_lock(("staging directory", os.fspath(directory), merge_as)),
        threads.open_files,
    ):
        try:
            await threads.run_until_true(staging._make, staging.lock)
            yield staging
        finally:
            await threads.run(staging._remove_work, after_close=True)


class StagingDirectory:
    """A directory with a hidden name. Use `staging_directory` to create one.

    Attributes:
        target: Final path of the directory.
        work: Hidden directory that contains the directory to fill. It is in the same parent
            directory as `target` or, if it is merged into `target`, in `target`.
    """

    def __init__(
        self,
        threads: IoThreads,
        directory: str | os.PathLike[str],
        if_exists: IfDirectoryExists,
        merge_as: str | None = None,
    ) -> None:
        self._threads = threads
        self._path = self.work = Path(directory)
        self._replace = if_exists == "replace"
        self._merge_as = merge_as
        self._directories: list[tuple[str, ...]] = []
        self._target: StagingTarget | None = None
        self._created = CreatedDirectories()
        self._published = False
        self._claimed: tuple[Directory, Claim] | None = None
        self._opened: Directory | None = None

    @property
    def target(self) -> Path:
        return self._path if self._target is None else self._target.path

    @property
    def lock(self) -> Path:
        """The path of the lock file."""
        if self._merge_as is not None:
            return self._path / HiddenFiles.of(self._merge_as).lock
        return self._path.parent / HiddenFiles.of(self._path.name).lock

    @property
    def folder(self) -> Folder:
        """The directory `work`, in which the payload can be saved as `PAYLOAD`."""
        return Folder(self.work, self.work, self._directory)

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
        """Move the directory to its target, or its files into the target, and return their paths.

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
        return OutputFile(self._directory.create("/".join((TREE, *parts)), mode))

    def create_link(self, parts: tuple[str, ...], target: str) -> None:
        """Create a symbolic link in the directory. It blocks."""
        self._directory.symlink(target, "/".join((TREE, *parts)))

    def open_payload(self, path: Path) -> InputFile:
        """Open a file that is directly in `work`. It blocks."""
        return InputFile(path, self._directory)

    @property
    def _directory(self) -> Directory:
        assert self._opened is not None
        return self._opened

    @property
    def _parent(self) -> Directory:
        assert self._claimed is not None
        return self._claimed[0]

    def _make(self) -> bool:
        """Create and open `work`. Return False if another process is using its name."""
        with disk_errors(self._path):
            target = self._target = StagingTarget(self._path, replace=self._replace)
            if self._merge_as is None and target.has_unwritable_parent():
                self._merge_as = target.path.name
            if self._merge_as is None:
                target.check()
        location = target.path.parent if self._merge_as is None else target.path
        with disk_errors(location):
            hidden = HiddenFiles.of(self._merge_as or target.path.name)
            parent = Folder(location).open(self._created)
            claim = Claim(parent, hidden, hidden.lock)
            self._claimed = parent, claim
            try:
                if not claim.acquire():
                    return False
                self._open_work(claim.hidden)
            finally:
                if self._opened is None:
                    self._unclaim()
        with disk_errors(self.work):
            self._remove_leftovers(target)
            if self._merge_as is None:
                target.check()
            self._directory.make(TREE, _DIRECTORY_MODE)
        return True

    def _open_work(self, hidden: HiddenFiles) -> None:
        """Open or create `work`."""
        # Another user may have put something else there, such as another private directory of ours,
        # or changed the permissions.
        for name in (hidden.staging, HiddenFiles.unique().staging):
            self.work = self._parent.path / name
            with suppress(FileExistsError):
                self._parent.make(name, 0o700)
            with suppress(NotADirectoryError, PermissionError):
                opened = Directory(self.work, self._parent)
                if is_private(opened.status()) and all(map(_is_ours, opened.names())):
                    self._opened = opened
                    return
                opened.close()
        raise self._changed()

    def _unclaim(self) -> None:
        if self._claimed is not None:
            (parent, claim), self._claimed = self._claimed, None
            claim.release(remove=True)
            parent.close()

    def _remove_leftovers(self, target: StagingTarget) -> None:
        """Remove what a killed process has left in `work`, except for its download.

        If the process was killed while it replaced the target, move the old directory back first.
        """
        for name in self._directory.names():
            moved = self._merge_as is None and not self._parent.exists(target.path.name)
            if name == OLD and moved:
                target.move(OLD, self._directory, self._parent)
            elif name not in _DOWNLOAD:
                self._directory.remove_tree(name)

    def _changed(self) -> DiskError:
        return DiskError(f"{self.work}: another process changed it", path=self.work)

    def _check(self) -> None:
        if not self._is_ours():
            raise self._changed()

    def _is_ours(self) -> bool:
        """Return True if the path `work` still refers to the directory that we created."""
        with suppress(OSError):
            return self._parent.is_at(self._directory.status(), self.work.name)
        return False

    def _fill(self, directories: Iterable[tuple[str, ...]]) -> None:
        self._check()
        self._directories = [*directories]
        for parts in self._directories:
            try:
                self._directory.make("/".join((TREE, *parts)), _DIRECTORY_MODE)
            except OSError as error:
                raise disk_error(error, self.target.joinpath(*parts)) from error

    def _publish(self, files: Iterable[tuple[str, ...]]) -> list[Path]:
        assert self._target is not None
        files = [*files]
        paths = [self.target.joinpath(*parts) for parts in files]
        self._check()
        if self._merge_as is None:
            self._target.publish(self._directory, self._parent)
        else:
            merge_tree(self._directory, self._parent, self._directories, files)
        self._published = True
        return paths

    def _remove_work(self) -> None:
        try:
            if self._opened is not None and not self._removed() and not self._holds_old:
                _log.warning("%s: the staging directory could not be removed", self.work)
        finally:
            if self._opened is not None:
                self._opened.close()
            self._unclaim()
        if not self._published:
            self._created.remove()

    @property
    def _holds_old(self) -> bool:
        return self._target is not None and self._target.holds_old

    def _removed(self) -> bool:
        """Remove `work`, unless another process has put something else at its path.

        Returns:
            True if `work` was removed.
        """
        with suppress(OSError):
            if self._directory.is_open_by_descriptor or self._is_ours():
                for name in self._directory.names():
                    if not (self._holds_old and name == OLD):
                        self._directory.remove_tree(name)
            if self._is_ours() and not self._directory.names():
                self._parent.remove(self.work.name)
                return not self._parent.exists(self.work.name)
        return False


def _is_ours(name: str) -> bool:
    """Return True if a staging directory may contain something with this name."""
    return name in {TREE, OLD, *_DOWNLOAD} or name.startswith(DROPPED) or HIDDEN in name
