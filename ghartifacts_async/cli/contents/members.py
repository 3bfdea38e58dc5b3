"""The members of an artifact that a command reads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

import ghartifacts_async
from ghartifacts_async.errors import InvalidArgument, MemberNotFound, NotAZip

if TYPE_CHECKING:
    from ghartifacts_async import Archive, ArchiveLimits, Artifact, Repo

_MOST_NAMES = 5
_UNLIMITED = 2**63


@frozen
class Content:
    """The content of a member, or of an artifact that is not an archive.

    Attributes:
        name: Name of the member or file.
        size: Number of bytes.
        chunks: The bytes, which are downloaded as they are read.
    """

    name: str
    size: int
    chunks: AsyncIterable[bytes]


class Choice(Protocol):
    """Which members to read."""

    def of_archive(self, archive: Archive) -> Sequence[str]:
        """Return the names of the members to read."""
        ...

    def accepts_file(self, name: str) -> bool:
        """Return True if an artifact that is not an archive, but a file of this name, is read."""
        ...


async def contents(
    repo: Repo, artifact: Artifact, choice: Choice, max_members: int | None = None
) -> AsyncGenerator[Content, None]:
    """Yield the contents of members, or of an artifact that is not an archive.

    Read each before asking for the next one.

    Args:
        repo: The repository.
        artifact: The artifact.
        choice: Which members to read.
        max_members: Maximum number of members of the archive; None for the default.
    """
    try:
        # What is read is not kept, so only the number of members is limited.
        limits = archive_limits(
            max_members=max_members,
            max_member_size=_UNLIMITED,
            max_total_size=_UNLIMITED,
            max_ratio=_UNLIMITED,
        )
        async with repo.open_artifact(artifact, limits=limits) as archive:
            sizes = {member.name: member.size for member in archive.members()}
            for name in choice.of_archive(archive):
                async with archive.stream(name) as chunks:
                    yield Content(name, sizes.get(name, 0), chunks)
            return
    except NotAZip as error:
        not_a_zip = error
    async with repo.stream_artifact(artifact) as stream:
        if stream.filename.lower().endswith(".zip"):
            # The artifact is a damaged archive, not a file that was uploaded without zipping.
            raise not_a_zip
        if choice.accepts_file(stream.filename):
            yield Content(stream.filename, artifact.size_in_bytes, stream)


def archive_limits(**limits: int | None) -> ArchiveLimits:
    """Return the limits on what an archive may expand to.

    Args:
        limits: Arguments of `ArchiveLimits`. None stands for the default of an argument.
    """
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return ghartifacts_async.ArchiveLimits(**given)


@frozen
class MembersByName:
    """The members that arguments name exactly or by a pattern; without arguments, the only file."""

    arguments: Sequence[str]

    def of_archive(self, archive: Archive) -> Sequence[str]:
        """Return the names of the members to read.

        Raises:
            InvalidArgument: There are no arguments, and the archive has several files.
            MemberNotFound: There are no arguments, and the archive has no file.
        """
        known = archive.names()
        if self.arguments:
            exact = set(known)
            found = [
                [name] if name in exact else archive.glob(name) or [name] for name in self.arguments
            ]
            return [name for names in found for name in names]
        files = [name for name in known if not name.endswith("/")]
        if not files:
            raise MemberNotFound("the artifact has no files")
        if len(files) != 1:
            some = ", ".join([*map(repr, files[:_MOST_NAMES]), *["…"] * (len(files) > _MOST_NAMES)])
            raise InvalidArgument(f"name a member; the artifact has {len(files)} files: {some}")
        return files

    def accepts_file(self, name: str) -> bool:
        """Check that each argument names this file, and return True.

        Raises:
            InvalidArgument: An argument does not name this file.
        """
        for argument in self.arguments:
            if argument != name and not _matches_file(argument, name):
                raise InvalidArgument(
                    f"this artifact is a single file, {name!r}, not an archive; omit the member"
                )
        return True


@frozen
class MembersByPattern:
    """The files whose names match a pattern."""

    pattern: str

    def of_archive(self, archive: Archive) -> Sequence[str]:
        """Return the names of the members to read."""
        return [name for name in archive.glob(self.pattern) if not name.endswith("/")]

    def accepts_file(self, name: str) -> bool:
        """Return True if the name of the file matches the pattern."""
        return _matches_file(self.pattern, name)


def _matches_file(pattern: str, name: str) -> bool:
    """Return True if the name of a file outside of any directory matches a pattern."""
    while pattern.startswith("**/"):
        pattern = pattern.removeprefix("**/")
    return fnmatchcase(name, pattern)
