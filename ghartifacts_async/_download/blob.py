"""A client that requests byte ranges of one artifact from the blob store.

GitHub redirects a download to a signed URL of the blob store. The payload is the file at that URL:
a zip, or a single file that was uploaded unzipped.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._download import verification
from ghartifacts_async._download.signed_url import SignedUrlProvider
from ghartifacts_async._download.verification import BlobInfo, RejectedResponse
from ghartifacts_async._http import redirects
from ghartifacts_async._http.buffered_body import Chunk
from ghartifacts_async._http.headers import accepts_ranges, validator
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.streamed_response import StreamedResponse
from ghartifacts_async._http.transport import Transport
from ghartifacts_async.errors import (
    DownloadError,
    IncompleteDownload,
    RedirectRefused,
    StoreError,
)
from ghartifacts_async.models import Artifact

_ERROR_BYTES = 4096
_STORE_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")


class UnexpectedResponse(Exception):
    """A response that does not match the requested range or earlier responses for the payload.

    Attributes:
        rejection: What is wrong with the response.
        error: Error to raise to the caller if retrying does not help.
    """

    def __init__(self, rejection: RejectedResponse, error: DownloadError) -> None:
        super().__init__(error.summary)
        self.rejection = rejection
        self.error = error


class BlobClient:
    """A client for the payload of one artifact.

    Args:
        transport: Sends the requests.
        urls: Provides the signed URL of the payload.
        artifact: Artifact, as GitHub describes it.
        whole: Whether the whole payload is read, so that its digest is checked, if it has one. A
            response with another ETag or Last-Modified than an earlier one is then not rejected,
            because replicas of a store may differ in them.

    Attributes:
        info: Size and validator of the payload. Each is None until it is known; the validator
            stays None if it is not checked.
        version_changed: Whether responses had different validators.
        ranges_work: True if the store has served a range, False if it refuses ranges, so that only
            the whole payload is requested, and None if neither is known.
        whole_requested: Whether a reader has requested the whole payload as a last resort.
    """

    def __init__(
        self,
        transport: Transport,
        urls: SignedUrlProvider,
        artifact: Artifact,
        *,
        whole: bool,
    ) -> None:
        self._transport = transport
        self._urls = urls
        self._artifact = artifact
        self._check_version = not whole or verification.sha256(artifact) is None
        self.info: BlobInfo = self._info_from_github()
        self.version_changed: bool = False
        self.ranges_work: bool | None = None
        self.whole_requested: bool = False
        self._validator: str | None = None

    def set_info(self, total: int | None, validator: str | None) -> None:
        """Set the size and, if it is checked, the validator that later responses must have."""
        self.info = BlobInfo(total, validator if self._check_version else None)

    def reset(self) -> None:
        """Forget the size and the validator of earlier responses: the payload has changed."""
        self.info = self._info_from_github()
        self._validator = None

    @asynccontextmanager
    async def open(self, start: int, stop: int | None) -> AsyncIterator[RangeBody]:
        """Request a range of bytes and return the response body.

        A valid response updates `info`.

        Args:
            start: Offset of the first byte.
            stop: Offset after the last byte; None for the end of the payload.

        Raises:
            GitHubError: GitHub refuses to issue a signed URL.
            StoreError: The store responds with an error status.
            UnexpectedResponse: The response does not match the request.
            RedirectRefused: A redirect is insecure, or there are too many.
            TransportError: The store cannot be reached.
        """
        renewed = False
        while True:
            headers = verification.range_headers(start, stop, self.info)
            async with (
                self._urls.acquire() as (url, is_new),
                self._follow_redirects(url, headers) as stream,
            ):
                if stream.status in redirects.URL_REFUSED:
                    self._urls.invalidate(url)
                if renewed or not redirects.may_have_expired(stream.status, signed_for_this=is_new):
                    yield await self._body(stream, start, stop)
                    return
            # Renew the URL only once per request. Otherwise a store that refuses every URL would
            # cause an endless loop.
            renewed = True

    def release(self, chunk: Chunk) -> None:
        """Return the memory of a chunk for reuse. The chunk must not be read afterwards."""
        self._transport.buffers.release(chunk)

    def check_size(self, size: int) -> None:
        """Raise an error if the payload is too large.

        Args:
            size: Number of bytes that are known to belong to the payload.

        Raises:
            DownloadError: The payload is larger than `verification.max_size`.
        """
        limit = verification.max_size(self._artifact)
        if size > limit:
            raise DownloadError(
                f"artifact {self._artifact.id}: the store sends {size} bytes or more, but GitHub "
                f"records a size of {self._artifact.size_in_bytes} bytes; at most {limit} bytes "
                "are accepted"
            )

    def incomplete_error(self, reason: str, received: int) -> IncompleteDownload:
        """Create the error for a response that is invalid or has too few or too many bytes."""
        return IncompleteDownload(
            f"artifact {self._artifact.id}: {reason}", received=received, expected=self.info.total
        )

    @asynccontextmanager
    async def _follow_redirects(
        self, url: SignedUrl, headers: Mapping[str, str]
    ) -> AsyncIterator[StreamedResponse]:
        for _ in range(redirects.MAX_HOPS + 1):
            async with self._transport.stream(url, headers) as stream:
                hop = redirects.store_hop(
                    url, stream.status, stream.location, redirects.STORE_REDIRECTS
                )
                if hop is None:
                    yield stream
                    return
                url = hop
        raise RedirectRefused(
            f"{url.host}: more than {redirects.MAX_HOPS} redirects; they may loop"
        )

    def _info_from_github(self) -> BlobInfo:
        """Return the payload's size according to GitHub.

        If GitHub has no digest of the artifact, its size may not be that of the payload and is not
        used.
        """
        return BlobInfo(self._artifact.size_in_bytes if self._artifact.digest is not None else None)

    async def _body(self, stream: StreamedResponse, start: int, stop: int | None) -> RangeBody:
        result = verification.validate_response(
            stream.status, stream.headers, start, stop, self.info
        )
        if result is None:
            error = await _store_error(stream)
            if verification.is_whole(start, stop, self.info):
                raise error
            no_ranges = verification.may_refuse_range(error.status, error.code)
            may_concern_range = error.status in verification.REQUEST_REFUSED
            if no_ranges or (may_concern_range and self.ranges_work is None):
                rejection = RejectedResponse(error.summary, no_ranges=no_ranges)
                raise UnexpectedResponse(rejection, error)
            raise error
        if isinstance(result, RejectedResponse):
            reason = stream.redact(result.reason)
            if result.encoding is not None:
                host = stream.url.host
                raise StoreError(f"{host}: {reason}", status=stream.status, host=host)
            raise UnexpectedResponse(result, self.incomplete_error(reason, start))
        if result.info.total is not None:
            self.check_size(result.info.total)
        self._note_version(validator(stream.headers, self._validator))
        self.set_info(result.info.total, result.info.validator)
        if stream.status == 206:
            self.ranges_work = True
        return RangeBody(stream, start, result.stop, self)

    def _note_version(self, received: str | None) -> None:
        self.version_changed |= None not in {received, self._validator} and (
            received != self._validator
        )
        self._validator = received or self._validator


class RangeBody:
    """The body of a valid response.

    Attributes:
        headers: Headers of the response, by lower-case name.
        url_path: Percent-encoded path of the URL.
        supports_ranges: Whether the response shows that the store supports range requests.
    """

    def __init__(
        self, stream: StreamedResponse, start: int, stop: int | None, client: BlobClient
    ) -> None:
        self._stream = stream
        self._at = start
        self._stop = stop
        self._client = client
        self.headers: Mapping[str, str] = stream.headers
        self.url_path = stream.url.path
        self.supports_ranges = stream.status == 206 or accepts_ranges(stream.headers)

    async def read(self) -> Chunk:
        """Return the next chunk, or ``b""`` at the end of the body.

        The body ends early if the store sent less than the requested range. Call
        `BlobClient.release` with the chunk when its bytes are no longer needed.

        Raises:
            IncompleteDownload: The body is shorter than expected.
            UnexpectedResponse: The body is longer than expected.
            TransportError: The connection broke or became too slow.
        """
        if self._at == self._stop:
            return b""
        chunk = await self._stream.read()
        self._at += len(chunk)
        if self._stop is None:
            self._client.check_size(self._at)
        else:
            if self._at > self._stop:
                reason = f"the store sent more than {self._stop} bytes"
                error = self._client.incomplete_error(reason, self._at)
                raise UnexpectedResponse(RejectedResponse(reason, no_ranges=True), error)
            if not chunk and self._at < self._stop:
                reason = f"the connection ended after {self._at} bytes of {self._stop}"
                raise self._client.incomplete_error(reason, self._at)
        return chunk


async def _store_error(stream: StreamedResponse) -> StoreError:
    match = _STORE_CODE.search(await stream.read_start(_ERROR_BYTES))
    code = stream.redact(match[1].decode()) if match else None
    return StoreError(
        f"the store {stream.url.host} answered {stream.status}" + (f" {code}" if code else ""),
        status=stream.status,
        code=code,
        host=stream.url.host,
        retry_after=rate_limit_headers.retry_after(stream.headers, time.time()),
    )
