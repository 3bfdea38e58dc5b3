"""The paths of artifacts that are extracted to one directory, so that they do not collide."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from ghartifacts_async._disk.filenames import folded
from ghartifacts_async.errors import UnsafeMember
from ghartifacts_async.models import Artifact


@define
class _Place:
    """A file or directory, and the artifacts that have it. Only a directory can have several."""

    path: str
    is_directory: bool
    artifacts: list[Artifact] = field(factory=list)


class MergedPaths:
    """The paths of all artifacts that are extracted to one directory."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def add(
        self,
        artifact: Artifact,
        directories: Iterable[tuple[str, ...]],
        files: Iterable[tuple[str, ...]],
    ) -> None:
        """Add the paths of an artifact, or none of them.

        Args:
            artifact: The artifact.
            directories: Path components of its directories. Artifacts may share directories.
            files: Path components of its files.

        Raises:
            UnsafeMember: Another artifact has a path that is the same on some systems.
        """
        added = {"/".join(path): True for path in directories}
        added |= {"/".join(path): False for path in files}
        places = []
        for path, is_directory in added.items():
            place = self._places.get(folded(path), _Place(path, is_directory))
            is_shared = is_directory and place.is_directory and place.path == path
            if place.artifacts and not is_shared:
                raise UnsafeMember(
                    f"{path!r} conflicts with {place.path!r} of artifact {place.artifacts[0].id}; "
                    "pass merge=False to extract each artifact to a directory of its own",
                    member=path,
                )
            places.append(place)
        for place in places:
            place.artifacts.append(artifact)
            self._places[folded(place.path)] = place

    def discard(self, artifact: Artifact) -> None:
        """Forget the paths of an artifact that could not be extracted.

        Directories that it shares with other artifacts are kept.
        """
        for key, place in [*self._places.items()]:
            place.artifacts[:] = [one for one in place.artifacts if one is not artifact]
            if not place.artifacts:
                del self._places[key]
