"""Decide where each of many artifacts is extracted, so that they do not collide."""

from __future__ import annotations

from collections.abc import Iterable

from ghartifacts_async._disk.filenames import folded, safe_filename
from ghartifacts_async.errors import UnsafeMember
from ghartifacts_async.models import Artifact


class DirectoryNames:
    """Gives each artifact a directory of its own, named after the artifact.

    Artifact names are not unique, and two that differ only in case are the same on some systems.
    So the id is appended to a name that an earlier artifact has.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name_for(self, artifact: Artifact) -> str:
        """Return the name of the artifact's directory."""
        name, ending = safe_filename(artifact.name), ""
        while folded(name) in self._taken:
            ending += f"-{artifact.id}"
            name = safe_filename(artifact.name, ending)
        self._taken.add(folded(name))
        return name


class MergedPaths:
    """The paths of all artifacts that are extracted to one directory."""

    def __init__(self) -> None:
        self._paths: dict[str, tuple[str, bool, Artifact]] = {}

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
        for path, is_directory in added.items():
            other = self._paths.get(folded(path))
            if other is not None and not (is_directory and other[:2] == (path, True)):
                raise UnsafeMember(
                    f"{path!r} conflicts with {other[0]!r} of artifact {other[2].id}; pass "
                    "merge=False to extract each artifact to a directory of its own",
                    member=path,
                )
        for path, is_directory in added.items():
            self._paths.setdefault(folded(path), (path, is_directory, artifact))

    def discard(self, artifact: Artifact) -> None:
        """Forget the paths of an artifact that could not be extracted."""
        self._paths = {key: each for key, each in self._paths.items() if each[2] is not artifact}
