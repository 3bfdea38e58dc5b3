"""What the server has: repositories, their runs and artifacts, and a directory of files."""

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

_FIRST_REPOSITORY = 1296269
_FIRST_RUN = 2332938


@attrs.define(eq=False)
class Repository:
    """A repository: its artifacts lie oldest first, by creation and then by id."""

    id: int
    full_name: str
    private: bool
    runs: set[int] = attrs.field(factory=set)
    ordered: list[FakeArtifact] = attrs.field(factory=list)

    @property
    def name(self) -> str:
        """Its name without the owner's."""
        return self.full_name.partition("/")[2]

    def newest_first(
        self, name: str | None = None, run_id: int | None = None
    ) -> list[FakeArtifact]:
        """Return its artifacts, those of one name or of one run only where asked."""
        if not name and run_id is None:
            return self.ordered[::-1]
        return [
            artifact
            for artifact in reversed(self.ordered)
            if (not name or artifact.name == name) and run_id in (None, artifact.run_id)
        ]


class Store:
    """Everything the server knows. Look-ups return None for what is not there."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._repositories: dict[str | int, Repository] = {}
        self._old_names: dict[str, tuple[Repository, int]] = {}
        self._artifacts: dict[int, FakeArtifact] = {}
        self._runs: set[int] = set()
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._repository_ids = count(_FIRST_REPOSITORY)
        self._run_ids = count(_FIRST_RUN)
        self._artifact_ids = count(1)
        self._file_numbers = count(1)
        self._last_moment = datetime.min.replace(tzinfo=UTC)

    def repository(self, key: str | int) -> Repository | None:
        """Find a repository by `"owner/name"` in any case, or by its numeric id."""
        return self._repositories.get(key.lower() if isinstance(key, str) else key)

    def repositories(self) -> list[Repository]:
        """Return all of them, oldest first."""
        return [found for key, found in self._repositories.items() if isinstance(key, int)]

    def add_repository(self, full_name: str) -> Repository:
        """Return the repository of that name, new where there is none."""
        _check_name(full_name)
        repository = self.repository(full_name)
        if repository is None:
            repository = Repository(next(self._repository_ids), full_name, private=False)
            self._old_names.pop(full_name.lower(), None)
            self._repositories[full_name.lower()] = repository
            self._repositories[repository.id] = repository
        return repository

    def rename(self, old: str, new: str, status: int) -> Repository:
        """Give a repository another name, and remember how the old one redirects."""
        _check_name(new)
        repository = self._repositories[old.lower()]
        if self.repository(new) not in (None, repository):
            raise ValueError(f"there is a repository {new} already")
        del self._repositories[old.lower()]
        self._old_names[old.lower()] = repository, status
        self._old_names.pop(new.lower(), None)
        self._repositories[new.lower()] = repository
        repository.full_name = new
        for artifact in repository.ordered[:]:
            self.put(attrs.evolve(artifact, repository=new))
        return repository

    def renamed(self, key: str | int) -> tuple[Repository, int] | None:
        """Find the repository that had a name, and the status with which that redirects."""
        return self._old_names.get(key.lower()) if isinstance(key, str) else None

    def add_run(self, repository: Repository, run_id: int | None) -> int:
        """Make a run known, with the next free id where none is given."""
        if run_id is None:
            run_id = next(number for number in self._run_ids if number not in self._runs)
        self._runs.add(run_id)
        repository.runs.add(run_id)
        return run_id

    def artifact(self, artifact_id: int) -> FakeArtifact | None:
        """Find an artifact by its id, whatever its repository."""
        return self._artifacts.get(artifact_id)

    def free_id(self, wanted: int | None) -> int:
        """Return the id wanted, or the next one; a taken id raises `ValueError`."""
        if wanted is None:
            return next(number for number in self._artifact_ids if number not in self._artifacts)
        if wanted in self._artifacts:
            raise ValueError(f"there is an artifact {wanted} already")
        return wanted

    def next_moment(self) -> datetime:
        """Return the present in whole seconds, and later than the last time it was asked."""
        present = datetime.fromtimestamp(int(self._now()), UTC)
        if present <= self._last_moment:
            present = self._last_moment + timedelta(seconds=1)
        self._last_moment = present
        return present

    def keep(self, content: Content, modified: datetime) -> Path:
        """Lay the content out as a file, or take the file that it names as it lies."""
        if isinstance(content, os.PathLike):
            path = Path(content).absolute()
            if not path.is_file():
                raise FileNotFoundError(f"there is no file {path}")
            return path
        if not isinstance(content, (bytes, Mapping)):
            kind = type(content).__name__
            raise TypeError(f"content is a mapping of files, bytes or a path, not {kind}")
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

    def put(self, artifact: FakeArtifact) -> None:
        """Add an artifact, or replace the one with its id."""
        if artifact.id in self._artifacts:
            self._take_out(artifact.id)
        self._artifacts[artifact.id] = artifact
        bisect.insort(self._repositories[artifact.repository_id].ordered, artifact, key=_age)

    def remove(self, artifact_id: int) -> None:
        """Forget an artifact, and its file where the server made it."""
        artifact = self._take_out(artifact_id)
        if self._directory is not None and artifact.path.parent == Path(self._directory.name):
            artifact.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove every file that the server made."""
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _take_out(self, artifact_id: int) -> FakeArtifact:
        artifact = self._artifacts.pop(artifact_id)
        ordered = self._repositories[artifact.repository_id].ordered
        del ordered[bisect.bisect_left(ordered, _age(artifact), key=_age)]
        return artifact


def _check_name(full_name: str) -> None:
    owner, slash, name = full_name.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise ValueError(f"a repository is named owner/name, not {full_name!r}")


def _age(artifact: FakeArtifact) -> tuple[datetime, int]:
    return artifact.created_at, artifact.id
