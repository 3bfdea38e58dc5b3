"""The resources that an open client shares with its repositories."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar, cast

from attrs import field, frozen

from ghartifacts_async._api import endpoints
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download.blob import BlobClient
from ghartifacts_async._download.downloader import Downloader
from ghartifacts_async._download.resumable_reader import Retrier
from ghartifacts_async._download.signed_url import SignedUrlProvider
from ghartifacts_async._download.target import DownloadRequest
from ghartifacts_async._http.transport import Transport
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.models import Artifact, ArtifactPage, Download, RetryPolicy

_DEFERRED_MODULES = ("aiolimiter", "filelock", "ghartifacts_async._api.converters")
"""Modules that take long to import, so a client imports them in a thread when it is opened."""

_T = TypeVar("_T")

_loaded = threading.Event()


@frozen
class ClientContext:
    """The resources that an open client shares with its repositories.

    Attributes:
        base_url: Base URL of the API.
        api: Makes API calls.
        transport: Sends requests to the API and to blob stores.
        threads: Threads that access the file system.
        lifetime: The client's lifetime. Closing it interrupts all running operations.
        policy: Retry policy.
    """

    base_url: str
    api: ApiClient
    transport: Transport
    threads: IoThreads
    lifetime: Lifetime
    policy: RetryPolicy
    _shared: dict[Any, object] = field(factory=dict, init=False, eq=False, repr=False)

    def shared(self, kind: Callable[[ClientContext], _T]) -> _T:
        """Return the client's only instance of a class, which is created at the first call.

        So this module does not import classes that many programs never use.

        Args:
            kind: The class, whose only argument is this context.
        """
        if kind not in self._shared:
            self._shared[kind] = kind(self)
        return cast("_T", self._shared[kind])

    async def load(self) -> None:
        """Import the deferred modules in a thread, because importing blocks the event loop."""
        if not _loaded.is_set():
            await self.threads.run(_load)

    def signed_url(self, repository: str, artifact: Artifact) -> SignedUrlProvider:
        """Return a provider of an artifact's signed URL, which requests the URL when needed."""
        call = endpoints.download_artifact(repository, artifact.id, artifact.expires_at)
        return SignedUrlProvider(self.api, self.transport, call)

    def blob_client(self, repository: str, artifact: Artifact, *, whole: bool) -> BlobClient:
        """Return a client for the payload of an artifact.

        Args:
            repository: ``owner/name``.
            artifact: The artifact.
            whole: Whether the whole payload is read; see `BlobClient`.
        """
        urls = self.signed_url(repository, artifact)
        return BlobClient(self.transport, urls, artifact, whole=whole)

    def retrier(self) -> Retrier:
        """Return a new retrier, for one download, one stream or one range of an archive."""
        return Retrier(self.policy, self.api.waits)

    async def get(self, repository: str, number: int) -> Artifact:
        """Request an artifact by its id."""
        call = endpoints.get_artifact(repository, number)
        return await self.api.call(call)

    async def download(self, request: DownloadRequest) -> Download:
        """Download an artifact to a file; see `Repo.download_artifact`."""
        urls = self.signed_url(request.repository, request.artifact)
        key = f"{self.base_url}/{request.repository}/{request.artifact.id}"
        downloader = Downloader(self.transport, self.threads, self.retrier(), urls, key, request)
        return await downloader.run()


def _load() -> None:
    for name in _DEFERRED_MODULES:
        import_module(name)
    from ghartifacts_async._api.converters import prepare

    prepare(ArtifactPage)
    _loaded.set()
