"""The files of one mirror: what is there, what was put there before, and what can be linked to."""

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

_MOST_LOOKED_INTO = 4


class MirrorStore:
    """What a mirror has.

    Args:
        disk: Where it is worked on.
        server: Base URL of the API.
        root: Where the files lie.
        layout: How.
        durable: Whether files and manifest survive a loss of power.
    """

    def __init__(
        self, disk: IoThreads, server: str, root: Path, layout: PathTemplate, *, durable: bool
    ) -> None:
        self._disk = disk
        self._root = root
        self._layout = layout
        self._durable = durable
        self._manifest = Manifest(root, Header(server, layout.template), durable=durable)

    async def open(self) -> None:
        """Have it, alone.

        Raises:
            TargetBusy: Another is at work on it.
            InvalidArgument: It is of another server or template.
            DiskError: It cannot be read or made.
        """
        await self._disk.run(self._manifest.open)

    async def close(self) -> None:
        """Let the next have it; more than once does no harm."""
        await self._disk.run(self._manifest.close, after_close=True)

    async def present(self, artifacts: Sequence[Artifact]) -> set[int]:
        """The ids of those whose files are there, as they were told of."""
        return await self._disk.run(self._present, artifacts)

    async def put_before(self, artifact: Artifact) -> str | None:
        """Where a file of it lies that is not as it was told of, as a kill may leave one."""
        return await self._disk.run(self._put_before, artifact)

    async def tell(self, artifact: Artifact, path: str, digest: Digest) -> None:
        """Remember a file that is whole and right."""
        await self._disk.run(self._tell, artifact, path, digest)

    async def recognised(self, artifact: Artifact, path: str) -> bool:
        """Whether a file is that of an artifact; it is told of then.

        As strictly as what came would be checked, see `payload.check`.
        """
        place = self._root / path
        wanted = artifact.size_in_bytes if verification.sha256(artifact) is not None else None
        size, digest = await hash_file(self._disk, place, wanted)
        if digest is None or not await self._disk.run(
            self._recognised, artifact, place, size, digest
        ):
            return False
        await self.tell(artifact, path, digest)
        return True

    async def linked(self, artifact: Artifact, digest: Digest) -> bool:
        """Whether it was had from the file of another that has its content; it is told of then."""
        linked, others = await self._disk.run(self._linked_at_once, artifact, digest)
        for entry in others:
            source, path = self._root / entry.path, self._path_like(artifact, entry)
            try:
                if await has_digest(self._disk, source, entry.size, digest):
                    await self._copy(source, self._root / path, digest)
                    await self.tell(artifact, path, digest)
                    return True
            except DiskFull:
                raise
            except DiskError as error:
                _log.warning("%s; artifact %d is not linked to it", error, artifact.id)
        return linked

    async def _copy(self, source: Path, target: Path, digest: Digest) -> None:
        """Have a file that was looked into, by a link or as a copy."""
        twin = self._twin(source, target)
        try:
            with disk_errors(target):
                if not await self._disk.run(twin.link):
                    while await self._disk.run(twin.copy_step):
                        pass
                await self._disk.run(twin.publish, digest)
        finally:
            await self._disk.run(twin.close, after_close=True)

    def _linked_at_once(
        self, artifact: Artifact, digest: Digest
    ) -> tuple[bool, list[ManifestEntry]]:
        """Whether a link did; else the files that may do after a look into them."""
        others: list[ManifestEntry] = []
        for entry in self._manifest.find_by_digest(digest):
            source, path = self._root / entry.path, self._path_like(artifact, entry)
            if path == entry.path:
                continue
            if not _is_unchanged(source, entry):
                others += [] if source.is_symlink() else [entry]
                continue
            target = self._root / path
            twin = self._twin(source, target)
            try:
                with disk_errors(target):
                    if not twin.link():
                        return False, [entry]
                    twin.publish(digest)
            finally:
                twin.close()
            self._tell(artifact, path, digest)
            return True, []
        return False, others[:_MOST_LOOKED_INTO]

    def _twin(self, source: Path, target: Path) -> FileClone:
        return FileClone(source, target, HiddenFiles.of(target).link, durable=self._durable)

    def _path_like(self, artifact: Artifact, entry: ManifestEntry) -> str:
        """Its path, as a zip where its equal is one."""
        zipped = extension(entry.path) == ".zip"
        return self._layout.path(artifact, ".zip" if zipped else extension(artifact.name))

    def _present(self, artifacts: Sequence[Artifact]) -> set[int]:
        return {artifact.id for artifact in artifacts if self._is_there(artifact)}

    def _is_there(self, artifact: Artifact) -> bool:
        entry = self._manifest.find(artifact.id)
        if entry is None or verification.sha256(artifact) not in {None, entry.digest}:
            return False
        return _is_unchanged(self._root / entry.path, entry)

    def _put_before(self, artifact: Artifact) -> str | None:
        paths = self._likely(artifact)
        if (known := self._manifest.find(artifact.id)) is not None:
            paths.insert(0, self._layout.path(artifact, extension(known.path)))
        with disk_errors(self._root):
            return next((path for path in paths if (self._root / path).is_file()), None)

    def _likely(self, artifact: Artifact) -> list[str]:
        """Its paths: a raw payload is called as its artifact is, as a rule."""
        return [self._layout.path(artifact, end) for end in (".zip", extension(artifact.name))]

    def _tell(self, artifact: Artifact, path: str, digest: Digest) -> None:
        # Beforehand: what is told of is not looked at again, nor is what a kill left beside it.
        for place in {self._root / one for one in (path, *self._likely(artifact))}:
            hidden = HiddenFiles.of(place)
            remove(hidden.link)
            hidden.remove_leftovers()
        self._manifest.add(artifact, path, digest)

    def _recognised(self, artifact: Artifact, place: Path, size: int, digest: Digest) -> bool:
        known = self._manifest.find(artifact.id)
        if artifact.digest is None and known is not None:
            return digest == known.digest
        with disk_errors(place):
            tail = read_tail(place, verification.END_OF_ZIP)
            try:
                verification.check(artifact, size, digest, tail)
            except (DigestMismatch, IncompleteDownload):
                return False
            if self._durable:
                sync_file(place)
        return True


def _is_unchanged(path: Path, entry: ManifestEntry) -> bool:
    """Whether a file is as it was when it was told of."""
    try:
        status = path.lstat()
    except OSError:
        return False
    same = (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime_ns)
    return same and stat.S_ISREG(status.st_mode)
