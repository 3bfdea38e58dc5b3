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


class _AbsenceCheck:
    """Checks whether artifacts of a repository are really gone after a 404 of a DELETE.

    GitHub also answers 404 to a DELETE that the token is not permitted to make, and to any request
    for a repository that the token cannot see.
    """

    def __init__(self, context: ClientContext, repository: str) -> None:
        self._context = context
        self._repository = repository
        self._visibility_lock = asyncio.Lock()
        self._is_visible = False

    async def is_gone(self, artifact_id: int) -> bool:
        """Return True if the repository has no such artifact.

        Raises:
            NotFound: The token cannot list the repository's artifacts.
        """
        try:
            await self._context.get(self._repository, artifact_id)
        except NotFound:
            await self._check_visible()
            return True
        return False

    async def _check_visible(self) -> None:
        async with self._visibility_lock:
            if not self._is_visible:
                call = endpoints.list_repository_artifacts(self._repository, name=None, per_page=1)
                await self._context.api.call(call)
                self._is_visible = True


async def delete_artifact(context: ClientContext, repository: str, artifact_id: int) -> None:
    """Delete an artifact; see `Repo.delete_artifact`."""
    check = _AbsenceCheck(context, repository)
    try:
        await context.api.call(endpoints.delete_artifact(repository, artifact_id))
    except NotFound as error:
        # An earlier attempt may have deleted the artifact although its response was lost.
        if not error.may_have_worked or not await check.is_gone(artifact_id):
            raise


async def delete_artifacts(
    context: ClientContext,
    repository: str,
    artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
) -> AsyncGenerator[Deletion, None]:
    """Delete many artifacts and yield each outcome; see `Repo.delete_artifacts`."""
    check = _AbsenceCheck(context, repository)

    async def delete(artifact: Artifact | int) -> Deletion:
        try:
            artifact_id = _arguments.artifact_id(artifact)
            call = endpoints.delete_artifact(repository, artifact_id)
            try:
                await context.api.call(call)
            except NotFound as error:
                if not await check.is_gone(artifact_id):
                    raise
                return Deletion(artifact, already_gone=not error.may_have_worked)
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
