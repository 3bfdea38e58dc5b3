"""Operations on archives, which the methods of `Repo` call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from ghartifacts_async._archive import arguments
from ghartifacts_async._archive.archive import Archive, open_archive
from ghartifacts_async._archive.extraction import ExtractionRequest, download_and_extract
from ghartifacts_async._archive.remote_file import RemoteFile
from ghartifacts_async._context import ClientContext
from ghartifacts_async._disk.directories import Folder
from ghartifacts_async._download.progress import OnProgress
from ghartifacts_async._download.target import DownloadRequest
from ghartifacts_async._http.messages import printable
from ghartifacts_async.errors import NotAZip
from ghartifacts_async.models import ArchiveLimits, Artifact, Download


class ArchiveOperations:
    """Operations on the archives of one repository's artifacts.

    Args:
        opened: Returns what the open client shares, or raises `ClientStateError`.
        repository: The repository, as ``owner/name``.
    """

    def __init__(self, opened: Callable[[], ClientContext], repository: str) -> None:
        self._opened = opened
        self._repository = repository

    @asynccontextmanager
    async def open(
        self, artifact: Artifact, limits: ArchiveLimits, encoding: str | None
    ) -> AsyncIterator[Archive]:
        """Open an archive to read individual members; see `Repo.open_artifact`."""
        context = self._opened()
        remote = RemoteFile(
            artifact,
            context.blob_client(self._repository, artifact, whole=False),
            context.retrier,
            context.threads,
            partial(self._download, artifact),
        )
        async with AsyncExitStack() as stack:
            opening = open_archive(artifact, remote, context.lifetime, limits, encoding)
            with _explained(artifact):
                archive = await stack.enter_async_context(opening)
            yield archive

    check_encoding = staticmethod(arguments.encoding)
    """Check the argument `encoding`."""

    extraction_request = staticmethod(ExtractionRequest.from_arguments)
    """Check the arguments of an extraction, and return the request that `extract` takes."""

    async def extract(
        self,
        artifact: Artifact,
        request: ExtractionRequest,
        on_progress: OnProgress | None,
        shared_connections: asyncio.Semaphore | None = None,
    ) -> list[Path]:
        """Download and verify an artifact, then extract it; see `Repo.extract_artifact`."""
        download = partial(
            self._download,
            artifact,
            on_progress=on_progress,
            shared_connections=shared_connections,
        )
        with _explained(artifact):
            return await download_and_extract(self._opened().threads, download, request)

    def _download(
        self,
        artifact: Artifact,
        path: Path,
        folder: Folder,
        *,
        on_progress: OnProgress | None = None,
        shared_connections: asyncio.Semaphore | None = None,
    ) -> Awaitable[Download]:
        """Download the artifact to a path in a private directory. Keep no partial data."""
        request = DownloadRequest(
            repository=self._repository,
            artifact=artifact,
            destination=path,
            folder=folder,
            is_nested=True,
            keep_partial=False,
            on_progress=on_progress,
            shared_connections=shared_connections,
        )
        return self._opened().download(request)


@contextmanager
def _explained(artifact: Artifact) -> Iterator[None]:
    """Name the artifact in the error for a payload that is not a zip."""
    try:
        yield
    except NotAZip as error:
        error.summary = (
            f"artifact {artifact.id} ({printable(artifact.name)}): {error.summary}; use "
            "download_artifact for a file that was uploaded without zipping"
        )
        raise
