"""The values that callers hold: frozen, comparable, picklable, without a client in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

from attrs import field, frozen

from ghartifacts_async.errors import InvalidArgument

_DIGEST = re.compile(r"([A-Za-z0-9_-]+):([0-9A-Fa-f]+)")

Direction: TypeAlias = Literal["asc", "desc"]
IfExists: TypeAlias = Literal["verify", "replace", "error"]
IfDirectoryExists: TypeAlias = Literal["error", "replace"]


class ArtifactFilters(TypedDict, total=False):
    """Which artifacts of a listing are wanted, beyond `name`; see `Repo.list_artifacts`."""

    pattern: str | None
    branch: str | None
    head_sha: str | None
    created_after: datetime | None
    created_before: datetime | None
    expired: bool | None
    min_size: int | None
    max_size: int | None


def _at_least(minimum: float) -> Callable[[object, Any, float | None], None]:
    def check(_: object, attribute: Any, value: float | None) -> None:
        optional = value is None and attribute.default is not None and "None" in attribute.type
        sound = isinstance(value, int | float) and minimum <= value < float("inf")
        if not (sound or optional):
            raise InvalidArgument(f"{attribute.name} is a number from {minimum} on, not {value!r}")

    return check


def _lower(text: str) -> str:
    return text.lower()


@frozen
class Digest:
    """A checksum as GitHub writes it: ``sha256:<hex>``.

    Attributes:
        algorithm: Lower-case name, ``"sha256"`` for every artifact so far.
        hex: Lower-case hexadecimal digits.
    """

    algorithm: str = field(converter=_lower)
    hex: str = field(converter=_lower)

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``algorithm:hex``.

        Raises:
            ValueError: The text is of another form.
        """
        found = _DIGEST.fullmatch(text)
        if found is None or len(found[2]) % 2:
            raise ValueError(f"a digest looks like 'sha256:<hex>', not {text[:100]!r}")
        return cls(found[1], found[2])

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
        resumed: Bytes that an earlier download had left; `received` counts them too.
    """

    artifact: Artifact
    received: int
    total: int | None
    rate: float
    resumed: int = 0


@frozen
class Download:
    """An artifact on disk.

    Attributes:
        artifact: Which artifact.
        path: The file, complete.
        size: Its bytes.
        digest: SHA-256 of the file, read back from the disk.
        verified: Whether GitHub's own digest was there to compare with, and agreed.
        skipped: Whether the file was there already, and nothing was fetched.
        resumed_bytes: Bytes that an earlier download had left and that were not fetched again.
        url_refreshes: How often the signed URL was renewed.
    """

    artifact: Artifact
    path: Path
    size: int
    digest: Digest
    verified: bool
    skipped: bool = False
    resumed_bytes: int = 0
    url_refreshes: int = 0


@frozen
class Member:
    """One member of an artifact's archive, as its central directory tells.

    Attributes:
        name: As recorded, never to be trusted as a path; a directory's ends in ``/``.
        size: Bytes unpacked.
        compressed_size: Bytes in the archive.
        crc32: Checksum of the bytes unpacked.
        modified: To two seconds, in UTC as the official uploader writes it; ``None`` where it
            is no date.
        mode: Type and permissions as `os.stat` tells them, 0 where no Unix recorded them.
        is_directory: Whether it is one.
    """

    name: str
    size: int
    compressed_size: int
    crc32: int
    modified: datetime | None = None
    mode: int = 0
    is_directory: bool = False


@frozen
class ArchiveLimits:
    """How much of an archive is unpacked at most; more raises `ArchiveLimitExceeded`.

    What an archive claims is compared before anything is written, and that it is no more than
    that while it is inflated.

    Attributes:
        max_members: Files and directories in all.
        max_member_size: Bytes of a member.
        max_total_size: Bytes of all members that are wanted.
        max_ratio: Bytes that a compressed one becomes on average, in what is more than 64 MiB.
    """

    max_members: int = field(default=100_000, validator=_at_least(1))
    max_member_size: int = field(default=2**34, validator=_at_least(0))
    max_total_size: int = field(default=2**36, validator=_at_least(0))
    max_ratio: float = field(default=200.0, validator=_at_least(1))


@frozen
class Timeouts:
    """How long to wait, in seconds. A download as a whole has no limit, however slow it is.

    Attributes:
        connect: For a connection, TLS included.
        call: For a whole API call; GitHub itself gives up after 10 seconds.
        stall: Without a single byte of a download.
    """

    connect: float = field(default=10.0, validator=_at_least(0.001))
    call: float = field(default=30.0, validator=_at_least(0.001))
    stall: float = field(default=30.0, validator=_at_least(0.001))


@frozen
class RateLimit:
    """The primary rate limit, as GitHub's last answer told it.

    Attributes:
        limit: Calls in a window.
        remaining: Calls left in this one.
        used: Calls spent in this one.
        resets_at: When the next window begins (UTC).
        resource: Which of GitHub's budgets it is, ``"core"`` for artifacts.
    """

    limit: int
    remaining: int
    used: int
    resets_at: datetime
    resource: str = "core"


@frozen
class RetryPolicy:
    """How often and how long a call is tried, waits at rate limits not counted.

    Downloads get new tries with each byte that comes, and new time with each 64 KiB.

    Attributes:
        attempts: Tries in all, the first included; 1 for no retries.
        timeout: Seconds after which no further try begins.
        wait_initial: Ceiling of the first wait in seconds; it doubles with each, and the wait is a
            random share of it.
        wait_max: Seconds beyond which the ceiling does not grow.
    """

    attempts: int = field(default=6, validator=_at_least(1))
    timeout: float = field(default=120.0, validator=_at_least(0))
    wait_initial: float = field(default=1.0, validator=_at_least(0))
    wait_max: float = field(default=30.0, validator=_at_least(0))


@frozen
class RateLimitPolicy:
    """The pace of a client's API calls, which all of its tasks share.

    The defaults keep below GitHub's documented limits, whatever a client does. Whatever they are,
    a server that says wait is obeyed. Source:
    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api

    Attributes:
        points_per_minute: Of GitHub's 900; a GET costs 1, a DELETE 5. ``None`` for no bound.
        concurrent_requests: Calls at once, of GitHub's 100. ``None`` for no bound.
        delete_interval: Seconds from one DELETE to the next.
        max_wait: Longest wait at a limit in seconds; what would take longer raises `RateLimited`.
            0 for never waiting.
    """

    points_per_minute: int | None = field(default=900, validator=_at_least(15))
    concurrent_requests: int | None = field(default=50, validator=_at_least(1))
    delete_interval: float = field(default=1.0, validator=_at_least(0))
    max_wait: float = field(default=3700.0, validator=_at_least(0))

    @classmethod
    def unlimited(cls) -> RateLimitPolicy:
        """No pace at all, for a GHES without limits."""
        return cls(points_per_minute=None, concurrent_requests=None, delete_interval=0.0)


@frozen
class Stats:
    """What a client has done so far.

    Attributes:
        calls: API requests sent, retries and redirects included.
        not_modified: Of these, answered with 304 and served from memory.
        retries: Tries beyond the first.
        waited: Seconds that calls waited for their pace and at limits, summed over the calls.
        bytes_received: Bytes of payloads.
    """

    calls: int = 0
    not_modified: int = 0
    retries: int = 0
    waited: float = 0.0
    bytes_received: int = 0
