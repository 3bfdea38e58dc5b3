"""The files of one mirror, and the manifest that records them."""

from __future__ import annotations

import logging
import stat
from collections.abc import Sequence
from pathlib import Path

from ghartifacts_async._bulk.manifest import Header, ManifestEntry
from ghartifacts_async._bulk.manifest_file import Manifest
from ghartifacts_async._bulk.path_template import PathTemplate, extension
from ghartifacts_async._disk.clone import FileClone
from ghartifacts_async._disk.directories import remove
from ghartifacts_async._disk.file_io import disk_errors, read_tail, sync_file
from ghartifacts_async._disk.hasher import has_digest, hash_file
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download import verification
from ghartifacts_async.errors import DigestMismatch, DiskError, DiskFull, IncompleteDownload
from ghartifacts_async.models import Artifact, Digest

_log = logging.getLogger("ghartifacts_async")

_MAX_VERIFIED_SOURCES = 4


class MirrorStore:
    """The files and the manifest of a mirror.

    A file is recorded in the manifest only after it is complete and verified. A recorded file
    counts as unchanged if its size and modification time match its entry in the manifest.

    Args:
        threads: Threads for file operations.
        server: Base URL of the API.
        root: The mirror's directory.
        template: Path template for the files below `root`.
        durable: Whether to sync the files and the manifest to disk, so that they survive a power
            failure.
    """

    def __init__(
        self, threads: IoThreads, server: str, root: Path, template: PathTemplate, *, durable: bool
    ) -> None:
        self._threads = threads
        self._root = root
        self._template = template
        self._durable = durable
        self._manifest = Manifest(root, Header(server, template.template), durable=durable)

    async def open(self) -> None:
        """Create the mirror's directory if it is missing, lock it and read the manifest.

        Raises:
            TargetBusy: Another operation is updating this mirror.
            InvalidArgument: The mirror was created for a different server or path template.
            DiskError: The directory cannot be created, or the manifest cannot be read.
        """
        await self._threads.run(self._manifest.open)

    async def close(self) -> None:
        """Close the manifest and release the mirror's lock. Further calls do nothing."""
        await self._threads.run(self._manifest.close, after_close=True)

    async def find_unchanged(self, artifacts: Sequence[Artifact]) -> set[int]:
        """Return the ids of the artifacts whose files are recorded and unchanged."""
        return await self._threads.run(self._find_unchanged, artifacts)

    async def find_unrecorded(self, artifact: Artifact) -> str | None:
        """Return the path of an existing file that may be the artifact's payload, or None.

        The manifest has no entry that matches the file. For example, a killed process may have
        downloaded the file without recording it.
        """
        return await self._threads.run(self._find_unrecorded, artifact)

    async def record(self, artifact: Artifact, path: str, digest: Digest) -> None:
        """Add a complete and verified file to the manifest.

        Raises:
            DiskError: The entry cannot be written.
        """
        await self._threads.run(self._record, artifact, path, digest)

    async def verify_and_record(self, artifact: Artifact, path: str) -> bool:
        """Verify an existing file as if it had just been downloaded, and record it.

        Returns:
            False if the file is not the artifact's payload. It is then not recorded.
        """
        file = self._root / path
        # Without a digest, `size_in_bytes` is not the size of the payload.
        is_size_known = verification.sha256(artifact) is not None
        expected_size = artifact.size_in_bytes if is_size_known else None
        size, digest = await hash_file(self._threads, file, expected_size)
        if digest is None or not await self._threads.run(
            self._is_payload, artifact, file, size, digest
        ):
            return False
        await self.record(artifact, path, digest)
        return True

    async def link(self, artifact: Artifact, digest: Digest) -> bool:
        """Create an artifact's file from a recorded file with the same digest, and record it.

        The new file is a link to the recorded file or, if it cannot be linked, a copy. If the
        recorded file has changed since it was recorded, its digest is verified first.

        Returns:
            False if there is no recorded file that can be linked or copied.
        """
        is_linked, candidates = await self._threads.run(self._link_to_unchanged, artifact, digest)
        for entry in candidates:
            source, path = self._root / entry.path, self._path_like(artifact, entry)
            try:
                if await has_digest(self._threads, source, entry.size, digest):
                    await self._clone(source, self._root / path, digest)
                    await self.record(artifact, path, digest)
                    return True
            except DiskFull:
                raise
            except DiskError as error:
                _log.warning("artifact %d cannot be linked to %s: %s", artifact.id, source, error)
        return is_linked

    async def _clone(self, source: Path, target: Path, digest: Digest) -> None:
        """Link or copy a file whose digest was verified."""
        clone = self._file_clone(source, target)
        try:
            with disk_errors(target):
                if not await self._threads.run(clone.link):
                    while await self._threads.run(clone.copy_step):
                        pass
                await self._threads.run(clone.publish, digest)
        finally:
            await self._threads.run(clone.close, after_close=True)

    def _link_to_unchanged(
        self, artifact: Artifact, digest: Digest
    ) -> tuple[bool, list[ManifestEntry]]:
        """Create an artifact's file as a link to an unchanged file with this digest.

        Returns:
            Whether the link was created. If not, also the entries of files that can be used after
            they have been verified: files that have changed, or a file that must be copied because
            it cannot be linked.
        """
        changed: list[ManifestEntry] = []
        for entry in self._manifest.find_by_digest(digest):
            source, path = self._root / entry.path, self._path_like(artifact, entry)
            if path == entry.path:
                continue
            if not _is_unchanged(source, entry):
                changed += [] if source.is_symlink() else [entry]
                continue
            target = self._root / path
            clone = self._file_clone(source, target)
            try:
                with disk_errors(target):
                    if not clone.link():
                        return False, [entry]
                    clone.publish(digest)
            finally:
                clone.close()
            self._record(artifact, path, digest)
            return True, []
        return False, changed[:_MAX_VERIFIED_SOURCES]

    def _file_clone(self, source: Path, target: Path) -> FileClone:
        return FileClone(source, target, HiddenFiles.of(target).link, durable=self._durable)

    def _path_like(self, artifact: Artifact, entry: ManifestEntry) -> str:
        """Return the path for an artifact whose payload is the same as an entry's file."""
        is_zip = extension(entry.path) == ".zip"
        return self._template.path(artifact, ".zip" if is_zip else extension(artifact.name))

    def _find_unchanged(self, artifacts: Sequence[Artifact]) -> set[int]:
        return {artifact.id for artifact in artifacts if self._has_unchanged_file(artifact)}

    def _has_unchanged_file(self, artifact: Artifact) -> bool:
        entry = self._manifest.find(artifact.id)
        if entry is None or verification.sha256(artifact) not in {None, entry.digest}:
            return False
        return _is_unchanged(self._root / entry.path, entry)

    def _find_unrecorded(self, artifact: Artifact) -> str | None:
        paths = self._likely_paths(artifact)
        if (entry := self._manifest.find(artifact.id)) is not None:
            paths.insert(0, self._template.path(artifact, extension(entry.path)))
        with disk_errors(self._root):
            return next((path for path in paths if (self._root / path).is_file()), None)

    def _likely_paths(self, artifact: Artifact) -> list[str]:
        """Return the artifact's path as a zip, and as a raw file with the artifact's name."""
        return [self._template.path(artifact, end) for end in (".zip", extension(artifact.name))]

    def _record(self, artifact: Artifact, path: str, digest: Digest) -> None:
        # Remove leftovers of killed processes now, because later updates skip recorded files.
        for file in {self._root / one for one in (path, *self._likely_paths(artifact))}:
            hidden_files = HiddenFiles.of(file)
            remove(hidden_files.link)
            hidden_files.remove_leftovers()
        self._manifest.add(artifact, path, digest)

    def _is_payload(self, artifact: Artifact, file: Path, size: int, digest: Digest) -> bool:
        """Return True if a file of this size and digest is the artifact's payload."""
        entry = self._manifest.find(artifact.id)
        if artifact.digest is None and entry is not None:
            return digest == entry.digest
        with disk_errors(file):
            tail = read_tail(file, verification.END_OF_ZIP)
            try:
                verification.check(artifact, size, digest, tail)
            except (DigestMismatch, IncompleteDownload):
                return False
            if self._durable:
                sync_file(file)
        return True


def _is_unchanged(path: Path, entry: ManifestEntry) -> bool:
    """Return True if `path` is a regular file with the size and modification time of its entry."""
    try:
        status = path.lstat()
    except OSError:
        return False
    same = (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime_ns)
    return same and stat.S_ISREG(status.st_mode)
