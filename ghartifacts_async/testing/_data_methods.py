"""`DataMethods`: the methods of `FakeGitHub` that add, change and delete its data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import attrs

from ghartifacts_async.testing._api.auth.tokens import DEFAULT_LOGIN
from ghartifacts_async.testing._run_methods import RunMethods
from ghartifacts_async.testing._shared.archives import sha256_of
from ghartifacts_async.testing._shared.artifact import FakeArtifact, guess_content_type
from ghartifacts_async.testing._shared.database import Content
from ghartifacts_async.testing._shared.repository import DEFAULT_BRANCH, FakeCommit
from ghartifacts_async.testing._shared.run import FakeRun

_RETENTION = timedelta(days=90)
_SHA = re.compile(r"[0-9a-f]{40}")


class DataMethods(RunMethods):
    """Methods for repositories, commits and artifacts.

    They can be called before the server is started and while it runs.
    """

    def add_repository(self, repository: str, *, private: bool = False) -> int:
        """Add a repository, or change whether an existing one is private.

        Adding an artifact creates its repository, so this is needed only for empty and for
        private repositories.

        Args:
            repository: `"owner/name"`.
            private: Whether requests without a token get 404.

        Returns:
            The repository's numeric id.

        Raises:
            ValueError: The name is not `owner/name`.
        """
        added = self._database.add_repository(repository)
        added.private = private
        return added.id

    def add_organization(self, login: str) -> None:
        """Make an account an organization, which owns repositories but starts no runs.

        Accounts exist without being added; those that are not organizations are users.

        Args:
            login: The owner in the names of its repositories. They may exist already.
        """
        self._database.add_organization(login)

    def rename_repository(
        self, old: str, new: str, *, status: Literal[301, 302, 307, 308] = 301
    ) -> None:
        """Rename a repository. Requests for its old name are redirected to `/repositories/{id}/…`.

        The redirects end when a repository with the old name is added, either explicitly or by
        adding an artifact to it.

        Args:
            old: The current `"owner/name"`.
            new: The new `"owner/name"`.
            status: The status of the redirects.

        Raises:
            KeyError: No repository has the old name.
            ValueError: The new name is not `owner/name`, or another repository has that name.
        """
        self._database.rename_repository(old, new, status)

    def add_commit(
        self,
        repository: str,
        sha: str | None = None,
        *,
        branch: str = DEFAULT_BRANCH,
        parents: Sequence[str] | None = None,
        message: str | None = None,
        author: str | None = None,
        committed_at: datetime | None = None,
        files: Sequence[str] = (),
    ) -> FakeCommit:
        """Add a commit to a branch, as a push would.

        Runs and artifacts of the repository can be added without any commit. If the branch of a
        new run has commits, the run belongs to the newest.

        Args:
            repository: `"owner/name"`; created if it does not exist.
            sha: The SHA, 40 hexadecimal digits in lower case. None derives one.
            branch: The branch whose newest commit it becomes; created if it does not exist.
            parents: The SHAs of its parents, which may be commits of forks. None chooses the
                newest commit of the branch, or of `main` if the branch is new. Pass several for
                a merge, and none for a history of its own.
            message: The message. None makes one.
            author: The login of the author. None chooses the owner of the repository, or
                `octocat` if that is an organization.
            committed_at: When it was committed. None chooses the current time in whole seconds,
                but at least one second after the last time that was chosen.
            files: The paths of the files that it changes, such as `["docs/index.md"]`.

        Raises:
            ValueError: The repository's name is not `owner/name`, the SHA is not valid or another
                commit has it, a parent does not exist, or `committed_at` has no time zone.
        """
        if committed_at is not None and committed_at.tzinfo is None:
            raise ValueError("committed_at needs a time zone")
        found = self._database.add_repository(repository)
        commits = found.commits
        if sha is None:
            sha = hashlib.sha256(f"{found.id}/{len(commits)}".encode()).hexdigest()[:40]
        if not _SHA.fullmatch(sha):
            raise ValueError(f"a SHA must be 40 hexadecimal digits in lower case, not {sha!r}")
        if sha in commits:
            raise ValueError(f"commit {sha} already exists; choose another SHA")
        if parents is None:
            newest = found.branches.get(branch) or found.branches.get(DEFAULT_BRANCH)
            parents = () if newest is None else (newest,)
        for parent in parents:
            if parent not in commits:
                raise ValueError(f"{repository} has no commit {parent}; add the parent first")
        commit = FakeCommit(
            sha=sha,
            parents=tuple(parents),
            message=f"Commit {sha[:7]}" if message is None else message,
            author=author or (DEFAULT_LOGIN if found.owned_by_organization else found.owner),
            committed_at=committed_at or self._database.next_timestamp(),
            files=tuple(files),
        )
        self._database.save_commit(found, branch, commit)
        return commit

    def add_artifact(
        self,
        repository: str,
        name: str,
        content: Content,
        *,
        id: int | None = None,  # noqa: A002 - the API's name for it
        raw: str | None = None,
        run_id: FakeRun | int | None = None,
        expired: bool = False,
        digest: Literal["auto"] | str | None = "auto",  # noqa: PYI051 - documents the default
        created_at: datetime | None = None,
        expires_at: datetime | None = None,
        size_in_bytes: int | None = None,
        location: Callable[[FakeArtifact], str] | str | None = None,
        head_branch: str | None = None,
        head_sha: str | None = None,
        head_repository: str | None = None,
    ) -> FakeArtifact:
        """Add an artifact, as an upload would.

        Args:
            repository: `"owner/name"`; created if it does not exist.
            name: The artifact's name. Several artifacts may share a name.
            content: The payload. A mapping from member names to contents is zipped in the format
                of the official uploader. Bytes, and the file at a path, are served unchanged.
                A file may have any size and must stay in place. It is read in chunks.
            id: The artifact's id. None takes the next free id.
            raw: The file name of an upload with `archive: false`. It determines the content
                type, and the path of the signed URL does not end in `.zip`. The content must
                not be a mapping.
            run_id: The workflow run or its id; created if it does not exist. None creates a new
                run.
            expired: Whether the API reports the artifact as expired and answers downloads with
                410.
            digest: The digest that the API reports. `"auto"` computes the SHA-256 of the payload
                now, which reads the whole file. Any other text, or None, is reported unchanged.
            created_at: The time of the upload. None chooses the current time in whole seconds,
                but at least one second after the last time that was chosen.
            expires_at: When the artifact expires, on the server's clock. None chooses 90 days after
                `created_at`, or 90 days from now if that time has passed. If `expired` is true,
                it chooses `created_at`.
            size_in_bytes: The size that the API reports, in bytes. None reports the true size.
            location: The URL to which downloads are redirected, or a function that returns this
                URL for each redirect. The URL is sent verbatim. None redirects to the server's
                own blob store.
            head_branch: The branch. None takes the run's, which is `"main"` for a new run.
            head_sha: The commit. None takes the run's.
            head_repository: The repository of the commit, `"owner/name"`, as for `add_run`. It
                applies only to a new run.

        Returns:
            The artifact.

        Raises:
            ValueError: The repository's name is not `owner/name`, another artifact has
                the id, the run belongs to another repository, a time has no time zone, or the
                location has a line break.
            TypeError: The content has an unsupported type, or is a mapping while `raw` is given.
            FileNotFoundError: There is no file at the path.
        """
        if raw is not None and isinstance(content, Mapping):
            raise TypeError("a raw upload is a single file: pass its bytes or its path")
        for name_of_time, moment in (("created_at", created_at), ("expires_at", expires_at)):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name_of_time} needs a time zone")
        parent = self._database.add_repository(repository)
        artifact_id = self._database.allocate_artifact_id(id)
        created = created_at or self._database.next_timestamp()
        path = self._database.store_content(content, created)
        size = path.stat().st_size
        run = self._run_of_artifact(
            parent.full_name, run_id, created, head_branch, head_sha, head_repository
        )
        artifact = FakeArtifact(
            id=artifact_id,
            name=name,
            repository=parent.full_name,
            repository_id=parent.id,
            run_id=run.id,
            head_branch=head_branch or run.head_branch,
            head_sha=head_sha or run.head_sha,
            head_repository_id=run.head_repository_id,
            path=path,
            size=size,
            size_in_bytes=size if size_in_bytes is None else size_in_bytes,
            digest=sha256_of(path) if digest == "auto" else digest,
            expired=expired,
            created_at=created,
            expires_at=expires_at or (created if expired else self._default_expiry(created)),
            content_type="application/zip" if raw is None else guess_content_type(raw),
            file_name=f"{name}.zip" if raw is None else raw,
            is_raw=raw is not None,
            location=location,
        )
        self._database.save_artifact(artifact)
        return artifact

    def _run_of_artifact(
        self,
        repository: str,
        run: FakeRun | int | None,
        created: datetime,
        head_branch: str | None,
        head_sha: str | None,
        head_repository: str | None,
    ) -> FakeRun:
        """Return the run that uploads an artifact; create it if it does not exist."""
        run_id = run.id if isinstance(run, FakeRun) else run
        attempts = [] if run_id is None else self._database.attempts(run_id)
        if not attempts:
            return self.add_run(
                repository,
                run_id,
                branch=head_branch or "main",
                head_sha=head_sha,
                head_repository=head_repository,
                created_at=created,
            )
        if attempts[-1].repository != repository:
            raise ValueError(f"run {run_id} belongs to {attempts[-1].repository}")
        return attempts[-1]

    def _default_expiry(self, created: datetime) -> datetime:
        expiry, now = created + _RETENTION, self._database.current_time()
        return expiry if expiry > now else now + _RETENTION

    @property
    def repositories(self) -> list[str]:
        """The names of the repositories, each as `"owner/name"`, oldest first."""
        self._now.execute_due()
        return [repository.full_name for repository in self._database.repositories()]

    def artifacts(self, repository: str) -> list[FakeArtifact]:
        """Return the artifacts of a repository, newest first.

        Raises:
            KeyError: The repository does not exist.
        """
        self._now.execute_due()
        found = self._database.repository(repository)
        if found is None:
            raise KeyError(repository)
        now = self._database.current_time()
        return [artifact.at(now) for artifact in found.newest_first()]

    def expire_artifact(self, artifact: FakeArtifact | int) -> FakeArtifact:
        """Mark an artifact as expired, and return the changed artifact.

        Args:
            artifact: The artifact or its id.

        Raises:
            KeyError: The artifact does not exist.
        """
        current = self._database.artifact(_id(artifact))
        if current is None:
            raise KeyError(_id(artifact))
        expires_at = min(current.expires_at, self._database.current_time())
        expired = attrs.evolve(current, expired=True, expires_at=expires_at)
        self._database.save_artifact(expired)
        return expired

    def delete_artifact(self, artifact: FakeArtifact | int) -> None:
        """Delete an artifact, as another client would.

        Args:
            artifact: The artifact or its id.

        Raises:
            KeyError: The artifact does not exist.
        """
        self._database.delete_artifact(_id(artifact))


def _id(artifact: FakeArtifact | int) -> int:
    return artifact if isinstance(artifact, int) else artifact.id
