"""The values that callers pass and receive: frozen, comparable and picklable.

`to_json` converts any of them to JSON, for example for a queue, and `from_json` converts it back:

```python
from ghartifacts_async import Artifact, from_json, to_json

artifact = await repo.get_artifact(11)
text = to_json(artifact)
assert from_json(text, Artifact) == artifact
```

All datetimes have a time zone, and all of GitHub's are in UTC. Sizes are in bytes, and durations in
seconds.
"""

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
Symlinks: TypeAlias = Literal["error", "skip", "inside"]
Backslashes: TypeAlias = Literal["error", "separator"]
OnCollision: TypeAlias = Literal["error", "rename"]


class ArtifactFilters(TypedDict, total=False):
    """The filters of a listing, as keyword arguments. An artifact must match all given filters.

    This library applies these filters itself, because GitHub can filter by name only. An artifact
    without the information that a filter needs, such as a creation time, does not match. A filter
    that no artifact can match, such as an abbreviated SHA, is refused.

    `branch` and `head_sha` match only runs of the repository's own branches and commits. Anybody
    can open a pull request from a fork, call its branch ``main``, and so make a run whose artifacts
    contain anything. To match runs of forks, pass ``from_fork=True``, and trust them no more than
    the pull request itself.

    Attributes:
        pattern: Match the name with ``*``, ``?``, ``[…]`` and ``[^…]``, case-sensitively, as
            ``gh run download -p`` does.
        branch: Match artifacts of runs on this branch of the repository, such as ``"main"``.
        head_sha: Match artifacts of runs of this commit of the repository, given in full.
        from_fork: Match only artifacts of runs whose commit comes from a fork (True), or only those
            of the repository's own branches (False). If it is None, forks match unless `branch` or
            `head_sha` is given.
        created_after: Match artifacts created at this time or later; a datetime with a time zone.
            A listing in descending order reads only a page or two of older artifacts, then ends.
        created_before: Match artifacts created before this time. A listing in ascending order
            reads only a page or two of newer artifacts, then ends.
        expired: Match only expired artifacts (True) or only available ones (False).
        min_size: Match artifacts of at least this many bytes.
        max_size: Match artifacts of at most this many bytes.
    """

    pattern: str | None
    branch: str | None
    head_sha: str | None
    from_fork: bool | None
    created_after: datetime | None
    created_before: datetime | None
    expired: bool | None
    min_size: int | None
    max_size: int | None


def _at_least(minimum: float) -> Callable[[object, Any, float | None], None]:
    def check(_: object, attribute: Any, value: float | None) -> None:
        optional = value is None and attribute.default is not None and "None" in attribute.type
        valid = isinstance(value, int | float) and minimum <= value < float("inf")
        if not (valid or optional):
            raise InvalidArgument(f"{attribute.name} must be at least {minimum}, not {value!r}")

    return check


def _lower(text: str) -> str:
    return text.lower()


@frozen
class Digest:
    """A checksum, written ``sha256:<hex>`` by GitHub.

    Attributes:
        algorithm: Name of the hash function in lower case; so far GitHub uses ``"sha256"`` only.
        hex: Checksum in lower-case hexadecimal digits.
    """

    algorithm: str = field(converter=_lower)
    hex: str = field(converter=_lower)

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Parse ``algorithm:hex``.

        Raises:
            InvalidArgument: The text does not have this form.
        """
        found = _DIGEST.fullmatch(text)
        if found is None or len(found[2]) % 2:
            raise InvalidArgument(f"a digest must look like 'sha256:<hex>', not {text[:100]!r}")
        return cls(found[1], found[2])

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@frozen
class WorkflowRun:
    """What an artifact says about its workflow run. GitHub may omit any of its fields.

    `Repo.get_run` returns the whole `Run`.
    """

    id: int | None = None
    repository_id: int | None = None
    head_repository_id: int | None = None
    head_branch: str | None = None
    head_sha: str | None = None


@frozen
class Artifact:
    """An artifact of a workflow run, as GitHub describes it.

    Datetimes are timezone-aware and in UTC.

    Attributes:
        name: Name given at the upload. Not unique in a repository; never use it as a path.
        size_in_bytes: Size of the payload in bytes. Without a `digest` (uploads before
            upload-artifact v4) it is the size of the files before they were zipped.
        archive_download_url: Address of the payload. Empty if GitHub lists the artifact before its
            upload is complete.
        expired: True if the retention period is over and the payload has been deleted.
        digest: SHA-256 of the payload, or None for uploads before upload-artifact v4 and on
            servers without this field (GHES ≤ 3.19).

    Source: the ``artifact`` schema of https://docs.github.com/rest/actions/artifacts
    """

    id: int
    node_id: str
    name: str
    size_in_bytes: int
    url: str
    archive_download_url: str = field(metadata={"null": ""})
    expired: bool
    created_at: datetime | None = None
    expires_at: datetime | None = None
    updated_at: datetime | None = None
    digest: Digest | None = None
    workflow_run: WorkflowRun | None = None


@frozen
class Account:
    """A user, an organization or an app, as GitHub describes it.

    Attributes:
        login: Login name, such as ``octocat`` or ``dependabot[bot]``.
        id: Id, which stays the same when the login is changed.
    """

    login: str
    id: int


@frozen
class RepositoryInfo:
    """A repository, as GitHub describes it. To use it, pass `full_name` to `Client.repo`.

    Attributes:
        id: Id, which stays the same when the repository is renamed.
        full_name: ``owner/name``.
        private: Whether it is visible only to those who have been given access.
        fork: Whether the repository is itself a fork of another one.
    """

    id: int
    full_name: str
    private: bool = False
    fork: bool = False


@frozen
class Run:
    """A workflow run, as GitHub describes it. A `Run` is accepted wherever a run id is.

    A re-run keeps the run's `id` and raises its `run_attempt`. All other fields describe the latest
    attempt. Datetimes are timezone-aware and in UTC.

    Attributes:
        path: Path of the workflow's file, such as ``.github/workflows/ci.yml``.
        name: Name of the workflow.
        run_number: Number of the run, counted for each workflow.
        run_attempt: Number of the latest attempt, counted from 1.
        event: Name of the event that triggered the run, such as ``"push"``.
        status: ``"queued"``, ``"in_progress"``, ``"completed"`` or another status of GitHub.
        conclusion: ``"success"``, ``"failure"``, ``"cancelled"`` or another conclusion of GitHub.
            None until the run is completed.
        head_branch: Branch of the run, as the head repository calls it. It may be a fork's.
        created_at: Time of the first attempt's creation.
        run_started_at: Time at which the latest attempt started.
        actor: The account that triggered the run.
        repository: The repository that the run belongs to.
        head_repository: The repository of the run's commit, which may be a fork. None if that
            repository has been deleted.

    Source: the ``workflow-run`` schema of https://docs.github.com/rest/actions/workflow-runs
    """

    id: int
    workflow_id: int
    run_number: int
    event: str
    head_sha: str
    html_url: str
    repository: RepositoryInfo
    created_at: datetime
    updated_at: datetime
    head_repository: RepositoryInfo | None = None
    name: str | None = None
    path: str = ""
    run_attempt: int = 1
    status: str | None = None
    conclusion: str | None = None
    head_branch: str | None = None
    run_started_at: datetime | None = None
    actor: Account | None = None

    @property
    def is_fork(self) -> bool:
        """Whether the commit comes from another repository, so that anybody may have written it.

        If `head_repository` is None, it is a fork that has been deleted.
        """
        return self.head_repository is None or self.head_repository.id != self.repository.id

    @property
    def is_completed(self) -> bool:
        """Whether the run has ended. A re-run may start it again."""
        return self.status == "completed"

    @property
    def workflow_file(self) -> str:
        """Name of the workflow's file, such as ``ci.yml``."""
        return self.path.partition("@")[0].rpartition("/")[2]


@frozen
class Job:
    """A job of a workflow run.

    Attributes:
        run_id: Id of the run, for `Repo.get_run`.
        name: Name of the job.
        run_attempt: Number of the run's attempt that the job belongs to.
        status: ``"queued"``, ``"in_progress"``, ``"completed"`` or another status of GitHub.
        conclusion: ``"success"``, ``"failure"`` or another conclusion. None until it is completed.
    """

    id: int
    run_id: int
    name: str
    status: str
    conclusion: str | None = None
    run_attempt: int = 1
    head_sha: str = ""
    head_branch: str | None = None
    workflow_name: str | None = None
    html_url: str | None = None


@frozen
class ArtifactPage:
    """One page of a listing.

    Attributes:
        total_count: Number of artifacts in the whole listing at the time of this response.
        artifacts: Artifacts of this page, in GitHub's order.
    """

    total_count: int
    artifacts: tuple[Artifact, ...]

    @property
    def items(self) -> tuple[Artifact, ...]:
        """The same as `artifacts`, for code that works with pages of any listing."""
        return self.artifacts


@frozen
class RunPage:
    """One page of a listing of workflow runs.

    Attributes:
        total_count: Number of runs in the whole listing at the time of this response.
        workflow_runs: Runs of this page, in GitHub's order.
    """

    total_count: int
    workflow_runs: tuple[Run, ...]

    @property
    def items(self) -> tuple[Run, ...]:
        """The same as `workflow_runs`, for code that works with pages of any listing."""
        return self.workflow_runs


@frozen
class Progress:
    """The progress of a download.

    Attributes:
        artifact: The artifact.
        received: Bytes received so far, including those of an earlier download (`resumed`).
        total: Size of the payload in bytes, or None if it is unknown.
        rate: Average bytes per second since the start.
        resumed: Bytes kept from an earlier, interrupted download.
    """

    artifact: Artifact
    received: int
    total: int | None
    rate: float
    resumed: int = 0


@frozen
class Download:
    """A downloaded artifact.

    Attributes:
        artifact: The artifact.
        path: Path of the complete file.
        size: Size of the file in bytes.
        digest: SHA-256 of the file, read back from the disk.
        verified: True if GitHub recorded a digest and it matches; False if GitHub recorded none.
        skipped: True if the file already existed and nothing was downloaded.
        resumed_bytes: Bytes kept from an earlier, interrupted download.
        url_refreshes: Number of times the signed URL was renewed.
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
    """A member of an artifact's archive, as the central directory describes it.

    Attributes:
        name: Name recorded in the archive. A directory's name ends in ``/``. Never use it as a
            path.
        size: Uncompressed size in bytes.
        compressed_size: Size in the archive in bytes.
        crc32: CRC-32 of the uncompressed bytes.
        modified: Modification time in UTC with a resolution of two seconds, or None if the
            recorded value is no valid date.
        mode: File type and permissions as in `os.stat`, or 0 if the archive records none.
        is_directory: True for a directory.
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
    """Limits on what an archive may expand to; exceeding one raises `ArchiveLimitExceeded`.

    The sizes that an archive declares are checked before anything is written, and the actual
    sizes while members are inflated.

    Attributes:
        max_members: Maximum number of files and directories.
        max_member_size: Maximum uncompressed size of one member in bytes.
        max_total_size: Maximum uncompressed size of all selected members together in bytes.
        max_ratio: Maximum ratio of uncompressed to compressed bytes, averaged over the selected
            members. Checked only if they expand to more than 64 MiB.
    """

    max_members: int = field(default=100_000, validator=_at_least(1))
    max_member_size: int = field(default=2**34, validator=_at_least(0))
    max_total_size: int = field(default=2**36, validator=_at_least(0))
    max_ratio: float = field(default=200.0, validator=_at_least(1))


@frozen
class Timeouts:
    """Timeouts in seconds. The duration of a whole download is not limited.

    Attributes:
        connect: Time to establish a connection, including TLS.
        call: Time for one attempt of an API call. GitHub itself gives up after 10 seconds.
        stall: Time that a download may wait for the next byte.
    """

    connect: float = field(default=10.0, validator=_at_least(0.001))
    call: float = field(default=30.0, validator=_at_least(0.001))
    stall: float = field(default=30.0, validator=_at_least(0.001))


@frozen
class RateLimit:
    """The primary rate limit according to GitHub's latest response.

    Attributes:
        limit: Calls allowed in each time window, which is an hour on github.com.
        remaining: Calls left in the current time window.
        used: Calls made in the current time window.
        resets_at: Time at which the next time window begins (UTC).
        resource: Name of the limit; artifacts belong to ``"core"``.
    """

    limit: int
    remaining: int
    used: int
    resets_at: datetime
    resource: str = "core"


@frozen
class RetryPolicy:
    """The retry policy of API calls and downloads.

    Before each retry the client waits for a random time between zero and a ceiling that doubles
    with every attempt. Waits at rate limits do not count against the policy. In a download, every
    received byte resets the attempt counter, and the timeout restarts with every 64 KiB received.

    Attributes:
        attempts: Maximum number of attempts, including the first; 1 disables retries.
        timeout: Seconds after the start of the first attempt. Later than that, no attempt starts.
        wait_initial: Ceiling of the first wait in seconds.
        wait_max: Ceiling in seconds that is not doubled further.
    """

    attempts: int = field(default=6, validator=_at_least(1))
    timeout: float = field(default=120.0, validator=_at_least(0))
    wait_initial: float = field(default=1.0, validator=_at_least(0))
    wait_max: float = field(default=30.0, validator=_at_least(0))


@frozen
class RateLimitPolicy:
    """The rate at which a client makes API calls, shared by all of its tasks.

    The defaults stay below GitHub's documented limits. With any policy, the client waits when a
    server asks it to, or raises `RateLimited` if the wait would exceed `max_wait`.

    Attributes:
        points_per_minute: Maximum number of points to spend per minute. A GET costs 1 point and a
            DELETE 5. GitHub allows 900. None for no limit.
        concurrent_requests: Maximum number of requests in flight. GitHub allows 100. None for no
            limit.
        delete_interval: Minimum number of seconds between two DELETE requests.
        max_wait: Longest wait at a limit in seconds. A call that would have to wait longer raises
            `RateLimited`; with 0 no call ever waits.

    Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """

    points_per_minute: int | None = field(default=900, validator=_at_least(15))
    concurrent_requests: int | None = field(default=50, validator=_at_least(1))
    delete_interval: float = field(default=1.0, validator=_at_least(0))
    max_wait: float = field(default=3700.0, validator=_at_least(0))

    @classmethod
    def unlimited(cls) -> RateLimitPolicy:
        """Return a policy without limits, for a GHES that has no rate limits."""
        return cls(points_per_minute=None, concurrent_requests=None, delete_interval=0.0)


@frozen
class Wait:
    """A wait of more than five seconds, at a rate limit or before a retry.

    Attributes:
        seconds: Duration of the wait in seconds.
        until: Time at which the wait ends (UTC), or None if it is out of range.
        reason: Why the client waits.
    """

    seconds: float
    until: datetime | None
    reason: str


@frozen
class Stats:
    """Counters of a client.

    Attributes:
        calls: API requests sent, including retries and redirects.
        not_modified: API requests that GitHub answered with 304, so that the response was taken
            from memory.
        retries: Attempts of calls, not counting the first attempt of each.
        waited: Seconds spent waiting for the rate limiter, summed over all calls.
        bytes_received: Bytes of payloads received.
        waiting: The long wait that is in progress, or None.
    """

    calls: int = 0
    not_modified: int = 0
    retries: int = 0
    waited: float = 0.0
    bytes_received: int = 0
    waiting: Wait | None = None
