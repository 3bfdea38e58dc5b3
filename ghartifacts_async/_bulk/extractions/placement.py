"""The paths of artifacts that are extracted to one directory, so that they do not collide."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._disk.filenames import folded
from ghartifacts_async.errors import UnsafeMember
from ghartifacts_async.models import Artifact


@define
class _Place:
    """A file or directory, and the extractions that use it. Only a directory can have several."""

    path: str
    is_directory: bool
    users: dict[object, Artifact] = field(factory=dict)


class MergedPaths:
    """The paths of all artifacts that are extracted to one directory."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._used: dict[object, list[_Place]] = {}

    def add(
        self,
        user: object,
        artifact: Artifact,
        directories: Iterable[tuple[str, ...]],
        files: Iterable[tuple[str, ...]],
    ) -> None:
        """Add the paths of an artifact, or none of them.

        Args:
            user: The extraction, for `discard`.
            artifact: The artifact.
            directories: Path components of its directories. Artifacts may share directories.
            files: Path components of its files.

        Raises:
            UnsafeMember: Another artifact has a path that is the same on some systems.
        """
        added = {"/".join(path): True for path in directories}
        added |= {"/".join(path): False for path in files}
        places: list[_Place] = []
        for path, is_directory in added.items():
            place = self._places.get(folded(path), _Place(path, is_directory))
            is_shared = is_directory and place.is_directory and place.path == path
            if place.users and not is_shared:
                other = next(iter(place.users.values()))
                raise UnsafeMember(
                    f"{quote_name(path)} conflicts with {quote_name(place.path)} of artifact "
                    f"{other.id}; pass merge=False to extract each artifact to a directory of its "
                    "own",
                    member=path,
                )
            places.append(place)
        for place in places:
            place.users[user] = artifact
            self._places[folded(place.path)] = place
        self._used[user] = places

    def discard(self, user: object) -> None:
        """Forget the paths of an extraction that failed. Directories that others use are kept."""
        for place in self._used.pop(user, ()):
            del place.users[user]
            if not place.users:
                self._places.pop(folded(place.path), None)
