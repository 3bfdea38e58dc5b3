"""Mirroring repositories: only missing and changed artifacts are downloaded.

Each repository has its own directory and manifest. A thread compares the listed artifacts with the
manifest and the file system, up to 100 artifacts in one job. Artifacts whose files are missing or
have changed are passed to the workers, which link or download them. Artifacts with the same digest
are handled one after another by one worker: the first one is downloaded, and the files of the
others become links to its file.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path

from attrs import define, field

from ghartifacts_async._api.listing import ArtifactListing
from ghartifacts_async._bulk.downloads import SHARED_CONNECTIONS
from ghartifacts_async._bulk.meter import BulkMeter
from ghartifacts_async._bulk.mirror_store import FILE_MODE, MirrorStore
from ghartifacts_async._bulk.outcomes import ENDS_MIRROR, ReportBuilder, reported_error
from ghartifacts_async._bulk.path_template import PathTemplate
from ghartifacts_async._bulk.small_artifacts import download_one
from ghartifacts_async._context import ClientContext
from ghartifacts_async._download import verification
from ghartifacts_async._download.target import DownloadRequest
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async._tasks.workers import interleave, map_concurrently, read_ahead
from ghartifacts_async.errors import (
    ArtifactExpired,
)
from ghartifacts_async.models import Artifact, Digest, Download
from ghartifacts_async.reports import BulkProgress, MirrorReport, Outcome

_MAX_COMPARED_AT_ONCE = 100
_MAX_OPEN_REPOSITORIES = 8
_MAX_WAITING_FOR_DIGEST = 1000


@define(eq=False)
class _DigestQueue:
    """Missing artifacts with the same digest, which one worker handles one after another."""

    artifacts: deque[Artifact]
    finished: asyncio.Event = field(factory=asyncio.Event)


class Mirror:
    """The mirror of one repository.

    Args:
        context: The client's connections, threads and settings.
        repository: The repository, as ``owner/name``.
        listing: The artifacts to mirror.
        root: The mirror's directory.
        template: Path template for the files below `root`.
        is_counted: Whether all artifacts that GitHub counts are listed.
        durable: Whether to sync the files and the manifest to disk, so that they survive a power
            failure.

    Attributes:
        is_closed: Whether the mirror's lock has been released.
    """

    def __init__(
        self,
        context: ClientContext,
        repository: str,
        listing: ArtifactListing,
        root: Path,
        template: PathTemplate,
        *,
        is_counted: bool,
        durable: bool,
    ) -> None:
        self._context = context
        self._repository = repository
        self._listing = listing
        self._is_counted = is_counted
        self._root = root
        self._template = template
        self._durable = durable
        self._store = MirrorStore(
            context.threads, context.base_url, root, template, durable=durable
        )
        self._queues: dict[str, _DigestQueue] = {}
        self._unfinished = 0
        self._is_listed = False
        self.is_closed: bool = False

    async def missing_artifacts(
        self, report: ReportBuilder, *, raise_errors: bool
    ) -> AsyncGenerator[tuple[Mirror, Artifact], None]:
        """Yield the artifacts to link or download, and count the others.

        Args:
            report: The report in which the other artifacts are counted.
            raise_errors: Whether to raise an error of the listing or of the mirror's directory. If
                False, the error is recorded in the report.
        """
        listed = 0
        try:
            is_new = not await self._store.exists()
            if not is_new:
                await self._store.open()
            listing = self._artifacts(report)
            async with aclosing(read_ahead(listing, _MAX_COMPARED_AT_ONCE)) as lists:
                artifacts: list[Artifact] = await anext(lists, [])
                if is_new:
                    # Only now, so that a repository that does not exist leaves no directory behind.
                    await self._store.open()
                while artifacts:
                    listed += len(artifacts)
                    existing = await self._store.find_unchanged(artifacts)
                    missing = [one for one in artifacts if one.id not in existing]
                    available = [one for one in missing if not one.expired]
                    report.add_up_to_date(len(existing))
                    expired = [one for one in missing if one.expired]
                    report.add_expired(len(expired))
                    if expired:
                        await self._store.remove_leftovers(expired)
                    for artifact in available:
                        self._unfinished += 1
                        report.expect(artifact.size_in_bytes)
                        yield self, artifact
                    artifacts = await anext(lists, [])
        except Exception as error:
            if raise_errors or isinstance(error, ENDS_MIRROR):
                raise
            report.unlisted[self._repository] = reported_error(error, self._repository)
        finally:
            self._is_listed = True
            report.end_listing(self._repository, listed)
            await self._close_if_finished()

    async def _artifacts(self, report: ReportBuilder) -> AsyncGenerator[Artifact, None]:
        async with aclosing(self._listing.pages()) as pages:
            async for page in pages:
                if self._is_counted:
                    report.set_total(self._repository, page.total_count)
                for artifact in page.artifacts:
                    yield artifact

    async def add(
        self, artifact: Artifact, report: ReportBuilder, shared_connections: asyncio.Semaphore
    ) -> None:
        """Link or download a missing artifact.

        If another worker is handling an artifact with the same digest, that worker handles this
        artifact too.
        """
        digest = verification.sha256(artifact)
        if digest is None:
            return await self._add_one(artifact, None, report, shared_connections)
        while (queue := self._queues.get(digest.hex)) is not None:
            if len(queue.artifacts) < _MAX_WAITING_FOR_DIGEST:
                queue.artifacts.append(artifact)
                return None
            await queue.finished.wait()
        queue = self._queues[digest.hex] = _DigestQueue(deque([artifact]))
        try:
            while queue.artifacts:
                await self._add_one(queue.artifacts.popleft(), digest, report, shared_connections)
        finally:
            del self._queues[digest.hex]
            queue.finished.set()

    async def close(self) -> None:
        """Release the mirror's lock. Further calls do nothing."""
        self.is_closed = True
        await self._store.close()

    async def _close_if_finished(self) -> None:
        if self._is_listed and not self._unfinished:
            await self.close()

    async def _add_one(
        self,
        artifact: Artifact,
        digest: Digest | None,
        report: ReportBuilder,
        shared_connections: asyncio.Semaphore,
    ) -> None:
        report.meter.begin()
        succeeded = False
        try:
            await self._link_or_download(artifact, digest, report, shared_connections)
            succeeded = True
        except ArtifactExpired:
            report.expired += 1
        except ENDS_MIRROR:
            raise
        except Exception as error:
            report.add_failure(artifact, reported_error(error, artifact))
        else:
            report.consecutive_disk_full = 0
        finally:
            self._unfinished -= 1
            await self._close_if_finished()
        report.meter.end(succeeded=succeeded)

    async def _link_or_download(
        self,
        artifact: Artifact,
        digest: Digest | None,
        report: ReportBuilder,
        shared_connections: asyncio.Semaphore,
    ) -> None:
        path = await self._store.find_unrecorded(artifact)
        if path is not None and await self._store.verify_and_record(artifact, path):
            report.skipped += 1
            report.expect(-artifact.size_in_bytes)
            return
        if digest is not None and await self._store.link(artifact, digest):
            report.linked += 1
            report.expect(-artifact.size_in_bytes)
            linked = await self._store.recorded_path(artifact)
            report.add_new_file(Download(artifact, linked, artifact.size_in_bytes, digest, True))
            return
        template = self._template
        path = path or template.path(artifact)
        request = DownloadRequest(
            repository=self._repository,
            artifact=artifact,
            destination=self._root / path,
            folder=self._store.folder(path),
            mode=FILE_MODE,
            durable=self._durable,
            name_for=partial(template.name, artifact),
            shared_connections=shared_connections,
        )
        download = await download_one(self._context, request, report.meter)
        final_path = download.path.relative_to(self._root).as_posix()
        await self._store.record(artifact, final_path, download.digest)
        report.downloaded += not download.skipped
        report.skipped += download.skipped
        if not download.skipped:
            report.add_new_file(download)


async def update_mirrors(
    mirrors: Sequence[Mirror],
    lifetime: Lifetime,
    *,
    concurrency: int,
    raise_errors: bool,
    on_progress: Callable[[BulkProgress], None] | None,
    on_outcome: Callable[[Outcome], object] | None,
) -> MirrorReport:
    """Update mirrors with one pool of workers; see `Repo.mirror` and `Client.mirror`.

    Args:
        mirrors: The mirrors to update. Up to eight of them are updated at the same time.
        lifetime: Ends the operation when it is closed.
        concurrency: Number of workers, which all mirrors share.
        raise_errors: Whether to raise an error that concerns a whole mirror. If False, the error is
            recorded in the report, and the other mirrors are still updated.
        on_progress: Called with the progress of all mirrors together.
        on_outcome: Called with the outcome of each artifact that is downloaded, linked or fails.
    """
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    report = ReportBuilder(BulkMeter(on_progress), len(mirrors), on_outcome)
    shared_connections = asyncio.Semaphore(SHARED_CONNECTIONS)
    opened: list[Mirror] = []

    async def add(item: tuple[Mirror, Artifact]) -> None:
        mirror, artifact = item
        await mirror.add(artifact, report, shared_connections)

    def sources() -> Iterator[AsyncGenerator[tuple[Mirror, Artifact], None]]:
        for mirror in mirrors:
            opened[:] = [*(other for other in opened if not other.is_closed), mirror]
            yield mirror.missing_artifacts(report, raise_errors=raise_errors)

    source = interleave(sources(), _MAX_OPEN_REPOSITORIES)
    try:
        async with aclosing(map_concurrently(source, add, concurrency, lifetime)) as results:
            async for _ in results:
                pass
    finally:
        closing = [asyncio.ensure_future(mirror.close()) for mirror in opened]
        await wait_all(lambda: [task for task in closing if not task.done()])
        for task in closing:
            task.exception()  # retrieved, so that asyncio does not log it
    report.meter.finish()
    return report.build(loop.time() - started_at)
