"""Many at once: downloads and deletions, each told of as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sized
from contextlib import aclosing
from functools import partial
from pathlib import Path

from ghartifacts_async import _arguments
from ghartifacts_async._api import endpoints
from ghartifacts_async._bulk.path_template import PathTemplate
from ghartifacts_async._context import ClientContext
from ghartifacts_async._download.progress import BulkMeter
from ghartifacts_async._tasks.workers import Turn, each, map_concurrently, with_turns
from ghartifacts_async.errors import (
    ArtifactExpired,
    ArtifactsError,
    ClientStateError,
    NotFound,
    ProgressError,
)
from ghartifacts_async.models import Artifact, Download, IfExists
from ghartifacts_async.reports import BulkProgress, Deletion, Outcome

EXTRA_CONNECTIONS = 8
"""Beyond the first of each download: large ones share them piece by piece, small ones need none."""

_DELETES_AT_ONCE = 4
_WRITERS = 8


def strip_tracebacks(error: ArtifactsError) -> ArtifactsError:
    """An error to be kept, without the frames that hold what was fetched."""
    one: BaseException | None = error
    while one is not None:
        one.__traceback__, one = None, one.__cause__ or one.__context__
    return error


async def downloads(
    parts: ClientContext,
    repository: str,
    artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
    directory: Path,
    layout: PathTemplate,
    *,
    concurrency: int,
    if_exists: IfExists,
    durable: bool,
    on_progress: Callable[[BulkProgress], None] | None,
) -> AsyncGenerator[Outcome, None]:
    """Download many; see `Repo.download_artifacts`."""
    meter = BulkMeter(on_progress, len(artifacts) if isinstance(artifacts, Sized) else None)
    extra = asyncio.Semaphore(EXTRA_CONNECTIONS)

    async def fetch(artifact: Artifact, turn: Turn) -> Download:
        if artifact.expired:
            raise ArtifactExpired(f"artifact {artifact.id}: its listing says that it has expired")
        return await parts.download_one_of_many(
            repository,
            artifact,
            directory / layout.path(artifact),
            named=partial(layout.name, artifact),
            meter=meter,
            extra=extra,
            if_exists=if_exists,
            durable=durable,
            fetched=turn.over,
        )

    async def work(item: tuple[Artifact | int, Turn]) -> Outcome:
        wanted, turn = item
        meter.begin()
        try:
            if not isinstance(wanted, Artifact):
                wanted = await parts.get(repository, _arguments.artifact_id(wanted))
            outcome = Outcome(wanted, await fetch(wanted, turn))
        except (ClientStateError, ProgressError):
            raise
        except ArtifactsError as error:
            outcome = Outcome(wanted, error=strip_tracebacks(error))
        finally:
            turn.over()
        meter.end(well=outcome.error is None)
        return outcome

    source = with_turns(each(artifacts), concurrency)
    # Small ones are put on disk while the next are fetched.
    writers = min(concurrency, _WRITERS)
    crew = map_concurrently(source, work, concurrency, parts.lifetime, others=writers)
    async with aclosing(crew) as outcomes:
        async for outcome in outcomes:
            yield outcome
    meter.done()


async def deletions(
    parts: ClientContext,
    repository: str,
    artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
) -> AsyncGenerator[Deletion, None]:
    """Delete many; see `Repo.delete_artifacts`."""
    seen = asyncio.Lock()
    visible = False

    async def check_visible() -> None:
        """Make sure that 404 means the artifact: it also hides whole repositories."""
        nonlocal visible
        async with seen:
            if not visible:
                call = endpoints.list_repository_artifacts(repository, name=None, per_page=1)
                await parts.api.call(call)
                visible = True

    async def is_gone(number: int) -> bool:
        try:
            await parts.get(repository, number)
        except NotFound:
            await check_visible()
            return True
        return False

    async def work(wanted: Artifact | int) -> Deletion:
        try:
            number = _arguments.artifact_id(wanted)
            call = endpoints.delete_artifact(repository, number)
            try:
                await parts.api.call(call)
            except NotFound:
                # It also hides a missing permission.
                if not await is_gone(number):
                    raise
                return Deletion(wanted, already_gone=True)
        except ClientStateError:
            raise
        except ArtifactsError as error:
            return Deletion(wanted, error=strip_tracebacks(error))
        return Deletion(wanted)

    crew = map_concurrently(each(artifacts), work, _DELETES_AT_ONCE, parts.lifetime)
    async with aclosing(crew) as outcomes:
        async for outcome in outcomes:
            yield outcome
