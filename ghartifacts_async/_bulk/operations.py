"""Operations on many artifacts, which the methods of `Repo` and `Client` call."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ghartifacts_async import _arguments
from ghartifacts_async._api.listing import ArtifactListing
from ghartifacts_async._archive.extraction import ExtractionRequest
from ghartifacts_async._bulk.deletions import delete_artifact, delete_artifacts, prune
from ghartifacts_async._bulk.downloads import download_artifacts
from ghartifacts_async._bulk.extractions.extract import extract_artifacts
from ghartifacts_async._bulk.manifest_file import read_manifest
from ghartifacts_async._bulk.mirror import Mirror, update_mirrors
from ghartifacts_async._bulk.path_template import PathTemplate
from ghartifacts_async._bulk.retention import Criteria
from ghartifacts_async._context import ClientContext
from ghartifacts_async._download.progress import OnProgress
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact, IfExists
from ghartifacts_async.reports import (
    BulkProgress,
    Deletion,
    Extraction,
    MirrorReport,
    Outcome,
    PruneReport,
)


class BulkOperations:
    """Operations on many artifacts of one repository. Each operation checks its arguments first.

    Args:
        opened: Returns what the open client shares, or raises `ClientStateError`.
        repository: The repository, as ``owner/name``.
    """

    read_manifest = staticmethod(read_manifest)

    def __init__(self, opened: Callable[[], ClientContext], repository: str) -> None:
        self._opened = opened
        self._repository = repository

    def download(
        self,
        artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
        directory: str | os.PathLike[str],
        *,
        template: str,
        concurrency: int,
        connections: int | None,
        if_exists: IfExists,
        durable: bool,
        on_progress: Callable[[BulkProgress], None] | None,
        on_artifact_progress: OnProgress | None,
    ) -> AsyncGenerator[Outcome, None]:
        """Download many artifacts and yield each outcome; see `Repo.download_artifacts`."""
        _arguments.destination(directory)
        _arguments.callback(on_progress)
        _arguments.callback(on_artifact_progress)
        _arguments.several(artifacts)
        _arguments.concurrency(concurrency)
        _arguments.connections(connections)
        _arguments.if_exists(if_exists)
        _arguments.flags(durable=durable)
        return download_artifacts(
            self._opened(),
            self._repository,
            artifacts,
            Path(directory),
            PathTemplate(template),
            concurrency=concurrency,
            connections=connections,
            if_exists=if_exists,
            durable=durable,
            on_progress=on_progress,
            on_artifact_progress=on_artifact_progress,
        )

    def extract(
        self,
        artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
        request: ExtractionRequest,
        *,
        concurrency: int,
        merge: bool,
        on_progress: Callable[[BulkProgress], None] | None,
    ) -> AsyncGenerator[Extraction, None]:
        """Extract many artifacts and yield each result; see `Repo.extract_artifacts`."""
        _arguments.callback(on_progress)
        _arguments.several(artifacts)
        _arguments.concurrency(concurrency)
        _arguments.flags(merge=merge)
        if merge and request.if_exists == "replace":
            raise InvalidArgument("if_exists='replace' cannot be combined with merge=True")
        return extract_artifacts(
            self._opened(),
            self._repository,
            artifacts,
            request,
            concurrency=concurrency,
            merge=merge,
            on_progress=on_progress,
        )

    async def delete_one(self, artifact: Artifact | int) -> None:
        """Delete an artifact; see `Repo.delete_artifact`."""
        artifact_id = _arguments.artifact_id(artifact)
        await delete_artifact(self._opened(), self._repository, artifact_id)

    def delete(
        self, artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int]
    ) -> AsyncGenerator[Deletion, None]:
        """Delete many artifacts and yield each outcome; see `Repo.delete_artifacts`."""
        _arguments.several(artifacts)
        return delete_artifacts(self._opened(), self._repository, artifacts)

    async def prune(
        self,
        list_artifacts: Callable[[], AsyncIterable[Artifact]],
        *,
        older_than: timedelta | None,
        keep_latest: int | None,
        max_total_size: int | None,
        dry_run: bool,
    ) -> PruneReport:
        """Delete those listed artifacts that meet the criteria; see `Repo.prune`."""
        _arguments.flags(dry_run=dry_run)
        criteria = Criteria(older_than, keep_latest, max_total_size)
        listing, now = list_artifacts(), datetime.now(UTC)
        return await prune(
            self._opened(), self._repository, listing, criteria, now, dry_run=dry_run
        )

    async def mirror(
        self,
        list_artifacts: Callable[[], ArtifactListing],
        directory: str | os.PathLike[str],
        *,
        template: str,
        concurrency: int,
        durable: bool,
        is_counted: bool,
        on_progress: Callable[[BulkProgress], None] | None,
        on_outcome: Callable[[Outcome], object] | None,
    ) -> MirrorReport:
        """Update a mirror with the listed artifacts; see `Repo.mirror`."""
        _arguments.destination(directory)
        _arguments.callback(on_progress)
        _arguments.callback(on_outcome, "on_outcome")
        _arguments.concurrency(concurrency)
        _arguments.flags(durable=durable)
        paths, listing, context = PathTemplate(template), list_artifacts(), self._opened()
        mirror = Mirror(
            context,
            self._repository,
            listing,
            Path(directory),
            paths,
            is_counted=is_counted,
            durable=durable,
        )
        return await update_mirrors(
            [mirror],
            context.lifetime,
            concurrency=concurrency,
            raise_errors=True,
            on_progress=on_progress,
            on_outcome=on_outcome,
        )


async def mirror_repositories(
    context: ClientContext,
    listings: Mapping[str, ArtifactListing],
    directory: str | os.PathLike[str],
    *,
    template: str,
    concurrency: int,
    durable: bool,
    is_counted: bool,
    on_progress: Callable[[BulkProgress], None] | None,
    on_outcome: Callable[[Outcome], object] | None,
) -> MirrorReport:
    """Update the mirrors of several repositories; see `Client.mirror`.

    Args:
        context: The client's connections, threads and settings.
        listings: The artifacts to mirror for each repository. The keys have the form
            ``owner/name``.
        directory: The directory in which each repository is mirrored to ``owner/name/``.
        template: The path template of every mirror.
        concurrency: Maximum number of concurrent downloads, for all repositories together.
        durable: Whether to sync files and manifests to disk, so that they survive a power failure.
        is_counted: Whether all artifacts that GitHub counts are listed.
        on_progress: Called with the progress of all repositories together.
        on_outcome: Called with the outcome of each artifact that is downloaded, linked or fails.
    """
    _arguments.flags(durable=durable)
    path_template = PathTemplate(template)
    mirrors = [
        Mirror(
            context,
            repository,
            listing,
            Path(directory, repository),
            path_template,
            is_counted=is_counted,
            durable=durable,
        )
        for repository, listing in listings.items()
    ]
    return await update_mirrors(
        mirrors,
        context.lifetime,
        concurrency=_arguments.concurrency(concurrency),
        raise_errors=False,
        on_progress=on_progress,
        on_outcome=on_outcome,
    )
