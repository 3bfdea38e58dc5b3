"""Inside an artifact's archive: one member by a range of its own, or any of them as files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import frozen

from ghartifacts_async import _arguments
from ghartifacts_async._archive import member_paths
from ghartifacts_async._archive.central_directory import (
    TAIL,
    CentralDirectoryEntry,
    View,
    WantedError,
    parse,
    shown,
)
from ghartifacts_async._archive.extract import Feed, read_index, unpack_file, unpack_remote
from ghartifacts_async._archive.inflate import Run
from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async._archive.member_paths import ExtractionPlan
from ghartifacts_async._archive.remote_file import RemoteFile
from ghartifacts_async._disk.staging import staging_directory
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download.target import check_destination
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.errors import ArchiveError, ArchiveLimitExceeded, ClientStateError
from ghartifacts_async.models import ArchiveLimits, Artifact, Download, IfDirectoryExists, Member

_MAX_SIZE = 2**26
_TINY = 2**16
_READERS = 8


@frozen
class Unpacking:
    """What is wanted of an archive, and where; see `Repo.extract_artifact`."""

    directory: str | os.PathLike[str]
    members: str | tuple[str, ...] | None
    strip: int
    if_exists: IfDirectoryExists
    portable: bool
    limits: ArchiveLimits

    @classmethod
    def of(
        cls,
        directory: str | os.PathLike[str],
        wanted: str | Iterable[str] | None,
        strip: int,
        if_exists: IfDirectoryExists,
        portable: bool,
        limits: ArchiveLimits,
    ) -> Unpacking:
        """What a caller wants.

        Raises:
            InvalidArgument: It cannot be right.
        """
        check_destination(directory)
        _arguments.of_kind(limits, ArchiveLimits)
        return cls(
            directory,
            _arguments.members(wanted),
            _arguments.count("strip", strip),
            _arguments.if_directory_exists(if_exists),
            portable or os.name == "nt",
            limits,
        )

    def layout(self, index: MemberIndex) -> ExtractionPlan:
        """Where the members go.

        Raises:
            ArchiveError: They cannot, or there is nothing to replace a directory with.
        """
        chosen = index.select(self.members)
        layout = member_paths.layout(chosen, self.limits, strip=self.strip, portable=self.portable)
        if self.if_exists == "replace" and not layout.files:
            raise ArchiveError("none of the members becomes a file, so nothing is replaced")
        return layout


class Archive:
    """An artifact's archive, of which only what is read is fetched. See `Repo.open_artifact`.

    Many tasks may share it. Names are given and taken as they are recorded, however unsafe they
    are: only where members become files are they refused.

    Attributes:
        artifact: Which artifact.
        downloaded: Whether all of it had to be, as the store serves no ranges.
    """

    def __init__(
        self,
        artifact: Artifact,
        index: MemberIndex,
        remote: RemoteFile,
        lifetime: Lifetime,
        limits: ArchiveLimits,
    ) -> None:
        self.artifact = artifact
        self._index = index
        self._remote = remote
        self._lifetime = lifetime
        self._limits = limits
        self._readers = asyncio.Semaphore(_READERS)

    def __repr__(self) -> str:
        return f"<Archive of artifact {self.artifact.id}, {len(self._index.entries)} members>"

    @property
    def downloaded(self) -> bool:
        return self._remote.file is not None

    def names(self) -> list[str]:
        """Names of all members, in the order of the archive; those of directories end in ``/``."""
        return [entry.member.name for entry in self._index.entries]

    def members(self) -> list[Member]:
        """All members, in the order of the archive."""
        return [entry.member for entry in self._index.entries]

    async def read(self, name: str, *, max_size: int = _MAX_SIZE) -> bytes:
        """A member's bytes, checked: their number and their CRC-32 are the recorded ones.

        Of many at once up to eight are fetched side by side.

        Args:
            name: The member's, exactly.
            max_size: Bytes that it may be of; they are all in memory. 64 MiB by default.

        Raises:
            MemberNotFound: There is none of this name.
            ArchiveLimitExceeded: It is larger.
            DamagedArchive: Its bytes are not those that the archive tells of.
            UnsupportedMember: It is encrypted, or compressed in another way.
            UnsafeMember: There are two of this name.
            DownloadError: Its bytes cannot be had.
        """
        _arguments.count("max_size", max_size)
        async with self._lifetime.scope():
            entry = await self._find(name)
            if entry.member.size > max_size:
                raise ArchiveLimitExceeded(
                    f"{shown(name)} is of {entry.member.size} bytes, max_size is {max_size}",
                    member=name,
                    limit="max_size",
                    allowed=max_size,
                )
            async with self._readers:
                pieces = MemberReader(self, entry)
                try:
                    chunks: list[bytes] = []
                    while piece := await pieces.next():
                        chunks.append(piece)
                finally:
                    await pieces.close()
        return b"".join(chunks)

    @asynccontextmanager
    async def stream(self, name: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """A member piece by piece, of at most 1 MiB each: ``async with …: async for chunk in …``.

        The end is reached only where number and CRC-32 of the bytes are the recorded ones.

        Args:
            name: The member's, exactly.

        Raises:
            MemberNotFound: There is none of this name.
            ArchiveLimitExceeded: It is more than the archive's `ArchiveLimits` allows.
            UnsupportedMember: It is encrypted, or compressed in another way.
            UnsafeMember: There are two of this name.
        """
        async with self._lifetime.scope():
            pieces = MemberReader(self, await self._find(name))
        try:
            yield _Chunks(pieces, self._lifetime)
        finally:
            await pieces.close()

    async def extract(
        self,
        directory: str | os.PathLike[str],
        members: str | Iterable[str] | None = None,
        *,
        strip: int = 0,
        if_exists: IfDirectoryExists = "error",
        portable: bool = False,
    ) -> list[Path]:
        """Unpack members into a directory of their own, and fetch no others.

        Neighbours come in one request, and up to four requests are under way. Checked are number
        and CRC-32 of each member's bytes, not the digest of the archive. Else it is as
        `Repo.extract_artifact` is, and refuses what that refuses, or leaves it when cancelled.

        Args:
            directory: Made, and those above it, as needed. An empty one counts as none.
            members: Names; or one name, or a pattern of names whose ``*`` stands for slashes too;
                or ``None`` for all.
            strip: How many leading components of each name to leave out.
            if_exists: ``"error"``, or ``"replace"`` for a directory that is there, mode and owner
                included.
            portable: Whether names are refused that Windows does not take.

        Returns:
            The files, in the order of the archive.

        Raises:
            ArchiveError: There is no such member, or one of them is refused.
            DownloadError: Their bytes cannot be had.
            TargetExists: There is a directory, or something else.
            DiskError: A file cannot be written.
        """
        wanted = Unpacking.of(directory, members, strip, if_exists, portable, self._limits)
        disk = self._remote.disk
        new = staging_directory(disk, wanted.directory, wanted.if_exists)
        async with self._lifetime.scope(), new as place:
            layout = await disk.run(wanted.layout, self._index)
            if self._remote.file is None:
                await unpack_remote(disk, self._remote, layout, place)
            else:
                await unpack_file(disk, self._remote.file, layout, place)
            return await place.publish(parts for _, parts in layout.files)

    async def _find(self, name: str) -> CentralDirectoryEntry:
        if not isinstance(name, str):
            _arguments.members((name,))
        entry = await self._remote.disk.run(self._index.find, name)
        member_paths.check_limits([entry], self._limits)
        return entry


class MemberReader:
    """A member, piece by piece."""

    def __init__(self, archive: Archive, entry: CentralDirectoryEntry) -> None:
        self._archive = archive
        self._run = Run([entry])
        self._feed = Feed(archive._remote, self._run)
        self._tiny = entry.member.size <= _TINY
        self._broken = False

    async def next(self) -> bytes:
        """The next bytes; ``b""`` at the end."""
        if self._broken:
            raise ClientStateError("this member's bytes were interrupted; read it anew")
        self._broken = True
        while not self._run.done:
            if self._tiny:
                piece = self._run.next()
            else:
                piece = await self._archive._remote.disk.run(self._run.next)
            if piece is not None:
                self._broken = False
                return piece[1]
            self._run.feed(await self._feed.read())
        self._broken = False
        return b""

    async def close(self) -> None:
        """Leave the connection."""
        self._broken = True
        await self._feed.close()


class _Chunks:
    """A member for ``async for``."""

    def __init__(self, pieces: MemberReader, lifetime: Lifetime) -> None:
        self._pieces = pieces
        self._lifetime = lifetime

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        async with self._lifetime.scope():
            piece = await self._pieces.next()
        if not piece:
            raise StopAsyncIteration
        return piece


@asynccontextmanager
async def open_archive(
    artifact: Artifact, remote: RemoteFile, lifetime: Lifetime, limits: ArchiveLimits
) -> AsyncIterator[Archive]:
    """An open archive; see `Repo.open_artifact`."""
    try:
        async with lifetime.scope():
            index = await _index(remote, limits)
        own = Lifetime("this archive", parent=lifetime)
        try:
            yield Archive(artifact, index, remote, own, limits)
        finally:
            own.close()
    finally:
        await remote.close()


async def _index(remote: RemoteFile, limits: ArchiveLimits) -> MemberIndex:
    await remote.keep_tail(TAIL)
    view = View(await remote.total(), limits)
    view.prepend(remote.tail)
    while True:
        try:
            return await remote.disk.run(lambda: MemberIndex(parse(view)))
        except WantedError as wanted:
            start = wanted.start
        view.prepend(await remote.fetch(start, view.begins))


async def extract(
    disk: IoThreads, download: Callable[[Path], Awaitable[Download]], wanted: Unpacking
) -> list[Path]:
    """Download, verify, unpack and publish; see `Repo.extract_artifact`."""
    async with staging_directory(disk, wanted.directory, wanted.if_exists) as place:
        await place.check()
        payload = (await download(place.work / "payload")).path
        await place.check()
        index = await disk.run(read_index, payload, wanted.limits, place.opener)
        layout = await disk.run(wanted.layout, index)
        await unpack_file(disk, payload, layout, place, place.opener)
        return await place.publish(parts for _, parts in layout.files)
