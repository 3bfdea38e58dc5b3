"""How long a download goes on failing."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable

from ghartifacts_async._sansio import redirects, retry
from ghartifacts_async.errors import (
    ArtifactsError,
    CertificateRefused,
    IncompleteDownload,
    StoreError,
    TransportError,
)
from ghartifacts_async.models import RetryPolicy

_log = logging.getLogger("ghartifacts_async")


class Patience:
    """How long a download goes on failing: as a call does, anew with each byte that came.

    Args:
        policy: The client's.
        chance: Random numbers from 0 to 1.
    """

    def __init__(self, policy: RetryPolicy, chance: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._chance = chance
        self._failures = Counter[int]()
        self._since: float | None = None
        self._there = self._most = 0

    def got(self, received: int) -> None:
        """So many bytes came; only those count of which there were not as many before."""
        self._there += received
        if self._there > self._most:
            self._most = self._there
            self._failures.clear()
            self._since = None

    def start_over(self) -> None:
        """All bytes are gone."""
        self._there = 0

    async def again(self, error: ArtifactsError, connection: int = 0) -> None:
        """Wait before the next try of a connection: what strikes all of them is one failure each.

        Raises:
            ArtifactsError: This one: there is no other try.
        """
        now = asyncio.get_running_loop().time()
        self._failures[connection] += 1
        failures = self._failures[connection]
        # What went well, or waited, before the first failure does not count.
        since = self._since = now if self._since is None else self._since
        attempt = retry.Attempt(failures, now - since, self._chance())
        decision = retry.decide(self._policy, attempt, _failure(error))
        if isinstance(decision, retry.GiveUp):
            if failures > 1:
                error.tries, error.seconds = failures, now - since
                error.summary += (
                    f" (tried {error.tries} times in {error.seconds:.1f} s without getting on)"
                )
            raise error
        _log.info("%s; going on in %.1f s", error, decision.seconds)
        await asyncio.sleep(decision.seconds)


def _failure(error: ArtifactsError) -> retry.Failure:
    """What an error of the store or of the connection means for the next try."""
    if isinstance(error, StoreError):
        # Another URL may be taken.
        status = None if error.status in redirects.URL_REFUSED else error.status
        return retry.Failure(status, error.retry_after)
    # GitHub's calls are tried again where they are made.
    passing = isinstance(error, TransportError | IncompleteDownload) and error.tries == 1
    return retry.Failure(permanent=not passing or isinstance(error, CertificateRefused))
