"""What is requested of a download, and the file that it becomes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import define, field, frozen

from ghartifacts_async._disk.directories import sync_directory
from ghartifacts_async._disk.file_io import disk_errors, sync_file
from ghartifacts_async._disk.filenames import safe_filename
from ghartifacts_async._disk.hasher import has_digest
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download.progress import OnProgress
from ghartifacts_async.errors import DiskError, TargetExists
from ghartifacts_async.models import Artifact, IfExists


@frozen(kw_only=True)
class DownloadRequest:
    """What is requested of one download; see `Repo.download_artifact`.

    Attributes:
        repository: ``owner/name``.
        artifact: Artifact, as GitHub describes it.
        destination: File or directory, as the caller gave it.
        if_exists: What to do about an existing file.
        connections: Number of concurrent connections; None for a number that suits the size.
        wait_for_lock: Wait while another download writes to the same target.
        keep_partial: Keep the received bytes for the next call if this one fails.
        durable: Return once the file would survive a power failure.
        on_progress: Callback for the progress of this download.
        name_for: Returns the file's name for the name of the payload; None keeps that name. The
            destination is then the name of the file if the payload is a zip.
        shared_connections: Bounds the connections beyond the first of each of several downloads.
    """

    repository: str
    artifact: Artifact
    destination: str | os.PathLike[str]
    if_exists: IfExists = "verify"
    connections: int | None = None
    wait_for_lock: bool = True
    keep_partial: bool = True
    durable: bool = False
    on_progress: OnProgress | None = None
    name_for: Callable[[str], str] | None = None
    shared_connections: asyncio.Semaphore | None = None


@define
class Target:
    """The file that a download becomes.

    Attributes:
        path: Its path.
        name_is_final: Whether the path is certain. In a directory, a payload that is not a zip
            gets another name than ``<artifact name>.zip``, which the store's response decides.
    """

    path: Path
    name_is_final: bool
    _different: os.stat_result | None = field(default=None, init=False)

    @classmethod
    async def resolve(
        cls, threads: IoThreads, destination: str | os.PathLike[str], artifact: Artifact
    ) -> Target:
        """Return the target for a destination: a file, or a zip in a directory.

        Raises:
            DiskError: The destination cannot be looked at.
        """
        path = Path(destination)
        if await threads.run(_is_directory, os.fspath(destination)):
            return cls(path / safe_filename(artifact.name, ".zip"), name_is_final=False)
        return cls(path, name_is_final=True)

    def set_name(self, name: str) -> None:
        """Set the final name, unless it is final already."""
        if not self.name_is_final:
            self.path, self.name_is_final = self.path.with_name(name), True

    async def check_existing(
        self, threads: IoThreads, artifact: Artifact, if_exists: IfExists
    ) -> bool:
        """Check an existing file at the path, and whether the download may replace it.

        Returns:
            True if the file is the wanted payload, by its size and digest.

        Raises:
            TargetExists: The file must not be replaced.
            DiskError: The path cannot be a file, or the file cannot be read.
        """
        status = await threads.run(_stat_file, self.path)
        if status is None or if_exists == "replace" or _is_unchanged(status, self._different):
            return False
        if if_exists == "error":
            if self.name_is_final:
                raise TargetExists(f"{self.path}: the file already exists", path=self.path)
            return False
        size, digest = artifact.size_in_bytes, artifact.digest
        if digest is not None and await has_digest(threads, self.path, size, digest):
            return True
        self._different = status
        return False

    async def sync(self, threads: IoThreads) -> None:
        """Return once the existing file would survive a power failure.

        Raises:
            DiskError: The file cannot be synced.
        """
        await threads.run(_sync, self.path)


def _is_directory(text: str) -> bool:
    with disk_errors(Path(text)):
        return text.endswith((os.sep, os.altsep or os.sep)) or Path(text).is_dir()


def _stat_file(path: Path) -> os.stat_result | None:
    """Return the status of a path, or None if nothing is there.

    A path that cannot become a file raises now, before the first byte is requested.
    """
    with disk_errors(path), suppress(FileNotFoundError, NotADirectoryError):
        status = path.lstat()
        if path.exists() and not path.is_file():
            raise DiskError(f"{path}: it is a directory or a device", path=path)
        return status
    return None


def _is_unchanged(status: os.stat_result, earlier: os.stat_result | None) -> bool:
    return (
        earlier is not None
        and os.path.samestat(status, earlier)
        and (status.st_size, status.st_mtime_ns) == (earlier.st_size, earlier.st_mtime_ns)
    )


def _sync(path: Path) -> None:
    with disk_errors(path):
        sync_file(path)
        sync_directory(path.parent)
