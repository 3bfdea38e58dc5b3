"""The files of one mirror, and the manifest that records them."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ghartifacts_async._bulk.manifest import FileRecord, Header
from ghartifacts_async._bulk.manifest_file import Manifest
from ghartifacts_async._bulk.path_template import PathTemplate, extension
from ghartifacts_async._disk.clone import FileClone
from ghartifacts_async._disk.directories import Folder
from ghartifacts_async._disk.file_io import InputFile, disk_errors
from ghartifacts_async._disk.hasher import has_digest, hash_file
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._disk.trust import reason_for_distrust
from ghartifacts_async._download import verification
from ghartifacts_async.errors import DigestMismatch, DiskError, DiskFull, IncompleteDownload
from ghartifacts_async.models import Artifact, Digest

_log = logging.getLogger("ghartifacts_async")

_MAX_VERIFIED_SOURCES = 4

FILE_MODE = 0o644
"""Permissions of a mirror's files before the umask. Other users must not be able to change them."""


class MirrorStore:
    """The files and the manifest of a mirror.

    A file is recorded in the manifest only after it is complete and verified. A recorded file
    counts as unchanged if its size and modification time match its entry in the manifest, and if no
    other user can have changed it or the manifest. Otherwise, its digest is verified again.

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

    async def exists(self) -> bool:
        """Return whether the mirror's manifest exists."""
        return await self._threads.run(self._manifest.exists)

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

    def folder(self, path: str) -> Folder:
        """Return the directory of a file in the mirror."""
        return self._manifest.folder((self._root / path).parent)

    async def find_unchanged(self, artifacts: Sequence[Artifact]) -> set[int]:
        """Return the ids of the artifacts whose files are recorded and unchanged."""
        return await self._threads.run(self._find_unchanged, artifacts)

    async def find_unrecorded(self, artifact: Artifact) -> str | None:
        """Return the path of an existing file that may be the artifact's payload, or None.

        The manifest has no entry that matches the file. For example, a killed process may have
        downloaded the file without recording it.
        """
        return await self._threads.run(self._find_unrecorded, artifact)

    async def remove_leftovers(self, artifacts: Sequence[Artifact]) -> None:
        """Remove partial downloads of expired artifacts, which can never be completed."""
        await self._threads.run(self._remove_leftovers, artifacts)

    async def record(self, artifact: Artifact, path: str, digest: Digest) -> None:
        """Add a complete and verified file to the manifest.

        Raises:
            DiskError: The entry cannot be written.
        """
        await self._threads.run(self._record, artifact, path, digest)

    async def recorded_path(self, artifact: Artifact) -> Path:
        """Return the path of the file that the manifest records for an artifact."""
        record = await self._threads.run(self._manifest.find, artifact.id)
        assert record is not None
        return self._root / record.path

    async def verify_and_record(self, artifact: Artifact, path: str) -> bool:
        """Verify an existing file as if it had just been downloaded, and record it.

        Returns:
            False if the file is not the artifact's payload. It is then not recorded.
        """
        file = self._root / path
        # Without a digest, `size_in_bytes` is not the size of the payload.
        is_size_known = verification.sha256(artifact) is not None
        expected_size = artifact.size_in_bytes if is_size_known else None
        folder = self.folder(path)
        size, digest = await hash_file(self._threads, folder, file.name, expected_size)
        if digest is None or not await self._threads.run(
            self._is_payload, artifact, path, size, digest
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
                folder = self.folder(entry.path)
                if await has_digest(self._threads, folder, source.name, entry.size, digest):
                    await self._clone(entry.path, path, digest)
                    await self.record(artifact, path, digest)
                    return True
            except DiskFull:
                raise
            except DiskError as error:
                _log.warning("artifact %d cannot be linked to %s: %s", artifact.id, source, error)
        return is_linked

    async def _clone(self, source: str, path: str, digest: Digest) -> None:
        """Link or copy a file whose digest was verified."""
        clone, target = self._file_clone(source, path), self._root / path
        try:
            with disk_errors(target):
                if not await self._threads.run(clone.link):
                    while await self._threads.run(clone.copy_step):
                        pass
                await self._threads.run(clone.publish, target.name, digest)
        finally:
            await self._threads.run(clone.close, after_close=True)

    def _link_to_unchanged(
        self, artifact: Artifact, digest: Digest
    ) -> tuple[bool, list[FileRecord]]:
        """Create an artifact's file as a link to an unchanged file with this digest.

        Returns:
            Whether the link was created. If not, also the entries of files that can be used after
            they have been verified: files that have changed, or a file that must be copied because
            it cannot be linked.
        """
        changed: list[FileRecord] = []
        for entry in self._manifest.find_by_digest(digest):
            source, path = self._root / entry.path, self._path_like(artifact, entry)
            if path == entry.path:
                continue
            if not self._is_unchanged(entry):
                changed += [] if source.is_symlink() else [entry]
                continue
            target = self._root / path
            clone = self._file_clone(entry.path, path)
            try:
                with disk_errors(target):
                    if not clone.link():
                        return False, [entry]
                    clone.publish(target.name, digest)
            finally:
                clone.close()
            self._record(artifact, path, digest)
            return True, []
        return False, changed[:_MAX_VERIFIED_SOURCES]

    def _file_clone(self, source: str, path: str) -> FileClone:
        return FileClone(
            self.folder(source),
            Path(source).name,
            self.folder(path),
            HiddenFiles.of(Path(path).name).link,
            mode=FILE_MODE,
            durable=self._durable,
            only_copy=not self._manifest.is_trusted,
        )

    def _path_like(self, artifact: Artifact, entry: FileRecord) -> str:
        """Return the path for an artifact whose payload is the same as an entry's file."""
        is_zip = extension(entry.path) == ".zip"
        return self._template.path(artifact, ".zip" if is_zip else extension(artifact.name))

    def _find_unchanged(self, artifacts: Sequence[Artifact]) -> set[int]:
        return {artifact.id for artifact in artifacts if self._has_unchanged_file(artifact)}

    def _has_unchanged_file(self, artifact: Artifact) -> bool:
        entry = self._manifest.find(artifact.id)
        if entry is None or verification.sha256(artifact) not in {None, entry.digest}:
            return False
        return self._is_unchanged(entry)

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
        self._remove_leftovers([artifact], path)
        self._manifest.add(artifact, path, digest)

    def _remove_leftovers(self, artifacts: Sequence[Artifact], *paths: str) -> None:
        for artifact in artifacts:
            for path in {*paths, *self._likely_paths(artifact)}:
                HiddenFiles.of(Path(path).name).remove_leftovers(self.folder(path))

    def _is_payload(self, artifact: Artifact, path: str, size: int, digest: Digest) -> bool:
        """Return True if a file of this size and digest is the artifact's payload."""
        file, entry = self._root / path, self._manifest.find(artifact.id)
        if artifact.digest is None and entry is not None:
            return digest == entry.digest and self._manifest.is_trusted
        with (
            disk_errors(file),
            suppress(FileNotFoundError),
            self.folder(path).open() as directory,
            InputFile(file, directory) as opened,
        ):
            tail = opened.read(max(0, size - verification.END_OF_ZIP), verification.END_OF_ZIP)
            # Without a digest, nothing shows that the file of another user is the payload.
            if artifact.digest is None and self._distrusts(opened.status()):
                return False
            try:
                verification.check(artifact, size, digest, tail)
            except (DigestMismatch, IncompleteDownload):
                return False
            if self._durable:
                opened.sync()
            return True
        return False  # the file has vanished since it was hashed

    def _is_unchanged(self, entry: FileRecord) -> bool:
        """Return True if the file of an entry has the recorded size and modification time.

        Return False if another user may have changed the file or its entry.
        """
        try:
            status = (self._root / entry.path).lstat()
        except OSError:
            return False
        same = (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime_ns)
        return same and stat.S_ISREG(status.st_mode) and not self._distrusts(status)

    def _distrusts(self, status: os.stat_result) -> bool:
        return not self._manifest.is_trusted or reason_for_distrust(status) is not None
