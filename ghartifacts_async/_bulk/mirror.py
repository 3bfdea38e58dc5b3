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
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path

from attrs import define, field

from ghartifacts_async._bulk.downloads import SHARED_CONNECTIONS
from ghartifacts_async._bulk.meter import BulkMeter
from ghartifacts_async._bulk.mirror_store import FILE_MODE, MirrorStore
from ghartifacts_async._bulk.outcomes import ENDS_MIRROR, error_of
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
    ArtifactsError,
    DiskFull,
)
from ghartifacts_async.models import Artifact, Digest
from ghartifacts_async.reports import MOST_FAILURES, BulkProgress, MirrorReport, Outcome

_MAX_COMPARED_AT_ONCE = 100
_MAX_OPEN_REPOSITORIES = 8
_MAX_WAITING_FOR_DIGEST = 1000

_MAX_CONSECUTIVE_DISK_FULL = 16
"""Consecutive `DiskFull` errors after which the operation ends."""


@define
class _ReportBuilder:
    """The results of one call of `update_mirrors` so far, for all of its repositories."""

    meter: BulkMeter
    downloaded: int = 0
    linked: int = 0
    skipped: int = 0
    expired: int = 0
    failed: int = 0
    consecutive_disk_full: int = 0
    failures: list[Outcome] = field(factory=list)
    unlisted: dict[str, ArtifactsError] = field(factory=dict)

    def add_up_to_date(self, count: int) -> None:
        """Count artifacts whose files exist already and have not changed."""
        self.skipped += count
        self.meter.add_finished(count, succeeded=True)

    def add_expired(self, count: int) -> None:
        """Count expired artifacts that are not in the mirror."""
        self.expired += count
        self.meter.add_finished(count, succeeded=False)

    def add_failure(self, artifact: Artifact, error: ArtifactsError) -> None:
        """Record the error of one artifact.

        Raises:
            DiskFull: The disk was full for too many artifacts in a row.
        """
        self.failed += 1
        is_disk_full = isinstance(error, DiskFull)
        self.consecutive_disk_full = self.consecutive_disk_full + 1 if is_disk_full else 0
        if self.consecutive_disk_full >= _MAX_CONSECUTIVE_DISK_FULL:
            raise error
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(Outcome(artifact, error=error))

    def build(self, seconds: float) -> MirrorReport:
        """Return the report."""
        return MirrorReport(
            self.downloaded,
            self.linked,
            self.skipped,
            self.expired,
            self.failed,
            self.meter.received,
            seconds,
            tuple(self.failures),
            self.unlisted,
        )


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
        durable: Whether to sync the files and the manifest to disk, so that they survive a power
            failure.

    Attributes:
        is_closed: Whether the mirror's lock has been released.
    """

    def __init__(
        self,
        context: ClientContext,
        repository: str,
        listing: AsyncIterable[Artifact],
        root: Path,
        template: PathTemplate,
        *,
        durable: bool,
    ) -> None:
        self._context = context
        self._repository = repository
        self._listing = listing
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
        self, report: _ReportBuilder, *, raise_errors: bool
    ) -> AsyncGenerator[tuple[Mirror, Artifact], None]:
        """Yield the artifacts to link or download, and count the others.

        Args:
            report: The report in which the other artifacts are counted.
            raise_errors: Whether to raise an error of the listing or of the mirror's directory. If
                False, the error is recorded in the report.
        """
        try:
            await self._store.open()
            async with aclosing(read_ahead(self._listing, _MAX_COMPARED_AT_ONCE)) as lists:
                async for artifacts in lists:
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
                        yield self, artifact
        except Exception as error:
            if raise_errors or isinstance(error, ENDS_MIRROR):
                raise
            report.unlisted[self._repository] = error_of(error, self._repository)
        finally:
            self._is_listed = True
            await self._close_if_finished()

    async def add(
        self, artifact: Artifact, report: _ReportBuilder, shared_connections: asyncio.Semaphore
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
        report: _ReportBuilder,
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
            report.add_failure(artifact, error_of(error, artifact))
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
        report: _ReportBuilder,
        shared_connections: asyncio.Semaphore,
    ) -> None:
        path = await self._store.find_unrecorded(artifact)
        if path is not None and await self._store.verify_and_record(artifact, path):
            report.skipped += 1
            return
        if digest is not None and await self._store.link(artifact, digest):
            report.linked += 1
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


async def update_mirrors(
    mirrors: Iterable[Mirror],
    lifetime: Lifetime,
    *,
    concurrency: int,
    raise_errors: bool,
    on_progress: Callable[[BulkProgress], None] | None,
) -> MirrorReport:
    """Update mirrors with one pool of workers; see `Repo.mirror` and `Client.mirror`.

    Args:
        mirrors: The mirrors to update. Up to eight of them are updated at the same time.
        lifetime: Ends the operation when it is closed.
        concurrency: Number of workers, which all mirrors share.
        raise_errors: Whether to raise an error that concerns a whole mirror. If False, the error is
            recorded in the report, and the other mirrors are still updated.
        on_progress: Called with the progress of all mirrors together.
    """
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    report = _ReportBuilder(BulkMeter(on_progress, None))
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
