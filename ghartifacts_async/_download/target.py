"""Which file a download becomes, and what to do about one that is there already."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import suppress
from pathlib import Path

from attrs import define, field

from ghartifacts_async._disk.file_io import disk_errors, hidden, sync_directory, sync_file
from ghartifacts_async._disk.filenames import safe_filename
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async.errors import DiskError, InvalidArgument, TargetExists
from ghartifacts_async.models import Artifact, Digest, IfExists

_STEP = 32


class AlreadyThere(Exception):
    """What is wanted is there already."""


@define
class Target:
    """The file that a download becomes.

    Attributes:
        path: Where it is to lie.
        is_sure: Whether that is its name; a payload that is no zip may have another.
    """

    path: Path
    is_sure: bool
    _unwanted: os.stat_result | None = field(default=None, init=False)

    @classmethod
    async def of(
        cls, disk: IoThreads, destination: str | os.PathLike[str], artifact: Artifact
    ) -> Target:
        """The target that a destination means: a file, or in a directory a zip, as a rule."""
        path = Path(destination)
        if await disk.run(_is_directory, os.fspath(destination)):
            return cls(path / safe_filename(artifact.name, ".zip"), False)
        return cls(path, True)

    @property
    def stem(self) -> str:
        """A name for what belongs to it: the same, by whatever words it is wanted."""
        return hashlib.sha256(os.fsencode(self.path.name)).hexdigest()[:16]

    def beside(self, kind: str) -> Path:
        """What is hidden beside it for its sake."""
        return hidden(self.path.parent, self.stem, kind)

    def rename(self, name: str) -> None:
        """The name is known now, if it was not."""
        if not self.is_sure:
            self.path, self.is_sure = self.path.with_name(name), True

    async def look(self, disk: IoThreads, artifact: Artifact, if_exists: IfExists) -> None:
        """See what is there.

        Raises:
            AlreadyThere: It is what is wanted.
            TargetExists: It is to be left alone.
            DiskError: It cannot be replaced.
        """
        there = await disk.run(_check_place, self.path)
        if there is None or if_exists == "replace" or _is_unchanged(there, self._unwanted):
            return
        if if_exists == "error":
            if self.is_sure:
                raise TargetExists(f"{self.path}: there is a file already", path=self.path)
            return
        digest = artifact.digest
        if digest is not None and await is_same(disk, self.path, artifact.size_in_bytes, digest):
            raise AlreadyThere
        self._unwanted = there

    async def sync(self, disk: IoThreads) -> None:
        """Return when the file that is there survives the loss of power.

        Raises:
            DiskError: That cannot be had.
        """
        await disk.run(_sync, self.path)


def check_destination(destination: str | os.PathLike[str]) -> None:
    """Make sure that a destination is a path.

    Raises:
        InvalidArgument: It is none.
    """
    if not isinstance(destination, str | os.PathLike) or isinstance(
        text := os.fspath(destination), bytes
    ):
        raise InvalidArgument(f"destination is a str or a path, not {destination!r}")
    try:
        sound = b"\0" not in os.fsencode(text)
    except ValueError:
        sound = False
    if not sound:
        raise InvalidArgument(f"destination holds what no path may: {text!r}")
    if not text:
        raise InvalidArgument("destination is empty; '.' is the working directory")


def _is_directory(text: str) -> bool:
    with disk_errors(Path(text)):
        return text.endswith((os.sep, os.altsep or os.sep)) or Path(text).is_dir()


def _check_place(target: Path) -> os.stat_result | None:
    """What is there; and find out before the first byte what else would be after the last."""
    with disk_errors(target), suppress(FileNotFoundError, NotADirectoryError):
        there = target.lstat()
        if target.exists() and not target.is_file():
            raise DiskError(f"{target}: in its place is a directory or device", path=target)
        return there
    return None


def _is_unchanged(there: os.stat_result, before: os.stat_result | None) -> bool:
    return (
        before is not None
        and os.path.samestat(there, before)
        and (there.st_size, there.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    )


async def is_same(disk: IoThreads, path: Path, size: int, digest: Digest) -> bool:
    """Whether a file is what GitHub records."""
    if digest.algorithm != "sha256":
        return False
    return await hashed(disk, path, size) == (size, digest)


async def hashed(
    disk: IoThreads, path: Path, wanted: int | None = None
) -> tuple[int, Digest | None]:
    """Size and SHA-256 of a file, read in steps that a cancellation can wait for.

    Args:
        disk: Where it is read.
        path: Which; of one that is not there there is no digest.
        wanted: One of another size is not read.
    """
    found = _Found(path)
    try:
        size = await disk.run(found.open)
        if size < 0 or wanted not in {None, size}:
            return size, None
        while await disk.run(found.hash_some):
            pass
    finally:
        await disk.run(found.close, last=True)
    return size, Digest("sha256", found.hash.hexdigest())


def _sync(path: Path) -> None:
    with disk_errors(path):
        sync_file(path)
        sync_directory(path.parent)


class _Found:
    """A file that is there already, read step by step. All of it blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: io.FileIO | None = None
        self.hash = hashlib.sha256()

    def open(self) -> int:
        """Its size."""
        with disk_errors(self._path), suppress(FileNotFoundError):
            self._file = io.FileIO(self._path)
            return os.fstat(self._file.fileno()).st_size
        return -1

    def hash_some(self) -> bool:
        """Hash a stretch of it; whether there is more."""
        assert self._file is not None
        with disk_errors(self._path):
            for _ in range(_STEP):
                if not (data := self._file.read(2**20)):
                    return False
                self.hash.update(data)
        return True

    def close(self) -> None:
        """Leave it."""
        if self._file is not None:
            self._file.close()
