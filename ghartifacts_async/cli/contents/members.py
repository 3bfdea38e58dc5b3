"""The members of an artifact that a command reads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from ghartifacts_async.errors import InvalidArgument, NotAZip

if TYPE_CHECKING:
    from ghartifacts_async import Archive, Artifact, Repo

_MOST_NAMES = 5


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


async def contents(
    repo: Repo, artifact: Artifact, choose: Callable[[Archive | None], Sequence[str]]
) -> AsyncGenerator[Content, None]:
    """Yield the contents of members. Read each before asking for the next one.

    Args:
        repo: The repository.
        artifact: The artifact.
        choose: Returns the names of the members, given the archive; or accepts None for an
            artifact that is no archive, whose only content is then yielded.
    """
    try:
        async with repo.open_artifact(artifact) as archive:
            sizes = {member.name: member.size for member in archive.members()}
            for name in choose(archive):
                async with archive.stream(name) as chunks:
                    yield Content(name, sizes.get(name, 0), chunks)
            return
    except NotAZip:
        choose(None)
    async with repo.stream_artifact(artifact) as stream:
        yield Content(stream.filename, artifact.size_in_bytes, stream)


def chosen_members(arguments: Sequence[str], archive: Archive | None) -> Sequence[str]:
    """Return the members that arguments name exactly or by a pattern.

    Without arguments, it is the only file of the archive.

    Raises:
        InvalidArgument: There are no arguments, and the archive has several files; or there are
            arguments, but no archive.
    """
    if archive is None:
        if arguments:
            raise InvalidArgument("this artifact is a single file, not an archive; omit the member")
        return ()
    known = archive.names()
    if arguments:
        exact = set(known)
        found = [[name] if name in exact else archive.glob(name) or [name] for name in arguments]
        return [name for names in found for name in names]
    files = [name for name in known if not name.endswith("/")]
    if len(files) != 1:
        some = ", ".join([*map(repr, files[:_MOST_NAMES]), *["…"] * (len(files) > _MOST_NAMES)])
        raise InvalidArgument(f"name a member; the artifact has {len(files)} files: {some}")
    return files


def matching_members(pattern: str, archive: Archive | None) -> Sequence[str]:
    """Return the files of an archive whose names match a pattern."""
    if archive is None:
        return ()
    return [name for name in archive.glob(pattern) if not name.endswith("/")]
