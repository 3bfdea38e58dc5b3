"""`FakeArtifact`, and how one looks in the API's JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs


@attrs.frozen
class FakeArtifact:
    """One artifact of a `FakeGitHub`: what the API says about it, and the file behind it.

    Attributes:
        id: The artifact's id, unique on the whole server.
        name: Its name, which several artifacts of a repository may share.
        repository: `"owner/name"`.
        repository_id: The repository's numeric id.
        run_id: The workflow run that it belongs to.
        head_branch: The branch of that run.
        head_sha: The commit of that run.
        path: The file that is served.
        size: The length of that file in bytes.
        size_in_bytes: The size that the API reports.
        digest: The digest that the API reports, `"sha256:<hex>"`, or None.
        expired: Whether the API reports it as expired and refuses the download.
        created_at: When it was created, also its `updated_at`.
        expires_at: When it expires, or expired.
        content_type: What the blob host serves it as.
        file_name: The name in the blob host's `Content-Disposition`.
        is_raw: Whether it is the payload of an upload with `archive: false`.
        location: What the download redirects to instead of the server's own blob host.
    """

    id: int
    name: str
    repository: str
    repository_id: int
    run_id: int
    head_branch: str
    head_sha: str
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
    location: Callable[[FakeArtifact], str] | str | None

    def document(self, api_url: str) -> dict[str, object]:
        """Return the artifact as the API's JSON shows it.

        Args:
            api_url: The API's base URL, without a trailing slash.
        """
        url = f"{api_url}/repos/{self.repository}/actions/artifacts/{self.id}"
        return {
            "id": self.id,
            "node_id": base64.b64encode(f"08:Artifact{self.id}".encode()).decode(),
            "name": self.name,
            "size_in_bytes": self.size_in_bytes,
            "url": url,
            "archive_download_url": f"{url}/zip",
            "expired": self.expired,
            "created_at": _timestamp(self.created_at),
            "updated_at": _timestamp(self.created_at),
            "expires_at": _timestamp(self.expires_at),
            "digest": self.digest,
            "workflow_run": {
                "id": self.run_id,
                "repository_id": self.repository_id,
                "head_repository_id": self.repository_id,
                "head_branch": self.head_branch,
                "head_sha": self.head_sha,
            },
        }


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
