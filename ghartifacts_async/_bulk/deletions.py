"""Deleting what is no longer wanted: all is read before the first is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import aclosing
from datetime import datetime

from ghartifacts_async._bulk.downloads import deletions
from ghartifacts_async._bulk.retention import Criteria, select_for_deletion, weight
from ghartifacts_async._context import ClientContext
from ghartifacts_async.models import Artifact
from ghartifacts_async.reports import PruneReport


async def prune(
    parts: ClientContext,
    repository: str,
    artifacts: AsyncIterable[Artifact],
    criteria: Criteria,
    now: datetime,
    *,
    dry_run: bool,
) -> PruneReport:
    """Delete what meets the criteria, or tell what would be; see `Repo.prune`."""
    listed = [artifact async for artifact in artifacts]
    chosen = tuple(select_for_deletion(listed, criteria, now))
    kept, size = len(listed) - len(chosen), sum(map(weight, chosen))
    del listed
    if dry_run:
        return PruneReport(True, chosen, kept, size=size)
    async with aclosing(deletions(parts, repository, chosen)) as outcomes:
        told = [outcome async for outcome in outcomes]
    failures = [outcome for outcome in told if outcome.error is not None]
    deleted = len(told) - len(failures)
    return PruneReport(False, chosen, kept, deleted, size, tuple(failures))
