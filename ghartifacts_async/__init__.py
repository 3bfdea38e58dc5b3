"""GitHub Actions artifacts for asyncio: list, find, download, read, mirror and delete them.

```python
import asyncio

from ghartifacts_async import Client


async def main() -> None:
    async with Client.from_env() as gh:
        repo = gh.repo("octo-org/octo-docs")
        async for artifact in repo.list_artifacts(name="dist", expired=False):
            download = await repo.download_artifact(artifact, f"out/{artifact.id}/")
            print(download.path, download.verified)


asyncio.run(main())
```

Set ``GH_TOKEN`` to a token first; with the GitHub CLI, ``gh auth token`` prints one. Each module
begins with a guide:

- `ghartifacts_async.repo`: listings, downloads, archives, and finding artifacts by their runs
- `ghartifacts_async.reports`: many artifacts at once, mirrors and pruning
- `ghartifacts_async.webhooks`: workflow runs that end, as webhooks or by waiting
- `ghartifacts_async.auth`: tokens and GitHub Apps
- `ghartifacts_async.client`: services, rate limits, retries, proxies and other endpoints
- `ghartifacts_async.errors`: errors and logging
- `ghartifacts_async.models`: the values, and JSON
- `ghartifacts_async.testing`: tests with a fake GitHub
- `ghartifacts_async.cli`: the command line

All names below can be imported from this package. Each is loaded when it is first accessed, so that
a program loads only what it uses.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghartifacts_async._api.converters import from_json, to_json
    from ghartifacts_async._api.listing import ArtifactListing
    from ghartifacts_async._archive.archive import Archive
    from ghartifacts_async._download.stream import ArtifactStream
    from ghartifacts_async._runs.run_listing import RunListing
    from ghartifacts_async._runs.selection import Rejection, Resolution
    from ghartifacts_async._runs.waiter import Waiter
    from ghartifacts_async.auth import Anonymous, Auth, GitHubApp, Token, TokenProvider
    from ghartifacts_async.client import Client
    from ghartifacts_async.errors import (
        ApiVersionRetired,
        ArchiveError,
        ArchiveLimitExceeded,
        ArtifactExpired,
        ArtifactsError,
        AuthenticationError,
        CertificateRefused,
        ClientStateError,
        ConnectionFailed,
        DamagedArchive,
        DigestMismatch,
        DiskError,
        DiskFull,
        DownloadError,
        GitHubError,
        IncompleteDownload,
        InstallationTokenError,
        InvalidArgument,
        InvalidDelivery,
        MemberNotFound,
        NotAZip,
        NotFound,
        NoToken,
        PermissionDenied,
        ProgressError,
        RateLimited,
        RedirectRefused,
        RunEnded,
        ServerError,
        SignatureMismatch,
        StoreError,
        TargetBusy,
        TargetExists,
        TimedOut,
        TokenProviderError,
        TransportError,
        UnexpectedReply,
        UnsafeMember,
        UnsupportedMember,
        WaitError,
        WaitTimedOut,
        WebhookError,
    )
    from ghartifacts_async.models import (
        Account,
        ArchiveLimits,
        Artifact,
        ArtifactFilters,
        ArtifactPage,
        Backslashes,
        Digest,
        Direction,
        Download,
        IfDirectoryExists,
        IfExists,
        Job,
        Member,
        OnCollision,
        Progress,
        RateLimit,
        RateLimitPolicy,
        RepositoryInfo,
        RetryPolicy,
        Run,
        RunPage,
        Stats,
        Symlinks,
        Timeouts,
        Wait,
        WorkflowRun,
    )
    from ghartifacts_async.repo import Repo, read_manifest
    from ghartifacts_async.reports import (
        ArtifactsErrorGroup,
        BulkProgress,
        Deletion,
        Extraction,
        ManifestEntry,
        MirrorReport,
        Outcome,
        PruneReport,
    )

    __version__: str

__all__ = [
    "Account",
    "Anonymous",
    "ApiVersionRetired",
    "Archive",
    "ArchiveError",
    "ArchiveLimitExceeded",
    "ArchiveLimits",
    "Artifact",
    "ArtifactExpired",
    "ArtifactFilters",
    "ArtifactListing",
    "ArtifactPage",
    "ArtifactStream",
    "ArtifactsError",
    "ArtifactsErrorGroup",
    "Auth",
    "AuthenticationError",
    "Backslashes",
    "BulkProgress",
    "CertificateRefused",
    "Client",
    "ClientStateError",
    "ConnectionFailed",
    "DamagedArchive",
    "Deletion",
    "Digest",
    "DigestMismatch",
    "Direction",
    "DiskError",
    "DiskFull",
    "Download",
    "DownloadError",
    "Extraction",
    "GitHubApp",
    "GitHubError",
    "IfDirectoryExists",
    "IfExists",
    "IncompleteDownload",
    "InstallationTokenError",
    "InvalidArgument",
    "InvalidDelivery",
    "Job",
    "ManifestEntry",
    "Member",
    "MemberNotFound",
    "MirrorReport",
    "NoToken",
    "NotAZip",
    "NotFound",
    "OnCollision",
    "Outcome",
    "PermissionDenied",
    "Progress",
    "ProgressError",
    "PruneReport",
    "RateLimit",
    "RateLimitPolicy",
    "RateLimited",
    "RedirectRefused",
    "Rejection",
    "Repo",
    "RepositoryInfo",
    "Resolution",
    "RetryPolicy",
    "Run",
    "RunEnded",
    "RunListing",
    "RunPage",
    "ServerError",
    "SignatureMismatch",
    "Stats",
    "StoreError",
    "Symlinks",
    "TargetBusy",
    "TargetExists",
    "TimedOut",
    "Timeouts",
    "Token",
    "TokenProvider",
    "TokenProviderError",
    "TransportError",
    "UnexpectedReply",
    "UnsafeMember",
    "UnsupportedMember",
    "Wait",
    "WaitError",
    "WaitTimedOut",
    "Waiter",
    "WebhookError",
    "WorkflowRun",
    "from_json",
    "read_manifest",
    "to_json",
]

_MODULES = ("errors", "models", "auth", "repo", "client", "reports", "testing", "webhooks")
"""The public modules. All public names but those of `_HOMES` are in one of the first five."""

_HOMES = {
    "Archive": "_archive.archive",
    "ArtifactListing": "_api.listing",
    "ArtifactStream": "_download.stream",
    "ArtifactsErrorGroup": "reports",
    "BulkProgress": "reports",
    "Deletion": "reports",
    "Extraction": "reports",
    "ManifestEntry": "reports",
    "MirrorReport": "reports",
    "Outcome": "reports",
    "PruneReport": "reports",
    "Rejection": "_runs.selection",
    "Resolution": "_runs.selection",
    "RunListing": "_runs.run_listing",
    "Waiter": "_runs.waiter",
    "from_json": "_api.converters",
    "to_json": "_api.converters",
}

if not TYPE_CHECKING:  # otherwise a type checker would accept every misspelt name

    def __getattr__(name: str) -> object:
        if name == "__version__":
            value = _import_module("importlib.metadata").version(__name__)
        elif name in _MODULES:
            value = _import_module(f"{__name__}.{name}")
        elif name in __all__:
            homes = (_HOMES[name],) if name in _HOMES else _MODULES[:5]
            modules = (_import_module(f"{__name__}.{home}") for home in homes)
            value = next(vars(module)[name] for module in modules if name in vars(module))
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value  # so that this function is not called for this name again
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
