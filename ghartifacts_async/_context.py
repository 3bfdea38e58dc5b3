"""What an open client lends to its repositories, and how they download."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from ghartifacts_async._api import endpoints
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download.signed_url import SignedUrlProvider
from ghartifacts_async._http.transport import Transport
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.models import Artifact, ArtifactPage, Download, IfExists, RetryPolicy

if TYPE_CHECKING:
    from ghartifacts_async._download.progress import BulkMeter, OnProgress


_NEEDED = (
    "aiolimiter",
    "ghartifacts_async._api.converters",
    "ghartifacts_async._download.downloader",
    "ghartifacts_async._download.small_file",
    "ghartifacts_async._download.stream",
)
"""What calls and downloads load where they use it."""

_loaded = threading.Event()


@frozen
class ClientContext:
    """What an open client lends to its repositories."""

    base_url: str
    api: ApiClient
    transport: Transport
    disk: IoThreads
    lifetime: Lifetime
    policy: RetryPolicy

    async def load(self) -> None:
        """Load what calls and downloads need, once: the loop would stand still for it."""
        if not _loaded.is_set():
            await self.disk.run(_load)

    def lease(self, repository: str, artifact: Artifact) -> SignedUrlProvider:
        """The signed URL of an artifact, once it is wanted."""
        call = endpoints.download_artifact(repository, artifact.id)
        return SignedUrlProvider(self.api, self.transport, call)

    async def get(self, repository: str, number: int) -> Artifact:
        """The artifact of an id as it is now."""
        call = endpoints.get_artifact(repository, number)
        return await self.api.call(call)

    async def download(
        self,
        repository: str,
        artifact: Artifact,
        destination: str | os.PathLike[str],
        *,
        if_exists: IfExists = "verify",
        connections: int | None = None,
        wait_for_lock: bool = True,
        keep_partial: bool = True,
        durable: bool = False,
        on_progress: OnProgress | None = None,
        name_for: Callable[[str], str] | None = None,
        shared_connections: asyncio.Semaphore | None = None,
    ) -> Download:
        """Download an artifact; see `Repo.download_artifact` and `Job`."""
        # Here, as many a program imports this and never gets so far.
        from ghartifacts_async._download.downloader import Job, download

        job = Job(
            artifact,
            f"{self.base_url}/{repository}/{artifact.id}",
            destination,
            if_exists=if_exists,
            connections=connections,
            wait_for_lock=wait_for_lock,
            keep_partial=keep_partial,
            durable=durable,
            on_progress=on_progress,
            named=name_for,
            extra=shared_connections,
        )
        lease = self.lease(repository, artifact)
        return await download(self.transport, self.disk, self.policy, lease, job)

    async def download_one_of_many(
        self,
        repository: str,
        artifact: Artifact,
        target: Path,
        *,
        name_for: Callable[[str], str],
        meter: BulkMeter,
        shared_connections: asyncio.Semaphore,
        if_exists: IfExists = "verify",
        durable: bool = False,
        on_received: Callable[[], None] = lambda: None,
    ) -> Download:
        """Download one of many artifacts; see `Job`.

        Args:
            repository: ``owner/name``.
            artifact: The artifact.
            target: Path of its file if the payload is a zip.
            name_for: Returns the file's name for the name of the payload.
            meter: Counts the bytes received by all downloads.
            shared_connections: Limits the connections beyond the first of each download.
            if_exists: What to do about an existing file.
            durable: Whether the file would survive a power failure.
            on_received: Called when a small payload has been received and is yet to be written.
        """
        from ghartifacts_async._download.blob import BlobClient
        from ghartifacts_async._download.retries import Retrier
        from ghartifacts_async._download.small_file import is_small, look, put
        from ghartifacts_async._download.stream import stream

        target, free = await self.disk.run(look, target, name_for(artifact.name))
        if free and is_small(artifact):
            lease = self.lease(repository, artifact)
            source = BlobClient(self.transport, lease, artifact)
            async with stream(artifact, source, Retrier(self.policy), self.lifetime) as opened:
                chunks = [chunk async for chunk in opened]
            path, digest = target.with_name(name_for(opened.filename)), opened.digest
            assert digest is not None
            on_received()
            if await self.disk.run(put, path, chunks, durable):
                size = artifact.size_in_bytes
                meter.came(size)
                renewed = max(0, lease.taken - 1)
                return Download(artifact, path, size, digest, True, url_refreshes=renewed)
        return await self.download(
            repository,
            artifact,
            target,
            if_exists=if_exists,
            durable=durable,
            on_progress=meter.watch(),
            name_for=name_for,
            shared_connections=shared_connections,
        )


def _load() -> None:
    for name in _NEEDED:
        import_module(name)
    from ghartifacts_async._api.converters import prepare

    prepare(ArtifactPage)
    _loaded.set()
