"""Downloading many artifacts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from pathlib import Path

from ghartifacts_async import _arguments
from ghartifacts_async._bulk.meter import BulkMeter
from ghartifacts_async._bulk.outcomes import ENDS_OPERATION, check_not_expired, reported_error
from ghartifacts_async._bulk.path_template import DistinctPaths, PathTemplate
from ghartifacts_async._bulk.small_artifacts import download_one
from ghartifacts_async._context import ClientContext
from ghartifacts_async._disk.directories import Folder
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._download.progress import OnProgress
from ghartifacts_async._download.target import DownloadRequest
from ghartifacts_async._tasks.workers import Slot, iterate, map_concurrently, with_slots
from ghartifacts_async.models import Artifact, Download, IfExists
from ghartifacts_async.reports import BulkProgress, Outcome

SHARED_CONNECTIONS = 8
"""Number of extra connections that all large downloads of one operation share.

Each download also has one connection of its own.
"""

_MAX_EXTRA_WORKERS = 8


async def download_artifacts(
    context: ClientContext,
    repository: str,
    artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
    directory: Path,
    template: PathTemplate,
    *,
    concurrency: int,
    connections: int | None,
    if_exists: IfExists,
    durable: bool,
    on_progress: Callable[[BulkProgress], None] | None,
    on_artifact_progress: OnProgress | None,
) -> AsyncGenerator[Outcome, None]:
    """Download many artifacts and yield each outcome; see `Repo.download_artifacts`."""
    paths = template if template.has_id else DistinctPaths(template.template)
    meter = BulkMeter(on_progress, artifacts)
    shared_connections = asyncio.Semaphore(SHARED_CONNECTIONS) if connections is None else None

    async def fetch(artifact: Artifact, slot: Slot) -> Download:
        if artifact.expired and template.has_id:
            # A partial download of it can never be completed.
            path = directory / template.path(artifact)
            leftovers, folder = HiddenFiles.of(path.name), Folder(path.parent, directory)
            await context.threads.run(leftovers.remove_leftovers, folder)
        check_not_expired(artifact)
        path = directory / paths.path(artifact)
        request = DownloadRequest(
            repository=repository,
            artifact=artifact,
            destination=path,
            folder=Folder(path.parent, directory),
            if_exists=if_exists,
            connections=connections,
            durable=durable,
            on_progress=on_artifact_progress,
            name_for=partial(paths.name, artifact),
            shared_connections=shared_connections,
        )
        return await download_one(context, request, meter, on_received=slot.release)

    async def download(item: tuple[Artifact | int, Slot]) -> Outcome:
        artifact, slot = item
        meter.begin()
        try:
            if not isinstance(artifact, Artifact):
                artifact = await context.get(repository, _arguments.artifact_id(artifact))
            outcome = Outcome(artifact, await fetch(artifact, slot))
        except ENDS_OPERATION:
            raise
        except Exception as error:
            outcome = Outcome(artifact, error=reported_error(error, artifact))
        finally:
            slot.release()
        meter.end(succeeded=outcome.error is None)
        return outcome

    source = with_slots(iterate(artifacts), concurrency)
    # A small download releases its slot as soon as it is received. The extra workers start the next
    # downloads while received payloads are still being written to disk.
    extra_workers = min(concurrency, _MAX_EXTRA_WORKERS)
    results = map_concurrently(
        source, download, concurrency, context.lifetime, extra_workers=extra_workers
    )
    async with aclosing(results) as outcomes:
        async for outcome in outcomes:
            yield outcome
    meter.finish()
