"""Downloading and extracting many artifacts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path

from attrs import evolve

from ghartifacts_async import _arguments
from ghartifacts_async._archive.extraction import ExtractionRequest
from ghartifacts_async._archive.extraction_plan import ExtractionPlan
from ghartifacts_async._archive.operations import ArchiveOperations
from ghartifacts_async._bulk.downloads import SHARED_CONNECTIONS
from ghartifacts_async._bulk.extractions.placement import MergedPaths
from ghartifacts_async._bulk.meter import BulkMeter
from ghartifacts_async._bulk.outcomes import ENDS_OPERATION, check_not_expired, reported_error
from ghartifacts_async._bulk.path_template import DistinctPaths
from ghartifacts_async._context import ClientContext
from ghartifacts_async._disk.directories import CreatedDirectories
from ghartifacts_async._disk.file_io import disk_errors
from ghartifacts_async._tasks.workers import iterate, map_concurrently
from ghartifacts_async.models import Artifact
from ghartifacts_async.reports import BulkProgress, Extraction


async def extract_artifacts(
    context: ClientContext,
    repository: str,
    artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
    request: ExtractionRequest,
    *,
    concurrency: int,
    merge: bool,
    on_progress: Callable[[BulkProgress], None] | None,
) -> AsyncGenerator[Extraction, None]:
    """Extract many artifacts and yield each result; see `Repo.extract_artifacts`.

    Args:
        context: The client's connections, threads and settings.
        repository: The repository, as ``owner/name``.
        artifacts: The artifacts, or their ids.
        request: How to extract each of them. Its directory is that of all artifacts.
        concurrency: Maximum number of artifacts to extract at the same time.
        merge: Whether to extract all artifacts to one directory.
        on_progress: Called with the progress of all artifacts together.
    """
    meter = BulkMeter(on_progress, artifacts)
    archives = ArchiveOperations(lambda: context, repository)
    shared_connections = asyncio.Semaphore(SHARED_CONNECTIONS)
    directory = Path(request.directory)
    paths, merged = DistinctPaths("{name}"), MergedPaths()
    lock = threading.Lock()  # paths are added in threads, because an archive may have many

    def request_for(artifact: Artifact, user: object) -> ExtractionRequest:
        if not merge:
            return evolve(request, directory=directory / paths.path(artifact, ""))

        def claim_paths(plan: ExtractionPlan) -> None:
            with lock:
                merged.add(user, artifact, plan.directories, (path for _, path in plan.files))

        return evolve(request, merge_as=f"{artifact.id}", on_plan=claim_paths)

    def forget_paths(user: object) -> None:
        with lock:
            merged.discard(user)

    async def extract_one(artifact: Artifact) -> Extraction:
        check_not_expired(artifact)
        user = object()
        own_request = request_for(artifact, user)
        try:
            files = await archives.extract(
                artifact, own_request, meter.callback(), shared_connections
            )
        except BaseException:
            await context.threads.run(forget_paths, user, after_close=True)
            raise
        return Extraction(artifact, tuple(files), Path(own_request.directory))

    async def extract(artifact: Artifact | int) -> Extraction:
        meter.begin()
        try:
            if not isinstance(artifact, Artifact):
                artifact = await context.get(repository, _arguments.artifact_id(artifact))
            extraction = await extract_one(artifact)
        except ENDS_OPERATION:
            raise
        except Exception as error:
            extraction = Extraction(artifact, error=reported_error(error, artifact))
        meter.end(succeeded=extraction.error is None)
        return extraction

    # Otherwise, an extraction that fails would remove the directory while others need it.
    await context.threads.run(_make_directory, directory)
    results = map_concurrently(iterate(artifacts), extract, concurrency, context.lifetime)
    async with aclosing(results) as extractions:
        async for extraction in extractions:
            yield extraction
    meter.finish()


def _make_directory(directory: Path) -> None:
    with disk_errors(directory):
        CreatedDirectories().make(directory)
