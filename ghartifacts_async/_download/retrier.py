"""Retry policy for downloads: received bytes reset the attempt counter."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from ghartifacts_async._api import retry
from ghartifacts_async._http import redirects
from ghartifacts_async.errors import ArtifactsError, IncompleteDownload, StoreError
from ghartifacts_async.models import RetryPolicy

_log = logging.getLogger("ghartifacts_async")


class Retrier:
    """Waits before each retry of a download, and raises when the policy is exhausted.

    Args:
        policy: The client's retry policy.
        chance: Returns random numbers from 0 to 1.
    """

    def __init__(self, policy: RetryPolicy, chance: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._chance = chance
        self._streak = retry.FailureStreak()

    def record_bytes(self, received: int) -> None:
        """Record received bytes; only bytes beyond the most received so far are progress."""
        self._streak.record_bytes(received, _now())

    def read_requested(self) -> None:
        """Record that the reader wants more; its pause is not the store's delay."""
        self._streak.read_requested(_now())

    def start_over(self) -> None:
        """Record that the received bytes were discarded."""
        self._streak.restart()

    async def wait_or_raise(self, error: ArtifactsError, connection: int = 0) -> None:
        """Wait before the next attempt of a connection.

        Args:
            error: Reason of the last failure.
            connection: Number of the connection, because an outage that strikes all of them is
                one failure for each.

        Raises:
            ArtifactsError: This error, because the policy allows no other attempt.
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
    """Return what an error means for the next attempt."""
    if isinstance(error, StoreError):
        # A refused URL is renewed, so its status says nothing about the next attempt.
        status = None if error.status in redirects.URL_REFUSED else error.status
        return retry.Failure(status, error.retry_after)
    # Errors of GitHub's API were already retried by the API client.
    transient = retry.is_transient(error) or isinstance(error, IncompleteDownload)
    return retry.Failure(permanent=not transient or error.attempts > 1)
