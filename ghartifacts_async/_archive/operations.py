"""Operations on archives, which the methods of `Repo` call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ghartifacts_async._archive.archive import Archive, open_archive
from ghartifacts_async._archive.extraction import ExtractionRequest, download_and_extract
from ghartifacts_async._archive.remote_file import RemoteFile
from ghartifacts_async._context import ClientContext
from ghartifacts_async._download.target import DownloadRequest
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

    def open(
        self, artifact: Artifact, limits: ArchiveLimits
    ) -> AbstractAsyncContextManager[Archive]:
        """Open an archive to read individual members; see `Repo.open_artifact`."""
        context = self._opened()
        remote = RemoteFile(
            artifact,
            context.blob_client(self._repository, artifact, whole=False),
            context.policy,
            context.threads,
            self._download_to(artifact),
        )
        return open_archive(artifact, remote, context.lifetime, limits)

    extraction_request = staticmethod(ExtractionRequest.from_arguments)
    """Check the arguments of an extraction, and return the request that `extract` takes."""

    async def extract(self, artifact: Artifact, request: ExtractionRequest) -> list[Path]:
        """Download and verify an artifact, then extract it; see `Repo.extract_artifact`."""
        download = self._download_to(artifact)
        return await download_and_extract(self._opened().threads, download, request)

    def _download_to(self, artifact: Artifact) -> Callable[[Path], Awaitable[Download]]:
        """Return a function that downloads the artifact to a path and keeps no partial data."""

        def download(path: Path) -> Awaitable[Download]:
            request = DownloadRequest(
                repository=self._repository,
                artifact=artifact,
                destination=path,
                if_exists="replace",
                keep_partial=False,
            )
            return self._opened().download(request)

        return download
