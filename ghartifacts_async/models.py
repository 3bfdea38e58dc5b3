"""The values that callers hold: frozen, comparable, picklable, without a client in them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from attrs import frozen

_DIGEST = re.compile(r"[A-Za-z0-9_-]+:(?:[0-9A-Fa-f]{2})+")

Direction: TypeAlias = Literal["asc", "desc"]


@frozen
class Digest:
    """A checksum as GitHub writes it: ``sha256:<hex>``.

    Attributes:
        algorithm: Lower-case name, ``"sha256"`` for every artifact so far.
        hex: Lower-case hexadecimal digits.
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``algorithm:hex``.

        Raises:
            ValueError: The text is of another form.
        """
        if not _DIGEST.fullmatch(text):
            raise ValueError(f"a digest looks like 'sha256:<hex>', not {text[:100]!r}")
        algorithm, _, digits = text.lower().partition(":")
        return cls(algorithm, digits)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@frozen
class WorkflowRun:
    """The run that uploaded an artifact, as far as GitHub tells."""

    id: int | None = None
    repository_id: int | None = None
    head_repository_id: int | None = None
    head_branch: str | None = None
    head_sha: str | None = None


@frozen
class Artifact:
    """One artifact of a workflow run.

    Datetimes are timezone-aware and in UTC. Source: the ``artifact`` schema of
    https://docs.github.com/rest/actions/artifacts.

    Attributes:
        name: As uploaded: not unique in a repository, and never to be trusted as a path.
        size_in_bytes: Size of the payload in bytes; of the uploaded files before they were
            zipped where there is no `digest` (uploads before upload-artifact v4).
        expired: Whether its bytes are gone.
        digest: SHA-256 of the bytes that a download serves; ``None`` for uploads before
            upload-artifact v4 and from servers that do not know the field (GHES ≤ 3.19).
    """

    id: int
    node_id: str
    name: str
    size_in_bytes: int
    url: str
    archive_download_url: str
    expired: bool
    created_at: datetime | None = None
    expires_at: datetime | None = None
    updated_at: datetime | None = None
    digest: Digest | None = None
    workflow_run: WorkflowRun | None = None


@frozen
class ArtifactPage:
    """One page of a listing.

    Attributes:
        total_count: Artifacts in the whole listing when GitHub answered.
        artifacts: Those of this page, in GitHub's order.
    """

    total_count: int
    artifacts: tuple[Artifact, ...]


@frozen
class Progress:
    """How far a download is.

    Attributes:
        artifact: Which artifact.
        received: Bytes so far.
        total: Bytes in all, or ``None`` where nobody said.
        rate: Bytes a second since the start.
    """

    artifact: Artifact
    received: int
    total: int | None
    rate: float


@frozen
class Download:
    """An artifact on disk.

    Attributes:
        artifact: Which artifact.
        path: The file, complete.
        size: Its bytes.
        digest: SHA-256 of the file, read back from the disk.
        verified: Whether GitHub's own digest was there to compare with, and agreed.
    """

    artifact: Artifact
    path: Path
    size: int
    digest: Digest
    verified: bool


@frozen
class Timeouts:
    """How long to wait, in seconds. A download as a whole has no limit.

    Attributes:
        connect: For a connection, TLS included.
        call: For a whole API call; GitHub itself gives up after 10 seconds.
        stall: Without a single byte of a download.
    """

    connect: float = 10.0
    call: float = 30.0
    stall: float = 30.0
