"""The caller's request for a download, and the file that the download creates."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import define, field, frozen

from ghartifacts_async._disk.directories import Folder
from ghartifacts_async._disk.file_io import InputFile, disk_errors
from ghartifacts_async._disk.filenames import safe_filename
from ghartifacts_async._disk.hasher import has_digest
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download.progress import OnProgress
from ghartifacts_async.errors import DiskError, TargetBusy, TargetExists
from ghartifacts_async.models import Artifact, IfExists


@frozen(kw_only=True)
class DownloadRequest:
    """The caller's request for one download; see `Repo.download_artifact`.

    Attributes:
        repository: Repository, as ``owner/name``.
        artifact: Artifact, as GitHub describes it.
        destination: Path of a file or a directory, as the caller passed it.
        if_exists: What to do if the file already exists.
        connections: Number of concurrent connections. None chooses it by the payload's size.
        wait_for_lock: Wait while another download writes to the same target.
        keep_partial: Keep the received bytes for the next call if this one fails.
        durable: Sync the file to disk, so that it survives a power failure.
        mode: Permissions of the file, before the umask.
        folder: Directory of `destination`, which is then the path of a file. None means any
            directory, and `destination` may also be a directory.
        is_nested: Whether not to acquire `IoThreads.open_files`, because this is part of an
            extraction, which may have acquired it.
        on_progress: Callback for the progress of this download, or None.
        name_for: Function that takes the payload's own file name and returns the name to save it
            as. `destination` is then the path for a zip, and other payloads get the returned name
            in the same directory. None saves the payload under its own name.
        shared_connections: Limits how many connections all downloads of a bulk operation use in
            total, not counting the first connection of each download. None means no limit.
    """

    repository: str
    artifact: Artifact
    destination: str | os.PathLike[str]
    if_exists: IfExists = "verify"
    connections: int | None = None
    wait_for_lock: bool = True
    keep_partial: bool = True
    durable: bool = False
    mode: int = 0o666
    folder: Folder | None = None
    is_nested: bool = False
    on_progress: OnProgress | None = None
    name_for: Callable[[str], str] | None = None
    shared_connections: asyncio.Semaphore | None = None


@define
class FileTarget:
    """The file that a download creates.

    Attributes:
        folder: Directory of the file.
        name: Name of the file.
        name_is_final: Whether `name` can no longer change. In a directory, it is
            ``<artifact name>.zip`` at first. If the store's response shows that the payload was
            uploaded without zipping, the file gets another name.
    """

    folder: Folder
    name: str
    name_is_final: bool
    _different: os.stat_result | None = field(default=None, init=False)

    @classmethod
    async def resolve(cls, threads: IoThreads, request: DownloadRequest) -> FileTarget:
        """Return the target of a request.

        It is the destination itself, or ``<artifact name>.zip`` in it if it is a directory.

        Raises:
            DiskError: The destination cannot be accessed.
        """
        path = Path(request.destination)
        if request.folder is not None:
            return cls(request.folder, path.name, request.name_for is None)
        if await threads.run(_is_directory, os.fspath(request.destination)):
            name = safe_filename(request.artifact.name, ".zip")
            return cls(Folder(path), name, name_is_final=False)
        return cls(Folder(path.parent), path.name, request.name_for is None)

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.folder.path / self.name

    def set_name(self, name: str) -> None:
        """Set the final name of the file. Do nothing if the name is already final."""
        if not self.name_is_final:
            self.name, self.name_is_final = name, True

    async def check_existing(
        self, threads: IoThreads, artifact: Artifact, if_exists: IfExists
    ) -> bool:
        """Check whether the file already exists with the right content.

        Args:
            threads: Threads that read the file.
            artifact: Artifact whose size and digest the file should have.
            if_exists: What to do if the file already exists.

        Returns:
            True if the file has the size and the digest of the artifact. False if it does not, if
            there is no such file, or if `if_exists` is not ``"verify"``.

        Raises:
            TargetExists: The file exists, its name is final, and `if_exists` is ``"error"``.
            DiskError: The path is a directory, a device or a mount point, or the file cannot be
                read.
        """
        status = await threads.run(self._check)
        if status is None or _is_unchanged(status, self._different):
            return False
        if if_exists == "error":
            if self.name_is_final:
                raise exists_error(self.path)
            return False
        size, digest = artifact.size_in_bytes, artifact.digest
        if digest is not None and if_exists == "verify":
            if await has_digest(threads, self.folder, self.name, size, digest):
                return True
            self._different = status
        await threads.run(self._check_replaceable)
        return False

    async def sync(self, threads: IoThreads) -> None:
        """Sync the existing file to disk, so that it survives a power failure.

        Raises:
            DiskError: The file cannot be synced.
        """
        await threads.run(self._sync)

    def _check(self) -> os.stat_result | None:
        """Return the status of the file, or None if it does not exist.

        Raises:
            DiskError: The download could not be saved there. It is raised before the first byte is
                requested.
        """
        path = self.path
        with disk_errors(path), suppress(FileNotFoundError, NotADirectoryError):
            status = path.lstat()
            if path.exists() and not path.is_file():
                raise DiskError(f"{path} is a directory or a device", path=path)
            return status
        return None

    def _check_replaceable(self) -> None:
        path = self.path
        with disk_errors(path), suppress(FileNotFoundError), self.folder.open() as directory:
            if directory.is_mount_point(self.name):
                raise DiskError(
                    f"{path} is a mount point, so it cannot be replaced; download to another "
                    "path, or mount its directory instead",
                    path=path,
                )

    def _sync(self) -> None:
        path = self.path
        with disk_errors(path), self.folder.open() as directory:
            with InputFile(path, directory) as file:
                file.sync()
            directory.sync()


def exists_error(path: Path) -> TargetExists:
    """Return the error for a target that exists and must not be replaced."""
    problem = 'the file already exists; pass if_exists="replace" to replace it'
    return TargetExists(f"{path}: {problem}", path=path, errno=errno.EEXIST)


def busy_error(directory: Path) -> TargetBusy:
    """Return the error for a target in a directory to which another download is writing."""
    message = f"{directory}: another download is writing to this target"
    return TargetBusy(message, path=directory)


def _is_directory(text: str) -> bool:
    with disk_errors(Path(text)):
        return text.endswith((os.sep, os.altsep or os.sep)) or Path(text).is_dir()


def _is_unchanged(status: os.stat_result, earlier: os.stat_result | None) -> bool:
    return (
        earlier is not None
        and os.path.samestat(status, earlier)
        and (status.st_size, status.st_mtime_ns) == (earlier.st_size, earlier.st_mtime_ns)
    )
