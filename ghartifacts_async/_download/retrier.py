"""Retry failed requests of a download. Received bytes reset the attempt counter."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from ghartifacts_async._api import retry
from ghartifacts_async._download.verification import RANGE_REFUSED
from ghartifacts_async._http import redirects
from ghartifacts_async.errors import ArtifactsError, IncompleteDownload, StoreError
from ghartifacts_async.models import RetryPolicy

_log = logging.getLogger("ghartifacts_async")


class Retrier:
    """Waits before each retry of a download, or raises if the policy allows no further attempt.

    Args:
        policy: The client's retry policy.
        chance: Returns a random number from 0 to 1, which varies the waits.
    """

    def __init__(self, policy: RetryPolicy, chance: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._chance = chance
        self._streak = retry.FailureStreak()

    def record_bytes(self, received: int) -> None:
        """Record received bytes, which reset the attempt counter.

        After the download has started over, bytes that were received before do not count again.
        """
        self._streak.record_bytes(received, _now())

    def read_requested(self) -> None:
        """Record that the reader requests the next chunk.

        The time since the last received bytes is then not counted against the retry policy, because
        the reader caused it and not the store.
        """
        self._streak.read_requested(_now())

    def start_over(self) -> None:
        """Record that the received bytes were discarded and the download starts over."""
        self._streak.restart()

    async def wait_or_raise(self, error: ArtifactsError, connection: int = 0) -> None:
        """Wait before the next attempt of a connection.

        Args:
            error: Error of the failed attempt.
            connection: Number of the connection. Failures are counted per connection, so that an
                outage that breaks all connections does not count several times.

        Raises:
            ArtifactsError: The given error, because the policy allows no further attempt.
        """
        failures, elapsed = self._streak.record_failure(_now(), connection)
        attempt = retry.Attempt(failures, elapsed, self._chance())
        decision = retry.decide(self._policy, attempt, _failure(error))
        if isinstance(decision, retry.GiveUp):
            retry.record_attempts(error, self._streak.attempts(connection), elapsed)
            raise error
        _log.info("%s; retrying in %.1f s", error, decision.seconds)
        await asyncio.sleep(decision.seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _failure(error: ArtifactsError) -> retry.Failure:
    """Convert an error to the `Failure` from which the retry policy decides what to do next."""
    if isinstance(error, StoreError):
        # These statuses mean that the signed URL was refused. The next attempt uses a new URL, so
        # the status must not make the failure permanent.
        # The same holds for refused ranges, after which the whole payload may be requested.
        retryable = redirects.URL_REFUSED | RANGE_REFUSED
        status = None if error.status in retryable else error.status
        return retry.Failure(status, error.retry_after)
    # The API client has already retried errors of GitHub's API.
    transient = retry.is_transient(error) or isinstance(error, IncompleteDownload)
    return retry.Failure(permanent=not transient or error.attempts > 1)
