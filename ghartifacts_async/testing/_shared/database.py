"""The server's data: repositories, workflow runs and artifacts, and the files that it created."""

from __future__ import annotations

import bisect
import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import attrs

from ghartifacts_async.testing._shared.archives import write_archive
from ghartifacts_async.testing._shared.artifact import FakeArtifact

Content = Mapping[str, bytes | str] | bytes | os.PathLike[str]

_FIRST_REPOSITORY_ID = 1296269
_FIRST_RUN_ID = 2332938


@attrs.define(eq=False)
class Repository:
    """A repository.

    Attributes:
        id: The numeric id.
        full_name: `"owner/name"`.
        private: Whether the repository is hidden from requests without a token.
        runs: The ids of the workflow runs.
        artifacts: The artifacts, oldest first: sorted by creation time and then by id.
    """

    id: int
    full_name: str
    private: bool
    runs: set[int] = attrs.field(factory=set)
    artifacts: list[FakeArtifact] = attrs.field(factory=list)

    @property
    def name(self) -> str:
        """The name without the owner."""
        return self.full_name.partition("/")[2]

    def newest_first(
        self, name: str | None = None, run_id: int | None = None
    ) -> list[FakeArtifact]:
        """Return the artifacts, newest first.

        Args:
            name: Return only artifacts with this name; None or "" returns all.
            run_id: Return only artifacts of this run; None returns all.
        """
        if not name and run_id is None:
            return self.artifacts[::-1]
        return [
            artifact
            for artifact in reversed(self.artifacts)
            if (not name or artifact.name == name) and run_id in (None, artifact.run_id)
        ]


class Database:
    """The data of the server. Look-ups return None for missing keys.

    Args:
        now: A function that returns the time, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._repositories: dict[str | int, Repository] = {}
        self._old_names: dict[str, tuple[Repository, int]] = {}
        self._artifacts: dict[int, FakeArtifact] = {}
        self._runs: set[int] = set()
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._repository_ids = count(_FIRST_REPOSITORY_ID)
        self._run_ids = count(_FIRST_RUN_ID)
        self._artifact_ids = count(1)
        self._file_numbers = count(1)
        self._last_timestamp = datetime.min.replace(tzinfo=UTC)

    def repository(self, key: str | int) -> Repository | None:
        """Find a repository by its case-insensitive `"owner/name"` or by its numeric id."""
        return self._repositories.get(key.lower() if isinstance(key, str) else key)

    def repositories(self) -> list[Repository]:
        """Return all repositories, oldest first."""
        return [
            repository for key, repository in self._repositories.items() if isinstance(key, int)
        ]

    def add_repository(self, full_name: str) -> Repository:
        """Return the repository with this name; create it if it does not exist."""
        _check_name(full_name)
        repository = self.repository(full_name)
        if repository is None:
            repository = Repository(next(self._repository_ids), full_name, private=False)
            self._old_names.pop(full_name.lower(), None)
            self._repositories[full_name.lower()] = repository
            self._repositories[repository.id] = repository
        return repository

    def rename_repository(self, old: str, new: str, status: int) -> Repository:
        """Rename a repository, and store the status of the redirects from its old name."""
        _check_name(new)
        repository = self._repositories[old.lower()]
        if self.repository(new) not in (None, repository):
            raise ValueError(f"cannot rename {old} to {new}: repository {new} already exists")
        del self._repositories[old.lower()]
        self._old_names[old.lower()] = repository, status
        self._old_names.pop(new.lower(), None)
        self._repositories[new.lower()] = repository
        repository.full_name = new
        for artifact in repository.artifacts[:]:
            self.save_artifact(attrs.evolve(artifact, repository=new))
        return repository

    def find_by_old_name(self, key: str | int) -> tuple[Repository, int] | None:
        """Find a repository by an old name, and the status of the redirects from that name."""
        return self._old_names.get(key.lower()) if isinstance(key, str) else None

    def add_run(self, repository: Repository, run_id: int | None) -> int:
        """Add a workflow run and return its id; None takes the next free id."""
        if run_id is None:
            run_id = next(number for number in self._run_ids if number not in self._runs)
        self._runs.add(run_id)
        repository.runs.add(run_id)
        return run_id

    def artifact(self, artifact_id: int) -> FakeArtifact | None:
        """Find an artifact by its id, in any repository."""
        return self._artifacts.get(artifact_id)

    def allocate_artifact_id(self, requested: int | None) -> int:
        """Return the requested id, or the next free id if it is None.

        Raises:
            ValueError: Another artifact has the requested id.
        """
        if requested is None:
            return next(number for number in self._artifact_ids if number not in self._artifacts)
        if requested in self._artifacts:
            raise ValueError(f"artifact {requested} already exists; choose another id")
        return requested

    def next_timestamp(self) -> datetime:
        """Return the time in whole seconds, at least one second later than the previous result."""
        timestamp = datetime.fromtimestamp(int(self._now()), UTC)
        if timestamp <= self._last_timestamp:
            timestamp = self._last_timestamp + timedelta(seconds=1)
        self._last_timestamp = timestamp
        return timestamp

    def store_content(self, content: Content, modified: datetime) -> Path:
        """Write the content to a file and return its path. If the content is a path, return it."""
        if isinstance(content, os.PathLike):
            path = Path(content).absolute()
            if not path.is_file():
                raise FileNotFoundError(f"no file at {path}")
            return path
        if not isinstance(content, (bytes, Mapping)):
            kind = type(content).__name__
            raise TypeError(f"content must be bytes, a path or a mapping of members, not {kind}")
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(
                prefix="fake-github-", ignore_cleanup_errors=True
            )
        path = Path(self._directory.name, str(next(self._file_numbers)))
        if isinstance(content, Mapping):
            write_archive(path, content, modified)
        else:
            path.write_bytes(content)
        return path

    def save_artifact(self, artifact: FakeArtifact) -> None:
        """Add an artifact, or replace the one with the same id."""
        if artifact.id in self._artifacts:
            self._remove(artifact.id)
        self._artifacts[artifact.id] = artifact
        artifacts = self._repositories[artifact.repository_id].artifacts
        bisect.insort(artifacts, artifact, key=_sort_key)

    def delete_artifact(self, artifact_id: int) -> None:
        """Delete an artifact, and its file if the server created it."""
        artifact = self._remove(artifact_id)
        if self._directory is not None and artifact.path.parent == Path(self._directory.name):
            artifact.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Delete every file that the server created."""
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _remove(self, artifact_id: int) -> FakeArtifact:
        artifact = self._artifacts.pop(artifact_id)
        artifacts = self._repositories[artifact.repository_id].artifacts
        del artifacts[bisect.bisect_left(artifacts, _sort_key(artifact), key=_sort_key)]
        return artifact


def _check_name(full_name: str) -> None:
    owner, slash, name = full_name.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise ValueError(f"a repository name must be owner/name, not {full_name!r}")


def _sort_key(artifact: FakeArtifact) -> tuple[datetime, int]:
    return artifact.created_at, artifact.id
