"""`FakeArtifact`, and the JSON by which the API represents it."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs

from ghartifacts_async.testing._shared.messages import UNSAFE_IN_HEADER


def timestamp(moment: datetime) -> str:
    """Format a time as GitHub does, in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int) -> str:
    """Return a global node id in GitHub's older form: the kind and the number in base64."""
    return base64.b64encode(f"{len(kind):02}:{kind}{number}".encode()).decode()


def _check_location(
    _: object, _attribute: object, location: Callable[[FakeArtifact], str] | str | None
) -> None:
    if isinstance(location, str) and UNSAFE_IN_HEADER.search(location):
        raise ValueError(f"location {location!r} has a line break or a null character")


@attrs.frozen
class FakeArtifact:
    """An artifact of a `FakeGitHub`: the metadata that the API reports, and the file it serves.

    Attributes:
        id: The artifact's id, unique on the server.
        name: The artifact's name. Several artifacts of a repository may share a name.
        repository: `"owner/name"`.
        repository_id: The repository's numeric id.
        run_id: The id of the workflow run that uploaded it.
        head_branch: The branch of that run.
        head_sha: The commit of that run.
        head_repository_id: The numeric id of the repository of that commit. If it differs from
            `repository_id`, the run is one of a fork.
        path: The file that the blob store serves.
        size: The length of that file in bytes.
        size_in_bytes: The size that the API reports, in bytes.
        digest: The digest that the API reports, `"sha256:<hex>"`, or None.
        expired: Whether the API reports the artifact as expired and refuses to download it. The
            artifact expires when the server's clock reaches `expires_at`.
        created_at: When the artifact was created. The API reports the same `updated_at`.
        expires_at: When the artifact expires or expired.
        content_type: The `Content-Type` that the blob store sends.
        file_name: The file name in the `Content-Disposition` that the blob store sends.
        is_raw: Whether the payload was uploaded with `archive: false`, that is, without zipping.
        location: The URL to which downloads are redirected, or a function that returns it. None
            redirects to the server's own blob store.
    """

    id: int
    name: str
    repository: str
    repository_id: int
    run_id: int
    head_branch: str
    head_sha: str
    head_repository_id: int
    path: Path
    size: int
    size_in_bytes: int
    digest: str | None
    expired: bool
    created_at: datetime
    expires_at: datetime
    content_type: str
    file_name: str
    is_raw: bool
    location: Callable[[FakeArtifact], str] | str | None = attrs.field(validator=_check_location)

    def at(self, moment: datetime) -> FakeArtifact:
        """Return the artifact at a time. It is expired if `expires_at` has passed by then."""
        if self.expired or moment < self.expires_at:
            return self
        return attrs.evolve(self, expired=True)

    def document(self, api_url: str) -> dict[str, object]:
        """Return the artifact as the API's JSON represents it.

        Args:
            api_url: The API's base URL, without a trailing slash.
        """
        url = f"{api_url}/repos/{self.repository}/actions/artifacts/{self.id}"
        return {
            "id": self.id,
            "node_id": node_id("Artifact", self.id),
            "name": self.name,
            "size_in_bytes": self.size_in_bytes,
            "url": url,
            "archive_download_url": f"{url}/zip",
            "expired": self.expired,
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.created_at),
            "expires_at": timestamp(self.expires_at),
            "digest": self.digest,
            "workflow_run": {
                "id": self.run_id,
                "repository_id": self.repository_id,
                "head_repository_id": self.head_repository_id,
                "head_branch": self.head_branch,
                "head_sha": self.head_sha,
            },
        }


def guess_content_type(file_name: str) -> str:
    """Return the content type of a file that was uploaded without zipping."""
    content_type, encoding = mimetypes.guess_type(file_name)
    if encoding is not None:
        content_type = "application/gzip" if encoding == "gzip" else None
    return content_type or "application/octet-stream"
