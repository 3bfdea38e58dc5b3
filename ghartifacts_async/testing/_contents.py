"""`Contents`: the repositories, runs and artifacts of a server, as a test arranges them."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import attrs

from ghartifacts_async.testing._shared.archives import sha256_of
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.store import Content, Store

_RETENTION = timedelta(days=90)


class Contents:
    """The part of `FakeGitHub` that needs no server: it works before the start as well."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._store = Store(now)

    def add_repository(self, repository: str, *, private: bool = False) -> int:
        """Add a repository, or change whether it is private.

        Artifacts make their repository by themselves; this is for empty and private ones.

        Args:
            repository: `"owner/name"`.
            private: Whether calls without a token are told that there is no such repository.

        Returns:
            The repository's numeric id.

        Raises:
            ValueError: The name is not of that form.
        """
        added = self._store.add_repository(repository)
        added.private = private
        return added.id

    def rename_repository(
        self, old: str, new: str, *, status: Literal[301, 302, 307, 308] = 301
    ) -> None:
        """Rename a repository: calls to its old name are redirected to `/repositories/{id}/…`.

        A repository added under the old name afterwards, by an artifact too, ends that.

        Args:
            old: `"owner/name"` as it is.
            new: `"owner/name"` as it shall be.
            status: The status of the redirects.

        Raises:
            KeyError: There is no repository of the old name.
            ValueError: The new name is malformed, or another repository's.
        """
        self._store.rename(old, new, status)

    def add_run(self, repository: str, run_id: int | None = None) -> int:
        """Add a workflow run, which artifacts otherwise do by themselves, and return its id."""
        return self._store.add_run(self._store.add_repository(repository), run_id)

    def add_artifact(
        self,
        repository: str,
        name: str,
        content: Content,
        *,
        id: int | None = None,  # noqa: A002 - it is what the API calls it
        raw: str | None = None,
        run_id: int | None = None,
        expired: bool = False,
        digest: Literal["auto"] | str | None = "auto",  # noqa: PYI051 - tells the reader
        created_at: datetime | None = None,
        size_in_bytes: int | None = None,
        location: Callable[[FakeArtifact], str] | str | None = None,
        head_branch: str = "main",
        head_sha: str | None = None,
    ) -> FakeArtifact:
        """Add an artifact, as an upload would.

        Args:
            repository: `"owner/name"`; made where there is none.
            name: The artifact's name; several may share it.
            content: A mapping from member names to contents is zipped as the official uploader
                does it. Bytes, and the file at a path, are served as they are; that file may be
                of any size, is never held in memory, and has to stay where it is.
            id: The artifact's id; by default the next one.
            raw: The file name of an upload with `archive: false`: it decides the content type,
                and the blob's URL does not end in `.zip`. Not for a mapping.
            run_id: The workflow run, made where there is none; by default a new one.
            expired: Whether the API reports it as expired and answers downloads with 410.
            digest: What the API reports: `"auto"` is the SHA-256 of what is served, which for
                a path means reading all of it now; None and any other text go out as given.
            created_at: When it was uploaded; by default now, in whole seconds, and at least a
                second after the artifact added before.
            size_in_bytes: The size that the API reports; by default the true one.
            location: Where downloads are redirected to instead of the server's own blob host,
                verbatim: a URL, or a function that is called for each redirect.
            head_branch: The branch of its run.
            head_sha: The commit of its run; by default made from the run's id.

        Returns:
            The artifact, with everything that was decided for it.

        Raises:
            ValueError: The repository's name is malformed, the id is taken, or `created_at`
                has no time zone.
            TypeError: The content is of no such kind, or a mapping although `raw` is given.
            FileNotFoundError: There is no file at the path.
        """
        if raw is not None and isinstance(content, Mapping):
            raise TypeError("a raw upload is a single file: give its bytes or its path")
        if created_at is not None and created_at.tzinfo is None:
            raise ValueError("created_at needs a time zone")
        home = self._store.add_repository(repository)
        artifact_id = self._store.free_id(id)
        created = created_at or self._store.next_moment()
        path = self._store.keep(content, created)
        size = path.stat().st_size
        run = self._store.add_run(home, run_id)
        sha = head_sha or hashlib.sha256(f"{home.id}/{run}".encode()).hexdigest()[:40]
        artifact = FakeArtifact(
            id=artifact_id,
            name=name,
            repository=home.full_name,
            repository_id=home.id,
            run_id=run,
            head_branch=head_branch,
            head_sha=sha,
            path=path,
            size=size,
            size_in_bytes=size if size_in_bytes is None else size_in_bytes,
            digest=sha256_of(path) if digest == "auto" else digest,
            expired=expired,
            created_at=created,
            expires_at=created if expired else created + _RETENTION,
            content_type="application/zip" if raw is None else _content_type(raw),
            file_name=f"{name}.zip" if raw is None else raw,
            is_raw=raw is not None,
            location=location,
        )
        self._store.put(artifact)
        return artifact

    def artifacts(self, repository: str) -> list[FakeArtifact]:
        """Return a repository's artifacts, newest first; `KeyError` where there is none."""
        found = self._store.repository(repository)
        if found is None:
            raise KeyError(repository)
        return found.newest_first()

    def expire_artifact(self, artifact: FakeArtifact | int) -> FakeArtifact:
        """Let an artifact expire, and return it as it is now; `KeyError` where there is none."""
        present = self._store.artifact(_id(artifact))
        if present is None:
            raise KeyError(_id(artifact))
        expired = attrs.evolve(present, expired=True)
        self._store.put(expired)
        return expired

    def delete_artifact(self, artifact: FakeArtifact | int) -> None:
        """Delete an artifact behind the client's back; `KeyError` where there is none."""
        self._store.remove(_id(artifact))


def _id(artifact: FakeArtifact | int) -> int:
    return artifact if isinstance(artifact, int) else artifact.id


def _content_type(file_name: str) -> str:
    kind, encoding = mimetypes.guess_type(file_name)
    if encoding is not None:
        kind = "application/gzip" if encoding == "gzip" else None
    return kind or "application/octet-stream"
