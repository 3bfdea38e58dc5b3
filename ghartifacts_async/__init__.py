"""GitHub Actions artifacts for asyncio: list, get, delete and download, streamed and verified.

    async with Client(token) as gh:
        repo = gh.repo("octo-org/octo-docs")
        async for artifact in repo.list_artifacts(name="dist"):
            await repo.download_artifact(artifact, "out/")

`Client` and `Repo` do the work, the models are what they return, and every error is an
`ArtifactsError`. `ghartifacts_async.testing` holds a GitHub to test against.
"""

from importlib.metadata import version as _version

from ghartifacts_async._listing import ArtifactListing
from ghartifacts_async._sansio.converters import from_json, to_json
from ghartifacts_async.auth import Anonymous, Auth, Token, TokenProvider
from ghartifacts_async.client import Client, Repo
from ghartifacts_async.errors import (
    ArtifactExpired,
    ArtifactsError,
    AuthenticationError,
    ClientStateError,
    ConnectionFailed,
    DigestMismatch,
    DiskError,
    DownloadError,
    GitHubError,
    IncompleteDownload,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ProgressError,
    RateLimited,
    RedirectRefused,
    ServerError,
    StoreError,
    TimedOut,
    TransportError,
    UnexpectedReply,
)
from ghartifacts_async.models import (
    Artifact,
    ArtifactPage,
    Digest,
    Direction,
    Download,
    Progress,
    Timeouts,
    WorkflowRun,
)

__all__ = [
    "Anonymous",
    "Artifact",
    "ArtifactExpired",
    "ArtifactListing",
    "ArtifactPage",
    "ArtifactsError",
    "Auth",
    "AuthenticationError",
    "Client",
    "ClientStateError",
    "ConnectionFailed",
    "Digest",
    "DigestMismatch",
    "Direction",
    "DiskError",
    "Download",
    "DownloadError",
    "GitHubError",
    "IncompleteDownload",
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "Progress",
    "ProgressError",
    "RateLimited",
    "RedirectRefused",
    "Repo",
    "ServerError",
    "StoreError",
    "TimedOut",
    "Timeouts",
    "Token",
    "TokenProvider",
    "TransportError",
    "UnexpectedReply",
    "WorkflowRun",
    "from_json",
    "to_json",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        return _version("ghartifacts_async")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
