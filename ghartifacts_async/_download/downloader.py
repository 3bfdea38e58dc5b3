"""Download one artifact to a file.

A download resumes an earlier one or starts a new one, fetches the missing bytes, verifies the file,
and moves it to its final path.
"""

from __future__ import annotations

import logging

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
from ghartifacts_async._download.target import DownloadRequest, Target
from ghartifacts_async._http.transport import Transport
from ghartifacts_async.errors import (
    ArtifactsError,
    DigestMismatch,
    IncompleteDownload,
)
from ghartifacts_async.models import Digest, Download, RetryPolicy

_log = logging.getLogger("ghartifacts_async")


class Downloader:
    """The download of one artifact to a file.

    Args:
        transport: Sends the requests.
        threads: Threads that read and write the files.
        policy: Retry policy.
        urls: Provides the signed URL of the payload.
        key: Unique identifier of the artifact; it names the server, the repository and the id.
        request: The artifact, its destination, and the caller's options.
    """

    def __init__(
        self,
        transport: Transport,
        threads: IoThreads,
        policy: RetryPolicy,
        urls: SignedUrlProvider,
        key: str,
        request: DownloadRequest,
    ) -> None:
        self._threads = threads
        self._urls = urls
        self._key = key
        self._request = request
        self._artifact = request.artifact
        digest = verification.sha256(request.artifact)
        self._expected_digest = None if digest is None else str(digest)
        self._client = BlobClient(transport, urls, request.artifact, whole=True)
        self._retrier = Retrier(policy)
        self._meter = Meter(request.artifact, request.on_progress)
        self._target: Target
        self._part: PartFile
        self._started = False

    async def run(self) -> Download:
        """Download the artifact, unless the file already exists with the right content.

        Raises:
            ArtifactsError: The artifact cannot be downloaded; see `Repo.download_artifact`.
        """
        request = self._request
        self._target = await Target.resolve(self._threads, request)
        folder, hidden = self._target.folder, HiddenFiles.of(self._target.name)
        if await self._exists():
            await self._threads.run(hidden.remove_leftovers, folder)
            return await self._skipped()
        async with open_part_file(
            self._threads,
            folder,
            hidden,
            wait_for_lock=request.wait_for_lock,
            keep_partial=request.keep_partial,
            mode=request.mode,
        ) as self._part:
            # Another process may have finished this download while we waited for the lock.
            download = None if await self._exists() else await self._download()
            if download is None:
                self._part.discard()
        return download or await self._skipped()

    async def _exists(self) -> bool:
        return await self._target.check_existing(
            self._threads, self._artifact, self._request.if_exists
        )

    async def _skipped(self) -> Download:
        """Return the result for a download that is skipped because the file already exists."""
        if self._request.durable:
            await self._target.sync(self._threads)
        size, digest = self._artifact.size_in_bytes, self._artifact.digest
        assert digest is not None
        self._meter.begin(size, size)
        self._meter.finish()
        return Download(self._artifact, self._target.path, size, digest, True, skipped=True)

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
                whole = whole or restart.whole
                error = restart.error
            except DigestMismatch as mismatch:
                self._part.discard()
                # The wrong bytes may be those of an earlier download or of another replica.
                if not resumed and (retried or not self._client.etag_changed):
                    raise
                retried = True
                error = mismatch
            await self._start_over(error)
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
        self._client.set_info(record.total, record.etag)
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
        missing: list[tuple[int, int | None]] = [(0, None)]
        if total:
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
            info.etag,
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
        raise RestartDownload(error, whole=True)

    async def _start_over(self, error: ArtifactsError) -> None:
        _log.warning("%s; downloading the artifact again from the first byte", error)
        self._part.discard()
        self._client.reset()
        self._started = False
        self._retrier.start_over()
        if not isinstance(error, DigestMismatch):
            await self._retrier.wait_or_raise(error)
