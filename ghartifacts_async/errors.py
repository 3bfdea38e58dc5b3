"""Every error of this library, below one root.

    ArtifactsError
    ├── InvalidArgument          the caller's mistake, found before anything was sent (a ValueError)
    ├── ClientStateError         a client used before it was entered, after it closed, or twice
    ├── TokenProviderError       the caller's token provider raised
    ├── TransportError           no complete answer arrived
    │   ├── ConnectionFailed
    │   │   └── CertificateRefused   TLS says that the server is not who it should be
    │   └── TimedOut             (a TimeoutError)
    ├── GitHubError              GitHub answered, and not with what was asked for
    │   ├── AuthenticationError  401
    │   ├── PermissionDenied     403
    │   ├── NotFound             404
    │   ├── ArtifactExpired      410
    │   ├── ApiVersionRetired    410, for the version that was asked for
    │   ├── RateLimited          429, or 403 at a limit
    │   ├── ServerError          5xx
    │   └── UnexpectedReply      a status or a shape that GitHub does not document
    ├── DownloadError            the bytes of an artifact could not be had
    │   ├── RedirectRefused      a redirect that is missing, insecure or leads astray
    │   ├── StoreError           the blob store answered with an error
    │   ├── IncompleteDownload   fewer or more bytes than promised
    │   ├── DigestMismatch       the bytes on disk are not those that were uploaded
    │   └── ProgressError        the caller's ``on_progress`` raised
    ├── ArchiveError             an artifact's archive is not one to unpack
    │   ├── NotAZip              the payload is no zip archive
    │   ├── DamagedArchive       it contradicts itself, or its bytes are not those it tells of
    │   ├── UnsafeMember         a name or a kind that would do harm where it is unpacked
    │   ├── UnsupportedMember    encrypted, or compressed in another way than deflate
    │   ├── MemberNotFound       it holds none of this name (a KeyError)
    │   └── ArchiveLimitExceeded  it is more than `ArchiveLimits` allows
    └── DiskError                a file could not be written (read-only, denied …)
        ├── DiskFull             no room, or no quota, for the file
        ├── TargetBusy           another download is at work on the same target
        └── TargetExists         there is a file already, and it was to be left alone

No token and no signed URL appears in any of them. All of them pickle.
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
    """The root: ``except ArtifactsError`` catches whatever this library raises.

    Attributes:
        summary: What went wrong and what to do, in a sentence or two; also ``str(error)``.
        attempts: How often a call was tried before it was given up.
        seconds: How long that took, waits at rate limits not counted.
    """

    summary: str
    attempts: int = field(default=1, kw_only=True)
    seconds: float = field(default=0.0, kw_only=True)

    def __str__(self) -> str:
        return self.summary

    # One for all: attrs would write and compile another for every class, at each import.
    def __repr__(self) -> str:
        told = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(type(self)))
        return f"{type(self).__qualname__}({', '.join(told)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


class InvalidArgument(ArtifactsError, ValueError):
    """An argument that cannot be right; nothing was sent."""


class ClientStateError(ArtifactsError, RuntimeError):
    """A `Client` was used outside of its one ``async with`` block."""


class TokenProviderError(ArtifactsError):
    """The caller's token provider raised; its exception is the ``__cause__``."""


@define(eq=False, repr=False, slots=False)
class TransportError(ArtifactsError):
    """No complete answer arrived.

    Attributes:
        host: Of the server.
        may_have_arrived: Whether the request may have reached it, and been carried out.
    """

    host: str = field(default="", kw_only=True)
    may_have_arrived: bool = field(default=True, kw_only=True)


class ConnectionFailed(TransportError):
    """The connection could not be made, or broke."""


class CertificateRefused(ConnectionFailed):
    """The server's certificate is not one to trust; trying again does not help."""


class TimedOut(TransportError, TimeoutError):
    """Nothing came within one of the limits of `Timeouts`."""


@define(eq=False, repr=False, slots=False)
class GitHubError(ArtifactsError):
    """GitHub's answer to a call was not the one that was asked for.

    Attributes:
        status: HTTP status.
        message: GitHub's own message, or ``""``.
        request_id: ``X-GitHub-Request-Id``, which GitHub's support asks for, or ``None``.
        documentation_url: Where GitHub says more, or ``None``.
    """

    status: int = field(default=0, kw_only=True)
    message: str = field(default="", kw_only=True)
    request_id: str | None = field(default=None, kw_only=True)
    documentation_url: str | None = field(default=None, kw_only=True)


class AuthenticationError(GitHubError):
    """401: the token is missing, wrong, expired or revoked."""


@define(eq=False, repr=False, slots=False)
class PermissionDenied(GitHubError):
    """403: the token may not do this.

    Attributes:
        accepted_permissions: What GitHub says would be enough
            (``X-Accepted-GitHub-Permissions``, such as ``"actions=read"``), or ``None``.
    """

    accepted_permissions: str | None = field(default=None, kw_only=True)


class NotFound(GitHubError):
    """404: it does not exist, or the token may not know that it does."""


class ArtifactExpired(GitHubError):
    """410: the artifact's retention is over and its bytes are gone."""


class ApiVersionRetired(GitHubError):
    """410: GitHub no longer serves the API version that was asked for."""


@define(eq=False, repr=False, slots=False)
class RateLimited(GitHubError):
    """429, or 403 at a primary or secondary limit.

    Attributes:
        retry_at: When GitHub takes calls again (UTC), as far as it said so.
    """

    retry_at: datetime | None = field(default=None, kw_only=True)


class ServerError(GitHubError):
    """5xx: GitHub could not answer now."""


class UnexpectedReply(GitHubError):
    """A status, or a body, that GitHub does not document; the summary names the field."""


class DownloadError(ArtifactsError):
    """The bytes of an artifact could not be had."""


class RedirectRefused(DownloadError):
    """A redirect without a target, to plain http, or with credentials to a foreign host."""


@define(eq=False, repr=False, slots=False)
class StoreError(DownloadError):
    """The blob store answered with an error.

    Attributes:
        status: HTTP status of the store.
        code: The store's own name for the error, such as ``AuthenticationFailed``, or ``None``.
        host: The store.
        retry_after: Seconds that it asks to wait, or ``None``.
    """

    status: int = field(default=0, kw_only=True)
    code: str | None = field(default=None, kw_only=True)
    host: str = field(default="", kw_only=True)
    retry_after: float | None = field(default=None, kw_only=True)


@define(eq=False, repr=False, slots=False)
class IncompleteDownload(DownloadError):
    """Fewer or more bytes than promised, or nothing that tells whether these are all.

    Attributes:
        received: Bytes that came.
        expected: Bytes that were promised, or ``None``.
    """

    received: int = field(default=0, kw_only=True)
    expected: int | None = field(default=None, kw_only=True)


@define(eq=False, repr=False, slots=False)
class DigestMismatch(DownloadError):
    """The bytes on disk do not have the digest that GitHub recorded at the upload.

    Attributes:
        expected: ``sha256:<hex>`` as GitHub gave it.
        actual: ``sha256:<hex>`` of what was on disk; nothing of it was kept.
    """

    expected: str = field(default="", kw_only=True)
    actual: str = field(default="", kw_only=True)


class ProgressError(DownloadError):
    """The caller's ``on_progress`` raised; its exception is the ``__cause__``."""


@define(eq=False, repr=False, slots=False)
class ArchiveError(ArtifactsError):
    """An artifact's archive, or one member of it, is not to be unpacked; nothing of it was kept.

    Attributes:
        member: Name of the member, as the archive has it, or ``None`` where it is none in
            particular. In the summary it is escaped.
    """

    member: str | None = field(default=None, kw_only=True)


class NotAZip(ArchiveError):
    """The payload is no zip archive, such as an upload with ``archive: false``."""


class DamagedArchive(ArchiveError):
    """The archive contradicts itself, or a member's bytes are not those that it tells of."""


class UnsafeMember(ArchiveError):
    """A member whose name leads astray, whose kind is special, or that collides with another."""


class UnsupportedMember(ArchiveError):
    """A member that is encrypted, or neither stored nor deflated."""


@define(eq=False, repr=False, slots=False)
class MemberNotFound(ArchiveError, KeyError):
    """The archive holds no member of this name.

    Attributes:
        suggestions: Names that it holds and that may have been meant, the likeliest first.
    """

    suggestions: tuple[str, ...] = field(default=(), kw_only=True)


@define(eq=False, repr=False, slots=False)
class ArchiveLimitExceeded(ArchiveError):
    """The archive, or a member, is more than was allowed.

    Attributes:
        limit: Which bound it is: a field of `ArchiveLimits`, or ``"max_size"``.
        allowed: What that allows.
    """

    limit: str = field(default="", kw_only=True)
    allowed: float = field(default=0, kw_only=True)


@define(eq=False, repr=False, slots=False)
class DiskError(ArtifactsError):
    """A file or directory could not be made, written or moved.

    Attributes:
        path: Which.
        errno: The system's error number (`errno.ENOSPC` …), or ``None``.
    """

    path: Path | None = field(default=None, kw_only=True)
    errno: int | None = field(default=None, kw_only=True)


class DiskFull(DiskError):
    """The disk has no room for the file, or the user no quota.

    What came so far of a download is kept, and nothing of what was being unpacked.
    """


class TargetBusy(DiskError):
    """Another download, of this process or another, is at work on the same target."""


class TargetExists(DiskError):
    """There is something at the target that is to be left alone, as `if_exists` has it."""
