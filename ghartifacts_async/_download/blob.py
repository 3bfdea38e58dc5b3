"""An artifact's bytes at the store, any span of them: each answer is checked before it is used."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._download import ranges
from ghartifacts_async._download.ranges import BlobInfo, RejectedResponse
from ghartifacts_async._download.signed_url import SignedUrlProvider
from ghartifacts_async._http import redirects
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.transport import StreamedResponse, Transport
from ghartifacts_async.errors import IncompleteDownload, RedirectRefused, StoreError
from ghartifacts_async.models import Artifact

_ERROR_BYTES = 4096
_STORE_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")

UNFIT_IN_A_ROW = 2
"""Answers that are not to the question, after which it is another question that is asked."""


class UnexpectedResponse(Exception):
    """An answer of the store that is not one to the question.

    Attributes:
        verdict: What is wrong with it.
        error: What a caller is told where it stays so.
    """

    def __init__(self, verdict: RejectedResponse, error: IncompleteDownload) -> None:
        super().__init__(error.summary)
        self.verdict = verdict
        self.error = error


class BlobClient:
    """One artifact's payload, wherever the store keeps it.

    Args:
        transport: Streams it.
        lease: Its signed URL.
        artifact: Which.

    Attributes:
        blob: What is known of it.
    """

    def __init__(self, transport: Transport, lease: SignedUrlProvider, artifact: Artifact) -> None:
        self._transport = transport
        self._lease = lease
        self._artifact = artifact
        self.blob: BlobInfo = self._told_by_github()

    def forget(self) -> None:
        """The payload is another than it was."""
        self.blob = self._told_by_github()

    @asynccontextmanager
    async def open(self, start: int, stop: int | None) -> AsyncIterator[RangeBody]:
        """The store's answer to a request for a span; what it tells is `blob` from then on.

        Raises:
            GitHubError: GitHub does not say where it is.
            StoreError: The store refuses.
            UnfitError: It answers another question.
            RedirectRefused: It leads astray.
            TransportError: It does not answer.
        """
        renewed = False
        while True:
            headers = ranges.range_headers(start, stop, self.blob)
            async with (
                self._lease.connection() as (url, is_new),
                self._answer(url, headers) as stream,
            ):
                if stream.status in redirects.URL_REFUSED:
                    self._lease.refused(url)
                if renewed or not redirects.may_have_expired(stream.status, signed_for_this=is_new):
                    yield await self._body(stream, start, stop)
                    return
            # Once for each request: a store that takes no URL at all shall be given up.
            renewed = True

    @asynccontextmanager
    async def _answer(
        self, url: SignedUrl, headers: Mapping[str, str]
    ) -> AsyncIterator[StreamedResponse]:
        """What the store answers, wherever it redirects to."""
        for _ in range(redirects.MAX_HOPS + 1):
            async with self._transport.stream(url, headers) as stream:
                hop = redirects.store_hop(url.value, stream.status, stream.headers)
                if hop is None:
                    yield stream
                    return
                url = hop
        raise RedirectRefused(
            f"{url.host}: more than {redirects.MAX_HOPS} redirects; they may loop"
        )

    def _told_by_github(self) -> BlobInfo:
        """Without a digest `size_in_bytes` is not the size of the payload."""
        return BlobInfo(self._artifact.size_in_bytes if self._artifact.digest is not None else None)

    async def _body(self, stream: StreamedResponse, start: int, stop: int | None) -> RangeBody:
        told = ranges.validate_response(stream.status, stream.headers, start, stop, self.blob)
        if told is None:
            raise await _store_error(stream)
        if isinstance(told, RejectedResponse):
            raise UnexpectedResponse(told, self.incomplete(told.reason, start))
        self.blob = told
        return RangeBody(stream, start, stop if stop is not None else told.total, self)

    def incomplete(self, reason: str, received: int) -> IncompleteDownload:
        """The error of a payload that is not all there, or of which there is too much."""
        return IncompleteDownload(
            f"artifact {self._artifact.id}: {reason}", received=received, expected=self.blob.total
        )


class RangeBody:
    """The bytes of an answer.

    Attributes:
        headers: Of the answer, by lower-case name.
        url_path: Percent-encoded path of the URL.
        is_part: Whether the store sends the part that was asked for.
        offers_parts: Whether it says that it would.
    """

    def __init__(
        self, stream: StreamedResponse, start: int, stop: int | None, source: BlobClient
    ) -> None:
        self._stream = stream
        self._at = start
        self._stop = stop
        self._source = source
        self.headers: Mapping[str, str] = stream.headers
        self.url_path = stream.url.path
        self.is_part = stream.status == 206
        self.offers_parts = self.is_part or stream.headers.get("accept-ranges") == "bytes"

    async def read(self) -> bytes:
        """The next bytes, as they come; ``b""`` at the end of the span.

        Raises:
            IncompleteDownload: Fewer came than were promised, or more.
            TransportError: The connection broke, or got too slow.
        """
        if self._at == self._stop:
            return b""
        chunk = await self._stream.read()
        self._at += len(chunk)
        if self._stop is not None:
            if self._at > self._stop:
                raise self._source.incomplete(f"more than {self._stop} bytes came", self._at)
            if not chunk and self._at < self._stop:
                reason = f"the connection ended after {self._at} bytes of {self._stop}"
                raise self._source.incomplete(reason, self._at)
        return chunk


async def _store_error(stream: StreamedResponse) -> StoreError:
    found = _STORE_CODE.search(await stream.read_start(_ERROR_BYTES))
    code = found[1].decode() if found else None
    return StoreError(
        f"the store {stream.url.host} answered {stream.status}" + (f" {code}" if code else ""),
        status=stream.status,
        code=code,
        host=stream.url.host,
        retry_after=rate_limit_headers.retry_after(stream.headers, float("nan")),
    )
