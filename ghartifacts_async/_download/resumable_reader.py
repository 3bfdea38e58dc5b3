"""Read a range of a payload, and request the rest again wherever a response ends early.

Downloads, streams and archives read through `ResumableReader`, which alone decides what follows a
failed request, a rejected response and a short body.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from ghartifacts_async._api import retry
from ghartifacts_async._api.limits.wait_reporter import WaitReporter
from ghartifacts_async._download.blob import BlobClient, RangeBody, UnexpectedResponse
from ghartifacts_async._download.ranges import Segment
from ghartifacts_async._download.verification import RANGE_REFUSED, RejectedResponse
from ghartifacts_async._http import redirects
from ghartifacts_async._http.buffered_body import Chunk
from ghartifacts_async.errors import ArtifactsError, IncompleteDownload, StoreError, TransportError
from ghartifacts_async.models import RetryPolicy

_MAX_REJECTED_RESPONSES = 2
_MAX_SHORT_RESPONSES = 100
_SHORT_TIMEOUT = 120.0

_log = logging.getLogger("ghartifacts_async")


class RestartDownload(Exception):
    """The rest of a range cannot be requested, so the payload must be read again from its start.

    Attributes:
        error: The error that explains why.
        whole: Whether to request the whole payload at once, because the store does not support
            ranges. If False, the payload has changed.
        is_retry: Whether this counts as an attempt. The first request for the whole does not.
    """

    def __init__(self, error: ArtifactsError, *, whole: bool, is_retry: bool = True) -> None:
        super().__init__(error.summary)
        self.error, self.whole, self.is_retry = error, whole, is_retry


class Retrier:
    """Waits before each retry of a download, or raises if the policy allows no further attempt.

    Args:
        policy: The client's retry policy.
        waits: Reports long waits.
        chance: Returns a random number from 0 to 1, which varies the waits.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        waits: WaitReporter,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._waits = waits
        self._chance = chance
        self._streak = retry.FailureStreak()
        self._short_responses = retry.FailureStreak()

    def record_bytes(self, received: int) -> None:
        """Record received bytes, which reset the attempt counter.

        After the download has started over, bytes that were received before do not count again.
        """
        for streak in (self._streak, self._short_responses):
            streak.record_bytes(received, _now())

    def read_requested(self) -> None:
        """Record that the reader requests the next chunk.

        The time since the last received bytes is then not counted against the retry policy, because
        the reader caused it and not the store.
        """
        for streak in (self._streak, self._short_responses):
            streak.read_requested(_now())

    def start_over(self) -> None:
        """Record that the received bytes were discarded and the download starts over."""
        self._streak.restart()

    def record_short_response(self) -> str | None:
        """Record a response that ended before the requested range did.

        Some stores limit the size of a range. But with a store that sends a few bytes each time, a
        download would take days. So 64 KiB must arrive within 100 such responses, and within 120
        seconds or `RetryPolicy.timeout`, whichever is longer.

        Returns:
            A description of the problem if less arrived, or None.
        """
        _, seconds = self._short_responses.record_failure(_now(), 0)
        count = self._short_responses.attempts(0)
        if count < _MAX_SHORT_RESPONSES and seconds <= max(self._policy.timeout, _SHORT_TIMEOUT):
            return None
        size = f"{retry.PROGRESS_BYTES // 2**10} KiB"
        return f"the store sent less than {size} in {seconds:.1f} s; short responses: {count}"

    async def wait_or_raise(
        self, error: ArtifactsError, connection: int = 0, *, no_range: bool = False
    ) -> None:
        """Wait before the next attempt of a connection.

        Args:
            error: Error of the failed attempt.
            connection: Number of the connection. Failures are counted per connection, so that an
                outage that breaks all connections does not count several times.
            no_range: Whether the store may have refused only the requested range.

        Raises:
            ArtifactsError: The given error, because the policy allows no further attempt.
        """
        failures, elapsed = self._streak.record_failure(_now(), connection)
        attempt = retry.Attempt(failures, elapsed, self._chance())
        decision = retry.decide(self._policy, attempt, _failure(error, no_range))
        if isinstance(decision, retry.GiveUp):
            retry.record_attempts(error, self._streak.attempts(connection), elapsed)
            raise error
        _log.info("%s; retrying in %.1f s", error, decision.seconds)
        self._waits.report(decision.seconds, f"{error}; then a retry", type(error))
        await asyncio.sleep(decision.seconds)


class ResumableReader:
    """Reads a range of a payload sequentially.

    Args:
        client: Requests ranges of the payload.
        retrier: Decides whether to retry a failed request.
        segment: The range. Its `at` is the offset of the next byte. Another task may lower its
            `stop` during a read.
        connection: Number of the connection, for `Retrier.wait_or_raise`.
        on_response: Called with each accepted response before its body is read, and awaited. It
            returns False to stop reading.
    """

    def __init__(
        self,
        client: BlobClient,
        retrier: Retrier,
        segment: Segment,
        *,
        connection: int = 0,
        on_response: Callable[[RangeBody], Awaitable[bool]] | None = None,
    ) -> None:
        self._client = client
        self._retrier = retrier
        self._segment = segment
        self._connection = connection
        self._on_response = on_response
        self._response = AsyncExitStack()
        self._body: RangeBody | None = None
        self._first = self._opened_at = segment.at
        self._rejected = 0

    async def read(self) -> Chunk:
        """Return the next chunk, or ``b""`` at the end of the range.

        Call `release` with the chunk when its bytes are no longer needed.

        Raises:
            RestartDownload: The rest of the range cannot be requested.
            GitHubError: GitHub does not issue a signed URL.
            IncompleteDownload: Bytes are missing after the last retry, or the store sends only a
                few bytes in each response.
            StoreError: The store refuses the request.
            TransportError: The connection still fails after the last retry.
        """
        self._retrier.read_requested()
        while await self.open() and not self._is_complete:
            assert self._body is not None
            error: ArtifactsError | UnexpectedResponse | None
            try:
                chunk = await self._body.read()
            except (UnexpectedResponse, IncompleteDownload, TransportError) as failure:
                error = failure
            else:
                if chunk:
                    return self._take(chunk)
                if self._segment.stop is None:
                    self._segment.stop = self._segment.at
                    break
                error = self._error_of_short_body()
            await self.close()
            if error is not None:
                await self._retry(error)
        return b""

    async def open(self) -> bool:
        """Request the rest of the range, unless a response is open.

        Calling this is optional, because `read` does it if necessary. Return False if there is
        nothing to read, or if `on_response` returned False.

        Raises:
            ArtifactsError: The range cannot be requested; see `read`.
            RestartDownload: The rest of the range cannot be requested.
        """
        while self._body is None:
            if self._is_complete:
                return False
            try:
                return await self._request()
            except (UnexpectedResponse, StoreError, TransportError) as failure:
                error = failure
            await self.close()
            await self._retry(error)
        return True

    def release(self, chunk: Chunk) -> None:
        """Return the memory of a chunk for reuse. The chunk must not be read afterwards."""
        self._client.release(chunk)

    async def close(self) -> None:
        """Close the connection, unless the response was read to its end."""
        self._body = None
        await self._response.aclose()

    @property
    def _is_complete(self) -> bool:
        return self._segment.stop is not None and not self._segment.left

    async def _request(self) -> bool:
        """Request the rest of the range once. Return False if `on_response` stops reading."""
        segment = self._segment
        body = await self._response.enter_async_context(self._client.open(segment.at, segment.stop))
        self._opened_at = segment.at
        if self._on_response is not None and not await self._on_response(body):
            return False
        if segment.stop is None:
            segment.stop = self._client.info.total
        segment.started_at, segment.received = _now(), 0
        self._body = body
        return True

    def _take(self, chunk: Chunk) -> Chunk:
        """Count a chunk, without the bytes that another connection has taken over."""
        segment = self._segment
        if segment.stop is not None and len(chunk) > segment.left:
            chunk = chunk[: segment.left]
        segment.at += len(chunk)
        segment.received += len(chunk)
        self._rejected = 0
        self._retrier.record_bytes(len(chunk))
        return chunk

    def _error_of_short_body(self) -> IncompleteDownload | None:
        """Return None to request the rest at once, or an error if the body brought no bytes.

        Raises:
            IncompleteDownload: The store sends only a few bytes in each response.
        """
        at = self._segment.at
        if at == self._opened_at:
            return self._client.incomplete_error("the store sent no further bytes", at)
        if problem := self._retrier.record_short_response():
            raise self._client.incomplete_error(problem, at)
        return None

    def _error_to_retry(self, response: UnexpectedResponse) -> ArtifactsError:
        """Return the error of a rejected response after which the request may be retried.

        Raises:
            RestartDownload: Retrying the request cannot help.
        """
        self._rejected += 1
        rejection, error = response.rejection, response.error
        repeated = self._rejected >= _MAX_REJECTED_RESPONSES
        refuses_ranges = repeated and (rejection.whole or rejection.no_ranges)
        if refuses_ranges or (rejection.whole and not self._client.ranges_work):
            raise self._restart(error, whole=True)
        if repeated and rejection.changed:
            raise self._restart(error, whole=False)
        return error

    async def _retry(self, failure: ArtifactsError | UnexpectedResponse) -> None:
        segment, error = self._segment, failure
        rejection: RejectedResponse | None = None
        if isinstance(error, UnexpectedResponse):
            rejection, error = error.rejection, self._error_to_retry(error)
        no_range = rejection is not None and rejection.no_ranges
        if segment.at > self._first and (segment.stop is None or self._client.ranges_work is False):
            raise self._restart(error, whole=True)
        # A connection that waits has no speed, so that others take over its bytes.
        segment.started_at, segment.received = _now(), 0
        try:
            await self._retrier.wait_or_raise(error, self._connection, no_range=no_range)
        except ArtifactsError:
            if rejection and not (rejection.changed or self._client.whole_requested):
                raise self._restart(error, whole=True) from None
            raise

    def _restart(self, error: ArtifactsError, *, whole: bool) -> RestartDownload:
        is_retry = not whole or self._client.whole_requested
        if whole:
            self._client.ranges_work, self._client.whole_requested = False, True
        return RestartDownload(error, whole=whole, is_retry=is_retry)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _failure(error: ArtifactsError, no_range: bool) -> retry.Failure:
    """Convert an error to the `Failure` from which the retry policy decides what to do next."""
    if isinstance(error, StoreError):
        # The next attempt uses a new signed URL, or requests the whole payload. So a status that
        # concerns the URL or the range does not make the failure permanent.
        other_request = no_range or error.status in RANGE_REFUSED | redirects.URL_REFUSED
        return retry.Failure(None if other_request else error.status, error.retry_after)
    # The API client has already retried errors of GitHub's API.
    transient = retry.is_transient(error) or isinstance(error, IncompleteDownload)
    return retry.Failure(permanent=not transient or error.attempts > 1)
