"""The server's data: repositories, workflow runs and artifacts, and the files that it created."""

from __future__ import annotations

import bisect
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs

from ghartifacts_async.testing._shared.archives import write_archive
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.repository import FakeCommit, Repository
from ghartifacts_async.testing._shared.run import FakeRun, Workflow

Content = Mapping[str, bytes | str] | bytes | os.PathLike[str]

_FIRST_REPOSITORY_ID = 1296269
_FIRST_RUN_ID = 2332938
_FIRST_WORKFLOW_ID = 161335


Method = TypeVar("Method", bound=Callable[..., Any])


def _locked(method: Method) -> Method:
    """Make a method of `Database` hold its lock."""

    @wraps(method)
    def call(self: Database, *arguments: Any, **options: Any) -> Any:
        with self.lock:
            return method(self, *arguments, **options)

    return cast("Method", call)


class Database:
    """The data of the server. Look-ups return None for missing keys.

    Args:
        now: A function that returns the time, in seconds since the epoch.

    Attributes:
        lock: The lock that the server holds while it handles a request. A test may change the
            data in another thread.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.lock = threading.RLock()
        self._repositories: dict[str | int, Repository] = {}
        self._old_names: dict[str, tuple[Repository, int]] = {}
        self._organizations: set[str] = set()
        self._logins: dict[str, str] = {}
        self._artifacts: dict[int, FakeArtifact] = {}
        self._attempts: dict[int, list[FakeRun]] = {}
        self._run_numbers: dict[int, int] = {}
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._repository_ids = count(_FIRST_REPOSITORY_ID)
        self._run_ids = count(_FIRST_RUN_ID)
        self._workflow_ids = count(_FIRST_WORKFLOW_ID)
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

    @_locked
    def add_repository(self, full_name: str) -> Repository:
        """Return the repository with this name; create it if it does not exist."""
        _check_name(full_name)
        repository = self.repository(full_name)
        if repository is None:
            repository_id, created = next(self._repository_ids), self.current_time()
            repository = Repository(repository_id, full_name, False, created)
            repository.owned_by_organization = self.is_organization(repository.owner)
            self.add_account(repository.owner)
            self._old_names.pop(full_name.lower(), None)
            self._repositories[full_name.lower()] = repository
            self._repositories[repository.id] = repository
        return repository

    def add_account(self, login: str) -> None:
        """Add an account, or change how its login is spelled."""
        self._logins[login.lower()] = login

    def login(self, login: str) -> str | None:
        """Find an account by its case-insensitive login, and return the login as it is spelled."""
        return self._logins.get(login.lower())

    @_locked
    def add_organization(self, login: str) -> None:
        """Make an account an organization."""
        self._organizations.add(login.lower())
        self.add_account(login)
        for repository in self.repositories():
            repository.owned_by_organization = self.is_organization(repository.owner)

    def is_organization(self, login: str) -> bool:
        """Return True if the account is an organization, and False if it is a user."""
        return login.lower() in self._organizations

    def add_fork(self, full_name: str, parent: Repository) -> Repository:
        """Return the repository with this name; create it as a fork if it does not exist."""
        known = self.repository(full_name)
        fork = known or self.add_repository(full_name)
        if known is None:
            fork.parent = parent
            fork.branches = dict(parent.branches)
        return fork

    @_locked
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
        self.add_account(repository.owner)
        repository.owned_by_organization = self.is_organization(repository.owner)
        for artifact in repository.artifacts[:]:
            self.save_artifact(attrs.evolve(artifact, repository=new))
        for run in repository.runs[:]:
            for attempt in self._attempts[run.id][:]:
                self.save_run(attrs.evolve(attempt, repository=new))
        return repository

    def find_by_old_name(self, key: str | int) -> tuple[Repository, int] | None:
        """Find a repository by an old name, and the status of the redirects from that name."""
        return self._old_names.get(key.lower()) if isinstance(key, str) else None

    @_locked
    def save_commit(self, repository: Repository, branch: str, commit: FakeCommit) -> None:
        """Add a commit as the newest of a branch."""
        repository.commits[commit.sha] = commit
        repository.branches[branch] = commit.sha
        self.add_account(commit.author)

    @_locked
    def add_workflow(self, repository: Repository, file: str) -> Workflow:
        """Return the workflow with this file; create it if it does not exist.

        Args:
            repository: The repository of the workflow.
            file: The file's name or path.
        """
        path = file if "/" in file else f".github/workflows/{file}"
        workflow = repository.workflows.get(path)
        if workflow is None:
            workflow = Workflow(next(self._workflow_ids), path, self.current_time())
            repository.workflows[path] = workflow
        return workflow

    def allocate_run_id(self, requested: int | None) -> int:
        """Return the requested id, or the next free id if it is None.

        Raises:
            ValueError: Another run has the requested id.
        """
        if requested is None:
            return next(number for number in self._run_ids if number not in self._attempts)
        if requested in self._attempts:
            raise ValueError(f"run {requested} already exists; choose another id")
        return requested

    def next_run_number(self, workflow: Workflow) -> int:
        """Return the number of the next run of a workflow, counted from 1."""
        number = self._run_numbers.get(workflow.id, 0) + 1
        self._run_numbers[workflow.id] = number
        return number

    def attempts(self, run_id: int) -> list[FakeRun]:
        """Return the attempts of a run, first to last. The list is empty if no run has the id."""
        return self._attempts.get(run_id, [])

    @_locked
    def save_run(self, run: FakeRun) -> None:
        """Add a run or an attempt of it, or replace the attempt with the same number."""
        attempts = self._attempts.setdefault(run.id, [])
        runs = self._repositories[run.repository_id].runs
        if attempts:
            del runs[bisect.bisect_left(runs, _sort_key(attempts[-1]), key=_sort_key)]
        attempts[run.attempt - 1 : run.attempt] = [run]
        self.add_account(run.actor)
        bisect.insort(runs, attempts[-1], key=_sort_key)

    @_locked
    def delete_run(self, run_id: int) -> None:
        """Delete a run with its artifacts."""
        run = self._attempts.pop(run_id)[-1]
        repository = self._repositories[run.repository_id]
        del repository.runs[bisect.bisect_left(repository.runs, _sort_key(run), key=_sort_key)]
        for artifact in repository.newest_first(run_id=run_id):
            self.delete_artifact(artifact.id)

    def artifact(self, artifact_id: int) -> FakeArtifact | None:
        """Find an artifact by its id, in any repository, in its current state."""
        artifact = self._artifacts.get(artifact_id)
        return artifact and artifact.at(self.current_time())

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

    def current_time(self) -> datetime:
        """Return the time in whole seconds."""
        return datetime.fromtimestamp(int(self._now()), UTC)

    def next_timestamp(self) -> datetime:
        """Return the time in whole seconds, at least one second later than the previous result."""
        timestamp = self.current_time()
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

    @_locked
    def save_artifact(self, artifact: FakeArtifact) -> None:
        """Add an artifact, or replace the one with the same id."""
        if artifact.id in self._artifacts:
            self._remove(artifact.id)
        self._artifacts[artifact.id] = artifact
        artifacts = self._repositories[artifact.repository_id].artifacts
        bisect.insort(artifacts, artifact, key=_sort_key)

    @_locked
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


def _sort_key(item: FakeArtifact | FakeRun) -> tuple[datetime, int]:
    return item.created_at, item.id
