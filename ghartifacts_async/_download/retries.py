"""How long a download goes on failing."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from ghartifacts_async._api import retry
from ghartifacts_async._http import redirects
from ghartifacts_async.errors import (
    ArtifactsError,
    IncompleteDownload,
    StoreError,
)
from ghartifacts_async.models import RetryPolicy

_log = logging.getLogger("ghartifacts_async")


class Retrier:
    """How long a download goes on failing: as a call does, anew with what came.

    Args:
        policy: The client's.
        chance: Random numbers from 0 to 1.
    """

    def __init__(self, policy: RetryPolicy, chance: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._chance = chance
        self._streak = retry.FailureStreak()

    def got(self, received: int) -> None:
        """So many bytes came; only those count of which there were not as many before."""
        self._streak.record_bytes(received, _now())

    def wanted(self) -> None:
        """A reader wants more, who may have taken their time."""
        self._streak.read_requested(_now())

    def start_over(self) -> None:
        """All bytes are gone."""
        self._streak.restart()

    async def again(self, error: ArtifactsError, connection: int = 0) -> None:
        """Wait before the next try of a connection: what strikes all of them is one failure each.

        Raises:
            ArtifactsError: This one: there is no other try.
        """
        failures, elapsed = self._streak.record_failure(_now(), connection)
        attempt = retry.Attempt(failures, elapsed, self._chance())
        decision = retry.decide(self._policy, attempt, _failure(error))
        if isinstance(decision, retry.GiveUp):
            retry.record_attempts(error, self._streak.attempts(connection), elapsed)
            raise error
        _log.info("%s; going on in %.1f s", error, decision.seconds)
        await asyncio.sleep(decision.seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _failure(error: ArtifactsError) -> retry.Failure:
    """What an error of the store or of the connection means for the next try."""
    if isinstance(error, StoreError):
        # Another URL may be taken.
        status = None if error.status in redirects.URL_REFUSED else error.status
        return retry.Failure(status, error.retry_after)
    # GitHub's calls are tried again where they are made.
    transient = retry.is_transient(error) or isinstance(error, IncompleteDownload)
    return retry.Failure(permanent=not transient or error.attempts > 1)
