"""Deleting many artifacts, and pruning a repository."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from datetime import datetime

from ghartifacts_async import _arguments
from ghartifacts_async._api import endpoints
from ghartifacts_async._bulk.outcomes import ENDS_OPERATION, reported_error
from ghartifacts_async._bulk.retention import Criteria, select_for_deletion, stored_bytes
from ghartifacts_async._context import ClientContext
from ghartifacts_async._tasks.workers import iterate, map_concurrently
from ghartifacts_async.errors import NotFound
from ghartifacts_async.models import Artifact
from ghartifacts_async.reports import Deletion, PruneReport

_WORKERS = 4


async def delete_artifacts(
    context: ClientContext,
    repository: str,
    artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
) -> AsyncGenerator[Deletion, None]:
    """Delete many artifacts and yield each outcome; see `Repo.delete_artifacts`."""
    visibility_lock = asyncio.Lock()
    is_visible = False

    async def check_visible() -> None:
        """Raise NotFound unless the token can list the repository's artifacts."""
        nonlocal is_visible
        async with visibility_lock:
            if not is_visible:
                call = endpoints.list_repository_artifacts(repository, name=None, per_page=1)
                await context.api.call(call)
                is_visible = True

    async def is_gone(artifact_id: int) -> bool:
        try:
            await context.get(repository, artifact_id)
        except NotFound:
            # GitHub also answers 404 for a repository that the token cannot see.
            await check_visible()
            return True
        return False

    async def delete(artifact: Artifact | int) -> Deletion:
        try:
            artifact_id = _arguments.artifact_id(artifact)
            call = endpoints.delete_artifact(repository, artifact_id)
            try:
                await context.api.call(call)
            except NotFound:
                # GitHub also answers 404 to a DELETE that the token is not permitted to make.
                if not await is_gone(artifact_id):
                    raise
                return Deletion(artifact, already_gone=True)
        except ENDS_OPERATION:
            raise
        except Exception as error:
            return Deletion(artifact, error=reported_error(error, artifact))
        return Deletion(artifact)

    results = map_concurrently(iterate(artifacts), delete, _WORKERS, context.lifetime)
    async with aclosing(results) as deletions:
        async for deletion in deletions:
            yield deletion


async def prune(
    context: ClientContext,
    repository: str,
    artifacts: AsyncIterable[Artifact],
    criteria: Criteria,
    now: datetime,
    *,
    dry_run: bool,
) -> PruneReport:
    """Delete the artifacts that the criteria select; see `Repo.prune`.

    Args:
        context: The client's connections, threads and settings.
        repository: The repository, as ``owner/name``.
        artifacts: The candidates, all of which are read before the first deletion.
        criteria: The criteria that select the artifacts to delete.
        now: The current time, from which ages are calculated.
        dry_run: Whether to only report what would be deleted.
    """
    candidates = [artifact async for artifact in artifacts]
    selected = tuple(select_for_deletion(candidates, criteria, now))
    kept = len(candidates) - len(selected)
    size = sum(stored_bytes(artifact) for artifact in selected)
    del candidates
    if dry_run:
        return PruneReport(True, selected, kept, size=size)
    async with aclosing(delete_artifacts(context, repository, selected)) as results:
        deletions = [deletion async for deletion in results]
    failures = tuple(deletion for deletion in deletions if deletion.error is not None)
    return PruneReport(False, selected, kept, len(deletions) - len(failures), size, failures)
