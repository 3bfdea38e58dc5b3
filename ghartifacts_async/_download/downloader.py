"""Download one artifact to a file.

A download resumes an earlier one or starts a new one, fetches the missing bytes, verifies the file,
and moves it to its final path.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from copy import copy
from typing import cast

from ghartifacts_async._disk.file_io import boot_id
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download import ranges, verification
from ghartifacts_async._download.blob import BlobClient, RangeBody
from ghartifacts_async._download.fetcher import Fetcher
from ghartifacts_async._download.journal import Record
from ghartifacts_async._download.part_file import PartFile, open_part_file
from ghartifacts_async._download.progress import Meter
from ghartifacts_async._download.ranges import SegmentScheduler
from ghartifacts_async._download.resumable_reader import RestartDownload, Retrier
from ghartifacts_async._download.signed_url import SignedUrlProvider
from ghartifacts_async._download.target import DownloadRequest, FileTarget, busy_error, exists_error
from ghartifacts_async._http.transport import Transport
from ghartifacts_async._tasks.keyed_lock import is_locked, keyed_lock
from ghartifacts_async.errors import (
    ArtifactExpired,
    ArtifactsError,
    ClientStateError,
    DigestMismatch,
    IncompleteDownload,
    ProgressError,
    TargetBusy,
    TargetExists,
)
from ghartifacts_async.models import Digest, Download

_log = logging.getLogger("ghartifacts_async")


class Downloader:
    """The download of one artifact to a file.

    Args:
        transport: Sends the requests.
        threads: Threads that read and write the files.
        retrier: Waits before each retry.
        urls: Provides the signed URL of the payload.
        key: Unique identifier of the artifact; it names the server, the repository and the id.
        request: The artifact, its destination, and the caller's options.
    """

    def __init__(
        self,
        transport: Transport,
        threads: IoThreads,
        retrier: Retrier,
        urls: SignedUrlProvider,
        key: str,
        request: DownloadRequest,
    ) -> None:
        self._threads = threads
        self._transport = transport
        self._urls = urls
        self._key = key
        self._request = request
        self._artifact = request.artifact
        digest = verification.sha256(request.artifact)
        self._expected_digest = None if digest is None else str(digest)
        self._client = BlobClient(transport, urls, request.artifact, whole=True)
        self._retrier = retrier
        self._meter = Meter(request.artifact, request.on_progress)
        self._target: FileTarget
        self._part: PartFile
        self._started = False

    async def run(self) -> Download:
        """Download the artifact, unless the file already exists with the right content.

        If other tasks call this for the same file at the same time, only the first one downloads
        it, and the others share its result.

        Raises:
            ArtifactsError: The artifact cannot be downloaded; see `Repo.download_artifact`.
        """
        self._target = await FileTarget.resolve(self._threads, self._request)
        path = self._target.path
        if not self._request.wait_for_lock and is_locked(path):
            if await self._exists():
                return await self._skipped()
            raise busy_error(self._target.folder.path)
        artifact, name_for = self._artifact, self._request.name_for
        payload = self._key, artifact.size_in_bytes, artifact.digest, name_for
        wanted = payload, self._target.name_is_final
        async with keyed_lock(path) as lock:
            found, transport, result = lock.result or (None, None, None)
            if found == wanted and isinstance(result, Download):
                return await self._share(result)
            # Another client may have another token.
            if found == wanted and transport is self._transport:
                raise copy(cast("ArtifactsError", result))
            lock.result = None
            try:
                download = await self._run()
            except (ClientStateError, ProgressError, TargetBusy, TargetExists):
                raise
            except ArtifactsError as error:
                lock.result = wanted, self._transport, error
                raise
            lock.result = wanted, self._transport, download
            return download

    async def _share(self, download: Download) -> Download:
        """Return the result of another task that has just downloaded the same file."""
        if self._request.if_exists == "error":
            raise exists_error(download.path)
        self._target.set_name(download.path.name)
        return await self._skipped(download)

    async def _run(self) -> Download:
        request = self._request
        folder, hidden = self._target.folder, HiddenFiles.of(self._target.name)
        if await self._exists():
            await self._threads.run(hidden.remove_leftovers, folder)
            return await self._skipped()
        opening = open_part_file(
            self._threads,
            folder,
            hidden,
            wait_for_lock=request.wait_for_lock,
            keep_partial=request.keep_partial,
            mode=request.mode,
        )
        open_slot = nullcontext() if request.is_nested else self._threads.open_files
        async with open_slot, opening as self._part:
            # Another process may have finished this download while we waited for the lock.
            try:
                download = None if await self._exists() else await self._download()
            except ArtifactExpired:
                self._part.discard()  # it can never be completed
                raise
            if download is None:
                self._part.discard()
        return download or await self._skipped()

    async def _exists(self) -> bool:
        return await self._target.check_existing(
            self._threads, self._artifact, self._request.if_exists
        )

    async def _skipped(self, download: Download | None = None) -> Download:
        """Return the result for a download that is skipped because the file already exists.

        Args:
            download: The download that has created the file, or None if it was verified.
        """
        if self._request.durable:
            await self._target.sync(self._threads)
        artifact, verified = self._artifact, download is None or download.verified
        size = artifact.size_in_bytes if download is None else download.size
        digest = artifact.digest if download is None else download.digest
        assert digest is not None
        self._meter.begin(size, size)
        self._meter.finish()
        return Download(artifact, self._target.path, size, digest, verified, skipped=True)

    async def _download(self) -> Download | None:
        """Download, verify and publish the file.

        Return None if its final name turns out to be that of an existing file with the right
        content.
        """
        if await self._resume_finds_existing():
            return None
        resumed, whole, retried = self._part.spans.total, False, False
        while True:
            try:
                if not await self._fetch(whole):
                    return None
                digest, verified = await self._verify()
                break
            except RestartDownload as restart:
                error, whole, wait = restart.error, whole or restart.whole, restart.is_retry
            except DigestMismatch as mismatch:
                self._part.discard()
                # The wrong bytes may be those of an earlier download or of another replica.
                if not resumed and (retried or not self._client.version_changed):
                    raise
                retried, wait = True, False
                error = mismatch
            await self._start_over(error, wait)
            resumed = 0
        self._meter.finish()
        replace = self._request.if_exists != "error"
        await self._part.publish(self._target.path, replace=replace, durable=self._request.durable)
        return Download(
            self._artifact,
            self._target.path,
            self._part.spans.total,
            digest,
            verified,
            resumed_bytes=resumed,
            url_refreshes=max(0, self._urls.issued - 1),
        )

    async def _resume_finds_existing(self) -> bool:
        """Resume an earlier download, if there is one.

        Return True if a file with the final name that the earlier download recorded already exists
        with the right content.
        """
        record = await self._part.resume(self._key, self._expected_digest)
        if record is None:
            return False
        self._client.set_info(record.total, record.validator)
        if await self._finds_existing(record.name):
            return True
        self._meter.begin(record.total, self._part.spans.total)
        self._started = True
        return False

    async def _fetch(self, whole: bool) -> bool:
        """Fetch the missing bytes.

        Return False if the response shows the file's final name, and that file already exists with
        the right content.

        Args:
            whole: Request the whole payload at once, because the store does not support ranges.
        """
        total, connections = self._client.info.total, self._request.connections
        if whole:
            connections = 1
        elif connections is None and total is not None:
            connections = ranges.connections(total)
        missing: list[tuple[int, int | None]] = [(0, total or None)]
        if total and self._started:
            missing = list(self._part.spans.missing(total))
        scheduler = SegmentScheduler(missing, connections or 1)
        if scheduler.complete and self._started:
            return True
        fetcher = Fetcher(
            self._client,
            self._part,
            self._threads,
            scheduler,
            self._retrier,
            on_first_response=self._on_first_response,
            on_bytes=self._meter.add,
            shared_connections=self._request.shared_connections,
        )
        return await fetcher.run(connections)

    async def _on_first_response(self, body: RangeBody) -> bool:
        """Start the part file, because the response shows the name and the size of the payload.

        Return False if the file already exists with the right content, so the fetch must stop.
        """
        if self._started:
            return True
        info, name_for = self._client.info, self._request.name_for
        name = verification.filename(self._artifact, body.url_path, body.headers)
        if await self._finds_existing(name if name_for is None else name_for(name)):
            return False
        record = Record(
            self._key,
            self._expected_digest,
            info.total or 0,
            info.validator,
            self._target.name,
            boot_id(),
        )
        await self._part.begin(record)
        self._meter.begin(info.total)
        self._started = True
        return True

    async def _finds_existing(self, name: str) -> bool:
        """Set the target's final name, unless it is already final.

        Return True if a file with the new name already exists with the right content.
        """
        if self._target.name_is_final:
            return False
        self._target.set_name(name)
        return await self._exists()

    async def _verify(self) -> tuple[Digest, bool]:
        """Verify the part file.

        Returns:
            Its SHA-256, and True if that matches GitHub's digest or False if GitHub has none.

        Raises:
            DigestMismatch: The SHA-256 differs from GitHub's digest.
            RestartDownload: The file does not have the expected number of bytes.
        """
        total = await self._part.finish_writing()
        digest = await self._part.digest()
        tail = b""
        if verification.needs_tail(self._artifact, total):
            tail = await self._part.tail(verification.END_OF_ZIP)
        try:
            return digest, verification.check(self._artifact, total, digest, tail)
        except IncompleteDownload as incomplete:
            error = incomplete
        self._part.discard()
        raise RestartDownload(error, whole=True)

    async def _start_over(self, error: ArtifactsError, wait: bool) -> None:
        """Prepare to download again. Bytes that may be right stay until the store sends others."""
        _log.warning("%s; downloading the artifact again from the first byte", error)
        self._client.reset()
        self._started = False
        self._retrier.start_over()
        if wait:
            await self._retrier.wait_or_raise(error)
