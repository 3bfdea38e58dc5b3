"""Errors and logging.

Every error of this library is an `ArtifactsError`. Its text says what failed, with which values,
and what to do about it. Its attributes contain the details:

```python
from ghartifacts_async import ArtifactExpired, ArtifactsError, NotFound, RateLimited

try:
    await repo.download_artifact(20, "out/")
except ArtifactExpired:
    print("artifact 20 has been deleted, because its retention period is over")
except NotFound as error:
    print("no such artifact, or the token cannot see it:", error.request_id)
except RateLimited as error:
    print("try again at", error.retry_at)
except ArtifactsError as error:
    print(f"failed after {error.attempts} attempts in {error.seconds:.1f} s: {error}")
```

Errors that may be temporary have been retried when they reach you. Operations on many artifacts
report the errors of single artifacts instead of raising them. ``raise_for_errors`` of a report
raises all of them as an `ArtifactsErrorGroup`, which is an `ArtifactsError` and an
`ExceptionGroup`; see `ghartifacts_async.reports`.

Cancellation is never swallowed: a cancelled task ends with `asyncio.CancelledError`.

## Logging

The library logs to the logger ``ghartifacts_async`` and configures no handlers. Warnings report
what an operator should know, such as long waits at a rate limit. At the level INFO, retries are
logged, and at DEBUG each request with its status and GitHub's request id:

```python
import logging

logging.basicConfig()
logging.getLogger("ghartifacts_async").setLevel(logging.INFO)
await repo.get_artifact(11)
```

No error and no log record contains a token or a signed URL. All errors can be pickled.

## All errors

    ArtifactsError
    ├── InvalidArgument          an invalid argument; no request was sent (a ValueError)
    │   └── NoToken              the environment contains no token for the server
    ├── ClientStateError         a client used before it was opened or after it was closed
    ├── TokenProviderError       the caller's token provider raised an exception
    ├── TransportError           no complete response arrived
    │   ├── ConnectionFailed
    │   │   └── CertificateRefused   TLS could not verify the server
    │   └── TimedOut             (a TimeoutError)
    ├── GitHubError              GitHub answered a call with an error
    │   ├── AuthenticationError  401
    │   │   └── InstallationTokenError  a GitHub App gets no installation token
    │   ├── PermissionDenied     403
    │   ├── NotFound             404
    │   ├── ArtifactExpired      410
    │   ├── ApiVersionRetired    410 for the requested API version
    │   ├── RateLimited          429, or 403 at a rate limit
    │   ├── ServerError          5xx
    │   └── UnexpectedReply      a status or body that GitHub does not document
    ├── DownloadError            the payload could not be downloaded
    │   ├── RedirectRefused      a redirect that has no target or is unsafe
    │   ├── StoreError           the blob store answered with an error
    │   ├── IncompleteDownload   the payload has fewer or more bytes than announced
    │   ├── DigestMismatch       the bytes are not the uploaded ones
    │   └── ProgressError        the caller's ``on_progress`` raised an exception
    ├── ArchiveError             the archive, or one of its members, is refused
    │   ├── NotAZip              the payload is not a zip archive
    │   ├── DamagedArchive       the archive contradicts itself or its checksums
    │   ├── UnsafeMember         a member whose name or type would do harm when extracted
    │   ├── UnsupportedMember    a member that is encrypted or compressed by another method
    │   ├── MemberNotFound       no member has this name (a KeyError)
    │   └── ArchiveLimitExceeded  the archive exceeds its `ArchiveLimits`
    ├── WaitError                a wait for an artifact or a run failed
    │   ├── RunEnded             the run ended without the artifact, or did not succeed
    │   └── WaitTimedOut         the timeout has passed (a TimeoutError)
    ├── WebhookError             a webhook delivery is refused
    │   ├── SignatureMismatch    it is not signed with the secret
    │   └── InvalidDelivery      it is too large or malformed
    └── DiskError                a file or directory could not be created, written or moved
        ├── DiskFull             no space left, or the quota is used up
        ├── TargetBusy           another download is writing to the same target
        └── TargetExists         the target exists and must not be replaced
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field, fields

_E = TypeVar("_E", bound="ArtifactsError")


def _restore(cls: type[_E], args: tuple[object, ...], state: dict[str, Any]) -> _E:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


@define(eq=False, repr=False, slots=False)
class ArtifactsError(Exception):
    """The root of all errors of this library: ``except ArtifactsError`` catches them all.

    Bulk operations also use it for an unexpected exception of one artifact, which is then its
    ``__cause__``.

    Attributes:
        summary: What failed and what to do about it.
        attempts: Number of attempts before the call or download was given up.
        seconds: Duration of these attempts in seconds, without waits at rate limits.
        previous: Summary of the previous attempt's error if it was of another kind, or ``None``.
    """

    summary: str
    attempts: int = field(default=1, kw_only=True)
    seconds: float = field(default=0.0, kw_only=True)
    previous: str | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        previous = f"; the previous attempt: {self.previous}" if self.previous else ""
        suffix = f" ({self.attempts} attempts in {self.seconds:.1f} s{previous})"
        return self.summary + (suffix if self.attempts > 1 else "")

    # One method for all classes, because attrs would compile one for each class at every import.
    def __repr__(self) -> str:
        values = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(type(self)))
        return f"{type(self).__qualname__}({', '.join(values)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


class InvalidArgument(ArtifactsError, ValueError):
    """An invalid argument. No request was sent."""


class NoToken(InvalidArgument):
    """No environment variable contains a token for the server; see `Client.from_env`."""


class ClientStateError(ArtifactsError, RuntimeError):
    """A `Client`, or an object that it opened, is not open yet or is already closed."""


class TokenProviderError(ArtifactsError):
    """The caller's token provider raised an exception, which is the ``__cause__``."""


@define(eq=False, repr=False, slots=False)
class TransportError(ArtifactsError):
    """No complete response arrived.

    Attributes:
        host: Host and port of the server.
        may_have_arrived: True if the server may have received and executed the request.
        retryable: True if another attempt may succeed.
    """

    host: str = field(default="", kw_only=True)
    may_have_arrived: bool = field(default=True, kw_only=True)
    retryable: bool = field(default=True, kw_only=True)


class ConnectionFailed(TransportError):
    """The connection could not be established, or it broke."""


@define(eq=False, repr=False, slots=False)
class CertificateRefused(ConnectionFailed):
    """TLS could not verify the server's certificate. Retrying does not help."""

    retryable: bool = field(default=False, kw_only=True)


class TimedOut(TransportError, TimeoutError):
    """No response arrived in time, or a download stalled or was too slow; see `Timeouts`."""


@define(eq=False, repr=False, slots=False)
class GitHubError(ArtifactsError):
    """GitHub answered a call with an error.

    Attributes:
        status: HTTP status.
        message: GitHub's message, or ``""``.
        request_id: ``X-GitHub-Request-Id``, which GitHub's support asks for, or None.
        documentation_url: GitHub's page about this error, or None.
        errors: GitHub's list of what is wrong with the request, as in a 422.
    """

    status: int = field(default=0, kw_only=True)
    message: str = field(default="", kw_only=True)
    request_id: str | None = field(default=None, kw_only=True)
    documentation_url: str | None = field(default=None, kw_only=True)
    errors: tuple[str, ...] = field(default=(), kw_only=True)


@define(eq=False, repr=False, slots=False)
class AuthenticationError(GitHubError):
    """401: the token is missing, invalid, expired or revoked.

    Attributes:
        server_time: GitHub's time when it answered, or None. A JWT is refused if the time of the
            machine that made it differs too much.
    """

    server_time: datetime | None = field(default=None, kw_only=True)


@define(eq=False, repr=False, slots=False)
class InstallationTokenError(AuthenticationError):
    """GitHub refuses to create the installation token of a `GitHubApp`.

    Attributes:
        app_id: Id or client id of the app.
        installation_id: Id of the installation, or None if it could not be found.
        repository: Repository by which the installation is found, or None.
    """

    app_id: str = field(default="", kw_only=True)
    installation_id: int | None = field(default=None, kw_only=True)
    repository: str | None = field(default=None, kw_only=True)


@define(eq=False, repr=False, slots=False)
class PermissionDenied(GitHubError):
    """403: the token lacks a permission, or a rule of the organization forbids the call.

    Attributes:
        accepted_permissions: Permissions that GitHub would accept, such as ``"actions=read"``
            (``X-Accepted-GitHub-Permissions``), or None.
        sso_url: Page at which to authorize the token for an organization that requires SAML single
            sign-on (``X-GitHub-SSO``), or None.
    """

    accepted_permissions: str | None = field(default=None, kw_only=True)
    sso_url: str | None = field(default=None, kw_only=True)


@define(eq=False, repr=False, slots=False)
class NotFound(GitHubError):
    """404: the resource does not exist, or the token cannot see it.

    Attributes:
        may_have_worked: True if an earlier attempt of the same call may have been executed although
            it failed. If the call is a DELETE, that attempt may have deleted the resource.
    """

    may_have_worked: bool = field(default=False, kw_only=True)


class ArtifactExpired(GitHubError):
    """410: the retention period of the artifact is over and its payload has been deleted."""


class ApiVersionRetired(GitHubError):
    """410: GitHub no longer serves the requested API version."""


@define(eq=False, repr=False, slots=False)
class RateLimited(GitHubError):
    """429, or 403 because of a primary or secondary rate limit.

    Attributes:
        retry_at: Time from which GitHub accepts calls again (UTC), or None if GitHub named none.
    """

    retry_at: datetime | None = field(default=None, kw_only=True)


class ServerError(GitHubError):
    """5xx: GitHub failed to answer."""


class UnexpectedReply(GitHubError):
    """GitHub sent a status or body that it does not document. The summary says what is wrong."""


class DownloadError(ArtifactsError):
    """The payload of an artifact could not be downloaded."""


class RedirectRefused(DownloadError):
    """A redirect was not followed: it has no target, is insecure, or may be part of a loop."""


@define(eq=False, repr=False, slots=False)
class StoreError(DownloadError):
    """The blob store answered with an error.

    Attributes:
        status: HTTP status.
        code: The store's error code, such as ``AuthenticationFailed``, or None.
        host: Host and port of the store.
        retry_after: Seconds that the store asks to wait, or None.
    """

    status: int = field(default=0, kw_only=True)
    code: str | None = field(default=None, kw_only=True)
    host: str = field(default="", kw_only=True)
    retry_after: float | None = field(default=None, kw_only=True)


@define(eq=False, repr=False, slots=False)
class IncompleteDownload(DownloadError):
    """The payload has fewer or more bytes than announced, or may be incomplete.

    Attributes:
        received: Bytes received.
        expected: Bytes announced, or None.
    """

    received: int = field(default=0, kw_only=True)
    expected: int | None = field(default=None, kw_only=True)


@define(eq=False, repr=False, slots=False)
class DigestMismatch(DownloadError):
    """The downloaded bytes do not match the digest that GitHub recorded. The bytes are discarded.

    Attributes:
        expected: ``sha256:<hex>`` that GitHub recorded.
        actual: ``sha256:<hex>`` of the downloaded bytes.
    """

    expected: str = field(default="", kw_only=True)
    actual: str = field(default="", kw_only=True)


class ProgressError(DownloadError):
    """The caller's ``on_progress`` raised an exception, which is the ``__cause__``."""


@define(eq=False, repr=False, slots=False)
class ArchiveError(ArtifactsError):
    """An archive, or one of its members, is refused. Nothing that was extracted is kept.

    Attributes:
        member: Recorded name of the member, or None if the error concerns the whole archive.
            The summary contains it in escaped form.
    """

    member: str | None = field(default=None, kw_only=True)


class NotAZip(ArchiveError):
    """The payload is not a zip archive, for example an upload with ``archive: false``."""


class DamagedArchive(ArchiveError):
    """The archive contradicts itself, or a member does not match its recorded size or CRC-32."""


class UnsafeMember(ArchiveError):
    """A member has an unsafe path or a special file type, or its path collides with another's."""


class UnsupportedMember(ArchiveError):
    """A member is encrypted, or compressed by a method that is not supported."""


@define(eq=False, repr=False, slots=False)
class MemberNotFound(ArchiveError, KeyError):
    """No member of the archive has this name.

    Attributes:
        suggestions: Similar names of existing members, the most likely first.
    """

    suggestions: tuple[str, ...] = field(default=(), kw_only=True)


@define(eq=False, repr=False, slots=False)
class ArchiveLimitExceeded(ArchiveError):
    """The archive, or one of its members, exceeds a limit.

    Attributes:
        limit: Name of a field of `ArchiveLimits`, or ``"max_size"`` (argument of `Archive.read`).
        allowed: Value of the limit.
    """

    limit: str = field(default="", kw_only=True)
    allowed: float = field(default=0, kw_only=True)


@define(eq=False, repr=False, slots=False)
class DiskError(ArtifactsError):
    """A file or directory could not be created, written or moved.

    Attributes:
        path: Path of the file or directory, or None.
        errno: Error number of the system, such as `errno.ENOSPC`, or None.
    """

    path: Path | None = field(default=None, kw_only=True)
    errno: int | None = field(default=None, kw_only=True)


class DiskFull(DiskError):
    """No space or quota is left. Downloaded bytes are kept, and extracted files are removed."""


class TargetBusy(DiskError):
    """Another download, in this process or another one, is writing to the same target."""


class TargetExists(DiskError):
    """The target exists, and `if_exists` does not allow replacing it."""


class WaitError(ArtifactsError):
    """`Repo.wait_for_artifact` or `Repo.wait_for_run` ended without a result."""


@define(eq=False, repr=False, slots=False)
class RunEnded(WaitError):
    """The run ended without the artifact, or it did not succeed.

    Attributes:
        run_id: Id of the run.
        conclusion: Conclusion of the run, such as ``"failure"``, or None if GitHub named none.
    """

    run_id: int = field(default=0, kw_only=True)
    conclusion: str | None = field(default=None, kw_only=True)


class WaitTimedOut(WaitError, TimeoutError):
    """The artifact was not uploaded, or the run did not end, within the given time."""


@define(eq=False, repr=False, slots=False)
class WebhookError(ArtifactsError):
    """A webhook delivery is refused.

    Attributes:
        status: HTTP status to answer the delivery with.
    """

    status: int = field(default=400, kw_only=True)


@define(eq=False, repr=False, slots=False)
class SignatureMismatch(WebhookError):
    """The delivery is not signed with any of the secrets. Do not use its content."""

    status: int = field(default=401, kw_only=True)


class InvalidDelivery(WebhookError):
    """The delivery is too large, or it is not what GitHub sends."""
