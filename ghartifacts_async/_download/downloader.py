"""An artifact on disk: which file it becomes, what is there, fetched, checked, published."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from attrs import frozen

from ghartifacts_async._disk.file_io import boot_id
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download import ranges, verification
from ghartifacts_async._download.blob import BlobClient, RangeBody
from ghartifacts_async._download.fetcher import Fetch, RestartDownload
from ghartifacts_async._download.journal import Record
from ghartifacts_async._download.part_file import PartFile, open_part_file
from ghartifacts_async._download.progress import Meter, OnProgress
from ghartifacts_async._download.ranges import SegmentScheduler
from ghartifacts_async._download.retries import Retrier
from ghartifacts_async._download.signed_url import SignedUrlProvider
from ghartifacts_async._download.target import Target
from ghartifacts_async._http.transport import Transport
from ghartifacts_async.errors import (
    ArtifactsError,
    DigestMismatch,
    IncompleteDownload,
)
from ghartifacts_async.models import Artifact, Digest, Download, IfExists, RetryPolicy

_log = logging.getLogger("ghartifacts_async")


@frozen
class Job:
    """What is wanted of a download; see `Repo.download_artifact`.

    Attributes:
        artifact: Which.
        key: Tells the artifact from those of other repositories and servers.
        destination: As the caller gave it.
        if_exists: What to do about a file that is there.
        connections: How many side by side, ``None`` for what suits the size.
        wait_for_lock: Whether to wait for another download to the same target.
        keep_partial: Whether what came stays for the next call where this one fails.
        durable: Whether it is to survive a loss of power.
        on_progress: The caller's function.
        named: Makes the file's name of the one that the payload has; ``None`` for that one. The
            destination's name is then the one of a zip.
        extra: Says how many connections beyond the first of each many downloads have together.
    """

    artifact: Artifact
    key: str
    destination: str | os.PathLike[str]
    if_exists: IfExists
    connections: int | None
    wait_for_lock: bool
    keep_partial: bool
    durable: bool
    on_progress: OnProgress | None
    named: Callable[[str], str] | None = None
    extra: asyncio.Semaphore | None = None


async def download(
    transport: Transport, disk: IoThreads, policy: RetryPolicy, lease: SignedUrlProvider, job: Job
) -> Download:
    """Fetch, check and publish."""
    artifact, how = job.artifact, job.if_exists
    target = await Target.resolve(disk, job.destination, artifact)
    target.name_is_final = target.name_is_final and job.named is None
    hidden = HiddenFiles.of(target.path)
    if await target.check_existing(disk, artifact, how):
        await disk.run(hidden.remove_leftovers)
    else:
        async with open_part_file(
            disk, hidden, wait_for_lock=job.wait_for_lock, keep_partial=job.keep_partial
        ) as part:
            done = await _Download(transport, disk, policy, lease, job, part, target).run()
        if done is not None:
            return done
    if job.durable:
        await target.sync(disk)
    assert artifact.digest is not None
    size = artifact.size_in_bytes
    meter = Meter(artifact, job.on_progress)
    meter.begin(size, size)
    meter.done()
    return Download(artifact, target.path, size, artifact.digest, True, skipped=True)


class _Exists(Exception):
    """The wanted payload exists under its final name."""


class _Download:
    """One download, under the lock of its partial file."""

    def __init__(
        self,
        transport: Transport,
        disk: IoThreads,
        policy: RetryPolicy,
        lease: SignedUrlProvider,
        job: Job,
        part: PartFile,
        target: Target,
    ) -> None:
        self._disk = disk
        self._lease = lease
        self._job = job
        self._part = part
        self._target = target
        digest = verification.sha256(job.artifact)
        self._wanted = None if digest is None else str(digest)
        self._source = BlobClient(transport, lease, job.artifact)
        self._patience = Retrier(policy)
        self._meter = Meter(job.artifact, job.on_progress)
        self._begun = False

    async def run(self) -> Download | None:
        # Another process may have finished this download while we waited for the lock.
        if not await self._target.check_existing(
            self._disk, self._job.artifact, self._job.if_exists
        ):
            try:
                return await self._fetched()
            except _Exists:
                pass
        self._part.discard()
        return None

    async def _fetched(self) -> Download:
        found = await self._part.resume(self._job.key, self._wanted)
        if found is not None:
            self._source.blob = found.blob
            await self._name(found.name)
            self._meter.begin(found.total, self._part.spans.total)
            self._begun = True
        resumed, whole = self._part.spans.total, False
        while True:
            try:
                await self._fetch(whole)
                digest, verified = await self._checked()
                break
            except RestartDownload as useless:
                whole = whole or useless.whole
                error = useless.error
            except DigestMismatch as mismatch:
                self._part.discard()
                if not resumed:
                    raise
                # What an earlier download left may be what is wrong.
                error = mismatch
            await self._start_over(error)
            resumed = 0
        self._meter.done()
        replace = self._job.if_exists != "error"
        await self._part.publish(self._target.path, replace=replace, durable=self._job.durable)
        return Download(
            self._job.artifact,
            self._target.path,
            self._part.spans.total,
            digest,
            verified,
            resumed_bytes=resumed,
            url_refreshes=max(0, self._lease.taken - 1),
        )

    async def _fetch(self, whole: bool) -> None:
        total, connections = self._source.blob.total, self._job.connections
        if whole:
            connections = 1
        elif connections is None and total is not None:
            connections = ranges.connections(total)
        missing: list[tuple[int, int | None]] = [(0, None)]
        if total:
            missing = list(self._part.spans.missing(total))
        plan = SegmentScheduler(missing, connections or 1)
        if plan.complete and self._begun:
            return
        fetch = Fetch(
            self._source,
            self._part,
            self._disk,
            plan,
            self._patience,
            self._started,
            self._meter.add,
            self._job.extra,
        )
        await fetch.run(connections)

    async def _started(self, body: RangeBody) -> None:
        """The first answer: it tells which file it is, and how large."""
        if self._begun:
            return
        artifact, blob = self._job.artifact, self._source.blob
        name = verification.filename(artifact, body.url_path, body.headers)
        await self._name(name if self._job.named is None else self._job.named(name))
        record = Record(
            self._job.key,
            self._wanted,
            blob.total or 0,
            blob.etag,
            self._target.path.name,
            boot_id(),
        )
        await self._part.begin(record)
        self._meter.begin(blob.total)
        self._begun = True

    async def _name(self, name: str) -> None:
        """Become a file of this name, which may be another than was looked at."""
        if not self._target.name_is_final:
            self._target.rename(name)
            if await self._target.check_existing(
                self._disk, self._job.artifact, self._job.if_exists
            ):
                raise _Exists

    async def _checked(self) -> tuple[Digest, bool]:
        """SHA-256 of what is on disk, once it is all and right, and whether GitHub says so."""
        artifact, total = self._job.artifact, await self._part.finish_writing()
        digest = await self._part.digest()
        tail = b""
        if verification.needs_tail(artifact, total):
            tail = await self._part.tail(verification.END_OF_ZIP)
        try:
            return digest, verification.check(artifact, total, digest, tail)
        except IncompleteDownload as failed:
            error = failed
        raise RestartDownload(error, whole=True)

    async def _start_over(self, error: ArtifactsError) -> None:
        _log.warning("%s; starting over", error)
        self._part.discard()
        self._source.forget()
        self._begun = False
        self._patience.start_over()
        if not isinstance(error, DigestMismatch):
            await self._patience.again(error)
