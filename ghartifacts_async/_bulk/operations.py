"""The entry points of this package, for `Repo` and `Client`."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ghartifacts_async import _arguments
from ghartifacts_async._bulk.deletions import delete_artifacts, prune
from ghartifacts_async._bulk.downloads import download_artifacts
from ghartifacts_async._bulk.mirror import Mirror, update_mirrors
from ghartifacts_async._bulk.path_template import PathTemplate
from ghartifacts_async._bulk.retention import Criteria
from ghartifacts_async._context import ClientContext
from ghartifacts_async.models import Artifact, IfExists
from ghartifacts_async.reports import BulkProgress, Deletion, MirrorReport, Outcome, PruneReport


class BulkOperations:
    """Operations on many artifacts of one repository. Each checks its arguments first.

    Args:
        context: What the client shares.
        repository: ``owner/name``.
    """

    def __init__(self, context: ClientContext, repository: str) -> None:
        self._context = context
        self._repository = repository

    def download(
        self,
        artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
        directory: str | os.PathLike[str],
        *,
        concurrency: int,
        if_exists: IfExists,
        durable: bool,
        on_progress: Callable[[BulkProgress], None] | None,
    ) -> AsyncGenerator[Outcome, None]:
        """Download many artifacts and yield each outcome; see `Repo.download_artifacts`."""
        _arguments.destination(directory)
        _arguments.callback(on_progress)
        return download_artifacts(
            self._context,
            self._repository,
            _arguments.several(artifacts),
            Path(directory),
            PathTemplate(_arguments.DEFAULT_TEMPLATE),
            concurrency=_arguments.concurrency(concurrency),
            if_exists=_arguments.if_exists(if_exists),
            durable=durable,
            on_progress=on_progress,
        )

    def delete(
        self, artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int]
    ) -> AsyncGenerator[Deletion, None]:
        """Delete many artifacts and yield each outcome; see `Repo.delete_artifacts`."""
        return delete_artifacts(self._context, self._repository, _arguments.several(artifacts))

    async def prune(
        self,
        listing: AsyncIterable[Artifact],
        *,
        older_than: timedelta | None,
        keep_latest: int | None,
        max_total_size: int | None,
        dry_run: bool,
    ) -> PruneReport:
        """Delete the artifacts of a listing that the criteria select; see `Repo.prune`."""
        _arguments.of_kind(dry_run, bool)
        criteria = Criteria(older_than, keep_latest, max_total_size)
        now = datetime.now(UTC)
        return await prune(self._context, self._repository, listing, criteria, now, dry_run=dry_run)

    async def mirror(
        self,
        listing: AsyncIterable[Artifact],
        directory: str | os.PathLike[str],
        *,
        template: str,
        concurrency: int,
        durable: bool,
        on_progress: Callable[[BulkProgress], None] | None,
    ) -> MirrorReport:
        """Update a mirror of the artifacts of a listing; see `Repo.mirror`."""
        _arguments.destination(directory)
        _arguments.callback(on_progress)
        mirror = Mirror(
            self._context,
            self._repository,
            listing,
            Path(directory),
            PathTemplate(template),
            durable=durable,
        )
        return await update_mirrors(
            [mirror],
            self._context.lifetime,
            concurrency=_arguments.concurrency(concurrency),
            raise_errors=True,
            on_progress=on_progress,
        )


async def mirror_repositories(
    context: ClientContext,
    listings: Mapping[str, AsyncIterable[Artifact]],
    directory: str | os.PathLike[str],
    *,
    template: str,
    concurrency: int,
    durable: bool,
    on_progress: Callable[[BulkProgress], None] | None,
) -> MirrorReport:
    """Update the mirrors of several repositories; see `Client.mirror`.

    Args:
        context: What the client shares.
        listings: The artifacts to mirror, by ``owner/name``.
        directory: The directory that contains ``owner/name/`` for each repository.
        template: The path template of every mirror.
        concurrency: Number of downloads, of all repositories together.
        durable: Whether files and manifests would survive a power failure.
        on_progress: Called with the progress of all repositories together.
    """
    _arguments.destination(directory)
    _arguments.callback(on_progress)
    path_template = PathTemplate(template)
    mirrors = [
        Mirror(
            context,
            repository,
            listing,
            Path(directory, repository),
            path_template,
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
    )
