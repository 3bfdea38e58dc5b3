"""An open archive: list, read and extract its members with range requests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ghartifacts_async import _arguments
from ghartifacts_async._archive import arguments
from ghartifacts_async._archive.extraction import (
    ExtractionRequest,
    extract_from_file,
    extract_from_ranges,
)
from ghartifacts_async._archive.extraction_plan import check_limits
from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async._archive.member_reader import MemberReader, MemberStream, load_json, parse
from ghartifacts_async._archive.remote_file import RemoteFile
from ghartifacts_async._archive.zip_format.archive_tail import (
    TAIL_SIZE,
    ArchiveTail,
    MissingBytesError,
    quote_name,
)
from ghartifacts_async._archive.zip_format.central_directory import (
    CentralDirectoryEntry,
    parse_central_directory,
)
from ghartifacts_async._disk.staging import staging_directory
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.errors import ArchiveLimitExceeded
from ghartifacts_async.models import (
    ArchiveLimits,
    Artifact,
    Backslashes,
    IfDirectoryExists,
    Member,
    OnCollision,
    Symlinks,
)

_DEFAULT_MAX_SIZE = 2**26
_MAX_JSON_ON_LOOP = 2**16
_CONCURRENT_READS = 8


class Archive:
    """An artifact's archive, open for reading. See `Repo.open_artifact`.

    Reading a member downloads only the bytes of that member, not the whole archive. Several tasks
    may use an archive concurrently. Member names are returned as recorded in the archive, even if
    they are unsafe. They are checked only when members are extracted to files.

    Attributes:
        artifact: The artifact.
        downloaded: Whether the whole payload was downloaded to a temporary file, because the store
            does not support range requests.
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
        self._reads = asyncio.Semaphore(_CONCURRENT_READS)

    def __repr__(self) -> str:
        return f"<Archive of artifact {self.artifact.id}, {len(self._index.entries)} members>"

    @property
    def downloaded(self) -> bool:
        return self._remote.file is not None

    def names(self) -> list[str]:
        """Return the names of all members in recorded order. Names of directories end in ``/``."""
        return [entry.member.name for entry in self._index.entries]

    def members(self) -> list[Member]:
        """Return all members in recorded order."""
        return [entry.member for entry in self._index.entries]

    def glob(self, pattern: str) -> list[str]:
        """Return the names of the members that match a pattern, in recorded order.

        ``archive.glob("**/*.xml")`` returns all XML files, also those at the top level. As in
        `pathlib`, ``*`` and ``?`` do not match slashes, ``**`` matches any number of directories,
        ``[…]`` matches one character of a set, and a pattern that ends with a slash matches
        directories only. Matching is case-sensitive, and hidden files are not special.

        Args:
            pattern: The pattern.

        Raises:
            InvalidArgument: The pattern is empty or absolute.
        """
        arguments.pattern(pattern)
        return [entry.member.name for entry in self._index.glob(pattern)]

    async def read(self, name: str, *, max_size: int = _DEFAULT_MAX_SIZE) -> bytes:
        """Read a member into memory, and verify its size and CRC-32.

        Up to eight calls download concurrently. Further calls wait.

        Args:
            name: The member's exact name.
            max_size: Maximum size in bytes; 64 MiB by default. Use `stream` for larger members.

        Raises:
            MemberNotFound: The archive has no member with this name.
            ArchiveLimitExceeded: The member is larger than `max_size`, or exceeds the archive's
                `ArchiveLimits`.
            DamagedArchive: The member's data does not match its recorded size or CRC-32, or its
                two headers contradict each other.
            UnsupportedMember: The member is encrypted, or its compression method is not supported.
            UnsafeMember: Two members have this name, or the member has another name in a Unicode
                Path extra field.
            DownloadError: The bytes cannot be downloaded.
        """
        _arguments.count("max_size", max_size)
        async with self._lifetime.scope():
            entry = await self._find(name)
            if entry.member.size > max_size:
                raise ArchiveLimitExceeded(
                    f"{quote_name(name)} has {entry.member.size} bytes; max_size is {max_size}. "
                    "Pass a higher max_size, or use Archive.stream",
                    member=name,
                    limit="max_size",
                    allowed=max_size,
                )
            async with self._reads:
                reader = MemberReader(self._remote, entry)
                try:
                    return await reader.read_all()
                finally:
                    await reader.close()

    async def read_text(
        self, name: str, encoding: str = "utf-8", *, max_size: int = _DEFAULT_MAX_SIZE
    ) -> str:
        """Read a member as text; see `read`.

        Line breaks are kept as they are.

        Args:
            name: The member's exact name.
            encoding: Encoding of the text.
            max_size: Maximum size in bytes; 64 MiB by default.

        Raises:
            UnicodeDecodeError: The member is not valid text in this encoding. The error has a note
                that names the member and the artifact.
        """
        arguments.encoding(encoding)
        data = await self.read(name, max_size=max_size)
        return parse(self.artifact.id, name, data, lambda text: text.decode(encoding))

    async def read_json(self, name: str, *, max_size: int = _DEFAULT_MAX_SIZE) -> Any:
        """Read a member and parse it as JSON; see `read`.

        Args:
            name: The member's exact name.
            max_size: Maximum size in bytes; 64 MiB by default.

        Raises:
            ValueError: The member is not valid JSON. This is a `json.JSONDecodeError`, or a
                `UnicodeDecodeError` if it is not valid Unicode. The error has a note that names
                the member and the artifact.
        """
        data = await self.read(name, max_size=max_size)
        if len(data) <= _MAX_JSON_ON_LOOP:
            return parse(self.artifact.id, name, data, load_json)
        return await self._remote.threads.run(parse, self.artifact.id, name, data, load_json)

    @asynccontextmanager
    async def stream(self, name: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream a member: ``async with archive.stream(name) as chunks: async for …``.

        Each chunk has at most 1 MiB. Iteration ends without an error only if the size and the
        CRC-32 of the decompressed bytes match the recorded ones.

        Args:
            name: The member's exact name.

        Raises:
            MemberNotFound: The archive has no member with this name.
            ArchiveLimitExceeded: The member exceeds the archive's `ArchiveLimits`.
            UnsupportedMember: The member is encrypted, or its compression method is not supported.
            UnsafeMember: Two members have this name, or the member has another name in a Unicode
                Path extra field.
        """
        async with self._lifetime.scope():
            reader = MemberReader(self._remote, await self._find(name))
        try:
            yield MemberStream(reader, self._lifetime)
        finally:
            await reader.close()

    async def extract(
        self,
        directory: str | os.PathLike[str],
        members: str | Iterable[str] | None = None,
        *,
        strip: int = 0,
        if_exists: IfDirectoryExists = "error",
        portable: bool = False,
        symlinks: Symlinks = "error",
        backslashes: Backslashes = "error",
        on_collision: OnCollision = "error",
    ) -> list[Path]:
        """Download only the selected members and extract them to a new directory.

        Adjacent members are downloaded with one request, and up to four requests run at a time. The
        size and CRC-32 of each member are verified, but the digest of the archive is not. In all
        other respects, this method works like `Repo.extract_artifact`: it refuses the same members,
        and it leaves no files if it fails or is cancelled.

        Args:
            directory: Directory to create, with its parents. It may exist if it is empty.
            members: One name, several names, or a glob pattern as in `glob`. ``None`` selects all
                members.
            strip: Number of leading path components to remove from each name.
            if_exists: ``"error"`` raises `TargetExists` if the directory exists and is not empty.
                ``"replace"`` replaces the directory, including its mode and owner.
            portable: Whether to refuse names that Windows does not support. On Windows, such names
                are always refused.
            symlinks: What to do with symbolic links, as in `Repo.extract_artifact`.
            backslashes: What a backslash in a name means, as in `Repo.extract_artifact`.
            on_collision: What to do with names that differ only in case, as in
                `Repo.extract_artifact`.

        Returns:
            The paths of the files, in the order of the archive.

        Raises:
            ArchiveError: A selected member does not exist or is refused.
            DownloadError: The bytes cannot be downloaded.
            TargetExists: The directory exists and must not be replaced, or `directory` is a file
                or a link.
            DiskError: A file cannot be written.
        """
        request = ExtractionRequest.from_arguments(
            directory,
            members=members,
            strip=strip,
            if_exists=if_exists,
            portable=portable,
            symlinks=symlinks,
            backslashes=backslashes,
            on_collision=on_collision,
            limits=self._limits,
        )
        threads = self._remote.threads
        opening = staging_directory(threads, request.directory, request.if_exists)
        async with self._lifetime.scope(), opening as staging:
            plan = await threads.run(request.plan, self._index)
            remote = self._remote
            if remote.file is None:
                await extract_from_ranges(threads, remote, plan, staging)
            else:
                await extract_from_file(threads, remote.file, plan, staging, remote.open_file)
            return await staging.publish(path for _, path in plan.files)

    async def _find(self, name: str) -> CentralDirectoryEntry:
        if not isinstance(name, str):
            _arguments.members((name,))
        entry = await self._remote.threads.run(self._index.find, name)
        check_limits([entry], self._limits)
        return entry


@asynccontextmanager
async def open_archive(
    artifact: Artifact,
    remote: RemoteFile,
    lifetime: Lifetime,
    limits: ArchiveLimits,
    encoding: str | None,
) -> AsyncIterator[Archive]:
    """Open an archive, and clean up its temporary download on exit; see `Repo.open_artifact`."""
    try:
        async with lifetime.scope():
            index = await _fetch_index(remote, limits, encoding)
        archive_lifetime = Lifetime("this archive", parent=lifetime)
        try:
            yield Archive(artifact, index, remote, archive_lifetime, limits)
        finally:
            archive_lifetime.close()
    finally:
        await remote.close()


async def _fetch_index(
    remote: RemoteFile, limits: ArchiveLimits, encoding: str | None
) -> MemberIndex:
    await remote.cache_tail(TAIL_SIZE)
    tail = ArchiveTail(await remote.total(), limits)
    tail.prepend(remote.cached_tail)
    while True:
        try:
            directory = await remote.threads.run(parse_central_directory, tail, encoding)
            break
        except MissingBytesError as missing:
            start = missing.start
        tail.prepend(await remote.fetch(start, tail.start))
    for offset, signature in directory.unexpected.items():
        directory.check_signature(offset, await remote.fetch(offset, offset + len(signature)))
    return await remote.threads.run(MemberIndex, directory.entries)
